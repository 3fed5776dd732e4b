/* SPDX-License-Identifier: GPL-2.0 */
/* Leaving a wait queue where one must not sleep. */
#ifndef _KQUEUE_COMPAT_WAIT_H
#define _KQUEUE_COMPAT_WAIT_H

#include <linux/wait.h>

/* On PREEMPT_RT the lock of a wait queue sleeps: returns false if it is held. */
static inline bool kq_remove_wait_try(struct wait_queue_head *head,
				      struct wait_queue_entry *entry)
{
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {
		remove_wait_queue(head, entry);
		return true;
	}
	if (!spin_trylock_irqsave(&head->lock, flags))
		return false;
	__remove_wait_queue(head, entry);
	spin_unlock_irqrestore(&head->lock, flags);
	return true;
}

#endif /* _KQUEUE_COMPAT_WAIT_H */
