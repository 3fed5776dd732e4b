/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that are the same again for the same seed. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* splitmix64: Steele, Lea and Flood, OOPSLA 2014. */
static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* The numbers of the n-th program of a seed. */
static inline struct rng rng_of(uint64_t seed, uint64_t n)
{
	struct rng rng = { seed };

	rng.state = rng_next(&rng) ^ n;
	return (struct rng){ rng_next(&rng) };
}

/* 0 … n - 1 */
static inline unsigned int below(struct rng *rng, unsigned int n)
{
	return (uint32_t)(rng_next(rng) >> 32) * (uint64_t)n >> 32;
}

/* True n times of 100. */
static inline bool percent(struct rng *rng, unsigned int n)
{
	return below(rng, 100) < n;
}

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif /* RANDOM_H */
