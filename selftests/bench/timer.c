// SPDX-License-Identifier: GPL-2.0
/*
 * Timers: one is armed, fires and is taken while others run.  epoll has a
 * timerfd for each, made beforehand.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define HOUR		3600

static void ep_arm(int fd, time_t sec, long nsec)
{
	struct itimerspec when = { .it_value = { sec, nsec } };

	must(timerfd_settime(fd, 0, &when, NULL), "timerfd_settime");
}

static int64_t ep_timer(int among, int64_t *add)
{
	int64_t begin, best = INT64_MAX;
	int *fd = calloc(among, sizeof(*fd));
	int i, q = queue_new(EPOLL);
	uint64_t expired;

	*add = INT64_MAX;
	for (i = 0; i < among; i++) {
		begin = now();
		fd[i] = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
		ep_arm(fd[i], HOUR, 0);
		queue_add(EPOLL, q, fd[i], LEVEL);
		keep_least(add, since(begin));
	}
	for (i = 0; i < 200; i++) {
		begin = now();
		ep_arm(fd[0], 0, 1);
		must(epoll_wait(q, ep_events, 1, -1), "epoll_wait");
		must(read(fd[0], &expired, sizeof(expired)), "timerfd");
		keep_least(&best, since(begin));
	}
	for (i = 0; i < among; i++)
		close(fd[i]);
	close(q);
	free(fd);
	return best;
}

static int64_t kq_timer(int among, int64_t *add)
{
	int64_t begin, best = INT64_MAX;
	int i, q = queue_new(KQUEUE);
	struct kevent kev;

	*add = INT64_MAX;
	EV_SET(&kev, 0, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, HOUR, NULL);
	for (i = 1; i <= among; i++) {
		begin = now();
		kev.ident = i;
		must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
		keep_least(add, since(begin));
	}
	EV_SET(&kev, 0, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, 1,
	       NULL);
	for (i = 0; i < 200; i++) {
		begin = now();
		must(kevent(q, &kev, 1, kq_events, 1, NULL), "kevent");
		keep_least(&best, since(begin));
	}
	close(q);
	return best;
}

static void timer_among(int among)
{
	int64_t best[SIDES], add[SIDES];

	best[EPOLL] = ep_timer(among, &add[EPOLL]);
	best[KQUEUE] = kq_timer(among, &add[KQUEUE]);
	result("timer, arm, fire, take", among, best, 1);
	result("timer, new", among, add, 1);
}

void bench_timer(void)
{
	int among;

	for (among = 1; among <= 100000; among *= 10)
		timer_among(among);
}
