// SPDX-License-Identifier: GPL-2.0
/*
 * An echo server: what a request costs it, from accept to close.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define CLIENTS		32	/* that have asked when the server looks */
#define ROOM		64

static const struct timespec no_time;

static void ep_watch(int q, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	must(epoll_ctl(q, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
}

static void answer(int fd)
{
	char buf[256];
	ssize_t n = must(read(fd, buf, sizeof(buf)), "read");

	if (write(fd, buf, n) != n)
		err(1, "write");
	close(fd);
}

/* Accepts until there is none left, since epoll does not say how many. */
static void ep_serve(int q, int listener)
{
	int i, n, fd, served = 0;

	while (served < CLIENTS) {
		n = must(epoll_wait(q, ep_events, ROOM, 0), "epoll_wait");
		for (i = 0; i < n; i++) {
			if (ep_events[i].data.fd != listener) {
				answer(ep_events[i].data.fd);
				served++;
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, 0)) >= 0)
				ep_watch(q, fd);
		}
	}
}

/* Accepts as many as the event says; they are added with the next wait. */
static void kq_serve(int q, int listener)
{
	int i, n, fd, served = 0, changes = 0;
	struct kevent change[ROOM];
	int64_t k;

	while (served < CLIENTS) {
		n = must(kevent(q, change, changes, kq_events, ROOM, &no_time),
			 "kevent");
		changes = 0;
		for (i = 0; i < n; i++) {
			if (kq_events[i].ident != (uintptr_t)listener) {
				answer(kq_events[i].ident);
				served++;
				continue;
			}
			for (k = 0; k < kq_events[i].data; k++) {
				fd = must(accept4(listener, NULL, NULL, 0),
					  "accept");
				EV_SET(&change[changes++], fd, EVFILT_READ,
				       EV_ADD, 0, 0, NULL);
			}
		}
	}
}

static void clients_ask(const struct sockaddr_in *sin, int fd[CLIENTS])
{
	char request[64] = "hello";
	int i;

	for (i = 0; i < CLIENTS; i++) {
		fd[i] = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
		must(connect(fd[i], (const struct sockaddr *)sin, sizeof(*sin)),
		     "connect");
		must(write(fd[i], request, sizeof(request)), "request");
	}
}

static void clients_leave(const int fd[CLIENTS])
{
	char reply[64];
	int i;

	for (i = 0; i < CLIENTS; i++) {
		if (read(fd[i], reply, sizeof(reply)) != sizeof(reply) ||
		    strcmp(reply, "hello"))
			errx(1, "no echo");
		close(fd[i]);
	}
}

void bench_echo(void)
{
	int64_t begin, best[SIDES] = { INT64_MAX, INT64_MAX };
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int side, round, q, listener, fd[CLIENTS];

	listener = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
			"socket");
	must(bind(listener, (struct sockaddr *)&sin, len), "bind");
	must(getsockname(listener, (struct sockaddr *)&sin, &len),
	     "getsockname");
	must(listen(listener, CLIENTS), "listen");
	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		queue_add(side, q, listener, LEVEL);
		for (round = 0; round < 4 * ROUNDS; round++) {
			clients_ask(&sin, fd);
			begin = now();
			if (side == EPOLL)
				ep_serve(q, listener);
			else
				kq_serve(q, listener);
			keep_least(&best[side], since(begin));
			clients_leave(fd);
		}
		close(q);
	}
	close(listener);
	result("echo server, a request", CLIENTS, best, CLIENTS);
}
