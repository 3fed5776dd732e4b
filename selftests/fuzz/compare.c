// SPDX-License-Identifier: GPL-2.0
/*
 * compare [--seed S] [--first N] [--programs N] [--calls N] [--seconds N]
 *	[--out DIR] [--careful]
 *
 * Runs random programs of calls on the reference and on the kernel, and prints
 * each one on which they differ, made as short as it gets, as C.  The program
 * that a seed and a number stand for is always the same.  It begins with number
 * --first, and ends after so many programs, calls or seconds, or a few
 * differences.
 *
 * DIR/at says how far it has come, in steps of STEP programs.  If the kernel
 * goes down, a second run from there with --careful leaves the program that it
 * was in DIR/current.c: each is there before it is run.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "generate.h"
#include "kernel.h"
#include "reference.h"
#include "source.h"

#define MAX_DIFFERENCES	5
#define STEP		100

struct run {
	int n;				/* calls made */
	bool differ;			/* in the last */
	struct call call[MAX_CALLS];
	struct result expected[MAX_CALLS];
	struct result got;		/* of the last */
};

static bool same_event(const struct kevent *got, const struct kevent *expected)
{
	return got->ident == expected->ident &&
	       got->filter == expected->filter &&
	       got->flags == expected->flags &&
	       (got->fflags == expected->fflags ||
		expected->fflags == UNKNOWN) &&
	       got->data == expected->data && got->udata == expected->udata;
}

static int by_identity(const void *a, const void *b)
{
	const struct kevent *x = a, *y = b;

	if (x->filter != y->filter)
		return x->filter < y->filter ? -1 : 1;
	return x->ident < y->ident ? -1 : x->ident > y->ident;
}

static bool same(const struct call *c, struct result *got,
		 struct result *expected)
{
	int i;

	if (got->ret != expected->ret || got->error != expected->error ||
	    got->value != expected->value)
		return false;
	if (got->ret <= 0)
		return true;
	if (c->kind == CALL_KNOTES) {
		qsort(got->ev, got->n, sizeof(*got->ev), by_identity);
		qsort(expected->ev, expected->n, sizeof(*expected->ev),
		      by_identity);
	}
	if (got->n != expected->n)
		return false;
	for (i = 0; i < got->n; i++)
		if (!same_event(&got->ev[i], &expected->ev[i]))
			return false;
	return true;
}

/*
 * Run a program up to the first difference; with the reference alone if it is
 * dry.  Returns whether there is one.
 */
static bool run_as(struct run *run, const struct call *calls, int n, bool dry)
{
	int i;

	run->n = 0;
	run->differ = false;
	reference_begin();
	for (i = 0; i < n && !run->differ; i++) {
		struct call *c = &run->call[run->n];
		struct result *expected = &run->expected[run->n];

		*c = calls[i];
		if (!reference_call(c, expected))
			continue;
		if (c->timeout == TIMEOUT_NULL && !expected->ret)
			c->timeout = TIMEOUT_ZERO;
		run->n++;
		if (dry)
			continue;
		kernel_call(c, &run->got);
		run->differ = !same(c, &run->got, expected);
	}
	if (!dry)
		kernel_end();
	return run->differ;
}

static bool run(struct run *r, const struct call *calls, int n)
{
	return run_as(r, calls, n, false);
}

/* Try a shorter or simpler program in place of calls; keep it if it differs. */
static bool replace(struct call *calls, int *n, const struct call *by, int m)
{
	static struct run trial;

	if (!run(&trial, by, m))
		return false;
	/* What was not made, and what comes after the difference, is not needed. */
	memcpy(calls, trial.call, trial.n * sizeof(*calls));
	*n = trial.n;
	return true;
}

static bool drop_calls(struct call *calls, int *n, int many)
{
	struct call shorter[MAX_CALLS];
	bool any = false;
	int at;

	for (at = 0; at + many <= *n;) {
		memcpy(shorter, calls, at * sizeof(*calls));
		memcpy(shorter + at, calls + at + many,
		       (*n - at - many) * sizeof(*calls));
		if (replace(calls, n, shorter, *n - many))
			any = true;
		else
			at++;
	}
	return any;
}

/* Each way of making a call simpler, by number.  false: there are no more. */
static bool simplify(struct call *c, int way)
{
	int i = way / 20;
	struct kevent *kev = &c->change[i];

	if (i == MAX_CHANGES) {
		switch (way % 20) {
		case 0:
			c->same = false;
			return true;
		case 1:
			c->room = c->nevents;
			return true;
		case 2:
			c->timeout = TIMEOUT_ZERO;
			return true;
		case 3:
			if (c->nevents > 0 && c->room == c->nevents)
				c->room = --c->nevents;
			return true;
		case 4:
			c->value = c->value > 1;
			return true;
		default:
			return false;
		}
	}
	if (i >= c->nchanges)
		return true;
	if (way % 20 < 16) {
		kev->flags &= ~(1U << way % 20);
		return true;
	}
	switch (way % 20) {
	case 16:
		memmove(kev, kev + 1, (c->nchanges - i - 1) * sizeof(*kev));
		c->nchanges--;
		break;
	case 17:
		kev->udata = NULL;
		break;
	case 18:
		kev->data = 0;
		break;
	default:
		kev->fflags = kev->filter == EVFILT_USER ?
			      kev->fflags & NOTE_TRIGGER : 0;
		break;
	}
	return true;
}

static bool simpler_calls(struct call *calls, int *n)
{
	struct call simpler[MAX_CALLS];
	bool any = false;
	int i, way;

	for (i = 0; i < *n; i++) {
		for (way = 0; i < *n; way++) {
			memcpy(simpler, calls, *n * sizeof(*calls));
			if (!simplify(&simpler[i], way))
				break;
			if (memcmp(&simpler[i], &calls[i], sizeof(*calls)) &&
			    replace(calls, n, simpler, *n))
				any = true;
		}
	}
	return any;
}

static void shrink(struct call *calls, int *n)
{
	int many;

	do {
		for (many = *n / 2; many > 0; many /= 2)
			while (drop_calls(calls, n, many))
				;
	} while (simpler_calls(calls, n));
}

static void write_source(const struct run *r, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	source_print(f, r->call, r->expected, r->n);
	fclose(f);
}

static void report(const struct run *r, uint64_t seed, uint64_t program,
		   const char *dir)
{
	const struct call *c = &r->call[r->n - 1];
	char path[4096];

	printf("# seed %" PRIu64 ", program %" PRIu64 ": call %d should be ",
	       seed, program, r->n);
	source_result(stdout, c, &r->expected[r->n - 1]);
	printf("# but is ");
	source_result(stdout, c, &r->got);
	source_print(stdout, r->call, r->expected, r->n);
	fflush(stdout);
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/compare-%" PRIu64 "-%" PRIu64 ".c",
		 dir, seed, program);
	write_source(r, path);
}

struct options {
	uint64_t seed, first, programs, calls, seconds;
	const char *dir;
	bool careful;
};

/* Leave word of where we are, in case that we do not come back. */
static void leave_word(const struct options *o, uint64_t program,
		       const struct call *calls, int n)
{
	static struct run dry;
	char path[4096];
	FILE *f;

	if (o->careful) {
		run_as(&dry, calls, n, true);
		snprintf(path, sizeof(path), "%s/current.c", o->dir);
		write_source(&dry, path);
	} else if (program % STEP == 0) {
		snprintf(path, sizeof(path), "%s/at", o->dir);
		f = fopen(path, "we");
		if (!f)
			return;
		fprintf(f, "%" PRIu64 "\n", program);
		fclose(f);
	}
}

static void usage(void)
{
	fprintf(stderr, "%s [--seed S] [--first N] [--programs N] [--calls N] [--seconds N]\n"
		"[--out DIR] [--careful]\n", program_invocation_short_name);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "programs", required_argument, NULL, 'p' },
		{ "calls", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 't' },
		{ "out", required_argument, NULL, 'o' },
		{ "careful", no_argument, NULL, 'C' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			o->first = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			o->programs = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			o->calls = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o->seconds = strtoull(optarg, NULL, 0);
			break;
		case 'o':
			o->dir = optarg;
			break;
		case 'C':
			o->careful = true;
			break;
		default:
			usage();
		}
	}
	if (optind < argc || (o->careful && !o->dir))
		usage();
}

int main(int argc, char **argv)
{
	static struct call calls[MAX_CALLS];
	static struct run r;
	struct options o = { .seed = 1, .programs = UINT64_MAX,
			     .calls = UINT64_MAX, .seconds = UINT32_MAX };
	uint64_t program, made = 0, events = 0;
	int n, i, differences = 0;
	time_t end;

	parse(argc, argv, &o);
	end = time(NULL) + o.seconds;
	if (kernel_begin()) {
		perror("compare");
		return 2;
	}
	for (program = o.first; program - o.first < o.programs &&
	     made < o.calls && differences < MAX_DIFFERENCES &&
	     time(NULL) < end; program++) {
		struct rng rng = rng_of(o.seed, program);

		n = generate(&rng, calls);
		if (o.dir)
			leave_word(&o, program, calls, n);
		if (run(&r, calls, n)) {
			differences++;
			shrink(calls, &n);
			if (run(&r, calls, n))
				report(&r, o.seed, program, o.dir);
			else
				printf("# program %" PRIu64 " differs now and then\n",
				       program);
		}
		made += r.n;
		for (i = 0; i < r.n; i++)
			if (r.call[i].kind == CALL_KEVENT)
				events += r.expected[i].n;
	}
	program -= o.first;
	printf("# seed %" PRIu64 ": compared %" PRIu64 " programs, ", o.seed, program);
	printf("%" PRIu64 " calls, %" PRIu64 " events and reports\n", made, events);
	printf("%" PRIu64 " passed, %d failed, 0 skipped\n",
	       program - differences, differences);
	return differences > 0;
}
