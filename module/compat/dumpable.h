/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a process may be looked into: kept in its memory once, now beside it. */
#ifndef _KQUEUE_COMPAT_DUMPABLE_H
#define _KQUEUE_COMPAT_DUMPABLE_H

#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#ifdef KQ_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

/* @mm is the task's memory.  The task is current, or has a reference. */
static inline bool kq_dumpable(const struct task_struct *task,
			       struct mm_struct *mm)
{
#ifdef KQ_EXEC_STATE
	bool dumpable;

	rcu_read_lock();
	dumpable = READ_ONCE(rcu_dereference(task->exec_state)->dumpable) ==
		   TASK_DUMPABLE_OWNER;
	rcu_read_unlock();
	return dumpable;
#else
	return get_dumpable(mm) == SUID_DUMP_USER;
#endif
}

#endif /* _KQUEUE_COMPAT_DUMPABLE_H */
