/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ABI of /dev/kqueue.
 *
 * An open of /dev/kqueue is a queue.  It belongs to the descriptor table that
 * opened it; from any other table no change or wait is possible: EBADF.
 *
 * All structures have the same layout for 32- and 64-bit programs.  Reserved
 * fields must be zero; the kernel answers EINVAL when they are not.  Bits of
 * a change's flags that have no name here are ignored, as BSD ignores them.
 */
#ifndef _LINUX_KQUEUE_H
#define _LINUX_KQUEUE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What KQ_IOC_VERSION answers.  It grows when something is added. */
#define KQ_ABI_VERSION		3

/**
 * struct kq_event - one change, or one event
 * @ident: what is watched; its meaning is the filter's
 * @filter: EVFILT_*
 * @flags: EV_*
 * @fflags: NOTE_*, the filter's own flags
 * @data: the filter's own value: a count of bytes, a period, a status
 * @udata: the program's own, handed back as it was given
 */
struct kq_event {
	__u64	ident;
	__s16	filter;
	__u16	flags;
	__u32	fflags;
	__s64	data;
	__u64	udata;
};

/**
 * struct kq_kevent - argument of KQ_IOC_KEVENT
 * @changelist: address of @nchanges struct kq_event to apply, in order
 * @eventlist: address of room for @nevents struct kq_event
 * @timeout: address of a struct __kernel_timespec, 0 to wait for ever
 * @nchanges: 0 or more
 * @nevents: 0 or more; with 0 @timeout is not looked at
 * @flags: KQ_CALL_*
 * @reserved: 0
 */
struct kq_kevent {
	__u64	changelist;
	__u64	eventlist;
	__u64	timeout;
	__s32	nchanges;
	__s32	nevents;
	__u32	flags;
	__u32	reserved;
};

/*
 * The upper halves of ident and udata in changelist are to be ignored: a 32-bit
 * program's struct kevent has padding there.
 */
#define KQ_CALL_NARROW		0x1

/*
 * The structure may be written.  Where a signal comes and no handler runs, since
 * the process was stopped and goes on, or a debugger came, the call goes on: the
 * kernel has put what is left of it there.  Without this it is EINTR.
 */
#define KQ_CALL_RESUME		0x2

/*
 * Timeout is no address, but a time of CLOCK_MONOTONIC, in nanoseconds, as it is
 * outside of time namespaces.
 */
#define KQ_CALL_UNTIL		0x4

#define KQ_CALL_FLAGS		(KQ_CALL_NARROW | KQ_CALL_RESUME | KQ_CALL_UNTIL)

#define KQ_IOC_MAGIC		'J'

/* Change and wait, as kevent(2).  Returns the number of entries stored. */
#define KQ_IOC_KEVENT		_IOW(KQ_IOC_MAGIC, 0, struct kq_kevent)

/* Stores KQ_ABI_VERSION.  Works from any descriptor table. */
#define KQ_IOC_VERSION		_IOR(KQ_IOC_MAGIC, 1, __u32)

/*
 * Returns 1 when the queue belongs to the caller's descriptor table, else 0:
 * what a forked child asks of each copy before it closes it.
 */
#define KQ_IOC_OWNED		_IO(KQ_IOC_MAGIC, 2)

/*
 * Stores the epoch of the queue, a number that is never 0, that no other queue
 * has, and that changes whenever a descriptor of it is closed.
 */
#define KQ_IOC_EPOCH		_IOR(KQ_IOC_MAGIC, 3, __u64)

/**
 * struct kq_idle - what a page mapped from a queue, shared and read-only, shows
 * @epoch: that of the queue; while it is what KQ_IOC_EPOCH said through a
 *	descriptor after the page was mapped, the descriptor is this queue's
 * @idle: 1 while a call without changes and with a zero timeout finds nothing;
 *	0: it may find something
 * @reserved: 0
 *
 * A forked child does not get the mapping.  ENODEV before Linux 5.11; EPERM in a
 * child of vfork(), and in a thread whose table is not that of the main thread.
 */
struct kq_idle {
	__u64	epoch;
	__u32	idle;
	__u32	reserved;
};

/* Filters */
#define EVFILT_READ		(-1)
#define EVFILT_WRITE		(-2)
#define EVFILT_AIO		(-3)
#define EVFILT_VNODE		(-4)
#define EVFILT_PROC		(-5)
#define EVFILT_SIGNAL		(-6)
#define EVFILT_TIMER		(-7)
#define EVFILT_PROCDESC		(-8)
#define EVFILT_FS		(-9)
#define EVFILT_LIO		(-10)
#define EVFILT_USER		(-11)
#define EVFILT_SENDFILE		(-12)
#define EVFILT_EMPTY		(-13)
#define EVFILT_JAIL		(-14)
#define EVFILT_JAILDESC		(-15)
#define EVFILT_EXCEPT		(-16)
#define EVFILT_NETDEV		(-17)
#define EVFILT_SYSCOUNT		17

/* Flags: actions */
#define EV_ADD			0x0001
#define EV_DELETE		0x0002
#define EV_ENABLE		0x0004
#define EV_DISABLE		0x0008
#define EV_FORCEONESHOT		0x0100
#define EV_KEEPUDATA		0x0200

/* Flags: properties of a knote, fixed when it is added */
#define EV_ONESHOT		0x0010
#define EV_CLEAR		0x0020
#define EV_RECEIPT		0x0040
#define EV_DISPATCH		0x0080

/* Flags: the system's own, ignored in a change */
#define EV_SYSFLAGS		0xf000
#define EV_DROP			0x1000
#define EV_FLAG1		0x2000
#define EV_FLAG2		0x4000

/* Flags: returned */
#define EV_EOF			0x8000
#define EV_ERROR		0x4000

/* EVFILT_READ, EVFILT_WRITE */
#define NOTE_LOWAT		0x00000001
#define NOTE_FILE_POLL		0x00000002

/* EVFILT_EXCEPT */
#define NOTE_OOB		0x00000004

/* EVFILT_VNODE */
#define NOTE_DELETE		0x00000001
#define NOTE_WRITE		0x00000002
#define NOTE_EXTEND		0x00000004
#define NOTE_ATTRIB		0x00000008
#define NOTE_LINK		0x00000010
#define NOTE_RENAME		0x00000020
#define NOTE_REVOKE		0x00000040
#define NOTE_OPEN		0x00000080
#define NOTE_CLOSE		0x00000100
#define NOTE_CLOSE_WRITE	0x00000200
#define NOTE_READ		0x00000400

/* EVFILT_PROC, EVFILT_PROCDESC */
#define NOTE_EXIT		0x80000000
#define NOTE_FORK		0x40000000
#define NOTE_EXEC		0x20000000
#define NOTE_PCTRLMASK		0xf0000000
#define NOTE_PDATAMASK		0x000fffff
#define NOTE_TRACK		0x00000001
#define NOTE_TRACKERR		0x00000002
#define NOTE_CHILD		0x00000004

/* EVFILT_TIMER: the unit of data; milliseconds when none is given */
#define NOTE_SECONDS		0x00000001
#define NOTE_MSECONDS		0x00000002
#define NOTE_USECONDS		0x00000004
#define NOTE_NSECONDS		0x00000008
#define NOTE_ABSTIME		0x00000010

/* EVFILT_USER: what to do with the low 24 bits of fflags */
#define NOTE_FFNOP		0x00000000
#define NOTE_FFAND		0x40000000
#define NOTE_FFOR		0x80000000
#define NOTE_FFCOPY		0xc0000000
#define NOTE_FFCTRLMASK		0xc0000000
#define NOTE_FFLAGSMASK		0x00ffffff
#define NOTE_TRIGGER		0x01000000

/* EVFILT_FS */
#define VQ_MOUNT		0x0008
#define VQ_UNMOUNT		0x0010

/* EVFILT_NETDEV */
#define NOTE_LINKUP		0x0001
#define NOTE_LINKDOWN		0x0002
#define NOTE_LINKINV		0x0004

#endif /* _LINUX_KQUEUE_H */
