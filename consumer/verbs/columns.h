/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people: columns as wide as what is in them, under heads.
 *
 *	columns_init(&columns, heads, ARRAY_N(heads));
 *	columns_cell(&columns, STR("..."));	one after the other, row by row
 *	columns_put(&columns, &out);
 *	columns_release(&columns);
 */
#ifndef VERBS_COLUMNS_H
#define VERBS_COLUMNS_H

#include "base/buf.h"

enum { COLUMNS_MAX = 12 };

struct columns {
	struct buf cells; /* each ends with a line feed; the heads first */
	size_t widths[COLUMNS_MAX];
	size_t n, at; /* how many there are, and which is next */
};

/* A table of `n` columns that has nothing but its heads yet. */
void columns_init(struct columns *columns, const char *const *heads, size_t n);

/* Frees what it holds. */
void columns_release(struct columns *columns);

/* The next cell: "-" if it is empty, and with "?" for what is not printable ASCII. */
void columns_cell(struct columns *columns, struct str text);

/* The same, as printf has it. */
void columns_fmt(struct columns *columns, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends the whole table, a row a line. */
void columns_put(const struct columns *columns, struct buf *out);

#endif
