/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef _LIBKQUEUE_IDLE_H
#define _LIBKQUEUE_IDLE_H

/* Whether the queue behind a descriptor is known to have nothing. */
int idle_known(int fd);

/* The kernel was asked, and had nothing. */
void idle_asked(int fd);

#endif /* _LIBKQUEUE_IDLE_H */
