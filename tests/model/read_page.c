/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/read_page.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 };

static const char *const select_words[] = {"ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES",
					   "SPECIFIC_ATTRIBUTES", "COUNT", NULL};

enum { SELECT_ALL, SELECT_PROJECTED, SELECT_SPECIFIC, SELECT_COUNT, SELECT_DEFAULT };

/* Reads Select and ProjectionExpression. */
static bool select_read(struct request *request, bool indexed, struct page *page)
{
	unsigned select = SELECT_DEFAULT;
	struct str text;

	if (!request_word(request, PARAM_SELECT, select_words, &select) ||
	    !request_string(request, PARAM_PROJECTION, &text))
		return false;
	page->projects = text.p != NULL;
	page->count_only = select == SELECT_COUNT;
	page->all_asked = select == SELECT_ALL;
	if (select == SELECT_PROJECTED && !indexed)
		return failure_set(
			request->failure, FAILURE_VALIDATION,
			"ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an "
			"IndexName");
	if (page->projects ? select != SELECT_SPECIFIC && select != SELECT_DEFAULT
			   : select == SELECT_SPECIFIC)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Select and ProjectionExpression do not go together like this");
	return !page->projects || expr_parse_projection(&request->scope, text, &page->paths);
}

bool page_read(struct request *request, bool indexed, struct page *page)
{
	*page = (struct page){.limit = INT64_MAX};
	return request_integer(request, PARAM_LIMIT, 1, INT32_MAX, &page->limit) &&
	       request_bool(request, PARAM_CONSISTENT_READ, &page->consistent) &&
	       select_read(request, indexed, page) &&
	       request_condition(request, PARAM_FILTER, &page->filter) &&
	       request_scope_end(request);
}

void page_begin(const struct page *page, struct buf *answer)
{
	buf_str(answer, page->count_only ? STR("{") : STR("{\"Items\":["));
}

void page_add(struct request *request, struct page *page, struct str text, size_t size_bytes,
	      struct buf *answer)
{
	struct value item;

	page->scanned++;
	page->bytes += size_bytes;
	if (page->filter != NULL || page->projects)
		item = item_parse_stored(request->arena, text);
	if (page->filter != NULL && !expr_holds(request->arena, page->filter, &item))
		return;
	page->counted++;
	if (page->count_only)
		return;
	json_comma(answer);
	if (page->projects) {
		item = expr_project(request->arena, &page->paths, &item);
		item_put(answer, &item);
	} else {
		buf_str(answer, text);
	}
}

bool page_full(const struct page *page)
{
	return page->scanned == (uint64_t)page->limit || page->bytes >= PAGE_BYTES_MAX;
}

bool page_end(struct service *service, struct request *request, const struct page *page,
	      struct table *table, const struct index *index, struct str last_key,
	      struct buf *answer)
{
	struct consumed consumed = {.table = table, .kind = CAPACITY_READ};
	uint64_t half_units = capacity_of_read(page->bytes, page->consistent);

	if (!page->count_only)
		buf_c(answer, ']');
	json_comma(answer);
	buf_fmt(answer, "\"Count\":%llu,\"ScannedCount\":%llu", (unsigned long long)page->counted,
		(unsigned long long)page->scanned);
	if (last_key.n > 0) {
		service_hit(service, HIT_SCAN_PAGED);
		buf_str(answer, STR(",\"LastEvaluatedKey\":"));
		buf_str(answer, last_key);
	}
	if (index == NULL)
		consumed.half_units = half_units;
	else
		consumed.index_half_units[index - table->schema.indexes] = half_units;
	if (!capacity_put(request, &consumed, answer))
		return false;
	buf_c(answer, '}');
	return true;
}
