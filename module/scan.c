// SPDX-License-Identifier: GPL-2.0
/*
 * Scans: events taken from a queue, and threads asleep until there are some.
 */
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/swait.h>

#include "compat/uaccess.h"
#include "filter.h"
#include "knlist.h"
#include "knote.h"
#include "nested.h"
#include "scan.h"

/* How many knotes are taken at a time. */
#define BATCH	16

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
	s->marker.kn_state = KN_MARKER;
}

/* A knote that may block, or whose list has a lock of its own. */
static bool taken_alone(const struct knote *kn)
{
	const struct filterops *fops = kn->kn_fop;

	return kn->kn_state & KN_LISTED ||
	       (fops->f_sample && !(fops->f_flags & FILTER_NOBLOCK));
}

/* Claim the next few knotes. */
static void scan_take(struct kq_scan *s)
{
	struct kqueue *kq = s->kq;
	int max = min(s->room, BATCH);
	struct knote *kn, *next;

	s->n = 0;
	list_for_each_entry_safe(kn, next, &kq->ready, kn_tqe) {
		bool alone;

		if (kn == &s->marker || s->n == max)
			break;
		if (kn->kn_state & KN_MARKER)
			continue;
		alone = !(kn->kn_state & KN_CLAIMED) && taken_alone(kn);
		if (alone && s->n)
			break;
		list_del_init(&kn->kn_tqe);
		kq->listed--;
		/* Somebody changes it: that thread will put it back. */
		if (kn->kn_state & KN_CLAIMED)
			continue;
		kn->kn_state |= KN_CLAIMED;
		kn->kn_state &= ~KN_ACTIVE;
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
		if (!kn->kn_fop->f_sample || kn->kn_state & KN_FORCED)
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

	if (kn->kn_state & KN_DYING)
		return false;
	if (kn->kn_fp && knote_slot_lost(kn, current->files)) {
		knote_kill(kn);
		return false;
	}
	if (kn->kn_state & KN_FORCED) {
		;	/* as it stands */
	} else if (fops->f_sample) {
		if (!ev->filter)
			return false;
		kn->kn_flags = (kn->kn_flags & ~EV_EOF) | ev->flags;
		kn->kn_fflags = ev->fflags;
		kn->kn_data = ev->data;
	} else if (!fops->f_event(kn, 0) && !(kn->kn_flags & EV_DROP)) {
		return false;
	}
	if (kn->kn_flags & EV_DROP) {
		knote_kill(kn);
		return false;
	}
	*ev = kn->kn_kevent;
	if (filter_touches(fops) && !knote_orphaned(kn))
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

	if (!(kn->kn_state & KN_DYING)) {
		kn->kn_state |= KN_ACTIVE;
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
	struct knlist *knl;
	bool ready[BATCH];
	LIST_HEAD(dead);
	int i, n = 0;

	knl = s->n == 1 ? knlist_lock(s->kn[0]) : NULL;
	raw_spin_lock_irqsave(&kq->lock, flags);
	rcu_read_lock();
	for (i = s->n - 1; i >= s->fault; i--) {
		scan_restore(s->kn[i]);
		scan_unclaim(s->kn[i], &dead);
	}
	for (i = 0; i < s->fault; i++)
		ready[i] = scan_snapshot(s->kn[i], &s->ev[i]);
	rcu_read_unlock();
	if (knl) {
		/* Before its knote is let go: see knlist.c. */
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		knlist_unlock(knl);
		raw_spin_lock_irqsave(&kq->lock, flags);
	}
	for (i = 0; i < s->fault; i++) {
		kn = s->kn[i];
		if (ready[i]) {
			s->kn[n] = kn;
			s->ev[n++] = s->ev[i];
			continue;
		}
		knote_dequeue(kn);
		scan_unclaim(kn, &dead);
	}
	s->n = n;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	scan_drop(&dead);
}

/*
 * After its delivery: what becomes of a knote.  The flags are those that were
 * delivered: what has come meanwhile, EV_ONESHOT of a last event perhaps, is
 * yet to be.
 */
static void scan_finish(struct knote *kn, const struct kq_event *ev)
{
	struct kqueue *kq = kn->kn_kq;

	if (kn->kn_state & KN_DYING)
		return;
	if (ev->flags & EV_ONESHOT) {
		knote_kill(kn);
	} else if (ev->flags & EV_DISPATCH) {
		knote_dequeue(kn);
		kn->kn_state |= KN_DISABLED;
	} else if (ev->flags & EV_CLEAR) {
		knote_dequeue(kn);
	} else {
		kn->kn_state |= KN_ACTIVE;
		list_add_tail(&kn->kn_tqe, &kq->ready);
		kq->listed++;
	}
}

/* Its event was not delivered: it is pending again. */
static void scan_undo(struct knote *kn, struct kq_event *ev)
{
	if (kn->kn_state & KN_DYING)
		return;
	if (kn->kn_fop->f_undo && !knote_orphaned(kn)) {
		kn->kn_fop->f_undo(kn, ev);
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
		scan_finish(s->kn[i], &s->ev[i]);
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

/**
 * kqueue_wait - take events, waiting for the first
 * @kq: the queue
 * @eventlist: where they go
 * @nevents: how many fit there, at least one
 * @deadline: until when
 *
 * Context: process, a thread of the queue's owner; may sleep.
 * Return: their number, or a negative errno.
 */
int kqueue_wait(struct kqueue *kq, struct kq_event __user *eventlist,
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
