// SPDX-License-Identifier: GPL-2.0
/*
 * The module comes and goes beside programs that use it, and right after the
 * last of them has closed its queue, while what that was told of goes on:
 * files that are removed, processes that fork, signals, closes.
 *
 * $KQUEUE_KO is the module's file.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "stress.h"

enum { VISIT, EVENT, INSMOD, RMMOD, BUSY, UNLINK, FORK, SIGNAL, CLOSE };

static const char *const operations[] = {
	"visit", "event", "insmod", "rmmod", "busy", "unlink", "fork",
	"signal", "close",
};

#define DIR_NAME	"/dev/shm/stress-modules"
#define NAMES		4
#define VISITORS	2

struct common {
	atomic_bool	away;		/* no more visits */
	atomic_int	forker;		/* a process that forks */
	atomic_int	visitor;	/* one that uses queues */
};

static struct common *common;

/*
 * What goes on, and leaves the others some of the processors
 */

static void rest(struct rng *rng)
{
	if (one_in(rng, 8))
		nap(below(rng, 1000));
}

static const char *any_name(struct rng *rng, char *buf, size_t size)
{
	snprintf(buf, size, DIR_NAME "/%u", below(rng, NAMES));
	return buf;
}

static void load_unlink(struct rng rng)
{
	char name[64], other[64];
	int fd;

	for (;; rest(&rng)) {
		any_name(&rng, name, sizeof(name));
		any_name(&rng, other, sizeof(other));
		switch (below(&rng, 4)) {
		case 0:
			mkdir(name, 0700);
			break;
		case 1:
			rename(name, other);
			break;
		case 2:
			fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
			if (fd >= 0 && write(fd, name, 1) == 1)
				close(fd);
			break;
		default:
			if (!remove(name))
				did(UNLINK);
		}
	}
}

static void load_fork(struct rng rng)
{
	pid_t pid;

	atomic_store(&common->forker, getpid());
	for (;; rest(&rng)) {
		pid = fork();
		if (!pid && one_in(&rng, 4))
			execl("/bin/true", "true", NULL);
		if (!pid)
			_exit(0);
		did(FORK);
		waitpid(pid, NULL, 0);
	}
}

static void load_signal(struct rng rng)
{
	pid_t pid;

	for (;; rest(&rng)) {
		pid = atomic_load(&common->visitor);
		if (pid && !kill(pid, one_in(&rng, 2) ? SIGUSR1 : SIGUSR2))
			did(SIGNAL);
	}
}

static void load_close(struct rng rng)
{
	for (;; rest(&rng)) {
		close(dup(below(&rng, 3)));
		did(CLOSE);
	}
}

/*
 * Visitors
 */

static void add(int kq, uintptr_t ident, short filter, unsigned int fflags,
		int64_t data)
{
	kq_change(kq, ident, filter, EV_ADD | EV_CLEAR, fflags, data, NULL);
}

static void add_name(struct rng *rng, int kq)
{
	char name[64];
	int fd = open(one_in(rng, 4) ? DIR_NAME :
		      any_name(rng, name, sizeof(name)), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	add(kq, fd, EVFILT_VNODE, 0x7ff, 0);
	add(kq, fd, EVFILT_READ, 0, 0);
}

/* A knote of every kind, on what goes on. */
static void add_all(struct rng *rng, int kq)
{
	pid_t forker = atomic_load(&common->forker);
	int i, e = eventfd(1, EFD_CLOEXEC);

	for (i = 0; i < 4; i++)
		add_name(rng, kq);
	add(kq, e, EVFILT_READ, 0, 0);
	add(kq, e, EVFILT_WRITE, 0, 0);
	add(kq, SIGUSR1, EVFILT_SIGNAL, 0, 0);
	add(kq, SIGUSR2, EVFILT_SIGNAL, 0, 0);
	add(kq, forker, EVFILT_PROC, NOTE_TRACK | NOTE_FORK | NOTE_EXIT, 0);
	add(kq, getpid(), EVFILT_PROC, NOTE_FORK | NOTE_EXEC | NOTE_EXIT, 0);
	add(kq, syscall(SYS_pidfd_open, forker, 0), EVFILT_PROCDESC, NOTE_EXIT,
	    0);
	add(kq, 1, EVFILT_TIMER, NOTE_NSECONDS, 1);
	add(kq, 2, EVFILT_TIMER, NOTE_USECONDS, 100);
	add(kq, 1, EVFILT_USER, NOTE_TRIGGER, 0);
	add(kq, 0, EVFILT_FS, VQ_MOUNT, 0);
	add(kq, 1, EVFILT_NETDEV, NOTE_LINKUP, 0);
	add(kq, kqueue(), EVFILT_READ, 0, 0);
}

/* Its end is that of the process, now and then an early one. */
static void visit(struct rng rng)
{
	static const struct timespec brief = { .tv_nsec = 1000000 };
	struct kevent ev[20];
	int n, kq = kqueue();

	if (kq < 0) {
		CHECK(errno == ENOENT || errno == ENXIO || errno == ENODEV,
		      "kqueue: %m");
		return;
	}
	did(VISIT);
	add_all(&rng, kq);
	while (!atomic_load(&common->away) && !one_in(&rng, 50)) {
		n = kevent(kq, NULL, 0, ev, ARRAY_SIZE(ev), &brief);
		CHECK(n >= 0, "kevent: %m");
		did_many(EVENT, n > 0 ? n : 0);
	}
	switch (below(&rng, 3)) {
	case 0:
		close(kq);
		break;
	case 1:
		kill(getpid(), SIGKILL);
	}
}

static void be_visitor(struct rng rng)
{
	pid_t pid;

	for (;;) {
		while (atomic_load(&common->away))
			nap(100);
		pid = fork();
		if (!pid) {
			signal(SIGUSR1, SIG_IGN);
			signal(SIGUSR2, SIG_IGN);
			atomic_store(&common->visitor, getpid());
			visit(branch(&rng));
			_exit(0);
		}
		rng_next(&rng);
		waitpid(pid, NULL, 0);
	}
}

/*
 * The module
 */

static bool loaded(void)
{
	return !access("/sys/module/kqueue/parameters/knotes", F_OK);
}

static void insmod(void)
{
	const char *name = getenv("KQUEUE_KO");
	int fd = open(name ? name : "", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && !syscall(SYS_finit_module, fd, "", 0),
	      "$KQUEUE_KO %s does not load: %m", name);
	close(fd);
	did(INSMOD);
}

static bool rmmod(void)
{
	if (!syscall(SYS_delete_module, "kqueue", O_NONBLOCK)) {
		did(RMMOD);
		return true;
	}
	CHECK(errno == EWOULDBLOCK, "delete_module: %m");
	did(BUSY);
	return false;
}

static pid_t start(void (*run)(struct rng rng), struct rng *rng)
{
	struct rng seed = branch(rng);
	pid_t pid = fork();

	if (!pid) {
		run(seed);
		_exit(1);
	}
	CHECK(pid > 0, "fork: %m");
	return pid;
}

static void modules(struct rng *rng, int64_t end)
{
	static void (*const runs[])(struct rng rng) = {
		load_unlink, load_fork, load_signal, load_close,
		be_visitor, be_visitor,
	};
	unsigned int i;

	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	mkdir(DIR_NAME, 0700);
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		start(runs[i], rng);
	while (now() < end && !failed()) {
		/* Beside them; then, as soon as the last has left. */
		for (i = below(rng, 30); i && loaded(); i--) {
			nap(below(rng, 1000));
			rmmod();
		}
		atomic_store(&common->away, true);
		while (loaded() && !failed())
			rmmod();
		atomic_store(&common->away, false);
		insmod();
	}
	if (!loaded())
		insmod();
}

static const struct stress_test tests[] = {
	{ "insmod and rmmod beside programs, and after them", 16, modules },
};

int main(void)
{
	return stress_main(tests, ARRAY_SIZE(tests), operations,
			   ARRAY_SIZE(operations));
}
