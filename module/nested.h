/* SPDX-License-Identifier: GPL-2.0 */
/* Queues that watch queues. */
#ifndef _KQUEUE_NESTED_H
#define _KQUEUE_NESTED_H

#include "queue.h"

bool kqueue_ahead(struct kqueue *kq);
void kqueue_settle(struct kqueue *kq);

#endif /* _KQUEUE_NESTED_H */
