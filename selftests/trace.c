// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints kqueue:* for register, activate, scan, drop: what they write, as
 * tracefs shows it, and that they may fire wherever events come from.
 */
#include "kselftest_harness.h"

#include <dirent.h>
#include <stdarg.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kq_test.h"

#define TRACING	"/sys/kernel/tracing"
#define LINES	64

/* An instance of the tracer, which keeps what happens to one queue. */
FIXTURE(trace) {
	char instance[64];
	unsigned long long id;
	int kq;
};

static int put(const char *dir, const char *name, const char *value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	return !f || fputs(value, f) < 0 || fclose(f) ? -errno : 0;
}

FIXTURE_SETUP(trace)
{
	char filter[64];

	snprintf(self->instance, sizeof(self->instance),
		 TRACING "/instances/kq-%d", getpid());
	if (mkdir(self->instance, 0700))
		SKIP(return, "no tracer in " TRACING);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->id = kq_queue_id(self->kq);
	ASSERT_NE(0ULL, self->id);
	snprintf(filter, sizeof(filter), "queue == %llu", self->id);
	ASSERT_EQ(0, put(self->instance, "events/kqueue/filter", filter));
	ASSERT_EQ(0, put(self->instance, "events/kqueue/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	close(self->kq);
	put(self->instance, "events/kqueue/enable", "0");
	rmdir(self->instance);
}

struct line {
	char text[256];
};

/*
 * What was written since the last time, without what comes ahead of the names
 * of the events.  Returns the number of lines.
 */
static int lines(const char *dir, struct line *line)
{
	char path[128], text[512], *event;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", dir);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (n < LINES && fgets(text, sizeof(text), f)) {
		event = strstr(text, ": kqueue_");
		if (text[0] == '#' || !event)
			continue;
		event[strcspn(event, "\n")] = '\0';
		snprintf(line[n].text, sizeof(line[n].text), "%s", event + 2);
		n++;
	}
	fclose(f);
	return put(dir, "trace", "") ?: n;
}

/* Whether a line is that event, with that behind the queue's number. */
static int is(const struct line *line, unsigned long long id,
	      const char *event, const char *format, ...)
{
	char rest[128], text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(rest, sizeof(rest), format, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "kqueue_%s: queue=%llu %s", event, id,
		 rest);
	if (!strcmp(line->text, text))
		return 1;
	fprintf(stderr, "# expected: %s\n# written: %s\n", text, line->text);
	return 0;
}

#define CHANGE "ident=%d filter=EVFILT_%s flags=%s fflags=0x%x data=%d udata=0x%x error=%d"
#define KNOTE  "ident=%d filter=EVFILT_%s flags=%s udata=0x%x status=%s"
#define EVENT  "ident=%d filter=EVFILT_%s flags=%s fflags=0x%x data=%d udata=0x%x"

/* How many lines are of an event. */
static int count(const struct line *line, int n, const char *event)
{
	int i, found = 0;

	for (i = 0; i < n; i++)
		found += !strncmp(line[i].text, event, strlen(event));
	return found;
}

/* There are the four events, and no others. */
TEST_F(trace, events)
{
	static const char *const names[] = {
		"kqueue_activate", "kqueue_drop", "kqueue_register",
		"kqueue_scan",
	};
	struct dirent *d;
	unsigned int i;
	int found = 0;
	DIR *dir;

	dir = opendir(TRACING "/events/kqueue");
	ASSERT_NE(NULL, dir);
	while ((d = readdir(dir))) {
		if (strncmp(d->d_name, "kqueue_", 7))
			continue;
		for (i = 0; i < ARRAY_SIZE(names); i++)
			found += !strcmp(d->d_name, names[i]);
		EXPECT_NE('\0', d->d_name[7]);
	}
	closedir(dir);
	EXPECT_EQ(4, found);
}

/* The way of a knote: each event once, in order, with what belongs to it. */
TEST_F(trace, life)
{
	struct line line[LINES];
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 7, EVFILT_USER,
			       EV_ADD | EV_CLEAR, NOTE_FFCOPY | 5, 9,
			       (void *)0x1234));
	ASSERT_EQ(1, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "register", CHANGE, 7, "USER",
		       "EV_ADD|EV_CLEAR", 0xc0000005, 9, 0x1234, 0));

	ASSERT_EQ(0, kq_change(self->kq, 7, EVFILT_USER, EV_KEEPUDATA,
			       NOTE_TRIGGER | NOTE_FFCOPY | 6, -1, NULL));
	ASSERT_EQ(2, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "activate", KNOTE, 7, "USER",
		       "EV_CLEAR", 0x1234, "active,queued"));
	EXPECT_EQ(1, count(line, 2, "kqueue_register"));

	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	ASSERT_EQ(1, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "scan", EVENT, 7, "USER", "EV_CLEAR",
		       0x6, -1, 0x1234));

	ASSERT_EQ(0, kq_change(self->kq, 7, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	ASSERT_EQ(2, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "drop", KNOTE, 7, "USER", "EV_CLEAR",
		       0x1234, ""));
	EXPECT_TRUE(is(&line[1], self->id, "register", CHANGE, 7, "USER",
		       "EV_DELETE", 0, 0, 0, 0));
}

/* A change that fails is written too, with its error. */
TEST_F(trace, failed_change)
{
	struct line line[LINES];

	EXPECT_EQ(-EINVAL, kq_add(self->kq, 1, EVFILT_USER,
				  EV_ENABLE | EV_DISABLE));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, 1, EVFILT_SIGNAL, EV_ENABLE, 0,
				     0, NULL));
	EXPECT_EQ(-EBADF, kq_add(self->kq, 1 << 20, EVFILT_READ, 0));
	ASSERT_EQ(3, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "register", CHANGE, 1, "USER",
		       "EV_ADD|EV_ENABLE|EV_DISABLE", 0, 0, 0, -EINVAL));
	EXPECT_TRUE(is(&line[1], self->id, "register", CHANGE, 1, "SIGNAL",
		       "EV_ENABLE", 0, 0, 0, -ENOENT));
	EXPECT_TRUE(is(&line[2], self->id, "register", CHANGE, 1048576, "READ",
		       "EV_ADD", 0, 0, 0, -EBADF));
}

/* Each event that is delivered; activate only when there was none before. */
TEST_F(trace, level_triggered)
{
	struct line line[LINES];
	int i, n, p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, write(p[1], "x", 1));
		ASSERT_EQ(1, kq_pending(self->kq));
	}
	n = lines(self->instance, line);
	EXPECT_EQ(5, n);
	EXPECT_EQ(1, count(line, n, "kqueue_activate"));
	EXPECT_EQ(3, count(line, n, "kqueue_scan"));
	EXPECT_TRUE(is(&line[4], self->id, "scan", EVENT, p[0], "READ", "", 0, 3, 0));

	/* A close drops it, and says what it was then. */
	close(p[0]);
	ASSERT_EQ(1, lines(self->instance, line));
	EXPECT_TRUE(is(&line[0], self->id, "drop", KNOTE, p[0], "READ", "", 0,
		       "active,queued"));
	close(p[1]);
}

/* Nothing is written of what is not enabled. */
TEST_F(trace, off)
{
	struct line line[LINES];

	ASSERT_EQ(0, put(self->instance, "events/kqueue/enable", "0"));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, kq_pending(self->kq));
	EXPECT_EQ(0, lines(self->instance, line));
	ASSERT_EQ(0, put(self->instance, "events/kqueue/kqueue_scan/enable",
			 "1"));
	ASSERT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	EXPECT_EQ(1, lines(self->instance, line));
	EXPECT_EQ(1, count(line, 1, "kqueue_scan"));
}

/*
 * From wherever events come: a timer's interrupt, a signal's sending with its
 * locks held, fork and the end of a process, a file, a worker.
 */
TEST_F(trace, all_sources)
{
	struct line line[LINES];
	struct kevent ev[8];
	int n, taken = 0, status, p[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(p));
	signal(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
			       NOTE_USECONDS, 1, NULL));
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(p[1]);
		status = read(p[0], &ev, 1);
		kill(getppid(), SIGUSR1);
		_exit(status);
	}
	close(p[0]);
	ASSERT_EQ(0, kq_change(self->kq, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT,
			       0, NULL));
	ASSERT_EQ(0, kq_add(self->kq, p[1], EVFILT_WRITE, EV_ONESHOT));
	close(p[1]);
	while (taken < 3) {
		n = kq_wait(self->kq, ev, 8);
		ASSERT_LT(0, n);
		taken += n;
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	n = lines(self->instance, line);
	EXPECT_EQ(4, count(line, n, "kqueue_register"));
	EXPECT_EQ(4, count(line, n, "kqueue_activate"));
	EXPECT_EQ(3, count(line, n, "kqueue_scan"));
	/* The timer, the process, and the pipe's end that was closed. */
	EXPECT_EQ(3, count(line, n, "kqueue_drop"));
}

static int stop;

/* A queue that is all the time used, in all ways. */
static void *use(void *arg)
{
	struct kevent ev[4];
	int *failed = arg;
	int kq, p[2];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		kq = kqueue();
		if (kq < 0 || pipe(p) || write(p[1], "x", 1) != 1 ||
		    kq_add(kq, p[0], EVFILT_READ, EV_CLEAR) ||
		    kq_change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 100,
			      NULL) ||
		    kq_wait(kq, ev, 4) < 1)
			++*failed;
		close(p[0]);
		close(p[1]);
		close(kq);
	}
	return NULL;
}

/* They may be switched on and off at any time. */
TEST_F_TIMEOUT(trace, on_and_off, 60)
{
	int i, failed[2] = { 0 };
	pthread_t thread[2];

	ASSERT_EQ(0, put(self->instance, "events/kqueue/filter", "0"));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, use, &failed[i]));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, put(self->instance, "events/kqueue/enable",
				 i & 1 ? "1" : "0"));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, failed[i]);
	}
	EXPECT_LT(0, lines(self->instance, (struct line[LINES]){ 0 }));
}

TEST_HARNESS_MAIN
