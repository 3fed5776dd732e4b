/* SPDX-License-Identifier: GPL-2.0 */
/* What the core needs of knlists; filters have <kqueue/kqueue.h>. */
#ifndef _KQUEUE_KNLIST_H
#define _KQUEUE_KNLIST_H

#include <kqueue/kqueue.h>

struct knlist *knlist_lock(struct knote *kn);
void knlist_unlock(struct knlist *knl);
void knlist_leave(struct knote *kn);
void knlist_release(struct knote *kn);

/**
 * knote_orphaned - whether a knote's object went away by knlist_clear()
 * @kn: the knote, claimed or its queue locked
 *
 * Nothing of its filter may be called any more.
 */
static inline bool knote_orphaned(const struct knote *kn)
{
	return kn->kn_status & KN_DETACHED && kn->kn_state & KN_FORCED;
}

/**
 * knote_fires - ask ->f_event
 * @kn: the knote; its list and its queue locked
 * @hint: what ->f_event is told
 *
 * Return: whether the knote is now active; one with EV_DROP is, so that a scan
 * comes by and removes it.
 */
static inline bool knote_fires(struct knote *kn, long hint)
{
	return kn->kn_fop->f_event(kn, hint) || kn->kn_flags & EV_DROP;
}

#endif /* _KQUEUE_KNLIST_H */
