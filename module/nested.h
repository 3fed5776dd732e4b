/* SPDX-License-Identifier: GPL-2.0 */
/* Queues that watch queues. */
#ifndef _KQUEUE_NESTED_H
#define _KQUEUE_NESTED_H

#include "connecting.h"

bool nested_ahead(struct kqueue *kq);
void nested_settle(struct kqueue *kq);

/**
 * kqueue_ahead - whether a queue is ready through the queues it watches
 * @kq: the queue, which the caller keeps alive
 *
 * Context: process, may sleep.
 */
static inline bool kqueue_ahead(struct kqueue *kq)
{
	return !list_empty(&kq->nested) && nested_ahead(kq);
}

/**
 * kqueue_settle - make pending what is found by looking: what was connected, and
 *	what the queues have that a queue watches
 * @kq: the queue, which the caller keeps alive
 *
 * Context: process, may sleep.
 */
static inline void kqueue_settle(struct kqueue *kq)
{
	connecting_settle(kq);
	if (!list_empty(&kq->nested))
		nested_settle(kq);
}

#endif /* _KQUEUE_NESTED_H */
