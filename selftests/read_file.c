// SPDX-License-Identifier: GPL-2.0
/* EVFILT_READ on regular files and directories. */
#include "kselftest_harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "kq_objects.h"

static const char text[64];

/* A file of ten bytes, its offset at 0, and a queue. */
FIXTURE(file) {
	int kq;
	int fd;
	char name[32];
};

FIXTURE_SETUP(file)
{
	strcpy(self->name, "/tmp/kq-file-XXXXXX");
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->fd = mkstemp(self->name);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(10, pwrite(self->fd, text, 10, 0));
}

FIXTURE_TEARDOWN(file)
{
	close(self->kq);
	unlink(self->name);
}

/* READ on a regular file: data = size - offset, ready while that is not 0 */
TEST_F(file, data_is_size_minus_offset)
{
	char buf[16];

	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 10);
	ASSERT_EQ(4, read(self->fd, buf, 4));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 6);
	ASSERT_EQ(6, read(self->fd, buf, 16));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* CLEAR: as in BSD a read is told, and what it has left is an event */
TEST_F(file, clear_tells_what_a_read_has_left)
{
	char buf[16];

	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 10);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(4, read(self->fd, buf, 4));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 6);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(6, read(self->fd, buf, 16));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* What others read is not told to who may only write. */
TEST_F(file, clear_tells_a_writer_of_no_read)
{
	int w = open(self->name, O_WRONLY);
	char buf[16];

	ASSERT_LE(0, w);
	ASSERT_EQ(0, kq_add(self->kq, w, EVFILT_READ, EV_CLEAR));
	KQ_EXPECT_EVENT(self->kq, w, EVFILT_READ, EV_CLEAR, 0, 10);
	ASSERT_EQ(4, read(self->fd, buf, 4));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* it may be negative */
TEST_F(file, data_is_negative_past_the_end)
{
	ASSERT_EQ(15, lseek(self->fd, 15, SEEK_SET));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, -5);
}

/* growth wakes it, every time */
TEST_F(file, growth_wakes)
{
	int i, w = open(self->name, O_WRONLY | O_APPEND);

	ASSERT_LE(0, w);
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	for (i = 1; i <= 3; i++) {
		EXPECT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ(i, write(w, text, i));
		KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, i);
		ASSERT_LE(0, lseek(self->fd, 0, SEEK_END));
	}
}

struct sleeper {
	int kq;
	int n;
	atomic_int tid;
	struct kevent ev;
};

static void *sleep_in_kevent(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, gettid());
	s->n = kq_wait(s->kq, &s->ev, 1);
	return NULL;
}

/* growth wakes a thread that sleeps in kevent() */
TEST_F(file, growth_wakes_a_sleeping_thread)
{
	struct sleeper s = { .kq = self->kq };
	pthread_t thread;

	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_in_kevent, &s));
	while (!atomic_load(&s.tid))
		sched_yield();
	ASSERT_EQ(0, kq_until_asleep(s.tid));
	ASSERT_EQ(7, pwrite(self->fd, text, 7, 10));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, s.n);
	EXPECT_EQ(7, s.ev.data);
}

/* change wakes it: a truncation can put the end behind the offset */
TEST_F(file, truncation_wakes)
{
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, ftruncate(self->fd, 4));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, -6);
	ASSERT_EQ(0, truncate(self->name, 12));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 2);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* lseek alone does not wake it, a change to the knote evaluates it */
TEST_F(file, lseek_alone_does_not_wake)
{
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	ASSERT_EQ(3, lseek(self->fd, 3, SEEK_SET));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 7);
}

/* the same with a change that is not an ADD */
TEST_F(file, enable_evaluates)
{
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	ASSERT_EQ(3, lseek(self->fd, 3, SEEK_SET));
	ASSERT_EQ(0, kq_change(self->kq, self->fd, EVFILT_READ, EV_ENABLE, 0,
			       0, NULL));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 7);
}

/* CLEAR: after delivery a new event is needed */
TEST_F(file, clear_is_an_edge)
{
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 10);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(5, pwrite(self->fd, text, 5, 10));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 15);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* unlinked or renamed it stays watched */
TEST_F(file, unlinked_or_renamed_it_stays_watched)
{
	char other[sizeof(self->name) + 1];
	int w = open(self->name, O_WRONLY | O_APPEND);

	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 10);
	snprintf(other, sizeof(other), "%s2", self->name);
	ASSERT_EQ(0, rename(self->name, other));
	ASSERT_EQ(1, write(w, text, 1));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 11);
	ASSERT_EQ(0, unlink(other));
	kq_pending(self->kq);
	ASSERT_EQ(2, write(w, text, 2));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 13);
}

/* NOTE_FILE_POLL: always ready */
TEST_F(file, file_poll_is_always_ready)
{
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	ASSERT_EQ(0, kq_change(self->kq, self->fd, EVFILT_READ, EV_ADD,
			       NOTE_FILE_POLL, 0, NULL));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 0);
	ASSERT_EQ(4, lseek(self->fd, 4, SEEK_SET));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 6);
}

/* dups are separate knotes, though they share the offset */
TEST_F(file, dups_share_the_offset)
{
	int copy = dup(self->fd), kq = kqueue();

	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(kq, copy, EVFILT_READ, 0));
	ASSERT_EQ(8, lseek(copy, 8, SEEK_SET));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 2);
	KQ_EXPECT_EVENT(kq, copy, EVFILT_READ, 0, 0, 2);
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, kq_pending(kq));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, 0, 0, 2);
}

/* regular files are always ready for WRITE, data 0, at every offset */
TEST_F(file, write_is_always_ready)
{
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_WRITE, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_WRITE, 0, 0, 0);
	ASSERT_EQ(10, lseek(self->fd, 0, SEEK_END));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_WRITE, 0, 0, 0);
}

/* a file that lives in memory alone is a regular file */
TEST(memfd_is_a_regular_file)
{
	int kq = kqueue(), fd = memfd_create("kq", MFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(5, pwrite(fd, text, 5, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, EV_CLEAR, 0, 5);
}

/* a directory is always ready, data 0 */
TEST(directory_is_always_ready)
{
	int kq = kqueue(), fd = open("/tmp", O_RDONLY | O_DIRECTORY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 0);
	KQ_EXPECT_EVENT(kq, fd, EVFILT_READ, 0, 0, 0);
}

TEST_HARNESS_MAIN
