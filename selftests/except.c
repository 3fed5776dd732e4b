// SPDX-License-Identifier: GPL-2.0
/* EVFILT_EXCEPT: out-of-band data. */
#include "kselftest_harness.h"

#include "kq_objects.h"

FIXTURE(oob) {
	int kq;
	int sv[2];
};

FIXTURE_SETUP(oob)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_tcp_pair(self->sv));
}

FIXTURE_TEARDOWN(oob)
{
	close(self->kq);
}

static int add(int kq, int fd, unsigned short flags)
{
	return kq_change(kq, fd, EVFILT_EXCEPT, EV_ADD | flags, NOTE_OOB, 0,
			 NULL);
}

/* EXCEPT: NOTE_OOB, out-of-band data, until it has been read */
TEST_F(oob, tells_of_out_of_band_data)
{
	struct kevent ev = { 0 };
	char c;

	ASSERT_EQ(0, add(self->kq, self->sv[0], 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1, send(self->sv[1], "!", 1, MSG_OOB));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ((uintptr_t)self->sv[0], ev.ident);
	EXPECT_EQ(EVFILT_EXCEPT, ev.filter);
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(1, recv(self->sv[0], &c, 1, MSG_OOB));
	EXPECT_EQ('!', c);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* what was there before ADD counts */
TEST_F(oob, finds_what_was_there_before)
{
	struct kevent ev = { 0 };

	ASSERT_EQ(1, send(self->sv[1], "!", 1, MSG_OOB));
	ASSERT_EQ(0, add(self->kq, self->sv[0], EV_ONESHOT));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT, ev.flags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ordinary data is not its affair, and READ tells of that alone */
TEST_F(oob, is_apart_from_read)
{
	struct kevent ev[3];

	ASSERT_EQ(0, add(self->kq, self->sv[0], EV_CLEAR));
	ASSERT_EQ(0, kq_add(self->kq, self->sv[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(2, write(self->sv[1], "ab", 2));
	KQ_EXPECT_EVENT(self->kq, self->sv[0], EVFILT_READ, EV_CLEAR, 0, 2);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1, send(self->sv[1], "!", 1, MSG_OOB));
	do {
		ASSERT_EQ(1, kq_wait(self->kq, ev, 1));
	} while (ev[0].filter == EVFILT_READ);
	EXPECT_EQ(EVFILT_EXCEPT, ev[0].filter);
	EXPECT_EQ(EV_CLEAR, ev[0].flags);
}

/* CLEAR: after delivery a new event is needed */
TEST_F(oob, clear_is_an_edge)
{
	char c;
	int i;

	ASSERT_EQ(0, add(self->kq, self->sv[0], EV_CLEAR));
	for (i = 0; i < 3; i++) {
		struct kevent ev = { 0 };

		ASSERT_EQ(1, send(self->sv[1], "!", 1, MSG_OOB));
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_EQ(EV_CLEAR, ev.flags);
		EXPECT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ(1, recv(self->sv[0], &c, 1, MSG_OOB));
	}
}

/* without NOTE_OOB nothing was asked for */
TEST_F(oob, without_note_oob_nothing_fires)
{
	ASSERT_EQ(0, kq_add(self->kq, self->sv[0], EVFILT_EXCEPT, 0));
	ASSERT_EQ(1, send(self->sv[1], "!", 1, MSG_OOB));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, add(self->kq, self->sv[0], 0));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* A descriptor that has no out-of-band data registers and never fires */
TEST_F(oob, elsewhere_it_never_fires)
{
	int fd[2];

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, add(self->kq, fd[0], 0));
	ASSERT_EQ(1, write(fd[1], "x", 1));
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_HARNESS_MAIN
