/* SPDX-License-Identifier: GPL-2.0 */
/* Making an fsnotify group whose inodes may carry several of its marks. */
#ifndef _KQUEUE_COMPAT_FSNOTIFY_H
#define _KQUEUE_COMPAT_FSNOTIFY_H

#include <linux/fsnotify_backend.h>

static inline struct fsnotify_group *
kq_fsnotify_alloc_group(const struct fsnotify_ops *ops)
{
#ifdef FSNOTIFY_GROUP_DUPS
	return fsnotify_alloc_group(ops, FSNOTIFY_GROUP_DUPS);
#elif defined(FSNOTIFY_GROUP_USER)
	return fsnotify_alloc_group(ops, 0);
#else
	return fsnotify_alloc_group(ops);
#endif
}

static inline int kq_fsnotify_add_mark(struct fsnotify_mark *mark,
				       struct inode *inode)
{
#ifdef FSNOTIFY_GROUP_DUPS
	return fsnotify_add_inode_mark(mark, inode, 0);
#else
	return fsnotify_add_inode_mark(mark, inode, 1);
#endif
}

#endif /* _KQUEUE_COMPAT_FSNOTIFY_H */
