/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option tables: one entry per option gives its parser, default, range, unit, check, line in --help and
 * in the reference, so that none of them can disagree. The values land in a plain struct, whose offsets
 * the table names.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stddef.h>

#include "base/mem.h"

enum option_type {
	OPTION_TEXT, /* char *; owned by the struct's owner */
	OPTION_BOOL, /* bool */
	OPTION_WORD, /* int: index into `words` */
	OPTION_DURATION, /* int64_t milliseconds: 500ms, 30s, 5m, 1h30m */
	OPTION_BYTES, /* int64_t bytes: 512, 64KiB, 8MiB, 10MB */
	OPTION_COUNT, /* int64_t */
	OPTION_TEXTS, /* struct texts: a sequence of strings */
};

struct texts {
	char **list;
	size_t n;
};

struct option_spec {
	const char *name;
	enum option_type type;
	size_t offset; /* into the struct */
	const char *fallback; /* the default, as a user would write it; NULL: none */
	bool required;
	int64_t min, max; /* for DURATION, BYTES, COUNT; in milliseconds, bytes, units */
	const char *const *words; /* for WORD: what may be written, NULL-terminated */
	const char *help; /* a sentence */
};

#endif
