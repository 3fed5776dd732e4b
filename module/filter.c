// SPDX-License-Identifier: GPL-2.0
/*
 * The filter table, and which filter answers for which kind of file.
 */
#include <linux/fs.h>

#include "filter.h"
#include "queue.h"

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
	} else if (S_ISREG(mode) && kn->kn_filter == EVFILT_READ) {
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

static int empty_attach(struct knote *kn)
{
	return -ENXIO;
}

/* A slot that a module can fill. */
static const struct filterops empty_filtops = {
	.f_attach	= empty_attach,
};

#define SLOT(filter)	(~(filter))

static const struct filterops *const filters[EVFILT_SYSCOUNT] = {
	[SLOT(EVFILT_READ)]	= &descriptor_filtops,
	[SLOT(EVFILT_WRITE)]	= &descriptor_filtops,
	[SLOT(EVFILT_AIO)]	= &empty_filtops,
	[SLOT(EVFILT_VNODE)]	= &vnode_filtops,
	[SLOT(EVFILT_PROC)]	= &proc_filtops,
	[SLOT(EVFILT_SIGNAL)]	= &signal_filtops,
	[SLOT(EVFILT_TIMER)]	= &timer_filtops,
	[SLOT(EVFILT_PROCDESC)]	= &procdesc_filtops,
	[SLOT(EVFILT_FS)]	= &fs_filtops,
	[SLOT(EVFILT_LIO)]	= &empty_filtops,
	[SLOT(EVFILT_USER)]	= &user_filtops,
	[SLOT(EVFILT_SENDFILE)]	= &empty_filtops,
	[SLOT(EVFILT_EMPTY)]	= &descriptor_filtops,
	[SLOT(EVFILT_JAIL)]	= &empty_filtops,
	[SLOT(EVFILT_JAILDESC)]	= &empty_filtops,
	[SLOT(EVFILT_EXCEPT)]	= &descriptor_filtops,
	[SLOT(EVFILT_NETDEV)]	= &netdev_filtops,
};

/**
 * filter_find - the operations of a filter
 * @filter: EVFILT_*
 *
 * Return: the operations, or NULL where there is no such filter.
 */
const struct filterops *filter_find(s16 filter)
{
	if (filter >= 0 || filter < -EVFILT_SYSCOUNT)
		return NULL;
	return filters[SLOT(filter)];
}
