/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/discovery.h"

#include "consumer/aws/endpoint.h"
#include "consumer/aws/streams.h"
#include "consumer/aws/tableapi.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/streamlist.h"
#include "consumer/engine/worker.h"

enum {
	RUSH_MIN_MS = 500, /* between listings that ended shards ask for */
	CHILDLESS_MS = MINUTE_MS, /* how long a finished shard is expected to get children */
	SETTLED_MS = 2500, /* after a split, listings may show one child before the other */
	PAGE_PAUSE_MS = 100, /* between pages: the service allows 10 a second per account */
	KEY_PREFIX_MAX = 1024,
};

static void describe_table(struct io_timer *timer);
static void list_page(struct io_timer *timer);

/* Before the first success an error that only a person can cure, or a long silence, stops the start. */
static bool stops_start(struct call *call, const struct table *table, unsigned attempts, bool known)
{
	struct error why = {0};

	if (known || (call->outcome != CALL_REFUSED && attempts < STARTUP_ATTEMPTS))
		return false;
	call_error(call, &why);
	error_prefix(&why, "table %.*s", STR_ARG(table->options->name));
	engine_stop(call->engine, &why);
	return true;
}

/* Logs trouble with a request that will be repeated. */
static void log_trouble(struct call *call, const char *event, struct str what, int64_t delay_ms)
{
	struct error why = {0};

	call_error(call, &why);
	io_log(call->engine->io, IO_WARN, "%s name=%.*s retry_ms=%lld error=\"%s\"", event,
	       STR_ARG(what), (long long)delay_ms, why.text);
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
	buf_fmt(&text, "%.*s/%.*s/%.*s/%.*s/", STR_ARG(parts->account), STR_ARG(parts->region),
		STR_ARG(parts->table), STR_ARG(parts->label));
	stream->key_prefix = buf_detach(&text);
	stream->label = str_of(stream->arn);
	stream->label = str_skip(stream->label, stream->label.n - parts->label.n);
	stream->table = table;
	stream->found_ms = io_now_ms(table->engine->io);
	stream->first_start = true;
	stream->timer.fire = list_page;
	map_init(&stream->shards);
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

/* Starts listing a stream, unless that is under way already. */
static void stream_list(struct stream *stream)
{
	struct io *io = stream->table->engine->io;

	if (stream->call == NULL && stream->timer.node.place == 0)
		io_timer_set(io, &stream->timer, io_now_ms(io));
}

/* Rows of older streams of this table: those are finished first, while the service still has them. */
static void add_older_streams(struct table *table, struct table_arn parts)
{
	struct engine *engine = table->engine;
	struct buf prefix;
	struct kept_row *row;
	size_t at = 0;

	buf_init(&prefix, KEY_PREFIX_MAX);
	buf_fmt(&prefix, "%.*s/%.*s/%.*s/", STR_ARG(parts.account), STR_ARG(parts.region),
		STR_ARG(parts.table));
	while ((row = map_next(&engine->rows, &at)) != NULL) {
		struct str rest = str_of(row->key);

		if (!str_starts(rest, buf_view(&prefix)))
			continue;
		rest = str_skip(rest, prefix.n);
		parts.label = str_cut(&rest, '/');
		stream_get(table, &parts);
	}
	buf_release(&prefix);
}

/* Makes the streams that the table's description and the rows name, and lists them. */
static void add_streams(struct table *table)
{
	struct table_arn parts;
	struct stream *present;

	if (!table->known || !table->engine->scanned || table->stream_arn == NULL ||
	    !table_arn_parse(str_of(table->stream_arn), &parts))
		return;
	add_older_streams(table, parts);
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

void discovery_streams_known(struct table *table)
{
	const struct stream *present = CONTAINER_OF(table->streams.prev, struct stream, link);

	list_each(it, &table->streams, spare) {
		struct stream *stream = CONTAINER_OF(it, struct stream, link);

		if (stream->listed && stream->listed_ms < present->found_ms)
			discovery_rush(stream);
		else
			stream_list(stream);
	}
}

void discovery_rows_known(struct table *table)
{
	add_streams(table);
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

/* Takes in what DescribeTable says; false with `err` when this table cannot be read as it is. */
static bool table_described(struct table *table, const struct table_description *description,
			    struct error *err)
{
	struct table_arn parts;

	if (description->stream_arn.n == 0 || (!description->stream_enabled && !table->known))
		return error_set(err, ERROR_CONFIG,
				 "table %.*s has no stream; enable one: aws dynamodb update-table "
				 "--table-name "
				 "%.*s --stream-specification "
				 "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
				 STR_ARG(table->options->name), STR_ARG(table->options->name));
	if (!table_arn_parse(description->stream_arn, &parts) || parts.label.n == 0)
		return error_set(err, ERROR_DATA, "table %.*s: \"%.*s\" is not the ARN of a stream",
				 STR_ARG(table->options->name), STR_ARG(description->stream_arn));
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
	if (call->outcome == CALL_OK &&
	    tables_describe_read(&arena, buf_view(&call->http.answer), &description, &why) &&
	    table_described(table, &description, &why)) {
		table->attempts = 0;
	} else if (call->outcome == CALL_OK ||
		   (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND)) {
		if (call->outcome != CALL_OK)
			error_set(&why, ERROR_NOT_FOUND,
				  "table %.*s does not exist in region %.*s; check its name, "
				  "the region and the endpoint",
				  STR_ARG(table->options->name), STR_ARG(engine->options.region));
		if (!table->known)
			engine_stop(engine, &why);
		else
			io_log(engine->io, IO_ERROR, "table.unusable table=%.*s error=\"%s\"",
			       STR_ARG(table->options->name), why.text);
	} else if (!stops_start(call, table, ++table->attempts, table->known)) {
		delay_ms = call_delay_ms(call, table->attempts);
		log_trouble(call, "table.describe_failed", table->options->name, delay_ms);
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

/* Takes in one page of a listing. */
static void take_page(struct stream *stream, const struct stream_description *page)
{
	stream->disabled = page->status == STREAM_DISABLED;
	for (size_t i = 0; i < page->n_shards; i++) {
		const struct stream_shard *seen = &page->shards[i];
		struct shard *shard;

		if (seen->id.n > SHARD_ID_MAX || seen->parent.n > SHARD_ID_MAX)
			continue;
		shard = shard_get(stream, seen->id, seen->parent);
		shard->listed = true;
		shard->misses = 0;
		shard->seen_in = stream->listings + 1;
		shard->open = seen->last_seqno.n == 0;
		if (shard->first_seqno == NULL && seen->first_seqno.n > 0)
			shard->first_seqno = mem_dup(seen->first_seqno.p, seen->first_seqno.n);
	}
}

/* Whether the shard is finished for so long that its children, if any, have aged out before it. */
static bool childless(const struct shard *shard)
{
	return shard->state == SHARD_DONE &&
	       io_now_ms(shard->stream->table->engine->io) - shard->done_ms > CHILDLESS_MS;
}

/* Whether a shard that ended has no child in the listing yet, or one is in doubt. */
static bool children_missing(const struct stream *stream)
{
	const struct shard *shard;
	size_t at = 0;

	if (stream->disabled || stream->gone)
		return false;
	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->refused)
			return true;
		/* A shard that ended has a child, unless one of them has aged out of the listing. */
		if (shard->listed && shard->seen_in >= stream->listings &&
		    list_empty(&shard->children) && !shard->adopted_done && !childless(shard) &&
		    (!shard->open || shard_ended(shard)))
			return true;
	}
	return false;
}

/* Whether the listing that is known is late enough to have all children of shards that ended. */
static bool settled(const struct stream *stream)
{
	return stream->rushed_ms == 0 || stream->listed_ms >= stream->rushed_ms + SETTLED_MS;
}

/* The last page is in: what it means, and when to list again. */
static void listing_done(struct stream *stream)
{
	struct engine *engine = stream->table->engine;
	int64_t delay_ms = engine->options.discovery_ms, followup_ms;

	mem_free(stream->next_shard);
	stream->next_shard = NULL;
	stream->attempts = 0;
	stream->rush = false;
	stream->listings++;
	stream->listed_ms = stream->listing_began_ms;
	stream->listed = true;
	lineage_listed(stream);
	/* A shard that ended must get children: ask again, ever more slowly. */
	if (children_missing(stream)) {
		followup_ms = (int64_t)RUSH_MIN_MS
			      << (stream->followups < 8 ? stream->followups++ : 8);
		if (followup_ms < delay_ms)
			delay_ms = followup_ms;
	} else {
		stream->followups = 0;
	}
	if (!settled(stream)) {
		int64_t due_ms = stream->rushed_ms + SETTLED_MS - io_now_ms(engine->io);

		if (due_ms < delay_ms)
			delay_ms = due_ms > 0 ? due_ms : 0;
	}
	if (lineage_undecided(stream) && delay_ms > LINEAGE_SPACING_MS)
		delay_ms = LINEAGE_SPACING_MS;
	io_timer_set(engine->io, &stream->timer, io_now_ms(engine->io) + delay_ms);
}

/* DescribeStream has been answered. */
static void page_done(struct call *call)
{
	struct stream *stream = call->owner;
	struct engine *engine = stream->table->engine;
	struct stream_description page;
	struct error why = {0};
	struct arena arena;
	int64_t delay_ms = 0;

	stream->call = NULL;
	arena_init(&arena);
	if (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND) {
		/* The stream itself is gone: the same as a listing without shards. */
		stream->gone = true;
		listing_done(stream);
		goto out;
	}
	if (call->outcome == CALL_OK &&
	    streams_describe_read(&arena, buf_view(&call->http.answer), &page, &why)) {
		take_page(stream, &page);
		mem_free(stream->next_shard);
		stream->next_shard = page.next_shard_id.n == 0
					     ? NULL
					     : mem_dup(page.next_shard_id.p, page.next_shard_id.n);
		stream->attempts = 0;
		if (stream->next_shard == NULL) {
			listing_done(stream);
			goto out;
		}
		delay_ms = PAGE_PAUSE_MS;
	} else if (!stops_start(call, stream->table, ++stream->attempts, stream->listed)) {
		delay_ms = call_delay_ms(call, stream->attempts);
		log_trouble(call, "stream.list_failed", str_of(stream->arn), delay_ms);
	}
	if (!engine->stopped)
		io_timer_set(engine->io, &stream->timer, io_now_ms(engine->io) + delay_ms);
out:
	arena_release(&arena);
}

/* Asks for a listing's first or next page. */
static void list_page(struct io_timer *timer)
{
	struct stream *stream = CONTAINER_OF(timer, struct stream, timer);
	struct engine *engine = stream->table->engine;

	if (stream->next_shard == NULL)
		stream->listing_began_ms = io_now_ms(engine->io);
	stream->call = call_new(engine, IO_STREAMS, STREAMS_DESCRIBE, page_done, stream);
	streams_describe_request(&stream->call->http.body, str_of(stream->arn),
				 str_of(stream->next_shard), 0);
	call_start(stream->call);
}

void discovery_rush(struct stream *stream)
{
	struct io *io = stream->table->engine->io;
	int64_t due_ms = stream->listed_ms + RUSH_MIN_MS, now_ms = io_now_ms(io);

	stream->rush = true;
	stream->rushed_ms = now_ms;
	stream->followups = 0;
	if (stream->call != NULL || stream->next_shard != NULL)
		return; /* listing_done sees that children are missing */
	io_timer_set(io, &stream->timer, due_ms > now_ms ? due_ms : now_ms);
}

bool discovery_pending(const struct stream *stream)
{
	return !stream->listed || stream->rush || children_missing(stream) ||
	       (!stream->disabled && !stream->gone && !settled(stream));
}

/* Frees a stream and its shards. */
static void stream_free(struct stream *stream)
{
	struct shard *shard;
	size_t at = 0;

	call_cancel(&stream->call);
	io_timer_cancel(stream->table->engine->io, &stream->timer);
	while ((shard = map_next(&stream->shards, &at)) != NULL)
		shard_free(shard);
	map_release(&stream->shards);
	list_remove(&stream->link);
	mem_free(stream->next_shard);
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
