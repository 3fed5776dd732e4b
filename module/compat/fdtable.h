/* SPDX-License-Identifier: GPL-2.0 */
/* The file in a slot of a descriptor table, and the socket behind a file. */
#ifndef _KQUEUE_COMPAT_FDTABLE_H
#define _KQUEUE_COMPAT_FDTABLE_H

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/sched/task.h>
#include <linux/version.h>

/*
 * What stands in a slot, without a reference: for comparing, not for use.
 * The look-up helpers of fdtable.h changed their names with every other
 * release; the structures did not.  Caller holds rcu_read_lock() or the
 * table's file_lock.
 */
static inline struct file *kq_slot_file(struct files_struct *files,
					unsigned int fd)
{
	struct fdtable *fdt = rcu_dereference_raw(files->fdt);

	if (fd >= fdt->max_fds)
		return NULL;
	return rcu_dereference_raw(fdt->fd[array_index_nospec(fd, fdt->max_fds)]);
}

/* A thread's descriptor, which need not be the caller's; not O_PATH. */
static inline struct file *kq_fget_task(struct task_struct *task,
					unsigned int fd)
{
	struct files_struct *files;
	struct file *file = NULL;

	task_lock(task);
	files = task->files;
	if (files) {
		spin_lock(&files->file_lock);
		file = kq_slot_file(files, fd);
		if (file && !(file->f_mode & FMODE_PATH))
			get_file(file);
		else
			file = NULL;
		spin_unlock(&files->file_lock);
	}
	task_unlock(task);
	return file;
}

/*
 * A reference on a file whose owner may be clearing the place where it stands;
 * NULL when that, or the file's end, comes first.
 */
static inline struct file *kq_get_file_active(struct file **place)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return get_file_active(place);
#else
	struct file *file;

	rcu_read_lock();
	file = READ_ONCE(*place);
	if (file && !get_file_rcu(file))
		file = NULL;
	rcu_read_unlock();
	return file;
#endif
}

/* As struct fd says of itself, whose fields have changed their names. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define kq_fd_file(fd_)		fd_file(fd_)
#define kq_fd_shared(fd_)	((fd_).word & FDPUT_FPUT)
#else
#define kq_fd_file(fd_)		((fd_).file)
#define kq_fd_shared(fd_)	((fd_).flags & FDPUT_FPUT)
#endif

/* fput(), if that is not the last: returns false and does nothing if it is. */
static inline bool kq_fput_not_last(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	return false;
#else
	return atomic_long_add_unless(&file->f_count, -1, 1);
#endif
}

static inline struct socket *kq_sock_from_file(struct file *file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	int error;

	return sock_from_file(file, &error);
#else
	return sock_from_file(file);
#endif
}

#endif /* _KQUEUE_COMPAT_FDTABLE_H */
