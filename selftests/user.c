// SPDX-License-Identifier: GPL-2.0
/* EVFILT_USER, and what the flags do to an event that only the program makes. */
#include "kselftest_harness.h"
#include <pthread.h>
#include "kq_test.h"

/* One change to USER knote 1. */
static int change(int kq, unsigned short flags, unsigned int fflags,
		  int64_t data)
{
	return kq_change(kq, 1, EVFILT_USER, flags, fflags, data, NULL);
}

static int trigger(int kq, uintptr_t ident)
{
	return kq_change(kq, ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
}

FIXTURE(user) {
	int kq;
};

FIXTURE_SETUP(user)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(user)
{
	close(self->kq);
}

/*
 * TRIGGER 0x01000000 fires; FFNOP 0, FFAND 0x40000000, FFOR 0x80000000,
 * FFCOPY 0xc0000000; FFCTRLMASK 0xc0000000, FFLAGSMASK 0x00ffffff.
 */
TEST_F(user, values)
{
	EXPECT_EQ(0x01000000, NOTE_TRIGGER);
	EXPECT_EQ(0, NOTE_FFNOP);
	EXPECT_EQ(0x40000000, NOTE_FFAND);
	EXPECT_EQ(0x80000000, NOTE_FFOR);
	EXPECT_EQ(0xc0000000, NOTE_FFCOPY);
	EXPECT_EQ(0xc0000000, NOTE_FFCTRLMASK);
	EXPECT_EQ(0x00ffffff, NOTE_FFLAGSMASK);
}

/* TRIGGER fires, and nothing else does. */
TEST_F(user, trigger_fires)
{
	struct kevent ev;
	int mark;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0,
			       0, &mark));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_KEEPUDATA,
			       NOTE_TRIGGER, 0, NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(1U, ev.ident);
	EXPECT_EQ(EVFILT_USER, ev.filter);
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
	EXPECT_EQ(0, ev.data);
	EXPECT_EQ(&mark, ev.udata);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* TRIGGER with ADD fires too (beyond), of a new knote and of an old one. */
TEST_F(user, trigger_with_add)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR,
			    NOTE_TRIGGER | 0x21, 7));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_EQ(0x21U, ev.fflags);
	EXPECT_EQ(7, ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, change(self->kq, EV_ADD, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER, 8));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(8, ev.data);
}

/* An ADD that disables holds its own trigger back until ENABLE. */
TEST_F(user, trigger_with_add_disabled)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR | EV_DISABLE,
			    NOTE_TRIGGER, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 3));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(3, ev.data);
}

/*
 * Low 24 bits of fflags are the program's: FFNOP leaves them, FFAND, FFOR and
 * FFCOPY do what they say, with a trigger or ahead of it.
 */
TEST_F(user, fflags_operations)
{
	static const struct {
		unsigned int op, seen;
	} step[] = {
		{ NOTE_FFNOP, 0x00ff00 },
		{ NOTE_FFNOP | 0xffffff, 0x00ff00 },
		{ NOTE_FFOR | 0x00000f, 0x00ff0f },
		{ NOTE_FFAND | 0x0ff00f, 0x00f00f },
		{ NOTE_FFCOPY | 0xabcdef, 0xabcdef },
		{ NOTE_FFAND | 0xffffff, 0xabcdef },
		{ NOTE_FFOR, 0xabcdef },
		{ NOTE_FFOR | 0xffffff, 0xffffff },
		{ NOTE_FFAND, 0 },
		{ NOTE_FFCOPY | 0x123456, 0x123456 },
		{ NOTE_FFCOPY, 0 },
	};
	struct kevent ev;
	unsigned int i;

	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_FFCOPY | 0x00ff00, 0));
	ASSERT_EQ(0, trigger(self->kq, 1));
	for (i = 0; i < ARRAY_SIZE(step); i++) {
		ASSERT_EQ(0, change(self->kq, 0, step[i].op, 0));
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(step[i].seen, ev.fflags);
		ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER, 0));
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(step[i].seen, ev.fflags);
	}
	ASSERT_EQ(0, change(self->kq, 0, NOTE_FFOR | NOTE_TRIGGER | 0x42, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0x42U, ev.fflags);
}

/* The operations need no trigger, and change what a later one shows. */
TEST_F(user, fflags_gather_until_triggered)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, NOTE_FFCOPY | 1, 0));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_FFOR | 2, 0));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_FFOR | 4, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(7U, ev.fflags);
}

/* The first ADD stores its low 24 bits, whatever operation it names. */
TEST_F(user, first_add_stores_fflags)
{
	static const unsigned int op[] = {
		NOTE_FFNOP, NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY,
	};
	struct kevent ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(op); i++) {
		ASSERT_EQ(0, change(self->kq, EV_ADD, op[i] | 0x5a5a5a, 0));
		ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER, 0));
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(0x5a5a5aU, ev.fflags);
		ASSERT_EQ(0, change(self->kq, EV_DELETE, 0, 0));
	}
}

/* The top bits read back 0. */
TEST_F(user, top_bits_read_back_zero)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD, UINT32_MAX, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0xffffffU, ev.fflags);
	ASSERT_EQ(0, change(self->kq, 0, UINT32_MAX, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0xffffffU, ev.fflags);
	ASSERT_EQ(0, change(self->kq, 0, NOTE_FFAND | 0xff, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0xffU, ev.fflags);
}

/* Every change replaces data, which comes back with the event. */
TEST_F(user, every_change_replaces_data)
{
	static const unsigned short kind[] = {
		0, EV_ADD, EV_ENABLE, EV_KEEPUDATA,
	};
	static const int64_t value[] = {
		0, 1, -1, INT64_MAX, INT64_MIN, 1LL << 32,
	};
	struct kevent ev;
	unsigned int i, j;

	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER, 99));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(99, ev.data);
	for (i = 0; i < ARRAY_SIZE(kind); i++)
		for (j = 0; j < ARRAY_SIZE(value); j++) {
			ASSERT_EQ(0, change(self->kq, kind[i], 0, value[j]));
			ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
			EXPECT_EQ(value[j], ev.data);
		}
	ASSERT_EQ(0, change(self->kq, EV_DISABLE, 0, 5));
	ASSERT_EQ(0, trigger(self->kq, 1));
	ASSERT_EQ(0, change(self->kq, EV_DISABLE, 0, 6));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 7));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(7, ev.data);
}

/* A change replaces udata, unless KEEPUDATA; ADD|KEEPUDATA: EINVAL. */
TEST_F(user, keepudata)
{
	struct kevent ev;
	int a, b;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER,
			       0, &a));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_KEEPUDATA, 0, 0,
			       &b));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(&a, ev.udata);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER,
			       EV_ENABLE | EV_KEEPUDATA, NOTE_TRIGGER, 1, &b));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(&a, ev.udata);
	EXPECT_EQ(1, ev.data);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0, 0, 0, &b));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(&b, ev.udata);
	EXPECT_EQ(-EINVAL, kq_change(self->kq, 1, EVFILT_USER,
				     EV_ADD | EV_KEEPUDATA, 0, 9, &a));
	EXPECT_EQ(-EINVAL, kq_change(self->kq, 2, EVFILT_USER,
				     EV_ADD | EV_KEEPUDATA, 0, 0, &a));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, 2, EVFILT_USER, EV_DELETE, 0, 0,
				     NULL));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(&b, ev.udata);
	EXPECT_EQ(0, ev.data);
}

/* Without CLEAR it stays triggered and every call returns it. */
TEST_F(user, level)
{
	struct kevent ev;
	int i;

	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER | 0x11, 4));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(0, ev.flags);
		EXPECT_EQ(0x11U, ev.fflags);
		EXPECT_EQ(4, ev.data);
	}
}

/* A change that carries EV_CLEAR resets a pending trigger. */
TEST_F(user, change_with_clear_resets)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER, 0));
	ASSERT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_CLEAR, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));

	/* It is level-triggered as ever: flags stay those of the first ADD. */
	ASSERT_EQ(0, trigger(self->kq, 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	ASSERT_EQ(1, kq_pending(self->kq));

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, change(self->kq, EV_DISABLE, NOTE_TRIGGER, 0));
	ASSERT_EQ(0, change(self->kq, EV_CLEAR, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* With CLEAR a delivered trigger is over; the next is a new event. */
TEST_F(user, clear)
{
	struct kevent ev;
	int i;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, 0, 0));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER, i));
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(EV_CLEAR, ev.flags);
		EXPECT_EQ(i, ev.data);
		EXPECT_EQ(0, kq_pending(self->kq));
	}
	ASSERT_EQ(0, change(self->kq, 0, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, NOTE_FFOR | 1, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* Many triggers before one take are one event, with the last data. */
TEST_F(user, many_triggers_are_one_event)
{
	struct kevent ev[4];
	int i;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, 0, 0));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, change(self->kq, 0,
				    NOTE_TRIGGER | NOTE_FFOR | 1U << i % 24,
				    i));
	}
	ASSERT_EQ(1, kq_poll(self->kq, ev, 4));
	EXPECT_EQ(999, ev[0].data);
	EXPECT_EQ(0xffffffU, ev[0].fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/*
 * ONESHOT: delivered once, then gone; fflags and data come back as stored
 * (beyond).
 */
TEST_F(user, oneshot)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_ONESHOT, NOTE_FFCOPY | 3, 1));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_FFOR | 4, 2));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER, 42));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT, ev.flags);
	EXPECT_EQ(7U, ev.fflags);
	EXPECT_EQ(42, ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, trigger(self->kq, 1));

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_ONESHOT | EV_CLEAR,
			    NOTE_TRIGGER | 5, 6));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
	EXPECT_EQ(5U, ev.fflags);
	EXPECT_EQ(6, ev.data);
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DELETE, 0, 0));
}

/* ONESHOT wins over DISPATCH; it is evaluated once more before delivery. */
TEST_F(user, oneshot_dispatch_and_reset)
{
	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_ONESHOT | EV_DISPATCH,
			    NOTE_TRIGGER, 0));
	ASSERT_EQ(0, change(self->kq, EV_CLEAR, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_ENABLE, 0, 0));
}

/*
 * DISPATCH: delivered once, then disabled; without CLEAR it keeps data and
 * fflags: ENABLE delivers again if the condition holds.
 */
TEST_F(user, dispatch)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_DISPATCH,
			    NOTE_TRIGGER | 0x33, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_DISPATCH, ev.flags);
	EXPECT_EQ(0x33U, ev.fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, trigger(self->kq, 1));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 9));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0x33U, ev.fflags);
	EXPECT_EQ(9, ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_CLEAR, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* DISPATCH with CLEAR: ENABLE delivers only what came since. */
TEST_F(user, dispatch_clear)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_DISPATCH | EV_CLEAR,
			    NOTE_TRIGGER, 0));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_DISPATCH | EV_CLEAR, ev.flags);
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_DISABLE, NOTE_TRIGGER, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/*
 * DISABLE also holds back what is pending; keeps collecting; ENABLE delivers
 * what was collected.
 */
TEST_F(user, disable)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, NOTE_TRIGGER | 1, 0));
	ASSERT_EQ(0, change(self->kq, EV_DISABLE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 0, NOTE_TRIGGER | NOTE_FFOR | 2, 0));
	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER | NOTE_FFOR | 4, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 8));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(7U, ev.fflags);
	EXPECT_EQ(8, ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* DELETE discards what is pending; without the knote each change is ENOENT. */
TEST_F(user, delete)
{
	ASSERT_EQ(0, change(self->kq, EV_ADD, NOTE_TRIGGER, 0));
	ASSERT_EQ(0, change(self->kq, EV_DELETE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DELETE, 0, 0));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DISABLE, 0, 0));
	EXPECT_EQ(-ENOENT, change(self->kq, 0, NOTE_TRIGGER, 0));

	/* What comes after it under the same ident starts clean. */
	ASSERT_EQ(0, change(self->kq, EV_ADD, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* FORCEONESHOT on an existing knote: sets ONESHOT, delivers as it stands. */
TEST_F(user, forceoneshot)
{
	struct kevent ev;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, NOTE_FFCOPY | 6, 0));
	ASSERT_EQ(0, change(self->kq, EV_FORCEONESHOT, 0, 5));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
	EXPECT_EQ(6U, ev.fflags);
	EXPECT_EQ(5, ev.data);
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DELETE, 0, 0));
}

/* FORCEONESHOT waits for ENABLE if disabled. */
TEST_F(user, forceoneshot_waits_for_enable)
{
	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_DISABLE, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_FORCEONESHOT, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, EV_ENABLE, 0, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DELETE, 0, 0));

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_DISABLE, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_FORCEONESHOT | EV_ENABLE, 0, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, EV_DELETE, 0, 0));
}

/* FORCEONESHOT is ignored on a new knote. */
TEST_F(user, forceoneshot_on_a_new_knote)
{
	struct kevent ev;

	EXPECT_EQ(-ENOENT, change(self->kq, EV_FORCEONESHOT, 0, 0));
	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_FORCEONESHOT, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, trigger(self->kq, 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0, change(self->kq, EV_DELETE, 0, 0));
}

/* Ident any number. */
TEST_F(user, any_ident)
{
	static const uintptr_t idents[] = {
		0, 1, INT32_MAX, UINT32_MAX, (uintptr_t)INT64_MAX,
		(uintptr_t)INT64_MIN, UINTPTR_MAX,
	};
	struct kevent ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		ASSERT_EQ(0, kq_add(self->kq, idents[i], EVFILT_USER,
				    EV_ONESHOT));
	}
	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		ASSERT_EQ(0, trigger(self->kq, idents[i]));
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(idents[i], ev.ident);
		EXPECT_EQ(-ENOENT, trigger(self->kq, idents[i]));
	}
}

/* Events come in the order in which they became ready, thousands of them. */
TEST_F(user, thousands_of_idents)
{
	static struct kevent ev[5000];
	int i, n = ARRAY_SIZE(ev);

	for (i = 0; i < n; i++)
		EV_SET(&ev[i], i, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	ASSERT_EQ(0, kevent(self->kq, ev, n, NULL, 0, NULL));

	/* 1237 is prime: every ident once, far from the order of the ADDs. */
	for (i = 0; i < n; i++)
		EV_SET(&ev[i], i * 1237 % n, EVFILT_USER, 0, NOTE_TRIGGER, i,
		       NULL);
	ASSERT_EQ(0, kevent(self->kq, ev, n, NULL, 0, NULL));
	memset(ev, 0, sizeof(ev));
	ASSERT_EQ(n, kq_poll(self->kq, ev, n));
	for (i = 0; i < n; i++) {
		ASSERT_EQ((uintptr_t)(i * 1237 % n), ev[i].ident);
		ASSERT_EQ(i, ev[i].data);
	}
	EXPECT_EQ(0, kq_pending(self->kq));
}

struct sleeper {
	int kq;
	pid_t tid;
};

static void *trigger_once_asleep(void *arg)
{
	struct sleeper *s = arg;

	if (kq_until_asleep(s->tid))
		return (void *)1;
	return (void *)(uintptr_t)(change(s->kq, 0, NOTE_TRIGGER, 77) != 0);
}

/* A trigger from another thread wakes a thread that sleeps in kevent(). */
TEST_F(user, trigger_wakes_a_sleeper)
{
	struct sleeper s = { .kq = self->kq, .tid = gettid() };
	struct kevent ev;
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, trigger_once_asleep, &s));
	ASSERT_EQ(1, kevent(self->kq, NULL, 0, &ev, 1, NULL));
	EXPECT_EQ(77, ev.data);
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
}

#define ROUNDS	2000

static void *trigger_many(void *arg)
{
	int i, kq = *(int *)arg;

	for (i = 0; i < ROUNDS; i++)
		if (kq_change(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, i, NULL))
			return (void *)1;
	return NULL;
}

/* However triggers and takes fall together, the last trigger is seen. */
TEST_F(user, last_trigger_is_never_lost)
{
	struct kevent ev = { .data = -1 };
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, change(self->kq, EV_ADD | EV_CLEAR, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, trigger_many, &self->kq));
	while (ev.data != ROUNDS - 1) {
		int64_t seen = ev.data;

		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		ASSERT_LE(seen, ev.data);
	}
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_HARNESS_MAIN
