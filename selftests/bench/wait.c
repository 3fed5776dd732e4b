// SPDX-License-Identifier: GPL-2.0
/*
 * Events taken: level-triggered, edge-triggered and once; none; few and many.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const int ready[] = { 1, 8, 64, 512 };

static const struct timespec no_time;

#define PLACES		16

#define READY		((int)(sizeof(ready) / sizeof(ready[0])))

static void expect(int taken, int n)
{
	if (taken != n)
		errx(1, "%d events taken, %d expected", taken, n);
}

/* Those that are ready lie apart. */
static int nth(const struct objects *o, int i, int n)
{
	return (int64_t)i * o->n / n;
}

static void read_all(const struct objects *o, int n)
{
	int i;

	for (i = 0; i < n; i++)
		object_read(o, nth(o, i, n));
}

static void wait_level(const struct objects *o, int n,
		       int (*wait)(int side, int q), const char *what)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	int i, side, round, q, taken;
	char name[64];

	for (i = 0; i < n; i++)
		object_make_ready(o, nth(o, i, n));
	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add_all(side, q, o->rd, o->n, LEVEL);
		for (round = 0; round < 4 * ROUNDS; round++) {
			begin = now();
			taken = wait(side, q);
			keep_least(&best[side], since(begin));
			expect(taken, n);
		}
		close(q);
	}
	read_all(o, n);
	snprintf(name, sizeof(name), "%s, %d ready: %s", what, n,
		 kinds[o->kind]);
	result(name, o->n, best, 1);
}

static void wait_none(const struct objects *o)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	int side, round, q;

	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add_all(side, q, o->rd, o->n, LEVEL);
		/* The library asks for the page once in 256 calls. */
		for (round = 0; round < 300; round++) {
			begin = now();
			queue_wait(side, q);
			keep_least(&best[side], since(begin));
		}
		close(q);
	}
	result("wait, none ready, no time", o->n, best, 1);
}

/*
 * Each is written to before it is taken again, edge-triggered; or what a call took
 * is @gone, read since, level-triggered, and the next finds nothing.
 */
static void wait_changing(const struct objects *o, int n, bool gone)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	int i, side, round, q, taken;
	char name[64];

	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add_all(side, q, o->rd, o->n, gone ? LEVEL : EDGE);
		for (round = 0; round < 2 * ROUNDS; round++) {
			for (i = 0; i < n; i++)
				object_make_ready(o, nth(o, i, n));
			if (gone) {
				expect(queue_wait(side, q), n);
				read_all(o, n);
			}
			begin = now();
			taken = queue_wait(side, q);
			keep_least(&best[side], since(begin));
			expect(taken, gone ? 0 : n);
			if (!gone)
				read_all(o, n);
		}
		close(q);
	}
	snprintf(name, sizeof(name), gone ? "wait, %d read since: %s" :
		 "edge, %d ready: %s", n, kinds[o->kind]);
	result(name, o->n, best, 1);
}

/* A call for each, and one to wait. */
static int ep_rearm_wait(int q, const int *fd, int n)
{
	int i;

	for (i = 0; i < n; i++)
		queue_rearm(EPOLL, q, fd[i]);
	return queue_wait(EPOLL, q);
}

/* One call. */
static int kq_rearm_wait(int q, const int *fd, int n, int how)
{
	unsigned short flags = how == ONCE ? EV_ENABLE : EV_ADD | EV_ONESHOT;
	struct kevent kev[MOST];
	int i;

	for (i = 0; i < n; i++)
		EV_SET(&kev[i], fd[i], EVFILT_READ, flags, 0, 0, NULL);
	return must(kevent(q, kev, n, kq_events, MOST, &no_time), "kevent");
}

/* Those that were taken are armed again, and taken with the same call. */
static int64_t take_again(int side, int q, const int *fd, int n, int how)
{
	int64_t begin, best = INT64_MAX;
	int round, taken;

	for (round = 0; round < 2 * ROUNDS; round++) {
		begin = now();
		if (side == EPOLL)
			taken = ep_rearm_wait(q, fd, n);
		else
			taken = kq_rearm_wait(q, fd, n, how);
		keep_least(&best, since(begin));
		expect(taken, n);
		settle();
	}
	return best;
}

/* What one costs depends on its place in epoll's tree: the mean of several. */
static void wait_once(const struct objects *o, int n, int how, const char *what)
{
	int i, side, place, q, fd[MOST], places = n == 1 ? PLACES : 1;
	int64_t cost[SIDES] = {};
	char name[64];

	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add_all(side, q, o->rd, o->n, how);
		for (place = 0; place < places; place++) {
			for (i = 0; i < n; i++) {
				fd[i] = o->rd[nth(o, place + i, n * places)];
				object_make_ready(o, nth(o, place + i, n * places));
			}
			expect(queue_wait(side, q), n);
			cost[side] += take_again(side, q, fd, n, how);
			for (i = 0; i < n; i++)
				object_read(o, nth(o, place + i, n * places));
		}
		close(q);
	}
	snprintf(name, sizeof(name), "one-shot, take and %s, %d: %s", what, n,
		 kinds[o->kind]);
	result(name, o->n, cost, places);
}

static void wait_kind(int kind)
{
	struct objects o;
	int i;

	objects_open(&o, kind, 1000);
	for (i = 0; i < READY; i++)
		wait_level(&o, ready[i], queue_wait, "wait");
	wait_level(&o, 1, queue_wait_second, "wait a second");
	wait_changing(&o, 1, false);
	wait_changing(&o, 64, false);
	wait_changing(&o, 1, true);
	wait_changing(&o, 64, true);
	wait_once(&o, 1, ONCE, "re-arm");
	wait_once(&o, 64, ONCE, "re-arm");
	wait_once(&o, 1, ONESHOT, "add");
	wait_once(&o, 64, ONESHOT, "add");
	if (kind == EVENTFD)
		wait_none(&o);
	objects_close(&o);

	objects_open(&o, kind, 10000);
	for (i = 0; i < READY; i++)
		wait_level(&o, ready[i], queue_wait, "wait");
	objects_close(&o);
}

void bench_wait(void)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		wait_kind(kind);
}
