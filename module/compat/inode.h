/* SPDX-License-Identifier: GPL-2.0 */
/* Looking into an inode: its times have been behind functions since 6.7. */
#ifndef _KQUEUE_COMPAT_INODE_H
#define _KQUEUE_COMPAT_INODE_H

#include <linux/fs.h>
#include <linux/time64.h>
#include <linux/version.h>

/* Whether its data changed when it itself did, not at another time. */
static inline bool kq_inode_mtime_is_ctime(const struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct timespec64 mtime = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(inode);

	return timespec64_equal(&mtime, &ctime);
#else
	return timespec64_equal(&inode->i_mtime, &inode->i_ctime);
#endif
}

#endif /* _KQUEUE_COMPAT_INODE_H */
