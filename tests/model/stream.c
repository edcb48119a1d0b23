/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/time.h"
#include "tests/model/model.h"

const char *const view_names[] = {"KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES",
				  NULL};

/* Ten to the power of `n`. */
static unsigned __int128 power_of_ten(unsigned n)
{
	unsigned __int128 v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

size_t seq_format(unsigned __int128 seq, char out[SEQNO_MAX + 1])
{
	char digits[SEQNO_MAX];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + (int)(seq % 10));
		seq /= 10;
	} while (seq > 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = 0;
	return n;
}

bool seq_parse(struct str text, unsigned __int128 *out)
{
	const unsigned __int128 most = ~(unsigned __int128)0;

	*out = 0;
	if (text.n < 21 || text.n > SEQNO_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		*out = *out > (most - digit) / 10 ? most : *out * 10 + digit;
	}
	return true;
}

/* The stream's next sequence number: far from the one before, by chance. */
static unsigned __int128 next_seq(struct service *service, struct stream *stream)
{
	stream->seq += 1 + rng_below(&service->rng, 2 * stream->seq_step);
	if (stream->seq >= stream->seq_grows) {
		stream->seq_grows *= 10;
		service_hit(service, HIT_SEQNO_GREW);
	}
	return stream->seq;
}

/* Starts the numbers shortly before they get one more digit, where order as text goes wrong. */
static void seq_init(struct service *service, struct stream *stream)
{
	unsigned digits = 21 + (unsigned)rng_below(&service->rng, 8);

	stream->seq_step = (uint64_t)power_of_ten(digits - 15);
	stream->seq_grows = power_of_ten(digits);
	stream->seq = stream->seq_grows -
		      (unsigned __int128)stream->seq_step * (3 + rng_below(&service->rng, 200));
}

/* Appends to an array of pointers that grows. */
static void push(struct shard ***array, size_t *n, size_t *cap, struct shard *shard)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 8 : *cap * 2;
		*array = mem_resize_n(*array, *cap, sizeof(struct shard *));
	}
	(*array)[(*n)++] = shard;
}

/* Where in the listing, which is sorted by id, the id is or would go. */
static size_t listed_place(const struct stream *stream, const char *id)
{
	size_t from = 0, to = stream->listed_n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(stream->listed[middle]->id, id) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct shard *shard_find(const struct stream *stream, struct str id)
{
	char text[SHARD_ID_N + 1] = {0};
	size_t at;

	if (id.n != SHARD_ID_N)
		return NULL;
	mem_copy(text, id.p, id.n);
	at = listed_place(stream, text);
	if (at == stream->listed_n || strcmp(stream->listed[at]->id, text) != 0)
		return NULL;
	return stream->listed[at];
}

/* Puts an element into an array before place `at`. */
static void insert(struct shard ***array, size_t *n, size_t *cap, size_t at, struct shard *shard)
{
	push(array, n, cap, shard);
	memmove(*array + at + 1, *array + at, (*n - 1 - at) * sizeof(struct shard *));
	(*array)[at] = shard;
}

/* Takes the element at place `at` out. */
static void take(struct shard **array, size_t *n, size_t at)
{
	(*n)--;
	memmove(array + at, array + at + 1, (*n - at) * sizeof(struct shard *));
}

/* The place among the open shards of the last one that begins at or below `hash`. */
static size_t open_place(const struct stream *stream, uint64_t hash)
{
	size_t from = 0, to = stream->open_n;

	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;

		if (stream->open[middle]->low <= hash)
			from = middle;
		else
			to = middle;
	}
	return from;
}

/* Puts a new shard into the listing and among the open ones. */
static void enlist(struct service *service, struct shard *shard)
{
	struct stream *stream = shard->stream;
	size_t at = open_place(stream, shard->low);

	insert(&stream->listed, &stream->listed_n, &stream->listed_cap,
	       listed_place(stream, shard->id), shard);
	shard->listed = true;
	at += stream->open_n > 0 && stream->open[at]->low < shard->low;
	insert(&stream->open, &stream->open_n, &stream->open_cap, at, shard);
	shard->open = true;
	heap_set(&service->open_shards, &shard->age, shard->created_ms);
}

/* Gives the shard an id that no other one of the stream has. */
static void name_shard(struct service *service, struct shard *shard)
{
	struct buf id;

	buf_init(&id, SHARD_ID_N);
	do {
		buf_clear(&id);
		buf_fmt(&id, "shardId-%020lld-%08x", (long long)shard->id_ms,
			(unsigned)rng_next(&service->rng));
	} while (shard_find(shard->stream, buf_view(&id)) != NULL);
	must(id.n == SHARD_ID_N);
	mem_copy(shard->id, id.p, id.n);
	buf_release(&id);
}

/* Creates a shard for the hashes [low, high]. */
static void shard_create(struct service *service, struct stream *stream, struct shard *parent,
			 uint64_t low, uint64_t high)
{
	struct shard *shard = mem_alloc(sizeof(*shard));
	size_t n = stream->shards_n, cap = stream->shards_cap;

	shard->stream = stream;
	shard->parent = parent;
	shard->n = stream->shards_n;
	shard->created_ms = service->now_ms;
	shard->id_ms = service->now_ms;
	/* A child sorts behind its parent, even if both are of the same millisecond. */
	if (parent != NULL && parent->id_ms >= shard->id_ms)
		shard->id_ms = parent->id_ms + 1;
	shard->low = low;
	shard->high = high;
	shard->start = next_seq(service, stream);
	list_init(&shard->closed);
	name_shard(service, shard);
	push(&stream->shards, &n, &cap, shard);
	stream->shards_n = (unsigned)n;
	stream->shards_cap = (unsigned)cap;
	enlist(service, shard);
}

/* Closes an open shard. */
static void shard_close(struct service *service, struct shard *shard)
{
	struct stream *stream = shard->stream;
	size_t at = open_place(stream, shard->low);

	must(shard->open && stream->open[at] == shard);
	take(stream->open, &stream->open_n, at);
	heap_remove(&service->open_shards, &shard->age);
	shard->open = false;
	shard->closed_ms = service->now_ms;
	shard->end = next_seq(service, stream);
	list_add(&service->closed_shards, &shard->closed);
}

void shard_roll(struct service *service, struct shard *shard)
{
	shard_close(service, shard);
	shard->has_children = true;
	shard_create(service, shard->stream, shard, shard->low, shard->high);
	service_hit(service, HIT_ROLL);
}

void shard_split(struct service *service, struct shard *shard)
{
	uint64_t middle = shard->low + (shard->high - shard->low) / 2;

	if (shard->low == shard->high) {
		shard_roll(service, shard);
		return;
	}
	shard_close(service, shard);
	shard->has_children = true;
	shard_create(service, shard->stream, shard, shard->low, middle);
	shard_create(service, shard->stream, shard, middle + 1, shard->high);
	service_hit(service, HIT_SPLIT);
}

void shard_trim(struct service *service, struct shard *shard, int64_t before_ms)
{
	while (shard->trimmed_n < shard->records_n &&
	       shard->records[shard->trimmed_n]->log.wall_ms < before_ms) {
		shard->records[shard->trimmed_n++]->log.trimmed = true;
		service_hit(service, HIT_TRIM);
	}
}

void shard_forget(struct service *service, struct shard *shard)
{
	struct stream *stream = shard->stream;
	size_t at = listed_place(stream, shard->id);

	must(!shard->open && stream->listed[at] == shard);
	take(stream->listed, &stream->listed_n, at);
	shard->listed = false;
	list_remove(&shard->closed);
	if (!stream->enabled && stream->listed_n == 0) {
		stream->gone = true;
		map_remove(&service->streams_by_arn, str_of(stream->arn));
	}
}

/* The label and the ARN of a new stream of the table. */
static void name_stream(struct service *service, struct table *table, struct stream *stream)
{
	int64_t label_ms = service->now_ms;
	struct buf text;

	/* Labels of one table never repeat. */
	if (label_ms <= table->last_label_ms)
		label_ms = table->last_label_ms + 1;
	table->last_label_ms = label_ms;
	buf_init(&text, 1024);
	time_add_rfc3339(&text, label_ms);
	buf_truncate(&text, text.n - 1);
	stream->label = mem_dup(text.p, text.n);
	buf_clear(&text);
	buf_fmt(&text, "%s/stream/%s", table->arn, stream->label);
	stream->arn = mem_dup(text.p, text.n);
	buf_release(&text);
	stream->table = mem_dup(table->name, strlen(table->name));
}

void stream_create(struct service *service, struct table *table, enum view_type view)
{
	struct stream *stream = mem_alloc(sizeof(*stream));
	uint64_t shards = service->options.shards_per_table, width;

	if (shards == 0)
		shards = 1;
	width = UINT64_MAX / shards;
	stream->n = service->streams_n;
	stream->view = view;
	stream->key = key_schema_copy(&table->key);
	stream->created_ms = service->now_ms;
	stream->ready_ms = table->ready_ms;
	stream->enabled = true;
	name_stream(service, table, stream);
	seq_init(service, stream);
	for (uint64_t i = 0; i < shards; i++)
		shard_create(service, stream, NULL, i * width + (i > 0),
			     i + 1 == shards ? UINT64_MAX : (i + 1) * width);
	if (service->streams_n == service->streams_cap) {
		service->streams_cap = service->streams_cap == 0 ? 8 : service->streams_cap * 2;
		service->streams = mem_resize_n(service->streams, service->streams_cap,
						sizeof(struct stream *));
	}
	service->streams[service->streams_n++] = stream;
	map_put(&service->streams_by_arn, str_of(stream->arn), stream);
	table->stream = stream;
	table->stream_enabled = true;
}

void stream_disable(struct service *service, struct table *table)
{
	struct stream *stream = table->stream;

	while (stream->open_n > 0)
		shard_close(service, stream->open[stream->open_n - 1]);
	stream->enabled = false;
	table->stream_enabled = false;
	service_hit(service, HIT_STREAM_DISABLED);
}

void stream_free(struct stream *stream)
{
	for (unsigned i = 0; i < stream->shards_n; i++) {
		mem_free(stream->shards[i]->records);
		mem_free(stream->shards[i]);
	}
	key_schema_release(&stream->key);
	mem_free(stream->shards);
	mem_free(stream->listed);
	mem_free(stream->open);
	mem_free(stream->arn);
	mem_free(stream->label);
	mem_free(stream->table);
	mem_free(stream);
}

/* The open shard that takes the hash. */
static struct shard *shard_for(const struct stream *stream, uint64_t hash)
{
	struct shard *shard = stream->open[open_place(stream, hash)];

	must(shard->low <= hash && hash <= shard->high);
	return shard;
}

/* Room for one more write, zeroed. */
static struct write *new_write(struct service *service)
{
	uint64_t n = service->writes_n++;

	if (n / WRITES_PER_CHUNK == service->chunks_n) {
		if (service->chunks_n == service->chunks_cap) {
			service->chunks_cap =
				service->chunks_cap == 0 ? 8 : service->chunks_cap * 2;
			service->chunks = mem_resize_n(service->chunks, service->chunks_cap,
						       sizeof(struct write *));
		}
		service->chunks[service->chunks_n++] =
			mem_alloc_n(WRITES_PER_CHUNK, sizeof(struct write));
	}
	return &service->chunks[n / WRITES_PER_CHUNK][n % WRITES_PER_CHUNK];
}

/* Fills in what the outside sees of the write. */
static void fill_log(const struct service *service, struct write *write)
{
	const struct stream *stream = write->shard->stream;

	write->log = (struct service_write){
		.n = service->writes_n - 1,
		.wall_ms = service->now_ms,
		.op = write->old_image == NULL	 ? "INSERT"
		      : write->new_image == NULL ? "REMOVE"
						 : "MODIFY",
		.table = str_of(stream->table),
		.stream_arn = str_of(stream->arn),
		.shard_id = str_make(write->shard->id, SHARD_ID_N),
		.seqno = str_of(write->seqno),
		.event_id = str_of(write->event_id),
		.keys = text_str(write->keys),
		.old_image = text_str(write->old_image),
		.new_image = text_str(write->new_image),
	};
}

void stream_record(struct service *service, struct table *table, uint64_t hash,
		   const struct write *from)
{
	struct write *write = new_write(service);
	struct shard *shard = shard_for(table->stream, hash);
	uint64_t id[2] = {rng_next(&service->rng), rng_next(&service->rng)};
	struct buf hex;

	*write = *from;
	text_ref(write->keys);
	text_ref(write->old_image);
	text_ref(write->new_image);
	write->shard = shard;
	write->exponent = rng_chance(&service->rng, 30);
	write->seq = next_seq(service, table->stream);
	seq_format(write->seq, write->seqno);
	buf_init(&hex, 32);
	buf_hex(&hex, id, sizeof(id));
	mem_copy(write->event_id, hex.p, hex.n);
	buf_release(&hex);
	fill_log(service, write);
	if (shard->records_n == shard->records_cap) {
		shard->records_cap = shard->records_cap == 0 ? 16 : shard->records_cap * 2;
		shard->records =
			mem_resize_n(shard->records, shard->records_cap, sizeof(struct write *));
	}
	shard->records[shard->records_n++] = write;
	if (service->on_write != NULL)
		service->on_write(service->on_write_arg, &write->log);
}
