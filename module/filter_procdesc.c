// SPDX-License-Identifier: GPL-2.0
/*
 * PROCDESC: the exit of a process that a pidfd refers to.
 *
 * The kernel wakes those who wait on a struct pid when its process exits,
 * before it can be reaped: what it died of is read there, and kept.
 *
 * Who may not know the status is told of the exit all the same, with data 0,
 * as /proc/PID/stat does it.
 */
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat/pidfd.h"
#include "compat/wait.h"
#include "filter.h"
#include "knote.h"
#include "process.h"

/* A user's knotes on one process: what its end has to look at. */
#define WATCHERS_MAX	4096

/**
 * struct procdesc - a knote's place on a process
 * @entry: on the wait queue of @pid; ->private is the knote
 * @pid: I: the process; the knote's file holds it
 * @hidden: I: who registered may not know the status
 * @child: I: who registered is the parent
 * @rcu: to free it where one must not sleep
 */
struct procdesc {
	struct wait_queue_entry	entry;
	struct pid		*pid;
	bool			hidden;
	bool			child;
	struct rcu_head		rcu;
};

/* Collect the exit, once. */
static void procdesc_exit(struct knote *kn, int status)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	if (!(kn->kn_flags & EV_EOF)) {
		kn->kn_flags |= EV_EOF | EV_ONESHOT;
		if (kn->kn_sfflags & NOTE_EXIT) {
			kn->kn_fflags |= NOTE_EXIT;
			kn->kn_data = status;
		} else {
			kn->kn_flags |= EV_DROP;
		}
		knote_activate(kn);
	}
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
}

static void procdesc_look(struct knote *kn, struct procdesc *procdesc)
{
	int status;

	/* An exec of a set-uid program takes the right to know away. */
	if (process_exited(procdesc->pid,
			   procdesc->child ? NULL : kn->kn_kq->cred, &status))
		procdesc_exit(kn, procdesc->hidden ? 0 : status);
}

/*
 * Called with the lock of the wait queue held.  There may be more wake-ups
 * than one, and some while a thread is left.
 */
static int procdesc_wake(wait_queue_entry_t *entry, unsigned int mode,
			 int sync, void *key)
{
	rcu_read_lock();
	procdesc_look(entry->private,
		      container_of(entry, struct procdesc, entry));
	rcu_read_unlock();
	return 0;
}

/**
 * struct pidfd_query - asks a file what its ->poll waits on
 * @pt: the poll table
 * @pid: what it should be
 * @is_pidfd: it is
 */
struct pidfd_query {
	poll_table	pt;
	struct pid	*pid;
	bool		is_pidfd;
};

static void query_queue(struct file *file, struct wait_queue_head *head,
			poll_table *pt)
{
	struct pidfd_query *query = container_of(pt, struct pidfd_query, pt);

	query->is_pidfd = head == &query->pid->wait_pidfd;
}

/* Returns the process, which lives as long as the file; or an error. */
static struct pid *pidfd_process(struct file *file)
{
	struct pidfd_query query = { .pid = kq_pidfd_pid(file) };

	if (IS_ERR(query.pid))
		return query.pid;
	init_poll_funcptr(&query.pt, query_queue);
	vfs_poll(file, &query.pt);
	return query.is_pidfd ? query.pid : ERR_PTR(-EINVAL);
}

/* Returns 0, -EINVAL for a thread that no one can wait for, or -ESRCH. */
static int procdesc_view(struct procdesc *procdesc)
{
	struct task_struct *task = get_pid_task(procdesc->pid, PIDTYPE_TGID);
	bool thread;

	if (!task) {
		rcu_read_lock();
		thread = pid_task(procdesc->pid, PIDTYPE_PID);
		rcu_read_unlock();
		return thread ? -EINVAL : -ESRCH;
	}
	procdesc->child = process_is_child(task);
	procdesc->hidden = !procdesc->child && process_access(task);
	put_task_struct(task);
	return 0;
}

static bool procdesc_exited(struct knote *kn)
{
	unsigned long flags;
	bool exited;

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	exited = kn->kn_flags & EV_EOF;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	return exited;
}

/* Returns 0, or -ENOMEM where the user has too many there. */
static int procdesc_join(struct knote *kn, struct procdesc *procdesc)
{
	struct wait_queue_head *head = &procdesc->pid->wait_pidfd;
	struct wait_queue_entry *entry;
	const struct knote *other;
	unsigned int n = 0;

	spin_lock_irq(&head->lock);
	list_for_each_entry(entry, &head->head, entry) {
		other = entry->private;
		n += entry->func == procdesc_wake &&
		     other->kn_kq->user == kn->kn_kq->user;
	}
	if (n < WATCHERS_MAX)
		__add_wait_queue(head, &procdesc->entry);
	spin_unlock_irq(&head->lock);
	return n < WATCHERS_MAX ? 0 : -ENOMEM;
}

/* Watch first, then look. */
static int procdesc_watch(struct knote *kn, struct procdesc *procdesc)
{
	struct wait_queue_head *head = &procdesc->pid->wait_pidfd;
	int error = procdesc_view(procdesc);

	if (!error)
		error = procdesc_join(kn, procdesc);
	if (error)
		return error;
	procdesc_look(kn, procdesc);
	/* Reaped before we could look, unless we were woken before. */
	rcu_read_lock();
	if (!pid_task(procdesc->pid, PIDTYPE_PID) && !procdesc_exited(kn))
		error = -ESRCH;
	rcu_read_unlock();
	if (error)
		remove_wait_queue(head, &procdesc->entry);
	return error;
}

static int procdesc_attach(struct knote *kn)
{
	struct pid *pid = pidfd_process(kn->kn_fp);
	struct kqueue *kq = kn->kn_kq;
	struct procdesc *procdesc;
	unsigned long flags;
	int error;

	if (IS_ERR(pid))
		return PTR_ERR(pid);
	procdesc = kzalloc(sizeof(*procdesc), GFP_KERNEL_ACCOUNT);
	if (!procdesc)
		return -ENOMEM;
	procdesc->pid = pid;
	init_waitqueue_func_entry(&procdesc->entry, procdesc_wake);
	procdesc->entry.private = kn;

	raw_spin_lock_irqsave(&kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = procdesc;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	error = procdesc_watch(kn, procdesc);
	if (error) {
		kfree_rcu(procdesc, rcu);
		return error;
	}
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void procdesc_detach(struct knote *kn)
{
	struct procdesc *procdesc = kn->kn_hook;

	remove_wait_queue(&procdesc->pid->wait_pidfd, &procdesc->entry);
	kfree_rcu(procdesc, rcu);
}

static bool procdesc_detach_try(struct knote *kn)
{
	struct procdesc *procdesc = kn->kn_hook;

	if (!kq_remove_wait_try(&procdesc->pid->wait_pidfd, &procdesc->entry))
		return false;
	kfree_rcu(procdesc, rcu);
	return true;
}

static int procdesc_fired(struct knote *kn, long hint)
{
	return kn->kn_fflags != 0;
}

const struct filterops procdesc_filtops = {
	.f_isfd		= 1,
	.f_attach	= procdesc_attach,
	.f_detach	= procdesc_detach,
	.f_detach_try	= procdesc_detach_try,
	.f_event	= procdesc_fired,
};
