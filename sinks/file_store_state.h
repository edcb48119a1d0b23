/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a file sink's store share: file_store.c commits, file_roll.c makes and finishes files,
 * file_recover.c brings the files in line with the journal. All of it is the writer's once that runs, but
 * for what is under the lock.
 */
#ifndef SINKS_FILE_STORE_STATE_H
#define SINKS_FILE_STORE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "sinks/file_journal.h"
#include "sinks/file_output.h"
#include "sinks/file_place.h"
#include "sinks/file_store.h"

enum { ENTRIES_BYTES_MAX = 64 << 20, NOTES_BYTES_MAX = 64 * 1024, KEY_BYTES_MAX = 4096 };

struct store {
	struct store_options options;
	struct place place;
	struct journal journal;
	struct pack *pack; /* NULL: none */
	pthread_mutex_t lock;
	struct ledger ledger; /* written under the lock by the writer */
	struct list outputs; /* struct output, least recently written first */
	struct map by_key; /* the same, by key */
	struct list changed; /* ledger_shard.changed: what the next frame says anew */
	struct buf owed; /* entries that the next frame takes along */
	struct buf key; /* working memory */
	struct buf notes; /* log lines, each with a letter for its level */
	atomic_bool reopen;
	bool rolls;
	bool broken; /* files or journal are not known to be as the ledger says */
	int64_t wall_ms; /* of the group at hand */
};

/* Remembers a log line; the first byte is its level: d, i, w or e. */
void store_note(struct store *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes entries durable, and takes them into the ledger; false with `err` and the store broken. */
bool store_write_entries(struct store *store, struct str entries, struct error *err);

/* Fills a ledger entry for an output, of `length` bytes; its texts stay the output's. */
void store_entry(const struct output *output, off_t length, struct ledger_file *entry);

/* --- file_roll.c --- */

/* Makes a new file for the store's `key`, which begins with this record; NULL with `err`. */
struct output *roll_new(struct store *store, const struct event *event, struct error *err);

/* Puts an output into the store's lists. */
void roll_add(struct store *store, struct output *output);

/* Gives a file, all of which is durable, its final name, and forgets it. */
void roll_finish(struct store *store, struct output *output);

/* Finishes what is large, old or idle enough; `all`: everything. */
void roll_finish_due(struct store *store, bool all);

/* --- file_recover.c --- */

/* Brings the files in line with the ledger, for the first time; false with `err`. */
bool recover_first(struct store *store, bool journal_exists, struct error *err);

/* After a failure: brings journal and files back to what is durable; false with `err`. */
bool recover_again(struct store *store, struct error *err);

/* Opens the one file anew if it was moved away, deleted, or cut; false with `err`. */
bool recover_reopen(struct store *store, struct error *err);

#endif
