// SPDX-License-Identifier: GPL-2.0
/*
 * The page that says that a queue has nothing: what the kernel shows there, and
 * that the library, which looks there instead of asking, is never wrong.
 */
#include "kselftest_harness.h"
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "kq_test.h"

#define ASKED	300		/* vain calls: enough for any library to look */
#define ROUNDS	20000
#define NO_PAGE	"this kernel maps no page that is charged"

static const struct kq_idle *map_page(int kq, int prot, int flags, size_t size,
				      off_t offset)
{
	return mmap(NULL, size, prot, flags, kq, offset);
}

static uint64_t epoch(int kq)
{
	__u64 epoch = 0;

	return ioctl(kq, KQ_IOC_EPOCH, &epoch) ? 0 : epoch;
}

/* Call in vain until the library knows.  Returns the events seen: 0. */
static int ask(int kq)
{
	int i, n = 0;

	for (i = 0; i < ASKED; i++)
		n |= kq_pending(kq);
	return n;
}

/* How many files an epoll instance watches. */
static int in_epoll(int ep)
{
	char path[64], line[256];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		n += !strncmp(line, "tfd:", 4);
	if (f)
		fclose(f);
	return n;
}

FIXTURE(page) {
	int kq;
	const struct kq_idle *page;
	size_t size;
};

FIXTURE_SETUP(page)
{
	self->size = sysconf(_SC_PAGESIZE);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->page = map_page(self->kq, PROT_READ, MAP_SHARED, self->size, 0);
	ASSERT_TRUE(self->page != MAP_FAILED || errno == ENODEV);
}

FIXTURE_TEARDOWN(page)
{
	munmap((void *)self->page, self->size);
	close(self->kq);
}

/* idle is 1 while nothing is pending, and 0 from the moment that something is. */
TEST_F(page, follows_what_is_pending)
{
	int i, p[2];
	char c;

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	EXPECT_EQ(1, self->page->idle);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	EXPECT_EQ(1, self->page->idle);
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(0, self->page->idle);
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(1, self->page->idle);

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, write(p[1], "x", 1));
		EXPECT_EQ(0, self->page->idle);
		EXPECT_EQ(1, kq_pending(self->kq));
		EXPECT_EQ(0, self->page->idle);
		ASSERT_EQ(1, read(p[0], &c, 1));
		EXPECT_EQ(0, kq_pending(self->kq));
		EXPECT_EQ(1, self->page->idle);
	}
	ASSERT_EQ(1, write(p[1], "x", 1));
	EXPECT_EQ(0, self->page->idle);
	close(p[0]);
	EXPECT_EQ(1, self->page->idle);
	close(p[1]);
}

/* What is held back by EV_DISABLE is not pending; EV_ENABLE makes it so. */
TEST_F(page, disabled)
{
	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DISABLE, 0, 0, NULL));
	EXPECT_EQ(1, self->page->idle);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL));
	EXPECT_EQ(0, self->page->idle);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(1, self->page->idle);
}

/* A queue that watches queues never says that it is idle. */
TEST_F(page, watches_a_queue)
{
	int inner = kqueue();

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	ASSERT_LE(0, inner);
	ASSERT_EQ(0, kq_add(self->kq, inner, EVFILT_READ, 0));
	EXPECT_EQ(0, self->page->idle);
	close(inner);
	EXPECT_EQ(1, self->page->idle);
}

/* The epoch is never 0, no other queue's, and ends with each close. */
TEST_F(page, epoch)
{
	int other = kqueue(), copy;
	uint64_t old = epoch(self->kq);

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	EXPECT_NE(0, old);
	EXPECT_EQ(old, self->page->epoch);
	EXPECT_NE(0, epoch(other));
	EXPECT_NE(old, epoch(other));
	copy = dup(self->kq);
	EXPECT_EQ(old, epoch(copy));
	close(copy);
	EXPECT_NE(old, self->page->epoch);
	EXPECT_EQ(self->page->epoch, epoch(self->kq));
	old = self->page->epoch;
	ASSERT_EQ(other, dup2(self->kq, other));
	ASSERT_EQ(other, dup2(0, other));
	EXPECT_NE(old, self->page->epoch);
	close(other);
}

/* One page, shared, for reading alone, now and later. */
TEST_F(page, read_only)
{
	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	EXPECT_EQ(MAP_FAILED, map_page(self->kq, PROT_READ | PROT_WRITE,
				       MAP_SHARED, self->size, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect((void *)self->page, self->size,
			       PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, map_page(self->kq, PROT_READ, MAP_PRIVATE,
				       self->size, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_page(self->kq, PROT_READ, MAP_SHARED,
				       2 * self->size, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_page(self->kq, PROT_READ, MAP_SHARED,
				       self->size, self->size));
	EXPECT_EQ(EINVAL, errno);
}

/* Nothing else is on it. */
TEST_F(page, no_other_byte)
{
	const unsigned char *byte = (const void *)self->page;
	size_t i;

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	EXPECT_EQ(0, self->page->reserved);
	for (i = sizeof(*self->page); i < self->size; i++)
		ASSERT_EQ(0, byte[i]);
}

/* A child has neither the page nor, of a copy of the queue, the right to it. */
TEST_F(page, child)
{
	int kq = open("/dev/kqueue", O_RDWR), status;
	unsigned char in_core;
	pid_t pid;

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	ASSERT_LE(0, kq);
	pid = fork();
	if (!pid) {
		if (mincore((void *)self->page, self->size, &in_core) != -1 ||
		    errno != ENOMEM)
			_exit(1);
		if (map_page(kq, PROT_READ, MAP_SHARED, self->size, 0) !=
		    MAP_FAILED || errno != EBADF)
			_exit(2);
		_exit(epoch(kq) || errno != EBADF ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(kq);
}

static long mapped_error(void)
{
	int kq = kqueue();

	return map_page(kq, PROT_READ, MAP_SHARED, 4096, 0) == MAP_FAILED ?
	       errno : 0;
}

static void *leave_table(void *arg)
{
	(void)arg;
	return (void *)(unshare(CLONE_FILES) ? -1 : mapped_error());
}

/*
 * Memory that is used with two descriptor tables gets no page for a number in the
 * one that not all have.
 */
TEST_F(page, not_where_a_number_has_two_meanings)
{
	pthread_t thread;
	void *error;
	int status;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, leave_table, NULL));
	ASSERT_EQ(0, pthread_join(thread, &error));
	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	EXPECT_EQ(EPERM, (long)error);
	pid = vfork();
	if (pid == 0)
		_exit(mapped_error());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
	EXPECT_EQ(0, mapped_error());
}

/* It does not keep the queue: what watches its file sees it go. */
TEST_F(page, does_not_keep_the_queue)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint64_t old;

	if (self->page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	old = self->page->epoch;
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->kq, &ev));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	close(self->kq);
	EXPECT_NE(old, self->page->epoch);
	EXPECT_EQ(0, in_epoll(ep));
	self->kq = -1;
	close(ep);
}

FIXTURE(known) {
	int kq;
};

FIXTURE_SETUP(known)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, ask(self->kq));
}

FIXTURE_TEARDOWN(known)
{
	close(self->kq);
}

/* Once it is known, a call in vain is none: a program without any can make it. */
TEST_F(known, no_system_call)
{
	size_t size = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ, MAP_SHARED, self->kq, 0);
	int status;
	pid_t pid;

	if (page == MAP_FAILED)
		SKIP(return, NO_PAGE);
	munmap(page, size);
	/* vfork(): the child has the page.  It may exit, and nothing else. */
	pid = vfork();
	if (!pid) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) ||
		    kq_pending(self->kq))
			_exit(1);
		syscall(SYS_exit, 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Nothing that the program has mapped is touched, can the page be had or not. */
TEST_F(known, other_mappings_stay)
{
	size_t size = sysconf(_SC_PAGESIZE);
	char *page[64];
	int i, kq;

	for (i = 0; i < 64; i++) {
		page[i] = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, page[i]);
		*page[i] = 1;
	}
	for (i = 0; i < 600; i++)
		ASSERT_EQ(0, kq_pending(self->kq));
	/* Another queue by the same number has its page in the same place. */
	ASSERT_EQ(0, close(self->kq));
	kq = kqueue();
	ASSERT_EQ(self->kq, kq);
	for (i = 0; i < 600; i++)
		ASSERT_EQ(0, kq_pending(kq));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(1, *page[i]);
}

/* What comes is seen by the very next call. */
TEST_F(known, sees_what_comes)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		ASSERT_EQ(1, kq_pending(self->kq));
		ASSERT_EQ(0, kq_pending(self->kq));
	}
}

/* A bad argument stays one. */
TEST_F(known, bad_arguments)
{
	struct timespec now = { 0 }, odd = { .tv_nsec = -1 };
	struct kevent ev;

	EXPECT_EQ(-1, kevent(self->kq, NULL, 0, &ev, -1, &now));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kevent(self->kq, NULL, -1, &ev, 1, &now));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kevent(self->kq, NULL, 0, &ev, 1, &odd));
	EXPECT_EQ(EINVAL, errno);
}

/* A number that was closed, that is a pipe now, another queue, a dup. */
TEST_F(known, number_reused)
{
	int fd = self->kq, p[2], other;

	close(fd);
	EXPECT_EQ(-EBADF, kq_pending(fd));
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(fd, p[0]);
	EXPECT_EQ(-EBADF, kq_pending(fd));
	other = kqueue();
	ASSERT_EQ(0, kq_add(other, 2, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(other, 2));
	ASSERT_EQ(fd, dup2(other, fd));
	EXPECT_EQ(1, kq_pending(fd));
	close(other);
	EXPECT_EQ(1, kq_pending(fd));
	close(p[1]);
}

/* A dup of it that lives on does not make the closed number good. */
TEST_F(known, dup_lives_on)
{
	int fd = self->kq, copy = dup(fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, ask(copy));
	close(fd);
	EXPECT_EQ(-EBADF, kq_pending(fd));
	EXPECT_EQ(0, ask(copy));
	ASSERT_EQ(0, kq_trigger(copy, 1));
	EXPECT_EQ(1, kq_pending(copy));
	self->kq = copy;
}

/* Each new queue of the same number has a page of its own. */
TEST_F(known, queue_after_queue)
{
	int i, fd = self->kq;

	for (i = 0; i < 20; i++) {
		close(self->kq);
		self->kq = kqueue();
		ASSERT_EQ(fd, self->kq);
		ASSERT_EQ(0, kq_add(fd, i, EVFILT_USER, EV_CLEAR));
		ASSERT_EQ(0, ask(fd));
		ASSERT_EQ(0, kq_trigger(fd, i));
		ASSERT_EQ(1, kq_pending(fd));
	}
}

/* A queue inside, which the outer one was idle before it had. */
TEST_F(known, nested)
{
	int inner = kqueue();

	ASSERT_EQ(0, kq_add(inner, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_add(self->kq, inner, EVFILT_READ, 0));
	ASSERT_EQ(0, ask(self->kq));
	ASSERT_EQ(0, kq_trigger(inner, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
	close(inner);
}

/* A child that the library hears nothing of. */
TEST_F(known, child_unheard)
{
	int status;
	pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(kq_pending(self->kq) != -EBADF);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

struct racer {
	int kq;
	int stop;
	long wrong;
};

static void *look(void *arg)
{
	struct racer *r = arg;
	int n;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		n = kq_pending(r->kq);
		r->wrong += n != 0 && n != 1 && n != -EBADF;
	}
	return NULL;
}

/* One thread looks while another closes the queue and makes it again. */
TEST_F(known, closed_meanwhile)
{
	struct racer r = { .kq = self->kq };
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, look, &r));
	for (i = 0; i < 300; i++) {
		close(r.kq);
		EXPECT_EQ(-EBADF, kq_pending(r.kq));
		ASSERT_EQ(r.kq, kqueue());
		EXPECT_EQ(0, ask(r.kq));
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.wrong);
}

TEST_HARNESS_MAIN
