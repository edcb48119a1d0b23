/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/monitor.h"

#include "config/listen.h"
#include "consumer/host/server.h"
#include "consumer/verbs/exposition.h"
#include "consumer/verbs/metrics.h"
#include "consumer/verbs/readiness.h"

enum {
	PAGE_MAX_BYTES = 16 << 20,
	STATUS_REASON_MAX = 400, /* bytes */
	STATUS_UNAVAILABLE = 503,
	IDLE_S = 10,
};

struct monitor {
	struct io *io;
	struct engine *engine;
	const struct config *config;
	struct server *server; /* NULL: nowhere */
	int64_t started_wall_ms;
};

/* The loop turns, or nobody would answer. */
static void make_livez(void *arg, bool verbose, struct server_answer *answer)
{
	(void)arg;
	(void)verbose;
	buf_str(&answer->body, STR("alive\n"));
}

/* Appends how the tables and the sinks are, be it well or not. */
static void put_all(struct monitor *monitor, struct buf *out)
{
	const struct config *config = monitor->config;

	for (size_t i = 0; i < config->n_tables; i++) {
		struct engine_table_stats stats;

		engine_table_stats(monitor->engine, i, &stats);
		buf_fmt(out, "table=%s state=%s shards=%u records=%llu", config->tables[i].name,
			stats.state, stats.shards_owned, (unsigned long long)stats.records);
		if (stats.shards_owned > 0)
			buf_fmt(out, " lag_s=%lld headroom_s=%lld", (long long)stats.lag_ms / 1000,
				(long long)stats.headroom_ms / 1000);
		buf_c(out, '\n');
	}
	for (size_t i = 0; i < config->n_sinks; i++) {
		struct engine_sink_stats stats;

		engine_sink_stats(monitor->engine, i, &stats);
		buf_fmt(out,
			"sink=%s delivered=%llu retried=%llu rejected=%llu dead_letters=%llu\n",
			config->sinks[i].name, (unsigned long long)stats.delivered,
			(unsigned long long)stats.retried, (unsigned long long)stats.rejected,
			(unsigned long long)stats.dead_letters);
	}
}

/* Asks the engine how it is. */
static void ask(const struct monitor *monitor, struct readiness *readiness)
{
	readiness_init(readiness, io_now_ms(monitor->io));
	engine_health(monitor->engine, readiness_add, readiness);
}

/* Whether the worker does what it is there for. */
static void make_readyz(void *arg, bool verbose, struct server_answer *answer)
{
	struct monitor *monitor = arg;
	struct readiness readiness;

	ask(monitor, &readiness);
	if (readiness.n > 0)
		answer->status = STATUS_UNAVAILABLE;
	readiness_put(&readiness, &answer->body);
	if (verbose)
		put_all(monitor, &answer->body);
	readiness_release(&readiness);
}

/* Figures. */
static void make_metrics(void *arg, bool verbose, struct server_answer *answer)
{
	struct monitor *monitor = arg;
	const struct config *config = monitor->config;
	struct metrics_table *tables = mem_alloc_n(config->n_tables, sizeof(*tables));
	struct metrics_sink *sinks = mem_alloc_n(config->n_sinks, sizeof(*sinks));
	struct metrics metrics = {
		.version = DDBTAP_VERSION,
		.budget_bytes = config->engine.budget_bytes,
		.tables = tables,
		.n_tables = config->n_tables,
		.sinks = sinks,
		.n_sinks = config->n_sinks,
		.started_wall_ms = monitor->started_wall_ms,
	};
	struct readiness readiness;

	(void)verbose;
	for (size_t i = 0; i < config->n_tables; i++) {
		tables[i].name = str_of(config->tables[i].name);
		engine_table_stats(monitor->engine, i, &tables[i].stats);
	}
	for (size_t i = 0; i < config->n_sinks; i++) {
		sinks[i].name = str_of(config->sinks[i].name);
		engine_sink_stats(monitor->engine, i, &sinks[i].stats);
	}
	engine_stats(monitor->engine, &metrics.engine);
	ask(monitor, &readiness);
	mem_copy(metrics.ills, readiness.ills, sizeof(metrics.ills));
	readiness_release(&readiness);
	usage_measure(&metrics.usage);
	answer->type = EXPOSITION_TYPE;
	metrics_put(&metrics, &answer->body);
	mem_free(sinks);
	mem_free(tables);
}

static const struct server_page pages[] = {
	{"/livez", make_livez},
	{"/readyz", make_readyz},
	{"/metrics", make_metrics},
};

struct monitor *monitor_new(struct loop *loop, struct engine *engine, const struct config *config,
			    const char *where, struct error *err)
{
	struct monitor *monitor = mem_alloc(sizeof(*monitor));
	struct server_options options = {
		.pages = pages,
		.n_pages = ARRAY_N(pages),
		.idle_s = IDLE_S,
		.max_bytes = PAGE_MAX_BYTES,
		.arg = monitor,
	};
	struct listen listen;

	monitor->io = loop_io(loop);
	monitor->engine = engine;
	monitor->config = config;
	monitor->started_wall_ms = io_wall_ms(monitor->io);
	if (where == NULL)
		return monitor;
	must(listen_parse(str_of(where), &listen));
	options.address = listen.address;
	options.port = listen.port;
	monitor->server = server_new(loop, &options, err);
	if (monitor->server != NULL)
		return monitor;
	error_prefix(err, "http.listen");
	mem_free(monitor);
	return NULL;
}

void monitor_put_status(const struct monitor *monitor, struct buf *out)
{
	int64_t lag_ms = 0;
	struct engine_stats stats;
	struct readiness readiness;

	for (size_t i = 0; i < monitor->config->n_tables; i++) {
		struct engine_table_stats table;

		engine_table_stats(monitor->engine, i, &table);
		if (table.lag_ms > lag_ms)
			lag_ms = table.lag_ms;
	}
	engine_stats(monitor->engine, &stats);
	buf_fmt(out,
		"%u shards, %llu records delivered, lag %lld.%lld s, %llu gaps, "
		"%llu dead letters",
		stats.shards_owned, (unsigned long long)stats.records_delivered,
		(long long)lag_ms / 1000, (long long)lag_ms % 1000 / 100,
		(unsigned long long)stats.gaps, (unsigned long long)stats.dead_letters);
	ask(monitor, &readiness);
	if (readiness.n > 0)
		buf_fmt(out, "; not ready: %.*s",
			STR_ARG(str_head(readiness_first(&readiness), STATUS_REASON_MAX)));
	readiness_release(&readiness);
}

void monitor_free(struct monitor *monitor)
{
	if (monitor == NULL)
		return;
	server_free(monitor->server);
	mem_free(monitor);
}
