/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/retire.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/adopt.h"
#include "consumer/engine/balance.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/worker.h"

/* The finished row has been deleted, or not. */
static void delete_done(struct call *call)
{
	struct shard *shard = call->owner;
	bool refused = call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED;
	struct error why = {0};

	shard->row_call = NULL;
	if (call->outcome != CALL_OK && !refused) {
		call_error(call, &why);
		io_log(call->engine->io, IO_WARN,
		       "checkpoint.undeleted table=%.*s shard=%s error=\"%s\"",
		       STR_ARG(shard->source.table), shard->id, why.text);
	}
	if (call->outcome != CALL_OK && shard->ours) {
		lease_set_state(shard, LEASE_SETTLING);
		lease_step(shard);
	} else if (call->outcome == CALL_OK || refused) {
		/* Refused and not ours: somebody else has it, who will delete it. */
		if (shard->ours)
			lease_set_state(shard, LEASE_FREE);
		shard->has_row = false;
		shard->adopted_done = true;
		lineage_advanced(shard);
	}
	worker_consider_leaving(call->engine);
}

void retire_row(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;
	int64_t dead_ms;

	if (!shard->has_row || shard->row_call != NULL || engine->draining ||
	    io_now_ms(engine->io) - shard->done_ms < ROW_LINGER_MS ||
	    (shard->lease != LEASE_OWNED && shard->lease != LEASE_FREE) ||
	    !lineage_row_unneeded(shard) || engine->adoption.lacking || !adopt_may_write(shard))
		return;
	if (shard->lease == LEASE_FREE &&
	    ((shard->owner != NULL && kcl_owner_lives(shard, &dead_ms)) ||
	     !balance_may_take(shard)))
		return;
	buf_init(&key, ROW_KEY_MAX);
	write = checkpoint_write_of(shard, &key);
	if (shard->lease == LEASE_OWNED)
		lease_set_state(shard, LEASE_RELEASING);
	else
		write.owner = write.old_owner;
	shard->row_call = call_new(engine, IO_TABLES, TABLES_DELETE_ITEM, delete_done, shard);
	row_delete(&shard->row_call->http.body, &write);
	call_start(shard->row_call);
	buf_release(&key);
}
