// SPDX-License-Identifier: GPL-2.0
/*
 * Scans: events taken from a queue, and threads asleep until there are some.
 *
 * A scan goes through the ready list a batch at a time:
 *
 *	take		queue locked: knotes off the list, claimed; those that
 *			collect are asked here, what they have is snapshot and
 *			reset in one critical section
 *	deliver		no lock: the others are asked, and the events copied
 *	settle		queue locked: each knote deleted, disabled, put back at
 *			the tail or, where its event was not copied, at the head
 *
 * A single knote goes the same way, a shorter one: scan_single().
 *
 * All of a batch stays claimed until it is copied: once EV_DELETE returns, no
 * event of that knote is on its way to anybody.  They are copied without page
 * faults, so that a claim never waits for somebody's userfaultfd.
 */
#include <linux/hrtimer.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>

#include "compat/compiler.h"
#include "compat/fdtable.h"
#include "compat/wait.h"
#include "filter.h"
#include "idle.h"
#include "knlist.h"
#include "knote.h"
#include "nested.h"
#include "scan.h"
#include "trace.h"
#include "uaccess.h"

/* How many knotes are taken at a time, and how many others are passed by. */
#define BATCH	16

/*
 * How often in succession a place may be had in memory and be gone when it is
 * written: the arm64 kernel has addresses for which that is so for ever.
 */
#define TRIES_MAX	1000

/**
 * struct taken - a knote of a batch
 * @kn: the knote, claimed
 * @ev: its event: the knote's own, or its place in @snapshot; NULL for none
 */
struct taken {
	struct knote		*kn;
	const struct kq_event	*ev;
};

/**
 * struct kq_scan - one call's way through the ready list
 * @kq: the queue
 * @eventlist: where the next event goes
 * @room: how many more fit there
 * @count: how many were stored
 * @marked: @marker was put into the list
 * @last: the list was empty once a batch was taken: it needs no marker
 * @taken: the knotes taken, in order (queue.lock)
 * @dead: those that are to be dropped
 * @brief: how many of them the queue's @brief counts: all, or none
 * @listed: whether knotes were listed when it ended with nothing
 * @held: whether other scans had some that they are sure to let go of soon
 * @seq: the queue's @claim_seq then
 * @tries: how often in succession the place of an event was not there
 * @end: the first of the batch whose event was not copied, @stop for none
 * @stop: behind the last of the batch
 * @marker: where this scan ends: what comes to the list later is behind it.
 *	Another that finds it first of all takes it away (queue.lock)
 * @batch: the knotes taken, in order
 * @snapshot: what those of them had that collect, in the same order
 */
struct kq_scan {
	struct kqueue		*kq;
	struct kq_event __user	*eventlist;
	int			room;
	int			count;
	bool			marked;
	bool			last;
	struct list_head	taken;
	struct list_head	dead;
	int			tries;
	struct taken		*end;
	struct taken		*stop;
	int			brief;
	bool			listed;
	bool			held;
	unsigned int		seq;
	struct knote		marker;
	struct taken		batch[BATCH];
	struct kq_event		snapshot[BATCH];
};

static void scan_init(struct kq_scan *s, struct kqueue *kq,
		      struct kq_event __user *eventlist, int nevents)
{
	s->kq = kq;
	s->eventlist = eventlist;
	s->room = nevents;
	s->count = 0;
	s->tries = 0;
	INIT_LIST_HEAD(&s->dead);
}

/*
 * What a knote that collects has to report, if anything, and the reset: one
 * critical section, so no count is lost between them.  Queue locked, and the
 * knote's list where it is on one.  Returns @ev or NULL.
 */
static struct kq_event *scan_snapshot(struct knote *kn, struct kq_event *ev)
{
	const struct filterops *fops = kn->kn_fop;

	if (!knote_orphaned(kn) && !fops->f_event(kn, 0) &&
	    !(kn->kn_state & KN_FORCED))
		return NULL;
	if (kn->kn_flags & EV_DROP)
		return NULL;
	*ev = kn->kn_kevent;
	if (filter_touches(fops) && !knote_orphaned(kn))
		fops->f_touch(kn, ev, EVENT_PROCESS);
	if (kn->kn_flags & EV_CLEAR) {
		kn->kn_fflags = 0;
		kn->kn_data = 0;
	}
	return ev;
}

/* A knote whose list has a lock, which comes before the queue's. */
static struct kq_event *scan_snapshot_listed(struct knote *kn,
					     struct kq_event *ev)
{
	struct kqueue *kq = kn->kn_kq;
	struct knlist *knl = knlist_lock(kn);
	unsigned long flags;

	/* The list's lock may have turned interrupts off. */
	raw_spin_lock_irqsave(&kq->lock, flags);
	ev = kn->kn_state & KN_DYING ? NULL : scan_snapshot(kn, ev);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	knlist_unlock(knl);
	return ev;
}

/* An event that is known when its knote has been asked. */
#define TO_ASK	((const struct kq_event *)ERR_PTR(-EAGAIN))

/*
 * Whether asking a knote may take long or wait for somebody: it is taken alone.
 * Queue locked, as for the next one.
 */
static bool asked_alone(const struct knote *kn)
{
	return kn->kn_state & KN_LISTED ||
	       (kn->kn_fop->f_sample && !(kn->kn_state & KN_SAMPLED));
}

/* Whether what it has is there, and the queue's lock enough to see it. */
static bool asked_locked(const struct knote *kn)
{
	return !(kn->kn_state & KN_LISTED) && !kn->kn_fop->f_sample;
}

/* What comes to the list from here on is not this scan's.  Queue locked. */
static void scan_mark(struct kq_scan *s)
{
	s->marker.kn_state = KN_MARKER;
	list_add_tail(&s->marker.kn_tqe, &s->kq->ready);
	s->marked = true;
}

/* Whether all that was in the list when this scan began is behind it. */
static bool scan_ended(const struct kq_scan *s)
{
	return s->marked && list_empty(&s->marker.kn_tqe);
}

/*
 * Take away what is not to be taken and comes first: markers of scans that have
 * ended, and knotes that somebody changes and will put back.  Queue locked.
 * Returns how many there were, as many as are looked at under one lock.
 */
static noinline int scan_pass(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	struct knote *kn;
	int n;

	for (n = 0; n < BATCH && !list_empty(&kq->ready); n++) {
		kn = list_first_entry(&kq->ready, struct knote, kn_tqe);
		if (!(kn->kn_state & (KN_MARKER | KN_CLAIMED)) ||
		    kn == &s->marker)
			break;
		list_del_init(&kn->kn_tqe);
		if (!(kn->kn_state & KN_MARKER))
			kq_count(&kq->listed, -1);
	}
	return n;
}

/*
 * Take the next few knotes that stand together.  Queue locked.  Returns false at
 * the scan's end; a batch may be empty, for the lock's sake.
 */
static bool scan_take(struct kq_scan *s)
{
	struct list_head *ready = &s->kq->ready, *pos, *next;
	struct taken *t = s->batch, *max = t + min(s->room, BATCH);
	bool alone = false, together;
	struct knote *kn;
	int n;

	if (scan_ended(s))
		return false;
	for (pos = ready->next; pos != ready && t != max; pos = next) {
		next = pos->next;
		kn = list_entry(pos, struct knote, kn_tqe);
		if (unlikely(kn->kn_state & (KN_MARKER | KN_CLAIMED)))
			break;
		together = kn->kn_state & KN_SAMPLED;
		if (!together && asked_alone(kn)) {
			if (t != s->batch)
				break;
			alone = true;
			max = t + 1;
		}
		/* What fires from here on is another event. */
		kn->kn_state = (kn->kn_state & ~KN_ACTIVE) |
			       KN_CLAIMED | KN_TAKEN;
		t->kn = kn;
		t->ev = TO_ASK;
		if (!together && asked_locked(kn))
			t->ev = scan_snapshot(kn, &s->snapshot[t - s->batch]);
		t++;
	}
	n = t - s->batch;
	if (!n && !scan_pass(s))
		return false;
	s->stop = t;
	kq_count(&s->kq->listed, -n);
	s->brief = alone ? 0 : n;
	s->kq->brief += s->brief;
	INIT_LIST_HEAD(&s->taken);
	if (n)
		list_bulk_move_tail(&s->taken, &s->batch[0].kn->kn_tqe,
				    &t[-1].kn->kn_tqe);
	if (!s->marked) {
		s->last = list_empty(ready);
		if (!s->last)
			scan_mark(s);
	}
	return true;
}

/*
 * Ask a knote without the queue's lock.  What the object says is the knote's
 * state from then on.  Returns TO_ASK where the place in eventlist that it needs
 * for an answer is not there.
 */
static __always_inline const struct kq_event *
scan_ask(struct knote *kn, struct kq_event *snapshot,
	 struct kq_event __user *slot)
{
	const struct filterops *fops = kn->kn_fop;
	int ready;

	if (!fops->f_sample)
		return scan_snapshot_listed(kn, snapshot);
	kn->kn_flags &= ~EV_EOF;
	ready = fops->f_sample(kn, &kn->kn_kevent, slot);
	if (ready < 0)
		return TO_ASK;
	if (!ready) {
		if (!knote_state(kn, KN_FORCED))
			return NULL;
		/* It is delivered all the same, with nothing to tell. */
		kn->kn_flags &= ~EV_EOF;
		kn->kn_fflags = 0;
		kn->kn_data = 0;
	}
	if (filter_touches(fops)) {
		raw_spin_lock_irq(&kn->kn_kq->lock);
		fops->f_touch(kn, &kn->kn_kevent, EVENT_PROCESS);
		raw_spin_unlock_irq(&kn->kn_kq->lock);
	}
	return &kn->kn_kevent;
}

/* Whether the file has left the descriptor. */
static __always_inline bool scan_closed(const struct knote *kn,
					struct files_struct *files)
{
	bool closed;

	if (!kn->kn_fp)
		return false;
	/* The cheapest reader on every kernel. */
	rcu_read_lock_sched();
	closed = kq_slot_file(files, kn->kn_id) != kn->kn_fp;
	rcu_read_unlock_sched();
	return closed;
}

/* Returns whether it was copied; without page faults. */
static __always_inline bool scan_copy(const struct kq_event *ev,
				      struct kq_event __user *to)
{
	bool copied = false;

	if (should_fail_usercopy())
		return false;
	pagefault_disable();
	if (user_write_access_begin(to, sizeof(*to))) {
		copied = kq_put_event(ev, to);
		user_write_access_end();
	}
	pagefault_enable();
	return copied;
}

/*
 * Ask those that were not asked when they were taken, and copy the events out:
 * not those of a descriptor that is being closed, which nobody else can do where
 * the table is not shared; and no more from the first on whose place is not there.
 */
static void scan_deliver(struct kq_scan *s)
{
	struct kq_event __user *to = s->eventlist;
	struct files_struct *files = current->files;
	bool shared = atomic_read(&files->count) != 1;
	struct taken *t;

	for (t = s->batch; t != s->stop; t++) {
		if (t->ev == TO_ASK)
			t->ev = scan_ask(t->kn, &s->snapshot[t - s->batch],
					 to);
		if (!t->ev)
			continue;
		if (shared && scan_closed(t->kn, files)) {
			t->ev = NULL;
			continue;
		}
		if (t->ev == TO_ASK || !scan_copy(t->ev, to))
			break;
		to++;
	}
	s->end = t;
	s->count += to - s->eventlist;
	s->room -= to - s->eventlist;
	s->eventlist = to;
}

/*
 * What becomes of a knote whose event was copied.  The flags are those that
 * were delivered: what has come meanwhile, EV_ONESHOT of a last event perhaps,
 * is yet to be.
 */
static void knote_delivered(struct knote *kn, const struct kq_event *ev)
{
	unsigned int flags = ev->flags;

	trace_kqueue_scan(kn->kn_kq, ev);
	if (kn->kn_fop->f_sample && kn->kn_flags & EV_CLEAR) {
		kn->kn_fflags = 0;
		kn->kn_data = 0;
	}
	if (flags & EV_ONESHOT) {
		knote_kill(kn);
	} else if (flags & EV_DISPATCH) {
		knote_dequeue(kn);
		kn->kn_state |= KN_DISABLED;
	} else if (flags & EV_CLEAR) {
		knote_dequeue(kn);
	} else {
		kn->kn_state |= KN_ACTIVE;
	}
}

/* Whether one that had nothing to report never will have. */
static __always_inline bool knote_lost(const struct knote *kn)
{
	return kn->kn_flags & EV_DROP ||
	       (kn->kn_fp &&
		kq_slot_file(current->files, kn->kn_id) != kn->kn_fp);
}

/* What becomes of one that had nothing to report. */
static void knote_idle(struct knote *kn)
{
	if (knote_lost(kn))
		knote_kill(kn);
	else
		knote_dequeue(kn);
}

/* One whose event was not copied is pending again, where it was. */
static void knote_restore(struct knote *kn, const struct kq_event *ev)
{
	struct kqueue *kq = kn->kn_kq;

	if (IS_ERR_OR_NULL(ev)) {
		;	/* it was not asked, or had nothing */
	} else if (kn->kn_fop->f_undo && !knote_orphaned(kn)) {
		kn->kn_fop->f_undo(kn, ev);
	} else if (kn->kn_flags & EV_CLEAR && ev != &kn->kn_kevent) {
		kn->kn_fflags |= ev->fflags;
		kn->kn_data += ev->data;
	}
	kn->kn_state |= KN_ACTIVE;
	list_move(&kn->kn_tqe, &kq->ready);
	kq_count(&kq->listed, 1);
}

/* Let go of a knote of the batch. */
static void scan_unclaim(struct kq_scan *s, struct knote *kn)
{
	kn->kn_state &= ~KN_TAKEN;
	if (knote_unclaim(kn))
		list_add(&kn->kn_tqe, &s->dead);
}

/* Whether a knote stays where it is: level-triggered, and its event copied. */
static __always_inline bool knote_stays(const struct knote *kn,
					const struct kq_event *ev)
{
	return ev && !(ev->flags & (EV_ONESHOT | EV_DISPATCH | EV_CLEAR)) &&
	       !(kn->kn_state & (KN_DYING | KN_LISTED));
}

static __always_inline void knote_stay(struct knote *kn, const struct kq_event *ev)
{
	trace_kqueue_scan(kn->kn_kq, ev);
	kn->kn_state = (kn->kn_state | KN_ACTIVE) & ~(KN_CLAIMED | KN_TAKEN);
}

/*
 * Whether a knote is nobody's business until it fires or is enabled again: its
 * event copied, or it had none, and nothing new.
 */
static __always_inline bool knote_rests(const struct knote *kn,
					const struct kq_event *ev)
{
	if (kn->kn_state & (KN_ACTIVE | KN_DYING | KN_LISTED))
		return false;
	if (!ev)
		return !knote_lost(kn);
	return ev->flags & (EV_DISPATCH | EV_CLEAR) && !(ev->flags & EV_ONESHOT);
}

/*
 * What scan_settle_one() would come to for one that rests, off the list already,
 * but the counts.
 */
static __always_inline void knote_rest(struct knote *kn, const struct kq_event *ev)
{
	kn->kn_state &= ~(KN_QUEUED | KN_CLAIMED | KN_TAKEN);
	if (!ev)
		return;
	trace_kqueue_scan(kn->kn_kq, ev);
	if (ev->flags & EV_DISPATCH)
		kn->kn_state |= KN_DISABLED;
	if (kn->kn_fop->f_sample && kn->kn_flags & EV_CLEAR) {
		kn->kn_fflags = 0;
		kn->kn_data = 0;
	}
}

/*
 * The whole batch, where all of it rests: the list is emptied at once.  Returns
 * whether it was so.
 */
static bool scan_rests(struct kq_scan *s)
{
	struct taken *t;

	if (s->end != s->stop)
		return false;
	/* The last that came are those most likely to stay. */
	for (t = s->stop; t != s->batch;) {
		t--;
		if (!knote_rests(t->kn, t->ev))
			return false;
	}
	for (t = s->batch; t != s->stop; t++) {
		INIT_LIST_HEAD(&t->kn->kn_tqe);
		knote_rest(t->kn, t->ev);
	}
	INIT_LIST_HEAD(&s->taken);
	return true;
}

static void scan_settle_one(struct kq_scan *s, struct knote *kn,
			    const struct kq_event *ev)
{
	if (!(kn->kn_state & KN_DYING)) {
		if (ev)
			knote_delivered(kn, ev);
		else
			knote_idle(kn);
	}
	if (!list_empty(&kn->kn_tqe))
		kq_count(&s->kq->listed, 1);
	scan_unclaim(s, kn);
}

/*
 * A batch of one, most calls' whole way: @kn is all that is in the list, and nothing
 * is set up for more.  Queue locked, but not while the knote is asked and its event
 * copied.  Returns false, the knote back where it was, if that takes a page fault.
 */
static bool scan_single(struct kq_scan *s, struct knote *kn)
	__must_hold(&s->kq->lock)
{
	struct files_struct *files = current->files;
	struct kqueue *kq = s->kq;
	const struct kq_event *ev;
	bool copied;

	INIT_LIST_HEAD(&kq->ready);
	INIT_LIST_HEAD(&kn->kn_tqe);
	kq_count(&kq->listed, -1);
	kn->kn_state = (kn->kn_state & ~KN_ACTIVE) | KN_CLAIMED | KN_TAKEN;
	kq->brief++;
	raw_spin_unlock_irq(&kq->lock);
	ev = scan_ask(kn, NULL, s->eventlist);
	if (ev && atomic_read(&files->count) != 1 && scan_closed(kn, files))
		ev = NULL;
	copied = !ev || (ev != TO_ASK && scan_copy(ev, s->eventlist));
	raw_spin_lock_irq(&kq->lock);
	if (unlikely(!copied)) {
		if (!(kn->kn_state & KN_DYING))
			knote_restore(kn, ev);
		scan_unclaim(s, kn);
	} else if (knote_stays(kn, ev)) {
		knote_stay(kn, ev);
		list_add_tail(&kn->kn_tqe, &kq->ready);
		kq_count(&kq->listed, 1);
	} else if (knote_rests(kn, ev)) {
		knote_rest(kn, ev);
		kq_count(&kq->count, -1);
		idle_update(kq);
	} else {
		scan_settle_one(s, kn, ev);
	}
	kq->brief--;
	kq_count(&kq->claim_seq, 1);
	if (copied && ev) {
		s->eventlist++;
		s->room--;
		s->count++;
	}
	return copied;
}

/* All that is ready, if it is a knote that scan_single() can take.  Queue locked. */
static struct knote *scan_only_one(const struct list_head *ready)
{
	struct knote *kn = list_first_entry(ready, struct knote, kn_tqe);

	if (!list_is_singular(ready) ||
	    (kn->kn_state & (KN_SAMPLED | KN_CLAIMED | KN_MARKER)) != KN_SAMPLED)
		return NULL;
	return kn;
}

/* Put the batch back where it belongs, and let go of it.  Queue locked. */
static void scan_settle(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	struct taken *t;
	int stay = 0, rest = 0;
	struct knote *kn;

	/* What was delivered and comes back at once is not taken once more. */
	if (s->end != s->stop && !s->marked) {
		scan_mark(s);
		s->last = false;
	}
	for (t = s->stop; t != s->end;) {
		t--;
		if (!(t->kn->kn_state & KN_DYING))
			knote_restore(t->kn, t->ev);
		scan_unclaim(s, t->kn);
	}
	if (scan_rests(s))
		rest = s->stop - s->batch;
	for (t = s->batch + rest; t != s->end; t++) {
		kn = t->kn;
		if (likely(knote_stays(kn, t->ev))) {
			knote_stay(kn, t->ev);
			stay++;
		} else if (likely(knote_rests(kn, t->ev))) {
			list_del_init(&kn->kn_tqe);
			knote_rest(kn, t->ev);
			rest++;
		} else {
			scan_settle_one(s, kn, t->ev);
		}
	}
	kq_count(&kq->listed, stay);
	if (rest) {
		kq_count(&kq->count, -rest);
		idle_update(kq);
	}
	kq->brief -= s->brief;
	kq_count(&kq->claim_seq, 1);
	/* The page may be long in coming. */
	if (s->end != s->stop)
		kqueue_wake_sleeper(kq, 0);
	list_splice_tail(&s->taken, &kq->ready);
}

static noinline void scan_drop(struct list_head *dead)
{
	struct knote *kn, *next;

	list_for_each_entry_safe(kn, next, dead, kn_tqe)
		knote_drop(kn);
	INIT_LIST_HEAD(dead);
}

/* After a batch, without a lock: for those who wait for one of its knotes. */
static inline void scan_release(struct kq_scan *s)
{
	kqueue_wake_claims(s->kq);
	if (!list_empty(&s->dead))
		scan_drop(&s->dead);
}

/* Between two batches.  Returns 0, -EFAULT or -EINTR. */
static int scan_pause(struct kq_scan *s)
{
	scan_release(s);
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (s->end != s->batch)
		s->tries = 0;
	if (s->end == s->stop)
		return 0;
	if (++s->tries > TRIES_MAX)
		return -EFAULT;
	return kq_fault_in(s->eventlist);
}

/*
 * One way through the list.  Returns 0, or -EFAULT when eventlist is not
 * there; s->count says how many events were stored before.
 */
static int kqueue_scan(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	struct knote *kn;
	int error = 0;

	s->marked = false;
	s->end = s->batch;
	raw_spin_lock_irq(&kq->lock);
	kn = scan_only_one(&kq->ready);
	if (kn && scan_single(s, kn))
		goto out;
	while (scan_take(s)) {
		raw_spin_unlock_irq(&kq->lock);
		scan_deliver(s);
		raw_spin_lock_irq(&kq->lock);
		scan_settle(s);
		if (s->end == s->stop && (s->last || !s->room))
			break;
		raw_spin_unlock_irq(&kq->lock);
		error = scan_pause(s);
		raw_spin_lock_irq(&kq->lock);
		if (error)
			break;
	}
	if (s->marked)
		list_del(&s->marker.kn_tqe);
out:
	/* We may have been woken for what we leave behind. */
	if (kq->listed)
		kqueue_wake_sleeper(kq, 0);
	if (!s->count) {
		s->listed = kq->listed;
		s->held = kq->brief;
		s->seq = kq->claim_seq;
	}
	raw_spin_unlock_irq(&kq->lock);
	scan_release(s);
	return error;
}

/* Whether there is nothing, so that the caller waits to be woken, and may sleep. */
static bool sleep_begin(struct kqueue *kq, struct wait_queue_entry *wait)
{
	bool idle;

	raw_spin_lock_irq(&kq->lock);
	idle = !kq->listed;
	if (idle) {
		if (list_empty(&wait->entry))
			list_add_tail(&wait->entry, &kq->sleepers);
		set_current_state(TASK_INTERRUPTIBLE);
	}
	raw_spin_unlock_irq(&kq->lock);
	return idle;
}

static void sleep_end(struct kqueue *kq, struct wait_queue_entry *wait)
{
	__set_current_state(TASK_RUNNING);
	/* Whoever wakes us writes this last: see kqueue_wake_first(). */
	if (smp_load_acquire(&wait->entry.next) == &wait->entry)
		return;
	raw_spin_lock_irq(&kq->lock);
	list_del(&wait->entry);
	raw_spin_unlock_irq(&kq->lock);
}

/* The clock is not read for those who find something. */
static void deadline_begin(struct kq_deadline *deadline)
{
	if (!deadline->at)
		deadline->at = ktime_add_safe(ktime_get(), deadline->span);
}

/*
 * After a scan that found nothing, by who may sleep: more may come, and be nothing,
 * for as long as somebody likes.  Returns what ends the call where another scan
 * finds nothing either, which looks for what came until now; or 0.
 */
static int wait_over(struct kq_deadline *deadline)
{
	deadline_begin(deadline);
	cond_resched();
	if (signal_pending(current))
		return -EINTR;
	return ktime_before(ktime_get(), deadline->at) ? 0 : -ETIME;
}

/* Returns 0 when there may be something, -ETIME, or -EINTR. */
static int kqueue_sleep(struct kqueue *kq, struct kq_deadline *deadline)
{
	u64 slack = rt_task(current) ? 0 : current->timer_slack_ns;
	struct wait_queue_entry wait;
	ktime_t *expires = &deadline->at;
	int error = 0;

	deadline_begin(deadline);
	if (deadline->at == KTIME_MAX)
		expires = NULL;
	init_wait(&wait);
	while (sleep_begin(kq, &wait)) {
		if (signal_pending(current)) {
			error = -EINTR;
			break;
		}
		if (!schedule_hrtimeout_range(expires, slack, HRTIMER_MODE_ABS)) {
			error = -ETIME;
			break;
		}
		if (READ_ONCE(kq->listed))
			break;
	}
	sleep_end(kq, &wait);
	return error;
}

/*
 * After a scan that found nothing: what is ready for everybody may have been in
 * the hands of another scan, which has put it back or is about to.  Returns 1
 * when it is worth looking again, 0, or -EINTR.  Nobody waits here for a knote
 * that may block.
 */
static int scan_again(const struct kq_scan *s)
{
	/* More may come, and be nothing, for as long as somebody likes. */
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (s->listed)
		return 1;
	if (!s->held)
		return 0;
	return kq_swait_event_killable(s->kq->claims,
				       READ_ONCE(s->kq->claim_seq) != s->seq) ?
	       -EINTR : 1;
}

/* A thread that was woken for an event leaves without it: another may. */
static void kqueue_pass_on(struct kqueue *kq)
{
	raw_spin_lock_irq(&kq->lock);
	if (kq->listed)
		kqueue_wake_sleeper(kq, 0);
	raw_spin_unlock_irq(&kq->lock);
}

/**
 * kqueue_wait - take events, waiting for the first
 * @kq: the queue
 * @eventlist: where they go
 * @nevents: how many fit there, at least one
 * @deadline: until when
 *
 * A call that sleeps keeps the queue until it returns, whoever closes it meanwhile.
 *
 * Context: process, a thread of the queue's owner; may sleep.
 * Return: their number, or a negative errno: -EBADF where it was closed before.
 */
int kqueue_wait(struct kqueue *kq, struct kq_event __user *eventlist,
		int nevents, struct kq_deadline *deadline)
{
	struct kq_scan s __uninitialized;
	bool keeps = false;
	int error, over = 0;

	scan_init(&s, kq, eventlist, nevents);
	for (;;) {
		kqueue_settle(kq);
		/* One who sleeps looks again, under the lock. */
		if (READ_ONCE(kq->listed) || !deadline->span) {
			error = kqueue_scan(&s) ?: over;
			if (s.count || error)
				break;
			if (deadline->span)
				over = wait_over(deadline);
		}
		if (!deadline->span) {
			error = scan_again(&s);
			if (error <= 0)
				break;
			continue;
		}
		if (!keeps && !refcount_inc_not_zero(&kq->keepers)) {
			error = -EBADF;
			break;
		}
		keeps = true;
		error = kqueue_sleep(kq, deadline);
		if (error) {
			kqueue_pass_on(kq);
			break;
		}
	}
	if (keeps)
		kqueue_unkeep(kq);
	if (s.count || error == -ETIME)
		return s.count;
	return error;
}
