// SPDX-License-Identifier: GPL-2.0
/*
 * The harness's time limits, by alarm(), are for a stock kernel.  One that watches
 * itself takes KQ_SLOW times as long.
 */
#include <stdlib.h>

unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	const char *slow = getenv("KQ_SLOW");

	return __real_alarm(seconds * (slow ? atoi(slow) : 1));
}
