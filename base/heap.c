/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

void heap_init(struct heap *heap)
{
	*heap = (struct heap){0};
}

void heap_release(struct heap *heap)
{
	mem_free(heap->nodes);
	heap_init(heap);
}

/* Whether `a` comes out before `b`. */
static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->turn < b->turn;
}

/* Stores `node` at index `i`. */
static void put(struct heap *heap, size_t i, struct heap_node *node)
{
	heap->nodes[i] = node;
	node->place = i + 1;
}

/* Lets the node at `i` rise, then sink, to where it belongs. */
static void settle(struct heap *heap, size_t i)
{
	struct heap_node *node = heap->nodes[i];

	while (i > 0 && before(node, heap->nodes[(i - 1) / 2])) {
		put(heap, i, heap->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < heap->n && before(heap->nodes[child + 1], heap->nodes[child]))
			child++;
		if (child >= heap->n || !before(heap->nodes[child], node))
			break;
		put(heap, i, heap->nodes[child]);
		i = child;
	}
	put(heap, i, node);
}

void heap_set(struct heap *heap, struct heap_node *node, int64_t key)
{
	if (node->place == 0) {
		if (heap->n == heap->cap) {
			heap->cap = heap->cap == 0 ? 16 : heap->cap * 2;
			heap->nodes = mem_resize_n(heap->nodes, heap->cap, sizeof(*heap->nodes));
		}
		put(heap, heap->n++, node);
	}
	node->key = key;
	node->turn = ++heap->turns;
	settle(heap, node->place - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t i;

	if (node->place == 0)
		return;
	i = node->place - 1;
	node->place = 0;
	heap->n--;
	if (i < heap->n) {
		put(heap, i, heap->nodes[heap->n]);
		settle(heap, i);
	}
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->n == 0 ? NULL : heap->nodes[0];
}
