/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_bug(const char *what, const char *file, int line)
{
	fprintf(stderr, "ddbtap: bug at %s:%d: %s does not hold\n", file, line, what);
	abort();
}

/* Returns `p`, or aborts: the one place where memory runs out. */
static void *mem_or_abort(void *p, size_t n)
{
	if (p != NULL || n == 0)
		return p;
	fprintf(stderr, "ddbtap: out of memory (%zu bytes)\n", n);
	abort();
}

void *mem_alloc(size_t n)
{
	return mem_or_abort(calloc(1, n), n);
}

void *mem_alloc_n(size_t n, size_t size)
{
	return mem_or_abort(calloc(n, size), size == 0 ? 0 : n);
}

void *mem_resize_n(void *p, size_t n, size_t size)
{
	return mem_or_abort(reallocarray(p, n, size), size == 0 ? 0 : n);
}

char *mem_dup(const void *p, size_t n)
{
	char *copy = mem_alloc(n + 1);

	mem_copy(copy, p, n);
	return copy;
}

void mem_free(void *p)
{
	free(p);
}
