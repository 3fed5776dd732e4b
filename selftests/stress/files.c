// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors: written to, read, shut down, closed in every way, their numbers
 * used again at once, while other threads take their events.
 *
 * Beside the crew there are anarchists: processes that share its descriptors
 * and its queues, do anything at all with numbers of their own, and are killed
 * while they do.
 */
#include <linux/close_range.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "crew.h"

enum {
	ADD, CHANGE, DELETE, EVENT, WRITE, READ, CLOSE, DUP2, SHUTDOWN, OPEN,
	NOTE, SCAN, LOOK, FORK, EXEC, KILL,
};

static const char *const operations[] = {
	"add", "change", "delete", "event", "write", "read", "close", "dup2",
	"shutdown", "open", "note", "scan", "look", "fork", "exec", "kill",
};

/*
 * Pairs: what is written to fd[1] comes out of fd[0]
 */

static int open_eventfd(int fd[2])
{
	fd[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fd[1] = fcntl(fd[0], F_DUPFD_CLOEXEC, 0);
	return fd[0] < 0 || fd[1] < 0 ? -1 : 0;
}

/* Gone with a reset, as ports would run out. */
static int open_tcp(int fd[2])
{
	struct linger now = { .l_onoff = 1 };

	if (kq_tcp_pair(fd))
		return -1;
	return setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)) ?:
	       setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static const struct kind {
	int (*open)(int fd[2]);
	bool eof;	/* the reader sees that the writer has gone */
	bool socket;
	bool number;	/* what is read and written is a number */
} kinds[] = {
	{ .open = kq_pipe, .eof = true },
	{ .open = kq_pipe, .eof = true },
	{ .open = open_eventfd, .number = true },
	{ .open = kq_unix_stream, .eof = true, .socket = true },
	{ .open = kq_unix_seqpacket, .eof = true, .socket = true },
	{ .open = kq_unix_dgram, .socket = true },
	{ .open = kq_udp_pair, .socket = true },
	{ .open = open_tcp, .socket = true },
};

struct pair {
	const struct kind *kind;
	int fd[2];
	int64_t data;		/* what READ is to say */
};

static struct pair pair_open(struct rng *rng)
{
	struct pair pair = { .kind = &kinds[place(rng, kinds)] };

	did(OPEN);
	CHECK(!pair.kind->open(pair.fd) && !kq_nonblock(pair.fd[0]) &&
	      !kq_nonblock(pair.fd[1]), "no descriptors: %m");
	return pair;
}

/* An event with all of what is there is to come. */
static void pair_write(struct rng *rng, struct pair *pair, struct object *o)
{
	static const char text[64];
	static const uint64_t one = 1;
	bool number = pair->kind->number;
	int n = number ? (int)sizeof(one) : 1 + (int)below(rng, sizeof(text));

	did(WRITE);
	pair->data = number ? 1 : pair->data + n;
	object_want(o, pair->data);
	CHECK(write(pair->fd[1], number ? (void *)&one : text, n) == n,
	      "write: %m");
}

static void pair_drain(struct pair *pair)
{
	char text[256];
	ssize_t n;

	while (pair->data > 0 && !failed()) {
		did(READ);
		n = read(pair->fd[0], text, sizeof(text));
		if (pair->kind->number)
			n = n == 8;
		CHECK(n > 0 || errno == EAGAIN, "read: %m");
		pair->data -= n > 0 ? n : 0;
	}
}

static void must_add(struct object *o, int fd, short filter,
		     unsigned short flags, unsigned int fflags)
{
	int error = object_change(o, fd, filter, EV_ADD | flags, fflags, 0);

	did(ADD);
	CHECK(!error, "EV_ADD of filter %d: %s", filter, strerror(-error));
}

/* One of a kind that comes once may have come, and gone, before. */
static void end_deleted(struct object *o, int fd, short filter, bool once)
{
	int error = object_change(o, fd, filter, EV_DELETE, 0, 0);

	did(DELETE);
	CHECK(!error || (once && error == -ENOENT), "EV_DELETE of filter %d: %s",
	      filter, strerror(-error));
	object_deleted(o);
	if (error)
		object_until(o, 0, "a one-shot");
}

/* However it is closed: the number means something else, or nothing. */
static void end_closed(struct actor *a, struct object *o, int fd)
{
	int other;

	switch (below(&a->rng, 4)) {
	case 0:
		did(DUP2);
		CHECK(dup2(STDERR_FILENO, fd) == fd, "dup2: %m");
		object_closed(o);
		close(fd);
		break;
	case 1:
		did(CLOSE);
		close_range(fd, fd, 0);
		object_closed(o);
		break;
	case 2:
		/* The file lives on. */
		other = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		did(CLOSE);
		close(fd);
		object_closed(o);
		close(other);
		break;
	default:
		did(CLOSE);
		close(fd);
		object_closed(o);
	}
}

static void end_eof(struct object *o, struct pair *pair, bool down)
{
	if (down && pair->kind->socket) {
		did(SHUTDOWN);
		CHECK(!shutdown(pair->fd[1], SHUT_WR), "shutdown: %m");
	} else {
		did(CLOSE);
		close(pair->fd[1]);
		pair->fd[1] = -1;
	}
	until(seen(o).flags & EV_EOF, "lost: the end of what is read");
}

static void end_read(struct actor *a, struct object *o, struct pair *pair,
		     unsigned short flags)
{
	object_loud(o);
	if (one_in(&a->rng, 3)) {
		end_deleted(o, pair->fd[0], EVFILT_READ, flags & EV_ONESHOT);
		close(pair->fd[0]);
	} else {
		if (pair->kind->eof && !(flags & (EV_ONESHOT | EV_DISPATCH)) &&
		    one_in(&a->rng, 3))
			end_eof(o, pair, one_in(&a->rng, 2));
		else if (one_in(&a->rng, 2))
			pair_write(&a->rng, pair, o);
		end_closed(a, o, pair->fd[0]);
	}
	if (pair->fd[1] >= 0)
		close(pair->fd[1]);
	did_many(EVENT, seen(o).delivered);
}

/* What is written is told of, all of it; what was read no more. */
static void live_read(struct actor *a, struct object *o)
{
	static const unsigned short some[] = {
		0, 0, EV_CLEAR, EV_CLEAR, EV_ONESHOT, EV_DISPATCH,
	};
	unsigned short flags = some[place(&a->rng, some)];
	unsigned int before = 0, rounds = below(&a->rng, 4);
	struct pair pair = pair_open(&a->rng);

	if (one_in(&a->rng, 3))
		pair_write(&a->rng, &pair, o);
	must_add(o, pair.fd[0], EVFILT_READ, flags, 0);
	if (!pair.data)
		object_quiet(o);
	while (rounds-- && !failed()) {
		object_loud(o);
		pair_write(&a->rng, &pair, o);
		until(flags & (EV_ONESHOT | EV_DISPATCH) ?
		      seen(o).delivered > before : seen(o).met,
		      "lost: %lld bytes of kind %d, flags %#x; %u events came",
		      (long long)pair.data, (int)(pair.kind - kinds), flags,
		      seen(o).delivered);
		if (flags & EV_ONESHOT)
			break;
		pair_drain(&pair);
		before = seen(o).delivered;
		object_quiet(o);
		if (flags & EV_DISPATCH) {
			did(CHANGE);
			CHECK(!object_change(o, pair.fd[0], EVFILT_READ,
					     EV_ENABLE, 0, 0), "EV_ENABLE");
		}
	}
	CHECK(!(flags & EV_ONESHOT) || seen(o).delivered <= 1,
	      "a one-shot came %u times", seen(o).delivered);
	end_read(a, o, &pair, flags);
}

/* A pipe has room, then none, then room again. */
static void live_write(struct actor *a, struct object *o)
{
	static const unsigned short some[] = { 0, EV_CLEAR };
	unsigned short flags = some[place(&a->rng, some)];
	unsigned int before, rounds = below(&a->rng, 3);
	char page[4096] = { 0 };
	int p[2];

	did(OPEN);
	CHECK(!pipe2(p, O_CLOEXEC | O_NONBLOCK), "pipe: %m");
	fcntl(p[1], F_SETPIPE_SZ, 2 * sizeof(page));
	must_add(o, p[1], EVFILT_WRITE, flags, 0);
	object_until(o, 0, "room in a pipe");
	while (rounds-- && !failed()) {
		while (write(p[1], page, sizeof(page)) > 0)
			did(WRITE);
		object_quiet(o);
		before = seen(o).delivered;
		object_loud(o);
		while (read(p[0], page, sizeof(page)) > 0)
			did(READ);
		object_until(o, before, "room again in a pipe");
	}
	if (one_in(&a->rng, 2)) {
		end_deleted(o, p[1], EVFILT_WRITE, false);
		close(p[1]);
	} else if (one_in(&a->rng, 2)) {
		close(p[0]);
		until(seen(o).flags & EV_EOF, "lost: nobody reads");
		end_closed(a, o, p[1]);
		p[0] = -1;
	} else {
		end_closed(a, o, p[1]);
	}
	if (p[0] >= 0)
		close(p[0]);
	did_many(EVENT, seen(o).delivered);
}

/* A file is written to, renamed, and removed. */
static void live_vnode(struct actor *a, struct object *o)
{
	char name[64], other[72];
	unsigned int rounds = 1 + below(&a->rng, 3), before;
	int fd;

	snprintf(name, sizeof(name), "/dev/shm/stress-%llu",
		 (unsigned long long)o->tag);
	snprintf(other, sizeof(other), "%s-moved", name);
	fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	did(OPEN);
	CHECK(fd >= 0, "%s: %m", name);
	must_add(o, fd, EVFILT_VNODE, EV_CLEAR,
		 NOTE_WRITE | NOTE_DELETE | NOTE_RENAME);
	while (rounds-- && !failed()) {
		before = seen(o).delivered;
		did(NOTE);
		CHECK(write(fd, name, 1) == 1, "write: %m");
		object_until(o, before, "a write");
	}
	did_many(NOTE, 2);
	CHECK(!rename(name, other), "rename: %m");
	until(seen(o).fflags & NOTE_RENAME, "lost: NOTE_RENAME");
	if (one_in(&a->rng, 2)) {
		CHECK(!unlink(other), "unlink: %m");
		until(seen(o).fflags & NOTE_DELETE, "lost: NOTE_DELETE");
		end_closed(a, o, fd);
	} else {
		end_deleted(o, fd, EVFILT_VNODE, false);
		CHECK(!unlink(other), "unlink: %m");
		close(fd);
	}
	did_many(EVENT, seen(o).delivered);
}

/* A queue in a queue. */
static void live_nested(struct actor *a, struct object *o)
{
	unsigned short flags = one_in(&a->rng, 2) ? EV_CLEAR : 0;
	unsigned int before, rounds = below(&a->rng, 4);
	int inner = kqueue();

	did(OPEN);
	CHECK(inner >= 0, "kqueue: %m");
	CHECK(!kq_add(inner, 1, EVFILT_USER, EV_CLEAR), "EV_ADD: %m");
	must_add(o, inner, EVFILT_READ, flags, 0);
	object_quiet(o);
	while (rounds-- && !failed()) {
		before = seen(o).delivered;
		object_loud(o);
		CHECK(!kq_trigger(inner, 1), "NOTE_TRIGGER");
		object_until(o, before, "what is in a queue in a queue");
		CHECK(kq_pending(inner) == 1, "an event inside");
		object_quiet(o);
	}
	object_loud(o);
	if (one_in(&a->rng, 2)) {
		end_deleted(o, inner, EVFILT_READ, false);
		close(inner);
	} else {
		end_closed(a, o, inner);
	}
	did_many(EVENT, seen(o).delivered);
}

static void live(struct actor *a, struct object *o)
{
	static life *const lives[] = {
		live_read, live_read, live_read, live_read, live_write,
		live_vnode, live_nested,
	};

	object_begin(a, o);
	lives[place(&a->rng, lives)](a, o);
}

/*
 * Anarchists
 */

#define ANARCHISTS	2
#define LOWEST		600	/* of the numbers that are theirs */
#define NUMBERS		24

static int any_number(struct rng *rng)
{
	return LOWEST + below(rng, NUMBERS);
}

/* One of the crew's, where what comes does no harm; or any number. */
static int any_queue(struct rng *rng)
{
	return patient || one_in(rng, 2) ? any_number(rng) : queues[place(rng, queues)];
}

static void any_open(struct rng *rng)
{
	int fd[2] = { -1, -1 };

	did(OPEN);
	if (one_in(rng, 3)) {
		fd[0] = kqueue();
	} else if (kinds[place(rng, kinds)].open(fd) || kq_nonblock(fd[0]) ||
		   kq_nonblock(fd[1])) {
		fail("no descriptors: %m");
	}
	dup3(fd[0], any_number(rng), O_CLOEXEC);
	close(fd[0]);
	if (fd[1] >= 0) {
		dup3(fd[1], any_number(rng), O_CLOEXEC);
		close(fd[1]);
	}
}

static void any_close(struct rng *rng)
{
	int fd = any_number(rng);

	did(CLOSE);
	if (one_in(rng, 8))
		close_range(fd, LOWEST + NUMBERS - 1, 0);
	else
		close(fd);
}

static void any_dup2(struct rng *rng)
{
	did(DUP2);
	dup3(any_number(rng), any_number(rng), O_CLOEXEC);
}

static const unsigned short anything[] = {
	EV_ADD, EV_ADD | EV_CLEAR, EV_ADD | EV_CLEAR, EV_ADD | EV_ONESHOT,
	EV_ADD | EV_ONESHOT, EV_ADD | EV_DISPATCH, EV_ADD | EV_DISABLE,
	EV_DELETE, EV_DELETE, EV_ENABLE, EV_DISABLE, EV_FORCEONESHOT,
	EV_ADD | EV_RECEIPT | EV_CLEAR, EV_ADD | EV_DELETE,
};

static void any_change(struct rng *rng)
{
	static const short filters[] = {
		EVFILT_READ, EVFILT_READ, EVFILT_WRITE, EVFILT_EMPTY,
		EVFILT_EXCEPT, EVFILT_VNODE,
	};
	unsigned short flags = anything[place(rng, anything)];
	int error = kq_change(any_queue(rng), any_number(rng),
			      filters[place(rng, filters)], flags, one_in(rng, 4), 1,
			      NULL);

	did(flags & EV_ADD ? ADD : flags & EV_DELETE ? DELETE : CHANGE);
	CHECK(!error || error == -EBADF || error == -ENOENT ||
	      error == -EINVAL || error == -EPIPE,
	      "a change with flags %#x: %s", flags, strerror(-error));
}

static void any_other_change(struct rng *rng)
{
	static const struct {
		short filter;
		unsigned int fflags;
	} some[] = {
		{ EVFILT_USER, NOTE_TRIGGER }, { EVFILT_USER, NOTE_TRIGGER },
		{ EVFILT_TIMER, NOTE_USECONDS }, { EVFILT_TIMER, NOTE_NSECONDS },
		{ EVFILT_SIGNAL, 0 }, { EVFILT_FS, VQ_MOUNT },
		{ EVFILT_NETDEV, NOTE_LINKUP },
	};
	unsigned short flags = anything[place(rng, anything)];
	unsigned int i = below(rng, ARRAY_SIZE(some));
	int error = kq_change(any_queue(rng), 1 + below(rng, 4),
			      some[i].filter, flags, some[i].fflags, 1, NULL);

	did(flags & EV_ADD ? ADD : flags & EV_DELETE ? DELETE : CHANGE);
	CHECK(!error || error == -EBADF || error == -ENOENT || error == -ENXIO,
	      "a change of filter %d with flags %#x: %s", some[i].filter,
	      flags, strerror(-error));
}

static void any_write(struct rng *rng)
{
	static const uint64_t one = 1;

	did(WRITE);
	if (write(any_number(rng), &one, sizeof(one)) < 0)
		return;
}

static void any_read(struct rng *rng)
{
	char buf[100];

	did(READ);
	if (read(any_number(rng), buf, sizeof(buf)) < 0)
		return;
}

static void any_shutdown(struct rng *rng)
{
	did(SHUTDOWN);
	shutdown(any_number(rng), below(rng, 3));
}

/* Now and then into memory that is not there, and with a wait. */
static void any_scan(struct rng *rng)
{
	struct timespec ts = { .tv_nsec = one_in(rng, 3) ? 500000 : 0 };
	struct kevent ev[20], *to = one_in(rng, 8) ? (struct kevent *)8 : ev;

	did(SCAN);
	CHECK(kevent(any_number(rng), NULL, 0, to, ARRAY_SIZE(ev), &ts) >= 0 ||
	      errno == EBADF || errno == EFAULT || errno == EINTR,
	      "kevent: %m");
}

/* What others see of a queue: its state, and its knotes. */
static void any_look(struct rng *rng)
{
	struct pollfd pfd = { .fd = any_queue(rng), .events = POLLIN };
	char path[64], text[4096];
	int fd;

	did(LOOK);
	poll(&pfd, 1, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pfd.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

/* The child's table is a copy; what it inherits is of no use to it. */
static void any_fork(struct rng *rng)
{
	bool run = one_in(rng, 4);
	pid_t pid;

	did(run ? EXEC : FORK);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		CHECK(kq_change(queues[0], 1, EVFILT_USER, EV_ADD, 0, 0,
				NULL) == -EBADF, "a child has a queue");
		if (run)
			execl("/bin/true", "true", NULL);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void any_signal(struct rng *rng)
{
	kill(getpid(), 1 + below(rng, 4));
}

typedef void deed(struct rng *rng);

static void anarchy(struct rng rng)
{
	static deed *const deeds[] = {
		any_open, any_open, any_open, any_close, any_close, any_dup2,
		any_change, any_change, any_change, any_change, any_change,
		any_other_change, any_other_change, any_write, any_write,
		any_read, any_read, any_shutdown, any_scan, any_scan,
		any_look, any_signal, any_fork,
	};
	int i;

	for (i = 1; i <= 4; i++)
		signal(i, SIG_IGN);
	for (;;)
		deeds[place(&rng, deeds)](&rng);
}

struct tyrant {
	struct rng rng;
	int64_t end;
};

/* Anarchists come and are killed, wherever they are. */
static void *tyranny(void *arg)
{
	struct tyrant *t = arg;
	pid_t pid[ANARCHISTS] = { 0 };
	int i;

	while (now() < t->end && !failed()) {
		i = below(&t->rng, ANARCHISTS);
		if (pid[i] > 0) {
			did(KILL);
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
		pid[i] = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
		if (!pid[i])
			anarchy(branch(&t->rng));
		CHECK(pid[i] > 0, "clone: %m");
		nap(1000 + below(&t->rng, 100000));
	}
	for (i = 0; i < ANARCHISTS; i++) {
		if (pid[i] > 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
	}
	return NULL;
}

static void files(struct rng *rng, int64_t end)
{
	struct tyrant tyrant = { branch(rng), end };
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	crew_open(rng);
	thread = spawn(tyranny, &tyrant);
	crew_run(rng, live, end);
	pthread_join(thread, NULL);
}

static const struct stress_test tests[] = {
	{ "descriptors, shared by all threads and by processes", 35, files },
};

int main(void)
{
	return stress_main(tests, ARRAY_SIZE(tests), operations,
			   ARRAY_SIZE(operations));
}
