// SPDX-License-Identifier: GPL-2.0
/* EVFILT_WRITE on sockets, pipes and terminals. */
#include "kselftest_harness.h"

#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kq_objects.h"

static char block[1024];

FIXTURE(writer) {
	int kq;
	int fd[2];
};

FIXTURE_VARIANT(writer) {
	int (*open)(int fd[2]);
	int settle;	/* ms after which a full one stays full */
	bool exact;	/* what is written takes its room until it is read */
	bool eof;	/* fd[1] sees fd[0] close */
	bool last;	/* and that is the end of the knote */
};

FIXTURE_VARIANT_ADD(writer, tcp) {
	.open = kq_tcp_pair, .settle = 300,
};

FIXTURE_VARIANT_ADD(writer, unix_stream) {
	.open = kq_unix_stream, .exact = true, .eof = true,
};

FIXTURE_VARIANT_ADD(writer, unix_seqpacket) {
	.open = kq_unix_seqpacket, .exact = true, .eof = true,
};

FIXTURE_VARIANT_ADD(writer, unix_dgram) {
	.open = kq_unix_dgram, .exact = true,
};

FIXTURE_VARIANT_ADD(writer, pipe) {
	.open = kq_pipe, .exact = true, .eof = true, .last = true,
};

FIXTURE_VARIANT_ADD(writer, fifo) {
	.open = kq_fifo, .exact = true, .eof = true,
};

FIXTURE_VARIANT_ADD(writer, pty_slave) {
	.open = kq_pty_master, .settle = 100, .eof = true,
};

FIXTURE_VARIANT_ADD(writer, pty_master) {
	.open = kq_pty_slave, .settle = 100, .eof = true,
};

FIXTURE_SETUP(writer)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, variant->open(self->fd));
	ASSERT_EQ(0, kq_nonblock(self->fd[0]));
	ASSERT_EQ(0, kq_nonblock(self->fd[1]));
}

FIXTURE_TEARDOWN(writer)
{
	close(self->kq);
}

/* Write until nothing more goes in, also after what is under way arrived. */
static long fill(int fd, int settle)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	long sum = 0;
	ssize_t n;

	do {
		while ((n = write(fd, block, sizeof(block))) > 0)
			sum += n;
	} while (poll(&p, 1, settle) > 0);
	return sum;
}

static long drain(int fd)
{
	char buf[8192];
	long sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	return sum;
}

/* Read what comes until the queue has an event. */
static int drain_until_event(int fd, int kq, struct kevent *ev)
{
	int64_t end = kq_deadline();
	int n;

	do {
		drain(fd);
		n = kq_poll(kq, ev, 1);
	} while (!n && kq_now(CLOCK_MONOTONIC) < end);
	return n;
}

static int64_t room(int kq)
{
	struct kevent ev = { .data = -1 };

	return kq_wait(kq, &ev, 1) == 1 ? ev.data : -1;
}

/* WRITE: data = free space; what was written takes of it until it is read */
TEST_F(writer, reports_free_space)
{
	struct kevent ev = { 0 };
	int64_t before;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
	EXPECT_LT(0, ev.data);
	EXPECT_EQ((uintptr_t)self->fd[1], ev.ident);
	if (!variant->exact)
		return;
	before = ev.data;
	ASSERT_EQ(700, write(self->fd[1], block, 700));
	EXPECT_GE(before - 700, room(self->kq));
	EXPECT_EQ(700, drain(self->fd[0]));
	EXPECT_EQ(before, room(self->kq));
}

/* Full it is not ready; it wakes when the other end has made room */
TEST_F(writer, full_is_not_ready)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_WRITE, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
	ASSERT_LT(0, fill(self->fd[1], variant->settle));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1, drain_until_event(self->fd[0], self->kq, &ev));
	EXPECT_EQ(0, ev.flags);
	EXPECT_LT(0, ev.data);
}

/* CLEAR: after delivery a new event is needed: that there is room again */
TEST_F(writer, clear_is_an_edge)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_WRITE, EV_CLEAR));
	EXPECT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_LT(0, fill(self->fd[1], variant->settle));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(1, drain_until_event(self->fd[0], self->kq, &ev));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_LT(0, ev.data);
}

/*
 * EV_EOF when the reader is gone, full or not, every call again, but of a pipe
 * once; a TCP peer's FIN does not say that it has stopped reading
 */
TEST_F(writer, eof_when_the_reader_is_gone)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_WRITE, 0));
	if (variant->eof) {
		fill(self->fd[1], variant->settle);
		EXPECT_EQ(0, kq_pending(self->kq));
		drain(self->fd[0]);
	}
	ASSERT_EQ(0, close(self->fd[0]));
	if (variant->eof) {
		ASSERT_EQ(1, kq_wait_eof(self->kq, &ev));
		EXPECT_EQ(variant->last ? EV_EOF | EV_ONESHOT : EV_EOF,
			  ev.flags);
		EXPECT_EQ(0U, ev.fflags);
		EXPECT_EQ(variant->last ? 0 : 1, kq_poll(self->kq, &ev, 1));
		if (!variant->last)
			EXPECT_EQ(EV_EOF, ev.flags);
	} else {
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_EQ(0, ev.flags);
	}
}

/* several queues on one descriptor; dups are separate */
TEST_F(writer, every_queue_and_dup_is_told)
{
	int other = kqueue(), copy = dup(self->fd[1]);
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[1], EVFILT_WRITE, EV_ONESHOT));
	ASSERT_EQ(0, kq_add(self->kq, copy, EVFILT_WRITE, EV_CLEAR));
	ASSERT_EQ(0, kq_add(other, copy, EVFILT_WRITE, EV_CLEAR));
	EXPECT_EQ(2, kq_pending(self->kq));
	EXPECT_EQ(1, kq_pending(other));
	fill(self->fd[1], variant->settle);
	kq_pending(self->kq);
	kq_pending(other);
	ASSERT_EQ(1, drain_until_event(self->fd[0], self->kq, &ev));
	EXPECT_EQ((uintptr_t)copy, ev.ident);
	ASSERT_EQ(1, kq_wait(other, &ev, 1));
	EXPECT_EQ((uintptr_t)copy, ev.ident);
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->fd[1], EVFILT_WRITE,
				     EV_DELETE, 0, 0, NULL));
}

static void lowat(struct __test_metadata *_metadata, int (*open)(int fd[2]),
		  int settle)
{
	int size = 65536, before = 0, after = 0, easy = kqueue();
	int hard = kqueue(), fd[2];
	socklen_t len = sizeof(int);
	struct kevent ev;
	int64_t all;

	ASSERT_EQ(0, open(fd));
	ASSERT_EQ(0, kq_nonblock(fd[0]));
	ASSERT_EQ(0, kq_nonblock(fd[1]));
	ASSERT_EQ(0, setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, len));
	ASSERT_EQ(0, kq_change(easy, fd[1], EVFILT_WRITE, EV_ADD, NOTE_LOWAT,
			       1, NULL));
	all = room(easy);
	ASSERT_LT(1, all);
	getsockopt(fd[1], SOL_SOCKET, SO_SNDLOWAT, &before, &len);
	ASSERT_EQ(0, kq_change(hard, fd[1], EVFILT_WRITE, EV_ADD, NOTE_LOWAT,
			       all + 1, NULL));
	getsockopt(fd[1], SOL_SOCKET, SO_SNDLOWAT, &after, &len);
	EXPECT_EQ(before, after);
	EXPECT_EQ(1, kq_pending(easy));
	EXPECT_EQ(0, kq_pending(hard));

	/* The whole room is asked for, while some is taken. */
	fill(fd[1], settle);
	ASSERT_EQ(0, kq_change(hard, fd[1], EVFILT_WRITE, EV_ADD, NOTE_LOWAT,
			       all, NULL));
	EXPECT_EQ(0, kq_pending(hard));
	ASSERT_EQ(1, drain_until_event(fd[0], hard, &ev));
	EXPECT_EQ(all, ev.data);
	EXPECT_EQ(0, ev.flags);
}

/* NOTE_LOWAT: not ready below data bytes, per knote, the socket untouched */
TEST(tcp_lowat_is_the_knotes_own)
{
	lowat(_metadata, kq_tcp_pair, 300);
}

TEST(unix_stream_lowat_is_the_knotes_own)
{
	lowat(_metadata, kq_unix_stream, 0);
}

TEST(unix_dgram_lowat_is_the_knotes_own)
{
	lowat(_metadata, kq_unix_dgram, 0);
}

/* data = free space: of a pipe its pages less those in use */
TEST(pipe_room_is_exact)
{
	long page = sysconf(_SC_PAGESIZE);
	int kq = kqueue(), fd[2], size, i;
	char full[page], buf[4];

	memset(full, 0, sizeof(full));
	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(8 * page, fcntl(fd[1], F_SETPIPE_SZ, 8 * page));
	size = fcntl(fd[1], F_GETPIPE_SZ);
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, 0));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, 0, 0, size);
	ASSERT_EQ(1, write(fd[1], block, 1));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, 0, 0, size - page);
	ASSERT_EQ(1, read(fd[0], buf, 1));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, 0, 0, size);
	for (i = 1; i < 8; i++) {
		ASSERT_EQ(page, write(fd[1], full, page));
		KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, 0, 0, size - i * page);
	}
}

/*
 * With EV_CLEAR each piece that has left a socket is an event, as on BSD, though
 * there was room before: who writes one for each event goes on
 */
static int events_of_pieces(int (*pair)(int fd[2]))
{
	int i, events = 0, fd[2], kq = kqueue();
	struct kevent ev;
	char piece[5];

	if (pair(fd) || kq_add(kq, fd[1], EVFILT_WRITE, EV_CLEAR))
		return -1;
	for (i = 0; i < 3; i++) {
		events += kq_wait(kq, &ev, 1);
		if (ev.flags != EV_CLEAR || ev.data <= 0 || kq_pending(kq) ||
		    write(fd[1], "piece", 5) != 5 || read(fd[0], piece, 5) != 5)
			return -1;
	}
	close(fd[0]);
	close(fd[1]);
	close(kq);
	return events;
}

TEST(clear_tells_of_each_piece)
{
	EXPECT_EQ(3, events_of_pieces(kq_tcp_pair));
	EXPECT_EQ(3, events_of_pieces(kq_unix_stream));
	EXPECT_EQ(3, events_of_pieces(kq_udp_pair));
}

/*
 * What comes in, and the end of it, is no room: with EV_CLEAR only what has left is
 * an event, and a change to the knote.
 */
TEST(clear_tells_nothing_of_what_comes_in)
{
	int kq = kqueue(), sv[2], i;
	struct kevent ev = { 0 };
	char byte;

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_WRITE, EV_CLEAR));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, write(sv[1], "x", 1));
		ASSERT_EQ(1, read(sv[0], &byte, 1));
		EXPECT_EQ(0, kq_pending(kq));
	}
	ASSERT_EQ(1, write(sv[0], "x", 1));
	EXPECT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	ASSERT_EQ(1, read(sv[1], &byte, 1));
	ASSERT_EQ(0, shutdown(sv[1], SHUT_WR));
	ASSERT_EQ(0, read(sv[0], &byte, 1));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_WRITE, EV_CLEAR));
	EXPECT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_WRITE, EV_DISABLE, 0, 0, NULL));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_WRITE, EV_ENABLE, 0, 0, NULL));
	EXPECT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, kq_pending(kq));
}

/* A UDP socket has room, and needs no connection */
TEST(udp_is_ready)
{
	int kq = kqueue(), s = socket(AF_INET, SOCK_DGRAM, 0), size;
	socklen_t len = sizeof(size);
	struct kevent ev = { 0 };

	ASSERT_EQ(0, getsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, &len));
	ASSERT_EQ(0, kq_add(kq, s, EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_LT(0, ev.data);
	EXPECT_GE(size, ev.data);
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/* A pending datagram error makes WRITE ready without EOF, and stays */
TEST(udp_error_is_ready_without_eof)
{
	int kq = kqueue(), sv[2];
	struct kevent ev = { 0 };

	ASSERT_EQ(0, kq_udp_pair(sv));
	ASSERT_EQ(0, close(sv[1]));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_WRITE, EV_ADD, NOTE_LOWAT,
			       INT32_MAX, NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(3, write(sv[0], block, 3));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
	EXPECT_EQ(ECONNREFUSED, so_error(sv[0]));
	EXPECT_EQ(0, kq_pending(kq));
}

/* A datagram socket whose peer takes no more is not ready, and is told */
TEST(unix_dgram_waits_for_its_peer)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int kq = kqueue(), client = socket(AF_UNIX, SOCK_DGRAM, 0);
	int server = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = sizeof(sun);
	struct kevent ev;

	ASSERT_EQ(0, bind(server, (struct sockaddr *)&sun,
			  sizeof(sun.sun_family)));
	ASSERT_EQ(0, getsockname(server, (struct sockaddr *)&sun, &len));
	ASSERT_EQ(0, connect(client, (struct sockaddr *)&sun, len));
	ASSERT_EQ(0, kq_nonblock(client));
	ASSERT_EQ(0, kq_nonblock(server));
	ASSERT_EQ(0, kq_add(kq, client, EVFILT_WRITE, 0));
	EXPECT_EQ(1, kq_pending(kq));
	ASSERT_LT(0, fill(client, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(1, drain_until_event(server, kq, &ev));
	EXPECT_EQ(0, ev.flags);
	EXPECT_LT(0, ev.data);
}

/* WRITE on a socket only once connected: a TCP socket's wait ends there */
TEST(tcp_is_ready_once_connected)
{
	int kq = kqueue(), s = socket(AF_INET, SOCK_STREAM, 0), l;
	struct sockaddr_in sin;
	struct kevent ev = { 0 };

	l = kq_tcp_listen(&sin);
	ASSERT_LE(0, l);
	ASSERT_EQ(0, kq_nonblock(s));
	ASSERT_EQ(0, kq_add(kq, s, EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_pending(kq));
	connect(s, (struct sockaddr *)&sin, sizeof(sin));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
	EXPECT_LT(0, ev.data);
	EXPECT_EQ(0, so_error(s));
}

/* the same for a unix socket, whose connect() tells nobody */
FIXTURE(unix_connect) {
	struct sockaddr_un sun;
	socklen_t len;
	int kq, s, l;
};

FIXTURE_SETUP(unix_connect)
{
	struct kevent ev;
	int i;

	self->sun.sun_family = AF_UNIX;
	self->len = sizeof(self->sun);
	self->kq = kqueue();
	self->s = socket(AF_UNIX, SOCK_STREAM, 0);
	self->l = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_EQ(0, bind(self->l, (struct sockaddr *)&self->sun,
			  sizeof(self->sun.sun_family)));
	ASSERT_EQ(0, getsockname(self->l, (struct sockaddr *)&self->sun,
				 &self->len));
	ASSERT_EQ(0, listen(self->l, 1));
	ASSERT_EQ(0, kq_add(self->kq, self->s, EVFILT_WRITE, 0));
	/* often enough for a queue to be known as idle */
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, kq_poll(self->kq, &ev, 1));
}

FIXTURE_TEARDOWN(unix_connect)
{
	close(self->s);
	close(self->l);
	close(self->kq);
}

static int unix_connect(int s, const struct sockaddr_un *sun, socklen_t len)
{
	return connect(s, (const struct sockaddr *)sun, len);
}

TEST_F(unix_connect, is_seen_by_a_look)
{
	struct kevent ev;

	ASSERT_EQ(0, unix_connect(self->s, &self->sun, self->len));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_LT(0, ev.data);
}

TEST_F(unix_connect, is_seen_by_poll)
{
	struct pollfd p = { .fd = self->kq, .events = POLLIN };

	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, unix_connect(self->s, &self->sun, self->len));
	EXPECT_EQ(1, poll(&p, 1, 0));
}

TEST_F(unix_connect, is_seen_by_a_queue_outside)
{
	int outer = kqueue();
	struct kevent ev;

	ASSERT_EQ(0, kq_add(outer, self->kq, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_poll(outer, &ev, 1));
	ASSERT_EQ(0, unix_connect(self->s, &self->sun, self->len));
	EXPECT_EQ(1, kq_poll(outer, &ev, 1));
	close(outer);
}

/* by another process, while this one sleeps */
static pid_t unix_connect_later(int s, const struct sockaddr_un *sun,
				socklen_t len)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(50000);
		_exit(unix_connect(s, sun, len));
	}
	return pid;
}

TEST_F(unix_connect, wakes_a_sleeper)
{
	struct kevent ev;
	pid_t pid = unix_connect_later(self->s, &self->sun, self->len);

	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_F(unix_connect, wakes_a_poller)
{
	struct pollfd p = { .fd = self->kq, .events = POLLIN };
	pid_t pid = unix_connect_later(self->s, &self->sun, self->len);

	EXPECT_EQ(1, poll(&p, 1, 10000));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

/* more than one look takes */
TEST_F(unix_connect, is_seen_among_many)
{
	struct kevent ev;
	int i, s = -1;

	for (i = 0; i < 200; i++) {
		s = socket(AF_UNIX, SOCK_STREAM, 0);
		ASSERT_EQ(0, kq_add(self->kq, s, EVFILT_WRITE, 0));
	}
	EXPECT_EQ(0, kq_poll(self->kq, &ev, 1));
	ASSERT_EQ(0, unix_connect(s, &self->sun, self->len));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(s, ev.ident);
}

TEST_F(unix_connect, is_told_once_with_clear)
{
	struct kevent ev;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	ASSERT_EQ(0, kq_change(self->kq, self->s, EVFILT_WRITE, EV_DELETE, 0, 0,
			       NULL));
	ASSERT_EQ(0, kq_add(self->kq, s, EVFILT_WRITE, EV_CLEAR));
	EXPECT_EQ(0, kq_poll(self->kq, &ev, 1));
	ASSERT_EQ(0, unix_connect(s, &self->sun, self->len));
	EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(0, kq_poll(self->kq, &ev, 1));
	close(s);
}

TEST_F(unix_connect, is_nothing_once_deleted_or_closed)
{
	int s = dup(self->s);

	ASSERT_EQ(0, kq_add(self->kq, s, EVFILT_WRITE, 0));
	ASSERT_EQ(0, kq_change(self->kq, s, EVFILT_WRITE, EV_DELETE, 0, 0,
			       NULL));
	close(self->s);
	self->s = s;
	ASSERT_EQ(0, unix_connect(s, &self->sun, self->len));
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_F(unix_connect, is_told_when_enabled)
{
	ASSERT_EQ(0, kq_add(self->kq, self->s, EVFILT_WRITE, EV_DISABLE));
	ASSERT_EQ(0, unix_connect(self->s, &self->sun, self->len));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, self->s, EVFILT_WRITE, EV_ENABLE));
	EXPECT_EQ(1, kq_pending(self->kq));
}

TEST_F(unix_connect, ends_a_sleep_in_time)
{
	struct timespec ts = { .tv_nsec = 50000000 };
	struct kevent ev;

	EXPECT_EQ(0, kevent(self->kq, NULL, 0, &ev, 1, &ts));
}

/* a listener never */
TEST(listeners_are_never_ready)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int kq = kqueue(), u = socket(AF_UNIX, SOCK_STREAM, 0), t, c;
	struct sockaddr_in sin;

	t = kq_tcp_listen(&sin);
	ASSERT_LE(0, t);
	ASSERT_EQ(0, bind(u, (struct sockaddr *)&sun, sizeof(sun.sun_family)));
	ASSERT_EQ(0, listen(u, 1));
	ASSERT_EQ(0, kq_add(kq, t, EVFILT_WRITE, 0));
	ASSERT_EQ(0, kq_add(kq, u, EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_pending(kq));
	c = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, connect(c, (struct sockaddr *)&sin, sizeof(sin)));
	EXPECT_EQ(0, kq_pending(kq));
}

/* A refused connection: EV_EOF and ECONNREFUSED, left for SO_ERROR */
TEST(tcp_refused_connect_keeps_its_error)
{
	struct kevent ev = { 0 };
	struct sockaddr_in sin;
	int kq = kqueue(), s, l;

	l = kq_tcp_listen(&sin);
	ASSERT_LE(0, l);
	ASSERT_EQ(0, close(l));
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(-1, connect(s, (struct sockaddr *)&sin, sizeof(sin)));
	ASSERT_EQ(EINPROGRESS, errno);
	ASSERT_EQ(0, kq_add(kq, s, EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_EOF, ev.flags);
	EXPECT_EQ((unsigned int)ECONNREFUSED, ev.fflags);
	EXPECT_EQ(ECONNREFUSED, so_error(s));
}

/* EV_EOF, the socket's error in fflags; EOF overrides NOTE_LOWAT */
TEST(tcp_reset_is_eof_with_its_error)
{
	struct linger abortive = { .l_onoff = 1 };
	struct kevent ev = { 0 };
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_WRITE, EV_ADD | EV_CLEAR,
			       NOTE_LOWAT, INT32_MAX, NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &abortive,
				sizeof(abortive)));
	ASSERT_EQ(0, close(sv[1]));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR | EV_EOF, ev.flags);
	EXPECT_EQ((unsigned int)ECONNRESET, ev.fflags);
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(ECONNRESET, so_error(sv[0]));
}

static void half_close(struct __test_metadata *_metadata,
		       int (*open)(int fd[2]))
{
	struct kevent ev = { 0 };
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, open(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_WRITE, EV_CLEAR));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	ASSERT_EQ(0, shutdown(sv[0], SHUT_WR));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR | EV_EOF, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
}

/* EV_EOF: nothing can be sent after one's own SHUT_WR */
TEST(own_shutdown_is_eof)
{
	half_close(_metadata, kq_tcp_pair);
	half_close(_metadata, kq_unix_stream);
	half_close(_metadata, kq_unix_seqpacket);
}

static void add_on_a_broken_pipe(struct __test_metadata *_metadata, int closed)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), fd[2], i, left = !closed;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, close(fd[closed]));
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EPIPE, kq_add(kq, fd[left], EVFILT_WRITE, 0));
	EXPECT_EQ(-ENOENT, kq_change(kq, fd[left], EVFILT_WRITE, EV_DELETE, 0,
				     0, NULL));
	EXPECT_EQ(0, kq_until_knotes(before));
}

/* ADD on a pipe whose reader is gone: EPIPE, and nothing stays behind */
TEST(add_on_a_broken_pipe_is_epipe)
{
	add_on_a_broken_pipe(_metadata, 0);
}

/* BSD's pipes go both ways: the end that is left cannot write either */
TEST(add_on_a_pipe_without_a_writer_is_epipe)
{
	add_on_a_broken_pipe(_metadata, 1);
}

/* a knote that was there before is kept, and reports the EOF */
TEST(add_again_on_a_broken_pipe_is_eof)
{
	int kq = kqueue(), fd[2];
	struct kevent ev = { 0 };

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, 0));
	ASSERT_EQ(0, close(fd[0]));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_EOF | EV_ONESHOT, ev.flags);
}

/*
 * EV_EOF when the reader is gone, data = what was free; of a pipe it is the last
 * event, and the knote is gone
 */
static void broken_pipe(struct __test_metadata *_metadata, unsigned short flags)
{
	long long before = kq_param("knotes");
	int kq = kqueue(), fd[2];

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, flags));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, flags, 0, 65536);
	if (flags & EV_DISPATCH)
		ASSERT_EQ(0, kq_change(kq, fd[1], EVFILT_WRITE, EV_ENABLE, 0, 0,
				       NULL));
	ASSERT_EQ(3, write(fd[1], block, 3));
	ASSERT_EQ(0, close(fd[0]));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, flags | EV_EOF | EV_ONESHOT, 0,
			65536 - 4096);
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(-ENOENT, kq_change(kq, fd[1], EVFILT_WRITE, EV_DELETE, 0, 0,
				     NULL));
	EXPECT_EQ(0, kq_until_knotes(before));
}

TEST(broken_pipe_is_told_once)
{
	broken_pipe(_metadata, 0);
}

TEST(broken_pipe_is_told_once_clear)
{
	broken_pipe(_metadata, EV_CLEAR);
}

TEST(broken_pipe_is_told_once_dispatch)
{
	broken_pipe(_metadata, EV_DISPATCH);
}

/* A fifo may get another reader: no EPIPE, EV_EOF until then, and its room */
TEST(fifo_without_a_reader_is_eof)
{
	int kq = kqueue(), fd[2], reader;
	char path[32];
	struct kevent ev = { 0 };

	ASSERT_EQ(0, kq_fifo(fd));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[1]);
	ASSERT_EQ(0, close(fd[0]));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(EV_EOF, ev.flags);
	EXPECT_LT(0, ev.data);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, reader);
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(0, ev.flags);
	EXPECT_LT(0, ev.data);
}

/* EOF goes again when a new reader opens the fifo: an event, with EV_CLEAR too */
TEST(fifo_tells_of_a_new_reader)
{
	int kq = kqueue(), fd[2], reader, i;
	char path[32];

	ASSERT_EQ(0, kq_fifo(fd));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[1]);
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_WRITE, EV_CLEAR));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, EV_CLEAR, 0, 65536);
	reader = fd[0];
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, close(reader));
		KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, EV_CLEAR | EV_EOF, 0,
				65536);
		EXPECT_EQ(0, kq_pending(kq));
		reader = open(path, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, reader);
		KQ_EXPECT_EVENT(kq, fd[1], EVFILT_WRITE, EV_CLEAR, 0, 65536);
		EXPECT_EQ(0, kq_pending(kq));
		ASSERT_EQ(3, write(fd[1], block, 3));
		EXPECT_EQ(0, kq_pending(kq));
		ASSERT_EQ(3, drain(reader));
		EXPECT_EQ(0, kq_pending(kq));
	}
}

/* WRITE on a pipe end not open for it registers and never fires */
TEST(pipe_read_end_is_never_writable)
{
	int kq = kqueue(), fd[2];

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_add(kq, fd[0], EVFILT_WRITE, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(3, write(fd[1], block, 3));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, close(fd[1]));
	EXPECT_EQ(3, drain(fd[0]));
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(0, kq_change(kq, fd[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL));
}

TEST_HARNESS_MAIN
