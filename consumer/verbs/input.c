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

void line_reader_init(struct line_reader *reader, int fd, size_t max)
{
	*reader = (struct line_reader){.fd = fd};
	buf_init(&reader->buf, max + 1);
}

void line_reader_release(struct line_reader *reader)
{
	buf_release(&reader->buf);
}

/* Drops the lines that were cut off and reads more behind the rest. */
static bool refill(struct line_reader *reader, struct error *err)
{
	struct buf *buf = &reader->buf;
	ssize_t n;

	if (reader->start > 0) {
		memmove(buf->p, buf->p + reader->start, buf->n - reader->start);
		buf_truncate(buf, buf->n - reader->start);
		reader->seen -= reader->start;
		reader->start = 0;
	}
	if (buf->n == buf->max)
		return error_set(err, ERROR_DATA, "a line is longer than %zu bytes", buf->max - 1);
	n = read_some(reader->fd, buf, err);
	reader->ended = n == 0;
	return n >= 0;
}

bool line_reader_next(struct line_reader *reader, struct str *line_out, struct error *err)
{
	struct buf *buf = &reader->buf;

	err->code = ERROR_NONE;
	for (;;) {
		struct str rest = str_skip(buf_view(buf), reader->seen);
		size_t n = str_find(rest, '\n');

		if (n < rest.n || (reader->ended && buf->n > reader->start)) {
			*line_out =
				str_make(buf->p + reader->start, reader->seen + n - reader->start);
			reader->start = reader->seen + n + (n < rest.n);
			reader->seen = reader->start;
			return true;
		}
		reader->seen = buf->n;
		if (reader->ended || !refill(reader, err))
			return false;
	}
}
