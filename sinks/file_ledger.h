/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file sink knows to be durable: how far each shard is in its files, and how long each file is that
 * is not finished. Pure: sinks/file_journal.h keeps it on the disk.
 *
 * A ledger changes by entries alone, which are lines of text, so that what is in memory is what reading the
 * journal again would give:
 *
 *	n NEXT				the number of the next file
 *	f ID INO LENGTH OPENED TOUCHED SUFFIX KEY	a file and its durable length; INO 0: to be created
 *	d ID				a file that is finished or given up
 *	p TOUCHED SEQ GAPS TIME STREAM SHARD [EPOCH]	a shard; SEQ is "-" before its first record; of the
 *					replay EPOCH, or of the first one
 *
 * Fields are separated by one tab; in them %, blanks and control characters are %XX, and nothing is "-".
 * Times are milliseconds since 1970.
 */
#ifndef SINKS_FILE_LEDGER_H
#define SINKS_FILE_LEDGER_H

#include "base/list.h"
#include "base/map.h"
#include "consumer/change/event.h"

/* How far one shard is. */
struct ledger_shard {
	struct position at; /* never POSITION_END */
	int64_t epoch; /* the replay that it is of */
	unsigned gaps; /* gap records since `at`: see ledger_gap_bit */
	int64_t time_ms; /* of the last record */
	int64_t touched_wall_ms;
	struct list changed; /* the writer's: what is under way */
	struct position next_at;
	int64_t next_epoch;
	unsigned next_gaps;
	int64_t next_time_ms;
	size_t key_n; /* of `key`, stream and shard with a newline between */
	char key[];
};

/* One file that is not finished. */
struct ledger_file {
	struct list link;
	uint64_t id;
	uint64_t ino; /* 0: not known to be created */
	int64_t length;
	int64_t opened_wall_ms, touched_wall_ms;
	char *suffix; /* what distinguishes it from others of the same key; "": nothing does */
	char *key; /* its place, as the path has it */
};

struct ledger {
	struct map shards; /* struct ledger_shard */
	struct list files; /* struct ledger_file, by id */
	uint64_t next_id;
};

/* An empty ledger. */
void ledger_init(struct ledger *ledger);

/* Frees what it holds. */
void ledger_release(struct ledger *ledger);

/* The shard's entry, or NULL. */
struct ledger_shard *ledger_find(const struct ledger *ledger, const struct source *source);

/* The shard's entry, made if need be. */
struct ledger_shard *ledger_shard(struct ledger *ledger, const struct source *source);

/* The bit of ledger_shard.gaps for a gap record like this one. */
unsigned ledger_gap_bit(const struct gap *gap);

/* The file with this id, or NULL. */
struct ledger_file *ledger_file(const struct ledger *ledger, uint64_t id);

/* Appends an "n" entry. */
void ledger_put_next(struct buf *out, uint64_t next_id);

/* Appends an "f" entry. */
void ledger_put_file(struct buf *out, const struct ledger_file *file);

/* Appends a "d" entry. */
void ledger_put_drop(struct buf *out, uint64_t id);

/* Appends a "p" entry: where `shard` is, whose key is `key`. */
void ledger_put_shard(struct buf *out, struct str key, const struct ledger_shard *shard);

/* Takes in entries; false when one is malformed, and then those before it are in already. */
bool ledger_apply(struct ledger *ledger, struct str entries);

/* Forgets shards that were last touched before that time, and that nothing is under way for. */
void ledger_forget(struct ledger *ledger, int64_t before_wall_ms);

/* Appends everything as entries. */
void ledger_put_all(const struct ledger *ledger, struct buf *out);

#endif
