/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sinkwatch.h"

#include "tests/sim/rowform.h"

#define REGISTRY_KEY STR("ddbtap/registry")

/* What the row says. */
struct registered {
	const struct sinkwatch *watch;
	int64_t version, epoch;
	bool seeking;
	struct {
		int64_t generation; /* 0: it is not there */
		bool active;
	} sinks[LEDGER_SINKS];
};

void sinkwatch_init(struct sinkwatch *watch, struct rowwatch *rows, const char *table)
{
	*watch = (struct sinkwatch){.ledger = rows->ledger, .rows = rows, .table = table};
}

/* The number of the sink of that name; LEDGER_SINKS: there is none. */
static size_t sink_of(const struct sinkwatch *watch, struct str name)
{
	for (size_t i = 0; i < watch->ledger->n_sinks; i++) {
		if (str_eq(name, str_of(watch->rows->sinks[i])))
			return i;
	}
	return LEDGER_SINKS;
}

/* Reads what stands in {"M":{...}}; `member` reads or skips each value. */
static void read_map(struct json *json, void *arg,
		     void (*member)(void *arg, struct str name, struct json *json))
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (!json_key_is(key, "M")) {
			json_skip(json);
			continue;
		}
		json_enter(json, JSON_OBJECT);
		while (json_key(json, &key))
			member(arg, key, json);
	}
}

/* What is being read of one sink. */
struct read_sink {
	int64_t generation;
	bool active;
};

/* Reads a member of a sink. */
static void read_member(void *arg, struct str name, struct json *json)
{
	struct read_sink *sink = arg;

	if (json_key_is(name, "generation"))
		must(str_to_i64(row_scalar(json), &sink->generation));
	else if (json_key_is(name, "state"))
		sink->active = str_eq(row_scalar(json), STR("active"));
	else
		json_skip(json);
}

/* Reads one sink. */
static void read_sink(void *arg, struct str name, struct json *json)
{
	struct registered *out = arg;
	struct read_sink sink = {0};
	size_t i = sink_of(out->watch, name);

	read_map(json, &sink, read_member);
	if (i == LEDGER_SINKS)
		return;
	out->sinks[i].generation = sink.generation;
	out->sinks[i].active = sink.active;
}

/* Reads one attribute of the row. */
static void read_attribute(void *arg, struct str name, struct json *json)
{
	struct registered *out = arg;

	if (json_key_is(name, "sinks"))
		read_map(json, out, read_sink);
	else if (json_key_is(name, "version"))
		must(str_to_i64(row_scalar(json), &out->version));
	else if (json_key_is(name, "epoch"))
		must(str_to_i64(row_scalar(json), &out->epoch));
	else if (json_key_is(name, "seek"))
		out->seeking = row_scalar(json).n > 0;
	else
		json_skip(json);
}

/* The sink is active from now on: what the rows say at this moment that it has, it does not get. */
static void excuse(struct sinkwatch *watch, size_t sink)
{
	struct ledger_shard *shard;
	size_t at = 0;

	while ((shard = map_next(&watch->ledger->shards, &at)) != NULL) {
		const struct watched_row *row = shard->row;
		size_t n = 0;

		if (row != NULL && row->exists)
			n = rowwatch_position(watch->rows, row, sink);
		else if (shard->skipped || (row != NULL && row->ended))
			n = shard->n_writes;
		shard->taken[sink].excused = n < shard->n_writes ? n : shard->n_writes;
	}
}

/* Takes in what the row says of one sink; whether it has got another generation, or none. */
static bool note_sink(struct sinkwatch *watch, size_t number, int64_t generation, bool active)
{
	struct ledger_sink *sink = &watch->ledger->sinks[number];
	bool other = generation != (sink->registered ? sink->generation : 0);

	if (other && generation == 0)
		watch->removed++;
	if (other && generation != 0) {
		watch->added++;
		watch->again += sink->generation != 0;
		if (generation <= sink->generation || watch->ledger->world->plant == PLANT_REBORN)
			world_fail(watch->ledger->world, "registry",
				   "sink %zu has generation %lld, after %lld", number,
				   (long long)generation, (long long)sink->generation);
		sink->generation = generation;
		ledger_renew(watch->ledger, number);
	}
	sink->registered = generation != 0;
	if (sink->registered && active && (other || !sink->active))
		excuse(watch, number);
	sink->active = sink->registered && active;
	return other;
}

void sinkwatch_look(struct sinkwatch *watch)
{
	struct registered now = {.watch = watch};
	bool others = false;

	if (!row_fetch(watch->ledger->world, watch->table, REGISTRY_KEY, read_attribute, &now) ||
	    now.version <= watch->version || now.epoch < watch->epoch)
		world_fail(watch->ledger->world, "registry",
			   "version %lld, epoch %lld is followed by %lld, %lld",
			   (long long)watch->version, (long long)watch->epoch,
			   (long long)now.version, (long long)now.epoch);
	watch->version = now.version;
	watch->seeks += now.epoch > watch->epoch;
	watch->epoch = now.epoch;
	watch->seeking = now.seeking;
	for (size_t i = 0; i < watch->ledger->n_sinks; i++)
		others =
			note_sink(watch, i, now.sinks[i].generation, now.sinks[i].active) || others;
	if (others)
		rowwatch_read_again(watch->rows);
}

bool sinkwatch_served(struct sinkwatch *watch, const struct world_call *call)
{
	struct row_named named;

	if (call->status != 200 || !row_writes(call->operation))
		return false;
	named = row_named(call->body);
	if (!str_eq(named.table, str_of(watch->table)) || !str_eq(named.key, REGISTRY_KEY))
		return false;
	sinkwatch_look(watch);
	return true;
}

int64_t sinkwatch_adopted(struct sinkwatch *watch, unsigned life, struct str line)
{
	struct str rest = line;

	for (size_t i = 0; i < watch->ledger->n_sinks; i++)
		watch->ledger->sinks[i].runs[life] = 0;
	while (rest.n > 0) {
		struct str value = str_cut(&rest, ' '), name = str_cut(&value, '=');

		if (str_eq(name, STR("epoch")))
			must(str_to_i64(value, &watch->epochs[life]));
		while (str_eq(name, STR("sinks")) && value.n > 0) {
			struct str sink = str_cut(&value, ',');
			size_t dot = str_find_last(sink, '.');
			size_t number = sink_of(watch, str_head(sink, dot));

			must(number < LEDGER_SINKS);
			must(str_to_i64(str_skip(sink, dot + 1),
					&watch->ledger->sinks[number].runs[life]));
		}
	}
	return watch->epochs[life];
}

bool sinkwatch_follows(const struct sinkwatch *watch, unsigned life, size_t without)
{
	bool all = watch->epochs[life] == watch->epoch && watch->ledger->world->plant != PLANT_DEAF;

	for (size_t i = 0; i < watch->ledger->n_sinks; i++) {
		const struct ledger_sink *sink = &watch->ledger->sinks[i];

		all = all &&
		      sink->runs[life] == (sink->registered && i != without ? sink->generation : 0);
	}
	return all;
}
