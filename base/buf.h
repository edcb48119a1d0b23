/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable run of bytes with a mandatory maximum and a sticky failure.
 *
 *	struct buf b;
 *	buf_init(&b, 1 << 20);
 *	buf_str(&b, STR("id="));
 *	buf_u64(&b, id);
 *	if (b.failed) ...		once, at the end
 *	buf_release(&b);
 *
 * Appending never returns an error: what would pass the maximum sets `failed`, and from then on
 * nothing is appended. MEM_PADDING bytes after the end may be read. Not terminated.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"

struct buf {
	char *p;
	size_t n;
	size_t cap; /* usable bytes at p, padding not counted */
	size_t max;
	bool failed;
};

/* An empty buffer that may hold at most `max` bytes; allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);

/* Frees the memory; the buffer is as after buf_init with the same maximum. */
void buf_release(struct buf *buf);

/* Empties the buffer and its failure, and keeps the memory. */
void buf_clear(struct buf *buf);

/* The slow half of buf_reserve: when there is no room yet. */
char *buf_grow(struct buf *buf, size_t n);

/* Makes room for `n` more bytes and returns where they go, or NULL when that passes the maximum. */
static inline char *buf_reserve(struct buf *buf, size_t n)
{
	return n < buf->cap - buf->n && !buf->failed ? buf->p + buf->n : buf_grow(buf, n);
}

/* Cuts the buffer to its first `n` bytes. */
void buf_truncate(struct buf *buf, size_t n);

/* Appends `n` bytes. */
static inline void buf_add(struct buf *buf, const void *p, size_t n)
{
	char *to = buf_reserve(buf, n);

	if (to == NULL)
		return;
	mem_copy(to, p, n);
	buf->n += n;
}

/* Appends the bytes of `s`. */
static inline void buf_str(struct buf *buf, struct str s)
{
	buf_add(buf, s.p, s.n);
}

/* Appends one byte. */
static inline void buf_c(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

/* Appends a number in decimal. */
void buf_u64(struct buf *buf, uint64_t v);

/* Appends a number in decimal, with its sign. */
void buf_i64(struct buf *buf, int64_t v);

/* Two lower-case hexadecimal digits per byte. */
void buf_hex(struct buf *buf, const void *p, size_t n);

/* printf into the buffer. */
void buf_fmt(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As buf_fmt, for functions that take its arguments themselves. */
void buf_vfmt(struct buf *buf, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* What the buffer holds; valid until the next append. */
struct str buf_view(const struct buf *buf);

/* The content as a terminated string of its own, to be freed with mem_free; empties the buffer. */
char *buf_detach(struct buf *buf);

#endif
