// SPDX-License-Identifier: GPL-2.0
/*
 * A close of that descriptor, however done, removes its knotes, silently, at
 * once, dups or not; the number reused starts clean; the peer sees FIN when
 * close returns.
 */
#include "kselftest_harness.h"

#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kq_objects.h"

/* Ways to close a descriptor.  Each returns 0, or -1. */

static int by_close(int fd)
{
	return close(fd);
}

static int by_dup2(int fd)
{
	int n = open("/dev/zero", O_WRONLY | O_CLOEXEC);

	return n < 0 || dup2(n, fd) != fd ? -1 : close(n);
}

static int by_dup3(int fd)
{
	int n = open("/dev/zero", O_WRONLY | O_CLOEXEC);

	return n < 0 || dup3(n, fd, O_CLOEXEC) != fd ? -1 : close(n);
}

static int by_close_range(int fd)
{
	return syscall(SYS_close_range, fd, fd, 0);
}

/* The entry at the head of a ring's submission queue asks for the close. */
static int by_io_uring(int fd)
{
	struct io_uring_params p = { 0 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *sq, *cq;
	int ring, err;

	ring = syscall(SYS_io_uring_setup, 1, &p);
	if (ring < 0)
		return -1;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned int),
		  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*cqe),
		  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		  IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_CLOSE;
	sqe->fd = fd;
	((unsigned int *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned int *)(sq + p.sq_off.tail), 1,
			 __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -1;
	cqe = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	err = cqe->res;
	return close(ring) || err ? -1 : 0;
}

static void *close_in_thread(void *fd)
{
	return (void *)(intptr_t)close((intptr_t)fd);
}

static int by_another_thread(int fd)
{
	pthread_t thread;
	void *err;

	if (pthread_create(&thread, NULL, close_in_thread, (void *)(intptr_t)fd))
		return -1;
	pthread_join(thread, &err);
	return err ? -1 : 0;
}

/* Like fork(), but the child has the parent's descriptor table. */
static int by_a_process_that_shares_the_table(int fd)
{
	int status;
	pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL,
			    NULL);

	if (!pid)
		_exit(close(fd) ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status ? -1 : 0;
}

/*
 * A queue with READ, which is pending, and WRITE, which is too, on one end of
 * a connection.
 */
FIXTURE(closing) {
	int kq;
	int fd;
	int peer;
	long long before;
};

FIXTURE_VARIANT(closing) {
	int (*how)(int fd);
	bool occupied;	/* the number is in use again */
};

FIXTURE_VARIANT_ADD(closing, by_close) {
	.how = by_close,
};

FIXTURE_VARIANT_ADD(closing, by_dup2) {
	.how = by_dup2, .occupied = true,
};

FIXTURE_VARIANT_ADD(closing, by_dup3) {
	.how = by_dup3, .occupied = true,
};

FIXTURE_VARIANT_ADD(closing, by_close_range) {
	.how = by_close_range,
};

FIXTURE_VARIANT_ADD(closing, by_io_uring) {
	.how = by_io_uring,
};

FIXTURE_VARIANT_ADD(closing, by_another_thread) {
	.how = by_another_thread,
};

FIXTURE_VARIANT_ADD(closing, by_a_process_that_shares_the_table) {
	.how = by_a_process_that_shares_the_table,
};

FIXTURE_SETUP(closing)
{
	int sv[2];

	self->before = kq_param("knotes");
	ASSERT_LE(0, self->before);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_unix_stream(sv));
	self->fd = sv[0];
	self->peer = sv[1];
	ASSERT_EQ(0, kq_nonblock(self->peer));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_WRITE, 0));
	ASSERT_EQ(3, write(self->peer, "abc", 3));
	ASSERT_EQ(2, kq_pending(self->kq));
}

FIXTURE_TEARDOWN(closing)
{
	close(self->kq);
}

static int drop(int kq, int fd, short filter)
{
	return kq_change(kq, fd, filter, EV_DELETE, 0, 0, NULL);
}

/* removes its knotes, silently, at once */
TEST_F(closing, removes_the_knotes)
{
	ASSERT_EQ(0, variant->how(self->fd));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(variant->occupied ? -ENOENT : -EBADF,
		  drop(self->kq, self->fd, EVFILT_READ));
	EXPECT_EQ(variant->occupied ? -ENOENT : -EBADF,
		  drop(self->kq, self->fd, EVFILT_WRITE));
	EXPECT_EQ(0, kq_until_knotes(self->before));
}

/* the peer sees FIN when close returns */
TEST_F(closing, peer_sees_the_end)
{
	char buf[3];

	/* Nothing unread, or the end is a reset. */
	ASSERT_EQ(3, read(self->fd, buf, 3));
	ASSERT_EQ(0, variant->how(self->fd));
	EXPECT_EQ(0, read(self->peer, buf, 3));
}

/* removes its knotes, dups or not: those of the dup stay, and are alone */
TEST_F(closing, a_dup_keeps_only_its_own)
{
	int copy = dup(self->fd);
	char c;

	ASSERT_EQ(0, kq_add(self->kq, copy, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(3, kq_pending(self->kq));
	ASSERT_EQ(0, variant->how(self->fd));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(2, write(self->peer, "de", 2));
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_READ, EV_CLEAR, 0, 5);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-1, read(self->peer, &c, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, kq_until_knotes(self->before + 1));
}

/* a dup that no queue watches does not keep the knotes either */
TEST_F(closing, an_unwatched_dup_keeps_nothing)
{
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, variant->how(self->fd));
	ASSERT_EQ(2, write(self->peer, "de", 2));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, kq_until_knotes(self->before));
}

/* the number reused starts clean, and fires for what it now is */
TEST_F(closing, the_number_reused_starts_clean)
{
	int copy = dup(self->fd), e = eventfd(0, 0);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, variant->how(self->fd));
	ASSERT_EQ(self->fd, dup2(e, self->fd));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, drop(self->kq, self->fd, EVFILT_READ));
	ASSERT_EQ(0, kq_add(self->kq, self->fd, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(2, write(self->peer, "de", 2));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, eventfd_write(e, 1));
	KQ_EXPECT_EVENT(self->kq, self->fd, EVFILT_READ, EV_CLEAR, 0, 1);
}

/* every queue that watches the descriptor is rid of it */
TEST_F(closing, every_queue_is_rid_of_it)
{
	int other = kqueue();

	ASSERT_EQ(0, kq_add(other, self->fd, EVFILT_READ, EV_DISABLE));
	ASSERT_EQ(0, kq_add(other, self->fd, EVFILT_WRITE, EV_CLEAR));
	ASSERT_EQ(0, variant->how(self->fd));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, kq_pending(other));
	EXPECT_EQ(0, kq_until_knotes(self->before));
}

/* the peer sees FIN when close returns, on the network too */
TEST(tcp_peer_sees_fin)
{
	int kq = kqueue(), sv[2];
	char c;

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_WRITE, EV_CLEAR));
	ASSERT_EQ(0, close(sv[0]));
	EXPECT_EQ(0, read(sv[1], &c, 1));
}

/* a regular file's knotes go with it as well */
TEST(regular_file)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), fd = memfd_create("kq", 0), copy = dup(fd);

	ASSERT_EQ(0, kq_add(kq, fd, EVFILT_READ, 0));
	ASSERT_EQ(5, write(copy, "abcde", 5));
	ASSERT_EQ(0, lseek(copy, 0, SEEK_SET));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(5, write(copy, "abcde", 5));
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(0, kq_until_knotes(before));
}

/* a watched queue's knotes go with it as well */
TEST(queue_in_a_queue)
{
	long long before = kq_param("knotes");
	int outer = kqueue(), inner = kqueue(), copy = dup(inner);

	ASSERT_EQ(0, kq_change(inner, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0,
			       NULL));
	ASSERT_EQ(0, kq_add(outer, inner, EVFILT_READ, 0));
	ASSERT_EQ(1, kq_pending(outer));
	ASSERT_EQ(0, close(inner));
	EXPECT_EQ(0, kq_pending(outer));
	EXPECT_EQ(1, kq_pending(copy));
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, kq_until_knotes(before));
}

/* dup2 of a file onto a number that already holds it keeps its knotes */
TEST(dup2_of_the_same_file_keeps_the_knotes)
{
	int kq = kqueue(), sv[2], copy;

	ASSERT_EQ(0, kq_unix_stream(sv));
	copy = dup(sv[0]);
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(sv[0], dup2(copy, sv[0]));
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 3);
	EXPECT_EQ(0, drop(kq, sv[0], EVFILT_READ));
}

/* A child with the connection's one end and a queue that watches it. */
struct child {
	pid_t pid;
	int peer;	/* the other end */
	int hold;	/* the child's standard input: it lives until EOF */
};

static void child_main(int fd, int hold, int ready, bool exec)
{
	int kq = kqueue();

	if (kq < 0 || kq_add(kq, fd, EVFILT_READ, 0) ||
	    kq_add(kq, fd, EVFILT_WRITE, 0) || dup2(hold, 0) ||
	    eventfd_write(ready, 1))
		_exit(1);
	if (exec)
		execl("/bin/cat", "cat", NULL);
	pause();
}

static int start(struct child *c, bool exec)
{
	int sv[2], hold[2], ready = eventfd(0, EFD_CLOEXEC);
	eventfd_t one;

	if (kq_unix_stream(sv) || kq_pipe(hold))
		return -1;
	c->pid = fork();
	if (!c->pid) {
		close(sv[1]);
		close(hold[1]);
		child_main(sv[0], hold[0], ready, exec);
		_exit(1);
	}
	close(sv[0]);
	close(hold[0]);
	c->peer = sv[1];
	c->hold = hold[1];
	return c->pid < 0 ? -1 : eventfd_read(ready, &one);
}

/* close-on-exec at exec: the peer sees it while the new program runs */
TEST(exec)
{
	long long before = kq_param("knotes");
	struct child c;
	int status;
	char byte;

	ASSERT_EQ(0, start(&c, true));
	EXPECT_EQ(0, read(c.peer, &byte, 1));
	EXPECT_EQ(0, kq_until_knotes(before));
	EXPECT_EQ(0, waitpid(c.pid, &status, WNOHANG));
	ASSERT_EQ(0, close(c.hold));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* SIGKILL */
TEST(sigkill)
{
	long long before = kq_param("knotes");
	struct child c;
	int status;
	char byte;

	ASSERT_EQ(0, start(&c, false));
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	EXPECT_EQ(0, read(c.peer, &byte, 1));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	EXPECT_EQ(0, kq_until_knotes(before));
}

/* exit, of a process that watches from several queues */
TEST(exit_of_the_process)
{
	long long before = kq_param("knotes");
	int sv[2], status, i;
	pid_t pid;
	char c;

	ASSERT_EQ(0, kq_unix_stream(sv));
	pid = fork();
	if (!pid) {
		close(sv[1]);
		for (i = 0; i < 8; i++)
			if (kq_add(kqueue(), sv[0], EVFILT_READ, 0))
				_exit(1);
		_exit(0);
	}
	ASSERT_EQ(0, close(sv[0]));
	EXPECT_EQ(0, read(sv[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, kq_until_knotes(before));
}

/* A forked child's close, and its exit, leave the parent's knotes alone */
TEST(a_childs_close_is_its_own)
{
	int kq = kqueue(), sv[2], status;
	pid_t pid;

	ASSERT_EQ(0, kq_unix_stream(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, EV_CLEAR));
	pid = fork();
	if (!pid)
		_exit(close(sv[0]) || dup2(1, sv[0]) < 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_CLEAR, 0, 3);
	EXPECT_EQ(0, drop(kq, sv[0], EVFILT_READ));
}

/* The parent's close removes its knotes though a child has the file open */
TEST(a_child_does_not_keep_the_parents)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), sv[2], hold[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, kq_unix_stream(sv));
	ASSERT_EQ(0, kq_pipe(hold));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	pid = fork();
	if (!pid) {
		close(hold[1]);
		_exit(read(hold[0], &c, 1));
	}
	ASSERT_EQ(0, close(sv[0]));
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(0, kq_until_knotes(before));
	ASSERT_EQ(0, close(hold[1]));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};

static int send_fd(int through, int fd)
{
	union control u = { 0 };
	struct iovec iov = { .iov_base = &u, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = u.buf, .msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(through, &m, 0) == 1 ? 0 : -1;
}

static int receive_fd(int through)
{
	union control u;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = u.buf, .msg_controllen = sizeof(u.buf),
	};
	int fd;

	if (recvmsg(through, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

/* A descriptor on its way in a message: the sender's close counts at once */
TEST(scm_rights_senders_close)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), sv[2], way[2], moved;

	ASSERT_EQ(0, kq_unix_stream(sv));
	ASSERT_EQ(0, kq_unix_stream(way));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(0, send_fd(way[0], sv[0]));
	ASSERT_EQ(0, close(sv[0]));
	EXPECT_EQ(0, kq_until_knotes(before));
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	EXPECT_EQ(0, kq_pending(kq));
	moved = receive_fd(way[1]);
	ASSERT_LE(0, moved);
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_add(kq, moved, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(kq, moved, EVFILT_READ, 0, 0, 3);
}

/* What a receiver closes is its own descriptor */
TEST(scm_rights_receivers_close)
{
	int kq = kqueue(), sv[2], way[2], status;
	pid_t pid;

	ASSERT_EQ(0, kq_unix_stream(sv));
	ASSERT_EQ(0, kq_unix_stream(way));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, send_fd(way[0], sv[0]));
	pid = fork();
	if (!pid)
		_exit(close(receive_fd(way[1])) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_CLEAR, 0, 3);
}

TEST_HARNESS_MAIN
