/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/estimate.h"

#include "tests/check.h"

/* One worker with the default heartbeat and ten shards that do not change. */
static const struct estimate_load quiet = {
	.hours = 730,
	.workers = 1,
	.reads = 10 * 730 * 3600,
	.heartbeat_ms = 3000,
	.shards = 10,
	.sinks = 1,
};

static void reads_follow_from_shards_and_pace(void)
{
	CHECK_INT(estimate_reads(1, 1000, 1), 3600);
	CHECK_INT(estimate_reads(4, 250, 1), 57600);
	CHECK_INT(estimate_reads(10000, 1000, 744), 26784000000);
	CHECK_INT(estimate_reads(1, 7000, 1), 514);
	CHECK_INT(estimate_reads(0, 1000, 730), 0);
}

static void what_is_free_is_not_billed(void)
{
	struct estimate_load load = quiet;
	struct estimate month;
	struct tariff tariff;

	tariff_init(&tariff);
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.reads, 26280000);
	CHECK_INT(month.billed_reads, 23780000);
	/* 237.8 x 0.02 */
	CHECK_INT(month.reads_usd, 4756000);
	load.reads = 2500000;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.billed_reads, 0);
	CHECK_INT(month.reads_usd, 0);
	tariff.free_reads = 0;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.reads_usd, 500000);
}

static void the_ration_is_for_the_longest_month(void)
{
	struct estimate_load load = quiet;
	struct tariff tariff;

	tariff_init(&tariff);
	load.max_reads = 744000;
	CHECK(estimate_month(&load, &tariff).limited);
	CHECK_INT(estimate_month(&load, &tariff).reads, 730000);
	load.hours = 744;
	CHECK_INT(estimate_month(&load, &tariff).reads, 744000);
	load.max_reads = 1000000000000;
	CHECK(!estimate_month(&load, &tariff).limited);
	CHECK_INT(estimate_month(&load, &tariff).reads, 26280000);
}

static void the_checkpoint_table_is_counted(void)
{
	struct estimate_load load = quiet;
	struct estimate month;
	struct tariff tariff;

	tariff_init(&tariff);
	month = estimate_month(&load, &tariff);
	/* A heartbeat in 3 s; three looks in that time at two rows, half a unit each, and one sweep over 5.2 KB. */
	CHECK_INT(month.write_units, 876000);
	CHECK_INT(month.read_units, 876000 * 3 + 876000);
	CHECK_INT(month.write_units_usd, 547500);
	CHECK_INT(month.read_units_usd, 438000);
	CHECK_INT(month.usd, 4756000 + 547500 + 438000);
	load.checkpoint_ms = 1000;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.write_units, 876000 + 26280000);
	/* 450 and 16 x 70 bytes are more than a unit writes. */
	load.sinks = 16;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.write_units, 876000 + 2 * 26280000);
	/* Two workers beat twice as often, and look at three rows. */
	load.checkpoint_ms = 0;
	load.sinks = 1;
	load.workers = 2;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.write_units, 1752000);
	CHECK_INT(month.read_units, 1752000 * 3 * 3 / 2 + 1752000);
	/* A sweep over 10,000 rows (635 units) takes 317.5 s, whatever the heartbeat is. */
	load.workers = 1;
	load.shards = 10000;
	month = estimate_month(&load, &tariff);
	CHECK_INT(month.read_units, 876000 * 3 + (int64_t)635 * 730 * 3600000 / 317500);
}

static void absurd_figures_do_not_overflow(void)
{
	struct estimate_load load = quiet;
	struct tariff tariff = {.reads_usd = 999999999999};
	struct estimate month;

	load.reads = INT64_MAX / 4;
	month = estimate_month(&load, &tariff);
	CHECK(month.usd > 1000000000000);
}

/* What `text` is in millionths, -1 when it is no price. */
static int64_t usd(const char *text)
{
	int64_t value;

	return usd_parse(str_of(text), &value) ? value : -1;
}

static void dollars_are_exact(void)
{
	CHECK_INT(usd("0.02"), 20000);
	CHECK_INT(usd("1"), 1000000);
	CHECK_INT(usd("0"), 0);
	CHECK_INT(usd("12.000001"), 12000001);
	CHECK_INT(usd("999999.999999"), 999999999999);
	CHECK_INT(usd(""), -1);
	CHECK_INT(usd("."), -1);
	CHECK_INT(usd("1."), -1);
	CHECK_INT(usd(".5"), -1);
	CHECK_INT(usd("-1"), -1);
	CHECK_INT(usd("1e3"), -1);
	CHECK_INT(usd("1.0000001"), -1);
	CHECK_INT(usd("1000000"), -1);
	CHECK_INT(usd("$1"), -1);
}

/* How so much is written. */
static const char *put(int64_t value, int decimals)
{
	static char text[32];
	struct buf buf;

	buf_init(&buf, sizeof(text) - 1);
	usd_put(&buf, value, decimals);
	snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_view(&buf)));
	buf_release(&buf);
	return text;
}

static void dollars_are_rounded_where_they_are_written(void)
{
	CHECK_STR(str_of(put(4756000, 2)), "4.76");
	CHECK_STR(str_of(put(4754999, 2)), "4.75");
	CHECK_STR(str_of(put(999999, 2)), "1.00");
	CHECK_STR(str_of(put(0, 2)), "0.00");
	CHECK_STR(str_of(put(4756001, 6)), "4.756001");
}

int main(void)
{
	CHECK_RUN(reads_follow_from_shards_and_pace);
	CHECK_RUN(what_is_free_is_not_billed);
	CHECK_RUN(the_ration_is_for_the_longest_month);
	CHECK_RUN(the_checkpoint_table_is_counted);
	CHECK_RUN(absurd_figures_do_not_overflow);
	CHECK_RUN(dollars_are_exact);
	CHECK_RUN(dollars_are_rounded_where_they_are_written);
	return check_end();
}
