/* SPDX-License-Identifier: GPL-2.0 */
/* Copying to a program without faulting, and faulting its pages in. */
#ifndef _KQUEUE_COMPAT_UACCESS_H
#define _KQUEUE_COMPAT_UACCESS_H

#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/version.h>

/* Returns how many bytes at the end were not copied. */
static inline size_t kq_copy_nofault(void __user *to, const void *from,
				     size_t size)
{
	size_t left = size;

	if (!access_ok(to, size))
		return size;
	pagefault_disable();
	left = __copy_to_user_inatomic(to, from, size);
	pagefault_enable();
	return left;
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
