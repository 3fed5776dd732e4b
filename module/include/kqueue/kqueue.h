/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kqueue(9) on Linux: what a filter is, and what it is called with.
 *
 * The letters behind fields say what guards them:
 *	I	immutable once the knote is published
 *	c	the claim: the one thread that has claimed the knote
 *	q	the lock of the knote's queue
 *	f	the filter's own
 */
#ifndef _KQUEUE_KQUEUE_H
#define _KQUEUE_KQUEUE_H

#include <linux/llist.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <uapi/linux/kqueue.h>

struct file;
struct kqueue;
struct knote;
struct pid;

/* What ->f_touch is told. */
enum event_touch {
	EVENT_REGISTER,		/* a change to an existing knote */
	EVENT_PROCESS,		/* the event is being delivered */
	EVENT_UNDO,		/* the delivery failed: it is pending again */
};

/* Properties of a filter, in ->f_flags. */
#define FILTER_NOBLOCK		0x1	/* ->f_sample never sleeps for long */
#define FILTER_DETACH_LATER	0x2	/* ->f_detach sleeps, without kn_fp */

/**
 * struct filterops - where the events of a filter come from
 * @f_isfd: ident is a descriptor, and kn_fp its file
 * @f_flags: FILTER_*
 * @f_attach: start watching.  The knote is claimed, no lock is held; may
 *	sleep.  May replace kn_fop.  Events may fire before it returns; one
 *	with @f_sample fires by itself when there is something to report
 *	already.  Returns 0, or a negative errno and leaves nothing behind.
 * @f_detach: stop watching: when it returns, no event of the knote is on its
 *	way.  The knote is claimed and gone from its queue, no lock is held.
 *	May sleep where f_isfd is 0 or FILTER_DETACH_LATER is set.
 * @f_detach_try: for descriptors, @f_detach where it must not wait for a lock.
 *	Returns whether it is done; when not, @f_detach follows from a worker.
 * @f_event: whether the knote has something to report, from what it has
 *	collected.  Called with the queue's lock held.  @hint is 0 but where the
 *	filter's own code says otherwise.  With EV_DROP set in kn_flags and
 *	nothing to report, the knote is removed unseen.
 * @f_sample: for filters that ask their object instead of collecting: store
 *	data, fflags and EV_EOF in @ev and return whether there is something to
 *	report, or -EFAULT when @slot, the place of the event in the program's
 *	eventlist, had to be written and is not there.  @slot is NULL when the
 *	amount does not matter.  The knote is claimed, no lock is held; may
 *	sleep unless FILTER_NOBLOCK is set.
 * @f_touch: for filters that keep fflags and data in their own way.
 *	EVENT_REGISTER, where f_isfd is 0: the knote is claimed, no lock is
 *	held, may sleep; returns 0, or a negative errno and has changed nothing.
 *	EVENT_PROCESS, where f_isfd is 0: fills @kev, with the queue's lock
 *	held.  EVENT_UNDO takes back what was reported in @kev, likewise.
 * @f_same: where an ident may come to name another object: whether it still
 *	names that of this knote.  Called with the queue's lock and
 *	rcu_read_lock() held, perhaps before @f_attach has returned.
 * @f_change: where f_isfd is 1, NULL if any change will do: @kev is about to
 *	be made to the knote.  The knote is claimed, no lock is held; may sleep.
 *	Returns 0, or a negative errno and has changed nothing that shows.
 */
struct filterops {
	int	f_isfd;
	int	f_flags;
	int	(*f_attach)(struct knote *kn);
	void	(*f_detach)(struct knote *kn);
	bool	(*f_detach_try)(struct knote *kn);
	int	(*f_event)(struct knote *kn, long hint);
	int	(*f_sample)(struct knote *kn, struct kq_event *ev,
			    void __user *slot);
	int	(*f_touch)(struct knote *kn, struct kq_event *kev,
			   enum event_touch type);
	bool	(*f_same)(const struct knote *kn);
	int	(*f_change)(struct knote *kn, const struct kq_event *kev);
};

/**
 * struct knote_wait - a place on a wait queue
 * @entry: the place; ->private is the knote
 * @head: the wait queue, NULL when it went away first (POLLFREE)
 * @next: the next place of the same knote
 * @rcu: to free it where one must not sleep, once it has left
 */
struct knote_wait {
	union {
		struct wait_queue_entry	entry;
		struct rcu_head		rcu;
	};
	struct wait_queue_head	*head;
	struct knote_wait	*next;
};

/**
 * struct knote - one (ident, filter) in a queue
 *
 * A knote holds a reference on its queue, and on its file where it has one.
 * Its queue finds it through the look-up table and frees it, after a grace
 * period, when it is gone from there.  See the top of queue.c.
 */
struct knote {
	struct kq_event		kn_kevent;	/* q; ident and filter I */
	struct kqueue		*kn_kq;		/* I */
	struct file		*kn_fp;		/* I */
	const struct filterops	*kn_fop;	/* c */
	struct hlist_node	kn_hash;	/* q and the table's lock */
	struct list_head	kn_link;	/* q: all knotes of the queue */
	union {
		struct list_head	kn_tqe;		/* q: the ready list */
		struct llist_node	kn_reap;	/* gone: the worker's */
		struct rcu_head		kn_rcu;		/* gone, detached */
	};
	unsigned int		kn_status;	/* q: KN_* */
	u32			kn_sfflags;	/* q: fflags as asked */
	s64			kn_sdata;	/* q: data as asked */
	union {					/* f */
		struct {
			struct knote_wait	kn_wait;
			u8			kn_object;
		};
		struct {
			struct hlist_node	kn_node;
			struct pid		*kn_pid;
		};
		struct {
			void			*kn_hook;
			int			kn_hookid;
		};
	};
};

#define kn_id		kn_kevent.ident
#define kn_filter	kn_kevent.filter
#define kn_flags	kn_kevent.flags
#define kn_fflags	kn_kevent.fflags
#define kn_data		kn_kevent.data
#define kn_udata	kn_kevent.udata

#define KN_ACTIVE	0x01	/* has fired; evaluation tells what is true */
#define KN_QUEUED	0x02	/* counted as pending */
#define KN_DISABLED	0x04	/* collects, and is not delivered */
#define KN_DETACHED	0x08	/* ->f_detach has nothing to do */
#define KN_CLAIMED	0x10	/* a thread owns it */
#define KN_DYING	0x20	/* gone from the queue; its owner drops it */
#define KN_FORCED	0x40	/* delivered as it stands, not evaluated */
#define KN_MARKER	0x80	/* not a knote, a place in a list */

#endif /* _KQUEUE_KQUEUE_H */
