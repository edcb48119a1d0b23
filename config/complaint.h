/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a file, collected while reading it and printed in one go, in the order of the file:
 *
 *	audit.yaml:9:5: error: unknown option 'rol'
 *	    rol: record_set
 *	    ^
 *	did you mean role?
 *
 * The struct borrows the file's name and text and owns the sentences. At most COMPLAINTS_MAX are kept;
 * the others are counted.
 */
#ifndef CONFIG_COMPLAINT_H
#define CONFIG_COMPLAINT_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/nearest.h"

enum { COMPLAINTS_MAX = 100 };

/* A place in the file. Both count from 0; columns count characters, not bytes. */
struct mark {
	size_t line, column;
};

struct complaint {
	struct mark at;
	size_t turn; /* the order of complaining, for two at one place */
	struct str sentence; /* without a final stop */
	struct str hint; /* printed below the source line; may be empty */
};

struct complaints {
	struct str file, text;
	struct arena arena;
	struct complaint list[COMPLAINTS_MAX];
	size_t n; /* of all that came, kept or not */
};

/* No complaints yet about `text`, which is called `file`. */
void complaints_init(struct complaints *complaints, struct str file, struct str text);

/* Frees the sentences. */
void complaints_release(struct complaints *complaints);

/* Adds a complaint about the place `at`. */
void complain(struct complaints *complaints, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Gives the newest complaint its hint, what to write instead, in place of an earlier hint. */
void complaint_hint(struct complaints *complaints, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Gives the newest complaint the hint "did you mean ...?", if anything near enough was found. */
void complaint_nearest(struct complaints *complaints, const struct nearest *nearest);

/* `word` as it may stand in a sentence: not too long, nothing that moves a terminal's cursor. */
struct str complaint_word(struct complaints *complaints, struct str word);

/* Sorts all complaints by place and appends them, ready to print. */
void complaints_print(struct complaints *complaints, struct buf *out);

/* The place of the byte at `offset` of `text`, which may be malformed from there on. */
struct mark mark_of(struct str text, size_t offset);

/* What follows the place `at` in `text`. */
struct str text_from(struct str text, struct mark at);

#endif
