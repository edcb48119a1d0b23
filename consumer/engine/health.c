/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/health.h"

#include "consumer/engine/cursor.h"
#include "consumer/engine/view.h"

/* So many writes of a row that fail, one after the other, take half a minute and more. */
enum { ROW_ATTEMPTS_MANY = 12 };

/* Who wants to know. */
struct teller {
	struct engine *engine;
	int64_t now_ms;
	void (*fn)(void *arg, const struct engine_reason *reason);
	void *arg;
};

/* Shards with the same trouble. */
struct finding {
	size_t n;
	const struct shard *first; /* the one that has had it the longest */
	int64_t since_ms;
};

/* What one walk over a table's shards finds; by cursor index, where it is a sink's. */
struct findings {
	struct finding unread, unwritten;
	struct finding refused[ENGINE_SINKS_MAX], stalled[ENGINE_SINKS_MAX];
	const struct tap *letters[ENGINE_SINKS_MAX]; /* the sink that holds up a stalled one */
};

const char *engine_ill_word(enum engine_ill ill)
{
	static const char *const words[ENGINE_ILLS] = {
		[ENGINE_ILL_STARTING] = "starting", [ENGINE_ILL_ENDING] = "ending",
		[ENGINE_ILL_PAUSED] = "paused",	    [ENGINE_ILL_UNLISTED] = "unlisted",
		[ENGINE_ILL_ALARM] = "alarm",	    [ENGINE_ILL_DISABLED] = "disabled",
		[ENGINE_ILL_VIEW] = "view",	    [ENGINE_ILL_STOPPED] = "stopped",
		[ENGINE_ILL_UNREAD] = "unread",	    [ENGINE_ILL_UNWRITTEN] = "unwritten",
		[ENGINE_ILL_REFUSED] = "refused",   [ENGINE_ILL_FATAL] = "fatal",
		[ENGINE_ILL_STALLED] = "stalled",
	};

	return words[ill];
}

/* Tells a reason that is about the worker. */
static void tell_worker(const struct teller *t, enum engine_ill ill, int64_t since_ms,
			const char *advice)
{
	struct engine_reason reason = {.ill = ill, .since_ms = since_ms, .advice = advice};

	t->fn(t->arg, &reason);
}

/* What a worker that starts is at. */
static const char *starting(enum worker_state state)
{
	switch (state) {
	case WORKER_TABLE:
		return "it looks for the checkpoint table";
	case WORKER_CREATING:
		return "it waits for the checkpoint table to become active";
	case WORKER_SCHEMA:
		return "it looks at the checkpoint table's schema";
	case WORKER_MEMBER:
	case WORKER_HEARTBEAT:
		return "it wants its heartbeat row: a former worker of the same id may have to be "
		       "silent for the lease time first";
	case WORKER_REGISTRY:
		return "it reads which sinks are registered: a seek that is under way has to end "
		       "first";
	case WORKER_SCAN:
		return "it looks at the other workers and reads the checkpoint table's rows";
	case WORKER_RUNNING:
	case WORKER_LEAVING:
	case WORKER_STOPPED:
		break;
	}
	return NULL;
}

/* Looks at the worker as a whole. */
static void look_at_worker(const struct teller *t)
{
	const struct engine *engine = t->engine;
	const char *at = starting(engine->worker);

	if (engine->renewing)
		tell_worker(t, ENGINE_ILL_STARTING, 0,
			    "it begins anew, for the registry of sinks has changed");
	else if (engine->draining || engine->stopped || engine->worker == WORKER_STOPPED)
		tell_worker(t, ENGINE_ILL_ENDING, 0, "it ends, as it was asked to or has to");
	else if (at != NULL)
		tell_worker(t, ENGINE_ILL_STARTING, 0, at);
	else if (engine->paused)
		tell_worker(t, ENGINE_ILL_PAUSED, engine->beat_ms,
			    "no heartbeat gets through, so nothing is delivered: see whether the "
			    "checkpoint table can be reached and written");
}

/* Tells a reason that is about one table, and maybe one of its sinks. */
static void tell_table(const struct teller *t, const struct table *table, enum engine_ill ill,
		       struct str sink, int64_t since_ms, const char *advice)
{
	struct engine_reason reason = {
		.ill = ill,
		.table = table->options->name,
		.sink = sink,
		.since_ms = since_ms,
		.advice = advice,
	};

	t->fn(t->arg, &reason);
}

/*
 * Whether no listing of some stream is done that should be: of the first, or of one that came long
 * ago.
 */
static bool unlisted(const struct teller *t, const struct table *table)
{
	bool any = false, late = false;

	list_each(it, &table->streams, spare) {
		const struct stream *stream = CONTAINER_OF(it, struct stream, link);

		any = any || stream->listed;
		late = late || (!stream->listed &&
				t->now_ms - stream->found_ms > t->engine->options.stalled_after_ms);
	}
	return !any || late;
}

/* Looks at what is wrong with a table as such. */
static void look_at_table(const struct teller *t, const struct table *table)
{
	struct error why = {0};

	for (size_t i = 0; i < ALARM_SOURCES; i++) {
		const struct alarm *alarm = &table->alarms[i];

		if (alarm->since_ms != 0)
			tell_table(t, table, ENGINE_ILL_ALARM, STR_NONE, alarm->since_ms,
				   alarm->why.text);
	}
	if (table->failed)
		tell_table(t, table, ENGINE_ILL_STOPPED, STR_NONE, 0,
			   "changes were lost before they could be read, and on_gap is fail: set "
			   "on_gap: skip to report the gap and go on");
	if (table->disabled)
		tell_table(t, table, ENGINE_ILL_DISABLED, STR_NONE, 0,
			   "its stream is disabled, so changes are not recorded: enable it again");
	for (size_t i = 0; i < table->sinks.n; i++) {
		if (view_lacks(table, i, &why))
			tell_table(t, table, ENGINE_ILL_VIEW, table->sinks.names[i], 0, why.text);
	}
	if (unlisted(t, table))
		tell_table(t, table, ENGINE_ILL_UNLISTED, STR_NONE, 0,
			   "its stream's shards are not known yet: the log says what was asked, "
			   "and answered");
}

/* Adds a shard to a finding. */
static void note(struct finding *finding, const struct shard *shard, int64_t since_ms)
{
	if (finding->n++ > 0 && finding->since_ms <= since_ms)
		return;
	finding->first = shard;
	finding->since_ms = since_ms;
}

/* Whether the cursor has something to do: with its sink, or before it is at the lead. */
static bool outstanding(const struct cursor *cu)
{
	if (cu->state == CURSOR_WAITING_PARENTS || cu->state == CURSOR_DONE)
		return false;
	return !cursor_quiet(cu) || cu->group != GROUP_LEAD;
}

/*
 * Since when a cursor with something to do has got no further. One that catches up, and was handed
 * all that its reader brought, is as far as that one: which may find nothing, for what it looks
 * for is trimmed.
 */
static int64_t still_since(const struct cursor *cu)
{
	const struct reader *catchup = cu->shard->catchup;

	if (cu->group == GROUP_CATCHUP && cursor_quiet(cu) && catchup != NULL &&
	    catchup->sent_ms > cu->moved_ms)
		return catchup->sent_ms;
	return cu->moved_ms;
}

/*
 * Since when the lead reader should have brought a page: it is to read, has not done so for long,
 * and does not stand in line for its turn. 0: all is well.
 */
static int64_t unread_since(const struct teller *t, const struct shard *shard)
{
	const struct engine_options *options = &t->engine->options;
	const struct reader *lead = shard->lead;
	int64_t since_ms = 0;

	if (lead == NULL || lead->state == READER_ENDED || lead->state == READER_FULL ||
	    lead->turn.place != 0 || shard->vanished || shard->heir != NULL)
		return 0;
	/* Those that follow it moved, at the earliest, when it began. */
	for (size_t i = 0; i < shard->n_cursors; i++) {
		const struct cursor *cu = &shard->cursors[i];

		if (cu->group == GROUP_LEAD && cu->moved_ms > since_ms)
			since_ms = cu->moved_ms;
	}
	if (since_ms == 0)
		return 0; /* it waits until somebody follows */
	if (lead->sent_ms > since_ms)
		since_ms = lead->sent_ms;
	return t->now_ms - since_ms > options->stalled_after_ms + options->max_latency_ms ? since_ms
											  : 0;
}

/* Looks at one shard of ours. */
static void look_at_shard(const struct teller *t, const struct shard *shard, struct findings *found)
{
	int64_t since_ms = unread_since(t, shard);

	if (since_ms != 0)
		note(&found->unread, shard, since_ms);
	for (size_t i = 0; i < shard->n_cursors; i++) {
		const struct cursor *cu = &shard->cursors[i];

		if (!outstanding(cu))
			continue;
		if (cu->blocked && cu->letter == NULL) {
			note(&found->refused[i], shard, cu->moved_ms);
		} else if (t->now_ms - still_since(cu) > t->engine->options.stalled_after_ms) {
			note(&found->stalled[i], shard, still_since(cu));
			found->letters[i] = cu->letter == NULL ? NULL : cu->tap->letters;
		}
	}
}

/* Looks at all shards of a table. */
static void find(const struct teller *t, const struct table *table, struct findings *found)
{
	*found = (struct findings){0};
	list_each(it, &table->streams, spare) {
		const struct stream *stream = CONTAINER_OF(it, struct stream, link);
		const struct shard *shard;
		size_t at = 0;

		while ((shard = map_next(&stream->shards, &at)) != NULL) {
			if (shard->row_attempts >= ROW_ATTEMPTS_MANY)
				note(&found->unwritten, shard, 0);
			if (shard->state == SHARD_OWNED)
				look_at_shard(t, shard, found);
		}
	}
}

/* Tells a finding, if there is any. */
static void tell_finding(const struct teller *t, const struct table *table, enum engine_ill ill,
			 struct str sink, const struct finding *finding, const char *advice)
{
	struct engine_reason reason = {
		.ill = ill,
		.table = table->options->name,
		.sink = sink,
		.shards = finding->n,
		.since_ms = finding->since_ms,
		.advice = advice,
	};

	if (finding->n == 0)
		return;
	reason.shard = str_of(finding->first->id);
	t->fn(t->arg, &reason);
}

/* Tells that a sink gets no further in some shards of a table, and why that may be. */
static void tell_stalled(const struct teller *t, const struct table *table, size_t i,
			 const struct findings *found)
{
	const struct tap *tap = table->taps[i], *holder = tap;
	struct error why = {0};

	if (found->letters[i] != NULL)
		holder = found->letters[i];
	if (found->letters[i] != NULL)
		error_set(&why, ERROR_RETRY,
			  "it waits until sink %.*s takes its dead letters: see whether what that "
			  "one writes to is well",
			  STR_ARG(holder->name));
	else if (tap->troubled_n > 0)
		error_set(&why, ERROR_RETRY,
			  "what it is handed comes back, is tried again, and comes back; mend what "
			  "it says: %s",
			  tap->why.text);
	else
		error_set(&why, ERROR_RETRY,
			  "it has changes to take and takes none: see whether what it writes to is "
			  "well, and whether its changes can still be read");
	tell_finding(t, table, ENGINE_ILL_STALLED, tap->name, &found->stalled[i], why.text);
}

/* Looks at the progress of a table's shards. */
static void look_at_progress(const struct teller *t, const struct table *table)
{
	struct findings found;

	find(t, table, &found);
	/* What an alarm says already. */
	if (table->alarms[ALARM_READ].since_ms == 0)
		tell_finding(t, table, ENGINE_ILL_UNREAD, STR_NONE, &found.unread,
			     "no page was read for so long, though it is time: the log says what "
			     "the service answers (read.failed), or memory is short "
			     "(engine.budget)");
	tell_finding(t, table, ENGINE_ILL_UNWRITTEN, STR_NONE, &found.unwritten,
		     "positions cannot be written down, so that a restart would deliver again what "
		     "came since: the log says what the checkpoint table answers "
		     "(checkpoint.failed)");
	for (size_t i = 0; i < table->sinks.n; i++) {
		tell_finding(t, table, ENGINE_ILL_REFUSED, table->taps[i]->name, &found.refused[i],
			     "it refuses a record, behind which the shard waits: make it accept "
			     "that, or set dead_letter to pass such records; the log says which "
			     "record (sink.blocked)");
		tell_stalled(t, table, i, &found);
	}
}

/* Looks at the sinks as such. */
static void look_at_sinks(const struct teller *t)
{
	for (size_t i = 0; i < t->engine->options.n_sinks; i++) {
		const struct tap *tap = &t->engine->taps[i];
		struct engine_reason reason = {
			.ill = ENGINE_ILL_FATAL,
			.sink = tap->name,
			.advice = tap->why.text,
		};

		if (tap->fatal)
			t->fn(t->arg, &reason);
	}
}

void engine_health(struct engine *engine, void (*fn)(void *arg, const struct engine_reason *reason),
		   void *arg)
{
	const struct teller t = {engine, io_now_ms(engine->io), fn, arg};

	look_at_worker(&t);
	for (size_t i = 0; i < engine->options.n_tables; i++)
		look_at_table(&t, &engine->tables[i]);
	look_at_sinks(&t);
	for (size_t i = 0; i < engine->options.n_tables; i++)
		look_at_progress(&t, &engine->tables[i]);
}

/* Logs one reason. */
static void log_reason(void *arg, const struct engine_reason *reason)
{
	struct io *io = arg;
	int64_t for_ms = reason->since_ms == 0 ? 0 : io_now_ms(io) - reason->since_ms;

	if (reason->ill == ENGINE_ILL_ALARM || reason->ill == ENGINE_ILL_ENDING)
		return;
	io_log(io, IO_WARN,
	       "worker.not_ready reason=%s table=%.*s sink=%.*s shard=%.*s shards=%zu for_s=%lld "
	       "advice=\"%s\"",
	       engine_ill_word(reason->ill), STR_ARG(reason->table), STR_ARG(reason->sink),
	       STR_ARG(reason->shard), reason->shards, (long long)(for_ms / SECOND_MS),
	       reason->advice);
}

void health_log(struct engine *engine)
{
	engine_health(engine, log_reason, engine->io);
}
