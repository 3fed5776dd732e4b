/* SPDX-License-Identifier: GPL-2.0 */
/* The first two arguments of a traced function, and the end of the tracing. */
#ifndef _KQUEUE_COMPAT_FTRACE_H
#define _KQUEUE_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/ptrace.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)

#define kq_ftrace_regs	pt_regs

#define KQ_FTRACE_FLAGS	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION_SAFE)

static inline unsigned long kq_ftrace_arg(struct kq_ftrace_regs *regs, unsigned int n)
{
	return regs_get_kernel_argument(regs, n);
}

#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

#define kq_ftrace_regs	ftrace_regs

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#define KQ_FTRACE_FLAGS	0
#else
#define KQ_FTRACE_FLAGS	FTRACE_OPS_FL_SAVE_REGS
#endif

/* The registers may be partial; those of the arguments are always there. */
static inline unsigned long kq_ftrace_arg(struct kq_ftrace_regs *fregs, unsigned int n)
{
	return regs_get_kernel_argument(&fregs->regs, n);
}

#else

#define kq_ftrace_regs	ftrace_regs

#define KQ_FTRACE_FLAGS	0

static inline unsigned long kq_ftrace_arg(struct kq_ftrace_regs *fregs, unsigned int n)
{
	return ftrace_regs_get_argument(fregs, n);
}

#endif

/* Unregistered, it may as well have an empty filter as none. */
static inline void kq_ftrace_free_filter(struct ftrace_ops *ops)
{
#ifdef KQ_FTRACE_FREE_FILTER
	ftrace_free_filter(ops);
#else
	ftrace_set_filter(ops, NULL, 0, 1);
#endif
}

#endif /* _KQUEUE_COMPAT_FTRACE_H */
