/* SPDX-License-Identifier: GPL-2.0 */
/* Wait queues where one must not sleep. */
#ifndef _KQUEUE_COMPAT_WAIT_H
#define _KQUEUE_COMPAT_WAIT_H

#include <linux/sched/signal.h>
#include <linux/swait.h>
#include <linux/wait.h>

/* As wait_event_killable(), which simple wait queues lack. */
#define kq_swait_event_killable(wq, condition) \
	___swait_event(wq, condition, TASK_KILLABLE, 0, schedule())

/* On PREEMPT_RT the lock of a wait queue sleeps: returns false if it is held. */
static inline bool kq_add_wait_try(struct wait_queue_head *head,
				   struct wait_queue_entry *entry)
{
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {
		add_wait_queue(head, entry);
		return true;
	}
	if (!spin_trylock_irqsave(&head->lock, flags))
		return false;
	__add_wait_queue(head, entry);
	spin_unlock_irqrestore(&head->lock, flags);
	return true;
}

/* The same. */
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
