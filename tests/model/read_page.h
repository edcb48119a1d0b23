/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of a Scan or a Query: how much it may look at, which of that it answers with, and what it
 * counted. The caller walks; the page says when it is full.
 */
#ifndef MODEL_READ_PAGE_H
#define MODEL_READ_PAGE_H

#include "tests/model/model.h"

struct page {
	struct expr *filter; /* or NULL */
	struct paths paths;
	bool projects, count_only, consistent;
	bool all_asked; /* Select is ALL_ATTRIBUTES, in so many words */
	int64_t limit;
	uint64_t counted, scanned;
	size_t bytes;
};

/*
 * Reads Limit, ConsistentRead, Select, ProjectionExpression and FilterExpression, which end the
 * expressions of the request; `indexed`: an index is read.
 */
bool page_read(struct request *request, bool indexed, struct page *page);

/* Appends the beginning of the answer. */
void page_begin(const struct page *page, struct buf *answer);

/* Counts one item, and appends it if it passes the filter. */
void page_add(struct request *request, struct page *page, struct str item, size_t size_bytes,
	      struct buf *answer);

/* Whether nothing more may be looked at. */
bool page_full(const struct page *page);

/*
 * Appends the end of the answer; `last_key` is where to go on, n == 0: there is no more. `index` is what
 * was read, NULL: the table itself.
 */
bool page_end(struct service *service, struct request *request, const struct page *page,
	      struct table *table, const struct index *index, struct str last_key,
	      struct buf *answer);

#endif
