/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for one unit of work (a page of records, one parsed answer), freed in one go.
 *
 * Never returns NULL and never frees a piece. Under ASan the unused tail of each chunk is poisoned,
 * so that a slice that outlives its arena, or overruns its piece, is noticed. What goes in is capped
 * by the caller: sizes from outside are checked before they get here.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t total_bytes; /* of all chunks, for budgets */
};

/* An empty arena; allocates nothing yet. */
void arena_init(struct arena *arena);

/* Frees everything; the arena is as after arena_init. */
void arena_release(struct arena *arena);

/* `n` zeroed bytes, aligned for any type; they live until arena_release. */
void *arena_alloc(struct arena *arena, size_t n);

/* `n` zeroed elements of `size` bytes; aborts when the product overflows. */
void *arena_alloc_n(struct arena *arena, size_t n, size_t size);

/* A copy of `s` that lives in the arena, followed by a NUL that the slice does not count. */
struct str arena_str(struct arena *arena, struct str s);

#endif
