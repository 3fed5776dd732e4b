// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the rate in kHz of the time stamp counter that a TCG guest sees: it
 * is the host's.  Told so, the guest need not measure it against a timer that
 * ticks late on a busy host: a measurement that fails ends in a silent hang.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int main(void)
{
	const struct timespec nap = { .tv_nsec = 300000000 };
	uint64_t ns = now_ns(), ticks = __rdtsc();

	nanosleep(&nap, NULL);
	ns = now_ns() - ns;
	ticks = __rdtsc() - ticks;
	printf("%.0f\n", ticks * 1e6 / ns);
	return 0;
}
