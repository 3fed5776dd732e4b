/* SPDX-License-Identifier: GPL-2.0 */
/* The same calls, made for real. */
#ifndef KERNEL_H
#define KERNEL_H

#include "call.h"

/* Once, and at the end of each program: no descriptor of one is open. */
int kernel_begin(void);
void kernel_end(void);

/*
 * Make a call.  With TIMEOUT_NULL kevent() waits for ever: it is ended by a
 * signal when what should be there is not.
 */
void kernel_call(const struct call *c, struct result *r);

#endif /* KERNEL_H */
