// SPDX-License-Identifier: GPL-2.0
/*
 * Queues that watch queues.
 *
 * When a knote becomes pending in the inner queue, its pollers are told from
 * irq_work, and the outer queue's knote is one of them.  A call with a zero
 * timeout must not depend on when that runs, so a scan and a poll of a queue
 * that watches queues look for themselves: is there a pending knote in a queue
 * that is watched, or in one that those watch, and so on?
 *
 * The walk goes breadth first over every queue that can be reached, once, then
 * back over the same, farthest first, for those that have something, and from
 * these to those that watch them: each watch is looked at three times, whatever
 * the shape, loops included.  News that irq_work carries outwards meanwhile
 * moves towards queues that are yet to be looked at, so it is not missed:
 *
 *	walk				irq_work, inner to middle to outer
 *	inner: has something; or else
 *					it has told middle: queued there
 *	middle: has something
 *
 * One raw lock at a time; the mutex keeps walks apart, which share the marks in
 * the queues.  It is a leaf: epoll may hold its own mutex around our poll.  Since
 * all users wait for the same, none has more than so many watches, nor sockets to be
 * connected yet, which a walk looks at, too.
 */
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "compat/wait.h"
#include "filter.h"
#include "idle.h"
#include "knote.h"
#include "limits.h"
#include "nested.h"

/**
 * struct nested - one queue's watch on another
 * @kn: I: the knote
 * @inner: I: the queue watched; the knote's file holds it
 * @link: the outer queue's lock: in its list of watches
 * @watch: the inner queue's lock: in its list of watchers
 * @wait: place among the pollers of the inner queue
 * @seen: the outer queue's lock: inner->seq when it was last reported
 * @walked: the walk that came through it last (walk_lock)
 * @rcu: to free it where one must not sleep
 */
struct nested {
	struct knote		*kn;
	struct kqueue		*inner;
	struct list_head	link;
	struct list_head	watch;
	wait_queue_entry_t	wait;
	unsigned long		seen;
	u64			walked;
	struct rcu_head		rcu;
};

static DEFINE_MUTEX(walk_lock);
static u64 walk_id;

/* Whether the inner queue has something that the outer was not told of. */
static bool nested_news(const struct nested *nd)
{
	return READ_ONCE(nd->inner->count) &&
	       (!(nd->kn->kn_flags & EV_CLEAR) ||
		READ_ONCE(nd->inner->seq) != nd->seen);
}

/* Whether news on a watch would make the outer queue ready. */
static bool nested_counts(const struct nested *nd)
{
	return !knote_state(nd->kn, KN_QUEUED | KN_DISABLED | KN_DYING);
}

static void walk_visit(struct kqueue *kq, struct list_head *walk)
{
	if (kq->visited == walk_id)
		return;
	kq->visited = walk_id;
	kq->ahead = false;
	refcount_inc(&kq->refs);
	list_add_tail(&kq->walk, walk);
}

/*
 * Whether news on a watch is news for a queue of this walk: it was when the walk
 * came by.  Who asks later may find that the news has got there by itself, and is
 * on its way outwards from there.
 */
static bool walk_counts(const struct nested *nd)
{
	return nd->walked == walk_id;
}

static void walk_mark(struct kqueue *kq, struct list_head *spread)
{
	if (kq->ahead)
		return;
	kq->ahead = true;
	list_add_tail(&kq->spread, spread);
}

/*
 * Mark every queue that can be reached from @kq and has news ahead.  walk_lock
 * held; the queues on @walk are to be put.
 */
static void walk_queues(struct kqueue *kq, struct list_head *walk)
{
	LIST_HEAD(spread);
	struct nested *nd;
	unsigned long flags;

	lockdep_assert_held(&walk_lock);
	walk_id++;
	walk_visit(kq, walk);
	list_for_each_entry(kq, walk, walk) {
		connecting_settle(kq);
		raw_spin_lock_irqsave(&kq->lock, flags);
		list_for_each_entry(nd, &kq->nested, link) {
			if (!nested_counts(nd))
				continue;
			nd->walked = walk_id;
			walk_visit(nd->inner, walk);
		}
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		cond_resched();
	}
	list_for_each_entry_reverse(kq, walk, walk) {
		raw_spin_lock_irqsave(&kq->lock, flags);
		list_for_each_entry(nd, &kq->watchers, watch)
			if (walk_counts(nd) && nested_news(nd))
				walk_mark(nd->kn->kn_kq, &spread);
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		cond_resched();
	}
	list_for_each_entry(kq, &spread, spread) {
		raw_spin_lock_irqsave(&kq->lock, flags);
		list_for_each_entry(nd, &kq->watchers, watch)
			if (walk_counts(nd))
				walk_mark(nd->kn->kn_kq, &spread);
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		cond_resched();
	}
}

static void walk_put(struct list_head *walk)
{
	struct kqueue *kq, *next;

	list_for_each_entry_safe(kq, next, walk, walk)
		kqueue_put(kq);
}

/* kqueue_ahead() of a queue that watches queues. */
bool nested_ahead(struct kqueue *kq)
{
	LIST_HEAD(walk);
	bool ahead;

	mutex_lock(&walk_lock);
	walk_queues(kq, &walk);
	ahead = kq->ahead;
	walk_put(&walk);
	mutex_unlock(&walk_lock);
	return ahead;
}

/* kqueue_settle() of a queue that watches queues. */
void nested_settle(struct kqueue *kq)
{
	LIST_HEAD(walk);
	struct nested *nd;
	unsigned long flags;
	bool ahead;

	mutex_lock(&walk_lock);
	walk_queues(kq, &walk);
	raw_spin_lock_irqsave(&kq->lock, flags);
	list_for_each_entry(nd, &kq->nested, link) {
		ahead = nd->inner->visited == walk_id && nd->inner->ahead;
		if (nested_counts(nd) && (ahead || nested_news(nd)))
			knote_activate(nd->kn);
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	walk_put(&walk);
	mutex_unlock(&walk_lock);
}

static int nested_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		       void *key)
{
	struct nested *nd = container_of(wait, struct nested, wait);

	knote_fire(nd->kn, sync);
	return 0;
}

static int nested_attach(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	struct nested *nd;
	bool pending;

	if (limits_charge_nested(kq->user))
		return -ENOMEM;
	nd = kzalloc(sizeof(*nd), GFP_KERNEL_ACCOUNT);
	if (!nd) {
		limits_uncharge_nested(kq->user);
		return -ENOMEM;
	}
	nd->kn = kn;
	nd->inner = file_kqueue(kn->kn_fp);
	init_waitqueue_func_entry(&nd->wait, nested_wake);
	kn->kn_hook = nd;

	raw_spin_lock_irqsave(&kq->lock, flags);
	list_add_tail(&nd->link, &kq->nested);
	idle_update(kq);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	/* First there, then a look under the lock: see kqueue_wake_all(). */
	add_wait_queue(&nd->inner->pollers, &nd->wait);
	raw_spin_lock_irqsave(&nd->inner->lock, flags);
	list_add_tail(&nd->watch, &nd->inner->watchers);
	pending = nd->inner->count;
	raw_spin_unlock_irqrestore(&nd->inner->lock, flags);

	kn->kn_status &= ~KN_DETACHED;
	if (pending || kqueue_ahead(nd->inner))
		knote_fire(kn, 0);
	return 0;
}

static void nested_free(struct nested *nd)
{
	struct kqueue *kq = nd->kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	list_del(&nd->link);
	idle_update(kq);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	raw_spin_lock_irqsave(&nd->inner->lock, flags);
	list_del(&nd->watch);
	raw_spin_unlock_irqrestore(&nd->inner->lock, flags);
	limits_uncharge_nested(kq->user);
	kfree_rcu(nd, rcu);
}

static void nested_detach(struct knote *kn)
{
	struct nested *nd = kn->kn_hook;

	remove_wait_queue(&nd->inner->pollers, &nd->wait);
	nested_free(nd);
}

static bool nested_detach_try(struct knote *kn)
{
	struct nested *nd = kn->kn_hook;

	if (!kq_remove_wait_try(&nd->inner->pollers, &nd->wait))
		return false;
	nested_free(nd);
	return true;
}

/* What is pending inside is news, again. */
static void nested_undo(struct knote *kn, const struct kq_event *kev)
{
	struct nested *nd = kn->kn_hook;

	nd->seen = READ_ONCE(nd->inner->seq) - 1;
}

/*
 * Level-triggered: is anything pending inside?  With EV_CLEAR: anything new?
 * A change to the knote, which has no slot, makes all of it new.
 *
 * What is inside is looked at once: were the sequence read after the count, it
 * would pass for seen what came in between.
 */
static int nested_sample(struct knote *kn, struct kq_event *ev,
			 void __user *slot)
{
	struct nested *nd = kn->kn_hook;
	struct kqueue *inner = nd->inner;
	unsigned long flags, seq;
	unsigned int count;
	bool ready;

	kqueue_settle(inner);
	raw_spin_lock_irqsave(&inner->lock, flags);
	count = inner->count;
	seq = inner->seq;
	raw_spin_unlock_irqrestore(&inner->lock, flags);

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	ready = count && (!slot || !(kn->kn_flags & EV_CLEAR) ||
			  seq != nd->seen);
	nd->seen = slot ? seq : seq - 1;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	ev->data = count;
	ev->fflags = 0;
	return ready;
}

const struct filterops queue_filtops = {
	.f_isfd		= 1,
	.f_flags	= FILTER_NOBLOCK,
	.f_attach	= nested_attach,
	.f_detach	= nested_detach,
	.f_detach_try	= nested_detach_try,
	.f_sample	= nested_sample,
	.f_undo		= nested_undo,
};
