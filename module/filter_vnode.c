// SPDX-License-Identifier: GPL-2.0
/*
 * READ on regular files: what fsnotify tells of an inode wakes the knote.
 *
 * One group for all; each knote has a watch, which is a mark on the inode.  A
 * mark outlives the knote - fsnotify may be calling it while the knote goes -
 * so the watch points to the knote under a lock of its own, and forgets it
 * before it is destroyed.
 */
#include <linux/fs.h>
#include <linux/slab.h>

#include "compat/fsnotify.h"
#include "filter.h"
#include "knote.h"

#define READ_MASK	(FS_MODIFY | FS_ATTRIB)

/**
 * struct watch - a knote's mark on an inode
 * @mark: the mark; the knote holds a reference, fsnotify others
 * @lock: guards @kn; taken outside a queue's lock
 * @kn: the knote, NULL once it is detached
 */
struct watch {
	struct fsnotify_mark	mark;
	raw_spinlock_t		lock;
	struct knote		*kn;
};

static struct fsnotify_group *group;
static struct kmem_cache *watch_cache;

static int watch_event(struct fsnotify_mark *mark, u32 mask,
		       struct inode *inode, struct inode *dir,
		       const struct qstr *name, u32 cookie)
{
	struct watch *watch = container_of(mark, struct watch, mark);
	unsigned long flags;

	raw_spin_lock_irqsave(&watch->lock, flags);
	if (watch->kn)
		knote_fire(watch->kn);
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	return 0;
}

/* The inode goes first only when its file system is unmounted by force. */
static void watch_freeing(struct fsnotify_mark *mark,
			  struct fsnotify_group *grp)
{
}

static void watch_free(struct fsnotify_mark *mark)
{
	kmem_cache_free(watch_cache, container_of(mark, struct watch, mark));
}

static const struct fsnotify_ops watch_ops = {
	.handle_inode_event	= watch_event,
	.freeing_mark		= watch_freeing,
	.free_mark		= watch_free,
};

int vnode_init(void)
{
	watch_cache = KMEM_CACHE(watch, SLAB_ACCOUNT);
	if (!watch_cache)
		return -ENOMEM;
	group = kq_fsnotify_alloc_group(&watch_ops);
	if (IS_ERR(group)) {
		kmem_cache_destroy(watch_cache);
		return PTR_ERR(group);
	}
	return 0;
}

/* No knote is left; fsnotify may still have marks to free. */
void vnode_exit(void)
{
	fsnotify_put_group(group);
	fsnotify_wait_marks_destroyed();
	rcu_barrier();
	kmem_cache_destroy(watch_cache);
}

static bool read_due(struct knote *kn, s64 *data)
{
	struct file *file = kn->kn_fp;

	*data = i_size_read(file_inode(file)) - READ_ONCE(file->f_pos);
	return *data || kn->kn_sfflags & NOTE_FILE_POLL;
}

static int read_attach(struct knote *kn)
{
	struct watch *watch = kmem_cache_zalloc(watch_cache, GFP_KERNEL);
	int error;
	s64 data;

	if (!watch)
		return -ENOMEM;
	fsnotify_init_mark(&watch->mark, group);
	raw_spin_lock_init(&watch->lock);
	watch->mark.mask = READ_MASK;
	watch->kn = kn;
	error = kq_fsnotify_add_mark(&watch->mark, file_inode(kn->kn_fp));
	if (error) {
		fsnotify_put_mark(&watch->mark);
		return error;
	}
	kn->kn_hook = watch;
	if (read_due(kn, &data))
		knote_fire(kn);
	return 0;
}

static void read_detach(struct knote *kn)
{
	struct watch *watch = kn->kn_hook;
	unsigned long flags;

	raw_spin_lock_irqsave(&watch->lock, flags);
	watch->kn = NULL;
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	fsnotify_destroy_mark(&watch->mark, group);
	fsnotify_put_mark(&watch->mark);
}

static int read_sample(struct knote *kn, struct kq_event *ev,
		       void __user *slot)
{
	ev->flags = 0;
	ev->fflags = 0;
	return read_due(kn, &ev->data);
}

const struct filterops vnode_read_filtops = {
	.f_isfd		= 1,
	.f_flags	= FILTER_NOBLOCK | FILTER_DETACH_LATER,
	.f_attach	= read_attach,
	.f_detach	= read_detach,
	.f_sample	= read_sample,
};
