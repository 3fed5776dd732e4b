/* SPDX-License-Identifier: GPL-2.0 */
/* The filters there are. */
#ifndef _KQUEUE_FILTER_H
#define _KQUEUE_FILTER_H

#include <kqueue/kqueue.h>

const struct filterops *filter_get(s16 filter);
void filter_hold(s16 filter);
void filter_put(s16 filter);

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
