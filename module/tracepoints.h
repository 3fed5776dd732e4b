/* SPDX-License-Identifier: GPL-2.0 */
/* Being called where the kernel has a tracepoint. */
#ifndef _KQUEUE_TRACEPOINTS_H
#define _KQUEUE_TRACEPOINTS_H

#include <linux/types.h>

struct tracepoint;

/**
 * struct trace_hook - a filter's probe on a tracepoint
 * @name: I: the tracepoint's
 * @probe: I: what it calls
 * @tp: the tracepoint, once it is armed (hook_lock)
 */
struct trace_hook {
	const char		*name;
	void			*probe;
	struct tracepoint	*tp;
};

int trace_hook_arm(struct trace_hook *hook);
void trace_hook_disarm(struct trace_hook *hook);

#endif /* _KQUEUE_TRACEPOINTS_H */
