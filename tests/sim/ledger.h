/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true: every write that reached a stream (from the model's own log), the lineage of the
 * shards, and what each sink has durably. Checks, as records reach the sinks:
 *
 *	record-intact		what arrives is what was written
 *	key-order		per sink and key: first deliveries in stream order without a hole; a
 *				replay is a replay of everything after it
 *	child-after-parent	nothing of a child before all of its parents
 *
 * A write counts as taken by a sink when the sink has it durably, when it is excused (trimmed, and
 * the sink was given a gap record for the shard or its kin), or when it was never owed: older than
 * the place where the first worker started, or before the sink was active in the registry.
 *
 * A sink that is added again is another one, and a seek begins anew: what was had before counts no
 * more, and what is still on its way from before does not count any more.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "tests/sim/world.h"

enum { LEDGER_SINKS = 12, LEDGER_LIVES = 96, LEDGER_STARTS = 4, LEDGER_DEPTH = 200 };

enum ledger_how { LEDGER_DELIVERED = 1, LEDGER_LETTER = 2 };

/* What one sink has of one shard. */
struct ledger_taken {
	unsigned char *has; /* per write of the shard: enum ledger_how, or'ed */
	size_t n_has;
	size_t front; /* writes from the first on that count as taken */
	size_t last; /* 1 + the highest write that it got itself, not by letter */
	int64_t gap_wall_ms; /* until when its last gap record reaches; 0: none, INT64_MAX: open */
	unsigned gaps;
	size_t excused; /* writes from the first on that were there before the sink was active */
};

struct ledger_shard {
	char id[80];
	struct ledger_table *table;
	struct str arn; /* of the stream; owned */
	char parent_id[80];
	struct ledger_shard *parent; /* NULL: none, or never listed */
	bool closed;
	bool skipped; /* of a stream that came and went unseen, and a later one is being read */
	int64_t start_wall_ms; /* when its first row was written, 0: not yet */
	bool start_empty; /* it was closed by then: at its tip there was nothing left to begin with */
	uint32_t *writes; /* numbers of the model's log */
	size_t n_writes;
	struct ledger_taken taken[LEDGER_SINKS];
	size_t others_n; /* so many of its writes a foreign worker has read: they are not owed */
	unsigned takes[LEDGER_LIVES]; /* how often each incarnation took the lease */
	char end_seqno[48]; /* when closed */
	struct watched_row *row; /* the rowwatch's; NULL: there never was one */
	int64_t epoch; /* of its present replay */
	uint64_t listed_in; /* the number of the refresh that last showed it */
	int64_t orphan_ms; /* the fleet's: since when nobody has it who should; -1: not so */
};

/* Where one incarnation is in one key, for one sink. */
struct ledger_place {
	const void *cursor;
	const struct ledger_shard *shard;
	unsigned era;
	size_t index;
};

struct ledger_key {
	struct str text; /* table and keys; owned */
	uint32_t *writes;
	size_t n_writes;
	size_t high[LEDGER_SINKS]; /* 1 + the highest index delivered */
	struct ledger_place last[LEDGER_SINKS][LEDGER_LIVES];
};

/* A shard that a table's reading begins in, after its first so many writes. */
struct ledger_start {
	const struct ledger_shard *shard;
	size_t n;
};

struct ledger_table {
	char name[64];
	bool latest;
	int64_t start_wall_ms; /* nothing older than that second is owed; 0: all is */
	struct ledger_start starts[LEDGER_STARTS];
	size_t n_starts;
	bool gap_fail;
	bool of_images; /* the form of its sinks cannot do without the new image, and wants both */
	bool sinks[LEDGER_SINKS]; /* which get this table */
	uint64_t n_writes;
	const struct ledger_shard *first; /* the first whose row was written; NULL: none yet */
};

/* One write of the model's log, and where it belongs. */
struct ledger_write {
	const struct service_write *w;
	struct ledger_shard *shard;
	struct ledger_key *key;
	size_t in_shard, in_key;
	int64_t trimmed_wall_ms; /* when it was first seen to be trimmed, 0: not */
};

/* One sink, as the registry has it. */
struct ledger_sink {
	bool registered, active; /* only an active one is owed anything */
	int64_t generation; /* the present or last one; 0: never registered */
	int64_t runs[LEDGER_LIVES]; /* the generation that each incarnation says it runs; 0: none */
};

struct ledger {
	struct world *world;
	size_t n_sinks;
	struct ledger_sink sinks[LEDGER_SINKS];
	struct map tables, shards, keys, ids;
	struct ledger_write *writes;
	size_t n_writes;
	bool stale; /* the lineage may have changed */
	uint64_t listings; /* refreshes so far */
	uint64_t accepted[LEDGER_SINKS], doubled[LEDGER_SINKS];
	int64_t slowest_ms[LEDGER_SINKS]; /* from a change to its first delivery */
	uint64_t letters[LEDGER_SINKS], letters_doubled[LEDGER_SINKS]; /* of that sink's records */
	uint64_t strays; /* deliveries that did not count */
};

/* One record as a sink got it. */
struct ledger_record {
	struct str op, id, seqno, shard, table, arn, keys, new_image, old_image;
	struct str reason, after; /* of a gap record */
};

/* One dead letter as a sink got it. */
struct ledger_letter {
	struct str sink, reason, table, arn, shard, seqno, id, time;
	uint64_t attempts;
	struct ledger_record record;
};

/* An empty ledger that listens to the world's service. */
void ledger_init(struct ledger *ledger, struct world *world);

/* Frees what the ledger holds. */
void ledger_release(struct ledger *ledger);

/* One more sink; every table goes to it, unless table->sinks is changed. */
void ledger_add_sink(struct ledger *ledger);

/* Makes a table known; its name is copied. */
struct ledger_table *ledger_table(struct ledger *ledger, const char *name);

/* The shard of that id, or NULL. */
struct ledger_shard *ledger_shard(struct ledger *ledger, struct str id);

/* The same, made when it is new. */
struct ledger_shard *ledger_shard_made(struct ledger *ledger, struct str id, struct str arn,
				       struct ledger_table *table);

/* Asks the service for all streams and shards, without lies, and notes lineage and ends. */
void ledger_refresh(struct ledger *ledger);

/* Notes which writes are trimmed by now. */
void ledger_note_trims(struct ledger *ledger);

/* Sink number `sink` has this record durably, from that incarnation and cursor. */
void ledger_accept(struct ledger *ledger, size_t sink, unsigned life, const void *cursor,
		   const struct ledger_record *record);

/*
 * A dead letter for sink number `sink` is durable: counts as if the sink had the record, and is held to
 * the same rules; the record must be whole, and the letter has to say what it is.
 */
void ledger_accept_letter(struct ledger *ledger, size_t sink, const void *cursor, unsigned life,
			  const struct ledger_letter *letter);

/* The last write of the shard that the sink got itself; NULL: none. */
const struct ledger_write *ledger_last(const struct ledger *ledger,
				       const struct ledger_shard *shard, size_t sink);

/* How many of the shard's writes count as taken by the sink, from the first on. */
size_t ledger_front(struct ledger *ledger, struct ledger_shard *shard, size_t sink);

/* How many of the shard's writes are at or before the sequence number. */
size_t ledger_until(const struct ledger *ledger, const struct ledger_shard *shard,
		    struct str seqno);

/*
 * The first row of a shard was written: notes when, and which older streams were passed over. Those are
 * lost, and the gap record of the stream that is read has to say so.
 */
void ledger_started(struct ledger *ledger, struct ledger_shard *shard);

/* Whether a sink was told that there was another stream before one of those after `arn`. */
bool ledger_told(const struct ledger *ledger, struct str arn, size_t sink);

/* Whether a trimmed write is covered by a gap record for its shard, an ancestor or a descendant. */
bool ledger_excused(const struct ledger *ledger, const struct ledger_write *write, size_t sink);

/* Whether the sink has the write. */
bool ledger_has(const struct ledger *ledger, const struct ledger_write *write, size_t sink);

/* Whether the sink has the write, or it counts as taken: nobody owes it any more. */
bool ledger_taken(const struct ledger *ledger, const struct ledger_write *write, size_t sink);

/* Whether deliveries of that generation of the sink, and of that replay of the shard, count at present. */
bool ledger_counts(const struct ledger *ledger, const struct ledger_shard *shard, size_t sink,
		   int64_t generation, int64_t epoch);

/* The sink has another generation: what the last one had does not count any more. */
void ledger_renew(struct ledger *ledger, size_t sink);

/* The same for one shard, which is replayed; what is trimmed already is not owed. */
void ledger_replay(struct ledger *ledger, struct ledger_shard *shard, size_t sink);

/* Whether the write was never owed: before the place where the first worker started. */
bool ledger_unowed(const struct ledger *ledger, const struct ledger_write *write);

#endif
