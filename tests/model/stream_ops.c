/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/model/model.h"

enum {
	PAGE_BYTES_MAX = 1024 * 1024, /* of records in one GetRecords answer */
	PAGE_RECORDS_MAX = 1000,
	PAGE_SHARDS_MAX = 100,
	YOUNG_MS = 2000, /* how long a new child may be missing from listings */
};

static const char *const iterator_types[] = {"TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER",
					     "AFTER_SEQUENCE_NUMBER", NULL};

enum { FROM_TRIM_HORIZON, FROM_LATEST, FROM_AT, FROM_AFTER };

struct stream *stream_find(struct service *service, struct request *request, struct str arn)
{
	struct stream *stream;

	if (!str_starts(arn, STR("arn:")) || arn.n < 37 || arn.n > 1024) {
		failure_set(request->failure, FAILURE_VALIDATION, "Invalid StreamArn");
		return NULL;
	}
	stream = map_get(&service->streams_by_arn, arn);
	if (stream == NULL)
		failure_set(request->failure, FAILURE_NOT_FOUND,
			    "Requested resource not found: Stream: %.*s not found",
			    STR_ARG(str_head(arn, 400)));
	return stream;
}

/* The stream that parameter StreamArn names. */
static struct stream *stream_of(struct service *service, struct request *request)
{
	struct str arn;

	if (!request_need(request, PARAM_STREAM_ARN) ||
	    !request_string(request, PARAM_STREAM_ARN, &arn))
		return NULL;
	return stream_find(service, request, arn);
}

/* Whether a stream comes into a listing: of the table, and after `start`. */
static bool is_wanted(const struct stream *stream, struct str table, struct str start)
{
	if (stream->gone || (table.p != NULL && !str_eq(table, str_of(stream->table))))
		return false;
	return start.p == NULL || str_cmp(str_of(stream->arn), start) > 0;
}

/* The wanted stream with the least ARN above `start`, or NULL. */
static const struct stream *next_stream(const struct service *service, struct str table,
					struct str start)
{
	const struct stream *least = NULL;

	for (unsigned i = 0; i < service->streams_n; i++) {
		const struct stream *stream = service->streams[i];

		if (is_wanted(stream, table, start) &&
		    (least == NULL || strcmp(stream->arn, least->arn) < 0))
			least = stream;
	}
	return least;
}

bool op_list_streams(struct service *service, struct request *request, struct buf *answer)
{
	struct str table, start;
	int64_t limit = PAGE_SHARDS_MAX;
	const struct stream *stream;

	if (!request_string(request, PARAM_TABLE_NAME, &table) ||
	    !request_string(request, PARAM_START_STREAM, &start) ||
	    !request_integer(request, PARAM_LIMIT, 1, PAGE_SHARDS_MAX, &limit))
		return false;
	buf_str(answer, STR("{\"Streams\":["));
	stream = next_stream(service, table, start);
	for (; stream != NULL && limit > 0; limit--) {
		json_comma(answer);
		buf_fmt(answer,
			"{\"StreamArn\":\"%s\",\"TableName\":\"%s\",\"StreamLabel\":\"%s\"}",
			stream->arn, stream->table, stream->label);
		start = str_of(stream->arn);
		stream = next_stream(service, table, start);
	}
	buf_c(answer, ']');
	if (stream != NULL)
		buf_fmt(answer, ",\"LastEvaluatedStreamArn\":\"%.*s\"", STR_ARG(start));
	buf_c(answer, '}');
	return true;
}

/* The state of a stream as DescribeStream has it. */
static const char *stream_status(const struct service *service, const struct stream *stream)
{
	if (!stream->enabled)
		return "DISABLED";
	return service->now_ms < stream->ready_ms ? "ENABLING" : "ENABLED";
}

/* Appends one shard, lying about its end if it is to. */
static void shard_put(struct service *service, const struct shard *shard, struct buf *answer)
{
	char seq[SEQNO_MAX + 1];
	bool ended = !shard->open;

	if (ended && shard->has_children &&
	    rng_chance(&service->rng, service->options.lie_open_parent)) {
		ended = false;
		service_hit(service, HIT_OPEN_PARENT);
	}
	json_comma(answer);
	seq_format(shard->start, seq);
	buf_fmt(answer,
		"{\"ShardId\":\"%s\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"%s\"",
		shard->id, seq);
	if (ended) {
		seq_format(shard->end, seq);
		buf_fmt(answer, ",\"EndingSequenceNumber\":\"%s\"", seq);
	}
	buf_c(answer, '}');
	if (shard->parent != NULL)
		buf_fmt(answer, ",\"ParentShardId\":\"%s\"", shard->parent->id);
	buf_c(answer, '}');
}

/* Whether a listing leaves the shard out, for it is a child that is too new. */
static bool is_hidden(struct service *service, const struct shard *shard)
{
	if (shard->parent == NULL || service->now_ms - shard->created_ms >= YOUNG_MS ||
	    !rng_chance(&service->rng, service->options.lie_missing_child))
		return false;
	service_hit(service, HIT_MISSING_CHILD);
	return true;
}

/* Where in the listing the page begins; past its end when `start` is not in it. */
static size_t page_start(const struct stream *stream, struct str start)
{
	size_t from = 0, to = stream->listed_n;

	if (start.p == NULL)
		return 0;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = str_cmp(str_of(stream->listed[middle]->id), start);

		if (order == 0)
			return middle + 1;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return stream->listed_n;
}

/* What of the listing is asked for. */
struct listing {
	const struct stream *stream;
	size_t at; /* where the page begins */
	struct str parent; /* only children of this one; p == NULL: all */
	int64_t limit;
};

/* Appends the page of shards, and the member that tells that there are more. */
static void shards_put(struct service *service, struct listing *listing, struct buf *answer)
{
	const struct stream *stream = listing->stream;
	const struct shard *last = NULL, *shard = NULL;

	buf_str(answer, STR(",\"Shards\":["));
	for (; listing->at < stream->listed_n; listing->at++) {
		shard = stream->listed[listing->at];
		if (listing->parent.p != NULL &&
		    (shard->parent == NULL || !str_eq(str_of(shard->parent->id), listing->parent)))
			continue;
		if (is_hidden(service, shard))
			continue;
		if (listing->limit-- == 0)
			break;
		shard_put(service, shard, answer);
		last = shard;
	}
	buf_c(answer, ']');
	if (listing->at < stream->listed_n) {
		service_hit(service, HIT_SHARDS_PAGED);
		buf_fmt(answer, ",\"LastEvaluatedShardId\":\"%s\"", last->id);
	}
}

/* Reads ShardFilter. */
static bool filter_read(const struct service *service, struct request *request, struct str *parent)
{
	struct request inner = {.arena = request->arena, .failure = request->failure};
	struct json json;
	struct str key, type = STR_NONE;
	bool known = true;

	*parent = STR_NONE;
	if (!request_has(request, PARAM_SHARD_FILTER) || service->options.no_child_filter == 1)
		return true;
	if (service->options.no_child_filter == 2)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Unknown parameter: ShardFilter");
	json_init(&json, request->raw[PARAM_SHARD_FILTER]);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "Type"))
			type = inner.raw[PARAM_ITERATOR_TYPE] = json_skip(&json);
		else if (json_key_is(key, "ShardId"))
			inner.raw[PARAM_SHARD_ID] = json_skip(&json);
		else
			known = json_skip(&json).n == 0;
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	if (!known || type.n == 0 || inner.raw[PARAM_SHARD_ID].n == 0)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "ShardFilter needs both Type and ShardId");
	if (!request_string(&inner, PARAM_SHARD_ID, parent))
		return false;
	return str_eq(type, STR("\"CHILD_SHARDS\"")) ||
	       request_constraint(request, PARAM_SHARD_FILTER, type,
				  "Member must satisfy enum value set: [CHILD_SHARDS]");
}

/* Refuses a shard id whose length no shard id has. */
static bool shard_id_ok(struct request *request, enum param param, struct str id)
{
	if (id.p == NULL || (id.n >= 28 && id.n <= 65))
		return true;
	return request_constraint(request, param, id,
				  id.n < 28 ? "Member must have length greater than or equal to 28"
					    : "Member must have length less than or equal to 65");
}

bool op_describe_stream(struct service *service, struct request *request, struct buf *answer)
{
	const struct stream *stream = stream_of(service, request);
	struct listing listing = {.stream = stream, .limit = PAGE_SHARDS_MAX};
	struct str start;

	if (stream == NULL ||
	    !request_integer(request, PARAM_LIMIT, 1, PAGE_SHARDS_MAX, &listing.limit) ||
	    !request_string(request, PARAM_START_SHARD, &start) ||
	    !shard_id_ok(request, PARAM_START_SHARD, start) ||
	    !filter_read(service, request, &listing.parent) ||
	    !shard_id_ok(request, PARAM_SHARD_ID, listing.parent))
		return false;
	if (listing.parent.p != NULL)
		service_hit(service, HIT_CHILDREN_ASKED);
	listing.at = page_start(stream, start);
	buf_fmt(answer,
		"{\"StreamDescription\":{\"StreamArn\":\"%s\",\"StreamLabel\":\"%s\","
		"\"StreamStatus\":\"%s\",\"StreamViewType\":\"%s\",\"CreationRequestDateTime\":",
		stream->arn, stream->label, stream_status(service, stream),
		view_names[stream->view]);
	time_put(stream->created_ms, answer);
	buf_fmt(answer, ",\"TableName\":\"%s\",\"KeySchema\":", stream->table);
	key_schema_put(answer, &stream->key);
	shards_put(service, &listing, answer);
	buf_str(answer, STR("}}"));
	return true;
}

/* The index of the shard's first record with a number of at least `seq`. */
static uint64_t record_at(const struct shard *shard, unsigned __int128 seq)
{
	size_t from = 0, to = shard->records_n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (shard->records[middle]->seq < seq)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Resolves a position that is given by a sequence number. */
static bool position_by_seq(struct service *service, struct request *request, struct str text,
			    bool after, struct position *position)
{
	const struct shard *shard = position->shard;
	unsigned __int128 seq, last = shard->open ? shard->stream->seq : shard->end;

	if (!seq_parse(text, &seq) || seq < shard->start || seq > last)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Invalid SequenceNumber: it is not in the range of the shard");
	if (shard->trimmed_n > 0 && seq <= shard->records[shard->trimmed_n - 1]->seq) {
		service_hit(service, HIT_TRIMMED_POSITION);
		return failure_set(request->failure, FAILURE_TRIMMED,
				   "The operation attempted to read past the oldest stream record "
				   "in a shard");
	}
	position->record = record_at(shard, seq + after);
	return true;
}

/* Resolves ShardIteratorType and SequenceNumber. */
static bool position_read(struct service *service, struct request *request,
			  struct position *position)
{
	unsigned from = FROM_TRIM_HORIZON;
	struct str seqno;
	bool by_seq;

	if (!request_need(request, PARAM_ITERATOR_TYPE) ||
	    !request_word(request, PARAM_ITERATOR_TYPE, iterator_types, &from) ||
	    !request_string(request, PARAM_SEQUENCE_NUMBER, &seqno))
		return false;
	by_seq = from == FROM_AT || from == FROM_AFTER;
	if (by_seq != (seqno.p != NULL))
		return failure_set(
			request->failure, FAILURE_VALIDATION,
			by_seq ? "Requires SequenceNumber for ShardIteratorType %s"
			       : "SequenceNumber is not allowed for ShardIteratorType %s",
			iterator_types[from]);
	if (by_seq)
		return position_by_seq(service, request, seqno, from == FROM_AFTER, position);
	position->record =
		from == FROM_LATEST ? position->shard->records_n : position->shard->trimmed_n;
	return true;
}

/* Whether the records of a stream can be decrypted. */
static bool key_usable(struct service *service, struct request *request,
		       const struct stream *stream)
{
	const struct table *table = map_get(&service->tables, str_of(stream->table));

	return table == NULL || !table->key_lost ||
	       failure_set(request->failure, FAILURE_KEY,
			   "The AWS KMS key arn:aws:kms:us-east-1:123456789012:key/1 is disabled");
}

bool op_get_shard_iterator(struct service *service, struct request *request, struct buf *answer)
{
	struct position position = {.stream = stream_of(service, request)};
	struct str id;

	if (position.stream == NULL || !request_need(request, PARAM_SHARD_ID) ||
	    !request_string(request, PARAM_SHARD_ID, &id) ||
	    !shard_id_ok(request, PARAM_SHARD_ID, id))
		return false;
	position.shard = shard_find(position.stream, id);
	if (position.shard == NULL) {
		service_hit(service, HIT_SHARD_GONE);
		return failure_set(request->failure, FAILURE_NOT_FOUND,
				   "Requested resource not found: Shard does not exist");
	}
	if (!key_usable(service, request, position.stream) ||
	    !position_read(service, request, &position))
		return false;
	buf_str(answer, STR("{\"ShardIterator\":"));
	iterator_put(service, &position, answer);
	buf_c(answer, '}');
	return true;
}

/* How many records the page gets: what limits, bytes and lies leave. */
static size_t page_n(struct service *service, const struct position *position, int64_t limit)
{
	const struct shard *shard = position->shard;
	size_t n = 0, bytes = 0, left = shard->records_n - (size_t)position->record;

	for (; n < left; n++) {
		bytes += record_size(shard->records[position->record + n]);
		if (n == (size_t)limit) {
			service_hit(service, HIT_PAGE_RECORDS);
			break;
		}
		if (n > 0 && bytes > PAGE_BYTES_MAX) {
			service_hit(service, HIT_PAGE_BYTES);
			break;
		}
	}
	if (n > 0 && rng_chance(&service->rng, service->options.empty_page)) {
		service_hit(service, HIT_EMPTY_PAGE);
		return 0;
	}
	if (n > 1 && rng_chance(&service->rng, service->options.short_page)) {
		service_hit(service, HIT_SHORT_PAGE);
		return 1 + (size_t)rng_below(&service->rng, n - 1);
	}
	return n;
}

/* Whether the page is the last of its shard; with records in it only sometimes, as with AWS. */
static bool is_end(struct service *service, const struct position *position, size_t n)
{
	const struct shard *shard = position->shard;

	if (shard->open || position->record < shard->records_n)
		return false;
	if (n > 0 && rng_chance(&service->rng, 50))
		return false;
	service_hit(service, n > 0 ? HIT_END_WITH_RECORDS : HIT_END_EMPTY);
	return true;
}

bool op_get_records(struct service *service, struct request *request, struct buf *answer)
{
	struct position position;
	int64_t limit = PAGE_RECORDS_MAX;
	struct str text;
	size_t n;

	if (!request_need(request, PARAM_ITERATOR) ||
	    !request_string(request, PARAM_ITERATOR, &text) ||
	    !request_integer(request, PARAM_LIMIT, 1, PAGE_RECORDS_MAX, &limit) ||
	    !iterator_read(service, request, text, &position) ||
	    !key_usable(service, request, position.stream))
		return false;
	if (position.record < position.shard->trimmed_n) {
		service_hit(service, HIT_TRIMMED_ITERATOR);
		return failure_set(request->failure, FAILURE_TRIMMED,
				   "The operation attempted to read past the oldest stream record "
				   "in a shard");
	}
	n = page_n(service, &position, limit);
	buf_str(answer, STR("{\"Records\":["));
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_c(answer, ',');
		record_put(service, position.shard->records[position.record + i], answer);
	}
	buf_c(answer, ']');
	position.record += n;
	if (!is_end(service, &position, n)) {
		buf_str(answer, STR(",\"NextShardIterator\":"));
		iterator_put(service, &position, answer);
	}
	buf_c(answer, '}');
	return true;
}
