// SPDX-License-Identifier: GPL-2.0
/*
 * threads - events a second that threads take from one queue
 *
 * For a guest whose processors run in parallel, and so in time, not instructions.
 * Each thread takes a few descriptors and arms each again: with epoll in a call for
 * each, with kqueue in the call that waits.  A descriptor is watched once at a time,
 * the only way in which threads do not get the same one.  Prints a line for each
 * number of threads, nanoseconds an event, the best of several rounds: of the queue
 * alone, where all stays ready.  With an argument each is read and written in
 * between, after which it is ready again.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define OBJECTS		64
#define SOME		8	/* taken in a call */
#define COUNTS		3	/* of threads */
#define ROUND_NS	50000000

static const struct timespec no_time;

static struct objects objects;
static int queue;
static bool served, stop;

struct worker {
	_Alignas(128) pthread_t thread;
	int64_t events;
};

static int64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void serve(int fd)
{
	uint64_t value;

	if (!served)
		return;
	must(read(fd, &value, sizeof(value)), "read");
	must(write(fd, &value, sizeof(value)), "write");
}

static void *ep_worker(void *arg)
{
	struct epoll_event ev[SOME];
	struct worker *w = arg;
	int i, n;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = must(epoll_wait(queue, ev, SOME, 0), "epoll_wait");
		for (i = 0; i < n; i++) {
			serve(ev[i].data.fd);
			queue_rearm(EPOLL, queue, ev[i].data.fd);
		}
		w->events += n;
	}
	return NULL;
}

static void *kq_worker(void *arg)
{
	struct kevent ev[SOME];
	struct worker *w = arg;
	int i, n = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = must(kevent(queue, ev, n, ev, SOME, &no_time), "kevent");
		for (i = 0; i < n; i++) {
			serve(ev[i].ident);
			EV_SET(&ev[i], ev[i].ident, EVFILT_READ, EV_ENABLE, 0,
			       0, NULL);
		}
		w->events += n;
	}
	must(kevent(queue, ev, n, NULL, 0, NULL), "kevent");
	return NULL;
}

/* Nanoseconds an event */
static int64_t round_of(void *(*worker)(void *), int threads)
{
	struct worker *w = aligned_alloc(128, threads * sizeof(*w));
	int64_t begin, events = 0;
	int i;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	begin = nanoseconds();
	for (i = 0; i < threads; i++) {
		w[i].events = 0;
		if (pthread_create(&w[i].thread, NULL, worker, &w[i]))
			err(1, "thread");
	}
	usleep(ROUND_NS / 1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < threads; i++) {
		pthread_join(w[i].thread, NULL);
		events += w[i].events;
	}
	begin = nanoseconds() - begin;
	free(w);
	if (!events)
		errx(1, "no events");
	return begin / events;
}

/* One round of each side, into the best that there was. */
static void measure(int threads, int64_t best[SIDES])
{
	static void *(*const workers[])(void *) = {
		[EPOLL] = ep_worker, [KQUEUE] = kq_worker,
	};
	int side;

	for (side = 0; side < SIDES; side++) {
		queue = queue_new(side);
		queue_add_all(side, queue, objects.rd, OBJECTS, ONCE);
		keep_least(&best[side], round_of(workers[side], threads));
		close(queue);
	}
}

int main(int argc, char **argv)
{
	static const int threads[] = { 1, 2, 4 };
	int64_t best[COUNTS][SIDES];
	int i, side, round;
	char name[64];

	(void)argv;
	served = argc > 1;
	objects_open(&objects, EVENTFD, OBJECTS);
	for (i = 0; i < OBJECTS; i++)
		object_make_ready(&objects, i);
	for (i = 0; i < COUNTS; i++)
		for (side = 0; side < SIDES; side++)
			best[i][side] = INT64_MAX;
	/* In turn: a machine that is busy for a while is so for all of them. */
	for (round = 0; round < 8 * ROUNDS; round++)
		for (i = 0; i < COUNTS; i++)
			measure(threads[i], best[i]);
	for (i = 0; i < COUNTS; i++) {
		snprintf(name, sizeof(name), "event of one queue, ns: %d thread%s",
			 threads[i], threads[i] > 1 ? "s" : "");
		result(name, OBJECTS, best[i], 1);
	}
	objects_close(&objects);
	return 0;
}
