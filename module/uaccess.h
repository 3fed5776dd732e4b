/* SPDX-License-Identifier: GPL-2.0 */
/* Events to and from a program without page faults, and having its pages there. */
#ifndef _KQUEUE_UACCESS_H
#define _KQUEUE_UACCESS_H

#include <linux/build_bug.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/uaccess.h>

#include <uapi/linux/kqueue.h>

/*
 * A struct kq_event to or from a program, inside user_access_begin() and end:
 * four moves, where the functions that copy count the bytes.  Returns whether
 * it was there.
 */
static __always_inline bool kq_put_event(const struct kq_event *ev,
					 struct kq_event __user *to)
{
	u64 __user *word = (u64 __user *)to;
	const u64 *from = (const u64 *)ev;

	BUILD_BUG_ON(sizeof(*ev) != 4 * sizeof(u64));
	unsafe_put_user(from[0], word, fault);
	unsafe_put_user(from[1], word + 1, fault);
	unsafe_put_user(from[2], word + 2, fault);
	unsafe_put_user(from[3], word + 3, fault);
	return true;

fault:
	return false;
}

static __always_inline bool kq_get_event(struct kq_event *ev,
					 const struct kq_event __user *from)
{
	const u64 __user *word = (const u64 __user *)from;
	u64 *to = (u64 *)ev;

	unsafe_get_user(to[0], word, fault);
	unsafe_get_user(to[1], word + 1, fault);
	unsafe_get_user(to[2], word + 2, fault);
	unsafe_get_user(to[3], word + 3, fault);
	return true;

fault:
	return false;
}

/*
 * Have the place of an event in memory, to be written; what is there is written
 * back.  Returns 0 or -EFAULT.
 */
static inline int kq_fault_in(struct kq_event __user *to)
{
	u8 __user *first = (u8 __user *)to, *last = (u8 __user *)(to + 1) - 1;
	u8 byte;

	if (get_user(byte, first) || put_user(byte, first) ||
	    get_user(byte, last) || put_user(byte, last))
		return -EFAULT;
	return 0;
}

#endif /* _KQUEUE_UACCESS_H */
