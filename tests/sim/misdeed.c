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

bool misdeed(struct target *target, unsigned life, const struct delivery *delivery, size_t i,
	     struct ledger_record *record)
{
	struct ledger_record other;

	switch (target->world->plant) {
	case PLANT_LOST:
		return target->n_seen == 20;
	case PLANT_ORPHAN:
		plant_orphan(target, life);
		return false;
	case PLANT_SILENT:
		return str_eq(record->op, STR("gap"));
	case PLANT_ALTERED:
		if (target->n_seen == 20)
			record->keys.n--;
		return false;
	case PLANT_SWAPPED:
		if (i + 1 < delivery->n && !target->planted &&
		    record_parse(delivery_record(delivery, i + 1), &other) &&
		    str_eq(record->keys, other.keys)) {
			target->planted = true;
			*record = other;
		}
		return false;
	case PLANT_DOUBLED:
		if (i > 1 && !target->planted &&
		    record_parse(delivery_record(delivery, i - 2), &other) &&
		    str_eq(record->keys, other.keys)) {
			target->planted = true;
			ledger_accept(target->ledger, target->number, life, delivery->cursor,
				      &other);
		}
		return false;
	case PLANT_NONE:
	case PLANT_EARLY:
	case PLANT_ZOMBIE:
	case PLANT_GREEDY:
	case PLANT_WIDE:
	case PLANT_HASTY:
	case PLANT_RUSH:
	case PLANT_WASTEFUL:
	case PLANT_CROWD:
	case PLANT_STALL:
	case PLANT_FORGET:
	case PLANT_LEAK:
	case PLANT_LETTER_LOST:
	case PLANT_LETTER_ALTERED:
	case PLANT_AMNESIA:
	case PLANT_HURRY:
	case PLANT_POSTHUMOUS:
	case PLANT_UNTIDY:
	case PLANT_ROBBER:
	case PLANT_USURPER:
	case PLANT_UNDEAD:
	case PLANT_IDLER:
	case PLANT_LOPSIDED:
	case PLANT_CHATTY:
	case PLANT_STAMPEDE:
	case PLANT_N:
		break;
	}
	return false;
}
