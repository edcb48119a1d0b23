/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

/* FNV-1a with a final mix: keys are ids of a service, not an attacker's. */
uint64_t map_hash(struct str key)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15u;
}

void map_init(struct map *map)
{
	*map = (struct map){0};
}

void map_release(struct map *map)
{
	mem_free(map->entries);
	mem_free(map->slots);
	map_init(map);
}

/* The slot that holds `key`, or the empty one where it would go. There is always an empty one. */
static uint32_t *map_slot(const struct map *map, struct str key, uint64_t hash)
{
	size_t at = (size_t)(hash >> 20) & (map->n_slots - 1);

	for (;; at = (at + 1) & (map->n_slots - 1)) {
		uint32_t index = map->slots[at];
		const struct map_entry *entry;

		if (index == 0)
			return &map->slots[at];
		entry = &map->entries[index - 1];
		if (entry->hash == hash && str_eq(entry->key, key))
			return &map->slots[at];
	}
}

/* Doubles the table when it is full, leaving removed entries behind. */
static void map_make_room(struct map *map)
{
	struct map_entry *old = map->entries;
	size_t n_old = map->n_entries, n_slots;

	if (map->n_slots > 0 && map->n_entries + 1 <= map->n_slots / 2)
		return;
	for (n_slots = 8; n_slots / 4 <= map->n_live; n_slots *= 2)
		must(n_slots < UINT32_MAX / 4);
	mem_free(map->slots);
	map->slots = mem_alloc_n(n_slots, sizeof(*map->slots));
	map->entries = mem_alloc_n(n_slots / 2, sizeof(*map->entries));
	map->n_slots = n_slots;
	map->n_entries = 0;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].value == NULL)
			continue;
		map->entries[map->n_entries] = old[i];
		*map_slot(map, old[i].key, old[i].hash) = (uint32_t)++map->n_entries;
	}
	mem_free(old);
}

void *map_get(const struct map *map, struct str key)
{
	uint32_t index;

	if (map->n_slots == 0)
		return NULL;
	index = *map_slot(map, key, map_hash(key));
	return index == 0 ? NULL : map->entries[index - 1].value;
}

void map_put(struct map *map, struct str key, void *value)
{
	uint64_t hash = map_hash(key);
	uint32_t *slot;
	struct map_entry *entry;

	must(value != NULL);
	map_make_room(map);
	slot = map_slot(map, key, hash);
	if (*slot == 0)
		*slot = (uint32_t)++map->n_entries;
	entry = &map->entries[*slot - 1];
	if (entry->value == NULL)
		map->n_live++;
	*entry = (struct map_entry){key, value, hash};
}

void *map_remove(struct map *map, struct str key)
{
	uint32_t index = map->n_slots == 0 ? 0 : *map_slot(map, key, map_hash(key));
	struct map_entry *entry;
	void *value;

	if (index == 0)
		return NULL;
	entry = &map->entries[index - 1];
	value = entry->value;
	if (value == NULL)
		return NULL;
	/* The slot stays taken until the table is rebuilt, but no longer by a borrowed key. */
	*entry = (struct map_entry){STR_NONE, NULL, entry->hash};
	map->n_live--;
	return value;
}

size_t map_n(const struct map *map)
{
	return map->n_live;
}

void *map_next(const struct map *map, size_t *at)
{
	while (*at < map->n_entries) {
		void *value = map->entries[(*at)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
