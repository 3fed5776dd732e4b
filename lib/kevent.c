// SPDX-License-Identifier: BSD-2-Clause
/*
 * kevent(2), and queues that are known, without a call, to have nothing.
 *
 * The kernel keeps a page for each queue, struct kq_idle, that says whether
 * anything is pending.  That of a descriptor is mapped once the program has
 * asked in vain a few times.  It is for the queue, not for the number, so next to
 * where it is stands the queue's epoch as asked through the descriptor after the
 * page was mapped: it is the page's as long as the descriptor was not closed
 * since.  Until then, and from then on, the kernel is asked.
 *
 * Nothing is ever unmapped that somebody may be looking at: a number that has
 * become another queue gets the new page in the place of the old one.
 *
 * Whatever a child inherits is wiped, however it was made, since its copy of
 * the queue is of no use to it; so it finds no epoch and asks the kernel.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/kqueue.h>
#include <linux/time_types.h>

#include "call.h"

#define PATIENCE	8		/* of 256 vain calls the one that maps it */

#define IDLE_NUMBERS	1024		/* descriptors that can have a page */

struct idle_table {
	struct {
		uint64_t epoch;		/* 0: ask the kernel */
		const struct kq_idle *page;	/* the place of a number's page */
	} numbers[IDLE_NUMBERS];
	unsigned char vain[IDLE_NUMBERS];
	int busy;			/* somebody maps one: others need not */
	char *pages;			/* address space for IDLE_NUMBERS of them */
};

static struct idle_table *idle_table;

/* Whether the queue behind a descriptor is known to have nothing. */
static int idle_known(int fd)
{
	const struct idle_table *t = __atomic_load_n(&idle_table,
						     __ATOMIC_ACQUIRE);
	const struct kq_idle *page;
	uint64_t epoch;

	if (!t || (unsigned int)fd >= IDLE_NUMBERS)
		return 0;
	epoch = __atomic_load_n(&t->numbers[fd].epoch, __ATOMIC_ACQUIRE);
	if (!epoch)
		return 0;
	page = __atomic_load_n(&t->numbers[fd].page, __ATOMIC_RELAXED);
	return __atomic_load_n(&page->epoch, __ATOMIC_ACQUIRE) == epoch &&
	       __atomic_load_n(&page->idle, __ATOMIC_ACQUIRE);
}

static struct idle_table *make_table(void)
{
	struct idle_table *new, *old = NULL;

	new = mmap(NULL, sizeof(*new), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return NULL;
	if (madvise(new, sizeof(*new), MADV_WIPEONFORK) == 0 &&
	    __atomic_compare_exchange_n(&idle_table, &old, new, 0, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return new;
	munmap(new, sizeof(*new));
	return old;
}

/* Address space for the pages, each of this size; t->busy is ours. */
static char *reserve(struct idle_table *t, size_t size)
{
	char *pages = t->pages;

	if (pages)
		return pages;
	pages = mmap(NULL, IDLE_NUMBERS * size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return NULL;
	t->pages = pages;
	return pages;
}

static void map_page(struct idle_table *t, int fd)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = reserve(t, size);
	__u64 epoch = 0;
	void *page;

	if (!pages)
		return;
	__atomic_store_n(&t->numbers[fd].epoch, 0, __ATOMIC_RELEASE);
	page = mmap(pages + (size_t)fd * size, size, PROT_READ,
		    MAP_SHARED | MAP_FIXED, fd, 0);
	if (page == MAP_FAILED)
		return;
	__atomic_store_n(&t->numbers[fd].page, page, __ATOMIC_RELAXED);
	if (ioctl(fd, KQ_IOC_EPOCH, &epoch) == 0)
		__atomic_store_n(&t->numbers[fd].epoch, epoch, __ATOMIC_RELEASE);
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

	if ((unsigned int)fd >= IDLE_NUMBERS)
		return;
	if (!t)
		t = make_table();
	if (!t ||
	    __atomic_add_fetch(&t->vain[fd], 1, __ATOMIC_RELAXED) != PATIENCE ||
	    __atomic_exchange_n(&t->busy, 1, __ATOMIC_ACQUIRE))
		return;
	map_page(t, fd);
	__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
}

/*
 * kq_call() without changes and time, where a look at the page is not enough;
 * out of the way of one that is.
 */
__attribute__((noinline)) static int look(int kq, struct kevent *eventlist,
					  int nevents)
{
	static const struct __kernel_timespec now;
	int n = kq_call(kq, NULL, 0, eventlist, nevents, &now);

	if (n == 0)
		idle_asked(kq);
	return n;
}

int kevent(int kq, const struct kevent *changelist, int nchanges,
	   struct kevent *eventlist, int nevents,
	   const struct timespec *timeout)
{
	struct __kernel_timespec ts;

	if (nchanges == 0 && nevents > 0 && timeout &&
	    (timeout->tv_sec | timeout->tv_nsec) == 0)
		return idle_known(kq) ? 0 : look(kq, eventlist, nevents);
	if (sizeof(*timeout) == sizeof(ts) || !timeout || nevents <= 0)
		return kq_call(kq, changelist, nchanges, eventlist, nevents,
			       timeout);
	/* A 32-bit time_t: the one thing that has to be converted. */
	ts.tv_sec = timeout->tv_sec;
	ts.tv_nsec = timeout->tv_nsec;
	return kq_call(kq, changelist, nchanges, eventlist, nevents, &ts);
}

#if defined(__TIMESIZE) && __TIMESIZE == 32
/* See <sys/event.h>.  What pads the timespec there is not looked at. */
int __kevent_time64(int kq, const struct kevent *changelist, int nchanges,
		    struct kevent *eventlist, int nevents, const void *timeout);

int __kevent_time64(int kq, const struct kevent *changelist, int nchanges,
		    struct kevent *eventlist, int nevents, const void *timeout)
{
	return kq_call(kq, changelist, nchanges, eventlist, nevents, timeout);
}
#endif
