/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/batch.h"

#include "consumer/change/scan.h"
#include "consumer/engine/reader.h"

/*
 * A page of at most ANSWER_MAX_BYTES grows by bounded factors only: escapes, pointers, decoded blobs.
 * What passes this is a bug of a format.
 */
enum { ENCODED_MAX_BYTES = 1 << 30 };

/* Copies where the batch comes from: sinks look at it from other threads, and after the shard's end. */
static void copy_source(struct batch *batch, const struct source *source)
{
	struct arena *arena = &batch->arena;

	batch->source = (struct source){
		.table = arena_str(arena, source->table),
		.stream_arn = arena_str(arena, source->stream_arn),
		.region = arena_str(arena, source->region),
		.shard_id = arena_str(arena, source->shard_id),
		.epoch = source->epoch,
	};
	if (source->key_names == NULL)
		return;
	batch->key_names.hash = arena_str(arena, source->key_names->hash);
	batch->key_names.range = arena_str(arena, source->key_names->range);
	batch->source.key_names = &batch->key_names;
}

/* An empty batch of the shard, with one reference. */
static struct batch *batch_alloc(struct shard *shard, const struct source *source)
{
	struct batch *batch = mem_alloc(sizeof(*batch));

	batch->engine = shard->stream->table->engine;
	batch->shard = shard;
	batch->refs = 1;
	arena_init(&batch->arena);
	buf_init(&batch->body, ANSWER_MAX_BYTES);
	copy_source(batch, source);
	return batch;
}

struct batch *batch_new(struct shard *shard, struct buf *body, int64_t reserved_bytes,
			struct str *next_iterator_out, struct error *err)
{
	struct batch *batch = batch_alloc(shard, &shard->source);
	struct page page;

	if (!scan_page(&batch->arena, buf_view(body), &page, err)) {
		arena_release(&batch->arena);
		mem_free(batch);
		return NULL;
	}
	batch->body = *body;
	buf_init(body, body->max);
	batch->events = page.events;
	batch->n = page.n;
	batch->bytes = (int64_t)batch->body.n;
	batch->reserved_bytes = reserved_bytes;
	*next_iterator_out = page.next_iterator;
	return batch;
}

struct batch *batch_new_gap(struct shard *shard, const struct gap *gap, bool to_end)
{
	struct batch *batch = batch_alloc(shard, &shard->source);

	batch->gap = *gap;
	batch->to_end = to_end;
	batch->n = 1;
	batch->events = arena_alloc(&batch->arena, sizeof(*batch->events));
	batch->events[0].op = EVENT_GAP;
	batch->events[0].gap = &batch->gap;
	return batch;
}

struct batch *batch_new_copy(const struct batch *batch, size_t i)
{
	struct batch *copy = batch_alloc(batch->shard, &batch->source);
	struct event *event = arena_alloc(&copy->arena, sizeof(*event));
	struct str *const slices[] = {&event->id,	 &event->seqno,	    &event->keys,
				      &event->new_image, &event->old_image, &event->view_type};
	size_t bytes = 0;

	*event = batch->events[i];
	for (size_t k = 0; k < ARRAY_N(slices); k++)
		bytes += slices[k]->n;
	/* In one piece that does not move, and padded: the slices are read as JSON. */
	buf_reserve(&copy->body, bytes);
	for (size_t k = 0; k < ARRAY_N(slices); k++) {
		buf_str(&copy->body, *slices[k]);
		*slices[k] = str_make(copy->body.p + copy->body.n - slices[k]->n, slices[k]->n);
	}
	copy->gap = batch->gap;
	copy->to_end = batch->to_end;
	if (event->gap != NULL)
		event->gap = &copy->gap;
	copy->events = event;
	copy->n = 1;
	copy->bytes = (int64_t)bytes;
	return copy;
}

void batch_ref(struct batch *batch)
{
	batch->refs++;
}

void batch_unref(struct batch *batch)
{
	struct engine *engine = batch->engine;
	int64_t reserved_bytes = batch->reserved_bytes;

	must(batch->refs > 0);
	if (--batch->refs > 0)
		return;
	while (batch->encodings != NULL) {
		struct encoding *encoding = batch->encodings;

		batch->encodings = encoding->next;
		buf_release(&encoding->bytes);
		mem_free(encoding->ends);
		mem_free(encoding);
	}
	buf_release(&batch->body);
	arena_release(&batch->arena);
	mem_free(batch);
	budget_give(engine, reserved_bytes);
}

const struct encoding *batch_encoding(struct batch *batch, const struct encoder *encoder)
{
	struct encoding *encoding;

	for (encoding = batch->encodings; encoding != NULL; encoding = encoding->next) {
		if (encoding->encoder == encoder)
			return encoding;
	}
	encoding = mem_alloc(sizeof(*encoding));
	encoding->encoder = encoder;
	encoding->ends = mem_alloc_n(batch->n, sizeof(*encoding->ends));
	buf_init(&encoding->bytes, ENCODED_MAX_BYTES);
	buf_reserve(&encoding->bytes, batch->body.n);
	for (size_t i = 0; i < batch->n; i++) {
		encoder->encode(encoder, &batch->source, &batch->events[i], &encoding->bytes);
		encoding->ends[i] = (uint32_t)encoding->bytes.n;
	}
	must(!encoding->bytes.failed);
	encoding->next = batch->encodings;
	batch->encodings = encoding;
	return encoding;
}

struct position batch_position(const struct batch *batch, size_t i)
{
	if (batch->events[i].op == EVENT_GAP)
		return batch->to_end ? position_end() : batch->gap.after;
	return position_after(batch->events[i].seqno);
}
