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

/* Appends what one table's part has consumed, as an object. */
static void consumed_put(const struct table *table, uint64_t half_units, unsigned word,
			 struct buf *answer)
{
	unsigned long long units = half_units / 2;
	const char *half = half_units % 2 == 1 ? "5" : "0";

	buf_fmt(answer, "{\"TableName\":\"%s\",\"CapacityUnits\":%llu.%s", table->name, units,
		half);
	if (word == CAPACITY_INDEXES)
		buf_fmt(answer, ",\"Table\":{\"CapacityUnits\":%llu.%s}", units, half);
	buf_c(answer, '}');
}

bool capacity_put(struct request *request, struct table *table, enum capacity_kind kind,
		  uint64_t half_units, struct buf *answer)
{
	unsigned word = CAPACITY_NONE;

	if (!request_word(request, PARAM_RETURN_CAPACITY, capacity_words, &word))
		return false;
	table->half_units[kind] += half_units;
	if (word == CAPACITY_NONE)
		return true;
	json_comma(answer);
	buf_str(answer, STR("\"ConsumedCapacity\":"));
	consumed_put(table, half_units, word, answer);
	return true;
}

bool capacity_put_element(struct request *request, struct table *table, uint64_t half_units,
			  struct buf *answer)
{
	unsigned word = CAPACITY_NONE;

	if (!request_word(request, PARAM_RETURN_CAPACITY, capacity_words, &word))
		return false;
	table->half_units[CAPACITY_READ] += half_units;
	if (word == CAPACITY_NONE)
		return true;
	json_comma(answer);
	consumed_put(table, half_units, word, answer);
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
