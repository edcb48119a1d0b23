/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a file sink's files are, by its path: a fixed directory and, below it, a key for each file, which is
 * rendered from the path's template. Does not change, so that any thread may use it.
 */
#ifndef SINKS_FILE_PLACE_H
#define SINKS_FILE_PLACE_H

#include "base/err.h"
#include "sinks/file_pack.h"
#include "sinks/template.h"

struct place {
	char *text; /* the path as configured */
	struct template key; /* what follows the fixed directory; points into `text` */
	char *dir; /* "" or ends with "/" */
	size_t ending_n; /* of the key, what stays at the end of names: ".jsonl.zst" */
	bool varies; /* the key is not the same for all records */
	bool timed; /* it depends on the time of the change */
	bool by_shard; /* all records of a file come from one shard of one table */
};

/* For an option table: NULL when `text` can be a path, or what it must be. */
const char *place_check(struct str text);

/* Reads a path that place_check takes. */
void place_init(struct place *place, const char *text, enum pack_kind kind);

/* Frees what it holds. */
void place_release(struct place *place);

/* Appends the key of a record's file. */
void place_put_key(const struct place *place, const struct source *source,
		   const struct event *event, struct buf *out);

/* The whole path of a file while it is open, if `open`, or of the finished one; to be freed. */
char *place_path(const struct place *place, const char *key, const char *suffix, bool open);

/* The path of a plain file with this key; to be freed. */
char *place_plain(const struct place *place, const char *key);

/* The path of the journal, which is the sink's when many files are; to be freed. */
char *place_journal(const struct place *place, struct str sink);

/* Makes the directories between the fixed one and the file, durably. */
bool place_make_directories(const struct place *place, const char *path, struct error *err);

#endif
