/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

static const char *const capacity_words[] = {"NONE", "TOTAL", "INDEXES", NULL};

enum { CAPACITY_NONE, CAPACITY_TOTAL, CAPACITY_INDEXES };

uint64_t capacity_of_read(size_t bytes, bool consistent)
{
	uint64_t units = bytes <= 4096 ? 1 : (bytes + 4095) / 4096;

	return consistent ? units * 2 : units;
}

uint64_t capacity_of_write(size_t bytes)
{
	return bytes <= 1024 ? 2 : (bytes + 1023) / 1024 * 2;
}

/* Appends {"CapacityUnits":...}, without the closing brace. */
static void units_put(uint64_t half_units, struct buf *answer)
{
	buf_fmt(answer, "\"CapacityUnits\":%llu.%s", (unsigned long long)half_units / 2,
		half_units % 2 == 1 ? "5" : "0");
}

/* Appends what was consumed of the indexes of one kind. */
static void indexes_put(const struct consumed *consumed, bool global, struct buf *answer)
{
	const struct schema *schema = &consumed->table->schema;
	bool any = false;

	for (size_t i = 0; i < schema->indexes_n; i++) {
		const struct index *index = &schema->indexes[i];

		if (index->global != global || consumed->index_half_units[i] == 0)
			continue;
		if (!any)
			buf_fmt(answer, ",\"%sSecondaryIndexes\":{", global ? "Global" : "Local");
		any = true;
		json_comma(answer);
		json_put(answer, str_of(index->name));
		buf_str(answer, STR(":{"));
		units_put(consumed->index_half_units[i], answer);
		buf_c(answer, '}');
	}
	if (any)
		buf_c(answer, '}');
}

/* Appends what was consumed, as an object. */
static void consumed_put(const struct consumed *consumed, unsigned word, struct buf *answer)
{
	uint64_t all = consumed->half_units;

	for (size_t i = 0; i < consumed->table->schema.indexes_n; i++)
		all += consumed->index_half_units[i];
	buf_fmt(answer, "{\"TableName\":\"%s\",", consumed->table->name);
	units_put(all, answer);
	if (word == CAPACITY_INDEXES) {
		buf_str(answer, STR(",\"Table\":{"));
		units_put(consumed->half_units, answer);
		buf_c(answer, '}');
		indexes_put(consumed, true, answer);
		indexes_put(consumed, false, answer);
	}
	buf_c(answer, '}');
}

/* Counts what was consumed; says in `*word` how much the request wants to know of it. */
static bool count(struct request *request, const struct consumed *consumed, unsigned *word)
{
	uint64_t *sum = &consumed->table->half_units[consumed->kind];

	*word = CAPACITY_NONE;
	if (!request_word(request, PARAM_RETURN_CAPACITY, capacity_words, word))
		return false;
	*sum += consumed->half_units;
	for (size_t i = 0; i < consumed->table->schema.indexes_n; i++)
		*sum += consumed->index_half_units[i];
	return true;
}

bool capacity_put(struct request *request, const struct consumed *consumed, struct buf *answer)
{
	unsigned word;

	if (!count(request, consumed, &word))
		return false;
	if (word == CAPACITY_NONE)
		return true;
	json_comma(answer);
	buf_str(answer, STR("\"ConsumedCapacity\":"));
	consumed_put(consumed, word, answer);
	return true;
}

bool capacity_put_element(struct request *request, const struct consumed *consumed,
			  struct buf *answer)
{
	unsigned word;

	if (!count(request, consumed, &word))
		return false;
	if (word == CAPACITY_NONE)
		return true;
	json_comma(answer);
	consumed_put(consumed, word, answer);
	return true;
}

bool service_capacity_next(const struct service *service, size_t *at, struct service_capacity *out)
{
	const struct table *table = map_next(&service->tables, at);

	if (table == NULL)
		return false;
	*out = (struct service_capacity){.table = str_of(table->name),
					 .read_half_units = table->half_units[CAPACITY_READ],
					 .write_half_units = table->half_units[CAPACITY_WRITE]};
	return true;
}
