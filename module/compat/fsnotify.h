/* SPDX-License-Identifier: GPL-2.0 */
/* An fsnotify group whose inodes may carry several of its marks; silent files. */
#ifndef _KQUEUE_COMPAT_FSNOTIFY_H
#define _KQUEUE_COMPAT_FSNOTIFY_H

#include <linux/fsnotify_backend.h>
#include <linux/sched/mm.h>

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

/*
 * It allocates with the group's mutex held, which an inode with marks takes when
 * it is reclaimed for memory.
 */
static inline int kq_fsnotify_add_mark(struct fsnotify_mark *mark,
				       struct inode *inode)
{
	unsigned int flags = memalloc_nofs_save();
	int error;

#ifdef FSNOTIFY_GROUP_DUPS
	error = fsnotify_add_inode_mark(mark, inode, 0);
#else
	error = fsnotify_add_inode_mark(mark, inode, 1);
#endif
	memalloc_nofs_restore(flags);
	return error;
}

/*
 * From 6.14 on a file that is in no directory, as memfd_create() makes them, is
 * made with its events off.  A file of fanotify's that is so, too, stays so.
 */
static inline void kq_fsnotify_enable(struct file *file)
{
#ifdef FMODE_NONOTIFY_PERM
	spin_lock(&file->f_lock);
	if (FMODE_FSNOTIFY_NONE(file->f_mode) &&
	    file_inode(file)->i_sb->s_flags & SB_KERNMOUNT)
		WRITE_ONCE(file->f_mode,
			   (file->f_mode & ~FMODE_FSNOTIFY_MASK) |
			   FMODE_NONOTIFY_PERM);
	spin_unlock(&file->f_lock);
#endif
}

#endif /* _KQUEUE_COMPAT_FSNOTIFY_H */
