/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up items and pages of changes for the benchmarks: the same ones on every machine, as long and
 * as varied as those of real tables. What is in them only has to cost what real data costs.
 */
#ifndef BENCH_CORPUS_H
#define BENCH_CORPUS_H

#include "base/buf.h"

enum corpus_kind {
	CORPUS_PLAIN, /* strings, numbers, a map, a list and a set; about 1.1 KB per record */
	CORPUS_VINYLDNS, /* rows of recordChange with their blob; about 2 KB per record */
	CORPUS_HOSTILE, /* non-ASCII text, escapes, nesting, many short values */
};

/* The kind called "plain", "vinyldns" or "hostile"; false when it is none of these. */
bool corpus_kind_parse(struct str word, enum corpus_kind *out);

/* Appends item number `i` in its state number `version`, as DynamoDB JSON; its key is "id". */
void corpus_item(struct buf *out, enum corpus_kind kind, uint64_t i, unsigned version);

/* Appends the body of a GetRecords answer with `n` records: 45 % inserts, 45 % changes, 10 % removals. */
void corpus_page(struct buf *out, enum corpus_kind kind, size_t n);

#endif
