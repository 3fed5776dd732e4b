// SPDX-License-Identifier: GPL-2.0
/* A queue's descriptor. */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include "kq_test.h"

#define MSEC	INT64_C(1000000)

FIXTURE(queue_fd) {
	int kq;
};

/* One knote, not pending. */
FIXTURE_SETUP(queue_fd)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
}

FIXTURE_TEARDOWN(queue_fd)
{
	close(self->kq);
}

/* What poll(2) finds now. */
static int polled(int kq)
{
	struct pollfd pfd = { .fd = kq, .events = ~0 };

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

static int selected(int kq)
{
	struct timeval now = { 0 };
	fd_set in, out, except;
	int r;

	FD_ZERO(&in);
	FD_SET(kq, &in);
	out = in;
	except = in;
	r = select(kq + 1, &in, &out, &except, &now);
	return r < 0 ? -errno : r + 10 * !!FD_ISSET(kq, &in);
}

static int epolled(int ep, int ms)
{
	struct epoll_event ev = { 0 };
	int r = epoll_wait(ep, &ev, 1, ms);

	return r <= 0 ? r : (int)ev.events;
}

static int epoll_of(int kq, uint32_t events)
{
	struct epoll_event ev = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(ep, EPOLL_CTL_ADD, kq, &ev) ? -1 : ep;
}

/* poll reports it readable while knotes are pending. */
TEST_F(queue_fd, poll_while_pending)
{
	EXPECT_EQ(0, polled(self->kq));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(POLLIN | POLLRDNORM, polled(self->kq));
	EXPECT_EQ(POLLIN | POLLRDNORM, polled(self->kq));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, polled(self->kq));

	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	EXPECT_EQ(0, polled(self->kq));
}

/* What is disabled is not pending. */
TEST_F(queue_fd, poll_of_a_disabled_knote)
{
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DISABLE, 0, 0,
			       NULL));
	EXPECT_EQ(0, polled(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ENABLE, 0, 0,
			       NULL));
	EXPECT_EQ(POLLIN | POLLRDNORM, polled(self->kq));
}

/* select reports it readable. */
TEST_F(queue_fd, select_while_pending)
{
	EXPECT_EQ(0, selected(self->kq));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(11, selected(self->kq));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, selected(self->kq));
}

/* epoll reports it readable, level-triggered. */
TEST_F(queue_fd, epoll_while_pending)
{
	int ep = epoll_of(self->kq, EPOLLIN | EPOLLOUT);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epolled(ep, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(EPOLLIN, epolled(ep, KQ_PATIENCE * 1000));
	EXPECT_EQ(EPOLLIN, epolled(ep, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, epolled(ep, 0));
}

/* With EPOLLET each knote that becomes pending is told, and told once. */
TEST_F(queue_fd, epoll_edges)
{
	int i, ep = epoll_of(self->kq, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		EXPECT_EQ(EPOLLIN, epolled(ep, KQ_PATIENCE * 1000));
		EXPECT_EQ(0, epolled(ep, 0));
		EXPECT_EQ(1, kq_pending(self->kq));
	}
}

/* It was pending before epoll looked at it. */
TEST_F(queue_fd, epoll_of_a_pending_queue)
{
	int ep;

	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ep = epoll_of(self->kq, EPOLLIN | EPOLLET);
	EXPECT_EQ(EPOLLIN, epolled(ep, 0));
}

/* A thread that sleeps in poll, select or epoll_wait, and what it returned. */
struct sleeper {
	pthread_t thread;
	pid_t tid;
	int kq, how, ret;
};

static void *sleeper_run(void *arg)
{
	struct timeval patience = { .tv_sec = KQ_PATIENCE };
	struct sleeper *s = arg;
	struct pollfd pfd = { .fd = s->kq, .events = POLLIN };
	int ep = epoll_of(s->kq, EPOLLIN);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->kq, &set);
	__atomic_store_n(&s->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (s->how == 0)
		s->ret = poll(&pfd, 1, KQ_PATIENCE * 1000);
	else if (s->how == 1)
		s->ret = select(s->kq + 1, &set, NULL, NULL, &patience);
	else
		s->ret = !!epolled(ep, KQ_PATIENCE * 1000);
	close(ep);
	return NULL;
}

/* Whoever sleeps in one of them is woken. */
TEST_F(queue_fd, sleeping_pollers_are_woken)
{
	struct sleeper s;
	pid_t tid;

	for (s.how = 0; s.how < 3; s.how++) {
		s.kq = self->kq;
		s.tid = 0;
		ASSERT_EQ(0, pthread_create(&s.thread, NULL, sleeper_run, &s));
		while (!(tid = __atomic_load_n(&s.tid, __ATOMIC_ACQUIRE)))
			sched_yield();
		ASSERT_EQ(0, kq_until_asleep(tid));
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		pthread_join(s.thread, NULL);
		EXPECT_EQ(1, s.ret);
		EXPECT_EQ(1, kq_pending(self->kq));
	}
}

/* Another kqueue reports it readable; data = knotes pending. */
TEST_F(queue_fd, another_queue)
{
	int outer = kqueue();

	ASSERT_EQ(0, kq_add(outer, self->kq, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(outer));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	KQ_EXPECT_EVENT(outer, self->kq, EVFILT_READ, 0, 0, 1);
	KQ_EXPECT_EVENT(outer, self->kq, EVFILT_READ, 0, 0, 1);
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, kq_pending(outer));
}

/*
 * ... without evaluating them (so it can be stale; kevent on it evaluates).
 */
TEST_F(queue_fd, poll_evaluates_nothing)
{
	int p[2], ep = epoll_of(self->kq, EPOLLIN);
	char c;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(1, read(p[0], &c, 1));
	EXPECT_EQ(POLLIN | POLLRDNORM, polled(self->kq));
	EXPECT_EQ(EPOLLIN, epolled(ep, KQ_PATIENCE * 1000));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, polled(self->kq));
	EXPECT_EQ(0, epolled(ep, 0));
}

/* read and write ENXIO. */
TEST_F(queue_fd, read_and_write)
{
	char buf[64] = "";
	struct iovec iov = { buf, sizeof(buf) };

	EXPECT_EQ(-1, read(self->kq, buf, sizeof(buf)));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, write(self->kq, buf, sizeof(buf)));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, readv(self->kq, &iov, 1));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, writev(self->kq, &iov, 1));
	EXPECT_EQ(ENXIO, errno);

	/* Whether something is pending changes nothing. */
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(-1, read(self->kq, buf, sizeof(buf)));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* Other ioctls ENOTTY. */
TEST_F(queue_fd, other_ioctls)
{
	const unsigned long cmd[] = {
		FIONREAD, TIOCOUTQ, TCGETS, TIOCGWINSZ,
		_IO(KQ_IOC_MAGIC, 3), _IO(KQ_IOC_MAGIC, 255),
		_IO(KQ_IOC_MAGIC, 0), _IOR(KQ_IOC_MAGIC, 0, struct kq_kevent),
		_IOW(KQ_IOC_MAGIC, 0, __u32), _IO('K', 2), 0,
	};
	char arg[256] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		EXPECT_EQ(-1, ioctl(self->kq, cmd[i], arg));
		EXPECT_EQ(ENOTTY, errno);
	}
}

/* fstat says character device. */
TEST_F(queue_fd, fstat)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->kq, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
}

/* Wait for one such signal to this process; its si_fd, or -1. */
static int signal_arrives(int sig)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, &info, &patience) == sig ? info.si_fd : -1;
}

static int signal_is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

/* FIOASYNC with F_SETOWN; sig 0 is SIGIO as it comes. */
static int make_async(int kq, int sig)
{
	sigset_t set;
	int on = 1;

	sigemptyset(&set);
	sigaddset(&set, sig ? sig : SIGIO);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || fcntl(kq, F_SETOWN, getpid()))
		return -1;
	if (sig && fcntl(kq, F_SETSIG, sig))
		return -1;
	return ioctl(kq, FIOASYNC, &on);
}

/* FIOASYNC with F_SETOWN sends SIGIO. */
TEST_F(queue_fd, sigio)
{
	int i, off = 0;

	ASSERT_EQ(0, make_async(self->kq, 0));
	EXPECT_EQ(0, signal_is_pending(SIGIO));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		EXPECT_LE(0, signal_arrives(SIGIO));
		EXPECT_EQ(1, kq_pending(self->kq));
	}
	ASSERT_EQ(0, ioctl(self->kq, FIOASYNC, &off));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, kq_readable(self->kq));
	EXPECT_EQ(0, signal_is_pending(SIGIO));
}

/* With F_SETSIG it is that signal, and says which descriptor. */
TEST_F(queue_fd, sigio_of_choice)
{
	ASSERT_EQ(0, make_async(self->kq, SIGRTMIN));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(self->kq, signal_arrives(SIGRTMIN));
}

/*
 * SIGIO-to-self: the queue's signal makes one of its own knotes pending.  A
 * knote that is pending already tells nobody, so it ends by itself.
 */
TEST_F(queue_fd, sigio_to_self_ends)
{
	struct signalfd_siginfo info[16];
	struct kevent ev[4];
	int round, quiet, sfd;
	ssize_t n;
	sigset_t set;

	ASSERT_EQ(0, make_async(self->kq, SIGRTMIN));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ASSERT_EQ(0, kq_add(self->kq, sfd, EVFILT_READ, EV_CLEAR));
	for (round = 0; round < 300; round++) {
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		ASSERT_LE(1, kq_wait(self->kq, ev, 4));
		for (quiet = 0; quiet < 100; quiet++) {
			n = read(sfd, info, sizeof(info));
			/* Two knotes, each pending twice at the most. */
			EXPECT_GE(4 * (ssize_t)sizeof(info[0]), n);
			if (kq_poll(self->kq, ev, 4) == 0 && n < 0)
				break;
		}
		ASSERT_GT(100, quiet);
	}
}

struct load {
	pthread_t thread;
	int kq, rounds;
	uintptr_t ident;
};

static void *trigger_often(void *arg)
{
	struct load *l = arg;
	int i;

	for (i = 0; i < l->rounds; i++)
		kq_trigger(l->kq, l->ident);
	return NULL;
}

/* The same while two threads trigger, and level-triggered. */
TEST_F(queue_fd, sigio_to_self_under_load)
{
	struct load l[2];
	struct kevent ev[4];
	sigset_t set;
	int i, sfd, on;

	ASSERT_EQ(0, make_async(self->kq, 0));
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ASSERT_EQ(0, kq_add(self->kq, sfd, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_USER, EV_CLEAR));
	for (i = 0; i < 2; i++) {
		l[i] = (struct load){ .kq = self->kq, .rounds = 2000,
				      .ident = i };
		ASSERT_EQ(0, pthread_create(&l[i].thread, NULL, trigger_often,
					    &l[i]));
	}
	for (i = 0, on = 2; on;) {
		kq_poll(self->kq, ev, 4);
		if (pthread_tryjoin_np(l[i].thread, NULL) == 0) {
			on--;
			i++;
		}
	}
	for (i = 0; i < 100; i++) {
		struct signalfd_siginfo info;

		if (kq_poll(self->kq, ev, 4) == 0)
			break;
		while (read(sfd, &info, sizeof(info)) > 0)
			;
	}
	EXPECT_GT(100, i);
}

/* However often a pending knote is triggered, it tells once. */
TEST_F(queue_fd, one_signal_an_edge)
{
	int i;

	ASSERT_EQ(0, make_async(self->kq, SIGRTMIN));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_LE(0, signal_arrives(SIGRTMIN));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(0, signal_is_pending(SIGRTMIN));
	EXPECT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_LE(0, signal_arrives(SIGRTMIN));
	EXPECT_EQ(0, signal_is_pending(SIGRTMIN));
}

/* dup works. */
TEST_F(queue_fd, dup)
{
	int copy[3] = { dup(self->kq), fcntl(self->kq, F_DUPFD_CLOEXEC, 200),
			dup2(self->kq, 150) };
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_LE(0, copy[i]);
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		EXPECT_EQ(POLLIN | POLLRDNORM, polled(copy[i]));
		EXPECT_EQ(1, kq_pending(copy[i]));
		EXPECT_EQ(0, kq_pending(self->kq));
		EXPECT_EQ(0, kq_add(copy[i], 10 + i, EVFILT_USER, EV_CLEAR));
		EXPECT_EQ(0, kq_trigger(self->kq, 10 + i));
		EXPECT_EQ(1, kq_pending(copy[i]));
	}

	/* It lives as long as one of them does. */
	close(self->kq);
	close(copy[1]);
	EXPECT_EQ(0, kq_trigger(copy[0], 1));
	EXPECT_EQ(1, kq_pending(copy[2]));
	close(copy[0]);
	EXPECT_EQ(0, kq_trigger(copy[2], 10));
	EXPECT_EQ(1, kq_pending(copy[2]));
}

/* Watching itself: EINVAL. */
TEST_F(queue_fd, watching_itself)
{
	int copy = dup(self->kq);

	EXPECT_EQ(-EINVAL, kq_add(self->kq, self->kq, EVFILT_READ, 0));
	EXPECT_EQ(-EINVAL, kq_add(self->kq, copy, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(-EINVAL, kq_add(copy, self->kq, EVFILT_READ, 0));
}

/* Close drops every knote. */
TEST_F(queue_fd, close_drops_every_knote)
{
	long long knotes, callouts;
	int p[2], i, kq;
	char c;

	close(self->kq);
	knotes = kq_param("knotes");
	callouts = kq_param("callouts");
	ASSERT_LE(0, knotes);
	ASSERT_LE(0, callouts);
	kq = kqueue();
	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, kq_add(kq, i, EVFILT_USER, i & 1 ? 0 : EV_DISABLE));
		ASSERT_EQ(0, kq_trigger(kq, i));
		ASSERT_EQ(0, kq_change(kq, i, EVFILT_TIMER, EV_ADD, 0, 1,
				       NULL));
	}
	ASSERT_EQ(0, kq_add(kq, p[1], EVFILT_WRITE, 0));
	EXPECT_EQ(knotes + 401, kq_param("knotes"));
	EXPECT_EQ(callouts + 200, kq_param("callouts"));
	close(kq);
	EXPECT_EQ(knotes, kq_param("knotes"));
	EXPECT_EQ(callouts, kq_param("callouts"));

	/* The file went with its knote: nobody else holds it now. */
	close(p[1]);
	EXPECT_EQ(0, read(p[0], &c, 1));
}

/*
 * A thread waiting in kevent() is not woken by it: it keeps the queue until it
 * returns.
 */
TEST_F(queue_fd, close_under_a_sleeper)
{
	struct timespec ts = { .tv_nsec = 400 * MSEC };
	struct kq_waiter w = { .kq = self->kq, .timeout = &ts };

	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, close(self->kq));
	EXPECT_EQ(0, kq_waiter_end(&w));
	EXPECT_LE(400 * MSEC, w.slept);
}

/* What comes then is its, as if nobody had closed the queue. */
TEST_F(queue_fd, close_leaves_a_sleeper_its_events)
{
	struct kq_waiter w = { .kq = self->kq };
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, close(self->kq));
	ASSERT_EQ(1, write(p[1], "x", 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(p[0], (int)w.ev[0].ident);
	EXPECT_EQ(1, w.ev[0].data);
}

/* It ends with the last of them, even where a child has a copy. */
TEST_F(queue_fd, the_last_sleeper_ends_it)
{
	struct kq_waiter w[2] = { { .kq = self->kq }, { .kq = self->kq } };
	long long knotes = kq_param("knotes");
	int p[2][2], i;
	pid_t pid;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe(p[i]));
		ASSERT_EQ(0, kq_add(self->kq, p[i][0], EVFILT_READ, EV_ONESHOT));
		ASSERT_EQ(0, kq_waiter_start(&w[i]));
	}
	/* Not the library's fork, which closes it. */
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		for (;;)
			pause();
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, close(self->kq));
	EXPECT_EQ(knotes + 2, kq_param("knotes"));
	ASSERT_EQ(1, write(p[0][1], "x", 1));
	ASSERT_EQ(1, write(p[1][1], "x", 1));
	EXPECT_EQ(1, kq_waiter_end(&w[0]));
	EXPECT_EQ(1, kq_waiter_end(&w[1]));
	EXPECT_NE(w[0].ev[0].ident, w[1].ev[0].ident);
	EXPECT_EQ(knotes - 1, kq_param("knotes"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_HARNESS_MAIN
