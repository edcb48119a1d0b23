/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/randomsinks.h"

/* How each of eight sinks fails that fail all at once, and what they need for it. */
static const struct {
	const char *name;
	enum target_mode mode;
	bool letters, memory;
	int64_t max_attempts;
} eight[RANDOMSINKS_EIGHT] = {
	{"slow", TARGET_SLOW, false, false, 0},
	{"dead", TARGET_DEAD, false, false, 0},
	{"failing", TARGET_FAILING, true, false, 3},
	{"lossy", TARGET_LOSSY, false, false, 0},
	{"poisoned", TARGET_POISONED, true, false, 0},
	{"refusing", TARGET_REFUSING, true, false, 0},
	{"fatal", TARGET_FATAL, false, false, 0},
	{"memory", TARGET_FAILING, false, true, 0},
};

void randomsinks_eight(struct cluster *cluster)
{
	struct rng *rng = &cluster->world.rng;
	struct target *good, *bad;

	for (size_t i = 0; i < ARRAY_N(eight); i++) {
		struct target *target = cluster_sink(cluster, eight[i].name);

		target->max_attempts = eight[i].max_attempts;
		target->remembers = eight[i].memory;
		target->poison_every = (unsigned)world_between(&cluster->world, 3, 30);
	}
	good = cluster_sink(cluster, "letters");
	bad = cluster_sink(cluster, "bad-letters");
	for (size_t i = 0; i < ARRAY_N(eight); i++) {
		if (eight[i].letters)
			cluster_letters(cluster, &cluster->targets[i],
					rng_chance(rng, 70) ? good : bad, true);
	}
	good->letters_only = bad->letters_only = true;
}

enum target_mode randomsinks_mode(size_t i)
{
	return eight[i].mode;
}

void randomsinks_poison(struct cluster *cluster, size_t n_sinks, bool alone)
{
	struct rng *rng = &cluster->world.rng;
	bool some = rng_chance(rng, 40) || cluster->world.plant != PLANT_NONE;
	struct target *letters = some ? cluster_sink(cluster, "letters") : NULL;

	for (size_t i = 0; i < n_sinks; i++) {
		struct target *target = &cluster->targets[i];

		target->poison_every = (unsigned)world_between(&cluster->world, 3, 40);
		target->remembers =
			alone && (rng_chance(rng, 25) || cluster->world.plant == PLANT_AMNESIA);
		if (rng_chance(rng, 30))
			target->max_attempts = world_between(&cluster->world, 1, 6);
		if (rng_chance(rng, 15))
			target->max_age_ms = world_between(&cluster->world, 1, 20) * 1000;
		if (letters != NULL && rng_chance(rng, 70))
			cluster_letters(cluster, target, letters, true);
		else if (i > 0 && rng_chance(rng, 15))
			cluster_letters(cluster, target, &cluster->targets[0], false);
	}
	if (letters != NULL)
		letters->letters_only = true;
}
