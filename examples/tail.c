// SPDX-License-Identifier: BSD-2-Clause
/*
 * tail - the last lines of some files, and then whatever is added to them
 *
 *	tail [-n lines] file ...
 *
 * EVFILT_READ on a regular file reports the distance from the descriptor's
 * offset to the end of the file: above 0 there is so much to read, below 0 the
 * file has been truncated.
 */
#include <sys/types.h>
#include <sys/event.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the last n lines of the file begin. */
static off_t last_lines(int fd, long n)
{
	off_t end = lseek(fd, 0, SEEK_END), pos = end;
	char c;

	while (pos > 0 && n > 0 && pread(fd, &c, 1, pos - 1) == 1) {
		if (c == '\n' && pos < end && --n == 0)
			break;
		pos--;
	}
	return pos;
}

/* Copy what has come, and only that: the file may be growing faster. */
static void copy(int fd, int64_t n)
{
	char buf[65536];
	ssize_t got;

	while (n > 0) {
		got = read(fd, buf, n < (int64_t)sizeof(buf) ? (size_t)n :
							       sizeof(buf));
		if (got < 0)
			err(1, "read");
		if (got == 0)
			break;
		fwrite(buf, 1, (size_t)got, stdout);
		n -= got;
	}
	fflush(stdout);
}

static void follow(const struct kevent *kev, int several)
{
	static const char *shown;
	const char *name = kev->udata;
	int fd = (int)kev->ident;

	if (kev->data < 0) {
		warnx("%s: truncated", name);
		lseek(fd, 0, SEEK_SET);
		return;		/* still ready if it isn't empty */
	}
	if (several && shown != name)
		printf("%s==> %s <==\n", shown ? "\n" : "", name);
	shown = name;
	copy(fd, kev->data);
}

int main(int argc, char **argv)
{
	struct kevent kev;
	long lines = 10;
	int c, fd, kq, several, n;

	while ((c = getopt(argc, argv, "n:")) != -1) {
		if (c != 'n')
			errx(2, "usage: tail [-n lines] file ...");
		lines = strtol(optarg, NULL, 10);
	}
	argv += optind;
	several = argc - optind > 1;

	kq = kqueue();
	if (kq < 0)
		err(1, "kqueue");
	for (; *argv; argv++) {
		fd = open(*argv, O_RDONLY);
		if (fd < 0)
			err(1, "%s", *argv);
		lseek(fd, last_lines(fd, lines), SEEK_SET);
		EV_SET(&kev, fd, EVFILT_READ, EV_ADD, 0, 0, *argv);
		if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
			err(1, "%s", *argv);
	}
	for (;;) {
		n = kevent(kq, NULL, 0, &kev, 1, NULL);
		if (n > 0)
			follow(&kev, several);
		else if (n < 0 && errno != EINTR)
			err(1, "kevent");
	}
}
