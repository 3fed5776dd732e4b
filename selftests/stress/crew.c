// SPDX-License-Identifier: GPL-2.0
/*
 * Scanners, and what they must never see.
 *
 * EV_DELETE is final: when it has returned no event of that knote is on its way
 * to anybody.  So the actor then looks into the memory to which the kernel
 * writes for each scanner.  What is there already came before; what is handed
 * out later, and was not there, came too late:
 *
 *	scanner				actor
 *	clear the memory
 *	kevent()			EV_DELETE returns
 *					look: is it there?
 *	there it is: did the actor see it?
 *
 * Half of the rounds are patient: each queue has one actor and two scanners,
 * who come back for nothing but an event; one of them for a signal, too, but
 * then it waits until the other has taken one.  So a wake-up that is lost, or
 * not handed on, stops the round.
 */
#include <signal.h>
#include <sys/mman.h>

#include "crew.h"

#define SCANNERS	4
#define ROOM		48	/* events in a call: more than one batch */
#define STOP		(UINTPTR_MAX - 1)	/* an ident */

/**
 * struct scanner - a thread that takes events
 * @id: its number
 * @edge: the end of the memory for events; behind it there is none
 * @call: when its last call began
 */
struct scanner {
	pthread_t	thread;
	struct rng	rng;
	int		id;
	struct kevent	*edge;
	uint64_t	call;
};

int queues[QUEUES];
bool patient;

static struct scanner scanner[SCANNERS];
static struct actor actor[ACTORS];
static atomic_ulong ticks;	/* orders calls and what actors do */
static atomic_bool over;
static atomic_ulong taken[QUEUES];	/* events, in patient rounds */
static life *lives;
static int64_t lives_end;

static uint64_t tick(void)
{
	return atomic_fetch_add(&ticks, 1) + 1;
}

/* Tags are numbers of lives behind the place of the object among all. */
static struct object *object_of(uint64_t tag)
{
	unsigned int i = tag % (ACTORS * OBJECTS);

	return &actor[i / OBJECTS].object[i % OBJECTS];
}

static void take_locked(struct scanner *s, struct object *o,
			const struct kevent *ev, uint64_t tag)
{
	CHECK(tag != o->dead ||
	      (o->handed & 1U << s->id && s->call < o->dead_at),
	      "ident %#lx of filter %d after EV_DELETE had returned",
	      ev->ident, ev->filter);
	CHECK(tag != o->gone || s->call < o->gone_at,
	      "ident %#lx of filter %d after it was closed", ev->ident,
	      ev->filter);
	if (tag != o->tag)
		return;
	CHECK(!o->quiet || s->call < o->quiet,
	      "ident %#lx of filter %d, flags %#x, fflags %#x, data %lld, when it had nothing to say",
	      ev->ident, ev->filter, ev->flags, ev->fflags,
	      (long long)ev->data);
	o->seen.delivered++;
	o->seen.sum += ev->data;
	o->seen.fflags |= ev->fflags;
	o->seen.flags |= ev->flags;
	o->seen.met |= ev->data == o->want;
	o->seen.taken = now();
}

/* Whether it is the last. */
static bool take(struct scanner *s, const struct kevent *ev)
{
	uint64_t tag = (uintptr_t)ev->udata;
	struct object *o = object_of(tag);

	CHECK(!(ev->flags & ~(EV_ONESHOT | EV_CLEAR | EV_DISPATCH |
			      EV_RECEIPT | EV_EOF)),
	      "ident %#lx of filter %d: flags %#x", ev->ident, ev->filter,
	      ev->flags);
	if (ev->filter == EVFILT_USER && ev->ident == STOP)
		return true;
	if (tag) {
		pthread_mutex_lock(&o->lock);
		take_locked(s, o, ev, tag);
		pthread_mutex_unlock(&o->lock);
	}
	return false;
}

static uint64_t *tag_at(struct kevent *ev)
{
	return (uint64_t *)&ev->udata;
}

static void forget(struct scanner *s)
{
	int i;

	for (i = 1; i <= ROOM; i++)
		__atomic_store_n(tag_at(s->edge - i), 0, __ATOMIC_RELAXED);
}

static const struct timespec *timeout(struct scanner *s)
{
	static const struct timespec none, brief = { .tv_nsec = 300000 },
				     second = { .tv_sec = 1 };

	if (patient)
		return NULL;
	switch (below(&s->rng, 8)) {
	case 0:
		return &brief;
	case 1:
		return &second;
	default:
		return &none;
	}
}

/* Whoever was woken with it, or for an event and left: the other is awake. */
static void leave_to_other(int queue)
{
	unsigned long before = atomic_load(&taken[queue]);

	while (atomic_load(&taken[queue]) == before && !atomic_load(&over) &&
	       !failed())
		nap(50);
}

static void *scan(void *arg)
{
	struct scanner *s = arg;
	int i, n, fits, room, queue = s->id % QUEUES;
	bool last = false;

	while (!last) {
		if (!patient)
			queue = below(&s->rng, QUEUES);
		/* Now and then more is asked for than there is memory. */
		fits = 1 + below(&s->rng, one_in(&s->rng, 2) ? 3 : ROOM);
		room = fits + (one_in(&s->rng, 4) ? below(&s->rng, 20) : 0);
		forget(s);
		s->call = tick();
		n = kevent(queues[queue], NULL, 0, s->edge - fits, room,
			   timeout(s));
		CHECK(n >= 0 || errno == EINTR, "kevent: %m");
		CHECK(n <= fits, "%d events where %d fit", n, fits);
		for (i = 0; i < n && i < fits; i++)
			last |= take(s, &s->edge[i - fits]);
		if (n > 0)
			atomic_fetch_add(&taken[queue], n);
		else if (patient)
			leave_to_other(queue);
		last |= !patient && atomic_load(&over);
	}
	return NULL;
}

void object_begin(struct actor *a, struct object *o)
{
	pthread_mutex_lock(&o->lock);
	if (!o->tag)
		o->tag = (a - actor) * OBJECTS + (o - a->object);
	o->tag += ACTORS * OBJECTS;
	o->kq = patient ? queues[a - actor] : queues[place(&a->rng, queues)];
	o->quiet = 0;
	memset(&o->seen, 0, sizeof(o->seen));
	pthread_mutex_unlock(&o->lock);
}

int object_change(struct object *o, uintptr_t ident, short filter,
		  unsigned short flags, unsigned int fflags, int64_t data)
{
	return kq_change(o->kq, ident, filter, flags, fflags, data,
			 (void *)(uintptr_t)o->tag);
}

void object_quiet(struct object *o)
{
	pthread_mutex_lock(&o->lock);
	o->quiet = tick();
	pthread_mutex_unlock(&o->lock);
}

void object_loud(struct object *o)
{
	pthread_mutex_lock(&o->lock);
	o->quiet = 0;
	pthread_mutex_unlock(&o->lock);
}

void object_want(struct object *o, int64_t data)
{
	pthread_mutex_lock(&o->lock);
	o->want = data;
	o->seen.met = false;
	pthread_mutex_unlock(&o->lock);
}

static unsigned int handed(uint64_t tag)
{
	unsigned int mask = 0;
	int i, n;

	for (n = 0; n < SCANNERS; n++)
		for (i = 1; i <= ROOM; i++)
			if (__atomic_load_n(tag_at(scanner[n].edge - i),
					    __ATOMIC_RELAXED) == tag)
				mask |= 1U << n;
	return mask;
}

void object_deleted(struct object *o)
{
	uint64_t at = tick();
	unsigned int mask = handed(o->tag);

	pthread_mutex_lock(&o->lock);
	o->dead = o->tag;
	o->dead_at = at;
	o->handed = mask;
	pthread_mutex_unlock(&o->lock);
}

void object_closed(struct object *o)
{
	pthread_mutex_lock(&o->lock);
	o->gone = o->tag;
	o->gone_at = tick();
	pthread_mutex_unlock(&o->lock);
}

struct seen seen(struct object *o)
{
	struct seen seen;

	pthread_mutex_lock(&o->lock);
	seen = o->seen;
	pthread_mutex_unlock(&o->lock);
	return seen;
}

bool object_until(struct object *o, unsigned int delivered, const char *what)
{
	return until(seen(o).delivered > delivered, "lost: %s; %u events came",
		     what, seen(o).delivered);
}

static void *act(void *arg)
{
	struct actor *a = arg;

	while (now() < lives_end && !failed())
		lives(a, &a->object[place(&a->rng, a->object)]);
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

void crew_open(struct rng *rng)
{
	int i;

	patient = one_in(rng, 2);
	for (i = 0; i < QUEUES; i++) {
		queues[i] = kqueue();
		CHECK(queues[i] >= 0, "kqueue: %m");
	}
}

static void set_up_scanner(struct rng *rng, int id)
{
	long page = sysconf(_SC_PAGESIZE);
	struct scanner *s = &scanner[id];
	char *mem;

	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || mprotect(mem + page, page, PROT_NONE)) {
		fail("mmap: %m");
		_exit(1);
	}
	s->edge = (struct kevent *)(mem + page);
	s->id = id;
	s->rng = branch(rng);
}

static void disturb(struct rng *rng, int64_t end)
{
	int n = patient ? QUEUES : SCANNERS;

	while (now() < end && !failed()) {
		pthread_kill(scanner[below(rng, n)].thread, SIGUSR2);
		nap(100 + below(rng, 3000));
	}
}

static void start(struct rng *rng, int nactors)
{
	int i, j;

	for (i = 0; i < SCANNERS; i++)
		set_up_scanner(rng, i);
	for (i = 0; i < SCANNERS; i++)
		scanner[i].thread = spawn(scan, &scanner[i]);
	for (i = 0; i < nactors; i++) {
		actor[i].rng = branch(rng);
		for (j = 0; j < OBJECTS; j++)
			pthread_mutex_init(&actor[i].object[j].lock, NULL);
	}
	for (i = 0; i < nactors; i++)
		actor[i].thread = spawn(act, &actor[i]);
}

static void stop(int nactors)
{
	int i;

	for (i = 0; i < nactors; i++)
		pthread_join(actor[i].thread, NULL);
	atomic_store(&over, true);
	for (i = 0; i < QUEUES; i++)
		kq_change(queues[i], STOP, EVFILT_USER, EV_ADD, NOTE_TRIGGER,
			  0, NULL);
	for (i = 0; i < SCANNERS; i++)
		pthread_join(scanner[i].thread, NULL);
}

void crew_run(struct rng *rng, life *live, int64_t end)
{
	struct sigaction sa = { .sa_handler = ignore };
	int nactors;

	sigaction(SIGUSR2, &sa, NULL);
	lives = live;
	lives_end = end;
	nactors = patient ? QUEUES : ACTORS;
	start(rng, nactors);
	disturb(rng, end);
	stop(nactors);
}
