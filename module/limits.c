// SPDX-License-Identifier: GPL-2.0
/*
 * Limits, per user: the user who opened the queue is charged.
 *
 * The memory itself is charged to the memory cgroup of whoever adds a knote;
 * that is what holds back a user with many uids.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "knote.h"
#include "limits.h"

static DEFINE_HASHTABLE(users, 6);
static DEFINE_MUTEX(users_lock);

unsigned long max_knotes;
module_param(max_knotes, ulong, 0644);
MODULE_PARM_DESC(max_knotes, "knotes a user may have (by default 4% of memory)");

unsigned long calloutmax = 1048576;
module_param(calloutmax, ulong, 0644);
MODULE_PARM_DESC(calloutmax, "timers a user may have");

static int show_sum(char *buffer, bool timers)
{
	unsigned long sum = 0;
	struct kq_user *user;
	int bucket;

	mutex_lock(&users_lock);
	hash_for_each(users, bucket, user, link)
		sum += atomic_long_read(timers ? &user->timers : &user->knotes);
	mutex_unlock(&users_lock);
	return sysfs_emit(buffer, "%lu\n", sum);
}

static int knotes_get(char *buffer, const struct kernel_param *kp)
{
	return show_sum(buffer, false);
}

static int callouts_get(char *buffer, const struct kernel_param *kp)
{
	return show_sum(buffer, true);
}

static const struct kernel_param_ops knotes_ops = { .get = knotes_get };
static const struct kernel_param_ops callouts_ops = { .get = callouts_get };

module_param_cb(knotes, &knotes_ops, NULL, 0444);
MODULE_PARM_DESC(knotes, "knotes there are, of all users");
module_param_cb(callouts, &callouts_ops, NULL, 0444);
MODULE_PARM_DESC(callouts, "timers there are, of all users");

/* As epoll does: one user's knotes take up to 1/25 of the low memory. */
void limits_init(void)
{
	struct sysinfo si;

	if (max_knotes)
		return;
	si_meminfo(&si);
	max_knotes = ((si.totalram - si.totalhigh) / 25 << PAGE_SHIFT) /
		     sizeof(struct knote);
}

/**
 * kq_user_get - the account of a user, made when there is none
 * @uid: who
 *
 * Context: process, may sleep.
 * Return: the account, to be given back with kq_user_put(), or NULL.
 */
struct kq_user *kq_user_get(kuid_t uid)
{
	struct kq_user *user;

	mutex_lock(&users_lock);
	hash_for_each_possible(users, user, link, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			goto found;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		goto out;
	user->uid = uid;
	hash_add(users, &user->link, __kuid_val(uid));
found:
	user->queues++;
out:
	mutex_unlock(&users_lock);
	return user;
}

/**
 * kq_user_put - give back what kq_user_get() returned
 * @user: the account; all that was charged to it is uncharged
 *
 * Context: process, may sleep.
 */
void kq_user_put(struct kq_user *user)
{
	mutex_lock(&users_lock);
	if (--user->queues == 0) {
		hash_del(&user->link);
		kfree(user);
	}
	mutex_unlock(&users_lock);
}
