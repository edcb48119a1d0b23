/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_release(struct buf *buf)
{
	mem_free(buf->p);
	buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
	buf->n = 0;
	buf->failed = false;
}

char *buf_grow(struct buf *buf, size_t n)
{
	size_t cap = buf->cap;

	if (buf->failed || n > buf->max - buf->n) {
		buf->failed = true;
		return NULL;
	}
	if (n <= cap - buf->n && buf->p != NULL)
		return buf->p + buf->n;
	if (cap < 64)
		cap = 64;
	while (cap - buf->n < n)
		cap *= 2;
	if (cap > buf->max)
		cap = buf->max;
	buf->p = mem_resize_n(buf->p, cap + MEM_PADDING, 1);
	buf->cap = cap;
	return buf->p + buf->n;
}

void buf_truncate(struct buf *buf, size_t n)
{
	if (n < buf->n)
		buf->n = n;
}

void buf_u64(struct buf *buf, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_i64(struct buf *buf, int64_t v)
{
	if (v < 0)
		buf_c(buf, '-');
	buf_u64(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *buf, const void *p, size_t n)
{
	const unsigned char *from = p;
	char *to = n > buf->max / 2 ? NULL : buf_reserve(buf, n * 2);

	if (to == NULL) {
		buf->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		*to++ = "0123456789abcdef"[from[i] >> 4];
		*to++ = "0123456789abcdef"[from[i] & 15];
	}
	buf->n += n * 2;
}

void buf_vfmt(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	int n;
	char *to;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	/* One byte more than is kept: vsnprintf terminates. */
	to = n < 0 ? NULL : buf_reserve(buf, (size_t)n);
	if (to == NULL) {
		buf->failed = true;
	} else {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		buf->n += (size_t)n;
	}
	va_end(again);
}

void buf_fmt(struct buf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(buf, fmt, ap);
	va_end(ap);
}

struct str buf_view(const struct buf *buf)
{
	return str_make(buf->p, buf->n);
}

char *buf_detach(struct buf *buf)
{
	char *copy = mem_dup(buf->p, buf->n);

	buf_release(buf);
	return copy;
}
