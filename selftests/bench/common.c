// SPDX-License-Identifier: GPL-2.0
/*
 * The clock, and how a result is told.
 */
#include <stdio.h>

#include "bench.h"

int64_t clock_cost;

void clock_start(void)
{
	int64_t begin, best = INT64_MAX;
	int i;

	for (i = 0; i < 1000; i++) {
		begin = now();
		keep_least(&best, now() - begin);
	}
	clock_cost = best;
}

void result(const char *operation, long registered, const int64_t cost[SIDES],
	    int per)
{
	printf("%s\t%ld\t%.1f\t%.1f\n", operation, registered,
	       (double)cost[EPOLL] / per, (double)cost[KQUEUE] / per);
	fflush(stdout);
}
