/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from byte strings to pointers. Keys are borrowed: they must stay where they are as long
 * as they are in the map (they usually lie in the value). Iteration order is insertion order as
 * long as nothing was removed, and the same in every run.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/mem.h"
#include "base/str.h"

struct map_entry {
	struct str key;
	void *value; /* NULL: removed */
	uint64_t hash;
};

struct map {
	struct map_entry *entries; /* dense, in insertion order */
	uint32_t *slots; /* index + 1 into entries, 0: empty */
	size_t n_entries, n_slots, n_live;
};

/* An empty map. */
void map_init(struct map *map);

/* The hash of a key: the same on every machine and in every version, so that workers can agree by it. */
uint64_t map_hash(struct str key);

/* Frees the table, not the values. */
void map_release(struct map *map);

/* The value of `key`, or NULL. */
void *map_get(const struct map *map, struct str key);

/* Sets the (non-NULL) value of `key`, replacing an old one. */
void map_put(struct map *map, struct str key, void *value);

/* Removes `key` and returns its value, or NULL. */
void *map_remove(struct map *map, struct str key);

/* How many keys there are. */
size_t map_n(const struct map *map);

/*
 * The next value at or after `*at` (start with 0), or NULL at the end. Keys may be removed while
 * walking, but none put.
 */
void *map_next(const struct map *map, size_t *at);

#endif
