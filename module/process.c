// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: whether one has ended, how, and who may know.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

#include "compat/dumpable.h"
#include "process.h"

static bool same_ids(const struct cred *cred, const struct cred *target)
{
	return uid_eq(cred->uid, target->euid) &&
	       uid_eq(cred->uid, target->suid) &&
	       uid_eq(cred->uid, target->uid) &&
	       gid_eq(cred->gid, target->egid) &&
	       gid_eq(cred->gid, target->sgid) &&
	       gid_eq(cred->gid, target->gid);
}

/* ns_capable(), for others than the current process. */
static bool may_trace(const struct cred *cred, const struct user_namespace *ns)
{
	for (; ns != cred->user_ns; ns = ns->parent) {
		if (ns->level <= cred->user_ns->level)
			return false;
		if (ns->parent == cred->user_ns && uid_eq(ns->owner, cred->euid))
			return true;
	}
	return cap_raised(cred->cap_effective, CAP_SYS_PTRACE);
}

/**
 * process_exited - whether all threads of a process have ended
 * @pid: the process
 * @cred: who looks, or NULL for who may know all
 * @status: where its status goes, as wait() gives it: 0 where @cred may not look
 *	into the process
 *
 * A leader that has left its threads behind is a zombie already; the process
 * has ended, and can be waited for, when it is alone.
 *
 * Context: any.
 * Return: whether it has ended and was not reaped yet.
 */
bool process_exited(struct pid *pid, const struct cred *cred, int *status)
{
	const struct cred *target;
	struct task_struct *task;
	bool exited;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	exited = task && READ_ONCE(task->exit_state) && thread_group_empty(task);
	if (exited)
		*status = task->signal->flags & SIGNAL_GROUP_EXIT ?
			  task->signal->group_exit_code : task->exit_code;
	if (exited && cred) {
		target = __task_cred(task);
		if (!(same_ids(cred, target) && kq_dumpable(task, NULL)) &&
		    !may_trace(cred, target->user_ns))
			*status = 0;
	}
	rcu_read_unlock();
	return exited;
}

/**
 * process_access - whether the caller may look into a process
 * @task: its leader, which the caller keeps alive
 *
 * As for ptrace: the same user and group, and no secrets from that user; or
 * CAP_SYS_PTRACE over it.
 *
 * Context: process, may sleep.
 * Return: 0 or -EACCES.
 */
int process_access(struct task_struct *task)
{
	const struct cred *target;
	struct mm_struct *mm;
	bool allowed;

	if (same_thread_group(task, current))
		return 0;
	rcu_read_lock();
	target = __task_cred(task);
	allowed = same_ids(current_cred(), target) ||
		  ns_capable(target->user_ns, CAP_SYS_PTRACE);
	rcu_read_unlock();
	/* Who becomes another is not dumpable first, see commit_creds(). */
	smp_rmb();
	mm = get_task_mm(task);
	rcu_read_lock();
	if (allowed && !kq_dumpable(task, mm))
		allowed = ns_capable(kq_dump_namespace(task, mm), CAP_SYS_PTRACE);
	rcu_read_unlock();
	if (mm)
		mmput(mm);
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
	struct mm_struct *mm = current->mm;
	bool kept;

	rcu_read_lock();
	kept = (same_ids(cred, now) || may_trace(cred, now->user_ns)) &&
	       (kq_dumpable(current, mm) ||
		may_trace(cred, kq_dump_namespace(current, mm)));
	rcu_read_unlock();
	return kept;
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
	/* Once it is reaped its parent may be gone, too. */
	child = pid_alive(task) &&
		same_thread_group(rcu_dereference(task->real_parent), current);
	rcu_read_unlock();
	return child;
}
