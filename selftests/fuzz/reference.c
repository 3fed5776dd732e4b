// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "reference.h"

#define PAGE		4096
#define PIPE_PAGES	16		/* of a new pipe */
#define MAX_PIPE_PAGES	32
#define MAX_OBJECTS	MAX_CALLS
#define MAX_FILES	(2 * MAX_CALLS)
#define MAX_KNOTES	(MAX_CALLS * MAX_CHANGES)

/* What the first ADD fixes. */
#define PROPERTIES	(EV_ONESHOT | EV_CLEAR | EV_RECEIPT | EV_DISPATCH)

enum kind { QUEUE, EVENTFD, PIPE };

struct object {
	enum kind kind;

	/* QUEUE: something new is pending, and those that watch it are to be told */
	bool news;

	/* EVENTFD */
	bool semaphore;
	uint64_t count;

	/* PIPE: what is written goes to the end of the last page, or to new ones */
	int readers, writers;		/* files */
	int pages, used;
	struct {
		int from, len;
	} page[MAX_PIPE_PAGES];
};

/* What open() makes and dup() shares.  A pipe has two. */
struct file {
	struct object *object;
	bool writes;			/* a pipe's writing end */
	int refs;			/* descriptors */
};

struct knote {
	bool used;
	struct object *queue;
	uintptr_t ident;
	short filter;
	struct file *file;		/* of ident, or NULL */
	uint64_t born;

	unsigned short flags;		/* PROPERTIES */
	unsigned int fflags;
	int64_t data;
	void *udata;

	bool disabled;
	bool active;			/* something happened */
	bool forced;			/* to be delivered whatever is the case */
	bool triggered;			/* USER */
	uint64_t place;			/* among the pending; 0: not pending */

	/* What the last look at it saw. */
	unsigned short seen_flags;
	unsigned int seen_fflags;
	int64_t seen_data;
};

static struct object objects[MAX_OBJECTS];
static struct file files[MAX_FILES];
static struct knote knotes[MAX_KNOTES];
static int nr_objects, nr_files, nr_knotes;
static struct file *fds[NR_FDS];
static uint64_t now;			/* counts what happens */

void reference_begin(void)
{
	memset(objects, 0, sizeof(objects));
	memset(files, 0, sizeof(files));
	memset(knotes, 0, sizeof(knotes));
	memset(fds, 0, sizeof(fds));
	nr_objects = 0;
	nr_files = 0;
	nr_knotes = 0;
	now = 0;
}

static struct file *file_of(uint64_t fd)
{
	return fd >= FIRST_FD && fd < NO_FD ? fds[fd - FIRST_FD] : NULL;
}

static int64_t pending(const struct object *queue)
{
	const struct knote *kn;
	int64_t n = 0;

	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		n += kn->used && kn->queue == queue && kn->place;
	return n;
}

/*
 * Pipes.
 */

static int64_t bytes(const struct object *pipe)
{
	int64_t n = 0;
	int i;

	for (i = 0; i < pipe->used; i++)
		n += pipe->page[i].len;
	return n;
}

static bool full(const struct object *pipe)
{
	return pipe->used >= pipe->pages;
}

/* Write what goes in.  Returns how much that was. */
static int64_t pipe_put(struct object *pipe, int64_t n)
{
	int64_t left = n;
	int rest = n % PAGE, last = pipe->used - 1;

	if (rest && pipe->used &&
	    pipe->page[last].from + pipe->page[last].len + rest <= PAGE) {
		pipe->page[last].len += rest;
		left -= rest;
	}
	for (; left && !full(pipe); pipe->used++) {
		int len = left < PAGE ? left : PAGE;

		pipe->page[pipe->used].from = 0;
		pipe->page[pipe->used].len = len;
		left -= len;
	}
	return n - left;
}

static int64_t pipe_take(struct object *pipe, int64_t n)
{
	int64_t left = n;

	while (left && pipe->used) {
		int len = left < pipe->page[0].len ? left : pipe->page[0].len;

		pipe->page[0].from += len;
		pipe->page[0].len -= len;
		left -= len;
		if (!pipe->page[0].len)
			memmove(&pipe->page[0], &pipe->page[1],
				--pipe->used * sizeof(pipe->page[0]));
	}
	return n - left;
}

/*
 * Knotes.
 */

/*
 * An end that is not open for it never fires, but a READ on the writing end
 * tells that nobody reads any more: BSD's pipes go both ways.  A WRITE there
 * tells it once and is gone.
 */
static bool pipe_ready(struct knote *kn, const struct object *pipe)
{
	bool reads = kn->filter == EVFILT_READ, ended;

	if (kn->file->writes) {
		ended = !pipe->readers;
		if (!reads)
			kn->seen_data = (int64_t)(pipe->pages - pipe->used) * PAGE;
	} else {
		ended = reads && !pipe->writers;
		if (reads)
			kn->seen_data = bytes(pipe);
	}
	if (ended)
		kn->seen_flags = reads ? EV_EOF : EV_EOF | EV_ONESHOT;
	return kn->seen_data || ended;
}

static void see_nothing(struct knote *kn)
{
	kn->seen_flags = 0;
	kn->seen_fflags = 0;
	kn->seen_data = 0;
}

/* Look at it: is it ready, and what is there to be said? */
static bool look(struct knote *kn)
{
	const struct object *o = kn->file ? kn->file->object : NULL;

	see_nothing(kn);
	if (kn->filter == EVFILT_USER) {
		kn->seen_fflags = kn->fflags;
		kn->seen_data = kn->data;
		return kn->triggered;
	}
	switch (o->kind) {
	case QUEUE:
		kn->seen_data = pending(o);
		return kn->seen_data;
	case EVENTFD:
		kn->seen_data = kn->filter == EVFILT_READ ?
				o->count > 0 : o->count < UINT64_MAX - 1;
		return kn->seen_data;
	default:
		return pipe_ready(kn, o);
	}
}

static void activate(struct knote *kn)
{
	kn->active = true;
	if (!kn->disabled && !kn->place) {
		kn->place = ++now;
		kn->queue->news = true;
	}
}

/*
 * Something that whoever reads or writes waits for.  Of several knotes that it
 * makes ready the youngest comes first.  The end of the other side is told to
 * both: until somebody looks, one for whom there is nothing is pending, too.
 */
static void tell(const struct object *object, bool readers, bool writers)
{
	uint64_t before = UINT64_MAX;
	struct knote *kn, *next;

	for (;;) {
		next = NULL;
		for (kn = knotes; kn < knotes + nr_knotes; kn++)
			if (kn->used && kn->file &&
			    kn->file->object == object && kn->born < before &&
			    (!next || kn->born > next->born))
				next = kn;
		if (!next)
			return;
		before = next->born;
		if ((next->filter == EVFILT_READ ? readers : writers) &&
		    (look(next) || (readers && writers)))
			activate(next);
	}
}

/* Queues that watch queues are told last. */
static void tell_queues(void)
{
	struct object *o = objects;

	while (o < objects + nr_objects) {
		if (!o->news) {
			o++;
			continue;
		}
		o->news = false;
		tell(o, true, false);
		o = objects;
	}
}

static void happened(const struct object *object, bool readers, bool writers)
{
	tell(object, readers, writers);
	tell_queues();
}

static struct knote *find(const struct object *queue, uintptr_t ident,
			  short filter)
{
	struct knote *kn;

	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		if (kn->used && kn->queue == queue && kn->ident == ident &&
		    kn->filter == filter)
			return kn;
	return NULL;
}

static struct knote *new_knote(void)
{
	struct knote *kn = knotes;

	while (kn < knotes + nr_knotes && kn->used)
		kn++;
	if (kn == knotes + nr_knotes)
		nr_knotes++;
	memset(kn, 0, sizeof(*kn));
	kn->born = ++now;
	return kn;
}

/*
 * A change.
 */

static bool is_fd_filter(short filter)
{
	return filter == EVFILT_READ || filter == EVFILT_WRITE ||
	       filter == EVFILT_VNODE;
}

/* The slots in which nothing is registered. */
static bool is_empty_slot(short filter)
{
	return filter == EVFILT_AIO || filter == EVFILT_LIO ||
	       filter == EVFILT_SENDFILE || filter == EVFILT_JAIL ||
	       filter == EVFILT_JAILDESC;
}

static int attachable(const struct file *file, short filter)
{
	const struct object *o = file ? file->object : NULL;

	if (filter == EVFILT_VNODE)
		return -EINVAL;
	if (filter == EVFILT_USER || filter == EVFILT_READ)
		return 0;
	if (o->kind == QUEUE)
		return -EINVAL;
	return o->kind == PIPE && !(file->writes ? o->readers : o->writers) ?
	       -EPIPE : 0;
}

static void add(struct object *queue, struct file *file,
		const struct kevent *kev)
{
	struct knote *kn = new_knote();

	kn->used = true;
	kn->queue = queue;
	kn->ident = kev->ident;
	kn->filter = kev->filter;
	kn->file = file;
	kn->flags = kev->flags & PROPERTIES;
	kn->fflags = kev->fflags;
	kn->data = kev->data;
	kn->udata = kev->udata;
	kn->disabled = kev->flags & EV_DISABLE;
	if (kn->filter == EVFILT_USER) {
		kn->triggered = kev->fflags & NOTE_TRIGGER;
		kn->fflags = kev->fflags & NOTE_FFLAGSMASK;
	}
	/* What an object has to tell is collected while disabled, too. */
	if (look(kn) && (!kn->disabled || kn->file))
		activate(kn);
}

static void touch_user(struct knote *kn, const struct kevent *kev)
{
	unsigned int bits = kev->fflags & NOTE_FFLAGSMASK;

	if (kev->fflags & NOTE_TRIGGER)
		kn->triggered = true;
	switch (kev->fflags & NOTE_FFCTRLMASK) {
	case NOTE_FFAND:
		kn->fflags &= bits;
		break;
	case NOTE_FFOR:
		kn->fflags |= bits;
		break;
	case NOTE_FFCOPY:
		kn->fflags = bits;
		break;
	}
	kn->data = kev->data;
	if (kev->flags & EV_CLEAR)
		kn->triggered = false;
}

static void modify(struct knote *kn, const struct kevent *kev)
{
	if (kev->flags & EV_FORCEONESHOT) {
		kn->flags |= EV_ONESHOT;
		kn->forced = true;
		kn->active = true;
	}
	if (kev->flags & EV_ENABLE)
		kn->disabled = false;
	if (kev->flags & EV_DISABLE) {
		kn->disabled = true;
		kn->place = 0;
	}
	if (!(kev->flags & EV_KEEPUDATA))
		kn->udata = kev->udata;
	if (kn->filter == EVFILT_USER) {
		touch_user(kn, kev);
	} else {
		kn->fflags = kev->fflags;
		kn->data = kev->data;
	}
	if (!kn->disabled && (look(kn) || kn->active))
		activate(kn);
}

/* Returns 0 or a negative errno, and whether the knote is a new one. */
static int change(struct object *queue, const struct kevent *kev, bool *new)
{
	struct file *file = NULL;
	struct knote *kn;
	int err;

	*new = false;
	if ((kev->flags & EV_ENABLE) && (kev->flags & EV_DISABLE))
		return -EINVAL;
	if (kev->filter > 0 || kev->filter < -EVFILT_SYSCOUNT)
		return -EINVAL;
	if ((kev->flags & EV_ADD) && (kev->flags & EV_KEEPUDATA))
		return -EINVAL;
	if (is_empty_slot(kev->filter))
		return kev->flags & EV_ADD ? -ENXIO : -ENOENT;
	if (is_fd_filter(kev->filter)) {
		file = file_of(kev->ident);
		if (!file)
			return -EBADF;
		if (file->object == queue)
			return -EINVAL;
	}
	kn = find(queue, kev->ident, kev->filter);
	if (!kn) {
		if (!(kev->flags & EV_ADD))
			return -ENOENT;
		err = attachable(file, kev->filter);
		if (err)
			return err;
		*new = true;
		add(queue, file, kev);
	} else if (kev->flags & EV_DELETE) {
		kn->used = false;
	} else {
		modify(kn, kev);
	}
	tell_queues();
	return 0;
}

/*
 * kevent().
 */

/* The one that has been pending longest, but not after the mark. */
static struct knote *first(const struct object *queue, uint64_t mark)
{
	struct knote *kn, *found = NULL;

	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		if (kn->used && kn->queue == queue && kn->place &&
		    kn->place <= mark && (!found || kn->place < found->place))
			found = kn;
	return found;
}

static void deliver(struct knote *kn, struct kevent *ev)
{
	EV_SET(ev, kn->ident, kn->filter, kn->flags | kn->seen_flags,
	       kn->seen_fflags, kn->seen_data, kn->udata);
	kn->place = 0;
	if (ev->flags & EV_ONESHOT) {
		kn->used = false;
		return;
	}
	if (kn->flags & EV_CLEAR)
		kn->triggered = false;
	if (kn->flags & EV_DISPATCH)
		kn->disabled = true;
	if (kn->flags & (EV_CLEAR | EV_DISPATCH))
		kn->active = false;
	else
		kn->place = ++now;
}

static void scan(struct object *queue, const struct call *c, struct result *r)
{
	uint64_t mark = now;
	struct knote *kn;

	while (r->n < c->nevents && (kn = first(queue, mark))) {
		if (!look(kn)) {
			if (!kn->forced) {
				kn->active = false;
				kn->place = 0;
				continue;
			}
			if (kn->filter != EVFILT_USER)
				see_nothing(kn);
		}
		if (r->n == c->room) {
			/* It stays where it is, and is the last where that was seen. */
			kn->flags |= kn->seen_flags & EV_ONESHOT;
			r->ret = r->n ? r->n : -1;
			r->error = r->n ? 0 : EFAULT;
			return;
		}
		deliver(kn, &r->ev[r->n++]);
	}
	r->ret = r->n;
}

static void fail(struct result *r, int error)
{
	r->ret = -1;
	r->error = error;
}

/*
 * Apply the changes.  false: the call ends with them, r->ret says how.
 */
static bool changes(struct object *queue, const struct call *c,
		    struct result *r)
{
	int i, err, entries = 0;
	bool new;

	for (i = 0; i < c->nchanges; i++) {
		struct kevent kev = c->change[i];

		if (!kev.filter)
			continue;
		kev.flags &= ~EV_SYSFLAGS;
		err = change(queue, &kev, &new);
		if (!err && !(kev.flags & EV_RECEIPT))
			continue;
		if (entries == c->nevents) {
			r->ret = 0;
			if (err)
				fail(r, -err);
			return false;
		}
		if (entries < c->room) {
			EV_SET(&r->ev[r->n++], kev.ident, kev.filter, EV_ERROR,
			       new && !err ? 0 : UNKNOWN, -err, kev.udata);
		}
		entries++;
	}
	r->ret = entries;
	return !entries;
}

static void call_kevent(const struct call *c, struct result *r)
{
	const struct file *file = file_of(c->fd);

	if (!file || file->object->kind != QUEUE) {
		fail(r, EBADF);
		return;
	}
	if (c->nchanges < 0 || c->nevents < 0 ||
	    (c->nevents && c->timeout >= TIMEOUT_NEGATIVE)) {
		fail(r, EINVAL);
		return;
	}
	if (changes(file->object, c, r) && c->nevents)
		scan(file->object, c, r);
}

/*
 * The other calls.
 */

static struct object *new_object(enum kind kind)
{
	struct object *o = &objects[nr_objects++];

	o->kind = kind;
	return o;
}

static struct file *new_file(struct object *object, bool writes)
{
	struct file *file = &files[nr_files++];

	file->object = object;
	file->writes = writes;
	return file;
}

static void last_close(struct file *file)
{
	struct object *o = file->object;
	struct knote *kn;

	switch (o->kind) {
	case QUEUE:
		for (kn = knotes; kn < knotes + nr_knotes; kn++)
			if (kn->queue == o)
				kn->used = false;
		break;
	case PIPE:
		if (!--*(file->writes ? &o->writers : &o->readers))
			happened(o, true, true);
		break;
	default:
		break;
	}
}

/* The number is closed: with it go its knotes. */
static void closed(int fd, struct file *file)
{
	struct knote *kn;

	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		if (kn->used && kn->file && kn->ident == (uintptr_t)fd)
			kn->used = false;
	if (!--file->refs)
		last_close(file);
}

static void install(int fd, struct file *file)
{
	struct file *old = file_of(fd);

	if (old == file)
		return;
	file->refs++;
	fds[fd - FIRST_FD] = file;
	if (old)
		closed(fd, old);
}

static void call_pipe(const struct call *c)
{
	struct object *o = new_object(PIPE);

	o->pages = PIPE_PAGES;
	o->readers = 1;
	o->writers = 1;
	install(c->fd, new_file(o, false));
	install(c->to, new_file(o, true));
}

static void call_eventfd(const struct call *c)
{
	struct object *o = new_object(EVENTFD);

	o->count = c->value;
	o->semaphore = c->kind == CALL_SEMAPHORE;
	install(c->fd, new_file(o, false));
}

/* What the four calls that follow have in common.  NULL: r has it. */
static struct object *io(const struct call *c, bool writes, struct result *r)
{
	struct file *file = file_of(c->fd);

	if (!file || (file->object->kind == PIPE && file->writes != writes))
		fail(r, EBADF);
	else if (file->object->kind == QUEUE)
		fail(r, ENXIO);
	else
		return file->object;
	return NULL;
}

static bool call_write(const struct call *c, struct result *r)
{
	struct object *o = io(c, true, r);

	if (!o)
		return true;
	if (o->kind != PIPE)
		return false;
	if (!o->readers) {
		fail(r, EPIPE);
		return true;
	}
	r->ret = pipe_put(o, c->value);
	if (!r->ret)
		return false;		/* nothing new: whom does it wake? */
	happened(o, true, false);
	return true;
}

static bool call_read(const struct call *c, struct result *r)
{
	struct object *o = io(c, false, r);
	bool was_full;

	if (!o)
		return true;
	if (o->kind != PIPE)
		return false;
	was_full = full(o);
	if (was_full && o->page[0].len > (int64_t)c->value)
		return false;		/* still full: whom does it wake? */
	r->ret = pipe_take(o, c->value);
	if (!r->ret && o->writers)
		fail(r, EAGAIN);
	else if (was_full)
		happened(o, false, true);
	return true;
}

static bool call_post(const struct call *c, struct result *r)
{
	struct object *o = io(c, true, r);

	if (!o)
		return true;
	if (o->kind != EVENTFD || (!o->count && !c->value))
		return false;
	if (c->value == UINT64_MAX) {
		fail(r, EINVAL);
	} else if (o->count > UINT64_MAX - 1 - c->value) {
		fail(r, EAGAIN);
	} else {
		o->count += c->value;
		r->ret = sizeof(o->count);
		happened(o, true, false);
	}
	return true;
}

static bool call_take(const struct call *c, struct result *r)
{
	struct object *o = io(c, false, r);

	if (!o)
		return true;
	if (o->kind != EVENTFD)
		return false;
	if (!o->count) {
		fail(r, EAGAIN);
		return true;
	}
	r->ret = sizeof(o->count);
	r->value = o->semaphore ? 1 : o->count;
	o->count -= r->value;
	happened(o, false, true);
	return true;
}

/* Is there a READ knote on the writing end? */
static bool reads_from_the_wrong_end(const struct object *pipe)
{
	const struct knote *kn;

	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		if (kn->used && kn->file && kn->file->object == pipe &&
		    kn->file->writes && kn->filter == EVFILT_READ)
			return true;
	return false;
}

static bool call_size(const struct call *c, struct result *r)
{
	const struct file *file = file_of(c->fd);
	struct object *o = file ? file->object : NULL;
	int pages = 1;

	if (!o || o->kind != PIPE) {
		fail(r, EBADF);
		return true;
	}
	while (pages < (int)c->value)
		pages *= 2;
	if (pages < o->used) {
		fail(r, EBUSY);
		return true;
	}
	if (pages == o->used || reads_from_the_wrong_end(o))
		return false;		/* still full, or none: whom does it wake? */
	o->pages = pages;
	r->ret = (int64_t)pages * PAGE;
	happened(o, false, true);
	return true;
}

static bool call_poll(const struct call *c, struct result *r)
{
	const struct file *file = file_of(c->fd);

	if (!file || file->object->kind != QUEUE)
		return false;
	r->ret = pending(file->object) > 0;
	return true;
}

static bool call_knotes(const struct call *c, struct result *r)
{
	const struct file *file = file_of(c->fd);
	struct knote *kn;

	if (!file || file->object->kind != QUEUE)
		return false;
	for (kn = knotes; kn < knotes + nr_knotes; kn++)
		if (kn->used && kn->queue == file->object) {
			if (r->n < MAX_EVENTS)
				EV_SET(&r->ev[r->n++], kn->ident, kn->filter,
				       kn->flags, 0, 0, kn->udata);
			r->ret++;
		}
	return true;
}

static bool call_dup2(const struct call *c, struct result *r)
{
	struct file *file = file_of(c->fd);

	if (!file) {
		fail(r, EBADF);
		return true;
	}
	install(c->to, file);
	r->ret = c->to;
	return true;
}

static void call_close(const struct call *c, struct result *r)
{
	struct file *file = file_of(c->fd);

	if (!file) {
		fail(r, EBADF);
		return;
	}
	fds[c->fd - FIRST_FD] = NULL;
	closed(c->fd, file);
}

bool reference_call(const struct call *c, struct result *r)
{
	memset(r, 0, sizeof(*r));
	switch (c->kind) {
	case CALL_QUEUE:
		install(c->fd, new_file(new_object(QUEUE), false));
		return true;
	case CALL_PIPE:
		if (c->fd == c->to)
			return false;
		call_pipe(c);
		return true;
	case CALL_EVENTFD:
	case CALL_SEMAPHORE:
		call_eventfd(c);
		return true;
	case CALL_DUP2:
		return call_dup2(c, r);
	case CALL_CLOSE:
		call_close(c, r);
		return true;
	case CALL_WRITE:
		return call_write(c, r);
	case CALL_READ:
		return call_read(c, r);
	case CALL_POST:
		return call_post(c, r);
	case CALL_TAKE:
		return call_take(c, r);
	case CALL_SIZE:
		return call_size(c, r);
	case CALL_KEVENT:
		call_kevent(c, r);
		return true;
	case CALL_POLL:
		return call_poll(c, r);
	case CALL_KNOTES:
		return call_knotes(c, r);
	default:
		return false;
	}
}
