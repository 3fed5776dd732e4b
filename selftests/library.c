// SPDX-License-Identifier: GPL-2.0
/* libkqueue itself: SEMANTICS.md, section 1. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "kq_test.h"

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

/* What a child's exit status says, -1 if it did not exit. */
static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* "kqueue(): a new queue's descriptor" */
TEST(kqueue_gives_a_new_queue_each_time)
{
	int a = kqueue(), b = kqueue();
	struct kevent kev;

	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	EXPECT_NE(a, b);
	EXPECT_EQ(0, kq_change(a, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL));
	EXPECT_EQ(0, kq_poll(b, &kev, 1));
	EXPECT_EQ(1, kq_poll(a, &kev, 1));
}

/* "ENOENT or ENXIO where the module isn't there": what it leaves, and nothing */
TEST(without_the_module)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("kq", "/dev", "tmpfs", 0, NULL));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(ENOENT, errno);
	/* a number that no driver of its kind ever has */
	ASSERT_EQ(0, mknod("/dev/kqueue", S_IFCHR | 0666, makedev(10, 255)));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(ENXIO, errno);
}

/* "close-on-exec always" */
TEST(every_queue_is_close_on_exec)
{
	EXPECT_TRUE(is_cloexec(kqueue()));
	EXPECT_TRUE(is_cloexec(kqueue1(0)));
	EXPECT_TRUE(is_cloexec(kqueue1(O_CLOEXEC)));
	EXPECT_TRUE(is_cloexec(kqueuex(0)));
	EXPECT_TRUE(is_cloexec(kqueuex(KQUEUE_CLOEXEC)));
}

/* "kqueue1(int flags): O_CLOEXEC, O_NONBLOCK (no effect on kevent)" */
TEST(kqueue1_nonblock_still_waits)
{
	static const struct timespec brief = { .tv_nsec = 20000000 };
	int kq = kqueue1(O_CLOEXEC | O_NONBLOCK);
	struct timespec before, after;
	struct kevent kev;

	ASSERT_GE(kq, 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	EXPECT_EQ(0, kevent(kq, NULL, 0, &kev, 1, &brief));
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_GE((after.tv_sec - before.tv_sec) * 1000000000LL +
		  after.tv_nsec - before.tv_nsec, brief.tv_nsec);
}

/* "unknown bits EINVAL" */
TEST(unknown_flags_are_refused)
{
	static const int bad[] = { 1, O_RDWR, O_CREAT, O_APPEND | O_CLOEXEC, -1 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		EXPECT_EQ(-1, kqueue1(bad[i]));
		EXPECT_EQ(EINVAL, errno);
	}
	for (i = 2; i < 32; i++) {
		errno = 0;
		EXPECT_EQ(-1, kqueuex(1U << i | KQUEUE_CPONFORK));
		EXPECT_EQ(EINVAL, errno);
	}
}

/* "CPONFORK EOPNOTSUPP until built" */
TEST(cponfork_is_not_supported)
{
	EXPECT_EQ(-1, kqueuex(KQUEUE_CPONFORK));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, kqueuex(KQUEUE_CPONFORK | KQUEUE_CLOEXEC));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

/* "EMFILE" */
TEST(no_descriptor_left_is_emfile)
{
	struct rlimit none = { 0, 0 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(EMFILE, errno);
}

/* "kq is not a queue: EBADF", whatever its driver says to a strange ioctl. */
TEST(what_is_not_a_queue_is_ebadf)
{
	int pipes[2], socks[2], tcp[2];
	size_t i;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_EQ(0, kq_tcp_pair(tcp));

	const int fds[] = {
		pipes[0], pipes[1], socks[0], tcp[0], eventfd(0, 0),
		memfd_create("file", 0),
		(int)syscall(SYS_pidfd_open, getpid(), 0),
		open("/dev/null", O_RDONLY), open("/dev/urandom", O_RDONLY),
		open("/dev/full", O_RDONLY), open("/", O_RDONLY),
		open("/proc/self/stat", O_RDONLY),
		open("/proc/self/ns/pid", O_RDONLY),
	};

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		EXPECT_GE(fds[i], 0);
		EXPECT_EQ(-EBADF, kq_pending(fds[i]));
	}
}

/* "kq is not a queue: EBADF" */
TEST(a_closed_number_is_ebadf)
{
	int kq = kqueue();

	ASSERT_GE(kq, 0);
	ASSERT_EQ(0, close(kq));
	EXPECT_EQ(-EBADF, kq_pending(kq));
	EXPECT_EQ(-EBADF, kq_pending(-1));
	EXPECT_EQ(-EBADF, kq_pending(INT_MAX));
	EXPECT_EQ(-EBADF, kq_pending(open("/dev/kqueue", O_PATH)));
}

/* "dup works" */
TEST(a_dup_is_the_same_queue)
{
	int kq = kqueue(), copy = dup(kq);

	ASSERT_GE(copy, 0);
	EXPECT_EQ(0, kq_change(kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL));
	EXPECT_EQ(1, kq_pending(copy));
}

/* "errno": what the kernel says to a queue is handed on as it stands. */
TEST(errors_of_a_queue_stay_what_they_are)
{
	static const struct timespec bad = { .tv_nsec = 1000000000 };
	int kq = kqueue();
	struct kevent kev;

	EXPECT_EQ(-1, kevent(kq, NULL, -1, NULL, 0, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kevent(kq, NULL, 0, &kev, -1, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kevent(kq, NULL, 0, &kev, 1, &bad));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kevent(kq, NULL, 1, NULL, 0, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-ENOENT, kq_change(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL));
}

/* "with nevents 0 the timeout is not looked at" */
TEST(timeout_is_not_looked_at_without_nevents)
{
	void *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_TRUE(none != MAP_FAILED);
	EXPECT_EQ(0, kevent(kqueue(), NULL, 0, NULL, 0, none));
}

/* "ident uintptr_t, data int64_t, udata void *": every bit comes back. */
TEST(every_field_comes_back_whole)
{
	static const struct timespec now;
	int kq = kqueue();
	struct kevent kev;

	memset(&kev, 0xff, sizeof(kev));
	EV_SET(&kev, UINTPTR_MAX - 1, EVFILT_USER, EV_ADD | EV_CLEAR,
	       NOTE_FFCOPY | 0xabcdef, 0, (void *)(UINTPTR_MAX - 2));
	ASSERT_EQ(0, kevent(kq, &kev, 1, NULL, 0, NULL));
	memset(&kev, 0xff, sizeof(kev));
	EV_SET(&kev, UINTPTR_MAX - 1, EVFILT_USER, 0, NOTE_TRIGGER,
	       INT64_MIN + 5, (void *)(UINTPTR_MAX - 3));
	ASSERT_EQ(1, kevent(kq, &kev, 1, &kev, 1, &now));
	EXPECT_EQ(UINTPTR_MAX - 1, kev.ident);
	EXPECT_EQ(EVFILT_USER, kev.filter);
	EXPECT_EQ(EV_CLEAR, kev.flags);
	EXPECT_EQ(INT64_MIN + 5, kev.data);
	EXPECT_EQ(UINTPTR_MAX - 3, (uintptr_t)kev.udata);
}

/* "EV_SET fills a struct kevent; arguments evaluated once" */
TEST(ev_set_evaluates_each_argument_once)
{
	struct kevent kev[2] = { 0 }, *kevp = kev;
	uintptr_t ident = 10;
	char text[2], *udata = text;
	unsigned short flags = EV_ADD;
	unsigned int fflags = 40;
	short filter = -3;
	int64_t data = 50;

	EV_SET(kevp++, ident++, filter++, flags++, fflags++, data++, udata++);
	EXPECT_TRUE(kevp == &kev[1]);
	EXPECT_EQ(10, kev[0].ident);
	EXPECT_EQ(-3, kev[0].filter);
	EXPECT_EQ(EV_ADD, kev[0].flags);
	EXPECT_EQ(40, kev[0].fflags);
	EXPECT_EQ(50, kev[0].data);
	EXPECT_TRUE(kev[0].udata == text);
	EXPECT_EQ(11, ident);
	EXPECT_EQ(-2, filter);
	EXPECT_EQ(EV_ADD + 1, flags);
	EXPECT_EQ(41, fflags);
	EXPECT_EQ(51, data);
	EXPECT_TRUE(udata == text + 1);
	EXPECT_EQ(0, kev[1].ident);
}

/* What EV_SET fills in and what comes back are the same bytes */
TEST(ev_set_leaves_no_byte_unset)
{
	struct kevent kev, ev;
	int kq = kqueue();

	memset(&kev, 0xa5, sizeof(kev));
	memset(&ev, 0x5a, sizeof(ev));
	EV_SET(&kev, UINTPTR_MAX, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER,
	       -1, &kev);
	ASSERT_EQ(1, kevent(kq, &kev, 1, &ev, 1, NULL));
	EV_SET(&kev, UINTPTR_MAX, EVFILT_USER, EV_CLEAR, 0, -1, &kev);
	EXPECT_EQ(0, memcmp(&kev, &ev, sizeof(kev)));

	memset(&kev, 0xa5, sizeof(kev));
	EV_SET(&kev, UINTPTR_MAX, EVFILT_USER, EV_DISABLE | EV_ENABLE, 7, 8,
	       &kev);
	ASSERT_EQ(1, kevent(kq, &kev, 1, &ev, 1, NULL));
	EV_SET(&kev, UINTPTR_MAX, EVFILT_USER, EV_ERROR, 7, EINVAL, &kev);
	EXPECT_EQ(0, memcmp(&kev, &ev, sizeof(kev)));
}

/* ... and it may take its arguments from what it fills in */
TEST(ev_set_takes_arguments_from_its_target)
{
	struct kevent kev;

	EV_SET(&kev, 3, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 4, NULL);
	EV_SET(&kev, kev.data, EVFILT_USER, kev.fflags, kev.flags, kev.ident,
	       (void *)(intptr_t)kev.filter);
	EXPECT_EQ(4U, kev.ident);
	EXPECT_EQ(NOTE_SECONDS, kev.flags);
	EXPECT_EQ(EV_ADD, kev.fflags);
	EXPECT_EQ(3, kev.data);
	EXPECT_EQ((void *)(intptr_t)EVFILT_TIMER, kev.udata);
}

/* "it stands for 'not inherited by fork'", whatever the queue's number. */
TEST(a_forked_child_has_no_queue)
{
	static const int far[] = { 900, 33000, 70000 };
	struct rlimit limit = { 80000, 80000 };
	int kq[4], i, other = eventfd(0, 0), left = 0;
	pid_t pid;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	kq[0] = kqueue();
	ASSERT_GE(kq[0], 0);
	for (i = 0; i < 3; i++) {
		/* The lowest free number is what a queue gets. */
		int low = kq[0] + 1, n;

		do {
			n = fcntl(other, F_DUPFD_CLOEXEC, low);
			ASSERT_GE(n, low);
			low = n + 1;
		} while (n < far[i] - 1);
		kq[i + 1] = kqueue();
		ASSERT_GE(kq[i + 1], far[i]);
	}
	pid = fork();
	if (pid == 0) {
		for (i = 0; i < 4; i++)
			left += is_open(kq[i]);
		_exit(left);
	}
	EXPECT_EQ(0, status_of(pid));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, kq_pending(kq[i]));
}

/* A number that has become another file's is none of the library's business. */
TEST(a_reused_number_stays_open_in_the_child)
{
	int kq = kqueue(), other = eventfd(0, 0);
	pid_t pid;

	ASSERT_EQ(kq, dup2(other, kq));
	pid = fork();
	if (pid == 0)
		_exit(is_open(kq) ? 0 : 1);
	EXPECT_EQ(0, status_of(pid));
}

/* The child's own queue is no copy: it lives, and its child does not have it. */
TEST(a_child_makes_its_own_queues)
{
	int kq = kqueue(), own;
	pid_t pid, grandchild;

	pid = fork();
	if (pid == 0) {
		own = kqueue();
		if (own != kq || kq_add(own, 1, EVFILT_USER, 0))
			_exit(1);
		grandchild = fork();
		if (grandchild == 0)
			_exit(is_open(own) ? 1 : 0);
		_exit(status_of(grandchild) ? 2 : kq_pending(own));
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_pending(kq));
}

/* fork() as it was called: errno is not changed in the child. */
TEST(fork_keeps_errno_in_the_child)
{
	pid_t pid;

	ASSERT_GE(kqueue(), 0);
	errno = EXDEV;
	pid = fork();
	if (pid == 0)
		_exit(errno == EXDEV ? 0 : 1);
	EXPECT_EQ(0, status_of(pid));
}

/* "was opened in another descriptor table (a forked child's copy): EBADF" */
TEST(a_copy_in_a_child_is_ebadf)
{
	int kq = kqueue();
	pid_t pid;

	ASSERT_EQ(0, kq_add(kq, 1, EVFILT_USER, 0));
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(is_open(kq) && kq_pending(kq) == -EBADF &&
		      kq_add(kq, 2, EVFILT_USER, 0) == -EBADF ? 0 : 1);
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_add(kq, 1, EVFILT_USER, EV_ENABLE));
}

static int churn_stop;

static void *churn(void *failed)
{
	int kq;

	while (!__atomic_load_n(&churn_stop, __ATOMIC_RELAXED)) {
		kq = kqueue();
		if (kq < 0)
			*(int *)failed = 1;
		close(kq);
	}
	return NULL;
}

/* The same while other threads are making queues, and fork never hangs. */
TEST(no_queue_slips_into_a_child_of_a_busy_program)
{
	int failed[3] = { 0 }, i, fd;
	pthread_t thread[3];
	struct stat st, dev;
	pid_t pid;

	ASSERT_EQ(0, stat("/dev/kqueue", &dev));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, churn, &failed[i]));
	for (i = 0; i < 50; i++) {
		pid = fork();
		if (pid == 0) {
			for (fd = 0; fd < 64; fd++)
				if (fstat(fd, &st) == 0 &&
				    st.st_rdev == dev.st_rdev)
					_exit(1);
			_exit(0);
		}
		ASSERT_EQ(0, status_of(pid));
	}
	__atomic_store_n(&churn_stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, failed[i]);
	}
}

static int flips_stop;

/* Make a number a queue's and another file's, by turns. */
static void *flip(void *arg)
{
	int number = *(int *)arg, kq = kqueue(), other = eventfd(0, 0);

	while (!__atomic_load_n(&flips_stop, __ATOMIC_RELAXED))
		if (dup2(kq, number) != number || dup2(other, number) != number)
			return arg;
	close(kq);
	close(other);
	return NULL;
}

/* What is no queue is EBADF, though it may be one just before or after. */
TEST(a_number_that_changes)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + INT64_C(3000000000);
	int number = eventfd(0, 0), n = 0, other = 0;
	pthread_t thread;
	struct kevent ev;
	void *failed;

	ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &number));
	while (kq_now(CLOCK_MONOTONIC) < end) {
		n = kq_poll(number, &ev, 1);
		other += n && n != -EBADF;
	}
	EXPECT_EQ(0, other);
	__atomic_store_n(&flips_stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
	close(number);
}

static void fork_too(int sig)
{
	int saved = errno;
	pid_t pid = fork();

	(void)sig;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	errno = saved;
}

/* A handler of a signal may fork, and that while its program does. */
TEST(a_handler_forks_meanwhile)
{
	struct itimerval soon = { 0 };
	int i, kq = kqueue();
	pid_t pid;

	ASSERT_LE(0, kq);
	ASSERT_NE(SIG_ERR, signal(SIGALRM, fork_too));
	for (i = 0; i < 200; i++) {
		soon.it_value.tv_usec = 1 + 20 * i;
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
		pid = fork();
		if (pid == 0)
			_exit(is_open(kq));
		ASSERT_EQ(0, status_of(pid));
	}
	EXPECT_EQ(0, kq_pending(kq));
}

static void *make_queues(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
		if (close(kqueue()))
			abort();
	return NULL;
}

/* So may one for a fault that somebody sends, which comes at any time. */
TEST(a_handler_of_a_fault_forks)
{
	pthread_t thread;
	int i, stop = 0;

	ASSERT_NE(SIG_ERR, signal(SIGSEGV, fork_too));
	ASSERT_EQ(0, pthread_create(&thread, NULL, make_queues, &stop));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, pthread_kill(thread, SIGSEGV));
		usleep(1000 + i);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

static int made[3] = { -1, -1, -1 };

static void before(void)
{
	if (made[0] == -2)
		made[0] = kqueue();
}

static void after(void)
{
	if (made[1] == -2)
		made[1] = kqueue();
}

static void child(void)
{
	if (made[2] == -2)
		made[2] = kqueue();
}

static void register_ahead(void)
{
	pthread_atfork(before, after, child);
}

/* Ahead of the library, as in a program that loads it later. */
static void (*const ahead)(void)
	__attribute__((section(".preinit_array"), used)) = register_ahead;

/* A handler of the fork itself may make a queue, whenever it was registered. */
TEST(a_handler_of_the_fork_makes_a_queue)
{
	struct kevent ev;
	pid_t pid;
	int i;

	for (i = 0; i < 3; i++)
		made[i] = -2;
	pid = fork();
	if (pid == 0) {
		if (made[2] < 0 || kq_add(made[2], 1, EVFILT_USER, EV_ONESHOT) ||
		    kq_trigger(made[2], 1) || kq_poll(made[2], &ev, 1) != 1)
			_exit(1);
		pid = fork();
		if (pid == 0)
			_exit(is_open(made[2]));
		_exit(status_of(pid) ? 2 : 0);
	}
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, kq_pending(made[0]));
	EXPECT_EQ(0, kq_pending(made[1]));
}

/* A cancelled thread leaves a kevent() that may return events, and no other. */
static void *sleeper(void *arg)
{
	struct kevent ev;

	kevent(*(int *)arg, NULL, 0, &ev, 1, NULL);
	return NULL;
}

static void *changer(void *arg)
{
	static const struct timespec no_time;
	struct kevent ev;
	int ret, state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	EV_SET(&ev, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
	ret = kevent(*(int *)arg, &ev, 1, NULL, 0, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (ret == 0)
		kq_trigger(*(int *)arg, 1);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	kevent(*(int *)arg, NULL, 0, &ev, 1, &no_time);
	return NULL;
}

TEST(kevent_is_a_cancellation_point)
{
	int kq = kqueue();
	struct kq_waiter w = { .kq = kq };
	pthread_t thread;
	struct kevent ev;
	void *result;

	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, pthread_cancel(w.thread));
	ASSERT_EQ(0, pthread_join(w.thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleeper, &kq));
	ASSERT_EQ(0, pthread_cancel(thread));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);

	/* The event of one that was to be cancelled before it called is there. */
	ASSERT_EQ(0, pthread_create(&thread, NULL, changer, &kq));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);
	EXPECT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.ident);
	close(kq);
}

TEST_HARNESS_MAIN
