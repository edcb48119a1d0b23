/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/misdeed.h"

#include "tests/sim/sinkform.h"

/* Plant: the first record of a child whose parent is not finished reaches the ledger. */
static void plant_orphan(struct target *target, unsigned life)
{
	struct ledger *ledger = target->ledger;
	size_t at = 0, sink = target->number;
	struct ledger_shard *shard;

	while ((shard = map_next(&ledger->shards, &at)) != NULL) {
		const struct ledger_write *write;
		const struct service_write *w;

		if (shard->n_writes == 0 || shard->parent == NULL || target->planted ||
		    ledger_front(ledger, shard->parent, sink) == shard->parent->n_writes)
			continue;
		write = &ledger->writes[shard->writes[0]];
		w = write->w;
		target->planted = true;
		ledger_accept(ledger, sink, life, NULL,
			      &(struct ledger_record){.op = str_of(w->op),
						      .id = w->event_id,
						      .seqno = w->seqno,
						      .shard = w->shard_id,
						      .table = w->table,
						      .arn = w->stream_arn,
						      .keys = w->keys});
	}
}

/* Delivers the next record of the key in the place of this one, once. */
static void plant_swap(struct target *target, const struct delivery *delivery, size_t i,
		       struct ledger_record *record)
{
	struct ledger_record other;

	if (i + 1 < delivery->n && !target->planted &&
	    record_parse(delivery_record(delivery, i + 1), &other) &&
	    str_eq(record->keys, other.keys)) {
		target->planted = true;
		*record = other;
	}
}

/* Delivers an earlier record of the key again, once. */
static void plant_double(struct target *target, unsigned life, const struct delivery *delivery,
			 size_t i, const struct ledger_record *record)
{
	struct ledger_record other;

	if (i > 1 && !target->planted && record_parse(delivery_record(delivery, i - 2), &other) &&
	    str_eq(record->keys, other.keys)) {
		target->planted = true;
		ledger_accept(target->ledger, target->number, life, delivery->cursor, &other);
	}
}

bool misdeed(struct target *target, unsigned life, const struct delivery *delivery, size_t i,
	     struct ledger_record *record)
{
	enum plant plant = target->world->plant;

	if (plant == PLANT_LOST)
		return target->n_seen == 20;
	if (plant == PLANT_SILENT)
		return str_eq(record->op, STR("gap"));
	if (plant == PLANT_ORPHAN)
		plant_orphan(target, life);
	else if (plant == PLANT_ALTERED && target->n_seen == 20)
		record->keys.n--;
	else if (plant == PLANT_SWAPPED)
		plant_swap(target, delivery, i, record);
	else if (plant == PLANT_DOUBLED)
		plant_double(target, life, delivery, i, record);
	return false;
}
