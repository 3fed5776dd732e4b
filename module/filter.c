// SPDX-License-Identifier: GPL-2.0
/*
 * The filter table, and which filter answers for which kind of file.
 */
#include <linux/fs.h>

#include "amount.h"
#include "filter.h"
#include "knote.h"

/*
 * READ, WRITE and their like are asked of a descriptor; what it refers to
 * decides who answers.
 */
static int descriptor_attach(struct knote *kn)
{
	umode_t mode = file_inode(kn->kn_fp)->i_mode;

	if (file_kqueue(kn->kn_fp)) {
		if (kn->kn_filter != EVFILT_READ)
			return -EINVAL;
		kn->kn_fop = &queue_filtops;
	} else if (S_ISREG(mode) && kn->kn_filter == EVFILT_READ &&
		   amount_object(kn->kn_fp) == OBJECT_INODE) {
		kn->kn_fop = &vnode_read_filtops;
	} else {
		kn->kn_fop = &file_filtops;
	}
	return kn->kn_fop->f_attach(kn);
}

static const struct filterops descriptor_filtops = {
	.f_isfd		= 1,
	.f_attach	= descriptor_attach,
};

#define BUILT_IN(ops)	{ .fops = &(ops), .owner = THIS_MODULE }

struct slot filter_slots[EVFILT_SYSCOUNT] = {
	[SLOT(EVFILT_READ)]	= BUILT_IN(descriptor_filtops),
	[SLOT(EVFILT_WRITE)]	= BUILT_IN(descriptor_filtops),
	[SLOT(EVFILT_VNODE)]	= BUILT_IN(vnode_filtops),
	[SLOT(EVFILT_PROC)]	= BUILT_IN(proc_filtops),
	[SLOT(EVFILT_SIGNAL)]	= BUILT_IN(signal_filtops),
	[SLOT(EVFILT_TIMER)]	= BUILT_IN(timer_filtops),
	[SLOT(EVFILT_PROCDESC)]	= BUILT_IN(procdesc_filtops),
	[SLOT(EVFILT_FS)]	= BUILT_IN(fs_filtops),
	[SLOT(EVFILT_USER)]	= BUILT_IN(user_filtops),
	[SLOT(EVFILT_EMPTY)]	= BUILT_IN(descriptor_filtops),
	[SLOT(EVFILT_EXCEPT)]	= BUILT_IN(descriptor_filtops),
	[SLOT(EVFILT_NETDEV)]	= BUILT_IN(netdev_filtops),
};

static DEFINE_SPINLOCK(slots_lock);

/* filter_get() for a slot that is a module's, or nobody's. */
const struct filterops *filter_get_module(struct slot *slot)
{
	const struct filterops *fops = NULL;

	spin_lock_bh(&slots_lock);
	if (slot->fops && try_module_get(slot->owner)) {
		slot->refs++;
		fops = slot->fops;
	}
	spin_unlock_bh(&slots_lock);
	return fops;
}

void filter_hold_module(struct slot *slot)
{
	spin_lock_bh(&slots_lock);
	slot->refs++;
	__module_get(slot->owner);
	spin_unlock_bh(&slots_lock);
}

void filter_put_module(struct slot *slot)
{
	spin_lock_bh(&slots_lock);
	slot->refs--;
	module_put(slot->owner);
	spin_unlock_bh(&slots_lock);
}

int __kqueue_add_filteropts(int filt, const struct filterops *filtops,
			    struct module *owner)
{
	struct slot *slot = slot_of(filt);
	int error = 0;

	if (!slot || !filtops || !filtops->f_attach || !filtops->f_detach ||
	    !filtops->f_event)
		return -EINVAL;
	spin_lock_bh(&slots_lock);
	if (slot->fops) {
		error = -EEXIST;
	} else {
		slot->fops = filtops;
		slot->owner = owner;
	}
	spin_unlock_bh(&slots_lock);
	return error;
}
EXPORT_SYMBOL_GPL(__kqueue_add_filteropts);

/**
 * kqueue_del_filteropts - empty a slot that kqueue_add_filteropts() filled
 * @filt: EVFILT_*
 *
 * Context: process, may sleep; not from the functions of a filter.
 * Return: 0; -EINVAL for @filt 0 or out of range, an empty slot, or a filter
 * that is built in; -EBUSY while a knote of it lives.
 */
int kqueue_del_filteropts(int filt)
{
	struct slot *slot = slot_of(filt);
	int error = -EINVAL;

	if (!slot || slot_built_in(slot))
		return -EINVAL;
	/* Those that were removed from their queue do not count. */
	knote_flush();
	spin_lock_bh(&slots_lock);
	if (slot->fops)
		error = slot->refs ? -EBUSY : 0;
	if (!error) {
		slot->fops = NULL;
		slot->owner = NULL;
	}
	spin_unlock_bh(&slots_lock);
	return error;
}
EXPORT_SYMBOL_GPL(kqueue_del_filteropts);
