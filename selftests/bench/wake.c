// SPDX-License-Identifier: GPL-2.0
/*
 * Wake-ups: what a write costs more because somebody watches.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

#define GAMES		200

static int64_t write_cost(const struct objects *o)
{
	int64_t begin = now();

	object_write(o, 0);
	return since(begin);
}

static void wake_kind(int kind)
{
	int64_t begin, unwatched = INT64_MAX;
	int64_t wake[SIDES] = { INT64_MAX, INT64_MAX };
	int64_t whole[SIDES] = { INT64_MAX, INT64_MAX };
	int side, round, q;
	struct objects o;
	char name[64];

	objects_open(&o, kind, 1);
	for (round = 0; round < 200; round++) {
		keep_least(&unwatched, write_cost(&o));
		object_read(&o, 0);
	}
	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add(side, q, o.rd[0], EDGE);
		for (round = 0; round < 200; round++) {
			keep_least(&wake[side], write_cost(&o));
			while (!queue_wait(side, q))
				;	/* it may be on its way */
			object_read(&o, 0);
		}
		for (round = 0; round < 200; round++) {
			begin = now();
			object_write(&o, 0);
			while (!queue_wait(side, q))
				;	/* it may be on its way */
			object_read(&o, 0);
			keep_least(&whole[side], since(begin));
		}
		close(q);
		wake[side] -= unwatched;
	}
	objects_close(&o);
	snprintf(name, sizeof(name), "wake-up, added to a write: %s",
		 kinds[kind]);
	result(name, 1, wake, 1);
	snprintf(name, sizeof(name), "write, wait, read: %s", kinds[kind]);
	result(name, 1, whole, 1);
}

void bench_wake(void)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		wake_kind(kind);
}

/* Two threads that wake each other, each asleep until then. */
struct player {
	int side;
	int q;
	struct objects mine;
	struct objects other;
};

static void player_wait(const struct player *p)
{
	queue_sleep(p->side, p->q);
	object_read(&p->mine, 0);
}

static void *play_back(void *arg)
{
	struct player *p = arg;
	int i;

	for (i = 0; i < GAMES; i++) {
		player_wait(p);
		object_write(&p->other, 0);
	}
	return NULL;
}

static void player_start(struct player *p, int side, const struct objects *mine,
			 const struct objects *other)
{
	*p = (struct player){ .side = side, .q = queue_new(side),
			      .mine = *mine, .other = *other };
	queue_add(side, p->q, mine->rd[0], LEVEL);
}

void bench_sleep(void)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	struct player here, there;
	struct objects a, b;
	pthread_t thread;
	int i, side;

	objects_open(&a, EVENTFD, 1);
	objects_open(&b, EVENTFD, 1);
	for (side = 0; side < SIDES; side++) {
		player_start(&here, side, &a, &b);
		player_start(&there, side, &b, &a);
		if (pthread_create(&thread, NULL, play_back, &there))
			err(1, "thread");
		for (i = 0; i < GAMES; i++) {
			begin = now();
			object_write(&here.other, 0);
			player_wait(&here);
			keep_least(&best[side], since(begin));
		}
		pthread_join(thread, NULL);
		close(here.q);
		close(there.q);
	}
	objects_close(&a);
	objects_close(&b);
	result("wake a sleeper, there and back", 1, best, 1);
}
