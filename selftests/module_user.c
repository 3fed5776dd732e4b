// SPDX-License-Identifier: GPL-2.0
/*
 * What module.sh runs around the loading and unloading of the module:
 *
 *	once	use a queue: READ, TIMER and USER each deliver
 *	absent	there is no module: kqueue() says so
 *	hold	open a queue, say "ready", use it again after the end of stdin
 *	visit	for ever: use a queue whenever there is a module
 *	churn	for ever: open, close, dup2 and fork, and know nothing of queues
 *	permit	let somebody wait, who opens a file that a queue watched, for us to
 *		permit it, say "ready", and permit it after the end of stdin
 *
 * The status is 0 if all was as it should be, 4 where the kernel cannot do that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include "kq_test.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static int failed(const char *what)
{
	perror(what);
	return 1;
}

/* Use a queue, and leave its knotes in it. */
static int use(int kq)
{
	struct kevent ev[4];
	int i, n, calls = 0, seen = 0, p[2];

	if (pipe(p) || write(p[1], "x", 1) != 1)
		return failed("pipe");
	if (kq_add(kq, p[0], EVFILT_READ, EV_CLEAR) ||
	    kq_change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 100, NULL) ||
	    kq_change(kq, 1, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, 0,
		      NULL))
		return failed("change");
	/* Each is ready soon; the timer alone could go on for ever. */
	while (seen != 7) {
		n = kq_wait(kq, ev, 4);
		if (n <= 0 || ++calls > 1000)
			return failed("kevent");
		for (i = 0; i < n; i++)
			seen |= ev[i].filter == EVFILT_READ ? 1 :
				ev[i].filter == EVFILT_TIMER ? 2 : 4;
	}
	/* Half of the time the queue goes before the file that it watches. */
	if (p[0] & 1)
		close(p[0]);
	return close(p[1]);
}

static int once(void)
{
	int kq = kqueue();

	return kq < 0 || use(kq) || close(kq);
}

static int absent(void)
{
	return kqueue() >= 0 || (errno != ENOENT && errno != ENXIO);
}

static int hold(void)
{
	int kq = kqueue();
	char byte;

	if (kq < 0 || use(kq) || write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return use(kq) || close(kq);
}

/* Let the others go on, which share one slow processor in a guest. */
static void nap(void)
{
	static const struct timespec ts = { .tv_nsec = 5000000 };

	closefrom(STDERR_FILENO + 1);
	nanosleep(&ts, NULL);
}

static int visit(void)
{
	int kq;

	for (;;) {
		kq = kqueue();
		if (kq >= 0) {
			if (use(kq) || close(kq))
				return 1;
		} else if (errno != ENOENT && errno != ENXIO &&
			   errno != ENODEV) {
			return failed("kqueue");	/* ENODEV: it is going */
		}
		nap();
	}
}

static int churn(void)
{
	int p[2], status;
	pid_t pid;

	for (;;) {
		if (pipe(p) || dup2(p[0], 100) != 100 ||
		    dup2(p[1], 100) != 100)
			return 1;
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
		nap();
	}
}

static int permit(void)
{
	struct fanotify_response answer = { .response = FAN_ALLOW };
	struct fanotify_event_metadata event;
	int file, kq, listener, status;
	pid_t pid;
	char byte;

	listener = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
	if (listener < 0)
		return 4;
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("kqueue", "/mnt", "tmpfs", 0, NULL))
		return failed("mount");
	file = open("/mnt/file", O_CREAT | O_RDWR, 0600);
	if (fanotify_mark(listener, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM,
			  AT_FDCWD, "/mnt"))
		return errno == EINVAL ? 4 : failed("fanotify_mark");
	kq = kqueue();
	if (kq_change(kq, file, EVFILT_VNODE, EV_ADD, NOTE_OPEN, 0, NULL))
		return failed("watch");
	pid = fork();
	if (!pid)
		_exit(open("/mnt/file", O_RDONLY) < 0);
	if (read(listener, &event, sizeof(event)) != sizeof(event) ||
	    close(kq) || write(STDOUT_FILENO, "ready\n", 6) != 6)
		return failed("listen");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	answer.fd = event.fd;
	if (write(listener, &answer, sizeof(answer)) != sizeof(answer) ||
	    waitpid(pid, &status, 0) != pid)
		return failed("permit");
	return status != 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} mode[] = {
		{ "once", once }, { "absent", absent }, { "hold", hold },
		{ "visit", visit }, { "churn", churn },
		{ "permit", permit },
	};
	unsigned int i;

	for (i = 0; argc == 2 && i < ARRAY_SIZE(mode); i++)
		if (!strcmp(argv[1], mode[i].name))
			return mode[i].run();
	fprintf(stderr, "usage: %s once|absent|hold|visit|churn|permit\n", argv[0]);
	return 2;
}
