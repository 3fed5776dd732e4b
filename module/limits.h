/* SPDX-License-Identifier: GPL-2.0 */
/* What a user may have: knotes, timers and other things, and how many there are. */
#ifndef _KQUEUE_LIMITS_H
#define _KQUEUE_LIMITS_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/uidgid.h>

/**
 * struct kq_user - what one user's queues hold
 * @link: in the list of users (users_lock)
 * @uid: I: who
 * @queues: users_lock: queues that refer to it
 * @knotes: how many knotes
 * @timers: how many timers among them
 * @nested: how many watches on queues among them
 * @connecting: how many sockets to be connected yet among them
 * @mounts: how many watches on mounts among them
 * @stock_fills: what PROC's was when it last took of the stock (its lock)
 * @stock_taken: how many it took since (its lock)
 */
struct kq_user {
	struct hlist_node	link;
	kuid_t			uid;
	unsigned long		queues;
	atomic_long_t		knotes;
	atomic_long_t		timers;
	atomic_long_t		nested;
	atomic_long_t		connecting;
	atomic_long_t		mounts;
	u64			stock_fills;
	unsigned int		stock_taken;
};

/* Watches on queues that a user may have: what a walk of nested.c goes over. */
#define NESTED_MAX	4096

/* Sockets to be connected yet that a user may have: such a walk looks at each. */
#define CONNECTING_MAX	65536

/* Watches on mounts that a user may have: each has a file and a table of them. */
#define MOUNTS_MAX	1024

void limits_init(void);

struct kq_user *kq_user_get(kuid_t uid);
void kq_user_put(struct kq_user *user);

extern unsigned long max_knotes;
extern unsigned long calloutmax;

static inline int limits_charge(atomic_long_t *count, unsigned long limit)
{
	if (likely(atomic_long_inc_return(count) <= limit))
		return 0;
	atomic_long_dec(count);
	return -ENOMEM;
}

static inline int limits_charge_knote(struct kq_user *user)
{
	return limits_charge(&user->knotes, READ_ONCE(max_knotes));
}

static inline void limits_uncharge_knote(struct kq_user *user)
{
	atomic_long_dec(&user->knotes);
}

static inline int limits_charge_timer(struct kq_user *user)
{
	return limits_charge(&user->timers, READ_ONCE(calloutmax));
}

static inline void limits_uncharge_timer(struct kq_user *user)
{
	atomic_long_dec(&user->timers);
}

static inline int limits_charge_nested(struct kq_user *user)
{
	return limits_charge(&user->nested, NESTED_MAX);
}

static inline void limits_uncharge_nested(struct kq_user *user)
{
	atomic_long_dec(&user->nested);
}

static inline int limits_charge_connecting(struct kq_user *user)
{
	return limits_charge(&user->connecting, CONNECTING_MAX);
}

static inline void limits_uncharge_connecting(struct kq_user *user)
{
	atomic_long_dec(&user->connecting);
}

static inline int limits_charge_mounts(struct kq_user *user)
{
	return limits_charge(&user->mounts, MOUNTS_MAX);
}

static inline void limits_uncharge_mounts(struct kq_user *user)
{
	atomic_long_dec(&user->mounts);
}

#endif /* _KQUEUE_LIMITS_H */
