// SPDX-License-Identifier: GPL-2.0
/*
 * EVFILT_TIMER.
 *
 * A machine may be slow, so no test says that something came soon.  They say
 * that nothing came earlier than asked, and how many expirations belong to a
 * time that was measured.
 */
#include "kselftest_harness.h"
#include "kq_test.h"

#define USEC	INT64_C(1000)
#define MSEC	INT64_C(1000000)
#define SEC	INT64_C(1000000000)
#define HOUR	(3600 * SEC)

static int add(int kq, uintptr_t ident, unsigned short flags,
	       unsigned int fflags, int64_t data)
{
	return kq_change(kq, ident, EVFILT_TIMER, EV_ADD | flags, fflags, data,
			 NULL);
}

static int change(int kq, uintptr_t ident, unsigned short flags)
{
	return kq_change(kq, ident, EVFILT_TIMER, flags, 0, 0, NULL);
}

/* Let time pass.  Only a clock can say when it has. */
static void let_pass(int64_t ns)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + ns;
	struct timespec ts = { .tv_sec = end / SEC, .tv_nsec = end % SEC };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

/*
 * The life of a periodic timer as the program can know it.  The timer was
 * started between before and after; the last event that was taken counted
 * up to some moment between asked and taken.
 */
struct span {
	int64_t before, after;
	int64_t asked, taken;
};

/* The most expirations that the time allows. */
static int64_t most(const struct span *s, int64_t period)
{
	return (s->taken - s->before) / period;
}

/* The fewest, one less than the time demands. */
static int64_t fewest(const struct span *s, int64_t period)
{
	return (s->asked - s->after) / period - 1;
}

/* Wait for one event, noting when. */
static int wait_span(int kq, struct kevent *ev, struct span *s)
{
	int n;

	s->asked = kq_now(CLOCK_MONOTONIC);
	n = kq_wait(kq, ev, 1);
	s->taken = kq_now(CLOCK_MONOTONIC);
	return n;
}

static int add_span(int kq, unsigned short flags, unsigned int unit,
		    int64_t data, struct span *s)
{
	int r;

	s->before = kq_now(CLOCK_MONOTONIC);
	r = add(kq, 1, flags, unit, data);
	s->after = kq_now(CLOCK_MONOTONIC);
	return r;
}

static const struct {
	unsigned int	fflags;
	int64_t		ns;
} units[] = {
	{ 0,			MSEC },
	{ NOTE_SECONDS,		SEC },
	{ NOTE_MSECONDS,	MSEC },
	{ NOTE_USECONDS,	USEC },
	{ NOTE_NSECONDS,	1 },
};

/* A time that takes a while in every unit: 50 ms, or the unit if longer. */
static int64_t a_while(unsigned int unit)
{
	return units[unit].ns > 50 * MSEC ? 1 : 50 * MSEC / units[unit].ns;
}

FIXTURE(timer) {
	int kq;
};

FIXTURE_SETUP(timer)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(timer)
{
	close(self->kq);
}

/*
 * data = interval.  Default milliseconds; SECONDS 1, MSECONDS 2, USECONDS 4,
 * NSECONDS 8.
 */
TEST_F(timer, units)
{
	struct kevent ev;
	int64_t start;
	unsigned int i;

	ASSERT_EQ(1, NOTE_SECONDS);
	ASSERT_EQ(2, NOTE_MSECONDS);
	ASSERT_EQ(4, NOTE_USECONDS);
	ASSERT_EQ(8, NOTE_NSECONDS);

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t data = a_while(i);

		start = kq_now(CLOCK_MONOTONIC);
		ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, units[i].fflags,
				 data));
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_LE(data * units[i].ns,
			  kq_now(CLOCK_MONOTONIC) - start);
		EXPECT_EQ(1, ev.data);
	}
}

/* Two units or any other bit: EINVAL. */
TEST_F(timer, bad_units)
{
	unsigned int a, b, bit;

	for (a = NOTE_SECONDS; a <= NOTE_NSECONDS; a <<= 1)
		for (b = a << 1; b <= NOTE_NSECONDS; b <<= 1) {
			EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, a | b, 1));
			EXPECT_EQ(-EINVAL, add(self->kq, 1, 0,
					       a | b | NOTE_ABSTIME, 1));
		}
	for (bit = NOTE_ABSTIME << 1; bit; bit <<= 1) {
		EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, bit, 1));
		EXPECT_EQ(-EINVAL, add(self->kq, 1, EV_ONESHOT,
				       bit | NOTE_SECONDS, 1));
	}
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
}

/* Negative EINVAL. */
TEST_F(timer, negative)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		unsigned int unit = units[i].fflags;

		EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, unit, -1));
		EXPECT_EQ(-EINVAL, add(self->kq, 1, EV_ONESHOT, unit, -1));
		EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, unit, INT64_MIN));
		EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, unit | NOTE_ABSTIME,
				       -1));
		EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, unit | NOTE_ABSTIME,
				       INT64_MIN));
	}
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
}

/*
 * Huge saturates.  The second value of each unit is a fraction of a second
 * once its nanoseconds are cut to 64 bits.
 */
TEST_F(timer, huge_saturates)
{
	static const struct {
		unsigned int unit;
		int64_t data;
	} huge[] = {
		{ 0, INT64_MAX },
		{ 0, INT64_C(18446744073710) },
		{ NOTE_SECONDS, INT64_MAX },
		{ NOTE_SECONDS, INT64_C(18446744074) },
		{ NOTE_MSECONDS, INT64_MAX },
		{ NOTE_MSECONDS, INT64_C(18446744073710) },
		{ NOTE_USECONDS, INT64_MAX },
		{ NOTE_USECONDS, INT64_C(18446744073709552) },
		{ NOTE_NSECONDS, INT64_MAX },
		{ NOTE_NSECONDS, INT64_MAX - 1 },
	};
	struct kevent ev[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		unsigned int unit = huge[i].unit;

		ASSERT_EQ(0, add(self->kq, 4 * i, 0, unit, huge[i].data));
		ASSERT_EQ(0, add(self->kq, 4 * i + 1, EV_ONESHOT, unit,
				 huge[i].data));
		ASSERT_EQ(0, add(self->kq, 4 * i + 2, 0, unit | NOTE_ABSTIME,
				 huge[i].data));
		ASSERT_EQ(0, add(self->kq, 4 * i + 3, EV_ONESHOT,
				 unit | NOTE_ABSTIME, huge[i].data));
	}
	ASSERT_EQ(0, add(self->kq, 1000, EV_ONESHOT, 0, 500));
	ASSERT_EQ(1, kq_wait(self->kq, ev, 4));
	EXPECT_EQ(1000U, ev[0].ident);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* Ident any number. */
TEST_F(timer, any_ident)
{
	static const uintptr_t idents[] = {
		0, 1, (uintptr_t)INT64_MAX, (uintptr_t)INT64_MIN, UINTPTR_MAX,
	};
	struct kevent ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		ASSERT_EQ(0, add(self->kq, idents[i], EV_ONESHOT,
				 NOTE_SECONDS, 3600));
	}
	for (i = 0; i < ARRAY_SIZE(idents); i++) {
		ASSERT_EQ(0, add(self->kq, idents[i], 0, 0, 0));
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_EQ(idents[i], ev.ident);
		EXPECT_EQ(EVFILT_TIMER, ev.filter);
		EXPECT_EQ(-ENOENT, change(self->kq, idents[i], EV_DELETE));
	}
}

/*
 * Periodic unless the first ADD said ONESHOT; CLEAR is set by the system;
 * fflags 0.
 */
TEST_F(timer, periodic)
{
	struct kevent ev;
	int i, mark;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD,
			       NOTE_USECONDS, 1000, &mark));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_EQ(1U, ev.ident);
		EXPECT_EQ(EVFILT_TIMER, ev.filter);
		EXPECT_EQ(EV_CLEAR, ev.flags);
		EXPECT_EQ(0U, ev.fflags);
		EXPECT_LE(1, ev.data);
		EXPECT_EQ(&mark, ev.udata);
	}
}

/* ONESHOT: delivered once, then gone. */
TEST_F(timer, oneshot_is_gone_after_delivery)
{
	long long callouts = kq_param("callouts");
	struct kevent ev;

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, 0, 1));
	EXPECT_EQ(callouts + 1, kq_param("callouts"));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
	EXPECT_EQ(0U, ev.fflags);
	EXPECT_EQ(1, ev.data);
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
	EXPECT_EQ(callouts, kq_param("callouts"));
}

/* A one-shot expires once, however late it is taken. */
TEST_F(timer, oneshot_taken_late_counts_one)
{
	struct kevent ev;

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, 0, 1));
	let_pass(20 * MSEC);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
}

/* Periodic unless the first ADD said ONESHOT: a later ADD does not decide. */
TEST_F(timer, first_add_decides_oneshot)
{
	struct kevent ev;

	ASSERT_EQ(0, add(self->kq, 1, 0, NOTE_SECONDS, 3600));
	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, 0, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, NOTE_SECONDS, 3600));
	ASSERT_EQ(0, add(self->kq, 1, 0, 0, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
}

/* Periodic 0 counts as 1 unit. */
TEST_F(timer, periodic_zero_is_one_unit)
{
	struct kevent ev;
	struct span s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		ASSERT_EQ(0, add_span(self->kq, 0, units[i].fflags, 0, &s));
		let_pass(20 * MSEC);
		ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
		EXPECT_LE(1, ev.data);
		EXPECT_GE(most(&s, units[i].ns), ev.data);
		EXPECT_LE(fewest(&s, units[i].ns), ev.data);
		ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));
	}
}

/* One-shot 0 fires at once. */
TEST_F(timer, oneshot_zero_at_once)
{
	static const struct timespec now;
	struct kevent kev, ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		EV_SET(&kev, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
		       units[i].fflags, 0, NULL);
		ASSERT_EQ(1, kevent(self->kq, &kev, 1, &ev, 1, &now));
		EXPECT_EQ(1U, ev.ident);
		EXPECT_EQ(1, ev.data);
		EXPECT_EQ(EV_ONESHOT | EV_CLEAR, ev.flags);
		EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
	}
}

/* ADD again of a one-shot 0 that is pending already: one event, no harm. */
TEST_F(timer, oneshot_zero_added_again)
{
	struct kevent ev[2];
	int i, failed = 0;

	for (i = 0; i < 1000; i++)
		failed += add(self->kq, 1, EV_ONESHOT, 0, 0) != 0;
	EXPECT_EQ(0, failed);
	ASSERT_EQ(1, kq_poll(self->kq, ev, 2));
	EXPECT_EQ(1, ev[0].data);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
}

/*
 * A past ABSTIME fires at once.  ABSTIME expires once, and without ONESHOT or
 * CLEAR every call returns it, data 1.
 */
TEST_F(timer, abstime_past_is_level)
{
	static const struct timespec now;
	struct kevent kev, ev;
	unsigned int i;
	int64_t past[2] = { 0 };
	int j, k;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		past[1] = kq_now(CLOCK_REALTIME) / units[i].ns;
		for (j = 0; j < 2; j++) {
			EV_SET(&kev, 1, EVFILT_TIMER, EV_ADD,
			       units[i].fflags | NOTE_ABSTIME, past[j], NULL);
			ASSERT_EQ(1, kevent(self->kq, &kev, 1, &ev, 1, &now));
			for (k = 0; k < 3; k++) {
				EXPECT_EQ(1U, ev.ident);
				EXPECT_EQ(0, ev.flags);
				EXPECT_EQ(0U, ev.fflags);
				EXPECT_EQ(1, ev.data);
				ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
			}
			ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));
		}
	}
}

/* ABSTIME with ONESHOT: once, then gone.  With CLEAR: once. */
TEST_F(timer, abstime_oneshot_and_clear)
{
	struct kevent ev;

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, NOTE_ABSTIME, 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_ONESHOT, ev.flags);
	EXPECT_EQ(1, ev.data);
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));

	ASSERT_EQ(0, add(self->kq, 1, EV_CLEAR, NOTE_ABSTIME, 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(EV_CLEAR, ev.flags);
	EXPECT_EQ(1, ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, change(self->kq, 1, EV_DELETE));
}

/* ABSTIME 0x10: since the epoch, in every unit. */
TEST_F(timer, abstime_future)
{
	struct kevent ev;
	unsigned int i;
	int64_t when;

	ASSERT_EQ(0x10, NOTE_ABSTIME);
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		when = kq_now(CLOCK_REALTIME) / units[i].ns + 1 + a_while(i);
		ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT,
				 units[i].fflags | NOTE_ABSTIME, when));
		ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
		EXPECT_LE(when * units[i].ns, kq_now(CLOCK_REALTIME));
		EXPECT_EQ(1, ev.data);
	}
}

/* data = expirations since the last delivery. */
TEST_F(timer, counts_expirations_since_delivery)
{
	struct kevent ev;
	struct span s;
	int64_t first;

	ASSERT_EQ(0, add_span(self->kq, 0, 0, 10, &s));
	let_pass(100 * MSEC);
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 10 * MSEC), ev.data);
	EXPECT_LE(fewest(&s, 10 * MSEC), ev.data);
	first = ev.data;

	let_pass(50 * MSEC);
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 10 * MSEC), first + ev.data);
	EXPECT_LE(fewest(&s, 10 * MSEC), first + ev.data);
}

/* No drift: many periods sum to the time that passed. */
TEST_F(timer, no_drift)
{
	struct kevent ev;
	int64_t sum = 0;
	struct span s;

	ASSERT_EQ(0, add_span(self->kq, 0, NOTE_USECONDS, 3000, &s));
	while (sum < 300) {
		ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
		sum += ev.data;
		ASSERT_GE(most(&s, 3 * MSEC), sum);
		ASSERT_LE(fewest(&s, 3 * MSEC), sum);
	}
}

/* A period of 1 ns: no storm, and the count is true. */
TEST_F(timer, period_of_one_nanosecond)
{
	struct kevent ev;
	int64_t sum = 0;
	struct span s;
	int i;

	ASSERT_EQ(0, add_span(self->kq, 0, NOTE_NSECONDS, 1, &s));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
		EXPECT_LE(1, ev.data);
		sum += ev.data;
		ASSERT_GE(most(&s, 1), sum);
		ASSERT_LE(fewest(&s, 1), sum);
	}
}

/* ADD again restarts with the new interval. */
TEST_F(timer, add_again_restarts)
{
	struct kevent ev;
	int64_t start;

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, 0, 200));
	let_pass(100 * MSEC);
	start = kq_now(CLOCK_MONOTONIC);
	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, 0, 200));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_LE(200 * MSEC, kq_now(CLOCK_MONOTONIC) - start);

	ASSERT_EQ(0, add(self->kq, 2, 0, NOTE_SECONDS, 3600));
	ASSERT_EQ(0, add(self->kq, 2, 0, 0, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	ASSERT_EQ(0, add(self->kq, 2, 0, NOTE_SECONDS, 3600));
	let_pass(20 * MSEC);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ADD again drops what was pending. */
TEST_F(timer, add_again_drops_pending)
{
	ASSERT_EQ(0, add(self->kq, 1, 0, 0, 1));
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(0, add(self->kq, 1, 0, NOTE_SECONDS, 3600));
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT, 0, 0));
	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT, NOTE_SECONDS, 3600));
	EXPECT_EQ(0, kq_pending(self->kq));

	ASSERT_EQ(0, add(self->kq, 3, 0, NOTE_ABSTIME, 1));
	ASSERT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(0, add(self->kq, 3, 0, NOTE_ABSTIME,
			 (kq_now(CLOCK_REALTIME) + HOUR) / MSEC));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ADD again leaves it disabled as it was, and drops what was collected. */
TEST_F(timer, add_again_while_disabled)
{
	struct kevent ev;
	struct span s;

	ASSERT_EQ(0, add(self->kq, 1, EV_DISABLE, NOTE_NSECONDS, 1));
	let_pass(10 * MSEC);
	ASSERT_EQ(0, add_span(self->kq, 0, 0, 1, &s));
	let_pass(20 * MSEC);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 1, EV_ENABLE));
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, MSEC), ev.data);
	EXPECT_LE(fewest(&s, MSEC), ev.data);
}

/* With bad values EINVAL, the timer untouched. */
TEST_F(timer, add_again_with_bad_values)
{
	struct kevent ev;
	int64_t start;

	ASSERT_EQ(0, add(self->kq, 1, 0, 0, 1));
	ASSERT_EQ(1, kq_readable(self->kq));
	EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, NOTE_SECONDS, -1));
	EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, NOTE_SECONDS | NOTE_MSECONDS,
			       3600));
	EXPECT_EQ(-EINVAL, add(self->kq, 1, 0, 0x20, 3600));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(1U, ev.ident);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));

	start = kq_now(CLOCK_MONOTONIC);
	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT, 0, 100));
	EXPECT_EQ(-EINVAL, add(self->kq, 2, EV_ONESHOT, 0, -1));
	EXPECT_EQ(-EINVAL, add(self->kq, 2, EV_ONESHOT, NOTE_SECONDS, -1));
	EXPECT_EQ(-EINVAL, add(self->kq, 2, EV_ONESHOT, 0x80000000, 0));
	EXPECT_EQ(0, kq_change(self->kq, 2, EVFILT_TIMER, EV_ENABLE, 0, 0,
			       NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(1, ev.data);
	EXPECT_LE(100 * MSEC, kq_now(CLOCK_MONOTONIC) - start);
}

/* ENABLE and DISABLE never restart it and it goes on counting. */
TEST_F(timer, counts_while_disabled)
{
	struct kevent ev;
	struct span s;

	ASSERT_EQ(0, add_span(self->kq, 0, 0, 10, &s));
	ASSERT_EQ(0, change(self->kq, 1, EV_DISABLE));
	let_pass(100 * MSEC);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 1, EV_ENABLE));
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 10 * MSEC), ev.data);
	EXPECT_LE(fewest(&s, 10 * MSEC), ev.data);
}

/* The same for one that was pending when it was disabled, and one added so. */
TEST_F(timer, disable_holds_back_pending)
{
	struct kevent ev;
	struct span s;

	ASSERT_EQ(0, add_span(self->kq, 0, 0, 5, &s));
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(0, change(self->kq, 1, EV_DISABLE));
	EXPECT_EQ(0, kq_pending(self->kq));
	let_pass(50 * MSEC);
	ASSERT_EQ(0, change(self->kq, 1, EV_ENABLE));
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 5 * MSEC), ev.data);
	EXPECT_LE(fewest(&s, 5 * MSEC), ev.data);
	ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));

	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT | EV_DISABLE, 0, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 2, EV_ENABLE));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(2U, ev.ident);
	EXPECT_EQ(1, ev.data);
}

/* ENABLE and DISABLE never restart it, were there one each moment. */
TEST_F(timer, enable_never_restarts)
{
	struct kevent ev;
	struct span s;

	ASSERT_EQ(0, add_span(self->kq, 0, 0, 50, &s));
	while (kq_now(CLOCK_MONOTONIC) < s.after + 300 * MSEC) {
		ASSERT_EQ(0, change(self->kq, 1, EV_DISABLE));
		ASSERT_EQ(0, change(self->kq, 1, EV_ENABLE));
	}
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 50 * MSEC), ev.data);
	EXPECT_LE(fewest(&s, 50 * MSEC), ev.data);
}

/* ENABLE carries no interval. */
TEST_F(timer, enable_keeps_interval)
{
	struct kevent ev;

	ASSERT_EQ(0, add(self->kq, 1, EV_DISABLE, 0, 1));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ENABLE,
			       NOTE_SECONDS, 3600, NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
}

/* DISPATCH: delivered once, then disabled; ENABLE delivers what it counted. */
TEST_F(timer, dispatch)
{
	struct kevent ev;
	struct span s;
	int64_t first;

	ASSERT_EQ(0, add_span(self->kq, EV_DISPATCH, 0, 5, &s));
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_EQ(EV_DISPATCH | EV_CLEAR, ev.flags);
	first = ev.data;
	let_pass(50 * MSEC);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, change(self->kq, 1, EV_ENABLE));
	ASSERT_EQ(1, wait_span(self->kq, &ev, &s));
	EXPECT_GE(most(&s, 5 * MSEC), first + ev.data);
	EXPECT_LE(fewest(&s, 5 * MSEC), first + ev.data);
}

/* DELETE discards what is pending. */
TEST_F(timer, delete_discards)
{
	ASSERT_EQ(0, add(self->kq, 1, 0, 0, 1));
	ASSERT_EQ(1, kq_readable(self->kq));
	ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, change(self->kq, 1, EV_DELETE));
}

/* Tests that step the system's clock, and put it right again. */
FIXTURE(clock) {
	int kq;
	int64_t real, mono;
};

static int set_clock(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / SEC, .tv_nsec = ns % SEC };

	return clock_settime(CLOCK_REALTIME, &ts);
}

FIXTURE_SETUP(clock)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->real = kq_now(CLOCK_REALTIME);
	self->mono = kq_now(CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(clock)
{
	set_clock(self->real + kq_now(CLOCK_MONOTONIC) - self->mono);
	close(self->kq);
}

/* ABSTIME follows clock steps; an interval does not. */
TEST_F(clock, abstime_follows_a_step_forward)
{
	struct kevent ev[2];

	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, NOTE_ABSTIME,
			 (self->real + HOUR) / MSEC));
	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT, NOTE_SECONDS, 3600));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_clock(self->real + 2 * HOUR));
	ASSERT_EQ(1, kq_wait(self->kq, ev, 2));
	EXPECT_EQ(1U, ev[0].ident);
	EXPECT_EQ(1, ev[0].data);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ABSTIME follows clock steps, backwards too. */
TEST_F(clock, abstime_follows_a_step_back)
{
	struct kevent ev[2];

	ASSERT_EQ(0, set_clock(self->real + HOUR));
	ASSERT_EQ(0, add(self->kq, 1, EV_ONESHOT, NOTE_ABSTIME,
			 (self->real + HOUR + 10 * SEC) / MSEC));
	ASSERT_EQ(0, add(self->kq, 2, EV_ONESHOT, 0, 300));
	ASSERT_EQ(0, set_clock(self->real));
	ASSERT_EQ(1, kq_wait(self->kq, ev, 2));
	EXPECT_EQ(2U, ev[0].ident);
	ASSERT_EQ(0, set_clock(self->real + 2 * HOUR));
	ASSERT_EQ(1, kq_wait(self->kq, ev, 2));
	EXPECT_EQ(1U, ev[0].ident);
}

/* Tests that change calloutmax, and restore it. */
FIXTURE(calloutmax) {
	int kq;
	long long saved, used;
};

FIXTURE_SETUP(calloutmax)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->saved = kq_param("calloutmax");
	ASSERT_LT(0, self->saved);
	self->used = kq_param("callouts");
	ASSERT_LE(0, self->used);
}

FIXTURE_TEARDOWN(calloutmax)
{
	kq_set_param("calloutmax", self->saved);
	close(self->kq);
}

/* More than the calloutmax parameter of timers: ENOMEM. */
TEST_F(calloutmax, enomem_beyond)
{
	struct kevent ev;
	int i;

	ASSERT_EQ(0, kq_set_param("calloutmax", self->used + 3));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, add(self->kq, i, 0, NOTE_SECONDS, 3600));
	EXPECT_EQ(-ENOMEM, add(self->kq, 3, 0, NOTE_SECONDS, 3600));
	EXPECT_EQ(-ENOMEM, add(self->kq, 3, EV_ONESHOT, 0, 0));
	EXPECT_EQ(-ENOENT, change(self->kq, 3, EV_DELETE));
	EXPECT_EQ(self->used + 3, kq_param("callouts"));

	/* Nothing else is harmed. */
	EXPECT_EQ(0, kq_add(self->kq, 3, EVFILT_USER, 0));
	ASSERT_EQ(0, add(self->kq, 0, 0, 0, 1));
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_EQ(0U, ev.ident);

	/* One gone, one more. */
	ASSERT_EQ(0, change(self->kq, 1, EV_DELETE));
	EXPECT_EQ(0, add(self->kq, 3, 0, NOTE_SECONDS, 3600));
	EXPECT_EQ(-ENOMEM, add(self->kq, 1, 0, NOTE_SECONDS, 3600));
}

/* A bad timer takes nothing from calloutmax. */
TEST_F(calloutmax, bad_values_take_nothing)
{
	int i;

	ASSERT_EQ(0, kq_set_param("calloutmax", self->used + 1));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EINVAL, add(self->kq, i, 0, 0, -1));
	EXPECT_EQ(self->used, kq_param("callouts"));
	EXPECT_EQ(0, add(self->kq, 1, 0, NOTE_SECONDS, 3600));
}

TEST_HARNESS_MAIN
