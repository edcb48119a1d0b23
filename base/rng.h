/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small deterministic random generator (xoshiro256**, seeded through splitmix64): the same seed
 * gives the same numbers on every machine. Not for secrets.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/mem.h"

struct rng {
	uint64_t s[4];
};

/* Equal seeds give equal numbers. */
void rng_init(struct rng *rng, uint64_t seed);

/* The next 64 random bits. */
uint64_t rng_next(struct rng *rng);

/* A number in [0, n); 0 when n is 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* True in about `percent` of 100 calls. */
bool rng_chance(struct rng *rng, unsigned percent);

#endif
