/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: `ddbtap VERB ...`, each verb one file and one entry of the table in main.c.
 *
 * Data goes to standard output, everything else to standard error as "ddbtap: sentence". Exit statuses
 * are those of sysexits.h: 64 the command line, 65 the input, 74 reading or writing, 78 the
 * configuration.
 */
#ifndef VERBS_VERB_H
#define VERBS_VERB_H

#include "config/config.h"

struct program;

struct verb {
	const char *name;
	const char *help; /* one line */
	const char *usage; /* all of `ddbtap help VERB` */
	/* Does it all; argv[0] is the verb's name. Returns the exit status. */
	int (*run)(int argc, char **argv, const struct program *program);
};

/* What the program is made of; filled by main.c. */
struct program {
	const struct verb *const *verbs;
	size_t n_verbs;
	struct config_known known; /* sink types and formats */
};

extern const struct verb verb_check, verb_cost, verb_decode, verb_dlq, verb_help, verb_iam,
	verb_leases, verb_ready, verb_run, verb_seek, verb_shards, verb_sinks, verb_version;

/* Runs the verb that the command line names; returns the exit status. */
int verb_dispatch(int argc, char **argv, const struct program *program);

/* The verb called `name`; NULL after complaining, with the nearest one. */
const struct verb *verb_find(const struct program *program, const char *name);

/* Appends how to call the program, and its verbs. */
void verb_overview(const struct program *program, struct buf *out);

/* Prints "ddbtap: sentence" on standard error and returns `status`. */
int verb_error(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for a command line that makes no sense, with where to look; returns 64. */
int verb_usage_error(const struct verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Writes all of `text` to standard output. Returns 0, or after saying why the exit status to end with:
 * 74, or 141 without a word when the reader has gone, as for a process that SIGPIPE ends.
 */
int verb_write(struct str text);

#endif
