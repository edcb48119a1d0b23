/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page /metrics: every figure with a value of its own, so that none can stand in another's
 * place, must give tests/golden/metrics/page.txt. UPDATE_GOLDEN=1 writes it anew; look at the diff
 * then.
 */
#include "consumer/verbs/metrics.h"

#include <stdlib.h>

#include "consumer/verbs/exposition.h"
#include "tests/check.h"

enum { PAGE_MAX = 1 << 20 };

static const char golden[] = "tests/golden/metrics/page.txt";

/* The next number. */
static uint64_t next;

/* Fills all uint64_t between two places of a struct. */
static void fill(uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		from[i] = next++;
}

/* A table with figures that no other has. */
static struct metrics_table make_table(const char *name, const char *state, unsigned owned)
{
	struct metrics_table table = {.name = str_of(name)};

	table.stats.records = next++;
	table.stats.bytes = next++;
	table.stats.reads = next++;
	table.stats.lag_ms = (int64_t)next++;
	table.stats.headroom_ms = (int64_t)(86400000 - next++);
	table.stats.shards_owned = owned;
	table.stats.state = state;
	fill(table.stats.gaps, ENGINE_GAP_REASONS);
	fill(table.stats.alarms, ENGINE_ALARMS);
	return table;
}

/* The same for a sink. */
static struct metrics_sink make_sink(const char *name)
{
	struct metrics_sink sink = {.name = str_of(name)};

	sink.stats.delivered = next++;
	sink.stats.retried = next++;
	sink.stats.rejected = next++;
	sink.stats.dead_letters = next++;
	fill(sink.stats.deliveries, DELIVERY_RESULTS);
	sink.stats.flight_bytes = (int64_t)next++;
	sink.stats.waiting_bytes = (int64_t)next++;
	return sink;
}

/* Reads the golden file, or writes it when that is wanted. */
static void compare(struct str page)
{
	static char want[PAGE_MAX];
	FILE *file;
	size_t n;

	if (secure_getenv("UPDATE_GOLDEN") != NULL) {
		file = fopen(golden, "wb");
		must(file != NULL && fwrite(page.p, 1, page.n, file) == page.n);
		must(fclose(file) == 0);
		return;
	}
	file = fopen(golden, "rb");
	must(file != NULL);
	n = fread(want, 1, sizeof(want), file);
	(void)fclose(file);
	check_str(page, str_make(want, n), __FILE__, __LINE__);
}

static void every_figure_has_its_place(void)
{
	struct metrics_table tables[2];
	struct metrics_sink sinks[2];
	struct metrics m = {
		.version = "1.2.3", .tables = tables, .n_tables = 2, .sinks = sinks, .n_sinks = 2};
	struct buf page;

	next = 1000;
	m.engine.shards_owned = (unsigned)next++;
	m.engine.leases_gained = next++;
	m.engine.leases_lost = next++;
	m.engine.leases_given = next++;
	m.engine.detaches = next++;
	m.engine.rejoins = next++;
	m.engine.budget_used_bytes = (int64_t)next++;
	for (size_t i = 0; i < ARRAY_N(m.engine.requests); i++) {
		m.engine.requests[i].ended = next++;
		m.engine.requests[i].throttled = next++;
		m.engine.requests[i].failed = next++;
	}
	m.budget_bytes = (int64_t)next++;
	fill(m.ills, ENGINE_ILLS);
	tables[0] = make_table("users", "current", 3);
	tables[1] = make_table("orders", "blocked", 0);
	sinks[0] = make_sink("hook");
	sinks[1] = make_sink("file-1");
	m.usage = (struct usage){.cpu_ms = (int64_t)next++,
				 .resident_bytes = next++,
				 .fds = next++,
				 .fds_max = next++};
	m.started_wall_ms = 1795986487824;
	buf_init(&page, PAGE_MAX);
	metrics_put(&m, &page);
	CHECK(!page.failed);
	compare(buf_view(&page));
	buf_release(&page);
}

static void a_worker_without_a_reason_is_ready(void)
{
	struct metrics m = {.version = "0"};
	struct buf page;

	buf_init(&page, PAGE_MAX);
	metrics_put(&m, &page);
	CHECK(strstr(page.p, "\nddbtap_ready 1\n") != NULL);
	m.ills[ENGINE_ILLS - 1] = 1;
	buf_clear(&page);
	metrics_put(&m, &page);
	buf_c(&page, '\0');
	CHECK(strstr(page.p, "\nddbtap_ready 0\n") != NULL);
	buf_release(&page);
}

static void labels_are_escaped(void)
{
	struct buf out;
	struct exposition e = {.out = &out};

	buf_init(&out, 1000);
	exposition_family(&e, "a_total", METRIC_COUNTER, "What it is.");
	exposition_label(&e, "x", STR("say \"hi\" \\ \n."));
	exposition_label(&e, "y", STR(""));
	exposition_u64(&e, UINT64_MAX);
	exposition_u64(&e, 0);
	exposition_family(&e, "b_seconds", METRIC_GAUGE, "Time.");
	exposition_ms(&e, 1);
	exposition_ms(&e, -12345);
	exposition_ms(&e, INT64_MAX);
	exposition_ms(&e, INT64_MIN);
	CHECK_STR(buf_view(&out), "# HELP a_total What it is.\n# TYPE a_total counter\n"
				  "a_total{x=\"say \\\"hi\\\" \\\\ \\n.\",y=\"\"} "
				  "18446744073709551615\n"
				  "a_total 0\n"
				  "# HELP b_seconds Time.\n# TYPE b_seconds gauge\n"
				  "b_seconds 0.001\nb_seconds -12.345\n"
				  "b_seconds 9223372036854775.807\n"
				  "b_seconds -9223372036854775.808\n");
	buf_release(&out);
}

static void usage_is_of_this_process(void)
{
	struct usage before, after;
	FILE *file;

	usage_measure(&before);
	CHECK(before.resident_bytes > 100000 && before.resident_bytes < (uint64_t)1 << 46);
	CHECK(before.fds >= 3 && before.fds <= before.fds_max);
	CHECK(before.cpu_ms >= 0);
	file = fopen("/dev/null", "rb");
	must(file != NULL);
	usage_measure(&after);
	CHECK_INT(after.fds, before.fds + 1);
	CHECK(after.cpu_ms >= before.cpu_ms);
	(void)fclose(file);
}

int main(void)
{
	CHECK_RUN(every_figure_has_its_place);
	CHECK_RUN(a_worker_without_a_reason_is_ready);
	CHECK_RUN(labels_are_escaped);
	CHECK_RUN(usage_is_of_this_process);
	return check_end();
}
