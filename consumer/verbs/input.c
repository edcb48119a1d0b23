/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

/*
 * Reads once, at most CHUNK bytes or what still fits, which must be something. The number of bytes, 0
 * at the end, -1 with ERROR_IO.
 */
static ssize_t read_some(int fd, struct buf *out, struct error *err)
{
	size_t room = out->max - out->n;
	char *to = buf_reserve(out, room < CHUNK ? room : CHUNK);
	ssize_t n;

	must(to != NULL);
	do {
		n = read(fd, to, room < CHUNK ? room : CHUNK);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		error_set(err, ERROR_IO, "%s", error_errno(errno));
	else
		out->n += (size_t)n;
	return n;
}

bool input_read(int fd, struct buf *out, struct error *err)
{
	ssize_t n = 1;

	while (n > 0 && out->n < out->max)
		n = read_some(fd, out, err);
	return n >= 0;
}

void lines_init(struct lines *lines, int fd, size_t max)
{
	*lines = (struct lines){.fd = fd};
	buf_init(&lines->buf, max + 1);
}

void lines_release(struct lines *lines)
{
	buf_release(&lines->buf);
}

/* Drops the lines that were cut off and reads more behind the rest. */
static bool refill(struct lines *lines, struct error *err)
{
	struct buf *buf = &lines->buf;
	ssize_t n;

	if (lines->start > 0) {
		memmove(buf->p, buf->p + lines->start, buf->n - lines->start);
		buf_truncate(buf, buf->n - lines->start);
		lines->seen -= lines->start;
		lines->start = 0;
	}
	if (buf->n == buf->max)
		return error_set(err, ERROR_DATA, "a line is longer than %zu bytes", buf->max - 1);
	n = read_some(lines->fd, buf, err);
	lines->ended = n == 0;
	return n >= 0;
}

bool lines_next(struct lines *lines, struct str *line_out, struct error *err)
{
	struct buf *buf = &lines->buf;

	err->code = ERROR_NONE;
	for (;;) {
		struct str rest = str_skip(buf_view(buf), lines->seen);
		size_t n = str_find(rest, '\n');

		if (n < rest.n || (lines->ended && buf->n > lines->start)) {
			*line_out = str_make(buf->p + lines->start, lines->seen + n - lines->start);
			lines->start = lines->seen + n + (n < rest.n);
			lines->seen = lines->start;
			return true;
		}
		lines->seen = buf->n;
		if (lines->ended || !refill(lines, err))
			return false;
	}
}
