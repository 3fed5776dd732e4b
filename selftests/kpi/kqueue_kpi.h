/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kpi.c asks of its module.  An open of /dev/kqueue_kpi has an object
 * that EVFILT_LIO watches by the descriptor; there are KPI_JOBS more that
 * EVFILT_AIO watches by number.
 */
#ifndef KQUEUE_KPI_H
#define KQUEUE_KPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KPI_JOBS	16

/* The lock of an object. */
enum kpi_lock {
	KPI_SPIN,	/* knlist_init_mtx() */
	KPI_MUTEX,	/* knlist_init() with functions on a mutex */
	KPI_RW,		/* knlist_init_rw_reader() */
	KPI_SHARED,	/* knlist_init() with nothing */
	KPI_LOCKS,
};

/* Where KNOTE is called. */
enum kpi_context {
	KPI_PROCESS,
	KPI_SOFTIRQ,
	KPI_HARDIRQ,
};

/* How kqfd_register() is called. */
#define KPI_KTHREAD	0x1	/* by a kernel thread, for the caller */
#define KPI_NOWAIT	0x2	/* must not sleep */

/* What the filter of a descriptor's object does on purpose. */
enum kpi_mode {
	KPI_PLAIN,
	KPI_ATTACH_RETURNS,	/* ->f_attach: @data, not having attached */
	KPI_ATTACH_LISTED,	/* the same, but left on the list */
	KPI_ATTACH_UNLISTED,	/* ->f_attach clears KN_DETACHED: no list */
	KPI_ATTACH_REPLACES,	/* ->f_attach sets another kn_fop */
	KPI_EVENT_REMOVES,	/* ->f_event: off the list, returns @data */
	KPI_EVENT_DROPS,	/* ->f_event sets EV_DROP, returns @data */
};

/* What ->f_event of both filters counts and ->f_touch of EVFILT_AIO. */
struct kpi_stats {
	__s32	attached;
	__s32	detached;
	__s32	events;
	__s32	registered;
	__s32	processed;
	__s32	objects;	/* how many there are */
};

enum kpi_op {
	KPI_NEW,	/* a new object with lock @arg; the old is cleared,
			 * or deleted where @data is set, and freed
			 */
	KPI_NOTE,	/* KNOTE in context @arg, hint @data */
	KPI_CLEAR,	/* knlist_clear() */
	KPI_DELETE,	/* knlist_delete() */
	KPI_EMPTY,	/* knlist_empty() */
	KPI_MODE,	/* kpi_mode @arg */
	KPI_ADD,	/* kqueue_add_filteropts(@arg) */
	KPI_ADD_BAD,	/* the same without operations */
	KPI_DEL,	/* kqueue_del_filteropts(@arg) */
	KPI_REGISTER,	/* kqfd_register(@fd, change), how: @arg */
	KPI_FDCLOSE,	/* knote_fdclose(@fd) */
	KPI_BLOCK,	/* whether ->poll blocks: @arg */
	KPI_BLOCKED,	/* how many are blocked there */
	KPI_RESTLESS,	/* whether ->poll wakes those who wait, and has nothing: @arg */
	KPI_STATS,	/* to *change, and from zero again */
};

/**
 * struct kpi_call - a call
 * @op: enum kpi_op
 * @fd: a descriptor of the caller's
 * @arg: see enum kpi_op
 * @locked: whether the object's lock is held over it
 * @data: see enum kpi_op
 * @change: address of a struct kq_event, or of a struct kpi_stats
 */
struct kpi_call {
	__s32	op;
	__s32	fd;
	__s32	arg;
	__s32	locked;
	__s64	data;
	__u64	change;
};

#define KPI_CALL	_IOW('K', 1, struct kpi_call)

#endif /* KQUEUE_KPI_H */
