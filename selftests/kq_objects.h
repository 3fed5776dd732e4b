/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pairs of descriptors of every kind: what is written to fd[1] can be read
 * from fd[0].  All return 0, or -1.
 */
#ifndef KQ_OBJECTS_H
#define KQ_OBJECTS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "kq_test.h"

static inline int kq_unix_stream(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

static inline int kq_unix_seqpacket(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd);
}

static inline int kq_unix_dgram(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd);
}

static inline int kq_pipe(int fd[2])
{
	return pipe2(fd, O_CLOEXEC);
}

/* A fifo of that name, which must end in XXXXXX and is made unique. */
static inline int kq_mkfifo(char *name)
{
	int fd = mkstemp(name);

	if (fd < 0 || close(fd) || unlink(name))
		return -1;
	return mkfifo(name, 0600);
}

static inline int kq_fifo(int fd[2])
{
	char name[] = "/tmp/kq-fifo-XXXXXX";

	if (kq_mkfifo(name))
		return -1;
	fd[0] = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fd[1] = open(name, O_WRONLY | O_CLOEXEC);
	unlink(name);
	return fd[0] < 0 || fd[1] < 0 ? -1 : 0;
}

/* Reads from the master what is written to the slave, which is raw. */
static inline int kq_pty_master(int fd[2])
{
	struct termios t;

	fd[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd[0] < 0 || unlockpt(fd[0]))
		return -1;
	fd[1] = ioctl(fd[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd[1] < 0 || tcgetattr(fd[1], &t))
		return -1;
	cfmakeraw(&t);
	return tcsetattr(fd[1], TCSANOW, &t);
}

/* The other direction. */
static inline int kq_pty_slave(int fd[2])
{
	int pty[2];

	if (kq_pty_master(pty))
		return -1;
	fd[0] = pty[1];
	fd[1] = pty[0];
	return 0;
}

static inline int kq_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline int64_t kq_deadline(void)
{
	return kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * INT64_C(1000000000);
}

/*
 * Wait for an event whose data is want: what has been written may arrive in
 * pieces.  Returns 1 with *ev, or what the last call gave; then *ev tells how
 * far it got.
 */
static inline int kq_wait_data(int kq, int64_t want, struct kevent *ev)
{
	int64_t end = kq_deadline();
	int n;

	do {
		ev->data = -1;
		n = kq_wait(kq, ev, 1);
	} while (n == 1 && ev->data != want && kq_now(CLOCK_MONOTONIC) < end);
	return n;
}

/* Wait for an event with EV_EOF, in the same way. */
static inline int kq_wait_eof(int kq, struct kevent *ev)
{
	int64_t end = kq_deadline();
	int n;

	do {
		ev->flags = 0;
		n = kq_wait(kq, ev, 1);
	} while (n == 1 && !(ev->flags & EV_EOF) &&
		 kq_now(CLOCK_MONOTONIC) < end);
	return n;
}

/*
 * Wait until no more than count knotes are left: freeing may lag behind, that
 * of a test before this one too.  0 when they are gone.
 */
static inline int kq_until_knotes(long long count)
{
	int64_t end = kq_deadline();
	long long now;

	while ((now = kq_param("knotes")) > count) {
		if (kq_now(CLOCK_MONOTONIC) > end)
			return -1;
		sched_yield();
	}
	return now < 0 ? -1 : 0;
}

#endif /* KQ_OBJECTS_H */
