// SPDX-License-Identifier: GPL-2.0
/*
 * Timers: one is armed, fires and is taken while others run.  epoll has a
 * timerfd for each, made beforehand.  With which of the others kqueue's shares a
 * bucket of the look-up table is chance, so it is the mean of some idents.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define HOUR		3600
#define IDENTS		64
#define TIMES		9

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The least would be of a timer that happened to expire between two calls. */
static int64_t median(int64_t cost[TIMES])
{
	qsort(cost, TIMES, sizeof(cost[0]), by_size);
	return cost[TIMES / 2];
}

static void ep_arm(int fd, time_t sec, long nsec)
{
	struct itimerspec when = { .it_value = { sec, nsec } };

	must(timerfd_settime(fd, 0, &when, NULL), "timerfd_settime");
}

static int64_t ep_fire(int q, int fd)
{
	int64_t begin, cost[TIMES];
	uint64_t expired;
	int i;

	for (i = 0; i < TIMES; i++) {
		begin = now();
		ep_arm(fd, 0, 1);
		must(epoll_wait(q, ep_events, 1, -1), "epoll_wait");
		must(read(fd, &expired, sizeof(expired)), "timerfd");
		cost[i] = since(begin);
	}
	return median(cost);
}

static int64_t ep_timer(int among, int64_t *add)
{
	int *fd = calloc(among, sizeof(*fd));
	int i, q = queue_new(EPOLL);
	int64_t begin, sum = 0;

	*add = INT64_MAX;
	for (i = 0; i < among; i++) {
		begin = now();
		fd[i] = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
		ep_arm(fd[i], HOUR, 0);
		queue_add(EPOLL, q, fd[i], LEVEL);
		keep_least(add, since(begin));
	}
	for (i = 0; i < IDENTS; i++)
		sum += ep_fire(q, fd[i % among]);
	for (i = 0; i < among; i++)
		close(fd[i]);
	close(q);
	free(fd);
	return sum / IDENTS;
}

static int64_t kq_fire(int q, int ident)
{
	int64_t begin, cost[TIMES];
	struct kevent kev;
	int i;

	EV_SET(&kev, ident, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, 1,
	       NULL);
	for (i = 0; i < TIMES; i++) {
		begin = now();
		must(kevent(q, &kev, 1, kq_events, 1, NULL), "kevent");
		cost[i] = since(begin);
	}
	return median(cost);
}

static int64_t kq_timer(int among, int64_t *add)
{
	int i, q = queue_new(KQUEUE);
	int64_t begin, sum = 0;
	struct kevent kev;

	*add = INT64_MAX;
	EV_SET(&kev, 0, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, HOUR, NULL);
	for (i = 1; i <= among; i++) {
		begin = now();
		kev.ident = i;
		must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
		keep_least(add, since(begin));
	}
	for (i = 1; i <= IDENTS; i++)
		sum += kq_fire(q, -i);
	close(q);
	return sum / IDENTS;
}

static void timer_among(int among)
{
	int64_t cost[SIDES], add[SIDES];

	cost[EPOLL] = ep_timer(among, &add[EPOLL]);
	cost[KQUEUE] = kq_timer(among, &add[KQUEUE]);
	result("timer, arm, fire, take", among, cost, 1);
	if (among > 1)
		result("timer, new", among, add, 1);
}

void bench_timer(void)
{
	int among;

	for (among = 1; among <= 100000; among *= 10)
		timer_among(among);
}
