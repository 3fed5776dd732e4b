/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of this folder share: rounds that are processes of their
 * own, each with a seed of its own; numbers drawn from it; checks that count;
 * operations that are counted.
 *
 * STRESS_SECONDS in the environment is how long all programs are to take
 * together, STRESS_SEED what everything is drawn from.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../kq_objects.h"
#include "../random.h"

#define SEC		INT64_C(1000000000)

/* What takes longer hangs: far more than a loaded, emulated machine needs. */
#define PATIENCE	(120 * SEC)

static inline bool one_in(struct rng *rng, unsigned int n)
{
	return below(rng, n) == 0;
}

/* The place of one of an array's elements. */
#define place(rng, array)	below(rng, ARRAY_SIZE(array))

/* A stream of numbers for each of those who draw at the same time. */
static inline struct rng branch(struct rng *rng)
{
	return (struct rng){ rng_next(rng) };
}

static inline int64_t now(void)
{
	return kq_now(CLOCK_MONOTONIC);
}

static inline void nap(long us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

/**
 * struct stress_test - what is done over and over
 * @name: in words
 * @share: of the time there is, in percent; 0 for one round, however long
 * @round: a round, in a process of its own that may leave what it likes behind;
 *	it ends when the time is @end
 */
struct stress_test {
	const char	*name;
	unsigned int	share;
	void		(*round)(struct rng *rng, int64_t end);
};

int stress_main(const struct stress_test *tests, int n,
		const char *const *operations, int noperations);

/* Count an operation, by its place among the names given to stress_main(). */
void did_many(int operation, unsigned long n);

static inline void did(int operation)
{
	did_many(operation, 1);
}

/* Say on a line of its own what was measured, say. */
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);

/* Something is wrong.  Rounds end early then. */
[[gnu::format(printf, 1, 2)]] void fail(const char *format, ...);
bool failed(void);

/* The rest of this test is not for this kernel. */
[[gnu::format(printf, 1, 2)]] void skip(const char *format, ...);

#define CHECK(condition, ...)						\
do {									\
	if (!(condition))						\
		fail(__VA_ARGS__);					\
} while (0)

/* Wait for something, politely.  Whether it came, else that is a failure. */
#define until(condition, ...)						\
({									\
	int64_t until_end_ = now() + PATIENCE;				\
	bool until_came_;						\
									\
	while (!(until_came_ = (condition)) && now() < until_end_ &&	\
	       !failed())						\
		nap(50);						\
	if (!until_came_ && !failed())					\
		fail(__VA_ARGS__);					\
	until_came_;							\
})

/* Start a thread, or give up. */
pthread_t spawn(void *(*run)(void *), void *arg);

#endif /* STRESS_H */
