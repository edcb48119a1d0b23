/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/arguments.h"

#include "config/nearest.h"

/* The option called `name`; NULL after complaining. */
static const struct argument *find(const struct verb *verb, struct str name,
				   const struct argument *arguments, size_t n)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < n; i++) {
		if (str_eq(name, str_of(arguments[i].name)))
			return &arguments[i];
		nearest_offer(&nearest, str_of(arguments[i].name));
	}
	if (nearest.best.n > 0)
		verb_usage_error(verb, "there is no option '--%.*s'; did you mean --%.*s?",
				 STR_ARG(name), STR_ARG(nearest.best));
	else
		verb_usage_error(verb, "there is no option '--%.*s'", STR_ARG(name));
	return NULL;
}

/* Sets one option. `given` is what follows "=", or NULL; `next` the next word, or NULL. */
static bool set(const struct verb *verb, const struct argument *argument, const char *given,
		const char *next)
{
	if (argument->flag != NULL) {
		*argument->flag = true;
		if (given != NULL)
			verb_usage_error(verb, "option '--%s' takes no value", argument->name);
		return given == NULL;
	}
	*argument->value = given != NULL ? given : next;
	if (*argument->value == NULL)
		verb_usage_error(verb, "option '--%s' needs a value", argument->name);
	return *argument->value != NULL;
}

bool arguments_read(const struct verb *verb, int *argc, char **argv,
		    const struct argument *arguments, size_t n)
{
	int operands = 1;

	for (int i = 1; i < *argc; i++) {
		struct str word = str_of(argv[i]), name;
		const struct argument *argument;
		const char *given;

		if (word.n < 2 || word.p[0] != '-') {
			argv[operands++] = argv[i];
			continue;
		}
		if (str_eq(word, STR("--"))) {
			while (++i < *argc)
				argv[operands++] = argv[i];
			break;
		}
		if (word.p[1] != '-') {
			verb_usage_error(verb, "there is no option '%s'", argv[i]);
			return false;
		}
		word = str_skip(word, 2);
		name = str_cut(&word, '=');
		given = word.p;
		argument = find(verb, name, arguments, n);
		if (argument == NULL ||
		    !set(verb, argument, given, i + 1 < *argc ? argv[i + 1] : NULL))
			return false;
		if (argument->value != NULL && given == NULL)
			i++;
	}
	*argc = operands;
	return true;
}
