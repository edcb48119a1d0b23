/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/metrics.h"

#include "consumer/verbs/exposition.h"

/* A family with one sample, without labels. */
static void put_one(struct exposition *e, const char *name, enum metric_type type, const char *help,
		    uint64_t value)
{
	exposition_family(e, name, type, help);
	exposition_u64(e, value);
}

/* The same for milliseconds. */
static void put_one_ms(struct exposition *e, const char *name, enum metric_type type,
		       const char *help, int64_t ms)
{
	exposition_family(e, name, type, help);
	exposition_ms(e, ms);
}

/* What is true of the process. */
static void put_process(const struct metrics *m, struct exposition *e)
{
	exposition_family(e, "ddbtap_build_info", METRIC_GAUGE, "Which ddbtap this is; always 1.");
	exposition_label(e, "version", str_of(m->version));
	exposition_u64(e, 1);
	put_one_ms(e, "process_cpu_seconds_total", METRIC_COUNTER,
		   "Processor time of all threads, user and system.", m->usage.cpu_ms);
	put_one_ms(e, "process_start_time_seconds", METRIC_GAUGE,
		   "When the process started, in seconds since 1970.", m->started_wall_ms);
	if (m->usage.resident_bytes > 0)
		put_one(e, "process_resident_memory_bytes", METRIC_GAUGE, "Memory in use.",
			m->usage.resident_bytes);
	if (m->usage.fds > 0)
		put_one(e, "process_open_fds", METRIC_GAUGE, "Open file descriptors.",
			m->usage.fds);
	if (m->usage.fds_max > 0)
		put_one(e, "process_max_fds", METRIC_GAUGE, "How many may be open.",
			m->usage.fds_max);
}

/* Whether it is ready, and how often it has each reason not to be. */
static void put_readiness(const struct metrics *m, struct exposition *e)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ENGINE_ILLS; i++)
		n += m->ills[i];
	put_one(e, "ddbtap_ready", METRIC_GAUGE, "Whether this worker is ready: what /readyz says.",
		n == 0);
	exposition_family(e, "ddbtap_not_ready_reasons", METRIC_GAUGE,
			  "Why it is not: tables or sinks that have this trouble now; what /readyz "
			  "names.");
	for (enum engine_ill i = 0; i < ENGINE_ILLS; i++) {
		exposition_label(e, "reason", str_of(engine_ill_word(i)));
		exposition_u64(e, m->ills[i]);
	}
}

/* The requests to both services. */
static void put_requests(const struct metrics *m, struct exposition *e)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} families[] = {
		{"ddbtap_requests_total", "Requests that have ended, well or not.",
		 offsetof(struct engine_requests, ended)},
		{"ddbtap_requests_throttled_total",
		 "Requests that the service refused because they were too many.",
		 offsetof(struct engine_requests, throttled)},
		{"ddbtap_requests_failed_total",
		 "Requests without a usable answer, or refused for credentials or permissions.",
		 offsetof(struct engine_requests, failed)},
	};
	static const char *const apis[] = {[IO_STREAMS] = "streams", [IO_TABLES] = "tables"};

	for (size_t i = 0; i < ARRAY_N(families); i++) {
		exposition_family(e, families[i].name, METRIC_COUNTER, families[i].help);
		for (size_t k = 0; k < ARRAY_N(apis); k++) {
			const char *base = (const char *)&m->engine.requests[k];

			exposition_label(e, "api", str_of(apis[k]));
			exposition_u64(
				e, *(const uint64_t *)(const void *)(base + families[i].offset));
		}
	}
}

/* What is one number for the worker. */
static void put_worker(const struct metrics *m, struct exposition *e)
{
	const struct engine_stats *stats = &m->engine;

	put_one(e, "ddbtap_leases_owned", METRIC_GAUGE, "Shards whose lease this worker holds.",
		stats->shards_owned);
	put_one(e, "ddbtap_leases_gained_total", METRIC_COUNTER, "Leases taken, or handed to it.",
		stats->leases_gained);
	put_one(e, "ddbtap_leases_lost_total", METRIC_COUNTER,
		"Leases that another worker took, or whose row is gone.", stats->leases_lost);
	put_one(e, "ddbtap_leases_released_total", METRIC_COUNTER,
		"Leases given back, or handed to another worker.", stats->leases_given);
	put_one(e, "ddbtap_cursor_detaches_total", METRIC_COUNTER,
		"How often a slow sink was left behind in a shard, to catch up later.",
		stats->detaches);
	put_one(e, "ddbtap_cursor_rejoins_total", METRIC_COUNTER,
		"How often such a one had caught up.", stats->rejoins);
	put_one(e, "ddbtap_budget_bytes", METRIC_GAUGE,
		"What changes on their way may take in all.", (uint64_t)m->budget_bytes);
	put_one(e, "ddbtap_budget_used_bytes", METRIC_GAUGE, "What of it is in use.",
		(uint64_t)stats->budget_used_bytes);
	put_requests(m, e);
}

/* A family with one sample for each table, of a field at `offset` in its figures. */
static void put_by_table(const struct metrics *m, struct exposition *e, const char *name,
			 enum metric_type type, size_t offset, const char *help)
{
	exposition_family(e, name, type, help);
	for (size_t i = 0; i < m->n_tables; i++) {
		const char *base = (const char *)&m->tables[i].stats;

		exposition_label(e, "table", m->tables[i].name);
		exposition_u64(e, *(const uint64_t *)(const void *)(base + offset));
	}
}

/* How old is what sinks lack, of the tables that this worker reads. */
static void put_lag(const struct metrics *m, struct exposition *e)
{
	exposition_family(e, "ddbtap_table_lag_seconds", METRIC_GAUGE,
			  "How old the oldest change may be that a sink lacks, by wall clock; of "
			  "tables of which this worker has shards.");
	for (size_t i = 0; i < m->n_tables; i++) {
		if (m->tables[i].stats.shards_owned == 0)
			continue;
		exposition_label(e, "table", m->tables[i].name);
		exposition_ms(e, m->tables[i].stats.lag_ms);
	}
	exposition_family(e, "ddbtap_table_headroom_seconds", METRIC_GAUGE,
			  "Time until the oldest such change passes the stream's retention, and is "
			  "lost.");
	for (size_t i = 0; i < m->n_tables; i++) {
		if (m->tables[i].stats.shards_owned == 0)
			continue;
		exposition_label(e, "table", m->tables[i].name);
		exposition_ms(e, m->tables[i].stats.headroom_ms);
	}
}

/* Lost data, and alarms. */
static void put_troubles(const struct metrics *m, struct exposition *e)
{
	static const char *const kinds[ENGINE_ALARMS] = {
		[ENGINE_ALARM_DESCRIBE] = "describe", [ENGINE_ALARM_LIST] = "list",
		[ENGINE_ALARM_READ] = "read",	      [ENGINE_ALARM_DISABLED] = "disabled",
		[ENGINE_ALARM_VIEW] = "view",
	};

	exposition_family(e, "ddbtap_gap_records_total", METRIC_COUNTER,
			  "Gap records, one for each sink: changes were lost, or may have been.");
	for (size_t i = 0; i < m->n_tables; i++) {
		for (int k = 0; k < ENGINE_GAP_REASONS; k++) {
			exposition_label(e, "table", m->tables[i].name);
			exposition_label(e, "reason", gap_reason_word((enum gap_reason)k));
			exposition_u64(e, m->tables[i].stats.gaps[k]);
		}
	}
	exposition_family(e, "ddbtap_table_alarms_total", METRIC_COUNTER,
			  "How often something was found about a table that only a person can "
			  "mend.");
	for (size_t i = 0; i < m->n_tables; i++) {
		for (size_t k = 0; k < ENGINE_ALARMS; k++) {
			exposition_label(e, "table", m->tables[i].name);
			exposition_label(e, "kind", str_of(kinds[k]));
			exposition_u64(e, m->tables[i].stats.alarms[k]);
		}
	}
}

/* The word for each table's state, as one sample per word. */
static void put_states(const struct metrics *m, struct exposition *e)
{
	static const char *const words[] = {"starting", "current", "behind",
					    "blocked",	"failed",  "disabled"};

	exposition_family(e, "ddbtap_table_state", METRIC_GAUGE,
			  "1 for the state that a table is in, 0 for the others.");
	for (size_t i = 0; i < m->n_tables; i++) {
		for (size_t k = 0; k < ARRAY_N(words); k++) {
			exposition_label(e, "table", m->tables[i].name);
			exposition_label(e, "state", str_of(words[k]));
			exposition_u64(e,
				       str_eq(str_of(m->tables[i].stats.state), str_of(words[k])));
		}
	}
}

/* What is counted by table. */
static void put_tables(const struct metrics *m, struct exposition *e)
{
	put_by_table(m, e, "ddbtap_table_records_read_total", METRIC_COUNTER,
		     offsetof(struct engine_table_stats, records), "Changes read.");
	put_by_table(m, e, "ddbtap_table_read_bytes_total", METRIC_COUNTER,
		     offsetof(struct engine_table_stats, bytes),
		     "Bytes of the pages that brought changes.");
	put_by_table(m, e, "ddbtap_table_polls_total", METRIC_COUNTER,
		     offsetof(struct engine_table_stats, reads),
		     "GetRecords requests, which are what AWS charges for.");
	exposition_family(e, "ddbtap_table_shards_owned", METRIC_GAUGE,
			  "Shards of the table that this worker reads.");
	for (size_t i = 0; i < m->n_tables; i++) {
		exposition_label(e, "table", m->tables[i].name);
		exposition_u64(e, m->tables[i].stats.shards_owned);
	}
	put_states(m, e);
	put_lag(m, e);
	put_troubles(m, e);
}

/* What is counted by sink, and what came of it. */
static void put_sink_results(const struct metrics *m, struct exposition *e)
{
	static const char *const results[DELIVERY_RESULTS] = {
		[DELIVERY_OK] = "ok",	      [DELIVERY_RETRY] = "retry",
		[DELIVERY_REJECT] = "reject", [DELIVERY_REFUSED] = "refused",
		[DELIVERY_FATAL] = "fatal",
	};
	static const struct {
		const char *word;
		size_t offset;
	} records[] = {
		{"delivered", offsetof(struct engine_sink_stats, delivered)},
		{"retried", offsetof(struct engine_sink_stats, retried)},
		{"rejected", offsetof(struct engine_sink_stats, rejected)},
		{"dead_lettered", offsetof(struct engine_sink_stats, dead_letters)},
	};

	exposition_family(e, "ddbtap_sink_records_total", METRIC_COUNTER,
			  "Records: delivered for good; come back to be tried again or given up; "
			  "found to be refused for good; taken as dead letters by another sink.");
	for (size_t i = 0; i < m->n_sinks; i++) {
		const char *base = (const char *)&m->sinks[i].stats;

		for (size_t k = 0; k < ARRAY_N(records); k++) {
			exposition_label(e, "sink", m->sinks[i].name);
			exposition_label(e, "result", str_of(records[k].word));
			exposition_u64(e,
				       *(const uint64_t *)(const void *)(base + records[k].offset));
		}
	}
	exposition_family(e, "ddbtap_sink_deliveries_total", METRIC_COUNTER,
			  "Deliveries, of many records or one, by how they ended; those of dead "
			  "letters to the sink that takes them.");
	for (size_t i = 0; i < m->n_sinks; i++) {
		for (size_t k = 0; k < DELIVERY_RESULTS; k++) {
			exposition_label(e, "sink", m->sinks[i].name);
			exposition_label(e, "result", str_of(results[k]));
			exposition_u64(e, m->sinks[i].stats.deliveries[k]);
		}
	}
}

/* What a sink has before it. */
static void put_sinks(const struct metrics *m, struct exposition *e)
{
	put_sink_results(m, e);
	exposition_family(e, "ddbtap_sink_inflight_bytes", METRIC_GAUGE,
			  "Handed to the sink, and not ended yet.");
	for (size_t i = 0; i < m->n_sinks; i++) {
		exposition_label(e, "sink", m->sinks[i].name);
		exposition_u64(e, (uint64_t)m->sinks[i].stats.flight_bytes);
	}
	exposition_family(e, "ddbtap_sink_waiting_bytes", METRIC_GAUGE,
			  "Read, and not yet with the sink for good.");
	for (size_t i = 0; i < m->n_sinks; i++) {
		exposition_label(e, "sink", m->sinks[i].name);
		exposition_u64(e, (uint64_t)m->sinks[i].stats.waiting_bytes);
	}
}

void metrics_put(const struct metrics *m, struct buf *out)
{
	struct exposition e = {.out = out};

	put_process(m, &e);
	put_readiness(m, &e);
	put_worker(m, &e);
	put_tables(m, &e);
	put_sinks(m, &e);
}
