// SPDX-License-Identifier: GPL-2.0
/*
 * What epoll needs a descriptor of another kind for: USER against eventfd, SIGNAL
 * against signalfd, PROC against pidfd.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static void take(int side, int q)
{
	if (queue_wait(side, q) != 1)
		errx(1, "not one event");
}

/* An edge-triggered eventfd need not be read. */
static void user_events(void)
{
	int64_t begin, trigger[SIDES] = { INT64_MAX, INT64_MAX };
	int64_t whole[SIDES] = { INT64_MAX, INT64_MAX };
	struct kevent kev;
	struct objects o;
	int i, q;

	objects_open(&o, EVENTFD, 1);
	q = queue_new(EPOLL);
	queue_add(EPOLL, q, o.rd[0], EDGE);
	for (i = 0; i < 200; i++) {
		begin = now();
		object_write(&o, 0);
		keep_least(&trigger[EPOLL], since(begin));
		take(EPOLL, q);
		keep_least(&whole[EPOLL], since(begin));
	}
	close(q);
	objects_close(&o);

	q = queue_new(KQUEUE);
	EV_SET(&kev, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
	EV_SET(&kev, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
	for (i = 0; i < 200; i++) {
		begin = now();
		must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
		keep_least(&trigger[KQUEUE], since(begin));
		take(KQUEUE, q);
		keep_least(&whole[KQUEUE], since(begin));
	}
	close(q);
	result("user event, trigger", 1, trigger, 1);
	result("user event, trigger and take", 1, whole, 1);
}

/* Sent to oneself: blocked for signalfd, ignored for kqueue. */
static void signals(void)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	struct signalfd_siginfo info;
	pid_t self = getpid();
	struct kevent kev;
	sigset_t set;
	int i, q, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = must(signalfd(-1, &set, 0), "signalfd");
	q = queue_new(EPOLL);
	queue_add(EPOLL, q, fd, LEVEL);
	for (i = 0; i < 200; i++) {
		begin = now();
		kill(self, SIGUSR1);
		take(EPOLL, q);
		must(read(fd, &info, sizeof(info)), "signalfd");
		keep_least(&best[EPOLL], since(begin));
	}
	close(q);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);

	signal(SIGUSR1, SIG_IGN);
	q = queue_new(KQUEUE);
	EV_SET(&kev, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
	must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
	for (i = 0; i < 200; i++) {
		begin = now();
		kill(self, SIGUSR1);
		take(KQUEUE, q);
		keep_least(&best[KQUEUE], since(begin));
	}
	close(q);
	result("signal, send and take", 1, best, 1);
}

static int child(void *arg)
{
	char c;

	_exit(read(*(int *)arg, &c, 1));
}

/* A child that ends when it is told. */
static pid_t child_start(int p[2])
{
	static char stack[65536];

	must(pipe(p), "pipe");
	return must(clone(child, stack + sizeof(stack), CLONE_VM | SIGCHLD,
			  &p[0]), "clone");
}

static void child_end(pid_t pid, const int p[2])
{
	siginfo_t info;

	must(write(p[1], "", 1), "pipe");
	must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), "waitid");
}

static void child_reap(pid_t pid, const int p[2])
{
	must(waitpid(pid, NULL, 0), "waitpid");
	close(p[0]);
	close(p[1]);
}

/* Watched, and taken with its status; the exit between them is not counted. */
static void processes(void)
{
	int64_t begin, cost, best[SIDES] = { INT64_MAX, INT64_MAX };
	struct kevent kev;
	int i, q, fd, p[2];
	siginfo_t info;
	pid_t pid;

	q = queue_new(EPOLL);
	for (i = 0; i < 100; i++) {
		pid = child_start(p);
		begin = now();
		fd = must(syscall(SYS_pidfd_open, pid, 0), "pidfd_open");
		queue_add(EPOLL, q, fd, LEVEL);
		cost = since(begin);
		child_end(pid, p);
		begin = now();
		take(EPOLL, q);
		must(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT), "waitid");
		close(fd);
		keep_least(&best[EPOLL], cost + since(begin));
		child_reap(pid, p);
	}
	close(q);

	q = queue_new(KQUEUE);
	for (i = 0; i < 100; i++) {
		pid = child_start(p);
		begin = now();
		EV_SET(&kev, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
		must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
		cost = since(begin);
		child_end(pid, p);
		begin = now();
		take(KQUEUE, q);
		keep_least(&best[KQUEUE], cost + since(begin));
		child_reap(pid, p);
	}
	close(q);
	result("process, watch and take its exit", 1, best, 1);
}

void bench_others(void)
{
	user_events();
	signals();
	processes();
}
