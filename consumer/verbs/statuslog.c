/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/statuslog.h"

#include "base/time.h"

/* The value of the word "name=value" in a line, or nothing; words are between blanks. */
static struct str value_of(struct str line, struct str name)
{
	while (line.n > 0) {
		struct str word = str_cut(&line, ' ');

		if (word.n > name.n && str_starts(word, name) && word.p[name.n] == '=')
			return str_skip(word, name.n + 1);
	}
	return STR_NONE;
}

/* The table of that name, or NULL. */
static struct statuslog_table *find(struct statuslog_table *tables, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(tables[i].name, name))
			return &tables[i];
	}
	return NULL;
}

/* At this time the table had been read so often since the start. */
static void note(struct statuslog_table *table, int64_t wall_ms, int64_t reads)
{
	if (table->first_wall_ms == 0)
		table->first_wall_ms = wall_ms;
	else
		table->reads += reads < table->last_reads ? reads : reads - table->last_reads;
	table->last_wall_ms = wall_ms;
	table->last_reads = reads;
}

void statuslog_take(struct statuslog_table *tables, size_t n, struct str line)
{
	struct str event = value_of(line, STR("event"));
	struct statuslog_table *table;
	int64_t wall_ms, reads;

	if (!time_parse_rfc3339(value_of(line, STR("ts")), &wall_ms))
		return;
	for (size_t i = 0; i < n && str_eq(event, STR("worker.running")); i++)
		note(&tables[i], wall_ms, 0);
	if (!str_eq(event, STR("table.status")) ||
	    !str_to_i64(value_of(line, STR("reads")), &reads) || reads < 0)
		return;
	table = find(tables, n, value_of(line, STR("table")));
	if (table != NULL)
		note(table, wall_ms, reads);
}
