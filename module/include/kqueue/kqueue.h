/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kqueue(9) on Linux: event sources for kqueue(2) in modules of your own.
 *
 * The letters behind fields say what guards them:
 *	I	immutable once the knote is published
 *	c	the claim: the one thread that has claimed the knote
 *	l	the lock of the knlist that the knote is on
 *	q	the lock of the knote's queue
 *	f	the filter's own
 */
#ifndef _KQUEUE_KQUEUE_H
#define _KQUEUE_KQUEUE_H

#include <linux/llist.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <uapi/linux/kqueue.h>

struct completion;
struct file;
struct knote;
struct kqueue;
struct pid;
struct task_struct;

/* What ->f_touch is told. */
enum event_touch {
	EVENT_REGISTER,		/* a change to an existing knote */
	EVENT_PROCESS,		/* the event is being delivered */
};

/* Properties of a filter, in ->f_flags. */
#define FILTER_NOBLOCK		0x1	/* ->f_sample never sleeps for long */
#define FILTER_DETACH_LATER	0x2	/* at a close a worker calls ->f_detach, without kn_fp */
#define FILTER_ATOMIC		0x4	/* nothing of it ever sleeps */

/**
 * struct filterops - where the events of a filter come from
 * @f_isfd: ident is a descriptor, and kn_fp its file
 * @f_flags: FILTER_*, or 0
 * @f_attach: start watching.  The knote is claimed, no lock is held; may
 *	sleep, but where kqfd_register() was told not to.  Puts the knote on a
 *	list with knlist_add(), or clears KN_DETACHED in kn_status itself.  May
 *	replace kn_fop.  Events may fire before it returns; one with @f_sample
 *	fires by itself when there is something to report already.  Returns 0,
 *	or a negative errno and leaves nothing behind.
 * @f_detach: stop watching, unless KN_DETACHED is set by then: when it returns,
 *	no event of the knote is on its way.  The knote is claimed and gone from
 *	its queue, no lock is held.  May sleep.
 * @f_event: whether the knote has something to report, from what it has
 *	collected; updates kn_fflags and kn_data.  Called with the lock of the
 *	knote's list, where it is on one, and the queue's held: takes no lock,
 *	never sleeps.  @hint is that of KNOTE_LOCKED() or KNOTE_UNLOCKED(), or
 *	0 when the knote was added or changed, or is about to be delivered.  With
 *	EV_DROP set in kn_flags the knote is removed unseen.
 * @f_touch: optional, for filters that keep fflags and data in their own way;
 *	not called where f_isfd is set.  EVENT_REGISTER: @kev changes the knote,
 *	whose kn_sfflags and kn_sdata the filter sets to what it takes of it; the
 *	knote is claimed, its list's lock held, no other; may sleep where that
 *	lock allows it; returns 0, or a negative errno and has changed nothing.
 *	EVENT_PROCESS: fills @kev, with the same locks as @f_event.
 * @f_detach_try: optional, built-in filters on descriptors: @f_detach where it
 *	must not wait for a lock.  Returns whether it is done; when not,
 *	@f_detach follows from a worker, as it does without @f_detach_try.
 * @f_sample: optional, built-in filters that ask their object instead of
 *	collecting, and whose knotes are on no knlist: store data and fflags in
 *	@ev, set EV_EOF in its flags, and return whether there is something to
 *	report, or -EFAULT when @slot, the place of the event in the program's
 *	eventlist, had to be written and is not there.  @slot is NULL when the
 *	amount does not matter.  The knote is claimed, no lock is held; may sleep
 *	unless FILTER_NOBLOCK is set.
 * @f_undo: optional: the event @kev was not delivered after all, and is pending
 *	again; queue's lock held.  By default what EV_CLEAR took is given back.
 * @f_same: optional, where an ident may come to name another object: whether it
 *	still names that of this knote.  Called with the queue's lock and
 *	rcu_read_lock() held, perhaps before @f_attach has returned.
 * @f_change: optional, where f_isfd is 1: @kev is about to be made to the
 *	knote.  The knote is claimed, no lock is held; may sleep.  Returns 0, or
 *	a negative errno and has changed nothing that shows.
 */
struct filterops {
	int	f_isfd;
	int	f_flags;
	int	(*f_attach)(struct knote *kn);
	void	(*f_detach)(struct knote *kn);
	int	(*f_event)(struct knote *kn, long hint);
	int	(*f_touch)(struct knote *kn, struct kq_event *kev,
			   enum event_touch type);
	bool	(*f_detach_try)(struct knote *kn);
	int	(*f_sample)(struct knote *kn, struct kq_event *ev,
			    void __user *slot);
	void	(*f_undo)(struct knote *kn, const struct kq_event *kev);
	bool	(*f_same)(const struct knote *kn);
	int	(*f_change)(struct knote *kn, const struct kq_event *kev);
};

/**
 * struct knlist - the knotes of one object, part of that object
 * @kl_list: @kl_raw: the knotes; walked under RCU
 * @kl_lock: I: takes the owner's lock; called with @kl_lockarg
 * @kl_unlock: I: lets go of it
 * @kl_locked: I: whether the caller has it; for assertions only
 * @kl_lockarg: I: the owner's lock
 * @kl_spin: I: the lock where it is a spinlock_t, else NULL
 * @kl_irq: @kl_spin: the interrupts of whoever holds it
 * @kl_raw: guards @kl_list and @kl_users, inside a queue's lock
 * @kl_users: knotes that are on the list, or were and whose claimant may still
 *	have the owner's lock
 * @kl_idle: @kl_raw: who waits for @kl_users to come down to 0
 */
struct knlist {
	struct hlist_head	kl_list;
	void			(*kl_lock)(void *lock);
	void			(*kl_unlock)(void *lock);
	int			(*kl_locked)(void *lock);
	void			*kl_lockarg;
	spinlock_t		*kl_spin;	/* the owner's, or shared */
	unsigned long		kl_irq;
	raw_spinlock_t		kl_raw;
	unsigned int		kl_users;
	struct completion	*kl_idle;
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
 * A knote holds a reference on its queue, on its file where it has one, and on
 * the module of its filter.  Its queue finds it through the look-up table and
 * frees it, after a grace period, when it is gone from there.  See the top of
 * queue.c.
 *
 * A filter reads and writes what is marked q in ->f_event, and in ->f_touch
 * where the knote is on a list; kn_flags, kn_sfflags and kn_sdata in ->f_attach
 * before knlist_add() too; kn_status, kn_fop, kn_ptr, kn_hook and kn_hookid in
 * ->f_attach and ->f_detach, and kn_status in ->f_sample.  In kn_flags it sets
 * EV_CLEAR, EV_EOF, EV_ONESHOT and EV_DROP.
 */
struct knote {
	struct kq_event		kn_kevent;	/* q; ident and filter I */
	struct kqueue		*kn_kq;		/* I */
	struct file		*kn_fp;		/* I; see FILTER_DETACH_LATER */
	const struct filterops	*kn_fop;	/* c */
	struct hlist_node	kn_hash;	/* q and the table's lock */
	struct list_head	kn_link;	/* q: all knotes of the queue */
	union {
		struct list_head	kn_tqe;		/* q: the ready list */
		struct llist_node	kn_reap;	/* gone: the worker's */
		struct rcu_head		kn_rcu;		/* gone, detached */
	};
	u8			kn_status;	/* c, l: KN_DETACHED, KN_NOTED */
	u8			kn_object;	/* f: what the file is */
	unsigned short		kn_state;	/* q: KN_*, but that */
	u32			kn_sfflags;	/* q: fflags as asked */
	s64			kn_sdata;	/* q: data as asked */
	union {					/* f */
		struct {
			struct knlist		*kn_knlist;	/* c, q */
			struct hlist_node	kn_selnext;	/* the list's */
			union {
				void		*p_v;
			}			kn_ptr;
			void			*kn_hook;
			int			kn_hookid;
		};
		struct {
			struct knote_wait	kn_wait;
			__poll_t		kn_events;	/* asked of ->poll */
			u32			kn_acked;	/* when it told */
		};
		struct {
			struct hlist_node	kn_node;
			struct pid		*kn_pid;
			u64			kn_exec_id;	/* its program */
		};
	};
};

#define kn_id		kn_kevent.ident
#define kn_filter	kn_kevent.filter
#define kn_flags	kn_kevent.flags
#define kn_fflags	kn_kevent.fflags
#define kn_data		kn_kevent.data
#define kn_udata	kn_kevent.udata

/* In kn_status. */
#define KN_DETACHED	0x08	/* ->f_detach has nothing to do */
#define KN_NOTED	0x10	/* the filter has seen what it needs to know later */

/* In kn_state, which is none of a filter's business. */
#define KN_ACTIVE	0x01	/* has fired; evaluation tells what is true */
#define KN_QUEUED	0x02	/* counted as pending */
#define KN_DISABLED	0x04	/* collects, and is not delivered */
#define KN_TAKEN	0x08	/* claimed by a scan; kn_tqe is the scan's */
#define KN_CLAIMED	0x10	/* a thread owns it */
#define KN_DYING	0x20	/* gone from the queue; its owner drops it */
#define KN_FORCED	0x40	/* delivered as it stands, ready or not */
#define KN_MARKER	0x80	/* not a knote, a place in a list */
#define KN_LISTED	0x100	/* kn_knlist counts it among its users */
#define KN_SAMPLED	0x200	/* ->f_sample tells, and never blocks */

int __kqueue_add_filteropts(int filt, const struct filterops *filtops,
			    struct module *owner);
int kqueue_del_filteropts(int filt);

/**
 * kqueue_add_filteropts - fill an empty slot of the filter table
 * @filt: int: EVFILT_*
 * @filtops: const struct filterops *: with f_attach, f_detach and f_event; lives
 *	until kqueue_del_filteropts()
 *
 * The calling module cannot be removed while a knote of the filter lives.
 *
 * Context: process or soft interrupt, interrupts on; takes a spinlock.
 * Return: 0; -EINVAL for @filt 0 or out of range, or operations that lack one
 * of the three; -EEXIST where the slot is taken.
 */
#define kqueue_add_filteropts(filt, filtops) \
	__kqueue_add_filteropts(filt, filtops, THIS_MODULE)

/*
 * What these do, and where they may be called, is said where they are defined, in
 * register.c and knlist.c, and in kqueue(9).
 */
int kqfd_register(int fd, struct kq_event *kev, struct task_struct *td,
		  int waitok);
void knote_fdclose(struct task_struct *td, int fd);

void knlist_init(struct knlist *knl, void *lock, void (*kl_lock)(void *),
		 void (*kl_unlock)(void *), int (*kl_locked)(void *));
void knlist_init_mtx(struct knlist *knl, spinlock_t *lock);
void knlist_init_rw_reader(struct knlist *knl, rwlock_t *lock);
void knlist_destroy(struct knlist *knl);

void knlist_add(struct knlist *knl, struct knote *kn, int islocked);
void knlist_remove(struct knlist *knl, struct knote *kn, int islocked);
void knlist_remove_inevent(struct knlist *knl, struct knote *kn);
int knlist_empty(struct knlist *knl);
void knlist_cleardel(struct knlist *knl, int islocked, int killkn);

/**
 * knlist_clear - the object goes: report that to whoever watches it
 * @knl: the list
 * @islocked: whether the caller holds its lock, which is let go meanwhile
 *
 * Every knote leaves the list, becomes active with EV_EOF and EV_ONESHOT added
 * to its flags, and is delivered once as it stands: none of the filter's
 * functions is called for it any more.  When this returns nobody uses the list
 * or its lock on behalf of a knote.
 *
 * Context: process, may sleep; no lock held but the list's; not from the
 * functions of a filter.
 */
#define knlist_clear(knl, islocked)	knlist_cleardel(knl, islocked, 0)

/**
 * knlist_delete - the object goes: remove its knotes unseen
 * @knl: the list
 * @td: the calling thread; not used
 * @islocked: whether the caller holds its lock, which is let go meanwhile
 *
 * As knlist_clear(), but nothing is delivered.
 */
#define knlist_delete(knl, td, islocked) \
	((void)(td), knlist_cleardel(knl, islocked, 1))

void knote(struct knlist *knl, long hint, int islocked);

/**
 * KNOTE_LOCKED - something happened to an object
 * @knl: its list, NULL for none; the caller holds its lock
 * @hint: what ->f_event is told
 *
 * Calls ->f_event of each knote on the list, claimed or not, disabled or not.
 * Those for which it returns non-zero are pending from then on.
 *
 * Context: any but NMI, as the list's lock allows.
 */
#define KNOTE_LOCKED(knl, hint)		knote(knl, hint, 1)

/**
 * KNOTE_UNLOCKED - KNOTE_LOCKED() for callers without the lock
 * @knl: the list, NULL for none
 * @hint: what ->f_event is told
 *
 * Context: where the list's lock can be taken: with knlist_init_mtx() and the
 * shared lock any but NMI (with PREEMPT_RT none that is atomic).
 */
#define KNOTE_UNLOCKED(knl, hint)	knote(knl, hint, 0)

#endif /* _KQUEUE_KQUEUE_H */
