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
#include "base/str.h"

enum option_type {
	OPTION_TEXT, /* char *; lives in the configuration's arena */
	OPTION_BOOL, /* bool */
	OPTION_WORD, /* int: index into `words` */
	OPTION_DURATION, /* int64_t milliseconds: 500ms, 30s, 5m, 1h30m */
	OPTION_BYTES, /* int64_t bytes: 512, 64KiB, 8MiB, 10MB */
	OPTION_COUNT, /* int64_t */
	OPTION_TEXTS, /* struct texts: a sequence of strings */
	OPTION_PAIRS, /* struct pairs: a mapping from strings to strings */
};

/* A list of strings; it lives in the configuration's arena. */
struct texts {
	char **list;
	size_t n;
};

/* Strings by name, in the order of the file; they live in the configuration's arena. */
struct pairs {
	struct pair {
		char *name, *value;
	} * list;
	size_t n;
};

struct option_spec {
	const char *name;
	enum option_type type;
	size_t offset; /* into the struct */
	const char *fallback; /* the default, as a user would write it; NULL: none */
	bool required;
	int64_t min, max; /* for DURATION, BYTES, COUNT; in milliseconds, bytes, units */
	/* For WORD: what may be written, NULL-terminated. For TEXT, optional: words that have a meaning. */
	const char *const *words;
	const char *help; /* a sentence */
	const char *
		needs; /* another option of the same table without which this one says nothing, or NULL */
	/* For TEXT, TEXTS and the values of PAIRS, optional: NULL when the text can be used, or what it
	   must be ("a path"). */
	const char *(*check)(struct str text);
	/* For PAIRS, optional: the same of the names. */
	const char *(*check_name)(struct str text);
};

/* Whether two structs that the same table describes have the same values. */
bool option_same(const struct option_spec *specs, size_t n, const void *a, const void *b);

enum { OPTION_TEXT_MAX = 4096, OPTION_TEXTS_MAX = 1000 };

/* --- Reading: used by config/ alone. --- */

struct arena;
struct buf;
struct complaints;
struct node;

/* A table and the struct that it describes. */
struct option_target {
	const struct option_spec *specs;
	size_t n;
	void *into;
};

/* How to read one mapping. */
struct option_reader {
	struct option_target targets[3];
	size_t n_targets;
	const char *const *others; /* NULL-terminated: keys that the caller reads itself; or NULL */
	bool lenient; /* unknown keys are passed over */
	const char *what; /* the mapping, for messages: "a table" */
	struct arena *arena; /* where the values live */
	struct complaints *complaints;
};

/* Sets every option that has a default to it. */
void option_defaults(const struct option_target *target, struct arena *arena);

/*
 * Reads the options that are written in `mapping` and complains about unknown ones, values that cannot
 * be used and required ones that are missing. Where it complains about a value, the default stays.
 */
void option_read(const struct option_reader *reader, struct node *mapping);

/* A terminated copy of `text` in the arena. */
char *option_copy(struct arena *arena, struct str text);

/* Appends what may be written: "a duration from 100ms to 5m", "string or json". */
void option_put_kind(const struct option_spec *spec, struct buf *out);

#endif
