/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/read_page.h"

enum { SEGMENTS_MAX = 1000000 };

/* The hashes that one Scan walks through. */
struct range {
	const struct item *first; /* or NULL */
	uint64_t high; /* the last hash */
};

/* Reads Segment and TotalSegments, and finds where the scan starts. */
static bool range_read(struct service *service, struct request *request, const struct table *table,
		       struct range *range)
{
	int64_t segment = -1, total = 0;
	uint64_t width, low = 0;
	struct value key;
	struct row_key start;

	if (!request_integer(request, PARAM_TOTAL_SEGMENTS, 1, SEGMENTS_MAX, &total) ||
	    !request_integer(request, PARAM_SEGMENT, 0, SEGMENTS_MAX - 1, &segment))
		return false;
	if ((segment < 0) != (total == 0) || segment >= (total == 0 ? 1 : total))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The Segment parameter is required but was not present in the "
				   "request when parameter TotalSegments is present, and must be "
				   "less than it");
	width = total == 0 ? UINT64_MAX : UINT64_MAX / (uint64_t)total;
	low = segment <= 0 ? 0 : (uint64_t)segment * width + 1;
	range->high = segment + 1 >= total ? UINT64_MAX : (uint64_t)(segment + 1) * width;
	range->first = store_from(&table->store, low, STR_NONE, false);
	if (!request_has(request, PARAM_START_KEY))
		return true;
	if (!item_parse(request->arena, request->raw[PARAM_START_KEY], &key, request->failure) ||
	    !row_key_of_key(service, table, &key, request, &start))
		return false;
	if (start.hash < low || start.hash > range->high)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The provided starting key is outside the range of the segment");
	range->first = store_from(&table->store, start.hash, start.text, true);
	return true;
}

bool op_scan(struct service *service, struct request *request, struct buf *answer)
{
	struct table *table = table_find_ready(service, request);
	const struct item *last = NULL;
	struct range range = {NULL, 0};
	struct page page;

	if (table == NULL || !request_scope(request) ||
	    !range_read(service, request, table, &range) || !page_read(request, false, &page))
		return false;
	page_begin(&page, answer);
	for (const struct item *item = range.first;
	     item != NULL && item->hash <= range.high && !page_full(&page); item = item->next[0]) {
		page_add(request, &page, text_str(item->text), item->text->size_bytes, answer);
		last = item;
	}
	/* The service says that there is more as soon as a limit is reached. */
	return page_end(service, request, &page, table, NULL,
			page_full(&page) ? text_str(last->keys) : STR_NONE, answer);
}
