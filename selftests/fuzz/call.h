/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program of calls on queues, pipes and eventfds, as data: what the reference
 * and the kernel are both given, and what each makes of it.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/event.h>

/* Every descriptor of a program has one of these numbers. */
#define FIRST_FD	100
#define NR_FDS		12
#define NO_FD		(FIRST_FD + NR_FDS)	/* never open */

#define MAX_CHANGES	6
#define MAX_EVENTS	24
#define MAX_CALLS	64

enum call_kind {
	CALL_QUEUE,		/* a queue becomes fd */
	CALL_PIPE,		/* one that is read at fd and written at to */
	CALL_EVENTFD,		/* an eventfd of value becomes fd */
	CALL_SEMAPHORE,		/* the same with EFD_SEMAPHORE */
	CALL_DUP2,		/* fd is to as well */
	CALL_CLOSE,
	CALL_WRITE,		/* value bytes to a pipe */
	CALL_READ,		/* as many */
	CALL_POST,		/* value to an eventfd */
	CALL_TAKE,		/* what it has */
	CALL_SIZE,		/* a pipe of value pages */
	CALL_KEVENT,
	CALL_POLL,		/* is fd readable? */
	CALL_KNOTES,		/* those that fdinfo lists */
	NR_CALLS
};

enum timeout {
	TIMEOUT_ZERO,
	TIMEOUT_NULL,		/* only where something is there to be returned */
	TIMEOUT_NEGATIVE,
	TIMEOUT_TOO_MANY_NS,
	NR_TIMEOUTS
};

struct call {
	enum call_kind kind;
	int fd, to;
	uint64_t value;

	/* CALL_KEVENT */
	enum timeout timeout;
	int nchanges, nevents;
	int room;			/* entries of eventlist that can be written */
	bool same;			/* eventlist is changelist */
	struct kevent change[MAX_CHANGES];
};

struct result {
	int64_t ret;			/* -1 and */
	int error;
	uint64_t value;			/* what an eventfd said */
	int n;				/* entries in */
	struct kevent ev[MAX_EVENTS];
};

#endif /* CALL_H */
