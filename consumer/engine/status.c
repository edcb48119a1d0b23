/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/status.h"

#include "consumer/engine/children.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/health.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/peers.h"
#include "consumer/engine/rhythm.h"
#include "consumer/engine/shardlist.h"

enum { BEHIND_MIN_MS = 10 * SECOND_MS, DEPTH_MAX = 64 };

/* Whether all sinks of an owned shard have everything up to its tip. */
static bool shard_at_tip(const struct shard *shard)
{
	if (!shard->tip_seen || shard->lead == NULL || shard->lead->state == READER_ENDED ||
	    shard->start_dirty)
		return false;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		const struct cursor *cu = &shard->cursors[i];

		if (cu->group != GROUP_LEAD || !cursor_quiet(cu))
			return false;
	}
	return true;
}

/* Whether the shard is with another worker, who lives: its row says so, or it follows one of theirs. */
static bool shard_elsewhere(const struct shard *shard)
{
	const struct engine *engine = shard->stream->table->engine;

	for (unsigned depth = 0; shard != NULL && !shard->ours && depth < DEPTH_MAX; depth++) {
		if (shard->owner != NULL)
			return peers_known_alive(engine, str_of(shard->owner));
		shard = shard->has_row ? NULL : shard->parent;
	}
	return false;
}

/* Whether nothing is left to do for the shard here, as far as can be seen. */
static bool shard_current(const struct shard *shard)
{
	switch ((enum shard_state)shard->state) {
	case SHARD_DONE:
	case SHARD_LOST:
		return true;
	case SHARD_OWNED:
		return shard_at_tip(shard);
	case SHARD_BLOCKED:
	case SHARD_READY:
		return shard_elsewhere(shard);
	case SHARD_DISCOVERED:
	case SHARD_DRAINED:
		return false;
	}
	return false;
}

bool status_caught_up(const struct engine *engine)
{
	if (!engine->scanned || !list_empty(&engine->dirty))
		return false;
	for (size_t t = 0; t < engine->options.n_tables; t++) {
		const struct table *table = &engine->tables[t];

		if (!table->known || table->streams_pending || alarm_raised(table))
			return false;
		list_each(it, &table->streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			const struct shard *shard;
			size_t at = 0;

			if (shardlist_pending(stream) || children_pending(stream) ||
			    lineage_undecided(stream))
				return false;
			while ((shard = map_next(&stream->shards, &at)) != NULL) {
				if (!shard_current(shard))
					return false;
			}
		}
	}
	return true;
}

/* The time up to which the cursor's sink has everything. */
static int64_t cursor_current_wall_ms(const struct cursor *cu)
{
	const struct link *link;

	if (list_empty(&cu->links))
		return cu->current_wall_ms;
	link = CONTAINER_OF(cu->links.next, struct link, node);
	if (link->acked >= link->batch->n || link->batch->events[link->acked].time_ms == 0)
		return cu->current_wall_ms;
	return link->batch->events[link->acked].time_ms;
}

/* Takes one shard into account. */
static void add_shard(const struct shard *shard, int64_t *oldest_wall_ms, unsigned *owned,
		      bool *blocked)
{
	*owned += shard->state == SHARD_OWNED;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		const struct cursor *cu = &shard->cursors[i];
		int64_t wall_ms;

		*blocked = *blocked || cu->troubled || cu->blocked || cu->letter != NULL;
		if (cu->state == CURSOR_WAITING_PARENTS || cu->state == CURSOR_DONE)
			continue;
		wall_ms = cursor_current_wall_ms(cu);
		if (wall_ms < *oldest_wall_ms)
			*oldest_wall_ms = wall_ms;
	}
}

/* Whether all shards of all the table's streams were read to their ends. */
static bool table_drained(const struct table *table)
{
	list_each(it, &table->streams, spare) {
		const struct stream *stream = CONTAINER_OF(it, struct stream, link);
		const struct shard *shard;
		size_t at = 0;

		if (!stream->listed)
			return false;
		while ((shard = map_next(&stream->shards, &at)) != NULL) {
			if (shard->state != SHARD_DONE)
				return false;
		}
	}
	return !list_empty(&table->streams);
}

/* The word for a table's state. */
static const char *table_state(const struct table *table, unsigned owned, bool blocked,
			       int64_t lag_ms)
{
	int64_t behind_ms = 10 * table->engine->options.max_latency_ms;

	if (table->failed)
		return "failed";
	if (alarm_raised(table))
		return "blocked";
	if (owned == 0)
		return table->disabled && table_drained(table) ? "disabled" : "starting";
	if (blocked)
		return "blocked";
	if (behind_ms < BEHIND_MIN_MS)
		behind_ms = BEHIND_MIN_MS;
	return lag_ms > behind_ms ? "behind" : "current";
}

void engine_table_stats(struct engine *engine, size_t table_index, struct engine_table_stats *out)
{
	struct table *table = &engine->tables[table_index];
	int64_t now_wall_ms = call_service_wall_ms(engine), oldest_wall_ms = now_wall_ms;
	bool blocked = false;

	*out = (struct engine_table_stats){.records = table->records, .bytes = table->bytes};
	list_each(it, &table->streams, spare) {
		struct stream *stream = CONTAINER_OF(it, struct stream, link);
		const struct shard *shard;
		size_t at = 0;

		while ((shard = map_next(&stream->shards, &at)) != NULL)
			add_shard(shard, &oldest_wall_ms, &out->shards_owned, &blocked);
	}
	out->reads = table->reads;
	out->lag_ms = now_wall_ms - oldest_wall_ms;
	out->headroom_ms = RETENTION_MS - out->lag_ms;
	out->state = table_state(table, out->shards_owned, blocked, out->lag_ms);
	mem_copy(out->gaps, table->gaps, sizeof(out->gaps));
	mem_copy(out->alarms, table->alarms_raised, sizeof(out->alarms));
}

/* So many per `unit_ms`, when there were `n` in `passed_ms`. */
static uint64_t rate(uint64_t n, int64_t unit_ms, int64_t passed_ms)
{
	return passed_ms > 0 ? n * (uint64_t)unit_ms / (uint64_t)passed_ms : 0;
}

/* Logs the line of one table. */
static void log_table(struct table *table, int64_t passed_ms)
{
	struct engine *engine = table->engine;
	struct engine_table_stats stats;

	alarm_repeat(table);
	engine_table_stats(engine, table->index, &stats);
	io_log(engine->io, IO_INFO,
	       "table.status table=%.*s state=%s records=%llu records_per_s=%llu reads=%llu "
	       "reads_per_min=%llu lag_s=%lld headroom_s=%lld",
	       STR_ARG(table->options->name), stats.state, (unsigned long long)stats.records,
	       (unsigned long long)rate(stats.records - table->records_reported, SECOND_MS,
					passed_ms),
	       (unsigned long long)stats.reads,
	       (unsigned long long)rate(stats.reads - table->reads_reported, MINUTE_MS, passed_ms),
	       (long long)(stats.lag_ms / SECOND_MS), (long long)(stats.headroom_ms / SECOND_MS));
	table->records_reported = stats.records;
	table->reads_reported = stats.reads;
}

void status_log(struct engine *engine)
{
	int64_t now_ms = io_now_ms(engine->io);
	struct lateness *late = &engine->late;

	for (size_t i = 0; i < engine->options.n_tables; i++)
		log_table(&engine->tables[i], now_ms - engine->status_ms);
	io_log(engine->io, IO_INFO, "reads.status reads=%llu late_p99_ms=%lld late_max_ms=%lld",
	       (unsigned long long)late->n, (long long)lateness_ms(late, 990),
	       (long long)late->max_ms);
	health_log(engine);
	*late = (struct lateness){0};
	engine->status_ms = now_ms;
}
