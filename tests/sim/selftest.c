/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/selftest.h"

#include <stdio.h>

#include "tests/sim/randomrun.h"

enum { SEEDS = 100 };

static const struct {
	const char *word, *invariant, *what;
} plants[PLANT_N] = {
#define PLANT(id, word_, invariant_, what_) [PLANT_##id] = {word_, invariant_, what_},
	PLANTS
#undef PLANT
};

enum plant plant_find(struct str word)
{
	for (enum plant plant = PLANT_NONE + 1; plant < PLANT_N; plant++) {
		if (str_eq(word, str_of(plants[plant].word)))
			return plant;
	}
	return PLANT_N;
}

/*
 * Whether some of the first seeds notices the plant, and none blames another invariant than is meant;
 * a plant need not find its occasion in every run.
 */
static bool noticed(enum plant plant, struct world_trace *trace)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		if (random_run(seed, plant, SHAPE_ANY, trace, NULL))
			continue;
		if (str_eq(str_of(trace->failed), str_of(plants[plant].invariant)))
			return true;
		printf("# %s: seed %llu broke %s instead of %s\n", plants[plant].word,
		       (unsigned long long)seed, trace->failed, plants[plant].invariant);
	}
	return false;
}

bool selftest_run(struct world_trace *trace)
{
	bool all = true;

	for (enum plant plant = PLANT_NONE + 1; plant < PLANT_N; plant++) {
		bool ok = noticed(plant, trace);

		printf("%s sim plant %s is noticed by %s: %s\n", ok ? "ok" : "not ok",
		       plants[plant].word, plants[plant].invariant, plants[plant].what);
		fflush(stdout);
		all = all && ok;
	}
	return all;
}
