/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's codec, and the steps of adding a sink against the model of the service. */
#include "consumer/engine/registry.h"

#include "base/arena.h"
#include "consumer/aws/tableapi.h"
#include "tests/unit/service_fixture.h"

enum { ROWS = 5, STEPS_MAX = 200 };

static const struct str table = STR_INIT("rows");

/* What becomes of one request. */
enum fate { CARRIED_OUT, LOST, ANSWER_LOST };

/* A service with a checkpoint table that has leases, a worker and the schema. */
static void open_rows(struct fixture *f)
{
	struct service_options options;

	service_defaults(&options);
	*f = (struct fixture){.service = service_new(&options), .now_ms = T0};
	buf_init(&f->answer, 8 << 20);
	call(f, "CreateTable",
	     "{'TableName':'rows','AttributeDefinitions':[{'AttributeName':'leaseKey',"
	     "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'leaseKey','KeyType':'HASH'}],"
	     "'BillingMode':'PAY_PER_REQUEST'}");
	f->now_ms += 100;
	for (int i = 0; i < ROWS; i++) {
		callf(f, "PutItem",
		      "{'TableName':'rows','Item':{'leaseKey':{'S':'a/r/t/l/s%d'},"
		      "'leaseCounter':{'N':'10'},'checkpoint':{'S':'5'}}}",
		      i);
		CHECK_INT(f->status, 200);
	}
	call(f, "PutItem",
	     "{'TableName':'rows','Item':{'leaseKey':{'S':'ddbtap/worker/w'},'counter':{'N':'10'},"
	     "'incarnation':{'S':'i'}}}");
	call(f, "PutItem",
	     "{'TableName':'rows','Item':{'leaseKey':{'S':'ddbtap/schema'},'schema':{'N':'1'}}}");
}

/* Does the next step; false when there is none. */
static bool step(struct fixture *f, struct adding *adding, enum fate fate)
{
	enum adding_outcome outcome = ADDING_UNKNOWN;
	struct error err = {0};
	struct buf body;
	struct str target;
	bool more;

	buf_init(&body, 1 << 20);
	more = adding_next(adding, &target, &body);
	if (more && fate != LOST) {
		buf_clear(&f->answer);
		f->status =
			service_call(f->service, target, buf_view(&body), f->now_ms, &f->answer);
		if (fate == CARRIED_OUT)
			outcome = f->status == 200 ? ADDING_OK : ADDING_CONDITION;
		CHECK(f->status == 200 || has(buf_view(&f->answer), "ConditionalCheckFailed"));
	}
	if (more)
		CHECK(adding_take(adding, outcome, buf_view(&f->answer), &err));
	buf_release(&body);
	return more;
}

/* Reads the registry as the table has it. */
static struct registry get(struct fixture *f, struct arena *arena)
{
	struct registry registry = {0};
	struct error err = {0};
	struct str raw = STR_NONE;

	call(f, "GetItem",
	     "{'TableName':'rows','Key':{'leaseKey':{'S':'ddbtap/"
	     "registry'}},'ConsistentRead':true}");
	CHECK(tables_get_read(buf_view(&f->answer), &raw, &err));
	CHECK(registry_read(arena, raw.n == 0 ? raw : arena_str(arena, raw), &registry, &err));
	return registry;
}

/* Adds sinks without any trouble; how many rows were bumped. */
static size_t add(struct fixture *f, const struct str *names, size_t n)
{
	struct adding adding;
	size_t bumped;
	int steps = 0;

	adding_init(&adding, table, table, names, n);
	while (step(f, &adding, CARRIED_OUT) && steps < STEPS_MAX)
		steps++;
	CHECK_INT(adding.step, ADDING_DONE);
	bumped = adding.bumped;
	adding_release(&adding);
	return bumped;
}

/* Writes a changed registry. */
static void set(struct fixture *f, const struct registry *registry)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	registry_write(&body, table, registry);
	buf_clear(&f->answer);
	f->status = service_call(f->service, TABLES_UPDATE_ITEM, buf_view(&body), f->now_ms,
				 &f->answer);
	buf_release(&body);
}

/* The least counter of all lease rows. */
static int64_t least_counter(struct fixture *f)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < ROWS; i++) {
		char text[30];
		int64_t counter = 0;

		callf(f, "GetItem", "{'TableName':'rows','Key':{'leaseKey':{'S':'a/r/t/l/s%d'}}}",
		      i);
		field(f, "N", text, sizeof(text));
		CHECK(str_to_i64(str_of(text), &counter));
		if (counter < least)
			least = counter;
	}
	return least;
}

static void registry_reads_rows(void)
{
	static const char whole[] =
		"{\"leaseKey\":{\"S\":\"ddbtap/"
		"registry\"},\"version\":{\"N\":\"7\"},\"epoch\":{\"N\":"
		"\"2\"},\"seek\":{\"S\":\"x\"},\"lastGeneration\":{\"N\":\"4\"},\"sinks\":{\"M\":{"
		"\"a\":"
		"{\"M\":{\"generation\":{\"N\":\"4\"},\"state\":{\"S\":\"adding\"}}},\"b\":{\"M\":{"
		"\"state\":{\"S\":\"active\"},\"generation\":{\"N\":\"1\"}}}}},\"later\":{\"L\":[]}"
		"}";
	static const char *const bad[] = {
		"{}",
		"{\"version\":{\"N\":\"0\"}}",
		"{\"version\":{\"N\":\"x\"}}",
		"{\"version\":{\"N\":\"1\"},\"epoch\":{\"N\":\"-1\"}}",
		"{\"version\":{\"N\":\"1\"},\"sinks\":{\"M\":{\"a\":{\"S\":\"x\"}}}}",
		"{\"version\":{\"N\":\"1\"},\"sinks\":{\"M\":{\"a\":{\"M\":{\"state\":{\"S\":"
		"\"active\"}}}}}}",
		"{\"version\":{\"N\":\"1\"},\"sinks\":{\"M\":{\"a\":{\"M\":{\"state\":{\"S\":"
		"\"gone\"},"
		"\"generation\":{\"N\":\"1\"}}}}}}",
		"{\"version\":{\"N\":\"1\"}",
	};
	struct registry r;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(registry_read(&arena, str_of(whole), &r, &err));
	CHECK(r.version == 7 && r.epoch == 2 && r.last_generation == 4 && r.n_sinks == 2);
	CHECK_STR(r.seek, "x");
	CHECK(registry_find(&r, STR("a"))->generation == 4 && !registry_find(&r, STR("a"))->active);
	CHECK(registry_find(&r, STR("b"))->generation == 1 && registry_find(&r, STR("b"))->active);
	CHECK(registry_find(&r, STR("c")) == NULL);
	CHECK(registry_read(&arena, STR_NONE, &r, &err) && r.version == 0 && r.n_sinks == 0);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		if (!CHECK(!registry_read(&arena, str_of(bad[i]), &r, &err)))
			fprintf(stderr, "  %s\n", bad[i]);
		CHECK_INT(err.code, ERROR_DATA);
	}
	arena_release(&arena);
}

static void registry_writes_depend_on_the_version(void)
{
	struct fixture f;
	struct arena arena;
	struct registry mine, other;

	open_rows(&f);
	arena_init(&arena);
	mine = other = get(&f, &arena);
	CHECK(registry_register(&mine, STR("a"), 1));
	mine.epoch = 3;
	mine.seek = STR("id");
	set(&f, &mine);
	CHECK_INT(f.status, 200);
	set(&f, &other); /* it has not seen that */
	CHECK_INT(f.status, 400);
	mine = other = get(&f, &arena);
	CHECK(mine.version == 1 && mine.epoch == 3 && mine.n_sinks == 1);
	CHECK_STR(mine.seek, "id");
	mine.seek = STR_NONE;
	CHECK(registry_remove(&mine, STR("a")));
	CHECK(!registry_remove(&mine, STR("a")));
	set(&f, &mine);
	CHECK_INT(f.status, 200);
	set(&f, &other);
	CHECK_INT(f.status, 400);
	mine = get(&f, &arena);
	CHECK(mine.version == 2 && mine.epoch == 3 && mine.n_sinks == 0 && mine.seek.n == 0);
	CHECK_INT(mine.last_generation, 1);
	arena_release(&arena);
	teardown(&f);
}

static void adding_goes_through_all_rows(void)
{
	const struct str first[] = {STR("a"), STR("b")}, third[] = {STR("c"), STR("a")};
	struct fixture f;
	struct arena arena;
	struct registry r;

	open_rows(&f);
	arena_init(&arena);
	CHECK_INT(add(&f, first, 2), ROWS);
	CHECK_INT(least_counter(&f), 11);
	r = get(&f, &arena);
	CHECK(r.n_sinks == 2 && registry_find(&r, STR("a"))->active &&
	      registry_find(&r, STR("b"))->active);
	CHECK(registry_find(&r, STR("a"))->generation == 1 &&
	      registry_find(&r, STR("b"))->generation == 1);
	/* All there already: nothing is written. */
	CHECK_INT(add(&f, first, 2), 0);
	CHECK_INT(get(&f, &arena).version, r.version);
	/* One more, later. */
	CHECK_INT(add(&f, third, 2), ROWS);
	r = get(&f, &arena);
	CHECK(r.n_sinks == 3 && registry_find(&r, STR("c"))->generation == 2 &&
	      registry_find(&r, STR("c"))->active && registry_find(&r, STR("a"))->generation == 1);
	/* Removed and added again: a new generation. */
	CHECK(registry_remove(&r, STR("a")));
	set(&f, &r);
	CHECK_INT(add(&f, first, 1), ROWS);
	r = get(&f, &arena);
	CHECK_INT(registry_find(&r, STR("a"))->generation, 3);
	call(&f, "GetItem", "{'TableName':'rows','Key':{'leaseKey':{'S':'ddbtap/worker/w'}}}");
	CHECK(has(buf_view(&f.answer), "'counter':{'N':'10'}"));
	CHECK(!has(buf_view(&f.answer), "leaseCounter"));
	arena_release(&arena);
	teardown(&f);
}

static void adding_stops_at_the_most(void)
{
	char text[ROW_SINKS_MAX][16];
	struct str names[ROW_SINKS_MAX];
	struct fixture f;
	struct adding adding;
	struct error err = {0};
	struct str more = STR("more"), target;
	struct buf body;

	open_rows(&f);
	buf_init(&body, 1000);
	for (int i = 0; i < ROW_SINKS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "s%d", i);
		names[i] = str_of(text[i]);
	}
	add(&f, names, ROW_SINKS_MAX);
	adding_init(&adding, table, table, &more, 1);
	CHECK(adding_next(&adding, &target, &body));
	service_call(f.service, target, buf_view(&body), f.now_ms,
		     (buf_clear(&f.answer), &f.answer));
	CHECK(!adding_take(&adding, ADDING_OK, buf_view(&f.answer), &err));
	CHECK_INT(err.code, ERROR_CONFIG);
	adding_release(&adding);
	buf_release(&body);
	teardown(&f);
}

/*
 * Adds a sink with trouble in step number `when`, by one that ends there if `crash`, and checks the
 * end.
 */
static bool troubled(unsigned when, enum fate fate, bool crash)
{
	const struct str name = STR("a");
	struct fixture f;
	struct arena arena;
	struct adding adding;
	struct registry r;
	unsigned n = 0;
	bool reached;

	open_rows(&f);
	arena_init(&arena);
	adding_init(&adding, table, table, &name, 1);
	while (n < STEPS_MAX && step(&f, &adding, n == when ? fate : CARRIED_OUT)) {
		r = get(&f, &arena);
		/* Never active before every row was bumped after it was listed. */
		if (r.n_sinks == 1 && r.sinks[0].active)
			CHECK(least_counter(&f) >= 11);
		if (n++ == when && crash)
			break;
	}
	reached = n > when;
	adding_release(&adding);
	if (crash)
		add(&f, &name, 1);
	r = get(&f, &arena);
	CHECK(r.n_sinks == 1 && r.sinks[0].active && r.sinks[0].generation == 1);
	CHECK(least_counter(&f) >= 11);
	arena_release(&arena);
	teardown(&f);
	return reached;
}

static void adding_survives_trouble_at_every_step(void)
{
	for (int fate = CARRIED_OUT; fate <= ANSWER_LOST; fate++) {
		unsigned when = 0;

		while (troubled(when, (enum fate)fate, false))
			when++;
		CHECK(when >= ROWS + 4);
		when = 0;
		while (troubled(when, (enum fate)fate, true))
			when++;
		CHECK(when >= ROWS + 4);
	}
}

static void adding_by_two_at_once(void)
{
	const struct str name = STR("a");

	for (unsigned ahead = 0; ahead < ROWS + 5; ahead++) {
		struct fixture f;
		struct arena arena;
		struct adding one, two;
		struct registry r;
		bool more = true;

		open_rows(&f);
		arena_init(&arena);
		adding_init(&one, table, table, &name, 1);
		adding_init(&two, table, table, &name, 1);
		for (unsigned i = 0; i < ahead; i++)
			step(&f, &one, CARRIED_OUT);
		for (int i = 0; i < STEPS_MAX && more; i++) {
			more = step(&f, &two, CARRIED_OUT);
			more = step(&f, &one, CARRIED_OUT) || more;
		}
		CHECK(!more);
		r = get(&f, &arena);
		CHECK(r.n_sinks == 1 && r.sinks[0].active && r.sinks[0].generation == 1);
		CHECK(least_counter(&f) >= 11);
		adding_release(&one);
		adding_release(&two);
		arena_release(&arena);
		teardown(&f);
	}
}

static void adding_bumps_for_each_generation(void)
{
	const struct str name = STR("a");
	struct fixture f;
	struct arena arena;
	struct adding adding;
	struct registry r;

	open_rows(&f);
	arena_init(&arena);
	adding_init(&adding, table, table, &name, 1);
	while (adding.step != ADDING_ACTIVATE)
		step(&f, &adding, CARRIED_OUT);
	/* Somebody removes it, adds it again, and dies before any row is bumped. */
	r = get(&f, &arena);
	CHECK(registry_remove(&r, name));
	CHECK(registry_register(&r, name, r.last_generation + 1));
	set(&f, &r);
	CHECK_INT(f.status, 200);
	while (step(&f, &adding, CARRIED_OUT)) {
	}
	CHECK_INT(least_counter(&f), 12);
	r = get(&f, &arena);
	CHECK(registry_find(&r, name)->active && registry_find(&r, name)->generation == 2);
	adding_release(&adding);
	arena_release(&arena);
	teardown(&f);
}

static void adding_begins_anew_when_it_was_removed(void)
{
	const struct str name = STR("a"), other = STR("b");
	struct fixture f;
	struct arena arena;
	struct adding adding;
	struct registry r;

	open_rows(&f);
	arena_init(&arena);
	adding_init(&adding, table, table, &name, 1);
	while (adding.step != ADDING_ACTIVATE)
		step(&f, &adding, CARRIED_OUT);
	/* Somebody adds another one: this one's bumps still count. */
	CHECK_INT(add(&f, &other, 1), ROWS);
	step(&f, &adding, CARRIED_OUT);
	CHECK_INT(adding.step, ADDING_READ);
	step(&f, &adding, CARRIED_OUT);
	CHECK_INT(adding.step, ADDING_ACTIVATE);
	/* Somebody removes it: all again, for its new generation. */
	r = get(&f, &arena);
	CHECK(registry_remove(&r, name));
	set(&f, &r);
	CHECK_INT(f.status, 200);
	while (step(&f, &adding, CARRIED_OUT)) {
	}
	CHECK_INT(adding.bumped, 2 * ROWS);
	r = get(&f, &arena);
	CHECK_INT(registry_find(&r, name)->generation, 3);
	CHECK(registry_find(&r, name)->active);
	CHECK_INT(least_counter(&f), 13);
	adding_release(&adding);
	arena_release(&arena);
	teardown(&f);
}

int main(void)
{
	CHECK_RUN(registry_reads_rows);
	CHECK_RUN(registry_writes_depend_on_the_version);
	CHECK_RUN(adding_goes_through_all_rows);
	CHECK_RUN(adding_stops_at_the_most);
	CHECK_RUN(adding_survives_trouble_at_every_step);
	CHECK_RUN(adding_by_two_at_once);
	CHECK_RUN(adding_bumps_for_each_generation);
	CHECK_RUN(adding_begins_anew_when_it_was_removed);
	return check_end();
}
