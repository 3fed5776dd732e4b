// SPDX-License-Identifier: GPL-2.0
/*
 * USER and TIMER knotes on queues that all threads share: how often they are
 * delivered is exact, whoever takes them and whatever happens at the time.
 */
#include "crew.h"

enum { ADD, CHANGE, TRIGGER, DELETE, EVENT };

static const char *const operations[] = {
	"add", "change", "trigger", "delete", "event",
};

#define IDENT	77	/* with its tag below it: one for each object */

static uintptr_t ident_of(const struct object *o)
{
	return (uintptr_t)IDENT << 32 | (uintptr_t)o->tag % (ACTORS * OBJECTS);
}

static int change(struct object *o, short filter, unsigned short flags,
		  unsigned int fflags, int64_t data)
{
	did(flags & EV_ADD ? ADD : flags & EV_DELETE ? DELETE :
	    fflags & NOTE_TRIGGER ? TRIGGER : CHANGE);
	return object_change(o, ident_of(o), filter, flags, fflags, data);
}

static void must_change(struct object *o, short filter, unsigned short flags,
			unsigned int fflags, int64_t data)
{
	int error = change(o, filter, flags, fflags, data);

	CHECK(!error, "filter %d, flags %#x, fflags %#x: %s", filter, flags,
	      fflags, strerror(-error));
}

static void end(struct object *o, short filter, int error)
{
	int got = change(o, filter, EV_DELETE, 0, 0);

	CHECK(got == error, "EV_DELETE of filter %d: %s", filter,
	      strerror(-got));
	object_deleted(o);
	did_many(EVENT, seen(o).delivered);
}

/* Fire it n times, the last with that data. */
static void trigger(struct object *o, unsigned int n, int64_t data)
{
	while (n--)
		must_change(o, EVFILT_USER, 0, NOTE_TRIGGER, data - n);
}

/* CLEAR: one event at least for what was triggered, and none more than that. */
static void user_clear(struct actor *a, struct object *o)
{
	unsigned int delivered, triggered = 0, n, rounds = below(&a->rng, 5);

	must_change(o, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
	while (rounds-- && !failed()) {
		n = 1 + below(&a->rng, one_in(&a->rng, 2) ? 1 : 4);
		triggered += n;
		object_want(o, triggered);
		trigger(o, n, triggered);
		until(seen(o).met, "lost: the last of %u triggers; %u came",
		      triggered, seen(o).delivered);
		delivered = seen(o).delivered;
		CHECK(delivered <= triggered, "%u events of %u triggers",
		      delivered, triggered);
	}
	/* Sometimes one that may come or not. */
	if (one_in(&a->rng, 2))
		trigger(o, 1, 0);
	end(o, EVFILT_USER, 0);
}

/* ONESHOT: once. */
static void user_oneshot(struct actor *a, struct object *o)
{
	bool at_once = one_in(&a->rng, 2), late;

	must_change(o, EVFILT_USER, EV_ADD | EV_ONESHOT,
		    at_once ? NOTE_TRIGGER : 0, 0);
	if (!at_once && one_in(&a->rng, 8)) {
		end(o, EVFILT_USER, 0);
		return;
	}
	if (!at_once)
		trigger(o, 1, 0);
	late = one_in(&a->rng, 2);
	if (late)
		change(o, EVFILT_USER, 0, NOTE_TRIGGER, 0);
	object_until(o, 0, "a one-shot");
	/* It is deleted when it is taken, and that is before it is seen. */
	end(o, EVFILT_USER, -ENOENT);
	CHECK(seen(o).delivered == 1, "a one-shot came %u times",
	      seen(o).delivered);
}

/* DISPATCH: once for each ENABLE. */
static void user_dispatch(struct actor *a, struct object *o)
{
	unsigned short clear = one_in(&a->rng, 2) ? EV_CLEAR : 0;
	unsigned int n, rounds = 1 + below(&a->rng, 4);

	must_change(o, EVFILT_USER, EV_ADD | EV_DISPATCH | clear, NOTE_TRIGGER,
		    0);
	for (n = 0; n < rounds && !failed(); n++) {
		object_until(o, n, "a dispatched event");
		CHECK(seen(o).delivered == n + 1,
		      "%u events of %u that were enabled", seen(o).delivered,
		      n + 1);
		if (clear || one_in(&a->rng, 2))
			trigger(o, 1 + below(&a->rng, 2), 0);
		if (n + 1 < rounds)
			must_change(o, EVFILT_USER, EV_ENABLE, 0, 0);
	}
	end(o, EVFILT_USER, 0);
	CHECK(seen(o).delivered == rounds, "%u events of %u",
	      seen(o).delivered, rounds);
}

/* Level-triggered: again and again, until it is reset. */
static void user_level(struct actor *a, struct object *o)
{
	unsigned int rounds = below(&a->rng, 4);

	must_change(o, EVFILT_USER, EV_ADD, 0, 0);
	while (rounds-- && !failed()) {
		object_loud(o);
		trigger(o, 1, 0);
		object_until(o, seen(o).delivered + below(&a->rng, 3),
			     "an event that stays");
		must_change(o, EVFILT_USER, EV_CLEAR, 0, 0);
		object_quiet(o);
	}
	end(o, EVFILT_USER, 0);
}

/* DISABLE holds back what is pending; ENABLE delivers what was collected. */
static void user_disabled(struct actor *a, struct object *o)
{
	unsigned int before, rounds = 1 + below(&a->rng, 4);

	must_change(o, EVFILT_USER, EV_ADD | EV_CLEAR | EV_DISABLE,
		    one_in(&a->rng, 2) ? NOTE_TRIGGER : 0, 0);
	object_quiet(o);
	while (rounds-- && !failed()) {
		trigger(o, 1, 0);
		before = seen(o).delivered;
		object_loud(o);
		must_change(o, EVFILT_USER, EV_ENABLE, 0, 0);
		object_until(o, before, "what was held back");
		if (one_in(&a->rng, 2))
			trigger(o, 1, 0);
		must_change(o, EVFILT_USER, EV_DISABLE, 0, 0);
		object_quiet(o);
	}
	end(o, EVFILT_USER, 0);
}

/* FORCEONESHOT: once, whether it was triggered or not. */
static void user_forced(struct actor *a, struct object *o)
{
	unsigned int before;

	must_change(o, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
	if (one_in(&a->rng, 2))
		trigger(o, 1, 0);
	before = seen(o).delivered;
	must_change(o, EVFILT_USER, EV_FORCEONESHOT, 0, 0);
	object_until(o, before, "one that was forced");
	until(change(o, EVFILT_USER, EV_ENABLE, 0, 0) == -ENOENT,
	      "one that was forced stays");
	object_deleted(o);
	CHECK(seen(o).delivered <= 2, "one that was forced came %u times",
	      seen(o).delivered);
	did_many(EVENT, seen(o).delivered);
}

/* A period that lets a slow machine take events, too. */
static int64_t period(struct rng *rng)
{
	static const int64_t some[] = { 1, 1000, 50000, 1000000, 7000000 };

	return some[place(rng, some)] + below(rng, 1000);
}

/*
 * Periodic: the sum of data is how often the period has passed, at every
 * event.  DISPATCH tells which call the last one came with.
 */
static void timer_periodic(struct actor *a, struct object *o)
{
	unsigned int n, rounds = 1 + below(&a->rng, 5);
	int64_t ns = period(&a->rng), begun, added, asked, least, most;
	struct seen s;

	begun = now();
	asked = begun;
	must_change(o, EVFILT_TIMER, EV_ADD | EV_DISPATCH, NOTE_NSECONDS, ns);
	added = now();
	for (n = 0; n < rounds && !failed(); n++) {
		object_until(o, n, "a timer");
		s = seen(o);
		least = asked > added ? (asked - added) / ns : 0;
		most = (s.taken - begun) / ns;
		CHECK(s.sum >= least && s.sum >= n + 1 && s.sum <= most,
		      "%lld expirations where there were %lld to %lld",
		      (long long)s.sum, (long long)least, (long long)most);
		if (one_in(&a->rng, 4))
			nap(below(&a->rng, 2000));
		asked = now();
		if (n + 1 < rounds)
			must_change(o, EVFILT_TIMER, EV_ENABLE, 0, 0);
	}
	end(o, EVFILT_TIMER, 0);
	CHECK(seen(o).delivered == rounds, "%u timers of %u",
	      seen(o).delivered, rounds);
}

/* Once, not early; added again meanwhile it starts anew. */
static void timer_oneshot(struct actor *a, struct object *o)
{
	bool again = one_in(&a->rng, 3);
	int64_t begun, ns = period(&a->rng);
	int error = 0;

	if (again)
		must_change(o, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_SECONDS,
			    1000);
	begun = now();
	must_change(o, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, ns);
	if (one_in(&a->rng, 4)) {
		error = change(o, EVFILT_TIMER, EV_DELETE, 0, 0);
		CHECK(!error || error == -ENOENT, "EV_DELETE: %s",
		      strerror(-error));
		object_deleted(o);
		if (!error) {
			did_many(EVENT, seen(o).delivered);
			return;
		}
	}
	object_until(o, 0, "a one-shot timer");
	CHECK(seen(o).delivered == 1 && seen(o).sum == 1,
	      "a one-shot timer came %u times, with %lld",
	      seen(o).delivered, (long long)seen(o).sum);
	CHECK(seen(o).taken - begun >= ns, "a timer is early");
	if (!error)
		end(o, EVFILT_TIMER, -ENOENT);
}

/* Deleted with its interrupt on the way. */
static void timer_deleted(struct actor *a, struct object *o)
{
	must_change(o, EVFILT_TIMER, EV_ADD, NOTE_NSECONDS, period(&a->rng));
	if (one_in(&a->rng, 2))
		nap(below(&a->rng, 100));
	if (one_in(&a->rng, 2))
		must_change(o, EVFILT_TIMER, EV_ADD, NOTE_NSECONDS,
			    period(&a->rng));
	end(o, EVFILT_TIMER, 0);
}

static void live(struct actor *a, struct object *o)
{
	static life *const lives[] = {
		user_clear, user_oneshot, user_dispatch, user_level,
		user_disabled, user_forced,
		timer_periodic, timer_oneshot, timer_deleted,
	};

	object_begin(a, o);
	lives[place(&a->rng, lives)](a, o);
}

static void events(struct rng *rng, int64_t end)
{
	crew_open(rng);
	crew_run(rng, live, end);
}

static const struct stress_test tests[] = {
	{ "USER and TIMER, shared by all threads", 25, events },
};

int main(void)
{
	return stress_main(tests, ARRAY_SIZE(tests), operations,
			   ARRAY_SIZE(operations));
}
