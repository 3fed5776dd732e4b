// SPDX-License-Identifier: GPL-2.0
/* EVFILT_EMPTY: all written data has left the send queue.  Needs root. */
#define _GNU_SOURCE
#include "kselftest_harness.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kq_objects.h"

static const char block[1024];

FIXTURE(sender) {
	int kq;
	int fd[2];
};

FIXTURE_VARIANT(sender) {
	int (*open)(int fd[2]);
};

FIXTURE_VARIANT_ADD(sender, tcp) {
	.open = kq_tcp_pair,
};

FIXTURE_VARIANT_ADD(sender, udp) {
	.open = kq_udp_pair,
};

FIXTURE_VARIANT_ADD(sender, unix_stream) {
	.open = kq_unix_stream,
};

FIXTURE_VARIANT_ADD(sender, unix_seqpacket) {
	.open = kq_unix_seqpacket,
};

FIXTURE_VARIANT_ADD(sender, unix_dgram) {
	.open = kq_unix_dgram,
};

FIXTURE_SETUP(sender)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, variant->open(self->fd));
	ASSERT_EQ(0, kq_nonblock(self->fd[0]));
	ASSERT_EQ(0, kq_nonblock(self->fd[1]));
}

FIXTURE_TEARDOWN(sender)
{
	close(self->kq);
}

/* EMPTY: nothing written yet is empty, every call again */
TEST_F(sender, fresh_socket_is_empty)
{
	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_EMPTY, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd[1], EVFILT_EMPTY, 0, 0, 0);
	KQ_EXPECT_EVENT(self->kq, self->fd[1], EVFILT_EMPTY, 0, 0, 0);
}

/* all that was written has been taken by the other end */
TEST_F(sender, what_was_read_has_left)
{
	char buf[2048];

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_EMPTY, EV_CLEAR));
	KQ_EXPECT_EVENT(self->kq, self->fd[1], EVFILT_EMPTY, EV_CLEAR, 0, 0);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1024, write(self->fd[1], block, 1024));
	ASSERT_EQ(1024, read(self->fd[0], buf, sizeof(buf)));
	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_EMPTY, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd[1], EVFILT_EMPTY, EV_CLEAR, 0, 0);
}

/* What the peer's window does not take stays; EMPTY wakes when all is gone */
TEST(tcp_tells_when_the_last_byte_has_left)
{
	struct pollfd p = { .events = POLLOUT };
	struct kevent ev = { 0 };
	int kq = kqueue(), sv[2], n = 0;
	int64_t end = kq_deadline();
	char buf[8192];

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_nonblock(sv[0]));
	ASSERT_EQ(0, kq_nonblock(sv[1]));
	p.fd = sv[1];
	do {
		while (write(sv[1], block, sizeof(block)) > 0)
			;
	} while (poll(&p, 1, 300) > 0);
	ASSERT_EQ(0, kq_add(kq, sv[1], EVFILT_EMPTY, 0));
	EXPECT_EQ(0, kq_pending(kq));
	while (!n && kq_now(CLOCK_MONOTONIC) < end) {
		while (read(sv[0], buf, sizeof(buf)) > 0)
			;
		n = kq_poll(kq, &ev, 1);
	}
	ASSERT_EQ(1, n);
	EXPECT_EQ(EVFILT_EMPTY, ev.filter);
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0, ev.data);
	EXPECT_GE(0, read(sv[0], buf, sizeof(buf)));
}

/* Alone on a processor, with this thread: ahead of it if it is to be. */
static int run_on_one(bool ahead)
{
	struct sched_param prio = { .sched_priority = ahead };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	return sched_setaffinity(0, sizeof(one), &one) ||
	       sched_setscheduler(0, ahead ? SCHED_FIFO : SCHED_OTHER, &prio);
}

/*
 * A thread that comes ahead of the reader finds it empty while what was read is
 * being freed: nobody tells it once more.
 */
TEST(told_while_what_was_read_is_freed)
{
	static int (*const opens[])(int fd[2]) = {
		kq_unix_stream, kq_unix_seqpacket, kq_unix_dgram,
	};
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	struct kq_waiter w = { .timeout = &patience };
	char buf[2048];
	int sv[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(opens); i++) {
		ASSERT_EQ(0, opens[i](sv));
		ASSERT_EQ(1024, write(sv[1], block, 1024));
		w.kq = kqueue();
		ASSERT_EQ(0, kq_add(w.kq, sv[1], EVFILT_EMPTY, 0));
		ASSERT_EQ(0, kq_pending(w.kq));
		/* The thread inherits it. */
		ASSERT_EQ(0, run_on_one(true));
		ASSERT_EQ(0, kq_waiter_start(&w));
		ASSERT_EQ(0, run_on_one(false));
		ASSERT_EQ(1024, read(sv[0], buf, sizeof(buf)));
		EXPECT_EQ(1, kq_waiter_end(&w));
	}
}

/* a listener is empty */
TEST(listener_is_empty)
{
	struct sockaddr_in sin;
	int kq = kqueue(), l = kq_tcp_listen(&sin);

	ASSERT_LE(0, l);
	ASSERT_EQ(0, kq_add(kq, l, EVFILT_EMPTY, 0));
	KQ_EXPECT_EVENT(kq, l, EVFILT_EMPTY, 0, 0, 0);
}

/* EMPTY: sockets only, else EINVAL, and nothing stays behind */
TEST(sockets_only)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), fd[8], i;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_pty_master(fd + 2));
	fd[4] = eventfd(0, 0);
	fd[5] = open("/dev/null", O_RDWR);
	fd[6] = open("/tmp", O_RDONLY);
	fd[7] = memfd_create("kq", 0);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(-EINVAL, kq_add(kq, fd[i], EVFILT_EMPTY, 0));
	EXPECT_EQ(0, kq_until_knotes(before));
}

TEST_HARNESS_MAIN
