/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page /metrics: an engine's figures as Prometheus reads them. Labels are tables, sinks and
 * words of fixed lists, never shards, which come and go every few hours.
 */
#ifndef VERBS_METRICS_H
#define VERBS_METRICS_H

#include "consumer/engine/engine.h"
#include "consumer/host/usage.h"

struct metrics_table {
	struct str name;
	struct engine_table_stats stats;
};

struct metrics_sink {
	struct str name;
	struct engine_sink_stats stats;
};

/* Everything that the page is made of. */
struct metrics {
	const char *version;
	struct engine_stats engine;
	int64_t budget_bytes; /* engine.budget */
	uint64_t ills[ENGINE_ILLS]; /* reasons for not being ready */
	const struct metrics_table *tables;
	size_t n_tables;
	const struct metrics_sink *sinks;
	size_t n_sinks;
	struct usage usage;
	int64_t started_wall_ms;
};

/* Appends the page. */
void metrics_put(const struct metrics *m, struct buf *out);

#endif
