// SPDX-License-Identifier: GPL-2.0
/*
 * Objects to watch, many at a time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

const char *const kinds[KINDS] = { "eventfd", "pipe", "unix", "tcp" };

static int tcp_listen(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int l = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*sin = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	must(bind(l, (struct sockaddr *)sin, len), "bind");
	must(getsockname(l, (struct sockaddr *)sin, &len), "getsockname");
	must(listen(l, 64), "listen");
	return l;
}

static void tcp_open(struct objects *o)
{
	struct sockaddr_in sin;
	int i, one = 1, l = tcp_listen(&sin);

	for (i = 0; i < o->n; i++) {
		o->wr[i] = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
		must(connect(o->wr[i], (struct sockaddr *)&sin, sizeof(sin)),
		     "connect");
		o->rd[i] = must(accept(l, NULL, NULL), "accept");
		must(setsockopt(o->wr[i], IPPROTO_TCP, TCP_NODELAY, &one,
				sizeof(one)), "TCP_NODELAY");
	}
	close(l);
}

void objects_open(struct objects *o, int kind, int n)
{
	int i, fd[2];

	o->kind = kind;
	o->n = n;
	o->rd = calloc(n, sizeof(int));
	o->wr = calloc(n, sizeof(int));
	if (!o->rd || !o->wr)
		err(1, "memory");
	if (kind == TCP) {
		tcp_open(o);
		return;
	}
	for (i = 0; i < n; i++) {
		switch (kind) {
		case EVENTFD:
			fd[0] = must(eventfd(0, 0), "eventfd");
			fd[1] = fd[0];
			break;
		case PIPE:
			must(pipe(fd), "pipe");
			break;
		case UNIX:
			must(socketpair(AF_UNIX, SOCK_STREAM, 0, fd),
			     "socketpair");
			break;
		}
		o->rd[i] = fd[0];
		o->wr[i] = fd[1];
	}
}

void objects_close(struct objects *o)
{
	int i;

	for (i = 0; i < o->n; i++) {
		close(o->rd[i]);
		if (o->wr[i] != o->rd[i])
			close(o->wr[i]);
	}
	free(o->rd);
	free(o->wr);
}

/* An eventfd takes eight bytes; the others may as well. */
void object_write(const struct objects *o, int i)
{
	static const uint64_t one = 1;

	if (write(o->wr[i], &one, sizeof(one)) != sizeof(one))
		err(1, "write");
}

/* The same, and it is readable when that returns: TCP may take a moment. */
void object_make_ready(const struct objects *o, int i)
{
	struct pollfd pfd = { .fd = o->rd[i], .events = POLLIN };

	object_write(o, i);
	must(poll(&pfd, 1, -1), "poll");
}

void object_read(const struct objects *o, int i)
{
	uint64_t value;

	if (read(o->rd[i], &value, sizeof(value)) != sizeof(value))
		err(1, "read");
}
