// SPDX-License-Identifier: GPL-2.0
/* Filter numbers without a filter: empty slots, and what is not a slot. */
#include "kselftest_harness.h"
#include "kq_test.h"

/* Slots that only another module can fill. */
static const short empty[] = {
	EVFILT_AIO, EVFILT_LIO, EVFILT_SENDFILE, EVFILT_JAIL, EVFILT_JAILDESC,
};

/* Neither a slot nor 0. */
static const short unknown[] = {
	1, -18, -19, -255, -256, INT16_MAX, INT16_MIN, INT16_MIN + 1,
};

/* Every action that is not an ADD. */
static const unsigned short others[] = {
	0, EV_DELETE, EV_ENABLE, EV_DISABLE, EV_ONESHOT, EV_CLEAR, EV_DISPATCH,
	EV_RECEIPT, EV_FORCEONESHOT, EV_KEEPUDATA, EV_DELETE | EV_DISABLE,
};

FIXTURE(slots) {
	int kq;
};

FIXTURE_SETUP(slots)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(slots)
{
	close(self->kq);
}

/*
 * READ -1, WRITE -2, AIO -3, VNODE -4, PROC -5, SIGNAL -6, TIMER -7,
 * PROCDESC -8, FS -9, LIO -10, USER -11, SENDFILE -12, EMPTY -13, JAIL -14,
 * JAILDESC -15, EXCEPT -16, NETDEV -17.
 */
TEST_F(slots, numbers)
{
	static const short all[] = {
		EVFILT_READ, EVFILT_WRITE, EVFILT_AIO, EVFILT_VNODE,
		EVFILT_PROC, EVFILT_SIGNAL, EVFILT_TIMER, EVFILT_PROCDESC,
		EVFILT_FS, EVFILT_LIO, EVFILT_USER, EVFILT_SENDFILE,
		EVFILT_EMPTY, EVFILT_JAIL, EVFILT_JAILDESC, EVFILT_EXCEPT,
		EVFILT_NETDEV,
	};
	int i;

	ASSERT_EQ(EVFILT_SYSCOUNT, (int)ARRAY_SIZE(all));
	for (i = 0; i < EVFILT_SYSCOUNT; i++)
		EXPECT_EQ(-1 - i, all[i]);
}

/* A slot with nothing registered: ENXIO for ADD, ENOENT for the rest. */
TEST_F(slots, empty_slot)
{
	static const uintptr_t ident[] = { 0, 1, 1 << 20, UINTPTR_MAX };
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(empty); i++)
		for (j = 0; j < ARRAY_SIZE(ident); j++) {
			EXPECT_EQ(-ENXIO, kq_add(self->kq, ident[j], empty[i],
						 0));
			EXPECT_EQ(-ENXIO, kq_add(self->kq, ident[j], empty[i],
						 EV_DISABLE | EV_ONESHOT));
			for (k = 0; k < ARRAY_SIZE(others); k++)
				EXPECT_EQ(-ENOENT,
					  kq_change(self->kq, ident[j],
						    empty[i], others[k],
						    0, 0, NULL));
		}
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* An unknown filter: EINVAL, whatever is asked of it. */
TEST_F(slots, unknown_filter)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-EINVAL, kq_add(self->kq, 0, unknown[i], 0));
		for (k = 0; k < ARRAY_SIZE(others); k++)
			EXPECT_EQ(-EINVAL,
				  kq_change(self->kq, 0, unknown[i], others[k],
					    0, 0, NULL));
	}
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* Filter 0 is skipped, whatever its flags are. */
TEST_F(slots, filter_zero)
{
	struct kevent kev[3], ev[4];

	EV_SET(&kev[0], 7, 0, EV_ADD | EV_RECEIPT, ~0U, -1, NULL);
	EV_SET(&kev[1], 7, 0, UINT16_MAX, 0, 0, NULL);
	EV_SET(&kev[2], 7, 0, EV_DELETE, 0, 0, NULL);
	EXPECT_EQ(0, kevent(self->kq, kev, 3, NULL, 0, NULL));
	EXPECT_EQ(0, kevent(self->kq, kev, 3, ev, 4, &(struct timespec){ 0 }));

	/* What stands around it is applied, and events are taken. */
	EV_SET(&kev[0], 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
	EV_SET(&kev[2], 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
	EXPECT_EQ(1, kevent(self->kq, kev, 3, ev, 4, &(struct timespec){ 0 }));
	EXPECT_EQ(EVFILT_USER, ev[0].filter);
}

/* ENABLE|DISABLE: EINVAL, before anything else. */
TEST_F(slots, enable_and_disable_together)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(empty); i++) {
		EXPECT_EQ(-EINVAL, kq_add(self->kq, 0, empty[i],
					  EV_ENABLE | EV_DISABLE));
		EXPECT_EQ(-EINVAL, kq_change(self->kq, 0, empty[i],
					     EV_ENABLE | EV_DISABLE, 0, 0,
					     NULL));
	}
}

/* With room in eventlist each of them is an entry: EV_ERROR and the errno. */
TEST_F(slots, errors_are_entries)
{
	struct kevent kev[3], ev[4];
	int mark;

	EV_SET(&kev[0], 5, EVFILT_AIO, EV_ADD, 0, 0, &mark);
	EV_SET(&kev[1], 6, EVFILT_JAIL, EV_DELETE, 0, 0, &mark);
	EV_SET(&kev[2], 7, -18, EV_ADD, 0, 0, &mark);
	ASSERT_EQ(3, kevent(self->kq, kev, 3, ev, 4, NULL));
	EXPECT_EQ(5U, ev[0].ident);
	EXPECT_EQ(EVFILT_AIO, ev[0].filter);
	EXPECT_EQ(EV_ERROR, ev[0].flags);
	EXPECT_EQ(ENXIO, ev[0].data);
	EXPECT_EQ(&mark, ev[0].udata);
	EXPECT_EQ(EV_ERROR, ev[1].flags);
	EXPECT_EQ(ENOENT, ev[1].data);
	EXPECT_EQ(-18, ev[2].filter);
	EXPECT_EQ(EV_ERROR, ev[2].flags);
	EXPECT_EQ(EINVAL, ev[2].data);
}

TEST_HARNESS_MAIN
