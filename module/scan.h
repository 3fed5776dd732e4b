/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KQUEUE_SCAN_H
#define _KQUEUE_SCAN_H

#include <linux/ktime.h>

#include "queue.h"

/**
 * struct kq_deadline - until when a call waits
 * @at: on CLOCK_MONOTONIC
 * @expires: points to @at, or is NULL: for ever
 * @poll: not at all
 */
struct kq_deadline {
	ktime_t	at;
	ktime_t	*expires;
	bool	poll;
};

int kqueue_wait(struct kqueue *kq, struct kq_event __user *eventlist,
		int nevents, const struct kq_deadline *deadline);

#endif /* _KQUEUE_SCAN_H */
