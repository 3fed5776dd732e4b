// SPDX-License-Identifier: GPL-2.0
/*
 * Changes: added and deleted, one a call and many, in queues of any size.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kqueue.h>

#include "bench.h"

#define ONES		64	/* descriptors, each added alone */
#define MANY		512	/* added in one call */

/* The least that a call can cost: epoll's are system calls, ours an ioctl. */
static void floors(void)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	int i, q = queue_new(KQUEUE);

	for (i = 0; i < 1000; i++) {
		begin = now();
		syscall(SYS_getppid);
		keep_least(&best[EPOLL], since(begin));
		begin = now();
		ioctl(q, KQ_IOC_OWNED);
		keep_least(&best[KQUEUE], since(begin));
	}
	close(q);
	result("floor: getppid, empty ioctl", 0, best, 1);
}

/*
 * What one costs depends on its place in tree or table: the mean of many, of
 * the smallest of each.  The first is another in each round, so that not always
 * the same one finds that the allocator has to fetch a page.
 */
static void ones(int side, int q, const int *fd, int64_t add[SIDES],
		 int64_t delete[SIDES])
{
	int64_t begin, best_add[ONES], best_delete[ONES];
	int i, n, round;

	for (i = 0; i < ONES; i++) {
		best_add[i] = INT64_MAX;
		best_delete[i] = INT64_MAX;
	}
	for (round = 0; round < 2 * ROUNDS; round++) {
		for (n = 0; n < ONES; n++) {
			i = (n + 5 * round) % ONES;
			begin = now();
			queue_add(side, q, fd[i], LEVEL);
			keep_least(&best_add[i], since(begin));
		}
		for (i = 0; i < ONES; i++) {
			begin = now();
			queue_delete(side, q, fd[i]);
			keep_least(&best_delete[i], since(begin));
		}
		settle();
	}
	add[side] = 0;
	delete[side] = 0;
	for (i = 0; i < ONES; i++) {
		add[side] += best_add[i];
		delete[side] += best_delete[i];
	}
}

/* The ones lie among the others, as far as their numbers go. */
static void change_one(int among)
{
	int64_t add[SIDES], delete[SIDES];
	int i, side, q, other[among], fd[ONES];
	struct objects o;

	objects_open(&o, EVENTFD, among + ONES);
	for (i = 0; i < ONES; i++)
		fd[i] = o.rd[(int64_t)i * (among + ONES) / ONES];
	for (side = 0; side < SIDES; side++) {
		int n = 0, next = 0;

		for (i = 0; i < o.n; i++) {
			if (next < ONES && o.rd[i] == fd[next])
				next++;
			else
				other[n++] = o.rd[i];
		}
		q = queue_new(side);
		queue_add_all(side, q, other, n, LEVEL);
		settle();
		ones(side, q, fd, add, delete);
		close(q);
	}
	objects_close(&o);
	result("add one", among, add, ONES);
	result("delete one", among, delete, ONES);
}

static void change_many(int kind)
{
	int64_t begin, add[SIDES] = { INT64_MAX, INT64_MAX };
	int64_t delete[SIDES] = { INT64_MAX, INT64_MAX };
	int side, round, q;
	struct objects o;
	char name[64];

	objects_open(&o, kind, MANY);
	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		for (round = 0; round < 2 * ROUNDS; round++) {
			begin = now();
			queue_add_all(side, q, o.rd, MANY, LEVEL);
			keep_least(&add[side], since(begin));
			begin = now();
			queue_delete_all(side, q, o.rd, MANY);
			keep_least(&delete[side], since(begin));
			settle();
		}
		close(q);
	}
	objects_close(&o);
	snprintf(name, sizeof(name), "add %d, each: %s", MANY, kinds[kind]);
	result(name, 0, add, MANY);
	snprintf(name, sizeof(name), "delete %d, each: %s", MANY, kinds[kind]);
	result(name, 0, delete, MANY);
}

void bench_change(void)
{
	static const int sizes[] = { 1, 100, 1000, 10000, 60000 };
	int i, kind;

	floors();
	for (i = 0; i < 5; i++)
		change_one(sizes[i]);
	for (kind = 0; kind < KINDS; kind++)
		change_many(kind);
}
