/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

/* The table of that name with an enabled stream, or NULL. */
static struct table *streaming_table(struct service *service, struct str name)
{
	struct table *table = map_get(&service->tables, name);

	return table != NULL && table->stream_enabled ? table : NULL;
}

bool service_roll(struct service *service, struct str name, int64_t now_ms)
{
	struct table *table;
	size_t n;

	service_advance(service, now_ms);
	table = streaming_table(service, name);
	if (table == NULL)
		return false;
	n = table->stream->open_n;
	/* A child takes its parent's place among the open shards. */
	for (size_t i = 0; i < n; i++)
		shard_roll(service, table->stream->open[i]);
	return true;
}

bool service_split(struct service *service, struct str name, int64_t now_ms)
{
	struct table *table;
	struct stream *stream;

	service_advance(service, now_ms);
	table = streaming_table(service, name);
	if (table == NULL)
		return false;
	stream = table->stream;
	shard_split(service, stream->open[rng_below(&service->rng, stream->open_n)]);
	return true;
}

bool service_key(struct service *service, struct str name, bool usable, int64_t now_ms)
{
	struct table *table;

	service_advance(service, now_ms);
	table = map_get(&service->tables, name);
	if (table != NULL)
		table->key_lost = !usable;
	return table != NULL;
}

/* Trims one stream, and forgets its closed shards that have nothing left. */
static void trim_stream(struct service *service, struct stream *stream, int64_t before_ms)
{
	for (unsigned i = 0; i < stream->shards_n; i++) {
		struct shard *shard = stream->shards[i];
		size_t trimmed_n = shard->trimmed_n;

		if (!shard->listed)
			continue;
		shard_trim(service, shard, before_ms);
		if (!shard->open && shard->trimmed_n > trimmed_n &&
		    shard->trimmed_n == shard->records_n)
			shard_forget(service, shard);
	}
}

bool service_trim(struct service *service, struct str name, int64_t before_ms)
{
	bool found = false;

	for (unsigned i = 0; i < service->streams_n; i++) {
		if (!str_eq(str_of(service->streams[i]->table), name))
			continue;
		trim_stream(service, service->streams[i], before_ms);
		found = true;
	}
	return found;
}

void service_expire_iterators(struct service *service)
{
	service->iterator_generation++;
}

bool service_ttl_delete(struct service *service, struct str name, struct str key_json,
			int64_t now_ms)
{
	struct failure failure = {FAILURE_NONE};
	struct request request = {.arena = &service->arena, .failure = &failure};
	struct table *table;
	struct value key;
	struct row_key row;

	service_advance(service, now_ms);
	arena_release(&service->arena);
	table = map_get(&service->tables, name);
	if (table == NULL || !item_parse(&service->arena, key_json, &key, &failure) ||
	    !row_key_of_key(service, table, &key, &request, &row) ||
	    store_find(&table->store, row.hash, row.text) == NULL)
		return false;
	row_commit(service, table, &row, NULL, true);
	service_hit(service, HIT_TTL_DELETE);
	return true;
}

const struct service_write *service_write(const struct service *service, uint64_t n)
{
	if (n >= service->writes_n)
		return NULL;
	return &service->chunks[n / WRITES_PER_CHUNK][n % WRITES_PER_CHUNK].log;
}

void service_on_write(struct service *service, void (*fn)(void *arg, const struct service_write *w),
		      void *arg)
{
	service->on_write = fn;
	service->on_write_arg = arg;
}
