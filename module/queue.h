/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue: its knotes, those that are ready, and who waits for them.
 */
#ifndef _KQUEUE_QUEUE_H
#define _KQUEUE_QUEUE_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/swait.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <kqueue/kqueue.h>

struct files_struct;
struct kq_idle;
struct kq_user;

/**
 * struct kqueue - an open of /dev/kqueue
 * @lock: guards what is marked q, here and in the knotes.  Raw and irq-safe:
 *	taken in wait-queue callbacks, timers and the close hook.
 * @count: q: knotes with KN_QUEUED: what poll goes by
 * @listed: q: knotes on @ready: what a sleeper goes by
 * @brief: q: knotes that scans have claimed and are sure to let go of soon
 * @claim_seq: q: grows with each claim let go
 * @seq: q: grows with each knote that becomes pending
 * @epoch: q: changes whenever a descriptor of it is closed
 * @idle: q: the page that says so, and whether nothing is pending; NULL until
 *	it is mapped
 * @ready: q: knotes to be delivered, and the markers of scanners
 * @knotes: q: all knotes, and the cursors of those who list them
 * @nested: q: what it watches that is a queue, see nested.c
 * @watchers: q: the same, of the queues that watch it
 * @connecting: q: WRITE on unix sockets that are not connected, see connecting.c
 * @nconnecting: q: how many are on @connecting
 * @tick: started under q: looks at them, as long as there are any
 * @files: I: the descriptor table that owns it; compared, not used
 * @closed: set once, by xchg(): its owner has closed it, so no call begins
 * @keepers: atomic: the owner, until then, and calls that have slept; who lets go
 *	of the last drains it, and nobody comes after
 * @dead: q: it was drained; it holds no knote and never will
 * @sleepers: q: threads in kevent(), the first is woken first
 * @claims: threads that wait for a claim
 * @pollers: poll, select, epoll, other queues
 * @fasync: SIGIO
 * @notify: tells @pollers and @fasync
 * @refs: one for the file, one for each knote
 * @id: I: its number, for those who look from outside; no other has it
 * @user: I: whom the knotes are charged to
 * @cred: I: who opened it
 * @reap: frees the queue
 * @visited: the walk of nested.c that came by last (its mutex)
 * @walk: all queues of that walk (its mutex)
 * @spread: those of them whose watchers are to be told (its mutex)
 * @ahead: a queue that it watches has something for it (its mutex)
 */
struct kqueue {
	raw_spinlock_t		lock;
	unsigned int		count;
	unsigned int		listed;
	unsigned int		brief;
	unsigned int		claim_seq;
	unsigned long		seq;
	u64			epoch;
	struct kq_idle		*idle;
	struct list_head	ready;
	struct list_head	knotes;
	struct list_head	nested;
	struct list_head	watchers;
	struct list_head	connecting;
	unsigned int		nconnecting;
	struct hrtimer		tick;
	struct files_struct	*files;
	bool			closed;
	refcount_t		keepers;
	bool			dead;
	struct list_head	sleepers;
	struct swait_queue_head	claims;
	wait_queue_head_t	pollers;
	struct fasync_struct	*fasync;
	struct irq_work		notify;
	refcount_t		refs;
	u64			id;
	struct kq_user		*user;
	const struct cred	*cred;
	struct rcu_work		reap;

	u64			visited;
	struct list_head	walk;
	struct list_head	spread;
	bool			ahead;
};

/* Add to a count under the queue's lock; others may look at it without. */
static inline void kq_count(unsigned int *count, int n)
{
	WRITE_ONCE(*count, *count + n);
}

extern struct workqueue_struct *kqueue_wq;

int kqueue_init(void);
void kqueue_exit(void);
struct kqueue *kqueue_create(void);
void kqueue_drain(struct kqueue *kq);
void kqueue_unkeep(struct kqueue *kq);
void kqueue_close(struct kqueue *kq);
void kqueue_put(struct kqueue *kq);

int kqueue_kevent(struct kqueue *kq, struct kq_kevent __user *arg);

void kqueue_wake_first(struct kqueue *kq, int sync);

/* One of those who sleep in kevent(), if any; as for kqueue_wake_first(). */
static inline void kqueue_wake_sleeper(struct kqueue *kq, int sync)
{
	lockdep_assert_held(&kq->lock);
	if (!list_empty(&kq->sleepers))
		kqueue_wake_first(kq, sync);
}

/*
 * Whoever waits puts itself on the list first and then looks, under the lock,
 * whether there is something; so looking at the lists under the lock, after
 * there is something, misses nobody.
 */
static inline void kqueue_wake_all(struct kqueue *kq, int sync)
{
	kqueue_wake_sleeper(kq, sync);
	/* waitqueue_active() without a barrier: see above. */
	if (waitqueue_active(&kq->pollers) || READ_ONCE(kq->fasync))
		irq_work_queue(&kq->notify);
}

/*
 * Some bits of a knote's state, without the queue's lock: bits that only the caller
 * changes, who has claimed it, or that the caller takes for what they were.
 */
static inline unsigned int knote_state(const struct knote *kn, unsigned int bits)
{
	/* Whoever changes others holds the lock, and writes all of them. */
	return data_race(READ_ONCE(kn->kn_state)) & bits;
}

/* Whether the caller's descriptor table owns the queue. */
static inline bool kqueue_owned(const struct kqueue *kq)
{
	return kq->files == current->files && !READ_ONCE(kq->closed);
}

/* Tell those who wait for a claim, after some were let go.  Interrupts on. */
static inline void kqueue_wake_claims(struct kqueue *kq)
{
	if (swq_has_sleeper(&kq->claims))
		swake_up_all(&kq->claims);
}

extern const struct file_operations kqueue_fops;

/* Whose queue a file is, or NULL. */
static inline struct kqueue *file_kqueue(const struct file *file)
{
	return file->f_op == &kqueue_fops ? file->private_data : NULL;
}

#endif /* _KQUEUE_QUEUE_H */
