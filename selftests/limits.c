// SPDX-License-Identifier: GPL-2.0
/*
 * Bounds: the parameters and counters in /sys/module/kqueue/parameters, the
 * cap on one file's watchers, memory cgroups, and sheer numbers.
 */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "kq_test.h"

#define ALICE	12341
#define BOB	12342

/*
 * The user on whose behalf the test goes on; root stays one call away.  All
 * tests count the knotes of ALICE and BOB, who have none elsewhere.
 */
static int become(uid_t uid)
{
	return setresuid(0, 0, 0) || setresuid(uid, uid, 0) ? -errno : 0;
}

/* Freed memory may be given back a little later; wait until it was. */
static int settles(const char *name, long long value)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) +
		      KQ_PATIENCE * INT64_C(1000000000);

	while (kq_param(name) != value) {
		if (kq_now(CLOCK_MONOTONIC) > end)
			return 0;
		sched_yield();
	}
	return 1;
}

/* Add n idle USER knotes, or timers, from ident first on.  0 or an errno. */
static int add_many(int kq, short filter, uintptr_t first, int n)
{
	struct kevent kev[500];
	int i, j;

	for (i = 0; i < n; i += j) {
		for (j = 0; j < (int)ARRAY_SIZE(kev) && i + j < n; j++)
			EV_SET(&kev[j], first + i + j, filter, EV_ADD,
			       filter == EVFILT_TIMER ? NOTE_SECONDS : 0, 3600,
			       NULL);
		if (kevent(kq, kev, j, NULL, 0, NULL) < 0)
			return -errno;
	}
	return 0;
}

FIXTURE(limits) {
	int kq;
	long long max_knotes, knotes, callouts;
};

FIXTURE_SETUP(limits)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->max_knotes = kq_param("max_knotes");
	ASSERT_LT(0, self->max_knotes);
	self->knotes = kq_param("knotes");
	ASSERT_LE(0, self->knotes);
	self->callouts = kq_param("callouts");
	ASSERT_LE(0, self->callouts);
}

FIXTURE_TEARDOWN(limits)
{
	setresuid(0, 0, 0);
	kq_set_param("max_knotes", self->max_knotes);
	close(self->kq);
}

/*
 * Module parameters, readable and writable in sysfs: max_knotes, calloutmax,
 * and counters for both.
 */
TEST_F(limits, parameters)
{
	static const char *const limit[] = { "max_knotes", "calloutmax" };
	static const char *const counter[] = { "knotes", "callouts" };
	long long value;
	int i;

	for (i = 0; i < 2; i++) {
		value = kq_param(limit[i]);
		ASSERT_LT(0, value);
		EXPECT_EQ(0, kq_set_param(limit[i], value + 1));
		EXPECT_EQ(value + 1, kq_param(limit[i]));
		EXPECT_EQ(0, kq_set_param(limit[i], value));
		EXPECT_EQ(value, kq_param(limit[i]));

		EXPECT_GT(0, kq_set_param(counter[i], 0));
	}
	ASSERT_EQ(0, become(ALICE));
	for (i = 0; i < 2; i++) {
		EXPECT_LT(0, kq_param(limit[i]));
		EXPECT_LE(0, kq_param(counter[i]));
		EXPECT_EQ(-EACCES, kq_set_param(limit[i], 1));
		EXPECT_EQ(-EACCES, kq_set_param(counter[i], 1));
	}
}

/* max_knotes: beyond it ENOMEM and nothing else harmed. */
TEST_F(limits, enomem_beyond_max_knotes)
{
	struct kevent kev, ev[2];
	int kq, other, p[2];

	ASSERT_EQ(0, kq_set_param("max_knotes", 10));
	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	other = kqueue();
	ASSERT_LE(0, kq);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, add_many(kq, EVFILT_USER, 0, 10));

	/* Of no filter, on no queue of hers, in no form. */
	EXPECT_EQ(-ENOMEM, kq_add(kq, 10, EVFILT_USER, 0));
	EXPECT_EQ(-ENOMEM, kq_add(kq, 10, EVFILT_TIMER, EV_ONESHOT));
	EXPECT_EQ(-ENOMEM, kq_add(kq, p[0], EVFILT_READ, 0));
	EXPECT_EQ(-ENOMEM, kq_add(other, 0, EVFILT_USER, 0));
	EV_SET(&kev, 10, EVFILT_USER, EV_ADD, 0, 0, NULL);
	ASSERT_EQ(1, kevent(kq, &kev, 1, ev, 2, NULL));
	EXPECT_EQ(EV_ERROR, ev[0].flags);
	EXPECT_EQ(ENOMEM, ev[0].data);
	EXPECT_EQ(-ENOENT, kq_change(kq, 10, EVFILT_USER, EV_DELETE, 0, 0,
				     NULL));
	EXPECT_EQ(self->knotes + 10, kq_param("knotes"));
	EXPECT_EQ(self->callouts, kq_param("callouts"));

	/* What is there goes on, and can be changed. */
	ASSERT_EQ(0, kq_change(kq, 9, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 4,
			       NULL));
	ASSERT_EQ(1, kq_poll(kq, ev, 2));
	EXPECT_EQ(9U, ev[0].ident);
	EXPECT_EQ(4, ev[0].data);

	/* One gone, one more, at once. */
	ASSERT_EQ(0, kq_change(kq, 0, EVFILT_USER, EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(0, kq_add(kq, p[0], EVFILT_READ, 0));
	EXPECT_EQ(-ENOMEM, kq_add(kq, 0, EVFILT_USER, 0));
	ASSERT_EQ(0, close(p[0]));
	EXPECT_EQ(0, kq_add(other, 0, EVFILT_USER, 0));
	EXPECT_EQ(-ENOMEM, kq_add(kq, 0, EVFILT_USER, 0));
	ASSERT_EQ(0, close(kq));
	EXPECT_EQ(0, add_many(other, EVFILT_USER, 1, 9));
	EXPECT_EQ(-ENOMEM, kq_add(other, 10, EVFILT_USER, 0));
}

/* A lower max_knotes takes nothing away; a higher one counts at once. */
TEST_F(limits, max_knotes_changes)
{
	int kq;

	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	ASSERT_LE(0, kq);
	ASSERT_EQ(0, add_many(kq, EVFILT_USER, 0, 20));
	ASSERT_EQ(0, become(0));
	ASSERT_EQ(0, kq_set_param("max_knotes", 5));
	EXPECT_EQ(-ENOMEM, kq_add(kq, 20, EVFILT_USER, 0));
	EXPECT_EQ(0, kq_change(kq, 19, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL));
	EXPECT_EQ(1, kq_pending(kq));
	ASSERT_EQ(0, kq_set_param("max_knotes", 21));
	EXPECT_EQ(0, kq_add(kq, 20, EVFILT_USER, 0));
	EXPECT_EQ(-ENOMEM, kq_add(kq, 21, EVFILT_USER, 0));
}

/* max_knotes is per user. */
TEST_F(limits, each_user_has_its_own)
{
	int alice, bob;

	ASSERT_EQ(0, kq_set_param("max_knotes", 5));
	ASSERT_EQ(0, become(ALICE));
	alice = kqueue();
	ASSERT_EQ(0, become(BOB));
	bob = kqueue();
	ASSERT_LE(0, alice);
	ASSERT_LE(0, bob);
	ASSERT_EQ(0, add_many(alice, EVFILT_USER, 0, 5));
	EXPECT_EQ(-ENOMEM, kq_add(alice, 5, EVFILT_USER, 0));
	ASSERT_EQ(0, add_many(bob, EVFILT_USER, 0, 5));
	EXPECT_EQ(-ENOMEM, kq_add(bob, 5, EVFILT_USER, 0));
}

/* The user who opened the queue is charged, not the one who adds. */
TEST_F(limits, opener_is_charged)
{
	int alice, bob;

	ASSERT_EQ(0, kq_set_param("max_knotes", 5));
	ASSERT_EQ(0, become(ALICE));
	alice = kqueue();
	ASSERT_LE(0, alice);
	ASSERT_EQ(0, become(BOB));
	ASSERT_EQ(0, add_many(alice, EVFILT_USER, 0, 5));
	EXPECT_EQ(-ENOMEM, kq_add(alice, 5, EVFILT_USER, 0));
	bob = kqueue();
	ASSERT_LE(0, bob);
	EXPECT_EQ(0, add_many(bob, EVFILT_USER, 0, 5));

	/* Given back to whom it was taken from. */
	ASSERT_EQ(0, kq_change(alice, 0, EVFILT_USER, EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(-ENOMEM, kq_add(bob, 5, EVFILT_USER, 0));
	EXPECT_EQ(0, kq_add(alice, 0, EVFILT_USER, 0));
}

/* The counters follow DELETE, a delivered one-shot, a closed descriptor. */
TEST_F(limits, counters_follow)
{
	struct kevent ev;
	int kq = kqueue(), p[2];

	ASSERT_LE(0, kq);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, add_many(kq, EVFILT_USER, 0, 100));
	ASSERT_EQ(0, add_many(kq, EVFILT_TIMER, 0, 50));
	ASSERT_EQ(0, kq_add(kq, p[0], EVFILT_READ, 0));
	EXPECT_EQ(self->knotes + 151, kq_param("knotes"));
	EXPECT_EQ(self->callouts + 50, kq_param("callouts"));

	/* Changes of what is there count nothing. */
	ASSERT_EQ(0, add_many(kq, EVFILT_USER, 0, 100));
	ASSERT_EQ(0, add_many(kq, EVFILT_TIMER, 0, 50));
	EXPECT_EQ(self->knotes + 151, kq_param("knotes"));
	EXPECT_EQ(self->callouts + 50, kq_param("callouts"));

	ASSERT_EQ(0, kq_change(kq, 7, EVFILT_USER, EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, kq_change(kq, 7, EVFILT_TIMER, EV_DELETE, 0, 0, NULL));
	EXPECT_TRUE(settles("knotes", self->knotes + 149));
	EXPECT_TRUE(settles("callouts", self->callouts + 49));

	ASSERT_EQ(0, kq_add(kq, 1000, EVFILT_TIMER, EV_ONESHOT));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_TRUE(settles("knotes", self->knotes + 149));
	EXPECT_TRUE(settles("callouts", self->callouts + 49));

	ASSERT_EQ(0, close(p[0]));
	EXPECT_TRUE(settles("knotes", self->knotes + 148));

	ASSERT_EQ(0, close(kq));
	EXPECT_TRUE(settles("knotes", self->knotes));
	EXPECT_TRUE(settles("callouts", self->callouts));
}

/* Close drops every knote at the last descriptor of the queue, not before. */
TEST_F(limits, dup_of_a_queue_keeps_it)
{
	int kq = kqueue(), copy;

	ASSERT_LE(0, kq);
	copy = dup(kq);
	ASSERT_EQ(0, add_many(kq, EVFILT_USER, 0, 10));
	ASSERT_EQ(0, close(kq));
	EXPECT_EQ(self->knotes + 10, kq_param("knotes"));
	ASSERT_EQ(0, close(copy));
	EXPECT_TRUE(settles("knotes", self->knotes));
}

/* A process that fills a queue, says so, and sleeps in it for ever. */
static void fill_and_sleep(int ready)
{
	struct kevent ev;
	int kq = kqueue();

	if (kq < 0 || add_many(kq, EVFILT_USER, 0, 100) ||
	    add_many(kq, EVFILT_TIMER, 0, 50) ||
	    kq_change(kq, 50, EVFILT_TIMER, EV_ADD | EV_DISABLE, NOTE_NSECONDS,
		      1, NULL) ||
	    write(ready, "", 1) != 1)
		_exit(1);
	kevent(kq, NULL, 0, &ev, 1, NULL);
	_exit(2);
}

/* The counters go back when a process is killed. */
TEST_F(limits, counters_after_sigkill)
{
	int p[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		fill_and_sleep(p[1]);
	close(p[1]);
	ASSERT_EQ(1, read(p[0], &byte, 1));
	EXPECT_EQ(self->knotes + 151, kq_param("knotes"));
	EXPECT_EQ(self->callouts + 51, kq_param("callouts"));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(settles("knotes", self->knotes));
	EXPECT_TRUE(settles("callouts", self->callouts));
}

#define CAP	4096

/* Per (file, files) a cap of 4096 watchers: ENOMEM beyond. */
TEST_F_TIMEOUT(limits, watchers_of_one_file, 60)
{
	static struct kevent ev[CAP + 4];
	struct rlimit many = { CAP + 200, CAP + 200 };
	int i, kq, other, p[2], fd[CAP + 4];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	kq = kqueue();
	other = kqueue();
	ASSERT_LE(0, kq);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < CAP + 4; i++) {
		fd[i] = dup(p[0]);
		ASSERT_LE(0, fd[i]);
	}
	for (i = 0; i < CAP; i++) {
		ASSERT_EQ(0, kq_add(kq, fd[i], EVFILT_READ, 0)) {
			TH_LOG("watcher %d", i);
		}
	}
	for (i = CAP; i < CAP + 4; i++) {
		EXPECT_EQ(-ENOMEM, kq_add(kq, fd[i], EVFILT_READ, 0));
		EXPECT_EQ(-ENOMEM, kq_add(other, fd[i], EVFILT_READ, 0));
	}
	/* The other end is another file. */
	EXPECT_EQ(0, kq_add(kq, p[1], EVFILT_WRITE, EV_DISABLE));

	ASSERT_EQ(1, write(p[1], "", 1));
	EXPECT_EQ(CAP, kq_wait(kq, ev, CAP + 4));

	/* One gone, one more. */
	ASSERT_EQ(0, close(fd[0]));
	EXPECT_EQ(0, kq_add(other, fd[CAP], EVFILT_READ, 0));
	EXPECT_EQ(-ENOMEM, kq_add(other, fd[CAP + 1], EVFILT_READ, 0));
	EXPECT_EQ(1, kq_poll(other, ev, 4));
}

/*
 * What is done to a file calls all who watch it: a user has at most 4096 on one,
 * whoever does it, and keeps no other from it.
 */
TEST_F_TIMEOUT(limits, watches_of_one_inode, 120)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	char name[] = "/tmp/kq-limits-XXXXXX";
	int i, kq, fd[CAP + 1];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	i = mkstemp(name);
	ASSERT_LE(0, i);
	ASSERT_EQ(0, fchmod(i, 0644));
	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	for (i = 0; i <= CAP; i++) {
		fd[i] = open(name, O_RDONLY);
		ASSERT_LE(0, fd[i]);
	}
	for (i = 0; i < CAP; i++) {
		ASSERT_EQ(0, kq_change(kq, fd[i], EVFILT_VNODE, EV_ADD,
				       NOTE_OPEN, 0, NULL)) {
			TH_LOG("watch %d", i);
		}
	}
	EXPECT_EQ(-ENOMEM, kq_change(kq, fd[CAP], EVFILT_VNODE, EV_ADD,
				     NOTE_OPEN, 0, NULL));
	EXPECT_EQ(-ENOMEM, kq_change(kq, fd[0], EVFILT_VNODE, 0,
				     NOTE_OPEN | NOTE_WRITE, 0, NULL));

	ASSERT_EQ(0, become(BOB));
	i = kqueue();
	EXPECT_EQ(0, kq_change(i, fd[CAP], EVFILT_VNODE, EV_ADD, NOTE_OPEN, 0,
			       NULL));

	/* One gone, one more, as soon as it is. */
	ASSERT_EQ(0, kq_change(kq, fd[0], EVFILT_VNODE, EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(0, kq_change(kq, fd[CAP], EVFILT_VNODE, EV_ADD, NOTE_OPEN, 0,
			       NULL));
	unlink(name);
}

/* The same of a process, by one knote in each of so many queues. */
TEST_F_TIMEOUT(limits, watches_of_one_process, 120)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	int i, kq = -1, first = -1;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, become(ALICE));
	for (i = 0; i < CAP; i++) {
		kq = kqueue();
		if (!i)
			first = kq;
		ASSERT_EQ(0, kq_change(kq, getppid(), EVFILT_PROC, EV_ADD,
				       NOTE_EXIT, 0, NULL)) {
			TH_LOG("watch %d", i);
		}
	}
	kq = kqueue();
	EXPECT_EQ(-ENOMEM, kq_change(kq, getppid(), EVFILT_PROC, EV_ADD,
				     NOTE_EXIT, 0, NULL));
	ASSERT_EQ(0, close(first));
	EXPECT_EQ(0, kq_change(kq, getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0,
			       NULL));

	ASSERT_EQ(0, become(BOB));
	kq = kqueue();
	EXPECT_EQ(0, kq_change(kq, getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0,
			       NULL));
}

/* And by pidfds, each of which is a file of its own. */
TEST_F_TIMEOUT(limits, pidfds_of_one_process, 120)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	int i, pidfd, kq;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	for (i = 0; i <= CAP; i++) {
		pidfd = syscall(SYS_pidfd_open, getppid(), 0);
		ASSERT_LE(0, pidfd);
		ASSERT_EQ(i < CAP ? 0 : -ENOMEM,
			  kq_change(kq, pidfd, EVFILT_PROCDESC, EV_ADD,
				    NOTE_EXIT, 0, NULL)) {
			TH_LOG("watch %d", i);
		}
	}
	ASSERT_EQ(0, become(BOB));
	kq = kqueue();
	EXPECT_EQ(0, kq_change(kq, pidfd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0,
			       NULL));
}

/* And of a network interface. */
TEST_F_TIMEOUT(limits, watches_of_one_interface, 120)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	int i;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, become(ALICE));
	for (i = 0; i <= CAP; i++)
		ASSERT_EQ(i < CAP ? 0 : -ENOMEM,
			  kq_add(kqueue(), 1, EVFILT_NETDEV, 0)) {
			TH_LOG("watch %d", i);
		}
	ASSERT_EQ(0, become(BOB));
	EXPECT_EQ(0, kq_add(kqueue(), 1, EVFILT_NETDEV, 0));
}

/*
 * At most 65536 sockets to be connected yet a user, which a walk over queues looks
 * at: they are 1024 times 64 descriptors.
 */
TEST_F_TIMEOUT(limits, sockets_to_be_connected, 120)
{
	const int sockets = 1024, each = 64;
	struct rlimit many = { sockets * each + 100, sockets * each + 100 };
	int i, j, fd = -1, kq;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, kq_set_param("max_knotes", 2 * sockets * each));
	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	for (i = 0; i < sockets; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		for (j = 0; j < each; j++)
			ASSERT_EQ(0, kq_add(kq, j ? dup(fd) : fd, EVFILT_WRITE,
					    0)) {
				TH_LOG("socket %d, %d", i, j);
			}
	}
	EXPECT_EQ(-ENOMEM, kq_add(kq, dup(fd), EVFILT_WRITE, 0));
	ASSERT_EQ(0, close(fd));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	EXPECT_EQ(0, kq_add(kq, fd, EVFILT_WRITE, 0));
	ASSERT_EQ(0, become(BOB));
	EXPECT_EQ(0, kq_add(kqueue(), socket(AF_UNIX, SOCK_STREAM, 0),
			    EVFILT_WRITE, 0));
}

/* Directories that are watched are not counted in the one that they are in. */
TEST_F_TIMEOUT(limits, directories_in_one, 120)
{
	static struct kevent ev[CAP + 101];
	struct rlimit many = { CAP + 200, CAP + 200 };
	char dir[] = "/tmp/kq-limits-XXXXXX", name[64];
	int i, fd, wrong = 0, kq = kqueue();

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_TRUE(mkdtemp(dir));
	for (i = 0; i < CAP + 100; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		ASSERT_EQ(0, mkdir(name, 0700));
		fd = open(name, O_RDONLY);
		ASSERT_EQ(0, kq_change(kq, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR,
				       NOTE_DELETE, 0, NULL)) {
			TH_LOG("directory %d", i);
		}
	}
	for (i = 0; i < CAP + 100; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		wrong += rmdir(name) != 0;
	}
	EXPECT_EQ(CAP + 100, kq_poll(kq, ev, CAP + 101));
	for (i = 0; i < CAP + 100; i++)
		wrong += ev[i].fflags != NOTE_DELETE;
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, rmdir(dir));
}

/* A user whose watches take children away in thousands leaves some to the others. */
TEST_F_TIMEOUT(limits, children_for_everybody, 120)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	struct kevent ev[3];
	int i, n, bob;
	pid_t child;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, kq_set_param("max_knotes", 4 * CAP));
	ASSERT_EQ(0, become(BOB));
	bob = kqueue();
	ASSERT_EQ(0, kq_change(bob, getpid(), EVFILT_PROC, EV_ADD, NOTE_TRACK,
			       0, NULL));
	ASSERT_EQ(0, become(ALICE));
	for (i = 0; i < CAP; i++)
		ASSERT_EQ(0, kq_change(kqueue(), getpid(), EVFILT_PROC, EV_ADD,
				       NOTE_TRACK, 0, NULL)) {
			TH_LOG("queue %d", i);
		}
	for (i = 0; i < 2; i++) {
		child = fork();
		if (!child)
			_exit(0);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		n = kq_poll(bob, ev, 3);
		ASSERT_LE(1, n);
		EXPECT_EQ(child, (pid_t)ev[0].ident);
		EXPECT_EQ(NOTE_CHILD, ev[0].fflags);
	}
}

#define MOUNTS	1024

/* At most 1024 watches of mounts a user, each of which has a file. */
TEST_F_TIMEOUT(limits, watches_of_mounts, 60)
{
	int i, kq;

	ASSERT_EQ(0, become(ALICE));
	kq = kqueue();
	for (i = 0; i <= MOUNTS; i++)
		ASSERT_EQ(i < MOUNTS ? 0 : -ENOMEM,
			  kq_add(kq, i, EVFILT_FS, 0)) {
			TH_LOG("watch %d", i);
		}
	ASSERT_EQ(0, kq_change(kq, 0, EVFILT_FS, EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(0, kq_add(kq, MOUNTS, EVFILT_FS, 0));
	ASSERT_EQ(0, become(BOB));
	EXPECT_EQ(0, kq_add(kqueue(), 1, EVFILT_FS, 0));
}

/*
 * At most 4096 watches of queues on queues a user, whoever's call looks at them:
 * ENOMEM beyond, and no other is kept from it.
 */
TEST_F_TIMEOUT(limits, queues_in_queues, 60)
{
	struct rlimit many = { CAP + 200, CAP + 200 };
	int i, outer, another, q = -1;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, become(ALICE));
	outer = kqueue();
	another = kqueue();
	for (i = 0; i < CAP; i++) {
		q = kqueue();
		ASSERT_EQ(0, kq_add(i % 2 ? outer : another, q, EVFILT_READ,
				    0)) {
			TH_LOG("queue %d", i);
		}
	}
	i = kqueue();
	EXPECT_EQ(-ENOMEM, kq_add(outer, i, EVFILT_READ, 0));
	EXPECT_EQ(-ENOMEM, kq_add(another, i, EVFILT_READ, 0));
	ASSERT_EQ(0, become(BOB));
	q = kqueue();
	EXPECT_EQ(0, kq_add(q, i, EVFILT_READ, 0));
	ASSERT_EQ(0, close(outer));
	EXPECT_EQ(0, kq_add(another, i, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_change(i, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0,
			       NULL));
	KQ_EXPECT_EVENT(another, i, EVFILT_READ, 0, 0, 1);
}

#define USERS	100000
#define TIMERS	20000

/*
 * A hundred thousand events and twenty thousand timers on one queue: a call
 * returns all that are ready, up to nevents, with no other limit; close drops
 * every knote.
 */
TEST_F_TIMEOUT(limits, many_on_one_queue, 120)
{
	static struct kevent ev[USERS + 1];
	int i, kq, wrong = 0;

	ASSERT_EQ(0, kq_set_param("max_knotes", 2 * (USERS + TIMERS)));
	kq = kqueue();
	ASSERT_LE(0, kq);
	for (i = 0; i < USERS; i++)
		EV_SET(&ev[i], i, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER,
		       i, NULL);
	ASSERT_EQ(0, kevent(kq, ev, USERS, NULL, 0, NULL));
	ASSERT_EQ(0, add_many(kq, EVFILT_TIMER, 0, TIMERS));
	EXPECT_EQ(self->knotes + USERS + TIMERS, kq_param("knotes"));
	EXPECT_EQ(self->callouts + TIMERS, kq_param("callouts"));

	memset(ev, 0, sizeof(ev));
	ASSERT_EQ(USERS, kq_poll(kq, ev, USERS + 1));
	for (i = 0; i < USERS; i++)
		wrong += ev[i].data != i;
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, kq_poll(kq, ev, 1));
	ASSERT_EQ(0, close(kq));
	EXPECT_TRUE(settles("knotes", self->knotes));
	EXPECT_TRUE(settles("callouts", self->callouts));
}

#define SCANNED		100000
#define SCANNED_SLOW	20000	/* see slow.c */

/* How many events there are to look at. */
static int to_scan(void)
{
	return getenv("KQ_SLOW") ? SCANNED_SLOW : SCANNED;
}

/* What a process that scans shares with the one that kills it. */
struct scanned {
	int ready, go;
	struct kevent ev[SCANNED];
};

static void scan_once(struct scanned *s)
{
	int i, n = to_scan(), kq = kqueue();

	for (i = 0; i < n; i++)
		EV_SET(&s->ev[i], i, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 1, NULL);
	if (kq < 0 || kevent(kq, s->ev, n, NULL, 0, NULL))
		_exit(1);
	memset(s->ev, 0, sizeof(s->ev));
	__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&s->go, __ATOMIC_ACQUIRE))
		sched_yield();
	kq_poll(kq, s->ev, n);
	pause();
}

/* Kill it when it has got somewhere.  How many events it still took, or -1. */
static int kill_while_scanning(struct scanned *s)
{
	int i, status;
	pid_t pid;

	s->ready = 0;
	s->go = 0;
	pid = fork();
	if (!pid)
		scan_once(s);
	while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE)) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return -1;
		sched_yield();
	}
	__atomic_store_n(&s->go, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&s->ev[100].data, __ATOMIC_ACQUIRE))
		sched_yield();
	if (kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid)
		return -1;
	for (i = 0; i < to_scan() && s->ev[i].data; i++)
		;
	return i;
}

/*
 * However much a call has to look at, a thread that makes it can be killed in
 * the middle.  One that was not on its way any more says nothing: try again.
 */
TEST_F_TIMEOUT(limits, a_long_scan_can_be_killed, 120)
{
	struct scanned *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, n = to_scan();

	ASSERT_NE(MAP_FAILED, s);
	ASSERT_EQ(0, kq_set_param("max_knotes", 2 * SCANNED));
	for (i = 0; i < 5 && n == to_scan(); i++)
		n = kill_while_scanning(s);
	EXPECT_LT(100, n);
	EXPECT_GT(to_scan(), n);
	EXPECT_TRUE(settles("knotes", self->knotes));
}

/* Far beyond what 16 MB can hold, however small a knote is. */
#define TOO_MANY	400000
#define STEP		500

static int more_users(int kq, int first)
{
	return add_many(kq, EVFILT_USER, first, STEP);
}

static int more_timers(int kq, int first)
{
	return add_many(kq, EVFILT_TIMER, first, STEP);
}

static int more_queues(int kq, int first)
{
	int i;

	(void)first;
	for (i = 0; i < STEP; i++) {
		kq = kqueue();
		if (kq < 0)
			return -errno;
	}
	return 0;
}

/* In the cgroup: take until it fails.  ENOMEM must leave a queue usable. */
static void take_without_end(int (*more)(int kq, int first))
{
	struct rlimit many = { 2 * TOO_MANY, 2 * TOO_MANY };
	struct kevent ev;
	int i, err, kq = kqueue();

	if (kq < 0 || setrlimit(RLIMIT_NOFILE, &many) ||
	    kq_add(kq, 0, EVFILT_USER, EV_CLEAR))
		_exit(1);
	for (i = 1; i < TOO_MANY; i += STEP) {
		err = more(kq, i);
		if (err)
			break;
	}
	if (i >= TOO_MANY)
		_exit(2);
	if (err != -ENOMEM)
		_exit(3);
	if (kq_trigger(kq, 0) || kq_poll(kq, &ev, 1) != 1)
		_exit(4);
	_exit(0);
}

static int put(const char *dir, const char *file, const char *text)
{
	char path[128];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

FIXTURE(cgroup) {
	long long max_knotes, knotes;
	char root[32], dir[48];
};

FIXTURE_VARIANT(cgroup) {
	int (*more)(int kq, int first);
};

FIXTURE_VARIANT_ADD(cgroup, users) {
	.more = more_users,
};

FIXTURE_VARIANT_ADD(cgroup, timers) {
	.more = more_timers,
};

FIXTURE_VARIANT_ADD(cgroup, queues) {
	.more = more_queues,
};

FIXTURE_SETUP(cgroup)
{
	self->max_knotes = kq_param("max_knotes");
	ASSERT_LT(0, self->max_knotes);
	self->knotes = kq_param("knotes");
	strcpy(self->root, "/tmp/kq-cgroup-XXXXXX");
	ASSERT_TRUE(!!mkdtemp(self->root));
	snprintf(self->dir, sizeof(self->dir), "%s/kqueue-test", self->root);
	ASSERT_EQ(0, mount("none", self->root, "cgroup2", 0, NULL));
}

FIXTURE_TEARDOWN(cgroup)
{
	kq_set_param("max_knotes", self->max_knotes);
	rmdir(self->dir);
	umount2(self->root, MNT_DETACH);
	rmdir(self->root);
}

/*
 * Memory is charged: a process that takes knotes or queues without end runs
 * into the limit of its own memory cgroup, by ENOMEM or killed there, and all
 * comes back.
 */
TEST_F_TIMEOUT(cgroup, memory_is_charged, 120)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, kq_set_param("max_knotes", 2 * TOO_MANY));
	ASSERT_EQ(0, put(self->root, "cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(self->dir, 0755));
	ASSERT_EQ(0, put(self->dir, "memory.max", "16M"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (put(self->dir, "cgroup.procs", "0"))
			_exit(5);
		take_without_end(variant->more);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(status == 0 ||
		    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		TH_LOG("status %#x", status);
	}
	EXPECT_TRUE(settles("knotes", self->knotes));
}

TEST_HARNESS_MAIN
