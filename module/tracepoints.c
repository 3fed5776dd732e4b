// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, found by name: they are not exported.
 *
 * Arming one patches kernel text, so each is armed when it is first needed and
 * stays so until the module goes: nobody can make the kernel patch itself in a
 * loop by adding and deleting knotes.
 */
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "tracepoints.h"

static DEFINE_MUTEX(hook_lock);

struct search {
	const char		*name;
	struct tracepoint	*found;
};

static void match_name(struct tracepoint *tp, void *arg)
{
	struct search *search = arg;

	if (!strcmp(tp->name, search->name))
		search->found = tp;
}

/**
 * trace_hook_arm - have a probe called from now on
 * @hook: the hook; armed already or not
 *
 * Context: process, may sleep.
 * Return: 0, -ENXIO where the kernel has no such tracepoint, or -ENOMEM.
 */
int trace_hook_arm(struct trace_hook *hook)
{
	struct search search = { .name = hook->name };
	int error = 0;

	if (READ_ONCE(hook->tp))
		return 0;
	mutex_lock(&hook_lock);
	if (hook->tp)
		goto out;
	for_each_kernel_tracepoint(match_name, &search);
	error = -ENXIO;
	if (!search.found)
		goto out;
	error = tracepoint_probe_register(search.found, hook->probe, NULL);
	if (!error)
		WRITE_ONCE(hook->tp, search.found);
out:
	mutex_unlock(&hook_lock);
	return error;
}

/**
 * trace_hook_disarm - have a probe not called any more, at the module's end
 * @hook: the hook; armed or not
 *
 * Context: process, may sleep.  When it returns no probe is running.
 */
void trace_hook_disarm(struct trace_hook *hook)
{
	if (!hook->tp)
		return;
	tracepoint_probe_unregister(hook->tp, hook->probe, NULL);
	tracepoint_synchronize_unregister();
	hook->tp = NULL;
}
