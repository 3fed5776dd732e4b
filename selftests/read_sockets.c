// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of protocols that few programs use.  What a kernel does not have is
 * skipped.  Needs root, to load what is a module.
 */
#include "kselftest_harness.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/tls.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "kq_objects.h"

static int bound(int type, int protocol, struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int s = socket(AF_INET, type, protocol);

	*sin = (struct sockaddr_in){ .sin_family = AF_INET };
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(s, (struct sockaddr *)sin, len) ||
	    getsockname(s, (struct sockaddr *)sin, &len))
		return -1;
	return s;
}

/* A connection over the loopback.  0 where the kernel has the protocol. */
static int stream_pair(int protocol, int sv[2])
{
	struct sockaddr_in sin;
	int l = bound(SOCK_STREAM, protocol, &sin);

	sv[1] = socket(AF_INET, SOCK_STREAM, protocol);
	if (l < 0 || listen(l, 1) ||
	    connect(sv[1], (struct sockaddr *)&sin, sizeof(sin)))
		return -1;
	sv[0] = accept(l, NULL, NULL);
	close(l);
	return sv[0] < 0;
}

/* MPTCP: ready with data 1, however much there is */
TEST(mptcp_is_ready_or_not)
{
	char buf[1000] = { 0 };
	int kq = kqueue(), sv[2];
	struct kevent ev;

	if (stream_pair(IPPROTO_MPTCP, sv))
		SKIP(return, "no MPTCP");
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(1000, write(sv[1], buf, 1000));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
	ASSERT_EQ(400, read(sv[0], buf, 400));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
	ASSERT_EQ(600, read(sv[0], buf, 600));
	EXPECT_EQ(0, kq_pending(kq));
	/* Its own mark is its ->poll's, where it has one. */
	setsockopt(sv[0], SOL_SOCKET, SO_RCVLOWAT, &(int){ 500 }, sizeof(int));
	ASSERT_EQ(1000, write(sv[1], buf, 1000));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
}

/* MPTCP: a listener is ready with data 1 or more */
TEST(mptcp_listens)
{
	struct sockaddr_in sin;
	int l = bound(SOCK_STREAM, IPPROTO_MPTCP, &sin);
	int kq = kqueue(), s = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	struct kevent ev;

	if (l < 0 || listen(l, 1))
		SKIP(return, "no MPTCP");
	ASSERT_EQ(0, kq_add(kq, l, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, connect(s, (struct sockaddr *)&sin, sizeof(sin)));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_LE(1, ev.data);
	ASSERT_LE(0, accept(l, NULL, NULL));
	EXPECT_EQ(0, kq_pending(kq));
}

/* A packet socket with a ring: a frame lies there, not in its queue */
TEST(packet_ring)
{
	struct tpacket_req ring = {
		.tp_block_size = 4096, .tp_block_nr = 4,
		.tp_frame_size = 2048, .tp_frame_nr = 8,
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("lo"),
		.sll_protocol = htons(ETH_P_802_EX1),
	};
	int kq = kqueue(), p = socket(AF_PACKET, SOCK_RAW, 0);
	char frame[60] = { [12] = ETH_P_802_EX1 >> 8, [13] = ETH_P_802_EX1 & 0xff };
	struct kevent ev;

	if (p < 0)
		SKIP(return, "no packet sockets");
	ASSERT_EQ(0, setsockopt(p, SOL_PACKET, PACKET_RX_RING, &ring,
				sizeof(ring)));
	ASSERT_EQ(0, bind(p, (struct sockaddr *)&to, sizeof(to)));
	ASSERT_EQ(0, kq_change(kq, p, EVFILT_READ, EV_ADD, NOTE_LOWAT, 1,
			       NULL));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ((ssize_t)sizeof(frame),
		  sendto(p, frame, sizeof(frame), 0, (struct sockaddr *)&to,
			 sizeof(to)));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
}

static void *send_on(void *fd)
{
	char buf[500] = { 0 };

	while (write(*(int *)fd, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

static void *receive_all(void *fd)
{
	char buf[700];

	while (read(*(int *)fd, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

/* What is read meanwhile is nobody's to look at. */
TEST(mptcp_is_read_meanwhile)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + 2000000000;
	pthread_t sender, receiver;
	int kq = kqueue(), sv[2];
	struct kevent ev;

	signal(SIGPIPE, SIG_IGN);
	if (stream_pair(IPPROTO_MPTCP, sv))
		SKIP(return, "no MPTCP");
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_on, &sv[1]));
	ASSERT_EQ(0, pthread_create(&receiver, NULL, receive_all, &sv[0]));
	while (kq_now(CLOCK_MONOTONIC) < end)
		ASSERT_LE(0, kq_poll(kq, &ev, 1));
	ASSERT_EQ(0, shutdown(sv[1], SHUT_RDWR));
	ASSERT_EQ(0, pthread_join(sender, NULL));
	ASSERT_EQ(0, pthread_join(receiver, NULL));
}

/* MPTCP: WRITE with a mark goes by whether there is room; EMPTY is EINVAL */
TEST(mptcp_room)
{
	static const char block[65536];
	int kq = kqueue(), sv[2];
	struct kevent ev;

	if (stream_pair(IPPROTO_MPTCP, sv))
		SKIP(return, "no MPTCP");
	ASSERT_EQ(0, kq_nonblock(sv[1]));
	EXPECT_EQ(-EINVAL, kq_add(kq, sv[1], EVFILT_EMPTY, 0));
	ASSERT_EQ(0, kq_change(kq, sv[1], EVFILT_WRITE, EV_ADD, NOTE_LOWAT, 1,
			       NULL));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
	do {
		while (write(sv[1], block, sizeof(block)) > 0)
			;
		usleep(100000);
	} while (write(sv[1], block, sizeof(block)) > 0);
	EXPECT_EQ(0, kq_pending(kq));
}

/* UDP-Lite has its bytes, as UDP does */
TEST(udplite_bytes)
{
	struct sockaddr_in sin;
	int kq = kqueue(), s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
	int r = bound(SOCK_DGRAM, IPPROTO_UDPLITE, &sin);
	struct kevent ev;

	if (s < 0 || r < 0)
		SKIP(return, "no UDP-Lite");
	ASSERT_EQ(0, kq_change(kq, r, EVFILT_READ, EV_ADD, NOTE_LOWAT, 5,
			       NULL));
	ASSERT_EQ(5, sendto(s, "12345", 5, 0, (struct sockaddr *)&sin,
			    sizeof(sin)));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_EQ(5, ev.data);
}

/* SCTP of many associations sends and receives where it listens, too */
TEST(sctp_of_many)
{
	struct sockaddr_in sin;
	int kq = kqueue(), s, r = bound(SOCK_SEQPACKET, IPPROTO_SCTP, &sin);
	struct kevent ev[2];

	if (r < 0)
		SKIP(return, "no SCTP");
	s = socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP);
	ASSERT_EQ(0, listen(r, 1));
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_READ, 0));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, kq_add(kq, r, EVFILT_WRITE, 0));
	ASSERT_EQ(1, kq_wait(kq, ev, 2));
	EXPECT_EQ(EVFILT_WRITE, ev[0].filter);
	ASSERT_EQ(0, kq_change(kq, r, EVFILT_WRITE, EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(5, sendto(s, "12345", 5, 0, (struct sockaddr *)&sin,
			    sizeof(sin)));
	ASSERT_EQ(1, kq_wait(kq, ev, 2));
	EXPECT_EQ(EVFILT_READ, ev[0].filter);
	EXPECT_EQ(1, ev[0].data);
	ASSERT_EQ(5, read(r, ev, sizeof(ev)));
	EXPECT_EQ(0, kq_pending(kq));
	ASSERT_EQ(0, listen(r, 0));
	EXPECT_EQ(0, kq_pending(kq));
}

/* TCP: a mark that the window has no room for is none, as ->poll has it */
TEST(tcp_mark_beyond_the_window)
{
	static const char block[4096];
	int kq = kqueue(), sv[2];
	struct pollfd p = { .events = POLLIN };
	struct kevent ev;

	ASSERT_EQ(0, stream_pair(IPPROTO_TCP, sv));
	ASSERT_EQ(0, setsockopt(sv[0], SOL_SOCKET, SO_RCVLOWAT,
				&(int){ 100000 }, sizeof(int)));
	ASSERT_EQ(0, setsockopt(sv[0], SOL_SOCKET, SO_RCVBUF,
				&(int){ 4096 }, sizeof(int)));
	ASSERT_EQ(0, kq_nonblock(sv[1]));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	p.fd = sv[0];
	do {
		while (write(sv[1], block, sizeof(block)) > 0)
			;
		usleep(100000);
	} while (write(sv[1], block, sizeof(block)) > 0);
	ASSERT_EQ(1, poll(&p, 1, KQ_PATIENCE * 1000));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	EXPECT_LT(0, ev.data);
}

/* TLS that the kernel does: what is left of a record is not TCP's any more */
TEST(tls_records)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};
	char record[128];
	int kq = kqueue(), sv[2], wire[2];
	struct kevent ev;
	ssize_t n;

	ASSERT_EQ(0, system("modprobe -q tls; true"));
	ASSERT_EQ(0, stream_pair(IPPROTO_TCP, sv));
	ASSERT_EQ(0, stream_pair(IPPROTO_TCP, wire));
	if (setsockopt(wire[1], IPPROTO_TCP, TCP_ULP, "tls", 4) ||
	    setsockopt(sv[0], IPPROTO_TCP, TCP_ULP, "tls", 4))
		SKIP(return, "no TLS");
	/* What one socket encrypts goes to the other in two parts. */
	ASSERT_EQ(0, setsockopt(wire[1], SOL_TLS, TLS_TX, &keys, sizeof(keys)));
	ASSERT_EQ(0, setsockopt(sv[0], SOL_TLS, TLS_RX, &keys, sizeof(keys)));
	ASSERT_EQ(5, write(wire[1], "12345", 5));
	n = read(wire[0], record, sizeof(record));
	ASSERT_LT(20, n);
	ASSERT_EQ(0, kq_nonblock(sv[0]));
	ASSERT_EQ(0, kq_add(kq, sv[0], EVFILT_READ, 0));
	ASSERT_EQ(20, write(sv[1], record, 20));
	usleep(20000);
	if (kq_pending(kq)) {
		/* Up to 6.1 its ->poll says what TCP has. */
		struct pollfd p = { .fd = sv[0], .events = POLLIN };

		EXPECT_EQ(1, poll(&p, 1, 0));
	}
	ASSERT_EQ(n - 20, write(sv[1], record + 20, n - 20));
	ASSERT_EQ(1, kq_wait(kq, &ev, 1));
	ASSERT_EQ(2, read(sv[0], record, 2));
	EXPECT_EQ(1, kq_pending(kq));
	ASSERT_EQ(3, read(sv[0], record, sizeof(record)));
	EXPECT_EQ(0, kq_pending(kq));
}

TEST_HARNESS_MAIN
