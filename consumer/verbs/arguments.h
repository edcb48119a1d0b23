/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of a verb: long options anywhere, `--name value` or `--name=value`, `--` ends them.
 *
 *	const struct argument arguments[] = {{"message", .value = &message}, {"lines", .flag = &lines}};
 *
 *	if (!arguments_read(&verb_decode, &argc, argv, arguments, ARRAY_N(arguments)))
 *		return 64;
 *	argv[1] to argv[argc - 1] are what is left: the operands
 */
#ifndef VERBS_ARGUMENTS_H
#define VERBS_ARGUMENTS_H

#include "consumer/verbs/verb.h"

/* An option: one of `flag` and `value` is set. */
struct argument {
	const char *name; /* without the dashes */
	bool *flag; /* becomes true */
	const char **value; /* becomes the option's argument, borrowed from argv */
};

/* Takes the options out of argv. False after complaining. */
bool arguments_read(const struct verb *verb, int *argc, char **argv,
		    const struct argument *arguments, size_t n) MUST_CHECK;

#endif
