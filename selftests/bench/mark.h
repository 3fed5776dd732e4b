/* SPDX-License-Identifier: GPL-2.0 */
/* Where an operation begins and ends, for the plugin in counts.c. */
#ifndef MARK_H
#define MARK_H

#include <sys/cdefs.h>

#define MARK_MAGIC	0x4b510000

/* nopl with the number, a constant, as its displacement */
static __always_inline void mark(int number)
{
	asm volatile("nopl %c0(%%rax)"
		     : : "i"(MARK_MAGIC | number) : "memory");
}

static __always_inline void mark_begin(int operation)
{
	mark(2 * operation);
}

static __always_inline void mark_end(int operation)
{
	mark(2 * operation + 1);
}

#endif /* MARK_H */
