// SPDX-License-Identifier: BSD-2-Clause
/*
 * kevent(2), and queues that are known, without a call, to have nothing.
 *
 * kevent() is one ioctl: struct kevent is laid out as the kernel's struct
 * kq_event, so the program's own arrays go to the kernel as they stand.  It
 * waits for no lock, which makes it safe in a signal handler and under
 * asynchronous cancellation.  As in BSD it is a cancellation point where it may
 * return events.
 *
 * The kernel keeps a page for each queue, struct kq_idle, that says whether
 * anything is pending.  That of a descriptor is mapped once the program has
 * asked in vain a few times.  It is for the queue, not for the number, so next to
 * where it is stands the queue's epoch as asked through the descriptor after the
 * page was mapped: it is the page's as long as the descriptor was not closed
 * since.  Until then, and from then on, the kernel is asked.
 *
 * Nothing is unmapped that somebody may be looking at: a number that has become
 * another queue gets the new page in the place of the old one.
 *
 * Whatever a child inherits is wiped, however it was made, since its copy of
 * the queue is of no use to it; so it finds no epoch and asks the kernel.
 */
#define _GNU_SOURCE
#undef _TIME_BITS		/* kevent() takes the timespec of old */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/kqueue.h>
#include <linux/time_types.h>

#if defined(__GLIBC__) && __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#else
#define __libc_single_threaded	0
#endif

#include "queue.h"

_Static_assert(sizeof(struct kevent) == sizeof(struct kq_event) &&
	       offsetof(struct kevent, filter) ==
	       offsetof(struct kq_event, filter) &&
	       offsetof(struct kevent, flags) ==
	       offsetof(struct kq_event, flags) &&
	       offsetof(struct kevent, fflags) ==
	       offsetof(struct kq_event, fflags) &&
	       offsetof(struct kevent, data) ==
	       offsetof(struct kq_event, data) &&
	       offsetof(struct kevent, udata) ==
	       offsetof(struct kq_event, udata),
	       "struct kevent is struct kq_event");
_Static_assert(sizeof(uintptr_t) == sizeof(__u64) ||
	       __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "a 32-bit ident is the low half of the kernel's");

#define PATIENCE	8		/* of 256 vain calls the one that maps it */

#define IDLE_NUMBERS	1024		/* descriptors that can have a page */

struct idle_table {
	uint64_t epochs[IDLE_NUMBERS];	/* 0, which no page has: ask the kernel */
	const struct kq_idle *at[IDLE_NUMBERS];	/* where a number's page is */
	unsigned char vain[IDLE_NUMBERS];
	int busy;			/* somebody maps one: others need not */
	int none;			/* there can be no page here */
};

/* There is none yet: ask the kernel. */
static struct idle_table no_table;

static struct idle_table *idle_table = &no_table;

/* Whether the queue behind a descriptor is known to have nothing. */
static int idle_known(int fd)
{
	const struct idle_table *t = __atomic_load_n(&idle_table,
						     __ATOMIC_ACQUIRE);
	const struct kq_idle *page;
	uint64_t epoch;

	if ((unsigned int)fd >= IDLE_NUMBERS)
		return 0;
	page = __atomic_load_n(&t->at[fd], __ATOMIC_ACQUIRE);
	if (!page)
		return 0;
	epoch = __atomic_load_n(&t->epochs[fd], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&page->epoch, __ATOMIC_ACQUIRE) == epoch &&
	       __atomic_load_n(&page->idle, __ATOMIC_ACQUIRE);
}

static struct idle_table *make_table(void)
{
	struct idle_table *new, *old = &no_table;

	new = mmap(NULL, sizeof(*new), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return NULL;
	if (madvise(new, sizeof(*new), MADV_WIPEONFORK))
		__atomic_store_n(&no_table.none, 1, __ATOMIC_RELAXED);
	else if (__atomic_compare_exchange_n(&idle_table, &old, new, 0,
					     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return new;
	munmap(new, sizeof(*new));
	return old == &no_table ? NULL : old;
}

/*
 * Map the page of a queue where the number's first one was mapped, and learn its
 * epoch.  Returns -1 if no more should be: the place of that one may be somebody
 * else's by now.
 */
static int map_page(struct idle_table *t, int fd)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	const struct kq_idle *place = t->at[fd];
	__u64 epoch = 0;

	if (page == MAP_FAILED)
		return 0;
	if (ioctl(fd, KQ_IOC_EPOCH, &epoch) || !epoch) {
		munmap(page, size);
		return 0;
	}
	__atomic_store_n(&t->epochs[fd], 0, __ATOMIC_RELEASE);
	if (place)
		page = mremap(page, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			      place);
	if (page == MAP_FAILED) {
		__atomic_store_n(&t->at[fd], NULL, __ATOMIC_RELEASE);
		return -1;
	}
	__atomic_store_n(&t->at[fd], page, __ATOMIC_RELEASE);
	__atomic_store_n(&t->epochs[fd], epoch, __ATOMIC_RELEASE);
	return 0;
}

/*
 * The kernel was asked, and had nothing.
 *
 * Takes no lock that it would wait for: it may have interrupted itself, in a
 * signal handler.
 */
static void idle_asked(int fd)
{
	struct idle_table *t = __atomic_load_n(&idle_table, __ATOMIC_ACQUIRE);

	if ((unsigned int)fd >= IDLE_NUMBERS ||
	    __atomic_load_n(&no_table.none, __ATOMIC_RELAXED))
		return;
	if (t == &no_table)
		t = make_table();
	if (!t ||
	    __atomic_add_fetch(&t->vain[fd], 1, __ATOMIC_RELAXED) != PATIENCE ||
	    __atomic_exchange_n(&t->busy, 1, __ATOMIC_ACQUIRE))
		return;
	if (map_page(t, fd) == 0)
		__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
}

void kq_forget_page(int fd)
{
	struct idle_table *t = __atomic_load_n(&idle_table, __ATOMIC_ACQUIRE);

	if (fd < IDLE_NUMBERS && t != &no_table)
		__atomic_store_n(&t->epochs[fd], 0, __ATOMIC_RELEASE);
}

static int is_zero(const struct timespec *timeout)
{
	return (timeout->tv_sec | timeout->tv_nsec) == 0;
}

/*
 * A call failed: EBADF if kq is no queue, or has become one since, else what the
 * kernel said.
 */
static int failed(int kq)
{
	int error = errno;

	errno = error != ENOTTY && kq_is_queue(kq) ? error : EBADF;
	return -1;
}

/* ioctl() costs twice as much. */
static int call_ioctl(int kq, struct kq_kevent *arg)
{
	return (int)syscall(SYS_ioctl, kq, KQ_IOC_KEVENT, arg);
}

/* No function that is a cancellation point makes any system call that one likes. */
static int call(int kq, struct kq_kevent *arg)
{
	int n, type;

	if (arg->nevents <= 0 || __libc_single_threaded)
		return call_ioctl(kq, arg);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	n = call_ioctl(kq, arg);
	pthread_setcanceltype(type, NULL);
	return n;
}

/* timeout is a struct __kernel_timespec. */
static int system_call(int kq, const struct kevent *changelist, int nchanges,
		       struct kevent *eventlist, int nevents, const void *timeout)
{
	struct kq_kevent arg = {
		.changelist = (uintptr_t)changelist,
		.eventlist = (uintptr_t)eventlist,
		.timeout = (uintptr_t)timeout,
		.nchanges = nchanges,
		.nevents = nevents,
		.flags = KQ_CALL_RESUME |
			 (sizeof(uintptr_t) == sizeof(__u32) ? KQ_CALL_NARROW : 0),
	};
	int n = call(kq, &arg);

	return n >= 0 ? n : failed(kq);
}

/* The same; timeout is the program's. */
static int ask(int kq, const struct kevent *changelist, int nchanges,
	       struct kevent *eventlist, int nevents,
	       const struct timespec *timeout)
{
	struct __kernel_timespec ts;

	if (sizeof(*timeout) == sizeof(ts) || !timeout || nevents <= 0)
		return system_call(kq, changelist, nchanges, eventlist, nevents,
				   timeout);
	/* A 32-bit time_t: the one thing that has to be converted. */
	ts.tv_sec = timeout->tv_sec;
	ts.tv_nsec = timeout->tv_nsec;
	return system_call(kq, changelist, nchanges, eventlist, nevents, &ts);
}

/* kevent() where a look at the page is not enough; out of the way of one. */
__attribute__((noinline)) static int look(int kq, const struct kevent *changelist,
					  int nchanges, struct kevent *eventlist,
					  int nevents,
					  const struct timespec *timeout)
{
	int n = ask(kq, changelist, nchanges, eventlist, nevents, timeout);

	if (n == 0 && nchanges == 0 && nevents > 0 && timeout && is_zero(timeout))
		idle_asked(kq);
	return n;
}

/* Whether timeout is there the kernel finds out, as long as it is asked. */
int kevent(int kq, const struct kevent *changelist, int nchanges,
	   struct kevent *eventlist, int nevents,
	   const struct timespec *timeout)
{
	if (nchanges == 0 && idle_known(kq) && nevents > 0 && timeout &&
	    is_zero(timeout))
		return 0;
	return look(kq, changelist, nchanges, eventlist, nevents, timeout);
}

#if defined(__TIMESIZE) && __TIMESIZE == 32
/* See <sys/event.h>.  What pads the timespec there is not looked at. */
int __kevent_time64(int kq, const struct kevent *changelist, int nchanges,
		    struct kevent *eventlist, int nevents, const void *timeout);

int __kevent_time64(int kq, const struct kevent *changelist, int nchanges,
		    struct kevent *eventlist, int nevents, const void *timeout)
{
	return system_call(kq, changelist, nchanges, eventlist, nevents, timeout);
}
#endif
