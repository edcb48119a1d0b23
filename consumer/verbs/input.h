/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files and standard input, whole or by lines, never more than a given number of bytes. */
#ifndef VERBS_INPUT_H
#define VERBS_INPUT_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends what is left of `fd` until it ends or the buffer is full (which is no error; the caller
 * gives one byte more than it accepts). False with ERROR_IO.
 */
bool input_read(int fd, struct buf *out, struct error *err) MUST_CHECK;

/* A reader of lines. */
struct line_reader {
	int fd;
	struct buf buf; /* what was read and not yet cut off */
	size_t start; /* of the next line */
	size_t seen; /* up to here there is no line break after `start` */
	bool ended; /* the file ended */
};

/* Reads lines from `fd`, none longer than `max` bytes. */
void line_reader_init(struct line_reader *reader, int fd, size_t max);

/* Frees the reader's buffer; the descriptor stays open. */
void line_reader_release(struct line_reader *reader);

/*
 * The next line, without its break, valid until the next call. False at the end, with err->code
 * ERROR_NONE, or with ERROR_IO, or with ERROR_DATA when the line is too long.
 */
bool line_reader_next(struct line_reader *reader, struct str *line_out,
		      struct error *err) MUST_CHECK;

#endif
