/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap help`: the verbs, and the options of the configuration. */
#include "base/err.h"
#include "config/config.h"
#include "consumer/verbs/arguments.h"

enum { HELP_MAX = 1 << 20 };

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	bool reference = false, config = false;
	const struct argument arguments[] = {
		{"reference", .flag = &reference},
		{"config", .flag = &config},
	};
	const struct verb *verb;
	struct buf out;
	int status;

	if (!arguments_read(&verb_help, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc - 1 + reference + config > 1)
		return verb_usage_error(&verb_help, "help takes one thing at a time");
	if (argc == 2) {
		verb = verb_find(program, argv[1]);
		return verb == NULL ? error_exit_status(ERROR_USAGE)
				    : verb_write(str_of(verb->usage));
	}
	buf_init(&out, HELP_MAX);
	if (reference)
		config_reference(&program->known, &out);
	else if (config)
		config_help(&program->known, &out);
	else
		verb_overview(program, &out);
	status = verb_write(buf_view(&out));
	buf_release(&out);
	return status;
}

const struct verb verb_help = {
	.name = "help",
	.help = "tells how to call a verb, and what can be configured",
	.usage = "usage: ddbtap help [VERB | --config | --reference]\n"
		 "\n"
		 "  VERB         how to call this verb\n"
		 "  --config     the options of the configuration file, briefly\n"
		 "  --reference  the same as a page of Markdown\n",
	.run = run,
};
