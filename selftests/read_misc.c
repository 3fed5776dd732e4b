// SPDX-License-Identifier: GPL-2.0
/*
 * EVFILT_READ and EVFILT_WRITE on what is neither file, pipe, terminal nor
 * socket; and the descriptors that none of the descriptor filters take.
 */
#include "kselftest_harness.h"

#include <glob.h>
#include <limits.h>
#include <mqueue.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/timerfd.h>

#include "kq_objects.h"

static const short filters[] = {
	EVFILT_READ, EVFILT_WRITE, EVFILT_EXCEPT, EVFILT_EMPTY,
};

static void refuses(struct __test_metadata *_metadata, int kq, uintptr_t ident)
{
	static const unsigned short how[] = {
		EV_ADD, EV_DELETE, EV_ENABLE, EV_DISABLE,
	};
	size_t i, j;

	ASSERT_LE(0, kq);
	for (i = 0; i < ARRAY_SIZE(filters); i++) {
		for (j = 0; j < ARRAY_SIZE(how); j++) {
			EXPECT_EQ(-EBADF, kq_change(kq, ident, filters[i],
						    how[j], 0, 0, NULL));
		}
	}
}

/* EBADF if closed, for every change: it comes ahead of ENOENT */
TEST(closed_descriptors_are_ebadf)
{
	int kq = kqueue(), fd = dup(0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, close(fd));
	refuses(_metadata, kq, fd);
	refuses(_metadata, kq, 1 << 20);
}

/* EBADF above INT_MAX, where the low bits are those of an open one too */
TEST(huge_descriptors_are_ebadf)
{
	int kq = kqueue();

	refuses(_metadata, kq, INT_MAX);
	refuses(_metadata, kq, (uintptr_t)INT_MAX + 1);
	refuses(_metadata, kq, UINTPTR_MAX);
	refuses(_metadata, kq, (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1));
	if (sizeof(uintptr_t) > 4)
		refuses(_metadata, kq, (uintptr_t)UINT_MAX + 1);
}

/* EBADF if O_PATH */
TEST(path_descriptors_are_ebadf)
{
	int kq = kqueue(), fd = open("/dev/null", O_PATH);

	ASSERT_LE(0, fd);
	refuses(_metadata, kq, fd);
}

/* eventfd: ready with data 1, whatever the counter says */
TEST(read_eventfd)
{
	int kq = kqueue(), fd = eventfd(0, EFD_NONBLOCK);
	eventfd_t value;

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, eventfd_write(fd, 5));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
	ASSERT_EQ(0, eventfd_read(fd, &value));
	EXPECT_EQ(0, kq_pending(kq));
}

/* CLEAR on an eventfd: one event for the writes since the last */
TEST(read_eventfd_clear)
{
	int i, kq = kqueue(), fd = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, EV_CLEAR));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, eventfd_write(fd, 1));
		ASSERT_EQ(0, eventfd_write(fd, 1));
		KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, EV_CLEAR, 0, 1);
		EXPECT_EQ(0, kq_pending(kq));
	}
}

/* WRITE on an eventfd: data 1 until the counter is full */
TEST(write_eventfd)
{
	int kq = kqueue(), fd = eventfd(0, EFD_NONBLOCK);
	eventfd_t value;

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_WRITE, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_WRITE, 0, 0, 1);
	ASSERT_EQ(0, eventfd_write(fd, UINT64_MAX - 1));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, eventfd_read(fd, &value));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_WRITE, 0, 0, 1);
}

/* timerfd: ready with data 1 once it has expired; never for WRITE */
TEST(read_timerfd)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	int kq = kqueue(), fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, timerfd_settime(fd, 0, &soon, NULL));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
	ASSERT_EQ((int)sizeof(n), read(fd, &n, sizeof(n)));
	EXPECT_EQ(0, kq_pending(kq));
}

/* /dev/null: always, for reading and for writing */
TEST(dev_null_is_always_ready)
{
	int kq = kqueue(), fd = open("/dev/null", O_RDWR);

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
	ASSERT_EQ(0, kq_change(kq, fd, EVFILT_READ, EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_WRITE, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_WRITE, 0, 0, 1);
}

/* A message queue: data 1 while there are messages, and while there is room */
TEST(message_queue)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	int kq = kqueue();
	char buf[8];
	mqd_t mq;

	mq = mq_open("/kq-misc", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	ASSERT_NE((mqd_t)-1, mq);
	mq_unlink("/kq-misc");
	ASSERT_EQ(0, kq_add(kq, mq, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, mq_send(mq, "a", 1, 0));
	KQ_EXPECT_EVENT(kq, mq, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(kq, mq, EVFILT_READ, 0, 0, 1);
	ASSERT_EQ(1, mq_receive(mq, buf, sizeof(buf), NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_change(kq, mq, EVFILT_READ, EV_DELETE, 0, 0, NULL));

	ASSERT_EQ(0, kq_add(kq, mq, EVFILT_WRITE, 0));
	KQ_EXPECT_EVENT(kq, mq, EVFILT_WRITE, 0, 0, 1);
	ASSERT_EQ(0, mq_send(mq, "a", 1, 0));
	ASSERT_EQ(0, mq_send(mq, "b", 1, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(1, mq_receive(mq, buf, sizeof(buf), NULL));
	KQ_EXPECT_EVENT(kq, mq, EVFILT_WRITE, 0, 0, 1);
}

/* A file of /proc that can be polled: when it says so, whatever its size */
TEST(polled_file)
{
	int kq = kqueue(), fd = open("/proc/self/mounts", O_RDONLY);

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 1);
}

/* A pipe of rpc_pipefs is none, but what its ->poll says */
TEST(rpc_pipe)
{
	int kq = kqueue(), fd;
	glob_t found;
	struct kevent ev;

	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (mount("rpc", "/mnt", "rpc_pipefs", 0, NULL))
		SKIP(return, "no rpc_pipefs");
	ASSERT_EQ(0, glob("/mnt/gssd/clnt*/gssd", 0, NULL, &found));
	fd = open(found.gl_pathv[0], O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_poll(kq, &ev, 1));
	EXPECT_EQ(EVFILT_WRITE, ev.filter);
	EXPECT_EQ(1, ev.data);
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, umount("/mnt"));
}

/* inotify: the bytes that the file's own FIONREAD tells */
TEST(inotify_counts_bytes)
{
	char name[] = "/tmp/kq-file-XXXXXX", buf[256];
	int kq = kqueue(), fd = inotify_init1(IN_NONBLOCK), f, n = 0;

	f = mkstemp(name);
	ASSERT_LE(0, inotify_add_watch(fd, name, IN_MODIFY | IN_ATTRIB));
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(1, write(f, "x", 1));
	ASSERT_EQ(0, fchmod(f, 0600));
	ASSERT_EQ(0, ioctl(fd, FIONREAD, &n));
	ASSERT_LT(0, n);
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, n);
	ASSERT_EQ(n, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, kq_pending(kq));
	unlink(name);
}

/* A queue: data = knotes pending, seen by a zero-timeout call at once */
TEST(queue_counts_knotes)
{
	int outer = kqueue(), inner = kqueue(), fd[3], i;

	ASSERT_EQ(0, kq_add(outer, inner, EVFILT_READ, 0));
	for (i = 0; i < 3; i++) {
		fd[i] = eventfd(0, 0);
		ASSERT_EQ(0, kq_add(inner, fd[i], EVFILT_READ, 0));
	}
	EXPECT_EQ(0, kq_pending(outer));
	for (i = 0; i < 3; i++) {
		struct kevent ev = { 0 };

		ASSERT_EQ(0, eventfd_write(fd[i], 1));
		EXPECT_EQ(1, kq_poll(outer, &ev, 1));
		EXPECT_EQ(i + 1, ev.data);
		EXPECT_EQ((uintptr_t)inner, ev.ident);
		EXPECT_EQ(0, ev.flags);
	}
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, close(fd[i]));
	EXPECT_EQ(0, kq_pending(outer));
}

/* A queue with CLEAR: one event for each new one inside */
TEST(queue_with_clear)
{
	int outer = kqueue(), inner = kqueue(), fd[3], i;

	ASSERT_EQ(0, kq_add(outer, inner, EVFILT_READ, EV_CLEAR));
	for (i = 0; i < 3; i++) {
		fd[i] = eventfd(0, 0);
		ASSERT_EQ(0, kq_add(inner, fd[i], EVFILT_READ, 0));
		ASSERT_EQ(0, eventfd_write(fd[i], 1));
		KQ_EXPECT_EVENT(outer, inner, EVFILT_READ, EV_CLEAR, 0, i + 1);
		EXPECT_EQ(0, kq_pending(outer));
	}
}

/* any other filter than READ on a queue: EINVAL; watching itself: EINVAL */
TEST(queue_takes_only_read)
{
	int outer = kqueue(), inner = kqueue();

	EXPECT_EQ(-EINVAL, kq_add(outer, inner, EVFILT_WRITE, 0));
	EXPECT_EQ(-EINVAL, kq_add(outer, inner, EVFILT_EXCEPT, 0));
	EXPECT_EQ(-EINVAL, kq_add(outer, inner, EVFILT_EMPTY, 0));
	EXPECT_EQ(-EINVAL, kq_add(outer, outer, EVFILT_READ, 0));
	EXPECT_EQ(-EINVAL, kq_add(outer, dup(outer), EVFILT_READ, 0));
}

TEST_HARNESS_MAIN
