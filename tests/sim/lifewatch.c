/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/lifewatch.h"

#include <stdio.h>

#include "base/time.h"
#include "tests/sim/rowform.h"

#define HEARTBEAT_PREFIX STR("ddbtap/worker/")

enum { PLANT_BEGINNINGS = 20 };

void lifewatch_init(struct lifewatch *watch, struct world *world, const char *table)
{
	*watch = (struct lifewatch){.world = world, .table = table};
	map_init(&watch->workers);
}

void lifewatch_release(struct lifewatch *watch)
{
	struct watched_worker *worker;
	size_t at = 0;

	while ((worker = map_next(&watch->workers, &at)) != NULL)
		mem_free(worker);
	map_release(&watch->workers);
}

void lifewatch_started(struct lifewatch *watch, unsigned life, struct str id, int64_t lease_ms)
{
	struct watched_life *it = &watch->lives[life];

	must(life < LEDGER_LIVES && id.n < sizeof(it->id));
	*it = (struct watched_life){.lease_ms = lease_ms, .beat_ms = -1};
	mem_copy(it->id, id.p, id.n);
}

/* Copies a slice into a terminated field; it must fit. */
static void put(char to[LIFEWATCH_ID_MAX], struct str s)
{
	must(s.n < LIFEWATCH_ID_MAX);
	mem_copy(to, s.p, s.n);
	to[s.n] = '\0';
}

/* Reads one attribute of a heartbeat row. */
static void read_attribute(void *arg, struct str name, struct json *json)
{
	struct watched_worker *worker = arg;

	if (json_key_is(name, "incarnation")) {
		put(worker->incarnation, row_scalar(json));
		return;
	}
	if (json_key_is(name, "epoch")) {
		must(str_to_i64(row_scalar(json), &worker->epoch));
		return;
	}
	if (json_key_is(name, "counter")) {
		must(str_to_i64(row_scalar(json), &worker->counter));
		return;
	}
	if (json_key_is(name, "fenced"))
		worker->fenced = true;
	json_skip(json);
}

/* The worker whose heartbeat row the request writes, made when it is new; NULL: it writes another row. */
static struct watched_worker *worker_of(struct lifewatch *watch, const struct world_call *call)
{
	struct watched_worker *worker;
	struct row_named named;
	struct str id;

	if (!row_writes(call->operation))
		return NULL;
	named = row_named(call->body);
	if (!str_eq(named.table, str_of(watch->table)) || !str_starts(named.key, HEARTBEAT_PREFIX))
		return NULL;
	id = str_skip(named.key, HEARTBEAT_PREFIX.n);
	worker = map_get(&watch->workers, id);
	if (worker != NULL)
		return worker;
	worker = mem_alloc(sizeof(*worker));
	put(worker->id, id);
	map_put(&watch->workers, str_of(worker->id), worker);
	return worker;
}

/* An incarnation that was judged dead is back. */
static void fail_risen(struct lifewatch *watch, unsigned life)
{
	world_fail(watch->world, "two-owners", "incarnation %u of %s was fenced, and lives again",
		   life, watch->lives[life].id);
}

/*
 * Notes whether a worker's present incarnation is judged dead, and checks that this is for good: a row that
 * came late, of a name that its process gave up for want of an answer, is nobody's.
 */
static void note_fence(struct lifewatch *watch, const struct watched_worker *worker)
{
	for (unsigned i = 0; worker->exists && i < LEDGER_LIVES; i++) {
		struct watched_life *life = &watch->lives[i];

		if (!str_eq(str_of(life->id), str_of(worker->id)) ||
		    !str_eq(str_of(life->incarnation), str_of(worker->incarnation)))
			continue;
		if (life->fenced && !worker->fenced && life->beat_ms >= 0)
			fail_risen(watch, i);
		life->risen = life->risen || (life->fenced && !worker->fenced);
		life->fenced = worker->fenced;
	}
}

/* Notes what an incarnation calls itself, which is another name when the engine has begun anew. */
static void note_name(struct watched_life *life, struct str name)
{
	if (!str_eq(name, str_of(life->incarnation)))
		life->risen = false;
	if (life->incarnation[0] != '\0')
		put(life->former[life->n_former++ % LIFEWATCH_FORMER], str_of(life->incarnation));
	put(life->incarnation, name);
	life->beat_ms = -1;
}

/* Whether it calls itself so, or did. */
static bool is_named(const struct watched_life *life, struct str name)
{
	bool found = str_eq(name, str_of(life->incarnation));

	for (size_t i = 0; i < LIFEWATCH_FORMER; i++)
		found = found || str_eq(name, str_of(life->former[i]));
	return found;
}

void lifewatch_look(struct lifewatch *watch, struct watched_worker *worker)
{
	struct watched_worker was = *worker;
	struct buf key;

	worker->fenced = false;
	worker->epoch = worker->counter = 0;
	worker->incarnation[0] = '\0';
	buf_init(&key, 4 * LIFEWATCH_ID_MAX);
	buf_str(&key, HEARTBEAT_PREFIX);
	buf_str(&key, str_of(worker->id));
	worker->exists =
		row_fetch(watch->world, watch->table, buf_view(&key), read_attribute, worker);
	buf_release(&key);
	note_fence(watch, worker);
	watch->changes += worker->exists != was.exists || worker->fenced != was.fenced;
}

void lifewatch_served(struct lifewatch *watch, const struct world_call *call)
{
	struct watched_worker *worker, was;

	if (call->status != 200)
		return;
	worker = worker_of(watch, call);
	if (worker == NULL)
		return;
	was = *worker;
	lifewatch_look(watch, worker);
	if (!worker->exists || str_eq(str_of(was.incarnation), str_of(worker->incarnation)))
		return;
	if (was.exists && was.life != call->life)
		watch->lives[was.life].superseded = true;
	worker->life = call->life;
	note_name(&watch->lives[call->life], str_of(worker->incarnation));
	watch->lives[call->life].fenced = worker->fenced;
}

void lifewatch_ended(struct lifewatch *watch, const struct world_call *call, bool ok)
{
	struct watched_life *life = &watch->lives[call->life];
	const struct watched_worker *worker;

	if (!ok || str_eq(call->operation, STR("DeleteItem")))
		return;
	worker = worker_of(watch, call);
	if (worker == NULL || !str_eq(str_of(worker->id), str_of(life->id)))
		return;
	if (life->risen)
		fail_risen(watch, call->life);
	if (life->beat_ms < call->sent_ms)
		life->beat_ms = call->sent_ms;
}

unsigned lifewatch_life(const struct lifewatch *watch, const char *owner)
{
	size_t colon = str_find_last(str_of(owner), ':');
	struct str id = str_head(str_of(owner), colon), name = str_skip(str_of(owner), colon + 1);
	unsigned life = 0;

	while (life < LEDGER_LIVES &&
	       (!str_eq(id, str_of(watch->lives[life].id)) || !is_named(&watch->lives[life], name)))
		life++;
	must(life < LEDGER_LIVES);
	return life;
}

bool lifewatch_there(const struct lifewatch *watch, unsigned life)
{
	const struct watched_worker *worker =
		map_get(&watch->workers, str_of(watch->lives[life].id));

	return worker != NULL && worker->exists && !worker->fenced && worker->life == life;
}

bool lifewatch_gone(const struct lifewatch *watch, const char *owner)
{
	size_t colon = str_find_last(str_of(owner), ':');
	const struct watched_worker *worker =
		map_get(&watch->workers, str_head(str_of(owner), colon));

	return worker == NULL || !worker->exists || worker->fenced ||
	       !str_eq(str_skip(str_of(owner), colon + 1), str_of(worker->incarnation));
}

void lifewatch_taken(struct lifewatch *watch, unsigned life, const char *owner, const char *key)
{
	if (owner[0] == '\0')
		return;
	watch->takeovers++;
	if (!lifewatch_gone(watch, owner) ||
	    (watch->world->plant == PLANT_ROBBER && watch->takeovers > 1))
		world_fail(watch->world, "two-owners", "incarnation %u took %s from %s, who lives",
			   life, key, owner);
}

/* Checks zombie-silent. */
static void check_silence(struct lifewatch *watch, unsigned number)
{
	const struct watched_life *life = &watch->lives[number];
	int64_t late_ms = watch->world->now_ms - life->beat_ms - life->lease_ms;

	if (watch->world->plant == PLANT_UNDEAD && watch->begun > PLANT_BEGINNINGS)
		late_ms += life->lease_ms + MINUTE_MS;
	if (life->beat_ms < 0 || late_ms > 0)
		world_fail(watch->world, "zombie-silent",
			   "incarnation %u of %s begins a delivery %lld ms after its lease time, "
			   "its last heartbeat was sent at %lld",
			   number, life->id, (long long)late_ms, (long long)life->beat_ms);
}

void lifewatch_begins(struct lifewatch *watch, unsigned life, const char *shard_id, bool held,
		      unsigned holder)
{
	watch->begun++;
	check_silence(watch, life);
	if (watch->world->plant == PLANT_USURPER && watch->begun > PLANT_BEGINNINGS)
		holder = life + 1;
	if (held && holder != life && !watch->lives[life].superseded)
		world_fail(watch->world, "two-owners",
			   "incarnation %u begins a delivery of %s, which incarnation %u holds",
			   life, shard_id, holder);
}

uint64_t lifewatch_token(const struct lifewatch *watch, unsigned life)
{
	const struct watched_life *it = &watch->lives[life];

	return (uint64_t)it->n_former << 32 | (uint64_t)it->epoch;
}

void lifewatch_lands(struct lifewatch *watch, unsigned life, uint64_t token)
{
	const struct watched_life *it = &watch->lives[life];
	const struct watched_worker *worker = map_get(&watch->workers, str_of(it->id));
	int64_t epoch = (int64_t)(token & UINT32_MAX), says;

	if (worker == NULL || worker->life != life || it->n_former != token >> 32)
		return;
	says = worker->epoch;
	if (watch->world->plant == PLANT_HERALD && watch->begun > PLANT_BEGINNINGS)
		says++;
	if (!worker->fenced && says > epoch)
		world_fail(watch->world, "old-replay",
			   "%s says that it goes by epoch %lld, and what it handed over in epoch "
			   "%lld becomes durable",
			   it->id, (long long)says, (long long)epoch);
}
