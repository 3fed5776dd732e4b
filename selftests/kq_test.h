/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share.  Every wait here ends by itself after KQ_PATIENCE
 * seconds, far beyond what any guest needs: a test waits for events, it does
 * not sleep.
 */
#ifndef KQ_TEST_H
#define KQ_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KQ_PATIENCE	(getenv("KQ_SLOW") ? 100 : 20)	/* see slow.c */

/* Apply one change.  Returns 0, or the errno as a negative number. */
static inline int kq_change(int kq, uintptr_t ident, short filter,
			    unsigned short flags, unsigned int fflags,
			    int64_t data, void *udata)
{
	struct kevent kev;

	EV_SET(&kev, ident, filter, flags, fflags, data, udata);
	return kevent(kq, &kev, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

static inline int kq_add(int kq, uintptr_t ident, short filter,
			 unsigned short flags)
{
	return kq_change(kq, ident, filter, EV_ADD | flags, 0, 0, NULL);
}

/* Take what is pending now.  Returns the number, or a negative errno. */
static inline int kq_poll(int kq, struct kevent *ev, int n)
{
	static const struct timespec now;
	int r = kevent(kq, NULL, 0, ev, n, &now);

	return r < 0 ? -errno : r;
}

/* Wait for at least one event.  Returns the number, or a negative errno. */
static inline int kq_wait(int kq, struct kevent *ev, int n)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	int r = kevent(kq, NULL, 0, ev, n, &patience);

	return r < 0 ? -errno : r;
}

/* How many events are pending, up to 64; they are taken. */
static inline int kq_pending(int kq)
{
	struct kevent ev[64];

	return kq_poll(kq, ev, 64);
}

/* The number that a queue of this process has in fdinfo, traces and kqstat. */
static inline unsigned long long kq_queue_id(int kq)
{
	unsigned long long id = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", kq);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "queue: id:%llu", &id) == 1)
			break;
	if (f)
		fclose(f);
	return id;
}

/* A listening TCP socket on loopback; its address goes to *sin. */
static inline int kq_tcp_listen(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sin = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (s < 0 || bind(s, (struct sockaddr *)sin, len) ||
	    getsockname(s, (struct sockaddr *)sin, &len) || listen(s, 64))
		return -1;
	return s;
}

/* Two connected TCP sockets on loopback, Nagle off. */
static inline int kq_tcp_pair(int sv[2])
{
	struct sockaddr_in sin;
	int one = 1, l = kq_tcp_listen(&sin);

	if (l < 0)
		return -1;
	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(sv[0], (struct sockaddr *)&sin, sizeof(sin)))
		return -1;
	sv[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(sv[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(sv[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(l);
	return sv[1] < 0 ? -1 : 0;
}

/* Two UDP sockets on loopback, connected to each other. */
static inline int kq_udp_pair(int sv[2])
{
	struct sockaddr_in sin[2];
	socklen_t len = sizeof(sin[0]);
	int i;

	for (i = 0; i < 2; i++) {
		sin[i] = (struct sockaddr_in) {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		sv[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (sv[i] < 0 || bind(sv[i], (struct sockaddr *)&sin[i], len) ||
		    getsockname(sv[i], (struct sockaddr *)&sin[i], &len))
			return -1;
	}
	for (i = 0; i < 2; i++)
		if (connect(sv[i], (struct sockaddr *)&sin[!i], len))
			return -1;
	return 0;
}

/* A clock in nanoseconds. */
static inline int64_t kq_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Wait until the queue is readable, and take nothing.  1 when it is. */
static inline int kq_readable(int kq)
{
	struct pollfd pfd = { .fd = kq, .events = POLLIN };

	return poll(&pfd, 1, KQ_PATIENCE * 1000);
}

/* Wait until a thread of this process sleeps.  0 when it does. */
static inline int kq_until_asleep(pid_t tid)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * INT64_C(1000000000);
	char path[64], stat[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (kq_now(CLOCK_MONOTONIC) < end) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
		stat[n < 0 ? 0 : n] = '\0';
		p = strrchr(stat, ')');
		if (p && p[1] == ' ' && p[2] == 'S')
			return 0;
		sched_yield();
	}
	return -1;
}

/* A parameter or a counter of the module; a negative errno without it. */
static inline long long kq_param(const char *name)
{
	char path[128], value[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kqueue/parameters/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	value[n] = '\0';
	return strtoll(value, NULL, 10);
}

/* Set a parameter of the module.  0, or a negative errno. */
static inline int kq_set_param(const char *name, long long value)
{
	char path[128], text[32];
	int len, fd, err = 0;

	snprintf(path, sizeof(path), "/sys/module/kqueue/parameters/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%lld\n", value);
	if (write(fd, text, len) != len)
		err = -errno;
	close(fd);
	return err;
}

/*
 * Inside a test: wait for the next event and check all of it but udata.  flags
 * are compared whole, so an EV_ADD that comes back fails.
 */
#define KQ_EXPECT_EVENT(kq_, ident_, filter_, flags_, fflags_, data_)	\
do {									\
	struct kevent kq_ev_ = { 0 };					\
									\
	EXPECT_EQ(1, kq_wait((kq_), &kq_ev_, 1));			\
	EXPECT_EQ((uintptr_t)(ident_), kq_ev_.ident);			\
	EXPECT_EQ((filter_), kq_ev_.filter);				\
	EXPECT_EQ((flags_), kq_ev_.flags);				\
	EXPECT_EQ((unsigned int)(fflags_), kq_ev_.fflags);		\
	EXPECT_EQ((int64_t)(data_), kq_ev_.data);			\
} while (0)

/* Trigger an EVFILT_USER knote, leaving its udata and its flags alone. */
static inline int kq_trigger(int kq, uintptr_t ident)
{
	return kq_change(kq, ident, EVFILT_USER, EV_KEEPUDATA, NOTE_TRIGGER, 0,
			 NULL);
}

/* Wait until a thread sleeps inside kevent().  0 when it does. */
static inline int kq_until_in_kevent(pid_t tid)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * INT64_C(1000000000);
	char path[64], call[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	while (kq_now(CLOCK_MONOTONIC) < end) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		n = read(fd, call, sizeof(call) - 1);
		close(fd);
		call[n < 0 ? 0 : n] = '\0';
		if (n > 0 && strtol(call, NULL, 10) == SYS_ioctl)
			return 0;
		sched_yield();
	}
	return -1;
}

/*
 * A thread in kevent().  The caller fills in the first part; what the call
 * returned, as a count or a negative errno, is for after kq_waiter_end().
 */
struct kq_waiter {
	int			kq;
	int			room;
	int			nchanges;
	const struct kevent	*changes;
	const struct timespec	*timeout;

	pthread_t		thread;
	pid_t			tid;
	int			ret;
	int64_t			slept;		/* ns */
	struct kevent		ev[4];
};

static inline void *kq_waiter_run(void *arg)
{
	struct kq_waiter *w = arg;
	int64_t start;

	__atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	start = kq_now(CLOCK_MONOTONIC);
	w->ret = kevent(w->kq, w->changes, w->nchanges, w->ev, w->room,
			w->timeout);
	if (w->ret < 0)
		w->ret = -errno;
	w->slept = kq_now(CLOCK_MONOTONIC) - start;
	return NULL;
}

/* Start it, and come back when it sleeps in kevent().  0 when it does. */
static inline int kq_waiter_start(struct kq_waiter *w)
{
	pid_t tid;

	if (!w->room)
		w->room = 1;
	w->tid = 0;
	if (pthread_create(&w->thread, NULL, kq_waiter_run, w))
		return -1;
	while (!(tid = __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	return kq_until_in_kevent(tid);
}

/* Wait for it to come back, and return what kevent() did. */
static inline int kq_waiter_end(struct kq_waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->ret;
}

/* Raise a capability that the change of ids has left permitted. */
static inline int kq_raise_cap(int cap)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	data[0].effective = 1 << cap;
	data[0].permitted = 1 << cap;
	return syscall(SYS_capset, &header, data);
}

/* Run as a user and dumpable, able to be root again.  0 when it does. */
static inline int kq_become(uid_t uid)
{
	return prctl(PR_SET_KEEPCAPS, 1) || setresuid(uid, uid, uid) ||
	       kq_raise_cap(CAP_SETUID) || prctl(PR_SET_DUMPABLE, 1);
}

#endif /* KQ_TEST_H */
