// SPDX-License-Identifier: GPL-2.0
/*
 * bench - what epoll and kqueue cost, side by side
 *
 * Instructions of the guest, system call and library included, of the same work
 * on the same descriptors.  Run with --icount a nanosecond is an instruction,
 * and the smallest of several measurements is the same each time.  Arguments
 * name subjects; without any all are measured.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

static const struct {
	const char *name;
	void (*run)(void);
} subjects[] = {
	{ "change", bench_change },
	{ "wait", bench_wait },
	{ "wake", bench_wake },
	{ "close", bench_close },
	{ "memory", bench_memory },
	{ "timer", bench_timer },
	{ "others", bench_others },
	{ "echo", bench_echo },
	/* The last: with a second thread the C library's calls cost more. */
	{ "sleep", bench_sleep },
};

static void prepare(void)
{
	struct rlimit limit = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };

	must(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
	clock_start();
}

int main(int argc, char **argv)
{
	size_t i;
	int a;

	prepare();
	for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		for (a = 1; a < argc; a++)
			if (!strcmp(argv[a], subjects[i].name))
				break;
		if (argc == 1 || a < argc)
			subjects[i].run();
	}
	return 0;
}
