/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap leases`: looks at the checkpoint table's leases, and takes care of them. */
#include "consumer/verbs/leases.h"

#include "config/nearest.h"
#include "config/syntax.h"
#include "consumer/verbs/arguments.h"

/* Options, as bits. */
enum {
	TABLE = 1,
	WORKER = 2,
	ALL = 4,
	JSON = 8,
	FORCE = 16,
	YES = 32,
	REPLACE = 64,
	TO = 128,
	INTO = 256,
};

/* One word behind `leases`. */
struct action {
	const char *name;
	unsigned takes; /* options */
	int operands_min, operands_max; /* behind the configuration */
	const char *operand; /* what they are */
	bool creates; /* the checkpoint table, if it is missing */
	int (*run)(struct visit *visit, const struct leases *leases);
};

static const struct action actions[] = {
	{"list", TABLE | JSON, 0, 0, "", false, leases_list},
	{"export", 0, 0, 0, "", false, leases_export},
	{"import", REPLACE, 1, 1, " and a file", true, leases_import},
	{"release", TABLE | WORKER | ALL | FORCE, 0, 1, " and one shard at most", false,
	 leases_release},
	{"convert", TO | INTO | YES, 0, 0, "", false, leases_convert},
	{"reset", TABLE | ALL | YES, 0, 0, "", false, leases_reset},
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
		verb_usage_error(&verb_leases, "leases has no '%s'; did you mean %.*s?", word,
				 STR_ARG(nearest.best));
	else
		verb_usage_error(&verb_leases,
				 "leases wants list, export, import, convert, release or reset");
	return NULL;
}

/* Whether all options are ones that the action takes; complains about the first that is not. */
static bool check_options(const struct action *action, const struct leases *leases)
{
	const struct {
		const char *name;
		unsigned bit;
		bool given;
	} options[] = {
		{"table", TABLE, leases->table != NULL},
		{"worker", WORKER, leases->worker != NULL},
		{"all", ALL, leases->all},
		{"json", JSON, leases->json},
		{"force", FORCE, leases->force},
		{"yes", YES, leases->yes},
		{"replace", REPLACE, leases->replace},
		{"to", TO, leases->to != NULL},
		{"into", INTO, leases->into != NULL},
	};

	for (size_t i = 0; i < ARRAY_N(options); i++) {
		if (options[i].given && (action->takes & options[i].bit) == 0) {
			verb_usage_error(&verb_leases, "leases %s takes no --%s", action->name,
					 options[i].name);
			return false;
		}
	}
	return true;
}

/* Whether the form and the table that leases are converted to can be. */
static bool check_target(const struct action *action, const struct leases *leases)
{
	static const char *const forms[] = {"native", "kcl", "kcl-multi"};
	const char *wrong;
	bool known = false;

	if (action->run != leases_convert)
		return true;
	for (size_t i = 0; i < ARRAY_N(forms) && leases->to != NULL; i++)
		known = known || str_eq(str_of(leases->to), str_of(forms[i]));
	if (!known) {
		verb_usage_error(&verb_leases, "convert wants --to native, kcl or kcl-multi");
		return false;
	}
	wrong = leases->into == NULL ? NULL : syntax_table(str_of(leases->into));
	if (wrong != NULL)
		verb_usage_error(&verb_leases, "option '--into' must be %s", wrong);
	return wrong == NULL;
}

/* Whether what is to be released or reset is said in one way, and said to be meant. */
static bool check_choice(const struct action *action, const struct leases *leases)
{
	int ways = leases->all;

	if (action->run == leases_release)
		ways += (leases->worker != NULL) + (leases->operand != NULL);
	else if (action->run == leases_reset)
		ways += leases->table != NULL;
	else
		return true;
	if (ways != 1) {
		verb_usage_error(&verb_leases,
				 action->run == leases_release
					 ? "release wants a shard, --worker W or --all"
					 : "reset wants --table T or --all");
		return false;
	}
	if (action->run == leases_reset && !leases->yes) {
		verb_usage_error(
			&verb_leases,
			"after a reset everything that the streams still have is delivered "
			"again, or skipped where a table starts at latest: add --yes if "
			"that is meant");
		return false;
	}
	return true;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct leases leases = {0};
	const struct argument arguments[] = {
		{"table", .value = &leases.table},    {"worker", .value = &leases.worker},
		{"all", .flag = &leases.all},	      {"json", .flag = &leases.json},
		{"force", .flag = &leases.force},     {"yes", .flag = &leases.yes},
		{"replace", .flag = &leases.replace}, {"to", .value = &leases.to},
		{"into", .value = &leases.into},
	};
	const struct action *action;
	struct visit visit;
	int status = 0;

	if (!arguments_read(&verb_leases, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	action = find_action(argc > 1 ? argv[1] : NULL);
	if (action == NULL || !check_options(action, &leases))
		return error_exit_status(ERROR_USAGE);
	if (argc - 3 < action->operands_min || argc - 3 > action->operands_max)
		return verb_usage_error(&verb_leases, "leases %s wants a configuration file%s",
					action->name, action->operand);
	leases.operand = argc > 3 ? argv[3] : NULL;
	if (!check_choice(action, &leases) || !check_target(action, &leases))
		return error_exit_status(ERROR_USAGE);
	if ((action->creates ? visit_open_created : visit_open)(&visit, program, argv[2]))
		status = action->run(&visit, &leases);
	return visit_close(&visit, status);
}

const struct verb verb_leases = {
	.name = "leases",
	.help = "shows and takes care of the checkpoint table's leases",
	.usage =
		"usage: ddbtap leases list CONFIG [--table T] [--json]\n"
		"       ddbtap leases export CONFIG\n"
		"       ddbtap leases import CONFIG FILE [--replace]\n"
		"       ddbtap leases convert CONFIG --to native|kcl|kcl-multi [--into TABLE] "
		"[--yes]\n"
		"       ddbtap leases release CONFIG SHARD|--worker W|--all [--table T] [--force]\n"
		"       ddbtap leases reset CONFIG --table T|--all --yes\n"
		"\n"
		"Looks at the checkpoint table of the configuration file CONFIG. Its rows, the "
		"leases, "
		"say for\n"
		"each shard who reads it and how far each sink has got.\n"
		"\n"
		"list prints them: the shard's table, its state (owned, free, finished), the "
		"worker "
		"that owns it,\n"
		"whether that worker's heartbeat is listed, fenced or unknown, the lease's "
		"counter, "
		"the checkpoint\n"
		"up to which all sinks have everything (or where that begins: TRIM_HORIZON, "
		"LATEST, a time), and\n"
		"where sinks are that are ahead of it. A listed worker need not live: only "
		"watching can tell.\n"
		"\n"
		"export prints all rows of the table as they are, as DynamoDB JSON, one a line: a "
		"backup. import\n"
		"puts such a FILE ('-': standard input) back, without owners and without the rows "
		"of "
		"workers; it\n"
		"creates the table if it is missing, and changes nothing if one of the rows "
		"exists, "
		"unless with\n"
		"--replace.\n"
		"\n"
		"convert writes all leases in the other form into another table, for an "
		"application "
		"of the Kinesis\n"
		"Client Library ('kcl': with the keys of one that reads a single stream) or from "
		"one. It prints what\n"
		"it would write, and does it only with --yes. The table is TABLE, or the "
		"application's name as that\n"
		"form has it; it must not have leases yet. Then change checkpoint.leases and "
		"checkpoint.table.\n"
		"\n"
		"release gives back the lease of one SHARD, all leases of worker W, or all: "
		"another "
		"worker can\n"
		"take them at once. A worker lives if its heartbeat moves within the lease time, "
		"which is watched\n"
		"for; its leases stay. One that does not is fenced first: should it still run, it "
		"stops.\n"
		"\n"
		"reset deletes the leases of a table, so that it starts anew as the configuration "
		"says. Sinks\n"
		"that remember what they have, like files, still take nothing twice: move what "
		"they "
		"wrote away,\n"
		"with its journal.\n"
		"\n"
		"import, convert and reset refuse while a worker lives, and so does release of "
		"what "
		"such a one owns.\n"
		"With checkpoint.leases: kcl a worker of the Kinesis client lives if the counter "
		"of "
		"a lease moves.\n"
		"\n"
		"  --table T    only leases of this table\n"
		"  --json       one JSON object a line\n"
		"  --force      take leases from workers that live, too; they may take them back\n"
		"  --replace    overwrite rows that exist\n"
		"  --yes        yes, that is meant\n"
		"  --to FORM    the form that leases are converted to\n"
		"  --into TABLE the checkpoint table that gets them\n"
		"\n"
		"Exit status: 0, 65 a row or FILE makes no sense, 69 the checkpoint table or a "
		"lease "
		"does not\n"
		"exist, 75 out of reach, or a worker lives, 77 credentials or permissions, 78 the "
		"configuration.\n",
	.run = run,
};
