/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KQUEUE_SCAN_H
#define _KQUEUE_SCAN_H

#include <linux/ktime.h>

#include "queue.h"

/**
 * struct kq_deadline - until when a call waits
 * @span: how long once it has found nothing: 0 not at all, KTIME_MAX for ever
 * @at: when that ends, on CLOCK_MONOTONIC; 0 until it is known
 */
struct kq_deadline {
	ktime_t	span;
	ktime_t	at;
};

int kqueue_wait(struct kqueue *kq, struct kq_event __user *eventlist,
		int nevents, struct kq_deadline *deadline);

#endif /* _KQUEUE_SCAN_H */
