/* SPDX-License-Identifier: GPL-2.0 */
/* Protocols that lie on top of TCP. */
#ifndef _KQUEUE_COMPAT_SOCK_H
#define _KQUEUE_COMPAT_SOCK_H

#include <net/sock.h>

/*
 * Whether something may be there to be read that TCP knows nothing of: TLS, or
 * what a BPF program has brought.  Told by name since 5.15, and backported.
 */
static inline bool kq_sock_is_layered(const struct sock *sk)
{
#ifdef KQ_SOCK_IS_READABLE
	return READ_ONCE(sk->sk_prot)->sock_is_readable;
#else
	return true;
#endif
}

#endif /* _KQUEUE_COMPAT_SOCK_H */
