/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/verb.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "config/nearest.h"

enum { OVERVIEW_MAX = 10000, STATUS_PIPE = 128 + SIGPIPE };

/* Prints "ddbtap: " and the sentence. */
static void __attribute__((format(printf, 1, 0))) print_error(const char *fmt, va_list ap)
{
	fputs("ddbtap: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int verb_error(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
	return status;
}

int verb_usage_error(const struct verb *verb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try 'ddbtap help%s%s'.\n", verb == NULL ? "" : " ",
		verb == NULL ? "" : verb->name);
	return error_exit_status(ERROR_USAGE);
}

int verb_write(struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(STDOUT_FILENO, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			return STATUS_PIPE;
		if (n < 0)
			return verb_error(error_exit_status(ERROR_IO),
					  "cannot write to standard output: %s",
					  error_errno(errno));
		text = str_skip(text, (size_t)n);
	}
	return 0;
}

const struct verb *verb_find(const struct program *program, const char *name)
{
	struct nearest nearest;

	nearest_init(&nearest, str_of(name));
	for (size_t i = 0; i < program->n_verbs; i++) {
		const struct verb *verb = program->verbs[i];

		if (str_eq(str_of(verb->name), str_of(name)))
			return verb;
		nearest_offer(&nearest, str_of(verb->name));
	}
	if (nearest.best.n > 0)
		verb_usage_error(NULL, "there is no verb '%s'; did you mean %.*s?", name,
				 STR_ARG(nearest.best));
	else
		verb_usage_error(NULL, "there is no verb '%s'", name);
	return NULL;
}

void verb_overview(const struct program *program, struct buf *out)
{
	buf_str(out, STR("ddbtap delivers every change of DynamoDB tables, decoded, in order and "
			 "without loss.\n\nusage: ddbtap VERB ...\n\n"));
	for (size_t i = 0; i < program->n_verbs; i++)
		buf_fmt(out, "  %-9s %s\n", program->verbs[i]->name, program->verbs[i]->help);
	buf_str(out, STR("\n'ddbtap help VERB' tells more about one, 'ddbtap help --config' lists "
			 "the options of the\nconfiguration file.\n"));
}

/* Whether one of the arguments, up to "--", asks for help. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && !str_eq(str_of(argv[i]), STR("--")); i++) {
		if (str_eq(str_of(argv[i]), STR("--help")) || str_eq(str_of(argv[i]), STR("-h")))
			return true;
	}
	return false;
}

/* Prints the overview on standard error. */
static int no_verb(const struct program *program)
{
	struct buf text;

	buf_init(&text, OVERVIEW_MAX);
	verb_overview(program, &text);
	fwrite(text.p, 1, text.n, stderr);
	buf_release(&text);
	return error_exit_status(ERROR_USAGE);
}

int verb_dispatch(int argc, char **argv, const struct program *program)
{
	const struct verb *verb;
	struct str first;

	signal(SIGPIPE, SIG_IGN); /* writing says EPIPE instead, to sockets too */
	if (argc < 2)
		return no_verb(program);
	first = str_of(argv[1]);
	if (str_eq(first, STR("--help")) || str_eq(first, STR("-h")))
		return verb_help.run(1, argv + 1, program);
	if (str_eq(first, STR("--version")) || str_eq(first, STR("-V")))
		return verb_version.run(1, argv + 1, program);
	if (str_starts(first, STR("-")))
		return verb_usage_error(NULL, "there is no option '%s' before a verb", argv[1]);
	verb = verb_find(program, argv[1]);
	if (verb == NULL)
		return error_exit_status(ERROR_USAGE);
	if (wants_help(argc - 1, argv + 1))
		return verb_write(str_of(verb->usage));
	return verb->run(argc - 1, argv + 1, program);
}
