// SPDX-License-Identifier: GPL-2.0
/*
 * A page that a program maps to see, without a call, that nothing is pending.
 *
 * It holds for the queue, but the program asks by a descriptor, and a number
 * may have come to mean something else.  So each close of one of the queue's
 * descriptors begins a new epoch.  No two queues ever have the same, and a
 * program that has learned through a descriptor which epoch it is knows, as
 * long as the page says the same, that no descriptor of that queue was closed
 * since, this one neither:
 *
 *	program				another thread
 *	map the page of fd
 *					close(fd), open() gives fd again
 *	ask through fd: another queue's epoch, or none
 *	the page says otherwise: ask the kernel
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat/mm.h"
#include "idle.h"

static atomic64_t last_epoch = ATOMIC64_INIT(0);

/* The page of a queue, made if there is none yet; NULL without memory. */
static struct kq_idle *idle_page(struct kqueue *kq)
{
	struct kq_idle *idle, *unused;
	unsigned long flags;

	unused = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	raw_spin_lock_irqsave(&kq->lock, flags);
	if (!kq->idle && unused) {
		swap(kq->idle, unused);
		kq->idle->epoch = kq->epoch;
		idle_update(kq);
	}
	idle = kq->idle;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	free_page((unsigned long)unused);
	return idle;
}

/*
 * Whether the caller uses memory together with the main thread, or a parent, whose
 * descriptor table is another: there the same number means something else.
 */
static bool idle_is_stranger(const struct kqueue *kq)
{
	return (current->vfork_done &&
		atomic_read(&current->mm->mm_users) > 1) ||
	       READ_ONCE(current->group_leader->files) != kq->files;
}

/**
 * idle_map - map the page of a queue
 * @kq: the queue, owned by the caller
 * @vma: where: one page, shared, never to be written; a child does not get it
 *
 * The mapping does not keep the queue.
 *
 * Context: process, the mmap lock held.
 * Return: 0 or a negative errno.
 */
int idle_map(struct kqueue *kq, struct vm_area_struct *vma)
{
	struct kq_idle *idle;

	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	if (idle_is_stranger(kq))
		return -EPERM;
	idle = idle_page(kq);
	if (!idle)
		return -ENOMEM;
	kq_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
			VM_MAYWRITE);
	return kq_map_page(vma, virt_to_page(idle));
}

/**
 * idle_epoch - which epoch of a queue this is
 * @kq: the queue
 *
 * Context: any.
 */
u64 idle_epoch(struct kqueue *kq)
{
	unsigned long flags;
	u64 epoch;

	raw_spin_lock_irqsave(&kq->lock, flags);
	epoch = kq->epoch;
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return epoch;
}

/**
 * idle_end_epoch - begin a queue's first epoch, or another
 * @kq: the queue, of which a descriptor has left its slot
 *
 * Context: any.
 */
void idle_end_epoch(struct kqueue *kq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	kq->epoch = atomic64_inc_return(&last_epoch);
	if (kq->idle)
		WRITE_ONCE(kq->idle->epoch, kq->epoch);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
}

/* The queue's own hold on its page; those who map it have theirs. */
void idle_free(struct kqueue *kq)
{
	free_page((unsigned long)kq->idle);
}
