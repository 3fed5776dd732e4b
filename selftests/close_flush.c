// SPDX-License-Identifier: GPL-2.0
/*
 * A close may sleep between giving up its number and telling the world: in the
 * file's flush method.  The file here is the root of a FUSE mount, a regular
 * file, whose server answers FUSE_FLUSH only when it is told to.
 */
#include "kselftest_harness.h"

#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "kq_objects.h"

#define SIZE	5	/* of the file */

static void answer(int dev, uint64_t unique, int error, void *data, size_t len)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + len, .error = error, .unique = unique,
	};
	struct iovec iov[] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = data, .iov_len = len },
	};

	/* Fails only when the request was given up. */
	if (writev(dev, iov, 2) < 0)
		return;
}

/* A test that has failed tells nothing; nobody can kill its close. */
static void wait_for(int go)
{
	struct pollfd p = { .fd = go, .events = POLLIN };
	eventfd_t one;

	if (poll(&p, 1, KQ_PATIENCE * 500) == 1)
		eventfd_read(go, &one);
}

static void serve_one(int dev, struct fuse_in_header *in, int arrived, int go)
{
	struct fuse_init_out init = {
		.major = 7, .minor = 31, .max_write = 4096,
	};
	struct fuse_attr_out attr = {
		.attr = {
			.ino = 1, .size = SIZE, .mode = S_IFREG | 0644,
			.nlink = 1,
		},
	};
	struct fuse_open_out open = { 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		return answer(dev, in->unique, 0, &init, sizeof(init));
	case FUSE_GETATTR:
		return answer(dev, in->unique, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return answer(dev, in->unique, 0, &open, sizeof(open));
	case FUSE_FLUSH:
		eventfd_write(arrived, 1);
		wait_for(go);
		return answer(dev, in->unique, 0, NULL, 0);
	case FUSE_RELEASE:
		return answer(dev, in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return answer(dev, in->unique, -EOPNOTSUPP, NULL, 0);
	}
}

/* Until the mount is gone, or the test. */
static void serve(int dev, int arrived, int go)
{
	static union {
		struct fuse_in_header in;
		char buf[65536];
	} request;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(dev, &request, sizeof(request)) > 0)
		serve_one(dev, &request.in, arrived, go);
	_exit(0);
}

/*
 * fd is the file, READ on it pending; e an empty eventfd.  arrived counts the
 * flushes that wait, go those that may end.
 */
FIXTURE(flush) {
	int kq, fd, e;
	int arrived, go;
	pid_t server;
	pthread_t closer;
	char name[32];
};

static int mount_fuse(const char *name)
{
	char options[64];
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (dev < 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=100644,user_id=0,group_id=0", dev);
	return mount("kq-flush", name, "fuse", 0, options) ? -1 : dev;
}

FIXTURE_SETUP(flush)
{
	struct stat st;
	int dev;

	strcpy(self->name, "/tmp/kq-fuse-XXXXXX");
	ASSERT_EQ(0, close(mkstemp(self->name)));
	ASSERT_EQ(0, system("/sbin/modprobe fuse"));
	dev = mount_fuse(self->name);
	ASSERT_LE(0, dev);
	self->arrived = eventfd(0, EFD_SEMAPHORE);
	self->go = eventfd(0, EFD_SEMAPHORE);
	self->server = fork();
	if (!self->server)
		serve(dev, self->arrived, self->go);
	ASSERT_EQ(0, close(dev));

	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->e = eventfd(0, 0);
	self->fd = open(self->name, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(SIZE, st.st_size);
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, SIZE);
}

FIXTURE_TEARDOWN(flush)
{
	eventfd_write(self->go, 1000);
	umount2(self->name, MNT_DETACH);
	unlink(self->name);
}

static void *do_close(void *fd)
{
	return (void *)(intptr_t)close((intptr_t)fd);
}

/* Close fd in another thread, and wait until that sleeps in the flush. */
static int begin_close(pthread_t *closer, int fd, int arrived)
{
	eventfd_t one;

	if (pthread_create(closer, NULL, do_close, (void *)(intptr_t)fd))
		return -1;
	return eventfd_read(arrived, &one);
}

static int end_close(pthread_t closer, int go)
{
	void *err;

	if (eventfd_write(go, 1) || pthread_join(closer, &err))
		return -1;
	return (intptr_t)err;
}

/* While the close sleeps the number is closed: EBADF */
TEST_F(flush, closed_number_is_ebadf)
{
	ASSERT_EQ(0, begin_close(&self->closer, self->fd, self->arrived));
	EXPECT_EQ(-EBADF, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	EXPECT_EQ(-EBADF, kq_change(self->kq, self->fd, EVFILT_READ, EV_DELETE,
				    0, 0, NULL));
	ASSERT_EQ(0, end_close(self->closer, self->go));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* The number reused meanwhile starts clean: it does not fire for the old */
TEST_F(flush, reused_number_does_not_fire)
{
	ASSERT_EQ(0, begin_close(&self->closer, self->fd, self->arrived));
	ASSERT_EQ(self->fd, dup2(self->e, self->fd));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->fd, EVFILT_READ,
				     EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, end_close(self->closer, self->go));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A knote made on the reused number is new, and outlives the old close */
TEST_F(flush, knote_on_the_reused_number_stays)
{
	long long before = kq_param("knotes");

	ASSERT_EQ(0, begin_close(&self->closer, self->fd, self->arrived));
	ASSERT_EQ(self->fd, dup2(self->e, self->fd));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, eventfd_write(self->e, 1));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 1);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, end_close(self->closer, self->go));
	EXPECT_EQ(0, kq_until_knotes(before));
	ASSERT_EQ(0, eventfd_write(self->e, 1));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 1);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A dup keeps its own, before and after */
TEST_F(flush, dup_keeps_its_own)
{
	int copy = dup(self->fd);

	ASSERT_EQ(0, kq_add(self->kq, copy, EVFILT_READ, 0));
	ASSERT_EQ(0, begin_close(&self->closer, self->fd, self->arrived));
	ASSERT_EQ(self->fd, dup2(self->e, self->fd));
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_READ, 0, 0, SIZE);
	ASSERT_EQ(0, end_close(self->closer, self->go));
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_READ, 0, 0, SIZE);
	EXPECT_EQ(1, kq_pending(self->kq));
}

TEST_HARNESS_MAIN
