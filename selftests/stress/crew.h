/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A crew: actors, each with objects of its own, and scanners, which take the
 * events of all of them from the queues that all share.
 *
 * An object leads one life after the other, each with a knote.  The knote's
 * udata is the life's tag, by which scanners find the object again and see
 * whether an event comes too late.
 */
#ifndef CREW_H
#define CREW_H

#include "stress.h"

#define QUEUES		2
#define ACTORS		4
#define OBJECTS		8	/* of an actor */

/**
 * struct seen - what has come of a life
 * @delivered: how many events
 * @sum: of their data
 * @fflags: of all of them
 * @flags: of all of them
 * @met: one had the data that was wanted
 * @taken: when the call that brought the last had returned
 */
struct seen {
	unsigned int	delivered;
	unsigned int	fflags;
	unsigned int	flags;
	bool		met;
	int64_t		sum;
	int64_t		taken;
};

/**
 * struct object - what is watched
 * @lock: guards what follows; actor and scanners take it
 * @kq: the queue of this life; the actor's
 * @tag: of this life; 0 before the first
 * @seen: what has come
 * @want: data that an event is to have
 * @quiet: since then no event may come; 0 while one may
 * @gone: the tag of a life whose knote went with its descriptor
 * @gone_at: when; calls that begin later bring nothing of it
 * @dead: the tag of a life whose knote was deleted
 * @dead_at: when
 * @handed: which scanners had an event of it by then
 */
struct object {
	pthread_mutex_t	lock;
	int		kq;
	uint64_t	tag;
	struct seen	seen;
	int64_t		want;
	uint64_t	quiet;
	uint64_t	gone;
	uint64_t	gone_at;
	uint64_t	dead;
	uint64_t	dead_at;
	unsigned int	handed;
};

struct actor {
	pthread_t	thread;
	struct rng	rng;
	struct object	object[OBJECTS];
};

/* What an actor does with an object: a life, or nothing. */
typedef void life(struct actor *actor, struct object *o);

/* The queues, which every thread and whoever shares the descriptors may use. */
extern int queues[QUEUES];

/* This round every event matters: see crew.c. */
extern bool patient;

/* Have a crew live such lives until then.  The queues are there before. */
void crew_open(struct rng *rng);
void crew_run(struct rng *rng, life *live, int64_t end);

/* A life begins: on some queue, with a new tag. */
void object_begin(struct actor *actor, struct object *o);

/* A change to its knote; what it returned. */
int object_change(struct object *o, uintptr_t ident, short filter,
		  unsigned short flags, unsigned int fflags, int64_t data);

/* From now on no call that begins brings an event; or one may again. */
void object_quiet(struct object *o);
void object_loud(struct object *o);

/* An event with that data is to come from now on: seen().met. */
void object_want(struct object *o, int64_t data);

/* EV_DELETE has returned, or a close: checks what comes later. */
void object_deleted(struct object *o);
void object_closed(struct object *o);

/* What has come until now. */
struct seen seen(struct object *o);

/* Wait for more deliveries than that. */
bool object_until(struct object *o, unsigned int delivered, const char *what);

#endif /* CREW_H */
