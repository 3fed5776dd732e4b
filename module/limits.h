/* SPDX-License-Identifier: GPL-2.0 */
/* What a user may have: knotes and timers, and how many there are. */
#ifndef _KQUEUE_LIMITS_H
#define _KQUEUE_LIMITS_H

#include <linux/atomic.h>
#include <linux/uidgid.h>

/**
 * struct kq_user - what one user's queues hold
 * @link: in the list of users (users_lock)
 * @uid: I: who
 * @queues: users_lock: queues that refer to it
 * @knotes: how many knotes
 * @timers: how many timers among them
 */
struct kq_user {
	struct hlist_node	link;
	kuid_t			uid;
	unsigned long		queues;
	atomic_long_t		knotes;
	atomic_long_t		timers;
};

void limits_init(void);

struct kq_user *kq_user_get(kuid_t uid);
void kq_user_put(struct kq_user *user);

int limits_charge_knote(struct kq_user *user);
void limits_uncharge_knote(struct kq_user *user);
int limits_charge_timer(struct kq_user *user);
void limits_uncharge_timer(struct kq_user *user);

#endif /* _KQUEUE_LIMITS_H */
