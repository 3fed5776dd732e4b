// SPDX-License-Identifier: GPL-2.0
/*
 * FS: mounts and unmounts in a mount namespace.
 *
 * The kernel wakes those who poll a mountinfo file whenever the table of
 * mounts changes, and does not say how.  So the wake-ups are counted, and when
 * the event is taken the table is read and compared with the one read before.
 *
 * The table is in the order in which things were mounted or, since 6.8, made to be
 * mounted: what is left of the old one is in the same order, and what is new is
 * behind it or, then, anywhere.  A number is given to another mount as soon as it
 * is free: one that was unmounted and mounted again may look as if nothing had
 * happened, and so does one that came and went.  Both take two wake-ups.  Where
 * two wake-ups are more than the differences explain, both notes are reported: after
 * two remounts a program looks once too often, and it does not miss what came and
 * went.
 *
 * The file shows what lies below the root directory of who opened it.  When
 * the thread that takes events has another root now, by pivot_root or chroot,
 * the file is opened anew, and what that shows says nothing of what changed:
 * both notes again.  That also lets go of the old root.
 */
#include <linux/bsearch.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "filter.h"
#include "knote.h"
#include "limits.h"

#define MOUNTINFO	"/proc/thread-self/mountinfo"

/* How often the table is read again because it changed meanwhile. */
#define READ_TRIES	8

/* Where these stand in a line of mountinfo. */
#define FIELD_ID	0
#define FIELD_DEVICE	2

/**
 * struct mount_table - the mounts, in order
 * @mount: the number and the device of each, hashed
 * @n: how many there are
 * @room: how many fit
 */
struct mount_table {
	u64		*mount;
	unsigned int	n;
	unsigned int	room;
};

/**
 * struct mounts - the mount namespace that a knote watches
 * @entry: our place in @head; ->private is the knote
 * @head: I: the namespace's wait queue, which every file of it keeps alive
 * @file: c: the file that the table is read from
 * @root: c: the root of who opened it; compared, not used
 * @table: c: as it was read last
 * @seen: c: @changes, as it was then
 * @changes: q: how often we were woken
 * @notes: q: VQ_*, found and not delivered yet
 */
struct mounts {
	struct wait_queue_entry	entry;
	struct wait_queue_head	*head;
	struct file		*file;
	struct path		root;
	struct mount_table	table;
	unsigned int		seen;
	unsigned int		changes;
	u32			notes;
};

/* Called with the lock of the wait queue held. */
static int mounts_wake(wait_queue_entry_t *entry, unsigned int mode, int sync,
		       void *key)
{
	struct mounts *mounts = container_of(entry, struct mounts, entry);
	struct knote *kn = entry->private;
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	mounts->changes++;
	knote_activate(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return 0;
}

static unsigned int mounts_changes(struct knote *kn)
{
	struct mounts *mounts = kn->kn_hook;
	struct kqueue *kq = kn->kn_kq;
	unsigned int changes;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	changes = mounts->changes;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return changes;
}

/*
 * Reading the table
 */

static int table_add(struct mount_table *table, u64 key)
{
	unsigned int room = table->room ? 2 * table->room : 64;
	u64 *mount;

	if (table->n == table->room) {
		mount = kvmalloc_array(room, sizeof(*mount),
				       GFP_KERNEL_ACCOUNT);
		if (!mount)
			return -ENOMEM;
		if (table->n)
			memcpy(mount, table->mount, table->n * sizeof(*mount));
		kvfree(table->mount);
		table->mount = mount;
		table->room = room;
	}
	table->mount[table->n++] = key;
	return 0;
}

/* FNV-1a; who makes two of them equal fools only himself. */
#define HASH_START	0xcbf29ce484222325ULL
#define HASH_PRIME	0x100000001b3ULL

/**
 * struct line_reader - a line of mountinfo, as far as it is read
 * @table: where lines go
 * @key: what there is of this one's
 * @field: the field we are in
 */
struct line_reader {
	struct mount_table	*table;
	u64			key;
	unsigned int		field;
};

static int read_bytes(struct line_reader *reader, const char *buf, size_t size)
{
	int error;
	size_t i;

	for (i = 0; i < size; i++) {
		if (buf[i] == '\n') {
			error = table_add(reader->table, reader->key);
			if (error)
				return error;
			reader->key = HASH_START;
			reader->field = 0;
			continue;
		}
		if (reader->field == FIELD_ID || reader->field == FIELD_DEVICE)
			reader->key = (reader->key ^ buf[i]) * HASH_PRIME;
		if (buf[i] == ' ')
			reader->field++;
	}
	return 0;
}

static int read_once(struct file *file, struct mount_table *table, char *buf)
{
	struct line_reader reader = { .table = table, .key = HASH_START };
	loff_t pos = 0;
	ssize_t n;
	int error;

	table->n = 0;
	for (;;) {
		n = kernel_read(file, buf, PAGE_SIZE, &pos);
		if (n <= 0)
			return n;
		error = read_bytes(&reader, buf, n);
		if (error)
			return error;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * It comes in pieces.  If it changes meanwhile it is read again; if it never
 * stops changing, the next wake-up, which is not counted as seen, has it
 * compared again.
 */
static int read_table(struct knote *kn, struct mount_table *table,
		      unsigned int *seen)
{
	struct mounts *mounts = kn->kn_hook;
	char *buf = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	int error, tries = READ_TRIES;

	if (!buf)
		return -ENOMEM;
	do {
		*seen = mounts_changes(kn);
		error = read_once(mounts->file, table, buf);
	} while (!error && *seen != mounts_changes(kn) && --tries);
	kfree(buf);
	return error;
}

/* Two places in a table, by what is there. */
static int compare_mounts(const void *one, const void *other)
{
	u64 a = **(u64 *const *)one, b = **(u64 *const *)other;

	return a < b ? -1 : a > b;
}

/* What made one table of the other, in that many wake-ups. */
static u32 compare_tables(const struct mount_table *old,
			  const struct mount_table *new, unsigned int wakeups)
{
	unsigned int i, at, j = 0, gone = 0, added = 0;
	u64 *mount, **found, **sorted;

	sorted = kvmalloc_array(new->n, sizeof(*sorted), GFP_KERNEL_ACCOUNT);
	if (!sorted)
		return VQ_MOUNT | VQ_UNMOUNT;
	for (i = 0; i < new->n; i++)
		sorted[i] = &new->mount[i];
	sort(sorted, new->n, sizeof(*sorted), compare_mounts, NULL);
	for (i = 0; i < old->n; i++) {
		mount = &old->mount[i];
		found = bsearch(&mount, sorted, new->n, sizeof(*sorted),
				compare_mounts);
		at = found ? *found - new->mount : 0;
		if (found && at >= j) {
			added += at - j;
			j = at + 1;
		} else {
			gone++;
		}
		cond_resched();
	}
	added += new->n - j;
	kvfree(sorted);
	if (wakeups >= gone + added + 2)
		return VQ_MOUNT | VQ_UNMOUNT;
	return (added ? VQ_MOUNT : 0) | (gone ? VQ_UNMOUNT : 0);
}

/*
 * Opening the file
 */

/* In the caller's own procfs, whatever the caller has put there. */
static struct file *mountinfo_open(void)
{
	struct file *file = filp_open(MOUNTINFO, O_RDONLY | O_NONBLOCK, 0);

	if (IS_ERR(file))
		return file;
	if (file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	    !strcmp(file->f_path.dentry->d_name.name, "mountinfo"))
		return file;
	knote_fput(file);
	return ERR_PTR(-ENOENT);
}

/**
 * struct head_query - asks a file for its wait queue
 * @pt: the poll table
 * @head: the answer, NULL if it has none
 */
struct head_query {
	poll_table		pt;
	struct wait_queue_head	*head;
};

static void query_queue(struct file *file, struct wait_queue_head *head,
			poll_table *pt)
{
	container_of(pt, struct head_query, pt)->head = head;
}

static struct wait_queue_head *mountinfo_head(struct file *file)
{
	struct head_query query = { .head = NULL };

	init_poll_funcptr(&query.pt, query_queue);
	vfs_poll(file, &query.pt);
	return query.head;
}

/*
 * Whether the thread now has another root, below which the same namespace is
 * to be read: then @mounts->file does.  In another namespace nothing changes.
 */
static bool mounts_moved(struct mounts *mounts)
{
	struct file *file;
	struct path root;
	bool moved;

	get_fs_root(current->fs, &root);
	moved = !path_equal(&root, &mounts->root);
	path_put(&root);
	if (!moved)
		return false;
	file = mountinfo_open();
	if (IS_ERR(file))
		return false;
	moved = mountinfo_head(file) == mounts->head;
	if (moved) {
		swap(file, mounts->file);
		mounts->root = root;
	}
	knote_fput(file);
	return moved;
}

/*
 * The filter
 */

/* Returns 0, or an error and leaves what is freed by mounts_free(). */
static int mounts_start(struct knote *kn, struct mounts *mounts)
{
	struct file *file = mountinfo_open();
	int error;

	/* No procfs here: what an empty slot says, for there is no filter. */
	if (IS_ERR(file))
		return PTR_ERR(file) == -ENOMEM ? -ENOMEM : -ENXIO;
	mounts->file = file;
	get_fs_root(current->fs, &mounts->root);
	path_put(&mounts->root);
	mounts->head = mountinfo_head(file);
	if (!mounts->head)
		return -ENXIO;
	init_waitqueue_func_entry(&mounts->entry, mounts_wake);
	mounts->entry.private = kn;
	add_wait_queue(mounts->head, &mounts->entry);
	error = read_table(kn, &mounts->table, &mounts->seen);
	if (error)
		remove_wait_queue(mounts->head, &mounts->entry);
	return error;
}

static void mounts_free(struct mounts *mounts, struct kq_user *user)
{
	if (mounts->file)
		knote_fput(mounts->file);
	kvfree(mounts->table.mount);
	kfree(mounts);
	limits_uncharge_mounts(user);
}

static int fs_attach(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	struct mounts *mounts;
	unsigned long flags;
	int error;

	if (limits_charge_mounts(kq->user))
		return -ENOMEM;
	mounts = kzalloc(sizeof(*mounts), GFP_KERNEL_ACCOUNT);
	if (!mounts) {
		limits_uncharge_mounts(kq->user);
		return -ENOMEM;
	}
	raw_spin_lock_irqsave(&kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = mounts;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	error = mounts_start(kn, mounts);
	if (error) {
		mounts_free(mounts, kq->user);
		return error;
	}
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void fs_detach(struct knote *kn)
{
	struct mounts *mounts = kn->kn_hook;

	remove_wait_queue(mounts->head, &mounts->entry);
	mounts_free(mounts, kn->kn_kq->user);
}

/* Read the table, and keep it.  Returns what has happened since last time. */
static u32 mounts_notes(struct knote *kn)
{
	struct mounts *mounts = kn->kn_hook;
	struct mount_table new = { 0 };
	bool moved = mounts_moved(mounts);
	unsigned int seen;
	u32 notes;

	/* Without memory nothing is known, here and there: the next time compares. */
	if (read_table(kn, &new, &seen)) {
		kvfree(new.mount);
		return VQ_MOUNT | VQ_UNMOUNT;
	}
	notes = moved ? VQ_MOUNT | VQ_UNMOUNT :
			compare_tables(&mounts->table, &new,
				       seen - mounts->seen);
	kvfree(mounts->table.mount);
	mounts->table = new;
	mounts->seen = seen;
	return notes;
}

static int fs_sample(struct knote *kn, struct kq_event *ev, void __user *slot)
{
	struct mounts *mounts = kn->kn_hook;
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	u32 notes = 0;

	if (mounts_changes(kn) != mounts->seen)
		notes = mounts_notes(kn);
	raw_spin_lock_irqsave(&kq->lock, flags);
	mounts->notes |= notes;
	notes = mounts->notes;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	ev->fflags = notes;
	ev->data = 0;
	return notes != 0;
}

/* What is sampled stays until it is delivered. */
static int fs_touch(struct knote *kn, struct kq_event *kev,
		    enum event_touch type)
{
	struct mounts *mounts = kn->kn_hook;

	if (type == EVENT_PROCESS)
		mounts->notes &= ~kev->fflags;
	return 0;
}

static void fs_undo(struct knote *kn, const struct kq_event *kev)
{
	struct mounts *mounts = kn->kn_hook;

	mounts->notes |= kev->fflags;
}

const struct filterops fs_filtops = {
	.f_attach	= fs_attach,
	.f_detach	= fs_detach,
	.f_sample	= fs_sample,
	.f_touch	= fs_touch,
	.f_undo		= fs_undo,
};
