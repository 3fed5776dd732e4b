// SPDX-License-Identifier: GPL-2.0
/*
 * knlists: how the driver of an object tells the knotes that watch it.
 *
 * Two locks.  The owner's guards the object, and so what ->f_event looks at; it
 * is taken before a queue's, may be one that sleeps, and may let several in at
 * a time (knlist_init_rw_reader()).  The list has one of its own inside a
 * queue's lock, and is walked under RCU: a knote that was taken off in the
 * middle of a walk still leads on, and is passed over because it is
 * KN_DETACHED.
 *
 * An owner that has emptied its list frees the object, lock and all, while a
 * thread that has claimed one of the knotes may be about to take that lock:
 *
 *	scanner				owner
 *	claim
 *					knlist_clear(): off the list, KN_FORCED
 *	kl_lock
 *	forced: deliver it as it stands
 *	kl_unlock
 *	let go of the claim		knlist_clear() returns
 *					free the object
 *
 * So a knote that leaves the list while it is claimed is counted among the
 * list's users until the claim is let go; whoever empties the list waits for
 * that, without any lock.  Such a claim is short: a knote on a list is taken
 * alone by a scan, and nothing but its filter's own functions runs meanwhile.
 */
#include <linux/completion.h>
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "knlist.h"
#include "knote.h"

/* For lists whose owner has no lock. */
static DEFINE_SPINLOCK(shared_lock);

static void list_spin_lock(void *arg)
	__acquires(arg)
{
	struct knlist *knl = arg;
	unsigned long flags;

	spin_lock_irqsave(knl->kl_spin, flags);
	knl->kl_irq = flags;
}

static void list_spin_unlock(void *arg)
	__releases(arg)
{
	struct knlist *knl = arg;

	spin_unlock_irqrestore(knl->kl_spin, knl->kl_irq);
}

static int list_spin_locked(void *arg)
{
	return lockdep_is_held_type(((struct knlist *)arg)->kl_spin, -1);
}

static void list_read_lock(void *lock)
	__acquires(lock)
{
	read_lock((rwlock_t *)lock);
}

static void list_read_unlock(void *lock)
	__releases(lock)
{
	read_unlock((rwlock_t *)lock);
}

static int list_read_locked(void *lock)
{
	return lockdep_is_held_type((rwlock_t *)lock, -1);
}

/**
 * knlist_init - set a list up, with a lock of any kind
 * @knl: the list
 * @lock: what guards the object, and is held over ->f_event; NULL for one lock
 *	that all such lists share, a spinlock
 * @kl_lock: takes it; with any of the three NULL, @lock is a spinlock_t as for
 *	knlist_init_mtx()
 * @kl_unlock: lets go of it
 * @kl_locked: whether the caller has it; asked for assertions alone, on kernels
 *	with lockdep
 *
 * Context: any.
 */
void knlist_init(struct knlist *knl, void *lock, void (*kl_lock)(void *),
		 void (*kl_unlock)(void *), int (*kl_locked)(void *))
{
	INIT_HLIST_HEAD(&knl->kl_list);
	raw_spin_lock_init(&knl->kl_raw);
	knl->kl_users = 0;
	knl->kl_idle = NULL;
	if (lock && kl_lock && kl_unlock && kl_locked) {
		knl->kl_lock = kl_lock;
		knl->kl_unlock = kl_unlock;
		knl->kl_locked = kl_locked;
		knl->kl_lockarg = lock;
		knl->kl_spin = NULL;
	} else {
		knl->kl_lock = list_spin_lock;
		knl->kl_unlock = list_spin_unlock;
		knl->kl_locked = list_spin_locked;
		knl->kl_lockarg = knl;
		knl->kl_spin = lock ?: &shared_lock;
	}
}
EXPORT_SYMBOL_GPL(knlist_init);

/**
 * knlist_init_mtx - set a list up whose owner has a spinlock
 * @knl: the list
 * @lock: the spinlock; the list takes it with interrupts off, NULL for the
 *	shared one
 *
 * Context: any.
 */
void knlist_init_mtx(struct knlist *knl, spinlock_t *lock)
{
	knlist_init(knl, lock, NULL, NULL, NULL);
}
EXPORT_SYMBOL_GPL(knlist_init_mtx);

/**
 * knlist_init_rw_reader - set a list up whose owner has a reader-writer lock
 * @knl: the list
 * @lock: the lock; the list takes it for reading, interrupts as they are: if
 *	KNOTE_UNLOCKED() is called in interrupts, writers turn them off
 *
 * Context: any.
 */
void knlist_init_rw_reader(struct knlist *knl, rwlock_t *lock)
{
	knlist_init(knl, lock, list_read_lock, list_read_unlock,
		    list_read_locked);
}
EXPORT_SYMBOL_GPL(knlist_init_rw_reader);

static void assert_locked(struct knlist *knl)
{
	WARN_ON_ONCE(IS_ENABLED(CONFIG_LOCKDEP) &&
		     !knl->kl_locked(knl->kl_lockarg));
}

static void owner_lock(struct knlist *knl, int islocked)
{
	if (islocked)
		assert_locked(knl);
	else
		knl->kl_lock(knl->kl_lockarg);
}

static void owner_unlock(struct knlist *knl, int islocked)
{
	if (!islocked)
		knl->kl_unlock(knl->kl_lockarg);
}

/**
 * knlist_lock - take the lock that a knote's ->f_event relies on
 * @kn: the knote, claimed by the caller, no lock held
 *
 * Return: what to hand to knlist_unlock().
 */
struct knlist *knlist_lock(struct knote *kn)
{
	struct knlist *knl;

	if (!knote_state(kn, KN_LISTED))
		return NULL;
	knl = kn->kn_knlist;
	knl->kl_lock(knl->kl_lockarg);
	return knl;
}

void knlist_unlock(struct knlist *knl)
{
	if (knl)
		knl->kl_unlock(knl->kl_lockarg);
}

/**
 * knlist_release - a knote that has left its list has no use for it any more
 * @kn: the knote, KN_LISTED and off the list; its queue locked
 */
void knlist_release(struct knote *kn)
{
	struct knlist *knl = kn->kn_knlist;

	kn->kn_state &= ~KN_LISTED;
	raw_spin_lock(&knl->kl_raw);
	if (!--knl->kl_users && knl->kl_idle)
		complete(knl->kl_idle);
	raw_spin_unlock(&knl->kl_raw);
}

/* Take a knote off its list.  Queue locked. */
static void unlist(struct knote *kn)
{
	struct knlist *knl = kn->kn_knlist;

	if (!(kn->kn_state & KN_LISTED) || kn->kn_status & KN_DETACHED)
		return;
	raw_spin_lock(&knl->kl_raw);
	hlist_del_rcu(&kn->kn_selnext);
	raw_spin_unlock(&knl->kl_raw);
	kn->kn_status |= KN_DETACHED;
	if (!(kn->kn_state & KN_CLAIMED))
		knlist_release(kn);
}

/**
 * knlist_leave - the end of a knote's attachment to a list
 * @kn: the knote, claimed by the caller, no lock held; ->f_detach was called,
 *	if it had to be
 */
void knlist_leave(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	if (!knote_state(kn, KN_LISTED))
		return;
	raw_spin_lock_irqsave(&kq->lock, flags);
	unlist(kn);
	knlist_release(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

/**
 * knlist_add - put a knote on a list
 * @knl: the list
 * @kn: the knote
 * @islocked: whether the caller holds the list's lock
 *
 * Clears KN_DETACHED.  ->f_event may be called before this returns.
 *
 * Context: ->f_attach, once.
 */
void knlist_add(struct knlist *knl, struct knote *kn, int islocked)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	owner_lock(knl, islocked);
	raw_spin_lock_irqsave(&kq->lock, flags);
	kn->kn_knlist = knl;
	kn->kn_state |= KN_LISTED;
	kn->kn_status &= ~KN_DETACHED;
	raw_spin_lock(&knl->kl_raw);
	hlist_add_head_rcu(&kn->kn_selnext, &knl->kl_list);
	knl->kl_users++;
	raw_spin_unlock(&knl->kl_raw);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	owner_unlock(knl, islocked);
}
EXPORT_SYMBOL_GPL(knlist_add);

/**
 * knlist_remove - take a knote off a list
 * @knl: the list
 * @kn: the knote; nothing happens if it was taken off already
 * @islocked: whether the caller holds the list's lock
 *
 * Sets KN_DETACHED.
 *
 * Context: ->f_detach, and ->f_attach that fails; as the list's lock allows.
 */
void knlist_remove(struct knlist *knl, struct knote *kn, int islocked)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	owner_lock(knl, islocked);
	raw_spin_lock_irqsave(&kq->lock, flags);
	unlist(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	owner_unlock(knl, islocked);
}
EXPORT_SYMBOL_GPL(knlist_remove);

/**
 * knlist_remove_inevent - knlist_remove() for ->f_event
 * @knl: the list
 * @kn: the knote that ->f_event was called with
 *
 * ->f_detach will not be called.  The knote is returned to its program if
 * ->f_event then returns non-zero, and stays in the queue if it does not.
 *
 * Context: ->f_event.
 */
void knlist_remove_inevent(struct knlist *knl, struct knote *kn)
{
	lockdep_assert_held(&kn->kn_kq->lock);
	assert_locked(knl);
	unlist(kn);
}
EXPORT_SYMBOL_GPL(knlist_remove_inevent);

/**
 * knlist_empty - whether nobody watches an object
 * @knl: its list; the caller holds its lock
 *
 * Context: any.
 * Return: non-zero if there is no knote on the list.
 */
int knlist_empty(struct knlist *knl)
{
	assert_locked(knl);
	return hlist_empty(&knl->kl_list);
}
EXPORT_SYMBOL_GPL(knlist_empty);

/**
 * knote - tell the knotes on a list, see KNOTE_LOCKED()
 * @knl: the list, or NULL
 * @hint: what ->f_event is told
 * @islocked: whether the caller holds the list's lock
 */
void knote(struct knlist *knl, long hint, int islocked)
{
	unsigned long flags;
	struct knote *kn;

	if (!knl)
		return;
	owner_lock(knl, islocked);
	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, &knl->kl_list, kn_selnext) {
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		if (!(kn->kn_status & KN_DETACHED) &&
		    !(kn->kn_state & KN_DYING) && knote_fires(kn, hint))
			knote_activate(kn);
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	}
	rcu_read_unlock();
	owner_unlock(knl, islocked);
}
EXPORT_SYMBOL_GPL(knote);

static void remove_all(struct knlist *knl, bool kill)
{
	unsigned long flags;
	struct knote *kn;
	bool owned;

	rcu_read_lock();
	hlist_for_each_entry_rcu(kn, &knl->kl_list, kn_selnext) {
		owned = false;
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		if (!(kn->kn_status & KN_DETACHED)) {
			unlist(kn);
			if (kill) {
				owned = knote_kill(kn);
			} else {
				kn->kn_flags |= EV_EOF | EV_ONESHOT;
				kn->kn_state |= KN_FORCED;
				knote_activate(kn);
			}
		}
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
		if (owned)
			knote_drop_later(kn);
	}
	rcu_read_unlock();
}

/*
 * Sleep without the owner's spinlock.  If its holder has turned interrupts off
 * with it, they were on before.
 */
static void wait_unlocked_spin(spinlock_t *lock, struct completion *idle)
	__releases(lock) __acquires(lock)
{
	bool irqs_off = irqs_disabled();

	spin_unlock(lock);
	if (irqs_off)
		local_irq_enable();
	wait_for_completion(idle);
	if (irqs_off)
		local_irq_disable();
	spin_lock(lock);
}

static void wait_unlocked(struct knlist *knl, struct completion *idle)
{
	if (knl->kl_spin) {
		wait_unlocked_spin(knl->kl_spin, idle);
	} else {
		knl->kl_unlock(knl->kl_lockarg);
		wait_for_completion(idle);
		knl->kl_lock(knl->kl_lockarg);
	}
}

/* Wait for those who may still have the owner's lock; whether there were any. */
static bool wait_for_users(struct knlist *knl, int islocked)
{
	DECLARE_COMPLETION_ONSTACK(idle);
	unsigned long flags;
	bool busy;

	raw_spin_lock_irqsave(&knl->kl_raw, flags);
	WARN_ON_ONCE(knl->kl_idle);
	busy = knl->kl_users;
	if (busy)
		knl->kl_idle = &idle;
	raw_spin_unlock_irqrestore(&knl->kl_raw, flags);
	if (!busy)
		return false;
	if (islocked)
		wait_unlocked(knl, &idle);
	else
		wait_for_completion(&idle);
	raw_spin_lock_irqsave(&knl->kl_raw, flags);
	knl->kl_idle = NULL;
	raw_spin_unlock_irqrestore(&knl->kl_raw, flags);
	return true;
}

/**
 * knlist_cleardel - see knlist_clear() and knlist_delete()
 * @knl: the list
 * @islocked: whether the caller holds its lock
 * @killkn: whether the knotes go unseen
 */
void knlist_cleardel(struct knlist *knl, int islocked, int killkn)
{
	do {
		owner_lock(knl, islocked);
		remove_all(knl, killkn);
		owner_unlock(knl, islocked);
	} while (wait_for_users(knl, islocked));
}
EXPORT_SYMBOL_GPL(knlist_cleardel);

/**
 * knlist_destroy - the end of a list
 * @knl: the list, empty; no knote will come to it any more
 *
 * Waits for those that have just left the list: when this returns, the object
 * may be freed.
 *
 * Context: process, may sleep; the list's lock is not held.
 */
void knlist_destroy(struct knlist *knl)
{
	WARN_ON(!hlist_empty(&knl->kl_list));
	while (wait_for_users(knl, 0))
		;
}
EXPORT_SYMBOL_GPL(knlist_destroy);
