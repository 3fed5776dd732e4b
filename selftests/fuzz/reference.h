/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each call has to do, as plainly as it can be said: no locks, no speed,
 * arrays.  It is written from what a program is promised, not from the module.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "call.h"

/* Forget everything: no descriptor is open. */
void reference_begin(void);

/*
 * Do a call.  false: nothing is promised of it as things stand, it must not be
 * made.  Entries of r->ev whose fflags nobody promises have UNKNOWN there.
 */
bool reference_call(const struct call *c, struct result *r);

#define UNKNOWN		0xdeadbeef

#endif /* REFERENCE_H */
