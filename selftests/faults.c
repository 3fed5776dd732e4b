// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is not to be had, and copies from and to the program that fail:
 * every call of kevent() here is made again and again, and each time another
 * one of all allocations and copies in it fails, until there is none left to
 * fail.  The call then fails with ENOMEM or EFAULT, or it does what it should;
 * nothing is lost, nothing is left, and afterwards everything works.
 *
 * /proc/self/fail-nth is there in a kernel with CONFIG_FAULT_INJECTION alone.
 */
#include "kselftest_harness.h"

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kq_objects.h"

#define FAIL_NTH	"/proc/self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug"
#define TIMEOUT		600	/* seconds, for an emulated machine */

/**
 * struct object - what an event is about
 * @kq: the queue
 * @ident: what is watched
 * @fd: descriptors, to be closed
 * @pid: a child that does what it is told, a byte each time
 * @told: where it is told
 * @dir: a folder of its own, with a file or a folder in it
 * @inside: knotes that it has itself
 */
struct object {
	int		kq;
	uintptr_t	ident;
	int		fd[2];
	pid_t		pid;
	int		told;
	char		dir[32];
	int		inside;
};

/* Makes an object, or lets something happen to it.  0, or -1. */
typedef int step(struct object *o);

static int fail_nth;

/* Ahead of all that the harness does. */
__attribute__((constructor)) static void skip_all(void)
{
	if (access(FAIL_NTH, F_OK)) {
		printf("TAP version 13\n1..0 # SKIP no " FAIL_NTH "\n");
		exit(KSFT_SKIP);
	}
}

/*
 * What the kernel copies for rseq(2), when a thread was preempted, may not fail: that
 * is SIGSEGV.
 */
__attribute__((constructor)) static void without_rseq(void)
{
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset,
			sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

static int put(const char *path, const char *text)
{
	int n, fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The n-th allocation or copy of this thread from now on fails. */
static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth, text, len, 0) != len)
		abort();
}

/*
 * No more.  Returns whether it has failed.  What is read was looked up before
 * it is copied; that copy may be the one that fails, and so may the next.
 */
static bool disarm(void)
{
	char text[16] = "";
	ssize_t n = pread(fail_nth, text, sizeof(text) - 1, 0);
	bool has = n > 0 && !atoi(text);

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return has;
}

/*
 * Objects
 */

static int pair_begin(struct object *o, int (*open)(int fd[2]))
{
	if (open(o->fd))
		return -1;
	o->ident = o->fd[0];
	return 0;
}

static int pipe_begin(struct object *o)
{
	return pair_begin(o, kq_pipe);
}

static int unix_begin(struct object *o)
{
	return pair_begin(o, kq_unix_stream);
}

static int tcp_begin(struct object *o)
{
	return pair_begin(o, kq_tcp_pair);
}

static int udp_begin(struct object *o)
{
	return pair_begin(o, kq_udp_pair);
}

static int pty_begin(struct object *o)
{
	return pair_begin(o, kq_pty_master);
}

static int write_end_begin(struct object *o)
{
	if (kq_pipe(o->fd))
		return -1;
	o->ident = o->fd[1];
	return 0;
}

static int eventfd_begin(struct object *o)
{
	o->fd[0] = eventfd(0, EFD_CLOEXEC);
	o->ident = o->fd[0];
	o->fd[1] = dup(o->fd[0]);
	return o->fd[1] < 0 ? -1 : 0;
}

static int queue_begin(struct object *o)
{
	o->fd[0] = kqueue();
	o->ident = o->fd[0];
	o->inside = 1;
	return o->fd[0] < 0 ? -1 : kq_add(o->fd[0], 1, EVFILT_USER, EV_CLEAR);
}

static int file_begin(struct object *o)
{
	o->fd[0] = memfd_create("kq", MFD_CLOEXEC);
	o->fd[1] = dup(o->fd[0]);
	o->ident = o->fd[0];
	return o->fd[1] < 0 ? -1 : 0;
}

static int dir_begin(struct object *o)
{
	char name[64];

	strcpy(o->dir, "/dev/shm/kq-XXXXXX");
	if (!mkdtemp(o->dir))
		return -1;
	snprintf(name, sizeof(name), "%s/dir", o->dir);
	if (mkdir(name, 0700))
		return -1;
	o->fd[0] = open(name, O_RDONLY | O_CLOEXEC);
	o->ident = o->fd[0];
	return o->fd[0] < 0 ? -1 : 0;
}

static void be_child(int ear)
{
	char byte;

	while (read(ear, &byte, 1) == 1) {
		if (byte == 'f' && !fork())
			_exit(5);
		while (byte == 'f' && waitpid(-1, NULL, 0) > 0)
			;
		if (byte == 'x')
			_exit(3);
	}
	_exit(1);
}

static int child_begin(struct object *o)
{
	int p[2];

	if (kq_pipe(p))
		return -1;
	o->pid = fork();
	if (!o->pid) {
		close(p[1]);
		be_child(p[0]);
	}
	close(p[0]);
	o->told = p[1];
	o->ident = o->pid;
	return o->pid < 0 ? -1 : 0;
}

static int pidfd_begin(struct object *o)
{
	if (child_begin(o))
		return -1;
	o->fd[0] = syscall(SYS_pidfd_open, o->pid, 0);
	o->ident = o->fd[0];
	return o->fd[0] < 0 ? -1 : 0;
}

static int signal_begin(struct object *o)
{
	signal(SIGUSR1, SIG_IGN);
	o->ident = SIGUSR1;
	return 0;
}

static int number_begin(struct object *o)
{
	o->ident = 7;
	return 0;
}

static int mounts_begin(struct object *o)
{
	strcpy(o->dir, "/dev/shm/kq-XXXXXX");
	return mkdtemp(o->dir) ? 0 : -1;
}

/* Interface 1, in a network of our own, is down. */
static int interface_begin(struct object *o)
{
	o->ident = 1;
	return unshare(CLONE_NEWNET);
}

static void object_end(struct object *o)
{
	char name[64];
	int i;

	for (i = 0; i < 2; i++)
		if (o->fd[i] > 0)
			close(o->fd[i]);
	if (o->pid > 0) {
		kill(o->pid, SIGKILL);
		waitpid(o->pid, NULL, 0);
		close(o->told);
	}
	if (*o->dir) {
		umount2(o->dir, MNT_DETACH);
		snprintf(name, sizeof(name), "%s/dir", o->dir);
		rmdir(name);
		rmdir(o->dir);
	}
	close(o->kq);
}

/*
 * What happens to them
 */

static int write_some(struct object *o)
{
	return write(o->fd[1], "12345678", 8) == 8 ? 0 : -1;
}

static int write_inside(struct object *o)
{
	return kq_trigger(o->fd[0], 1);
}

static int send_urgent(struct object *o)
{
	return send(o->fd[1], "!", 1, MSG_OOB) == 1 ? 0 : -1;
}

static int remove_dir(struct object *o)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/dir", o->dir);
	return rmdir(name);
}

static int tell_exit(struct object *o)
{
	return write(o->told, "x", 1) == 1 ? 0 : -1;
}

static int tell_fork(struct object *o)
{
	return write(o->told, "f", 1) == 1 ? 0 : -1;
}

static int send_signal(struct object *o)
{
	(void)o;
	return kill(getpid(), SIGUSR1);
}

static int trigger(struct object *o)
{
	return kq_trigger(o->kq, o->ident);
}

static int mount_something(struct object *o)
{
	return mount("kq", o->dir, "tmpfs", 0, NULL);
}

static int interface_up(struct object *o)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int error, s = socket(AF_INET, SOCK_DGRAM, 0);

	error = ioctl(s, SIOCSIFFLAGS, &ifr);
	close(s);
	(void)o;
	return error;
}

static int nothing(struct object *o)
{
	(void)o;
	return 0;
}

/**
 * FIXTURE_VARIANT - a filter on some object
 * @begin: makes the object
 * @happen: lets something happen to it
 * @filter: what watches it
 * @fflags: with what
 * @data: with what
 * @notes: what the event then has, at least
 */
FIXTURE(faults) {
	struct object o;
};

FIXTURE_VARIANT(faults) {
	step		*begin;
	step		*happen;
	short		filter;
	unsigned int	fflags;
	int64_t		data;
	unsigned int	notes;
};

FIXTURE_VARIANT_ADD(faults, read_pipe) {
	.begin = pipe_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_unix) {
	.begin = unix_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_tcp) {
	.begin = tcp_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_udp) {
	.begin = udp_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_lowat) {
	.begin = tcp_begin, .happen = write_some, .filter = EVFILT_READ,
	.fflags = NOTE_LOWAT, .data = 5,
};

/* On two wait queues; for its place on the second there is an allocation. */
FIXTURE_VARIANT_ADD(faults, read_pty) {
	.begin = pty_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_eventfd) {
	.begin = eventfd_begin, .happen = write_some, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, read_file) {
	.begin = file_begin, .happen = write_some, .filter = EVFILT_READ,
	.fflags = NOTE_FILE_POLL,
};

FIXTURE_VARIANT_ADD(faults, read_queue) {
	.begin = queue_begin, .happen = write_inside, .filter = EVFILT_READ,
};

FIXTURE_VARIANT_ADD(faults, write_pipe) {
	.begin = write_end_begin, .happen = nothing, .filter = EVFILT_WRITE,
};

FIXTURE_VARIANT_ADD(faults, write_tcp) {
	.begin = tcp_begin, .happen = nothing, .filter = EVFILT_WRITE,
};

FIXTURE_VARIANT_ADD(faults, except_tcp) {
	.begin = tcp_begin, .happen = send_urgent, .filter = EVFILT_EXCEPT,
	.fflags = NOTE_OOB,
};

FIXTURE_VARIANT_ADD(faults, empty_tcp) {
	.begin = tcp_begin, .happen = nothing, .filter = EVFILT_EMPTY,
};

FIXTURE_VARIANT_ADD(faults, vnode_file) {
	.begin = file_begin, .happen = write_some, .filter = EVFILT_VNODE,
	.fflags = NOTE_WRITE, .notes = NOTE_WRITE,
};

FIXTURE_VARIANT_ADD(faults, vnode_dir) {
	.begin = dir_begin, .happen = remove_dir, .filter = EVFILT_VNODE,
	.fflags = NOTE_DELETE | NOTE_RENAME, .notes = NOTE_DELETE,
};

FIXTURE_VARIANT_ADD(faults, proc_exit) {
	.begin = child_begin, .happen = tell_exit, .filter = EVFILT_PROC,
	.fflags = NOTE_EXIT, .notes = NOTE_EXIT,
};

FIXTURE_VARIANT_ADD(faults, proc_fork) {
	.begin = child_begin, .happen = tell_fork, .filter = EVFILT_PROC,
	.fflags = NOTE_FORK, .notes = NOTE_FORK,
};

FIXTURE_VARIANT_ADD(faults, proc_track) {
	.begin = child_begin, .happen = tell_fork, .filter = EVFILT_PROC,
	.fflags = NOTE_FORK | NOTE_TRACK, .notes = NOTE_FORK,
};

FIXTURE_VARIANT_ADD(faults, procdesc) {
	.begin = pidfd_begin, .happen = tell_exit, .filter = EVFILT_PROCDESC,
	.fflags = NOTE_EXIT, .notes = NOTE_EXIT,
};

FIXTURE_VARIANT_ADD(faults, signal) {
	.begin = signal_begin, .happen = send_signal, .filter = EVFILT_SIGNAL,
};

FIXTURE_VARIANT_ADD(faults, timer) {
	.begin = number_begin, .happen = nothing, .filter = EVFILT_TIMER,
	.fflags = NOTE_MSECONDS, .data = 1,
};

FIXTURE_VARIANT_ADD(faults, timer_abs) {
	.begin = number_begin, .happen = nothing, .filter = EVFILT_TIMER,
	.fflags = NOTE_SECONDS | NOTE_ABSTIME, .data = 1,
};

FIXTURE_VARIANT_ADD(faults, user) {
	.begin = number_begin, .happen = trigger, .filter = EVFILT_USER,
};

FIXTURE_VARIANT_ADD(faults, fs) {
	.begin = mounts_begin, .happen = mount_something, .filter = EVFILT_FS,
	.fflags = VQ_MOUNT, .notes = VQ_MOUNT,
};

FIXTURE_VARIANT_ADD(faults, netdev) {
	.begin = interface_begin, .happen = interface_up, .filter = EVFILT_NETDEV,
	.fflags = NOTE_LINKUP, .notes = NOTE_LINKUP,
};

typedef FIXTURE_DATA(faults) faults;
typedef FIXTURE_VARIANT(faults) variant_t;

/* Those that may sleep fail, too, and pages one by one.  0, or -1. */
static int set_up(void)
{
	static const char *const verbose[] = {
		DEBUGFS "/failslab/verbose", DEBUGFS "/fail_page_alloc/verbose",
		DEBUGFS "/fail_usercopy/verbose",
	};
	unsigned int i;

	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return -1;
	for (i = 0; i < ARRAY_SIZE(verbose); i++)
		if (put(verbose[i], "0"))
			return -1;
	return put(DEBUGFS "/failslab/ignore-gfp-wait", "N") ?:
	       put(DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N") ?:
	       put(DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N") ?:
	       put(DEBUGFS "/fail_page_alloc/min-order", "0") ?:
	       kq_until_knotes(0);
}

FIXTURE_SETUP(faults)
{
	ASSERT_EQ(0, set_up());
}

FIXTURE_TEARDOWN(faults)
{
	EXPECT_EQ(0, kq_until_knotes(0));
}

static int begin(faults *self, const variant_t *v)
{
	memset(&self->o, 0, sizeof(self->o));
	self->o.kq = kqueue();
	return self->o.kq < 0 ? -1 : v->begin(&self->o);
}

static int add(struct object *o, const variant_t *v)
{
	return kq_change(o->kq, o->ident, v->filter, EV_ADD | EV_CLEAR,
			 v->fflags, v->data, o);
}

static bool allowed(int error)
{
	return error == -ENOMEM || error == -EFAULT;
}

/* Whether it is the event, or one of those that come before: of children. */
static int is_event(struct object *o, const variant_t *v,
		    const struct kevent *ev)
{
	return ev->ident == o->ident && ev->filter == v->filter &&
	       ev->udata == o && (ev->fflags & v->notes) == v->notes &&
	       !(ev->fflags & NOTE_TRACKERR && v->filter == EVFILT_PROC);
}

/* 0 when it comes, and the events of children only with it. */
static int event_comes(struct object *o, const variant_t *v)
{
	struct kevent ev = { 0 };
	int i;

	for (i = 0; i < 4; i++) {
		if (kq_wait(o->kq, &ev, 1) != 1)
			return -1;
		if (is_event(o, v, &ev))
			return 0;
		if (ev.filter != EVFILT_PROC || ev.ident == o->ident)
			return -1;
	}
	return -1;
}

/*
 * EV_ADD.  When it fails there is no knote, and it can be added again; then it
 * works in any case.
 */
TEST_F_TIMEOUT(faults, add, TIMEOUT)
{
	struct object *o = &self->o;
	unsigned int n, ok = 0;
	bool failed = true;
	int error;

	for (n = 1; failed; n++) {
		ASSERT_EQ(0, begin(self, variant));
		arm(n);
		error = add(o, variant);
		failed = disarm();
		if (error) {
			ASSERT_TRUE(failed);
			ASSERT_TRUE(allowed(error)) {
				TH_LOG("point %u: %s", n, strerror(-error));
			}
			ASSERT_EQ(-ENOENT, kq_change(o->kq, o->ident,
						     variant->filter, EV_DELETE,
						     0, 0, NULL));
			ASSERT_EQ(0, add(o, variant));
		} else {
			ok += failed;
		}
		ASSERT_EQ(0, variant->happen(o));
		ASSERT_EQ(0, event_comes(o, variant)) {
			TH_LOG("point %u, %s: no event", n, strerror(-error));
		}
		object_end(o);
		ASSERT_EQ(0, kq_until_knotes(0));
	}
	TH_LOG("%u points, the call succeeds at %u of them", n - 2, ok);
	EXPECT_LT(2U, n);
}

/* A change to a knote is made or not; the knote is there and works. */
TEST_F_TIMEOUT(faults, change, TIMEOUT)
{
	struct object *o = &self->o;
	unsigned int n, ok = 0;
	bool failed = true;
	int error;

	for (n = 1; failed; n++) {
		ASSERT_EQ(0, begin(self, variant));
		/* Where there are notes they are asked for by the change. */
		ASSERT_EQ(0, kq_change(o->kq, o->ident, variant->filter,
				       EV_ADD | EV_CLEAR,
				       variant->filter == EVFILT_VNODE ? 0 :
				       variant->filter == EVFILT_PROC ?
				       NOTE_EXIT : variant->fflags,
				       variant->data, o));
		arm(n);
		error = kq_change(o->kq, o->ident, variant->filter, EV_ENABLE,
				  variant->fflags, variant->data, o);
		failed = disarm();
		if (error) {
			ASSERT_TRUE(failed);
			ASSERT_TRUE(allowed(error));
			ASSERT_EQ(0, kq_change(o->kq, o->ident,
					       variant->filter, EV_ENABLE,
					       variant->fflags, variant->data,
					       o));
		} else {
			ok += failed;
		}
		ASSERT_EQ(0, variant->happen(o));
		ASSERT_EQ(0, event_comes(o, variant)) {
			TH_LOG("point %u, %s: no event", n, strerror(-error));
		}
		object_end(o);
		ASSERT_EQ(0, kq_until_knotes(0));
	}
	TH_LOG("%u points, the call succeeds at %u of them", n - 2, ok);
	EXPECT_LT(1U, n);
}

/* The event is taken, by this call or by the next. */
TEST_F_TIMEOUT(faults, take, TIMEOUT)
{
	static const struct timespec now;
	struct object *o = &self->o;
	unsigned int n, ok = 0;
	bool failed = true;
	struct kevent ev;
	int got;

	for (n = 1; failed; n++) {
		ASSERT_EQ(0, begin(self, variant));
		ASSERT_EQ(0, add(o, variant));
		ASSERT_EQ(0, variant->happen(o));
		ASSERT_EQ(1, kq_readable(o->kq));
		arm(n);
		got = kevent(o->kq, NULL, 0, &ev, 1, &now);
		if (got < 0)
			got = -errno;
		failed = disarm();
		if (got < 0) {
			ASSERT_TRUE(failed);
			ASSERT_TRUE(allowed(got));
			ASSERT_EQ(0, event_comes(o, variant)) {
				TH_LOG("point %u, %s: lost", n, strerror(-got));
			}
		} else {
			ok += failed;
			ASSERT_EQ(1, got);
			ASSERT_TRUE(is_event(o, variant, &ev) ||
				    ev.filter == EVFILT_PROC);
		}
		object_end(o);
		ASSERT_EQ(0, kq_until_knotes(0));
	}
	TH_LOG("%u points, the call succeeds at %u of them", n - 2, ok);
	EXPECT_LT(2U, n);
}

static void close_one(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = -1;
}

/* End a knote in one of three ways. */
static int end_knote(struct object *o, const variant_t *v, int how)
{
	if (how == 0)
		return kq_change(o->kq, o->ident, v->filter, EV_DELETE, 0, 0,
				 NULL);
	close_one(how == 1 ? &o->kq : &o->fd[0]);
	return 0;
}

/* What is deleted or closed goes, whatever fails meanwhile. */
TEST_F_TIMEOUT(faults, end, TIMEOUT)
{
	struct object *o = &self->o;
	bool failed = true;
	unsigned int n;
	int error, how;

	for (n = 1; failed; n++) {
		failed = false;
		for (how = 0; how < 3; how++) {
			ASSERT_EQ(0, begin(self, variant));
			ASSERT_EQ(0, add(o, variant));
			arm(n);
			error = end_knote(o, variant, how);
			failed |= disarm();
			if (error) {
				ASSERT_EQ(-EFAULT, error);
				ASSERT_EQ(0, end_knote(o, variant, how));
			}
			if (how < 2)
				ASSERT_EQ(0, kq_until_knotes(o->inside));
			object_end(o);
			ASSERT_EQ(0, kq_until_knotes(0));
		}
	}
	TH_LOG("%u points", n - 2);
}

FIXTURE(core) {
	int kq;
};

FIXTURE_SETUP(core)
{
	ASSERT_EQ(0, set_up());
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(core)
{
	close(self->kq);
	EXPECT_EQ(0, kq_until_knotes(0));
}

/* A queue is made or not. */
TEST_F_TIMEOUT(core, open, TIMEOUT)
{
	bool failed = true;
	unsigned int n;
	int kq;

	for (n = 1; failed; n++) {
		arm(n);
		kq = kqueue();
		if (kq < 0)
			kq = -errno;
		failed = disarm();
		if (kq < 0) {
			ASSERT_TRUE(failed);
			ASSERT_TRUE(allowed(kq));
			continue;
		}
		ASSERT_EQ(0, kq_add(kq, 1, EVFILT_USER, 0));
		ASSERT_EQ(0, close(kq));
	}
	TH_LOG("%u points", n - 2);
	EXPECT_LT(2U, n);
}

#define MANY	40	/* more than two batches, of changes and of events */

static void count(struct kevent *ev, int n, int *taken)
{
	while (n-- > 0)
		taken[ev[n].ident]++;
}

/*
 * Changes in one call: some are made, in order, and the first that is not ends
 * the call; the others report what became of them.
 */
TEST_F_TIMEOUT(core, changes, TIMEOUT)
{
	static const struct timespec now;
	struct kevent change[MANY], ev[MANY + 1];
	int i, got, reports, taken[MANY];
	bool failed = true;
	unsigned int n;

	for (i = 0; i < MANY; i++)
		EV_SET(&change[i], i, EVFILT_USER, EV_ADD | EV_ONESHOT,
		       NOTE_TRIGGER, 0, NULL);
	for (n = 1; failed; n++) {
		memset(taken, 0, sizeof(taken));
		arm(n);
		got = kevent(self->kq, change, MANY, ev, MANY + 1, &now);
		if (got < 0)
			got = -errno;
		failed = disarm();
		ASSERT_TRUE(got >= 0 || (failed && allowed(got)));
		reports = 0;
		for (i = 0; i < got; i++)
			reports += ev[i].flags == EV_ERROR;
		if (reports) {
			/* Of a report alone; the others are there. */
			ASSERT_EQ(1, got);
			ASSERT_EQ(ENOMEM, ev[0].data);
			taken[ev[0].ident]++;
		} else {
			count(ev, got, taken);
		}
		got = kq_poll(self->kq, ev, MANY + 1);
		ASSERT_LE(0, got);
		count(ev, got, taken);
		for (i = 0; i < MANY && taken[i]; i++)
			ASSERT_EQ(1, taken[i]);
		ASSERT_TRUE(failed || i == MANY);
		/* Those that were not made are the last. */
		for (; i < MANY; i++)
			ASSERT_EQ(0, taken[i]);
	}
	TH_LOG("%u points", n - 2);
	EXPECT_LT((unsigned int)MANY, n);
}

/* Make one of each kind ready; what is delivered is all of it, in order. */
static int make_ready(int kq, int sv[2])
{
	static const unsigned short kinds[] = {
		EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_CLEAR | EV_DISPATCH,
	};
	int i;

	if (kq_unix_stream(sv) || write(sv[1], "12345678", 8) != 8)
		return -1;
	for (i = 0; i < MANY; i++)
		if (kq_change(kq, i, EVFILT_USER, EV_ADD | kinds[i % 4],
			      NOTE_TRIGGER | (i + 1), i, NULL))
			return -1;
	return kq_add(kq, sv[0], EVFILT_READ, EV_ONESHOT);
}

static int wrong_events(const struct kevent *ev, int n, int fd)
{
	int i, bad = 0;

	for (i = 0; i < n; i++) {
		if (i == MANY)
			bad += ev[i].ident != (uintptr_t)fd || ev[i].data != 8;
		else
			bad += ev[i].ident != (uintptr_t)i || ev[i].data != i ||
			       ev[i].fflags != (unsigned int)i + 1;
	}
	return bad;
}

/* Events in several batches: by this call or the next, each once, in order. */
TEST_F_TIMEOUT(core, events, TIMEOUT)
{
	struct kevent ev[3 * MANY];
	bool failed = true;
	unsigned int n;
	int got, rest, sv[2];

	for (n = 1; failed; n++) {
		ASSERT_EQ(0, make_ready(self->kq, sv));
		arm(n);
		got = kq_poll(self->kq, ev, MANY + 1);
		failed = disarm();
		ASSERT_TRUE(got >= 0 || (failed && allowed(got)));
		if (got < 0)
			got = 0;
		ASSERT_TRUE(failed || got == MANY + 1);
		rest = kq_poll(self->kq, ev + got, MANY);
		ASSERT_LE(0, rest);
		got += rest;
		if (got <= MANY)
			got += kq_poll(self->kq, ev + got, 2);
		ASSERT_EQ(MANY + 1, got) {
			TH_LOG("point %u", n);
		}
		ASSERT_EQ(0, wrong_events(ev, got, sv[0]));
		ASSERT_EQ(0, kq_pending(self->kq));
		close(sv[0]);
		close(sv[1]);
		close(self->kq);
		self->kq = kqueue();
	}
	TH_LOG("%u points", n - 2);
	EXPECT_LT(3U, n);
}

/* What a child says about its fork. */
struct forked {
	pid_t	pid;		/* or a negative errno */
	int	failed;
};

/* Fork once for each byte; each time another point in it fails. */
static void fork_on_demand(int ear, int mouth)
{
	struct forked f;
	unsigned int n;
	char byte;

	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	signal(SIGCHLD, SIG_IGN);
	for (n = 1; read(ear, &byte, 1) == 1; n++) {
		arm(n);
		f.pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (!f.pid)
			_exit(0);
		if (f.pid < 0)
			f.pid = -errno;
		f.failed = disarm();
		if (write(mouth, &f, sizeof(f)) != sizeof(f))
			break;
	}
	_exit(0);
}

/*
 * A fork that fails is told of by nobody, one that succeeds by CHILD, the exit
 * and the parent's FORK, whatever failed in it.
 */
TEST_F_TIMEOUT(core, fork, TIMEOUT)
{
	int to[2], from[2], ends, children;
	struct forked f = { .failed = 1 };
	struct kevent ev;
	unsigned int n;
	pid_t pid;

	ASSERT_EQ(0, kq_pipe(to) || kq_pipe(from));
	pid = fork();
	if (!pid)
		fork_on_demand(to[0], from[1]);
	ASSERT_EQ(0, kq_change(self->kq, pid, EVFILT_PROC, EV_ADD,
			       NOTE_TRACK | NOTE_EXIT, 0, NULL));
	for (n = 1; f.failed; n++) {
		ASSERT_EQ(1, write(to[1], "f", 1));
		ASSERT_EQ((int)sizeof(f), read(from[0], &f, sizeof(f)));
		if (f.pid < 0) {
			ASSERT_TRUE(f.failed);
			ASSERT_EQ(0, kq_pending(self->kq));
			continue;
		}
		for (ends = children = 0; !ends;) {
			ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
			ASSERT_EQ((uintptr_t)f.pid, ev.ident);
			children += ev.fflags == NOTE_CHILD;
			ends += ev.fflags == NOTE_EXIT;
		}
		ASSERT_EQ(1, children);
		ASSERT_EQ(0, kq_pending(self->kq));
	}
	TH_LOG("%u points", n - 2);
	EXPECT_LT(10U, n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A watched directory is moved, then removed: the removal is told in any case. */
TEST_F_TIMEOUT(core, move, TIMEOUT)
{
	char dir[] = "/dev/shm/kq-XXXXXX", old[64], new[64];
	bool failed = true;
	unsigned int n;
	int fd, error;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(old, sizeof(old), "%s/old", dir);
	snprintf(new, sizeof(new), "%s/new", dir);
	ASSERT_EQ(0, mkdir(new, 0700));
	snprintf(new, sizeof(new), "%s/new/dir", dir);
	for (n = 1; failed; n++) {
		ASSERT_EQ(0, mkdir(old, 0700));
		fd = open(old, O_RDONLY | O_CLOEXEC);
		ASSERT_EQ(0, kq_change(self->kq, fd, EVFILT_VNODE,
				       EV_ADD | EV_CLEAR, NOTE_DELETE, 0,
				       NULL));
		arm(n);
		error = rename(old, new);
		failed = disarm();
		ASSERT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ(0, rmdir(error ? old : new));
		KQ_EXPECT_EVENT(self->kq, fd, EVFILT_VNODE, EV_CLEAR,
				NOTE_DELETE, 0);
		close(fd);
	}
	TH_LOG("%u points", n - 2);
	EXPECT_LT(3U, n);
	*strrchr(new, '/') = '\0';
	rmdir(new);
	rmdir(dir);
}

TEST_HARNESS_MAIN
