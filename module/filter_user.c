// SPDX-License-Identifier: GPL-2.0
/*
 * USER: events that the program triggers itself.
 *
 * kn_sfflags and kn_sdata hold what is handed back, kn_hookid whether it is
 * triggered; all of it under the queue's lock.
 */
#include "filter.h"
#include "queue.h"

static int user_attach(struct knote *kn)
{
	kn->kn_hookid = !!(kn->kn_sfflags & NOTE_TRIGGER);
	kn->kn_sfflags &= NOTE_FFLAGSMASK;
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void user_detach(struct knote *kn)
{
}

static int user_event(struct knote *kn, long hint)
{
	return kn->kn_hookid;
}

static void user_change(struct knote *kn, const struct kq_event *kev)
{
	u32 fflags = kev->fflags & NOTE_FFLAGSMASK;

	switch (kev->fflags & NOTE_FFCTRLMASK) {
	case NOTE_FFAND:
		kn->kn_sfflags &= fflags;
		break;
	case NOTE_FFOR:
		kn->kn_sfflags |= fflags;
		break;
	case NOTE_FFCOPY:
		kn->kn_sfflags = fflags;
		break;
	}
	kn->kn_sdata = kev->data;
	if (kev->fflags & NOTE_TRIGGER)
		kn->kn_hookid = 1;
	/* In this order: a change with both leaves it untriggered. */
	if (kev->flags & EV_CLEAR)
		kn->kn_hookid = 0;
}

static int user_touch(struct knote *kn, struct kq_event *kev,
		      enum event_touch type)
{
	unsigned long flags;

	switch (type) {
	case EVENT_REGISTER:
		raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
		user_change(kn, kev);
		raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
		kev->fflags &= NOTE_FFLAGSMASK;	/* as BSD reports it */
		break;
	case EVENT_PROCESS:
		kev->fflags = kn->kn_sfflags;
		kev->data = kn->kn_sdata;
		if (kn->kn_flags & EV_CLEAR)
			kn->kn_hookid = 0;
		break;
	}
	return 0;
}

static void user_undo(struct knote *kn, const struct kq_event *kev)
{
	kn->kn_hookid = 1;
}

const struct filterops user_filtops = {
	.f_flags	= FILTER_ATOMIC,
	.f_attach	= user_attach,
	.f_detach	= user_detach,
	.f_event	= user_event,
	.f_touch	= user_touch,
	.f_undo		= user_undo,
};
