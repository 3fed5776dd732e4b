// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: whether one has ended, how, and who may know.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat/dumpable.h"
#include "process.h"

/**
 * process_exited - whether all threads of a process have ended
 * @pid: the process
 * @status: where its status goes, as wait() gives it
 *
 * A leader that has left its threads behind is a zombie already; the process
 * has ended, and can be waited for, when it is alone.
 *
 * Context: any.
 * Return: whether it has ended and was not reaped yet.
 */
bool process_exited(struct pid *pid, int *status)
{
	struct task_struct *task;
	bool exited;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	exited = task && READ_ONCE(task->exit_state) && thread_group_empty(task);
	if (exited)
		*status = task->signal->flags & SIGNAL_GROUP_EXIT ?
			  task->signal->group_exit_code : task->exit_code;
	rcu_read_unlock();
	return exited;
}

static bool same_uids(const struct cred *cred, const struct cred *target)
{
	return uid_eq(cred->uid, target->euid) &&
	       uid_eq(cred->uid, target->suid) &&
	       uid_eq(cred->uid, target->uid);
}

static bool may_trace(const struct cred *cred, const struct cred *target)
{
	return cred->user_ns == target->user_ns &&
	       cap_raised(cred->cap_effective, CAP_SYS_PTRACE);
}

/**
 * process_access - whether the caller may look into a process
 * @task: its leader, which the caller keeps alive
 *
 * As for ptrace: the same user, and no secrets from that user; or
 * CAP_SYS_PTRACE over it.
 *
 * Context: process, may sleep.
 * Return: 0 or -EACCES.
 */
int process_access(struct task_struct *task)
{
	struct mm_struct *mm;
	bool allowed = true;

	if (same_thread_group(task, current))
		return 0;
	mm = get_task_mm(task);
	if (mm) {
		allowed = kq_dumpable(task, mm);
		mmput(mm);
	}
	rcu_read_lock();
	if (!allowed || !same_uids(current_cred(), __task_cred(task)))
		allowed = ns_capable(__task_cred(task)->user_ns, CAP_SYS_PTRACE);
	rcu_read_unlock();
	return allowed ? 0 : -EACCES;
}

/**
 * process_access_kept - the same of the current process, which has just exec'ed
 * @cred: who looks
 *
 * Context: any, in the process that is looked at.
 */
bool process_access_kept(const struct cred *cred)
{
	const struct cred *now = current_cred();

	return (same_uids(cred, now) && kq_dumpable(current, current->mm)) ||
	       may_trace(cred, now);
}

/**
 * process_is_child - whether the caller is the parent, whom wait() tells all
 * @task: the process
 *
 * Context: process.
 */
bool process_is_child(struct task_struct *task)
{
	bool child;

	rcu_read_lock();
	child = same_thread_group(rcu_dereference(task->real_parent), current);
	rcu_read_unlock();
	return child;
}

/**
 * process_status_kept - process_access_kept() for a process that has exited
 * @pid: the process; not reaped yet
 * @cred: who looks
 *
 * What it could have been dumped from is gone by then.
 *
 * Context: any.
 */
bool process_status_kept(struct pid *pid, const struct cred *cred)
{
	const struct cred *last;
	struct task_struct *task;
	bool kept = false;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task) {
		last = __task_cred(task);
		kept = same_uids(cred, last) || may_trace(cred, last);
	}
	rcu_read_unlock();
	return kept;
}
