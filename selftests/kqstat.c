// SPDX-License-Identifier: GPL-2.0
/* kqstat, which shows queues and what they watch. */
#include "kselftest_harness.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kq_test.h"

#define NOBODY	65534

FIXTURE(kqstat) {
	int kq;
	int exe;		/* the program: another user may not find it */
};

FIXTURE_SETUP(kqstat)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

	ASSERT_LT(0, n);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/tools/kqstat");
	self->exe = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->exe);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(kqstat)
{
	close(self->kq);
	close(self->exe);
}

static char output[1 << 16];

/* Read all of a pipe into output. */
static void slurp(int fd)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, output + length,
			 sizeof(output) - 1 - length)) > 0)
		length += n;
	output[length] = '\0';
	close(fd);
}

/* Run it as a user, with up to three arguments.  Returns its status. */
static int run_as(uid_t uid, int exe, const char *a, const char *b,
		  const char *c)
{
	const char *const argv[] = { "kqstat", a, b, c, NULL };
	static const char *const env[] = { NULL };
	int p[2], status;
	pid_t pid;

	if (pipe(p))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(p[1], STDOUT_FILENO);
		dup2(p[1], STDERR_FILENO);
		close(p[0]);
		close(p[1]);
		if (!uid || !setuid(uid))
			fexecve(exe, (char **)argv, (char **)env);
		_exit(99);
	}
	close(p[1]);
	slurp(p[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int run(int exe, const char *a, const char *b, const char *c)
{
	return run_as(0, exe, a, b, c);
}

/* Its output on this process, by one option. */
static int run_self(int exe, const char *option)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "-p%d", getpid());
	return run(exe, pid, option, NULL);
}

/* Whether the output has this line, whole. */
static int has_line(const char *format, ...)
{
	char line[512], *at = output;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	while (at) {
		at += *at == '\n';
		if (!strncmp(at, line, n) && (at[n] == '\n' || !at[n]))
			return 1;
		at = strchr(at, '\n');
	}
	fprintf(stderr, "# not there: %s\n%s", line, output);
	return 0;
}

/* The line of a queue of this process; the process's name comes last. */
static int has_queue(int kq, int knotes, int pending, int disabled,
		     const char *waited, const char *name)
{
	return has_line("%7d %5d %6llu %7d %7d %8d %-11s %s", getpid(), kq,
			kq_queue_id(kq), knotes, pending, disabled, waited, name);
}

/* The line of a knote. */
static int has_knote(const char *filter, const char *state, const char *object,
		     const char *flags)
{
	return has_line(*flags ? "        EVFILT_%-8s %-8s %-24s %s" :
				 "        EVFILT_%-8s %-8s %s",
			filter, state, object, flags);
}

/* What a pipe is called. */
static const char *pipe_name(int fd)
{
	static char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "pipe:[%lu]",
		 fstat(fd, &st) ? 0 : (unsigned long)st.st_ino);
	return name;
}

/* A descriptor, as such a line has it. */
static const char *descriptor(int fd, const char *object)
{
	static char text[128];

	snprintf(text, sizeof(text), "%d %s", fd, object);
	return text;
}

static int lines(void)
{
	char *at;
	int n = 0;

	for (at = output; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* Names instead of numbers, for each filter. */
TEST_F(kqstat, names)
{
	int p[2], other = kqueue();

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, prctl(PR_SET_NAME, "server"));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, kq_add(self->kq, other, EVFILT_READ, 0));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER,
			       EV_ADD | EV_ONESHOT, NOTE_SECONDS, 3600, NULL));
	ASSERT_EQ(0, kq_add(self->kq, SIGUSR1, EVFILT_SIGNAL, 0));
	ASSERT_EQ(0, kq_change(self->kq, getpid(), EVFILT_PROC, EV_ADD,
			       NOTE_EXIT, 0, NULL));
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_FS, 0));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_NETDEV, EV_ADD,
			       NOTE_LINKDOWN, 0, NULL));
	ASSERT_EQ(0, run_self(self->exe, NULL));
	EXPECT_TRUE(has_queue(self->kq, 7, 0, 0, "-", "server"));
	EXPECT_TRUE(has_queue(other, 0, 0, 0, "poll", "server"));
	EXPECT_TRUE(has_knote("READ", "waiting",
			      descriptor(p[0], pipe_name(p[0])), "EV_CLEAR"));
	EXPECT_TRUE(has_knote("READ", "waiting",
			      descriptor(other, "/dev/kqueue"), ""));
	EXPECT_TRUE(has_knote("TIMER", "waiting", "1 ",
			      "EV_ONESHOT EV_CLEAR NOTE_SECONDS"));
	EXPECT_TRUE(has_knote("SIGNAL", "waiting", "10 SIGUSR1", "EV_CLEAR"));
	EXPECT_TRUE(has_knote("PROC", "waiting", descriptor(getpid(), "process"),
			      "EV_CLEAR NOTE_EXIT"));
	EXPECT_TRUE(has_knote("FS", "waiting", "mounts", "EV_CLEAR"));
	EXPECT_TRUE(has_knote("NETDEV", "waiting", "1 interface",
			      "EV_CLEAR NOTE_LINKDOWN"));
	EXPECT_EQ(10, lines());
	ASSERT_EQ(0, run_self(self->exe, "-q"));
	EXPECT_EQ(3, lines());
	close(other);
}

/* A line that is wide, of the knotes below. */
static int has_wide(const char *state, int udata, int ident)
{
	return has_line("        EVFILT_USER     %-8s %10d %#18x %-24d EV_CLEAR 0xabc",
			state, 0, udata, ident);
}

/* What is pending, disabled, waited on. */
TEST_F(kqstat, states)
{
	struct kq_waiter waiter = { .kq = self->kq };
	int i;

	for (i = 1; i <= 4; i++)
		ASSERT_EQ(0, kq_change(self->kq, i, EVFILT_USER, EV_ADD | EV_CLEAR,
				       NOTE_FFCOPY | 0xabc, i,
				       (void *)(uintptr_t)0x1234));
	ASSERT_EQ(0, kq_change(self->kq, 2, EVFILT_USER, EV_DISABLE, 0, 2,
			       (void *)(uintptr_t)0x1234));
	ASSERT_EQ(0, kq_change(self->kq, 3, EVFILT_USER, EV_DISABLE, 0, 3,
			       NULL));
	ASSERT_EQ(0, kq_waiter_start(&waiter));
	ASSERT_EQ(0, run_self(self->exe, "-q"));
	EXPECT_TRUE(has_queue(self->kq, 4, 0, 2, "kevent", "kqstat"));
	ASSERT_EQ(0, kq_trigger(self->kq, 4));
	ASSERT_EQ(1, kq_waiter_end(&waiter));

	ASSERT_EQ(0, kq_change(self->kq, 3, EVFILT_USER, EV_ENABLE,
			       NOTE_TRIGGER, 3, NULL));
	ASSERT_EQ(0, kq_change(self->kq, 3, EVFILT_USER, EV_DISABLE, 0, 3,
			       NULL));
	ASSERT_EQ(0, kq_trigger(self->kq, 4));
	ASSERT_EQ(0, run_self(self->exe, "-l"));
	EXPECT_TRUE(has_wide("waiting", 0x1234, 1));
	EXPECT_TRUE(has_wide("disabled", 0x1234, 2));
	EXPECT_TRUE(has_wide("held", 0, 3));
	EXPECT_TRUE(has_wide("pending", 0x1234, 4));
	EXPECT_TRUE(has_queue(self->kq, 4, 1, 2, "-", "kqstat"));
	/* Nobody has taken anything. */
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* Pass the output through jq, which must find it right.  Its status. */
static int ask(const char *program)
{
	char command[512];
	int in[2], out[2], status;
	pid_t pid;

	snprintf(command, sizeof(command), "jq -e -r '%s' 2>&1", program);
	if (pipe(in) || pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	if (write(in[1], output, strlen(output)) != (ssize_t)strlen(output))
		return -1;
	close(in[1]);
	slurp(out[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define KNOTE_JSON "{\"state\":\"pending\",\"flags\":[],\"fflags\":[\"NOTE_LOWAT\"],\"data\":4,\"udata\":\"0xffff\"}"

/* The same as JSON. */
TEST_F(kqstat, json)
{
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, write(p[1], "four", 4) != 4);
	ASSERT_EQ(0, kq_change(self->kq, p[0], EVFILT_READ, EV_ADD,
			       NOTE_LOWAT, 1, (void *)(uintptr_t)0xffff));
	ASSERT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, run_self(self->exe, "-j"));
	ASSERT_EQ(0, ask(".calloutmax > 0 and .knotes >= 1"));
	ASSERT_EQ(0, run_self(self->exe, "-j"));
	ASSERT_EQ(0, ask(".queues[0] | .pending == 1 and (.waited | not)"));
	ASSERT_EQ(0, run_self(self->exe, "-j"));
	ASSERT_EQ(0, ask(".queues[0].list[0] | [.filter, .ident, .object] | tojson"));
	EXPECT_TRUE(has_line("[\"EVFILT_READ\",%d,\"%s\"]", p[0],
			     pipe_name(p[0])));
	ASSERT_EQ(0, run_self(self->exe, "-j"));
	ASSERT_EQ(0, ask(".queues[0].list[0] | del(.filter, .ident, .object) | tojson"));
	EXPECT_TRUE(has_line("%s", KNOTE_JSON));
	ASSERT_EQ(0, run_self(self->exe, "-jq"));
	ASSERT_EQ(0, ask(".queues[0] | .command == \"kqstat\" and (has(\"list\") | not)"));
}

#define ODD_JSON "[\"a\\\"\\\\\\n\\u001b\xef\xbf\xbd\",\"/tmp/kqstat \\u001b[2J\\n\xc2\x9b\xef\xbf\xbd\xc3\xa4\"]"

/* Names that are made to speak to a terminal, or to break out of a string. */
TEST_F(kqstat, odd_names)
{
	static const char file[] = "/tmp/kqstat \033[2J\n\xc2\x9b\xff\xc3\xa4";
	int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	char *c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kq_change(self->kq, fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE,
			       0, NULL));
	ASSERT_EQ(0, prctl(PR_SET_NAME, "a\"\\\n\033\xc3"));
	ASSERT_EQ(0, run_self(self->exe, NULL));
	EXPECT_TRUE(has_queue(self->kq, 1, 0, 0, "-", "a\"\\???"));
	/* Columns are counted, not bytes. */
	EXPECT_TRUE(has_knote("VNODE", "waiting",
			      descriptor(fd, "/tmp/kqstat ?[2J???\xc3\xa4  "),
			      "NOTE_WRITE"));
	for (c = output; *c; c++)
		EXPECT_TRUE((unsigned char)*c >= 0x20 || *c == '\n');
	ASSERT_EQ(0, run_self(self->exe, "-j"));
	ASSERT_EQ(0, ask(".queues[0] | [.command, .list[0].object] | tojson"));
	EXPECT_TRUE(has_line(ODD_JSON));
	unlink(file);
	close(fd);
}

/* Without privileges: one's own, and no error for those of others. */
TEST_F(kqstat, unprivileged)
{
	char pid[16];
	int status, p[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	snprintf(pid, sizeof(pid), "-p%d", getpid());
	EXPECT_EQ(1, run_as(NOBODY, self->exe, pid, "-q", NULL));
	EXPECT_NE(NULL, strstr(output, "Permission denied\n"));
	EXPECT_EQ(NULL, strstr(output, "kqstat:  "));

	ASSERT_EQ(0, pipe(p));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int kq;

		close(p[1]);
		if (setuid(NOBODY) || prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		kq = kqueue();
		if (kq < 0 || kq_add(kq, 1, EVFILT_USER, 0))
			_exit(1);
		status = run_as(0, self->exe, NULL, NULL, NULL);
		_exit(status || lines() != 4 ||
		      !has_knote("USER", "waiting", "1 ", "") ||
		      !has_line("kqstat: processes of other users are not shown") ||
		      read(p[0], &byte, 1));
	}
	close(p[0]);
	close(p[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	/* A process that is not there any more. */
	snprintf(pid, sizeof(pid), "-p%d", child);
	EXPECT_EQ(1, run(self->exe, pid, NULL, NULL));
	EXPECT_NE(NULL, strstr(output, "No such process\n"));
}

static int stop;

/* Processes with queues, each of which ends at once. */
static void *processes(void *arg)
{
	int *failed = arg, kq, status;
	pid_t pid;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		pid = fork();
		if (!pid) {
			kq = kqueue();
			_exit(kq < 0 || kq_add(kq, 1, EVFILT_USER, 0));
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			++*failed;
	}
	return NULL;
}

/* Processes that vanish while it looks at them do no harm. */
TEST_F_TIMEOUT(kqstat, vanishing, 120)
{
	pthread_t thread;
	int i, failed = 0;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, processes, &failed));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, run(self->exe, "-q", NULL, NULL));
		EXPECT_TRUE(has_queue(self->kq, 1, 0, 0, "-", "kqstat"));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, failed);
}

/* Again and again; the busiest queue first. */
TEST_F(kqstat, watch)
{
	int other = kqueue();
	char *first, *next;

	ASSERT_EQ(0, kq_change(other, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0,
			       NULL));
	ASSERT_EQ(0, run(self->exe, "-wq", "-n2", "-d0.01"));
	EXPECT_LE(10, lines());
	first = strstr(output, " 1       1        0 ");
	next = strstr(output, " 0       0        0 ");
	ASSERT_NE(NULL, first);
	ASSERT_NE(NULL, next);
	EXPECT_LT(first, next);
	EXPECT_EQ(NULL, strchr(output, '\033'));
	close(other);
}

TEST_F(kqstat, options)
{
	EXPECT_EQ(0, run(self->exe, "-V", NULL, NULL));
	EXPECT_EQ(0, strncmp(output, "kqstat ", 7));
	EXPECT_EQ(1, lines());
	EXPECT_EQ(2, run(self->exe, "-x", NULL, NULL));
	EXPECT_EQ(2, run(self->exe, "-p", "self", NULL));
	EXPECT_EQ(2, run(self->exe, "-d", "-1", NULL));
	EXPECT_EQ(2, run(self->exe, "1", NULL, NULL));
}

TEST_HARNESS_MAIN
