/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a month costs: how often the service is asked for what it charges for, and at what price. Pure.
 *
 * Charged are GetRecords, beyond what is free, and the write and read units of the checkpoint table. Money is
 * in millionths of a dollar.
 */
#ifndef VERBS_ESTIMATE_H
#define VERBS_ESTIMATE_H

#include <stdbool.h>

#include "base/buf.h"

/* A month of 730 hours is the average one; the longest has 744. */
enum { ESTIMATE_HOURS = 730, ESTIMATE_HOURS_MAX = 744 };

struct tariff {
	int64_t free_reads; /* in a month */
	int64_t reads_usd; /* for 100,000 */
	int64_t write_units_usd, read_units_usd; /* for a million */
};

/* The prices of us-east-1; the usage of `ddbtap cost` says where they come from. */
void tariff_init(struct tariff *tariff);

/* Who asks, and how often. */
struct estimate_load {
	int64_t hours, workers;
	int64_t reads; /* in those hours, before the ration */
	int64_t max_reads; /* in a month; 0: no limit */
	int64_t heartbeat_ms;
	int64_t shards; /* that have rows */
	int64_t sinks; /* with a position in each row */
	int64_t checkpoint_ms; /* between two writes of a row; 0: none changes */
};

struct estimate {
	bool limited; /* by max_reads */
	int64_t reads, billed_reads;
	int64_t write_units, read_units; /* of the checkpoint table */
	int64_t reads_usd, write_units_usd, read_units_usd, usd; /* usd: all together */
};

/* How often so many shards are read in `hours` when each is read once per `every_ms`. */
int64_t estimate_reads(int64_t shards, int64_t every_ms, int64_t hours);

/* Computes what the load comes to. */
struct estimate estimate_month(const struct estimate_load *load, const struct tariff *tariff);

/* "0.02", "1": dollars with at most six decimals, below a million. False when it is none. */
bool usd_parse(struct str text, int64_t *out) MUST_CHECK;

/* Appends dollars with so many decimals, at most six, rounded. */
void usd_put(struct buf *out, int64_t usd, int decimals);

#endif
