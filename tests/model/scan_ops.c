/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

enum { SCAN_BYTES_MAX = 1024 * 1024, SEGMENTS_MAX = 1000000 };

static const char *const select_words[] = {"ALL_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT", NULL};

enum { SELECT_ALL, SELECT_SPECIFIC, SELECT_COUNT, SELECT_DEFAULT };

/* One Scan. */
struct scan {
	struct table *table;
	struct expr *filter; /* or NULL */
	struct paths paths;
	bool projects, count_only;
	int64_t limit;
	uint64_t high; /* the last hash of the segment */
	const struct item *at; /* what comes next */
	const struct item *last; /* what was looked at last */
	uint64_t counted, scanned;
	size_t bytes;
};

/* Reads Segment and TotalSegments, and finds where the scan starts. */
static bool scan_range(struct service *service, struct request *request, struct scan *scan)
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
	scan->high = segment + 1 >= total ? UINT64_MAX : (uint64_t)(segment + 1) * width;
	scan->at = store_from(&scan->table->store, low, STR_NONE, false);
	if (!request_has(request, PARAM_START_KEY))
		return true;
	if (!item_parse(request->arena, request->raw[PARAM_START_KEY], &key, request->failure) ||
	    !row_key_of_key(service, scan->table, &key, request, &start))
		return false;
	if (start.hash < low || start.hash > scan->high)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The provided starting key is outside the range of the segment");
	scan->at = store_from(&scan->table->store, start.hash, start.text, true);
	return true;
}

/* Reads Select and ProjectionExpression. */
static bool scan_select(struct request *request, struct scan *scan)
{
	unsigned select = SELECT_DEFAULT;
	struct str text;

	if (!request_word(request, PARAM_SELECT, select_words, &select) ||
	    !request_string(request, PARAM_PROJECTION, &text))
		return false;
	scan->projects = text.p != NULL;
	scan->count_only = select == SELECT_COUNT;
	if (scan->projects ? select == SELECT_ALL || select == SELECT_COUNT
			   : select == SELECT_SPECIFIC)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Select and ProjectionExpression do not go together like this");
	return !scan->projects || expr_parse_projection(&request->scope, text, &scan->paths);
}

/* Looks at one item, and appends it if it passes. */
static void scan_item(struct request *request, struct scan *scan, struct buf *answer)
{
	struct str text = text_str(scan->at->text);
	struct value item;

	scan->scanned++;
	scan->bytes += scan->at->text->size_bytes;
	if (scan->filter != NULL || scan->projects)
		item = item_parse_stored(request->arena, text);
	if (scan->filter != NULL && !expr_holds(request->arena, scan->filter, &item))
		return;
	scan->counted++;
	if (scan->count_only)
		return;
	json_comma(answer);
	if (scan->projects) {
		item = expr_project(request->arena, &scan->paths, &item);
		item_put(answer, &item);
	} else {
		buf_str(answer, text);
	}
}

bool op_scan(struct service *service, struct request *request, struct buf *answer)
{
	struct scan scan = {.table = table_find_ready(service, request), .limit = INT64_MAX};
	bool consistent = false, more = false;

	if (scan.table == NULL || !request_scope(request) ||
	    !request_integer(request, PARAM_LIMIT, 1, INT32_MAX, &scan.limit) ||
	    !request_bool(request, PARAM_CONSISTENT_READ, &consistent) ||
	    !scan_range(service, request, &scan) || !scan_select(request, &scan) ||
	    !request_condition(request, PARAM_FILTER, &scan.filter) || !request_scope_end(request))
		return false;
	buf_str(answer, scan.count_only ? STR("{") : STR("{\"Items\":["));
	for (; scan.at != NULL && scan.at->hash <= scan.high && !more; scan.at = scan.at->next[0]) {
		scan_item(request, &scan, answer);
		scan.last = scan.at;
		/* The service says that there is more as soon as a limit is reached. */
		more = scan.scanned == (uint64_t)scan.limit || scan.bytes >= SCAN_BYTES_MAX;
	}
	if (!scan.count_only)
		buf_c(answer, ']');
	json_comma(answer);
	buf_fmt(answer, "\"Count\":%llu,\"ScannedCount\":%llu", (unsigned long long)scan.counted,
		(unsigned long long)scan.scanned);
	if (more) {
		service_hit(service, HIT_SCAN_PAGED);
		buf_str(answer, STR(",\"LastEvaluatedKey\":"));
		buf_str(answer, text_str(scan.last->keys));
	}
	if (!capacity_put(request, scan.table, CAPACITY_READ,
			  capacity_of_read(scan.bytes, consistent), answer))
		return false;
	buf_c(answer, '}');
	return true;
}
