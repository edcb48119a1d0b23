/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

struct text *text_new(struct str text, size_t size_bytes)
{
	struct text *copy = mem_alloc(sizeof(*copy) + text.n);

	copy->refs = 1;
	copy->size_bytes = size_bytes;
	copy->n = text.n;
	mem_copy(copy->p, text.p, text.n);
	return copy;
}

struct text *text_ref(struct text *text)
{
	if (text != NULL)
		text->refs++;
	return text;
}

void text_unref(struct text *text)
{
	if (text != NULL && --text->refs == 0)
		mem_free(text);
}

struct str text_str(const struct text *text)
{
	return text == NULL ? STR_NONE : str_make(text->p, text->n);
}

/* A node with room for so many levels. */
static struct item *node_new(unsigned levels)
{
	struct item *item = mem_alloc(sizeof(*item) + levels * sizeof(struct item *));

	item->levels = levels;
	return item;
}

void store_init(struct store *store)
{
	*store = (struct store){.head = node_new(STORE_LEVELS)};
}

/* Frees one node. */
static void node_free(struct item *item)
{
	text_unref(item->keys);
	text_unref(item->text);
	mem_free(item);
}

void store_release(struct store *store)
{
	struct item *item = store->head;

	while (item != NULL) {
		struct item *next = item->next[0];

		node_free(item);
		item = next;
	}
	*store = (struct store){0};
}

/* Whether the item stands before (hash, keys). */
static bool is_before(const struct item *item, uint64_t hash, struct str keys)
{
	if (item->hash != hash)
		return item->hash < hash;
	return str_cmp(text_str(item->keys), keys) < 0;
}

/* Whether the item has this hash and these keys. */
static bool is_at(const struct item *item, uint64_t hash, struct str keys)
{
	return item != NULL && item->hash == hash && str_eq(text_str(item->keys), keys);
}

/* Finds, for each level, the last node before (hash, keys). */
static void find_before(const struct store *store, uint64_t hash, struct str keys,
			struct item *before[STORE_LEVELS])
{
	struct item *item = store->head;

	for (unsigned level = STORE_LEVELS; level-- > 0;) {
		while (item->next[level] != NULL && is_before(item->next[level], hash, keys))
			item = item->next[level];
		before[level] = item;
	}
}

struct item *store_from(const struct store *store, uint64_t hash, struct str keys, bool after)
{
	struct item *before[STORE_LEVELS], *item;

	find_before(store, hash, keys, before);
	item = before[0]->next[0];
	return after && is_at(item, hash, keys) ? item->next[0] : item;
}

struct item *store_find(const struct store *store, uint64_t hash, struct str keys)
{
	struct item *item = store_from(store, hash, keys, false);

	return is_at(item, hash, keys) ? item : NULL;
}

/* How many levels the node of this item has: a matter of its keys, so that no run differs. */
static unsigned levels_of(uint64_t hash, struct str keys)
{
	uint64_t mixed = hash;
	unsigned levels = 1;

	for (size_t i = 0; i < keys.n; i++)
		mixed = (mixed ^ (unsigned char)keys.p[i]) * 0x100000001b3u;
	mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9u;
	mixed ^= mixed >> 32;
	for (; levels < STORE_LEVELS && (mixed & 3) == 0; mixed >>= 2)
		levels++;
	return levels;
}

void store_put(struct store *store, uint64_t hash, struct text *keys, struct text *text)
{
	struct item *before[STORE_LEVELS], *item;

	find_before(store, hash, text_str(keys), before);
	item = before[0]->next[0];
	store->size_bytes += text->size_bytes;
	if (is_at(item, hash, text_str(keys))) {
		store->size_bytes -= item->text->size_bytes;
		text_unref(item->text);
		item->text = text_ref(text);
		return;
	}
	item = node_new(levels_of(hash, text_str(keys)));
	item->hash = hash;
	item->keys = text_ref(keys);
	item->text = text_ref(text);
	for (unsigned level = 0; level < item->levels; level++) {
		item->next[level] = before[level]->next[level];
		before[level]->next[level] = item;
	}
	store->n++;
}

void store_remove(struct store *store, uint64_t hash, struct str keys)
{
	struct item *before[STORE_LEVELS], *item;

	find_before(store, hash, keys, before);
	item = before[0]->next[0];
	if (!is_at(item, hash, keys))
		return;
	for (unsigned level = 0; level < item->levels; level++)
		before[level]->next[level] = item->next[level];
	store->n--;
	store->size_bytes -= item->text->size_bytes;
	node_free(item);
}
