// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "acts.h"
#include "coverage.h"

#define ENTRIES		32768
/* A module is smaller. */
#define MAX_CODE	1048576

/* The first entry is the number of those that follow. */
static struct {
	int fd;
	uint64_t *entry;
} trace[MAX_THREADS];
static int traces;
static uint64_t base, size;
static uint8_t reached[MAX_CODE];
static int all;

/* Where the module's code is. */
static bool find_module(void)
{
	unsigned long long where, bytes;
	char line[512];
	FILE *f = fopen("/proc/modules", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "kqueue %llu %*d %*s %*s %llx", &bytes,
			   &where) != 2)
			continue;
		base = where;
		size = bytes < MAX_CODE ? bytes : MAX_CODE;
	}
	if (f)
		fclose(f);
	return base;
}

bool coverage_begin(int threads)
{
	int i;

	if (!find_module())
		return false;
	for (i = 0; i < threads; i++) {
		int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

		if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, ENTRIES))
			return false;
		trace[i].fd = fd;
		trace[i].entry = mmap(NULL, ENTRIES * sizeof(uint64_t),
				      PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (trace[i].entry == MAP_FAILED)
			return false;
	}
	traces = threads;
	return true;
}

void coverage_trace(int i)
{
	if (i < traces)
		ioctl(trace[i].fd, KCOV_ENABLE, KCOV_TRACE_PC);
}

int coverage_new(void)
{
	int i, before = all;
	uint64_t j, n, at;

	for (i = 0; i < traces; i++) {
		n = trace[i].entry[0];
		for (j = 1; j <= n && j < ENTRIES; j++) {
			at = trace[i].entry[j] - base;
			if (at < size && !reached[at]) {
				reached[at] = 1;
				all++;
			}
		}
		trace[i].entry[0] = 0;
	}
	return all - before;
}

int coverage_all(void)
{
	return all;
}
