/* SPDX-License-Identifier: GPL-2.0 */
/* WRITE on unix sockets that are connected later. */
#ifndef _KQUEUE_CONNECTING_H
#define _KQUEUE_CONNECTING_H

#include "queue.h"

void connecting_init(struct kqueue *kq);
void connecting_end(struct kqueue *kq);
int connecting_add(struct knote *kn);
void connecting_del(struct knote *kn);
void connecting_look(struct kqueue *kq);

/**
 * connecting_settle - make pending what was connected meanwhile
 * @kq: the queue, which the caller keeps alive
 *
 * Context: process, may sleep.
 */
static inline void connecting_settle(struct kqueue *kq)
{
	if (unlikely(READ_ONCE(kq->nconnecting)))
		connecting_look(kq);
}

#endif /* _KQUEUE_CONNECTING_H */
