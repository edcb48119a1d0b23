/* SPDX-License-Identifier: Apache-2.0 */
#include "config/section.h"

#include "base/time.h"
#include "config/config.h"
#include "config/syntax.h"

static const char *const level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const start_words[] = {"trim_horizon", "latest", NULL};
static const char *const leases_words[] = {"native", "kcl", NULL};
static const char *const gap_words[] = {"fail", "skip", NULL};

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)

/* What every numeric option has: its field in struct config, its default, its range. */
#define RANGE(field, standard, least, most)                                               \
	.offset = offsetof(struct config, field), .fallback = (standard), .min = (least), \
	.max = (most)

static const struct option_spec top_options[] = {
	{"application", OPTION_TEXT, offsetof(struct config, application), .required = true,
	 .check = syntax_application,
	 .help = "The name of this pipeline. It names the checkpoint table, so it must stay the "
		 "same."},
	{"region", OPTION_TEXT, offsetof(struct config, region), .check = syntax_region,
	 .help = "The AWS region; by default that of the environment or of the AWS profile."},
	{"endpoint", OPTION_TEXT, offsetof(struct config, endpoint), .check = syntax_endpoint,
	 .help = "The URL of both APIs, for emulators and private endpoints; by default AWS's "
		 "own."},
	{"endpoint_streams", OPTION_TEXT, offsetof(struct config, endpoint_streams),
	 .check = syntax_endpoint,
	 .help = "The URL of the streams API, where it differs from endpoint."},
	{"aws_profile", OPTION_TEXT, offsetof(struct config, aws_profile),
	 .help = "The profile in the AWS configuration files; by default AWS_PROFILE or "
		 "\"default\"."},
	{"ca_file", OPTION_TEXT, offsetof(struct config, ca_file),
	 .help = "A PEM file of certificate authorities; by default the system's."},
};

static const struct option_spec checkpoint_options[] = {
	{"table", OPTION_TEXT, offsetof(struct config, checkpoint.table), .check = syntax_table,
	 .help = "The DynamoDB table that keeps positions and leases; by default 'ddbtap-' and the "
		 "application's name, with leases: kcl the application's name alone. It is created "
		 "when missing."},
	{"leases", OPTION_WORD, offsetof(struct config, checkpoint.leases), .fallback = "native",
	 .words = leases_words,
	 .help = "Whose the table is: 'native', ours; or 'kcl', that of an application of the "
		 "Kinesis Client Library (amazon-kinesis-client 1.x or 3.x with the adapter for "
		 "DynamoDB Streams): its leases are taken over, and can be given back. The keys "
		 "keep the form that they have there, single-stream or multi-stream. Each lease is "
		 "then written once in worker.heartbeat, and what our workers tell each other is "
		 "in "
		 "a second table, named like the first and '-ddbtap'."},
	{"interval", OPTION_DURATION, RANGE(checkpoint.interval_ms, "1s", 100, 5 * MINUTE_MS),
	 .help = "How often the position of a shard is written, at most; with leases: kcl at "
		 "each renewal, too."},
};

static const struct option_spec worker_options[] = {
	{"id", OPTION_TEXT, offsetof(struct config, worker.id), .check = syntax_worker,
	 .help = "A name for this process, unique among those of the application; by default made "
		 "from the host's name."},
	{"lease", OPTION_DURATION, RANGE(worker.lease_ms, "10s", 2 * SECOND_MS, 10 * MINUTE_MS),
	 .help = "How long a worker must be silent before others take its shards. With leases: "
		 "kcl it must not be shorter than the application's failoverTimeMillis."},
	{"heartbeat", OPTION_DURATION, RANGE(worker.heartbeat_ms, "3s", 200, 5 * MINUTE_MS),
	 .help = "How often a worker says that it is alive; less than half of lease."},
	{"max_leases", OPTION_COUNT, RANGE(worker.max_leases, "10000", 1, 1000000),
	 .help = "How many shards this worker holds at most; what is more waits for another one."},
};

static const struct option_spec engine_options[] = {
	{"budget", OPTION_BYTES, RANGE(engine.budget_bytes, "256MiB", 16 * MIB, 64 * GIB),
	 .help = "The memory that changes on their way may take in all."},
	{"window", OPTION_BYTES, RANGE(engine.window_bytes, "8MiB", 64 * KIB, 32 * GIB),
	 .help = "How much one sink may have outstanding of one shard; at most half of budget."},
	{"detach_after", OPTION_DURATION, RANGE(engine.detach_after_ms, "5s", 100, HOUR_MS),
	 .help = "How long a sink may stand still before the others go on without it; it catches "
		 "up "
		 "later."},
	{"poll_floor", OPTION_DURATION, RANGE(engine.poll_floor_ms, "250ms", 10, 10 * SECOND_MS),
	 .help = "The shortest time between two reads of a shard that has nothing more to give. "
		 "Less than 250ms is more than AWS is known to allow."},
	{"max_latency", OPTION_DURATION, RANGE(engine.max_latency_ms, "1s", 10, MINUTE_MS),
	 .help = "How long a change may wait in its shard before it is fetched, and so how often "
		 "an idle shard is read."},
	{"max_reads_per_month", OPTION_COUNT,
	 RANGE(engine.max_reads_per_month, "0", 0, 1000000000000),
	 .help = "How many reads, which is what AWS charges for, all workers of the application "
		 "together may make in a month; 0: as many as max_latency takes. Where it is less "
		 "than that it wins: changes arrive later, busy shards are read more often than "
		 "idle ones, and the log says so."},
	{"discovery", OPTION_DURATION, RANGE(engine.discovery_ms, "60s", 100, HOUR_MS),
	 .help = "How often streams and shards are listed anew."},
	{"request_timeout", OPTION_DURATION,
	 RANGE(engine.request_timeout_ms, "10s", 500, 2 * MINUTE_MS),
	 .help = "How long an answer of AWS may take."},
	{"drain_timeout", OPTION_DURATION, RANGE(engine.drain_timeout_ms, "10s", 0, 10 * MINUTE_MS),
	 .help = "How long a stopping worker waits for its sinks; what is not acknowledged by then "
		 "is "
		 "read again at the next start."},
	{"stalled_after", OPTION_DURATION, RANGE(engine.stalled_after_ms, "5m", SECOND_MS, DAY_MS),
	 .help = "How long a sink that has something to do may get no further, or a shard not be "
		 "read, before the worker says that it is not ready."},
};

static const struct option_spec http_options[] = {
	{"listen", OPTION_TEXT, offsetof(struct config, http.listen), .check = syntax_listen,
	 .help = "Where /livez, /readyz and /metrics are answered: a port, at 127.0.0.1 then, or "
		 "an "
		 "IP address and a port; by default nowhere. Whoever reaches it can read names of "
		 "tables and sinks, and errors."},
};

static const struct option_spec log_options[] = {
	{"level", OPTION_WORD, offsetof(struct config, log.level), .fallback = "info",
	 .words = level_words, .help = "The least important lines that are logged."},
};

const struct section config_sections[SECTIONS_N] = {
	{NULL, "What this is, and where AWS is.", top_options, ARRAY_N(top_options)},
	{"checkpoint", "Where positions are kept.", checkpoint_options,
	 ARRAY_N(checkpoint_options)},
	{"worker", "How the processes of one application share its shards.", worker_options,
	 ARRAY_N(worker_options)},
	{"engine", "Limits and rhythm; the defaults suit most.", engine_options,
	 ARRAY_N(engine_options)},
	{"http", "What monitoring may ask, by HTTP.", http_options, ARRAY_N(http_options)},
	{"log", "What is logged, on standard error.", log_options, ARRAY_N(log_options)},
};

static const struct option_spec table_options[] = {
	{"name", OPTION_TEXT, offsetof(struct config_table, name), .required = true,
	 .check = syntax_table, .help = "The DynamoDB table; its stream must be enabled."},
	{"profile", OPTION_TEXT, offsetof(struct config_table, profile_name),
	 .help = "Whose data the table holds, such as vinyldns; by default it is plain, and "
		 "nothing "
		 "is decoded or masked."},
	{"role", OPTION_TEXT, offsetof(struct config_table, role_name),
	 .help = "Which of the profile's tables it is."},
	{"start", OPTION_TEXT, offsetof(struct config_table, start_text),
	 .fallback = "trim_horizon", .check = syntax_start, .words = start_words,
	 .help = "Where reading begins while the table has no checkpoints: 'trim_horizon', with "
		 "the "
		 "oldest change that the stream still has; 'latest', with the next one; or a time "
		 "like 2026-11-29T10:00:00Z, with the changes of that second."},
	{"start_after", OPTION_PAIRS, offsetof(struct config_table, start_after),
	 .check_name = syntax_shard, .check = syntax_seqno,
	 .help = "Shards that begin, while the table has no checkpoints, after the change with a "
		 "sequence number: a mapping from shard ids to those. What comes before such a "
		 "shard "
		 "counts as read, what follows it is read from its beginning, and all other shards "
		 "begin as 'start' says."},
	{"on_gap", OPTION_WORD, offsetof(struct config_table, on_gap), .fallback = "skip",
	 .words = gap_words,
	 .help = "What happens after changes were lost before they could be read: reading stops, "
		 "or goes "
		 "on behind the gap after delivering a gap record."},
};

const struct section config_table_section = {"tables", "A list of tables to read, at least one.",
					     table_options, ARRAY_N(table_options)};

static const struct option_spec sink_options[] = {
	{"tables", OPTION_TEXTS, offsetof(struct config_sink, tables),
	 .help = "The tables whose changes this sink gets; by default all."},
	{"dead_letter", OPTION_TEXT, offsetof(struct config_sink, dead_letter_name),
	 .check = syntax_sink,
	 .help = "The sink that gets, whole and with the reason, the records that this one refuses "
		 "for "
		 "good; by default such a record is tried again for ever and blocks its shard for "
		 "this "
		 "sink. A sink that is named here and lists no tables gets dead letters only."},
	{"max_attempts", OPTION_COUNT, offsetof(struct config_sink, max_attempts), .fallback = "0",
	 .min = 0, .max = 1000000,
	 .help = "How often a failing record is tried before it becomes a dead letter; 0: no "
		 "limit."},
	{"max_age", OPTION_DURATION, offsetof(struct config_sink, max_age_ms), .fallback = "0s",
	 .min = 0, .max = DAY_MS,
	 .help = "How old a failing record becomes before it is a dead letter; 0s: no limit."},
};

const struct section config_sink_section = {
	"sinks", "Where changes go: a mapping from names of your choice, 1 to 16 of them.",
	sink_options, ARRAY_N(sink_options)};
