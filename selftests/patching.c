// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints that SIGNAL and PROC hang on are armed once: nobody makes the
 * kernel patch its text in a loop.  The function tracer sees all that patches.
 */
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kq_test.h"

#define TRACING	"/sys/kernel/tracing"

/* An instance of the tracer, for this process alone. */
FIXTURE(patching) {
	char instance[64];
};

static int put(const char *dir, const char *name, const char *value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	return !f || fputs(value, f) < 0 || fclose(f) ? -errno : 0;
}

/* How often text was patched since the last time. */
static int patches(const char *dir)
{
	char path[128], line[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", dir);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		n += line[0] != '#';
	fclose(f);
	return put(dir, "trace", "") ?: n;
}

FIXTURE_SETUP(patching)
{
	char pid[16];

	snprintf(self->instance, sizeof(self->instance),
		 TRACING "/instances/kq-%d", getpid());
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (mkdir(self->instance, 0700))
		SKIP(return, "no tracer in " TRACING);
	ASSERT_EQ(0, put(self->instance, "set_ftrace_filter", "*text_poke*"));
	ASSERT_EQ(0, put(self->instance, "set_ftrace_pid", pid));
	ASSERT_EQ(0, put(self->instance, "current_tracer", "function"));
	ASSERT_LE(0, patches(self->instance));
}

FIXTURE_TEARDOWN(patching)
{
	put(self->instance, "current_tracer", "nop");
	rmdir(self->instance);
}

static int add_and_delete(int kq, uintptr_t ident, short filter,
			  unsigned int notes)
{
	return kq_change(kq, ident, filter, EV_ADD, notes, 0, NULL) ?:
	       kq_change(kq, ident, filter, EV_DELETE, 0, 0, NULL);
}

/* A knote of each of these, which by then no other process has. */
static int use_all(void)
{
	static const unsigned int notes[] = {
		NOTE_EXIT, NOTE_FORK, NOTE_EXEC, NOTE_TRACK,
	};
	int i, kq = kqueue(), error;

	error = add_and_delete(kq, SIGUSR1, EVFILT_SIGNAL, 0);
	for (i = 0; i < 4 && !error; i++)
		error = add_and_delete(kq, getpid(), EVFILT_PROC, notes[i]);
	close(kq);
	return error;
}

/* What the tracer would show. */
TEST_F(patching, the_tracer_sees_it)
{
	ASSERT_EQ(0, put(TRACING, "events/signal/signal_deliver/enable", "1"));
	EXPECT_LT(0, patches(self->instance));
	ASSERT_EQ(0, put(TRACING, "events/signal/signal_deliver/enable", "0"));
	EXPECT_LT(0, patches(self->instance));
}

/* Once each has been used an unprivileged loop patches nothing. */
TEST_F(patching, an_unprivileged_loop_patches_nothing)
{
	int i, failed = 0;

	ASSERT_EQ(0, use_all());
	ASSERT_LE(0, patches(self->instance));
	ASSERT_EQ(0, seteuid(65534));
	for (i = 0; i < 100; i++)
		failed += use_all() != 0;
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(0, patches(self->instance));
}

TEST_HARNESS_MAIN
