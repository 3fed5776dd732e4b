// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a knote.
 *
 *	alloc -> publish -> [claimed, let go, claimed, ...] -> kill -> drop
 *
 * A published knote is in the look-up table and on its queue's list.  All
 * queues share one table: a knote of a descriptor is hashed by (file,
 * descriptor table), which is all that the close hook knows, any other by
 * (queue, filter, ident).
 *
 * Killing takes a knote from the table and its lists: nobody finds it any more
 * and nothing is delivered.  Whoever owns it then - the killer if it was not
 * claimed, else the thread that lets go of it - drops it: detaches it from its
 * object, gives its file back and frees it behind a grace period.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "compat/fdtable.h"
#include "filter.h"
#include "idle.h"
#include "knlist.h"
#include "knote.h"
#include "limits.h"
#include "table.h"
#include "trace.h"

/* Knotes of one file in one descriptor table: what a close has to look at. */
#define PEERS_MAX	4096

/* Its locks are taken inside a queue's. */
static struct table knotes;

static struct kmem_cache *knote_cache;

/* Knotes that were killed where ->f_detach could not run. */
static LLIST_HEAD(reap_list);
static void knote_reap(struct work_struct *work);
static DECLARE_WORK(reap_work, knote_reap);

int knote_init(void)
{
	int error = table_init(&knotes);

	if (error)
		return error;
	knote_cache = KMEM_CACHE(knote, SLAB_ACCOUNT);
	if (!knote_cache) {
		table_destroy(&knotes);
		return -ENOMEM;
	}
	return 0;
}

/* No queue is left; drop the knotes that were killed last. */
void knote_flush(void)
{
	flush_work(&reap_work);
}

/* No knote is left but those that were just freed. */
void knote_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(knote_cache);
	table_destroy(&knotes);
}

static struct hlist_head *file_bucket(const struct file *fp,
				      const struct files_struct *files)
{
	return table_bucket_at2(&knotes, fp, files);
}

/**
 * knote_bucket - where a knote stands in the look-up table
 * @kq: its queue
 * @fp: its file, NULL for other filters
 * @kev: has its ident and filter
 */
struct hlist_head *knote_bucket(struct kqueue *kq, const struct file *fp,
				const struct kq_event *kev)
{
	u64 owner = (unsigned long)kq ^ (u64)(u16)kev->filter << 48;

	if (fp)
		return file_bucket(fp, kq->files);
	return table_bucket(&knotes, owner, kev->ident);
}

/**
 * knote_alloc_stock - a knote that is nobody's yet
 * @gfp: how to allocate it
 *
 * For filters that make knotes where nothing can be allocated: they fill in
 * kn_kq and charge it with knote_charge().
 *
 * Context: as @gfp allows.
 * Return: the knote, or NULL.
 */
struct knote *knote_alloc_stock(gfp_t gfp)
{
	struct knote *kn = kmem_cache_zalloc(knote_cache, gfp);

	if (kn)
		INIT_LIST_HEAD(&kn->kn_tqe);
	return kn;
}

void knote_free_stock(struct knote *kn)
{
	kmem_cache_free(knote_cache, kn);
}

/**
 * knote_charge - charge a knote to a queue, and have it hold the queue
 * @kq: the queue
 *
 * Context: any.
 * Return: 0, or -ENOMEM when its user may have no more.
 */
int knote_charge(struct kqueue *kq)
{
	int error = limits_charge_knote(kq->user);

	if (!error)
		refcount_inc(&kq->refs);
	return error;
}

/**
 * knote_lot_init - begin some changes
 * @lot: for their knotes
 * @adds: how many knotes they may need, at most KNOTE_LOT
 *
 * One is allocated when it is needed, more ahead: where that fails each is
 * tried for again.
 *
 * Context: process, may sleep.
 */
void knote_lot_init(struct knote_lot *lot, unsigned int adds)
{
	INIT_LIST_HEAD(&lot->gone);
	lot->nspare = 0;
	/* All or none; how many it says on some kernels only. */
	if (adds > 1 &&
	    kmem_cache_alloc_bulk(knote_cache, GFP_KERNEL | __GFP_ZERO, adds,
				  (void **)lot->spare))
		lot->nspare = adds;
}

static void knote_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(knote_cache, container_of(rcu, struct knote, kn_rcu));
}

static void knote_free_lot_rcu(struct rcu_head *rcu)
{
	struct knote *first = container_of(rcu, struct knote, kn_rcu);
	struct knote *kn, *next;

	list_for_each_entry_safe(kn, next, &first->kn_link, kn_link)
		kmem_cache_free(knote_cache, kn);
	kmem_cache_free(knote_cache, first);
}

/**
 * knote_lot_end - the changes have been made
 * @lot: what knote_lot_init() set up
 *
 * Context: process.
 */
void knote_lot_end(struct knote_lot *lot)
{
	struct knote *kn;

	if (lot->nspare)
		kmem_cache_free_bulk(knote_cache, lot->nspare,
				     (void **)lot->spare);
	if (list_empty(&lot->gone))
		return;
	/* The first stands in for the head of the list. */
	kn = list_first_entry(&lot->gone, struct knote, kn_link);
	list_del(&lot->gone);
	call_rcu(&kn->kn_rcu, knote_free_lot_rcu);
}

/**
 * knote_alloc - a new knote, charged to its queue's user
 * @kq: the queue
 * @lot: where there may be one, or NULL
 * @gfp: how to allocate it if not
 *
 * Context: as @gfp allows.
 * Return: the knote, claimed and not yet published, or an ERR_PTR(-ENOMEM).
 */
struct knote *knote_alloc(struct kqueue *kq, struct knote_lot *lot, gfp_t gfp)
{
	struct knote *kn;

	if (lot && lot->nspare)
		kn = lot->spare[--lot->nspare];
	else
		kn = kmem_cache_zalloc(knote_cache, gfp);
	if (!kn)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&kn->kn_tqe);
	if (knote_charge(kq)) {
		knote_free_stock(kn);
		return ERR_PTR(-ENOMEM);
	}
	kn->kn_kq = kq;
	kn->kn_status = KN_DETACHED;
	kn->kn_state = KN_CLAIMED;
	return kn;
}

/**
 * knote_unused - take back what knote_alloc() returned
 * @kn: the knote, never published
 * @lot: where it may be used yet, or NULL
 *
 * Context: any.
 */
void knote_unused(struct knote *kn, struct knote_lot *lot)
{
	limits_uncharge_knote(kn->kn_kq->user);
	kqueue_put(kn->kn_kq);
	if (lot && lot->nspare < KNOTE_LOT)
		lot->spare[lot->nspare++] = kn;
	else
		knote_free_stock(kn);
}

/**
 * knote_free - free a knote that nobody can find any more
 * @kn: the knote, detached, without a file
 * @lot: with which others, or NULL
 *
 * Context: any.
 */
static void knote_free(struct knote *kn, struct knote_lot *lot)
{
	struct kqueue *kq = kn->kn_kq;

	limits_uncharge_knote(kq->user);
	if (lot)
		list_add_tail(&kn->kn_link, &lot->gone);
	else
		call_rcu(&kn->kn_rcu, knote_free_rcu);
	kqueue_put(kq);
}

/**
 * knote_find - look a knote up
 * @kq: its queue, locked and alive
 * @bucket: where it would be
 * @fp: the file that now stands in the slot, NULL for other filters
 * @kev: what has its ident and filter
 *
 * A knote of a file that has left the slot is not found: a close that has not
 * come to the hook yet will drop it.
 */
struct knote *knote_find(struct kqueue *kq, struct hlist_head *bucket,
			 const struct file *fp, const struct kq_event *kev)
{
	struct knote *kn;

	/* With its interrupts off it is a reader of RCU, too. */
	lockdep_assert_held(&kq->lock);
	hlist_for_each_entry_rcu(kn, bucket, kn_hash, true) {
		if (knote_has(kn, kq, kev) && kn->kn_fp == fp &&
		    (!kn->kn_fop->f_same || kn->kn_fop->f_same(kn)))
			return kn;
	}
	return NULL;
}

/**
 * knote_absent - whether a knote is not there, as far as a look without locks says
 * @kq: its queue
 * @bucket: where it would be
 * @kev: what has its ident and filter
 *
 * Context: process.
 */
bool knote_absent(const struct kqueue *kq, struct hlist_head *bucket,
		  const struct kq_event *kev)
{
	struct knote *kn;

	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, bucket, kn_hash)
		if (knote_has(kn, kq, kev))
			break;
	rcu_read_unlock();
	return !kn;
}

static bool peers_full(struct hlist_head *bucket, const struct knote *new)
{
	unsigned int peers = 0, same = 0;
	struct knote *kn;

	hlist_for_each_entry(kn, bucket, kn_hash) {
		if (kn->kn_fp != new->kn_fp)
			continue;
		if (kn->kn_fp)
			peers += kn->kn_kq->files == new->kn_kq->files;
		else
			same += knote_has(kn, new->kn_kq, &new->kn_kevent);
	}
	return peers >= PEERS_MAX || same >= KNOTE_SAME_MAX;
}

/**
 * knote_publish - let a knote be found
 * @kn: the knote, claimed; its queue locked and alive
 * @bucket: its place
 *
 * Return: 0, or -ENOMEM when too many knotes are on that file, or have that ident,
 * already.
 */
int knote_publish(struct knote *kn, struct hlist_head *bucket)
{
	raw_spinlock_t *lock = table_lock(&knotes, bucket);
	int error = 0;

	lockdep_assert_held(&kn->kn_kq->lock);
	raw_spin_lock(lock);
	if (peers_full(bucket, kn))
		error = -ENOMEM;
	else
		hlist_add_head_rcu(&kn->kn_hash, bucket);
	raw_spin_unlock(lock);
	if (!error)
		list_add_tail(&kn->kn_link, &kn->kn_kq->knotes);
	return error;
}

/**
 * knote_enqueue - make a knote pending, and tell those who wait
 * @kn: the knote, not pending; its queue locked
 * @sync: as for kqueue_wake_first()
 */
void knote_enqueue(struct knote *kn, int sync)
{
	struct kqueue *kq = kn->kn_kq;

	kn->kn_state |= KN_QUEUED;
	kq_count(&kq->count, 1);
	kq_count(&kq->listed, 1);
	WRITE_ONCE(kq->seq, kq->seq + 1);
	list_add_tail(&kn->kn_tqe, &kq->ready);
	idle_update(kq);
	trace_kqueue_activate(kn);
	kqueue_wake_all(kq, sync);
}

/**
 * knote_dequeue - take a knote back from what is pending
 * @kn: the knote; its queue locked
 */
void knote_dequeue(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;

	if (!(kn->kn_state & KN_QUEUED))
		return;
	kn->kn_state &= ~KN_QUEUED;
	kq_count(&kq->count, -1);
	idle_update(kq);
	if (!list_empty(&kn->kn_tqe)) {
		list_del_init(&kn->kn_tqe);
		if (!(kn->kn_state & KN_TAKEN))
			kq_count(&kq->listed, -1);
	}
}

/**
 * knote_activate_sync - something has happened
 * @kn: the knote; its queue locked
 * @sync: as for kqueue_wake_first()
 *
 * A claimed knote only remembers it: whoever owns it looks when it lets go.
 */
void knote_activate_sync(struct knote *kn, int sync)
{
	lockdep_assert_held(&kn->kn_kq->lock);
	kn->kn_state |= KN_ACTIVE;
	if (!(kn->kn_state &
	      (KN_QUEUED | KN_DISABLED | KN_CLAIMED | KN_DYING)))
		knote_enqueue(kn, sync);
}

/**
 * knote_fire - knote_activate_sync() for callbacks
 * @kn: the knote, kept alive by the caller's place on its object or by RCU
 * @sync: as for kqueue_wake_first()
 *
 * Context: any but NMI.
 */
void knote_fire(struct knote *kn, int sync)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	knote_activate_sync(kn, sync);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

/**
 * knote_unclaim - let go of a knote
 * @kn: the knote, claimed by the caller, who tells those who wait for it once
 *	the queue, now locked, is unlocked
 *
 * Return: whether it has died meanwhile and the caller, who still owns it,
 * has to drop it.
 */
bool knote_unclaim(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;

	lockdep_assert_held(&kq->lock);
	kq_count(&kq->claim_seq, 1);
	if (kn->kn_state & KN_DYING)
		return true;
	kn->kn_state &= ~KN_CLAIMED;
	if (kn->kn_state & KN_LISTED && kn->kn_status & KN_DETACHED)
		knlist_release(kn);
	if (kn->kn_state & KN_QUEUED) {
		/* A scanner met it and left it to us. */
		if (list_empty(&kn->kn_tqe)) {
			list_add_tail(&kn->kn_tqe, &kq->ready);
			kq_count(&kq->listed, 1);
			kqueue_wake_sleeper(kq, 0);
		}
	} else if ((kn->kn_state & (KN_ACTIVE | KN_DISABLED)) == KN_ACTIVE) {
		knote_enqueue(kn, 0);
	}
	return false;
}

/**
 * knote_kill - take a knote out of its queue
 * @kn: the knote; its queue locked
 *
 * Return: whether the caller now owns it and has to drop it.
 */
bool knote_kill(struct knote *kn)
{
	raw_spinlock_t *lock;

	lockdep_assert_held(&kn->kn_kq->lock);
	if (kn->kn_state & KN_DYING)
		return false;
	trace_kqueue_drop(kn);
	lock = table_lock(&knotes, knote_bucket(kn->kn_kq, kn->kn_fp,
						&kn->kn_kevent));
	knote_dequeue(kn);
	list_del(&kn->kn_link);
	raw_spin_lock(lock);
	hlist_del_rcu(&kn->kn_hash);
	raw_spin_unlock(lock);
	kn->kn_state |= KN_DYING;
	if (kn->kn_state & KN_CLAIMED)
		return false;
	kn->kn_state |= KN_CLAIMED;
	return true;
}

/**
 * knote_fput - give back a file, where the thread may go on to sleep
 * @fp: the file
 *
 * A last reference given back by a thread is closed when that thread returns
 * to user mode.  In kevent() that may be never, and a peer would wait for our
 * FIN; it happens when another thread closes the descriptor while we have
 * the file.  As if from an interrupt, fput() leaves it to a worker.
 *
 * Context: process.
 */
void knote_fput(struct file *fp)
{
	if (kq_fput_not_last(fp))
		return;
	local_bh_disable();
	fput(fp);
	local_bh_enable();
}

/**
 * knote_drop_lot - the end of a knote, to be freed with others
 * @kn: the knote, killed and owned by the caller
 * @lot: the others, or NULL
 *
 * Context: process, may sleep; no lock held.
 */
void knote_drop_lot(struct knote *kn, struct knote_lot *lot)
{
	if (!(READ_ONCE(kn->kn_status) & KN_DETACHED))
		kn->kn_fop->f_detach(kn);
	knlist_leave(kn);
	if (kn->kn_fp)
		knote_fput(kn->kn_fp);
	filter_put(kn->kn_filter);
	knote_free(kn, lot);
}

/**
 * knote_drop - the end of a knote
 * @kn: the knote, killed and owned by the caller
 *
 * Context: process, may sleep; no lock held.
 */
void knote_drop(struct knote *kn)
{
	knote_drop_lot(kn, NULL);
}

static void knote_reap(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&reap_list);
	struct knote *kn, *next;

	llist_for_each_entry_safe(kn, next, list, kn_reap) {
		knote_drop(kn);
		cond_resched();
	}
}

/**
 * knote_drop_later - knote_drop() by a worker
 * @kn: the knote, killed and owned by the caller
 *
 * Context: any but NMI.
 */
void knote_drop_later(struct knote *kn)
{
	if (llist_add(&kn->kn_reap, &reap_list))
		queue_work(kqueue_wq, &reap_work);
}

/*
 * knote_drop() in the close hook, which must not sleep.  The reference on the
 * file is never the last: the closer still has its own.
 */
static void knote_drop_closed(struct knote *kn)
{
	const struct filterops *fops = kn->kn_fop;

	if (fops->f_flags & FILTER_DETACH_LATER) {
		fput(kn->kn_fp);
		/* A filter may be looking at it. */
		WRITE_ONCE(kn->kn_fp, NULL);
	} else if (fops->f_detach_try &&
		   (kn->kn_status & KN_DETACHED || fops->f_detach_try(kn))) {
		fput(kn->kn_fp);
		knote_free(kn, NULL);
		return;
	}
	knote_drop_later(kn);
}

/**
 * knote_slot_lost - whether a knote's file has left its descriptor
 * @kn: the knote
 * @files: the descriptor table, which lives
 *
 * At the end of a process the slots of a table that nobody shares any more are
 * not cleared one by one on every kernel: then the count tells.
 *
 * Context: any; rcu_read_lock() or the table's file_lock held.
 */
bool knote_slot_lost(const struct knote *kn, struct files_struct *files)
{
	return kq_slot_file(files, kn->kn_id) != kn->kn_fp ||
	       atomic_read(&files->count) == 0;
}

/**
 * knote_of_slot - some knote of a descriptor
 * @fp: its file, which the caller keeps alive
 * @files: its table, not used
 * @kev: has the descriptor; where the knote's filter goes
 *
 * Return: the knote's queue, a reference held, or NULL where there is no knote.
 */
struct kqueue *knote_of_slot(struct file *fp, const struct files_struct *files,
			     struct kq_event *kev)
{
	struct hlist_head *bucket = file_bucket(fp, files);
	struct kqueue *kq = NULL;
	struct knote *kn;

	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, bucket, kn_hash) {
		if (kn->kn_fp != fp || kn->kn_kq->files != files ||
		    kn->kn_id != kev->ident ||
		    !refcount_inc_not_zero(&kn->kn_kq->refs))
			continue;
		kev->filter = kn->kn_filter;
		kq = kn->kn_kq;
		break;
	}
	rcu_read_unlock();
	return kq;
}

/**
 * knote_fdclose_table - a descriptor of a file was closed in a table
 * @fp: the file, which the caller keeps alive
 * @files: the table; @fp has left the slot already
 *
 * Drops the knotes whose descriptor it was: those of other descriptors of the
 * same file stay.  For the close hook; must not sleep.
 */
void knote_fdclose_table(struct file *fp, struct files_struct *files)
{
	struct hlist_head *bucket = file_bucket(fp, files);
	unsigned long flags;
	struct kqueue *kq;
	struct knote *kn;
	bool owned;

	if (hlist_empty(bucket))
		return;
	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, bucket, kn_hash) {
		kq = kn->kn_kq;
		if (kn->kn_fp != fp || kq->files != files ||
		    !knote_slot_lost(kn, files))
			continue;
		raw_spin_lock_irqsave(&kq->lock, flags);
		owned = knote_kill(kn);
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		if (owned)
			knote_drop_closed(kn);
	}
	rcu_read_unlock();
}
