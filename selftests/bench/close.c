// SPDX-License-Identifier: GPL-2.0
/*
 * Closing descriptors: those that nobody watches, with the module and without,
 * and watched ones.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define MODULE		"/run/guest/kqueue.ko"

static void unload_module(void)
{
	must(syscall(SYS_delete_module, "kqueue", O_NONBLOCK), "unload");
}

static void load_module(void)
{
	int fd = must(open(MODULE, O_RDONLY | O_CLOEXEC), MODULE);

	must(syscall(SYS_finit_module, fd, "", 0), MODULE);
	close(fd);
}

static int64_t close_cost(int file)
{
	int64_t begin, best = INT64_MAX;
	int i, fd;

	for (i = 0; i < 1000; i++) {
		fd = must(dup(file), "dup");
		begin = now();
		close(fd);
		keep_least(&best, since(begin));
	}
	return best;
}

/*
 * What is added for a file with no watcher.  A knote that sits in the same
 * bucket would be looked at: there is another file's, which shows what is paid
 * while the module is in use.
 */
static void close_unwatched(void)
{
	int64_t without = INT64_MAX, added[SIDES] = { 0, INT64_MAX };
	int64_t in_use[SIDES] = { 0, INT64_MAX };
	int round, q, file = must(eventfd(0, 0), "eventfd");
	int other = must(eventfd(0, 0), "eventfd");

	for (round = 0; round < 4; round++) {
		unload_module();
		keep_least(&without, close_cost(file));
		load_module();
		keep_least(&added[KQUEUE], close_cost(file));
		q = queue_new(KQUEUE);
		queue_add(KQUEUE, q, other, LEVEL);
		keep_least(&in_use[KQUEUE], close_cost(file));
		close(q);
		/* The end of a queue, too. */
		settle();
	}
	added[KQUEUE] -= without;
	in_use[KQUEUE] -= without;
	result("close, added, nobody watches", 0, added, 1);
	result("close, added, others are watched", 1, in_use, 1);
	close(file);
	close(other);
}

static void close_watched(void)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	int side, round, q, fd;

	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		for (round = 0; round < 1000; round++) {
			fd = must(eventfd(0, 0), "eventfd");
			queue_add(side, q, fd, LEVEL);
			begin = now();
			close(fd);
			keep_least(&best[side], since(begin));
		}
		close(q);
	}
	result("close a watched descriptor", 1, best, 1);
}

void bench_close(void)
{
	close_unwatched();
	close_watched();
}
