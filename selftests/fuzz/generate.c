// SPDX-License-Identifier: GPL-2.0
#include <limits.h>
#include <string.h>

#include "generate.h"

/* Every program has these to begin with; the other numbers are closed. */
static const struct call prologue[] = {
	{ .kind = CALL_QUEUE, .fd = FIRST_FD },
	{ .kind = CALL_QUEUE, .fd = FIRST_FD + 1 },
	{ .kind = CALL_PIPE, .fd = FIRST_FD + 2, .to = FIRST_FD + 3 },
	{ .kind = CALL_PIPE, .fd = FIRST_FD + 4, .to = FIRST_FD + 5 },
	{ .kind = CALL_EVENTFD, .fd = FIRST_FD + 6 },
	{ .kind = CALL_SEMAPHORE, .fd = FIRST_FD + 7, .value = 2 },
};

static int any_fd(struct rng *rng)
{
	return FIRST_FD + below(rng, NR_FDS);
}

/* One that began as what is wanted, more often than not. */
static int likely(struct rng *rng, int a, int b)
{
	if (percent(rng, 25))
		return any_fd(rng);
	return FIRST_FD + (percent(rng, 50) ? a : b);
}

static unsigned short change_flags(struct rng *rng)
{
	static const unsigned short actions[] = {
		EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD,
		EV_ADD | EV_DISABLE, EV_ADD | EV_ENABLE, EV_ADD | EV_DELETE,
		EV_ENABLE, EV_ENABLE, EV_DISABLE, EV_DISABLE, EV_DELETE,
		0, 0, EV_FORCEONESHOT, EV_FORCEONESHOT | EV_ADD,
		EV_FORCEONESHOT | EV_ENABLE, EV_FORCEONESHOT | EV_DISABLE,
	};
	static const unsigned short properties[] = {
		0, 0, 0, 0, EV_CLEAR, EV_CLEAR, EV_CLEAR, EV_ONESHOT,
		EV_DISPATCH, EV_DISPATCH, EV_CLEAR | EV_DISPATCH,
		EV_ONESHOT | EV_CLEAR, EV_ONESHOT | EV_DISPATCH,
	};
	unsigned short flags = actions[below(rng, ARRAY_SIZE(actions))];

	flags |= properties[below(rng, ARRAY_SIZE(properties))];
	if (percent(rng, 6))
		flags |= EV_RECEIPT;
	if (percent(rng, 6))
		flags |= EV_KEEPUDATA;
	if (percent(rng, 3))
		flags |= EV_SYSFLAGS & rng_next(rng);
	if (percent(rng, 2))
		flags |= 0xc00;
	if (percent(rng, 2))
		flags = rng_next(rng);
	return flags;
}

static short change_filter(struct rng *rng)
{
	static const short common[] = {
		EVFILT_USER, EVFILT_USER, EVFILT_USER, EVFILT_READ,
		EVFILT_READ, EVFILT_READ, EVFILT_WRITE, EVFILT_WRITE,
	};
	static const short odd[] = {
		0, 0, 1, SHRT_MAX, SHRT_MIN, -EVFILT_SYSCOUNT - 1, EVFILT_AIO,
		EVFILT_SENDFILE, EVFILT_VNODE,
	};

	if (percent(rng, 4))
		return odd[below(rng, ARRAY_SIZE(odd))];
	return common[below(rng, ARRAY_SIZE(common))];
}

static void change(struct rng *rng, struct kevent *kev)
{
	static const unsigned int operations[] = {
		NOTE_FFNOP, NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY,
	};
	uintptr_t ident;

	kev->filter = change_filter(rng);
	kev->flags = change_flags(rng);
	kev->data = percent(rng, 90) ? below(rng, 10) : (int64_t)rng_next(rng);
	kev->udata = (void *)(uintptr_t)below(rng, 10);
	if (kev->filter == EVFILT_USER) {
		kev->ident = below(rng, 3);
		kev->fflags = operations[below(rng, ARRAY_SIZE(operations))] | below(rng, 8);
		if (percent(rng, 50))
			kev->fflags |= NOTE_TRIGGER;
		if (percent(rng, 2))
			kev->fflags = rng_next(rng);
		return;
	}
	ident = FIRST_FD + below(rng, NR_FDS + 1);
	if (percent(rng, 2))
		ident |= UINT64_C(1) << (31 + below(rng, 33));
	kev->ident = ident;
	kev->fflags = percent(rng, 10) ? NOTE_LOWAT : 0;
}

static void kevent_call(struct rng *rng, struct call *c)
{
	int i;

	c->kind = CALL_KEVENT;
	c->fd = likely(rng, 0, 1);
	c->nchanges = percent(rng, 25) ? 0 : percent(rng, 60) ? 1 :
		      1 + below(rng, MAX_CHANGES);
	for (i = 0; i < c->nchanges; i++)
		change(rng, &c->change[i]);
	c->nevents = percent(rng, 20) ? 0 : percent(rng, 30) ? 1 :
		     below(rng, MAX_EVENTS + 1);
	c->room = percent(rng, 90) ? c->nevents : (int)below(rng, c->nevents + 1);
	c->same = percent(rng, 20);
	c->timeout = percent(rng, 20) ? TIMEOUT_NULL : TIMEOUT_ZERO;
	if (percent(rng, 2))
		c->timeout = below(rng, NR_TIMEOUTS);
	if (percent(rng, 1))
		c->nchanges = -1;
	if (percent(rng, 1))
		c->nevents = -1;
}

static uint64_t pipe_bytes(struct rng *rng)
{
	static const unsigned int sizes[] = {
		1, 2, 5, 100, 4095, 4096, 4097, 8192, 16384, 65536, 100000,
	};

	return sizes[below(rng, ARRAY_SIZE(sizes))];
}

static uint64_t count(struct rng *rng)
{
	static const uint64_t counts[] = {
		0, 1, 1, 2, 3, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX,
	};

	return counts[below(rng, ARRAY_SIZE(counts))];
}

static void other_call(struct rng *rng, struct call *c)
{
	static const enum call_kind kinds[] = {
		CALL_WRITE, CALL_WRITE, CALL_WRITE, CALL_READ, CALL_READ,
		CALL_READ, CALL_POST, CALL_POST, CALL_TAKE, CALL_TAKE,
		CALL_DUP2, CALL_DUP2, CALL_CLOSE, CALL_SIZE, CALL_POLL,
		CALL_POLL, CALL_KNOTES,
	};
	static const enum call_kind rare[] = {
		CALL_QUEUE, CALL_PIPE, CALL_EVENTFD, CALL_SEMAPHORE,
	};

	c->kind = percent(rng, 10) ? rare[below(rng, ARRAY_SIZE(rare))] :
		  kinds[below(rng, ARRAY_SIZE(kinds))];
	c->fd = any_fd(rng);
	c->to = any_fd(rng);
	switch (c->kind) {
	case CALL_WRITE:
		c->fd = likely(rng, 3, 5);
		c->value = pipe_bytes(rng);
		break;
	case CALL_READ:
		c->fd = likely(rng, 2, 4);
		c->value = pipe_bytes(rng);
		break;
	case CALL_POST:
		c->fd = likely(rng, 6, 7);
		c->value = count(rng);
		break;
	case CALL_TAKE:
		c->fd = likely(rng, 6, 7);
		break;
	case CALL_SIZE:
		c->fd = likely(rng, 2 + below(rng, 2), 4 + below(rng, 2));
		c->value = 1 + below(rng, 32);
		break;
	case CALL_EVENTFD:
	case CALL_SEMAPHORE:
		c->value = below(rng, 3);
		break;
	case CALL_POLL:
	case CALL_KNOTES:
		c->fd = likely(rng, 0, 1);
		break;
	default:
		break;
	}
}

int generate(struct rng *rng, struct call *calls)
{
	int i, n = 8 + below(rng, MAX_CALLS - 8) + 1;

	memset(calls, 0, n * sizeof(*calls));
	memcpy(calls, prologue, sizeof(prologue));
	for (i = ARRAY_SIZE(prologue); i < n; i++) {
		if (percent(rng, 60))
			kevent_call(rng, &calls[i]);
		else
			other_call(rng, &calls[i]);
	}
	return n;
}
