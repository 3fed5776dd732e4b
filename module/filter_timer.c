// SPDX-License-Identifier: GPL-2.0
/*
 * TIMER.
 *
 * The hrtimer expires once and makes the knote pending; how often the period
 * has passed is worked out from the clock when the event is taken, and only
 * then is the hrtimer started again.  So nothing drifts, nothing is lost while
 * the knote is disabled, and a period of a nanosecond costs one interrupt for
 * each event that somebody takes.
 */
#include <linux/slab.h>

#include "compat/hrtimer.h"
#include "filter.h"
#include "knote.h"
#include "limits.h"

#define UNITS	(NOTE_SECONDS | NOTE_MSECONDS | NOTE_USECONDS | NOTE_NSECONDS)

/**
 * struct timer - a knote's timer
 * @hrtimer: queued while @next lies ahead and nobody was told of it
 * @kn: I: the knote
 * @next: q: when it expires next, KTIME_MAX for never
 * @period: q: between expirations, 0 for a single one
 * @clock: c: CLOCK_MONOTONIC, or CLOCK_REALTIME for NOTE_ABSTIME
 */
struct timer {
	struct hrtimer	hrtimer;
	struct knote	*kn;
	ktime_t		next;
	ktime_t		period;
	clockid_t	clock;
};

static enum hrtimer_restart timer_expire(struct hrtimer *hrtimer)
{
	struct timer *timer = container_of(hrtimer, struct timer, hrtimer);

	rcu_read_lock();
	knote_fire(timer->kn, 0);
	rcu_read_unlock();
	return HRTIMER_NORESTART;
}

/* What is asked for, in nanoseconds, at most KTIME_MAX; or -EINVAL. */
static s64 timer_interval(u32 fflags, s64 data)
{
	s64 unit, ns;

	if (fflags & ~(UNITS | NOTE_ABSTIME) || data < 0)
		return -EINVAL;
	switch (fflags & UNITS) {
	case NOTE_SECONDS:
		unit = NSEC_PER_SEC;
		break;
	case 0:
	case NOTE_MSECONDS:
		unit = NSEC_PER_MSEC;
		break;
	case NOTE_USECONDS:
		unit = NSEC_PER_USEC;
		break;
	case NOTE_NSECONDS:
		unit = 1;
		break;
	default:
		return -EINVAL;
	}
	return check_mul_overflow(data, unit, &ns) ? KTIME_MAX : ns;
}

static s64 timer_unit(u32 fflags)
{
	return timer_interval(fflags, 1);
}

static ktime_t timer_now(const struct timer *timer)
{
	return timer->clock == CLOCK_REALTIME ? ktime_get_real() : ktime_get();
}

/* Count what has passed.  Queue locked. */
static void timer_count(struct timer *timer)
{
	struct knote *kn = timer->kn;
	ktime_t now;
	s64 n = 1;

	if (timer->next == KTIME_MAX)
		return;
	now = timer_now(timer);
	if (now < timer->next)
		return;
	if (timer->period) {
		n += div64_s64(ktime_sub(now, timer->next), timer->period);
		timer->next = ktime_add_safe(timer->next, n * timer->period);
	} else {
		timer->next = KTIME_MAX;
	}
	kn->kn_data += n;
}

/* Take what has expired into account and wait for the rest. */
static int timer_event(struct knote *kn, long hint)
{
	struct timer *timer = kn->kn_hook;

	timer_count(timer);
	if (timer->next != KTIME_MAX && !hrtimer_is_queued(&timer->hrtimer))
		hrtimer_start(&timer->hrtimer, timer->next,
			      HRTIMER_MODE_ABS_SOFT);
	return kn->kn_data != 0;
}

/* Set a stopped timer up.  Queue locked, or the knote not yet published. */
static void timer_set(struct timer *timer, u32 fflags, s64 interval, bool once)
{
	if (fflags & NOTE_ABSTIME) {
		timer->period = 0;
		timer->next = interval;
		return;
	}
	if (!once && !interval)
		interval = timer_unit(fflags);
	timer->period = once ? 0 : interval;
	timer->next = ktime_add_safe(ktime_get(), interval);
}

/* The clock of an hrtimer is fixed when it is set up. */
static void timer_setup_clock(struct timer *timer, u32 fflags)
{
	timer->clock = fflags & NOTE_ABSTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	hrtimer_setup(&timer->hrtimer, timer_expire, timer->clock,
		      HRTIMER_MODE_ABS_SOFT);
}

static int timer_attach(struct knote *kn)
{
	s64 interval = timer_interval(kn->kn_sfflags, kn->kn_sdata);
	struct kqueue *kq = kn->kn_kq;
	struct timer *timer;
	unsigned long flags;
	int error;

	if (interval < 0)
		return interval;
	error = limits_charge_timer(kq->user);
	if (error)
		return error;
	timer = kzalloc(sizeof(*timer), GFP_KERNEL_ACCOUNT);
	if (!timer) {
		limits_uncharge_timer(kq->user);
		return -ENOMEM;
	}
	timer->kn = kn;
	timer_setup_clock(timer, kn->kn_sfflags);

	/* The core asks ->f_event next, which starts it. */
	raw_spin_lock_irqsave(&kq->lock, flags);
	timer_set(timer, kn->kn_sfflags, interval, kn->kn_flags & EV_ONESHOT);
	if (!(kn->kn_sfflags & NOTE_ABSTIME))
		kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = timer;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void timer_detach(struct knote *kn)
{
	struct timer *timer = kn->kn_hook;

	hrtimer_cancel(&timer->hrtimer);
	limits_uncharge_timer(kn->kn_kq->user);
	kfree(timer);
}

/* EV_ADD on an existing timer starts it anew; any other change leaves it. */
static int timer_restart(struct knote *kn, const struct kq_event *kev)
{
	s64 interval = timer_interval(kev->fflags, kev->data);
	struct timer *timer = kn->kn_hook;
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	if (interval < 0)
		return interval;
	hrtimer_cancel(&timer->hrtimer);
	timer_setup_clock(timer, kev->fflags);
	raw_spin_lock_irqsave(&kq->lock, flags);
	knote_dequeue(kn);
	kn->kn_state &= ~KN_ACTIVE;
	kn->kn_data = 0;
	kn->kn_sfflags = kev->fflags;
	kn->kn_sdata = kev->data;
	timer_set(timer, kev->fflags, interval, kn->kn_flags & EV_ONESHOT);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return 0;
}

static int timer_touch(struct knote *kn, struct kq_event *kev,
		       enum event_touch type)
{
	if (type == EVENT_REGISTER && kev->flags & EV_ADD)
		return timer_restart(kn, kev);
	return 0;
}

const struct filterops timer_filtops = {
	.f_attach	= timer_attach,
	.f_detach	= timer_detach,
	.f_event	= timer_event,
	.f_touch	= timer_touch,
};
