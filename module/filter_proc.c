// SPDX-License-Identifier: GPL-2.0
/*
 * PROC: exit, fork and exec of a process.
 *
 * The end is told by pid->wait_pidfd, fork and exec by their tracepoints.  All
 * three call us where nothing may sleep: tasklist_lock is held, or the new
 * image is not running yet.  What they find is collected in the knote.
 *
 * A knote belongs to a process, not to its number: when a number is used again
 * while the end of the first process waits to be taken, there are two.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "filter.h"
#include "knote.h"
#include "process.h"
#include "table.h"
#include "tracepoints.h"

/* Knotes on one process: what its fork and its exec have to look at. */
#define WATCHERS_MAX	4096

/**
 * struct proc_watch - a knote's watch on a process
 * @node: in the table, by process
 * @wait: place on pid->wait_pidfd
 * @kn: I: the knote
 * @pid: I: the process, a reference held
 * @over: q: its end was seen
 * @hidden: q: its status and its doings are not for the queue's owner
 * @rcu: to free it behind those who walk the table
 */
struct proc_watch {
	struct hlist_node	node;
	wait_queue_entry_t	wait;
	struct knote		*kn;
	struct pid		*pid;
	bool			over;
	bool			hidden;
	struct rcu_head		rcu;
};

/* By process. */
static struct table watchers;

static struct hlist_head *bucket_of(struct pid *pid)
{
	return table_bucket(&watchers, (unsigned long)pid, 0);
}

/*
 * Its end.  Who did not ask is told at most what is pending, and the knote goes
 * either way: from a worker, since our place on wait_pidfd is in use just now.
 */
static void proc_over(struct proc_watch *watch, int status)
{
	struct knote *kn = watch->kn;
	unsigned long flags;
	bool owned = false;

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	if (!watch->over) {
		watch->over = true;
		kn->kn_flags |= EV_EOF | EV_ONESHOT;
		if (kn->kn_sfflags & NOTE_EXIT) {
			kn->kn_fflags |= NOTE_EXIT;
			kn->kn_data = watch->hidden ? 0 : status;
		}
		if (kn->kn_fflags)
			knote_activate(kn);
		else
			owned = knote_kill(kn);
	}
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	if (owned)
		knote_drop_later(kn);
}

static int proc_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct proc_watch *watch = container_of(wait, struct proc_watch, wait);
	int status;

	rcu_read_lock();
	if (process_exited(watch->pid, &status))
		proc_over(watch, status);
	rcu_read_unlock();
	return 0;
}

/* Something that a process did. */
static void proc_did(struct pid *pid, u32 note)
{
	struct hlist_head *bucket = bucket_of(pid);
	struct proc_watch *watch;
	unsigned long flags;
	struct knote *kn;

	if (hlist_empty(bucket))
		return;
	rcu_read_lock();
	hlist_for_each_entry_rcu(watch, bucket, node) {
		if (watch->pid != pid)
			continue;
		kn = watch->kn;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		if (note == NOTE_EXEC && !process_access_kept(kn->kn_kq->cred))
			watch->hidden = true;
		if (kn->kn_sfflags & note && !watch->hidden) {
			kn->kn_fflags |= note;
			knote_activate(kn);
		}
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	}
	rcu_read_unlock();
}

static void fork_probe(void *data, struct task_struct *parent,
		       struct task_struct *child)
{
	if (!same_thread_group(parent, child))
		proc_did(task_tgid(parent), NOTE_FORK);
}

static void exec_probe(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	proc_did(task_tgid(task), NOTE_EXEC);
}

static struct trace_hook fork_hook = {
	.name	= "sched_process_fork",
	.probe	= fork_probe,
};

static struct trace_hook exec_hook = {
	.name	= "sched_process_exec",
	.probe	= exec_probe,
};

int proc_init(void)
{
	return table_init(&watchers);
}

void proc_exit(void)
{
	trace_hook_disarm(&fork_hook);
	trace_hook_disarm(&exec_hook);
	table_destroy(&watchers);
}

static bool watchers_full(struct hlist_head *bucket, struct pid *pid)
{
	struct proc_watch *watch;
	unsigned int n = 0;

	hlist_for_each_entry(watch, bucket, node)
		if (watch->pid == pid && ++n == WATCHERS_MAX)
			return true;
	return false;
}

static int watch_publish(struct proc_watch *watch)
{
	struct hlist_head *bucket = bucket_of(watch->pid);
	raw_spinlock_t *lock = table_lock(&watchers, bucket);
	unsigned long flags;
	int error = 0;

	raw_spin_lock_irqsave(lock, flags);
	if (watchers_full(bucket, watch->pid))
		error = -ENOMEM;
	else
		hlist_add_head_rcu(&watch->node, bucket);
	raw_spin_unlock_irqrestore(lock, flags);
	return error;
}

static void watch_withdraw(struct proc_watch *watch)
{
	raw_spinlock_t *lock = table_lock(&watchers, bucket_of(watch->pid));
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	hlist_del_rcu(&watch->node);
	raw_spin_unlock_irqrestore(lock, flags);
	remove_wait_queue(&watch->pid->wait_pidfd, &watch->wait);
}

static void watch_free(struct proc_watch *watch)
{
	put_pid(watch->pid);
	kfree_rcu(watch, rcu);
}

/*
 * The process that a knote is about to watch.  Its end may be all that the
 * caller may know of it.
 */
static int watch_find(struct proc_watch *watch, u64 ident, u32 notes)
{
	struct task_struct *task;
	int error, status;

	if (ident > INT_MAX)
		return -ESRCH;
	watch->pid = find_get_pid(ident);
	task = get_pid_task(watch->pid, PIDTYPE_TGID);
	if (!task)
		return -ESRCH;
	error = process_access(task);
	watch->hidden = error;
	if (!(notes & (NOTE_FORK | NOTE_EXEC)))
		error = 0;
	if (task->flags & PF_KTHREAD)
		error = -ESRCH;
	put_task_struct(task);
	if (!error && !(notes & NOTE_EXIT) && process_exited(watch->pid, &status))
		error = -ESRCH;
	return error;
}

static int proc_arm(u32 notes)
{
	int error = 0;

	if (notes & NOTE_FORK)
		error = trace_hook_arm(&fork_hook);
	/* An exec may take the right to know away. */
	return error ?: trace_hook_arm(&exec_hook);
}

/*
 * It may end at any time: before our place on wait_pidfd was taken we see it,
 * after that we are told.  If it was reaped before we looked and nobody told
 * us, it had ended before we came.
 */
static int watch_start(struct proc_watch *watch)
{
	int error, status;

	error = watch_publish(watch);
	if (error)
		return error;
	add_wait_queue(&watch->pid->wait_pidfd, &watch->wait);
	if (process_exited(watch->pid, &status))
		proc_over(watch, status);
	rcu_read_lock();
	if (!pid_task(watch->pid, PIDTYPE_PID) && !READ_ONCE(watch->over))
		error = -ESRCH;
	rcu_read_unlock();
	if (error)
		watch_withdraw(watch);
	return error;
}

static int proc_attach(struct knote *kn)
{
	struct proc_watch *watch;
	unsigned long flags;
	int error;

	if (kn->kn_sfflags & NOTE_TRACK)
		return -EINVAL;
	error = proc_arm(kn->kn_sfflags);
	if (error)
		return error;
	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	watch->kn = kn;
	init_waitqueue_func_entry(&watch->wait, proc_wake);
	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = watch;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);

	error = watch_find(watch, kn->kn_id, kn->kn_sfflags);
	if (!error)
		error = watch_start(watch);
	if (error) {
		WRITE_ONCE(kn->kn_hook, NULL);	/* proc_same() may look */
		watch_free(watch);
	}
	return error;
}

static void proc_detach(struct knote *kn)
{
	struct proc_watch *watch = kn->kn_hook;

	watch_withdraw(watch);
	watch_free(watch);
}

static int proc_event(struct knote *kn, long hint)
{
	return kn->kn_fflags != 0;
}

/* What is asked for may change; what the queue's owner may know does not. */
static int proc_touch(struct knote *kn, struct kq_event *kev,
		      enum event_touch type)
{
	struct proc_watch *watch = kn->kn_hook;
	unsigned long flags;
	int error = 0;

	switch (type) {
	case EVENT_REGISTER:
		if (kev->fflags & NOTE_TRACK)
			return -EINVAL;
		error = proc_arm(kev->fflags);
		if (error)
			return error;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		if (watch->hidden && kev->fflags & (NOTE_FORK | NOTE_EXEC))
			error = -EACCES;
		else
			kn->kn_sfflags = kev->fflags;
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
		break;
	case EVENT_PROCESS:
		break;
	case EVENT_UNDO:
		kn->kn_fflags |= kev->fflags;
		kn->kn_data += kev->data;
		break;
	}
	return error;
}

/* Whether the number still is that of the process that the knote watches. */
static bool proc_same(const struct knote *kn)
{
	const struct proc_watch *watch = READ_ONCE(kn->kn_hook);
	struct pid *pid = find_vpid(kn->kn_id);

	return !watch || !pid || pid == watch->pid;
}

const struct filterops proc_filtops = {
	.f_attach	= proc_attach,
	.f_detach	= proc_detach,
	.f_event	= proc_event,
	.f_touch	= proc_touch,
	.f_same		= proc_same,
};
