/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of embedded nodes, least key first; nodes of equal key come out in the order in
 * which they went in. For timers: the key is a due time.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/mem.h"

struct heap_node {
	int64_t key;
	uint64_t turn; /* breaks ties */
	size_t place; /* index in the heap + 1; 0: in no heap. Zero the node to make it so */
};

struct heap {
	struct heap_node **nodes;
	size_t n, cap;
	uint64_t turns;
};

/* An empty heap. */
void heap_init(struct heap *heap);

/* Frees the array, not the nodes. */
void heap_release(struct heap *heap);

/* Puts `node` in with `key`, or moves it when it is in already. */
void heap_set(struct heap *heap, struct heap_node *node, int64_t key);

/* Takes `node` out, if it is in. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the least key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

#endif
