/* SPDX-License-Identifier: GPL-2.0 */
/* The page that tells a program that its queue has nothing for it. */
#ifndef _KQUEUE_IDLE_H
#define _KQUEUE_IDLE_H

#include "queue.h"

struct vm_area_struct;

int idle_map(struct kqueue *kq, struct vm_area_struct *vma);
u64 idle_epoch(struct kqueue *kq);
void idle_end_epoch(struct kqueue *kq);
void idle_free(struct kqueue *kq);

/**
 * idle_update - say whether a call could find anything
 * @kq: the queue, locked; what is pending or watched inside has changed
 *
 * A queue that watches queues never says that it is idle, nor one that waits for
 * a unix socket to be connected: what they have is found by looking, see nested.c
 * and connecting.c.
 */
static inline void idle_update(struct kqueue *kq)
{
	if (unlikely(kq->idle))
		WRITE_ONCE(kq->idle->idle, !kq->count &&
			   list_empty(&kq->nested) && !kq->nconnecting);
}

#endif /* _KQUEUE_IDLE_H */
