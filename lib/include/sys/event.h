/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kqueue(2) and kevent(2) on /dev/kqueue.  The values of EVFILT_*, EV_* and
 * NOTE_* stand in <linux/kqueue.h>.
 */
#ifndef _SYS_EVENT_H_
#define _SYS_EVENT_H_

#include <sys/types.h>
#include <stdint.h>
#include <time.h>
#ifdef __GLIBC__
#include <sys/queue.h>	/* as BSD's does; musl has none */
#endif

#include <linux/kqueue.h>

/* kevent() as 32-bit programs know it whose time_t has been made 64 bits wide */
#if defined(__TIMESIZE) && __TIMESIZE == 32 && \
	defined(_TIME_BITS) && _TIME_BITS == 64
#define KEVENT_NAME_	__asm__("__kevent_time64")
#else
#define KEVENT_NAME_
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/* What a 32-bit program's word lacks to 64 bits; nobody reads it. */
#define KEVENT_PAD_	(8 * (sizeof(uint64_t) - sizeof(uintptr_t)))

/*
 * One change, or one event.  A knote is identified in its queue by ident and
 * filter together.  Laid out as struct kq_event in 32-bit programs too.
 */
struct kevent {
	uintptr_t	ident;		/* what is watched */
	unsigned int	: KEVENT_PAD_;
	short		filter;		/* EVFILT_* */
	unsigned short	flags;		/* EV_* */
	unsigned int	fflags;		/* NOTE_* of the filter */
	int64_t		data;		/* the filter's value */
	void		*udata;		/* the program's, handed back */
	unsigned int	: KEVENT_PAD_;
};

/*
 * Fill in a struct kevent, its padding too: programs compare them with memcmp().
 * Each argument is evaluated once, before anything is stored.
 */
#define EV_SET(kevp_, ident_, filter_, flags_, fflags_, data_, udata_)	\
do {									\
	struct kevent *ev_set_kevp_ = (kevp_);				\
	uintptr_t ev_set_ident_ = (ident_);				\
	short ev_set_filter_ = (filter_);				\
	unsigned short ev_set_flags_ = (flags_);			\
	unsigned int ev_set_fflags_ = (fflags_);			\
	int64_t ev_set_data_ = (data_);					\
	void *ev_set_udata_ = (udata_);					\
									\
	if (KEVENT_PAD_ > 0)						\
		__builtin_memset(ev_set_kevp_, 0, sizeof(*ev_set_kevp_)); \
	ev_set_kevp_->ident = ev_set_ident_;				\
	ev_set_kevp_->filter = ev_set_filter_;				\
	ev_set_kevp_->flags = ev_set_flags_;				\
	ev_set_kevp_->fflags = ev_set_fflags_;				\
	ev_set_kevp_->data = ev_set_data_;				\
	ev_set_kevp_->udata = ev_set_udata_;				\
} while (0)

/*
 * macOS's names for what is here under another: an exit always comes with the
 * status, and no notes at all are no bits.
 */
#define NOTE_ABSOLUTE		NOTE_ABSTIME
#define NOTE_EXITSTATUS		NOTE_EXIT
#define NOTE_NONE		0x00000000

/* Flags of kqueuex() */
#define KQUEUE_CLOEXEC		0x00000001
#define KQUEUE_CPONFORK		0x00000002

/*
 * kqueue() makes a queue and returns a descriptor for it, or -1 with errno
 * ENOENT or ENXIO (the kqueue module is not loaded), EACCES (the device is not for
 * the caller), EMFILE, ENFILE or ENOMEM.
 * The descriptor is made close-on-exec, and a forked child does not have it.
 */
int	kqueue(void);

/*
 * The same with O_CLOEXEC and O_NONBLOCK, neither of which changes anything; EINVAL
 * for other flags.
 */
int	kqueue1(int flags);

/* The same with KQUEUE_*.  EOPNOTSUPP for KQUEUE_CPONFORK, EINVAL for others. */
int	kqueuex(unsigned int flags);

/*
 * Apply the nchanges entries of changelist in order, then wait for up to
 * nevents events, at most timeout long (for ever if it is NULL).  Returns the
 * number of entries stored in eventlist, 0 when the time is up, or -1 with errno
 * EBADF (kq is not a queue of this process), EINVAL (nchanges, nevents or timeout
 * is out of range), EFAULT, EINTR (a signal was handled), or what a change failed
 * with where eventlist has no room to say so; see kqueue(2).
 */
int	kevent(int kq, const struct kevent *changelist, int nchanges,
	       struct kevent *eventlist, int nevents,
	       const struct timespec *timeout) KEVENT_NAME_;

#ifdef __cplusplus
}
#endif

#endif /* _SYS_EVENT_H_ */
