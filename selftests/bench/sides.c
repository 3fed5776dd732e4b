// SPDX-License-Identifier: GPL-2.0
/*
 * The same calls of either side.  What epoll needs a call for each, kqueue does
 * in one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "bench.h"

#define CHANGES		1024	/* in one call */

struct epoll_event ep_events[MOST];
struct kevent kq_events[MOST];

static const uint32_t ep_how[] = {
	[LEVEL] = EPOLLIN,
	[EDGE] = EPOLLIN | EPOLLET,
	[ONCE] = EPOLLIN | EPOLLONESHOT,
	[ONESHOT] = EPOLLIN | EPOLLONESHOT,
};

static const unsigned short kq_how[] = {
	[LEVEL] = EV_ADD,
	[EDGE] = EV_ADD | EV_CLEAR,
	[ONCE] = EV_ADD | EV_DISPATCH,
	[ONESHOT] = EV_ADD | EV_ONESHOT,
};

static const struct timespec no_time, second = { .tv_sec = 1 };

int queue_new(int side)
{
	return must(side == EPOLL ? epoll_create1(EPOLL_CLOEXEC) : kqueue(),
		    "queue");
}

static void ep_change(int q, int op, int fd, int how)
{
	struct epoll_event ev = { .events = ep_how[how], .data.fd = fd };

	must(epoll_ctl(q, op, fd, &ev), "epoll_ctl");
}

static void kq_change(int q, int fd, unsigned short flags)
{
	struct kevent kev;

	EV_SET(&kev, fd, EVFILT_READ, flags, 0, 0, NULL);
	must(kevent(q, &kev, 1, NULL, 0, NULL), "kevent");
}

static void kq_change_all(int q, const int *fd, int n, unsigned short flags)
{
	struct kevent kev[CHANGES];
	int i, some;

	for (; n; n -= some, fd += some) {
		some = n < CHANGES ? n : CHANGES;
		for (i = 0; i < some; i++)
			EV_SET(&kev[i], fd[i], EVFILT_READ, flags, 0, 0, NULL);
		must(kevent(q, kev, some, NULL, 0, NULL), "kevent");
	}
}

void queue_add(int side, int q, int fd, int how)
{
	if (side == EPOLL)
		ep_change(q, EPOLL_CTL_ADD, fd, how);
	else
		kq_change(q, fd, kq_how[how]);
}

void queue_add_all(int side, int q, const int *fd, int n, int how)
{
	int i;

	if (side == KQUEUE)
		kq_change_all(q, fd, n, kq_how[how]);
	else
		for (i = 0; i < n; i++)
			ep_change(q, EPOLL_CTL_ADD, fd[i], how);
}

void queue_rearm(int side, int q, int fd)
{
	if (side == EPOLL)
		ep_change(q, EPOLL_CTL_MOD, fd, ONCE);
	else
		kq_change(q, fd, EV_ENABLE);
}

void queue_delete(int side, int q, int fd)
{
	if (side == EPOLL)
		must(epoll_ctl(q, EPOLL_CTL_DEL, fd, NULL), "epoll_ctl");
	else
		kq_change(q, fd, EV_DELETE);
}

void queue_delete_all(int side, int q, const int *fd, int n)
{
	int i;

	if (side == KQUEUE)
		kq_change_all(q, fd, n, EV_DELETE);
	else
		for (i = 0; i < n; i++)
			queue_delete(side, q, fd[i]);
}

int queue_wait(int side, int q)
{
	if (side == EPOLL)
		return must(epoll_wait(q, ep_events, MOST, 0), "epoll_wait");
	return must(kevent(q, NULL, 0, kq_events, MOST, &no_time), "kevent");
}

int queue_wait_second(int side, int q)
{
	if (side == EPOLL)
		return must(epoll_wait(q, ep_events, MOST, 1000), "epoll_wait");
	return must(kevent(q, NULL, 0, kq_events, MOST, &second), "kevent");
}

int queue_sleep(int side, int q)
{
	if (side == EPOLL)
		return must(epoll_wait(q, ep_events, MOST, -1), "epoll_wait");
	return must(kevent(q, NULL, 0, kq_events, MOST, NULL), "kevent");
}
