// SPDX-License-Identifier: GPL-2.0
/*
 * <sys/event.h> alone, first and in any language: C99, C11, C++11, with glibc
 * and musl.  header.sh runs what became of it; exits with the line that failed.
 */
#include <sys/event.h>

static int failed;

static void must(int holds, int line)
{
	if (!holds && !failed)
		failed = line;
}

#define MUST(condition_)	must((condition_), __LINE__)

/* Names that macOS's and OpenBSD's programs use. */
static void names(void)
{
	MUST(NOTE_ABSOLUTE == NOTE_ABSTIME);
	MUST(NOTE_EXITSTATUS == NOTE_EXIT);
	MUST(NOTE_NONE == 0);
	MUST(EVFILT_EXCEPT == -16);
	MUST(NOTE_OOB == 4);
}

/* struct kevent, its members in BSD's order and no others between them. */
static void layout(void)
{
	int x = 0;
	struct kevent kev = { 7, EVFILT_USER, EV_ADD, NOTE_FFCOPY, -1, &x };

	MUST(sizeof(kev) == 32);
	MUST(kev.ident == 7 && kev.filter == EVFILT_USER && kev.flags == EV_ADD);
	MUST(kev.fflags == NOTE_FFCOPY && kev.data == -1 && kev.udata == &x);
}

/* The lists that BSD's header brings, where the C library has them. */
#ifdef __GLIBC__
struct item {
	SLIST_ENTRY(item) next;
};

SLIST_HEAD(items, item);

static void lists(void)
{
	struct items items = SLIST_HEAD_INITIALIZER(items);
	struct item item;

	SLIST_INSERT_HEAD(&items, &item, next);
	MUST(SLIST_FIRST(&items) == &item);
}
#else
static void lists(void)
{
}
#endif

static void use(void)
{
	struct kevent kev[2], *next = kev;
	const struct timespec *wait = 0;
	int kq = kqueue();

	MUST(kq >= 0);
	EV_SET(next++, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, 0);
	MUST(next == kev + 1);
	MUST(kevent(kq, kev, 1, next, 1, wait) == 1);
	MUST(next->ident == 1 && next->filter == EVFILT_USER);
}

int main(void)
{
	names();
	layout();
	lists();
	use();
	return failed;
}
