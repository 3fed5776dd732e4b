// SPDX-License-Identifier: GPL-2.0
/* The calls, and what kevent() does, step by step. */
#include "kselftest_harness.h"
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "kq_test.h"

#define MSEC		INT64_C(1000000)
#define NOBODY		65534
#define NO_ADDRESS	((void *)8)
/* 2^63, or the same for a 32-bit program. */
#define HUGE_IDENT	(UINTPTR_MAX / 2 + 1)

static const struct timespec now;

FIXTURE(kevent) {
	int kq;
};

FIXTURE_SETUP(kevent)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(kevent)
{
	close(self->kq);
}

static void add_user(struct kevent *kev, uintptr_t ident, unsigned short flags)
{
	EV_SET(kev, ident, EVFILT_USER, EV_ADD | flags, 0, 0, NULL);
}

/* A change that fails with ENOENT. */
static void add_failure(struct kevent *kev, uintptr_t ident)
{
	EV_SET(kev, ident, EVFILT_USER, EV_DELETE, 0, 0, NULL);
}

/* Is there a knote?  The question changes nothing. */
static int exists(int kq, uintptr_t ident)
{
	int r = kq_change(kq, ident, EVFILT_USER, EV_KEEPUDATA, 0, 0, NULL);

	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int call(int kq, const struct kevent *changes, int nchanges,
		struct kevent *events, int nevents, const struct timespec *ts)
{
	int r = kevent(kq, changes, nchanges, events, nevents, ts);

	return r < 0 ? -errno : r;
}

/* kqueue(): a new queue's descriptor, close-on-exec always. */
TEST(kqueue_is_close_on_exec)
{
	int kq[] = {
		kqueue(), kqueue1(0), kqueue1(O_CLOEXEC), kqueuex(0),
		kqueuex(KQUEUE_CLOEXEC),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kq); i++) {
		ASSERT_LE(0, kq[i]);
		EXPECT_EQ(FD_CLOEXEC, fcntl(kq[i], F_GETFD));
		EXPECT_EQ(0, kq_add(kq[i], 1, EVFILT_USER, 0));
		EXPECT_EQ(0, kq_trigger(kq[i], 1));
		EXPECT_EQ(1, kq_pending(kq[i]));
	}
}

/* O_NONBLOCK has no effect on kevent. */
TEST(nonblock_has_no_effect)
{
	struct kq_waiter w = { .kq = kqueue1(O_NONBLOCK) };

	ASSERT_LE(0, w.kq);
	ASSERT_EQ(0, kq_add(w.kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, kq_trigger(w.kq, 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
}

/* Unknown bits EINVAL; CPONFORK EOPNOTSUPP until built. */
TEST(unknown_bits_of_kqueue1_and_kqueuex)
{
	EXPECT_EQ(-1, kqueue1(O_APPEND));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kqueue1(O_CLOEXEC | O_RDWR));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kqueue1(-1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kqueuex(0x4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kqueuex(0x80000000));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, kqueuex(KQUEUE_CPONFORK));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(1, KQUEUE_CLOEXEC);
	EXPECT_EQ(2, KQUEUE_CPONFORK);
}

/* ENOENT or ENXIO where the module isn't there. */
TEST(no_device)
{
	char root[] = "/tmp/kqueue.XXXXXX";

	ASSERT_NE(NULL, mkdtemp(root));
	ASSERT_EQ(0, chdir(root));
	ASSERT_EQ(0, mkdir("dev", 0755));
	ASSERT_EQ(0, chroot("."));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(ENOENT, errno);

	/* A left-over node of a driver that is gone. */
	ASSERT_EQ(0, mknod("dev/kqueue", S_IFCHR | 0666, makedev(4095, 1)));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(0, unlink("dev/kqueue"));
	EXPECT_EQ(0, rmdir("dev"));
}

/* EMFILE */
TEST(no_descriptor_left)
{
	struct rlimit none = { .rlim_cur = 0 };

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &none));
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-1, kqueue());
	EXPECT_EQ(EMFILE, errno);
}

/* ENFILE: the system's table is full for all but root. */
TEST(no_file_left)
{
	int fd = open("/proc/sys/fs/file-max", O_RDWR | O_CLOEXEC);
	char most[32];
	ssize_t n;
	int kq, err, i;

	/* Processors count for themselves up to some dozens of files. */
	for (i = 0; i < 300; i++)
		ASSERT_LE(0, dup(open("/dev/null", O_RDONLY)));
	n = read(fd, most, sizeof(most));
	ASSERT_LT(0, n);
	ASSERT_EQ(1, pwrite(fd, "1", 1, 0));
	if (seteuid(NOBODY))
		n = 0;
	kq = kqueue();
	err = errno;
	EXPECT_EQ(0, seteuid(0));
	EXPECT_EQ(n, pwrite(fd, most, n, 0));
	EXPECT_EQ(-1, kq);
	EXPECT_EQ(ENFILE, err);
}

/* EV_SET fills a struct kevent; arguments evaluated once. */
TEST(ev_set)
{
	struct kevent kev[2], *p = kev;
	int64_t n[6] = { 1, 2, 3, 4, 5, 6 };
	int mark[2];
	int *m = mark;

	EV_SET(p++, n[0]++, n[1]++, n[2]++, n[3]++, n[4]++, m++);
	EXPECT_EQ(&kev[1], p);
	EXPECT_EQ(1U, kev[0].ident);
	EXPECT_EQ(2, kev[0].filter);
	EXPECT_EQ(3, kev[0].flags);
	EXPECT_EQ(4U, kev[0].fflags);
	EXPECT_EQ(5, kev[0].data);
	EXPECT_EQ((void *)&mark[0], kev[0].udata);
	EXPECT_EQ(&mark[1], m);
	EXPECT_EQ(2 + 3 + 4 + 5 + 6, n[0] + n[1] + n[2] + n[3] + n[4]);

	EV_SET(kev, UINTPTR_MAX, -17, 0xffff, ~0U, INT64_MIN, NULL);
	EXPECT_EQ(UINTPTR_MAX, kev[0].ident);
	EXPECT_EQ(-17, kev[0].filter);
	EXPECT_EQ(0xffff, kev[0].flags);
	EXPECT_EQ(~0U, kev[0].fflags);
	EXPECT_EQ(INT64_MIN, kev[0].data);
}

/* 32 bytes: the kernel's struct kq_event as it stands. */
TEST(struct_kevent_is_the_kernels)
{
	EXPECT_EQ(32U, sizeof(struct kq_event));
	EXPECT_EQ(0U, offsetof(struct kevent, ident));
	EXPECT_EQ(sizeof(short), sizeof(((struct kevent *)0)->filter));
	EXPECT_EQ(sizeof(short), sizeof(((struct kevent *)0)->flags));
	EXPECT_EQ(sizeof(int), sizeof(((struct kevent *)0)->fflags));
	EXPECT_EQ(8U, sizeof(((struct kevent *)0)->data));
	if (sizeof(void *) == 8) {
		EXPECT_EQ(32U, sizeof(struct kevent));
		EXPECT_EQ(8U, offsetof(struct kevent, filter));
		EXPECT_EQ(10U, offsetof(struct kevent, flags));
		EXPECT_EQ(12U, offsetof(struct kevent, fflags));
		EXPECT_EQ(16U, offsetof(struct kevent, data));
		EXPECT_EQ(24U, offsetof(struct kevent, udata));
	}
}

/* Step 1.  kq is not a queue: EBADF. */
TEST_F(kevent, not_a_queue)
{
	int p[2], s[2], closed = dup(self->kq), other[] = {
		-1, INT_MIN, INT_MAX, closed, eventfd(0, 0),
		open("/dev/null", O_RDWR), open("/proc/self/exe", O_RDONLY),
		open("/dev/kqueue", O_PATH), 0, 0,
	};
	unsigned int i;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_tcp_pair(s));
	other[8] = p[0];
	other[9] = s[0];
	close(closed);
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		struct kevent ev;

		EXPECT_EQ(-EBADF, kq_add(other[i], 1, EVFILT_USER, 0));
		EXPECT_EQ(-EBADF, kq_poll(other[i], &ev, 1));
		EXPECT_EQ(-EBADF, call(other[i], NULL, 0, NULL, 0, NULL));
	}
}

/* nchanges < 0, nevents < 0: EINVAL, checked before any change. */
TEST_F(kevent, negative_counts)
{
	struct kevent kev, ev;

	add_user(&kev, 1, 0);
	EXPECT_EQ(-EINVAL, call(self->kq, &kev, -1, &ev, 1, &now));
	EXPECT_EQ(-EINVAL, call(self->kq, &kev, INT_MIN, &ev, 1, &now));
	EXPECT_EQ(-EINVAL, call(self->kq, NULL, -1, NULL, 0, &now));
	EXPECT_EQ(-EINVAL, call(self->kq, &kev, 1, &ev, -1, &now));
	EXPECT_EQ(-EINVAL, call(self->kq, &kev, 1, &ev, INT_MIN, &now));
	EXPECT_EQ(-EINVAL, call(self->kq, &kev, 1, NULL, -1, NULL));
	EXPECT_EQ(0, exists(self->kq, 1));
}

/*
 * A timeout that is negative or has tv_nsec >= 10^9: EINVAL, checked before
 * any change.
 */
TEST_F(kevent, invalid_timeouts)
{
	static const struct timespec bad[] = {
		{ .tv_sec = -1 }, { .tv_nsec = -1 }, { .tv_nsec = 1000000000 },
		{ .tv_sec = 1, .tv_nsec = -1 }, { .tv_nsec = LONG_MAX },
		{ .tv_sec = -1, .tv_nsec = 999999999 }, { .tv_nsec = LONG_MIN },
	};
	struct kevent kev, ev;
	unsigned int i;

	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	add_user(&kev, 1, 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, call(self->kq, &kev, 1, &ev, 1, &bad[i]));
		EXPECT_EQ(-EINVAL, call(self->kq, NULL, 0, &ev, 1, &bad[i]));
	}
	EXPECT_EQ(0, exists(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* With nevents 0 the timeout is not looked at. */
TEST_F(kevent, timeout_without_room_is_not_looked_at)
{
	static const struct timespec bad = { .tv_sec = -1 };
	struct kevent kev;

	add_user(&kev, 1, 0);
	EXPECT_EQ(0, call(self->kq, &kev, 1, NULL, 0, &bad));
	EXPECT_EQ(1, exists(self->kq, 1));
	add_user(&kev, 2, 0);
	EXPECT_EQ(0, call(self->kq, &kev, 1, NULL, 0, NO_ADDRESS));
	EXPECT_EQ(1, exists(self->kq, 2));
}

/* Bad pointer: EFAULT.  Without entries nobody follows it. */
TEST_F(kevent, bad_pointers)
{
	struct kevent ev;

	EXPECT_EQ(-EFAULT, call(self->kq, NULL, 1, &ev, 1, &now));
	EXPECT_EQ(-EFAULT, call(self->kq, NO_ADDRESS, 1, NULL, 0, NULL));
	EXPECT_EQ(-EFAULT, call(self->kq, (void *)UINTPTR_MAX, INT_MAX, NULL, 0,
				NULL));
	EXPECT_EQ(0, call(self->kq, NO_ADDRESS, 0, NO_ADDRESS, 0, NO_ADDRESS));
	EXPECT_EQ(0, call(self->kq, NO_ADDRESS, 0, &ev, 1, &now));
	EXPECT_EQ(-EFAULT, call(self->kq, NULL, 0, &ev, 1, NO_ADDRESS));

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(-EFAULT, call(self->kq, NULL, 0, NULL, 1, &now));
	EXPECT_EQ(-EFAULT, call(self->kq, NULL, 0, NO_ADDRESS, INT_MAX, &now));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* nchanges of INT_MAX, nevents of INT_MAX: what is there is what counts. */
TEST_F(kevent, largest_counts)
{
	long page = sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kevent *last = (struct kevent *)(mem + page) - 1, ev;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_EQ(0, mprotect(mem + page, page, PROT_NONE));
	add_user(last, 1, 0);
	EXPECT_EQ(-EFAULT, call(self->kq, last, INT_MAX, &ev, 1, &now));

	add_failure(last, 77);
	EXPECT_GT(0, call(self->kq, last, INT_MAX, NULL, 0, NULL));

	kq_add(self->kq, 1, EVFILT_USER, 0);
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, call(self->kq, NULL, 0, last, INT_MAX, &now));
	EXPECT_EQ(1U, last->ident);
}

/* Step 2.  timeout NULL waits for ever. */
TEST_F(kevent, null_waits)
{
	struct kq_waiter w = { .kq = self->kq };

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(1U, w.ev[0].ident);
}

/* {0,0} polls. */
TEST_F(kevent, zero_polls)
{
	struct kevent ev;

	EXPECT_EQ(0, call(self->kq, NULL, 0, &ev, 1, &now));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	EXPECT_EQ(0, call(self->kq, NULL, 0, &ev, 1, &now));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, call(self->kq, NULL, 0, &ev, 1, &now));
	EXPECT_EQ(0, call(self->kq, NULL, 0, &ev, 1, &now));
}

/* More than INT32_MAX seconds waits for ever. */
TEST_F(kevent, long_timeouts_wait)
{
	static const struct timespec ts[] = {
		{ .tv_sec = INT32_MAX, .tv_nsec = 999999999 },
		{ .tv_sec = sizeof(time_t) == 8 ?
			    (time_t)(INT32_MAX + INT64_C(1)) : INT32_MAX },
		{ .tv_sec = sizeof(time_t) == 8 ?
			    (time_t)(INT64_MAX / 1000000000 + 1) : INT32_MAX },
		{ .tv_sec = sizeof(time_t) == 8 ?
			    (time_t)INT64_MAX : INT32_MAX,
		  .tv_nsec = 999999999 },
	};
	unsigned int i;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	for (i = 0; i < ARRAY_SIZE(ts); i++) {
		struct kq_waiter w = { .kq = self->kq, .timeout = &ts[i] };

		ASSERT_EQ(0, kq_waiter_start(&w));
		EXPECT_EQ(0, kq_trigger(self->kq, 1));
		EXPECT_EQ(1, kq_waiter_end(&w));
	}
}

/* The time that is asked for passes, and then 0 is returned. */
TEST_F(kevent, timeout_passes)
{
	static const struct timespec ts[] = {
		{ .tv_nsec = 1 }, { .tv_nsec = 1 * MSEC },
		{ .tv_nsec = 70 * MSEC },
	};
	struct kevent ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ts); i++) {
		int64_t start = kq_now(CLOCK_MONOTONIC);

		EXPECT_EQ(0, call(self->kq, NULL, 0, &ev, 1, &ts[i]));
		EXPECT_LE(ts[i].tv_nsec, kq_now(CLOCK_MONOTONIC) - start);
	}
}

/* Step 3.  Changes apply in order. */
TEST_F(kevent, changes_apply_in_order)
{
	struct kevent kev[5], ev;

	add_user(&kev[0], 1, 0);
	add_failure(&kev[1], 1);
	add_user(&kev[2], 1, EV_CLEAR);
	EV_SET(&kev[3], 1, EVFILT_USER, 0, NOTE_FFCOPY | 5, 0, NULL);
	EV_SET(&kev[4], 1, EVFILT_USER, 0, NOTE_TRIGGER, 42, &ev);
	EXPECT_EQ(1, call(self->kq, kev, 5, &ev, 1, &now));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_EQ(5U, ev.fflags);
	EXPECT_EQ(42, ev.data);
	EXPECT_EQ((void *)&ev, ev.udata);
}

/* filter 0 is skipped. */
TEST_F(kevent, filter_zero_is_skipped)
{
	struct kevent kev[3], ev[3];

	EV_SET(&kev[0], 1, 0, EV_DELETE | EV_RECEIPT, ~0U, -1, NULL);
	EV_SET(&kev[1], UINTPTR_MAX, 0, 0xffff, ~0U, -1, NULL);
	add_user(&kev[2], 1, EV_RECEIPT);
	EXPECT_EQ(1, call(self->kq, kev, 3, ev, 3, NULL));
	EXPECT_EQ(EVFILT_USER, ev[0].filter);
	EXPECT_EQ(0, call(self->kq, kev, 2, NULL, 0, NULL));
}

/* The program's EV_SYSFLAGS bits are ignored. */
TEST_F(kevent, sysflags_are_ignored)
{
	unsigned int bit;
	struct kevent ev;

	EXPECT_EQ(0xf000, EV_SYSFLAGS);
	for (bit = 0x1000; bit <= 0x8000; bit <<= 1) {
		EXPECT_EQ(0, kq_add(self->kq, bit, EVFILT_USER, bit | EV_CLEAR));
		EXPECT_EQ(0, kq_change(self->kq, bit, EVFILT_USER, bit,
				       NOTE_TRIGGER, 0, NULL));
		EXPECT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(bit, ev.ident);
		EXPECT_EQ(EV_CLEAR, ev.flags);
	}
	EXPECT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_SYSFLAGS));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/*
 * A change that fails puts an entry in eventlist: ident, filter, udata of the
 * change, flags exactly EV_ERROR, data the errno.
 */
TEST_F(kevent, failed_changes_are_entries)
{
	int mark[3], closed = dup(self->kq);
	struct kevent kev[4], ev[4];

	close(closed);
	EV_SET(&kev[0], HUGE_IDENT, EVFILT_USER, EV_DELETE, 0, 7, &mark[0]);
	EV_SET(&kev[1], closed, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 7, &mark[1]);
	add_user(&kev[2], 3, 0);
	EV_SET(&kev[3], 4, EVFILT_USER,
	       EV_ADD | EV_RECEIPT | EV_ENABLE | EV_DISABLE, 0, 7, &mark[2]);
	ASSERT_EQ(3, call(self->kq, kev, 4, ev, 4, NULL));
	EXPECT_EQ(1, exists(self->kq, 3));

	EXPECT_EQ(HUGE_IDENT, ev[0].ident);
	EXPECT_EQ(EVFILT_USER, ev[0].filter);
	EXPECT_EQ(EV_ERROR, ev[0].flags);
	EXPECT_EQ(ENOENT, ev[0].data);
	EXPECT_EQ((void *)&mark[0], ev[0].udata);

	EXPECT_EQ((uintptr_t)closed, ev[1].ident);
	EXPECT_EQ(EVFILT_READ, ev[1].filter);
	EXPECT_EQ(EV_ERROR, ev[1].flags);
	EXPECT_EQ(EBADF, ev[1].data);
	EXPECT_EQ((void *)&mark[1], ev[1].udata);

	EXPECT_EQ(4U, ev[2].ident);
	EXPECT_EQ(EV_ERROR, ev[2].flags);
	EXPECT_EQ(EINVAL, ev[2].data);
	EXPECT_EQ((void *)&mark[2], ev[2].udata);
}

/*
 * A change with EV_RECEIPT that succeeds puts one with data 0 (fflags 0 for a
 * new knote).
 */
TEST_F(kevent, receipts)
{
	static const unsigned short action[] = {
		EV_ADD, EV_ADD | EV_CLEAR, EV_DISABLE, EV_ENABLE, 0,
		EV_KEEPUDATA, EV_FORCEONESHOT | EV_DISABLE, EV_DELETE,
		EV_ADD | EV_DELETE,
	};
	struct kevent kev, ev[2];
	unsigned int i;
	int mark;

	for (i = 0; i < ARRAY_SIZE(action); i++) {
		EV_SET(&kev, 9, EVFILT_USER, action[i] | EV_RECEIPT,
		       NOTE_FFCOPY | 3, 5, &mark);
		ev[0].flags = 0;
		ASSERT_EQ(1, call(self->kq, &kev, 1, ev, 2, NULL));
		EXPECT_EQ(9U, ev[0].ident);
		EXPECT_EQ(EVFILT_USER, ev[0].filter);
		EXPECT_EQ(EV_ERROR, ev[0].flags);
		EXPECT_EQ(0, ev[0].data);
		EXPECT_EQ((void *)&mark, ev[0].udata);
		if (i == 0)
			EXPECT_EQ(0U, ev[0].fflags);
	}
}

/* Whether a change has a receipt is said by that change, not by the knote. */
TEST_F(kevent, receipt_is_the_changes_own)
{
	struct kevent kev, ev;

	add_user(&kev, 1, EV_RECEIPT | EV_CLEAR);
	EXPECT_EQ(1, call(self->kq, &kev, 1, &ev, 1, NULL));
	EV_SET(&kev, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
	EXPECT_EQ(1, call(self->kq, &kev, 1, &ev, 1, &now));
	EXPECT_EQ(EV_RECEIPT | EV_CLEAR, ev.flags);
}

/*
 * Without room left a failing change returns -1 with its errno at once
 * (entries already put stay written).
 */
TEST_F(kevent, failure_without_room)
{
	struct kevent kev[4], ev[2];

	add_user(&kev[0], 1, 0);
	add_failure(&kev[1], 99);
	EV_SET(&kev[2], INT_MAX, EVFILT_READ, EV_ADD, 0, 0, NULL);
	add_user(&kev[3], 3, 0);
	ev[0].flags = 0;
	ev[1].flags = 0x5555;
	EXPECT_EQ(-EBADF, call(self->kq, kev, 4, ev, 1, NULL));
	EXPECT_EQ(99U, ev[0].ident);
	EXPECT_EQ(EV_ERROR, ev[0].flags);
	EXPECT_EQ(ENOENT, ev[0].data);
	EXPECT_EQ(0x5555, ev[1].flags);
	EXPECT_EQ(1, exists(self->kq, 1));
	EXPECT_EQ(0, exists(self->kq, 3));

	EXPECT_EQ(-ENOENT, call(self->kq, &kev[1], 3, NULL, 0, NULL));
	EXPECT_EQ(0, exists(self->kq, 3));
}

/*
 * Without room left a successful EV_RECEIPT change is applied, later ones are
 * not, and kevent returns 0.
 */
TEST_F(kevent, receipt_without_room)
{
	struct kevent kev[3], ev[2];

	add_user(&kev[0], 1, EV_RECEIPT);
	add_user(&kev[1], 2, EV_RECEIPT);
	add_user(&kev[2], 3, 0);
	EXPECT_EQ(0, call(self->kq, kev, 3, NULL, 0, NULL));
	EXPECT_EQ(1, exists(self->kq, 1));
	EXPECT_EQ(0, exists(self->kq, 2));

	ev[0].flags = 0;
	ev[1].flags = 0x5555;
	EXPECT_EQ(0, call(self->kq, kev, 3, ev, 1, NULL));
	EXPECT_EQ(EV_ERROR, ev[0].flags);
	EXPECT_EQ(0, ev[0].data);
	EXPECT_EQ(0x5555, ev[1].flags);
	EXPECT_EQ(1, exists(self->kq, 2));
	EXPECT_EQ(0, exists(self->kq, 3));
}

/* A bad eventlist pointer does not stop the changes, and its entries count. */
TEST_F(kevent, entries_for_a_bad_eventlist)
{
	struct kevent kev[4];

	add_user(&kev[0], 1, EV_RECEIPT);
	add_failure(&kev[1], 99);
	add_user(&kev[2], 2, 0);
	add_user(&kev[3], 3, EV_RECEIPT);
	EXPECT_EQ(3, call(self->kq, kev, 4, NO_ADDRESS, 4, NULL));
	EXPECT_EQ(1, exists(self->kq, 1));
	EXPECT_EQ(1, exists(self->kq, 2));
	EXPECT_EQ(1, exists(self->kq, 3));
}

/*
 * Step 4.  If any entry of that kind was put, kevent returns their number at
 * once and takes no events.
 */
TEST_F(kevent, entries_keep_events_back)
{
	struct kevent kev, ev[4];

	/* Nothing is pending, and there is no timeout: it would wait for ever. */
	add_user(&kev, 1, EV_RECEIPT);
	EXPECT_EQ(1, call(self->kq, &kev, 1, ev, 4, NULL));
	add_failure(&kev, 99);
	EXPECT_EQ(1, call(self->kq, &kev, 1, ev, 4, NULL));

	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, call(self->kq, &kev, 1, ev, 4, NULL));
	EXPECT_EQ(99U, ev[0].ident);
	EXPECT_EQ(1, kq_poll(self->kq, ev, 4));
	EXPECT_EQ(1U, ev[0].ident);
}

/* Which of 40 changes fail; the rest add a knote. */
static const uint64_t failures[] = {
	0, 1, UINT64_C(1) << 15, UINT64_C(1) << 16, UINT64_C(1) << 17,
	UINT64_C(1) << 39, 0xffff, 0x1ffff, UINT64_C(0xffffff0000),
	UINT64_C(0x5555555555), UINT64_C(0xaaaaaaaaaa), UINT64_C(0xffffffffff),
};

/*
 * changelist and eventlist may be the same array, errors anywhere among many
 * changes.
 */
TEST_F(kevent, changelist_is_eventlist)
{
	struct kevent kev[40];
	unsigned int i, j, n;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		for (j = 0; j < 40; j++) {
			add_user(&kev[j], i * 100 + j, 0);
			if (failures[i] >> j & 1)
				kev[j].flags = EV_DELETE;
		}
		ASSERT_EQ(__builtin_popcountll(failures[i]),
			  call(self->kq, kev, 40, kev, 40, &now));
		for (j = 0, n = 0; j < 40; j++) {
			int fails = failures[i] >> j & 1;

			EXPECT_EQ(!fails, exists(self->kq, i * 100 + j));
			if (!fails)
				continue;
			EXPECT_EQ(i * 100 + j, kev[n].ident);
			EXPECT_EQ(EV_ERROR, kev[n].flags);
			EXPECT_EQ(ENOENT, kev[n++].data);
		}
	}
}

/* The same with receipts, and then with events in the same array. */
TEST_F(kevent, receipts_and_events_over_changelist)
{
	struct kevent kev[40];
	unsigned int j;

	for (j = 0; j < 40; j++)
		add_user(&kev[j], j, EV_RECEIPT | EV_ONESHOT);
	ASSERT_EQ(40, call(self->kq, kev, 40, kev, 40, &now));
	for (j = 0; j < 40; j++) {
		EXPECT_EQ(j, kev[j].ident);
		EXPECT_EQ(EV_ERROR, kev[j].flags);
		EXPECT_EQ(0, kev[j].data);
		EV_SET(&kev[j], 39 - j, EVFILT_USER, 0, NOTE_TRIGGER, j, NULL);
	}
	ASSERT_EQ(40, call(self->kq, kev, 40, kev, 40, &now));
	for (j = 0; j < 40; j++) {
		EXPECT_EQ(39 - j, kev[j].ident);
		EXPECT_EQ(EV_RECEIPT | EV_ONESHOT, kev[j].flags);
		EXPECT_EQ(j, kev[j].data);
	}
}

/* Each way in which a list of n changes can fail at one place. */
TEST_F(kevent, one_failure_at_each_place)
{
	struct kevent kev[35], ev[2];
	int i, j;

	for (i = 0; i < 35; i++) {
		for (j = 0; j < 35; j++)
			add_user(&kev[j], j, 0);
		kev[i].flags = EV_ENABLE | EV_DISABLE;
		ASSERT_EQ(1, call(self->kq, kev, 35, ev, 2, NULL));
		EXPECT_EQ((uintptr_t)i, ev[0].ident);
		EXPECT_EQ(EINVAL, ev[0].data);
		for (j = 0; j < 35; j++)
			EXPECT_EQ(j == i ? -ENOENT : 0,
				  kq_change(self->kq, j, EVFILT_USER, EV_DELETE,
					    0, 0, NULL));

		/* Without room it ends there. */
		EXPECT_EQ(-EINVAL, call(self->kq, kev, 35, NULL, 0, NULL));
		for (j = 0; j < 35; j++)
			EXPECT_EQ(j < i ? 0 : -ENOENT,
				  kq_change(self->kq, j, EVFILT_USER, EV_DELETE,
					    0, 0, NULL));
	}
}

/* Step 5.  nevents 0 returns 0 at once whatever the timeout. */
TEST_F(kevent, no_room_returns_at_once)
{
	static const struct timespec hour = { .tv_sec = 3600 };

	EXPECT_EQ(0, call(self->kq, NULL, 0, NULL, 0, NULL));
	EXPECT_EQ(0, call(self->kq, NULL, 0, NULL, 0, &hour));
	EXPECT_EQ(0, call(self->kq, NULL, 0, NULL, 0, &now));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(0, call(self->kq, NULL, 0, NULL, 0, NULL));
	EXPECT_EQ(1, kq_pending(self->kq));
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	(void)sig;
	caught++;
}

/*
 * Step 6.  A signal while sleeping: -1 EINTR; every change has been applied.
 * Never restarted.
 */
TEST_F(kevent, signal_while_sleeping)
{
	static const int flags[] = { 0, SA_RESTART };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct sigaction sa = { .sa_handler = on_signal,
					.sa_flags = flags[i] };
		struct kevent kev[20];
		struct kq_waiter w = { .kq = self->kq, .changes = kev,
				       .nchanges = 20 };
		int j;

		for (j = 0; j < 20; j++)
			add_user(&kev[j], 100 * i + j, EV_CLEAR);
		caught = 0;
		ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
		ASSERT_EQ(0, kq_waiter_start(&w));
		EXPECT_EQ(0, pthread_kill(w.thread, SIGUSR1));
		EXPECT_EQ(-EINTR, kq_waiter_end(&w));
		EXPECT_EQ(1, caught);
		for (j = 0; j < 20; j++)
			EXPECT_EQ(1, exists(self->kq, 100 * i + j));
	}
}

/* The same where a timeout is running. */
TEST_F(kevent, signal_ahead_of_the_timeout)
{
	static const struct timespec hour = { .tv_sec = 3600 };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct kq_waiter w = { .kq = self->kq, .timeout = &hour };

	caught = 0;
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, kq_waiter_end(&w));
	EXPECT_EQ(1, caught);
}

/*
 * To be stopped and go on is no signal to handle: the sleep goes on, until the
 * same time, and no change is made twice.
 */
TEST_F(kevent, a_stop_does_not_end_the_sleep)
{
	static const struct timespec soon = { .tv_nsec = 200000000 };
	static const struct timespec *const timeouts[] = { NULL, &soon };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		int status, out[2];
		char byte = 0;
		pid_t pid;

		ASSERT_EQ(0, pipe(out));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int kq = kqueue();
			struct kevent kev;
			int64_t begin;

			if (kq_add(kq, out[0], EVFILT_READ, 0) ||
			    kq_add(kq, 1, EVFILT_USER, 0))
				_exit(1);
			/* A second time it would be ENOENT. */
			EV_SET(&kev, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
			begin = kq_now(CLOCK_MONOTONIC);
			if (kevent(kq, &kev, 1, &kev, 1, timeouts[i]) != !timeouts[i])
				_exit(2);
			if (!timeouts[i])
				_exit(kev.data == 1 ? 0 : 3);
			_exit(kq_now(CLOCK_MONOTONIC) - begin >= 200000000 ? 0 : 4);
		}
		EXPECT_EQ(0, kq_until_in_kevent(pid));
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		ASSERT_EQ(0, kill(pid, SIGCONT));
		if (!timeouts[i]) {
			EXPECT_EQ(0, kq_until_in_kevent(pid));
			EXPECT_EQ(1, write(out[1], &byte, 1));
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		close(out[0]);
		close(out[1]);
	}
}

/* A signal that is blocked or ignored doesn't end the sleep. */
TEST_F(kevent, ignored_signals_do_not_end_the_sleep)
{
	struct kq_waiter w = { .kq = self->kq };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &set, NULL));
	signal(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_waiter_start(&w));
	EXPECT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	EXPECT_EQ(0, pthread_kill(w.thread, SIGUSR2));
	EXPECT_EQ(0, kq_until_in_kevent(w.tid));
	EXPECT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_waiter_end(&w));
}

/*
 * A change evaluates: what is ready is pending, in this call or the next, and
 * what is not leaves nothing behind, whether the call looks for events or not.
 */
TEST_F(kevent, a_change_evaluates)
{
	static const unsigned short kinds[] = { EV_CLEAR, EV_DISPATCH };
	static const struct timespec now;
	struct pollfd queue = { .fd = self->kq, .events = POLLIN };
	struct kevent change, ev;
	int p[2], room;
	unsigned int i;

	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		room = i & 1;
		ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, kinds[i / 2]));
		EV_SET(&change, p[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
		EXPECT_EQ(0, kevent(self->kq, &change, 1, &ev, room, &now));
		EXPECT_EQ(0, poll(&queue, 1, 0));
		ASSERT_EQ(1, write(p[1], "x", 1));
		EXPECT_EQ(1, kq_pending(self->kq));
		EXPECT_EQ(0, poll(&queue, 1, 0));
		EXPECT_EQ(room, kevent(self->kq, &change, 1, &ev, room, &now));
		EXPECT_EQ(!room, poll(&queue, 1, 0));
		EXPECT_EQ(!room, kq_pending(self->kq));
		EXPECT_EQ(1, read(p[0], &ev, 1));
		ASSERT_EQ(0, kq_change(self->kq, p[0], EVFILT_READ, EV_DELETE, 0,
				       0, NULL));
	}
	close(p[0]);
	close(p[1]);
}

/*
 * What a change finds not ready has no place in the order, also where the call
 * ends with a report instead of events.
 */
TEST_F(kevent, a_change_gives_no_place)
{
	struct pollfd queue = { .fd = self->kq, .events = POLLIN };
	struct kevent change[2], ev;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	EV_SET(&change[0], p[0], EVFILT_READ, 0, 0, 0, NULL);
	EV_SET(&change[1], 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
	ASSERT_EQ(1, kevent(self->kq, change, 2, &ev, 1, &now));
	EXPECT_EQ(ENOENT, ev.data);
	EXPECT_EQ(0, poll(&queue, 1, 0));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EVFILT_USER, ev.filter);
	close(p[0]);
	close(p[1]);
}

/* Step 7.  Events come in the order in which they became ready. */
TEST_F(kevent, order_of_becoming_ready)
{
	static const uintptr_t order[] = { 5, 1, 8, 0, 7, 2, 6, 3, 4 };
	const int n = ARRAY_SIZE(order);
	struct kevent ev[ARRAY_SIZE(order)];
	int i;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, kq_add(self->kq, i, EVFILT_USER, EV_CLEAR));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, kq_trigger(self->kq, order[i]));
	ASSERT_EQ(n, kq_poll(self->kq, ev, n));
	for (i = 0; i < n; i++)
		EXPECT_EQ(order[i], ev[i].ident);

	/* In parts it is the same order. */
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, kq_trigger(self->kq, order[i]));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, kq_poll(self->kq, ev, 1));
		EXPECT_EQ(order[i], ev[0].ident);
	}
}

/* Descriptors of several kinds keep to that order as well. */
TEST_F(kevent, order_across_filters)
{
	int p[2], e = eventfd(0, 0);
	struct kevent ev[4];
	uint64_t one = 1;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_add(self->kq, e, EVFILT_READ, 0));
	ASSERT_EQ(8, write(e, &one, 8));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(3, kq_poll(self->kq, ev, 4));
	EXPECT_EQ((uintptr_t)e, ev[0].ident);
	EXPECT_EQ((uintptr_t)p[0], ev[1].ident);
	EXPECT_EQ(EVFILT_USER, ev[2].filter);
}

/* A level-triggered one that stays ready goes behind the others. */
TEST_F(kevent, level_goes_behind)
{
	static const uintptr_t expected[] = { 1, 2, 3, 1, 2, 1, 2, 1 };
	struct kevent ev;
	unsigned int i;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_add(self->kq, 3, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	ASSERT_EQ(0, kq_trigger(self->kq, 3));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
		EXPECT_EQ(expected[i], ev.ident);
	}
}

TEST_F(kevent, clear_beside_level)
{
	struct kevent ev[8];
	int i, fd[5];

	for (i = 0; i < 5; i++) {
		fd[i] = eventfd(1, 0);
		ASSERT_EQ(0, kq_add(self->kq, fd[i], EVFILT_READ,
				    i == 2 ? 0 : EV_CLEAR));
	}
	EXPECT_EQ(5, kq_poll(self->kq, ev, 8));
	ASSERT_EQ(1, kq_poll(self->kq, ev, 8));
	EXPECT_EQ(fd[2], ev[0].ident);
	ASSERT_EQ(0, eventfd_write(fd[4], 1));
	ASSERT_EQ(0, eventfd_write(fd[1], 1));
	ASSERT_EQ(3, kq_poll(self->kq, ev, 8));
	EXPECT_EQ(fd[2], ev[0].ident);
	EXPECT_EQ(fd[4], ev[1].ident);
	EXPECT_EQ(fd[1], ev[2].ident);
	EXPECT_EQ(1, kq_poll(self->kq, ev, 8));
}

/* all of a batch, and then all of it once more */
TEST_F(kevent, clear_alone)
{
	struct kevent ev[64];
	int i, round, fd[40];

	for (i = 0; i < 40; i++) {
		fd[i] = eventfd(0, 0);
		ASSERT_EQ(0, kq_add(self->kq, fd[i], EVFILT_READ, EV_CLEAR));
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 40; i++)
			ASSERT_EQ(0, eventfd_write(fd[i], 1));
		ASSERT_EQ(40, kq_poll(self->kq, ev, 64));
		for (i = 0; i < 40; i++)
			EXPECT_EQ(fd[i], ev[i].ident);
		EXPECT_EQ(0, kq_poll(self->kq, ev, 64));
	}
}

/* One call never returns the same knote twice. */
TEST_F(kevent, never_the_same_knote_twice)
{
	struct kevent ev[64];
	int p[2], i;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	ASSERT_EQ(0, kq_add(self->kq, p[1], EVFILT_WRITE, 0));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER,
			       0, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(3, kq_poll(self->kq, ev, 64));
		EXPECT_NE(ev[0].filter, ev[1].filter);
		EXPECT_NE(ev[0].filter, ev[2].filter);
		EXPECT_NE(ev[1].filter, ev[2].filter);
	}
}

#define MANY	10000

/* A call returns all that are ready, up to nevents, with no other limit. */
TEST_F(kevent, ten_thousand_in_one_call)
{
	struct kevent *ev = mmap(NULL, MANY * sizeof(*ev),
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kevent *kev = calloc(MANY, sizeof(*kev));
	int i;

	ASSERT_NE(MAP_FAILED, (void *)ev);
	for (i = 0; i < MANY; i++)
		EV_SET(&kev[i], i, EVFILT_USER,
		       EV_ADD | (i & 1 ? EV_CLEAR : EV_ONESHOT), NOTE_TRIGGER,
		       3 * i, &kev[i]);
	ASSERT_EQ(0, call(self->kq, kev, MANY, NULL, 0, NULL));
	ASSERT_EQ(MANY - 1, call(self->kq, NULL, 0, ev, MANY - 1, &now));
	for (i = 0; i < MANY - 1; i++) {
		if (ev[i].ident != (uintptr_t)i || ev[i].data != 3 * i ||
		    ev[i].udata != &kev[i])
			break;
	}
	EXPECT_EQ(MANY - 1, i);
	EXPECT_EQ(1, kq_poll(self->kq, ev, MANY));
	EXPECT_EQ(MANY - 1U, ev[0].ident);
	EXPECT_EQ(0, kq_poll(self->kq, ev, MANY));
}

/*
 * Step 8.  Returned flags: what the first ADD asked for (ONESHOT, CLEAR,
 * RECEIPT, DISPATCH).  Never ADD, DELETE, ENABLE, DISABLE, FORCEONESHOT.
 */
TEST_F(kevent, returned_flags)
{
	unsigned int asked;
	struct kevent ev[2];

	for (asked = 0; asked <= 0xff; asked += 0x10) {
		static const unsigned short more[] = {
			0, EV_ENABLE, EV_FORCEONESHOT, EV_SYSFLAGS,
		};
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(more); i++) {
			struct kevent kev;

			EV_SET(&kev, 1, EVFILT_USER, EV_ADD | asked | more[i],
			       0, 0, NULL);
			EXPECT_EQ(!!(asked & EV_RECEIPT),
				  call(self->kq, &kev, 1, ev, 2, &now));
			EXPECT_EQ(0, kq_trigger(self->kq, 1));
			EXPECT_EQ(1, kq_poll(self->kq, ev, 2));
			EXPECT_EQ(asked, ev[0].flags);
			kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
				  NULL);
		}
	}

	/* DISABLE and ENABLE leave no trace either, nor does a later ADD. */
	EXPECT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_DISABLE));
	EXPECT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_CLEAR | EV_ENABLE));
	EXPECT_EQ(0, kq_trigger(self->kq, 2));
	EXPECT_EQ(1, kq_poll(self->kq, ev, 2));
	EXPECT_EQ(0, ev[0].flags);
}

/* ... what the system added (CLEAR, ONESHOT), EV_EOF. */
TEST_F(kevent, returned_flags_of_the_system)
{
	struct kevent ev;
	int p[2];

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_TIMER, 0));
	EXPECT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_DELETE, 0, 0,
			       NULL));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_TIMER, EV_ONESHOT));
	KQ_EXPECT_EVENT(self->kq, 2, EVFILT_TIMER, EV_ONESHOT | EV_CLEAR, 0, 1);

	ASSERT_EQ(0, kq_add(self->kq, 3, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_change(self->kq, 3, EVFILT_USER, EV_FORCEONESHOT, 0, 0,
			       NULL));
	KQ_EXPECT_EVENT(self->kq, 3, EVFILT_USER, EV_ONESHOT, 0, 0);

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(2, write(p[1], "xy", 2));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, EV_DISPATCH));
	close(p[1]);
	KQ_EXPECT_EVENT(self->kq, p[0], EVFILT_READ, EV_DISPATCH | EV_EOF, 0,
			2);
}

TEST_HARNESS_MAIN
