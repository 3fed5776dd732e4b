// SPDX-License-Identifier: GPL-2.0
/*
 * probes - what SIGNAL and PROC cost those whom nobody watches
 *
 * The guest instructions of a signal, a fork and an exec: without the module,
 * with it before there was any such knote, and while another process is watched.
 * Run with --icount a nanosecond is an instruction, and the smallest of many
 * measurements is the same each time.  Fails if one costs LIMIT more or, before
 * there was a knote, anything at all.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define LIMIT		60
#define NOISE		10	/* of the 130,000 of an exec */
#define ROUNDS		8
#define MOST_ROUNDS	32	/* where the smallest has not come in those */
#define MODULE		"/run/guest/kqueue.ko"

/* Descriptors */
#define IMAGE		10	/* arrive, in memory */
#define ARRIVAL		11	/* where it writes */
#define TIMES		12	/* the other end */

enum { SIGNAL, FORK, EXEC, COSTS };

static const char *const names[COSTS] = { "signal", "fork", "exec" };

static int64_t now(void)
{
	return __rdtsc();
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* One that is ignored is told like any other, and leaves nothing behind. */
static int64_t cost_of_signal(void)
{
	int64_t best = INT64_MAX, begin;
	pid_t self = getpid();
	int i;

	signal(SIGUSR1, SIG_IGN);
	for (i = 0; i < 10000; i++) {
		begin = now();
		kill(self, SIGUSR1);
		best = least(best, now() - begin);
	}
	return best;
}

static int child(void *arg)
{
	(void)arg;
	_exit(0);
}

/* The call alone, without a signal at the end: the child waits until we do. */
static int64_t cost_of_fork(void)
{
	int64_t best = INT64_MAX, begin;
	static char stack[65536];
	pid_t pid;
	int i;

	for (i = 0; i < 1000; i++) {
		begin = now();
		pid = clone(child, stack + sizeof(stack),
			    CLONE_VM | CLONE_FILES | CLONE_FS, NULL);
		best = least(best, now() - begin);
		if (pid < 0)
			err(1, "clone");
		waitpid(pid, NULL, __WALL);
	}
	return best;
}

/* Until arrive runs, which tells when that was. */
static int64_t one_exec(void)
{
	static char *const argv[] = { "arrive", NULL };
	volatile int64_t begin;
	int64_t end;
	pid_t pid;

	pid = vfork();
	if (pid == 0) {
		personality(ADDR_NO_RANDOMIZE);
		begin = now();
		fexecve(IMAGE, argv, argv + 1);
		_exit(1);
	}
	if (read(TIMES, &end, sizeof(end)) != sizeof(end))
		err(1, "arrive");
	waitpid(pid, NULL, 0);
	return end - begin;
}

static int64_t cost_of_exec(void)
{
	int64_t best = INT64_MAX;
	int i;

	for (i = 0; i < 500; i++)
		best = least(best, one_exec());
	return best;
}

/* The same numbers each time: what a look-up of one costs depends on them. */
static void measure(int64_t cost[COSTS])
{
	FILE *last_pid = fopen("/proc/sys/kernel/ns_last_pid", "w");

	if (!last_pid || fputs("1000", last_pid) < 0 || fclose(last_pid))
		err(1, "ns_last_pid");
	cost[SIGNAL] = least(cost[SIGNAL], cost_of_signal());
	cost[FORK] = least(cost[FORK], cost_of_fork());
	cost[EXEC] = least(cost[EXEC], cost_of_exec());
}

static void unload_module(void)
{
	if (syscall(SYS_delete_module, "kqueue", O_NONBLOCK))
		err(1, "unload");
}

static void load_module(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		err(1, "%s", MODULE);
	close(fd);
}

static void add(int kq, uintptr_t ident, short filter, unsigned int fflags)
{
	struct kevent kev;

	EV_SET(&kev, ident, filter, EV_ADD, fflags, 0, NULL);
	if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
		err(1, "kevent");
}

/* Another process, which has itself watched when it is told, and no more. */
static void other(int told, int done)
{
	int kq;
	char c;

	while (read(told, &c, 1) == 1) {
		kq = kqueue();
		if (kq < 0)
			err(1, "kqueue");
		add(kq, SIGUSR1, EVFILT_SIGNAL, 0);
		add(kq, getpid(), EVFILT_PROC,
		    NOTE_EXIT | NOTE_FORK | NOTE_EXEC | NOTE_TRACK);
		if (write(done, &c, 1) != 1 || read(told, &c, 1) != 1)
			break;
		close(kq);
		if (write(done, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_other(int fd[2])
{
	int to[2], from[2];

	if (pipe(to) < 0 || pipe(from) < 0)
		err(1, "pipe");
	if (fork() == 0) {
		close(to[1]);
		other(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	fd[0] = from[0];
	fd[1] = to[1];
}

static void tell(int fd[2])
{
	char c = 0;

	if (write(fd[1], &c, 1) != 1 || read(fd[0], &c, 1) != 1)
		err(1, "the other process");
}

/* Nobody runs unless we wait, and arrive runs from memory. */
static void prepare(const char *arrive)
{
	struct sched_param param = { .sched_priority = 1 };
	struct stat st;
	int file, p[2];

	file = open(arrive, O_RDONLY);
	if (file < 0 || fstat(file, &st) < 0 ||
	    dup2(memfd_create("arrive", 0), IMAGE) < 0 ||
	    sendfile(IMAGE, file, NULL, st.st_size) != st.st_size)
		err(1, "%s", arrive);
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		err(1, "SCHED_FIFO");
	if (pipe(p) < 0 || dup2(p[1], ARRIVAL) < 0 || dup2(p[0], TIMES) < 0)
		err(1, "pipe");
}

static bool too_much(const int64_t *without, const int64_t *before,
		     const int64_t *watching)
{
	int i;

	for (i = 0; i < COSTS; i++) {
		if (before[i] - without[i] > NOISE ||
		    watching[i] - without[i] >= LIMIT)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int64_t without[COSTS], before[COSTS], watching[COSTS];
	bool failed = true;
	int i, fd[2];

	if (argc != 2)
		errx(2, "usage: probes ARRIVE");
	prepare(argv[1]);
	for (i = 0; i < COSTS; i++) {
		without[i] = INT64_MAX;
		before[i] = INT64_MAX;
		watching[i] = INT64_MAX;
	}
	for (i = 0; i < ROUNDS || (failed && i < MOST_ROUNDS); i++) {
		/* Another each time, while the one before is still there. */
		start_other(fd);
		unload_module();
		measure(without);
		load_module();
		measure(before);
		tell(fd);
		measure(watching);
		tell(fd);
		failed = too_much(without, before, watching);
	}

	printf("         without  loaded  another is watched\n");
	for (i = 0; i < COSTS; i++)
		printf("%-7s %8" PRId64 " %+7" PRId64 " %+7" PRId64 "\n",
		       names[i], without[i], before[i] - without[i],
		       watching[i] - without[i]);
	return failed;
}
