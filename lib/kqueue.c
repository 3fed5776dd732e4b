// SPDX-License-Identifier: BSD-2-Clause
/*
 * kqueue(2): an open of /dev/kqueue.
 *
 * A queue is not inherited by fork.  The kernel sees to it that a child's copy
 * is of no use; the library remembers the numbers of its queues and closes them
 * in the child, so that they are free there too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kqueue.h>

#include "queue.h"

#define WORD_BITS	((int)(CHAR_BIT * sizeof(unsigned long)))
#define PAGE_WORDS	(4096 / (int)sizeof(unsigned long) - 2)
#define PAGE_NUMBERS	(PAGE_WORDS * WORD_BITS)

/*
 * Descriptor numbers that kqueue() has returned, a page of bits for each range
 * of PAGE_NUMBERS.  close() is not seen here, so a number may have become
 * something else; a bit is only a reason to ask.  A program that opens and
 * closes queues for ever gets the same numbers again and needs no more memory.
 */
struct page {
	struct page *next;
	int index;			/* of the range */
	unsigned long bits[PAGE_WORDS];
};

/*
 * Held from before a queue is opened until its number is remembered, and by
 * fork: no child is made between the two.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page numbers;		/* the first; lock */
static int atfork_error;

/* The page of a number, made if it isn't there.  NULL: no memory. */
static struct page *page_of(int fd)
{
	int index = fd / PAGE_NUMBERS;
	struct page *page;

	for (page = &numbers; page; page = page->next)
		if (page->index == index)
			return page;

	/* Not malloc(), whose own lock fork may hold before it wants ours. */
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	page->index = index;
	page->next = numbers.next;
	numbers.next = page;
	return page;
}

static int remember(int fd)
{
	struct page *page = page_of(fd);
	int bit = fd % PAGE_NUMBERS;

	if (!page)
		return -1;
	page->bits[bit / WORD_BITS] |= 1UL << (bit % WORD_BITS);
	return 0;
}

/* Any other file may answer an ioctl that it does not know as it likes. */
int kq_is_queue(int fd)
{
	__u32 version = 0;

	return ioctl(fd, KQ_IOC_VERSION, &version) == 0 && version;
}

/* close(), without being a cancellation point. */
static void close_number(int fd)
{
	syscall(SYS_close, fd);
}

/* Close the queues among the 'bits' of the numbers from 'base' on. */
static void close_queues(int base, unsigned long bits)
{
	int fd;

	for (; bits; bits &= bits - 1) {
		fd = base + __builtin_ctzl(bits);
		if (kq_is_queue(fd) && ioctl(fd, KQ_IOC_OWNED) == 0)
			close_number(fd);
	}
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* Nothing here but system calls: other threads' locks stay taken for ever. */
static void in_child(void)
{
	int i, base, saved = errno;
	struct page *page;

	for (page = &numbers; page; page = page->next) {
		base = page->index * PAGE_NUMBERS;
		for (i = 0; i < PAGE_WORDS; i++) {
			close_queues(base + i * WORD_BITS, page->bits[i]);
			page->bits[i] = 0;
		}
	}
	errno = saved;
	pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void init(void)
{
	atfork_error = pthread_atfork(before_fork, after_fork, in_child);
}

/*
 * Signals wait until the lock is free again, since a handler may fork.  open()
 * would be a cancellation point, with the lock held.
 */
static int open_queue(int flags)
{
	sigset_t all, old;
	int fd;

	if (atfork_error) {
		errno = atfork_error;
		return -1;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&lock);
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/kqueue",
			  O_RDWR | O_CLOEXEC | flags);
	/* What a device that the module has left behind says. */
	if (fd < 0 && errno == ENODEV)
		errno = ENXIO;
	if (fd >= 0 && remember(fd)) {
		close_number(fd);
		errno = ENOMEM;
		fd = -1;
	}
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return fd;
}

int kqueue(void)
{
	return open_queue(0);
}

int kqueue1(int flags)
{
	if (flags & ~(O_CLOEXEC | O_NONBLOCK)) {
		errno = EINVAL;
		return -1;
	}
	return open_queue(flags);
}

int kqueuex(unsigned int flags)
{
	if (flags & ~(unsigned int)(KQUEUE_CLOEXEC | KQUEUE_CPONFORK)) {
		errno = EINVAL;
		return -1;
	}
	if (flags & KQUEUE_CPONFORK) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return open_queue(0);
}
