/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/pollwatch.h"

#include <string.h>

#include "base/json.h"
#include "base/time.h"

enum { PAGE_FULL_BYTES = 400 << 10, READERS_MAX = 2 };

#define LONGEST_MONTH_MS (31.0 * DAY_MS)

/* What one reader does. */
struct poll_chain {
	struct poll_chain *next;
	char shard_id[80];
	unsigned life;
	int64_t sent_ms; /* when it polled last, -1: never */
	bool hurry; /* it may poll again at once */
	bool shared; /* two readers have been taken for one */
};

/* One iterator. */
struct poll_iterator {
	struct str text; /* owned */
	struct poll_chain *chain;
};

/* One GetRecords under way. */
struct poll_call {
	uint64_t id;
	struct poll_chain *chain;
	unsigned limit;
	bool full;
};

/* The string member `name` at the top of a JSON object, or nothing; `n_out` counts array "Records". */
static struct str member(struct str text, const char *name)
{
	struct json json;
	struct str key, value = STR_NONE;

	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, name) && json_peek(&json) == JSON_STRING)
			value = json_string(&json);
		else if (json_key_is(key, name) && json_peek(&json) == JSON_NUMBER)
			value = json_number(&json);
		else
			json_skip(&json);
	}
	return value;
}

/* How many records an answer has. */
static size_t count_records(struct str text)
{
	struct json json;
	struct str key;
	size_t n = 0;

	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (!json_key_is(key, "Records")) {
			json_skip(&json);
			continue;
		}
		json_enter(&json, JSON_ARRAY);
		while (json_item(&json)) {
			json_skip(&json);
			n++;
		}
	}
	return n;
}

void pollwatch_init(struct pollwatch *watch, struct ledger *ledger, int64_t floor_ms)
{
	*watch = (struct pollwatch){.ledger = ledger, .floor_ms = floor_ms};
	map_init(&watch->iterators);
	map_init(&watch->calls);
}

void pollwatch_release(struct pollwatch *watch)
{
	struct poll_iterator *it;
	struct poll_call *call;
	size_t at = 0;

	while ((it = map_next(&watch->iterators, &at)) != NULL) {
		mem_free((void *)(uintptr_t)it->text.p);
		mem_free(it);
	}
	for (at = 0; (call = map_next(&watch->calls, &at)) != NULL;)
		mem_free(call);
	while (watch->chains != NULL) {
		struct poll_chain *next = watch->chains->next;

		mem_free(watch->chains);
		watch->chains = next;
	}
	map_release(&watch->iterators);
	map_release(&watch->calls);
}

/* The key of a request in the map of calls. */
static struct str id_key(const uint64_t *id)
{
	return str_make((const char *)id, sizeof(*id));
}

/* Notes that `text` is an iterator of the chain. */
static void add_iterator(struct pollwatch *watch, struct str text, struct poll_chain *chain)
{
	struct poll_iterator *it = map_get(&watch->iterators, text);

	if (text.n == 0)
		return;
	if (it != NULL) {
		/* Two readers at one place may be given the same iterator. */
		it->chain->shared = it->chain->shared || it->chain != chain;
		return;
	}
	it = mem_alloc(sizeof(*it));
	it->text = str_make(mem_dup(text.p, text.n), text.n);
	it->chain = chain;
	map_put(&watch->iterators, it->text, it);
}

/* Checks two-readers: how many polls of the chain's shard its process has under way. */
static void check_readers(struct pollwatch *watch, const struct poll_chain *chain)
{
	const struct poll_call *call;
	size_t at = 0;
	unsigned n = watch->ledger->world->plant == PLANT_CROWD && watch->polls > 30 ? 2 : 0;

	while ((call = map_next(&watch->calls, &at)) != NULL)
		n += call->chain->life == chain->life &&
		     str_eq(str_of(call->chain->shard_id), str_of(chain->shard_id));
	if (n > READERS_MAX)
		world_fail(watch->ledger->world, "two-readers", "%u polls of %s are under way", n,
			   chain->shard_id);
}

/* Checks poll-rate for a poll that is sent now. */
static void check_rate(struct pollwatch *watch, struct poll_chain *chain)
{
	struct world *world = watch->ledger->world;
	int64_t since_ms = world->now_ms - chain->sent_ms;
	const struct ledger_shard *shard = ledger_shard(watch->ledger, str_of(chain->shard_id));

	if (world->plant == PLANT_HASTY && watch->polls == 50)
		since_ms = 1;
	if (chain->sent_ms < 0 || chain->hurry || chain->shared || since_ms >= watch->floor_ms ||
	    shard == NULL || shard->closed)
		return;
	ledger_refresh(watch->ledger);
	if (!shard->closed)
		world_fail(world, "poll-rate", "%s was polled again after %lld ms", chain->shard_id,
			   (long long)since_ms);
}

/* Checks describe-rate for a DescribeStream that is sent now. */
static void check_describes(struct pollwatch *watch, unsigned life)
{
	struct world *world = watch->ledger->world;
	size_t n = watch->describes[life].n++;
	int64_t *before_ms = &watch->describes[life].sent_ms[n % DESCRIBES_MAX];

	if ((n >= DESCRIBES_MAX && world->now_ms - *before_ms < SECOND_MS) ||
	    (world->plant == PLANT_RUSH && n == 3))
		world_fail(world, "describe-rate",
			   "incarnation %u sent %d DescribeStream within a second", life,
			   DESCRIBES_MAX + 1);
	*before_ms = world->now_ms;
}

void pollwatch_started(struct pollwatch *watch, const struct proc *proc)
{
	watch->rations[proc->life] = (struct poll_ration){
		.counted_ms = watch->ledger->world->now_ms + proc->boot_ms,
	};
}

/*
 * Takes `n` reads out of what an incarnation may still read, by its own boot clock, and checks
 * poll-ration.
 */
static void check_ration(struct pollwatch *watch, const struct world_call *call, unsigned n)
{
	struct poll_ration *ration = &watch->rations[call->life];
	struct world *world = watch->ledger->world;
	int64_t now_ms = world->now_ms + (call->proc == NULL ? 0 : call->proc->boot_ms);
	double rate = (double)watch->reads_per_month / LONGEST_MONTH_MS;
	double most = rate * 10 * MINUTE_MS > 10 ? rate * 10 * MINUTE_MS : 10;

	if (watch->reads_per_month == 0)
		return;
	if (world->plant == PLANT_WASTEFUL && watch->polls == 50)
		n = 1000;
	ration->reads += rate * (double)(now_ms - ration->counted_ms);
	if (ration->reads > most)
		ration->reads = most;
	ration->reads -= n;
	ration->counted_ms = now_ms;
	if (ration->reads < -1e-6)
		world_fail(world, "poll-ration", "incarnation %u reads %.2f too often", call->life,
			   -ration->reads);
}

void pollwatch_sent(struct pollwatch *watch, const struct world_call *call)
{
	bool is_poll = str_eq(call->operation, STR("GetRecords"));
	struct poll_iterator *it;
	struct poll_call *poll;
	uint64_t limit = 1000;

	if (str_eq(call->operation, STR("DescribeStream")))
		check_describes(watch, call->life);
	check_ration(watch, call, is_poll);
	if (!is_poll)
		return;
	it = map_get(&watch->iterators, member(call->body, "ShardIterator"));
	watch->polls++;
	if (it == NULL)
		return;
	it->chain->life = call->life;
	check_rate(watch, it->chain);
	it->chain->sent_ms = watch->ledger->world->now_ms;
	it->chain->hurry = false;
	str_to_u64(member(call->body, "Limit"), &limit);
	poll = mem_alloc(sizeof(*poll));
	*poll = (struct poll_call){.id = call->id, .chain = it->chain, .limit = (unsigned)limit};
	map_put(&watch->calls, id_key(&poll->id), poll);
	check_readers(watch, it->chain);
}

void pollwatch_served(struct pollwatch *watch, const struct world_call *call)
{
	if (call->status != 200)
		return;
	if (str_eq(call->operation, STR("GetShardIterator"))) {
		struct poll_chain *chain = mem_alloc(sizeof(*chain));
		struct str id = member(call->body, "ShardId");

		must(id.n < sizeof(chain->shard_id));
		mem_copy(chain->shard_id, id.p, id.n);
		chain->life = call->life;
		chain->sent_ms = -1;
		chain->next = watch->chains;
		watch->chains = chain;
		add_iterator(watch, member(call->answer, "ShardIterator"), chain);
	} else if (str_eq(call->operation, STR("GetRecords"))) {
		struct poll_call *poll = map_get(&watch->calls, id_key(&call->id));

		if (poll == NULL)
			return;
		poll->full = count_records(call->answer) >= poll->limit;
		add_iterator(watch, member(call->answer, "NextShardIterator"), poll->chain);
	}
}

void pollwatch_ended(struct pollwatch *watch, const struct world_call *call, bool ok)
{
	struct poll_call *poll;

	if (!str_eq(call->operation, STR("GetRecords")))
		return;
	poll = map_remove(&watch->calls, id_key(&call->id));
	if (poll == NULL)
		return;
	poll->chain->hurry = ok && (poll->full || call->answer.n >= PAGE_FULL_BYTES);
	mem_free(poll);
}
