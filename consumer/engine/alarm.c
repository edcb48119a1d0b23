/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/alarm.h"

#include "consumer/engine/state.h"

/* Logs one alarm. */
static void say(const struct table *table, const struct alarm *alarm)
{
	struct io *io = table->engine->io;

	io_log(io, IO_ERROR, "table.blocked table=%.*s since_s=%lld error=\"%s\"",
	       STR_ARG(table->options->name),
	       (long long)(io_now_ms(io) - alarm->since_ms) / SECOND_MS, alarm->why.text);
}

void alarm_raise(struct table *table, enum alarm_source source, const struct error *why)
{
	struct alarm *alarm = &table->alarms[source];
	bool fresh = alarm->since_ms == 0;

	alarm->why = *why;
	if (!fresh)
		return;
	alarm->since_ms = io_now_ms(table->engine->io);
	table->engine->stats.alarms++;
	table->alarms_raised[source]++;
	say(table, alarm);
}

/* Whether trying again will not do: a person has to act. */
static bool incurable(const struct call *call)
{
	if (call->outcome == CALL_REFUSED)
		return true;
	return call->outcome == CALL_ERROR &&
	       (call->error.kind == API_VALIDATION || call->error.kind == API_OTHER);
}

void alarm_judge(struct table *table, enum alarm_source source, const struct call *call)
{
	struct error why = {0};

	if (!incurable(call))
		return;
	call_error(call, &why);
	alarm_raise(table, source, &why);
}

void alarm_clear(struct table *table, enum alarm_source source)
{
	struct alarm *alarm = &table->alarms[source];
	struct io *io = table->engine->io;

	if (alarm->since_ms == 0)
		return;
	io_log(io, IO_INFO, "table.unblocked table=%.*s after_s=%lld",
	       STR_ARG(table->options->name),
	       (long long)(io_now_ms(io) - alarm->since_ms) / SECOND_MS);
	alarm->since_ms = 0;
}

bool alarm_raised(const struct table *table)
{
	for (size_t i = 0; i < ALARM_SOURCES; i++) {
		if (table->alarms[i].since_ms != 0)
			return true;
	}
	return false;
}

void alarm_repeat(const struct table *table)
{
	for (size_t i = 0; i < ALARM_SOURCES; i++) {
		if (table->alarms[i].since_ms != 0)
			say(table, &table->alarms[i]);
	}
}
