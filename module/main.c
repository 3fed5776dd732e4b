// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kqueue: the device and the module.  No policy here.
 */
#include <linux/compat.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "fdclose.h"
#include "fdinfo.h"
#include "filter.h"
#include "idle.h"
#include "knote.h"
#include "limits.h"
#include "nested.h"

static int kqueue_open(struct inode *inode, struct file *file)
{
	struct kqueue *kq = kqueue_create();

	if (IS_ERR(kq))
		return PTR_ERR(kq);
	file->private_data = kq;
	return nonseekable_open(inode, file);
}

static int match_file(const void *file, struct file *slot, unsigned int fd)
{
	return slot == file;
}

/*
 * A descriptor of the queue was closed in the table @id.  When it was the
 * owner's last, the queue is closed for ever: a copy that a child still has can
 * do nothing, and a later table at the same address owns nothing.
 */
static int kqueue_flush(struct file *file, fl_owner_t id)
{
	struct kqueue *kq = file->private_data;
	struct files_struct *files = id;

	if (files != kq->files)
		return 0;
	idle_end_epoch(kq);
	if (atomic_read(&files->count) == 0 ||
	    !iterate_fd(files, 0, match_file, file))
		kqueue_close(kq);
	return 0;
}

static int kqueue_release(struct inode *inode, struct file *file)
{
	struct kqueue *kq = file->private_data;

	kqueue_drain(kq);
	kqueue_put(kq);
	return 0;
}

/* Out of the way of a kevent(). */
static noinline long ioctl_epoch(struct kqueue *kq, __u64 __user *arg)
{
	u64 epoch = idle_epoch(kq);

	if (!kqueue_owned(kq))
		return -EBADF;
	return copy_to_user(arg, &epoch, sizeof(epoch)) ? -EFAULT : 0;
}

static long kqueue_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kqueue *kq = file->private_data;

	switch (cmd) {
	case KQ_IOC_KEVENT:
		return kqueue_kevent(kq, (void __user *)arg);
	case KQ_IOC_VERSION:
		return put_user(KQ_ABI_VERSION, (__u32 __user *)arg);
	case KQ_IOC_OWNED:
		return kqueue_owned(kq);
	case KQ_IOC_EPOCH:
		return ioctl_epoch(kq, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

/* epoll may hold a mutex here: nothing is evaluated, nothing claimed. */
static __poll_t kqueue_poll(struct file *file, poll_table *wait)
{
	struct kqueue *kq = file->private_data;
	unsigned long flags;
	bool ready;

	poll_wait(file, &kq->pollers, wait);
	connecting_settle(kq);
	raw_spin_lock_irqsave(&kq->lock, flags);
	ready = kq->count;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return ready || kqueue_ahead(kq) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int kqueue_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kqueue *kq = file->private_data;

	return kqueue_owned(kq) ? idle_map(kq, vma) : -EBADF;
}

static int kqueue_fasync(int fd, struct file *file, int on)
{
	struct kqueue *kq = file->private_data;

	return fasync_helper(fd, file, on, &kq->fasync);
}

static ssize_t kqueue_read(struct file *file, char __user *buf, size_t size,
			   loff_t *pos)
{
	return -ENXIO;
}

static ssize_t kqueue_write(struct file *file, const char __user *buf,
			    size_t size, loff_t *pos)
{
	return -ENXIO;
}

static void kqueue_show_fdinfo(struct seq_file *m, struct file *file)
{
	fdinfo_show(m, file->private_data);
}

const struct file_operations kqueue_fops = {
	.owner		= THIS_MODULE,
	.open		= kqueue_open,
	.flush		= kqueue_flush,
	.release	= kqueue_release,
	.unlocked_ioctl	= kqueue_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.poll		= kqueue_poll,
	.mmap		= kqueue_mmap,
	.fasync		= kqueue_fasync,
	.read		= kqueue_read,
	.write		= kqueue_write,
	.show_fdinfo	= kqueue_show_fdinfo,
};

static struct miscdevice kqueue_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kqueue",
	.fops	= &kqueue_fops,
	.mode	= 0666,
};

static int __init kqueue_module_init(void)
{
	int error;

	limits_init();
	error = kqueue_init();
	if (error)
		return error;
	error = knote_init();
	if (error)
		goto err_kqueue;
	error = vnode_init();
	if (error)
		goto err_knote;
	error = signal_init();
	if (error)
		goto err_vnode;
	error = proc_init();
	if (error)
		goto err_signal;
	error = netdev_init();
	if (error)
		goto err_proc;
	error = fdclose_init();
	if (error)
		goto err_netdev;
	error = misc_register(&kqueue_device);
	if (error)
		goto err_fdclose;
	return 0;

err_fdclose:
	fdclose_exit();
err_netdev:
	netdev_exit();
err_proc:
	proc_exit();
err_signal:
	signal_exit();
err_vnode:
	vnode_exit();
err_knote:
	knote_exit();
err_kqueue:
	kqueue_exit();
	return error;
}

/* No queue is open.  Stop what may still call us, then what that left. */
static void __exit kqueue_module_exit(void)
{
	misc_deregister(&kqueue_device);
	fdclose_exit();
	netdev_exit();
	knote_flush();
	proc_exit();
	signal_exit();
	knote_exit();
	vnode_exit();
	kqueue_exit();
}

module_init(kqueue_module_init);
module_exit(kqueue_module_exit);

MODULE_DESCRIPTION("BSD's kqueue(2) as a device");
MODULE_AUTHOR("The kqueue for Linux authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(KQ_VERSION);
