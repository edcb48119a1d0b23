/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes against a receiver that takes bundles in any order and fails as it likes, and an engine that knows
 * the sink contract by heart.
 */
#include "sinks/webhook/lanes.h"

#include "base/rng.h"
#include "tests/check.h"
#include "tests/unit/scripted_world.h"

enum {
	CURSORS = 3,
	RECORDS = 120,
	FLIGHTS = 4,
	RUN_MAX = 9,
	KEYS = 7,
	AWAY_MAX = 64,
	STEPS_MAX = 20000,
	RECORD_BYTES = 8,
	SEEDS = 300,
};

struct cursor;

/* A delivery, and how it ended. */
struct flight {
	struct delivery delivery;
	struct cursor *cursor;
	size_t first;
	bool used, done;
	enum delivery_result result;
	size_t acked;
	unsigned order; /* when it was submitted */
};

/* One shard: its records, and what became of them. */
struct cursor {
	struct event events[RECORDS];
	struct gap gap;
	char keys[RECORDS][16], text[RECORDS * RECORD_BYTES];
	uint32_t ends[RECORDS];
	struct source source;
	size_t frontier, next; /* acknowledged, submitted */
	bool taken[RECORDS]; /* by the receiver, at least once */
	bool away[RECORDS]; /* in a bundle that the receiver has at this moment */
	bool bisecting;
	struct flight flights[FLIGHTS];
	unsigned submitted, ended;
};

static struct {
	struct world world;
	struct rng rng;
	struct lanes *lanes;
	struct lanes_options options;
	struct cursor cursors[CURSORS];
	struct bundle *away[AWAY_MAX];
	size_t n_away;
	bool in_submit, is_closed;
	bool eager; /* everything is submitted at once */
	unsigned trouble; /* percent of bundles that fail */
	int results[5]; /* how often a delivery ended so */
} f;

static const struct framing framing = {"", "", "[", "]", "a/b", "a/b+batch", false};
static const struct framing lone_framing = {"", "", "", "", "a/b", "", true};
static const struct encoder encoder = {.framing = &framing};
static const struct encoder lone_encoder = {.framing = &lone_framing};

static void submit_more(struct cursor *cursor);

/* The cursor whose record a bundle holds, and the number of that in it. */
static size_t record_of(const struct bundle *bundle, size_t i, struct cursor **cursor_out)
{
	struct flight *flight =
		CONTAINER_OF((void *)(uintptr_t)bundle->delivery, struct flight, delivery);

	*cursor_out = flight->cursor;
	return flight->first + bundle->records[i];
}

/* Whether two records must go out one after the other. */
static bool ordered(const struct cursor *cursor, size_t a, size_t b)
{
	return f.options.lanes == 1 || cursor->events[a].op == EVENT_GAP ||
	       cursor->events[b].op == EVENT_GAP ||
	       str_eq(cursor->events[a].keys, cursor->events[b].keys);
}

/* The lanes send a bundle: everything that must be there before it is there. */
static void on_send(void *arg, struct bundle *bundle)
{
	size_t bytes = 0;

	(void)arg;
	CHECK(!f.in_submit && !f.is_closed);
	must(f.n_away < AWAY_MAX);
	f.away[f.n_away++] = bundle;
	CHECK(f.n_away <= f.options.at_once);
	CHECK(bundle->n >= 1 && bundle->n <= f.options.batch_records);
	CHECK(bundle->n == 1 || !bundle->delivery->encoder->framing->lone);
	for (size_t i = 0; i < bundle->n; i++) {
		struct cursor *cursor;
		size_t at = record_of(bundle, i, &cursor);

		CHECK(i == 0 || bundle->records[i] > bundle->records[i - 1]);
		CHECK(cursor->events[at].op != EVENT_GAP || bundle->n == 1);
		bytes += bundle_record(bundle, i).n;
		CHECK(bundle_event(bundle, i) == &cursor->events[at]);
		for (size_t k = 0; k < RECORDS; k++)
			CHECK(!ordered(cursor, at, k) || !cursor->away[k]);
		for (size_t k = cursor->frontier; k < at; k++)
			CHECK(!ordered(cursor, at, k) || cursor->taken[k] ||
			      (k >= record_of(bundle, 0, &cursor)));
	}
	for (size_t i = 0; i < bundle->n; i++) {
		struct cursor *cursor;
		size_t at = record_of(bundle, i, &cursor);

		cursor->away[at] = true;
	}
	CHECK(bundle->n == 1 || bytes <= f.options.batch_bytes);
}

/* Everything that was submitted has ended, and the first failure says how to go on. */
static void settle(struct cursor *cursor)
{
	for (unsigned i = 0; i < cursor->submitted; i++) {
		struct flight *flight = &cursor->flights[i];

		if (flight->result == DELIVERY_OK) {
			cursor->frontier = flight->first + flight->delivery.n;
			cursor->bisecting = false;
			continue;
		}
		cursor->frontier = flight->first + flight->acked;
		cursor->bisecting = flight->result == DELIVERY_REFUSED;
		if (flight->result == DELIVERY_REJECT)
			cursor->taken[cursor->frontier++] = true; /* a dead letter */
		break;
	}
	cursor->next = cursor->frontier;
	cursor->submitted = cursor->ended = 0;
	memset(cursor->flights, 0, sizeof(cursor->flights));
}

/* A delivery ended: in order, once, and as the contract has it. */
static void on_end(struct delivery *delivery, enum delivery_result result, size_t acked,
		   const struct error *why)
{
	struct flight *flight = CONTAINER_OF(delivery, struct flight, delivery);
	struct cursor *cursor = flight->cursor;
	const struct flight *former =
		flight->order == 0 ? NULL : &cursor->flights[flight->order - 1];

	CHECK(!f.in_submit && !f.is_closed && !flight->done);
	CHECK_INT(flight->order, cursor->ended);
	CHECK(result == DELIVERY_OK ? acked == delivery->n : acked < delivery->n && why != NULL);
	if (former != NULL && former->result != DELIVERY_OK)
		CHECK(result == DELIVERY_RETRY && acked == 0);
	for (size_t i = 0; i < acked; i++)
		CHECK(cursor->taken[flight->first + i]);
	for (size_t i = 0; i < RECORDS && result != DELIVERY_OK; i++)
		CHECK(!cursor->away[i]);
	flight->done = true;
	flight->result = result;
	flight->acked = acked;
	cursor->ended++;
	f.results[result]++;
	if (cursor->ended == cursor->submitted)
		settle(cursor);
	submit_more(cursor);
}

/* Hands in deliveries of random size, as an engine does. */
static void submit_more(struct cursor *cursor)
{
	for (unsigned i = 0; i < cursor->submitted; i++) {
		if (cursor->flights[i].done && cursor->flights[i].result != DELIVERY_OK)
			return;
	}
	while (cursor->submitted < FLIGHTS && cursor->next < RECORDS &&
	       (!cursor->bisecting || cursor->submitted == 0) &&
	       (f.eager || rng_chance(&f.rng, 60))) {
		struct flight *flight = &cursor->flights[cursor->submitted];
		size_t n = cursor->bisecting ? 1 : 1 + rng_below(&f.rng, RUN_MAX);
		size_t first = cursor->next;

		n = n < RECORDS - first ? n : RECORDS - first;
		*flight = (struct flight){.cursor = cursor, .first = first, .used = true};
		flight->order = cursor->submitted++;
		flight->delivery = (struct delivery){
			.bytes = str_make(cursor->text + first * RECORD_BYTES, n * RECORD_BYTES),
			.ends = &cursor->ends[first],
			.base = (uint32_t)(first * RECORD_BYTES),
			.n = n,
			.events = &cursor->events[first],
			.encoder = cursor == &f.cursors[2] ? &lone_encoder : &encoder,
			.source = &cursor->source,
			.cursor = cursor,
			.done = on_end,
		};
		cursor->next += n;
		f.in_submit = true;
		lanes_submit(f.lanes, &flight->delivery);
		f.in_submit = false;
	}
}

/* Brings back bundle `which` of those that the receiver has. */
static void bring_back(size_t which, const struct outcome *outcome)
{
	struct bundle *bundle = f.away[which];
	size_t n = outcome->result == DELIVERY_OK ? bundle->n : outcome->taken;

	f.away[which] = f.away[--f.n_away];
	for (size_t i = 0; i < bundle->n; i++) {
		struct cursor *cursor;
		size_t at = record_of(bundle, i, &cursor);

		cursor->away[at] = false;
		if (i < n)
			cursor->taken[at] = true;
	}
	lanes_ended(f.lanes, bundle, outcome);
}

/* The receiver has done with one of its bundles. */
static void come_back(void)
{
	size_t which = rng_below(&f.rng, f.n_away);
	const struct bundle *bundle = f.away[which];
	struct outcome outcome = {.result = DELIVERY_OK};
	unsigned lottery = (unsigned)rng_below(&f.rng, 4);

	error_set(&outcome.why, ERROR_RETRY, "it did not want to");
	if (rng_chance(&f.rng, f.trouble)) {
		outcome.result = lottery == 0 ? DELIVERY_FATAL : DELIVERY_RETRY;
		outcome.taken = lottery == 1 ? rng_below(&f.rng, bundle->n) : 0;
		if (lottery == 2)
			outcome.result = bundle->n == 1 ? DELIVERY_REJECT : DELIVERY_REFUSED;
	}
	bring_back(which, &outcome);
}

/* Three shards full of changes of few items, with a gap here and there. */
static void setup(uint64_t seed)
{
	memset(&f, 0, sizeof(f));
	world_init(&f.world);
	rng_init(&f.rng, seed);
	f.trouble = (unsigned)rng_below(&f.rng, 3) * 12;
	f.options = (struct lanes_options){
		.lanes = 1 + rng_below(&f.rng, 5),
		.batch_records = 1 + rng_below(&f.rng, 5),
		.batch_bytes = RECORD_BYTES * (1 + rng_below(&f.rng, 4)),
		.at_once = 1 + rng_below(&f.rng, 6),
		.send = on_send,
	};
	f.lanes = lanes_new(&f.world.io, &f.options);
	for (size_t c = 0; c < CURSORS; c++) {
		struct cursor *cursor = &f.cursors[c];

		for (size_t i = 0; i < RECORDS; i++) {
			struct event *event = &cursor->events[i];

			snprintf(cursor->keys[i], sizeof(cursor->keys[i]), "{\"k\":{\"N\":\"%d\"}}",
				 (int)rng_below(&f.rng, KEYS));
			event->keys = str_of(cursor->keys[i]);
			if (rng_chance(&f.rng, 4)) {
				event->op = EVENT_GAP;
				event->gap = &cursor->gap;
				event->keys = STR_NONE;
			}
			memset(cursor->text + i * RECORD_BYTES, 'a', RECORD_BYTES);
			cursor->ends[i] = (uint32_t)((i + 1) * RECORD_BYTES);
		}
	}
}

static bool all_delivered(void)
{
	for (size_t c = 0; c < CURSORS; c++) {
		if (f.cursors[c].frontier < RECORDS)
			return false;
	}
	return true;
}

/* One run until everything is delivered; what is not right was noted by then. */
static bool run(uint64_t seed)
{
	int steps = 0;

	setup(seed);
	for (size_t c = 0; c < CURSORS; c++)
		submit_more(&f.cursors[c]);
	for (; !all_delivered() && steps < STEPS_MAX; steps++) {
		world_turn(&f.world);
		if (f.n_away > 0)
			come_back();
		submit_more(&f.cursors[rng_below(&f.rng, CURSORS)]);
		/* Troubles end, so that everything gets there. */
		if (steps > STEPS_MAX / 2)
			f.trouble = 0;
	}
	for (size_t c = 0; c < CURSORS; c++) {
		for (size_t i = 0; i < RECORDS; i++)
			CHECK(f.cursors[c].taken[i]);
	}
	CHECK(all_delivered());
	world_turn(&f.world);
	lanes_free(f.lanes);
	world_release(&f.world);
	if (check_failures_in_test > 0)
		fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	return check_failures_in_test == 0;
}

static void order_and_contract_hold_whatever_the_receiver_does(void)
{
	int results[5] = {0};

	for (uint64_t seed = 1; seed <= SEEDS && run(seed); seed++) {
		for (int i = 0; i < 5; i++)
			results[i] += f.results[i];
	}
	for (int i = 0; i < 5; i++)
		CHECK(results[i] > 20); /* each end was seen often */
}

static void closing_at_any_moment_forgets(void)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		setup(seed);
		for (size_t c = 0; c < CURSORS; c++)
			submit_more(&f.cursors[c]);
		for (uint64_t step = 0; step < seed; step++) {
			world_turn(&f.world);
			if (f.n_away > 0)
				come_back();
		}
		lanes_free(f.lanes);
		f.is_closed = true;
		world_turn(&f.world);
		world_release(&f.world);
	}
}

/* Closes the lanes from within the first end. */
static void close_at_end(struct delivery *delivery, enum delivery_result result, size_t acked,
			 const struct error *why)
{
	(void)delivery;
	(void)result;
	(void)acked;
	(void)why;
	f.results[0]++;
	lanes_free(f.lanes);
}

static void closing_within_an_end_works(void)
{
	struct outcome ok = {.result = DELIVERY_OK};

	setup(1);
	f.eager = true;
	f.options.at_once = 2;
	f.options.lanes = 1;
	lanes_free(f.lanes);
	f.lanes = lanes_new(&f.world.io, &f.options);
	for (size_t c = 0; c < 2; c++) {
		submit_more(&f.cursors[c]);
		for (int i = 0; i < FLIGHTS; i++)
			f.cursors[c].flights[i].delivery.done = close_at_end;
	}
	while (f.results[0] == 0) {
		world_turn(&f.world);
		while (f.n_away > 0 && f.results[0] == 0)
			bring_back(f.n_away - 1, &ok);
	}
	CHECK_INT(f.results[0], 1);
	world_release(&f.world);
}

/* Sends nothing on, and writes down how deliveries are cut. */
static struct buf cuts;

static void on_send_note(void *arg, struct bundle *bundle)
{
	struct outcome ok = {.result = DELIVERY_OK};

	(void)arg;
	buf_fmt(&cuts, "%u:", bundle->lane);
	for (size_t i = 0; i < bundle->n; i++)
		buf_fmt(&cuts, " %u", bundle->records[i]);
	buf_c(&cuts, '\n');
	lanes_ended(f.lanes, bundle, &ok);
}

static void ignore_end(struct delivery *delivery, enum delivery_result result, size_t acked,
		       const struct error *why)
{
	(void)delivery;
	(void)why;
	CHECK(result == DELIVERY_OK ? acked == RECORDS : acked == 0);
}

/* Fails what comes first, once. */
static void on_send_fail_once(void *arg, struct bundle *bundle)
{
	struct outcome no = {.result = DELIVERY_RETRY};

	error_set(&no.why, ERROR_RETRY, "no");
	if (f.trouble == 0) {
		on_send_note(arg, bundle);
		return;
	}
	f.trouble = 0;
	lanes_ended(f.lanes, bundle, &no);
}

/* Whether both have the same lines, in any order. */
static bool same_lines(struct str a, struct str b)
{
	struct str rest = a;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n'), other = b;

		while (other.n > 0 && !str_eq(str_cut(&other, '\n'), line))
			;
		if (other.p == NULL)
			return false;
	}
	return a.n == b.n;
}

static void the_same_delivery_is_always_cut_the_same_way(void)
{
	const struct {
		size_t at_once;
		bool fails; /* at first */
	} rounds[] = {{1, false}, {3, false}, {3, true}};
	struct str first = STR_NONE;

	setup(7);
	buf_init(&cuts, 100000);
	for (size_t i = 0; i < ARRAY_N(rounds); i++) {
		struct lanes_options options = {3,   5, 1000, rounds[i].at_once, on_send_fail_once,
						NULL};
		struct cursor *cursor = &f.cursors[0];
		struct delivery delivery = {
			.bytes = str_make(cursor->text, sizeof(cursor->text)),
			.ends = cursor->ends,
			.n = RECORDS,
			.events = cursor->events,
			.encoder = &encoder,
			.source = &cursor->source,
			.cursor = cursor,
			.done = ignore_end,
		};

		lanes_free(f.lanes);
		f.lanes = lanes_new(&f.world.io, &options);
		f.trouble = rounds[i].fails;
		if (rounds[i].fails) {
			lanes_submit(f.lanes, &delivery);
			world_turn(&f.world);
		}
		buf_clear(&cuts);
		lanes_submit(f.lanes, &delivery);
		world_turn(&f.world);
		if (i == 0)
			first = arena_str(&f.world.arena, buf_view(&cuts));
		CHECK(first.n > 100 && same_lines(first, buf_view(&cuts)));
	}
	buf_release(&cuts);
	lanes_free(f.lanes);
	world_release(&f.world);
}

static void a_stopped_cursor_does_not_stop_others(void)
{
	struct outcome ok = {.result = DELIVERY_OK}, bad = {.result = DELIVERY_RETRY};

	setup(3);
	f.eager = true;
	f.options.at_once = 6;
	f.options.lanes = 2;
	lanes_free(f.lanes);
	f.lanes = lanes_new(&f.world.io, &f.options);
	error_set(&bad.why, ERROR_RETRY, "no");
	submit_more(&f.cursors[0]);
	submit_more(&f.cursors[1]);
	for (int i = 0; i < 2000 && f.cursors[1].frontier < RECORDS; i++) {
		struct cursor *cursor;

		world_turn(&f.world);
		must(f.n_away > 0);
		record_of(f.away[0], 0, &cursor);
		bring_back(0, cursor == &f.cursors[1] ? &ok : &bad);
	}
	CHECK_INT(f.cursors[1].frontier, RECORDS);
	CHECK_INT(f.cursors[0].frontier, 0);
	lanes_free(f.lanes);
	world_turn(&f.world);
	world_release(&f.world);
}

int main(void)
{
	CHECK_RUN(order_and_contract_hold_whatever_the_receiver_does);
	CHECK_RUN(closing_at_any_moment_forgets);
	CHECK_RUN(closing_within_an_end_works);
	CHECK_RUN(the_same_delivery_is_always_cut_the_same_way);
	CHECK_RUN(a_stopped_cursor_does_not_stop_others);
	return check_end();
}
