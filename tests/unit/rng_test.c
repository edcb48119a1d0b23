/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include "tests/check.h"

/* The generator's authors' own code gives these for the seeding by splitmix64 from 0. */
static void rng_is_the_published_one(void)
{
	struct rng rng;

	rng_init(&rng, 0);
	/* splitmix64's published first outputs for seed 0. */
	CHECK(rng.s[0] == 0xe220a8397b1dcdafu);
	CHECK(rng.s[1] == 0x6e789e6aa1b965f4u);
	CHECK(rng.s[2] == 0x06c45d188009454fu);
	CHECK(rng.s[3] == 0xf88bb8a8724c81ecu);
	CHECK(rng_next(&rng) == 0x99ec5f36cb75f2b4u);
	CHECK(rng_next(&rng) == 0xbf6e1f784956452au);
	for (int i = 2; i < 99; i++)
		rng_next(&rng);
	CHECK(rng_next(&rng) == 0x3cb72d021fba219cu);
}

static void rng_same_seed_same_numbers(void)
{
	struct rng a, b, c;
	unsigned same = 0;

	rng_init(&a, 42);
	rng_init(&b, 42);
	rng_init(&c, 43);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_next(&a);

		CHECK(v == rng_next(&b));
		same += v == rng_next(&c);
	}
	CHECK_INT(same, 0);
}

static void rng_stays_in_range_and_spreads(void)
{
	unsigned counts[10] = {0}, yes = 0;
	struct rng rng;

	rng_init(&rng, 7);
	for (int i = 0; i < 100000; i++) {
		uint64_t v = rng_below(&rng, 10);

		if (CHECK(v < 10))
			counts[v]++;
		yes += rng_chance(&rng, 30);
	}
	for (int i = 0; i < 10; i++)
		CHECK(counts[i] > 9500 && counts[i] < 10500);
	CHECK(yes > 29000 && yes < 31000);
	CHECK_INT(rng_below(&rng, 0), 0);
	CHECK_INT(rng_below(&rng, 1), 0);
	for (int i = 0; i < 1000; i++)
		CHECK(!rng_chance(&rng, 0) && rng_chance(&rng, 100));
}

int main(void)
{
	CHECK_RUN(rng_is_the_published_one);
	CHECK_RUN(rng_same_seed_same_numbers);
	CHECK_RUN(rng_stays_in_range_and_spreads);
	return check_end();
}
