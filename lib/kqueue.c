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
 * fork: no child is made between the two.  Who has it may want it again: other
 * handlers of a fork may open a queue, or fork.  It has signals blocked, since a
 * handler may, too, but for those of its own faults.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t owner;			/* who has it; lock */
static int depth;			/* how often, 0 for nobody; lock */
static sigset_t unblocked;		/* by who has it, before; lock */
static struct page numbers;		/* the first; lock */
static int atfork_error;

static int have_lock(void)
{
	return __atomic_load_n(&depth, __ATOMIC_ACQUIRE) &&
	       pthread_equal(owner, pthread_self());
}

/* None comes between the lock and who has it. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static void unblock_faults(const sigset_t *old)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (!sigismember(old, faults[i]))
			sigaddset(&set, faults[i]);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void take_lock(void)
{
	sigset_t old;

	if (have_lock()) {
		depth++;
		return;
	}
	block_signals(&old);
	pthread_mutex_lock(&lock);
	unblocked = old;
	owner = pthread_self();
	__atomic_store_n(&depth, 1, __ATOMIC_RELEASE);
	unblock_faults(&old);
}

static void drop_lock(void)
{
	sigset_t old;

	if (depth > 1) {
		depth--;
		return;
	}
	block_signals(NULL);
	old = unblocked;
	__atomic_store_n(&depth, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

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

/*
 * Close the queues among the 'bits' of the numbers from 'base' on.  Returns those
 * that are the child's own: a handler of the fork may have been here before.
 */
static unsigned long close_queues(int base, unsigned long bits)
{
	unsigned long own = 0;
	int fd;

	for (; bits; bits &= bits - 1) {
		fd = base + __builtin_ctzl(bits);
		if (!kq_is_queue(fd))
			continue;
		if (ioctl(fd, KQ_IOC_OWNED) == 0)
			close_number(fd);
		else
			own |= bits & -bits;
	}
	return own;
}

/* Nothing here but system calls: other threads' locks stay taken for ever. */
static void in_child(void)
{
	int i, base, saved = errno;
	struct page *page;

	for (page = &numbers; page; page = page->next) {
		base = page->index * PAGE_NUMBERS;
		for (i = 0; i < PAGE_WORDS; i++)
			page->bits[i] = close_queues(base + i * WORD_BITS,
						     page->bits[i]);
	}
	errno = saved;
	drop_lock();
}

__attribute__((constructor)) static void init(void)
{
	atfork_error = pthread_atfork(take_lock, drop_lock, in_child);
}

/* open() would be a cancellation point, with the lock held. */
static int open_queue(int flags)
{
	int fd;

	if (atfork_error) {
		errno = atfork_error;
		return -1;
	}
	take_lock();
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
	drop_lock();
	/* Who closed what had this number may not have told the kernel yet. */
	if (fd >= 0)
		kq_forget_page(fd);
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
