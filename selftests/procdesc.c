// SPDX-License-Identifier: GPL-2.0
/* EVFILT_PROCDESC: the exit of a process, by its pidfd.  Needs root. */
#define _GNU_SOURCE
#include "kselftest_harness.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "kq_test.h"

#define EXIT_FLAGS	(EV_CLEAR | EV_ONESHOT | EV_EOF)
#define USER		1000

/* A queue, and a pipe whose closing tells children to go on. */
FIXTURE(procdesc) {
	int kq;
	int go[2];
};

FIXTURE_SETUP(procdesc)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, pipe2(self->go, O_CLOEXEC));
}

FIXTURE_TEARDOWN(procdesc)
{
	close(self->kq);
}

static void wait_to_go(const int go[2])
{
	char byte;

	close(go[1]);
	if (read(go[0], &byte, 1))
		_exit(99);
}

/* A child that waits and then exits. */
static pid_t child_exits(const int go[2], int code)
{
	pid_t pid = fork();

	if (!pid) {
		wait_to_go(go);
		_exit(code);
	}
	return pid;
}

static int pidfd_of(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static int add(int kq, int pidfd)
{
	return kq_change(kq, pidfd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0,
			 NULL);
}

/* What wait() says, without waiting; 0 when it says nothing. */
static int status_now(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid ? status : 0;
}

/* EXIT, data = status, EOF|ONESHOT|CLEAR */
TEST_F(procdesc, exit_status)
{
	pid_t pid = child_exits(self->go, 7);
	int pidfd = pidfd_of(pid);

	ASSERT_LE(0, pidfd);
	ASSERT_EQ(0, add(self->kq, pidfd));
	EXPECT_EQ(0, kq_pending(self->kq));
	close(self->go[1]);
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 7 << 8);
	EXPECT_EQ(7 << 8, status_now(pid));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pidfd, EVFILT_PROCDESC,
				     EV_DELETE, 0, 0, NULL));
}

TEST_F(procdesc, killed)
{
	pid_t pid = child_exits(self->go, 7);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, add(self->kq, pidfd));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, SIGKILL);
	EXPECT_EQ(SIGKILL, status_now(pid));
}

/* already exited fires at once */
TEST_F(procdesc, zombie)
{
	pid_t pid = child_exits(self->go, 3);
	int pidfd = pidfd_of(pid);
	siginfo_t info;

	close(self->go[1]);
	ASSERT_EQ(0, waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	ASSERT_EQ(0, add(self->kq, pidfd));
	EXPECT_EQ(3 << 8, status_now(pid));
	/* What was seen is kept. */
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 3 << 8);
}

/* it cannot be registered once it was waited for */
TEST_F(procdesc, reaped)
{
	pid_t pid = child_exits(self->go, 3);
	int pidfd = pidfd_of(pid);

	close(self->go[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-ESRCH, add(self->kq, pidfd));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pidfd, EVFILT_PROCDESC,
				     EV_DELETE, 0, 0, NULL));
}

/* nobody waits: SIGCHLD ignored */
TEST_F(procdesc, reaped_by_itself)
{
	pid_t pid;
	int pidfd;

	signal(SIGCHLD, SIG_IGN);
	pid = child_exits(self->go, 9);
	pidfd = pidfd_of(pid);
	ASSERT_EQ(0, add(self->kq, pidfd));
	close(self->go[1]);
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 9 << 8);
}

struct thread_end {
	int	go[2];
	bool	group;
};

static void *end_as_thread(void *arg)
{
	struct thread_end *end = arg;

	wait_to_go(end->go);
	syscall(end->group ? SYS_exit_group : SYS_exit, 6);
	return NULL;
}

/* A child whose leader leaves first, with 5, and a thread with 6. */
static pid_t child_outlives_leader(const int go[2], bool group)
{
	struct thread_end end = { { go[0], go[1] }, group };
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		if (pthread_create(&thread, NULL, end_as_thread, &end))
			_exit(98);
		syscall(SYS_exit, 5);
	}
	return pid;
}

/* Wait until the leader is a zombie.  0 when it is. */
static int until_zombie(pid_t pid)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * INT64_C(1000000000);
	char path[64], stat[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (kq_now(CLOCK_MONOTONIC) < end) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
		stat[n < 0 ? 0 : n] = '\0';
		p = strrchr(stat, ')');
		if (p && p[1] == ' ' && p[2] == 'Z')
			return 0;
		sched_yield();
	}
	return -1;
}

/*
 * The event comes when the last thread is gone, registered before the leader
 * left or after.  Which of the two codes counts, if neither ended them all, is
 * not the same on every kernel: what wait() says.
 */
static void leader_leaves(struct __test_metadata *_metadata, int kq,
			  const int go[2], bool group)
{
	pid_t pid = child_outlives_leader(go, group);
	int pidfd = pidfd_of(pid), late = kqueue(), status;
	struct kevent ev;

	ASSERT_EQ(0, add(kq, pidfd));
	ASSERT_EQ(0, until_zombie(pid));
	ASSERT_EQ(0, add(late, pidfd));
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(0, kq_pending(late));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	close(go[1]);
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(NOTE_EXIT, ev.fflags);
	EXPECT_EQ(EXIT_FLAGS, ev.flags);
	status = status_now(pid);
	EXPECT_EQ(ev.data, status);
	EXPECT_EQ(true, status == 6 << 8 || (status == 5 << 8 && !group));
	KQ_EXPECT_EVENT(late, pidfd, EVFILT_PROCDESC, EXIT_FLAGS, NOTE_EXIT,
			status);
	EXPECT_EQ(0, kq_pending(kq));
	close(late);
}

TEST_F(procdesc, leader_leaves_first)
{
	leader_leaves(_metadata, self->kq, self->go, false);
}

TEST_F(procdesc, leader_leaves_first_and_a_thread_ends_all)
{
	leader_leaves(_metadata, self->kq, self->go, true);
}

static void *exec_as_thread(void *arg)
{
	int *fd = arg;

	dup2(fd[0], 0);
	execl("/bin/sh", "sh", "-c", "echo; read line; exit 4", NULL);
	_exit(97);
}

/* an exec by a thread that is not the leader is no exit */
TEST_F(procdesc, exec_by_a_thread)
{
	int pidfd, said[2];
	pthread_t thread;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(said, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		close(self->go[1]);
		dup2(said[1], 1);
		/* Registered by now: the parent writes a line. */
		if (read(self->go[0], &byte, 1) != 1 ||
		    pthread_create(&thread, NULL, exec_as_thread, self->go))
			_exit(98);
		for (;;)
			pause();
	}
	pidfd = pidfd_of(pid);
	ASSERT_EQ(0, add(self->kq, pidfd));
	ASSERT_EQ(1, write(self->go[1], "\n", 1));
	ASSERT_EQ(1, read(said[0], &byte, 1));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1, write(self->go[1], "\n", 1));
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 4 << 8);
	EXPECT_EQ(4 << 8, status_now(pid));
}

TEST_F(procdesc, traced)
{
	pid_t pid = child_exits(self->go, 8);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid, 0, 0));
	ASSERT_EQ(0, add(self->kq, pidfd));
	close(self->go[1]);
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 8 << 8);
	EXPECT_EQ(8 << 8, status_now(pid));
}

/* ident = pidfd, else EINVAL; EBADF if closed or O_PATH */
TEST_F(procdesc, not_a_pidfd)
{
	const int fd[] = {
		self->go[0], eventfd(0, 0), socket(AF_UNIX, SOCK_STREAM, 0),
		open("/proc/self", O_RDONLY | O_DIRECTORY),
		open("/proc/self/stat", O_RDONLY), open("/dev/null", O_RDONLY),
		memfd_create("[pidfd]", 0), kqueue(),
		open("/proc/self/ns/pid", O_RDONLY),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(-EINVAL, add(self->kq, fd[i]));
	}
	EXPECT_EQ(-EBADF, add(self->kq, 1000));
	EXPECT_EQ(-EBADF, kq_add(self->kq, UINTPTR_MAX, EVFILT_PROCDESC, 0));
	EXPECT_EQ(-EBADF, add(self->kq, open("/", O_PATH)));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* a close of that descriptor removes the knote, dups or not */
TEST_F(procdesc, goes_with_its_descriptor)
{
	pid_t pid = child_exits(self->go, 1);
	int pidfd = pidfd_of(pid), copy = dup(pidfd);

	ASSERT_EQ(0, add(self->kq, pidfd));
	ASSERT_EQ(0, add(self->kq, copy));
	ASSERT_EQ(0, close(pidfd));
	close(self->go[1]);
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 1 << 8);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(1 << 8, status_now(pid));
}

/* what has fired goes too */
TEST_F(procdesc, goes_with_its_descriptor_when_fired)
{
	pid_t pid = child_exits(self->go, 1);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, add(self->kq, pidfd));
	close(self->go[1]);
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(0, close(pidfd));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(1 << 8, status_now(pid));
}

/* at exit without EXIT asked the knote vanishes */
TEST_F(procdesc, exit_not_asked)
{
	pid_t pid = child_exits(self->go, 1);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, kq_add(self->kq, pidfd, EVFILT_PROCDESC, 0));
	close(self->go[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pidfd, EVFILT_PROCDESC,
				     EV_DELETE, 0, 0, NULL));
}

/* DISABLE holds back, and ENABLE delivers what was collected */
TEST_F(procdesc, disabled_it_collects)
{
	pid_t pid = child_exits(self->go, 2);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, kq_change(self->kq, pidfd, EVFILT_PROCDESC,
			       EV_ADD | EV_DISABLE, NOTE_EXIT, 0, NULL));
	close(self->go[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, pidfd, EVFILT_PROCDESC, EV_ENABLE,
			       NOTE_EXIT, 0, NULL));
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 2 << 8);
}

/* EFAULT on eventlist loses nothing, one-shots included */
TEST_F(procdesc, fault_loses_nothing)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	pid_t pid = child_exits(self->go, 2);
	int pidfd = pidfd_of(pid);

	ASSERT_EQ(0, add(self->kq, pidfd));
	close(self->go[1]);
	ASSERT_EQ(-1, kevent(self->kq, NULL, 0, (struct kevent *)8, 1,
			     &patience));
	ASSERT_EQ(EFAULT, errno);
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 2 << 8);
	EXPECT_EQ(2 << 8, status_now(pid));
}

TEST_F(procdesc, wakes_a_sleeping_thread)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	struct kq_waiter w = { .kq = self->kq, .timeout = &patience };
	pid_t pid = child_exits(self->go, 2);

	ASSERT_EQ(0, add(self->kq, pidfd_of(pid)));
	ASSERT_EQ(0, kq_waiter_start(&w));
	close(self->go[1]);
	ASSERT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(NOTE_EXIT, w.ev[0].fflags);
	EXPECT_EQ(2 << 8, w.ev[0].data);
}

/* exactly one event each, however short it lived */
TEST_F(procdesc, exit_races_registration)
{
	int i, pidfd;
	pid_t pid;

	for (i = 1; i <= 200; i++) {
		pid = fork();
		if (!pid)
			_exit(i);
		pidfd = pidfd_of(pid);
		ASSERT_LE(0, pidfd);
		ASSERT_EQ(0, add(self->kq, pidfd));
		KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
				NOTE_EXIT, i << 8);
		EXPECT_EQ(i << 8, status_now(pid));
		ASSERT_EQ(0, close(pidfd));
	}
	EXPECT_EQ(0, kq_pending(self->kq));
}

/*
 * Another process that is no parent, as @uid, watches @pidfd.  Its exit code
 * is what the event says of the status: that, or 0.
 */
static pid_t child_watches(uid_t uid, int pidfd, const int go[2], int said)
{
	struct kevent ev;
	pid_t pid = fork();
	int kq;

	if (pid)
		return pid;
	close(go[1]);
	if (setresuid(uid, uid, uid))
		_exit(90);
	kq = kqueue();
	if (kq < 0 || add(kq, pidfd) || write(said, "x", 1) != 1)
		_exit(91);
	if (kq_wait(kq, &ev, 1) != 1 || ev.fflags != NOTE_EXIT ||
	    ev.flags != EXIT_FLAGS || ev.data & 0xff)
		_exit(92);
	_exit(ev.data >> 8);
}

enum becomes { STAYS_ROOT, STAYS_USER, BECOMES_ROOT, UNDUMPABLE };

static pid_t child_becomes(enum becomes becomes, const int go[2], int said)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if ((becomes != STAYS_ROOT && kq_become(USER)) ||
	    (becomes == UNDUMPABLE && prctl(PR_SET_DUMPABLE, 0)) ||
	    write(said, "x", 1) != 1)
		_exit(93);
	wait_to_go(go);
	if (becomes == BECOMES_ROOT && setresuid(0, 0, 0))
		_exit(94);
	_exit(5);
}

/* What a process of @uid that is not the parent is told of such a status. */
static int status_seen(uid_t uid, enum becomes becomes, const int go[2])
{
	int said[2], status = -1;
	pid_t target, watcher;
	char byte;

	if (pipe(said))
		return -1;
	target = child_becomes(becomes, go, said[1]);
	if (read(said[0], &byte, 1) != 1)
		return -1;
	watcher = child_watches(uid, pidfd_of(target), go, said[1]);
	close(said[1]);
	if (read(said[0], &byte, 1) == 1) {
		close(go[1]);
		waitpid(watcher, &status, 0);
	}
	if (waitpid(target, NULL, 0) != target)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* the exit status in data needs the same uids */
TEST_F(procdesc, status_of_the_same_user)
{
	EXPECT_EQ(5, status_seen(USER, STAYS_USER, self->go));
}

TEST_F(procdesc, no_status_of_another_user)
{
	EXPECT_EQ(0, status_seen(USER, STAYS_ROOT, self->go));
}

/* and a dumpable target */
TEST_F(procdesc, no_status_of_the_undumpable)
{
	EXPECT_EQ(0, status_seen(USER, UNDUMPABLE, self->go));
}

/* which it may have been when it exited */
TEST_F(procdesc, no_status_of_what_was_undumpable)
{
	int pidfd, said[2], status;
	pid_t target, watcher;
	char byte;

	ASSERT_EQ(0, pipe(said));
	target = child_becomes(UNDUMPABLE, self->go, said[1]);
	ASSERT_EQ(1, read(said[0], &byte, 1));
	pidfd = pidfd_of(target);
	close(self->go[1]);
	ASSERT_EQ(0, until_zombie(target));
	watcher = child_watches(USER, pidfd, self->go, said[1]);
	ASSERT_EQ(watcher, waitpid(watcher, &status, 0));
	EXPECT_EQ(0, status);
}

/* still so when it exits */
TEST_F(procdesc, no_status_of_who_becomes_another_user)
{
	EXPECT_EQ(0, status_seen(USER, BECOMES_ROOT, self->go));
}

/* or CAP_SYS_PTRACE */
TEST_F(procdesc, status_for_root)
{
	EXPECT_EQ(5, status_seen(0, UNDUMPABLE, self->go));
}

/* a child's status is its parent's to know */
TEST_F(procdesc, status_of_a_child_of_another_user)
{
	int pidfd, said[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(said));
	pid = child_becomes(STAYS_ROOT, self->go, said[1]);
	ASSERT_EQ(1, read(said[0], &byte, 1));
	pidfd = pidfd_of(pid);
	ASSERT_EQ(0, setresuid(USER, USER, USER));
	ASSERT_EQ(0, add(self->kq, pidfd));
	close(self->go[1]);
	KQ_EXPECT_EVENT(self->kq, pidfd, EVFILT_PROCDESC, EXIT_FLAGS,
			NOTE_EXIT, 5 << 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(5 << 8, status);
}

TEST_HARNESS_MAIN
