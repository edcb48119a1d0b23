/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deliveries end that lanes carry, when things go wrong at particular moments.
 */
#include "sinks/webhook/lanes.h"

#include "tests/check.h"
#include "tests/unit/scripted_world.h"

enum { RECORDS = 40, RECORD_BYTES = 8, ENDS_MAX = 8 };

static struct {
	struct world world;
	struct lanes *lanes;
	struct lanes_options options;
	struct event events[RECORDS];
	char keys[RECORDS][32], text[RECORDS * RECORD_BYTES];
	uint32_t ends[RECORDS];
	struct bundle *away[RECORDS];
	size_t n_away;
	int sent; /* bundles */
	size_t refused; /* which record was */
	/* How each delivery ended, in the order of ends. */
	struct {
		enum delivery_result result;
		size_t acked;
		int64_t retry_after_ms;
		int sent; /* until then */
	} ended[ENDS_MAX];
	int n_ended;
	struct delivery *again; /* handed in at the first end */
} f;

static const struct framing framing = {"", "", "[", "]", "a/b", "a/b+batch", false};
static const struct encoder encoder = {.framing = &framing};
static const struct source source;
static const char cursor;

/* Lanes of bundles of one record, each of which has a key of its own. */
static void setup(size_t lanes, size_t at_once, void (*send)(void *, struct bundle *))
{
	memset(&f, 0, sizeof(f));
	world_init(&f.world);
	f.options = (struct lanes_options){lanes, 1, 1000, at_once, send, NULL};
	f.lanes = lanes_new(&f.world.io, &f.options);
	for (size_t i = 0; i < RECORDS; i++) {
		snprintf(f.keys[i], sizeof(f.keys[i]), "{\"k\":{\"N\":\"%d\"}}", (int)i);
		f.events[i] = (struct event){.keys = str_of(f.keys[i])};
		memset(f.text + i * RECORD_BYTES, 'a', RECORD_BYTES);
		f.ends[i] = (uint32_t)((i + 1) * RECORD_BYTES);
	}
}

static void teardown(void)
{
	lanes_free(f.lanes);
	world_turn(&f.world);
	world_release(&f.world);
}

static void note_end(struct delivery *delivery, enum delivery_result result, size_t acked,
		     const struct error *why)
{
	(void)why;
	must(f.n_ended < ENDS_MAX);
	f.ended[f.n_ended].result = result;
	f.ended[f.n_ended].acked = acked;
	f.ended[f.n_ended].retry_after_ms = delivery->retry_after_ms;
	f.ended[f.n_ended++].sent = f.sent;
	if (f.again != NULL) {
		struct delivery *it = f.again;

		f.again = NULL;
		lanes_submit(f.lanes, it);
	}
}

/* A delivery of the records from `first` on. */
static struct delivery delivery_of(size_t first, size_t n)
{
	return (struct delivery){
		.bytes = str_make(f.text + first * RECORD_BYTES, n * RECORD_BYTES),
		.ends = &f.ends[first],
		.base = (uint32_t)(first * RECORD_BYTES),
		.n = n,
		.events = &f.events[first],
		.encoder = &encoder,
		.source = &source,
		.cursor = &cursor,
		.done = note_end,
	};
}

/* Takes everything but the record sent first, which it refuses for good. */
static void on_send_refuse_first(void *arg, struct bundle *bundle)
{
	struct outcome ok = {.result = DELIVERY_OK}, no = {.result = DELIVERY_REJECT};

	(void)arg;
	error_set(&no.why, ERROR_DATA, "no");
	if (f.sent++ == 0)
		f.refused = bundle->records[0];
	lanes_ended(f.lanes, bundle, f.sent == 1 ? &no : &ok);
}

static void what_stands_before_a_refused_record_still_goes_out(void)
{
	struct delivery delivery;

	setup(8, 1, on_send_refuse_first);
	delivery = delivery_of(0, 20);
	lanes_submit(f.lanes, &delivery);
	world_turn(&f.world);
	CHECK(f.refused > 0); /* by how keys fall into lanes, others were not sent yet */
	CHECK_INT(f.n_ended, 1);
	CHECK(f.ended[0].result == DELIVERY_REJECT && f.ended[0].acked == f.refused);
	CHECK(f.sent < 20); /* and nothing of what stands behind it */
	teardown();
}

/* Fails everything, and asks for patience. */
static void on_send_fail(void *arg, struct bundle *bundle)
{
	struct outcome no = {.result = DELIVERY_RETRY, .retry_after_ms = 100 + f.sent};

	(void)arg;
	f.sent++;
	error_set(&no.why, ERROR_RETRY, "no");
	lanes_ended(f.lanes, bundle, &no);
}

static void what_comes_in_while_a_failure_is_told_ends_with_it(void)
{
	struct delivery a = delivery_of(0, 5), b = delivery_of(5, 5), c = delivery_of(10, 5),
			d = delivery_of(0, 5);

	setup(1, 1, on_send_fail);
	f.again = &d;
	lanes_submit(f.lanes, &a);
	lanes_submit(f.lanes, &b);
	lanes_submit(f.lanes, &c);
	world_turn(&f.world);
	CHECK_INT(f.n_ended, 4);
	for (int i = 0; i < f.n_ended; i++) {
		CHECK(f.ended[i].result == DELIVERY_RETRY && f.ended[i].acked == 0);
		CHECK_INT(f.ended[i].sent, 1);
	}
	for (int i = 0; i < 3; i++)
		CHECK_INT(f.ended[i].retry_after_ms, 100);
	teardown();
}

/* Only keeps what is sent. */
static void on_send_keep(void *arg, struct bundle *bundle)
{
	(void)arg;
	f.away[f.n_away++] = bundle;
}

static void what_comes_in_behind_a_failure_is_not_sent(void)
{
	struct delivery a = delivery_of(0, 20), b = delivery_of(20, 20);
	struct outcome no = {.result = DELIVERY_RETRY}, ok = {.result = DELIVERY_OK};
	struct bundle *away[2];

	setup(2, 2, on_send_keep);
	error_set(&no.why, ERROR_RETRY, "no");
	lanes_submit(f.lanes, &a);
	world_turn(&f.world);
	must(f.n_away == 2);
	away[0] = f.away[0];
	away[1] = f.away[1];
	lanes_ended(f.lanes, away[0], &no);
	lanes_submit(f.lanes, &b);
	world_turn(&f.world);
	CHECK_INT(f.n_away, 2); /* nothing new */
	CHECK_INT(f.n_ended, 0); /* one bundle is still away */
	lanes_ended(f.lanes, away[1], &ok);
	world_turn(&f.world);
	CHECK_INT(f.n_ended, 2);
	CHECK_INT(f.n_away, 2);
	CHECK(f.ended[0].result == DELIVERY_RETRY && f.ended[1].result == DELIVERY_RETRY);
	teardown();
}

static void after_a_failure_one_bundle_goes_first(void)
{
	struct delivery a = delivery_of(0, 20);
	struct outcome no = {.result = DELIVERY_RETRY}, ok = {.result = DELIVERY_OK};

	setup(4, 8, on_send_keep);
	error_set(&no.why, ERROR_RETRY, "no");
	lanes_submit(f.lanes, &a);
	world_turn(&f.world);
	CHECK_INT(f.n_away, 4);
	for (int i = 0; i < 4; i++)
		lanes_ended(f.lanes, f.away[i], f.away[i]->records[0] == 0 ? &no : &ok);
	world_turn(&f.world);
	CHECK_INT(f.n_ended, 1);
	for (int i = 0; i < 3; i++) { /* for as long as it fails */
		f.n_away = 0;
		lanes_submit(f.lanes, &a);
		world_turn(&f.world);
		CHECK_INT(f.n_away, 1);
		CHECK_INT(f.away[0]->records[0], 0);
		lanes_ended(f.lanes, f.away[0], i < 2 ? &no : &ok);
		world_turn(&f.world);
	}
	CHECK_INT(f.n_ended, 3);
	CHECK_INT(f.n_away, 1 + 4); /* and then all lanes again */
	teardown();
}

int main(void)
{
	CHECK_RUN(what_stands_before_a_refused_record_still_goes_out);
	CHECK_RUN(what_comes_in_while_a_failure_is_told_ends_with_it);
	CHECK_RUN(what_comes_in_behind_a_failure_is_not_sent);
	CHECK_RUN(after_a_failure_one_bundle_goes_first);
	return check_end();
}
