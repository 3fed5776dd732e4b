/* SPDX-License-Identifier: GPL-2.0 */
/* Mapping a page of the kernel's into a program. */
#ifndef _KQUEUE_COMPAT_MM_H
#define _KQUEUE_COMPAT_MM_H

#include <linux/file.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/version.h>

#ifdef EMPTY_VMA_FLAGS
#define KQ_NO_VMA_FLAGS	EMPTY_VMA_FLAGS
#else
#define KQ_NO_VMA_FLAGS	0
#endif

static inline void kq_vm_flags_mod(struct vm_area_struct *vma,
				   unsigned long set, unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/*
 * Map a page in the place of a file: the mapping holds the page and a file of
 * tmpfs's, not the file that was mapped.  Until 5.11 a page that is charged to
 * a memory cgroup cannot be mapped.
 */
static inline int kq_map_page(struct vm_area_struct *vma, struct page *page)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	struct file *file = shmem_file_setup("kqueue", PAGE_SIZE,
					     KQ_NO_VMA_FLAGS);

	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);
	return vm_insert_page(vma, vma->vm_start, page);
#else
	return -ENODEV;
#endif
}

#endif /* _KQUEUE_COMPAT_MM_H */
