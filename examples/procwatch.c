// SPDX-License-Identifier: BSD-2-Clause
/*
 * procwatch - what a process and all that come from it do, as it happens
 *
 *	procwatch command [argument ...]
 *	procwatch -p pid
 *
 * NOTE_TRACK has the children watched from before they run, and theirs: none is
 * missed, however short it lives.  Each is announced by an event of its own,
 * with NOTE_CHILD, whose data is the parent.
 */
#include <sys/types.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NEVENTS		64	/* taken at a time */

static void watch(int kq, pid_t pid)
{
	struct kevent kev;

	EV_SET(&kev, pid, EVFILT_PROC, EV_ADD,
	       NOTE_TRACK | NOTE_EXEC | NOTE_EXIT, 0, NULL);
	if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
		err(1, "pid %d", (int)pid);
}

/* The command is watched before it begins: it waits until the pipe closes. */
static pid_t start(int kq, char **argv)
{
	pid_t pid;
	int p[2];
	char c;

	if (pipe(p) < 0)
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(p[1]);
		if (read(p[0], &c, 1) != 0)
			_exit(127);
		close(p[0]);
		execvp(*argv, argv);
		warn("%s", *argv);
		_exit(127);
	}
	close(p[0]);
	watch(kq, pid);
	close(p[1]);
	return pid;
}

/* What it runs, if it still does. */
static void print_command(int pid)
{
	char path[32], buf[256];
	ssize_t i, n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	for (i = 0; i < n; i++)
		putchar(buf[i] ? buf[i] : ' ');
}

static void print_status(int status)
{
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("%d\n", WEXITSTATUS(status));
}

/* One event may tell of an exec and of the exit.  Returns the change in number. */
static int show(const struct kevent *kev)
{
	int pid = (int)kev->ident;

	if (kev->fflags & NOTE_TRACKERR)
		warnx("%d: a child goes unwatched", pid);
	if (kev->fflags & NOTE_CHILD) {
		printf("%d fork %d\n", (int)kev->data, pid);
		return 1;
	}
	if (kev->fflags & NOTE_EXEC) {
		printf("%d exec ", pid);
		print_command(pid);
		putchar('\n');
	}
	if (kev->fflags & NOTE_EXIT) {
		printf("%d exit ", pid);
		print_status((int)kev->data);
		return -1;
	}
	return 0;
}

/*
 * Until all have ended.  The exit of the last that is known may be told before
 * a child that it made: that one is pending then.
 */
static void follow(int kq)
{
	static const struct timespec now;
	struct kevent evs[NEVENTS];
	int i, n, alive = 1;

	do {
		n = kevent(kq, NULL, 0, evs, NEVENTS, alive ? NULL : &now);
		if (n < 0 && errno != EINTR)
			err(1, "kevent");
		for (i = 0; i < n; i++)
			alive += show(&evs[i]);
	} while (alive || n != 0);
}

int main(int argc, char **argv)
{
	int c, kq, status = 0;
	pid_t pid = 0;

	while ((c = getopt(argc, argv, "+p:")) != -1)
		pid = c == 'p' ? (pid_t)strtol(optarg, NULL, 10) : -1;
	argv += optind;
	if (pid < 0 || !pid == !*argv)
		errx(2, "usage: procwatch command [argument ...] | -p pid");
	setvbuf(stdout, NULL, _IOLBF, 0);
	kq = kqueue();
	if (kq < 0)
		err(1, "kqueue");
	if (!*argv) {
		watch(kq, pid);
		follow(kq);
		return 0;
	}
	pid = start(kq, argv);
	follow(kq);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
