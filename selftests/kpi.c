// SPDX-License-Identifier: GPL-2.0
/*
 * kqueue(9), by a module that uses it: kpi/kqueue_kpi.c.  $KQUEUE_KPI_KO is its
 * file.  Each test loads it, and unloads it at the end: that fails while it is
 * in use.  Needs root.
 */
#include "kselftest_harness.h"

#include <linux/kqueue.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "kpi/kqueue_kpi.h"
#include "kq_test.h"

#define DEVICE	"/dev/kqueue_kpi"
#define HINT	0x10

/* Returns 0, or a negative errno. */
static int unload(void)
{
	return syscall(SYS_delete_module, "kqueue_kpi", O_NONBLOCK) ? -errno : 0;
}

/* Anew: a test that failed may have left it. */
static int load(void)
{
	const char *name = getenv("KQUEUE_KPI_KO");
	int fd, r;

	unload();
	fd = open(name ? name : "", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return r;
}


/* A knote's end may be a worker's. */
static int unload_soon(void)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	int i, r = -EAGAIN;

	for (i = 0; i < KQ_PATIENCE * 100; i++) {
		r = unload();
		if (r != -EAGAIN)
			return r;
		nanosleep(&tick, NULL);
	}
	return r;
}

static int kpi_call(int dev, struct kpi_call *call)
{
	int r = ioctl(dev, KPI_CALL, call);

	return r < 0 ? -errno : r;
}

static int kpi(int dev, enum kpi_op op, int arg, long long data)
{
	struct kpi_call call = { .op = op, .arg = arg, .data = data };

	return kpi_call(dev, &call);
}

static int kpi_locked(int dev, enum kpi_op op, int arg, long long data)
{
	struct kpi_call call = {
		.op = op, .arg = arg, .data = data, .locked = 1,
	};

	return kpi_call(dev, &call);
}

static struct kpi_stats kpi_stats(int dev)
{
	struct kpi_stats stats = { 0 };
	struct kpi_call call = {
		.op = KPI_STATS, .change = (uintptr_t)&stats,
	};

	kpi_call(dev, &call);
	return stats;
}

/* kqfd_register() of a change that has all its bits. */
static int kpi_register(int dev, int kq, int how, const struct kq_event *kev)
{
	struct kpi_call call = {
		.op = KPI_REGISTER, .fd = kq, .arg = how,
		.change = (uintptr_t)kev,
	};

	return kpi_call(dev, &call);
}

FIXTURE(kpi) {
	int kq;
	int dev;
};

FIXTURE_SETUP(kpi)
{
	ASSERT_EQ(load(), 0);
	self->kq = kqueue();
	ASSERT_GE(self->kq, 0);
	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->dev, 0);
}

FIXTURE_TEARDOWN(kpi)
{
	close(self->dev);
	close(self->kq);
	EXPECT_EQ(unload_soon(), 0);
}

static int add_device(int kq, int dev, unsigned short flags)
{
	return kq_change(kq, dev, EVFILT_LIO, EV_ADD | flags, HINT, 0, NULL);
}

/*
 * The filter table
 */

TEST_F(kpi, add_says_why_not)
{
	int dev = self->dev;

	EXPECT_EQ(kpi(dev, KPI_ADD, 0, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD, 1, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD, -EVFILT_SYSCOUNT - 1, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD, INT32_MIN, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD, INT32_MAX, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD_BAD, EVFILT_JAIL, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_ADD, EVFILT_READ, 0), -EEXIST);
	EXPECT_EQ(kpi(dev, KPI_ADD, EVFILT_NETDEV, 0), -EEXIST);
	EXPECT_EQ(kpi(dev, KPI_ADD, EVFILT_AIO, 0), -EEXIST);
	EXPECT_EQ(kpi(dev, KPI_ADD, EVFILT_JAIL, 0), 0);
	EXPECT_EQ(kpi(dev, KPI_ADD, EVFILT_JAIL, 0), -EEXIST);
	EXPECT_EQ(kpi(dev, KPI_DEL, EVFILT_JAIL, 0), 0);
}

TEST_F(kpi, del_says_why_not)
{
	int dev = self->dev;

	EXPECT_EQ(kpi(dev, KPI_DEL, 0, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_DEL, 1, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_DEL, -EVFILT_SYSCOUNT - 1, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_DEL, EVFILT_READ, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_DEL, EVFILT_USER, 0), -EINVAL);
	EXPECT_EQ(kpi(dev, KPI_DEL, EVFILT_JAIL, 0), -EINVAL);
}

TEST_F(kpi, del_while_a_knote_lives_is_busy)
{
	ASSERT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), 0);
	EXPECT_EQ(kpi(self->dev, KPI_DEL, EVFILT_AIO, 0), -EBUSY);
	ASSERT_EQ(kq_change(self->kq, 1, EVFILT_AIO, EV_DELETE, 0, 0, NULL), 0);
	EXPECT_EQ(kpi(self->dev, KPI_DEL, EVFILT_AIO, 0), 0);
	EXPECT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), -ENXIO);
	EXPECT_EQ(kq_change(self->kq, 1, EVFILT_AIO, EV_DELETE, 0, 0, NULL),
		  -ENOENT);
	EXPECT_EQ(kpi(self->dev, KPI_ADD, EVFILT_AIO, 0), 0);
	EXPECT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), 0);
}

/* Of all the filter's knotes the device's file keeps none from going. */
TEST_F(kpi, the_module_stays_while_a_knote_lives)
{
	close(self->dev);
	ASSERT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), 0);
	EXPECT_EQ(unload(), -EAGAIN);
	ASSERT_EQ(kq_add(self->kq, 2, EVFILT_AIO, 0), 0);
	ASSERT_EQ(kq_change(self->kq, 1, EVFILT_AIO, EV_DELETE, 0, 0, NULL), 0);
	EXPECT_EQ(unload(), -EAGAIN);
	close(self->kq);
	EXPECT_EQ(unload_soon(), 0);
	ASSERT_EQ(load(), 0);
}

TEST_F(kpi, without_the_module_the_slot_is_empty)
{
	close(self->dev);
	ASSERT_EQ(kq_add(self->kq, 1, EVFILT_AIO, EV_ONESHOT), 0);
	ASSERT_EQ(kq_change(self->kq, 1, EVFILT_AIO, 0, 0, 5, NULL), 0);
	ASSERT_EQ(kq_pending(self->kq), 1);
	ASSERT_EQ(unload_soon(), 0);
	EXPECT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), -ENXIO);
	ASSERT_EQ(load(), 0);
	EXPECT_EQ(kq_add(self->kq, 1, EVFILT_AIO, 0), 0);
}

/*
 * f_attach
 */

TEST_F(kpi, nonsense_from_attach_is_an_errno)
{
	static const struct {
		long long returns;
		int errno_seen;
	} cases[] = {
		{ -EPERM, -EPERM }, { -ENODEV, -ENODEV }, { 1, -EINVAL },
		{ INT32_MAX, -EINVAL }, { INT32_MIN, -EINVAL },
		{ -4096, -EINVAL }, { EBADF, -EINVAL },
	};
	struct kpi_stats stats;
	unsigned int i, mode;

	for (mode = KPI_ATTACH_RETURNS; mode <= KPI_ATTACH_LISTED; mode++) {
		for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			kpi(self->dev, KPI_MODE, mode, cases[i].returns);
			EXPECT_EQ(add_device(self->kq, self->dev, 0),
				  cases[i].errno_seen);
			EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
		}
	}
	kpi(self->dev, KPI_MODE, KPI_PLAIN, 0);
	stats = kpi_stats(self->dev);
	EXPECT_EQ(stats.attached, 2 * i);
	EXPECT_EQ(stats.detached, 0);
	EXPECT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE, 0, 0,
			    NULL), -ENOENT);
	EXPECT_EQ(add_device(self->kq, self->dev, 0), 0);
}

TEST_F(kpi, another_file_is_refused)
{
	int fd[2];

	ASSERT_EQ(pipe(fd), 0);
	EXPECT_EQ(add_device(self->kq, fd[0], 0), -EOPNOTSUPP);
	EXPECT_EQ(add_device(self->kq, 1000, 0), -EBADF);
}

/* f_attach without a list clears KN_DETACHED, and f_detach is called. */
TEST_F(kpi, without_a_list)
{
	ASSERT_EQ(kpi(self->dev, KPI_MODE, KPI_ATTACH_UNLISTED, 0), 0);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
	EXPECT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE, 0, 0,
			    NULL), 0);
	EXPECT_EQ(kpi_stats(self->dev).detached, 1);
}

TEST_F(kpi, attach_replaces_the_operations)
{
	struct kevent ev;

	ASSERT_EQ(kpi(self->dev, KPI_MODE, KPI_ATTACH_REPLACES, 0), 0);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.data, -1);
}

/*
 * KNOTE: every kind of lock, from every context that it allows
 */

FIXTURE(context) {
	int kq;
	int dev;
};

FIXTURE_VARIANT(context) {
	enum kpi_lock lock;
	enum kpi_context context;
};

FIXTURE_VARIANT_ADD(context, spin_process) {
	.lock = KPI_SPIN, .context = KPI_PROCESS,
};

FIXTURE_VARIANT_ADD(context, spin_softirq) {
	.lock = KPI_SPIN, .context = KPI_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(context, spin_hardirq) {
	.lock = KPI_SPIN, .context = KPI_HARDIRQ,
};

FIXTURE_VARIANT_ADD(context, shared_process) {
	.lock = KPI_SHARED, .context = KPI_PROCESS,
};

FIXTURE_VARIANT_ADD(context, shared_softirq) {
	.lock = KPI_SHARED, .context = KPI_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(context, shared_hardirq) {
	.lock = KPI_SHARED, .context = KPI_HARDIRQ,
};

FIXTURE_VARIANT_ADD(context, reader_process) {
	.lock = KPI_RW, .context = KPI_PROCESS,
};

FIXTURE_VARIANT_ADD(context, reader_softirq) {
	.lock = KPI_RW, .context = KPI_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(context, reader_hardirq) {
	.lock = KPI_RW, .context = KPI_HARDIRQ,
};

FIXTURE_VARIANT_ADD(context, mutex_process) {
	.lock = KPI_MUTEX, .context = KPI_PROCESS,
};

FIXTURE_SETUP(context)
{
	ASSERT_EQ(load(), 0);
	self->kq = kqueue();
	ASSERT_GE(self->kq, 0);
	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->dev, 0);
	ASSERT_EQ(kpi(self->dev, KPI_NEW, variant->lock, 0), 0);
}

FIXTURE_TEARDOWN(context)
{
	close(self->dev);
	close(self->kq);
	EXPECT_EQ(unload_soon(), 0);
}

static void *wait_one(void *arg)
{
	struct kevent ev;
	int kq = *(int *)arg;

	if (kq_wait(kq, &ev, 1) != 1)
		return NULL;
	return (void *)(uintptr_t)ev.fflags;
}

/* Both macros; a sleeper is woken; what is not asked for says nothing. */
TEST_F(context, knote)
{
	pthread_t thread;
	struct kevent ev;
	void *fflags;
	int locked;

	ASSERT_EQ(add_device(self->kq, self->dev, EV_CLEAR), 0);
	EXPECT_EQ(kq_pending(self->kq), 0);
	for (locked = 0; locked < 2; locked++) {
		struct kpi_call call = {
			.op = KPI_NOTE, .arg = variant->context,
			.locked = locked, .data = HINT,
		};

		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
		EXPECT_EQ(ev.ident, (uintptr_t)self->dev);
		EXPECT_EQ(ev.filter, EVFILT_LIO);
		EXPECT_EQ(ev.fflags, HINT);
		EXPECT_EQ(ev.data, 2);
		EXPECT_EQ(kq_pending(self->kq), 0);

		call.data = HINT << 1;
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		EXPECT_EQ(kq_pending(self->kq), 0);

		call.data = HINT;
		ASSERT_EQ(pthread_create(&thread, NULL, wait_one, &self->kq), 0);
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		ASSERT_EQ(pthread_join(thread, &fflags), 0);
		EXPECT_EQ((uintptr_t)fflags, HINT);
	}
}

TEST_F(context, empty)
{
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 0);
	ASSERT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE, 0, 0,
			    NULL), 0);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
	EXPECT_EQ(kpi_stats(self->dev).detached, 1);
}

/* The last event comes once, as it stands, and no function is called for it. */
TEST_F(context, clear)
{
	struct kpi_stats stats;
	struct kevent ev[2];
	int locked;

	for (locked = 0; locked < 2; locked++) {
		struct kpi_call call = { .op = KPI_CLEAR, .locked = locked };

		ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
		kpi_stats(self->dev);
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
		ASSERT_EQ(kq_poll(self->kq, ev, 2), 1);
		EXPECT_EQ(ev[0].flags & (EV_EOF | EV_ONESHOT),
			  EV_EOF | EV_ONESHOT);
		EXPECT_EQ(ev[0].fflags, 0);
		EXPECT_EQ(kq_pending(self->kq), 0);
		EXPECT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE,
				    0, 0, NULL), -ENOENT);
		stats = kpi_stats(self->dev);
		EXPECT_EQ(stats.events, 0);
		EXPECT_EQ(stats.detached, 0);
	}
}

/* What was collected before is in it; one that is disabled waits. */
TEST_F(context, clear_keeps_what_there_is)
{
	struct kevent ev;

	ASSERT_EQ(add_device(self->kq, self->dev, EV_DISABLE | EV_CLEAR), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, variant->context, HINT), 0);
	ASSERT_EQ(kpi(self->dev, KPI_CLEAR, 0, 0), 0);
	EXPECT_EQ(kq_pending(self->kq), 0);
	kpi_stats(self->dev);
	ASSERT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_ENABLE, 0, 0,
			    NULL), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.flags & (EV_EOF | EV_ONESHOT), EV_EOF | EV_ONESHOT);
	EXPECT_EQ(ev.fflags, HINT);
	EXPECT_EQ(ev.data, 1);
	EXPECT_EQ(kpi_stats(self->dev).events, 0);
	EXPECT_EQ(kq_pending(self->kq), 0);
}

TEST_F(context, delete)
{
	struct kpi_stats stats;
	int locked;

	for (locked = 0; locked < 2; locked++) {
		struct kpi_call call = { .op = KPI_DELETE, .locked = locked };

		ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
		ASSERT_EQ(kpi(self->dev, KPI_NOTE, variant->context, HINT), 0);
		kpi_stats(self->dev);
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		EXPECT_EQ(kq_pending(self->kq), 0);
		EXPECT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE,
				    0, 0, NULL), -ENOENT);
		stats = kpi_stats(self->dev);
		EXPECT_EQ(stats.events, 0);
		EXPECT_EQ(stats.detached, 0);
	}
}

/*
 * Objects go while knotes are added, changed, delivered and deleted by two
 * threads.  The module warns of every use of an object that is gone.
 */
struct going {
	int kq;
	int dev;
	bool stop;
	long last;
};

static void *watch_again(void *arg)
{
	struct going *going = arg;
	struct kevent ev[4];
	int i, n, round = 0;

	while (!__atomic_load_n(&going->stop, __ATOMIC_RELAXED)) {
		int fd = dup(going->dev);

		add_device(going->kq, fd, round % 2 ? EV_CLEAR : 0);
		add_device(going->kq, going->dev, 0);
		n = kq_poll(going->kq, ev, 4);
		for (i = 0; i < n; i++)
			if (ev[i].flags & EV_EOF)
				__atomic_fetch_add(&going->last, 1,
						   __ATOMIC_RELAXED);
		kq_change(going->kq, fd, EVFILT_LIO, EV_DISABLE, HINT, 0, NULL);
		kq_change(going->kq, fd, EVFILT_LIO, EV_ENABLE, HINT, 0, NULL);
		if (round % 3)
			kq_change(going->kq, fd, EVFILT_LIO, EV_DELETE, 0, 0,
				  NULL);
		close(fd);
		round++;
	}
	return NULL;
}

TEST_F_TIMEOUT(context, objects_go_in_flight, 120)
{
	struct going going = { .kq = self->kq, .dev = self->dev };
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, watch_again, &going),
			  0);
	/* Until the others have been there, on a busy machine. */
	for (i = 0; i < 1000 ||
	     !__atomic_load_n(&going.last, __ATOMIC_RELAXED); i++) {
		struct kpi_call call = {
			.op = KPI_NEW, .arg = variant->lock,
			.data = i % 2, .locked = i / 2 % 2,
		};

		ASSERT_EQ(kpi(self->dev, KPI_NOTE, variant->context, HINT), 0);
		ASSERT_EQ(kpi_call(self->dev, &call), 0);
		sched_yield();
	}
	__atomic_store_n(&going.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
	/* One of the device, and the jobs. */
	EXPECT_EQ(kpi_stats(self->dev).objects, 1 + KPI_JOBS);
}

/*
 * f_event that takes its knote away
 */

TEST_F(kpi, removed_in_event_and_returned)
{
	struct kevent ev;

	ASSERT_EQ(kpi(self->dev, KPI_MODE, KPI_EVENT_REMOVES, 1), 0);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.fflags, HINT);
	ASSERT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE, 0, 0,
			    NULL), 0);
	EXPECT_EQ(kpi_stats(self->dev).detached, 0);
}

TEST_F(kpi, removed_in_event_and_not_returned)
{
	ASSERT_EQ(kpi(self->dev, KPI_MODE, KPI_EVENT_REMOVES, 0), 0);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 1);
	EXPECT_EQ(kq_pending(self->kq), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	EXPECT_EQ(kq_pending(self->kq), 0);
	ASSERT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE, 0, 0,
			    NULL), 0);
	EXPECT_EQ(kpi_stats(self->dev).detached, 0);
}

/* With EV_DROP, whatever f_event returns, the knote goes unseen. */
TEST_F(kpi, dropped_in_event)
{
	int returns;

	for (returns = 0; returns < 2; returns++) {
		ASSERT_EQ(kpi(self->dev, KPI_MODE, KPI_EVENT_DROPS, returns), 0);
		ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
		ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
		EXPECT_EQ(kq_pending(self->kq), 0);
		EXPECT_EQ(kq_change(self->kq, self->dev, EVFILT_LIO, EV_DELETE,
				    0, 0, NULL), -ENOENT);
		EXPECT_EQ(kpi_stats(self->dev).detached, 1);
	}
}

/*
 * The knotes of a device go with the descriptor
 */

TEST_F(kpi, gone_with_the_descriptor)
{
	int fd = dup(self->dev);
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	struct kevent ev;
	int i;

	ASSERT_EQ(add_device(self->kq, self->dev, EV_CLEAR), 0);
	ASSERT_EQ(add_device(self->kq, fd, EV_CLEAR), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	EXPECT_EQ(kq_pending(self->kq), 2);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);
	close(fd);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.ident, (uintptr_t)self->dev);
	EXPECT_EQ(kq_pending(self->kq), 0);
	/* f_detach may sleep: a worker calls it. */
	for (i = 0; i < KQ_PATIENCE * 100; i++) {
		if (kpi_stats(self->dev).detached == 1)
			break;
		nanosleep(&tick, NULL);
	}
	EXPECT_LT(i, KQ_PATIENCE * 100);
	EXPECT_EQ(kpi_locked(self->dev, KPI_EMPTY, 0, 0), 0);
}

TEST_F(kpi, fdclose_removes_all_knotes_of_a_descriptor)
{
	int fd = dup(self->dev), other = kqueue();
	struct kpi_call call = { .op = KPI_FDCLOSE, .fd = fd };
	struct kevent ev;

	ASSERT_EQ(add_device(self->kq, fd, 0), 0);
	ASSERT_EQ(kq_add(self->kq, fd, EVFILT_READ, 0), 0);
	ASSERT_EQ(add_device(self->kq, self->dev, 0), 0);
	ASSERT_EQ(add_device(other, fd, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_NOTE, KPI_PROCESS, HINT), 0);

	ASSERT_EQ(kpi_call(self->dev, &call), 0);
	EXPECT_EQ(kq_pending(other), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.ident, (uintptr_t)self->dev);
	EXPECT_EQ(kq_change(self->kq, fd, EVFILT_READ, EV_DELETE, 0, 0, NULL),
		  -ENOENT);
	EXPECT_EQ(kpi_stats(self->dev).detached, 2);
	/* The descriptor itself is as it was. */
	EXPECT_EQ(add_device(other, fd, 0), 0);

	call.fd = 1000;
	EXPECT_EQ(kpi_call(self->dev, &call), 0);
	call.fd = -1;
	EXPECT_EQ(kpi_call(self->dev, &call), 0);
	close(fd);
	close(other);
}

/*
 * A filter by number, driven from here
 */

TEST_F(kpi, touched)
{
	struct kpi_stats stats;
	int other = kqueue();
	struct kevent ev[2];
	int job;

	for (job = 0; job < KPI_JOBS; job++) {
		ASSERT_EQ(kq_change(self->kq, job, EVFILT_AIO,
				    EV_ADD | EV_CLEAR, 7, 0, NULL), 0);
		ASSERT_EQ(kq_add(other, job, EVFILT_AIO, EV_CLEAR), 0);
		stats = kpi_stats(self->dev);
		EXPECT_EQ(stats.attached, 2);
		EXPECT_EQ(stats.registered, 0);
		EXPECT_EQ(kq_pending(self->kq), 0);

		/* What f_touch refuses changes nothing. */
		EXPECT_EQ(kq_change(other, job, EVFILT_AIO, 0, 8, -1, NULL),
			  -ERANGE);
		EXPECT_EQ(kq_pending(other), 0);

		ASSERT_EQ(kq_change(other, job, EVFILT_AIO, 0, 9, 40 + job,
				    NULL), 0);
		stats = kpi_stats(self->dev);
		EXPECT_EQ(stats.registered, 2);
		EXPECT_EQ(stats.processed, 0);
		ASSERT_EQ(kq_poll(self->kq, ev, 2), 1);
		EXPECT_EQ(ev[0].ident, (uintptr_t)job);
		EXPECT_EQ(ev[0].fflags, 7);
		EXPECT_EQ(ev[0].data, 40 + job);
		ASSERT_EQ(kq_poll(other, ev, 2), 1);
		EXPECT_EQ(ev[0].fflags, 9);
		EXPECT_EQ(ev[0].data, 40 + job);
		EXPECT_EQ(kpi_stats(self->dev).processed, 2);
		EXPECT_EQ(kq_pending(self->kq), 0);
	}
	EXPECT_EQ(kq_add(self->kq, KPI_JOBS, EVFILT_AIO, 0), -EINVAL);
	close(other);
}

/*
 * kqfd_register()
 */

FIXTURE(registered) {
	int kq;
	int dev;
};

FIXTURE_VARIANT(registered) {
	int how;
};

FIXTURE_VARIANT_ADD(registered, process) {
	.how = 0,
};

FIXTURE_VARIANT_ADD(registered, kthread) {
	.how = KPI_KTHREAD,
};

FIXTURE_SETUP(registered)
{
	ASSERT_EQ(load(), 0);
	self->kq = kqueue();
	ASSERT_GE(self->kq, 0);
	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->dev, 0);
}

FIXTURE_TEARDOWN(registered)
{
	close(self->dev);
	close(self->kq);
	EXPECT_EQ(unload_soon(), 0);
}

TEST_F(registered, changes)
{
	struct kq_event kev = {
		.ident = 3, .filter = EVFILT_USER, .flags = EV_ADD | EV_CLEAR,
		.udata = 99,
	};
	struct kevent ev;
	int fd[2];

	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev), 0);
	kev.flags = 0;
	kev.fflags = NOTE_TRIGGER;
	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.ident, 3);
	EXPECT_EQ((uintptr_t)ev.udata, 99);
	kev.flags = EV_DELETE;
	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev), 0);
	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev),
		  -ENOENT);

	/* A descriptor is one of the process, whoever calls. */
	ASSERT_EQ(pipe(fd), 0);
	ASSERT_EQ(write(fd[1], "abc", 3), 3);
	kev = (struct kq_event) {
		.ident = fd[0], .filter = EVFILT_READ, .flags = EV_ADD,
	};
	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.data, 3);
	close(fd[0]);
	EXPECT_EQ(kq_pending(self->kq), 0);
}

TEST_F(registered, errors)
{
	struct kq_event kev = {
		.ident = 3, .filter = EVFILT_USER, .flags = EV_ADD,
	};
	int status;
	pid_t pid;

	EXPECT_EQ(kpi_register(self->dev, -1, variant->how, &kev), -EBADF);
	EXPECT_EQ(kpi_register(self->dev, 1000, variant->how, &kev), -EBADF);
	EXPECT_EQ(kpi_register(self->dev, self->dev, variant->how, &kev),
		  -EBADF);
	kev.filter = 1;
	EXPECT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev),
		  -EINVAL);
	kev.filter = EVFILT_READ;
	kev.ident = 1000;
	EXPECT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev),
		  -EBADF);
	kev.ident = self->kq;
	EXPECT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev),
		  -EINVAL);

	/* Not the caller's: a child of the raw system call has a copy. */
	kev.filter = EVFILT_USER;
	pid = syscall(SYS_fork);
	if (!pid)
		_exit(kpi_register(self->dev, self->kq, variant->how, &kev) ==
		      -EBADF ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* What a program cannot say is for the filter. */
TEST_F(registered, keeps_the_system_flags)
{
	struct kq_event kev = {
		.ident = 0, .filter = EVFILT_AIO,
		.flags = EV_ADD | EV_CLEAR | EV_FLAG1,
	};
	struct kevent ev;

	ASSERT_EQ(kpi_register(self->dev, self->kq, variant->how, &kev), 0);
	ASSERT_EQ(kq_change(self->kq, 0, EVFILT_AIO, 0, 0, 1, NULL), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.flags & EV_FLAG1, EV_FLAG1);

	ASSERT_EQ(kq_add(self->kq, 4, EVFILT_AIO, EV_CLEAR | EV_FLAG1), 0);
	ASSERT_EQ(kq_change(self->kq, 4, EVFILT_AIO, 0, 0, 1, NULL), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(ev.flags & EV_FLAG1, 0);
}

TEST_F(registered, where_nothing_may_sleep)
{
	struct kq_event kev = {
		.ident = 0, .filter = EVFILT_AIO, .flags = EV_ADD,
	};
	int how = variant->how | KPI_NOWAIT;
	int i;

	for (i = 0; i < 3; i++) {
		kev.filter = i ? EVFILT_USER : EVFILT_AIO;
		kev.ident = 4 * i;	/* the jobs with a spinlock */
		kev.flags = EV_ADD;
		ASSERT_EQ(kpi_register(self->dev, self->kq, how, &kev), 0);
		kev.flags = 0;
		ASSERT_EQ(kpi_register(self->dev, self->kq, how, &kev), 0);
		kev.flags = EV_DELETE;
		ASSERT_EQ(kpi_register(self->dev, self->kq, how, &kev), 0);
	}
	/* Those that may: not at all. */
	kev = (struct kq_event) {
		.ident = 1, .filter = EVFILT_TIMER, .flags = EV_ADD, .data = 1,
	};
	EXPECT_EQ(kpi_register(self->dev, self->kq, how, &kev), -EAGAIN);
	kev.filter = EVFILT_READ;
	kev.ident = self->dev;
	EXPECT_EQ(kpi_register(self->dev, self->kq, how, &kev), -EAGAIN);
	EXPECT_EQ(kq_pending(self->kq), 0);
}

/*
 * A device whose ->poll blocks
 */

static void *scan_once(void *arg)
{
	struct kevent ev;

	kq_wait(*(int *)arg, &ev, 1);
	return NULL;
}

static int wait_blocked(int dev)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	int i;

	for (i = 0; i < KQ_PATIENCE * 100; i++) {
		if (kpi(dev, KPI_BLOCKED, 0, 0) == 1)
			return 0;
		nanosleep(&tick, NULL);
	}
	return -1;
}

/* One thread is stuck in it; all else goes on as before. */
TEST_F(kpi, a_poll_that_blocks_hides_nothing)
{
	struct pollfd pollfd = { .fd = self->kq, .events = POLLIN };
	struct kevent ev[8];
	pthread_t thread;
	int i, fd[2];

	ASSERT_EQ(pipe(fd), 0);
	ASSERT_EQ(kq_add(self->kq, self->dev, EVFILT_READ, 0), 0);
	ASSERT_EQ(kq_poll(self->kq, ev, 8), 1);
	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 1, 0), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, scan_once, &self->kq), 0);
	ASSERT_EQ(wait_blocked(self->dev), 0);

	/* It is pending still. */
	EXPECT_EQ(poll(&pollfd, 1, 0), 1);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(kq_change(self->kq, i, EVFILT_USER, EV_ADD | EV_CLEAR,
				    NOTE_TRIGGER, 0, NULL), 0);
	ASSERT_EQ(kq_add(self->kq, fd[0], EVFILT_READ, EV_CLEAR), 0);
	ASSERT_EQ(write(fd[1], "x", 1), 1);
	EXPECT_EQ(kq_poll(self->kq, ev, 8), 6);
	EXPECT_EQ(kq_poll(self->kq, ev, 8), 0);
	ASSERT_EQ(kq_change(self->kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL),
		  0);
	ASSERT_EQ(kq_wait(self->kq, ev, 8), 1);
	EXPECT_EQ(ev[0].filter, EVFILT_USER);

	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 0, 0), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(kq_poll(self->kq, ev, 8), 1);
}

/* What fires while its knote is asked is another event, though this one clears. */
TEST_F(kpi, a_wake_up_while_it_is_asked_is_not_lost)
{
	struct kevent ev;
	pthread_t thread;

	ASSERT_EQ(kq_add(self->kq, self->dev, EVFILT_READ, EV_CLEAR), 0);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 1);
	ASSERT_EQ(kq_poll(self->kq, &ev, 1), 0);
	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 1, 0), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, scan_once, &self->kq), 0);
	ASSERT_EQ(wait_blocked(self->dev), 0);
	/* Wakes whoever waits there, and the scan finds that it has to wait on. */
	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 1, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 0, 0), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(kq_poll(self->kq, &ev, 1), 1);
	EXPECT_EQ(kq_poll(self->kq, &ev, 1), 0);
}

static void ignore(int sig)
{
	(void)sig;
}

/* What fires whenever it is asked, and is nothing, keeps nobody beyond his time. */
TEST_F(kpi, what_fires_and_is_nothing_keeps_nobody)
{
	const struct timespec soon = { .tv_nsec = 50 * 1000 * 1000 };
	struct itimerval alarm = { .it_value.tv_usec = 50 * 1000 };
	struct sigaction action = { .sa_handler = ignore };
	struct kevent ev;

	ASSERT_EQ(kq_add(self->kq, self->dev, EVFILT_READ, 0), 0);
	ASSERT_EQ(kpi(self->dev, KPI_RESTLESS, 1, 0), 0);
	EXPECT_EQ(kevent(self->kq, NULL, 0, &ev, 1, &soon), 0);
	ASSERT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	ASSERT_EQ(setitimer(ITIMER_REAL, &alarm, NULL), 0);
	EXPECT_EQ(kevent(self->kq, NULL, 0, &ev, 1, NULL), -1);
	EXPECT_EQ(errno, EINTR);
	ASSERT_EQ(kpi(self->dev, KPI_RESTLESS, 0, 0), 0);
}

/* Who is stuck there, or waits for who is, can be killed. */
TEST_F(kpi, a_poll_that_blocks_can_be_killed)
{
	struct kevent ev;
	int status, pipefd[2];
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(pipe(pipefd), 0);
	pid = fork();
	if (!pid) {
		int kq = kqueue();

		kq_add(kq, self->dev, EVFILT_READ, 0);
		kpi(self->dev, KPI_BLOCK, 1, 0);
		pthread_create(&thread, NULL, scan_once, &kq);
		if (wait_blocked(self->dev))
			_exit(1);
		write(pipefd[1], "x", 1);
		/* Waits for the claim of the thread above. */
		kq_change(kq, self->dev, EVFILT_READ, EV_DELETE, 0, 0, NULL);
		_exit(2);
	}
	ASSERT_EQ(kq_add(self->kq, pipefd[0], EVFILT_READ, 0), 0);
	ASSERT_EQ(kq_wait(self->kq, &ev, 1), 1);
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(kpi(self->dev, KPI_BLOCK, 0, 0), 0);
}

TEST_HARNESS_MAIN
