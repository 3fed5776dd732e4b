// SPDX-License-Identifier: GPL-2.0
/*
 * profiled - operations whose instructions are counted by the function
 *
 * Each runs a few times between marks; without the plugin in counts.c they are
 * nothing.  Prints a line for each: its number, how many things it does at a time,
 * its name.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/kqueue.h>

#include "bench.h"
#include "mark.h"

static const struct timespec no_time;

static char told[64];

#define OPERATION(number, times, per, name, ...)			\
do {									\
	const int op_ = (number);					\
									\
	for (int round_ = 0; round_ < (times); round_++) {		\
		mark_begin(op_);					\
		__VA_ARGS__;						\
		mark_end(op_);						\
	}								\
	if (!told[op_])							\
		printf("%d\t%d\t%s\n", op_, (per), (name));		\
	told[op_] = 1;							\
} while (0)

static void floors(void)
{
	int q = queue_new(KQUEUE);

	OPERATION(0, 100, 1, "empty ioctl", ioctl(q, KQ_IOC_OWNED));
	OPERATION(1, 100, 1, "getppid", syscall(SYS_getppid));
	close(q);
}

static void changes(void)
{
	struct objects o;
	int i, q;

	objects_open(&o, EVENTFD, 512);
	q = queue_new(KQUEUE);
	for (i = 0; i < 2 * ROUNDS; i++) {
		OPERATION(2, 1, 512, "kqueue: add 512 in one call",
			  queue_add_all(KQUEUE, q, o.rd, 512, LEVEL));
		OPERATION(3, 1, 512, "kqueue: delete 512 in one call",
			  queue_delete_all(KQUEUE, q, o.rd, 512));
	}
	for (i = 0; i < 2 * ROUNDS; i++) {
		OPERATION(4, 1, 1, "kqueue: add one",
			  queue_add(KQUEUE, q, o.rd[0], LEVEL));
		OPERATION(5, 1, 1, "kqueue: delete one",
			  queue_delete(KQUEUE, q, o.rd[0]));
	}
	close(q);
	q = queue_new(EPOLL);
	for (i = 0; i < 2 * ROUNDS; i++) {
		OPERATION(6, 1, 512, "epoll: add 512",
			  queue_add_all(EPOLL, q, o.rd, 512, LEVEL));
		OPERATION(7, 1, 512, "epoll: delete 512",
			  queue_delete_all(EPOLL, q, o.rd, 512));
	}
	close(q);
	objects_close(&o);
}

static void ready(struct objects *o, int n)
{
	while (n--)
		object_make_ready(o, n);
}

static void waits(void)
{
	struct objects e, t;
	struct kevent kev;
	int i, q, p;

	objects_open(&e, EVENTFD, 64);
	objects_open(&t, TCP, 64);
	ready(&e, 64);
	ready(&t, 64);
	for (i = 0; i < 2; i++) {
		q = queue_new(KQUEUE);
		p = queue_new(EPOLL);
		queue_add_all(KQUEUE, q, e.rd, 1, LEVEL);
		queue_add_all(EPOLL, p, e.rd, 1, LEVEL);
		OPERATION(8, 32, 1, "kqueue: wait, 1 ready: eventfd",
			  queue_wait(KQUEUE, q));
		OPERATION(9, 32, 1, "epoll: wait, 1 ready: eventfd",
			  queue_wait(EPOLL, p));
		queue_add_all(KQUEUE, q, e.rd + 1, 63, LEVEL);
		queue_add_all(EPOLL, p, e.rd + 1, 63, LEVEL);
		OPERATION(10, 32, 64, "kqueue: wait, 64 ready, each: eventfd",
			  queue_wait(KQUEUE, q));
		OPERATION(11, 32, 64, "epoll: wait, 64 ready, each: eventfd",
			  queue_wait(EPOLL, p));
		close(q);
		close(p);
		q = queue_new(KQUEUE);
		p = queue_new(EPOLL);
		queue_add_all(KQUEUE, q, t.rd, 64, LEVEL);
		queue_add_all(EPOLL, p, t.rd, 64, LEVEL);
		OPERATION(12, 32, 64, "kqueue: wait, 64 ready, each: tcp",
			  queue_wait(KQUEUE, q));
		OPERATION(13, 32, 64, "epoll: wait, 64 ready, each: tcp",
			  queue_wait(EPOLL, p));
		close(q);
		close(p);
	}
	q = queue_new(KQUEUE);
	queue_add(KQUEUE, q, e.rd[0], ONCE);
	EV_SET(&kev, e.rd[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
	OPERATION(14, 32, 1, "kqueue: take and re-arm (EV_DISPATCH, EV_ENABLE)",
		  must(kevent(q, &kev, 1, kq_events, MOST, &no_time), "kevent"));
	close(q);
	q = queue_new(KQUEUE);
	EV_SET(&kev, e.rd[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
	OPERATION(15, 32, 1, "kqueue: take and add (EV_ONESHOT)",
		  must(kevent(q, &kev, 1, kq_events, MOST, &no_time), "kevent"));
	close(q);
	q = queue_new(EPOLL);
	queue_add(EPOLL, q, e.rd[0], ONCE);
	queue_wait(EPOLL, q);
	OPERATION(16, 32, 1, "epoll: take and re-arm (EPOLLONESHOT, MOD)",
		  queue_rearm(EPOLL, q, e.rd[0]);
		  queue_wait(EPOLL, q));
	close(q);
	q = queue_new(KQUEUE);
	queue_add(KQUEUE, q, t.rd[0], LEVEL);
	p = queue_new(EPOLL);
	queue_add(EPOLL, p, t.rd[0], LEVEL);
	OPERATION(17, 32, 1, "kqueue: wait, 1 ready: tcp", queue_wait(KQUEUE, q));
	OPERATION(23, 32, 1, "kqueue: wait a second, 1 ready: tcp",
		  queue_wait_second(KQUEUE, q));
	OPERATION(24, 32, 1, "epoll: wait a second, 1 ready: tcp",
		  queue_wait_second(EPOLL, p));
	close(p);
	close(q);
	q = queue_new(KQUEUE);
	OPERATION(18, 32, 1, "kqueue: wait, none ready, no time",
		  queue_wait(KQUEUE, q));
	close(q);
	objects_close(&t);
	objects_close(&e);
}

/*
 * What comes is taken, edge-triggered; and once it was read, level-triggered, a call
 * finds that out and has nothing.
 */
static void come_and_go(void)
{
	int i, j, side, edge[SIDES], level[SIDES];
	struct objects o;

	objects_open(&o, TCP, 64);
	for (side = 0; side < SIDES; side++) {
		edge[side] = queue_new(side);
		level[side] = queue_new(side);
		queue_add_all(side, edge[side], o.rd, 64, EDGE);
		queue_add_all(side, level[side], o.rd, 64, LEVEL);
	}
	for (i = 0; i < 32; i++) {
		ready(&o, 64);
		OPERATION(21, 1, 64, "kqueue: wait, 64 come, each: tcp",
			  queue_wait(KQUEUE, edge[KQUEUE]));
		OPERATION(22, 1, 64, "epoll: wait, 64 come, each: tcp",
			  queue_wait(EPOLL, edge[EPOLL]));
		for (side = 0; side < SIDES; side++)
			queue_wait(side, level[side]);
		for (j = 0; j < 64; j++)
			object_read(&o, j);
		OPERATION(25, 1, 64, "kqueue: wait, 64 read since, each: tcp",
			  queue_wait(KQUEUE, level[KQUEUE]));
		OPERATION(26, 1, 64, "epoll: wait, 64 read since, each: tcp",
			  queue_wait(EPOLL, level[EPOLL]));
	}
	for (side = 0; side < SIDES; side++) {
		close(edge[side]);
		close(level[side]);
	}
	objects_close(&o);
}

static void wakes(void)
{
	struct objects o;
	int i, q;

	objects_open(&o, EVENTFD, 1);
	q = queue_new(KQUEUE);
	queue_add(KQUEUE, q, o.rd[0], EDGE);
	for (i = 0; i < 32; i++) {
		OPERATION(19, 1, 1, "kqueue: write to a watched eventfd",
			  object_write(&o, 0));
		queue_wait(KQUEUE, q);
	}
	close(q);
	q = queue_new(EPOLL);
	queue_add(EPOLL, q, o.rd[0], EDGE);
	for (i = 0; i < 32; i++) {
		OPERATION(20, 1, 1, "epoll: write to a watched eventfd",
			  object_write(&o, 0));
		queue_wait(EPOLL, q);
	}
	close(q);
	objects_close(&o);
}

int main(void)
{
	floors();
	changes();
	waits();
	come_and_go();
	wakes();
	return 0;
}
