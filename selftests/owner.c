// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a queue is.  The library closes queues in forked children, so the
 * copies here are made of descriptors opened without it.
 */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include "kq_test.h"

#define FORKS	10000

FIXTURE(owner) {
	int kq;
};

FIXTURE_SETUP(owner)
{
	self->kq = open("/dev/kqueue", O_RDWR);
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
}

FIXTURE_TEARDOWN(owner)
{
	close(self->kq);
}

/* The call itself: 0 or more, or a negative errno. */
static int raw(int kq, const struct kq_kevent *arg)
{
	int r = ioctl(kq, KQ_IOC_KEVENT, arg);

	return r < 0 ? -errno : r;
}

/* How many kinds of calls on kq don't give EBADF. */
static int not_refused(int kq)
{
	struct kq_event kev = { .ident = 1, .filter = EVFILT_USER,
				.flags = EV_ADD, .fflags = NOTE_TRIGGER };
	struct kq_event ev;
	struct kq_kevent call[] = {
		{ 0 },
		{ .changelist = (uintptr_t)&kev, .nchanges = 1 },
		{ .eventlist = (uintptr_t)&ev, .nevents = 1 },
		{ .changelist = (uintptr_t)&kev, .nchanges = 1,
		  .eventlist = (uintptr_t)&ev, .nevents = 1 },
		{ .nchanges = -1, .nevents = -1, .timeout = 8 },
		{ .changelist = 8, .nchanges = 1, .reserved = 0 },
	};
	unsigned int i;
	int n = 0;

	for (i = 0; i < ARRAY_SIZE(call); i++)
		n += raw(kq, &call[i]) != -EBADF;
	return n;
}

/* Is kq the caller's own? */
static int owned(int kq)
{
	return ioctl(kq, KQ_IOC_OWNED);
}

/* The exit status of a child, or of any with -1; -1 if there is none. */
static int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) <= 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/*
 * Opened in another descriptor table (a forked child's copy): EBADF, whatever
 * the call.
 */
TEST_F(owner, forked_child)
{
	pid_t pid;

	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	pid = fork();
	if (pid == 0)
		_exit(not_refused(self->kq) + 100 * owned(self->kq));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(1, owned(self->kq));

	/* What it tried left no trace, and nor did its exit. */
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, EV_CLEAR, 0, 0);
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* A child's copy and its dup, closed by the child: the parent's lives on. */
TEST_F(owner, child_closes_its_copy)
{
	pid_t pid = fork();

	if (pid == 0) {
		int copy = dup(self->kq), bad = not_refused(copy);

		close(self->kq);
		_exit(bad + close(copy));
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* The child of a child; and the children's own queues are their own. */
TEST_F(owner, grandchild)
{
	pid_t pid = fork();

	if (pid == 0) {
		int mine = kqueue(), bad = owned(mine) != 1;

		bad += kq_add(mine, 1, EVFILT_USER, EV_CLEAR) != 0;
		bad += kq_trigger(mine, 1) != 0;
		pid = fork();
		if (pid == 0)
			_exit(not_refused(self->kq));
		_exit(status_of(pid) + bad + (kq_pending(mine) != 1));
	}
	EXPECT_EQ(0, status_of(pid));
}

/* A child cannot watch its parent's queue, or that queue anything. */
TEST_F(owner, child_watches_the_copy)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct pollfd pfd = { .fd = self->kq, .events = POLLIN };
		int mine = kqueue();

		if (kq_add(self->kq, mine, EVFILT_READ, 0) != -EBADF)
			_exit(1);
		poll(&pfd, 1, 0);
		_exit(0);
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A forked child does not have the library's queues. */
TEST(library_closes_queues_in_children)
{
	int kq = kqueue(), copy = dup(kq);
	pid_t pid = fork();

	if (pid == 0) {
		if (fcntl(kq, F_GETFD) != -1 || errno != EBADF)
			_exit(1);
		_exit(kq_add(kq, 1, EVFILT_USER, 0) != -EBADF ||
		      kq_add(copy, 1, EVFILT_USER, 0) != -EBADF);
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_add(kq, 1, EVFILT_USER, 0));
	EXPECT_EQ(0, kq_trigger(copy, 1));
	EXPECT_EQ(1, kq_pending(kq));
}

/* A number that is something else by now stays open in the child. */
TEST(library_closes_nothing_else)
{
	int kq = kqueue(), p[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(kq, dup2(p[1], kq));
	pid = fork();
	if (pid == 0)
		_exit(write(kq, "x", 1) != 1);
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(1, read(p[0], &p[1], 1));
}

/* Send a descriptor over a socket. */
static int send_fd(int s, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(s, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int s)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	int fd;

	if (recvmsg(s, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* ... one passed by SCM_RIGHTS: EBADF. */
TEST(passed_over_a_socket)
{
	int s[2], kq, back;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid = fork();
	if (pid == 0) {
		kq = receive_fd(s[1]);
		_exit(kq < 0 || not_refused(kq) || owned(kq) ||
		      send_fd(s[1], kq));
	}
	/* Made after the fork, so that the message alone can bring it over. */
	kq = kqueue();
	ASSERT_EQ(0, kq_add(kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, send_fd(s[0], kq));
	EXPECT_EQ(0, status_of(pid));

	/* What comes back is a dup. */
	back = receive_fd(s[0]);
	ASSERT_LE(0, back);
	EXPECT_EQ(1, owned(back));
	EXPECT_EQ(0, kq_trigger(back, 1));
	EXPECT_EQ(1, kq_pending(kq));
}

/* A process that shares the descriptor table and nothing else. */
static pid_t share(void)
{
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

/* Processes that share the table share the queue. */
TEST_F(owner, clone_files)
{
	pid_t pid = share();

	if (pid == 0)
		_exit(owned(self->kq) != 1 ||
		      kq_trigger(self->kq, 1) ||
		      kq_add(self->kq, 2, EVFILT_USER, 0) ||
		      kq_trigger(self->kq, 2));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(2, kq_pending(self->kq));

	/* The process that opened it is gone, but not the table. */
	pid = share();
	if (pid == 0)
		_exit(open("/dev/kqueue", O_RDWR) < 0 ||
		      kq_add(self->kq, 3, EVFILT_USER, 0));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_trigger(self->kq, 3));
}

/*
 * A process that shares the table and runs another program leaves it: its signals
 * are no longer counted.
 */
TEST_F(owner, signals_of_a_program_that_left)
{
	pid_t pid = share();

	if (pid == 0) {
		if (kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0))
			_exit(1);
		signal(SIGUSR1, SIG_IGN);
		kill(getpid(), SIGUSR1);
		execl("/bin/sh", "sh", "-c", "kill -USR1 $$", NULL);
		_exit(2);
	}
	EXPECT_EQ(0, status_of(pid));
	KQ_EXPECT_EVENT(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_CLEAR, 0, 1);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* One that takes its queue along has them counted. */
TEST_F(owner, signals_of_a_program_that_has_kept_it)
{
	char command[128];
	pid_t pid = fork();

	if (pid == 0) {
		int kq = open("/dev/kqueue", O_RDWR);

		snprintf(command, sizeof(command),
			 "kill -USR1 $$; grep -q pending:1 /proc/$$/fdinfo/%d",
			 kq);
		if (fcntl(kq, F_SETFD, 0) ||
		    kq_add(kq, SIGUSR1, EVFILT_SIGNAL, 0))
			_exit(101);
		signal(SIGUSR1, SIG_IGN);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(102);
	}
	EXPECT_EQ(0, status_of(pid));
}

/* Each process of the table has its signals; how many have had some is bounded. */
TEST_F(owner, signals_of_each_process)
{
	int i;

	signal(SIGUSR1, SIG_IGN);
	for (i = 0; i < 65; i++) {
		pid_t pid = share();

		if (pid == 0)
			_exit(-kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
		EXPECT_EQ(i < 64 ? 0 : ENOMEM, status_of(pid));
		if (i)
			continue;
		ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
		kill(getpid(), SIGUSR1);
		KQ_EXPECT_EVENT(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_CLEAR, 0,
				1);
		ASSERT_EQ(0, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL,
				       EV_DELETE, 0, 0, NULL));
		EXPECT_EQ(-ENOENT, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL,
					     EV_DELETE, 0, 0, NULL));
	}
}

/* A queue that another process of the table has opened outlives it. */
TEST(opened_by_a_sharing_process)
{
	pid_t pid = share();
	int kq;

	if (pid == 0) {
		kq = open("/dev/kqueue", O_RDWR);
		if (kq < 0 || kq > 250 || kq_add(kq, 1, EVFILT_USER, 0))
			_exit(255);
		_exit(kq);
	}
	kq = status_of(pid);
	ASSERT_LT(0, kq);
	ASSERT_GT(255, kq);
	EXPECT_EQ(1, owned(kq));
	EXPECT_EQ(0, kq_trigger(kq, 1));
	EXPECT_EQ(1, kq_pending(kq));
}

/* A sharing process that gets a table of its own has lost the queue. */
TEST_F(owner, unshared_table)
{
	pid_t pid = share();

	if (pid == 0) {
		if (owned(self->kq) != 1 || unshare(CLONE_FILES))
			_exit(1);
		_exit(not_refused(self->kq) + owned(self->kq));
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
}

static void *add_from_thread(void *arg)
{
	int *kq = arg;

	*kq = kqueue();
	kq_add(*kq, 1, EVFILT_USER, EV_CLEAR);
	return NULL;
}

/* Threads share the queue; one that made it may be gone. */
TEST(threads_share_it)
{
	pthread_t thread;
	int kq = -1;

	ASSERT_EQ(0, pthread_create(&thread, NULL, add_from_thread, &kq));
	pthread_join(thread, NULL);
	ASSERT_LE(0, kq);
	EXPECT_EQ(0, kq_trigger(kq, 1));
	EXPECT_EQ(1, kq_pending(kq));
}

/*
 * The owner's last descriptor goes while a child keeps a copy: the queue is
 * dead for ever, also when the copy comes back.
 */
TEST(owner_closes_and_gets_it_back)
{
	long long knotes = kq_param("knotes");
	int s[2], kq, back;
	pid_t pid;
	char c;

	ASSERT_LE(0, knotes);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	kq = open("/dev/kqueue", O_RDWR);
	ASSERT_EQ(0, kq_add(kq, 1, EVFILT_USER, EV_CLEAR));
	pid = fork();
	if (pid == 0) {
		if (read(s[1], &c, 1) != 1 || not_refused(kq))
			_exit(1);
		_exit(send_fd(s[1], kq));
	}
	close(kq);
	EXPECT_EQ(knotes, kq_param("knotes"));
	ASSERT_EQ(1, write(s[0], "x", 1));
	back = receive_fd(s[0]);
	EXPECT_EQ(0, status_of(pid));
	ASSERT_LE(0, back);
	EXPECT_EQ(0, not_refused(back));
	EXPECT_EQ(0, owned(back));
}

/*
 * The same while a thread sleeps in it: what comes back is nobody's, and the end
 * of that is not another close of the queue.
 */
TEST_F(owner, comes_back_beside_a_sleeper)
{
	struct kq_waiter w = { .kq = self->kq };
	int s[2], p[2], back;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, s) || pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, send_fd(s[0], self->kq));
	EXPECT_EQ(0, close(self->kq));
	back = receive_fd(s[1]);
	ASSERT_LE(0, back);
	EXPECT_EQ(0, not_refused(back));
	EXPECT_EQ(0, owned(back));
	EXPECT_EQ(0, close(back));
	ASSERT_EQ(1, write(p[1], "x", 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
}

/* One descriptor is left to the owner, so the queue lives. */
TEST_F(owner, closing_all_but_one)
{
	int copy = dup(self->kq);
	pid_t pid = fork();

	if (pid == 0)
		_exit(pause());
	close(self->kq);
	EXPECT_EQ(1, owned(copy));
	EXPECT_EQ(0, kq_trigger(copy, 1));
	EXPECT_EQ(1, kq_pending(copy));
	close(copy);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * A new process with a descriptor table of its own: 0 if kq is of no use to
 * it.  vfork() copies that table, and no memory.
 */
static int try_in_a_child(int kq)
{
	struct kq_kevent none = { 0 };
	pid_t pid = vfork();

	if (pid == 0)
		_exit(raw(kq, &none) != -EBADF);
	return status_of(pid);
}

/* Whatever address that table has: how many of them could use it. */
static int fork_and_try(int kq)
{
	int i, bad = 0;

	for (i = 0; i < FORKS; i++)
		bad += try_in_a_child(kq) != 0;
	return bad + not_refused(kq);
}

/* The owner: a queue with all kinds of knotes; then a child, then the end. */
static void own_and_exit(int w, int go)
{
	int kq = open("/dev/kqueue", O_RDWR), i;
	pid_t pid;
	char c;

	for (i = 0; i < 100; i++)
		if (kq_change(kq, i, EVFILT_TIMER, EV_ADD, 0, 1, NULL) ||
		    kq_add(kq, i, EVFILT_USER, 0) || kq_trigger(kq, i))
			_exit(1);
	if (kq_add(kq, w, EVFILT_WRITE, 0))
		_exit(1);
	pid = fork();
	if (pid == 0) {
		/* It keeps the queue, but not the pipe that is watched. */
		close(w);
		if (read(go, &c, 1) != 1)
			_exit(1);
		_exit(fork_and_try(kq) != 0);
	}
	_exit(pid < 0);
}

FIXTURE(heir) {
	long long knotes, callouts;
};

FIXTURE_SETUP(heir)
{
	self->knotes = kq_param("knotes");
	self->callouts = kq_param("callouts");
	ASSERT_LE(0, self->knotes);
	ASSERT_LE(0, self->callouts);
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

FIXTURE_TEARDOWN(heir)
{
}

/*
 * An owner exits while its child keeps the descriptor and forks 10^4 times:
 * every timer and reference is gone at the owner's exit, and it is EBADF
 * always.
 */
TEST_F_TIMEOUT(heir, owner_exits, 120)
{
	int watched[2], go[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(watched));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (pid == 0) {
		close(watched[0]);
		close(go[1]);
		own_and_exit(watched[1], go[0]);
	}
	close(watched[1]);
	ASSERT_EQ(0, status_of(pid));
	EXPECT_EQ(self->knotes, kq_param("knotes"));
	EXPECT_EQ(self->callouts, kq_param("callouts"));
	/* Nobody can write any more: the knote's reference is gone too. */
	EXPECT_EQ(0, read(watched[0], &c, 1));

	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(0, status_of(-1));
	EXPECT_EQ(self->knotes, kq_param("knotes"));
}

/* The same where the owner is killed. */
TEST_F(heir, owner_is_killed)
{
	int born[2], go[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(born));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (pid == 0) {
		int kq = open("/dev/kqueue", O_RDWR);
		struct kevent ev;

		kq_change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000,
			  NULL);
		if (fork() == 0) {
			if (write(born[1], "x", 1) != 1 ||
			    read(go[0], &c, 1) != 1)
				_exit(1);
			_exit(not_refused(kq));
		}
		_exit(kevent(kq, NULL, 0, &ev, 1, NULL));
	}
	ASSERT_EQ(1, read(born[0], &c, 1));
	EXPECT_EQ(self->knotes + 1, kq_param("knotes"));
	EXPECT_EQ(self->callouts + 1, kq_param("callouts"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(self->knotes, kq_param("knotes"));
	EXPECT_EQ(self->callouts, kq_param("callouts"));
	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(0, status_of(-1));
}

TEST_HARNESS_MAIN
