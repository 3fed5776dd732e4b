// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reference.h"
#include "source.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct name {
	unsigned int value;
	const char *name;
};

#define NAME(n)		{ (unsigned int)(n), #n }

static const struct name flag_names[] = {
	NAME(EV_ADD), NAME(EV_DELETE), NAME(EV_ENABLE), NAME(EV_DISABLE),
	NAME(EV_ONESHOT), NAME(EV_CLEAR), NAME(EV_RECEIPT), NAME(EV_DISPATCH),
	NAME(EV_FORCEONESHOT), NAME(EV_KEEPUDATA), NAME(EV_DROP),
	NAME(EV_FLAG1), NAME(EV_ERROR), NAME(EV_EOF),
};

static const struct name user_names[] = {
	NAME(NOTE_FFCOPY), NAME(NOTE_FFOR), NAME(NOTE_FFAND),
	NAME(NOTE_TRIGGER),
};

static const struct name filter_names[] = {
	NAME(EVFILT_READ), NAME(EVFILT_WRITE), NAME(EVFILT_AIO),
	NAME(EVFILT_VNODE), NAME(EVFILT_USER), NAME(EVFILT_SENDFILE),
};

static const struct name errors[] = {
	NAME(EBADF), NAME(EINVAL), NAME(ENOENT), NAME(EFAULT), NAME(EPIPE),
	NAME(ENXIO), NAME(EAGAIN), NAME(EBUSY), NAME(EINTR), NAME(ENOMEM),
};

static void print_bits(FILE *f, unsigned int bits, const struct name *names,
		       size_t n)
{
	const char *sep = "";
	size_t i;

	for (i = 0; i < n; i++)
		if ((bits & names[i].value) == names[i].value) {
			fprintf(f, "%s%s", sep, names[i].name);
			bits &= ~names[i].value;
			sep = " | ";
		}
	if (bits || !*sep)
		fprintf(f, bits ? "%s%#x" : "%s%u", sep, bits);
}

static void print_name(FILE *f, int value, const struct name *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (names[i].value == (unsigned int)value) {
			fputs(names[i].name, f);
			return;
		}
	fprintf(f, "%d", value);
}

static void print_event(FILE *f, const struct kevent *ev)
{
	fprintf(f, "{ %" PRIuPTR ", ", ev->ident);
	print_name(f, ev->filter, filter_names, ARRAY_SIZE(filter_names));
	fputs(", ", f);
	print_bits(f, ev->flags, flag_names, ARRAY_SIZE(flag_names));
	fputs(", ", f);
	if (ev->fflags == UNKNOWN)
		fputs("UNKNOWN", f);
	else if (ev->filter == EVFILT_USER)
		print_bits(f, ev->fflags, user_names, ARRAY_SIZE(user_names));
	else
		fprintf(f, "%#x", ev->fflags);
	if (ev->flags == EV_ERROR && ev->data) {
		fputs(", ", f);
		print_name(f, (int)ev->data, errors, ARRAY_SIZE(errors));
	} else {
		fprintf(f, ", %" PRId64, ev->data);
	}
	fprintf(f, ", (void *)%" PRIuPTR " }", (uintptr_t)ev->udata);
}

static void print_events(FILE *f, const char *indent, const struct kevent *ev,
			 int n)
{
	for (; n-- > 0; ev++) {
		fputs(indent, f);
		print_event(f, ev);
		fputs(",\n", f);
	}
}

static void print_return(FILE *f, const struct result *r)
{
	if (r->ret < 0) {
		fputc('-', f);
		print_name(f, r->error, errors, ARRAY_SIZE(errors));
	} else {
		fprintf(f, "%" PRId64, r->ret);
	}
}

static void print_kevent(FILE *f, const struct call *c, const struct result *r)
{
	static const char *const timeouts[NR_TIMEOUTS] = {
		"&zero", "NULL", "&negative", "&too_many",
	};
	bool wait = c->timeout == TIMEOUT_NULL && r->ret;

	fputs("\t{\n", f);
	if (c->nchanges > 0) {
		fputs("\t\tstruct kevent change[] = {\n", f);
		print_events(f, "\t\t\t", c->change, c->nchanges);
		fputs("\t\t};\n", f);
	}
	if (r->ret > 0 && r->n) {
		fputs("\t\tstruct kevent expected[] = {\n", f);
		print_events(f, "\t\t\t", r->ev, r->n);
		fputs("\t\t};\n", f);
	}
	fprintf(f, "\t\tev = room(%d, %s, %d);\n", c->room,
		c->same && c->nchanges > 0 ? "change" : "NULL", c->nchanges);
	fprintf(f, "\t\tresult(kevent(%d, %s, %d, ev, %d, %s), ", c->fd,
		c->nchanges > 0 ? c->same && c->nchanges <= c->room ?
		"ev" : "change" : "NULL", c->nchanges, c->nevents,
		wait || c->timeout != TIMEOUT_NULL ?
		timeouts[c->timeout] : "&zero");
	print_return(f, r);
	fputs(");\n", f);
	if (r->ret > 0 && r->n)
		fprintf(f, "\t\tevents(ev, expected, %d);\n", r->n);
	fputs("\t}\n", f);
}

static void print_call(FILE *f, const struct call *c, const struct result *r)
{
	switch (c->kind) {
	case CALL_QUEUE:
		fprintf(f, "\tresult(number(kqueue(), %d), ", c->fd);
		break;
	case CALL_PIPE:
		fprintf(f, "\tresult(make_pipe(%d, %d), ", c->fd, c->to);
		break;
	case CALL_EVENTFD:
	case CALL_SEMAPHORE:
		fprintf(f, "\tresult(number(eventfd(%u, EFD_NONBLOCK%s), %d), ",
			(unsigned int)c->value,
			c->kind == CALL_SEMAPHORE ? " | EFD_SEMAPHORE" : "",
			c->fd);
		break;
	case CALL_DUP2:
		fprintf(f, "\tresult(dup2(%d, %d), ", c->fd, c->to);
		break;
	case CALL_CLOSE:
		fprintf(f, "\tresult(close(%d), ", c->fd);
		break;
	case CALL_WRITE:
		fprintf(f, "\tresult(write(%d, block, %" PRIu64 "), ", c->fd,
			c->value);
		break;
	case CALL_READ:
		fprintf(f, "\tresult(read(%d, block, %" PRIu64 "), ", c->fd,
			c->value);
		break;
	case CALL_POST:
		fprintf(f, "\tvalue = %" PRIu64 "U;\n", c->value);
		fprintf(f, "\tresult(write(%d, &value, sizeof(value)), ", c->fd);
		break;
	case CALL_TAKE:
		fprintf(f, "\tresult(read(%d, &value, sizeof(value)), ", c->fd);
		break;
	case CALL_SIZE:
		fprintf(f, "\tresult(fcntl(%d, F_SETPIPE_SZ, %d * 4096), ",
			c->fd, (int)c->value);
		break;
	case CALL_POLL:
		fprintf(f, "\tresult(poll(&(struct pollfd){ %d, POLLIN, 0 }, 1, 0), ",
			c->fd);
		break;
	case CALL_KNOTES:
		fprintf(f, "\tresult(count_knotes(%d), ", c->fd);
		break;
	case CALL_KEVENT:
		print_kevent(f, c, r);
		return;
	default:
		return;
	}
	print_return(f, r);
	fputs(");\n", f);
	if (c->kind == CALL_TAKE && r->ret > 0)
		fprintf(f, "\tresult(value != %" PRIu64 "U, 0);\n", r->value);
}

static const char head[] =
"#define _GNU_SOURCE\n"
"#include <errno.h>\n"
"#include <fcntl.h>\n"
"#include <poll.h>\n"
"#include <signal.h>\n"
"#include <stdint.h>\n"
"#include <stdio.h>\n"
"#include <stdlib.h>\n"
"#include <string.h>\n"
"#include <sys/event.h>\n"
"#include <sys/eventfd.h>\n"
"#include <sys/mman.h>\n"
"#include <unistd.h>\n"
"\n"
"#define UNKNOWN\t0xdeadbeef\n"
"#define result(got, expected)\tcheck(__LINE__, #got, got, expected)\n"
"#define events(got, expected, n)\tcompare(__LINE__, got, expected, n)\n"
"\n"
"static const struct timespec zero, negative = { -1, 0 };\n"
"static const struct timespec too_many = { 0, 1000000000 };\n"
"static char block[1 << 20];\n"
"\n"
"static void check(int line, const char *what, long long got, long long expected)\n"
"{\n"
"\tif (got < 0)\n"
"\t\tgot = -errno;\n"
"\tif (got == expected)\n"
"\t\treturn;\n"
"\tprintf(\"line %d: %s: %lld, not %lld\\n\", line, what, got, expected);\n"
"\texit(1);\n"
"}\n"
"\n"
"static void show(const char *what, const struct kevent *e)\n"
"{\n"
"\tprintf(\"%s: { %lu, %d, %#x, %#x, %lld, %p }\\n\", what, (long)e->ident,\n"
"\t       e->filter, e->flags, e->fflags, (long long)e->data, e->udata);\n"
"}\n"
"\n"
"static void compare(int line, const struct kevent *got,\n"
"\t\t    struct kevent *expected, int n)\n"
"{\n"
"\tint i;\n"
"\n"
"\tfor (i = 0; i < n; i++) {\n"
"\t\tif (expected[i].fflags == UNKNOWN)\n"
"\t\t\texpected[i].fflags = got[i].fflags;\n"
"\t\tif (!memcmp(&got[i], &expected[i], sizeof(got[i])))\n"
"\t\t\tcontinue;\n"
"\t\tprintf(\"line %d: event %d:\\n\", line, i);\n"
"\t\tshow(\"is\", &got[i]);\n"
"\t\tshow(\"should be\", &expected[i]);\n"
"\t\texit(1);\n"
"\t}\n"
"}\n"
"\n"
"/* Give a descriptor its number. */\n"
"static int number(int fd, int to)\n"
"{\n"
"\tint ret = dup3(fd, to, O_CLOEXEC);\n"
"\n"
"\tclose(fd);\n"
"\treturn ret < 0 ? -1 : 0;\n"
"}\n"
"\n"
"static int make_pipe(int r, int w)\n"
"{\n"
"\tint fd[2];\n"
"\n"
"\tif (pipe2(fd, O_NONBLOCK))\n"
"\t\treturn -1;\n"
"\treturn number(fd[0], r) | number(fd[1], w);\n"
"}\n"
"\n"
"/* n entries, and no memory after them; the changes are in the first, if any. */\n"
"static struct kevent *room(int n, const struct kevent *change, int nchanges)\n"
"{\n"
"\tstatic char *p;\n"
"\n"
"\tif (!p) {\n"
"\t\tp = mmap(NULL, 8192, PROT_READ | PROT_WRITE,\n"
"\t\t\t MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n"
"\t\tmunmap(p + 4096, 4096);\n"
"\t}\n"
"\tif (change && nchanges <= n)\n"
"\t\tmemcpy((struct kevent *)(p + 4096) - n, change,\n"
"\t\t       nchanges * sizeof(*change));\n"
"\treturn (struct kevent *)(p + 4096) - n;\n"
"}\n"
"\n"
"static int count_knotes(int kq)\n"
"{\n"
"\tchar path[64], line[256];\n"
"\tint n = 0;\n"
"\tFILE *f;\n"
"\n"
"\tsnprintf(path, sizeof(path), \"/proc/self/fdinfo/%d\", kq);\n"
"\tf = fopen(path, \"re\");\n"
"\twhile (f && fgets(line, sizeof(line), f))\n"
"\t\tn += !strncmp(line, \"knote:\", 6);\n"
"\tfclose(f);\n"
"\treturn n;\n"
"}\n"
"\n"
"int main(void)\n"
"{\n"
"\tstruct kevent *ev;\n"
"\tuint64_t value;\n"
"\n"
"\tsignal(SIGPIPE, SIG_IGN);\n";

void source_print(FILE *f, const struct call *calls,
		  const struct result *expected, int n)
{
	int i;

	fputs(head, f);
	for (i = 0; i < n; i++)
		print_call(f, &calls[i], &expected[i]);
	fputs("\tputs(\"all as it should be\");\n\treturn 0;\n}\n", f);
}

void source_result(FILE *f, const struct call *c, const struct result *r)
{
	print_return(f, r);
	if (c->kind == CALL_TAKE)
		fprintf(f, " %" PRIu64, r->value);
	fputc('\n', f);
	print_events(f, "\t", r->ev, r->n);
}
