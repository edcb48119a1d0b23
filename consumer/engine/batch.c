/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/batch.h"

#include "consumer/change/scan.h"
#include "consumer/engine/reader.h"

/*
 * A page of at most ANSWER_MAX_BYTES grows by bounded factors only: escapes, pointers, decoded blobs.
 * What passes this is a bug of a format.
 */
enum { ENCODED_MAX_BYTES = 1 << 30 };

/* An empty batch of the shard, with one reference. */
static struct batch *batch_alloc(struct shard *shard)
{
	struct batch *batch = mem_alloc(sizeof(*batch));

	batch->engine = shard->stream->table->engine;
	batch->shard = shard;
	batch->refs = 1;
	arena_init(&batch->arena);
	buf_init(&batch->body, ANSWER_MAX_BYTES);
	return batch;
}

struct batch *batch_new(struct shard *shard, struct buf *body, int64_t reserved_bytes,
			struct str *next_iterator_out, struct error *err)
{
	struct batch *batch = batch_alloc(shard);
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
	struct batch *batch = batch_alloc(shard);

	batch->gap = *gap;
	batch->to_end = to_end;
	batch->n = 1;
	batch->events = arena_alloc(&batch->arena, sizeof(*batch->events));
	batch->events[0].op = EVENT_GAP;
	batch->events[0].gap = &batch->gap;
	return batch;
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
		encoder->encode(encoder, &batch->shard->source, &batch->events[i],
				&encoding->bytes);
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
