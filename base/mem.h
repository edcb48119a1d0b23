/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that cannot fail, and assertions that stay in production.
 *
 * Running out of memory aborts here and nowhere else: after a crash everything is replayed, so a
 * crash is safe. Sizes that come from outside are capped before they get here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define ARRAY_N(a) (sizeof(a) / sizeof((a)[0]))

/* Bytes that may be read (not used) after the end of any buffer that vector code scans. */
enum { MEM_PADDING = 64 };

/* The struct that embeds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Aborts with file and line when `cond` does not hold: a bug of ours, never an input's. */
#define must(cond) ((cond) ? (void)0 : mem_bug(#cond, __FILE__, __LINE__))

/* Prints the broken assumption to standard error and aborts. */
_Noreturn void mem_bug(const char *what, const char *file, int line);

/* `n` zeroed bytes, to be freed with mem_free. */
void *mem_alloc(size_t n);

/* `n` elements of `size` zeroed bytes; aborts when the product overflows. */
void *mem_alloc_n(size_t n, size_t size);

/* Resizes `p` (or NULL) to `n` elements of `size` bytes; new bytes are not zeroed. */
void *mem_resize_n(void *p, size_t n, size_t size);

/* A copy of `n` bytes plus a terminating NUL, to be freed with mem_free. */
char *mem_dup(const void *p, size_t n);

/* Frees what the functions above returned, or NULL. */
void mem_free(void *p);

/* memcpy that allows n == 0 with NULL pointers. */
static inline void mem_copy(void *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
}

#endif
