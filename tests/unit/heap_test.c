/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/rng.h"
#include "tests/check.h"

enum { NODES = 60 };

/* The node that must come first: least key, then first set. */
static struct heap_node *reference_first(struct heap_node *nodes)
{
	struct heap_node *best = NULL;

	for (size_t i = 0; i < NODES; i++) {
		struct heap_node *node = &nodes[i];

		if (node->place == 0)
			continue;
		if (best == NULL || node->key < best->key ||
		    (node->key == best->key && node->turn < best->turn))
			best = node;
	}
	return best;
}

static void heap_agrees_with_a_search(void)
{
	struct heap_node nodes[NODES] = {{0}};
	struct heap heap;
	struct rng rng;
	unsigned bad = 0;

	rng_init(&rng, 6);
	heap_init(&heap);
	for (int round = 0; round < 50000; round++) {
		struct heap_node *node = &nodes[rng_below(&rng, NODES)];

		if (rng_chance(&rng, round % 10000 < 5000 ? 70 : 30))
			heap_set(&heap, node, (int64_t)rng_below(&rng, 40) - 20);
		else
			heap_remove(&heap, node);
		bad += heap_first(&heap) != reference_first(nodes);
		for (size_t i = 0; i < heap.n; i++)
			bad += heap.nodes[i]->place != i + 1;
	}
	CHECK_INT(bad, 0);
	heap_release(&heap);
	CHECK(heap_first(&heap) == NULL);
}

static void heap_keeps_turns(void)
{
	struct heap_node nodes[NODES] = {{0}};
	struct heap heap;

	heap_init(&heap);
	for (size_t i = 0; i < NODES; i++)
		heap_set(&heap, &nodes[i], 7);
	/* Setting the same key again goes to the back. */
	heap_set(&heap, &nodes[0], 7);
	for (size_t i = 1; i <= NODES; i++) {
		CHECK(heap_first(&heap) == &nodes[i % NODES]);
		heap_remove(&heap, heap_first(&heap));
	}
	CHECK(heap_first(&heap) == NULL);
	heap_release(&heap);
}

static void heap_takes_extreme_keys(void)
{
	struct heap_node a = {0}, b = {0}, c = {0};
	struct heap heap;

	heap_init(&heap);
	heap_set(&heap, &a, INT64_MAX);
	heap_set(&heap, &b, INT64_MIN);
	heap_set(&heap, &c, 0);
	CHECK(heap_first(&heap) == &b);
	heap_set(&heap, &b, INT64_MAX);
	CHECK(heap_first(&heap) == &c);
	heap_remove(&heap, &c);
	heap_remove(&heap, &c);
	CHECK(heap_first(&heap) == &a);
	CHECK_INT(c.place, 0);
	heap_release(&heap);
}

int main(void)
{
	CHECK_RUN(heap_agrees_with_a_search);
	CHECK_RUN(heap_keeps_turns);
	CHECK_RUN(heap_takes_extreme_keys);
	return check_end();
}
