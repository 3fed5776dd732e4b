/* SPDX-License-Identifier: GPL-2.0 */
/* How much a unix socket has. */
#ifndef _KQUEUE_COMPAT_UNIX_H
#define _KQUEUE_COMPAT_UNIX_H

#include <net/af_unix.h>

/*
 * Exported since 3.3, for unix_diag; since 6.15 only net/unix/af_unix.h, which
 * no module has, declares it.  Takes the queue's spinlock, never the socket's.
 */
long unix_inq_len(struct sock *sk);

/* Bytes to read from a stream or seqpacket socket that does not listen. */
static inline long kq_unix_inq(struct sock *sk)
{
	/* May have begun to listen meanwhile: -EINVAL. */
	return IS_ENABLED(CONFIG_UNIX) ? max(unix_inq_len(sk), 0L) : 0;
}

#endif /* _KQUEUE_COMPAT_UNIX_H */
