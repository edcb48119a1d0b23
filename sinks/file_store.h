/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of one file sink and its journal: takes groups of records, writes each to its file, and makes
 * them durable. In this order: data, sync of the data, frame of the journal, sync of the journal; only then
 * are they acknowledged. What a crash leaves behind the journal is cut off at the next start, so that the
 * files hold just what the journal says, and `store_position` can say up to where that is.
 *
 * store_new, store_take_notes and store_free belong to the loop's thread while no commit runs, store_commit to
 * the writer's; store_position and store_ask_reopen may be called at any time.
 */
#ifndef SINKS_FILE_STORE_H
#define SINKS_FILE_STORE_H

#include "sinks/file_pack.h"
#include "sinks/lines.h"

struct store_options {
	const char *path;
	unsigned mode; /* of new files */
	enum pack_kind pack;
	int64_t rotate_bytes, rotate_ms; /* 0: never */
	int64_t finish_ms; /* files that got nothing for so long are finished */
	size_t files_max; /* open at once */
};

struct store;

/* Opens and recovers everything; NULL with `err`. Copies the options. */
struct store *store_new(const struct store_options *options, struct str sink, int64_t wall_ms,
			struct error *err);

/* struct lines: makes a group durable. */
void store_commit(void *arg, struct lines_group *group);

/* Up to where the files have the shard. */
struct position store_position(struct store *store, const struct source *source);

/* Has the next commit finish or open anew what is open. */
void store_ask_reopen(struct store *store);

/* Whether it makes more than one file, of which some are finished by time. */
bool store_rolls(const struct store *store);

/* Logs what happened since. */
void store_log_notes(struct store *store, struct io *io, struct str sink);

/* Closes everything as it is, and frees. */
void store_free(struct store *store);

#endif
