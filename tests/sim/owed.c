/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the ledger that knows which changes a sink is owed, and which it was told of instead. */
#include "base/time.h"
#include "tests/sim/ledger.h"

enum { START_MS = 5000 };

void ledger_note_trims(struct ledger *ledger)
{
	int64_t wall_ms = world_wall_ms(ledger->world);

	for (size_t i = 0; i < ledger->n_writes; i++) {
		if (ledger->writes[i].w->trimmed && ledger->writes[i].trimmed_wall_ms == 0)
			ledger->writes[i].trimmed_wall_ms = wall_ms;
	}
}

/* Whether `shard` descends from `from`. */
static bool descends(const struct ledger_shard *shard, const struct ledger_shard *from)
{
	for (unsigned depth = 0; shard != NULL && depth < LEDGER_DEPTH; depth++) {
		if (shard == from)
			return true;
		shard = shard->parent;
	}
	return false;
}

/* Whether no sink ever got anything of the shard. */
static bool nobody_has(const struct ledger_shard *shard)
{
	for (size_t i = 0; i < LEDGER_SINKS; i++) {
		if (shard->taken[i].last != 0)
			return false;
	}
	return true;
}

/* When the first worker started with the shard or an ancestor of it; INT64_MAX when none did yet. */
static int64_t chain_start_wall_ms(const struct ledger_shard *shard)
{
	int64_t start_ms = INT64_MAX;

	for (unsigned depth = 0; shard != NULL && depth < LEDGER_DEPTH; depth++) {
		if (shard->start_wall_ms != 0 && shard->start_wall_ms < start_ms &&
		    !(shard->start_empty && nobody_has(shard)))
			start_ms = shard->start_wall_ms;
		shard = shard->parent;
	}
	return start_ms;
}

/* Whether the table's reading began behind the write: after a change of its shard, or of a descendant's. */
static bool before_start(const struct ledger_write *write)
{
	const struct ledger_table *table = write->shard->table;
	int64_t from_ms = table->start_wall_ms / SECOND_MS * SECOND_MS;

	for (size_t i = 0; i < table->n_starts; i++) {
		const struct ledger_shard *shard = table->starts[i].shard;

		if (shard == write->shard && write->in_shard < table->starts[i].n)
			return true;
		if (shard != write->shard && descends(shard, write->shard))
			return true;
	}
	return write->w->wall_ms < from_ms;
}

bool ledger_unowed(const struct ledger *ledger, const struct ledger_write *write)
{
	int64_t start_ms = chain_start_wall_ms(write->shard);
	const struct ledger_shard *first = write->shard->table->first;

	(void)ledger;
	/* A stream that was replaced before anybody came; the labels at the ends of ARNs are times. */
	if (first != NULL && str_cmp(write->shard->arn, first->arn) < 0)
		return true;
	if (write->shard->skipped || before_start(write) ||
	    write->in_shard < write->shard->others_n)
		return true;
	if (write->shard->table->latest && write->w->wall_ms <= start_ms)
		return true;
	/* A root begins where reading begins, which is some requests after its row. */
	if (write->shard->parent == NULL && start_ms != INT64_MAX)
		start_ms += START_MS;
	return write->trimmed_wall_ms != 0 && write->trimmed_wall_ms <= start_ms;
}

/* Whether any shard of the stream was ever started with. */
static bool stream_started(const struct ledger *ledger, struct str arn)
{
	const struct ledger_shard *shard;
	size_t at = 0;

	while ((shard = map_next(&ledger->shards, &at)) != NULL) {
		if (shard->start_wall_ms != 0 && str_eq(shard->arn, arn))
			return true;
	}
	return false;
}

/* Whether the table has a newer stream than the shard's. */
static bool is_replaced(const struct ledger *ledger, const struct ledger_shard *shard)
{
	const struct ledger_shard *newer;
	size_t at = 0;

	while ((newer = map_next(&ledger->shards, &at)) != NULL) {
		if (newer->table == shard->table && str_cmp(newer->arn, shard->arn) > 0)
			return true;
	}
	return false;
}

void ledger_started(struct ledger *ledger, struct ledger_shard *shard)
{
	struct ledger_shard *older;
	size_t at = 0;

	ledger_note_trims(ledger);
	shard->start_wall_ms = world_wall_ms(ledger->world);
	shard->start_empty = shard->table->latest && shard->closed;
	/* Who comes late to a stream that is replaced already may find that others began with the newer one. */
	if (shard->table->first == NULL && !is_replaced(ledger, shard))
		shard->table->first = shard;
	while ((older = map_next(&ledger->shards, &at)) != NULL) {
		if (older->table == shard->table && str_cmp(older->arn, shard->arn) < 0)
			older->skipped = !stream_started(ledger, older->arn);
	}
}

bool ledger_told(const struct ledger *ledger, struct str arn, size_t sink)
{
	const struct ledger_shard *shard;
	size_t at = 0;

	while ((shard = map_next(&ledger->shards, &at)) != NULL) {
		if (shard->taken[sink].gaps != 0 && str_cmp(shard->arn, arn) > 0)
			return true;
	}
	return false;
}

/* When the sink last got a gap record for the shard or an ancestor of it; 0: never. */
static int64_t gap_above(const struct ledger_shard *shard, size_t sink)
{
	int64_t wall_ms = 0;

	for (unsigned depth = 0; shard != NULL && depth < LEDGER_DEPTH; depth++) {
		if (shard->taken[sink].gap_wall_ms > wall_ms)
			wall_ms = shard->taken[sink].gap_wall_ms;
		shard = shard->parent;
	}
	return wall_ms;
}

bool ledger_excused(const struct ledger *ledger, const struct ledger_write *write, size_t sink)
{
	const struct ledger_shard *shard;
	size_t at = 0;

	if (!write->w->trimmed)
		return false;
	if (gap_above(write->shard, sink) >= write->w->wall_ms ||
	    ledger_told(ledger, write->shard->arn, sink))
		return true;
	while ((shard = map_next(&ledger->shards, &at)) != NULL) {
		if (shard->taken[sink].gap_wall_ms >= write->w->wall_ms &&
		    descends(shard, write->shard))
			return true;
	}
	return false;
}

bool ledger_counts(const struct ledger *ledger, const struct ledger_shard *shard, size_t sink,
		   int64_t generation, int64_t epoch)
{
	const struct ledger_sink *it = &ledger->sinks[sink];

	return it->registered && generation == it->generation &&
	       (shard == NULL || epoch >= shard->epoch);
}

/* Nothing of the shard counts as had by the sink any more. */
static void forget_shard(struct ledger *ledger, struct ledger_shard *shard, size_t sink)
{
	struct ledger_taken *taken = &shard->taken[sink];

	for (size_t i = 0; i < shard->n_writes; i++) {
		const struct ledger_write *write = &ledger->writes[shard->writes[i]];

		if (write->key->high[sink] > write->in_key)
			write->key->high[sink] = write->in_key;
	}
	for (size_t i = 0; i < taken->n_has; i++)
		taken->has[i] = 0;
	taken->front = taken->last = taken->excused = 0;
	taken->gap_wall_ms = 0;
}

void ledger_renew(struct ledger *ledger, size_t sink)
{
	struct ledger_shard *shard;
	struct ledger_key *key;
	size_t at = 0;

	while ((shard = map_next(&ledger->shards, &at)) != NULL)
		forget_shard(ledger, shard, sink);
	at = 0;
	while ((key = map_next(&ledger->keys, &at)) != NULL) {
		for (size_t i = 0; i < LEDGER_LIVES; i++)
			key->last[sink][i] = (struct ledger_place){0};
	}
}

void ledger_replay(struct ledger *ledger, struct ledger_shard *shard, size_t sink)
{
	struct ledger_taken *taken = &shard->taken[sink];

	ledger_note_trims(ledger);
	forget_shard(ledger, shard, sink);
	while (taken->excused < shard->n_writes &&
	       ledger->writes[shard->writes[taken->excused]].w->trimmed)
		taken->excused++;
}
