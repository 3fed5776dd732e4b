// SPDX-License-Identifier: GPL-2.0
/* Queues that watch queues, in chains and in loops, and through epoll. */
#include "kselftest_harness.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include "kq_test.h"

#define LENGTH	500

/* Events pass through a chain of queues: q[0] is the innermost. */
FIXTURE(chain) {
	int q[LENGTH];
	int last;		/* the outermost */
};

FIXTURE_SETUP(chain)
{
	int i;

	for (i = 0; i < LENGTH; i++) {
		self->q[i] = kqueue();
		ASSERT_LE(0, self->q[i]);
		if (i)
			ASSERT_EQ(0, kq_add(self->q[i], self->q[i - 1],
					    EVFILT_READ, 0));
	}
	self->last = self->q[LENGTH - 1];
	ASSERT_EQ(0, kq_add(self->q[0], 1, EVFILT_USER, EV_CLEAR));
}

FIXTURE_TEARDOWN(chain)
{
	int i;

	for (i = 0; i < LENGTH; i++)
		close(self->q[i]);
}

static int polled(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0);
}

static int selected(int fd)
{
	struct timeval now = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &now);
}

static int epolled(int ep, int ms)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, ms);
}

static int epoll_add(int ep, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* Let every queue find out that it has nothing: how many have something. */
static int settled(const int *q)
{
	int i, n = 0;

	for (i = 0; i < LENGTH; i++)
		n += kq_pending(q[i]) != 0;
	return n;
}

/* Take the innermost event first; 0 when that was all there was. */
static int settle(const int *q)
{
	return kq_pending(q[0]) == 1 ? settled(q) : -1;
}

/*
 * A chain of 500 propagates: a zero-timeout call on the outer sees at once
 * what the innermost has.
 */
TEST_F(chain, zero_timeout_sees_the_innermost)
{
	int i;

	EXPECT_EQ(0, kq_pending(self->last));
	for (i = 0; i < 3; i++) {
		struct kevent ev;

		ASSERT_EQ(0, kq_trigger(self->q[0], 1));
		ASSERT_EQ(1, kq_poll(self->last, &ev, 1));
		EXPECT_EQ((uintptr_t)self->q[LENGTH - 2], ev.ident);
		EXPECT_EQ(EVFILT_READ, ev.filter);
		EXPECT_EQ(1, ev.data);
		EXPECT_EQ(0, settle(self->q));
	}
}

static void *trigger_when_asked(void *arg)
{
	const int *q = arg;
	struct kevent ev;

	while (kq_wait(q[1], &ev, 1) == 1 && ev.ident != 0)
		kq_trigger(q[0], 1);
	return NULL;
}

/*
 * ... also while the news is still on its way on another processor: as soon as
 * the innermost is seen to be ready, so is the outermost.
 */
TEST_F(chain, zero_timeout_outruns_the_news)
{
	int arg[2] = { self->q[0], kqueue() }, i, missed = 0;
	int64_t end;
	pthread_t thread;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, kq_add(arg[1], i, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, pthread_create(&thread, NULL, trigger_when_asked, arg));
	for (i = 0; i < 10; i++) {
		end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * INT64_C(1000000000);
		ASSERT_EQ(0, kq_trigger(arg[1], 1));
		while (!polled(self->q[0]) && kq_now(CLOCK_MONOTONIC) < end)
			;
		missed += kq_pending(self->last) != 1;
		/* What is still on its way may arrive after it was taken. */
		ASSERT_EQ(1, kq_pending(self->q[0]));
		while (settled(self->q) && kq_now(CLOCK_MONOTONIC) < end)
			;
	}
	EXPECT_EQ(0, missed);
	ASSERT_EQ(0, kq_trigger(arg[1], 0));
	pthread_join(thread, NULL);
}

/* poll, select and epoll on the outermost see it at once too. */
TEST_F(chain, poll_select_and_epoll)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, epoll_add(ep, self->last));
	EXPECT_EQ(0, polled(self->last));
	EXPECT_EQ(0, selected(self->last));
	EXPECT_EQ(0, epolled(ep, 0));

	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(1, polled(self->last));
	EXPECT_EQ(0, settle(self->q));

	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(1, selected(self->last));
	EXPECT_EQ(0, settle(self->q));

	EXPECT_EQ(0, epolled(ep, 0));
	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(1, epolled(ep, KQ_PATIENCE * 1000));
	EXPECT_EQ(0, settle(self->q));
	EXPECT_EQ(0, epolled(ep, 0));
}

/* An epoll made after the event sees it at once. */
TEST_F(chain, epoll_of_a_pending_chain)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	ASSERT_EQ(0, epoll_add(ep, self->last));
	EXPECT_EQ(1, epolled(ep, 0));
}

/* Whoever sleeps in kevent() on the outermost is woken. */
TEST_F(chain, sleeper_is_woken)
{
	struct kq_waiter w = { .kq = self->last };

	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ((uintptr_t)self->q[LENGTH - 2], w.ev[0].ident);
	EXPECT_EQ(1, w.ev[0].data);
}

/* A link that is disabled lets nothing through. */
TEST_F(chain, disabled_link)
{
	ASSERT_EQ(0, kq_change(self->q[250], self->q[249], EVFILT_READ,
			       EV_DISABLE, 0, 0, NULL));
	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(0, kq_pending(self->last));
	EXPECT_EQ(0, polled(self->last));
	EXPECT_EQ(1, polled(self->q[249]));
	ASSERT_EQ(0, kq_change(self->q[250], self->q[249], EVFILT_READ,
			       EV_ENABLE, 0, 0, NULL));
	EXPECT_EQ(1, kq_pending(self->last));
}

/* A queue closed in the middle takes its knote along. */
TEST_F(chain, closed_link)
{
	close(self->q[250]);
	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	EXPECT_EQ(0, polled(self->last));
	EXPECT_EQ(0, kq_pending(self->last));
	EXPECT_EQ(1, kq_pending(self->q[249]));
}

/* The chain's ends tied together. */
TEST_F(chain, ring_of_500)
{
	int i;

	ASSERT_EQ(0, kq_add(self->q[0], self->last, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_trigger(self->q[0], 1));
	for (i = 1; i < LENGTH; i++)
		ASSERT_EQ(1, kq_pending(self->q[i]));
	EXPECT_EQ(2, kq_pending(self->q[0]));
	EXPECT_EQ(1, polled(self->last));
}

/* Two queues, each to watch the other. */
FIXTURE(loop) {
	int a, b, ep;
};

FIXTURE_SETUP(loop)
{
	self->a = kqueue();
	self->b = kqueue();
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_LE(0, self->ep);
	ASSERT_EQ(0, kq_add(self->a, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_add(self->b, 2, EVFILT_USER, EV_CLEAR));
}

FIXTURE_TEARDOWN(loop)
{
	close(self->a);
	close(self->b);
	close(self->ep);
}

/* Queues watch queues, loops included. */
TEST_F(loop, two_queues)
{
	struct kevent ev[4];

	ASSERT_EQ(0, kq_add(self->a, self->b, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, 0));
	EXPECT_EQ(0, polled(self->a));
	EXPECT_EQ(0, polled(self->b));
	EXPECT_EQ(0, kq_pending(self->a));
	EXPECT_EQ(0, kq_pending(self->b));

	ASSERT_EQ(0, kq_trigger(self->a, 1));
	EXPECT_EQ(1, polled(self->b));
	ASSERT_EQ(1, kq_poll(self->b, ev, 4));
	EXPECT_EQ((uintptr_t)self->a, ev[0].ident);
	EXPECT_LE(1, kq_poll(self->a, ev, 4));
	EXPECT_EQ(EVFILT_USER, ev[0].filter);
}

/* With CLEAR the news goes round once and is then at an end. */
TEST_F(loop, two_queues_with_clear)
{
	int i;

	ASSERT_EQ(0, kq_add(self->a, self->b, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->a, 1));
	EXPECT_LE(1, kq_pending(self->b));
	EXPECT_LE(1, kq_pending(self->a));
	for (i = 0; i < 100; i++)
		if (kq_pending(self->a) + kq_pending(self->b) == 0)
			break;
	EXPECT_GT(100, i);
}

/* A queue of the loop is closed: the other is an ordinary one again. */
TEST_F(loop, closing_one_ends_it)
{
	ASSERT_EQ(0, kq_add(self->a, self->b, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_trigger(self->a, 1));
	EXPECT_EQ(1, kq_pending(self->b));
	close(self->b);
	EXPECT_EQ(1, kq_pending(self->a));
	EXPECT_EQ(0, kq_pending(self->a));
	EXPECT_EQ(0, polled(self->a));
}

/* epoll watches the queue, which watches the epoll. */
TEST_F(loop, epoll_and_queue)
{
	int e = eventfd(0, EFD_NONBLOCK);
	struct kevent ev[4];

	ASSERT_EQ(0, epoll_add(self->ep, e));
	ASSERT_EQ(0, epoll_add(self->ep, self->a));
	ASSERT_EQ(0, kq_add(self->a, self->ep, EVFILT_READ, 0));
	EXPECT_EQ(0, epolled(self->ep, 0));

	ASSERT_EQ(0, eventfd_write(e, 1));
	ASSERT_LE(1, kq_wait(self->a, ev, 4));
	EXPECT_EQ((uintptr_t)self->ep, ev[0].ident);
	EXPECT_EQ(1, epolled(self->ep, KQ_PATIENCE * 1000));
	EXPECT_LE(0, polled(self->a));
	EXPECT_LE(0, polled(self->ep));

	ASSERT_EQ(0, kq_trigger(self->a, 1));
	EXPECT_EQ(1, polled(self->a));
	EXPECT_LE(1, kq_poll(self->a, ev, 4));
}

/* An epoll on top of a queue on top of an epoll: no loop, and it propagates. */
TEST_F(loop, epoll_queue_epoll)
{
	int inner = epoll_create1(EPOLL_CLOEXEC), e = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, epoll_add(inner, e));
	ASSERT_EQ(0, kq_add(self->a, inner, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, 0));
	ASSERT_EQ(0, epoll_add(self->ep, self->b));
	EXPECT_EQ(0, epolled(self->ep, 0));
	ASSERT_EQ(0, eventfd_write(e, 1));
	EXPECT_EQ(1, epolled(self->ep, KQ_PATIENCE * 1000));
	KQ_EXPECT_EVENT(self->b, self->a, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(self->a, inner, EVFILT_READ, 0, 0, 1);
	EXPECT_EQ(1, epolled(inner, 0));
}

#define ROUNDS	1500

/* A thread that goes through every call on one of the queues. */
struct load {
	pthread_t thread;
	int mine, other, ep, ident;
};

static void *load_run(void *arg)
{
	struct load *l = arg;
	struct kevent ev[8];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		kq_trigger(l->mine, l->ident);
		kq_poll(l->mine, ev, 8);
		polled(l->other);
		kq_poll(l->other, ev, 1);
		epolled(l->ep, 0);
		if (i % 16 == 0) {
			kq_change(l->mine, l->other, EVFILT_READ, EV_DELETE, 0,
				  0, NULL);
			kq_add(l->mine, l->other, EVFILT_READ,
			       i & 16 ? EV_CLEAR : 0);
		}
	}
	return NULL;
}

/* Both ends of every loop at once, under load: it ends. */
TEST_F_TIMEOUT(loop, under_load, 60)
{
	struct load l[2] = {
		{ .mine = self->a, .other = self->b, .ep = self->ep,
		  .ident = 1 },
		{ .mine = self->b, .other = self->a, .ep = self->ep,
		  .ident = 2 },
	};
	int i;

	ASSERT_EQ(0, kq_add(self->a, self->b, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->a, self->ep, EVFILT_READ, 0));
	ASSERT_EQ(0, epoll_add(self->ep, self->a));
	ASSERT_EQ(0, epoll_add(self->ep, self->b));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&l[i].thread, NULL, load_run,
					    &l[i]));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(l[i].thread, NULL));

	/* It still works. */
	ASSERT_EQ(0, kq_trigger(self->a, 1));
	EXPECT_LE(1, kq_pending(self->a));
}

/* A queue: data = knotes pending; with CLEAR one event for each new one. */
TEST_F(loop, data_counts_what_is_pending)
{
	int i;

	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, EV_CLEAR));
	for (i = 10; i < 15; i++) {
		ASSERT_EQ(0, kq_add(self->a, i, EVFILT_USER, 0));
		ASSERT_EQ(0, kq_trigger(self->a, i));
		KQ_EXPECT_EVENT(self->b, self->a, EVFILT_READ, EV_CLEAR, 0,
				i - 9);
		EXPECT_EQ(0, kq_pending(self->b));
	}
}

/* Any other filter than READ on it EINVAL. */
TEST_F(loop, other_filters)
{
	EXPECT_EQ(-EINVAL, kq_add(self->b, self->a, EVFILT_WRITE, 0));
	EXPECT_EQ(-EINVAL, kq_add(self->b, self->a, EVFILT_EXCEPT, 0));
	EXPECT_EQ(-EINVAL, kq_add(self->b, self->a, EVFILT_EMPTY, 0));
	EXPECT_EQ(0, kq_pending(self->b));
}

/*
 * The news of a nested queue isn't lost between two threads: one triggers, the
 * other takes from the outer and then from the inner.
 */
TEST_F(loop, nothing_is_lost_between_the_two)
{
	struct kq_waiter w;
	int i;

	ASSERT_EQ(0, kq_add(self->b, self->a, EVFILT_READ, 0));
	for (i = 0; i < 50; i++) {
		w = (struct kq_waiter){ .kq = self->b };
		ASSERT_EQ(0, kq_waiter_start(&w));
		ASSERT_EQ(0, kq_trigger(self->a, 1));
		ASSERT_EQ(1, kq_waiter_end(&w));
		EXPECT_EQ((uintptr_t)self->a, w.ev[0].ident);
		ASSERT_EQ(1, kq_pending(self->a));
	}
}

/* Hundreds of queues that watch one: each is told. */
TEST(many_watch_one)
{
	enum { MANY = 300 };
	int q[MANY], inner = kqueue(), i;

	ASSERT_EQ(0, kq_add(inner, 1, EVFILT_USER, EV_CLEAR));
	for (i = 0; i < MANY; i++) {
		q[i] = kqueue();
		ASSERT_LE(0, q[i]);
		ASSERT_EQ(0, kq_add(q[i], inner, EVFILT_READ, EV_CLEAR));
	}
	ASSERT_EQ(0, kq_trigger(inner, 1));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(1, kq_pending(q[i]));
		EXPECT_EQ(0, kq_pending(q[i]));
	}
}

/* One that has something when it is added wakes who sleeps already. */
TEST(one_that_is_ready_wakes_a_sleeper)
{
	struct kq_waiter w = { .kq = kqueue() };
	int inner = kqueue();

	ASSERT_LE(0, w.kq);
	ASSERT_EQ(0, kq_change(inner, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0,
			       NULL));
	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, kq_add(w.kq, inner, EVFILT_READ, 0));
	ASSERT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ((uintptr_t)inner, w.ev[0].ident);
	EXPECT_EQ(1, w.ev[0].data);
}

/* One that watches many: it is bounded, and finds the one that is ready. */
TEST(one_watches_many)
{
	enum { MANY = 300 };
	int q[MANY], outer = kqueue(), i;

	for (i = 0; i < MANY; i++) {
		q[i] = kqueue();
		ASSERT_LE(0, q[i]);
		ASSERT_EQ(0, kq_add(q[i], 1, EVFILT_USER, EV_CLEAR));
		ASSERT_EQ(0, kq_add(outer, q[i], EVFILT_READ, 0));
	}
	for (i = 0; i < MANY; i += 37) {
		ASSERT_EQ(0, kq_trigger(q[i], 1));
		KQ_EXPECT_EVENT(outer, q[i], EVFILT_READ, 0, 0, 1);
		EXPECT_EQ(1, kq_pending(q[i]));
		EXPECT_EQ(0, kq_pending(outer));
	}
}

TEST_HARNESS_MAIN
