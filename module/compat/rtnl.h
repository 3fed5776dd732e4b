/* SPDX-License-Identifier: GPL-2.0 */
/* The lock of the network's configuration; one may not be killed in everywhere. */
#ifndef _KQUEUE_COMPAT_RTNL_H
#define _KQUEUE_COMPAT_RTNL_H

#include <linux/rtnetlink.h>

/* Returns 0, or -EINTR where the kernel lets modules wait so. */
static inline int kq_rtnl_lock_killable(void)
{
#ifdef KQ_RTNL_LOCK_KILLABLE
	return rtnl_lock_killable();
#else
	rtnl_lock();
	return 0;
#endif
}

#endif /* _KQUEUE_COMPAT_RTNL_H */
