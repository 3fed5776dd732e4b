/* SPDX-License-Identifier: GPL-2.0 */
/* The process behind a pidfd: pidfd_pid() is not for modules. */
#ifndef _KQUEUE_COMPAT_PIDFD_H
#define _KQUEUE_COMPAT_PIDFD_H

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pid.h>
#include <linux/string.h>

/*
 * What the file says that it is: one of pidfs, or before there was that, an
 * anonymous inode, whose names only the kernel gives.  The caller makes sure
 * of it by what ->poll waits on: pid->wait_pidfd, and it touches nothing of
 * the struct before.
 */
static inline struct pid *kq_pidfd_pid(struct file *file)
{
	unsigned long magic = file_inode(file)->i_sb->s_magic;

#ifdef PID_FS_MAGIC
	if (magic == PID_FS_MAGIC)
		return file_inode(file)->i_private;
#endif
	if (magic == ANON_INODE_FS_MAGIC &&
	    !strcmp(file->f_path.dentry->d_name.name, "[pidfd]"))
		return file->private_data;
	return ERR_PTR(-EINVAL);
}

#endif /* _KQUEUE_COMPAT_PIDFD_H */
