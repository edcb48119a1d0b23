/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/rng.h"
#include "tests/check.h"

enum { KEYS = 300 };

/* A key and its value in one, as the product has it. */
struct thing {
	char name[16];
	size_t n;
	bool in; /* what the reference says */
};

/* Makes things with names of all lengths, also the empty one. */
static void make_things(struct thing *things)
{
	for (size_t i = 0; i < KEYS; i++) {
		things[i].n = i == 0 ? 0 : (size_t)snprintf(things[i].name, 16, "key-%zu", i);
		things[i].in = false;
	}
}

/* The key of a thing. */
static struct str key_of(const struct thing *thing)
{
	return str_make(thing->name, thing->n);
}

/* Whether the map holds exactly what the reference holds, by all ways of asking. */
static bool agrees(const struct map *map, struct thing *things)
{
	size_t n = 0, seen = 0, at = 0;
	struct thing *thing;
	bool ok = true;

	for (size_t i = 0; i < KEYS; i++) {
		n += things[i].in;
		ok = ok && map_get(map, key_of(&things[i])) == (things[i].in ? &things[i] : NULL);
	}
	while ((thing = map_next(map, &at)) != NULL) {
		ok = ok && thing->in;
		seen++;
	}
	return ok && seen == n && map_n(map) == n;
}

static void map_agrees_with_a_reference(void)
{
	static const unsigned put_percent[] = {50, 90, 10, 60, 40};
	struct thing things[KEYS];
	struct map map;
	struct rng rng;

	rng_init(&rng, 5);
	make_things(things);
	map_init(&map);
	for (int round = 0; round < 50000; round++) {
		struct thing *thing = &things[rng_below(&rng, KEYS)];

		if (rng_chance(&rng, put_percent[round / 10000])) {
			map_put(&map, key_of(thing), thing);
			thing->in = true;
		} else {
			CHECK(map_remove(&map, key_of(thing)) == (thing->in ? thing : NULL));
			thing->in = false;
		}
		if (round % 97 == 0 || round < 100)
			CHECK(agrees(&map, things));
	}
	CHECK(agrees(&map, things));
	map_release(&map);
	CHECK(map_n(&map) == 0 && map_get(&map, STR("key-1")) == NULL);
}

static void map_empty_has_nothing(void)
{
	struct map map;
	size_t at = 0;

	map_init(&map);
	CHECK(map_get(&map, STR("a")) == NULL);
	CHECK(map_get(&map, STR_NONE) == NULL);
	CHECK(map_remove(&map, STR("a")) == NULL);
	CHECK(map_next(&map, &at) == NULL);
	CHECK_INT(map_n(&map), 0);
	map_release(&map);
}

static void map_replaces_and_keeps_order(void)
{
	struct thing things[KEYS], other = {"key-7", 5, false};
	struct map map;
	size_t at = 0;
	bool in_order = true;

	make_things(things);
	map_init(&map);
	for (size_t i = 0; i < KEYS; i++)
		map_put(&map, key_of(&things[i]), &things[i]);
	map_put(&map, key_of(&other), &other);
	CHECK_INT(map_n(&map), KEYS);
	for (size_t i = 0; i < KEYS; i++)
		in_order = in_order && map_next(&map, &at) == (i == 7 ? &other : &things[i]);
	CHECK(in_order);
	CHECK(map_next(&map, &at) == NULL);
	map_release(&map);
}

/* Removed keys are not touched again: they may be gone. */
static void map_forgets_removed_keys(void)
{
	struct map map;
	int value;

	map_init(&map);
	for (size_t i = 0; i < 10000; i++) {
		char *key = mem_dup(&i, sizeof(i));

		map_put(&map, str_make(key, sizeof(i)), &value);
		CHECK(map_remove(&map, str_make(key, sizeof(i))) == &value);
		mem_free(key);
	}
	for (int i = 0; i < 100; i++) {
		char *key = mem_dup("same", 4);

		map_put(&map, str_make(key, 4), &value);
		CHECK(map_remove(&map, str_make(key, 4)) == &value);
		mem_free(key);
		CHECK(map_get(&map, STR("same")) == NULL);
	}
	CHECK_INT(map_n(&map), 0);
	/* And the table does not grow by them. */
	CHECK(map.n_slots <= 16);
	map_release(&map);
}

static void map_walk_may_remove(void)
{
	struct thing things[KEYS], *thing;
	struct map map;
	size_t at = 0, n = 0;

	make_things(things);
	map_init(&map);
	for (size_t i = 0; i < KEYS; i++)
		map_put(&map, key_of(&things[i]), &things[i]);
	while ((thing = map_next(&map, &at)) != NULL) {
		if (n++ % 2 == 0)
			map_remove(&map, key_of(thing));
	}
	CHECK_INT(n, KEYS);
	CHECK_INT(map_n(&map), KEYS / 2);
	map_release(&map);
}

int main(void)
{
	CHECK_RUN(map_agrees_with_a_reference);
	CHECK_RUN(map_empty_has_nothing);
	CHECK_RUN(map_replaces_and_keeps_order);
	CHECK_RUN(map_forgets_removed_keys);
	CHECK_RUN(map_walk_may_remove);
	return check_end();
}
