/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/discovery.h"

#include "consumer/aws/endpoint.h"
#include "consumer/aws/tableapi.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/shardlist.h"
#include "consumer/engine/start.h"
#include "consumer/engine/streamlist.h"
#include "consumer/engine/view.h"

enum { KEY_PREFIX_MAX = 1024 };

bool discovery_stops_start(struct call *call, const struct table *table, unsigned attempts,
			   bool known)
{
	struct error why = {0};

	if (known || call->engine->renewed ||
	    (call->outcome != CALL_REFUSED && attempts < STARTUP_ATTEMPTS) ||
	    call->error.kind == API_KEY)
		return false;
	call_error(call, &why);
	error_prefix(&why, "table %.*s", STR_ARG(table->options->name));
	engine_stop(call->engine, &why);
	return true;
}

/* Makes a stream of the table from its ARN, in order of label; the ARN is known to be well formed. */
static struct stream *stream_add(struct table *table, const struct table_arn *parts)
{
	struct stream *stream = mem_alloc(sizeof(*stream)), *other;
	struct buf text;
	struct list *at = &table->streams;

	buf_init(&text, KEY_PREFIX_MAX);
	buf_fmt(&text, "arn:%.*s:dynamodb:%.*s:%.*s:table/%.*s/stream/%.*s",
		STR_ARG(parts->partition), STR_ARG(parts->region), STR_ARG(parts->account),
		STR_ARG(parts->table), STR_ARG(parts->label));
	stream->arn = buf_detach(&text);
	lease_key_prefix(&text, table->engine->form, parts);
	stream->key_prefix = buf_detach(&text);
	stream->label = str_of(stream->arn);
	stream->label = str_skip(stream->label, stream->label.n - parts->label.n);
	stream->table = table;
	stream->found_ms = io_now_ms(table->engine->io);
	stream->first_start = true;
	stream->start_wall_ms = ROW_START_ALL;
	shardlist_init(stream);
	map_init(&stream->shards);
	list_init(&stream->lookups);
	list_init(&stream->orphans);
	list_init(&stream->link);
	list_each(it, &table->streams, spare) {
		other = CONTAINER_OF(it, struct stream, link);
		if (str_cmp(stream->label, other->label) < 0) {
			at = it;
			break;
		}
	}
	list_add(at, &stream->link);
	io_log(table->engine->io, IO_INFO, "stream.found table=%.*s stream=%s",
	       STR_ARG(table->options->name), stream->arn);
	return stream;
}

/* The table's stream with this label, made if it is new. */
static struct stream *stream_get(struct table *table, const struct table_arn *parts)
{
	list_each(it, &table->streams, spare) {
		struct stream *stream = CONTAINER_OF(it, struct stream, link);

		if (str_eq(stream->label, parts->label))
			return stream;
	}
	return stream_add(table, parts);
}

/* The stream's label in a row whose key does not have it; empty when nobody wrote it down. */
static struct str label_of(struct arena *arena, const struct kept_row *kept)
{
	static const struct row_sinks none = {.n = 0};
	struct error err;
	struct row row;

	/* Whoever adopts the row says what is wrong with it. */
	return row_read(arena, str_of(kept->raw), &none, &row, &err) ? row.label : STR_NONE;
}

/* Whether an ARN's region is the configured one; an emulator's may be none of AWS's, which have hyphens. */
static bool is_here(struct str region, struct str configured)
{
	return str_eq(region, configured) || str_find(region, '-') == region.n ||
	       str_find(configured, '-') == configured.n;
}

/*
 * Whether a row is of this table. `present` is the ARN of its own stream; NULL: not known, then names have to
 * do. A key of a single stream tells nothing: all of them are.
 */
static bool row_is_of(const struct lease_key *key, const struct table *table,
		      const struct table_arn *present)
{
	if (key->form == FORM_SINGLE)
		return table->engine->form == FORM_SINGLE;
	if (!str_eq(key->table, table->options->name))
		return false;
	if (present == NULL)
		return is_here(key->region, table->engine->options.region);
	return str_eq(key->account, present->account) && str_eq(key->region, present->region);
}

/* Whether somebody has begun to read the table, as far as is known: the rows may not be, yet. */
static bool has_begun(const struct table *table, const struct table_arn *present)
{
	bool any = table->known || table->engine->renewed || !list_empty(&table->streams);
	struct kept_row *row;
	size_t at = 0;

	while (!any && (row = map_next(&table->engine->rows, &at)) != NULL) {
		struct lease_key key;
		struct arena arena;

		arena_init(&arena);
		key = lease_key_read(&arena, str_of(row->key));
		any = row_is_of(&key, table, present);
		arena_release(&arena);
	}
	return any;
}

/*
 * Makes the streams of this table that rows name: those are finished first, while the service still has
 * them. Keys of a single stream do not name it; rows that we wrote have its label beside, but not the
 * account: that is `present`'s.
 */
static void add_streams_of_rows(struct table *table, const struct table_arn *present)
{
	struct engine *engine = table->engine;
	struct kept_row *row;
	size_t at = 0;

	while ((row = map_next(&engine->rows, &at)) != NULL) {
		struct table_arn parts;
		struct lease_key key;
		struct arena arena;

		arena_init(&arena);
		key = lease_key_read(&arena, str_of(row->key));
		if (present != NULL)
			parts = *present;
		else
			parts = (struct table_arn){.partition = region_partition(key.region),
						   .region = key.region,
						   .account = key.account,
						   .table = key.table};
		parts.label = key.form == FORM_SINGLE ? label_of(&arena, row) : key.label;
		if (row_is_of(&key, table, present) && parts.table.n > 0 && parts.label.n > 0)
			stream_get(table, &parts);
		arena_release(&arena);
	}
}

/* Sets `err` to what is to be done about a table without a stream; returns false. */
static bool no_stream(const struct table *table, struct error *err)
{
	return error_set(err, ERROR_CONFIG,
			 "table %.*s has no stream; enable one: aws dynamodb update-table "
			 "--table-name "
			 "%.*s --stream-specification "
			 "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
			 STR_ARG(table->options->name), STR_ARG(table->options->name));
}

/* Makes the streams that the table's description and the rows name, and lists them. */
static void add_streams(struct table *table)
{
	struct table_arn parts;
	struct stream *present;

	if (!table->known || !table->engine->scanned || table->stream_arn == NULL ||
	    !table_arn_parse(str_of(table->stream_arn), &parts))
		return;
	add_streams_of_rows(table, &parts);
	present = stream_get(table, &parts);
	/* Were there others in between? Asked once for each stream that is new to us. */
	if (stream_replaces(present) && !present->listed)
		streamlist_start(table);
	discovery_streams_known(table);
}

void discovery_add_stream(struct table *table, struct str arn)
{
	struct table_arn parts;

	if (table_arn_parse(arn, &parts))
		stream_get(table, &parts);
}

/* Keeps the names of the key's attributes; longer ones than the service allows count as unknown. */
static void name_keys(struct table *table, struct str hash, struct str range)
{
	struct buf text;

	if (hash.n > NAME_MAX_BYTES || range.n > NAME_MAX_BYTES)
		hash = range = STR_NONE;
	mem_free(table->key_text);
	buf_init(&text, 2 * NAME_MAX_BYTES + 1);
	buf_str(&text, hash);
	buf_str(&text, range);
	table->key_text = buf_detach(&text);
	table->key_names.hash = str_make(table->key_text, hash.n);
	table->key_names.range = str_make(table->key_text + hash.n, range.n);
}

void discovery_stream_described(struct table *table, const struct stream_description *page)
{
	if (table->key_text == NULL && page->hash_key.n > 0)
		name_keys(table, page->hash_key, page->range_key);
}

void discovery_streams_known(struct table *table)
{
	const struct stream *present = CONTAINER_OF(table->streams.prev, struct stream, link);

	list_each(it, &table->streams, spare) {
		struct stream *stream = CONTAINER_OF(it, struct stream, link);

		if (stream->listed && stream->listed_ms < present->found_ms)
			shardlist_rush(stream);
		else
			shardlist_start(stream);
	}
}

/*
 * Whether what makes a table unreadable does not end the start: rows show that it was read before. Who runs
 * only until all is read would never end.
 */
static bool begun_before(const struct table *table)
{
	return has_begun(table, NULL) && !table->engine->options.until_caught_up;
}

bool discovery_may_run(struct table *table)
{
	if (table->known || table->unreadable.code == ERROR_NONE || begun_before(table))
		return true;
	engine_stop(table->engine, &table->unreadable);
	return false;
}

void discovery_rows_known(struct table *table)
{
	struct io *io = table->engine->io;

	add_streams(table);
	/* What made it unreadable may be none of that, now that it is known to have been read. */
	if (!table->known && table->call == NULL)
		io_timer_set(io, &table->timer, io_now_ms(io));
}

/* Notes that the table's stream is disabled, or is not any more, and says so. */
static void note_disabled(struct table *table, bool disabled)
{
	table->alarms_raised[ENGINE_ALARM_DISABLED] += disabled && !table->disabled;
	if (disabled && !table->disabled)
		io_log(table->engine->io, IO_ERROR, "table.disabled table=%.*s advice=\"%s\"",
		       STR_ARG(table->options->name),
		       "its stream was disabled: changes are not recorded any more; what it still "
		       "has "
		       "is read, for a day; enable it again to go on");
	table->disabled = disabled;
}

/* The key that the table is encrypted with cannot be used, or can be again. */
static void note_key(struct table *table, enum table_status status)
{
	struct error why;

	if (status != TABLE_INACCESSIBLE) {
		alarm_clear(table, ALARM_TABLE);
		return;
	}
	error_set(
		&why, ERROR_AUTH,
		"table %.*s cannot be read, for its KMS key cannot be used: enable the key, cancel "
		"its deletion, or give back the table's grant; until then its changes age, and are "
		"lost after 24 hours",
		STR_ARG(table->options->name));
	alarm_raise(table, ALARM_TABLE, &why);
}

/* Takes in what DescribeTable says; false with `err` when this table cannot be read as it is. */
static bool table_described(struct table *table, const struct table_description *description,
			    struct error *err)
{
	struct table_arn parts;
	bool begun;

	if (description->stream_arn.n == 0)
		return no_stream(table, err);
	if (!table_arn_parse(description->stream_arn, &parts) || parts.label.n == 0)
		return error_set(err, ERROR_DATA, "table %.*s: \"%.*s\" is not the ARN of a stream",
				 STR_ARG(table->options->name), STR_ARG(description->stream_arn));
	begun = has_begun(table, &parts);
	/* What a disabled stream still has is of use only to who has read it before. */
	if (!description->stream_enabled && !begun)
		return no_stream(table, err);
	if (!view_check(table, description->view_type, begun, err))
		return false;
	note_disabled(table, !description->stream_enabled);
	note_key(table, description->status);
	table->single_reader = description->replication == TABLE_EVENTUAL;
	if (!table->known && table->single_reader && table->sinks.n > 1)
		io_log(table->engine->io, IO_WARN, "table.one_reader table=%.*s advice=\"%s\"",
		       STR_ARG(table->options->name),
		       "a global table's stream allows one reader: all sinks go at the slowest's "
		       "pace");
	mem_free(table->stream_arn);
	table->stream_arn = mem_dup(description->stream_arn.p, description->stream_arn.n);
	name_keys(table, description->hash_key, description->range_key);
	table->known = true;
	add_streams(table);
	return true;
}

/* When the service answered, by its own clock: ours may be wrong, and nothing has shown that yet. */
static int64_t service_wall_ms(const struct call *call)
{
	return call->http.date_wall_ms != 0 ? call->http.date_wall_ms
					    : call_service_wall_ms(call->engine);
}

/* Reads what the streams still have that rows name: the table itself tells none. */
static void read_leftovers(struct table *table)
{
	add_streams_of_rows(table, NULL);
	/* Were there others after the last one that has rows? Asked until it is answered. */
	if (!list_empty(&table->streams) && !table->streams_told)
		streamlist_start(table);
	discovery_streams_known(table);
}

/*
 * The table cannot be read as it is. Before anybody has read it that is a fault of the configuration, and
 * ends the start; later it holds up no other table. Which of the two, the rows tell, once they are known.
 */
static void table_unreadable(struct table *table, const struct error *why)
{
	struct engine *engine = table->engine;

	table->begun = !table->known && begun_before(table);
	if (!table->known && !engine->scanned) {
		table->unreadable = *why;
	} else if (table->known || table->begun) {
		alarm_raise(table, ALARM_TABLE, why);
	} else {
		engine_stop(engine, why);
	}
	if (table->begun && engine->scanned)
		read_leftovers(table);
}

/* DescribeTable has been answered. */
static void describe_done(struct call *call)
{
	struct table *table = call->owner;
	struct engine *engine = table->engine;
	struct table_description description;
	struct error why = {0};
	struct arena arena;
	int64_t delay_ms = engine->options.discovery_ms;

	table->call = NULL;
	arena_init(&arena);
	if (call->outcome == CALL_OK && !table->known &&
	    !start_check(table, service_wall_ms(call), &why)) {
		engine_stop(engine, &why);
	} else if (call->outcome == CALL_OK &&
		   tables_describe_read(&arena, buf_view(&call->http.answer), &description, &why) &&
		   table_described(table, &description, &why)) {
		table->attempts = 0;
	} else if (call->outcome == CALL_OK ||
		   (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND)) {
		if (call->outcome != CALL_OK)
			error_set(&why, ERROR_NOT_FOUND,
				  "table %.*s does not exist in region %.*s; check its name, "
				  "the region and the endpoint, or take it out",
				  STR_ARG(table->options->name), STR_ARG(engine->options.region));
		table->attempts = 0;
		table_unreadable(table, &why);
	} else if (!discovery_stops_start(call, table, ++table->attempts,
					  table->known || table->begun)) {
		delay_ms = call_delay_ms(call, table->attempts);
		alarm_judge(table, ALARM_TABLE, call);
		call_log_trouble(call, "table.describe_failed", table->options->name, delay_ms);
	}
	arena_release(&arena);
	if (!engine->stopped)
		io_timer_set(engine->io, &table->timer, io_now_ms(engine->io) + delay_ms);
}

/* Asks for the table's description. */
static void describe_table(struct io_timer *timer)
{
	struct table *table = CONTAINER_OF(timer, struct table, timer);

	table->call = call_new(table->engine, IO_TABLES, TABLES_DESCRIBE, describe_done, table);
	tables_describe_request(&table->call->http.body, table->options->name);
	call_start(table->call);
}

void discovery_start(struct table *table)
{
	struct io *io = table->engine->io;

	table->timer.fire = describe_table;
	io_timer_set(io, &table->timer, io_now_ms(io));
}

/* Frees a stream and its shards. */
static void stream_free(struct stream *stream)
{
	struct shard *shard;
	size_t at = 0;

	shardlist_stop(stream);
	while ((shard = map_next(&stream->shards, &at)) != NULL)
		shard_free(shard);
	map_release(&stream->shards);
	list_remove(&stream->link);
	mem_free(stream->key_prefix);
	mem_free(stream->arn);
	mem_free(stream);
}

void discovery_stop(struct table *table)
{
	call_cancel(&table->call);
	io_timer_cancel(table->engine->io, &table->timer);
	streamlist_stop(table);
	list_each(it, &table->streams, spare) {
		stream_free(CONTAINER_OF(it, struct stream, link));
	}
	mem_free(table->stream_arn);
	table->stream_arn = NULL;
	mem_free(table->key_text);
	table->key_text = NULL;
	table->key_names = (struct key_names){0};
}
