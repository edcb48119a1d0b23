/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms of a table: something about it that only a person can cure, such as permissions, its encryption
 * key, or its being gone. It is tried again slowly; meanwhile the table's state is `blocked`, nothing is
 * caught up, and the log says what to do: at once, and once a minute. Other tables go on.
 *
 * Each of a table's requests has an alarm of its own, which its next success takes back.
 */
#ifndef ENGINE_ALARM_H
#define ENGINE_ALARM_H

#include "consumer/engine/call.h"

struct table;

enum alarm_source {
	ALARM_TABLE = ENGINE_ALARM_DESCRIBE, /* its description */
	ALARM_LIST = ENGINE_ALARM_LIST, /* the listing of a stream's shards */
	ALARM_READ = ENGINE_ALARM_READ, /* a shard */
	ALARM_SOURCES,
};

struct alarm {
	int64_t since_ms; /* 0: none */
	struct error why;
};

/* Raises it; once it is raised, only the sentence is kept. */
void alarm_raise(struct table *table, enum alarm_source source, const struct error *why);

/* Raises it if the request failed for a reason that only a person can cure. */
void alarm_judge(struct table *table, enum alarm_source source, const struct call *call);

/* A request of the kind succeeded. */
void alarm_clear(struct table *table, enum alarm_source source);

/* Whether the table has one. */
bool alarm_raised(const struct table *table);

/* Logs those that are still there. */
void alarm_repeat(const struct table *table);

#endif
