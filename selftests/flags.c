// SPDX-License-Identifier: GPL-2.0
/* What each flag of a change does. */
#include "kselftest_harness.h"
#include <limits.h>
#include <sys/eventfd.h>
#include "kq_test.h"

#define MSEC		INT64_C(1000000)
/* 2^63, or the same for a 32-bit program. */
#define HUGE_IDENT	(UINTPTR_MAX / 2 + 1)

FIXTURE(flags) {
	int kq;
	int r, w;		/* a pipe */
	int e;			/* an eventfd */
	int s[2];		/* two connected sockets */
};

FIXTURE_SETUP(flags)
{
	int p[2];

	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, pipe2(p, O_NONBLOCK));
	self->r = p[0];
	self->w = p[1];
	self->e = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->e);
	ASSERT_EQ(0, kq_tcp_pair(self->s));
}

FIXTURE_TEARDOWN(flags)
{
	close(self->kq);
}

static int change(int kq, uintptr_t ident, short filter, unsigned short flags)
{
	return kq_change(kq, ident, filter, flags, 0, 0, NULL);
}

static int put(int fd, int n)
{
	return write(fd, "0123456789", n) == n ? 0 : -1;
}

static int drain(int fd)
{
	char buf[64];

	return read(fd, buf, sizeof(buf)) > 0 ? 0 : -1;
}

/* Let the knotes of a socket's peer see what was sent: it may take a moment. */
static int arrived(int fd)
{
	return kq_readable(fd) == 1 ? 0 : -1;
}

/* The numbers of the flags are FreeBSD's. */
TEST(values)
{
	static const struct {
		int flag, value;
	} v[] = {
		{ EV_ADD, 0x1 }, { EV_DELETE, 0x2 }, { EV_ENABLE, 0x4 },
		{ EV_DISABLE, 0x8 }, { EV_ONESHOT, 0x10 }, { EV_CLEAR, 0x20 },
		{ EV_RECEIPT, 0x40 }, { EV_DISPATCH, 0x80 },
		{ EV_FORCEONESHOT, 0x100 }, { EV_KEEPUDATA, 0x200 },
		{ EV_SYSFLAGS, 0xf000 }, { EV_DROP, 0x1000 },
		{ EV_FLAG1, 0x2000 }, { EV_FLAG2, 0x4000 },
		{ EV_EOF, 0x8000 }, { EV_ERROR, 0x4000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v); i++)
		EXPECT_EQ(v[i].value, v[i].flag);
}

/* Bits without a name are ignored, and not returned. */
TEST_F(flags, unused_bits)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD | 0xc00,
			       NOTE_TRIGGER, 0, NULL));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(1, ev.ident);
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DELETE | 0xc00));
}

/* Each bit of fflags: refused, or of no effect on what comes back. */
TEST_F(flags, every_bit_of_fflags)
{
	struct kevent ev;
	unsigned int i;
	int r;

	ASSERT_EQ(0, put(self->w, 3));
	for (i = 0; i < 32; i++) {
		r = kq_change(self->kq, self->r, EVFILT_READ, EV_ADD, 1U << i,
			      0, NULL);
		if (r) {
			EXPECT_EQ(-EINVAL, r);
			EXPECT_EQ(-ENOENT, change(self->kq, self->r,
						  EVFILT_READ, EV_DELETE));
			continue;
		}
		EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(0U, ev.fflags);
		EXPECT_EQ(0, ev.flags);
		EXPECT_EQ(3, ev.data);
		EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_DELETE));
	}
	r = kq_change(self->kq, 1, EVFILT_USER, EV_ADD | EV_ONESHOT, ~0U, 0,
		      NULL);
	ASSERT_EQ(0, r);
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0U, ev.fflags & ~NOTE_FFLAGSMASK);
}

/* Identity: (ident, filter) once a queue. */
TEST_F(flags, identity)
{
	struct kevent ev[4];
	int other = kqueue();

	ASSERT_LE(0, other);
	EXPECT_EQ(0, kq_add(self->kq, self->w, EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_add(self->kq, self->w, EVFILT_WRITE, 0));
	EXPECT_EQ(1, kq_poll(self->kq, ev, 4));

	/* Another filter, another ident, another queue: another knote. */
	EXPECT_EQ(0, kq_add(self->kq, self->s[0], EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_add(self->kq, self->w, EVFILT_USER, 0));
	EXPECT_EQ(0, kq_trigger(self->kq, self->w));
	EXPECT_EQ(3, kq_poll(self->kq, ev, 4));
	EXPECT_EQ(0, kq_add(other, self->w, EVFILT_WRITE, 0));
	EXPECT_EQ(1, kq_poll(other, ev, 4));
	EXPECT_EQ(0, change(other, self->w, EVFILT_WRITE, EV_DELETE));
	EXPECT_EQ(3, kq_poll(self->kq, ev, 4));

	EXPECT_EQ(0, change(self->kq, self->w, EVFILT_WRITE, EV_DELETE));
	EXPECT_EQ(-ENOENT, change(self->kq, self->w, EVFILT_WRITE, EV_DELETE));
	EXPECT_EQ(2, kq_poll(self->kq, ev, 4));
}

/* READ and WRITE of one descriptor are two knotes; so are those of a dup. */
TEST_F(flags, one_descriptor_two_filters)
{
	int d = dup(self->s[0]);
	struct kevent ev[8];

	EXPECT_EQ(0, kq_add(self->kq, self->s[0], EVFILT_READ, 0));
	EXPECT_EQ(0, kq_add(self->kq, self->s[0], EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_add(self->kq, d, EVFILT_READ, 0));
	EXPECT_EQ(1, kq_poll(self->kq, ev, 8));
	EXPECT_EQ(EVFILT_WRITE, ev[0].filter);
	ASSERT_EQ(0, put(self->s[1], 4));
	ASSERT_EQ(0, arrived(d));
	EXPECT_EQ(3, kq_poll(self->kq, ev, 8));
	EXPECT_EQ(0, change(self->kq, d, EVFILT_READ, EV_DELETE));
	EXPECT_EQ(2, kq_poll(self->kq, ev, 8));
}

/* An ident is a number like any other, 2^63 too. */
TEST_F(flags, idents)
{
	static const uintptr_t ident[] = {
		0, 1, INT_MAX, (uintptr_t)INT_MAX + 1, UINT_MAX, HUGE_IDENT - 1,
		HUGE_IDENT, HUGE_IDENT + 1, UINTPTR_MAX,
	};
	struct kevent ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ident); i++)
		kq_add(self->kq, ident[i], EVFILT_USER, EV_CLEAR);
	for (i = 0; i < ARRAY_SIZE(ident); i++) {
		EXPECT_EQ(0, kq_trigger(self->kq, ident[i]));
		EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(ident[i], ev.ident);
	}
}

/* A huge ident on a descriptor filter is EBADF, and sizes no table. */
TEST_F(flags, huge_descriptors)
{
	const uintptr_t ident[] = {
		INT_MAX, (uintptr_t)INT_MAX + 1, UINT_MAX, HUGE_IDENT,
		HUGE_IDENT + self->r, UINTPTR_MAX,
		sizeof(uintptr_t) == 8 ? (uintptr_t)((UINT64_C(1) << 32) +
						     self->r) : UINTPTR_MAX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ident); i++) {
		EXPECT_EQ(-EBADF, kq_add(self->kq, ident[i], EVFILT_READ, 0));
		EXPECT_EQ(-EBADF, kq_add(self->kq, ident[i], EVFILT_WRITE, 0));
		EXPECT_EQ(-EBADF, change(self->kq, ident[i], EVFILT_READ,
					 EV_DELETE));
	}
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ADD, new: enabled unless DISABLE. */
TEST_F(flags, add_new_is_enabled)
{
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_add(self->kq, self->e, EVFILT_READ, EV_DISABLE));
	ASSERT_EQ(0, put(self->w, 1));
	ASSERT_EQ(0, eventfd_write(self->e, 1));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, self->e, EVFILT_READ, EV_ENABLE));
	EXPECT_EQ(2, kq_pending(self->kq));
}

/* It evaluates at once: already true means already pending. */
TEST_F(flags, add_evaluates_at_once)
{
	struct kevent kev, ev;

	ASSERT_EQ(0, put(self->w, 5));
	EV_SET(&kev, self->r, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
	EXPECT_EQ(1, kevent(self->kq, &kev, 1, &ev, 1, &(struct timespec){ 0 }));
	EXPECT_EQ(5, ev.data);
}

/* ADD|DELETE deletes it if there, adds if not. */
TEST_F(flags, add_and_delete)
{
	ASSERT_EQ(0, put(self->w, 1));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DELETE));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DELETE));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_READ, EV_DELETE));
}

/* Changes of an existing knote that delete nothing. */
static const unsigned short changes[] = {
	0, EV_ENABLE, EV_ADD, EV_ADD | EV_ENABLE, EV_CLEAR, EV_ONESHOT,
};

/* Any change but DELETE, to an existing knote, replaces udata. */
TEST_F(flags, changes_replace_udata)
{
	int mark[ARRAY_SIZE(changes)];
	struct kevent ev;
	unsigned int i;

	ASSERT_EQ(0, put(self->w, 1));
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		EXPECT_EQ(0, kq_change(self->kq, self->r, EVFILT_READ,
				       changes[i], 0, 0, &mark[i]));
		EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ((void *)&mark[i], ev.udata);
	}
	EXPECT_EQ(0, kq_change(self->kq, self->r, EVFILT_READ, EV_DISABLE, 0,
			       0, &mark[0]));
	EXPECT_EQ(0, kq_change(self->kq, self->r, EVFILT_READ,
			       EV_ENABLE | EV_KEEPUDATA, 0, 0, NULL));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ((void *)&mark[0], ev.udata);
}

/* ... udata (unless KEEPUDATA). */
TEST_F(flags, keepudata)
{
	struct kevent ev;
	int mark;

	ASSERT_EQ(0, put(self->w, 1));
	ASSERT_EQ(0, kq_change(self->kq, self->r, EVFILT_READ, EV_ADD, 0, 0,
			       &mark));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_KEEPUDATA));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ,
			    EV_DISABLE | EV_KEEPUDATA));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ,
			    EV_ENABLE | EV_KEEPUDATA));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ((void *)&mark, ev.udata);
	EXPECT_EQ(0, ev.flags);
}

/* ... fflags and data. */
TEST_F(flags, changes_replace_fflags_and_data)
{
	unsigned int i;

	ASSERT_EQ(0, put(self->s[1], 5));
	ASSERT_EQ(0, arrived(self->s[0]));
	ASSERT_EQ(0, kq_change(self->kq, self->s[0], EVFILT_READ, EV_ADD,
			       NOTE_LOWAT, 10, NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		EXPECT_EQ(0, kq_change(self->kq, self->s[0], EVFILT_READ,
				       changes[i], NOTE_LOWAT, 4, NULL));
		KQ_EXPECT_EVENT(self->kq, self->s[0], EVFILT_READ, 0, 0, 5);
		EXPECT_EQ(0, kq_change(self->kq, self->s[0], EVFILT_READ,
				       changes[i], NOTE_LOWAT, 6, NULL));
		EXPECT_EQ(0, kq_pending(self->kq));
		EXPECT_EQ(0, kq_change(self->kq, self->s[0], EVFILT_READ,
				       changes[i], 0, 6, NULL));
		EXPECT_EQ(1, kq_pending(self->kq));
		EXPECT_EQ(0, kq_change(self->kq, self->s[0], EVFILT_READ,
				       changes[i], NOTE_LOWAT, 6, NULL));
		EXPECT_EQ(0, kq_pending(self->kq));
	}
}

/* ... except TIMER: a change that is no ADD leaves its period alone. */
TEST_F(flags, changes_leave_a_timer_alone)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL));
	EXPECT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ENABLE,
			       NOTE_SECONDS, 1000000, NULL));
	EXPECT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, 0, ~0U, -1, NULL));
	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
}

/* ... except USER: fflags change as the control bits say, here not at all. */
TEST_F(flags, changes_leave_a_users_fflags_alone)
{
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD,
			       NOTE_FFCOPY | 6, 0, NULL));
	EXPECT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0,
			       NOTE_FFNOP | NOTE_TRIGGER | 1, 0, NULL));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, 0, 6, 0);
}

/*
 * Evaluates again while enabled, so that an EV_CLEAR knote whose condition
 * holds is pending again.
 */
TEST_F(flags, changes_evaluate_again)
{
	unsigned int i;

	ASSERT_EQ(0, put(self->w, 5));
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_CLEAR));
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_CLEAR, 0, 5);
		EXPECT_EQ(0, kq_pending(self->kq));
		EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ,
				    changes[i]));
	}
	EXPECT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, drain(self->r));
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ,
				    changes[i]));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* Its flags stay those of the first ADD. */
TEST_F(flags, flags_stay_those_of_the_first_add)
{
	static const unsigned short later[] = {
		EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_RECEIPT,
	};
	struct kevent kev, ev;
	unsigned int i;

	ASSERT_EQ(0, put(self->w, 1));
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	for (i = 0; i < ARRAY_SIZE(later); i++) {
		EV_SET(&kev, self->r, EVFILT_READ, EV_ADD | later[i], 0, 0,
		       NULL);
		EXPECT_EQ(later[i] == EV_RECEIPT,
			  kevent(self->kq, &kev, 1, &ev, later[i] == EV_RECEIPT,
				 NULL));
		KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
		KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
	}

	ASSERT_EQ(0, eventfd_write(self->e, 1));
	ASSERT_EQ(0, kq_add(self->kq, self->e, EVFILT_READ, EV_ONESHOT));
	ASSERT_EQ(0, kq_add(self->kq, self->e, EVFILT_READ, 0));
	EXPECT_EQ(2, kq_pending(self->kq));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/*
 * ADD of an existing one leaves it enabled or disabled as it was unless ENABLE
 * or DISABLE is given.
 */
TEST_F(flags, add_existing)
{
	ASSERT_EQ(0, put(self->w, 1));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DISABLE));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_ENABLE));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DISABLE));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ADD|KEEPUDATA: EINVAL. */
TEST_F(flags, add_with_keepudata)
{
	struct kevent ev;
	int mark;

	EXPECT_EQ(-EINVAL, kq_add(self->kq, 1, EVFILT_USER, EV_KEEPUDATA));
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EVFILT_USER, EV_DELETE));
	EXPECT_EQ(-EINVAL, kq_add(self->kq, self->r, EVFILT_READ,
				  EV_KEEPUDATA));

	ASSERT_EQ(0, put(self->w, 1));
	ASSERT_EQ(0, kq_change(self->kq, self->r, EVFILT_READ, EV_ADD, 0, 0,
			       &mark));
	EXPECT_EQ(-EINVAL, kq_add(self->kq, self->r, EVFILT_READ,
				  EV_KEEPUDATA | EV_DISABLE));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ((void *)&mark, ev.udata);
}

/* ENABLE, DISABLE, DELETE without the knote: ENOENT. */
TEST_F(flags, no_such_knote)
{
	static const unsigned short action[] = {
		EV_ENABLE, EV_DISABLE, EV_DELETE, 0, EV_FORCEONESHOT,
		EV_KEEPUDATA, EV_DELETE | EV_ENABLE, EV_ENABLE | EV_CLEAR,
	};
	int closed = dup(self->r);
	unsigned int i;

	close(closed);
	/* It is there, but with another filter. */
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	for (i = 0; i < ARRAY_SIZE(action); i++) {
		EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_WRITE,
					  action[i]));
		EXPECT_EQ(-ENOENT, change(self->kq, self->w, EVFILT_READ,
					  action[i]));
		EXPECT_EQ(-ENOENT, change(self->kq, 1, EVFILT_TIMER,
					  action[i]));
		EXPECT_EQ(-ENOENT, change(self->kq, 2, EVFILT_USER, action[i]));
		/* For descriptor filters EBADF comes first. */
		EXPECT_EQ(-EBADF, change(self->kq, closed, EVFILT_READ,
					 action[i]));
	}
}

/* ENABLE|DISABLE: EINVAL, before anything else. */
TEST_F(flags, enable_and_disable)
{
	static const unsigned short with[] = { 0, EV_ADD, EV_DELETE };
	int closed = dup(self->r);
	unsigned int i;

	close(closed);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	for (i = 0; i < ARRAY_SIZE(with); i++) {
		unsigned short both = with[i] | EV_ENABLE | EV_DISABLE;

		EXPECT_EQ(-EINVAL, change(self->kq, 1, EVFILT_USER, both));
		EXPECT_EQ(-EINVAL, change(self->kq, 2, EVFILT_USER, both));
		EXPECT_EQ(-EINVAL, change(self->kq, closed, EVFILT_READ, both));
		EXPECT_EQ(-EINVAL, change(self->kq, 3, EVFILT_AIO, both));
	}
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, 2, EVFILT_USER, EV_DELETE));
}

/* DISABLE also holds back what is pending; ENABLE delivers it. */
TEST_F(flags, disable_holds_back_what_is_pending)
{
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0,
			       NOTE_FFCOPY | NOTE_TRIGGER | 3, 0, NULL));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DISABLE));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DISABLE));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_ENABLE));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_ENABLE));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, EV_CLEAR, 3, 0);
}

/* DISABLE keeps collecting; ENABLE delivers what was collected. */
TEST_F(flags, disable_keeps_collecting)
{
	int64_t start = kq_now(CLOCK_MONOTONIC);
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ,
			    EV_CLEAR | EV_DISABLE));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_DISABLE));
	ASSERT_EQ(0, kq_change(self->kq, 2, EVFILT_TIMER, EV_ADD | EV_DISABLE,
			       0, 1, NULL));
	ASSERT_EQ(0, kq_change(self->kq, 3, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
			       0, 30, NULL));
	ASSERT_EQ(0, put(self->w, 2));
	ASSERT_EQ(0, put(self->w, 2));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0, NOTE_FFOR | 1, 0,
			       NULL));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0,
			       NOTE_FFOR | NOTE_TRIGGER | 2, 0, NULL));

	/* While 30 ms pass the other timer counts, and nothing else comes. */
	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(3U, ev.ident);
	EXPECT_EQ(0, kq_pending(self->kq));

	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_ENABLE));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_CLEAR, 0, 4);
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_ENABLE));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(3U, ev.fflags);
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DELETE));
	EXPECT_EQ(0, change(self->kq, 2, EVFILT_TIMER, EV_ENABLE));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_LE(29, ev.data);
	EXPECT_GE((kq_now(CLOCK_MONOTONIC) - start) / MSEC, ev.data);
}

/* DELETE discards what is pending. */
TEST_F(flags, delete_discards)
{
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DELETE));
	EXPECT_EQ(0, kq_pending(self->kq));

	/* A disabled one, and one that is triggered again, begin anew. */
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_DISABLE));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_DELETE));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ONESHOT: delivered once, then gone; wins over DISPATCH. */
TEST_F(flags, oneshot)
{
	static const unsigned short with[] = {
		0, EV_CLEAR, EV_DISPATCH, EV_DISPATCH | EV_CLEAR,
	};
	unsigned int i;

	ASSERT_EQ(0, put(self->w, 3));
	for (i = 0; i < ARRAY_SIZE(with); i++) {
		ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ,
				    EV_ONESHOT | with[i]));
		KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ,
				EV_ONESHOT | with[i], 0, 3);
		EXPECT_EQ(0, kq_pending(self->kq));
		EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_READ,
					  EV_ENABLE));
	}
}

/* ONESHOT: evaluated once more before delivery. */
TEST_F(flags, oneshot_is_evaluated_once_more)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_ONESHOT));
	ASSERT_EQ(0, put(self->w, 3));
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(0, drain(self->r));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, put(self->w, 2));
	ASSERT_EQ(0, put(self->w, 5));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT, 0, 7);
	EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_READ, EV_DELETE));
}

/* DISPATCH: delivered once, then disabled. */
TEST_F(flags, dispatch)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DISPATCH));
	ASSERT_EQ(0, put(self->w, 3));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_DISPATCH, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, put(self->w, 1));
	EXPECT_EQ(0, kq_pending(self->kq));

	/* ENABLE delivers again if the condition holds. */
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_ENABLE));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_DISPATCH, 0, 4);
	ASSERT_EQ(0, drain(self->r));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_ENABLE));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, put(self->w, 1));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_DISPATCH, 0, 1);
}

/* DISPATCH without CLEAR keeps data and fflags. */
TEST_F(flags, dispatch_keeps_data_and_fflags)
{
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_DISPATCH));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, 0,
			       NOTE_FFCOPY | NOTE_TRIGGER | 6, 9, NULL));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, EV_DISPATCH, 6, 9);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ENABLE, 0, 9,
			       NULL));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, EV_DISPATCH, 6, 9);
}

/* With CLEAR it doesn't: a new event is needed. */
TEST_F(flags, dispatch_with_clear)
{
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_DISPATCH | EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_USER, EV_ENABLE));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* CLEAR: after delivery a new event is needed. */
TEST_F(flags, clear)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, put(self->w, 3));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_CLEAR, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, put(self->w, 1));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_CLEAR, 0, 4);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* CLEAR: data starts again. */
TEST_F(flags, clear_starts_again)
{
	int64_t start = kq_now(CLOCK_MONOTONIC);
	int64_t sum = 0;
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, 0, 5, NULL));
	while (sum < 10) {
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_LE(1, ev.data);
		sum += ev.data;
		EXPECT_GE((kq_now(CLOCK_MONOTONIC) - start) / (5 * MSEC), sum);
	}
}

/* CLEAR: EOF and errors too are reported once. */
TEST_F(flags, clear_reports_eof_once)
{
	static const struct linger reset = { .l_onoff = 1 };
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_CLEAR));
	close(self->w);
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_CLEAR | EV_EOF, 0,
			0);
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, kq_add(self->kq, self->s[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, setsockopt(self->s[1], SOL_SOCKET, SO_LINGER, &reset,
				sizeof(reset)));
	close(self->s[1]);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR | EV_EOF, ev.flags);
	EXPECT_EQ((unsigned int)ECONNRESET, ev.fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* CLEAR: set by the system for TIMER (not ABSTIME). */
TEST_F(flags, clear_is_set_for_timers)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	ASSERT_EQ(0, change(self->kq, 1, EVFILT_TIMER, EV_DELETE));
	ASSERT_EQ(0, kq_change(self->kq, 2, EVFILT_TIMER, EV_ADD,
			       NOTE_ABSTIME | NOTE_SECONDS, 1, NULL));
	KQ_EXPECT_EVENT(self->kq, 2, EVFILT_TIMER, 0, 0, 1);
	KQ_EXPECT_EVENT(self->kq, 2, EVFILT_TIMER, 0, 0, 1);
}

/* FORCEONESHOT: sets ONESHOT and delivers it as it stands. */
TEST_F(flags, forceoneshot)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT | EV_CLEAR,
			0, 0);
	EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_READ, EV_DELETE));

	/* A timer that hasn't expired. */
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS,
			       1000, NULL));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_TIMER, EV_FORCEONESHOT));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_TIMER, EV_ONESHOT | EV_CLEAR, 0, 0);
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EVFILT_TIMER, EV_DELETE));
}

/* As it stands: with the data and the EOF that there are then. */
TEST_F(flags, forceoneshot_tells_what_there_is)
{
	ASSERT_EQ(0, put(self->w, 5));
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT, 0, 5);

	/* Nothing of an event that was delivered before is left in it. */
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 5);
	ASSERT_EQ(0, drain(self->r));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT, 0, 0);

	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, 0));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	ASSERT_EQ(0, put(self->w, 2));
	close(self->w);
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT | EV_EOF, 0,
			2);
}

/* What comes between the change and the event is in it, too. */
TEST_F(flags, forceoneshot_tells_what_came_since)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL));
	EXPECT_EQ(0, change(self->kq, 1, EVFILT_TIMER, EV_FORCEONESHOT));
	usleep(20000);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
	EXPECT_LE(2, ev.data);
}

/* It waits for ENABLE if disabled. */
TEST_F(flags, forceoneshot_of_a_disabled_one)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DISABLE));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ, EV_ENABLE));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, EV_ONESHOT, 0, 0);
	EXPECT_EQ(-ENOENT, change(self->kq, self->r, EVFILT_READ, EV_DELETE));

	/* Both at once. */
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_DISABLE));
	EXPECT_EQ(0, change(self->kq, self->r, EVFILT_READ,
			    EV_FORCEONESHOT | EV_ENABLE));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* It is ignored on a new one. */
TEST_F(flags, forceoneshot_of_a_new_one)
{
	ASSERT_EQ(0, kq_add(self->kq, self->r, EVFILT_READ, EV_FORCEONESHOT));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, put(self->w, 1));
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(self->kq, self->r, EVFILT_READ, 0, 0, 1);
}

/* Filter unknown: EINVAL. */
TEST_F(flags, unknown_filter)
{
	static const short filter[] = {
		1, 17, SHRT_MAX, -EVFILT_SYSCOUNT - 1, SHRT_MIN,
	};
	unsigned int i, action;

	for (i = 0; i < ARRAY_SIZE(filter); i++)
		for (action = 0; action <= EV_DELETE; action++)
			EXPECT_EQ(-EINVAL, change(self->kq, self->r, filter[i],
						  action));
}

/* A slot with nothing registered: ENXIO for ADD, ENOENT for the rest. */
TEST_F(flags, empty_slot)
{
	static const short filter[] = {
		EVFILT_AIO, EVFILT_LIO, EVFILT_SENDFILE, EVFILT_JAIL,
		EVFILT_JAILDESC,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(filter); i++) {
		EXPECT_EQ(-ENXIO, kq_add(self->kq, self->r, filter[i], 0));
		EXPECT_EQ(-ENOENT, change(self->kq, self->r, filter[i],
					  EV_DELETE));
		EXPECT_EQ(-ENOENT, change(self->kq, self->r, filter[i],
					  EV_ENABLE));
		EXPECT_EQ(-ENOENT, change(self->kq, self->r, filter[i],
					  EV_DISABLE));
	}
}

TEST_HARNESS_MAIN
