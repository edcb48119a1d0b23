/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "tests/check.h"

static void arena_gives_zeroed_aligned_pieces(void)
{
	enum { PIECES = 2000 };
	unsigned char *pieces[PIECES];
	struct arena arena;
	bool clean = true, aligned = true, kept = true;

	arena_init(&arena);
	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i * 37 % 300;

		pieces[i] = arena_alloc(&arena, n);
		aligned = aligned && (uintptr_t)pieces[i] % alignof(max_align_t) == 0;
		for (size_t k = 0; k < n; k++)
			clean = clean && pieces[i][k] == 0;
		memset(pieces[i], (int)(i % 255) + 1, n);
	}
	for (size_t i = 0; i < PIECES; i++) {
		for (size_t k = 0; k < i * 37 % 300; k++)
			kept = kept && pieces[i][k] == i % 255 + 1;
	}
	CHECK(clean && aligned && kept);
	arena_release(&arena);
	CHECK(arena.chunks == NULL && arena.total_bytes == 0);
}

static void arena_takes_large_pieces(void)
{
	struct arena arena;
	char *small, *large;

	arena_init(&arena);
	small = arena_alloc(&arena, 10);
	large = arena_alloc(&arena, 1 << 20);
	memset(large, 1, 1 << 20);
	CHECK(small[9] == 0);
	CHECK(arena.total_bytes >= (1 << 20) + 10);
	CHECK(arena.total_bytes < (1 << 20) + (64 << 10));
	CHECK(arena_alloc(&arena, 0) != NULL);
	CHECK(arena_alloc_n(&arena, 1000, 16) != NULL);
	CHECK(arena_alloc_n(&arena, 1000, 0) != NULL);
	arena_release(&arena);
}

static void arena_copies_strings(void)
{
	struct arena arena;
	char from[] = "text";
	struct str copy, empty;

	arena_init(&arena);
	copy = arena_str(&arena, str_of(from));
	empty = arena_str(&arena, STR_NONE);
	from[0] = 'x';
	CHECK_STR(copy, "text");
	CHECK_INT(copy.p[copy.n], 0);
	CHECK(empty.p != NULL && empty.n == 0 && empty.p[0] == '\0');
	arena_release(&arena);
}

int main(void)
{
	CHECK_RUN(arena_gives_zeroed_aligned_pieces);
	CHECK_RUN(arena_takes_large_pieces);
	CHECK_RUN(arena_copies_strings);
	return check_end();
}
