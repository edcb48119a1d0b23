/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/adopt.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/worker.h"

enum { BODY_MAX_BYTES = 1 << 20, SINK_NAME_MAX_BYTES = 1024, SEEK_LOOKS_PER_HEARTBEAT = 3 };

static void ask(struct engine *engine);

/* The next request is due after `delay_ms`. */
static void step_after(struct engine *engine, int64_t delay_ms)
{
	io_timer_set(engine->io, &engine->adoption.timer, io_now_ms(engine->io) + delay_ms);
}

/* A request failed: again later, or, before the first success, the start ends here. */
static void trouble(struct engine *engine, struct call *call)
{
	struct adoption *a = &engine->adoption;
	struct error why = {0};
	int64_t delay_ms;

	call_error(call, &why);
	a->attempts++;
	if (!a->adopted && (call->outcome == CALL_REFUSED || call->outcome == CALL_ERROR ||
			    start_is_futile(engine, a->attempts))) {
		error_prefix(&why, "checkpoint table %.*s", STR_ARG(engine->options.own_table));
		engine_stop(engine, &why);
		return;
	}
	delay_ms = call_delay_ms(call, a->attempts);
	io_log(engine->io, IO_WARN, "registry.failed retry_ms=%lld error=\"%s\"",
	       (long long)delay_ms, why.text);
	step_after(engine, delay_ms);
}

/* "<name>" or, of a later generation, "<name>.<generation>": what a sink's attribute ends with. */
static char *attribute_of(const struct registry_sink *sink)
{
	struct buf text;

	buf_init(&text, SINK_NAME_MAX_BYTES);
	buf_str(&text, sink->name);
	if (sink->generation > 1)
		buf_fmt(&text, ".%lld", (long long)sink->generation);
	return buf_detach(&text);
}

/* "<name>.<generation>": what heartbeat rows call a sink. */
static char *running_name(const struct registry_sink *sink)
{
	struct buf text;

	buf_init(&text, SINK_NAME_MAX_BYTES);
	buf_fmt(&text, "%.*s.%lld", STR_ARG(sink->name), (long long)sink->generation);
	return buf_detach(&text);
}

/* Whether we run the sink, and it gets some table. */
static bool is_ours(const struct engine *engine, struct str name)
{
	for (size_t i = 0; i < engine->options.n_sinks; i++) {
		if (engine->taps[i].fed && str_eq(engine->taps[i].name, name))
			return true;
	}
	return false;
}

/* Says what we go by from now on. */
static void say_adopted(const struct engine *engine)
{
	const struct adoption *a = &engine->adoption;
	struct buf sinks;

	buf_init(&sinks, ROW_SINKS_MAX * SINK_NAME_MAX_BYTES);
	for (size_t i = 0; i < a->n_running; i++)
		buf_fmt(&sinks, "%s%.*s", i == 0 ? "" : ",", STR_ARG(a->running[i]));
	io_log(engine->io, IO_INFO, "registry.adopted worker=%s version=%lld epoch=%lld sinks=%.*s",
	       engine->worker_id, (long long)a->version, (long long)a->epoch,
	       STR_ARG(buf_view(&sinks)));
	buf_release(&sinks);
}

/* Remembers which sinks there are, and what those that are ours are called in rows. */
static void take_over(struct engine *engine, struct registry *registry)
{
	struct adoption *a = &engine->adoption;

	for (size_t i = 0; i < registry->n_sinks; i++) {
		const struct registry_sink *sink = &registry->sinks[i];

		a->names[a->n_names] = running_name(sink);
		a->registered[a->n_names] = str_of(a->names[a->n_names]);
		if (is_ours(engine, sink->name)) {
			a->running[a->n_running++] = a->registered[a->n_names];
		} else {
			a->lacking = true;
			io_log(engine->io, IO_WARN, "sink.unserved sink=%.*s advice=\"%s\"",
			       STR_ARG(sink->name),
			       "it is registered and this worker does not run it, so nothing is "
			       "finished here; if it was given up for good: ddbtap sinks remove");
		}
		a->n_names++;
	}
	for (size_t i = 0; i < engine->options.n_sinks; i++) {
		struct tap *tap = &engine->taps[i];

		if (!tap->fed)
			continue;
		mem_free(tap->attribute);
		tap->attribute = attribute_of(registry_find(registry, tap->name));
	}
	for (size_t i = 0; i < engine->options.n_tables; i++) {
		struct table *table = &engine->tables[i];

		must(list_empty(&table->streams));
		for (size_t k = 0; k < table->sinks.n; k++)
			table->sinks.names[k] = str_of(table->taps[k]->attribute);
	}
	a->version = registry->version;
	a->epoch = registry->epoch;
	a->adopted = true;
	say_adopted(engine);
	worker_adopted(engine);
}

/* A step of adding our sinks has been answered. */
static void added(struct call *call)
{
	struct engine *engine = call->owner;
	struct adoption *a = &engine->adoption;
	enum adding_outcome outcome = ADDING_OK;
	struct error why = {0};

	a->call = NULL;
	if (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED)
		outcome = ADDING_CONDITION;
	else if (call->outcome != CALL_OK)
		outcome = ADDING_UNKNOWN;
	if (!adding_take(a->adding, outcome, buf_view(&call->http.answer), &why)) {
		engine_stop(engine, &why);
		return;
	}
	if (outcome == ADDING_UNKNOWN) {
		trouble(engine, call);
		return;
	}
	a->attempts = 0;
	step_after(engine, 0);
}

/* Sends the next request of adding our sinks; at the end the registry is as it was written. */
static void add_step(struct engine *engine)
{
	struct adoption *a = &engine->adoption;
	struct str target;
	struct buf body;

	buf_init(&body, BODY_MAX_BYTES);
	if (adding_next(a->adding, &target, &body)) {
		a->call = call_new(engine, IO_TABLES, target, added, engine);
		buf_str(&a->call->http.body, buf_view(&body));
		call_start(a->call);
	} else {
		struct adding *adding = a->adding;

		a->adding = NULL;
		io_log(engine->io, IO_INFO, "sinks.registered worker=%s", engine->worker_id);
		if (adding->registry.seek.n > 0)
			ask(engine);
		else
			take_over(engine, &adding->registry);
		adding_release(adding);
		mem_free(adding);
	}
	buf_release(&body);
}

/*
 * Adds those of our sinks that are not registered, or that somebody else may have left half added; false
 * when there are none.
 */
static bool add_missing(struct engine *engine, struct registry *registry)
{
	struct adoption *a = &engine->adoption;
	size_t n = 0;

	for (size_t i = 0; i < engine->options.n_sinks; i++) {
		const struct tap *tap = &engine->taps[i];
		const struct registry_sink *sink =
			tap->fed ? registry_find(registry, tap->name) : NULL;

		if (!tap->fed || (sink != NULL && (sink->active || engine->renewed)))
			continue;
		if (sink == NULL && engine->renewed) {
			struct error why;

			error_set(&why, ERROR_CONFIG,
				  "sink %.*s was taken out of the registry while this worker ran "
				  "it: take it out of the configuration, or start again, which "
				  "adds it as a new one",
				  STR_ARG(tap->name));
			engine_stop(engine, &why);
			return true;
		}
		a->missing[n++] = tap->name;
	}
	if (n == 0)
		return false;
	a->adding = mem_alloc(sizeof(*a->adding));
	adding_init(a->adding, engine->options.own_table, engine->options.checkpoint_table,
		    a->missing, n);
	add_step(engine);
	return true;
}

/* A seek is under way: takes nothing, says so, and asks again. */
static void wait_for_seek(struct engine *engine, const struct registry *registry)
{
	struct adoption *a = &engine->adoption;
	int64_t now_ms = io_now_ms(engine->io);

	if (a->epoch != registry->epoch) {
		a->epoch = registry->epoch;
		worker_beat_soon(engine);
	}
	if (a->said_ms == 0 || now_ms - a->said_ms >= MINUTE_MS) {
		a->said_ms = now_ms;
		io_log(engine->io, IO_WARN, "start.waits worker=%s seek=\"%.*s\" advice=\"%s\"",
		       engine->worker_id, STR_ARG(registry->seek),
		       "a seek is under way; if it was interrupted, give the same command again, "
		       "or give it up by: ddbtap seek --abandon");
	}
	step_after(engine, engine->options.heartbeat_ms / SEEK_LOOKS_PER_HEARTBEAT + 1);
}

/* Whether the registry says what we go by. */
static bool is_same(const struct engine *engine, const struct registry *registry)
{
	const struct adoption *a = &engine->adoption;
	size_t n = 0;

	for (size_t i = 0; i < registry->n_sinks; i++) {
		char *name = running_name(&registry->sinks[i]);

		for (size_t k = 0; k < a->n_names; k++)
			n += str_eq(a->registered[k], str_of(name));
		mem_free(name);
	}
	return registry->seek.n == 0 && registry->epoch == a->epoch && n == a->n_names &&
	       n == registry->n_sinks;
}

/* The registry has been read that we have adopted already. */
static void compare(struct engine *engine, const struct registry *registry)
{
	struct adoption *a = &engine->adoption;

	if (!is_same(engine, registry)) {
		a->changed = true;
		dirty_flush(engine);
		engine_renew(engine, registry->seek.n > 0 || registry->epoch != a->epoch
					     ? "a seek"
					     : "other sinks are registered");
		return;
	}
	a->version = registry->version;
	a->seen = a->asked;
	dirty_flush(engine);
	if (a->wanted > a->seen && a->call == NULL)
		ask(engine);
}

/* The registry has been read. */
static void answered(struct call *call)
{
	struct engine *engine = call->owner;
	struct adoption *a = &engine->adoption;
	struct registry registry;
	struct error why = {0};
	struct arena arena;
	struct str raw;

	a->call = NULL;
	if (call->outcome != CALL_OK) {
		trouble(engine, call);
		return;
	}
	a->attempts = 0;
	arena_init(&arena);
	if (!tables_get_read(buf_view(&call->http.answer), &raw, &why) ||
	    !registry_read(&arena, raw, &registry, &why))
		engine_stop(engine, &why);
	else if (a->adopted)
		compare(engine, &registry);
	else if (registry.seek.n > 0)
		wait_for_seek(engine, &registry);
	else if (!add_missing(engine, &registry))
		take_over(engine, &registry);
	arena_release(&arena);
}

/* Asks for the registry, unless it is asked for already. */
static void ask(struct engine *engine)
{
	struct adoption *a = &engine->adoption;

	if (a->call != NULL || engine->stopped)
		return;
	io_timer_cancel(engine->io, &a->timer);
	a->asked++;
	a->call = call_new(engine, IO_TABLES, TABLES_GET_ITEM, answered, engine);
	registry_ask(&a->call->http.body, engine->options.own_table);
	call_start(a->call);
}

/* The next request of the start, or one that failed. */
static void due(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, adoption.timer);

	if (engine->stopped)
		return;
	if (engine->adoption.adding != NULL)
		add_step(engine);
	else
		ask(engine);
}

void adopt_start(struct engine *engine)
{
	engine->adoption.timer.fire = due;
	ask(engine);
}

void adopt_want(struct shard *shard)
{
	shard->registry_need = shard->stream->table->engine->adoption.asked + 1;
}

/* Asks for a registry that is at least as new as the number `need` says. */
static void want(struct engine *engine, uint64_t need)
{
	struct adoption *a = &engine->adoption;

	if (a->wanted < need)
		a->wanted = need;
	/* One that failed comes again by itself. */
	if (a->call == NULL && a->attempts == 0)
		ask(engine);
}

bool adopt_may_write(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	if (engine->adoption.seen >= shard->registry_need)
		return true;
	want(engine, shard->registry_need);
	return false;
}

bool adopt_look(struct engine *engine, struct arena *arena, struct str raw, struct error *err)
{
	struct adoption *a = &engine->adoption;
	struct registry registry;

	if (!registry_read(arena, raw, &registry, err))
		return false;
	/* A look may show what was before; a read of the registry by itself does not. */
	if (a->adopted && registry.version > a->version)
		want(engine, a->asked + 1);
	return true;
}

bool adopt_is_whole(const struct engine *engine, const struct str *sinks, size_t n)
{
	const struct adoption *a = &engine->adoption;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < a->n_names; k++)
			found += str_eq(sinks[i], a->registered[k]);
	}
	return found == a->n_names;
}

void adopt_release(struct engine *engine)
{
	struct adoption *a = &engine->adoption;

	call_cancel(&a->call);
	io_timer_cancel(engine->io, &a->timer);
	if (a->adding != NULL)
		adding_release(a->adding);
	mem_free(a->adding);
	a->adding = NULL;
	for (size_t i = 0; i < a->n_names; i++)
		mem_free(a->names[i]);
	a->n_names = 0;
}
