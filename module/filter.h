/* SPDX-License-Identifier: GPL-2.0 */
/* The filters there are. */
#ifndef _KQUEUE_FILTER_H
#define _KQUEUE_FILTER_H

#include <linux/err.h>
#include <linux/nospec.h>

#include <kqueue/kqueue.h>

/**
 * struct slot - a place in the filter table
 * @fops: the operations, NULL in an empty slot that a module can fill
 * @owner: their module; ours for a filter that is built in
 * @refs: of those that are not: knotes, and calls on the way to one
 *
 * Guarded by slots_lock of filter.c, but for those that are built in.
 */
struct slot {
	const struct filterops	*fops;
	struct module		*owner;
	unsigned int		refs;
};

extern struct slot filter_slots[EVFILT_SYSCOUNT];

#define SLOT(filter)	(~(filter))

const struct filterops *filter_get_module(struct slot *slot);
void filter_hold_module(struct slot *slot);
void filter_put_module(struct slot *slot);

static inline struct slot *slot_of(int filter)
{
	if (filter >= 0 || filter < -EVFILT_SYSCOUNT)
		return NULL;
	return &filter_slots[array_index_nospec(SLOT(filter), EVFILT_SYSCOUNT)];
}

static inline bool slot_built_in(const struct slot *slot)
{
	return READ_ONCE(slot->owner) == THIS_MODULE;
}

/**
 * filter_get - the operations of a filter, which stays until filter_put()
 * @filter: EVFILT_*
 *
 * Context: any but NMI; for a slot that a module filled, process or soft
 * interrupt, interrupts on.
 * Return: the operations, NULL where the slot is empty, or an ERR_PTR(-EINVAL)
 * where there is no such filter.
 */
static inline const struct filterops *filter_get(s16 filter)
{
	struct slot *slot = slot_of(filter);

	if (!slot)
		return ERR_PTR(-EINVAL);
	return slot_built_in(slot) ? slot->fops : filter_get_module(slot);
}

/**
 * filter_hold - once more what filter_get() does, for who has done it
 * @filter: EVFILT_*
 *
 * Context: any but NMI; for a slot that a module filled, process or soft
 * interrupt, interrupts on.
 */
static inline void filter_hold(s16 filter)
{
	struct slot *slot = &filter_slots[SLOT(filter)];

	if (!slot_built_in(slot))
		filter_hold_module(slot);
}

/**
 * filter_put - let go of a filter
 * @filter: EVFILT_*, for which filter_get() returned operations
 *
 * Context: any but NMI; for a slot that a module filled, process or soft
 * interrupt, interrupts on.
 */
static inline void filter_put(s16 filter)
{
	struct slot *slot = &filter_slots[SLOT(filter)];

	if (!slot_built_in(slot))
		filter_put_module(slot);
}

/* Whether a filter keeps fflags and data in its own way. */
static inline bool filter_touches(const struct filterops *fops)
{
	return !fops->f_isfd && fops->f_touch;
}

extern const struct filterops file_filtops;
extern const struct filterops queue_filtops;
extern const struct filterops vnode_filtops;
extern const struct filterops vnode_read_filtops;
extern const struct filterops timer_filtops;
extern const struct filterops user_filtops;
extern const struct filterops signal_filtops;
extern const struct filterops proc_filtops;
extern const struct filterops procdesc_filtops;
extern const struct filterops fs_filtops;
extern const struct filterops netdev_filtops;

int vnode_init(void);
void vnode_exit(void);
int signal_init(void);
void signal_exit(void);
int proc_init(void);
void proc_exit(void);
int netdev_init(void);
void netdev_exit(void);

#endif /* _KQUEUE_FILTER_H */
