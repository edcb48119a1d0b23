/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/rowwatch.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/rowform.h"

/* What is being read into which row. */
struct reading {
	const struct rowwatch *watch;
	struct watched_row *row;
};

void rowwatch_init(struct rowwatch *watch, struct ledger *ledger, struct lifewatch *lives,
		   const char *table)
{
	*watch = (struct rowwatch){.ledger = ledger, .lives = lives, .table = table};
	map_init(&watch->rows);
}

void rowwatch_release(struct rowwatch *watch)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&watch->rows, &at)) != NULL)
		mem_free(row);
	map_release(&watch->rows);
}

/* Copies a slice into a terminated field; it must fit. */
static void put(char *to, size_t size, struct str s)
{
	must(s.n < size);
	mem_copy(to, s.p, s.n);
	to[s.n] = '\0';
}

/*
 * Whether what follows "sink." in an attribute's name is the present generation of the sink: of the first one
 * its name alone, of others "<name>.<generation>".
 */
static bool is_attribute(const struct rowwatch *watch, size_t sink, struct str text)
{
	const struct ledger_sink *it = &watch->ledger->sinks[sink];
	struct str name;
	int64_t generation = 1;

	if (watch->sinks[sink] == NULL || !it->registered)
		return false;
	name = str_of(watch->sinks[sink]);
	if (!str_starts(text, name))
		return false;
	text = str_skip(text, name.n);
	if (text.n > 0 &&
	    (text.p[0] != '.' || !str_to_i64(str_skip(text, 1), &generation) || generation == 1))
		return false;
	return generation == it->generation;
}

/* Reads one attribute of a row. */
static void read_attribute(void *arg, struct str name, struct json *json)
{
	const struct reading *reading = arg;
	const struct rowwatch *watch = reading->watch;
	struct watched_row *row = reading->row;

	if (json_key_is(name, "leaseOwner")) {
		put(row->owner, sizeof(row->owner), row_scalar(json));
	} else if (json_key_is(name, "leaseCounter")) {
		must(str_to_u64(row_scalar(json), &row->counter));
	} else if (json_key_is(name, "checkpoint")) {
		put(row->checkpoint, sizeof(row->checkpoint), row_scalar(json));
	} else if (json_key_is(name, "epoch")) {
		must(str_to_i64(row_scalar(json), &row->epoch));
	} else if (json_key_is(name, "startAt")) {
		put(row->start_at, sizeof(row->start_at), row_scalar(json));
	} else if (str_starts(name, STR("sink."))) {
		struct str sink = str_skip(name, strlen("sink."));

		for (size_t i = 0; i < watch->ledger->n_sinks; i++) {
			if (!is_attribute(watch, i, sink))
				continue;
			put(row->sinks[i], sizeof(row->sinks[i]), row_scalar(json));
			return;
		}
		json_skip(json);
	} else {
		json_skip(json);
	}
}

/* Asks the service for a row. */
static bool fetch_row(struct rowwatch *watch, struct watched_row *row, struct str lease_key)
{
	struct reading reading = {.watch = watch, .row = row};

	row->owner[0] = '\0';
	row->counter = 0;
	row->epoch = 0;
	row->checkpoint[0] = '\0';
	row->start_at[0] = '\0';
	for (size_t i = 0; i < LEDGER_SINKS; i++)
		row->sinks[i][0] = '\0';
	return row_fetch(watch->ledger->world, watch->table, lease_key, read_attribute, &reading);
}

/* How many of the shard's writes a position covers; more than all of them for SHARD_END. */
static size_t position_count(const struct rowwatch *watch, const struct ledger_shard *shard,
			     struct str position)
{
	if (position.n == 0 || str_eq(position, STR("TRIM_HORIZON")) ||
	    str_eq(position, STR("LATEST")))
		return 0;
	if (str_eq(position, STR("SHARD_END")))
		return shard->n_writes + 1;
	return ledger_until(watch->ledger, shard, position);
}

size_t rowwatch_position(const struct rowwatch *watch, const struct watched_row *row, size_t sink)
{
	size_t least = position_count(watch, row->shard, str_of(row->checkpoint));
	size_t own = position_count(watch, row->shard, str_of(row->sinks[sink]));

	return own > least ? own : least;
}

size_t rowwatch_checkpoint(const struct rowwatch *watch, const struct watched_row *row)
{
	return position_count(watch, row->shard, str_of(row->checkpoint));
}

bool rowwatch_ended(const struct watched_row *row, size_t sink)
{
	return str_eq(str_of(row->checkpoint), STR("SHARD_END")) ||
	       str_eq(str_of(row->sinks[sink]), STR("SHARD_END"));
}

/* Whether a row says that the shard is finished for all sinks that are registered. */
static bool is_over(const struct rowwatch *watch, const struct watched_row *row)
{
	size_t n = 0;

	for (size_t i = 0; i < watch->ledger->n_sinks; i++) {
		if (!row->shard->table->sinks[i] || !watch->ledger->sinks[i].registered)
			continue;
		if (!rowwatch_ended(row, i))
			return false;
		n++;
	}
	return n > 0 || str_eq(str_of(row->checkpoint), STR("SHARD_END"));
}

bool rowwatch_finished(const struct rowwatch *watch, const struct watched_row *row)
{
	return row->exists ? is_over(watch, row) : row->ended;
}

/* Checks checkpoint-behind-ack for all sinks of a row. */
static void check_positions(struct rowwatch *watch, const struct watched_row *row)
{
	struct ledger *ledger = watch->ledger;
	struct ledger_shard *shard = row->shard;

	for (size_t i = 0; i < ledger->n_sinks; i++) {
		size_t says, front;

		if (!shard->table->sinks[i] || !ledger->sinks[i].active)
			continue;
		says = rowwatch_position(watch, row, i);
		front = ledger_front(ledger, shard, i);
		if (says > shard->n_writes) {
			if (!shard->closed)
				ledger_refresh(ledger);
			if (!shard->closed)
				world_fail(ledger->world, "checkpoint-behind-ack",
					   "%s is open, but its row says SHARD_END for sink %zu",
					   shard->id, i);
			says = shard->n_writes;
		}
		if (says > front)
			world_fail(
				ledger->world, "checkpoint-behind-ack",
				"sink %zu has %zu of %zu changes of %s, its row says %zu (%s, %s)",
				i, front, shard->n_writes, shard->id, says, row->checkpoint,
				row->sinks[i]);
	}
}

/* Checks checkpoint-forward: what a worker writes takes nothing back from any sink. */
static void check_forward(struct rowwatch *watch, const struct watched_row *row,
			  const struct watched_row *was)
{
	struct ledger *ledger = watch->ledger;

	if (ledger->world->plant == PLANT_BACKWARD) {
		const struct watched_row *later = row;

		row = was;
		was = later;
	}
	for (size_t i = 0; i < ledger->n_sinks; i++) {
		size_t now, before;

		if (!row->shard->table->sinks[i] || !ledger->sinks[i].active)
			continue;
		now = rowwatch_position(watch, row, i);
		before = rowwatch_position(watch, was, i);
		if (now < before)
			world_fail(ledger->world, "checkpoint-forward",
				   "%s said %zu for sink %zu and now says %zu (%s, %s)", row->key,
				   before, i, now, row->checkpoint, row->sinks[i]);
	}
}

/* Whether two states of a row have the same positions. */
static bool same_positions(const struct watched_row *a, const struct watched_row *b)
{
	if (!str_eq(str_of(a->checkpoint), str_of(b->checkpoint)))
		return false;
	for (size_t i = 0; i < LEDGER_SINKS; i++) {
		if (!str_eq(str_of(a->sinks[i]), str_of(b->sinks[i])))
			return false;
	}
	return true;
}

/* Whether a write only made the holder's next one fail, as whoever adds a sink does. */
static bool is_bump(const struct watched_row *row, const struct watched_row *was)
{
	return row->exists && str_eq(str_of(row->owner), str_of(was->owner)) &&
	       same_positions(row, was) && str_eq(str_of(row->start_at), str_of(was->start_at));
}

/* Checks fenced-owner for what a write of `life` made of a row that was there before. */
static void check_step(struct rowwatch *watch, const struct watched_row *row,
		       const struct watched_row *was, unsigned life, bool taken)
{
	bool holder = was->held && was->holder == life;
	struct world *world = watch->ledger->world;

	check_forward(watch, row, was);
	if (row->counter <= was->counter)
		world_fail(world, "fenced-owner", "counter of %s went from %llu to %llu", row->key,
			   (unsigned long long)was->counter, (unsigned long long)row->counter);
	if (taken && !holder && !same_positions(row, was))
		world_fail(world, "fenced-owner", "incarnation %u took %s and moved it to %s", life,
			   row->key, row->checkpoint);
	watch->bumps += was->held && !holder && is_bump(row, was);
	if (!taken && was->held && !holder && !is_bump(row, was))
		world_fail(world, "fenced-owner",
			   "incarnation %u moved %s to %s, which incarnation %u holds as %s", life,
			   row->key, row->checkpoint, was->holder, was->owner);
}

/* Checks foreign-alive. */
static void check_foreign(struct rowwatch *watch, const struct watched_row *was, unsigned life)
{
	struct world *world = watch->ledger->world;
	int64_t still_ms = world->now_ms - was->foreign_wrote_ms;

	if (still_ms <= watch->lives->lives[life].lease_ms)
		world_fail(world, "foreign-alive",
			   "incarnation %u took %s from a worker that wrote it %lld ms ago", life,
			   was->key, (long long)still_ms);
}

/* Checks the step of a row from `was` to `row`, and notes who has it. */
static void note_step(struct rowwatch *watch, struct watched_row *row,
		      const struct watched_row *was, unsigned life)
{
	bool taken = row->owner[0] != '\0' &&
		     (!was->exists || !str_eq(str_of(row->owner), str_of(was->owner)));

	watch->progress += !was->exists || !same_positions(row, was) ||
			   !str_eq(str_of(row->start_at), str_of(was->start_at));
	if (was->exists)
		check_step(watch, row, was, life, taken);
	/* The holder, and nobody else, may make another one the owner. */
	if (was->exists && taken && was->held && was->holder == life)
		life = lifewatch_life(watch->lives, row->owner);
	else if (was->exists && taken && was->foreign)
		check_foreign(watch, was, life);
	else if (was->exists && taken)
		lifewatch_taken(watch->lives, life, was->owner, row->key);
	if (taken || !was->exists) {
		row->holder = life;
		row->held = row->owner[0] != '\0';
		row->foreign = false;
		row->renewed_ms = -1;
		row->shard->takes[life]++;
		watch->takes++;
	} else if (row->owner[0] == '\0') {
		row->held = false;
	}
}

/* Checks row-kept for a row that `life` deleted. */
static void check_deletion(struct rowwatch *watch, struct watched_row *row,
			   const struct watched_row *was, unsigned life)
{
	struct world *world = watch->ledger->world;
	bool finished = is_over(watch, was);

	if (world->plant == PLANT_UNTIDY)
		finished = false;
	watch->deleted++;
	row->held = false;
	row->ended = finished;
	if (!finished)
		world_fail(world, "row-kept", "incarnation %u deleted %s, which says %s", life,
			   row->key, was->checkpoint);
	if (was->held && was->holder != life && !lifewatch_gone(watch->lives, was->owner))
		world_fail(world, "row-kept",
			   "incarnation %u deleted %s, which is of %s, who lives", life, row->key,
			   was->owner);
}

/* Says that the first worker started with this shard, once that is settled. */
static void note_start(struct rowwatch *watch, const struct watched_row *row)
{
	if (row->shard->start_wall_ms != 0 || str_eq(str_of(row->start_at), STR("LATEST")))
		return;
	ledger_started(watch->ledger, row->shard);
}

/* The row of that key, made when it is new; NULL when the key is not a shard's. */
static struct watched_row *row_of(struct rowwatch *watch, struct str key)
{
	struct watched_row *row = map_get(&watch->rows, key);
	size_t slash = str_find_last(key, '/'), colon = str_find_last(key, ':');
	struct str id = str_skip(key, slash < key.n ? slash + 1 : (colon < key.n ? colon + 1 : 0));
	struct ledger_shard *shard;

	if (row != NULL)
		return row;
	if (!str_starts(id, STR("shardId-")) || key.n >= sizeof(row->key))
		return NULL;
	shard = ledger_shard(watch->ledger, id);
	if (shard == NULL) {
		ledger_refresh(watch->ledger);
		shard = ledger_shard(watch->ledger, id);
	}
	if (shard == NULL)
		return NULL;
	row = mem_alloc(sizeof(*row));
	put(row->key, sizeof(row->key), key);
	row->shard = shard;
	shard->row = row;
	map_put(&watch->rows, str_of(row->key), row);
	return row;
}

/* Plant: a write of a dead incarnation that passes its condition. */
static unsigned plant_zombie(struct rowwatch *watch, const struct watched_row *row,
			     const struct watched_row *was, unsigned life)
{
	enum plant plant = watch->ledger->world->plant;
	bool released = was->held && row->owner[0] == '\0';

	if (plant == PLANT_ZOMBIE && was->exists && row->exists && !same_positions(row, was) &&
	    ++watch->plants == 5)
		return life + 1;
	if (plant == PLANT_POSTHUMOUS && was->exists && row->exists && released)
		return life + 1;
	return life;
}

void rowwatch_read_again(struct rowwatch *watch)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&watch->rows, &at)) != NULL) {
		if (row->exists)
			row->exists = fetch_row(watch, row, str_of(row->key));
	}
}

void rowwatch_rewritten(struct rowwatch *watch, struct watched_row *row)
{
	row->exists = fetch_row(watch, row, str_of(row->key));
	row->held = false;
	row->foreign = false;
	row->ended = false;
}

/* A conditional write of the row failed: somebody else was faster, or something is not known. */
static void note_refusal(struct rowwatch *watch, const struct world_call *call)
{
	static const char word[] = "ConditionalCheckFailed";

	if (memmem(call->answer.p, call->answer.n, word, sizeof(word) - 1) == NULL)
		return;
	if (str_eq(call->operation, STR("DeleteItem")))
		watch->refused_deletes++;
	else
		watch->refusals++;
}

void rowwatch_served(struct rowwatch *watch, const struct world_call *call)
{
	struct row_named named;
	struct watched_row *row, was;
	unsigned life = call->life;

	if (!row_writes(call->operation))
		return;
	named = row_named(call->body);
	if (!str_eq(named.table, str_of(watch->table)))
		return;
	row = row_of(watch, named.key);
	if (row == NULL)
		return;
	if (call->status != 200) {
		note_refusal(watch, call);
		return;
	}
	watch->writes++;
	was = *row;
	row->exists = fetch_row(watch, row, named.key);
	life = plant_zombie(watch, row, &was, life);
	must(life < LEDGER_LIVES);
	if (!row->exists) {
		if (was.exists)
			check_deletion(watch, row, &was, life);
		return;
	}
	note_step(watch, row, &was, life);
	row->wrote_ms = watch->ledger->world->now_ms;
	note_start(watch, row);
	check_positions(watch, row);
}

void rowwatch_answered(struct rowwatch *watch, const struct world_call *call, bool ok)
{
	struct watched_row *row;
	struct row_named named;

	if (!ok || !row_writes(call->operation))
		return;
	named = row_named(call->body);
	row = str_eq(named.table, str_of(watch->table)) ? map_get(&watch->rows, named.key) : NULL;
	if (row != NULL && row->held && row->holder == call->life &&
	    row->renewed_ms < call->sent_ms)
		row->renewed_ms = call->sent_ms;
}

void rowwatch_foreign(struct rowwatch *watch, struct str key)
{
	struct watched_row *row = row_of(watch, key);
	int64_t now_ms = watch->ledger->world->now_ms;

	must(row != NULL);
	row->exists = fetch_row(watch, row, key);
	row->held = false;
	watch->stolen += !row->foreign;
	if (!row->foreign)
		row->foreign_ms = now_ms;
	row->foreign = true;
	row->foreign_wrote_ms = now_ms;
	note_start(watch, row);
}

void rowwatch_begins(struct rowwatch *watch, const struct watched_row *row, unsigned life)
{
	struct world *world = watch->ledger->world;
	int64_t lease_ms = watch->lives->lives[life].lease_ms;

	if (!watch->kcl)
		return;
	if (row->foreign && world->now_ms - row->foreign_ms > lease_ms)
		world_fail(world, "two-owners",
			   "incarnation %u begins a delivery of %s, which a foreign worker has for "
			   "%lld ms",
			   life, row->shard->id, (long long)(world->now_ms - row->foreign_ms));
	if (row->held && row->holder == life && world->now_ms - row->renewed_ms > lease_ms)
		world_fail(world, "zombie-silent",
			   "incarnation %u begins a delivery of %s, whose row it knows to have "
			   "written at %lld",
			   life, row->shard->id, (long long)row->renewed_ms);
}
