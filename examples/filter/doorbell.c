// SPDX-License-Identifier: GPL-2.0
/*
 * A filter in a module of its own: EVFILT_DOOR tells who is at the door.
 *
 * Writing "ring 2" to /dev/doorbell rings at door 2, "knock 2" knocks there.
 * doc/filters.md goes through it step by step.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include <kqueue/kqueue.h>

#include "doorbell.h"

/* An object that can be watched: a lock, and the knotes that watch it. */
struct door {
	spinlock_t	lock;		/* of what happens, and the list */
	struct knlist	watchers;
};

static struct door doors[DOORS];

/* A program watches a door. */
static int door_attach(struct knote *kn)
{
	struct door *door;

	if (kn->kn_id >= DOORS || kn->kn_sfflags & ~(NOTE_RING | NOTE_KNOCK))
		return -EINVAL;
	door = &doors[kn->kn_id];
	kn->kn_hook = door;
	kn->kn_flags |= EV_CLEAR;
	knlist_add(&door->watchers, kn, 0);
	return 0;
}

/* It does no longer. */
static void door_detach(struct knote *kn)
{
	struct door *door = kn->kn_hook;

	knlist_remove(&door->watchers, kn, 0);
}

/*
 * Something happened at a door, @hint; or nothing, and the question is whether
 * there is something to report.  The door and the queue are locked.
 */
static int door_event(struct knote *kn, long hint)
{
	if (hint & kn->kn_sfflags) {
		kn->kn_fflags |= hint;
		kn->kn_data += hint == NOTE_RING;
	}
	return kn->kn_fflags != 0;
}

static const struct filterops door_filtops = {
	.f_attach	= door_attach,
	.f_detach	= door_detach,
	.f_event	= door_event,
};

/* Somebody is at the door. */
static ssize_t doorbell_write(struct file *file, const char __user *buf,
			      size_t size, loff_t *pos)
{
	char line[16] = "", verb[8];
	struct door *door;
	unsigned int n;
	long note;

	if (copy_from_user(line, buf, min(size, sizeof(line) - 1)))
		return -EFAULT;
	if (sscanf(line, "%7s %u", verb, &n) != 2 || n >= DOORS)
		return -EINVAL;
	if (!strcmp(verb, "ring"))
		note = NOTE_RING;
	else if (!strcmp(verb, "knock"))
		note = NOTE_KNOCK;
	else
		return -EINVAL;
	door = &doors[n];
	spin_lock_irq(&door->lock);
	KNOTE_LOCKED(&door->watchers, note);
	spin_unlock_irq(&door->lock);
	return size;
}

static const struct file_operations doorbell_fops = {
	.owner	= THIS_MODULE,
	.write	= doorbell_write,
};

static struct miscdevice doorbell = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "doorbell",
	.fops	= &doorbell_fops,
};

static int __init doorbell_init(void)
{
	int i, error;

	for (i = 0; i < DOORS; i++) {
		spin_lock_init(&doors[i].lock);
		knlist_init_mtx(&doors[i].watchers, &doors[i].lock);
	}
	error = kqueue_add_filteropts(EVFILT_DOOR, &door_filtops);
	if (error)
		return error;
	error = misc_register(&doorbell);
	if (error)
		kqueue_del_filteropts(EVFILT_DOOR);
	return error;
}

/* While a knote lives the module is in use, so no door is watched any more. */
static void __exit doorbell_exit(void)
{
	int i;

	misc_deregister(&doorbell);
	kqueue_del_filteropts(EVFILT_DOOR);
	for (i = 0; i < DOORS; i++)
		knlist_destroy(&doors[i].watchers);
}

module_init(doorbell_init);
module_exit(doorbell_exit);

MODULE_DESCRIPTION("EVFILT_DOOR, an example of a filter for kqueue");
MODULE_LICENSE("GPL");
