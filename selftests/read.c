// SPDX-License-Identifier: GPL-2.0
/*
 * EVFILT_READ on everything that is read as a stream or by messages.  Files
 * and directories are in read_file.c, what is neither in read_misc.c.
 */
#include "kselftest_harness.h"

#include <linux/netlink.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>

#include "kq_objects.h"

static const char text[64];

FIXTURE(reader) {
	int kq;
	int fd[2];
};

FIXTURE_VARIANT(reader) {
	int (*open)(int fd[2]);
	bool socket;	/* obeys NOTE_LOWAT */
	bool duplex;	/* fd[0] can be written */
	bool eof;	/* fd[0] sees fd[1] close */
	int left;	/* of 5 bytes, after that */
};

FIXTURE_VARIANT_ADD(reader, tcp) {
	.open = kq_tcp_pair, .socket = true, .duplex = true,
	.eof = true, .left = 5,
};

FIXTURE_VARIANT_ADD(reader, udp) {
	.open = kq_udp_pair, .socket = true, .duplex = true,
	.left = 5,
};

FIXTURE_VARIANT_ADD(reader, unix_stream) {
	.open = kq_unix_stream, .socket = true, .duplex = true,
	.eof = true, .left = 5,
};

FIXTURE_VARIANT_ADD(reader, unix_seqpacket) {
	.open = kq_unix_seqpacket, .socket = true, .duplex = true,
	.eof = true, .left = 5,
};

FIXTURE_VARIANT_ADD(reader, unix_dgram) {
	.open = kq_unix_dgram, .socket = true, .duplex = true,
	.left = 5,
};

FIXTURE_VARIANT_ADD(reader, pipe) {
	.open = kq_pipe, .eof = true, .left = 5,
};

FIXTURE_VARIANT_ADD(reader, fifo) {
	.open = kq_fifo, .eof = true, .left = 5,
};

FIXTURE_VARIANT_ADD(reader, pty_master) {
	.open = kq_pty_master, .duplex = true, .eof = true, .left = 5,
};

/* A terminal that hangs up loses what it held. */
FIXTURE_VARIANT_ADD(reader, pty_slave) {
	.open = kq_pty_slave, .duplex = true, .eof = true, .left = 0,
};

FIXTURE_SETUP(reader)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, variant->open(self->fd));
}

FIXTURE_TEARDOWN(reader)
{
	close(self->kq);
}

/* READ: data = bytes that can be read */
TEST_F(reader, reports_bytes_waiting)
{
	struct kevent ev;
	char buf[16];
	int got;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, 0, 0, 3);
	ASSERT_EQ(4, write(self->fd[1], text, 4));
	EXPECT_EQ(1, kq_wait_data(self->kq, 7, &ev));
	EXPECT_EQ(7, ev.data);
	for (got = 0; got < 7;)
		got += read(self->fd[0], buf, sizeof(buf));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ADD of what is already true is already pending */
TEST_F(reader, finds_what_was_there_before)
{
	struct kevent ev;

	ASSERT_EQ(5, write(self->fd[1], text, 5));
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	EXPECT_EQ(1, kq_wait_data(self->kq, 5, &ev));
	EXPECT_EQ(5, ev.data);
	EXPECT_EQ(0, ev.flags);
}

/* EV_EOF when the peer will send no more, data still counting what is left */
TEST_F(reader, eof_counts_what_is_left)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	ASSERT_EQ(5, write(self->fd[1], text, 5));
	EXPECT_EQ(1, kq_wait_data(self->kq, 5, &ev));
	ASSERT_EQ(0, close(self->fd[1]));
	ASSERT_EQ(1, variant->eof ? kq_wait_eof(self->kq, &ev) :
				    kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(variant->left, ev.data);
	EXPECT_EQ(variant->eof ? EV_EOF : 0, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
}

/* EV_EOF, with data 0 once all has been read, every call again */
TEST_F(reader, eof_stays)
{
	if (!variant->eof) {
		/* A datagram socket has no end: nothing is ready. */
		ASSERT_EQ(0, close(self->fd[1]));
		ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
		EXPECT_EQ(0, kq_pending(self->kq));
		return;
	}
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	ASSERT_EQ(0, close(self->fd[1]));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_EOF, 0, 0);
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_EOF, 0, 0);
}

/* CLEAR: after delivery a new event is needed, EOF is reported once */
TEST_F(reader, clear_is_an_edge)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(4, write(self->fd[1], text, 4));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 7);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, close(self->fd[1]));
	if (variant->eof) {
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_EQ(EV_CLEAR | EV_EOF, ev.flags);
	}
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* an EV_CLEAR knote whose condition holds is pending again after a change */
TEST_F(reader, add_again_evaluates)
{
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 3);
}

/* ONESHOT: delivered once, then gone */
TEST_F(reader, oneshot_is_gone_after_one)
{
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, EV_ONESHOT));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_ONESHOT, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->fd[0], EVFILT_READ,
				     EV_DELETE, 0, 0, NULL));
}

/* several queues on one descriptor */
TEST_F(reader, every_queue_is_told)
{
	int other = kqueue();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, kq_add(other, self->fd[0], EVFILT_READ, 0));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 3);
	KQ_EXPECT_EVENT(other, self->fd[0], EVFILT_READ, 0, 0, 3);
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(4, write(self->fd[1], text, 4));
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, EV_CLEAR, 0, 7);
}

/* dups are separate */
TEST_F(reader, dups_are_separate)
{
	int copy = dup(self->fd[0]);
	struct kevent ev[3];

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, copy, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(2, kq_poll(self->kq, ev, 3));
	EXPECT_EQ((uintptr_t)(copy + self->fd[0]), ev[0].ident + ev[1].ident);
	KQ_EXPECT_EVENT(self->kq, self->fd[0], EVFILT_READ, 0, 0, 3);
	ASSERT_EQ(0, kq_change(self->kq, self->fd[0], EVFILT_READ, EV_DELETE,
			       0, 0, NULL));
	ASSERT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(4, write(self->fd[1], text, 4));
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_READ, EV_CLEAR, 0, 7);
}

/*
 * READ and WRITE on one descriptor together; WRITE on a pipe end that is not
 * open for it registers and never fires
 */
TEST_F(reader, together_with_write)
{
	struct kevent ev[3];
	int i, n = variant->duplex ? 2 : 1;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_WRITE, 0));
	EXPECT_EQ(n - 1, kq_poll(self->kq, ev, 3));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	ASSERT_EQ(1, kq_wait_data(self->kq, 3, ev));
	ASSERT_EQ(n, kq_poll(self->kq, ev, 3));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, ev[i].flags);
		EXPECT_EQ((uintptr_t)self->fd[0], ev[i].ident);
		EXPECT_TRUE(ev[i].filter == EVFILT_WRITE || ev[i].data == 3);
	}
	ASSERT_EQ(0, kq_change(self->kq, self->fd[0], EVFILT_WRITE, EV_DELETE,
			       0, 0, NULL));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/*
 * NOTE_LOWAT (sockets): not ready below data bytes, per knote, the socket
 * untouched.  Nothing else looks at it.
 */
TEST_F(reader, lowat_is_the_knotes_own)
{
	int other = kqueue(), before = 0, after = 0;
	socklen_t len = sizeof(int);
	struct kevent ev;

	ASSERT_LE(0, other);
	getsockopt(self->fd[0], SOL_SOCKET, SO_RCVLOWAT, &before, &len);
	ASSERT_EQ(0, kq_change(self->kq, self->fd[0], EVFILT_READ, EV_ADD,
			       NOTE_LOWAT, 8, NULL));
	ASSERT_EQ(0, kq_add(other, self->fd[0], EVFILT_READ, 0));
	getsockopt(self->fd[0], SOL_SOCKET, SO_RCVLOWAT, &after, &len);
	EXPECT_EQ(before, after);

	ASSERT_EQ(5, write(self->fd[1], text, 5));
	EXPECT_EQ(1, kq_wait_data(other, 5, &ev));
	EXPECT_EQ(5, ev.data);
	EXPECT_EQ(variant->socket ? 0 : 1, kq_pending(self->kq));
	ASSERT_EQ(3, write(self->fd[1], text, 3));
	EXPECT_EQ(1, kq_wait_data(self->kq, 8, &ev));
	EXPECT_EQ(8, ev.data);
	EXPECT_EQ(0U, ev.fflags);
}

/* NOTE_LOWAT: EOF and error override it */
TEST_F(reader, eof_overrides_lowat)
{
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, self->fd[0], EVFILT_READ, EV_ADD,
			       NOTE_LOWAT, 100, NULL));
	ASSERT_EQ(5, write(self->fd[1], text, 5));
	ASSERT_EQ(0, close(self->fd[1]));
	if (!variant->eof) {
		EXPECT_EQ(0, kq_pending(self->kq));
		return;
	}
	ASSERT_EQ(1, kq_wait_eof(self->kq, &ev));
	EXPECT_EQ(variant->left, ev.data);
}

static void rcvlowat(struct __test_metadata *_metadata, int (*open)(int fd[2]))
{
	int fd[2], ten = 10, kq = kqueue(), other = kqueue();

	ASSERT_LE(0, kq);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, open(fd));
	ASSERT_EQ(0, setsockopt(fd[0], SOL_SOCKET, SO_RCVLOWAT, &ten,
				sizeof(ten)));
	ASSERT_EQ(0, kq_add(kq, fd[0], EVFILT_READ, 0));
	ASSERT_EQ(5, write(fd[1], text, 5));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_change(other, fd[0], EVFILT_READ, EV_ADD, NOTE_LOWAT,
			       3, NULL));
	KQ_EXPECT_EVENT(other, fd[0], EVFILT_READ, 0, 0, 5);
	ASSERT_EQ(5, write(fd[1], text, 5));
	KQ_EXPECT_EVENT(kq, fd[0], EVFILT_READ, 0, 0, 10);
}

/* Without NOTE_LOWAT a socket obeys SO_RCVLOWAT; with it the knote's counts */
TEST(tcp_obeys_rcvlowat)
{
	rcvlowat(_metadata, kq_tcp_pair);
}

TEST(unix_stream_obeys_rcvlowat)
{
	rcvlowat(_metadata, kq_unix_stream);
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/*
 * EV_EOF, fflags = the socket's error, which stays for the program's own
 * SO_ERROR
 */
TEST(tcp_reset_is_eof_with_its_error)
{
	struct linger abortive = { .l_onoff = 1 };
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 99,
			       NULL));
	ASSERT_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &abortive,
				sizeof(abortive)));
	ASSERT_EQ(0, close(sv[1]));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_EOF, ECONNRESET, 0);
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_EOF, ECONNRESET, 0);
	EXPECT_EQ(ECONNRESET, so_error(sv[0]));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_EOF, 0, 0);
}

/* The same on a unix socket whose peer closed with data unread */
TEST(unix_reset_is_eof_with_its_error)
{
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, kq_unix_stream(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(3, write(sv[0], text, 3));
	ASSERT_EQ(0, close(sv[1]));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_CLEAR | EV_EOF, ECONNRESET,
			0);
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(ECONNRESET, so_error(sv[0]));
}

/* A refused connection: EV_EOF and ECONNREFUSED, left for SO_ERROR */
TEST(tcp_refused_connect_keeps_its_error)
{
	int kq = kqueue(), s, l;
	struct sockaddr_in sin;

	l = kq_tcp_listen(&sin);
	ASSERT_LE(0, l);
	ASSERT_EQ(0, close(l));
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(0, kq_add(kq, s, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(-1, connect(s, (struct sockaddr *)&sin, sizeof(sin)));
	ASSERT_EQ(EINPROGRESS, errno);
	KQ_EXPECT_EVENT(kq, s, EVFILT_READ, EV_EOF, ECONNREFUSED, 0);
	EXPECT_EQ(ECONNREFUSED, so_error(s));
}

/* A socket that was never connected has no end and nothing to read */
TEST(unconnected_sockets_are_not_ready)
{
	int kq = kqueue(), s[3], i;

	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	s[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	s[2] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, kq_add(kq, s[i], EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
}

/* A message without bytes can be received, as soon as it is there */
TEST(unix_seqpacket_message_may_be_empty)
{
	int kq = kqueue(), sv[2];
	char c;

	ASSERT_EQ(0, kq_unix_seqpacket(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, send(sv[1], "", 0, 0));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 0);
	ASSERT_EQ(0, recv(sv[0], &c, 1, 0));
	EXPECT_EQ(0, kq_pending(kq));
}

static void half_close(struct __test_metadata *_metadata,
		       int (*open)(int fd[2]), int who, int how)
{
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, open(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(4, write(sv[1], text, 4));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_CLEAR, 0, 4);
	ASSERT_EQ(0, shutdown(sv[who], how));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, EV_CLEAR | EV_EOF, 0, 4);
	EXPECT_EQ(0, kq_pending(kq));
}

/* EV_EOF when the peer will send no more: the peer's SHUT_WR */
TEST(peers_shutdown_is_eof)
{
	half_close(_metadata, kq_tcp_pair, 1, SHUT_WR);
	half_close(_metadata, kq_unix_stream, 1, SHUT_WR);
	half_close(_metadata, kq_unix_seqpacket, 1, SHUT_WR);
}

/* EV_EOF: one's own SHUT_RD ends it as well */
TEST(own_shutdown_is_eof)
{
	half_close(_metadata, kq_tcp_pair, 0, SHUT_RD);
	half_close(_metadata, kq_unix_stream, 0, SHUT_RD);
	half_close(_metadata, kq_unix_seqpacket, 0, SHUT_RD);
}

static void backlog(struct __test_metadata *_metadata, int l, void *addr,
		    socklen_t len)
{
	int kq = kqueue(), edge = kqueue(), c[3], i;
	struct kevent ev;

	ASSERT_EQ(0, kq_add(kq, l, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(edge, l, EVFILT_READ, EV_CLEAR));
	EXPECT_EQ(0, kq_pending(kq));
	for (i = 0; i < 3; i++) {
		c[i] = socket(((struct sockaddr *)addr)->sa_family,
			      SOCK_STREAM, 0);
		ASSERT_EQ(0, connect(c[i], addr, len));
		ASSERT_EQ(1, kq_wait_data(kq, i + 1, &ev));
		EXPECT_EQ(i + 1, ev.data);
		EXPECT_EQ(0, ev.flags);
		KQ_EXPECT_EVENT(edge, l, EVFILT_READ, EV_CLEAR, 0, i + 1);
		EXPECT_EQ(0, kq_pending(edge));
	}
	for (i = 2; i >= 0; i--) {
		ASSERT_LE(0, accept(l, NULL, NULL));
		if (i)
			KQ_EXPECT_EVENT(kq, l, EVFILT_READ, 0, 0, i);
	}
	EXPECT_EQ(0, kq_pending(kq));
	EXPECT_EQ(0, kq_pending(edge));
}

/* READ on a listener: connections waiting */
TEST(tcp_listener_counts_connections)
{
	struct sockaddr_in sin;
	int l = kq_tcp_listen(&sin);

	ASSERT_LE(0, l);
	backlog(_metadata, l, &sin, sizeof(sin));
}

/* shutdown() of a listener is its end; it may be one again */
TEST(tcp_listener_is_shut_down)
{
	struct sockaddr_in sin;
	int l = kq_tcp_listen(&sin), kq = kqueue();

	ASSERT_EQ(0, kq_add(kq, l, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, shutdown(l, SHUT_RD));
	KQ_EXPECT_EVENT(kq, l, EVFILT_READ, EV_EOF, ECONNABORTED, 0);
	KQ_EXPECT_EVENT(kq, l, EVFILT_READ, EV_EOF, ECONNABORTED, 0);
	ASSERT_EQ(0, listen(l, 8));
	EXPECT_EQ(0, kq_pending(kq));
}

TEST(unix_listener_is_shut_down)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), kq = kqueue(), late = kqueue();

	ASSERT_EQ(0, bind(l, (struct sockaddr *)&sun, sizeof(sun.sun_family)));
	ASSERT_EQ(0, listen(l, 8));
	ASSERT_EQ(0, kq_add(kq, l, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, shutdown(l, SHUT_RD));
	KQ_EXPECT_EVENT(kq, l, EVFILT_READ, EV_EOF, ECONNABORTED, 0);
	KQ_EXPECT_EVENT(kq, l, EVFILT_READ, EV_EOF, ECONNABORTED, 0);
	ASSERT_EQ(0, kq_add(late, l, EVFILT_READ, 0));
	KQ_EXPECT_EVENT(late, l, EVFILT_READ, EV_EOF, ECONNABORTED, 0);
}

TEST(unix_listener_counts_connections)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int l = socket(AF_UNIX, SOCK_STREAM, 0);

	ASSERT_EQ(0, bind(l, (struct sockaddr *)&sun, sizeof(sun.sun_family)));
	ASSERT_EQ(0, getsockname(l, (struct sockaddr *)&sun, &len));
	ASSERT_EQ(0, listen(l, 8));
	backlog(_metadata, l, &sun, len);
}

static int tls_begin(int fd, int way)
{
	struct tls12_crypto_info_aes_gcm_128 key = {
		.info = { TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_128 },
	};

	return setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")) ?:
	       setsockopt(fd, SOL_TLS, way, &key, sizeof(key));
}

/* TLS in the kernel has what TCP has no more: the rest of a record */
TEST(tls_record)
{
	int kq = kqueue(), sv[2], i;
	struct kevent ev;
	char buf[8];

	ASSERT_EQ(0, kq_tcp_pair(sv));
	if (tls_begin(sv[0], TLS_TX) || tls_begin(sv[1], TLS_RX))
		SKIP(return, "no TLS in this kernel");
	ASSERT_EQ(0, kq_add(kq, sv[1], EVFILT_READ, 0));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, kq_pending(kq));
		ASSERT_EQ(3, write(sv[0], "abc", 3));
		ASSERT_EQ(1, kq_wait(kq, &ev, 1));
		EXPECT_EQ(0, ev.flags);
		ASSERT_EQ(1, read(sv[1], buf, 1));
		ASSERT_EQ(1, kq_wait(kq, &ev, 1));
		EXPECT_EQ(0, ev.flags);
		ASSERT_EQ(2, read(sv[1], buf, sizeof(buf)));
	}
}

/* NOTE_LOWAT is a number of bytes: it does not hold back a connection */
static void backlog_lowat(struct __test_metadata *_metadata, int l, void *addr,
			  socklen_t len)
{
	int c = socket(((struct sockaddr *)addr)->sa_family, SOCK_STREAM, 0);
	int kq = kqueue();

	ASSERT_EQ(0, kq_change(kq, l, EVFILT_READ, EV_ADD, NOTE_LOWAT, 2,
			       NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, connect(c, addr, len));
	KQ_EXPECT_EVENT(kq, l, EVFILT_READ, 0, 0, 1);
	ASSERT_LE(0, accept(l, NULL, NULL));
	EXPECT_EQ(0, kq_change(kq, l, EVFILT_READ, 0, NOTE_LOWAT, 0, NULL));
	EXPECT_EQ(0, kq_pending(kq));
}

TEST(tcp_listener_has_no_lowat)
{
	struct sockaddr_in sin;
	int l = kq_tcp_listen(&sin);

	ASSERT_LE(0, l);
	backlog_lowat(_metadata, l, &sin, sizeof(sin));
}

TEST(unix_listener_has_no_lowat)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int l = socket(AF_UNIX, SOCK_STREAM, 0);

	ASSERT_EQ(0, bind(l, (struct sockaddr *)&sun, sizeof(sun.sun_family)));
	ASSERT_EQ(0, getsockname(l, (struct sockaddr *)&sun, &len));
	ASSERT_EQ(0, listen(l, 8));
	backlog_lowat(_metadata, l, &sun, len);
}

/* READ: bytes that can be read: both datagrams, also once they were polled */
TEST(udp_counts_every_datagram)
{
	struct pollfd p = { .events = POLLIN };
	int kq = kqueue(), sv[2];
	char buf[16];

	ASSERT_EQ(0, kq_udp_pair(sv));
	ASSERT_EQ(3, write(sv[1], text, 3));
	p.fd = sv[0];
	ASSERT_EQ(1, poll(&p, 1, -1));
	ASSERT_EQ(3, recv(sv[0], buf, sizeof(buf), MSG_PEEK));
	ASSERT_EQ(4, write(sv[1], text, 4));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 7);
	ASSERT_EQ(1, poll(&p, 1, -1));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 7);
	ASSERT_EQ(3, read(sv[0], buf, sizeof(buf)));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 4);
	ASSERT_EQ(4, read(sv[0], buf, sizeof(buf)));
	EXPECT_EQ(0, kq_pending(kq));
}

/* What has no amounts of its own tells what waits in its socket's queue. */
TEST(netlink_counts_bytes_and_obeys_both_marks)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	int r = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK);
	int w = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK);
	int eight = 8, kq = kqueue(), other = kqueue(), plain = kqueue();
	socklen_t len = sizeof(to);

	ASSERT_LE(0, r);
	ASSERT_LE(0, w);
	ASSERT_EQ(0, bind(r, (struct sockaddr *)&to, len));
	ASSERT_EQ(0, getsockname(r, (struct sockaddr *)&to, &len));
	ASSERT_EQ(0, kq_add(plain, r, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_change(other, r, EVFILT_READ, EV_ADD, NOTE_LOWAT, 12,
			       NULL));
	EXPECT_EQ(0, kq_pending(plain));
	ASSERT_EQ(5, sendto(w, text, 5, 0, (struct sockaddr *)&to, len));
	KQ_EXPECT_EVENT(plain, r, EVFILT_READ, 0, 0, 5);
	ASSERT_EQ(0, setsockopt(r, SOL_SOCKET, SO_RCVLOWAT, &eight,
				sizeof(eight)));
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(4, sendto(w, text, 4, 0, (struct sockaddr *)&to, len));
	KQ_EXPECT_EVENT(kq, r, EVFILT_READ, 0, 0, 9);
	EXPECT_EQ(0, kq_pending(other));
	ASSERT_EQ(3, sendto(w, text, 3, 0, (struct sockaddr *)&to, len));
	KQ_EXPECT_EVENT(other, r, EVFILT_READ, 0, 0, 12);
}

/* A pending datagram error makes READ ready without EOF, LOWAT or not */
TEST(udp_error_is_ready_without_eof)
{
	int kq = kqueue(), sv[2];

	ASSERT_EQ(0, kq_udp_pair(sv));
	ASSERT_EQ(0, close(sv[1]));
	ASSERT_EQ(0, kq_change(kq, sv[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 99,
			       NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(3, write(sv[0], text, 3));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 0);
	EXPECT_EQ(ECONNREFUSED, so_error(sv[0]));
	EXPECT_EQ(0, kq_pending(kq));
}

/* Out-of-band data is not what can be read */
TEST(oob_is_not_counted)
{
	int kq = kqueue(), except = kqueue(), sv[2];
	struct kevent ev;
	char c;

	ASSERT_EQ(0, kq_tcp_pair(sv));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(1, send(sv[1], "!", 1, MSG_OOB));
	ASSERT_EQ(0, kq_change(except, sv[0], EVFILT_EXCEPT, EV_ADD, NOTE_OOB,
			       0, NULL));
	ASSERT_EQ(1, kq_wait(except, &ev, 1));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(1, recv(sv[0], &c, 1, MSG_OOB));
	ASSERT_EQ(3, write(sv[1], text, 3));
	KQ_EXPECT_EVENT(kq, sv[0], EVFILT_READ, 0, 0, 3);
}

/* a fifo reader opened before any writer has no EOF */
TEST(fifo_without_a_writer_yet_has_no_eof)
{
	char name[] = "/tmp/kq-fifo-XXXXXX";
	int kq = kqueue(), r, w;

	ASSERT_EQ(0, kq_mkfifo(name));
	r = open(name, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	w = open(name, O_WRONLY);
	ASSERT_LE(0, w);
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, close(w));
	KQ_EXPECT_EVENT(kq, r, EVFILT_READ, EV_EOF, 0, 0);
	unlink(name);
}

/* EOF goes again when a new writer opens the fifo, and comes with its end */
TEST(fifo_eof_goes_with_a_new_writer)
{
	char name[] = "/tmp/kq-fifo-XXXXXX";
	int kq = kqueue(), r, w, i;

	ASSERT_EQ(0, kq_mkfifo(name));
	r = open(name, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_READ, 0));
	for (i = 0; i < 3; i++) {
		w = open(name, O_WRONLY);
		ASSERT_LE(0, w);
		EXPECT_EQ(0, kq_pending(kq));
		ASSERT_EQ(0, close(w));
		KQ_EXPECT_EVENT(kq, r, EVFILT_READ, EV_EOF, 0, 0);
	}
	unlink(name);
}

/* CLEAR: EOF is reported once for each writer that goes */
TEST(fifo_eof_comes_again_with_clear)
{
	char name[] = "/tmp/kq-fifo-XXXXXX";
	int kq = kqueue(), r, w, i;
	char buf[8];

	ASSERT_EQ(0, kq_mkfifo(name));
	r = open(name, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_READ, EV_CLEAR));
	for (i = 0; i < 3; i++) {
		w = open(name, O_WRONLY);
		ASSERT_LE(0, w);
		EXPECT_EQ(0, kq_pending(kq));
		ASSERT_EQ(2, write(w, text, 2));
		KQ_EXPECT_EVENT(kq, r, EVFILT_READ, EV_CLEAR, 0, 2);
		ASSERT_EQ(2, read(r, buf, sizeof(buf)));
		ASSERT_EQ(0, close(w));
		KQ_EXPECT_EVENT(kq, r, EVFILT_READ, EV_CLEAR | EV_EOF, 0, 0);
		EXPECT_EQ(0, kq_pending(kq));
	}
	unlink(name);
}

static void *write_65536(void *fd)
{
	static const char block[65536];

	return (void *)write(*(int *)fd, block, sizeof(block));
}

/*
 * A write that fails may leave a buffer without bytes, and a pipe that has one
 * tells nobody of a write that fills it up.
 */
TEST(pipe_is_filled_after_a_write_that_failed)
{
	static char buf[65536];
	int kq = kqueue(), fd[2];
	struct pollfd pfd = { .events = POLLIN };
	struct kevent ev;
	pthread_t writer;
	ssize_t n, sum;
	void *written, *nowhere = mmap(NULL, sizeof(buf), PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_add(kq, fd[0], EVFILT_READ, 0));
	ASSERT_EQ(-1, write(fd[1], nowhere, sizeof(buf)));
	ASSERT_EQ(EFAULT, errno);
	pfd.fd = fd[0];
	EXPECT_EQ(poll(&pfd, 1, 0), kq_pending(kq));
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_65536, &fd[1]));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	for (sum = 0; sum < (ssize_t)sizeof(buf); sum += n) {
		n = read(fd[0], buf, sizeof(buf));
		ASSERT_LT(0, n);
	}
	ASSERT_EQ(0, pthread_join(writer, &written));
	EXPECT_EQ(sizeof(buf), (size_t)written);
	EXPECT_EQ(0, kq_pending(kq));
}

/*
 * READ on the end of a pipe that is written to: BSD's pipes go both ways, and
 * though nothing comes back it tells that the other end is gone
 */
TEST(pipe_write_end_tells_of_the_end)
{
	int kq = kqueue(), fd[2];
	struct kevent ev;

	ASSERT_EQ(0, kq_pipe(fd));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_READ, 0));
	ASSERT_EQ(3, write(fd[1], text, 3));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, close(fd[0]));
	ASSERT_EQ(1, kq_wait_eof(kq, &ev));
	EXPECT_EQ((uintptr_t)fd[1], ev.ident);
	EXPECT_EQ(EVFILT_READ, ev.filter);
	EXPECT_EQ(0, ev.data);
	EXPECT_EQ(0U, ev.fflags);

	ASSERT_EQ(0, kq_change(kq, fd[1], EVFILT_READ, EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, kq_add(kq, fd[1], EVFILT_READ, EV_CLEAR));
	KQ_EXPECT_EVENT(kq, fd[1], EVFILT_READ, EV_CLEAR | EV_EOF, 0, 0);
	EXPECT_EQ(0, kq_pending(kq));
}

/* READ on a fifo that is open for writing alone registers and never fires */
TEST(fifo_write_end_is_never_readable)
{
	char name[] = "/tmp/kq-fifo-XXXXXX";
	int kq = kqueue(), r, w;

	ASSERT_EQ(0, kq_mkfifo(name));
	r = open(name, O_RDONLY | O_NONBLOCK);
	w = open(name, O_WRONLY);
	ASSERT_EQ(0, kq_add(kq, w, EVFILT_READ, 0));
	ASSERT_EQ(3, write(w, text, 3));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, close(r));
	EXPECT_EQ(0, kq_pending(kq));
	unlink(name);
}

/* A pty read by lines has nothing to read before the line's end */
TEST(pty_in_canonical_mode_counts_lines)
{
	struct termios t;
	struct kevent ev;
	int kq = kqueue(), fd[2];

	ASSERT_EQ(0, kq_pty_slave(fd));
	ASSERT_EQ(0, tcgetattr(fd[0], &t));
	t.c_lflag |= ICANON;
	t.c_cc[VEOL] = '.';
	ASSERT_EQ(0, tcsetattr(fd[0], TCSANOW, &t));
	ASSERT_EQ(0, kq_add(kq, fd[0], EVFILT_READ, 0));
	ASSERT_EQ(3, write(fd[1], "abc", 3));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(2, write(fd[1], "d\n", 2));
	ASSERT_EQ(1, kq_wait_data(kq, 5, &ev));
	EXPECT_EQ(5, ev.data);
	EXPECT_EQ(0, ev.flags);
}

TEST_HARNESS_MAIN
