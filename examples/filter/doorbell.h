/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that watches doors has to know. */
#ifndef DOORBELL_H
#define DOORBELL_H

/* A slot that FreeBSD has for something that Linux has not, and is empty. */
#define EVFILT_DOOR	EVFILT_JAIL

/* What happens at a door: asked for, and returned, in fflags. */
#define NOTE_RING	0x1	/* data: how often, since the last event */
#define NOTE_KNOCK	0x2

#define DOORS		4	/* the idents are less than that */

#endif /* DOORBELL_H */
