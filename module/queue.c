// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: changing them, scanning them, sleeping on them.
 *
 * Locks, outermost first, and why each is there:
 *
 *	(a lock of the object watched: a wait queue's, a watch's)
 *	  queue.lock		raw, irq-safe.  The ready list, the status of
 *				every knote of the queue and what it has
 *				collected.  Raw, because timers and tracepoints
 *				take it on PREEMPT_RT too.  Never two at once.
 *	    table lock		a bucket of the look-up table
 *	    sleepers.lock	raw; to wake a thread
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
 * owner drop it.
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
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "compat/uaccess.h"
#include "filter.h"
#include "knote.h"
#include "limits.h"
#include "nested.h"

/* How many changes are read, and knotes taken, at a time. */
#define BATCH	16

struct workqueue_struct *kqueue_wq;

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

	irq_work_sync(&kq->notify);
	kq_user_put(kq->user);
	put_cred(kq->cred);
	kfree(kq);
}

/**
 * kqueue_create - a new queue, owned by the caller's descriptor table
 *
 * Return: the queue, or an ERR_PTR(-ENOMEM).
 */
struct kqueue *kqueue_create(void)
{
	struct kqueue *kq = kzalloc(sizeof(*kq), GFP_KERNEL_ACCOUNT);

	if (!kq)
		return ERR_PTR(-ENOMEM);
	kq->user = kq_user_get(current_uid());
	if (!kq->user) {
		kfree(kq);
		return ERR_PTR(-ENOMEM);
	}
	raw_spin_lock_init(&kq->lock);
	INIT_LIST_HEAD(&kq->ready);
	INIT_LIST_HEAD(&kq->knotes);
	INIT_LIST_HEAD(&kq->nested);
	INIT_LIST_HEAD(&kq->watchers);
	kq->files = current->files;
	kq->cred = get_current_cred();
	init_swait_queue_head(&kq->sleepers);
	init_waitqueue_head(&kq->claims);
	init_waitqueue_head(&kq->pollers);
	init_irq_work(&kq->notify, kqueue_notify);
	refcount_set(&kq->refs, 1);
	INIT_RCU_WORK(&kq->reap, kqueue_reap);
	return kq;
}

/* The last may go in the close hook, so the end comes from a worker. */
void kqueue_put(struct kqueue *kq)
{
	if (refcount_dec_and_test(&kq->refs))
		queue_rcu_work(kqueue_wq, &kq->reap);
}

/* Whether the caller's descriptor table owns the queue. */
bool kqueue_owned(const struct kqueue *kq)
{
	return kq->files == current->files && !READ_ONCE(kq->dead);
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
		if (kn->kn_status & KN_MARKER || !knote_kill(kn))
			continue;
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		knote_drop(kn);
		cond_resched();
		raw_spin_lock_irqsave(&kq->lock, flags);
		goto again;
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

void kqueue_wake_sleeper(struct kqueue *kq)
{
	lockdep_assert_held(&kq->lock);
	if (swait_active(&kq->sleepers))
		swake_up_one(&kq->sleepers);
}

/*
 * Whoever waits puts itself on the list first and then looks, under the lock,
 * whether there is something; so looking at the lists under the lock, after
 * there is something, misses nobody.
 */
void kqueue_wake_all(struct kqueue *kq)
{
	kqueue_wake_sleeper(kq);
	/* waitqueue_active() without a barrier: see above. */
	if (waitqueue_active(&kq->pollers) || READ_ONCE(kq->fasync))
		irq_work_queue(&kq->notify);
}

/* Tell those who wait for a claim, after some were let go. */
void kqueue_wake_claims(struct kqueue *kq)
{
	if (wq_has_sleeper(&kq->claims))
		wake_up_all(&kq->claims);
}

/*
 * Changes
 */

/* Whether a filter keeps fflags and data in its own way. */
static bool filter_touches(const struct filterops *fops)
{
	return !fops->f_isfd && fops->f_touch;
}

/* Ask a claimed, enabled knote whether it has something to report. */
static bool knote_ready(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	struct kq_event ev;
	unsigned long flags;
	bool ready;

	if (kn->kn_fop->f_sample)
		return kn->kn_fop->f_sample(kn, &ev, NULL) > 0;
	raw_spin_lock_irqsave(&kq->lock, flags);
	ready = kn->kn_fop->f_event(kn, 0);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return ready;
}

/* Let go of a knote after a change to it. */
static void knote_settle(struct knote *kn, bool ready)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	bool dead;

	raw_spin_lock_irqsave(&kq->lock, flags);
	if (ready)
		kn->kn_status |= KN_ACTIVE;
	dead = knote_unclaim(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	if (dead)
		knote_drop(kn);
}

/* Take back a knote that was published and claimed by the caller. */
static void knote_withdraw(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	knote_kill(kn);
	knote_unclaim(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	knote_drop(kn);
}

/* See fdclose.c for why the slot is read again. */
static bool knote_slot_kept(struct knote *kn)
{
	struct files_struct *files = current->files;
	bool kept;

	spin_lock(&files->file_lock);
	kept = !knote_slot_lost(kn, files);
	spin_unlock(&files->file_lock);
	return kept;
}

/* Attach a published knote, evaluate it and let go of it. */
static int knote_attach(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	int error = -EBADF;
	unsigned long flags;
	bool dead;

	if (kn->kn_fp && !knote_slot_kept(kn))
		goto out_withdraw;
	error = kn->kn_fop->f_attach(kn);
	if (error)
		goto out_withdraw;
	raw_spin_lock_irqsave(&kq->lock, flags);
	kn->kn_status &= ~KN_DETACHED;
	/* One that samples has done so when it attached. */
	if (!kn->kn_fop->f_sample && !(kn->kn_status & KN_DISABLED) &&
	    kn->kn_fop->f_event(kn, 0))
		kn->kn_status |= KN_ACTIVE;
	dead = knote_unclaim(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	if (dead)
		knote_drop(kn);
	return 0;

out_withdraw:
	knote_withdraw(kn);
	return error;
}

/* Set up a knote from the change that adds it. */
static void knote_fill(struct knote *kn, const struct kq_event *kev,
		       const struct filterops *fops, struct file *fp)
{
	kn->kn_fop = fops;
	kn->kn_fp = fp;
	kn->kn_sfflags = kev->fflags;
	kn->kn_sdata = kev->data;
	kn->kn_kevent = *kev;
	kn->kn_fflags = 0;
	kn->kn_data = 0;
	kn->kn_flags &= EV_ONESHOT | EV_CLEAR | EV_RECEIPT | EV_DISPATCH;
	if (kev->flags & EV_DISABLE)
		kn->kn_status |= KN_DISABLED;
}

/* What a change does besides its filter's part.  Queue locked. */
static void knote_change(struct knote *kn, const struct kq_event *kev)
{
	if (!(kev->flags & EV_KEEPUDATA))
		kn->kn_udata = kev->udata;
	if (!filter_touches(kn->kn_fop)) {
		kn->kn_sfflags = kev->fflags;
		kn->kn_sdata = kev->data;
	}
	if (kev->flags & EV_FORCEONESHOT) {
		kn->kn_flags |= EV_ONESHOT;
		kn->kn_status |= KN_ACTIVE | KN_FORCED;
	}
	if (kev->flags & EV_ENABLE) {
		kn->kn_status &= ~KN_DISABLED;
	} else if (kev->flags & EV_DISABLE) {
		knote_dequeue(kn);
		kn->kn_status |= KN_DISABLED;
	}
}

/* Change a knote that the caller has claimed. */
static int knote_modify(struct knote *kn, struct kq_event *kev)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	bool disabled;
	int error = 0;

	if (filter_touches(kn->kn_fop))
		error = kn->kn_fop->f_touch(kn, kev, EVENT_REGISTER);
	else if (kn->kn_fop->f_change)
		error = kn->kn_fop->f_change(kn, kev);
	if (error) {
		knote_settle(kn, false);
		return error;
	}
	raw_spin_lock_irqsave(&kq->lock, flags);
	knote_change(kn, kev);
	disabled = kn->kn_status & KN_DISABLED;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	knote_settle(kn, !disabled && knote_ready(kn));
	return 0;
}

static struct file *kqueue_ident_file(struct kqueue *kq, u64 ident)
{
	struct file *fp = ident > INT_MAX ? NULL : fget(ident);

	if (!fp)
		return ERR_PTR(-EBADF);
	if (file_kqueue(fp) == kq) {
		knote_fput(fp);
		return ERR_PTR(-EINVAL);
	}
	return fp;
}

/*
 * Find the knote of a change and claim it; or publish @new, if there is one,
 * in its place.  Returns the knote, or an error.  The knote is claimed, but
 * for EV_DELETE it is killed, and the caller's to drop.
 */
static struct knote *kqueue_claim(struct kqueue *kq, struct kq_event *kev,
				  struct file *fp, struct knote *new)
{
	unsigned long flags;
	unsigned int seq;
	struct knote *kn;
	int error;

again:
	raw_spin_lock_irqsave(&kq->lock, flags);
	error = -EBADF;
	if (kq->dead)
		goto out_unlock;
	kn = knote_find(kq, fp, kev);
	if (kn && kn->kn_status & KN_CLAIMED) {
		seq = kq->claim_seq;
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		if (wait_event_killable(kq->claims,
					READ_ONCE(kq->claim_seq) != seq))
			return ERR_PTR(-EINTR);
		goto again;
	}
	if (kn) {
		if (kev->flags & EV_DELETE)
			knote_kill(kn);
		kn->kn_status |= KN_CLAIMED;
	} else if (new) {
		error = knote_publish(new);
		if (error)
			goto out_unlock;
		kn = new;
	} else {
		error = -ENOENT;
		goto out_unlock;
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return kn;

out_unlock:
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return ERR_PTR(error);
}

/**
 * kqueue_register - apply one change
 * @kq: the queue
 * @kev: the change; its fflags are cleared when a knote is made of it
 *
 * Context: process, a thread that owns the queue; may sleep.
 * Return: 0 or a negative errno, as kevent(2) reports it.
 */
int kqueue_register(struct kqueue *kq, struct kq_event *kev)
{
	const struct filterops *fops = filter_find(kev->filter);
	struct knote *kn, *new = NULL;
	struct file *fp = NULL;
	int error = 0;

	if (!fops || (kev->flags & EV_ENABLE && kev->flags & EV_DISABLE) ||
	    (kev->flags & EV_ADD && kev->flags & EV_KEEPUDATA))
		return -EINVAL;
	if (fops->f_isfd) {
		fp = kqueue_ident_file(kq, kev->ident);
		if (IS_ERR(fp))
			return PTR_ERR(fp);
	}

	kn = kqueue_claim(kq, kev, fp, NULL);
	if (kn == ERR_PTR(-ENOENT) && kev->flags & EV_ADD) {
		new = knote_alloc(kq);
		if (IS_ERR(new)) {
			error = PTR_ERR(new);
			goto out_put;
		}
		knote_fill(new, kev, fops, fp);
		kn = kqueue_claim(kq, kev, fp, new);
	}
	if (IS_ERR(kn)) {
		error = PTR_ERR(kn);
	} else if (kn == new) {
		kev->fflags = 0;	/* as BSD reports it */
		return knote_attach(kn);	/* owns the file now */
	} else if (kev->flags & EV_DELETE) {
		knote_drop(kn);
	} else {
		error = knote_modify(kn, kev);
	}
	if (!IS_ERR_OR_NULL(new))
		knote_free(new);
out_put:
	if (fp)
		knote_fput(fp);
	return error;
}

/*
 * Scan
 */

/**
 * struct kq_scan - one call's way through the ready list
 * @kq: the queue
 * @eventlist: where the next event goes
 * @room: how many more fit there
 * @count: how many were stored
 * @marker: where this scan ends: what came to the list later is behind it
 * @n: how many knotes are taken
 * @fault: the first of them whose slot in eventlist is not there
 * @kn: the knotes taken, claimed
 * @ev: their events
 */
struct kq_scan {
	struct kqueue		*kq;
	struct kq_event __user	*eventlist;
	int			room;
	int			count;
	struct knote		marker;
	int			n;
	int			fault;
	struct knote		*kn[BATCH];
	struct kq_event		ev[BATCH];
};

static void scan_init(struct kq_scan *s, struct kqueue *kq,
		      struct kq_event __user *eventlist, int nevents)
{
	s->kq = kq;
	s->eventlist = eventlist;
	s->room = nevents;
	s->count = 0;
	s->marker.kn_status = KN_MARKER;
}

/* Claim the next few knotes.  One that may block is taken alone. */
static void scan_take(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	int max = min(s->room, BATCH);
	struct knote *kn, *next;

	s->n = 0;
	list_for_each_entry_safe(kn, next, &kq->ready, kn_tqe) {
		const struct filterops *fops = kn->kn_fop;
		bool alone;

		if (kn == &s->marker || s->n == max)
			break;
		if (kn->kn_status & KN_MARKER)
			continue;
		alone = !(kn->kn_status & KN_CLAIMED) && fops->f_sample &&
			!(fops->f_flags & FILTER_NOBLOCK);
		if (alone && s->n)
			break;
		list_del_init(&kn->kn_tqe);
		kq->listed--;
		/* Somebody changes it: that thread will put it back. */
		if (kn->kn_status & KN_CLAIMED)
			continue;
		kn->kn_status |= KN_CLAIMED;
		kn->kn_status &= ~KN_ACTIVE;
		s->kn[s->n++] = kn;
		if (alone)
			break;
	}
}

/* Ask those that do not collect.  Event i is marked ready by its filter. */
static void scan_evaluate(struct kq_scan *s)
{
	struct knote *kn;
	int i, ready;

	s->fault = s->n;
	for (i = 0; i < s->n; i++) {
		kn = s->kn[i];
		s->ev[i].filter = 0;
		if (!kn->kn_fop->f_sample || kn->kn_status & KN_FORCED)
			continue;
		s->ev[i].flags = 0;
		ready = kn->kn_fop->f_sample(kn, &s->ev[i], &s->eventlist[i]);
		if (ready < 0) {
			s->fault = i;
			return;
		}
		s->ev[i].filter = ready ? kn->kn_filter : 0;
	}
}

/*
 * Whether a knote is to be delivered, its event then being in @ev.  The
 * snapshot and the reset are one critical section, so no count is lost
 * between them.
 */
static bool scan_snapshot(struct knote *kn, struct kq_event *ev)
{
	const struct filterops *fops = kn->kn_fop;

	if (kn->kn_status & KN_DYING)
		return false;
	if (kn->kn_fp && knote_slot_lost(kn, current->files)) {
		knote_kill(kn);
		return false;
	}
	if (kn->kn_status & KN_FORCED) {
		;	/* as it stands */
	} else if (fops->f_sample) {
		if (!ev->filter)
			return false;
		kn->kn_flags = (kn->kn_flags & ~EV_EOF) | ev->flags;
		kn->kn_fflags = ev->fflags;
		kn->kn_data = ev->data;
	} else if (!fops->f_event(kn, 0)) {
		if (kn->kn_flags & EV_DROP)
			knote_kill(kn);
		return false;
	}
	*ev = kn->kn_kevent;
	if (filter_touches(fops))
		fops->f_touch(kn, ev, EVENT_PROCESS);
	if (kn->kn_flags & EV_CLEAR) {
		kn->kn_fflags = 0;
		kn->kn_data = 0;
	}
	return true;
}

/* Put a knote back where it was taken from. */
static void scan_restore(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;

	if (!(kn->kn_status & KN_DYING)) {
		kn->kn_status |= KN_ACTIVE;
		list_add(&kn->kn_tqe, &kq->ready);
		kq->listed++;
	}
}

/* Let go of a knote; one that has died goes to @dead, to be dropped. */
static void scan_unclaim(struct knote *kn, struct list_head *dead)
{
	if (knote_unclaim(kn))
		list_add(&kn->kn_tqe, dead);
}

static void scan_drop(struct list_head *dead)
{
	struct knote *kn, *next;

	list_for_each_entry_safe(kn, next, dead, kn_tqe)
		knote_drop(kn);
}

/*
 * Keep the knotes that have something to report, let go of the others.  From
 * the one whose slot is not there on, all go back: the order stays.
 */
static void scan_commit(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	unsigned long flags;
	struct knote *kn;
	LIST_HEAD(dead);
	int i, n = 0;

	raw_spin_lock_irqsave(&kq->lock, flags);
	rcu_read_lock();
	for (i = s->n - 1; i >= s->fault; i--) {
		scan_restore(s->kn[i]);
		scan_unclaim(s->kn[i], &dead);
	}
	for (i = 0; i < s->fault; i++) {
		kn = s->kn[i];
		if (scan_snapshot(kn, &s->ev[i])) {
			s->kn[n] = kn;
			s->ev[n++] = s->ev[i];
			continue;
		}
		knote_dequeue(kn);
		scan_unclaim(kn, &dead);
	}
	s->n = n;
	rcu_read_unlock();
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	scan_drop(&dead);
}

/* After its delivery: what becomes of a knote. */
static void scan_finish(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;

	if (kn->kn_status & KN_DYING)
		return;
	if (kn->kn_flags & EV_ONESHOT) {
		knote_kill(kn);
	} else if (kn->kn_flags & EV_DISPATCH) {
		knote_dequeue(kn);
		kn->kn_status |= KN_DISABLED;
	} else if (kn->kn_flags & EV_CLEAR) {
		knote_dequeue(kn);
	} else {
		kn->kn_status |= KN_ACTIVE;
		list_add_tail(&kn->kn_tqe, &kq->ready);
		kq->listed++;
	}
}

/* Its event was not delivered: it is pending again. */
static void scan_undo(struct knote *kn, struct kq_event *ev)
{
	if (kn->kn_status & KN_DYING)
		return;
	if (kn->kn_fop->f_touch) {
		kn->kn_fop->f_touch(kn, ev, EVENT_UNDO);
	} else if (!kn->kn_fop->f_sample && kn->kn_flags & EV_CLEAR) {
		kn->kn_fflags |= ev->fflags;
		kn->kn_data += ev->data;
	}
	scan_restore(kn);
}

/*
 * Copy the events out while their knotes are claimed: once EV_DELETE returns,
 * no event of that knote is on its way to anybody.  Without page faults, so
 * that a claim never waits for somebody's userfaultfd.  Returns whether all
 * were copied.
 */
static bool scan_deliver(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	size_t left = kq_copy_nofault(s->eventlist, s->ev, s->n * sizeof(*s->ev));
	int i, done = s->n - DIV_ROUND_UP(left, sizeof(*s->ev));
	unsigned long flags;
	LIST_HEAD(dead);

	raw_spin_lock_irqsave(&kq->lock, flags);
	for (i = s->n - 1; i >= done; i--)
		scan_undo(s->kn[i], &s->ev[i]);
	for (i = 0; i < done; i++)
		scan_finish(s->kn[i]);
	for (i = 0; i < s->n; i++)
		scan_unclaim(s->kn[i], &dead);
	if (done < s->n && kq->listed)
		kqueue_wake_sleeper(kq);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	scan_drop(&dead);

	s->eventlist += done;
	s->room -= done;
	s->count += done;
	return done == s->n;
}

/*
 * One way through the list.  Returns 0, or -EFAULT when eventlist is not
 * there; s->count says how many events were stored before.
 */
static int kqueue_scan(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	unsigned long flags;
	bool faulted;
	int error = 0;

	kqueue_settle(kq);
	raw_spin_lock_irqsave(&kq->lock, flags);
	list_add_tail(&s->marker.kn_tqe, &kq->ready);
	while (s->room && !error) {
		scan_take(s);
		if (!s->n)
			break;
		raw_spin_unlock_irqrestore(&kq->lock, flags);

		scan_evaluate(s);
		faulted = s->fault < s->n;
		scan_commit(s);
		if (s->n && !scan_deliver(s))
			faulted = true;
		if (faulted)
			error = kq_fault_in(s->eventlist, sizeof(*s->eventlist));
		if (fatal_signal_pending(current))
			error = -EINTR;
		cond_resched();

		raw_spin_lock_irqsave(&kq->lock, flags);
	}
	list_del(&s->marker.kn_tqe);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return error;
}

/**
 * struct kq_deadline - until when a call waits
 * @at: on CLOCK_MONOTONIC
 * @expires: points to @at, or is NULL: for ever
 * @poll: not at all
 */
struct kq_deadline {
	ktime_t	at;
	ktime_t	*expires;
	bool	poll;
};

/* Returns 0 when there may be something, -ETIME, or -EINTR. */
static int kqueue_sleep(struct kqueue *kq, const struct kq_deadline *deadline)
{
	DECLARE_SWAITQUEUE(wait);
	unsigned long flags;
	int error = 0;
	bool listed;

	for (;;) {
		prepare_to_swait_exclusive(&kq->sleepers, &wait,
					   TASK_INTERRUPTIBLE);
		raw_spin_lock_irqsave(&kq->lock, flags);
		listed = kq->listed;
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		if (listed)
			break;
		if (signal_pending(current)) {
			error = -EINTR;
			break;
		}
		if (!schedule_hrtimeout_range(deadline->expires,
					      current->timer_slack_ns,
					      HRTIMER_MODE_ABS)) {
			error = -ETIME;
			break;
		}
	}
	finish_swait(&kq->sleepers, &wait);
	return error;
}

/* Take events, waiting for the first.  Returns their number or an errno. */
static int kqueue_wait(struct kqueue *kq, struct kq_event __user *eventlist,
		       int nevents, const struct kq_deadline *deadline)
{
	unsigned long flags;
	struct kq_scan s;
	int error;

	scan_init(&s, kq, eventlist, nevents);
	for (;;) {
		error = kqueue_scan(&s);
		if (s.count || error || deadline->poll)
			break;
		error = kqueue_sleep(kq, deadline);
		if (error)
			break;
	}
	/* We may have been woken for what we leave behind. */
	raw_spin_lock_irqsave(&kq->lock, flags);
	if (kq->listed)
		kqueue_wake_sleeper(kq);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	if (s.count || error == -ETIME)
		return s.count;
	return error;
}

/*
 * The call
 */

static int deadline_get(struct kq_deadline *deadline, u64 timeout)
{
	struct timespec64 ts;

	*deadline = (struct kq_deadline){ 0 };
	if (!timeout)
		return 0;
	if (get_timespec64(&ts, u64_to_user_ptr(timeout)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (unsigned long)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (!ts.tv_sec && !ts.tv_nsec) {
		deadline->poll = true;
	} else if (ts.tv_sec <= INT_MAX) {
		deadline->at = ktime_add_safe(ktime_get(),
					      timespec64_to_ktime(ts));
		deadline->expires = &deadline->at;
	}
	return 0;
}

/**
 * struct kq_report - entries about changes, in eventlist
 * @eventlist: where the next entry goes
 * @room: how many more fit there
 * @count: how many there are
 */
struct kq_report {
	struct kq_event __user	*eventlist;
	int			room;
	int			count;
};

/*
 * Returns whether there was room.  As in BSD, an entry counts whether or not
 * its address was good.
 */
static bool report_change(struct kq_report *report, struct kq_event *kev,
			  int error)
{
	if (!report->room)
		return false;
	kev->flags = EV_ERROR;
	kev->data = -error;
	report->room--;
	report->count++;
	if (copy_to_user(report->eventlist++, kev, sizeof(*kev)))
		pr_debug("%s[%d]: no eventlist\n", current->comm, current->pid);
	return true;
}

/* What a program cannot say, and what is padding in its struct kevent. */
static void change_clean(struct kq_event *kev, bool narrow)
{
	kev->flags &= ~EV_SYSFLAGS;
	if (narrow) {
		kev->ident = (u32)kev->ident;
		kev->udata = (u32)kev->udata;
	}
}

/*
 * Apply the changes in order.  Returns 1 when all were applied, 0 when an
 * EV_RECEIPT found no room and ends the call, or a negative errno.
 */
static int kqueue_change(struct kqueue *kq, const struct kq_kevent *call,
			 struct kq_report *report)
{
	const struct kq_event __user *changelist;
	int i, n, error, nchanges = call->nchanges;
	struct kq_event kev[BATCH];

	changelist = u64_to_user_ptr(call->changelist);
	for (; nchanges > 0; nchanges -= n, changelist += n) {
		n = min(nchanges, BATCH);
		if (copy_from_user(kev, changelist, n * sizeof(*kev)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			if (!kev[i].filter)
				continue;
			change_clean(&kev[i], call->flags & KQ_CALL_NARROW);
			error = kqueue_register(kq, &kev[i]);
			if ((error || kev[i].flags & EV_RECEIPT) &&
			    !report_change(report, &kev[i], error))
				return error;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 1;
}

/**
 * kqueue_kevent - kevent(2)
 * @kq: the queue
 * @call: its arguments
 *
 * Context: process, a thread of the queue's owner; may sleep.
 * Return: the number of entries stored, or a negative errno.
 */
int kqueue_kevent(struct kqueue *kq, const struct kq_kevent *call)
{
	struct kq_report report = {
		.eventlist = u64_to_user_ptr(call->eventlist),
		.room = call->nevents,
	};
	struct kq_deadline deadline;
	int error;

	if (call->nchanges < 0 || call->nevents < 0 || call->reserved ||
	    call->flags & ~KQ_CALL_NARROW)
		return -EINVAL;
	if (call->nevents) {
		error = deadline_get(&deadline, call->timeout);
		if (error)
			return error;
	}
	error = kqueue_change(kq, call, &report);
	if (error <= 0)
		return error;
	if (report.count || !call->nevents)
		return report.count;
	return kqueue_wait(kq, report.eventlist, call->nevents, &deadline);
}
