/* SPDX-License-Identifier: GPL-2.0 */
/* Who may look into a process: kept in its memory once, now beside it. */
#ifndef _KQUEUE_COMPAT_DUMPABLE_H
#define _KQUEUE_COMPAT_DUMPABLE_H

#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/user_namespace.h>
#ifdef KQ_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

/*
 * Whether others of its user may look into a task, and over which namespace who may
 * not has to have CAP_SYS_PTRACE.  @mm is the task's memory, NULL once it has none.
 * The task has a reference; under RCU.
 */
static inline bool kq_dumpable(const struct task_struct *task,
			       struct mm_struct *mm)
{
#ifdef KQ_EXEC_STATE
	return READ_ONCE(rcu_dereference(task->exec_state)->dumpable) ==
	       TASK_DUMPABLE_OWNER;
#else
	if (mm)
		return get_dumpable(mm) == SUID_DUMP_USER;
#ifdef KQ_USER_DUMPABLE
	return task->user_dumpable;
#else
	return true;
#endif
#endif
}

static inline struct user_namespace *
kq_dump_namespace(const struct task_struct *task, const struct mm_struct *mm)
{
#ifdef KQ_EXEC_STATE
	return rcu_dereference(task->exec_state)->user_ns;
#else
	return mm ? mm->user_ns : &init_user_ns;
#endif
}

#endif /* _KQUEUE_COMPAT_DUMPABLE_H */
