// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [--seed S] [--seconds N] [--programs N] [--points N] [--out DIR]
 * fuzz --replay FILE [--programs N] | --print FILE | --without AT,N FILE
 *
 * Runs random programs of acts.h, each in a process of its own.  Where the
 * kernel has KCOV, those that reach new places in the module are kept, and most
 * of the later ones are made from them.  Without it the programs of a seed are
 * always the same; with it those that are made anew are.
 *
 * A program is in DIR/current before it runs, so that it is there when the
 * kernel is not any more.  --replay runs such a file, --print writes it as C,
 * --without writes it to standard output without N of its steps.  --points is
 * the number of places that there are.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coverage.h"
#include "program.h"

#define MAX_CORPUS	1024
#define MAX_FAILURES	5
/* A program takes a second at most: as long as this only if it hangs. */
#define PATIENCE	60

static struct program corpus[MAX_CORPUS];
static int nr_corpus;
static struct program current;		/* the one that runs */

/*
 * Running one.
 */

static void thread(int n)
{
	int i;

	if (n != SETUP)
		coverage_trace(n);
	for (i = 0; i < current.n; i++)
		if (current.step[i].thread == n)
			program_act(&current.step[i]);
}

/* Wait for a process.  Its status, or -1 when it does not end. */
static int wait_for(pid_t pid, int seconds)
{
	int i, status;

	for (i = 0; i < seconds * 2000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(500);
	}
	return -1;
}

/* Returns what is wrong, or NULL. */
static const char *run_current(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return "fork failed";
	if (pid == 0)
		run_program(thread, MAX_THREADS);
	status = wait_for(pid, PATIENCE);
	if (status == -1) {
		kill(pid, SIGKILL);
		return wait_for(pid, PATIENCE) == -1 ?
		       "cannot be killed" : "does not end";
	}
	if (WIFSIGNALED(status))
		return "was killed";
	return WEXITSTATUS(status) ? "was told what it must not be told" : NULL;
}

static long read_number(const char *path)
{
	char buf[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	return n > 0 ? atol(buf) : -1;
}

/* A warning, an oops that did not panic, a report of KASAN. */
static long taint(void)
{
	return read_number("/proc/sys/kernel/tainted");
}

/* Knotes that outlive their program: freeing may lag behind. */
static bool knotes_left(void)
{
	int i;

	for (i = 0; i < PATIENCE * 100; i++) {
		if (!read_number("/sys/module/kqueue/parameters/knotes"))
			return false;
		usleep(10000);
	}
	return true;
}

static const char *run_and_look(long clean)
{
	const char *what = run_current();

	if (!what && taint() != clean)
		what = "makes the kernel complain";
	return what;
}

/*
 * Files.
 */

static bool load(const char *path, struct program *p)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, p, sizeof(*p)) == sizeof(*p) &&
		  p->n >= 0 && p->n <= MAX_STEPS;

	if (!ok)
		fprintf(stderr, "%s is no program\n", path);
	close(fd);
	return ok;
}

static void save(int fd, const struct program *p)
{
	if (fd >= 0 && pwrite(fd, p, sizeof(*p), 0) != sizeof(*p))
		perror("current");
}

struct options {
	uint64_t seed, seconds, programs;
	int points;
	const char *dir, *replay, *print, *without;
};

static void report(const struct options *o, uint64_t n, const char *what)
{
	char path[4096];
	FILE *f;

	printf("# seed %" PRIu64 ", program %" PRIu64 " %s\n", o->seed, n, what);
	program_print(stdout, &current);
	fflush(stdout);
	if (!o->dir)
		return;
	snprintf(path, sizeof(path), "%s/fuzz-%" PRIu64 "-%" PRIu64 ".c",
		 o->dir, o->seed, n);
	f = fopen(path, "we");
	if (!f)
		return;
	program_print(f, &current);
	fclose(f);
}

/*
 * The loop.
 */

static void print_counts(void)
{
	static const char *const filters[EVFILT_SYSCOUNT] = {
		"READ", "WRITE", "AIO", "VNODE", "PROC", "SIGNAL", "TIMER",
		"PROCDESC", "FS", "LIO", "USER", "SENDFILE", "EMPTY", "JAIL",
		"JAILDESC", "EXCEPT", "NETDEV",
	};
	int i;

	printf("# %lu calls of kevent(), %lu reports, events:", counts->calls,
	       counts->reports);
	for (i = 0; i < EVFILT_SYSCOUNT; i++)
		if (counts->events[i])
			printf(" %s %lu", filters[i], counts->events[i]);
	putchar('\n');
}

static void choose(struct rng *rng)
{
	if (!nr_corpus || percent(rng, 25)) {
		program_generate(rng, &current);
		return;
	}
	current = corpus[below(rng, nr_corpus)];
	program_mutate(rng, &current, &corpus[below(rng, nr_corpus)]);
}

static void keep(struct rng *rng)
{
	if (coverage_new())
		corpus[nr_corpus < MAX_CORPUS ? nr_corpus++ :
		       (int)below(rng, MAX_CORPUS)] = current;
}

static int fuzz(const struct options *o)
{
	time_t end = time(NULL) + o->seconds;
	bool covered = coverage_begin(MAX_THREADS);
	uint64_t n, acts = 0;
	const char *what;
	char path[4096];
	long clean = taint();
	int file = -1, failures = 0;

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 2;
	if (o->dir) {
		snprintf(path, sizeof(path), "%s/current", o->dir);
		file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	for (n = 0; n < o->programs && failures < MAX_FAILURES &&
	     time(NULL) < end; n++) {
		struct rng rng = rng_of(o->seed, n);

		choose(&rng);
		save(file, &current);
		acts += current.n;
		what = run_and_look(clean);
		keep(&rng);
		if (!what && n % 64 == 63 && knotes_left())
			what = "or one of the 63 before leaves knotes";
		if (!what)
			continue;
		failures++;
		report(o, n, what);
		clean = taint();
	}
	if (knotes_left()) {
		failures++;
		puts("# knotes are left");
	}
	if (o->dir && !failures)
		unlink(path);
	printf("# seed %" PRIu64 ": ran %" PRIu64 " programs, %" PRIu64 " acts\n",
	       o->seed, n, acts);
	print_counts();
	if (covered)
		printf("# reached %d of %d places in the module, kept %d programs\n",
		       coverage_all(), o->points, nr_corpus);
	else
		puts("# this kernel has no KCOV: nobody knows what was reached");
	printf("%" PRIu64 " passed, %d failed, 0 skipped\n", n - failures,
	       failures);
	return failures > 0;
}

static int replay(const struct options *o)
{
	long clean = taint();
	const char *what;
	uint64_t i;

	if (!load(o->replay, &current))
		return 2;
	for (i = 0; i < o->programs; i++) {
		what = run_and_look(clean);
		if (!what && knotes_left())
			what = "leaves knotes";
		if (what) {
			printf("# %s %s\n", o->replay, what);
			return 1;
		}
	}
	return 0;
}

static int print(const char *path)
{
	if (!load(path, &current))
		return 2;
	program_print(stdout, &current);
	return 0;
}

static int without(const char *what, const char *path)
{
	int at, n;

	if (sscanf(what, "%d,%d", &at, &n) != 2 || !load(path, &current))
		return 2;
	if (at < 0 || n < 1 || at + n > current.n)
		return 1;
	memmove(&current.step[at], &current.step[at + n],
		(current.n - at - n) * sizeof(current.step[0]));
	current.n -= n;
	return fwrite(&current, sizeof(current), 1, stdout) == 1 ? 0 : 2;
}

static void usage(void)
{
	fputs("[--seed S] [--seconds N] [--programs N] [--points N] [--out DIR],\n"
	      "or --replay FILE [--programs N], --print FILE, --without AT,N FILE\n",
	      stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "programs", required_argument, NULL, 'n' },
		{ "points", required_argument, NULL, 'm' },
		{ "out", required_argument, NULL, 'o' },
		{ "replay", required_argument, NULL, 'r' },
		{ "print", required_argument, NULL, 'p' },
		{ "without", required_argument, NULL, 'w' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o->seconds = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			o->programs = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			o->points = atoi(optarg);
			break;
		case 'o':
			o->dir = optarg;
			break;
		case 'r':
			o->replay = optarg;
			break;
		case 'p':
			o->print = optarg;
			break;
		case 'w':
			o->without = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + !!o->without != argc)
		usage();
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .seconds = UINT32_MAX,
			     .programs = UINT64_MAX };

	parse(argc, argv, &o);
	if (o.print)
		return print(o.print);
	if (o.without)
		return without(o.without, argv[optind]);
	if (o.replay)
		return replay(&o);
	return fuzz(&o);
}
