/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/worker.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/adopt.h"
#include "consumer/engine/balance.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/discovery.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/peers.h"
#include "consumer/engine/row.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/sweep.h"

enum {
	CREATING_POLL_MS = 100,
};

static void worker_step(struct io_timer *timer);

/* The worker's next step is due after `delay_ms`. */
static void step_after(struct engine *engine, int64_t delay_ms)
{
	io_timer_set(engine->io, &engine->worker_timer, io_now_ms(engine->io) + delay_ms);
}

/* Goes to the next state of the start. */
static void worker_go(struct engine *engine, enum worker_state state)
{
	engine->worker = state;
	engine->worker_attempts = 0;
	step_after(engine, 0);
}

/* The table that the start is about: the one with the leases, and then, if it is another one, our own. */
static struct str start_table(const struct engine *engine)
{
	return engine->own_table_next ? engine->options.own_table
				      : engine->options.checkpoint_table;
}

/* A request of the start failed: again later, or the start ends here. */
static void start_trouble(struct engine *engine, struct call *call)
{
	struct error why = {0};
	int64_t delay_ms;

	call_error(call, &why);
	if (call->outcome == CALL_REFUSED || call->outcome == CALL_ERROR ||
	    start_is_futile(engine, ++engine->worker_attempts)) {
		error_prefix(&why, "checkpoint table %.*s", STR_ARG(start_table(engine)));
		engine_stop(engine, &why);
		return;
	}
	delay_ms = call_delay_ms(call, engine->worker_attempts);
	io_log(engine->io, IO_WARN, "start.waits retry_ms=%lld error=\"%s\"", (long long)delay_ms,
	       why.text);
	step_after(engine, delay_ms);
}

/* DescribeTable of the checkpoint table has been answered. */
static void described(struct call *call)
{
	struct engine *engine = call->owner;
	struct table_description description;
	struct error why = {0};
	struct arena arena;

	engine->worker_call = NULL;
	if (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND) {
		worker_go(engine, WORKER_CREATING);
		return;
	}
	if (call->outcome != CALL_OK) {
		start_trouble(engine, call);
		return;
	}
	arena_init(&arena);
	if (!tables_describe_read(&arena, buf_view(&call->http.answer), &description, &why))
		engine_stop(engine, &why);
	else if (description.status != TABLE_ACTIVE && description.status != TABLE_UPDATING)
		step_after(engine, CREATING_POLL_MS);
	else if (!str_eq(description.hash_key, ROW_KEY) || description.range_key.n > 0) {
		error_set(&why, ERROR_CONFIG,
			  "table %.*s is not a checkpoint table: its key is not leaseKey; "
			  "set checkpoint.table to another name",
			  STR_ARG(start_table(engine)));
		engine_stop(engine, &why);
	} else if (!engine->own_table_next && engine->options.kcl) {
		engine->own_table_next = true;
		worker_go(engine, WORKER_TABLE);
	} else {
		engine->own_table_next = true;
		worker_go(engine, WORKER_SCHEMA);
	}
	arena_release(&arena);
}

/* CreateTable has been answered. */
static void created(struct call *call)
{
	struct engine *engine = call->owner;

	engine->worker_call = NULL;
	if (call->outcome != CALL_OK &&
	    !(call->outcome == CALL_ERROR && call->error.kind == API_IN_USE)) {
		start_trouble(engine, call);
		return;
	}
	io_log(engine->io, IO_INFO, "checkpoint.table_created table=%.*s",
	       STR_ARG(start_table(engine)));
	engine->worker = WORKER_TABLE;
	step_after(engine, CREATING_POLL_MS);
}

/* Reads the one row that a GetItem answered; false when there is none, or the engine had to stop. */
static bool got_row(struct call *call, struct arena *arena, struct row *row)
{
	static const struct row_sinks none = {.n = 0};
	struct error why = {0};
	struct str raw;

	if (!tables_get_read(buf_view(&call->http.answer), &raw, &why) ||
	    (raw.n > 0 && !row_read(arena, raw, &none, row, &why))) {
		engine_stop(call->engine, &why);
		return false;
	}
	return raw.n > 0;
}

/* The schema row has been written, by us or by somebody at the same moment. */
static void schema_put(struct call *call)
{
	struct engine *engine = call->owner;

	engine->worker_call = NULL;
	if (call->outcome == CALL_OK ||
	    (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED))
		worker_go(engine, WORKER_SCHEMA);
	else
		start_trouble(engine, call);
}

/* The schema row has been read. */
static void schema_read(struct call *call)
{
	struct engine *engine = call->owner;
	struct error why;
	struct arena arena;
	struct row row;

	engine->worker_call = NULL;
	if (call->outcome != CALL_OK) {
		start_trouble(engine, call);
		return;
	}
	arena_init(&arena);
	if (!got_row(call, &arena, &row)) {
		if (!engine->stopped) {
			engine->worker_call =
				call_new(engine, IO_TABLES, TABLES_PUT_ITEM, schema_put, engine);
			row_schema_put(&engine->worker_call->http.body, engine->options.own_table);
			call_start(engine->worker_call);
		}
	} else if (row.schema > ROW_SCHEMA_VERSION) {
		error_set(&why, ERROR_CONFIG,
			  "checkpoint table %.*s was written by a newer version of ddbtap (schema "
			  "%lld, this one knows %d); upgrade this worker",
			  STR_ARG(engine->options.own_table), (long long)row.schema,
			  ROW_SCHEMA_VERSION);
		engine_stop(engine, &why);
	} else {
		worker_go(engine, WORKER_MEMBER);
	}
	arena_release(&arena);
}

/* We are on the list of workers, or not. */
static void member_joined(struct call *call)
{
	struct engine *engine = call->owner;

	engine->worker_call = NULL;
	if (call->outcome == CALL_OK)
		worker_go(engine, WORKER_HEARTBEAT);
	else
		start_trouble(engine, call);
}

/* Our own heartbeat row, as requests need it. */
static struct heartbeat own_row(const struct engine *engine, int64_t counter)
{
	return (struct heartbeat){
		.id = str_of(engine->worker_id),
		.incarnation = str_of(engine->incarnation),
		.boot = engine->options.boot,
		.process = engine->options.process,
		.sinks = engine->adoption.running,
		.n_sinks = engine->adoption.n_running,
		.epoch = engine->adoption.epoch,
		.counter = counter,
	};
}

/* Our heartbeat row has been put. */
static void beat_put(struct call *call)
{
	struct engine *engine = call->owner;

	engine->worker_call = NULL;
	if (call->outcome == CALL_OK) {
		/* Others may have seen the row since it was sent, however late its answer comes. */
		engine->beat_ms = call->extra;
		io_timer_set(engine->io, &engine->beat_timer,
			     engine->beat_ms + engine->options.heartbeat_ms);
		worker_go(engine, WORKER_REGISTRY);
	} else if (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED) {
		step_after(engine, 0); /* it has changed: look again */
	} else {
		start_trouble(engine, call);
	}
}

/* Whether a heartbeat row is of this very process: of an earlier incarnation, or of an earlier try. */
static bool is_ours(const struct engine *engine, const struct heartbeat *row)
{
	return row->process.n > 0 && str_eq(row->process, engine->options.process) &&
	       str_eq(row->boot, engine->options.boot);
}

/*
 * Whether the process that a heartbeat row of our own id names may be replaced now: it is us, an operator
 * vouches for the id, it is certainly dead, or its counter has stood still for the lease time.
 */
static bool may_replace(struct engine *engine, const struct heartbeat *row)
{
	int64_t now_ms = io_now_ms(engine->io);

	if (engine->options.worker_id_vouched || row->fenced || is_ours(engine, row) ||
	    engine->options.process_is_dead(row->boot, row->process))
		return true;
	if (engine->rival_ms != 0 && engine->beat_counter == row->counter)
		return now_ms - engine->rival_ms > engine->options.lease_ms;
	if (engine->rival_ms == 0)
		io_log(engine->io, IO_WARN, "start.waits worker=%s advice=\"%s\"",
		       engine->worker_id,
		       "another process may be running under this worker id: waiting for the lease "
		       "time; set worker.id to take over at once");
	engine->rival_ms = now_ms;
	engine->beat_counter = row->counter;
	return false;
}

void worker_name(struct engine *engine)
{
	struct buf text;

	if (engine->worker_id == NULL)
		engine->worker_id =
			mem_dup(engine->options.worker_id.p, engine->options.worker_id.n);
	mem_free(engine->incarnation);
	mem_free(engine->owner);
	buf_init(&text, 1024);
	buf_fmt(&text, "%016llx%08llx", (unsigned long long)io_random(engine->io),
		(unsigned long long)(io_random(engine->io) & 0xffffffffu));
	engine->incarnation = buf_detach(&text);
	buf_fmt(&text, "%s:%s", engine->worker_id, engine->incarnation);
	engine->owner = buf_detach(&text);
}

/* The heartbeat row of our id has been read. */
static void beat_read(struct call *call)
{
	struct engine *engine = call->owner;
	struct heartbeat row = {.counter = -1}, own;
	struct error why = {0};
	struct arena arena;
	struct str raw;

	engine->worker_call = NULL;
	if (call->outcome != CALL_OK) {
		start_trouble(engine, call);
		return;
	}
	arena_init(&arena);
	if (!tables_get_read(buf_view(&call->http.answer), &raw, &why) ||
	    (raw.n > 0 && !heartbeat_read(&arena, raw, &row, &why))) {
		engine_stop(engine, &why);
	} else if (raw.n > 0 && !may_replace(engine, &row)) {
		step_after(engine, engine->options.heartbeat_ms / 4 + 1);
	} else {
		/* An earlier try may have got through, and others hold that incarnation for dead by now. */
		if (engine->named)
			worker_name(engine);
		engine->named = true;
		own = own_row(engine, row.counter);
		engine->worker_call =
			call_new(engine, IO_TABLES, TABLES_PUT_ITEM, beat_put, engine);
		engine->worker_call->extra = io_now_ms(engine->io);
		heartbeat_put(&engine->worker_call->http.body, engine->options.own_table, &own);
		call_start(engine->worker_call);
	}
	arena_release(&arena);
}

/* Whether the rows are read anew: we stood still since, or took long, and others may have begun meanwhile. */
static bool sweeps_again(struct engine *engine)
{
	/* Once: rows may be so many that it always takes long. */
	if (!engine->swept_again &&
	    io_now_ms(engine->io) - engine->sweep_ms > engine->options.lease_ms) {
		engine->swept_again = true;
		sweep_soon(engine);
		engine->again_ms = engine->sweep_wanted_ms;
	}
	return engine->again_ms != 0;
}

/* Once all rows and the other workers were seen for the first time, the leases are next. */
void worker_scanned(struct engine *engine)
{
	if (engine->scanned || engine->stopped || !engine->swept || !engine->looked ||
	    sweeps_again(engine))
		return;
	for (size_t i = 0; i < engine->options.n_tables; i++) {
		if (!discovery_may_run(&engine->tables[i]))
			return;
	}
	engine->scanned = true;
	engine->worker = WORKER_RUNNING;
	io_log(engine->io, IO_INFO, "worker.running worker=%s incarnation=%s", engine->worker_id,
	       engine->incarnation);
	if (!engine->renewed)
		engine_phase(engine, ENGINE_RUNNING);
	for (size_t i = 0; i < engine->options.n_tables; i++)
		discovery_rows_known(&engine->tables[i]);
}

/* Goes on with the shard after a pause. */
static bool go_on(struct shard *shard)
{
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_pump(&shard->cursors[i]);
	lineage_consider(shard);
	return true;
}

/* A heartbeat got through again, and nobody had judged us dead: deliveries go on. */
static void resume(struct engine *engine)
{
	engine->paused = false;
	io_log(engine->io, IO_INFO, "worker.resumed worker=%s", engine->worker_id);
	shard_each(engine, go_on);
}

bool worker_may_deliver(struct engine *engine)
{
	return !engine->paused && !engine->draining &&
	       io_now_ms(engine->io) - engine->beat_ms <= engine->options.lease_ms;
}

void worker_replaced(struct engine *engine)
{
	struct error why = {0};

	error_set(&why, ERROR_FENCED,
		  "another process took over as worker %s, or judged this one dead; "
		  "this one stops",
		  engine->worker_id);
	engine_stop(engine, &why);
}

void worker_beat_soon(struct engine *engine)
{
	if (engine->worker == WORKER_LEAVING)
		return;
	if (engine->beat_call == NULL)
		io_timer_set(engine->io, &engine->beat_timer, io_now_ms(engine->io));
	else
		engine->beat_again = true;
}

/* A heartbeat has been answered. */
static void beaten(struct call *call)
{
	struct engine *engine = call->owner;
	struct error why = {0};
	bool stood_still;

	engine->beat_call = NULL;
	if (call->outcome == CALL_OK) {
		stood_still = engine->paused ||
			      io_now_ms(engine->io) - engine->beat_ms > engine->options.lease_ms;
		engine->beat_ms = call->extra;
		engine->updated_once = true;
		balance_beaten(engine, engine->beat_answers);
		if (stood_still)
			resume(engine);
		if (engine->beat_again)
			worker_beat_soon(engine);
		engine->beat_again = false;
	} else if (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED) {
		worker_replaced(engine);
	} else if (call->outcome == CALL_REFUSED && !engine->updated_once) {
		call_error(call, &why);
		engine_stop(engine, &why);
	} else {
		call_error(call, &why);
		io_log(engine->io, IO_WARN, "heartbeat.failed worker=%s error=\"%s\"",
		       engine->worker_id, why.text);
	}
}

/* Sends the next heartbeat; and stops delivering when the last one that succeeded is too long ago. */
static void beat(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, beat_timer);
	int64_t now_ms = io_now_ms(engine->io);
	struct heartbeat row = own_row(engine, 0);

	io_timer_set(engine->io, timer, now_ms + engine->options.heartbeat_ms);
	if (now_ms - engine->beat_ms > engine->options.lease_ms && !engine->paused) {
		engine->paused = true;
		io_log(engine->io, IO_ERROR, "worker.paused worker=%s advice=\"%s\"",
		       engine->worker_id,
		       "no heartbeat got through for the lease time: nothing is delivered until "
		       "one does");
	}
	if (engine->beat_call != NULL)
		return;
	engine->beat_call = call_new(engine, IO_TABLES, TABLES_UPDATE_ITEM, beaten, engine);
	engine->beat_call->extra = now_ms;
	engine->beat_answers = balance_fill_beat(engine, &row);
	heartbeat_beat(&engine->beat_call->http.body, engine->options.own_table, &row,
		       engine->beat_answers);
	call_start(engine->beat_call);
}

/* Our heartbeat row has been deleted, or stays for others to judge. */
static void left(struct call *call)
{
	struct engine *engine = call->owner;
	struct error verdict = engine_drained(engine);

	engine->worker_call = NULL;
	engine_stop(engine, &verdict);
}

void worker_consider_leaving(struct engine *engine)
{
	struct heartbeat row = own_row(engine, 0);

	if (!engine->drain_over || engine->worker != WORKER_RUNNING ||
	    !checkpoint_all_released(engine))
		return;
	if (engine->renewing) {
		struct error none = {0};

		engine_stop(engine, &none);
		return;
	}
	if (!kcl_children_made(engine))
		return;
	engine->worker = WORKER_LEAVING;
	/* A heartbeat that comes behind this would find no row, which looks as if another process had taken over. */
	call_cancel(&engine->beat_call);
	io_timer_cancel(engine->io, &engine->beat_timer);
	engine->worker_call = call_new(engine, IO_TABLES, TABLES_DELETE_ITEM, left, engine);
	heartbeat_delete(&engine->worker_call->http.body, engine->options.own_table, &row);
	call_start(engine->worker_call);
}

/* Sends the request of the present state of the start. */
static void worker_step(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, worker_timer);
	struct str table = start_table(engine);
	struct buf key;

	buf_init(&key, 1024);
	switch (engine->worker) {
	case WORKER_TABLE:
		engine->worker_call =
			call_new(engine, IO_TABLES, TABLES_DESCRIBE, described, engine);
		tables_describe_request(&engine->worker_call->http.body, table);
		break;
	case WORKER_CREATING:
		engine->worker_call = call_new(engine, IO_TABLES, TABLES_CREATE, created, engine);
		tables_create_request(&engine->worker_call->http.body, table, ROW_KEY);
		break;
	case WORKER_SCHEMA:
		engine->worker_call =
			call_new(engine, IO_TABLES, TABLES_GET_ITEM, schema_read, engine);
		tables_get_request(&engine->worker_call->http.body, table, ROW_KEY, ROW_SCHEMA_KEY);
		break;
	case WORKER_MEMBER:
		engine->worker_call =
			call_new(engine, IO_TABLES, TABLES_UPDATE_ITEM, member_joined, engine);
		roster_join(&engine->worker_call->http.body, table, str_of(engine->worker_id));
		break;
	case WORKER_HEARTBEAT:
		buf_str(&key, HEARTBEAT_PREFIX);
		buf_str(&key, str_of(engine->worker_id));
		engine->worker_call =
			call_new(engine, IO_TABLES, TABLES_GET_ITEM, beat_read, engine);
		tables_get_request(&engine->worker_call->http.body, table, ROW_KEY, buf_view(&key));
		break;
	case WORKER_REGISTRY:
		adopt_start(engine);
		break;
	case WORKER_SCAN:
		peers_start(engine);
		sweep_start(engine);
		break;
	case WORKER_RUNNING:
	case WORKER_LEAVING:
	case WORKER_STOPPED:
		break;
	}
	if (engine->worker_call != NULL)
		call_start(engine->worker_call);
	buf_release(&key);
}

void worker_adopted(struct engine *engine)
{
	/* The others are to know which sinks we run. */
	worker_beat_soon(engine);
	worker_go(engine, WORKER_SCAN);
}

void worker_start(struct engine *engine)
{
	engine->worker_timer.fire = worker_step;
	engine->beat_timer.fire = beat;
	worker_go(engine, engine->renewed ? WORKER_HEARTBEAT : WORKER_TABLE);
}

void worker_release(struct engine *engine)
{
	call_cancel(&engine->worker_call);
	call_cancel(&engine->beat_call);
	io_timer_cancel(engine->io, &engine->worker_timer);
	io_timer_cancel(engine->io, &engine->beat_timer);
	adopt_release(engine);
	peers_release(engine);
	sweep_release(engine);
	balance_release(engine);
}
