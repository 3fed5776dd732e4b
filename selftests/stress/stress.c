// SPDX-License-Identifier: GPL-2.0
/* Rounds, what they count, and what became of them, in TAP. */
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "stress.h"

#define OPERATIONS	32
#define MESSAGES	20
#define ROUND		(10 * SEC)

/* What all processes of a program have in common. */
struct shared {
	atomic_ulong done[OPERATIONS];
	atomic_uint failures;
	atomic_bool skipped;
};

static struct shared *shared;

void did_many(int operation, unsigned long n)
{
	atomic_fetch_add_explicit(&shared->done[operation], n,
				  memory_order_relaxed);
}

/* In one write, as others write at the same time. */
static void print(const char *before, const char *format, va_list args)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "# %s", before);

	n += vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) != n)
		abort();
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print("", format, args);
	va_end(args);
}

void fail(const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add(&shared->failures, 1) >= MESSAGES)
		return;
	va_start(args, format);
	print("WRONG: ", format, args);
	va_end(args);
}

bool failed(void)
{
	return atomic_load(&shared->failures);
}

void skip(const char *format, ...)
{
	va_list args;

	atomic_store(&shared->skipped, true);
	va_start(args, format);
	print("skipped: ", format, args);
	va_end(args);
}

pthread_t spawn(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, arg);

	if (error) {
		fail("no thread: %s", strerror(error));
		_exit(1);
	}
	return thread;
}

/* Where the threads of a process that hangs are. */
static void show_stacks(pid_t pid)
{
	static const char *const files[] = { "comm", "syscall", "stack" };
	char path[300], line[200];
	struct dirent *task;
	unsigned int i;
	FILE *f;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (task = readdir(dir))) {
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%s/%s",
				 pid, task->d_name, files[i]);
			f = fopen(path, "re");
			while (f && fgets(line, sizeof(line), f)) {
				line[strcspn(line, "\n")] = '\0';
				say("%s %s: %s", task->d_name, files[i], line);
			}
			if (f)
				fclose(f);
		}
	}
	if (dir)
		closedir(dir);
}

/* Whether it ended, within the time it was given; its status. */
static bool ends(pid_t pid, int64_t limit, int *status)
{
	pid_t got;

	do {
		got = waitpid(pid, status, WNOHANG);
		if (got == pid)
			return true;
		nap(1000);
	} while (!got && now() < limit);
	return false;
}

/* What a round left running: its group, and those that have left the group. */
static void end_rest(pid_t group)
{
	int64_t limit = now() + PATIENCE;
	pid_t pid;

	do {
		kill(-group, SIGKILL);
		pid = waitpid(-1, NULL, WNOHANG);
		if (!pid)
			nap(1000);
	} while ((pid >= 0 || errno == EINTR) && now() < limit);
	CHECK(pid < 0, "processes cannot be killed");
}

static void run_round(const struct stress_test *test, struct rng rng,
		      int64_t end, bool limited)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		test->round(&rng, end);
		/* The end of the process is part of the test. */
		_exit(0);
	}
	if (pid < 0) {
		fail("no process: %m");
		return;
	}
	setpgid(pid, pid);
	if (!ends(pid, limited ? end + 2 * PATIENCE : INT64_MAX, &status)) {
		fail("a round hangs");
		show_stacks(pid);
	} else if (status) {
		fail("a round ends with status %#x", status);
	}
	end_rest(pid);
	until(!kq_param("knotes") && !kq_param("callouts"),
	      "%lld knotes and %lld timers are left", kq_param("knotes"),
	      kq_param("callouts"));
}

static void run_test(const struct stress_test *test, struct rng rng,
		     int64_t seconds)
{
	int64_t t, end = now() + seconds * SEC * test->share / 100;

	do {
		t = now();
		run_round(test, branch(&rng),
			  end - t > ROUND ? t + ROUND : end, test->share);
	} while (now() < end && !failed() && !atomic_load(&shared->skipped));
}

static void print_operations(const char *const *names, int n)
{
	unsigned long done;
	int i;

	printf("# operations:");
	for (i = 0; i < n; i++) {
		done = atomic_exchange(&shared->done[i], 0);
		if (done)
			printf(" %s %lu", names[i], done);
	}
	printf("\n");
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

int stress_main(const struct stress_test *tests, int n,
		const char *const *operations, int noperations)
{
	struct rlimit most = { 1000000, 1000000 };
	struct rng rng = { setting("STRESS_SEED", 1) };
	int64_t seconds = setting("STRESS_SECONDS", 60);
	int i, bad = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || noperations > OPERATIONS ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) ||
	    setrlimit(RLIMIT_NOFILE, &most) || kq_param("knotes") < 0) {
		printf("Bail out! the setting: %m\n");
		return 1;
	}
	printf("TAP version 13\n1..%d\n# seed %llu\n", n,
	       (unsigned long long)rng.state);
	for (i = 0; i < n; i++) {
		run_test(&tests[i], branch(&rng), seconds);
		print_operations(operations, noperations);
		printf("%sok %d %s%s\n", failed() ? "not " : "", i + 1,
		       tests[i].name,
		       atomic_load(&shared->skipped) ? " # SKIP" : "");
		fflush(stdout);
		bad += failed();
		atomic_store(&shared->failures, 0);
		atomic_store(&shared->skipped, false);
	}
	return bad > 0;
}
