// SPDX-License-Identifier: GPL-2.0
/* Large numbers: nothing is lost, nothing takes for ever, nothing is left. */
#include <linux/close_range.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "stress.h"

enum { ADD, EVENT, CLOSE, TRIGGER };

static const char *const operations[] = { "add", "event", "close", "trigger" };

#define DUPS		500000
#define WATCHED		4000	/* of them: a file may have no more than 4096 */
#define TIMERS		100000
#define DESCRIPTORS	64000
#define KNOTES		1000000
#define LOWEST		100	/* of the numbers that are used here */

static double seconds_since(int64_t begun)
{
	return (now() - begun) / (double)SEC;
}

/* Slabs in kB, as /proc/meminfo has it. */
static long slabs(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* What was grown is given back, but for what the allocator keeps a while. */
static void check_slabs(long before, long most)
{
	until(slabs() - before < (most - before) / 4 + 4096,
	      "slabs: %ld kB, then %ld, then %ld", before, most, slabs());
	say("slabs: %ld kB, then %ld, then %ld", before, most, slabs());
}

static int queue(void)
{
	int kq = kqueue();

	CHECK(kq >= 0, "kqueue: %m");
	return kq;
}

/* Add n, in calls of some hundreds: idents from first on, so far apart. */
static void add_many(int kq, uintptr_t first, int step, int n, short filter,
		     unsigned short flags, unsigned int fflags, int64_t data)
{
	struct kevent kev[250];
	int i, j;

	for (i = 0; i < n && !failed(); i += j) {
		for (j = 0; j < (int)ARRAY_SIZE(kev) && i + j < n; j++)
			EV_SET(&kev[j], first + (uintptr_t)(i + j) * step,
			       filter, EV_ADD | flags, fflags, data, NULL);
		CHECK(!kevent(kq, kev, j, NULL, 0, NULL), "EV_ADD: %m");
	}
	did_many(ADD, i);
}

/* Take n events, each ident from first on once. */
static void take_each(int kq, uintptr_t first, int n)
{
	unsigned char *taken = calloc(n, 1);
	struct kevent ev[300];
	int i, got, left;

	for (left = n; left > 0 && !failed(); left -= got) {
		got = kq_wait(kq, ev, ARRAY_SIZE(ev));
		CHECK(got > 0, "lost: %d of %d events: %d", left, n, got);
		for (i = 0; i < got && !failed(); i++)
			CHECK(ev[i].ident - first < (uintptr_t)n &&
			      !taken[ev[i].ident - first]++,
			      "ident %lu came twice", ev[i].ident);
	}
	did_many(EVENT, n);
	CHECK(kq_pending(kq) == 0, "more than %d events", n);
	free(taken);
}

static void close_many(int kq, int first, int n)
{
	int64_t begun = now();

	CHECK(!close_range(first, first + n - 1, 0), "close_range: %m");
	did_many(CLOSE, n);
	say("%d descriptors closed in %.1f s", n, seconds_since(begun));
	CHECK(kq_pending(kq) == 0, "events of what was closed");
	until(!kq_param("knotes"), "%lld knotes of what was closed",
	      kq_param("knotes"));
}

static void dups(struct rng *rng, int64_t end)
{
	int i, kq = queue(), e = eventfd(1, 0);

	for (i = 0; i < DUPS && !failed(); i++)
		CHECK(dup2(e, LOWEST + i) == LOWEST + i, "dup2: %m");
	add_many(kq, LOWEST, DUPS / WATCHED, WATCHED, EVFILT_READ, 0, 0, 0);
	close_many(kq, LOWEST, DUPS);
	(void)rng;
	(void)end;
}

static void descriptors(struct rng *rng, int64_t end)
{
	int i, e, kq = queue();
	long before = slabs(), most;

	for (i = 0; i < DESCRIPTORS && !failed(); i++) {
		e = eventfd(0, 0);
		CHECK(dup2(e, LOWEST + i) == LOWEST + i, "eventfd: %m");
		close(e);
	}
	add_many(kq, LOWEST, 1, DESCRIPTORS, EVFILT_READ, EV_CLEAR, 0, 0);
	CHECK(kq_pending(kq) == 0, "an event of nothing");
	for (i = 0; i < DESCRIPTORS && !failed(); i++)
		CHECK(!eventfd_write(LOWEST + i, 1), "write: %m");
	take_each(kq, LOWEST, DESCRIPTORS);
	most = slabs();
	close_many(kq, LOWEST, DESCRIPTORS);
	close(kq);
	check_slabs(before, most);
	(void)rng;
	(void)end;
}

/* Where the machine is too slow to add them in time, some are late. */
static void one_instant(struct rng *rng, int64_t end)
{
	struct kevent ev;
	int kq = queue();
	int64_t begun = now(), at;

	add_many(kq, TIMERS, 1, TIMERS / 20, EVFILT_TIMER, EV_DISABLE,
		 NOTE_SECONDS, 1000);
	at = kq_now(CLOCK_REALTIME) + SEC + 30 * (now() - begun);
	add_many(kq, 0, 1, TIMERS, EVFILT_TIMER, EV_ONESHOT,
		 NOTE_NSECONDS | NOTE_ABSTIME, at);
	say("%d timers were set up %.1f s ahead", TIMERS,
	    (at - kq_now(CLOCK_REALTIME)) / (double)SEC);
	CHECK(kq_poll(kq, &ev, 1) == 0 || kq_now(CLOCK_REALTIME) > at,
	      "a timer is early");
	while (kq_now(CLOCK_REALTIME) <= at)
		nap(100);
	begun = now();
	CHECK(kq_readable(kq) == 1, "no timer");
	say("the first was seen %.3f s late",
	    (kq_now(CLOCK_REALTIME) - at) / (double)SEC);
	take_each(kq, 0, TIMERS);
	say("all were taken %.3f s later", seconds_since(begun));
	(void)rng;
	(void)end;
}

static long long set_param(const char *name, long long value)
{
	long long was = kq_param(name);

	CHECK(!kq_set_param(name, value), "%s", name);
	return was;
}

static void million(short filter, unsigned int fflags)
{
	long before = slabs(), most;
	struct kevent kev[100];
	int i, j, kq = queue();
	int64_t begun = now();

	add_many(kq, 0, 1, KNOTES, filter, EV_CLEAR, fflags, 100000);
	say("%d knotes of filter %d made in %.1f s", KNOTES, filter,
	    seconds_since(begun));
	CHECK(kq_param("knotes") == KNOTES, "%lld knotes", kq_param("knotes"));
	for (i = 0; i < KNOTES && filter == EVFILT_USER; i += j) {
		for (j = 0; j < (int)ARRAY_SIZE(kev); j++)
			EV_SET(&kev[j], i + j, filter, 0, NOTE_TRIGGER, 0, NULL);
		CHECK(!kevent(kq, kev, j, NULL, 0, NULL), "NOTE_TRIGGER: %m");
		did_many(TRIGGER, j);
	}
	if (filter == EVFILT_USER)
		take_each(kq, 0, KNOTES);
	most = slabs();
	begun = now();
	close(kq);
	say("closed in %.1f s", seconds_since(begun));
	until(!kq_param("knotes") && !kq_param("callouts"),
	      "%lld knotes and %lld timers are left", kq_param("knotes"),
	      kq_param("callouts"));
	check_slabs(before, most);
}

static void millions(struct rng *rng, int64_t end)
{
	long long knotes = set_param("max_knotes", 2 * KNOTES);

	million(EVFILT_USER, 0);
	million(EVFILT_TIMER, NOTE_SECONDS);
	set_param("max_knotes", knotes);
	(void)rng;
	(void)end;
}

static const struct stress_test tests[] = {
	{ "500,000 dups of a file, 4,000 of them watched, closed", 0, dups },
	{ "64,000 descriptors on one queue", 0, descriptors },
	{ "100,000 timers at one instant", 0, one_instant },
	{ "a million USER, a million TIMER", 0, millions },
};

int main(void)
{
	return stress_main(tests, ARRAY_SIZE(tests), operations,
			   ARRAY_SIZE(operations));
}
