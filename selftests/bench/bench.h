/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the measurements share: a clock that counts instructions, the two sides,
 * and how a result is told.
 */
#ifndef BENCH_H
#define BENCH_H

#include <err.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS		8	/* the smallest counts */
#define MOST		512	/* events taken in a call */

enum { EPOLL, KQUEUE, SIDES };

/*
 * How a descriptor is watched.  After its event ONCE disables it, and ONESHOT
 * removes it, where epoll has only the first.
 */
enum { LEVEL, EDGE, ONCE, ONESHOT };

/* Objects that become readable */
enum { EVENTFD, PIPE, UNIX, TCP, KINDS };

extern const char *const kinds[KINDS];

/* Where the last wait put what it took. */
extern struct epoll_event ep_events[MOST];
extern struct kevent kq_events[MOST];

/* Before the first measurement */
void clock_start(void);

extern int64_t clock_cost;

static inline int64_t now(void)
{
	return __rdtsc();
}

/* Instructions since then, without those of the clock. */
static inline int64_t since(int64_t begin)
{
	return now() - begin - clock_cost;
}

static inline void keep_least(int64_t *best, int64_t cost)
{
	if (cost < *best)
		*best = cost;
}

/* What the kernel does later is done: freed after a grace period, a table grown. */
static inline void settle(void)
{
	usleep(100000);
}

/* Fails where a call of the program's own does. */
static inline int must(int ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

/* The calls of either side */
int queue_new(int side);
void queue_add(int side, int q, int fd, int how);
void queue_add_all(int side, int q, const int *fd, int n, int how);
void queue_rearm(int side, int q, int fd);
void queue_delete(int side, int q, int fd);
void queue_delete_all(int side, int q, const int *fd, int n);

/*
 * Take what is pending now, or else what comes within a second, or ever; how many
 * there were.
 */
int queue_wait(int side, int q);
int queue_wait_second(int side, int q);
int queue_sleep(int side, int q);

/* n objects: rd is what is watched, a write to wr makes it readable. */
struct objects {
	int kind;
	int n;
	int *rd;
	int *wr;
};

void objects_open(struct objects *o, int kind, int n);
void objects_close(struct objects *o);
void object_write(const struct objects *o, int i);
void object_make_ready(const struct objects *o, int i);
void object_read(const struct objects *o, int i);

/*
 * Prints a line of results: the operation, how many are registered, and what
 * it costs each side, a part of the whole where it does many.
 */
void result(const char *operation, long registered, const int64_t cost[SIDES],
	    int per);

/* Measurements by subject */
void bench_change(void);
void bench_wait(void);
void bench_wake(void);
void bench_close(void);
void bench_memory(void);
void bench_timer(void);
void bench_others(void);
void bench_echo(void);
void bench_sleep(void);

#endif /* BENCH_H */
