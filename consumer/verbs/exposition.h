/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text, in Prometheus's exposition format 0.0.4: families, each with HELP, TYPE and its
 * samples.
 *
 *	exposition_family(&e, "ddbtap_polls_total", METRIC_COUNTER, "Reads of shards.");
 *	exposition_label(&e, "table", name);
 *	exposition_u64(&e, stats.reads);		ends the sample; the next one begins without labels
 */
#ifndef VERBS_EXPOSITION_H
#define VERBS_EXPOSITION_H

#include "base/buf.h"

/* What the Content-Type of such a text is. */
#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* Zeroed but for `out`. */
struct exposition {
	struct buf *out;
	const char *name; /* of the present family */
	unsigned labels; /* of the present sample, so far */
};

/* Begins a family; `help` is one line without backslashes. */
void exposition_family(struct exposition *e, const char *name, enum metric_type type,
		       const char *help);

/* Adds a label to the next sample. The value may be any text. */
void exposition_label(struct exposition *e, const char *name, struct str value);

/* Ends a sample with a number. */
void exposition_u64(struct exposition *e, uint64_t value);

/* Ends a sample with milliseconds, which are written as seconds. */
void exposition_ms(struct exposition *e, int64_t ms);

#endif
