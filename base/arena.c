/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)	  ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_CHUNK_BYTES = 16 * 1024 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t used, cap;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena)
{
	*arena = (struct arena){NULL, 0};
}

void arena_release(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk != NULL) {
		struct arena_chunk *older = chunk->older;

		ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->cap);
		mem_free(chunk);
		chunk = older;
	}
	arena_init(arena);
}

/* Puts a fresh chunk with room for `n` bytes in front. */
static void arena_grow(struct arena *arena, size_t n)
{
	size_t cap = n > ARENA_CHUNK_BYTES ? n : ARENA_CHUNK_BYTES;
	struct arena_chunk *chunk = mem_alloc(sizeof(*chunk) + cap);

	chunk->cap = cap;
	chunk->older = arena->chunks;
	arena->chunks = chunk;
	arena->total_bytes += sizeof(*chunk) + cap;
	ASAN_POISON_MEMORY_REGION(chunk->bytes, cap);
}

void *arena_alloc(struct arena *arena, size_t n)
{
	size_t align = alignof(max_align_t);
	struct arena_chunk *chunk;
	void *p;

	must(n <= SIZE_MAX / 2);
	n = (n + align - 1) / align * align;
	if (arena->chunks == NULL || arena->chunks->cap - arena->chunks->used < n)
		arena_grow(arena, n);
	chunk = arena->chunks;
	p = chunk->bytes + chunk->used;
	chunk->used += n;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return p;
}

void *arena_alloc_n(struct arena *arena, size_t n, size_t size)
{
	must(size == 0 || n <= SIZE_MAX / 2 / size);
	return arena_alloc(arena, n * size);
}

struct str arena_str(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	mem_copy(copy, s.p, s.n);
	return str_make(copy, s.n);
}
