// SPDX-License-Identifier: GPL-2.0
/*
 * VNODE, and READ on regular files: what fsnotify tells of an inode.
 *
 * One group for all.  Each knote has a watch, and the watch has marks on the
 * inode, each with its share of the events: a mark's mask never changes, so
 * when a change to the knote asks for more, another mark brings what is
 * missing.  No event is seen twice, and none is missed in between.
 *
 * A mark outlives the knote - fsnotify may be calling it while the knote goes -
 * so the watch points to the knote under a lock of its own, and forgets it
 * before the marks are destroyed.
 *
 * The removal of a directory is told to its parent alone.  So there is a mark
 * on that one as well, shared by all that watch directories in it: the watches
 * of what was removed are looked up.  A watch takes another when its directory is
 * moved, before rename() returns: the new parent is still locked then, and nobody
 * can have removed the directory from it.  Order: the inodes' locks, the group's.
 *
 * When an inode without a name loses a dentry, fsnotify destroys all its marks,
 * though it may be open by another dentry that lost its own name before.  Then
 * a worker brings them again.
 *
 * What is done to an inode calls all its marks, whoever does it: so a user cannot
 * add more than so many to one.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/magic.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "compat/fdtable.h"
#include "compat/fsnotify.h"
#include "compat/inode.h"
#include "filter.h"
#include "knote.h"
#include "table.h"

/* Marks of a user on one inode: what opening it, say, has to look at. */
#define MARKS_MAX	4096

#define READ_MASK	(FS_MODIFY | FS_ATTRIB)
#define ENTRY_MASK	(FS_CREATE | FS_DELETE | FS_RENAME | FS_MOVED_TO)

struct watch_mark;

/**
 * struct watch - what a knote knows of an inode
 * @lock: guards what happened (l); taken outside a queue's lock
 * @marking: guards what is marked (m), which the claim's owner changes, and the
 *	worker that renews marks; taken outside fsnotify's locks, and @lock
 * @refs: one for the knote, one for each mark, until it is freed
 * @inode: the inode; it lives while there is a knote, or an event about it
 * @user: I: whose the queue is; compared, not used
 * @kn: the knote, NULL once it is detached (l)
 * @marks: the marks on @inode (m)
 * @mask: what they see, together, or will once they are renewed (m)
 * @lost: whether it is on its way to the worker, which has a reference then (l)
 * @link: in the worker's list, while it is @lost
 * @above: the mark on the directory that @inode is in, where it matters: of those
 *	that there may be, the one that counts (l)
 * @size: size when last seen (l)
 * @nlink: link count when last seen (l)
 * @owed: how many events about links are still to come for what @nlink has
 *	shown already: the count changes before anybody is told (l)
 * @within: a rename within the directory was told, its FS_MOVED_TO is to come (l)
 */
struct watch {
	raw_spinlock_t		lock;
	struct mutex		marking;	/* m */
	refcount_t		refs;
	struct inode		*inode;
	struct kq_user		*user;
	struct knote		*kn;
	struct watch_mark	*marks;
	u32			mask;
	bool			lost;
	struct llist_node	link;
	struct watch_mark	*above;
	loff_t			size;
	unsigned int		nlink;
	unsigned int		owed;
	bool			within;
};

/**
 * struct watch_mark - one mark of a watch, or what watches have above them
 * @mark: the mark; the watch, or all of @refs, hold a reference, fsnotify others
 * @watch: I: the watch, of which it holds a reference until it is freed; or NULL
 * @refs: where there is no @watch: watches that have it above them
 * @next: the next of @watch->marks
 * @inode: I: what it is on, see mark_is_on(); compared, not used
 * @node: in the table of marks, by inode (the lock of its bucket, or RCU)
 * @rcu: to free it
 */
struct watch_mark {
	struct fsnotify_mark	mark;
	struct watch		*watch;
	refcount_t		refs;
	struct watch_mark	*next;
	struct inode		*inode;
	struct hlist_node	node;
	struct rcu_head		rcu;
};

/* To count those of an inode, and to find its watches and what is above others. */
static struct table marks;

/**
 * struct happening - what fsnotify tells
 * @mask: FS_*
 * @type: FSNOTIFY_EVENT_*.  FS_ATTRIB comes with the inode when its link count
 *	has changed, with a dentry otherwise.  Of a file's times or size being
 *	set it tells with a dentry, of reads and writes with a path
 * @inode: what it happened to; of an entry, the one that it names
 * @within: for FS_RENAME, whether both directories are the same
 */
struct happening {
	u32		mask;
	int		type;
	struct inode	*inode;
	bool		within;
};

static struct fsnotify_group *group;
static struct kmem_cache *watch_cache;
static struct kmem_cache *mark_cache;
static atomic_t nmarks = ATOMIC_INIT(0);	/* marks there are */

/* Watches that have lost marks. */
static LLIST_HEAD(lost_list);
static void watches_renew(struct work_struct *work);
static DECLARE_WORK(renew_work, watches_renew);

/*
 * From events to notes.  All with watch->lock held.
 */

/*
 * Called for each link that is made or removed, and when a rename covers it:
 * behind the change, so that the count may show others whose events are still to
 * come, in any order.  Those made or removed at the same time:
 *
 *	T1: 1 -> 2	T2: 2 -> 3	T3:
 *	event: 1 -> 3, owes one
 *					3 -> 4
 *					event: 3 -> 4, still owes one
 *			event: the one
 */
static u32 link_notes(struct watch *watch)
{
	unsigned int was = watch->nlink;
	unsigned int is = READ_ONCE(watch->inode->i_nlink);

	if (S_ISDIR(watch->inode->i_mode))
		return NOTE_DELETE;
	watch->nlink = is;
	if (is != was) {
		watch->owed += (is < was ? was - is : is - was) - 1;
		return is < was ? NOTE_DELETE : NOTE_LINK;
	}
	if (watch->owed) {
		watch->owed--;
		return 0;
	}
	/* One made and one removed at the same time. */
	return is ? NOTE_DELETE | NOTE_LINK : NOTE_DELETE;
}

/*
 * With a dentry and without a change of size it is a truncation to the size
 * that it had, or its mtime was set alone.  The former leaves both times equal; so
 * does the latter, to the present.
 */
static u32 modify_notes(struct watch *watch, const struct happening *h)
{
	struct inode *inode = watch->inode;
	loff_t was = watch->size;
	loff_t is = i_size_read(inode);

	if (S_ISDIR(inode->i_mode))
		return NOTE_ATTRIB;
	watch->size = is;
	if (is > was)
		return NOTE_WRITE | NOTE_EXTEND;
	if (is != was || h->type != FSNOTIFY_EVENT_DENTRY)
		return NOTE_WRITE;
	return kq_inode_mtime_is_ctime(inode) ? NOTE_WRITE | NOTE_ATTRIB :
						NOTE_ATTRIB;
}

/*
 * A directory that a rename within covers is told by the links that its parent
 * loses, where the file system counts them.
 */
static u32 entry_notes(struct watch *watch, const struct happening *h)
{
	u32 link = h->mask & FS_ISDIR ? NOTE_LINK : 0;
	unsigned int was = watch->nlink;

	watch->nlink = watch->inode->i_nlink;
	if (!(h->mask & (FS_RENAME | FS_MOVED_TO)))
		return NOTE_WRITE | link;
	if (h->mask & FS_MOVED_TO && watch->within) {
		watch->within = false;
		return 0;
	}
	if (h->within) {
		watch->within = true;
		return NOTE_WRITE | (watch->nlink < was ? NOTE_LINK : 0);
	}
	return NOTE_WRITE | NOTE_EXTEND | link;
}

static u32 watch_notes(struct watch *watch, u32 mask, const struct happening *h)
{
	u32 notes = 0;

	if (mask & ENTRY_MASK)
		notes |= entry_notes(watch, h);
	if (mask & FS_ATTRIB)
		notes |= h->type == FSNOTIFY_EVENT_INODE ? link_notes(watch) :
							   NOTE_ATTRIB;
	if (mask & FS_MODIFY)
		notes |= modify_notes(watch, h);
	if (mask & FS_ACCESS)
		notes |= h->type == FSNOTIFY_EVENT_DENTRY ? NOTE_ATTRIB :
							    NOTE_READ;
	if (mask & FS_MOVE_SELF)
		notes |= NOTE_RENAME;
	if (mask & FS_OPEN)
		notes |= NOTE_OPEN;
	if (mask & FS_CLOSE_NOWRITE)
		notes |= NOTE_CLOSE;
	if (mask & FS_CLOSE_WRITE)
		notes |= NOTE_CLOSE_WRITE;
	return notes;
}

/* What has to be seen for some notes; see watch_notes(). */
static u32 notes_mask(const struct inode *inode, u32 notes)
{
	bool dir = S_ISDIR(inode->i_mode);
	u32 mask = 0;

	if (notes & (NOTE_DELETE | NOTE_LINK | NOTE_ATTRIB))
		mask |= FS_ATTRIB;
	if (notes & NOTE_ATTRIB)
		mask |= FS_MODIFY | FS_ACCESS;
	if (notes & (NOTE_WRITE | NOTE_EXTEND))
		mask |= dir ? ENTRY_MASK : FS_MODIFY;
	if (dir && notes & NOTE_LINK)
		mask |= ENTRY_MASK;
	if (notes & NOTE_RENAME || (dir && notes & NOTE_DELETE))
		mask |= FS_MOVE_SELF;
	if (notes & NOTE_OPEN)
		mask |= FS_OPEN;
	if (notes & NOTE_CLOSE)
		mask |= FS_CLOSE_NOWRITE;
	if (notes & NOTE_CLOSE_WRITE)
		mask |= FS_CLOSE_WRITE;
	if (notes & NOTE_READ)
		mask |= FS_ACCESS;
	return mask;
}

/* An operation reports all its notes if any of them was asked. */
static void knote_note(struct knote *kn, u32 notes)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	if (kn->kn_sfflags & notes) {
		kn->kn_fflags |= notes;
		knote_activate(kn);
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

/*
 * Marks
 */

static void watch_put(struct watch *watch)
{
	if (refcount_dec_and_test(&watch->refs))
		kmem_cache_free(watch_cache, watch);
}

/* An inode may go before its marks are removed, and its address be another's. */
static bool mark_is_on(const struct watch_mark *wm, const struct inode *inode)
{
	/* fsnotify changes the flags under a lock of its own. */
	unsigned int flags = data_race(READ_ONCE(wm->mark.flags));

	return wm->inode == inode && flags & FSNOTIFY_MARK_FLAG_ATTACHED;
}

/* Whether two are of one user, on one inode; or above what is in one directory. */
static bool mark_is_like(const struct watch_mark *wm,
			 const struct watch_mark *other)
{
	if (!mark_is_on(other, wm->inode) || !wm->watch != !other->watch)
		return false;
	return wm->watch ? other->watch->user == wm->watch->user :
			   refcount_read(&other->refs);
}

/* Put a mark into the table, unless there are enough: 0, -ENOMEM or -EEXIST. */
static int mark_hash(struct watch_mark *wm)
{
	struct hlist_head *bucket = table_bucket_at(&marks, wm->inode);
	raw_spinlock_t *lock = table_lock(&marks, bucket);
	unsigned int n = 0, max = wm->watch ? MARKS_MAX : 1;
	struct watch_mark *other;
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	hlist_for_each_entry(other, bucket, node)
		n += mark_is_like(wm, other);
	if (n < max)
		hlist_add_head_rcu(&wm->node, bucket);
	raw_spin_unlock_irqrestore(lock, flags);
	if (n < max)
		return 0;
	return wm->watch ? -ENOMEM : -EEXIST;
}

static void mark_unhash(struct watch_mark *wm)
{
	raw_spinlock_t *lock;
	unsigned long flags;

	lock = table_lock(&marks, table_bucket_at(&marks, wm->inode));
	raw_spin_lock_irqsave(lock, flags);
	hlist_del_rcu(&wm->node);
	raw_spin_unlock_irqrestore(lock, flags);
}

/* In the table once it is on the inode, so that who finds it there may rely on it. */
static struct watch_mark *mark_add(struct watch *watch, struct inode *inode,
				   u32 mask, gfp_t gfp)
{
	struct watch_mark *wm = kmem_cache_zalloc(mark_cache, gfp);
	int error;

	if (!wm)
		return ERR_PTR(-ENOMEM);
	atomic_inc(&nmarks);
	fsnotify_init_mark(&wm->mark, group);
	wm->mark.mask = mask;
	wm->inode = inode;
	wm->watch = watch;
	if (watch)
		refcount_inc(&watch->refs);
	else
		refcount_set(&wm->refs, 1);
	error = kq_fsnotify_add_mark(&wm->mark, inode);
	if (error)
		goto out_put;
	error = mark_hash(wm);
	if (error)
		goto out_destroy;
	return wm;

out_destroy:
	fsnotify_destroy_mark(&wm->mark, group);
out_put:
	fsnotify_put_mark(&wm->mark);
	return ERR_PTR(error);
}

static void mark_remove(struct watch_mark *wm)
{
	mark_unhash(wm);
	fsnotify_destroy_mark(&wm->mark, group);
	fsnotify_put_mark(&wm->mark);
}

static struct watch_mark *above_find(struct inode *dir)
{
	struct hlist_head *bucket = table_bucket_at(&marks, dir);
	struct watch_mark *wm;

	rcu_read_lock();
	hlist_for_each_entry_rcu(wm, bucket, node)
		if (mark_is_on(wm, dir) && !wm->watch &&
		    refcount_inc_not_zero(&wm->refs))
			break;
	rcu_read_unlock();
	return wm;
}

static struct watch_mark *above_get(struct inode *dir, gfp_t gfp)
{
	struct watch_mark *above;

	do {
		above = above_find(dir);
		if (!above)
			above = mark_add(NULL, dir, FS_DELETE, gfp);
		/* Somebody else has made one. */
	} while (above == ERR_PTR(-EEXIST));
	return above;
}

static void above_put(struct watch_mark *above)
{
	if (above && refcount_dec_and_test(&above->refs))
		mark_remove(above);
}

/* Put @above in the place of the mark that is there. */
static void watch_exchange(struct watch *watch, struct watch_mark *above)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch->lock, flags);
	if (watch->kn)
		swap(watch->above, above);
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	above_put(above);
}

static bool watch_is_above(struct watch *watch, const struct inode *dir)
{
	unsigned long flags;
	bool is;

	raw_spin_lock_irqsave(&watch->lock, flags);
	is = watch->above && mark_is_on(watch->above, dir);
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	return is;
}

/*
 * Mark the directory that a watched directory is in.  When it is moved
 * meanwhile, this or the one that the move calls comes last, and is right.
 */
static int watch_follow(struct watch *watch, gfp_t gfp)
{
	struct dentry *parent, *dentry = d_find_any_alias(watch->inode);
	struct watch_mark *above;
	bool moved = true;
	int error = 0;

	while (dentry && moved && !error) {
		parent = dget_parent(dentry);
		/* A root, which is its own parent, cannot be removed. */
		if (parent != dentry && !watch_is_above(watch, d_inode(parent))) {
			above = above_get(d_inode(parent), gfp);
			if (IS_ERR(above))
				error = PTR_ERR(above);
			else
				watch_exchange(watch, above);
		}
		moved = READ_ONCE(dentry->d_parent) != parent;
		dput(parent);
	}
	dput(dentry);
	return error;
}

/* Nobody could be told that it failed, and fsnotify allocates for itself, too. */
static void watch_moved(struct watch *watch)
{
	while (watch_follow(watch, GFP_KERNEL | __GFP_NOFAIL) == -ENOMEM)
		cond_resched();
}

/* A directory was removed from the one that @above is on. */
static void above_event(struct watch_mark *above, struct inode *inode)
{
	struct hlist_head *bucket = table_bucket_at(&marks, inode);
	struct watch_mark *wm;
	struct watch *watch;
	unsigned long flags;

	rcu_read_lock();
	hlist_for_each_entry_rcu(wm, bucket, node) {
		watch = wm->watch;
		/* Of the marks of a watch it is the one that sees it moved. */
		if (wm->inode != inode || !watch ||
		    !(wm->mark.mask & FS_MOVE_SELF))
			continue;
		raw_spin_lock_irqsave(&watch->lock, flags);
		if (watch->kn && watch->above == above)
			knote_note(watch->kn, NOTE_DELETE);
		raw_spin_unlock_irqrestore(&watch->lock, flags);
	}
	rcu_read_unlock();
}

static void mark_event(struct fsnotify_mark *mark, const struct happening *h)
{
	struct watch_mark *wm = container_of(mark, struct watch_mark, mark);
	u32 mask = h->mask & mark->mask & ALL_FSNOTIFY_EVENTS;
	struct watch *watch = wm->watch;
	unsigned long flags;
	struct knote *kn;
	bool follow;

	if (!mask)
		return;
	if (!watch) {
		above_event(wm, h->inode);
		return;
	}
	raw_spin_lock_irqsave(&watch->lock, flags);
	kn = watch->kn;
	if (kn && kn->kn_filter == EVFILT_READ)
		knote_fire(kn, 0);
	else if (kn)
		knote_note(kn, watch_notes(watch, mask, h));
	follow = kn && watch->above && mask & FS_MOVE_SELF;
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	if (follow)
		watch_moved(watch);
}

/*
 * Of a move FS_RENAME tells the directory that is left, FS_MOVED_TO then the one
 * that the entry comes to: BSD's order.
 */
static int watch_event(struct fsnotify_group *grp, u32 mask, const void *data,
		       int data_type, struct inode *dir,
		       const struct qstr *name, u32 cookie,
		       struct fsnotify_iter_info *iter)
{
	struct happening h = {
		.mask = mask,
		.type = data_type,
		.inode = fsnotify_data_inode(data, data_type),
	};
	struct fsnotify_mark *mark;

	/* The directories are locked: the entry stays there. */
	if (mask & FS_RENAME)
		h.within = d_inode(fsnotify_data_dentry(data, data_type)->d_parent) == dir;
	mark = fsnotify_iter_inode_mark(iter);
	if (mark)
		mark_event(mark, &h);
	return 0;
}

/*
 * A mark is destroyed.  Where there is a knote yet that is hardly our doing: the
 * inode has lost a dentry behind its last name.  Or it goes itself, being closed,
 * or unmounted by force; or the mark was one too many.  The worker sees that.
 *
 * What is above others goes where one has left it unseen, over a network.
 */
static void watch_freeing(struct fsnotify_mark *mark,
			  struct fsnotify_group *grp)
{
	struct watch_mark *wm = container_of(mark, struct watch_mark, mark);
	struct watch *watch = wm->watch;
	unsigned long flags;
	bool first = false;

	if (!watch)
		return;
	raw_spin_lock_irqsave(&watch->lock, flags);
	if (watch->kn && !watch->lost) {
		watch->lost = true;
		refcount_inc(&watch->refs);
		first = llist_add(&watch->link, &lost_list);
	}
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	if (first)
		queue_work(kqueue_wq, &renew_work);
}

static void watch_free_rcu(struct rcu_head *rcu)
{
	struct watch_mark *wm = container_of(rcu, struct watch_mark, rcu);

	if (wm->watch)
		watch_put(wm->watch);
	kmem_cache_free(mark_cache, wm);
	if (atomic_dec_and_test(&nmarks))
		wake_up_var(&nmarks);
}

/* Who came upon it in the table may be looking at it, and at the watch. */
static void watch_free(struct fsnotify_mark *mark)
{
	struct watch_mark *wm = container_of(mark, struct watch_mark, mark);

	call_rcu(&wm->rcu, watch_free_rcu);
}

static const struct fsnotify_ops watch_ops = {
	.handle_event	= watch_event,
	.freeing_mark	= watch_freeing,
	.free_mark	= watch_free,
};

int vnode_init(void)
{
	int error = table_init(&marks);

	if (error)
		return error;
	error = -ENOMEM;
	watch_cache = KMEM_CACHE(watch, SLAB_ACCOUNT);
	if (!watch_cache)
		goto err_table;
	mark_cache = KMEM_CACHE(watch_mark, SLAB_ACCOUNT);
	if (!mark_cache)
		goto err_watch;
	group = kq_fsnotify_alloc_group(&watch_ops);
	if (!IS_ERR(group))
		return 0;
	error = PTR_ERR(group);
	kmem_cache_destroy(mark_cache);
err_watch:
	kmem_cache_destroy(watch_cache);
err_table:
	table_destroy(&marks);
	return error;
}

/*
 * No knote is left.  There may be marks that others hold: an event under way, which
 * waits, it may be long, for fanotify's listeners to permit it, or the end of an inode.
 */
void vnode_exit(void)
{
	fsnotify_put_group(group);
	wait_var_event(&nmarks, !atomic_read(&nmarks));
	/* Nobody comes to the worker any more; who freed the last may not have returned. */
	flush_work(&renew_work);
	fsnotify_wait_marks_destroyed();
	rcu_barrier();
	kmem_cache_destroy(mark_cache);
	kmem_cache_destroy(watch_cache);
	table_destroy(&marks);
}

/*
 * Watches
 */

static void watch_sample(struct watch *watch, u32 mask)
{
	struct inode *inode = watch->inode;
	unsigned long flags;

	raw_spin_lock_irqsave(&watch->lock, flags);
	if (mask & FS_MODIFY)
		watch->size = i_size_read(inode);
	if (mask & (S_ISDIR(inode->i_mode) ? ENTRY_MASK : FS_ATTRIB)) {
		watch->nlink = inode->i_nlink;
		watch->owed = 0;
		watch->within = false;
	}
	raw_spin_unlock_irqrestore(&watch->lock, flags);
}

/* One more mark, for what is in @mask. */
static int watch_mark(struct watch *watch, u32 mask)
{
	struct watch_mark *wm;

	/* Refused while all that are on the inode are being destroyed. */
	while ((wm = mark_add(watch, watch->inode, mask, GFP_KERNEL)) ==
	       ERR_PTR(-ENOENT))
		schedule_timeout_uninterruptible(1);
	if (IS_ERR(wm))
		return PTR_ERR(wm);
	wm->next = watch->marks;
	watch->marks = wm;
	watch->mask |= mask;
	return 0;
}

/*
 * Whether the inode has let go of a mark, to which the caller has a reference.
 * All marks of an inode hang on it together, and so do they when it is rid of
 * them: until then one that is added goes with them.
 */
static bool mark_is_off(const struct watch_mark *wm)
{
	return READ_ONCE(wm->mark.connector) !=
	       rcu_access_pointer(wm->inode->i_fsnotify_marks);
}

/*
 * Whether a mark is destroyed and others of its inode may be yet.  Those that
 * are added until then are refused; on old kernels they are destroyed as well, or
 * hear nothing.
 */
static bool mark_is_going(const struct watch_mark *wm)
{
	return !mark_is_off(wm) && !mark_is_on(wm, wm->inode);
}

/* Of what came while there was no mark, the size alone still shows. */
static void watch_catch_up(struct watch *watch)
{
	loff_t is = i_size_read(watch->inode);
	unsigned long flags;
	struct knote *kn;
	loff_t was;

	raw_spin_lock_irqsave(&watch->lock, flags);
	kn = watch->kn;
	was = watch->size;
	if (kn && kn->kn_filter == EVFILT_READ) {
		knote_fire(kn, 0);
	} else if (kn && watch->mask & FS_MODIFY && is != was &&
		   !S_ISDIR(watch->inode->i_mode)) {
		watch->size = is;
		knote_note(kn, is > was ? NOTE_WRITE | NOTE_EXTEND : NOTE_WRITE);
	}
	raw_spin_unlock_irqrestore(&watch->lock, flags);
}

/*
 * Put one mark in the place of those that were destroyed.  The caller has the
 * file: an inode that goes itself gets none.
 */
static int watch_renew(struct watch *watch)
{
	struct watch_mark *wm, **place = &watch->marks;
	u32 mask = watch->mask;
	int error;

	while ((wm = *place)) {
		while (mark_is_going(wm))
			schedule_timeout_uninterruptible(1);
		if (mark_is_off(wm)) {
			*place = wm->next;
			mark_remove(wm);
		} else {
			mask &= ~wm->mark.mask;
			place = &wm->next;
		}
	}
	if (!mask)
		return 0;
	error = watch_mark(watch, mask);
	if (error)
		/* Its user has filled the place.  A change tries again. */
		watch->mask &= ~mask;
	else
		watch_catch_up(watch);
	return error;
}

static void watch_renew_lost(struct watch *watch)
{
	struct file *file = NULL;
	unsigned long flags;
	struct knote *kn;

	mutex_lock(&watch->marking);
	raw_spin_lock_irqsave(&watch->lock, flags);
	watch->lost = false;
	kn = watch->kn;
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	/* watch_end() waits for us, and so does who frees the knote. */
	if (kn)
		file = kq_get_file_active(&kn->kn_fp);
	if (file) {
		watch_renew(watch);
		fput(file);
	}
	mutex_unlock(&watch->marking);
	watch_put(watch);
}

static void watches_renew(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&lost_list);
	struct watch *watch;

	while (list) {
		watch = llist_entry(list, struct watch, link);
		/* It may come onto the list again meanwhile. */
		list = list->next;
		watch_renew_lost(watch);
		cond_resched();
	}
}

/* See what is in @mask, too. */
static int watch_more(struct watch *watch, u32 mask)
{
	int error;

	mutex_lock(&watch->marking);
	error = watch_renew(watch);
	mask &= ~watch->mask;
	if (!error && mask) {
		/* For an event that comes at once, and for what comes in between. */
		watch_sample(watch, mask);
		error = watch_mark(watch, mask);
		if (!error)
			watch_sample(watch, mask);
	}
	mutex_unlock(&watch->marking);
	return error;
}

static void watch_end(struct watch *watch)
{
	struct watch_mark *wm, *next, *above;
	unsigned long flags;

	raw_spin_lock_irqsave(&watch->lock, flags);
	watch->kn = NULL;
	above = watch->above;
	watch->above = NULL;
	raw_spin_unlock_irqrestore(&watch->lock, flags);
	above_put(above);
	/* Who renews marks has begun before, or sees that there is no knote. */
	mutex_lock(&watch->marking);
	for (wm = watch->marks; wm; wm = next) {
		next = wm->next;
		mark_remove(wm);
	}
	mutex_unlock(&watch->marking);
	watch_put(watch);
}

static struct watch *watch_begin(struct knote *kn)
{
	struct watch *watch = kmem_cache_zalloc(watch_cache, GFP_KERNEL);

	if (!watch)
		return NULL;
	raw_spin_lock_init(&watch->lock);
	mutex_init(&watch->marking);
	refcount_set(&watch->refs, 1);
	kq_fsnotify_enable(kn->kn_fp);
	watch->inode = file_inode(kn->kn_fp);
	watch->user = kn->kn_kq->user;
	watch->kn = kn;
	return watch;
}

static void vnode_detach(struct knote *kn)
{
	watch_end(kn->kn_hook);
}

/*
 * READ
 */

static bool read_due(struct knote *kn, s64 *data)
{
	struct file *file = kn->kn_fp;

	*data = i_size_read(file_inode(file)) - READ_ONCE(file->f_pos);
	return *data || kn->kn_sfflags & NOTE_FILE_POLL;
}

/* As in BSD a read is told, too: with EV_CLEAR it makes news of what it has left. */
static u32 read_mask(const struct knote *kn)
{
	if (kn->kn_flags & EV_CLEAR && kn->kn_fp->f_mode & FMODE_READ)
		return READ_MASK | FS_ACCESS;
	return READ_MASK;
}

static int read_attach(struct knote *kn)
{
	struct watch *watch = watch_begin(kn);
	int error;
	s64 data;

	if (!watch)
		return -ENOMEM;
	error = watch_more(watch, read_mask(kn));
	if (error) {
		watch_end(watch);
		return error;
	}
	kn->kn_hook = watch;
	kn->kn_status &= ~KN_DETACHED;
	if (read_due(kn, &data))
		knote_fire(kn, 0);
	return 0;
}

static int read_sample(struct knote *kn, struct kq_event *ev,
		       void __user *slot)
{
	ev->fflags = 0;
	return read_due(kn, &ev->data);
}

const struct filterops vnode_read_filtops = {
	.f_isfd		= 1,
	.f_flags	= FILTER_NOBLOCK | FILTER_DETACH_LATER,
	.f_attach	= read_attach,
	.f_detach	= vnode_detach,
	.f_sample	= read_sample,
};

/*
 * VNODE
 */

/* What has a place in a file system, and is not a queue. */
static bool vnode_file(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (IS_PRIVATE(inode) || file_kqueue(file))
		return false;
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
		return true;
	case S_IFIFO:
		return inode->i_sb->s_magic != PIPEFS_MAGIC;
	default:
		return false;
	}
}

/* What others do with a file is told to those who may read it. */
static int vnode_permission(struct file *file, u32 notes)
{
	if (!(notes & (NOTE_OPEN | NOTE_CLOSE | NOTE_READ)) ||
	    file->f_mode & FMODE_READ)
		return 0;
	return file_permission(file, MAY_READ);
}

static int vnode_watch(struct watch *watch, u32 notes)
{
	int error = watch_more(watch, notes_mask(watch->inode, notes));

	/* Only who owns the claim sets the first. */
	if (!error && notes & NOTE_DELETE && !READ_ONCE(watch->above) &&
	    S_ISDIR(watch->inode->i_mode))
		error = watch_follow(watch, GFP_KERNEL);
	return error;
}

static int vnode_attach(struct knote *kn)
{
	struct watch *watch;
	int error;

	if (!vnode_file(kn->kn_fp))
		return -EINVAL;
	error = vnode_permission(kn->kn_fp, kn->kn_sfflags);
	if (error)
		return error;
	watch = watch_begin(kn);
	if (!watch)
		return -ENOMEM;
	error = vnode_watch(watch, kn->kn_sfflags);
	if (error) {
		watch_end(watch);
		return error;
	}
	kn->kn_hook = watch;
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static int vnode_change(struct knote *kn, const struct kq_event *kev)
{
	int error = vnode_permission(kn->kn_fp, kev->fflags);

	return error ? error : vnode_watch(kn->kn_hook, kev->fflags);
}

static int vnode_event(struct knote *kn, long hint)
{
	return kn->kn_fflags != 0;
}

const struct filterops vnode_filtops = {
	.f_isfd		= 1,
	.f_flags	= FILTER_DETACH_LATER,
	.f_attach	= vnode_attach,
	.f_detach	= vnode_detach,
	.f_event	= vnode_event,
	.f_change	= vnode_change,
};
