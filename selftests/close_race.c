// SPDX-License-Identifier: GPL-2.0
/*
 * EV_ADD against close of the same number in another thread.  KQ_ROUNDS sets
 * the number of rounds, by default a million.
 *
 * The two threads hand each other the turn by spinning, and each starts a
 * little later in some rounds, so that every order occurs whether they run on
 * one processor or two.
 */
#include "kselftest_harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "kq_objects.h"

#define TIMEOUT	900	/* seconds, for an emulated machine that is loaded */

static inline void relax(void)
{
#if __has_builtin(__builtin_ia32_pause)
	__builtin_ia32_pause();
#endif
}

/* The other thread may need this processor. */
static void until(atomic_uint *turn, unsigned int round)
{
	unsigned int i;

	for (i = 1; atomic_load(turn) != round; i++) {
		relax();
		if (i % 32 == 0)
			sched_yield();
	}
}

static void linger(unsigned int turns)
{
	if (turns == 3)
		sched_yield();
	while (turns--)
		relax();
}

/* What the two threads share.  Each writes in its own turn. */
static struct {
	int kq;
	int fd;			/* what the adder adds */
	int added;		/* its result */
	unsigned int rounds;
	atomic_uint begun;
	atomic_uint done;
} shared;

FIXTURE(race) {
	pthread_t adder;
	long long before;
};

static void *add_each_round(void *unused)
{
	unsigned int round;

	for (round = 1; round <= shared.rounds; round++) {
		until(&shared.begun, round);
		linger(round / 4 % 4);
		shared.added = kq_add(shared.kq, shared.fd, EVFILT_READ, 0);
		atomic_store(&shared.done, round);
	}
	return unused;
}

static void begin(unsigned int round)
{
	atomic_store(&shared.begun, round);
	linger(round % 4);
}

FIXTURE_SETUP(race)
{
	const char *rounds = getenv("KQ_ROUNDS");

	shared.rounds = rounds ? strtoul(rounds, NULL, 10) : 1000000;
	ASSERT_LE(16U, shared.rounds);
	self->before = kq_param("knotes");
	ASSERT_LE(0, self->before);
	shared.kq = kqueue();
	ASSERT_LE(0, shared.kq);
}

FIXTURE_TEARDOWN(race)
{
	close(shared.kq);
}

static bool at_end(int s)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	char c;

	if (!recv(s, &c, 1, MSG_DONTWAIT))
		return true;
	return poll(&p, 1, KQ_PATIENCE * 1000) == 1 &&
	       !recv(s, &c, 1, MSG_DONTWAIT);
}

/*
 * Whoever comes first, the close is complete: the peer sees the end, and no
 * knote stays behind.
 */
TEST_F_TIMEOUT(race, add_against_close, TIMEOUT)
{
	unsigned int round, won = 0;
	int sv[2];

	ASSERT_EQ(0, pthread_create(&self->adder, NULL, add_each_round, NULL));
	for (round = 1; round <= shared.rounds; round++) {
		ASSERT_EQ(0, kq_unix_stream(sv));
		shared.fd = sv[0];
		begin(round);
		ASSERT_EQ(0, close(sv[0]));
		until(&shared.done, round);
		ASSERT_TRUE(!shared.added || shared.added == -EBADF);
		won += !shared.added;
		ASSERT_TRUE(at_end(sv[1]));
		ASSERT_EQ(0, close(sv[1]));
	}
	ASSERT_EQ(0, pthread_join(self->adder, NULL));
	TH_LOG("EV_ADD came first in %u of %u rounds", won, shared.rounds);
	EXPECT_LT(0U, won);
	EXPECT_GT(shared.rounds, won);
	EXPECT_EQ(0, kq_pending(shared.kq));
	EXPECT_EQ(0, kq_until_knotes(self->before));
}

/*
 * EV_ADD must never put a knote on the wrong file: one that is always ready
 * leaves the number, one that never is takes it.  Afterwards nothing fires.
 */
TEST_F_TIMEOUT(race, add_against_reuse, TIMEOUT)
{
	int loud = eventfd(1, 0), quiet = eventfd(0, 0);
	unsigned int round;

	shared.rounds = (shared.rounds + 3) / 4;
	shared.fd = dup(quiet);
	ASSERT_LE(0, shared.fd);
	ASSERT_EQ(0, pthread_create(&self->adder, NULL, add_each_round, NULL));
	for (round = 1; round <= shared.rounds; round++) {
		ASSERT_EQ(shared.fd, dup2(loud, shared.fd));
		begin(round);
		if (round / 16 % 2) {
			ASSERT_EQ(shared.fd, dup2(quiet, shared.fd));
		} else {
			ASSERT_EQ(0, close(shared.fd));
			ASSERT_EQ(shared.fd, fcntl(quiet, F_DUPFD, shared.fd));
		}
		until(&shared.done, round);
		ASSERT_TRUE(!shared.added || shared.added == -EBADF);
		ASSERT_EQ(0, kq_pending(shared.kq));
	}
	ASSERT_EQ(0, pthread_join(self->adder, NULL));
	ASSERT_EQ(0, close(shared.fd));
	EXPECT_EQ(0, kq_until_knotes(self->before));
}

TEST_HARNESS_MAIN
