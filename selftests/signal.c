// SPDX-License-Identifier: GPL-2.0
/* EVFILT_SIGNAL. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"
#include "kq_test.h"

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(sig, &sa, NULL);
}

static void block(int sig, int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(how, &set, NULL);
}

/* The one event that is pending, or an event without a filter. */
static struct kevent taken(int kq)
{
	struct kevent ev[2] = { 0 };

	if (kq_poll(kq, ev, 2) != 1)
		ev[0].filter = 0;
	return ev[0];
}

/* How often a signal was counted since the last time. */
static int64_t count(int kq, int sig)
{
	struct kevent ev = taken(kq);

	return ev.filter == EVFILT_SIGNAL && ev.ident == (uintptr_t)sig ?
	       ev.data : 0;
}

FIXTURE(signal)
{
	int kq;
};

FIXTURE_SETUP(signal)
{
	handled = 0;
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(signal)
{
	close(self->kq);
}

/* ident = signal number 1…64; else EINVAL */
TEST_F(signal, numbers)
{
	static const uintptr_t bad[] = { 0, 65, 1000, INT_MAX, UINTPTR_MAX,
					 (uintptr_t)INT_MAX + 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, kq_add(self->kq, bad[i], EVFILT_SIGNAL, 0));
	for (i = 1; i <= 64; i++)
		EXPECT_EQ(0, kq_add(self->kq, i, EVFILT_SIGNAL, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	for (i = 1; i <= 64; i++)
		EXPECT_EQ(0, kq_change(self->kq, i, EVFILT_SIGNAL, EV_DELETE,
				       0, 0, NULL));
}

/* fflags 0; CLEAR is set by the system; udata comes back */
TEST_F(signal, what_is_returned)
{
	struct kevent ev;

	handle(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, ~0U,
			       7, &ev));
	kill(getpid(), SIGUSR1);
	ev = taken(self->kq);
	EXPECT_EQ(SIGUSR1, ev.ident);
	EXPECT_EQ(EVFILT_SIGNAL, ev.filter);
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_EQ(0, ev.fflags);
	EXPECT_EQ(1, ev.data);
	EXPECT_EQ((void *)&ev, ev.udata);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* handlers run as ever, nothing is blocked */
TEST_F(signal, handled)
{
	sigset_t mask;

	handle(SIGUSR1, on_signal);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	raise(SIGUSR1);
	EXPECT_EQ(1, handled);
	EXPECT_EQ(1, count(self->kq, SIGUSR1));
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	EXPECT_EQ(0, sigismember(&mask, SIGUSR1));
}

/* counted also when ignored, by choice or by default */
TEST_F(signal, ignored)
{
	handle(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(self->kq, SIGWINCH, EVFILT_SIGNAL, 0));
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(1, count(self->kq, SIGUSR1));
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGWINCH);
	EXPECT_EQ(2, count(self->kq, SIGWINCH));
}

/* ... blocked or already pending */
TEST_F(signal, blocked_and_pending)
{
	handle(SIGUSR1, on_signal);
	block(SIGUSR1, SIG_BLOCK);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(3, count(self->kq, SIGUSR1));
	EXPECT_EQ(0, handled);
	block(SIGUSR1, SIG_UNBLOCK);
	EXPECT_EQ(1, handled);
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void leave_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

/* a SIGCHLD is counted, but not an ignored one */
TEST_F(signal, sigchld)
{
	ASSERT_EQ(0, kq_add(self->kq, SIGCHLD, EVFILT_SIGNAL, 0));
	leave_child();
	EXPECT_EQ(1, count(self->kq, SIGCHLD));
	handle(SIGCHLD, on_signal);
	leave_child();
	EXPECT_EQ(1, count(self->kq, SIGCHLD));
	handle(SIGCHLD, SIG_IGN);
	leave_child();
	kill(getpid(), SIGCHLD);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* real-time signals, each of those that are queued */
TEST_F(signal, real_time)
{
	union sigval value = { 0 };
	int i;

	handle(SIGRTMIN, on_signal);
	handle(SIGRTMAX, on_signal);
	block(SIGRTMIN, SIG_BLOCK);
	ASSERT_EQ(0, kq_add(self->kq, SIGRTMIN, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(self->kq, SIGRTMAX, EVFILT_SIGNAL, 0));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, sigqueue(getpid(), SIGRTMIN, value));
	EXPECT_EQ(5, count(self->kq, SIGRTMIN));
	ASSERT_EQ(0, sigqueue(getpid(), SIGRTMAX, value));
	EXPECT_EQ(1, count(self->kq, SIGRTMAX));
	block(SIGRTMIN, SIG_UNBLOCK);
	EXPECT_EQ(6, handled);
}

static void *signal_itself(void *arg)
{
	(void)arg;
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	return NULL;
}

/* sent to the process that registered it, or to one of its threads */
TEST_F(signal, thread_directed)
{
	pthread_t thread;

	handle(SIGUSR1, on_signal);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_itself, NULL));
	pthread_join(thread, NULL);
	EXPECT_EQ(2, handled);
	EXPECT_EQ(2, count(self->kq, SIGUSR1));
}

static void *add_usr1(void *kq)
{
	return (void *)(intptr_t)kq_add((int)(intptr_t)kq, SIGUSR1,
					EVFILT_SIGNAL, 0);
}

/* ... whichever thread registered it, and after that thread has gone */
TEST_F(signal, registered_by_a_thread)
{
	pthread_t thread;
	void *error;

	handle(SIGUSR1, on_signal);
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_usr1,
				    (void *)(intptr_t)self->kq));
	pthread_join(thread, &error);
	ASSERT_EQ(NULL, error);
	raise(SIGUSR1);
	EXPECT_EQ(1, count(self->kq, SIGUSR1));
}

/* Signals of timers. */
TEST_F(signal, itimer_and_posix_timer)
{
	struct sigevent se = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGUSR2 };
	struct itimerspec its = { .it_value.tv_nsec = 1000000 };
	struct itimerval itv = { .it_value.tv_usec = 1000 };
	struct kevent ev;
	timer_t timer;

	handle(SIGALRM, on_signal);
	handle(SIGUSR2, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGALRM, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR2, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &itv, NULL));
	while (kq_wait(self->kq, &ev, 1) == -EINTR)
		;
	EXPECT_EQ(SIGALRM, ev.ident);
	EXPECT_EQ(1, ev.data);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &se, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &its, NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(SIGUSR2, ev.ident);
	EXPECT_EQ(1, ev.data);
	EXPECT_EQ(1, handled);
}

static sigjmp_buf back;

static void jump_back(int sig)
{
	siglongjmp(back, sig);
}

/* Signals that the kernel sends of itself: SIGPIPE, and a handled SIGSEGV. */
TEST_F(signal, faults)
{
	char *page = NULL;
	int p[2];

	handle(SIGPIPE, on_signal);
	handle(SIGSEGV, jump_back);
	ASSERT_EQ(0, kq_add(self->kq, SIGPIPE, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(self->kq, SIGSEGV, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, pipe(p));
	close(p[0]);
	EXPECT_EQ(-1, write(p[1], "x", 1));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(1, count(self->kq, SIGPIPE));
	if (!sigsetjmp(back, 1))
		*(volatile char *)page = 1;
	EXPECT_EQ(1, count(self->kq, SIGSEGV));
}

/* Sent by another process; signals of that process are its own. */
TEST_F(signal, by_another_process)
{
	pid_t pid;
	int status;

	handle(SIGUSR1, on_signal);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	pid = fork();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(kill(getppid(), SIGUSR1));
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, handled);
	EXPECT_EQ(1, count(self->kq, SIGUSR1));
}

/* 100,000 in a burst, while two queues watch, counted to the last one. */
TEST_F_TIMEOUT(signal, burst, 60)
{
	enum { BURST = 100000 };
	int64_t first = 0, second = 0;
	int i, other = kqueue();

	handle(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(other, SIGUSR1, EVFILT_SIGNAL, 0));
	for (i = 0; i < BURST; i++) {
		kill(getpid(), SIGUSR1);
		if (i % 1000 == 0)
			first += count(self->kq, SIGUSR1);
	}
	first += count(self->kq, SIGUSR1);
	second += count(other, SIGUSR1);
	EXPECT_EQ(BURST, first);
	EXPECT_EQ(BURST, second);
}

/* DISABLE keeps collecting; DELETE discards; ONESHOT is gone after one. */
TEST_F(signal, flags)
{
	handle(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_DISABLE));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0,
			       0, NULL));
	EXPECT_EQ(2, count(self->kq, SIGUSR1));
	kill(getpid(), SIGUSR1);
	ASSERT_EQ(0, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_DELETE, 0,
			       0, NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, EV_ONESHOT));
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(1, count(self->kq, SIGUSR1));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, SIGUSR1, EVFILT_SIGNAL,
				     EV_DELETE, 0, 0, NULL));
}

/* A sleeper is woken, with EINTR only where a handler ran in its thread. */
TEST_F(signal, wakes_a_sleeper)
{
	pid_t pid, parent = getpid();
	struct kevent ev;

	handle(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	pid = fork();
	if (pid == 0)
		_exit(kill(parent, SIGUSR1));
	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(SIGUSR1, ev.ident);
	waitpid(pid, NULL, 0);
}

/* SIGIO of a queue that counts it: no endless round. */
TEST_F(signal, sigio_of_its_own_queue)
{
	struct kevent ev[2];
	int i, n, total = 0;

	handle(SIGIO, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, SIGIO, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, fcntl(self->kq, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->kq, F_SETFL, O_ASYNC));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, kq_readable(self->kq));
	for (i = 0; i < 100; i++) {
		n = kq_poll(self->kq, ev, 2);
		ASSERT_LE(0, n);
		total += n;
	}
	EXPECT_LE(1, total);
	EXPECT_GE(200, total);
}

TEST_HARNESS_MAIN
