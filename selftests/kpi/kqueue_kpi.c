// SPDX-License-Identifier: GPL-2.0
/*
 * A module with event sources of its own, for kpi.c.
 *
 * An object has a list of knotes and a lock of one of four kinds.  It says in
 * its ->magic whether it is still there: everything that the list calls checks
 * that, so a call that comes too late is a warning in the kernel's log.
 */
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include <kqueue/kqueue.h>

#include "kqueue_kpi.h"

#define MAGIC	0x6b6e6f7465

struct object {
	u64		magic;
	struct knlist	list;
	enum kpi_lock	kind;
	spinlock_t	spin;		/* one of these three: @kind */
	struct mutex	mutex;		/* guards @data */
	rwlock_t	rw;
	s64		data;		/* the lock: a job's result */
	enum kpi_mode	mode;
	s64		mode_data;
};

/* An open of the device. */
struct kpi_device {
	struct mutex	lock;		/* guards which object it has */
	struct object	*object;
	bool		block;
	bool		restless;
	wait_queue_head_t unblocked;
	atomic_t	blocked;
};

static struct object *jobs[KPI_JOBS];

static atomic_t attached, detached, events, registered, processed, objects;

static void check(const struct object *object)
{
	WARN_ON(object->magic != MAGIC);
}

static void mutex_kl_lock(void *arg)
{
	struct object *object = container_of(arg, struct object, mutex);

	check(object);
	mutex_lock(&object->mutex);
	check(object);
}

static void mutex_kl_unlock(void *arg)
{
	struct object *object = container_of(arg, struct object, mutex);

	check(object);
	mutex_unlock(&object->mutex);
}

static int mutex_kl_locked(void *arg)
{
	return mutex_is_locked((struct mutex *)arg);
}

static struct object *object_new(enum kpi_lock kind)
{
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return NULL;
	object->magic = MAGIC;
	object->kind = kind;
	spin_lock_init(&object->spin);
	mutex_init(&object->mutex);
	rwlock_init(&object->rw);
	switch (kind) {
	case KPI_SPIN:
		knlist_init_mtx(&object->list, &object->spin);
		break;
	case KPI_MUTEX:
		knlist_init(&object->list, &object->mutex, mutex_kl_lock,
			    mutex_kl_unlock, mutex_kl_locked);
		break;
	case KPI_RW:
		knlist_init_rw_reader(&object->list, &object->rw);
		break;
	default:
		knlist_init(&object->list, NULL, NULL, NULL, NULL);
		break;
	}
	atomic_inc(&objects);
	return object;
}

static void object_free(struct object *object)
{
	knlist_destroy(&object->list);
	object->magic = 0;
	kfree(object);
	atomic_dec(&objects);
}

/*
 * The object's lock, as its owner takes it.  Which one it is sparse cannot know,
 * so for sparse there is none.
 */
static void object_lock(struct object *object, unsigned long *flags)
{
	switch (object->kind) {
	case KPI_SPIN:
		spin_lock_irqsave(&object->spin, *flags);
		__release(&object->spin);
		break;
	case KPI_MUTEX:
		mutex_lock(&object->mutex);
		break;
	case KPI_RW:
		read_lock(&object->rw);
		__release(&object->rw);
		break;
	default:
		object->list.kl_lock(object->list.kl_lockarg);
		break;
	}
}

static void object_unlock(struct object *object, unsigned long *flags)
{
	switch (object->kind) {
	case KPI_SPIN:
		__acquire(&object->spin);
		spin_unlock_irqrestore(&object->spin, *flags);
		break;
	case KPI_MUTEX:
		mutex_unlock(&object->mutex);
		break;
	case KPI_RW:
		__acquire(&object->rw);
		read_unlock(&object->rw);
		break;
	default:
		object->list.kl_unlock(object->list.kl_lockarg);
		break;
	}
}

/*
 * EVFILT_LIO: by descriptor
 */

static const struct file_operations kpi_fops;
static const struct filterops replaced_filtops;

static int kpi_attach(struct knote *kn)
{
	struct kpi_device *device = kn->kn_fp->private_data;
	struct object *object;
	int error = 0;

	if (kn->kn_fp->f_op != &kpi_fops)
		return -EOPNOTSUPP;
	mutex_lock(&device->lock);
	object = device->object;
	kn->kn_hook = object;
	switch (object->mode) {
	case KPI_ATTACH_RETURNS:
		error = object->mode_data;
		break;
	case KPI_ATTACH_LISTED:
		knlist_add(&object->list, kn, 0);
		error = object->mode_data;
		break;
	case KPI_ATTACH_UNLISTED:
		kn->kn_status &= ~KN_DETACHED;
		break;
	case KPI_ATTACH_REPLACES:
		kn->kn_fop = &replaced_filtops;
		fallthrough;
	default:
		knlist_add(&object->list, kn, 0);
		break;
	}
	mutex_unlock(&device->lock);
	atomic_inc(&attached);
	return error;
}

static void kpi_detach(struct knote *kn)
{
	struct object *object = kn->kn_hook;

	check(object);
	knlist_remove(&object->list, kn, 0);
	check(object);
	atomic_inc(&detached);
}

static int kpi_event(struct knote *kn, long hint)
{
	struct object *object = kn->kn_hook;

	check(object);
	atomic_inc(&events);
	if (hint) {
		kn->kn_data++;
		kn->kn_fflags |= kn->kn_sfflags & hint;
	}
	switch (object->mode) {
	case KPI_EVENT_REMOVES:
		if (!hint)
			break;
		knlist_remove_inevent(&object->list, kn);
		return object->mode_data;
	case KPI_EVENT_DROPS:
		if (!hint)
			break;
		kn->kn_flags |= EV_DROP;
		return object->mode_data;
	default:
		break;
	}
	return kn->kn_fflags != 0;
}

/* Must never be called: the filter is on descriptors. */
static int kpi_touch(struct knote *kn, struct kq_event *kev,
		     enum event_touch type)
{
	WARN_ON(1);
	return 0;
}

static const struct filterops kpi_filtops = {
	.f_isfd		= 1,
	.f_attach	= kpi_attach,
	.f_detach	= kpi_detach,
	.f_event	= kpi_event,
	.f_touch	= kpi_touch,
};

static int replaced_event(struct knote *kn, long hint)
{
	kn->kn_data = -1;
	return kpi_event(kn, hint);
}

static const struct filterops replaced_filtops = {
	.f_isfd		= 1,
	.f_attach	= kpi_attach,
	.f_detach	= kpi_detach,
	.f_event	= replaced_event,
};

/*
 * EVFILT_AIO: by number.  A program ends a job by a change to a knote of its
 * own; all who watch the job are told its result.
 */

static int job_attach(struct knote *kn)
{
	if (kn->kn_id >= KPI_JOBS)
		return -EINVAL;
	/* A flag that only kqfd_register() can hand in. */
	kn->kn_ptr.p_v = kn->kn_flags & EV_FLAG1 ? kn : NULL;
	kn->kn_hook = jobs[kn->kn_id];
	knlist_add(&jobs[kn->kn_id]->list, kn, 0);
	atomic_inc(&attached);
	return 0;
}

static void job_detach(struct knote *kn)
{
	struct object *job = kn->kn_hook;

	knlist_remove(&job->list, kn, 0);
	atomic_inc(&detached);
}

static int job_event(struct knote *kn, long hint)
{
	atomic_inc(&events);
	if (hint)
		kn->kn_hookid = 1;
	return kn->kn_hookid;
}

static int job_touch(struct knote *kn, struct kq_event *kev,
		     enum event_touch type)
{
	struct object *job = kn->kn_hook;

	check(job);
	switch (type) {
	case EVENT_REGISTER:
		atomic_inc(&registered);
		if (kev->data < 0)
			return -ERANGE;
		kn->kn_sfflags = kev->fflags;
		job->data = kev->data;
		KNOTE_LOCKED(&job->list, 1);
		break;
	case EVENT_PROCESS:
		atomic_inc(&processed);
		kev->fflags = kn->kn_sfflags;
		kev->data = job->data;
		if (kn->kn_flags & EV_CLEAR)
			kn->kn_hookid = 0;
		break;
	}
	return 0;
}

static const struct filterops job_filtops = {
	.f_flags	= FILTER_ATOMIC,
	.f_attach	= job_attach,
	.f_detach	= job_detach,
	.f_event	= job_event,
	.f_touch	= job_touch,
};

/*
 * KNOTE, from wherever
 */

struct note {
	struct irq_work		work;
	struct timer_list	timer;
	struct completion	done;
	struct object		*object;
	bool			locked;
	long			hint;
};

static void note(struct note *n)
{
	struct object *object = n->object;
	unsigned long flags;

	if (!n->locked) {
		KNOTE_UNLOCKED(&object->list, n->hint);
		return;
	}
	object_lock(object, &flags);
	KNOTE_LOCKED(&object->list, n->hint);
	object_unlock(object, &flags);
}

static void note_softirq(struct timer_list *timer)
{
	struct note *n = container_of(timer, struct note, timer);

	WARN_ON(!IS_ENABLED(CONFIG_PREEMPT_RT) && !in_serving_softirq());
	note(n);
	complete(&n->done);
}

static void note_hardirq(struct irq_work *work)
{
	struct note *n = container_of(work, struct note, work);

	WARN_ON(!IS_ENABLED(CONFIG_PREEMPT_RT) && !hardirq_count());
	note(n);
	complete(&n->done);
}

static int note_call(struct object *object, const struct kpi_call *call)
{
	struct note *n = kzalloc(sizeof(*n), GFP_KERNEL);
	int error = 0;

	if (!n)
		return -ENOMEM;
	n->object = object;
	n->locked = call->locked;
	n->hint = call->data;
	init_completion(&n->done);
	switch (call->arg) {
	case KPI_PROCESS:
		note(n);
		break;
	case KPI_SOFTIRQ:
		timer_setup(&n->timer, note_softirq, 0);
		mod_timer(&n->timer, jiffies);
		wait_for_completion(&n->done);
		break;
	case KPI_HARDIRQ:
		init_irq_work(&n->work, note_hardirq);
		irq_work_queue(&n->work);
		wait_for_completion(&n->done);
		irq_work_sync(&n->work);
		break;
	default:
		error = -EINVAL;
	}
	kfree(n);
	return error;
}

/*
 * kqfd_register(), by whomever
 */

struct job {
	struct completion	done;
	struct task_struct	*td;
	struct kq_event		kev;
	int			fd;
	bool			nowait;
	int			error;
};

static void register_job(struct job *job)
{
	/* Where nothing is atomic that is not written so, there is no test. */
	bool atomic = job->nowait && !IS_ENABLED(CONFIG_PREEMPT_RT);

	if (atomic)
		preempt_disable();
	job->error = kqfd_register(job->fd, &job->kev, job->td, !job->nowait);
	if (atomic)
		preempt_enable();
}

static int register_thread(void *arg)
{
	struct job *job = arg;

	register_job(job);
	complete(&job->done);
	return 0;
}

static int register_call(const struct kpi_call *call)
{
	struct job job = {
		.td	= current,
		.fd	= call->fd,
		.nowait	= call->arg & KPI_NOWAIT,
	};
	struct task_struct *thread;

	if (copy_from_user(&job.kev, u64_to_user_ptr(call->change),
			   sizeof(job.kev)))
		return -EFAULT;
	if (!(call->arg & KPI_KTHREAD)) {
		register_job(&job);
		return job.error;
	}
	init_completion(&job.done);
	thread = kthread_run(register_thread, &job, "kqueue_kpi");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	wait_for_completion(&job.done);
	return job.error;
}

/*
 * The device
 */

/* The old object goes while others use it. */
static int kpi_renew(struct kpi_device *device, const struct kpi_call *call)
{
	struct object *old, *new = object_new(call->arg);
	unsigned long flags;

	if (!new)
		return -ENOMEM;
	mutex_lock(&device->lock);
	old = device->object;
	device->object = new;
	mutex_unlock(&device->lock);
	if (call->locked)
		object_lock(old, &flags);
	if (call->data)
		knlist_delete(&old->list, current, call->locked);
	else
		knlist_clear(&old->list, call->locked);
	if (call->locked)
		object_unlock(old, &flags);
	object_free(old);
	return 0;
}

static int object_call(struct object *object, const struct kpi_call *call)
{
	unsigned long flags;
	int ret = 0;

	if (call->op == KPI_NOTE)
		return note_call(object, call);
	if (call->locked)
		object_lock(object, &flags);
	switch (call->op) {
	case KPI_CLEAR:
		knlist_clear(&object->list, call->locked);
		break;
	case KPI_DELETE:
		knlist_delete(&object->list, current, call->locked);
		break;
	case KPI_EMPTY:
		ret = knlist_empty(&object->list);
		break;
	}
	if (call->locked)
		object_unlock(object, &flags);
	return ret;
}

static int stats_call(const struct kpi_call *call)
{
	struct kpi_stats stats = {
		.attached	= atomic_xchg(&attached, 0),
		.detached	= atomic_xchg(&detached, 0),
		.events		= atomic_xchg(&events, 0),
		.registered	= atomic_xchg(&registered, 0),
		.processed	= atomic_xchg(&processed, 0),
		.objects	= atomic_read(&objects),
	};

	return copy_to_user(u64_to_user_ptr(call->change), &stats,
			    sizeof(stats)) ? -EFAULT : 0;
}

static long kpi_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kpi_device *device = file->private_data;
	struct kpi_call call;

	if (cmd != KPI_CALL)
		return -ENOTTY;
	if (copy_from_user(&call, (void __user *)arg, sizeof(call)))
		return -EFAULT;
	switch (call.op) {
	case KPI_NEW:
		return kpi_renew(device, &call);
	case KPI_MODE:
		device->object->mode = call.arg;
		device->object->mode_data = call.data;
		return 0;
	case KPI_ADD:
		return kqueue_add_filteropts(call.arg,
					     call.arg == EVFILT_LIO ?
					     &kpi_filtops : &job_filtops);
	case KPI_ADD_BAD:
		return kqueue_add_filteropts(call.arg, NULL);
	case KPI_DEL:
		return kqueue_del_filteropts(call.arg);
	case KPI_REGISTER:
		return register_call(&call);
	case KPI_FDCLOSE:
		knote_fdclose(current, call.fd);
		return 0;
	case KPI_BLOCK:
		WRITE_ONCE(device->block, call.arg);
		wake_up_all(&device->unblocked);
		return 0;
	case KPI_BLOCKED:
		return atomic_read(&device->blocked);
	case KPI_RESTLESS:
		WRITE_ONCE(device->restless, call.arg);
		return 0;
	case KPI_STATS:
		return stats_call(&call);
	default:
		return object_call(device->object, &call);
	}
}

/* Readable, when at last it says so. */
static __poll_t kpi_poll(struct file *file, poll_table *wait)
{
	struct kpi_device *device = file->private_data;

	poll_wait(file, &device->unblocked, wait);
	if (READ_ONCE(device->restless)) {
		wake_up_all(&device->unblocked);
		return 0;
	}
	atomic_inc(&device->blocked);
	wait_event_killable(device->unblocked, !READ_ONCE(device->block));
	atomic_dec(&device->blocked);
	return EPOLLIN | EPOLLRDNORM;
}

static int kpi_open(struct inode *inode, struct file *file)
{
	struct kpi_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return -ENOMEM;
	device->object = object_new(KPI_SPIN);
	if (!device->object) {
		kfree(device);
		return -ENOMEM;
	}
	mutex_init(&device->lock);
	init_waitqueue_head(&device->unblocked);
	file->private_data = device;
	return 0;
}

/* No knote is left: each has a reference on the file. */
static int kpi_release(struct inode *inode, struct file *file)
{
	struct kpi_device *device = file->private_data;

	object_free(device->object);
	kfree(device);
	return 0;
}

static const struct file_operations kpi_fops = {
	.owner		= THIS_MODULE,
	.open		= kpi_open,
	.release	= kpi_release,
	.unlocked_ioctl	= kpi_ioctl,
	.poll		= kpi_poll,
};

static struct miscdevice kpi_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kqueue_kpi",
	.fops	= &kpi_fops,
	.mode	= 0666,
};

static void free_jobs(void)
{
	int i;

	for (i = 0; i < KPI_JOBS && jobs[i]; i++)
		object_free(jobs[i]);
}

static int __init kpi_init(void)
{
	int i, error = -ENOMEM;

	for (i = 0; i < KPI_JOBS; i++) {
		jobs[i] = object_new(i % KPI_LOCKS);
		if (!jobs[i])
			goto err_jobs;
	}
	error = kqueue_add_filteropts(EVFILT_LIO, &kpi_filtops);
	if (error)
		goto err_jobs;
	error = kqueue_add_filteropts(EVFILT_AIO, &job_filtops);
	if (error)
		goto err_lio;
	error = misc_register(&kpi_misc);
	if (error)
		goto err_aio;
	return 0;

err_aio:
	kqueue_del_filteropts(EVFILT_AIO);
err_lio:
	kqueue_del_filteropts(EVFILT_LIO);
err_jobs:
	free_jobs();
	return error;
}

static void __exit kpi_exit(void)
{
	misc_deregister(&kpi_misc);
	WARN_ON(kqueue_del_filteropts(EVFILT_AIO));
	WARN_ON(kqueue_del_filteropts(EVFILT_LIO));
	free_jobs();
	WARN_ON(atomic_read(&objects));
}

module_init(kpi_init);
module_exit(kpi_exit);

MODULE_DESCRIPTION("event sources for the tests of kqueue");
MODULE_LICENSE("GPL");
