// SPDX-License-Identifier: BSD-2-Clause
/*
 * dirwatch - what becomes of the files in a directory, as it happens
 *
 *	dirwatch [directory]
 *
 * EVFILT_VNODE tells that the directory has changed, and not how: its listing is
 * compared with the last one.  Each file in it is kept open, so that its inode
 * number is nobody else's: what has that number is the same file under another
 * name.  A knote of its own tells when it is written.
 */
#include <sys/types.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
	dev_t		dev;
	ino_t		ino;
	char		*name;
	int		fd;		/* -1 if it is not watched */
	struct entry	*twin;		/* in the listing after, or before */
};

struct listing {
	struct entry	*entry;		/* sorted by file, then by name */
	size_t		n, room;
};

static int kq;

static void watch(int fd, unsigned int notes, const char *name)
{
	struct kevent kev;

	EV_SET(&kev, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, notes, 0, NULL);
	if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
		err(1, "%s", name);
}

static int by_file(const struct entry *a, const struct entry *b)
{
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static int by_file_and_name(const struct entry *a, const struct entry *b)
{
	int order = by_file(a, b);

	return order ? order : strcmp(a->name, b->name);
}

static int sort_order(const void *a, const void *b)
{
	return by_file_and_name(a, b);
}

static struct entry *append(struct listing *l)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->entry = realloc(l->entry, l->room * sizeof(*l->entry));
		if (!l->entry)
			err(1, NULL);
	}
	return &l->entry[l->n++];
}

static struct listing list(DIR *dir)
{
	struct listing l = { NULL, 0, 0 };
	struct dirent *d;
	struct entry *e;
	struct stat st;

	rewinddir(dir);
	while ((d = readdir(dir)) != NULL) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		e = append(&l);
		e->dev = st.st_dev;
		e->ino = st.st_ino;
		e->name = strdup(d->d_name);
		if (!e->name)
			err(1, NULL);
		e->fd = -1;
		e->twin = NULL;
	}
	if (l.n)
		qsort(l.entry, l.n, sizeof(*l.entry), sort_order);
	return l;
}

/* If its name is another's by now, the next listing will have that one. */
static void begin(DIR *dir, struct entry *e)
{
	struct stat st;

	if (fstatat(dirfd(dir), e->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return;
	e->fd = openat(dirfd(dir), e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (e->fd < 0 && errno != ENOENT)
		warn("%s", e->name);
	if (e->fd < 0)
		return;
	if (fstat(e->fd, &st) == 0 && st.st_dev == e->dev && st.st_ino == e->ino) {
		watch(e->fd, NOTE_WRITE, e->name);
		return;
	}
	close(e->fd);
	e->fd = -1;
}

/* Walk along what is left of two listings: what is in both goes on in the new. */
static void match(struct listing *old, struct listing *new,
		  int (*compare)(const struct entry *, const struct entry *))
{
	struct entry *o = old->entry, *e = new->entry;
	int order;

	while (o < old->entry + old->n && e < new->entry + new->n) {
		order = o->twin ? -1 : e->twin ? 1 : compare(o, e);
		if (order == 0) {
			o->twin = e;
			e->twin = o;
			e->fd = o->fd;
		}
		if (order <= 0)
			o++;
		if (order >= 0)
			e++;
	}
}

static void drop(struct listing *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->entry[i].name);
	free(l->entry);
}

/* Closed, a descriptor takes its knote along, and what that has to tell. */
static void update(DIR *dir, struct listing *now)
{
	struct listing old = *now;
	struct entry *e;

	*now = list(dir);
	match(&old, now, by_file_and_name);
	match(&old, now, by_file);
	for (e = old.entry; e < old.entry + old.n; e++) {
		if (e->twin)
			continue;
		printf("removed %s\n", e->name);
		if (e->fd >= 0)
			close(e->fd);
	}
	for (e = now->entry; e < now->entry + now->n; e++) {
		if (!e->twin) {
			printf("created %s\n", e->name);
			begin(dir, e);
		} else if (strcmp(e->twin->name, e->name)) {
			printf("renamed %s to %s\n", e->twin->name, e->name);
		}
		e->twin = NULL;
	}
	drop(&old);
}

static void tell_written(const struct listing *l, int fd)
{
	const struct entry *e;

	for (e = l->entry; e < l->entry + l->n; e++)
		if (e->fd == fd)
			printf("written %s\n", e->name);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : ".";
	struct listing now;
	struct kevent kev;
	int n, gone = 0;
	DIR *dir;
	size_t i;

	if (argc > 2)
		errx(2, "usage: dirwatch [directory]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	kq = kqueue();
	if (kq < 0)
		err(1, "kqueue");
	dir = opendir(name);
	if (!dir)
		err(1, "%s", name);
	watch(dirfd(dir), NOTE_WRITE | NOTE_DELETE, name);
	now = list(dir);
	for (i = 0; i < now.n; i++)
		begin(dir, &now.entry[i]);
	printf("%s: %zu entries\n", name, now.n);
	while (!gone) {
		n = kevent(kq, NULL, 0, &kev, 1, NULL);
		if (n < 0 && errno != EINTR)
			err(1, "kevent");
		if (n > 0 && kev.ident == (uintptr_t)dirfd(dir)) {
			update(dir, &now);
			gone = kev.fflags & NOTE_DELETE;
		} else if (n > 0) {
			tell_written(&now, (int)kev.ident);
		}
	}
	printf("%s: removed\n", name);
	drop(&now);
	return 0;
}
