/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap sinks`: the sinks that are registered in the checkpoint table. */
#include "base/json.h"
#include "config/nearest.h"
#include "config/syntax.h"
#include "consumer/aws/tableapi.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/columns.h"
#include "consumer/verbs/living.h"
#include "consumer/verbs/member.h"

enum { OUT_MAX_BYTES = 1 << 20, NAME_MAX_BYTES = 1000, TRIES = 20, STEPS_MAX = 10000000 };

/* One word behind `sinks`. */
struct action {
	const char *name;
	bool named; /* wants the name of a sink */
	int (*run)(struct visit *visit, const char *name, bool json);
};

/* Whether the configuration has a sink of this name. */
static bool is_configured(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->n_sinks; i++) {
		if (str_eq(str_of(config->sinks[i].name), name))
			return true;
	}
	return false;
}

/* Whether a worker that is not fenced says that it runs a sink. */
static bool runs(const struct heartbeat *beat, const struct registry_sink *sink)
{
	bool found = false;
	struct buf run;

	buf_init(&run, NAME_MAX_BYTES);
	buf_fmt(&run, "%.*s.%lld", STR_ARG(sink->name), (long long)sink->generation);
	for (size_t i = 0; i < beat->n_sinks; i++)
		found = found || str_eq(beat->sinks[i], buf_view(&run));
	buf_release(&run);
	return found && !beat->fenced;
}

/* Appends the workers that say that they run a sink, as JSON strings if `json`. */
static void put_workers(struct buf *out, const struct snapshot *snapshot,
			const struct registry_sink *sink, bool json)
{
	for (size_t i = 0; i < snapshot->n_beats; i++) {
		if (!runs(&snapshot->beats[i], sink))
			continue;
		if (json)
			json_comma(out);
		else if (out->n > 0)
			buf_c(out, ' ');
		(json ? json_put : buf_str)(out, snapshot->beats[i].id);
	}
}

/* Appends a sink for people. */
static void put_row(struct columns *columns, const struct snapshot *snapshot,
		    const struct config *config, const struct registry_sink *sink)
{
	struct buf workers;

	buf_init(&workers, OUT_MAX_BYTES);
	put_workers(&workers, snapshot, sink, false);
	columns_cell(columns, sink->name);
	columns_fmt(columns, "%lld", (long long)sink->generation);
	columns_cell(columns, sink->active ? STR("active") : STR("adding"));
	columns_cell(columns, is_configured(config, sink->name) ? STR("yes") : STR("no"));
	columns_cell(columns, buf_view(&workers));
	buf_release(&workers);
}

/* Appends a sink as JSON. */
static void put_json(struct buf *out, const struct snapshot *snapshot, const struct config *config,
		     const struct registry_sink *sink)
{
	buf_c(out, '{');
	member_text(out, STR("sink"), sink->name);
	member_number(out, STR("generation"), sink->generation);
	member_text(out, STR("state"), sink->active ? STR("active") : STR("adding"));
	member_bool(out, STR("configured"), is_configured(config, sink->name));
	buf_str(out, STR(",\"workers\":["));
	put_workers(out, snapshot, sink, true);
	buf_str(out, STR("]}\n"));
}

/* `sinks list`. */
static int list(struct visit *visit, const char *name, bool json)
{
	static const char *const heads[] = {"SINK", "GENERATION", "STATE", "CONFIGURED", "WORKERS"};
	struct snapshot snapshot;
	struct columns columns;
	struct buf out;
	int status = 0;

	(void)name;
	buf_init(&out, OUT_MAX_BYTES);
	columns_init(&columns, heads, ARRAY_N(heads));
	if (snapshot_take(&snapshot, visit)) {
		for (size_t i = 0; i < snapshot.registry.n_sinks; i++) {
			const struct registry_sink *sink = &snapshot.registry.sinks[i];

			if (json)
				put_json(&out, &snapshot, visit->config, sink);
			else
				put_row(&columns, &snapshot, visit->config, sink);
		}
		if (!json)
			columns_put(&columns, &out);
		status = verb_write(buf_view(&out));
		if (status == 0 && snapshot.malformed > 0)
			status = error_exit_status(ERROR_DATA);
	}
	columns_release(&columns);
	buf_release(&out);
	snapshot_release(&snapshot);
	return status;
}

/* Sends one request of an add and tells it what came of it; false with visit->why. */
static bool take_step(struct visit *visit, struct adding *adding, bool *more_out)
{
	enum adding_outcome outcome = ADDING_OK;
	struct question question;
	struct str target;
	bool ok = true;

	question_init(&question, IO_TABLES, STR_NONE);
	*more_out = adding_next(adding, &target, &question.body);
	question.target = target;
	if (*more_out) {
		switch (visit_write(visit, &question)) {
		case WRITTEN:
			break;
		case WRITTEN_NOT:
			outcome = ADDING_CONDITION;
			break;
		case WRITTEN_MAYBE:
			outcome = ADDING_UNKNOWN;
			break;
		case WRITTEN_ERROR:
			ok = false;
			break;
		}
		ok = ok && adding_take(adding, outcome, buf_view(&question.answer), &visit->why);
	}
	question_release(&question);
	return ok;
}

/* Says what an add has done. */
static void tell_added(const struct visit *visit, struct adding *adding)
{
	const struct registry_sink *sink = registry_find(&adding->registry, adding->names[0]);

	if (adding->bumped == 0 && adding->generations[0] == 0)
		verb_error(0, "sink %.*s is active already, in generation %lld",
			   STR_ARG(sink->name), (long long)sink->generation);
	else
		verb_error(0, "sink %.*s is active in generation %lld; %zu lease%s were told",
			   STR_ARG(sink->name), (long long)sink->generation, adding->bumped,
			   adding->bumped == 1 ? "" : "s");
	if (!is_configured(visit->config, sink->name))
		verb_error(0,
			   "sink %.*s is not in this configuration: as long as no worker runs it, "
			   "nothing is finished",
			   STR_ARG(sink->name));
}

/* `sinks add`. */
static int add(struct visit *visit, const char *name, bool json)
{
	struct str names[] = {str_of(name)};
	struct adding adding;
	bool more = true, ok = true;

	(void)json;
	adding_init(&adding, visit->own_table, visit->table, names, 1);
	for (unsigned i = 0; i < STEPS_MAX && more && ok; i++)
		ok = take_step(visit, &adding, &more);
	if (ok && adding.step == ADDING_DONE)
		tell_added(visit, &adding);
	else if (ok)
		error_set(&visit->why, ERROR_RETRY, "the registry changes all the time");
	adding_release(&adding);
	return 0;
}

/* Complains that a sink is not registered, with the nearest that is. */
static bool not_registered(struct visit *visit, const struct registry *registry, const char *name)
{
	struct nearest nearest;

	nearest_init(&nearest, str_of(name));
	for (size_t i = 0; i < registry->n_sinks; i++)
		nearest_offer(&nearest, registry->sinks[i].name);
	return error_set(&visit->why, ERROR_NOT_FOUND, "no sink '%s' is registered%s%.*s%s", name,
			 nearest.best.n > 0 ? "; did you mean " : "", STR_ARG(nearest.best),
			 nearest.best.n > 0 ? "?" : "");
}

/*
 * Writes the registry without the sink; false with visit->why. `*again_out`: somebody else wrote it
 * meanwhile.
 */
static bool remove_once(struct visit *visit, const char *name, bool tried, bool *again_out)
{
	struct registry registry = {0};
	struct question question;
	struct arena arena;
	struct str raw;
	bool ok;

	*again_out = false;
	arena_init(&arena);
	question_init(&question, IO_TABLES, TABLES_UPDATE_ITEM);
	ok = visit_row(visit, ROW_REGISTRY_KEY, &arena, &raw) &&
	     registry_read(&arena, raw, &registry, &visit->why);
	if (ok && registry_remove(&registry, str_of(name))) {
		enum written written;

		registry_write(&question.body, visit->own_table, &registry);
		written = visit_write(visit, &question);
		ok = written != WRITTEN_ERROR;
		*again_out = written == WRITTEN_NOT || written == WRITTEN_MAYBE;
	} else if (ok && !tried) {
		ok = not_registered(visit, &registry, name);
	}
	question_release(&question);
	arena_release(&arena);
	return ok;
}

/* Whether no living worker runs the sink; else sets visit->why. */
static bool check_idle(struct visit *visit, const char *name)
{
	struct living living = {0};
	struct snapshot snapshot;
	bool ok = snapshot_take(&snapshot, visit) && snapshot_whole(&snapshot, visit);
	const struct registry_sink *sink = registry_find(&snapshot.registry, str_of(name));

	for (size_t i = 0; ok && sink != NULL && i < snapshot.n_beats; i++) {
		if (runs(&snapshot.beats[i], sink))
			living_add_beat(&living, &snapshot.beats[i]);
	}
	ok = ok && living_judge(&living, visit);
	if (ok && living_any(&living).n > 0)
		ok = error_set(&visit->why, ERROR_RETRY,
			       "worker %.*s runs sink %s: take it out of its configuration first",
			       STR_ARG(living_any(&living)), name);
	living_release(&living);
	snapshot_release(&snapshot);
	return ok;
}

/* `sinks remove`. */
static int remove_sink(struct visit *visit, const char *name, bool json)
{
	bool again = true;

	(void)json;
	if (!check_idle(visit, name))
		return 0;
	for (unsigned i = 0; i < TRIES && again; i++) {
		if (!remove_once(visit, name, i > 0, &again))
			return 0;
	}
	if (again)
		error_set(&visit->why, ERROR_RETRY, "the registry changes all the time");
	else
		verb_error(0,
			   "sink %s is removed; added again, it begins where the others are then",
			   name);
	return 0;
}

static const struct action actions[] = {
	{"list", false, list},
	{"add", true, add},
	{"remove", true, remove_sink},
};

/* The word on the command line; NULL after complaining. */
static const struct action *find_action(const char *word)
{
	struct nearest nearest;

	nearest_init(&nearest, str_of(word));
	for (size_t i = 0; word != NULL && i < ARRAY_N(actions); i++) {
		if (str_eq(str_of(word), str_of(actions[i].name)))
			return &actions[i];
		nearest_offer(&nearest, str_of(actions[i].name));
	}
	if (nearest.best.n > 0)
		verb_usage_error(&verb_sinks, "sinks has no '%s'; did you mean %.*s?", word,
				 STR_ARG(nearest.best));
	else
		verb_usage_error(&verb_sinks, "sinks wants list, add or remove");
	return NULL;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	bool json = false;
	const struct argument arguments[] = {{"json", .flag = &json}};
	const struct action *action;
	struct visit visit;
	const char *wrong;
	int status = 0;

	if (!arguments_read(&verb_sinks, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	action = find_action(argc > 1 ? argv[1] : NULL);
	if (action == NULL)
		return error_exit_status(ERROR_USAGE);
	if (argc != 3 + action->named)
		return verb_usage_error(&verb_sinks, "sinks %s wants a configuration file%s",
					action->name,
					action->named ? " and the name of a sink" : "");
	if (json && action->named)
		return verb_usage_error(&verb_sinks, "sinks %s takes no --json", action->name);
	wrong = action->named ? syntax_sink(str_of(argv[3])) : NULL;
	if (wrong != NULL)
		return verb_usage_error(&verb_sinks, "'%s' is no name of a sink: %s", argv[3],
					wrong);
	if (visit_open(&visit, program, argv[2]))
		status = action->run(&visit, action->named ? argv[3] : NULL, json);
	return visit_close(&visit, status);
}

const struct verb verb_sinks = {
	.name = "sinks",
	.help = "shows, adds and removes the sinks that are registered",
	.usage = "usage: ddbtap sinks list CONFIG [--json]\n"
		 "       ddbtap sinks add CONFIG NAME\n"
		 "       ddbtap sinks remove CONFIG NAME\n"
		 "\n"
		 "The checkpoint table has a registry of the sinks that get everything: nothing "
		 "counts as done\n"
		 "before all of them have it. Workers register the sinks of their configuration "
		 "when they start.\n"
		 "\n"
		 "list prints them: the generation, whether the sink is active or still being "
		 "added, whether\n"
		 "CONFIG has it, and which workers say that they run it.\n"
		 "\n"
		 "add registers a sink; there can be 16 at most. It begins where each lease's "
		 "checkpoint is at\n"
		 "that moment. An add that was interrupted is completed by adding again.\n"
		 "\n"
		 "remove takes a sink out, for which nothing is kept any more. It refuses while a "
		 "worker that\n"
		 "lives runs the sink. When it is added again it is a new one, with a generation "
		 "of its own.\n"
		 "\n"
		 "  --json   one JSON object a line\n"
		 "\n"
		 "Exit status: 0, 65 a row makes no sense, 69 the checkpoint table or the sink "
		 "does not exist, 75\n"
		 "out of reach, or a worker runs the sink, 77 credentials or permissions, 78 the "
		 "configuration, or\n"
		 "too many sinks.\n",
	.run = run,
};
