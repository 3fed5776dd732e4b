// SPDX-License-Identifier: BSD-2-Clause
/*
 * kqstat: the queues there are, what they watch, and what is pending in them.
 *
 * All of it is read from /proc - the descriptors of processes, and what fdinfo
 * says of those that are queues - and from the module's parameters in sysfs.
 * Nothing is asked of a queue, so nothing changes by looking.  A process may
 * end, and a descriptor be closed, at any moment: what is gone is left out.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/kqueue.h>

#define PARAMETERS	"/sys/module/kqueue/parameters/"

struct name {
	unsigned int value;
	const char *name;
};

#define NAME(value)	{ value, #value }

/* Of the flags those that a knote can have. */
static const struct name flag_names[] = {
	NAME(EV_ONESHOT), NAME(EV_CLEAR), NAME(EV_RECEIPT), NAME(EV_DISPATCH),
	NAME(EV_EOF), { 0, NULL }
};

static const struct name file_notes[] = {
	NAME(NOTE_LOWAT), NAME(NOTE_FILE_POLL), { 0, NULL }
};

static const struct name except_notes[] = { NAME(NOTE_OOB), { 0, NULL } };

static const struct name vnode_notes[] = {
	NAME(NOTE_DELETE), NAME(NOTE_WRITE), NAME(NOTE_EXTEND),
	NAME(NOTE_ATTRIB), NAME(NOTE_LINK), NAME(NOTE_RENAME),
	NAME(NOTE_REVOKE), NAME(NOTE_OPEN), NAME(NOTE_CLOSE),
	NAME(NOTE_CLOSE_WRITE), NAME(NOTE_READ), { 0, NULL }
};

static const struct name proc_notes[] = {
	NAME(NOTE_EXIT), NAME(NOTE_FORK), NAME(NOTE_EXEC), NAME(NOTE_TRACK),
	NAME(NOTE_TRACKERR), NAME(NOTE_CHILD), { 0, NULL }
};

static const struct name timer_notes[] = {
	NAME(NOTE_SECONDS), NAME(NOTE_MSECONDS), NAME(NOTE_USECONDS),
	NAME(NOTE_NSECONDS), NAME(NOTE_ABSTIME), { 0, NULL }
};

static const struct name fs_notes[] = {
	NAME(VQ_MOUNT), NAME(VQ_UNMOUNT), { 0, NULL }
};

static const struct name netdev_notes[] = {
	NAME(NOTE_LINKUP), NAME(NOTE_LINKDOWN), NAME(NOTE_LINKINV), { 0, NULL }
};

/* The notes of a filter whose bits are the program's own. */
static const struct name no_notes[] = { { 0, NULL } };

/* What an ident is. */
enum ident {
	IDENT_NUMBER, IDENT_DESCRIPTOR, IDENT_PROCESS, IDENT_SIGNAL,
	IDENT_INTERFACE, IDENT_NONE,
};

#define FILTER(value, ident, notes)	{ value, #value, ident, notes }

static const struct filter {
	int filter;
	const char *name;
	enum ident ident;
	const struct name *notes;
} filters[] = {
	FILTER(EVFILT_READ, IDENT_DESCRIPTOR, file_notes),
	FILTER(EVFILT_WRITE, IDENT_DESCRIPTOR, file_notes),
	FILTER(EVFILT_AIO, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_VNODE, IDENT_DESCRIPTOR, vnode_notes),
	FILTER(EVFILT_PROC, IDENT_PROCESS, proc_notes),
	FILTER(EVFILT_SIGNAL, IDENT_SIGNAL, no_notes),
	FILTER(EVFILT_TIMER, IDENT_NUMBER, timer_notes),
	FILTER(EVFILT_PROCDESC, IDENT_DESCRIPTOR, proc_notes),
	FILTER(EVFILT_FS, IDENT_NONE, fs_notes),
	FILTER(EVFILT_LIO, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_USER, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_SENDFILE, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_EMPTY, IDENT_DESCRIPTOR, file_notes),
	FILTER(EVFILT_JAIL, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_JAILDESC, IDENT_NUMBER, no_notes),
	FILTER(EVFILT_EXCEPT, IDENT_DESCRIPTOR, except_notes),
	FILTER(EVFILT_NETDEV, IDENT_INTERFACE, netdev_notes),
};

struct knote {
	unsigned long long ident, udata;
	long long data;
	int filter;
	unsigned int flags, fflags;
	const char *state;
};

struct queue {
	int pid, fd;
	char command[32];
	unsigned long long id;
	unsigned int pending, disabled;
	char status[32];
	struct knote *knotes;
	size_t nknotes;
};

static struct {
	bool json, watch, wide, brief;
	double delay;
	long count;
} option = { .delay = 2 };

static struct queue *queues;
static size_t nqueues;
static bool denied;		/* some process could not be looked at */

/* One more place at the end of an array. */
static void *more(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	array = reallocarray(array, n ? 2 * n : 1, size);
	if (!array)
		err(1, NULL);
	return array;
}

static void queues_free(void)
{
	size_t i;

	for (i = 0; i < nqueues; i++)
		free(queues[i].knotes);
	free(queues);
	queues = NULL;
	nqueues = 0;
}

/*
 * Reading
 */

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (words) {
		words += *words == ',';
		if (!strncmp(words, word, length) &&
		    (!words[length] || words[length] == ','))
			return true;
		words = strchr(words, ',');
	}
	return false;
}

/* What the words of a knote's status come to. */
static const char *knote_state(const char *status)
{
	if (has_word(status, "disabled"))
		return has_word(status, "active") ? "held" : "disabled";
	if (has_word(status, "queued"))
		return "pending";
	return has_word(status, "claimed") ? "claimed" : "waiting";
}

static void queue_add_knote(struct queue *q, const struct knote *kn)
{
	q->knotes = more(q->knotes, q->nknotes, sizeof(*kn));
	q->knotes[q->nknotes++] = *kn;
	q->disabled += !strcmp(kn->state, "disabled") ||
		       !strcmp(kn->state, "held");
}

/* What fdinfo says of a queue, and of a knote. */
#define QUEUE_LINE "queue: id:%llu pending:%u status:%31s"
#define KNOTE_LINE "knote: ident:%llx filter:%d flags:%x fflags:%x data:%lld udata:%llx status:%63s"

/* Returns whether the descriptor is a queue. */
static bool queue_read(struct queue *q)
{
	char path[64], line[256], status[64];
	bool found = false;
	struct knote kn;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", q->pid, q->fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, QUEUE_LINE, &q->id, &q->pending,
			   q->status) == 3)
			found = true;
		if (!found ||
		    sscanf(line, KNOTE_LINE, &kn.ident, &kn.filter,
			   &kn.flags, &kn.fflags, &kn.data, &kn.udata,
			   status) != 7)
			continue;
		kn.state = knote_state(status);
		queue_add_knote(q, &kn);
	}
	fclose(f);
	return found;
}

static void read_command(struct queue *q)
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", q->pid);
	f = fopen(path, "re");
	if (f) {
		n = fread(q->command, 1, sizeof(q->command) - 1, f);
		fclose(f);
	}
	/* The newline at its end. */
	q->command[n ? n - 1 : 0] = '\0';
}

/* What a descriptor refers to; "" where that is not known any more. */
static const char *object_of(int pid, unsigned long long fd)
{
	static char object[PATH_MAX];
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%llu", pid, fd);
	n = readlink(path, object, sizeof(object) - 1);
	object[n > 0 ? n : 0] = '\0';
	return object;
}

/* Returns 0, or an errno. */
static int process_read(int pid)
{
	struct queue q;
	struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno;
	while ((d = readdir(dir))) {
		/* A queue is the file of a device, wherever that is. */
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    object_of(pid, strtoull(d->d_name, NULL, 10))[0] != '/')
			continue;
		q = (struct queue){ .pid = pid, .fd = atoi(d->d_name) };
		if (!queue_read(&q))
			continue;
		read_command(&q);
		queues = more(queues, nqueues, sizeof(q));
		queues[nqueues++] = q;
	}
	closedir(dir);
	return 0;
}

static void processes_read(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	if (!dir)
		err(1, "/proc");
	while ((d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]) &&
		    process_read(atoi(d->d_name)) == EACCES)
			denied = true;
	closedir(dir);
}

/* A parameter or counter of the module; -1 where it is not loaded. */
static long long parameter(const char *name)
{
	long long value = -1;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%lld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

/*
 * Text.  The names of processes and files are whatever their owners like, so
 * what could speak to a terminal, and what is no text, is not let through.
 */

/* The next character of UTF-8, or -1 for a byte that is none. */
static long text_next(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	int i, n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
	static const long least[] = { 0, 0x80, 0x800, 0x10000 };
	long c = n ? s[0] & (0x3f >> n) : s[0];

	++*text;
	if (s[0] < 0x80)
		return c;
	if (!n || s[0] > 0xf4)
		return -1;
	for (i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	*text += n;
	return c;
}

static bool is_control(long c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static int put_text(FILE *out, const char *text)
{
	int columns = 0;

	while (*text) {
		const char *at = text;
		long c = text_next(&text);

		if (is_control(c))
			putc('?', out);
		else
			fwrite(at, 1, (size_t)(text - at), out);
		columns++;
	}
	return columns;
}

static void put_json(FILE *out, const char *text)
{
	putc('"', out);
	while (*text) {
		const char *at = text;
		long c = text_next(&text);

		if (c < 0)
			fputs("\\ufffd", out);
		else if (is_control(c))
			fprintf(out, "\\u%04lx", c);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else
			fwrite(at, 1, (size_t)(text - at), out);
	}
	putc('"', out);
}

static const struct filter *filter_of(const struct knote *kn)
{
	static char name[32];
	static struct filter unknown = { 0, name, IDENT_NUMBER, no_notes };
	size_t i;

	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (filters[i].filter == kn->filter)
			return &filters[i];
	snprintf(name, sizeof(name), "EVFILT_%d", kn->filter);
	return &unknown;
}

static const char *signal_name(unsigned long long number)
{
	static char name[32];

	if (number >= (unsigned int)SIGRTMIN &&
	    number <= (unsigned int)SIGRTMAX) {
		snprintf(name, sizeof(name), "SIGRTMIN+%llu",
			 number - (unsigned int)SIGRTMIN);
		return name;
	}
#ifdef __GLIBC__
	if (number < NSIG && sigabbrev_np((int)number)) {
		snprintf(name, sizeof(name), "SIG%s",
			 sigabbrev_np((int)number));
		return name;
	}
#endif
	snprintf(name, sizeof(name), "signal %llu", number);
	return name;
}

/* What a knote watches, apart from the number. */
static const char *knote_object(const struct queue *q, const struct knote *kn)
{
	switch (filter_of(kn)->ident) {
	case IDENT_DESCRIPTOR:
		return object_of(q->pid, kn->ident);
	case IDENT_SIGNAL:
		return signal_name(kn->ident);
	case IDENT_PROCESS:
		return "process";
	case IDENT_INTERFACE:
		return "interface";
	case IDENT_NONE:
		return "mounts";
	default:
		return "";
	}
}

/*
 * The next of the names that a value is made of, taken away from it; what has no
 * name comes last, as a number.  NULL at the end.
 */
static const char *next_name(const struct name *names, unsigned int *value)
{
	static char rest[16];

	for (; names->name; names++) {
		if (*value & names->value) {
			*value &= ~names->value;
			return names->name;
		}
	}
	if (!*value)
		return NULL;
	snprintf(rest, sizeof(rest), "%#x", *value);
	*value = 0;
	return rest;
}

/*
 * Tables
 */

static void put_names(FILE *out, const struct name *names, unsigned int value)
{
	const char *name;

	while ((name = next_name(names, &value)))
		fprintf(out, " %s", name);
}

static void table_knote(FILE *out, const struct queue *q,
			const struct knote *kn)
{
	const struct filter *filter = filter_of(kn);
	int columns;

	fprintf(out, "        %-15s %-8s ", filter->name, kn->state);
	if (option.wide)
		fprintf(out, "%10lld %#18llx ", kn->data, kn->udata);
	columns = filter->ident == IDENT_NONE ? 0 :
		  fprintf(out, "%llu ", kn->ident);
	columns += put_text(out, knote_object(q, kn));
	/* Names in columns, as long as what comes ahead is short. */
	if (kn->flags || kn->fflags)
		fprintf(out, "%*s", columns < 24 ? 24 - columns : 0, "");
	put_names(out, flag_names, kn->flags);
	put_names(out, filter->notes, kn->fflags);
	putc('\n', out);
}

static const char *queue_waiters(const struct queue *q)
{
	bool waited = has_word(q->status, "waited");

	if (has_word(q->status, "dead"))
		return "dead";
	if (has_word(q->status, "polled"))
		return waited ? "kevent,poll" : "poll";
	return waited ? "kevent" : "-";
}

static void table(FILE *out)
{
	const struct queue *q;
	size_t i;

	fprintf(out, "%7s %5s %6s %7s %7s %8s %-11s %s\n", "PID", "FD", "QUEUE",
		"KNOTES", "PENDING", "DISABLED", "WAITED BY", "COMMAND");
	for (q = queues; q < queues + nqueues; q++) {
		fprintf(out, "%7d %5d %6llu %7zu %7u %8u %-11s ", q->pid, q->fd,
			q->id, q->nknotes, q->pending, q->disabled,
			queue_waiters(q));
		put_text(out, q->command);
		putc('\n', out);
		for (i = 0; i < q->nknotes && !option.brief; i++)
			table_knote(out, q, &q->knotes[i]);
	}
}

/*
 * JSON: an object on a line of its own
 */

static void json_names(FILE *out, const char *key, const struct name *names,
		       unsigned int value)
{
	const char *name, *comma = "";

	fprintf(out, ",\"%s\":[", key);
	while ((name = next_name(names, &value))) {
		fprintf(out, "%s\"%s\"", comma, name);
		comma = ",";
	}
	putc(']', out);
}

static void json_knote(FILE *out, const struct queue *q, const struct knote *kn)
{
	const struct filter *filter = filter_of(kn);

	fprintf(out, "{\"filter\":\"%s\",\"ident\":%llu,\"object\":",
		filter->name, kn->ident);
	put_json(out, knote_object(q, kn));
	fprintf(out, ",\"state\":\"%s\"", kn->state);
	json_names(out, "flags", flag_names, kn->flags);
	json_names(out, "fflags", filter->notes, kn->fflags);
	fprintf(out, ",\"data\":%lld,\"udata\":\"%#llx\"}", kn->data, kn->udata);
}

static void json_queue(FILE *out, const struct queue *q)
{
	size_t i;

	fprintf(out, "{\"pid\":%d,\"command\":", q->pid);
	put_json(out, q->command);
	fprintf(out, ",\"fd\":%d,\"queue\":%llu,\"knotes\":%zu", q->fd, q->id,
		q->nknotes);
	fprintf(out, ",\"pending\":%u,\"disabled\":%u", q->pending,
		q->disabled);
	fprintf(out, ",\"waited\":%s,\"polled\":%s,\"dead\":%s",
		has_word(q->status, "waited") ? "true" : "false",
		has_word(q->status, "polled") ? "true" : "false",
		has_word(q->status, "dead") ? "true" : "false");
	if (!option.brief) {
		fprintf(out, ",\"list\":[");
		for (i = 0; i < q->nknotes; i++) {
			fputs(i ? "," : "", out);
			json_knote(out, q, &q->knotes[i]);
		}
		putc(']', out);
	}
	putc('}', out);
}

static void json(FILE *out)
{
	static const char *const names[] = {
		"knotes", "max_knotes", "callouts", "calloutmax",
	};
	size_t i;

	putc('{', out);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(out, "\"%s\":%lld,", names[i], parameter(names[i]));
	fprintf(out, "\"queues\":[");
	for (i = 0; i < nqueues; i++) {
		fputs(i ? "," : "", out);
		json_queue(out, &queues[i]);
	}
	fputs("]}\n", out);
}

/*
 * The screen
 */

/* What has most to do comes first. */
static int busier(const void *a, const void *b)
{
	const struct queue *p = a, *q = b;

	if (p->pending != q->pending)
		return p->pending < q->pending ? 1 : -1;
	if (p->nknotes != q->nknotes)
		return p->nknotes < q->nknotes ? 1 : -1;
	return p->pid != q->pid ? (p->pid > q->pid) - (p->pid < q->pid) :
				  (p->fd > q->fd) - (p->fd < q->fd);
}

static void heading(FILE *out)
{
	time_t now = time(NULL);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	fprintf(out, "%s  queues: %zu, in all knotes: %lld (%lld a user), ",
		clock, nqueues, parameter("knotes"), parameter("max_knotes"));
	fprintf(out, "timers: %lld (%lld a user)\n\n", parameter("callouts"),
		parameter("calloutmax"));
}

/* Write a text over what is on the terminal, as much of it as there is room. */
static void redraw(const char *text)
{
	struct winsize size = { .ws_row = 24 };
	const char *end;
	int row;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	/* Home, and long lines do not wrap; each is cleared behind its end. */
	fputs("\033[H\033[?7l", stdout);
	for (row = 1; row < size.ws_row && *text; row++, text = end + 1) {
		end = strchrnul(text, '\n');
		printf("%.*s\033[K\n", (int)(end - text), text);
		if (!*end)
			break;
	}
	fputs("\033[J\033[?7h", stdout);
}

static void show(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = stdout;

	if (option.watch) {
		out = open_memstream(&text, &size);
		if (!out)
			err(1, NULL);
		if (nqueues)
			qsort(queues, nqueues, sizeof(*queues), busier);
		if (!option.json)
			heading(out);
	}
	if (option.json)
		json(out);
	else
		table(out);
	if (option.watch) {
		if (fclose(out))
			err(1, NULL);
		if (isatty(STDOUT_FILENO) && !option.json)
			redraw(text);
		else
			fputs(text, stdout);
		free(text);
	}
	if (fflush(stdout) || ferror(stdout))
		err(1, "stdout");
}

/* Returns whether all processes asked for could be looked at. */
static bool look(int *pids, int npids)
{
	bool all = true;
	int i, error;

	denied = false;
	if (!npids)
		processes_read();
	for (i = 0; i < npids; i++) {
		error = process_read(pids[i]);
		if (!error)
			continue;
		errno = error == ENOENT ? ESRCH : error;
		warn("%d", pids[i]);
		all = false;
	}
	return all;
}

static void nap(void)
{
	struct timespec ts = {
		.tv_sec = (time_t)option.delay,
		.tv_nsec = (long)(1e9 * (option.delay -
					 (double)(time_t)option.delay)),
	};

	nanosleep(&ts, NULL);
}

static void bad_usage(void)
{
	fputs("usage: kqstat [-jlqVw] [-d seconds] [-n count] [-p pid]...\n",
	      stderr);
	exit(2);
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value <= 0 || value > INT_MAX)
		bad_usage();
	return (int)value;
}

int main(int argc, char **argv)
{
	int opt, npids = 0, *pids = NULL;
	bool all;

	while ((opt = getopt(argc, argv, "d:jln:p:qVw")) != -1) {
		switch (opt) {
		case 'd':
			option.delay = strtod(optarg, NULL);
			if (!(option.delay > 0 && option.delay < 1e6))
				bad_usage();
			break;
		case 'j':
			option.json = true;
			break;
		case 'l':
			option.wide = true;
			break;
		case 'n':
			option.count = number(optarg);
			break;
		case 'p':
			pids = more(pids, (size_t)npids, sizeof(*pids));
			pids[npids++] = number(optarg);
			break;
		case 'q':
			option.brief = true;
			break;
		case 'V':
			puts("kqstat " VERSION);
			return 0;
		case 'w':
			option.watch = true;
			break;
		default:
			bad_usage();
		}
	}
	if (optind != argc)
		bad_usage();
	if (parameter("knotes") < 0)
		errx(1, "the kqueue module is not loaded");
	for (;;) {
		all = look(pids, npids);
		show();
		queues_free();
		if (!option.watch || (option.count && !--option.count) || !all)
			break;
		nap();
	}
	if (denied)
		warnx("processes of other users are not shown");
	free(pids);
	return !all;
}
