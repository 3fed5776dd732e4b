/* SPDX-License-Identifier: GPL-2.0 */
/* Copying to a program without faulting, and faulting its pages in. */
#ifndef _KQUEUE_COMPAT_UACCESS_H
#define _KQUEUE_COMPAT_UACCESS_H

#include <linux/build_bug.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/version.h>

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

/* Returns 0 once all of the range could be written, or -EFAULT. */
static inline int kq_fault_in(void __user *to, size_t size)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 16, 0)
	/* It writes wherever it is told to. */
	return access_ok(to, size) ? fault_in_pages_writeable(to, size) : -EFAULT;
#else
	return fault_in_writeable(to, size) ? -EFAULT : 0;
#endif
}

#endif /* _KQUEUE_COMPAT_UACCESS_H */
