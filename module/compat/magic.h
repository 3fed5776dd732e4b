/* SPDX-License-Identifier: GPL-2.0 */
/* The numbers of file systems: FUSE's has been among them since 5.14. */
#ifndef _KQUEUE_COMPAT_MAGIC_H
#define _KQUEUE_COMPAT_MAGIC_H

#include <linux/magic.h>

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC	0x65735546
#endif

#endif /* _KQUEUE_COMPAT_MAGIC_H */
