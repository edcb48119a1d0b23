/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/statuslog.h"

#include "tests/check.h"

/* Two tables that lines may speak of. */
static void prepare(struct statuslog_table tables[2])
{
	tables[0] = (struct statuslog_table){.name = STR("users")};
	tables[1] = (struct statuslog_table){.name = STR("orders")};
}

/* Takes a line. */
static void take(struct statuslog_table *tables, const char *line)
{
	statuslog_take(tables, 2, str_of(line));
}

static void reads_are_counted_between_lines(void)
{
	struct statuslog_table tables[2];

	prepare(tables);
	take(tables, "ts=2026-01-02T03:04:05.000Z level=info event=table.status table=users "
		     "state=current records=1 records_per_s=0 reads=100 reads_per_min=60 lag_s=0");
	CHECK_INT(tables[0].reads, 0);
	take(tables, "ts=2026-01-02T03:05:05.000Z level=info event=table.status table=orders "
		     "reads=7");
	take(tables, "ts=2026-01-02T03:06:05.500Z level=info event=table.status table=users "
		     "reads=220");
	CHECK_INT(tables[0].reads, 120);
	CHECK_INT(tables[0].last_wall_ms - tables[0].first_wall_ms, 120500);
	CHECK_INT(tables[1].reads, 0);
	CHECK_INT(tables[1].last_wall_ms, tables[1].first_wall_ms);
}

static void a_new_start_counts_from_zero(void)
{
	struct statuslog_table tables[2];

	prepare(tables);
	take(tables, "ts=2026-01-02T03:00:00Z event=table.status table=users reads=1000");
	take(tables, "ts=2026-01-02T03:01:00Z event=table.status table=users reads=1060");
	take(tables, "ts=2026-01-02T03:03:00Z event=table.status table=users reads=40");
	take(tables, "ts=2026-01-02T03:04:00Z event=table.status table=users reads=100");
	CHECK_INT(tables[0].reads, 60 + 40 + 60);
}

static void a_start_is_told(void)
{
	struct statuslog_table tables[2];

	prepare(tables);
	take(tables, "ts=2026-01-02T03:00:00Z event=worker.running worker=w");
	take(tables, "ts=2026-01-02T03:01:00Z event=table.status table=users reads=50");
	CHECK_INT(tables[0].reads, 50);
	CHECK_INT(tables[0].last_wall_ms - tables[0].first_wall_ms, 60000);
	take(tables, "ts=2026-01-02T03:02:00Z event=worker.running worker=w");
	take(tables, "ts=2026-01-02T03:03:00Z event=table.status table=users reads=70");
	CHECK_INT(tables[0].reads, 50 + 70);
}

static void a_journal_s_prefix_does_not_matter(void)
{
	struct statuslog_table tables[2];

	prepare(tables);
	take(tables, "Jan 02 03:04:05 host ddbtap[12]: ts=2026-01-02T03:04:05Z level=info "
		     "event=table.status table=users reads=5");
	CHECK_INT(tables[0].last_reads, 5);
}

static void other_lines_are_passed_over(void)
{
	struct statuslog_table tables[2];

	prepare(tables);
	take(tables, "");
	take(tables, "no log line");
	take(tables, "ts=2026-01-02T03:04:05Z event=reads.status table=users reads=5");
	take(tables, "ts=2026-01-02T03:04:05Z event=table.status table=other reads=5");
	take(tables, "ts=2026-01-02T03:04:05Z event=table.status table=users reads=many");
	take(tables, "ts=2026-01-02T03:04:05Z event=table.status table=users reads=-5");
	take(tables, "ts=2026-01-02T03:04:05Z event=table.status table=users records=5");
	take(tables, "ts=yesterday event=table.status table=users reads=5");
	take(tables, "event=table.status table=users reads=5");
	CHECK_INT(tables[0].first_wall_ms, 0);
	CHECK_INT(tables[1].first_wall_ms, 0);
}

int main(void)
{
	CHECK_RUN(reads_are_counted_between_lines);
	CHECK_RUN(a_new_start_counts_from_zero);
	CHECK_RUN(a_start_is_told);
	CHECK_RUN(a_journal_s_prefix_does_not_matter);
	CHECK_RUN(other_lines_are_passed_over);
	return check_end();
}
