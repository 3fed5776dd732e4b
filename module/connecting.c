// SPDX-License-Identifier: GPL-2.0
/*
 * WRITE on unix sockets that are connected later.
 *
 * connect() on a unix socket tells nobody who looks at that socket.  So the queue
 * has a list of those that were not connected when they were added, and looks for
 * itself: when a call begins, when it is polled, and now and then as long as there
 * are any, for those who sleep while somebody else connects.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "amount.h"
#include "compat/hrtimer.h"
#include "connecting.h"
#include "idle.h"
#include "knote.h"
#include "limits.h"

/* How many sockets one look takes, under a raw lock. */
#define LOT		64

/* A queue looks each 10 ms, less often where its user has many of them, in any. */
#define LOOK_MS		10
#define LOOK_PER	256

/**
 * struct connecting - one of them
 * @wait: among the knote's places on wait queues, which are freed with it; on none
 * @link: q: in the queue's list, until it is connected
 * @kn: I: the knote
 */
struct connecting {
	struct knote_wait	wait;
	struct list_head	link;
	struct knote		*kn;
};

static bool connected(const struct knote *kn)
{
	return READ_ONCE(amount_sock(kn->kn_fp)->sk_state) != TCP_CLOSE;
}

/* Queue locked. */
static void connecting_remove(struct kqueue *kq, struct connecting *c)
{
	list_del_init(&c->link);
	limits_uncharge_connecting(kq->user);
	kq_count(&kq->nconnecting, -1);
	idle_update(kq);
}

/* Look at the next few.  Queue locked. */
static void look_at_lot(struct kqueue *kq)
{
	struct connecting *c, *next;
	int n = 0;

	list_for_each_entry_safe(c, next, &kq->connecting, link) {
		if (n++ == LOT) {
			list_rotate_to_front(&c->link, &kq->connecting);
			break;
		}
		if (connected(c->kn)) {
			/* In this order: the page never says idle between. */
			knote_activate(c->kn);
			connecting_remove(kq, c);
		}
	}
}

/* connecting_settle() of a queue that has some. */
void connecting_look(struct kqueue *kq)
{
	unsigned long flags;
	int n;

	for (n = READ_ONCE(kq->nconnecting); n > 0; n -= LOT) {
		raw_spin_lock_irqsave(&kq->lock, flags);
		look_at_lot(kq);
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		cond_resched();
	}
}

static ktime_t look_after(const struct kqueue *kq)
{
	long n = atomic_long_read(&kq->user->connecting);

	return ms_to_ktime(LOOK_MS * (1 + n / LOOK_PER));
}

static enum hrtimer_restart connecting_tick(struct hrtimer *tick)
{
	struct kqueue *kq = container_of(tick, struct kqueue, tick);
	unsigned long flags;
	bool more;

	raw_spin_lock_irqsave(&kq->lock, flags);
	look_at_lot(kq);
	/* One that came just now may have started it again. */
	more = kq->nconnecting && !hrtimer_is_queued(tick);
	if (more)
		hrtimer_forward_now(tick, look_after(kq));
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return more ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/**
 * connecting_init - a queue has none yet
 * @kq: the queue, new
 */
void connecting_init(struct kqueue *kq)
{
	INIT_LIST_HEAD(&kq->connecting);
	hrtimer_setup(&kq->tick, connecting_tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
}

/**
 * connecting_end - a queue looks no more
 * @kq: the queue, without knotes
 *
 * Context: process, may sleep.
 */
void connecting_end(struct kqueue *kq)
{
	hrtimer_cancel(&kq->tick);
}

/**
 * connecting_add - look at a knote from now on, if its socket is not connected
 * @kn: the knote, claimed by the caller, of a unix socket
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int connecting_add(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	struct connecting *c;
	unsigned long flags;

	if (connected(kn))
		return 0;
	if (limits_charge_connecting(kq->user))
		return -ENOMEM;
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c) {
		limits_uncharge_connecting(kq->user);
		return -ENOMEM;
	}
	c->kn = kn;
	c->wait.next = kn->kn_wait.next;
	kn->kn_wait.next = &c->wait;
	raw_spin_lock_irqsave(&kq->lock, flags);
	list_add_tail(&c->link, &kq->connecting);
	kq_count(&kq->nconnecting, 1);
	idle_update(kq);
	if (!hrtimer_is_queued(&kq->tick))
		hrtimer_start(&kq->tick, look_after(kq), HRTIMER_MODE_REL_SOFT);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return 0;
}

/**
 * connecting_del - look at a knote no more
 * @kn: the knote, for which connecting_add() returned 0
 *
 * Context: any.
 */
void connecting_del(struct knote *kn)
{
	/* Such a socket's ->poll has one place alone: what is next is ours. */
	struct knote_wait *wait = kn->kn_wait.next;
	struct kqueue *kq = kn->kn_kq;
	struct connecting *c;
	unsigned long flags;

	if (!wait)
		return;
	c = container_of(wait, struct connecting, wait);
	raw_spin_lock_irqsave(&kq->lock, flags);
	if (!list_empty(&c->link))
		connecting_remove(kq, c);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}
