// SPDX-License-Identifier: GPL-2.0
/*
 * SIGNAL: how often a signal was sent to the process that asked, or to one of
 * its threads - handled, blocked, ignored or already pending.
 *
 * The tracepoint signal_generate tells of every signal.  It is called with the
 * target's siglock held, interrupts off, now and then in an interrupt: all that
 * happens there is a look into a table, under RCU, by (process, signal).
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <trace/events/signal.h>

#include "filter.h"
#include "knote.h"
#include "table.h"
#include "tracepoints.h"

/* Knotes on one signal of one process: what a signal has to look at. */
#define WATCHERS_MAX	4096

/* By (process, signal): an address within the struct pid. */
static struct table watchers;

static struct hlist_head *bucket_of(struct pid *pid, int sig)
{
	return table_bucket_at(&watchers, (char *)pid + sig);
}

static bool signal_is_for(const struct knote *kn, struct pid *pid, int sig)
{
	return kn->kn_pid == pid && kn->kn_id == sig;
}

/*
 * A process that shares its table leaves it, and the queue, when it runs another
 * program, which is nobody's business.  One that has kept its queue goes on.
 */
static bool signal_is_told(const struct knote *kn, const struct task_struct *task)
{
	return kn->kn_exec_id == READ_ONCE(task->self_exec_id) ||
	       kn->kn_kq->files == READ_ONCE(task->files);
}

/*
 * As in BSD: a program that ignores its children is not told of them.  siglock
 * is held.
 */
static bool ignores_children(struct task_struct *task)
{
	struct sighand_struct *sighand = rcu_dereference_raw(task->sighand);

	return sighand->action[SIGCHLD - 1].sa.sa_handler == SIG_IGN;
}

static void signal_sent(struct hlist_head *bucket, struct pid *pid, int sig,
			const struct task_struct *task)
{
	unsigned long flags;
	struct knote *kn;

	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, bucket, kn_node) {
		if (!signal_is_for(kn, pid, sig) || !signal_is_told(kn, task))
			continue;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		kn->kn_data++;
		knote_activate(kn);
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	}
	rcu_read_unlock();
}

/* Every signal of the system comes here: nearly all go at the first look. */
static void signal_probe(void *data, int sig, struct kernel_siginfo *info,
			 struct task_struct *task, int group, int result)
{
	struct pid *pid = task_tgid(task);
	struct hlist_head *bucket = bucket_of(pid, sig);

	if (hlist_empty(bucket) || result == TRACE_SIGNAL_OVERFLOW_FAIL ||
	    (sig == SIGCHLD && ignores_children(task)))
		return;
	signal_sent(bucket, pid, sig, task);
}

static struct trace_hook signal_hook = {
	.name	= "signal_generate",
	.probe	= signal_probe,
};

int signal_init(void)
{
	return table_init(&watchers);
}

void signal_exit(void)
{
	trace_hook_disarm(&signal_hook);
	table_destroy(&watchers);
}

static bool watchers_full(struct hlist_head *bucket, struct pid *pid, int sig)
{
	unsigned int n = 0;
	struct knote *kn;

	hlist_for_each_entry(kn, bucket, kn_node)
		if (signal_is_for(kn, pid, sig) && ++n == WATCHERS_MAX)
			return true;
	return false;
}

static int signal_attach(struct knote *kn)
{
	struct pid *pid = task_tgid(current);
	struct hlist_head *bucket;
	raw_spinlock_t *lock;
	unsigned long flags;
	int error;

	if (kn->kn_id < 1 || kn->kn_id > _NSIG)
		return -EINVAL;
	error = trace_hook_arm(&signal_hook);
	if (error)
		return error;
	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);

	kn->kn_exec_id = current->self_exec_id;
	/* From now on signal_same() looks at the process. */
	WRITE_ONCE(kn->kn_pid, get_pid(pid));
	bucket = bucket_of(pid, kn->kn_id);
	lock = table_lock(&watchers, bucket);
	raw_spin_lock_irqsave(lock, flags);
	if (watchers_full(bucket, pid, kn->kn_id))
		error = -ENOMEM;
	else
		hlist_add_head_rcu(&kn->kn_node, bucket);
	raw_spin_unlock_irqrestore(lock, flags);
	if (error) {
		put_pid(pid);
		return error;
	}
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void signal_detach(struct knote *kn)
{
	struct hlist_head *bucket = bucket_of(kn->kn_pid, kn->kn_id);
	raw_spinlock_t *lock = table_lock(&watchers, bucket);
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	hlist_del_rcu(&kn->kn_node);
	raw_spin_unlock_irqrestore(lock, flags);
	put_pid(kn->kn_pid);
}

static int signal_event(struct knote *kn, long hint)
{
	return kn->kn_data != 0;
}

/* Processes that share a table may have the same queue. */
static bool signal_same(const struct knote *kn)
{
	const struct pid *pid = READ_ONCE(kn->kn_pid);

	return !pid || pid == task_tgid(current);
}

const struct filterops signal_filtops = {
	.f_attach	= signal_attach,
	.f_detach	= signal_detach,
	.f_event	= signal_event,
	.f_same		= signal_same,
};
