/* SPDX-License-Identifier: Apache-2.0 */
/* The pages for monitoring, of an engine that has not started yet. */
#include "consumer/verbs/monitor.h"

#include "tests/sample_sinks.h"
#include "tests/unit/server_client.h"

struct fixture {
	struct config *config;
	struct engine_table table;
	struct engine_sink sink;
	struct engine *engine;
	struct monitor *monitor;
	char where[40];
};

static struct fixture f;

static void setup(void)
{
	struct engine_options options;
	struct error err;
	struct buf out;

	memset(&f, 0, sizeof(f));
	talk_setup();
	buf_init(&out, 1 << 20);
	f.config = config_parse(STR("c"),
				STR("application: a\ntables: [{name: orders}]\nsinks: {out: {type: "
				    "stdout}}\n"),
				&sample_known, &out);
	must(f.config != NULL);
	buf_release(&out);
	engine_options_init(&options);
	f.table.name = STR("orders");
	f.sink = (struct engine_sink){.name = STR("out"), .dead_letter = -1};
	options.worker_id = STR("w");
	options.tables = &f.table;
	options.n_tables = 1;
	options.sinks = &f.sink;
	options.n_sinks = 1;
	f.engine = engine_new(loop_io(talk.loop), &options);
	snprintf(f.where, sizeof(f.where), "127.0.0.1:%u", talk.port);
	f.monitor = monitor_new(talk.loop, f.engine, f.config, f.where, &err);
	must(f.monitor != NULL);
}

static void teardown(void)
{
	monitor_free(f.monitor);
	engine_free(&f.engine);
	config_free(f.config);
	talk_teardown();
}

static void a_loop_that_turns_is_alive(void)
{
	setup();
	check_answer("GET /livez" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nalive\n");
	teardown();
}

static void who_is_not_ready_says_no(void)
{
	setup();
	check_answer("GET /readyz" CLOSE, "HTTP/1.1 503 Service Unavailable\r\n", "\n");
	CHECK(strstr(talk.said, "\r\n\r\nnot ready\n"
				"starting: it looks for the checkpoint table\n"
				"unlisted table=orders: ") != NULL);
	CHECK(strstr(talk.said, "state=") == NULL);
	check_answer("GET /readyz?verbose" CLOSE, "HTTP/1.1 503 Service Unavailable\r\n",
		     "table=orders state=starting shards=0 records=0\n"
		     "sink=out delivered=0 retried=0 rejected=0 dead_letters=0\n");
	teardown();
}

static void figures_are_those_of_the_engine(void)
{
	setup();
	check_answer("GET /metrics" CLOSE, "HTTP/1.1 200 OK\r\n",
		     "ddbtap_sink_waiting_bytes{sink=\"out\"} 0\n");
	CHECK(strstr(talk.said, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
	      NULL);
	CHECK(strstr(talk.said, "\nddbtap_ready 0\n") != NULL);
	CHECK(strstr(talk.said, "\nddbtap_not_ready_reasons{reason=\"starting\"} 1\n") != NULL);
	CHECK(strstr(talk.said, "\nddbtap_not_ready_reasons{reason=\"unlisted\"} 1\n") != NULL);
	CHECK(strstr(talk.said, "\nddbtap_budget_bytes 268435456\n") != NULL);
	CHECK(strstr(talk.said, "\nddbtap_table_lag_seconds") == NULL);
	teardown();
}

static void the_supervisors_line_has_the_first_reason(void)
{
	struct buf out;

	setup();
	buf_init(&out, 10000);
	monitor_put_status(f.monitor, &out);
	CHECK_STR(buf_view(&out),
		  "0 shards, 0 records delivered, lag 0.0 s, 0 gaps, 0 dead letters; "
		  "not ready: starting: it looks for the checkpoint table");
	buf_release(&out);
	teardown();
}

static void a_port_that_is_taken_names_the_option(void)
{
	struct error err = {0};

	setup();
	CHECK(monitor_new(talk.loop, f.engine, f.config, f.where, &err) == NULL);
	CHECK_INT(err.code, ERROR_IO);
	CHECK(str_starts(str_of(err.text), STR("http.listen: cannot listen at 127.0.0.1:")));
	teardown();
}

int main(void)
{
	CHECK_RUN(a_loop_that_turns_is_alive);
	CHECK_RUN(who_is_not_ready_says_no);
	CHECK_RUN(figures_are_those_of_the_engine);
	CHECK_RUN(the_supervisors_line_has_the_first_reason);
	CHECK_RUN(a_port_that_is_taken_names_the_option);
	return check_end();
}
