/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef _LIBKQUEUE_CALL_H
#define _LIBKQUEUE_CALL_H

#include <sys/event.h>

#pragma GCC visibility push(hidden)

/* kevent() by a system call; timeout is a struct __kernel_timespec. */
int kq_call(int kq, const struct kevent *changelist, int nchanges,
	    struct kevent *eventlist, int nevents, const void *timeout);

#pragma GCC visibility pop

#endif /* _LIBKQUEUE_CALL_H */
