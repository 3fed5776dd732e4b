// SPDX-License-Identifier: GPL-2.0
/*
 * The ABI of uapi/linux/kqueue.h without the library.  Built twice, as abi and,
 * for 32-bit programs, as abi_32: "the same /dev/kqueue serves 32-bit programs".
 */
#include "kselftest_harness.h"
#include <assert.h>
#include <fcntl.h>
#include <linux/kqueue.h>
#include <linux/time_types.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#define DEVICE		"/dev/kqueue"
#define NOBODY		65534
#define PATIENCE	20

/* Every byte of a structure belongs to a field, at the same place for all. */
static_assert(sizeof(struct kq_event) == 32, "size");
static_assert(offsetof(struct kq_event, ident) == 0, "ident");
static_assert(offsetof(struct kq_event, filter) == 8, "filter");
static_assert(offsetof(struct kq_event, flags) == 10, "flags");
static_assert(offsetof(struct kq_event, fflags) == 12, "fflags");
static_assert(offsetof(struct kq_event, data) == 16, "data");
static_assert(offsetof(struct kq_event, udata) == 24, "udata");
static_assert(sizeof(struct kq_kevent) == 40, "size");
static_assert(offsetof(struct kq_kevent, changelist) == 0, "changelist");
static_assert(offsetof(struct kq_kevent, eventlist) == 8, "eventlist");
static_assert(offsetof(struct kq_kevent, timeout) == 16, "timeout");
static_assert(offsetof(struct kq_kevent, nchanges) == 24, "nchanges");
static_assert(offsetof(struct kq_kevent, nevents) == 28, "nevents");
static_assert(offsetof(struct kq_kevent, flags) == 32, "flags");
static_assert(offsetof(struct kq_kevent, reserved) == 36, "reserved");
static_assert(sizeof(struct __kernel_timespec) == 16, "size");
static_assert(KQ_IOC_KEVENT == 0x40284a00, "KQ_IOC_KEVENT");
static_assert(KQ_IOC_VERSION == 0x80044a01, "KQ_IOC_VERSION");
static_assert(KQ_IOC_OWNED == 0x4a02, "KQ_IOC_OWNED");

static __u64 addr(const void *p)
{
	return (uintptr_t)p;
}

/* One raw call.  Returns what the ioctl does, or a negative errno. */
static int call(int kq, const struct kq_kevent *kev)
{
	int r = ioctl(kq, KQ_IOC_KEVENT, kev);

	return r < 0 ? -errno : r;
}

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int change(int kq, const struct kq_event *ev, int n)
{
	struct kq_kevent kev = { .changelist = addr(ev), .nchanges = n };

	return call(kq, &kev);
}

/* Take up to n events, waiting for at most so many seconds. */
static int take(int kq, struct kq_event *ev, int n, int seconds)
{
	struct __kernel_timespec ts = { .tv_sec = seconds };
	struct kq_kevent kev = {
		.eventlist = addr(ev),
		.timeout = addr(&ts),
		.nevents = n,
	};

	return call(kq, &kev);
}

static int add_user(int kq, __u64 ident, __u16 flags, __u32 fflags)
{
	struct kq_event ev = {
		.ident = ident,
		.filter = EVFILT_USER,
		.flags = EV_ADD | flags,
		.fflags = fflags,
	};

	return change(kq, &ev, 1);
}

static int delete_user(int kq, __u64 ident)
{
	struct kq_event ev = {
		.ident = ident,
		.filter = EVFILT_USER,
		.flags = EV_DELETE,
	};

	return change(kq, &ev, 1);
}

/* A page, or a few, that the program may not touch. */
static void *forbidden(size_t len)
{
	return mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

FIXTURE(abi) {
	int kq;
};

FIXTURE_SETUP(abi)
{
	self->kq = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(abi)
{
	close(self->kq);
}

/* KQ_IOC_VERSION stores KQ_ABI_VERSION. */
TEST_F(abi, version)
{
	__u32 version[3] = { 0xa5a5a5a5, 0xa5a5a5a5, 0xa5a5a5a5 };

	ASSERT_EQ(0, ioctl(self->kq, KQ_IOC_VERSION, &version[1]));
	EXPECT_EQ((__u32)KQ_ABI_VERSION, version[1]);
	EXPECT_EQ(0xa5a5a5a5, version[0]);
	EXPECT_EQ(0xa5a5a5a5, version[2]);
	ASSERT_EQ(-1, ioctl(self->kq, KQ_IOC_VERSION, forbidden(4096)));
	EXPECT_EQ(EFAULT, errno);
}

/*
 * An open belongs to the descriptor table that opened it; from any other every
 * call gives EBADF, but VERSION and OWNED answer.
 */
TEST_F(abi, owned)
{
	struct kq_event ev;
	__u32 version = 0;
	int status;
	pid_t pid;

	ASSERT_EQ(1, ioctl(self->kq, KQ_IOC_OWNED));
	ASSERT_EQ(0, add_user(self->kq, 1, 0, NOTE_TRIGGER));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (ioctl(self->kq, KQ_IOC_OWNED))
			_exit(1);
		if (ioctl(self->kq, KQ_IOC_VERSION, &version) ||
		    version != KQ_ABI_VERSION)
			_exit(2);
		if (take(self->kq, &ev, 1, 0) != -EBADF)
			_exit(3);
		if (add_user(self->kq, 2, 0, 0) != -EBADF)
			_exit(4);
		close(self->kq);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, ioctl(self->kq, KQ_IOC_OWNED));
	EXPECT_EQ(1, take(self->kq, &ev, 1, 0));
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 2));
}

/* Other ioctls ENOTTY. */
TEST_F(abi, unknown_ioctl)
{
	const unsigned long unknown[] = {
		0, KQ_IOC_OWNED + 1, _IOW(KQ_IOC_MAGIC, 0, char[8]),
		_IOWR(KQ_IOC_MAGIC, 0, struct kq_kevent),
		_IOR(KQ_IOC_MAGIC, 1, __u64), _IOR(KQ_IOC_MAGIC, 2, __u32),
		_IO(KQ_IOC_MAGIC, 255), FIONREAD, TCGETS,
	};
	char buf[256];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-1, ioctl(self->kq, unknown[i], buf));
		EXPECT_EQ(ENOTTY, errno);
	}
}

/* Reserved fields and unused flags must be zero: EINVAL, and no other effect. */
TEST_F(abi, reserved_fields)
{
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	struct kq_kevent kev = { .changelist = addr(&ev), .nchanges = 1 };
	int bit;

	for (bit = 0; bit < 32; bit++) {
		kev.reserved = 1U << bit;
		EXPECT_EQ(-EINVAL, call(self->kq, &kev));
	}
	kev.reserved = 0;
	for (bit = 0; bit < 32; bit++) {
		kev.flags = 1U << bit;
		if (!(kev.flags & KQ_CALL_FLAGS))
			EXPECT_EQ(-EINVAL, call(self->kq, &kev));
	}
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 1));
	kev.flags = 0;
	EXPECT_EQ(0, call(self->kq, &kev));
}

/* KQ_CALL_NARROW: the upper halves of ident and udata are ignored. */
TEST_F(abi, narrow)
{
	struct kq_event out, ev = {
		.ident = 0xdead00000001ULL, .filter = EVFILT_USER,
		.flags = EV_ADD, .fflags = NOTE_TRIGGER,
		.udata = 0xbeef00000002ULL,
	};
	struct kq_kevent kev = {
		.changelist = addr(&ev), .nchanges = 1,
		.flags = KQ_CALL_NARROW,
	};

	ASSERT_EQ(0, call(self->kq, &kev));
	kev = (struct kq_kevent) { .eventlist = addr(&out), .nevents = 1 };
	ASSERT_EQ(1, call(self->kq, &kev));
	EXPECT_EQ(1, out.ident);
	EXPECT_EQ(2, out.udata);
}

/* KQ_CALL_UNTIL: until a time, which may have passed. */
TEST_F(abi, until)
{
	struct kq_event ev;
	struct kq_kevent kev = {
		.eventlist = addr(&ev), .nevents = 1, .flags = KQ_CALL_UNTIL,
		.timeout = now() + 10000000,
	};
	const __u64 until = kev.timeout;

	EXPECT_EQ(0, call(self->kq, &kev));
	EXPECT_LE(until, now());
	EXPECT_EQ(until, kev.timeout);
	EXPECT_EQ(0, call(self->kq, &kev));
	kev.timeout = 0;
	EXPECT_EQ(0, call(self->kq, &kev));
	kev.timeout = 1ULL << 63;
	EXPECT_EQ(-EINVAL, call(self->kq, &kev));
	kev.timeout = (1ULL << 63) - 1;
	ASSERT_EQ(0, add_user(self->kq, 1, 0, NOTE_TRIGGER));
	EXPECT_EQ(1, call(self->kq, &kev));
}

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * KQ_CALL_RESUME: a call that a signal interrupts is left as what there is still
 * to wait for, and without it as it was.
 */
TEST_F(abi, resume)
{
	const struct itimerval soon = { .it_value.tv_usec = 10000 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct __kernel_timespec hour = { .tv_sec = 3600 };
	struct kq_event out, ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD | EV_CLEAR,
	};
	const struct kq_kevent kev = {
		.changelist = addr(&ev), .nchanges = 1,
		.eventlist = addr(&out), .nevents = 1,
		.timeout = addr(&hour),
	};
	struct kq_kevent left = kev;
	const __u64 begin = now();

	ASSERT_EQ(0, sigaction(SIGALRM, &sa, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_EQ(-EINTR, call(self->kq, &left));
	EXPECT_EQ(0, memcmp(&kev, &left, sizeof(left)));

	left.flags = KQ_CALL_RESUME;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_EQ(-EINTR, call(self->kq, &left));
	EXPECT_EQ(0, left.nchanges);
	EXPECT_EQ(KQ_CALL_RESUME | KQ_CALL_UNTIL, left.flags);
	EXPECT_LE(begin + 3600 * 1000000000ULL, left.timeout);
	EXPECT_GE(now() + 3600 * 1000000000ULL, left.timeout);
	EXPECT_EQ(kev.eventlist, left.eventlist);
	EXPECT_EQ(1, left.nevents);

	left = kev;
	left.flags = KQ_CALL_RESUME;
	left.timeout = 0;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_EQ(-EINTR, call(self->kq, &left));
	EXPECT_EQ(KQ_CALL_RESUME, left.flags);
	EXPECT_EQ(0, left.timeout);

	/* Until a time that never comes is without one. */
	left.flags = KQ_CALL_RESUME | KQ_CALL_UNTIL;
	left.timeout = INT64_MAX;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_EQ(-EINTR, call(self->kq, &left));
	EXPECT_EQ(KQ_CALL_RESUME, left.flags);
	EXPECT_EQ(0, left.timeout);
}

/*
 * Bits of a change's flags that have no name are ignored, as are the program's
 * EV_SYSFLAGS bits; none of them comes back.
 */
TEST_F(abi, ignored_flags)
{
	struct kq_event ev;

	EXPECT_EQ(0, add_user(self->kq, 1, EV_SYSFLAGS | 0x0c00, NOTE_TRIGGER));
	ASSERT_EQ(1, take(self->kq, &ev, 1, 0));
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(1, take(self->kq, &ev, 1, 0));
}

/* nchanges < 0, nevents < 0: EINVAL, checked before any change. */
TEST_F(abi, negative_counts)
{
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	static const __s32 bad[] = { -1, INT32_MIN };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kq_kevent changes = {
			.changelist = addr(&ev), .nchanges = bad[i],
		};
		struct kq_kevent events = {
			.changelist = addr(&ev), .nchanges = 1,
			.eventlist = addr(&ev), .nevents = bad[i],
		};

		EXPECT_EQ(-EINVAL, call(self->kq, &changes));
		EXPECT_EQ(-EINVAL, call(self->kq, &events));
	}
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 1));
}

/* Addresses that no program of either size may use. */
static const __u64 wild[] = {
	8, 1ULL << 32, 1ULL << 40, 0x7ffffffff000ULL, 0x800000000000ULL,
	1ULL << 63, 0xffff888000000000ULL, 0xffffffffffffff00ULL, ~0ULL,
};

/* Bad pointer: EFAULT, that of the argument itself included. */
TEST_F(abi, bad_argument)
{
	struct kq_kevent *edge;
	char *map;

	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(map != MAP_FAILED);
	ASSERT_EQ(0, mprotect(map + 4096, 4096, PROT_NONE));
	edge = (struct kq_kevent *)(map + 4096 - sizeof(*edge));
	EXPECT_EQ(0, call(self->kq, edge));
	EXPECT_EQ(-EFAULT, call(self->kq, (void *)((char *)edge + 8)));
	EXPECT_EQ(-EFAULT, call(self->kq, NULL));
	EXPECT_EQ(-EFAULT, call(self->kq, (void *)~0UL));
}

/* A structure may lie anywhere, aligned or not. */
TEST_F(abi, unaligned_argument)
{
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	struct kq_kevent kev = { .nchanges = 1 };
	char odd[sizeof(ev) + 1], args[sizeof(kev) + 1];

	memcpy(odd + 1, &ev, sizeof(ev));
	kev.changelist = addr(odd + 1);
	memcpy(args + 1, &kev, sizeof(kev));
	EXPECT_EQ(0, call(self->kq, (void *)(args + 1)));
	EXPECT_EQ(0, delete_user(self->kq, 1));
}

/* Bad changelist: EFAULT.  Above 4 GB nothing is cut off for 32 bits. */
TEST_F(abi, bad_changelist)
{
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	struct kq_kevent kev = { .nchanges = 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		kev.changelist = wild[i];
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	kev.changelist = addr(&ev) | 1ULL << 63;
	EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	if (sizeof(void *) == 4) {
		kev.changelist = addr(&ev) | 1ULL << 32;
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 1));

	/* With nothing to read it is not looked at. */
	kev.nchanges = 0;
	EXPECT_EQ(0, call(self->kq, &kev));
}

/* Bad timeout: EFAULT, before any change; with nevents 0 not looked at. */
TEST_F(abi, bad_timeout)
{
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	struct kq_kevent kev = {
		.changelist = addr(&ev), .nchanges = 1,
		.eventlist = addr(&ev), .nevents = 1,
	};
	struct __kernel_timespec now = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		kev.timeout = wild[i];
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	kev.timeout = addr(&now) | 1ULL << 63;
	EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	if (sizeof(void *) == 4) {
		kev.timeout = addr(&now) | 1ULL << 32;
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 1));

	kev.nevents = 0;
	EXPECT_EQ(0, call(self->kq, &kev));
	EXPECT_EQ(0, delete_user(self->kq, 1));
}

/* Bad eventlist: EFAULT, which loses nothing, one-shots included (beyond). */
TEST_F(abi, bad_eventlist)
{
	struct __kernel_timespec now = { 0 };
	struct kq_kevent kev = { .timeout = addr(&now), .nevents = 1 };
	struct kq_event ev;
	unsigned int i;

	ASSERT_EQ(0, add_user(self->kq, 1, EV_ONESHOT, NOTE_TRIGGER | 0x55));
	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		kev.eventlist = wild[i];
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	kev.eventlist = addr(&ev) | 1ULL << 63;
	EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	if (sizeof(void *) == 4) {
		kev.eventlist = addr(&ev) | 1ULL << 32;
		EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	}
	ASSERT_EQ(1, take(self->kq, &ev, 1, 0));
	EXPECT_EQ(1U, ev.ident);
	EXPECT_EQ(0x55U, ev.fflags);

	/* With nothing pending it is not looked at. */
	EXPECT_EQ(0, call(self->kq, &kev));
}

/* Changes ahead of a fault in changelist may have been applied; no more. */
TEST_F(abi, most_changes_possible)
{
	struct kq_kevent kev = { .nchanges = INT32_MAX };
	struct kq_event *ev;
	char *map;
	int i;

	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(map != MAP_FAILED);
	ASSERT_EQ(0, mprotect(map + 4096, 4096, PROT_NONE));
	ev = (struct kq_event *)(map + 4096) - 3;
	for (i = 0; i < 3; i++)
		ev[i] = (struct kq_event){
			.ident = i, .filter = EVFILT_USER, .flags = EV_ADD,
		};
	kev.changelist = addr(ev);
	EXPECT_EQ(-EFAULT, call(self->kq, &kev));
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 3));
}

/* nevents of INT32_MAX takes what is there. */
TEST_F(abi, most_events_possible)
{
	struct kq_event ev[2] = { 0 };

	ASSERT_EQ(0, add_user(self->kq, 1, EV_CLEAR, NOTE_TRIGGER));
	EXPECT_EQ(1, take(self->kq, ev, INT32_MAX, 0));
	EXPECT_EQ(1U, ev[0].ident);
	EXPECT_EQ(0, take(self->kq, ev, INT32_MAX, 0));
}

/*
 * Only the entries that are returned are written, and every byte of them is
 * the event's.
 */
TEST_F(abi, nothing_but_events_is_written)
{
	struct kq_event ev[8], want, poison[8];
	int i, j;

	for (i = 0; i < 3; i++) {
		want = (struct kq_event){
			.ident = 0x1122334455667788ULL + i,
			.filter = EVFILT_USER,
			.flags = EV_ADD | EV_CLEAR,
			.fflags = NOTE_TRIGGER | 0x123456,
			.data = -2 - i,
			.udata = 0x99aabbccddeeff00ULL + i,
		};
		ASSERT_EQ(0, change(self->kq, &want, 1));
	}
	memset(poison, 0xa5, sizeof(poison));
	for (i = 0; i < 3; i += j) {
		int room = i ? 8 : 1;

		memcpy(ev, poison, sizeof(ev));
		ASSERT_EQ(i ? 2 : 1, take(self->kq, ev, room, 0));
		for (j = 0; j < (i ? 2 : 1); j++) {
			want = (struct kq_event){
				.ident = 0x1122334455667788ULL + i + j,
				.filter = EVFILT_USER,
				.flags = EV_CLEAR,
				.fflags = 0x123456,
				.data = -2 - i - j,
				.udata = 0x99aabbccddeeff00ULL + i + j,
			};
			EXPECT_EQ(0, memcmp(&want, &ev[j], sizeof(want)));
		}
		EXPECT_EQ(0, memcmp(&poison[j], &ev[j],
				    (8 - j) * sizeof(ev[0])));
	}
	memcpy(ev, poison, sizeof(ev));
	ASSERT_EQ(0, take(self->kq, ev, 8, 0));
	EXPECT_EQ(0, memcmp(poison, ev, sizeof(ev)));
}

/* The same of the entries that report changes. */
TEST_F(abi, nothing_but_errors_is_written)
{
	struct kq_event bad = {
		.ident = 0x1122334455667788ULL,
		.filter = EVFILT_USER,
		.flags = EV_DELETE,
		.data = 77,
		.udata = 0x99aabbccddeeff00ULL,
	};
	struct kq_event ev[4], want = bad, poison[4];
	struct kq_kevent kev = {
		.changelist = addr(&bad), .nchanges = 1,
		.eventlist = addr(ev), .nevents = 4,
	};

	memset(poison, 0xa5, sizeof(poison));
	memcpy(ev, poison, sizeof(ev));
	want.flags = EV_ERROR;
	want.data = ENOENT;
	ASSERT_EQ(1, call(self->kq, &kev));
	EXPECT_EQ(0, memcmp(&want, &ev[0], sizeof(want)));
	EXPECT_EQ(0, memcmp(&poison[1], &ev[1], 3 * sizeof(ev[0])));
}

/* READ through the raw call, as a 32-bit program does it too. */
TEST_F(abi, read)
{
	struct kq_event ev = { .filter = EVFILT_READ, .flags = EV_ADD };
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ev.ident = p[0];
	ev.udata = 0xfedcba9876543210ULL;
	ASSERT_EQ(0, change(self->kq, &ev, 1));
	ASSERT_EQ(0, take(self->kq, &ev, 1, 0));
	ASSERT_EQ(5, write(p[1], "hello", 5));
	ASSERT_EQ(1, take(self->kq, &ev, 1, PATIENCE));
	EXPECT_EQ((__u64)p[0], ev.ident);
	EXPECT_EQ(EVFILT_READ, ev.filter);
	EXPECT_EQ(0, ev.flags);
	EXPECT_EQ(5, ev.data);
	EXPECT_EQ(0xfedcba9876543210ULL, ev.udata);
	close(p[0]);
	EXPECT_EQ(0, take(self->kq, &ev, 1, 0));
	close(p[1]);
}

/* A huge ident on a descriptor filter is no descriptor: EBADF. */
TEST_F(abi, huge_descriptor)
{
	static const __u64 ident[] = {
		INT32_MAX, 1ULL << 31, 1ULL << 32, 1ULL << 63, ~0ULL,
	};
	struct kq_event ev = { .filter = EVFILT_READ, .flags = EV_ADD };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ident); i++) {
		ev.ident = ident[i];
		EXPECT_EQ(-EBADF, change(self->kq, &ev, 1));
		ev.ident = ident[i] & ~0xffffffffULL;
		if (!ev.ident)
			continue;
		ev.ident |= STDERR_FILENO;
		EXPECT_EQ(-EBADF, change(self->kq, &ev, 1));
	}
}

/* TIMER and USER take all 64 bits of ident and data from any program. */
TEST_F(abi, timer_and_user_64_bits)
{
	struct kq_event add[] = {
		{
			.ident = 1ULL << 63, .filter = EVFILT_TIMER,
			.flags = EV_ADD | EV_ONESHOT,
			.fflags = NOTE_NSECONDS, .data = 5000000000LL,
		}, {
			.ident = ~0ULL, .filter = EVFILT_TIMER,
			.flags = EV_ADD | EV_ONESHOT,
			.fflags = NOTE_USECONDS, .data = 10000,
		}, {
			.ident = ~0ULL, .filter = EVFILT_USER,
			.flags = EV_ADD | EV_ONESHOT, .fflags = NOTE_TRIGGER,
			.data = 1LL << 62,
		},
	};
	struct kq_event ev;

	ASSERT_EQ(0, change(self->kq, add, 3));
	ASSERT_EQ(1, take(self->kq, &ev, 1, 0));
	EXPECT_EQ(~0ULL, ev.ident);
	EXPECT_EQ(1LL << 62, ev.data);
	ASSERT_EQ(1, take(self->kq, &ev, 1, PATIENCE));
	EXPECT_EQ(~0ULL, ev.ident);
	EXPECT_EQ(EVFILT_TIMER, ev.filter);
	EXPECT_EQ(1, ev.data);
	add[0].flags = EV_DELETE;
	EXPECT_EQ(0, change(self->kq, add, 1));
}

/*
 * {0,0} polls; a time is waited out, never less; more than INT32_MAX seconds
 * waits for ever.
 */
TEST_F(abi, timeouts)
{
	struct __kernel_timespec ts = { .tv_nsec = 30000000 };
	struct kq_event ev, timer = {
		.filter = EVFILT_TIMER, .flags = EV_ADD | EV_ONESHOT,
		.data = 20,
	};
	struct kq_kevent kev = {
		.eventlist = addr(&ev), .timeout = addr(&ts), .nevents = 1,
	};
	static const __s64 ever[] = { INT32_MAX, 1LL << 31, 1LL << 32,
				      1LL << 34, INT64_MAX };
	struct timespec t[2];
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	ASSERT_EQ(0, call(self->kq, &kev));
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	EXPECT_LE(30000000LL, (t[1].tv_sec - t[0].tv_sec) * 1000000000LL +
			      t[1].tv_nsec - t[0].tv_nsec);
	for (i = 0; i < ARRAY_SIZE(ever); i++) {
		ts = (struct __kernel_timespec){
			.tv_sec = ever[i], .tv_nsec = 999999999,
		};
		ASSERT_EQ(0, change(self->kq, &timer, 1));
		EXPECT_EQ(1, call(self->kq, &kev));
	}
}

/* A timeout that is negative or has tv_nsec >= 10^9: EINVAL before a change. */
TEST_F(abi, invalid_timeouts)
{
	static const struct __kernel_timespec bad[] = {
		{ .tv_sec = -1 }, { .tv_sec = INT64_MIN }, { .tv_nsec = -1 },
		{ .tv_nsec = 1000000000 }, { .tv_sec = 1, .tv_nsec = -1 },
		{ .tv_sec = INT64_MAX, .tv_nsec = 1000000000 },
	};
	struct kq_event ev = {
		.ident = 1, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	struct kq_kevent kev = {
		.changelist = addr(&ev), .nchanges = 1,
		.eventlist = addr(&ev), .nevents = 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		kev.timeout = addr(&bad[i]);
		EXPECT_EQ(-EINVAL, call(self->kq, &kev));
	}
	EXPECT_EQ(-ENOENT, delete_user(self->kq, 1));
	kev.nevents = 0;
	EXPECT_EQ(0, call(self->kq, &kev));
}

/* How the device was opened changes nothing. */
TEST(open_modes)
{
	static const int mode[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK,
	};
	struct kq_event ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mode); i++) {
		int kq = open(DEVICE, mode[i] | O_CLOEXEC);

		ASSERT_LE(0, kq);
		EXPECT_EQ(0, add_user(kq, 1, 0, NOTE_TRIGGER));
		EXPECT_EQ(1, take(kq, &ev, 1, PATIENCE));
		EXPECT_EQ(0, delete_user(kq, 1));
		EXPECT_EQ(0, close(kq));
	}
}

/* Two opens are two queues. */
TEST(opens_are_separate)
{
	int a = open(DEVICE, O_RDWR | O_CLOEXEC);
	int b = open(DEVICE, O_RDWR | O_CLOEXEC);
	struct kq_event ev;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, add_user(a, 1, 0, NOTE_TRIGGER));
	EXPECT_EQ(0, take(b, &ev, 1, 0));
	EXPECT_EQ(-ENOENT, delete_user(b, 1));
	EXPECT_EQ(1, take(a, &ev, 1, 0));
}

/* fstat says character device; /dev/kqueue is mode 0666, for every user. */
TEST(anybody)
{
	struct kq_event ev;
	struct stat st;
	int kq;

	ASSERT_EQ(0, stat(DEVICE, &st));
	EXPECT_EQ((mode_t)S_IFCHR | 0666, st.st_mode);
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	kq = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, kq);
	EXPECT_EQ(0, add_user(kq, 1, 0, NOTE_TRIGGER));
	EXPECT_EQ(1, take(kq, &ev, 1, PATIENCE));
}

TEST_HARNESS_MAIN
