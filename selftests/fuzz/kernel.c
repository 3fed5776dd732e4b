// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

#define PATIENCE	5		/* s */
#define POISON		0xa5

static char block[1 << 20];
static struct kevent *edge;		/* where memory ends */

static void on_alarm(int sig)
{
	(void)sig;
}

int kernel_begin(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + page, page))
		return -1;
	edge = (struct kevent *)(p + page);
	signal(SIGPIPE, SIG_IGN);
	return sigaction(SIGALRM, &action, NULL);
}

void kernel_end(void)
{
	close_range(FIRST_FD, NO_FD - 1, 0);
}

/* Give a descriptor its number. */
static int64_t put(int fd, int number)
{
	int ret;

	if (fd < 0)
		return -1;
	ret = dup3(fd, number, O_CLOEXEC);
	close(fd);
	return ret < 0 ? -1 : 0;
}

static int64_t make_pipe(const struct call *c)
{
	int fd[2];

	if (pipe2(fd, O_NONBLOCK))
		return -1;
	return put(fd[0], c->fd) | put(fd[1], c->to);
}

static int64_t call_kevent(const struct call *c, struct result *r)
{
	static const struct timespec zero, too_many = { .tv_nsec = 1000000000 };
	static const struct timespec negative = { .tv_sec = -1 };
	static const struct timespec *const timeouts[NR_TIMEOUTS] = {
		&zero, NULL, &negative, &too_many,
	};
	struct kevent changes[MAX_CHANGES], *ev = edge - c->room;
	const struct kevent *list = changes;
	int64_t ret;

	memcpy(changes, c->change, sizeof(changes));
	memset(ev, POISON, c->room * sizeof(*ev));
	if (c->same && c->nchanges > 0 && c->nchanges <= c->room) {
		memcpy(ev, changes, c->nchanges * sizeof(*ev));
		list = ev;
	}
	if (c->timeout == TIMEOUT_NULL)
		alarm(PATIENCE);
	ret = kevent(c->fd, list, c->nchanges, ev, c->nevents,
		     timeouts[c->timeout]);
	if (c->timeout == TIMEOUT_NULL)
		alarm(0);
	if (ret > 0) {
		r->n = ret < c->room ? ret : c->room;
		memcpy(r->ev, ev, r->n * sizeof(*ev));
	}
	return ret;
}

static int64_t list_knotes(const struct call *c, struct result *r)
{
	unsigned long long ident, udata;
	unsigned int flags;
	char path[64], line[256];
	int filter;
	int64_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", c->fd);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "knote: ident:%llx filter:%d flags:%x %*s %*s udata:%llx",
			   &ident, &filter, &flags, &udata) != 4)
			continue;
		if (n++ < MAX_EVENTS)
			EV_SET(&r->ev[r->n++], ident, filter, flags & ~EV_EOF,
			       0, 0, (void *)(uintptr_t)udata);
	}
	fclose(f);
	return n;
}

void kernel_call(const struct call *c, struct result *r)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

	memset(r, 0, sizeof(*r));
	errno = 0;
	switch (c->kind) {
	case CALL_QUEUE:
		r->ret = put(kqueue(), c->fd);
		break;
	case CALL_PIPE:
		r->ret = make_pipe(c);
		break;
	case CALL_EVENTFD:
		r->ret = put(eventfd(c->value, EFD_NONBLOCK), c->fd);
		break;
	case CALL_SEMAPHORE:
		r->ret = put(eventfd(c->value, EFD_NONBLOCK | EFD_SEMAPHORE),
			     c->fd);
		break;
	case CALL_DUP2:
		r->ret = dup2(c->fd, c->to);
		break;
	case CALL_CLOSE:
		r->ret = close(c->fd);
		break;
	case CALL_WRITE:
		r->ret = write(c->fd, block, c->value);
		break;
	case CALL_READ:
		r->ret = read(c->fd, block, c->value);
		break;
	case CALL_POST:
		r->ret = write(c->fd, &c->value, sizeof(c->value));
		break;
	case CALL_TAKE:
		r->ret = read(c->fd, &r->value, sizeof(r->value));
		break;
	case CALL_SIZE:
		r->ret = fcntl(c->fd, F_SETPIPE_SZ, (int)c->value * 4096);
		break;
	case CALL_KEVENT:
		r->ret = call_kevent(c, r);
		break;
	case CALL_POLL:
		r->ret = poll(&pfd, 1, 0);
		break;
	case CALL_KNOTES:
		r->ret = list_knotes(c, r);
		break;
	default:
		break;
	}
	r->error = r->ret < 0 ? errno : 0;
}
