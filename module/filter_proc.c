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
 *
 * A child that is tracked has its knote before it runs for the first time.
 * Nothing is allocated in the fork: there is a stock of knotes, which a worker
 * fills up, and lets go when no process has been watched for a while.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat/wait.h"
#include "filter.h"
#include "knote.h"
#include "limits.h"
#include "process.h"
#include "table.h"
#include "tracepoints.h"

/* A user's knotes on one process: what its fork and its exec have to look at. */
#define WATCHERS_MAX	4096

/*
 * Knotes for children to come; the worker is called when there are fewer than the
 * lower number, long before one user has taken a half.
 */
#define STOCK_MAX	4096
#define STOCK_LOW	(STOCK_MAX - STOCK_MAX / 8)

/* How long it is kept when no process is watched any more. */
#define STOCK_KEPT	HZ

/**
 * struct proc_watch - a knote's watch on a process
 * @node: in the table, by process; or in the stock
 * @wait: place on pid->wait_pidfd
 * @kn: I: the knote
 * @pid: I: the process, a reference held
 * @ns: I: where its number is the knote's ident, a reference held
 * @parent: q: of a tracked child that was not yet told of: who made it
 * @notes: q: what it did since it was last told of
 * @status: q: how it ended, 0 where that is hidden
 * @over: q: its end was seen
 * @hidden: q: its doings are not for the queue's owner, nor its status unless @child
 * @lost: q: they are not since an exec
 * @child: I: who registered is the parent
 * @rcu: to free it behind those who walk the table
 */
struct proc_watch {
	struct hlist_node	node;
	wait_queue_entry_t	wait;
	struct knote		*kn;
	struct pid		*pid;
	struct pid_namespace	*ns;
	pid_t			parent;
	u32			notes;
	int			status;
	bool			over;
	bool			hidden;
	bool			lost;
	bool			child;
	struct rcu_head		rcu;
};

/* By process. */
static struct table watchers;

static struct hlist_head *bucket_of(struct pid *pid)
{
	return table_bucket_at(&watchers, pid);
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
		watch->status = watch->hidden && !watch->child ? 0 : status;
		watch->notes |= kn->kn_sfflags & NOTE_EXIT;
		/* What a scan has may come back, a change may ask for the end. */
		if (watch->parent || watch->notes || kn->kn_fflags ||
		    kn->kn_state & KN_CLAIMED)
			knote_activate(kn);
		else
			owned = knote_kill(kn);
	}
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	if (owned)
		knote_drop_later(kn);
}

static void proc_look(struct proc_watch *watch)
{
	int status;

	rcu_read_lock();
	if (process_exited(watch->pid,
			   watch->child ? NULL : watch->kn->kn_kq->cred, &status))
		proc_over(watch, status);
	rcu_read_unlock();
}

static int proc_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct proc_watch *watch = container_of(wait, struct proc_watch, wait);

	proc_look(watch);
	return 0;
}

static void stock_fill(struct work_struct *work);
static void stock_empty(struct work_struct *work);
static DECLARE_WORK(stock_work, stock_fill);
static DECLARE_DELAYED_WORK(stock_end, stock_empty);
static atomic_t watched;		/* watches that are in use */
static HLIST_HEAD(stock);
static unsigned int stock_size;
static u64 stock_fills;		/* grows while there is enough */
static DEFINE_RAW_SPINLOCK(stock_lock);	/* guards all three, and users' shares */

/* As much as there is room for, though it may be taken at once: proc_arm() waits. */
static void stock_fill(struct work_struct *work)
{
	struct proc_watch *watch;
	int n;

	for (n = 0; n < STOCK_MAX; n++) {
		if (READ_ONCE(stock_size) >= STOCK_MAX || !atomic_read(&watched))
			break;
		watch = kzalloc(sizeof(*watch), GFP_KERNEL);
		if (!watch)
			break;
		watch->kn = knote_alloc_stock(GFP_KERNEL);
		if (!watch->kn) {
			kfree(watch);
			break;
		}
		raw_spin_lock_irq(&stock_lock);
		hlist_add_head(&watch->node, &stock);
		if (++stock_size >= STOCK_LOW)
			stock_fills++;
		raw_spin_unlock_irq(&stock_lock);
		cond_resched();
	}
	/* The last watch may have gone, and the stock, before what came here. */
	if (!atomic_read(&watched))
		mod_delayed_work(kqueue_wq, &stock_end, STOCK_KEPT);
}

/*
 * Nobody uses it, unless somebody has come meanwhile.  Who is counted first and
 * looks at the size then finds what is left when this stops.
 */
static void stock_empty(struct work_struct *work)
{
	struct proc_watch *watch;

	raw_spin_lock_irq(&stock_lock);
	while (stock_size && !atomic_read(&watched)) {
		watch = hlist_entry(stock.first, struct proc_watch, node);
		hlist_del(&watch->node);
		stock_size--;
		raw_spin_unlock_irq(&stock_lock);
		knote_free_stock(watch->kn);
		kfree(watch);
		cond_resched();
		raw_spin_lock_irq(&stock_lock);
	}
	raw_spin_unlock_irq(&stock_lock);
}

static bool stock_low(void)
{
	bool low;

	raw_spin_lock_irq(&stock_lock);
	low = stock_size < STOCK_LOW;
	raw_spin_unlock_irq(&stock_lock);
	return low;
}

/* Of the last half a user takes no more, until it is filled, than is left to others. */
static bool stock_share(struct kq_user *user)
{
	if (user->stock_fills != stock_fills) {
		user->stock_fills = stock_fills;
		user->stock_taken = 0;
	}
	return stock_size > STOCK_MAX / 2 || user->stock_taken < stock_size;
}

/* Returns NULL where there is none, or the queue's owner may have no more. */
static struct proc_watch *stock_take(struct kqueue *kq)
{
	struct proc_watch *watch = NULL;

	raw_spin_lock(&stock_lock);
	if (stock_size < STOCK_LOW)
		queue_work(kqueue_wq, &stock_work);
	if (stock_share(kq->user) && !knote_charge(kq)) {
		kq->user->stock_taken++;
		watch = hlist_entry(stock.first, struct proc_watch, node);
		hlist_del_init(&watch->node);
		stock_size--;
		atomic_inc(&watched);
	}
	raw_spin_unlock(&stock_lock);
	return watch;
}

static unsigned int count_watchers(struct hlist_head *bucket,
				   const struct proc_watch *new)
{
	struct proc_watch *watch;
	unsigned int n = 0;

	hlist_for_each_entry(watch, bucket, node)
		n += watch->pid == new->pid &&
		     watch->kn->kn_kq->user == new->kn->kn_kq->user;
	return n;
}

static int watch_publish(struct proc_watch *watch, unsigned int max)
{
	struct hlist_head *bucket = bucket_of(watch->pid);
	raw_spinlock_t *lock = table_lock(&watchers, bucket);
	unsigned long flags;
	int error = 0;

	raw_spin_lock_irqsave(lock, flags);
	if (max != UINT_MAX && count_watchers(bucket, watch) >= max)
		error = -ENOMEM;
	else
		hlist_add_head_rcu(&watch->node, bucket);
	raw_spin_unlock_irqrestore(lock, flags);
	return error;
}

/*
 * Whether a queue has no knote for a process yet, or one that somebody is adding,
 * and its number may have one more.  Queue locked.
 */
static bool child_is_new(struct kqueue *kq, const struct kq_event *kev,
			 const struct pid *pid)
{
	const struct proc_watch *watch;
	struct knote *kn;
	unsigned int n = 0;

	hlist_for_each_entry_rcu(kn, knote_bucket(kq, NULL, kev), kn_hash,
				 true) {
		if (!knote_has(kn, kq, kev))
			continue;
		/* As proc_same() has it. */
		watch = READ_ONCE(kn->kn_hook);
		if (!watch || watch->pid == pid)
			return false;
		n++;
	}
	return n < KNOTE_SAME_MAX;
}

/* An entry that never joined can be removed like any other. */
static void watch_init(struct proc_watch *watch)
{
	init_waitqueue_func_entry(&watch->wait, proc_wake);
	INIT_LIST_HEAD(&watch->wait.entry);
}

/*
 * A knote for a child, like that of its parent, whose queue is locked.  It is
 * claimed by the caller.  NULL where there is none, or somebody who has seen the
 * number is already adding one.
 */
static struct proc_watch *child_watch(struct proc_watch *parent,
				      struct pid *pid)
{
	struct knote *kn, *from = parent->kn;
	struct kq_event kev = from->kn_kevent;
	struct proc_watch *watch;

	kev.ident = pid_nr_ns(pid, parent->ns);
	if (!child_is_new(from->kn_kq, &kev, pid))
		return NULL;
	watch = stock_take(from->kn_kq);
	if (!watch)
		return NULL;
	kn = watch->kn;
	kn->kn_kevent = kev;
	kn->kn_fflags = 0;
	kn->kn_data = 0;
	kn->kn_kq = from->kn_kq;
	kn->kn_fop = from->kn_fop;
	kn->kn_sfflags = from->kn_sfflags;
	kn->kn_state = KN_CLAIMED | KN_ACTIVE;
	kn->kn_hook = watch;
	watch_init(watch);
	watch->pid = get_pid(pid);
	watch->ns = get_pid_ns(parent->ns);
	watch->parent = from->kn_id;
	watch->hidden = parent->hidden;
	watch->child = from->kn_kq->files == current->files &&
		       process_is_child(pid_task(pid, PIDTYPE_TGID));
	knote_publish(kn, knote_bucket(kn->kn_kq, NULL, &kn->kn_kevent));
	/* No more than its parent has, and what comes from elsewhere. */
	watch_publish(watch, UINT_MAX);
	return watch;
}

/*
 * Track a child, which does not run yet.  On PREEMPT_RT it is not tracked when
 * somebody else is at its wait_pidfd just now.
 */
static void proc_track(struct proc_watch *parent, struct pid *pid)
{
	struct kqueue *kq = parent->kn->kn_kq;
	struct proc_watch *watch = NULL;
	unsigned long flags;
	bool joined, dead;

	raw_spin_lock_irqsave(&kq->lock, flags);
	if (parent->kn->kn_sfflags & NOTE_TRACK && !parent->hidden &&
	    !(parent->kn->kn_state & KN_DYING)) {
		watch = child_watch(parent, pid);
		if (!watch)
			parent->notes |= NOTE_TRACKERR;
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	if (!watch)
		return;
	joined = kq_add_wait_try(&pid->wait_pidfd, &watch->wait);
	raw_spin_lock_irqsave(&kq->lock, flags);
	if (!joined) {
		parent->notes |= NOTE_TRACKERR;
		knote_kill(watch->kn);
	}
	dead = knote_unclaim(watch->kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	if (dead)
		knote_drop_later(watch->kn);
}

/* Something that a process did; @child is the process it made. */
static void proc_did(struct hlist_head *bucket, struct pid *pid, u32 note,
		     struct pid *child)
{
	struct proc_watch *watch;
	unsigned long flags;
	struct knote *kn;

	rcu_read_lock();
	hlist_for_each_entry_rcu(watch, bucket, node) {
		if (watch->pid != pid)
			continue;
		if (child)
			proc_track(watch, child);
		kn = watch->kn;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		if (note == NOTE_EXEC && !process_access_kept(kn->kn_kq->cred)) {
			watch->hidden = true;
			watch->lost = true;
		}
		if (kn->kn_sfflags & note && !watch->hidden)
			watch->notes |= note;
		if (watch->notes)
			knote_activate(kn);
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	}
	rcu_read_unlock();
}

/* Every fork and exec of the system: nearly all go at the first look. */
static void fork_probe(void *data, struct task_struct *parent,
		       struct task_struct *child)
{
	struct pid *pid = task_tgid(parent);
	struct hlist_head *bucket = bucket_of(pid);

	if (!hlist_empty(bucket) && !same_thread_group(parent, child))
		proc_did(bucket, pid, NOTE_FORK, task_tgid(child));
}

static void exec_probe(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	struct pid *pid = task_tgid(task);
	struct hlist_head *bucket = bucket_of(pid);

	if (!hlist_empty(bucket))
		proc_did(bucket, pid, NOTE_EXEC, NULL);
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
	/* What a probe was the last to let go of. */
	knote_flush();
	cancel_work_sync(&stock_work);
	cancel_delayed_work_sync(&stock_end);
	stock_empty(NULL);
	table_destroy(&watchers);
}

static void watch_withdraw(struct proc_watch *watch)
{
	raw_spinlock_t *lock = table_lock(&watchers, bucket_of(watch->pid));
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	hlist_del_rcu(&watch->node);
	raw_spin_unlock_irqrestore(lock, flags);
}

static void watch_stop(struct proc_watch *watch)
{
	watch_withdraw(watch);
	remove_wait_queue(&watch->pid->wait_pidfd, &watch->wait);
}

static void watch_free(struct proc_watch *watch)
{
	put_pid_ns(watch->ns);
	put_pid(watch->pid);
	kfree_rcu(watch, rcu);
	if (atomic_dec_and_test(&watched))
		mod_delayed_work(kqueue_wq, &stock_end, STOCK_KEPT);
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
	watch->child = process_is_child(task);
	error = process_access(task);
	if (!(notes & (NOTE_FORK | NOTE_EXEC | NOTE_TRACK)))
		error = 0;
	if (READ_ONCE(task->flags) & PF_KTHREAD)
		error = -ESRCH;
	put_task_struct(task);
	if (!error && !(notes & NOTE_EXIT) && process_exited(watch->pid, NULL, &status))
		error = -ESRCH;
	return error;
}

static int proc_arm(u32 notes)
{
	int error = 0;

	if (notes & NOTE_TRACK && stock_low()) {
		queue_work(kqueue_wq, &stock_work);
		flush_work(&stock_work);
	}
	if (notes & (NOTE_FORK | NOTE_TRACK))
		error = trace_hook_arm(&fork_hook);
	/* An exec may take the right to know away. */
	return error ?: trace_hook_arm(&exec_hook);
}

/*
 * Who may watch is asked again once the watch can be found, which tells nothing
 * until then: an exec was before that, and what came of it is seen here, or finds
 * the watch.
 */
static int watch_permit(struct proc_watch *watch, u32 notes)
{
	struct task_struct *task = get_pid_task(watch->pid, PIDTYPE_TGID);
	raw_spinlock_t *lock = &watch->kn->kn_kq->lock;
	int error;

	if (!task)
		return -ESRCH;
	/* Between the watch, for others to find, and the rights of the other. */
	smp_mb();
	error = process_access(task);
	put_task_struct(task);
	raw_spin_lock_irq(lock);
	watch->hidden = error || watch->lost;
	error = watch->hidden ? -EACCES : 0;
	raw_spin_unlock_irq(lock);
	return notes & (NOTE_FORK | NOTE_EXEC | NOTE_TRACK) ? error : 0;
}

/*
 * It may end at any time: before our place on wait_pidfd was taken we see it,
 * after that we are told.  If it was reaped before we looked and nobody told
 * us, it had ended before we came.
 */
static int watch_start(struct proc_watch *watch, u32 notes)
{
	int error;

	error = watch_publish(watch, WATCHERS_MAX);
	if (error)
		return error;
	error = watch_permit(watch, notes);
	if (error) {
		watch_withdraw(watch);
		return error;
	}
	watch_init(watch);
	add_wait_queue(&watch->pid->wait_pidfd, &watch->wait);
	proc_look(watch);
	rcu_read_lock();
	if (!pid_task(watch->pid, PIDTYPE_PID) && !READ_ONCE(watch->over))
		error = -ESRCH;
	rcu_read_unlock();
	if (error)
		watch_stop(watch);
	return error;
}

static int proc_attach(struct knote *kn)
{
	struct proc_watch *watch;
	unsigned long flags;
	int error;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	atomic_inc(&watched);
	watch->kn = kn;
	watch->hidden = true;
	watch->ns = get_pid_ns(task_active_pid_ns(current));
	error = proc_arm(kn->kn_sfflags);
	if (!error)
		error = watch_find(watch, kn->kn_id, kn->kn_sfflags);
	if (error)
		goto out_free;

	/* From now on proc_same() looks at the process. */
	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = watch;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	error = watch_start(watch, kn->kn_sfflags);
	if (error) {
		WRITE_ONCE(kn->kn_hook, NULL);
		goto out_free;
	}
	kn->kn_status &= ~KN_DETACHED;
	return 0;

out_free:
	watch_free(watch);
	return error;
}

static void proc_detach(struct knote *kn)
{
	struct proc_watch *watch = kn->kn_hook;

	watch_stop(watch);
	watch_free(watch);
}

/*
 * Make the next event of what was collected.  That there is a child is an event
 * of its own, ahead of all that the child did.
 */
static int proc_event(struct knote *kn, long hint)
{
	struct proc_watch *watch = kn->kn_hook;

	if (watch->parent && !kn->kn_fflags) {
		kn->kn_fflags = NOTE_CHILD;
		kn->kn_data = watch->parent;
		watch->parent = 0;
	} else if (!(kn->kn_fflags & NOTE_CHILD)) {
		kn->kn_fflags |= watch->notes;
		if (watch->notes & NOTE_EXIT)
			kn->kn_data = watch->status;
		watch->notes = 0;
		if (watch->over)
			kn->kn_flags |= EV_EOF | EV_ONESHOT;
		if (watch->over && !kn->kn_fflags)
			kn->kn_flags |= EV_DROP;
	}
	return kn->kn_fflags != 0;
}

/*
 * CHILD is not the event that a knote for one alone is for: after it the rest, or a
 * silent end, is next.
 */
static void proc_taken(struct knote *kn, struct kq_event *kev)
{
	struct proc_watch *watch = kn->kn_hook;

	if (!(kev->fflags & NOTE_CHILD))
		return;
	kev->flags &= ~(EV_ONESHOT | EV_DISPATCH);
	if (watch->notes || watch->over)
		kn->kn_state |= KN_ACTIVE;
}

/* What is asked for may change; what the queue's owner may know does not. */
static int proc_touch(struct knote *kn, struct kq_event *kev,
		      enum event_touch type)
{
	struct proc_watch *watch = kn->kn_hook;
	unsigned long flags;
	int error = 0;
	u32 asked;

	switch (type) {
	case EVENT_REGISTER:
		error = proc_arm(kev->fflags);
		if (error)
			return error;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		asked = kev->fflags & ~kn->kn_sfflags;
		if (watch->hidden &&
		    asked & (NOTE_FORK | NOTE_EXEC | NOTE_TRACK)) {
			error = -EACCES;
		} else {
			kn->kn_sfflags = kev->fflags;
			if (watch->over)
				watch->notes |= asked & NOTE_EXIT;
			if (watch->notes)
				kn->kn_flags &= ~EV_DROP;
		}
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
		break;
	case EVENT_PROCESS:
		proc_taken(kn, kev);
		break;
	}
	return error;
}

/*
 * Whether the number still is that of the process that the knote watches: of
 * one that is still being attached it is.
 */
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
