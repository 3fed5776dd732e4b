// SPDX-License-Identifier: GPL-2.0
/* Many threads in kevent() on one queue: each event is handed to one of them. */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/eventfd.h>
#include "kq_test.h"

#define THREADS_MAX	8
#define EVENTS		1200
#define STOP		UINTPTR_MAX
#define SEC		INT64_C(1000000000)

#define get(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define put(p, v)	__atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define add(p, v)	__atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)

FIXTURE(threads) {
	int kq;
	int n;
	pthread_t thread[THREADS_MAX];
	pid_t tid[THREADS_MAX];
	int taken[EVENTS];	/* how often each ident was delivered */
	int total;
	int wrong;		/* what should never be seen */
};

FIXTURE_VARIANT(threads) {
	int n;
};

FIXTURE_VARIANT_ADD(threads, two) { .n = 2 };
FIXTURE_VARIANT_ADD(threads, eight) { .n = THREADS_MAX };

/* A level-triggered event tells every thread to end. */
FIXTURE_SETUP(threads)
{
	self->n = variant->n;
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_add(self->kq, STOP, EVFILT_USER, 0));
}

FIXTURE_TEARDOWN(threads)
{
	close(self->kq);
}

typedef FIXTURE_DATA(threads) shared;

/* Hand out a number to each thread, by which it finds its own things. */
static int enter(shared *s)
{
	static int entered;
	int me = add(&entered, 1) - 1;

	put(&s->tid[me], syscall(SYS_gettid));
	return me;
}

static int start(shared *s, void *(*run)(void *))
{
	int i;

	for (i = 0; i < s->n; i++)
		if (pthread_create(&s->thread[i], NULL, run, s))
			return -1;
	return 0;
}

static int all_asleep(shared *s)
{
	int i;

	for (i = 0; i < s->n; i++) {
		while (!get(&s->tid[i]))
			sched_yield();
		if (kq_until_in_kevent(s->tid[i]))
			return -1;
	}
	return 0;
}

/* Wait until the total has come to n.  0 when it has. */
static int until_total(shared *s, int n)
{
	int64_t end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * SEC;

	while (get(&s->total) < n) {
		if (kq_now(CLOCK_MONOTONIC) > end)
			return -1;
		sched_yield();
	}
	return 0;
}

static void join(shared *s)
{
	int i;

	for (i = 0; i < s->n; i++)
		pthread_join(s->thread[i], NULL);
}

static void stop(shared *s)
{
	kq_trigger(s->kq, STOP);
	join(s);
}

/* How many idents were not delivered exactly once. */
static int not_once(const shared *s)
{
	int i, n = 0;

	for (i = 0; i < EVENTS; i++)
		n += s->taken[i] != 1;
	return n;
}

/* Take events until told to end, counting them. */
static void *take(void *arg)
{
	struct kevent ev[8];
	shared *s = arg;
	int room = 1 + enter(s) % 8, n, i;

	for (;;) {
		n = kevent(s->kq, NULL, 0, ev, room, NULL);
		if (n <= 0) {
			add(&s->wrong, 1);
			return NULL;
		}
		for (i = 0; i < n; i++) {
			if (ev[i].ident == STOP)
				return NULL;
			add(&s->taken[ev[i].ident], 1);
			add(&s->total, 1);
		}
	}
}

/* Each event is delivered exactly once: CLEAR. */
TEST_F_TIMEOUT(threads, clear_once_each, 300)
{
	int i;

	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(0, kq_add(self->kq, i, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, start(self, take));
	ASSERT_EQ(0, all_asleep(self));
	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(0, kq_trigger(self->kq, i));
	EXPECT_EQ(0, until_total(self, EVENTS));
	stop(self);
	EXPECT_EQ(EVENTS, self->total);
	EXPECT_EQ(0, self->wrong);
	EXPECT_EQ(0, not_once(self));
}

/* Each event is delivered exactly once: ONESHOT, all made ready in one call. */
TEST_F_TIMEOUT(threads, oneshot_once_each, 300)
{
	struct kevent *kev = calloc(EVENTS, sizeof(*kev));
	int i;

	for (i = 0; i < EVENTS; i++)
		EV_SET(&kev[i], i, EVFILT_USER, EV_ADD | EV_ONESHOT,
		       NOTE_TRIGGER, 0, NULL);
	ASSERT_EQ(0, start(self, take));
	ASSERT_EQ(0, all_asleep(self));
	ASSERT_EQ(0, kevent(self->kq, kev, EVENTS, NULL, 0, NULL));
	EXPECT_EQ(0, until_total(self, EVENTS));
	stop(self);
	EXPECT_EQ(EVENTS, self->total);
	EXPECT_EQ(0, self->wrong);
	EXPECT_EQ(0, not_once(self));
}

/* Events that were there before the threads came. */
TEST_F_TIMEOUT(threads, pending_once_each, 300)
{
	int i;

	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(0, kq_change(self->kq, i, EVFILT_USER,
				       EV_ADD | EV_DISPATCH, NOTE_TRIGGER, 0,
				       NULL));
	ASSERT_EQ(0, start(self, take));
	EXPECT_EQ(0, until_total(self, EVENTS));
	stop(self);
	EXPECT_EQ(EVENTS, self->total);
	EXPECT_EQ(0, self->wrong);
	EXPECT_EQ(0, not_once(self));
}

/*
 * Descriptors, whose ->poll is asked: pipes with DISPATCH, disabled from the
 * start, or the first write would give an event before it is enabled.
 */
TEST_F_TIMEOUT(threads, pipes_once_each, 300)
{
	enum { PIPES = 20, ROUNDS = 20 };
	int p[PIPES][2], i, round, n = 0;

	for (i = 0; i < PIPES; i++) {
		ASSERT_EQ(0, pipe(p[i]));
		ASSERT_EQ(0, kq_add(self->kq, p[i][0], EVFILT_READ,
				    EV_DISPATCH | EV_DISABLE));
	}
	ASSERT_EQ(0, start(self, take));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < PIPES; i++) {
			ASSERT_EQ(1, write(p[i][1], "x", 1));
			ASSERT_EQ(0, kq_change(self->kq, p[i][0], EVFILT_READ,
					       EV_ENABLE, 0, 0, NULL));
		}
		n += PIPES;
		ASSERT_EQ(0, until_total(self, n));
	}
	stop(self);
	EXPECT_EQ(n, self->total);
	for (i = 0; i < PIPES; i++)
		EXPECT_EQ(ROUNDS, self->taken[p[i][0]]);
}

/* Take one event and end. */
static void *take_one(void *arg)
{
	shared *s = arg;
	struct kevent ev;

	enter(s);
	if (kevent(s->kq, NULL, 0, &ev, 1, NULL) != 1 || ev.ident >= EVENTS)
		add(&s->wrong, 1);
	else
		add(&s->taken[ev.ident], 1);
	return NULL;
}

/* As many sleepers are woken as there are events. */
TEST_F(threads, one_event_a_sleeper)
{
	struct kevent kev[THREADS_MAX];
	int i;

	for (i = 0; i < self->n; i++) {
		EV_SET(&kev[i], i, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
		ASSERT_EQ(0, kq_add(self->kq, i, EVFILT_USER, EV_CLEAR));
	}
	ASSERT_EQ(0, start(self, take_one));
	ASSERT_EQ(0, all_asleep(self));
	ASSERT_EQ(0, kevent(self->kq, kev, self->n, NULL, 0, NULL));
	join(self);
	EXPECT_EQ(0, self->wrong);
	for (i = 0; i < self->n; i++)
		EXPECT_EQ(1, self->taken[i]);
}

/* One event wakes one sleeper; the others sleep on. */
TEST_F(threads, one_event_one_thread)
{
	int i;

	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, kq_add(self->kq, i, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, start(self, take_one));
	ASSERT_EQ(0, all_asleep(self));
	for (i = 0; i < self->n; i++) {
		int64_t end = kq_now(CLOCK_MONOTONIC) + KQ_PATIENCE * SEC;

		ASSERT_EQ(0, kq_trigger(self->kq, i));
		while (!get(&self->taken[i]) &&
		       kq_now(CLOCK_MONOTONIC) < end)
			sched_yield();
		ASSERT_EQ(1, get(&self->taken[i]));
	}
	join(self);
	EXPECT_EQ(0, self->wrong);
}

/* A level-triggered event is handed to all, one after the other. */
TEST_F(threads, level_wakes_everybody)
{
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_USER, 0));
	ASSERT_EQ(0, start(self, take_one));
	ASSERT_EQ(0, all_asleep(self));
	ASSERT_EQ(0, kq_trigger(self->kq, 0));
	join(self);
	EXPECT_EQ(0, self->wrong);
	EXPECT_EQ(self->n, self->taken[0]);
}

static void nothing(int sig)
{
	(void)sig;
}

/* Like take(), but signals are part of its life. */
static void *take_with_signals(void *arg)
{
	shared *s = arg;
	struct kevent ev;
	int n;

	enter(s);
	for (;;) {
		n = kevent(s->kq, NULL, 0, &ev, 1, NULL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1)
			add(&s->wrong, 1);
		if (n != 1 || ev.ident == STOP)
			return NULL;
		add(&s->total, 1);
	}
}

/* Look at it again and again, counting the calls that do not find it. */
static void *poll_often(void *arg)
{
	struct kevent ev;
	shared *s = arg;
	int i;

	for (i = 0; i < 5000; i++)
		if (kq_poll(s->kq, &ev, 1) != 1)
			add(&s->wrong, 1);
	return NULL;
}

/*
 * {0,0} polls: a level-triggered event is found by every call, also while another
 * thread is being handed it.
 */
TEST_F_TIMEOUT(threads, level_is_seen_by_every_call, 300)
{
	int fd[2];

	ASSERT_EQ(0, pipe2(fd, O_CLOEXEC));
	ASSERT_EQ(1, write(fd[1], "x", 1));
	ASSERT_EQ(0, kq_add(self->kq, fd[0], EVFILT_READ, 0));
	ASSERT_EQ(0, start(self, poll_often));
	join(self);
	EXPECT_EQ(0, self->wrong);
	ASSERT_EQ(0, close(fd[0]));
	ASSERT_EQ(0, kq_trigger(self->kq, STOP));
	self->wrong = 0;
	ASSERT_EQ(0, start(self, poll_often));
	join(self);
	EXPECT_EQ(0, self->wrong);
}

/*
 * A sleeper that was woken for an event and leaves with EINTR has handed the
 * event on: none stays with nobody to take it.
 */
TEST_F_TIMEOUT(threads, signals_lose_nothing, 300)
{
	struct sigaction sa = { .sa_handler = nothing };
	enum { ROUNDS = 300 };
	int i;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, start(self, take_with_signals));
	ASSERT_EQ(0, all_asleep(self));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, pthread_kill(self->thread[i % self->n], SIGUSR1));
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		ASSERT_EQ(0, pthread_kill(self->thread[(i + 1) % self->n],
					  SIGUSR1));
		ASSERT_EQ(0, until_total(self, i + 1));
	}
	stop(self);
	EXPECT_EQ(ROUNDS, self->total);
	EXPECT_EQ(0, self->wrong);
}

/* Sleep for a moment only, again and again. */
static void *take_with_timeouts(void *arg)
{
	static const struct timespec brief = { .tv_nsec = 100000 };
	shared *s = arg;
	struct kevent ev;
	int n;

	enter(s);
	for (;;) {
		n = kevent(s->kq, NULL, 0, &ev, 1, &brief);
		if (n < 0)
			add(&s->wrong, 1);
		if (n < 1)
			continue;
		if (ev.ident == STOP)
			return NULL;
		add(&s->total, 1);
	}
}

/* The same for a sleeper whose time is up. */
TEST_F_TIMEOUT(threads, timeouts_lose_nothing, 300)
{
	enum { ROUNDS = 300 };
	int i;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, start(self, take_with_timeouts));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, kq_trigger(self->kq, 1));
		ASSERT_EQ(0, until_total(self, i + 1));
	}
	stop(self);
	EXPECT_EQ(ROUNDS, self->total);
	EXPECT_EQ(0, self->wrong);
}

#define OBJECTS	4

static int object[OBJECTS], busy[OBJECTS];

/* Serve an eventfd while nobody else does, then have it watched again. */
static void *serve(void *arg)
{
	shared *s = arg;
	struct kevent ev;
	uint64_t n;

	enter(s);
	for (;;) {
		if (kevent(s->kq, NULL, 0, &ev, 1, NULL) != 1) {
			add(&s->wrong, 1);
			return NULL;
		}
		if (ev.ident == STOP)
			return NULL;
		if (add(&busy[(uintptr_t)ev.udata], 1) != 1)
			add(&s->wrong, 1);
		if (read(ev.ident, &n, sizeof(n)) == sizeof(n))
			add(&s->total, (int)n);
		add(&busy[(uintptr_t)ev.udata], -1);
		kq_change(s->kq, ev.ident, EVFILT_READ,
			  EV_ENABLE | EV_KEEPUDATA, 0, 0, NULL);
	}
}

/* DISPATCH: whoever was handed a descriptor has it alone until ENABLE. */
TEST_F_TIMEOUT(threads, dispatch_hands_out_alone, 300)
{
	enum { ROUNDS = 1000 };
	uintptr_t i;

	for (i = 0; i < OBJECTS; i++) {
		object[i] = eventfd(0, EFD_NONBLOCK);
		ASSERT_LE(0, object[i]);
		ASSERT_EQ(0, kq_change(self->kq, object[i], EVFILT_READ,
				       EV_ADD | EV_DISPATCH, 0, 0, (void *)i));
	}
	ASSERT_EQ(0, start(self, serve));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, eventfd_write(object[i % OBJECTS], 1));
	EXPECT_EQ(0, until_total(self, ROUNDS));
	stop(self);
	EXPECT_EQ(ROUNDS, self->total);
	EXPECT_EQ(0, self->wrong);
}

/*
 * What each thread of delete_is_final has: the buffer that the kernel writes
 * to, the last event that came back, and how many calls it has ended.
 */
static struct {
	struct kevent ev;
	uintptr_t got;
	unsigned int calls;
} view[THREADS_MAX];
static int finish;

static void *look(void *arg)
{
	static const struct timespec now;
	shared *s = arg;
	int me = enter(s);

	while (!get(&finish)) {
		put(&view[me].ev.udata, NULL);
		if (kevent(s->kq, NULL, 0, &view[me].ev, 1, &now) == 1)
			put(&view[me].got, (uintptr_t)get(&view[me].ev.udata));
		add(&view[me].calls, 1);
	}
	return NULL;
}

/* Has a thread the event of this round, or is it in a buffer? */
static int handed_out(int n, uintptr_t round)
{
	int i, found = 0;

	/* In this order: the buffer is cleared after got was set. */
	for (i = 0; i < n; i++) {
		found |= (uintptr_t)get(&view[i].ev.udata) == round;
		found |= get(&view[i].got) == round;
	}
	return found;
}

/* Every thread has begun and ended a call since. */
static void another_call(int n)
{
	unsigned int seen[THREADS_MAX];
	int i;

	for (i = 0; i < n; i++)
		seen[i] = get(&view[i].calls);
	for (i = 0; i < n; i++)
		while (get(&view[i].calls) - seen[i] < 2)
			sched_yield();
}

/* DELETE discards it, and no thread is handed it afterwards. */
TEST_F_TIMEOUT(threads, delete_is_final, 300)
{
	enum { ROUNDS = 100 };
	uintptr_t round;
	int late = 0;

	finish = 0;
	ASSERT_EQ(0, start(self, look));
	for (round = 1; round <= ROUNDS; round++) {
		int before;

		ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER,
				       EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0,
				       (void *)round));
		ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0,
				       0, NULL));
		before = handed_out(self->n, round);
		another_call(self->n);
		late += handed_out(self->n, round) && !before;
	}
	put(&finish, 1);
	join(self);
	EXPECT_EQ(0, late);
}

/* Change knotes that the other threads change as well. */
static void *churn(void *arg)
{
	static const unsigned short action[] = {
		EV_ADD | EV_CLEAR, EV_DISABLE, EV_ENABLE, EV_DELETE,
		EV_ADD | EV_ONESHOT, EV_FORCEONESHOT, EV_ADD | EV_DELETE,
	};
	static const struct timespec now;
	shared *s = arg;
	unsigned int seed = enter(s) + 1;
	struct kevent ev[4];
	int i, r;

	for (i = 0; i < 1500; i++) {
		r = kq_change(s->kq, rand_r(&seed) % 4, EVFILT_USER,
			      action[rand_r(&seed) % ARRAY_SIZE(action)],
			      NOTE_TRIGGER, 0, NULL);
		if (r && r != -ENOENT)
			add(&s->wrong, 1);
		r = kevent(s->kq, NULL, 0, ev, 4, &now);
		if (r < 0 || r > 4)
			add(&s->wrong, 1);
	}
	return NULL;
}

/* Threads that change the same knotes get 0 or ENOENT, and nothing is left. */
TEST_F_TIMEOUT(threads, changes_from_all_sides, 300)
{
	int i;

	ASSERT_EQ(0, start(self, churn));
	join(self);
	EXPECT_EQ(0, self->wrong);
	for (i = 0; i < 4; i++)
		kq_change(self->kq, i, EVFILT_USER, EV_DELETE, 0, 0, NULL);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_USER, 0));
	ASSERT_EQ(0, kq_trigger(self->kq, 0));
	EXPECT_EQ(1, kq_pending(self->kq));
}

/* Use a queue while another thread closes it and makes a new one. */
static void *use(void *arg)
{
	static const struct timespec now;
	struct kevent kev[2], ev[2];
	shared *s = arg;
	int r;

	enter(s);
	EV_SET(&kev[0], 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0,
	       NULL);
	EV_SET(&kev[1], 2, EVFILT_TIMER, EV_ADD, 0, 1, NULL);
	while (!get(&finish)) {
		r = kevent(get(&s->kq), kev, 2, ev, 2, &now);
		if (r < 0 && errno != EBADF)
			add(&s->wrong, 1);
		add(&s->total, 1);
	}
	return NULL;
}

/* Close, and other calls at that moment: they succeed or say EBADF. */
TEST_F_TIMEOUT(threads, close_under_calls, 300)
{
	long long knotes = kq_param("knotes"), callouts = kq_param("callouts");
	int i;

	ASSERT_LE(0, knotes);
	finish = 0;
	ASSERT_EQ(0, start(self, use));
	for (i = 0; i < 150; i++) {
		ASSERT_EQ(0, until_total(self, 4 * i));
		close(self->kq);
		self->kq = kqueue();
		ASSERT_LE(0, self->kq);
	}
	put(&finish, 1);
	join(self);
	EXPECT_EQ(0, self->wrong);
	close(self->kq);
	EXPECT_EQ(knotes - 1, kq_param("knotes"));
	EXPECT_EQ(callouts, kq_param("callouts"));
}

TEST_HARNESS_MAIN
