// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a queue, and who is told of what it has.
 *
 * Locks, outermost first, and why each is there:
 *
 *	(a lock of the object watched: a wait queue's, a watch's, a knlist's)
 *	  queue.lock		raw, irq-safe.  The ready list, the status of
 *				every knote of the queue and what it has
 *				collected.  Raw, because timers and tracepoints
 *				take it on PREEMPT_RT too.  Never two at once.
 *	    table lock		a bucket of the look-up table
 *	    kl_raw		a knlist, see knlist.c
 *	    (a thread's)	to wake it
 *	    (hrtimer bases)	to start a timer
 *
 * Nothing under queue.lock sleeps, takes the lock of a wait queue, or wakes
 * pollers: irq_work does that, so that a queue may watch a queue that watches
 * it, through epoll or not, without a cycle of locks.
 *
 * Claims.  Attaching, changing, evaluating and detaching may sleep, so none of
 * it happens under a lock.  The thread that does it claims the knote
 * (KN_CLAIMED) and everybody else leaves it alone: a change to it waits, a
 * scanner passes by.  Nobody waits for a claim while holding one.  Who cannot
 * wait - the close hook, the end of the queue - kills the knote and lets its
 * owner drop it.  A call with a zero timeout that has found nothing waits for what
 * other scans are about to let go of, and looks again: it may be ready for all.
 *
 * No event is lost meanwhile: a callback sets KN_ACTIVE on a claimed knote as
 * on any other, the owner has cleared it *before* it evaluated, and finds it
 * when it lets go:
 *
 *	scanner				callback
 *	clear ACTIVE, claim
 *					set ACTIVE (claimed: no more)
 *	evaluate: nothing there
 *	let go: ACTIVE, so queue it
 *
 * KN_QUEUED says that a knote is pending and counted, as BSD's does; it is set
 * while a scanner holds the knote off the list, so that poll does not miss it.
 *
 * Who is told.  One sleeper for each knote that becomes pending, and the
 * pollers.  A knote put back by a scan is no news.  But whoever leaves while
 * knotes are listed wakes the next sleeper: it may have been woken for an
 * event that it did not take.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "connecting.h"
#include "idle.h"
#include "knote.h"
#include "limits.h"

struct workqueue_struct *kqueue_wq;

static struct kmem_cache *queue_cache;

/* How many queues there have been. */
static atomic64_t queue_ids;

static void kqueue_notify(struct irq_work *work)
{
	struct kqueue *kq = container_of(work, struct kqueue, notify);

	/* kqueue_reap() waits for this, so the queue lives. */
	wake_up_poll(&kq->pollers, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&kq->fasync, SIGIO, POLL_IN);
}

static void kqueue_reap(struct work_struct *work)
{
	struct kqueue *kq = container_of(to_rcu_work(work), struct kqueue, reap);

	connecting_end(kq);
	irq_work_sync(&kq->notify);
	idle_free(kq);
	kq_user_put(kq->user);
	put_cred(kq->cred);
	kmem_cache_free(queue_cache, kq);
}

int kqueue_init(void)
{
	kqueue_wq = alloc_workqueue("kqueue", WQ_UNBOUND, 0);
	if (!kqueue_wq)
		return -ENOMEM;
	queue_cache = KMEM_CACHE(kqueue, SLAB_ACCOUNT);
	if (!queue_cache) {
		destroy_workqueue(kqueue_wq);
		return -ENOMEM;
	}
	return 0;
}

/* No queue is open, and no work is left but the end of those that were. */
void kqueue_exit(void)
{
	destroy_workqueue(kqueue_wq);
	kmem_cache_destroy(queue_cache);
}

/**
 * kqueue_create - a new queue, owned by the caller's descriptor table
 *
 * Return: the queue, or an ERR_PTR(-ENOMEM).
 */
struct kqueue *kqueue_create(void)
{
	struct kqueue *kq = kmem_cache_zalloc(queue_cache, GFP_KERNEL);

	if (!kq)
		return ERR_PTR(-ENOMEM);
	kq->user = kq_user_get(current_uid());
	if (!kq->user) {
		kmem_cache_free(queue_cache, kq);
		return ERR_PTR(-ENOMEM);
	}
	kq->id = atomic64_inc_return(&queue_ids);
	raw_spin_lock_init(&kq->lock);
	INIT_LIST_HEAD(&kq->ready);
	INIT_LIST_HEAD(&kq->knotes);
	INIT_LIST_HEAD(&kq->nested);
	INIT_LIST_HEAD(&kq->watchers);
	connecting_init(kq);
	kq->files = current->files;
	kq->cred = get_current_cred();
	INIT_LIST_HEAD(&kq->sleepers);
	init_swait_queue_head(&kq->claims);
	init_waitqueue_head(&kq->pollers);
	init_irq_work(&kq->notify, kqueue_notify);
	refcount_set(&kq->refs, 1);
	refcount_set(&kq->keepers, 1);
	INIT_RCU_WORK(&kq->reap, kqueue_reap);
	idle_end_epoch(kq);
	return kq;
}

/* The last may go in the close hook, so the end comes from a worker. */
void kqueue_put(struct kqueue *kq)
{
	if (refcount_dec_and_test(&kq->refs))
		queue_rcu_work(kqueue_wq, &kq->reap);
}

/**
 * kqueue_drain - a queue's end: drop all its knotes, take no more
 * @kq: the queue
 *
 * Those that are claimed are dropped by their owners.
 *
 * Context: process, may sleep.
 */
void kqueue_drain(struct kqueue *kq)
{
	struct knote *kn, *next;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	kq->dead = true;
again:
	list_for_each_entry_safe(kn, next, &kq->knotes, kn_link) {
		/* A cursor's owner takes it away. */
		if (kn->kn_state & KN_MARKER || !knote_kill(kn))
			continue;
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		knote_drop(kn);
		cond_resched();
		raw_spin_lock_irqsave(&kq->lock, flags);
		goto again;
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

/**
 * kqueue_unkeep - a call that has slept in a queue returns
 * @kq: the queue, of which the caller has taken one of @keepers
 *
 * Context: process, may sleep.
 */
void kqueue_unkeep(struct kqueue *kq)
{
	if (refcount_dec_and_test(&kq->keepers))
		kqueue_drain(kq);
}

/**
 * kqueue_close - its owner has closed the last descriptor of a queue
 * @kq: the queue
 *
 * What it watches ends with it, or with the last call that sleeps in it, which
 * gets its events as if nobody had closed it.
 *
 * Context: process, may sleep.
 */
void kqueue_close(struct kqueue *kq)
{
	/* A later table at the owner's address may close a copy. */
	if (!xchg(&kq->closed, true))
		kqueue_unkeep(kq);
}

/**
 * kqueue_wake_first - wake the first of those who sleep in kevent()
 * @kq: the queue, locked; there are some
 * @sync: what a wait queue tells its callbacks: the waker is about to sleep, so
 *	the other need not be preferred to it; else 0
 *
 * It is off the list last of all, since it leaves then without the lock.
 */
void kqueue_wake_first(struct kqueue *kq, int sync)
{
	struct wait_queue_entry *wait;

	wait = list_first_entry(&kq->sleepers, struct wait_queue_entry, entry);
	default_wake_function(wait, TASK_INTERRUPTIBLE, sync, NULL);
	/* Pairs with sleep_end(). */
	list_del_init_careful(&wait->entry);
}
