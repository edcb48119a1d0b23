/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/rhythm.h"

#include "consumer/engine/page.h"
#include "consumer/engine/ration.h"

enum { PAGE_FULL_BYTES = 900 << 10 }; /* the service cuts pages at 1 MB */

/* The bucket for a lateness: one per millisecond up to LATENESS_FINE_MS, then one per doubling. */
static size_t bucket_of(int64_t late_ms)
{
	size_t bucket = LATENESS_FINE_MS;

	if (late_ms < LATENESS_FINE_MS)
		return late_ms > 0 ? (size_t)late_ms : 0;
	while ((late_ms /= 2) >= LATENESS_FINE_MS && bucket < LATENESS_BUCKETS - 1)
		bucket++;
	return bucket;
}

void lateness_add(struct lateness *late, int64_t late_ms)
{
	late->n++;
	late->counts[bucket_of(late_ms)]++;
	if (late_ms > late->max_ms)
		late->max_ms = late_ms;
}

void rhythm_polled(struct reader *reader, int64_t sent_ms)
{
	struct engine *engine = reader_engine(reader);

	if (sent_ms == 0)
		return;
	lateness_add(&engine->late, sent_ms - reader->due_ms);
	reader->rest_until_ms = sent_ms + engine->options.poll_floor_ms;
}

/* Learns from a page how far apart the shard's records are. */
static void learn(struct reader *reader, int64_t sent_ms, size_t n)
{
	const struct engine_options *options = &reader_engine(reader)->options;
	bool first = reader->sent_ms == 0;
	int64_t passed_ms = first ? 0 : sent_ms - reader->sent_ms;
	int64_t apart_ms = n > 0 ? passed_ms / (int64_t)n : 0;

	reader->sent_ms = sent_ms;
	reader->quiet_ms = n > 0 ? 0 : reader->quiet_ms + passed_ms;
	if (first || (n > 0 && apart_ms < reader->gap_ms))
		reader->gap_ms = apart_ms;
	else if (n > 0)
		reader->gap_ms = (reader->gap_ms + apart_ms) / 2;
	else if (reader->quiet_ms > reader->gap_ms)
		reader->gap_ms = reader->quiet_ms;
	if (reader->gap_ms > options->max_latency_ms)
		reader->gap_ms = options->max_latency_ms;
}

/* How long after the poll that was sent at `sent_ms` the next one is to be sent. */
static int64_t next_wait_ms(const struct reader *reader, int64_t sent_ms)
{
	struct engine *engine = reader_engine(reader);
	int64_t took_ms = io_now_ms(engine->io) - sent_ms;
	int64_t most_ms = engine->options.max_latency_ms - took_ms;
	int64_t wait_ms = reader->gap_ms < most_ms ? reader->gap_ms : most_ms;

	return wait_ms > engine->options.poll_floor_ms ? wait_ms : engine->options.poll_floor_ms;
}

void rhythm_answered(struct reader *reader, int64_t sent_ms, size_t n, size_t bytes)
{
	int64_t wait_ms = 0;

	learn(reader, sent_ms, n);
	/* A closed shard will not grow: whatever a page has, the next one brings its end nearer. */
	if (n < reader->limit && bytes < PAGE_FULL_BYTES && reader->shard->open)
		wait_ms = next_wait_ms(reader, sent_ms);
	reader->rest_until_ms = sent_ms + wait_ms;
	ration_rest(reader, wait_ms);
}

int64_t rhythm_rest_ms(const struct reader *reader)
{
	int64_t rest_ms = reader->rest_until_ms - io_now_ms(reader_engine(reader)->io);

	return rest_ms > 0 ? rest_ms : 0;
}

int64_t lateness_ms(const struct lateness *late, unsigned permille)
{
	uint64_t seen = 0, wanted = (late->n * permille + 999) / 1000;
	size_t bucket = 0;

	while (bucket < LATENESS_BUCKETS - 1 && (seen += late->counts[bucket]) < wanted)
		bucket++;
	if (bucket < LATENESS_FINE_MS)
		return (int64_t)bucket;
	/* The end of the bucket, so that the figure is never too good. */
	return ((int64_t)LATENESS_FINE_MS << (bucket - LATENESS_FINE_MS + 1)) - 1;
}
