// SPDX-License-Identifier: BSD-2-Clause
/*
 * door NUMBER: waits at a door of the doorbell module, and says who comes, until
 * somebody knocks.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>

#include "doorbell.h"

int main(int argc, char **argv)
{
	struct kevent kev;
	int kq, n;

	if (argc != 2)
		errx(2, "usage: door NUMBER");
	kq = kqueue();
	if (kq < 0)
		err(1, "kqueue");
	EV_SET(&kev, strtoul(argv[1], NULL, 10), EVFILT_DOOR, EV_ADD,
	       NOTE_RING | NOTE_KNOCK, 0, NULL);
	if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
		err(1, "door %s", argv[1]);
	puts("waiting");
	do {
		fflush(stdout);
		n = kevent(kq, NULL, 0, &kev, 1, NULL);
		if (n < 0)
			err(1, "kevent");
		if (kev.fflags & NOTE_RING)
			printf("rung %lld times\n", (long long)kev.data);
	} while (!(kev.fflags & NOTE_KNOCK));
	puts("a knock");
	return 0;
}
