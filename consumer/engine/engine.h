/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: one deterministic state machine that reads streams, hands changes to sinks in order,
 * and checkpoints what the sinks have durably. No globals, no threads, no world but struct io: any
 * number of engines can live in one process.
 *
 *	engine = engine_new(io, &options);	copies the options, not the strings in them
 *	engine_start(engine);
 *	... the loop runs ...
 *	engine_drain(engine);			stop reading, finish, checkpoint, give leases back
 *	... options.stopped is called, once, from the loop ...
 *	... close the sinks ...
 *	engine_free(&engine);			allowed at any moment, once the sinks are closed: what was
 *						not acknowledged is read again by the next one
 *
 * The story of one change: discovery.c finds its shard; worker.c and checkpoint.c take the shard's
 * lease row; reader.c fetches the page that it is in; batch.c scans and encodes the page; cursor.c hands
 * it to a sink and learns that it is durable; checkpoint.c writes that down. DESIGN.md draws the states.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "consumer/engine/format.h"
#include "consumer/engine/io.h"
#include "consumer/engine/sink.h"

enum {
	ENGINE_SINKS_MAX = 16,
	/* Polling a shard more often than AWS's own readers do is asking to be throttled. */
	ENGINE_POLL_FLOOR_MS = 250,
};

struct engine;

/* A shard that begins after a change. */
struct engine_start {
	struct str shard_id, seqno;
};

/* A table; where it begins counts while it has no checkpoints. */
struct engine_table {
	struct str name;
	bool latest; /* start at the tip instead of the oldest record */
	int64_t start_wall_ms; /* start with the changes of that second; 0: as `latest` says */
	const struct engine_start *start_after; /* these shards begin so, whatever the others do */
	size_t n_start_after;
	bool gap_fail; /* a gap stops its shard instead of being reported and passed */
	/* One per sink, in their order; NULL: this sink does not get this table. */
	const struct encoder *encoders[ENGINE_SINKS_MAX];
	/* The same, for sinks with a dead letter sink: writes what is held of a record in its letter. */
	const struct encoder *letter_encoders[ENGINE_SINKS_MAX];
};

struct engine_sink {
	struct str name; /* the sink's durable identity: [A-Za-z0-9_-]+ */
	struct sink *sink; /* open; stays the caller's, who closes it before engine_free */
	/*
	 * What becomes of a record that the sink finally refuses: index in options.sinks of another sink,
	 * which takes it as a dead letter (letter.h); -1: it blocks its shard, for this sink, until it is
	 * taken. The other sink may be one that gets no table.
	 */
	int dead_letter;
	/* A record counts as refused after so many tries, or when it is so old; 0: never. */
	int64_t max_attempts, max_age_ms;
};

enum engine_phase {
	ENGINE_RUNNING, /* the start is over: shards are taken and read from now on */
	ENGINE_DRAINING, /* the end has begun */
};

struct engine_options {
	struct str region;
	struct str checkpoint_table;
	/* That table is one of the Kinesis Client Library (kcl.h); then ours is another one. */
	bool kcl;
	struct str own_table; /* where workers find each other; empty: in checkpoint_table */
	/* This worker: its id, and whether an operator vouches that the id is unique. */
	struct str worker_id;
	bool worker_id_vouched;
	/* The machine's boot id and this process on it, and whether such a process is certainly dead. */
	struct str boot, process;
	bool (*process_is_dead)(struct str boot, struct str process);

	int64_t lease_ms, heartbeat_ms, checkpoint_ms;
	int64_t budget_bytes, window_bytes, detach_after_ms;
	int64_t poll_floor_ms, max_latency_ms, discovery_ms;
	int64_t max_reads_per_month; /* of all workers together; 0: no limit */
	int64_t request_timeout_ms, drain_timeout_ms;
	int64_t stalled_after_ms; /* see engine_health */
	int64_t max_leases; /* this worker takes no more */
	bool until_caught_up; /* drain by itself once every sink has everything up to the tips */

	const struct engine_table *tables;
	size_t n_tables;
	const struct engine_sink *sinks;
	size_t n_sinks;

	/*
	 * The engine has stopped: drained (why->code ERROR_NONE), or unable to go on. Called from the
	 * loop; the engine may be freed afterwards, but not inside.
	 */
	void (*stopped)(void *arg, const struct error *why);
	/* Optional: a phase has begun, each at most once. Inside, only figures may be asked for. */
	void (*phase)(void *arg, enum engine_phase phase);
	void *arg;
};

/* The options that have defaults, as the reference has them. */
void engine_options_init(struct engine_options *options);

/* Makes an engine that does nothing yet; copies the options, not what they point to. */
struct engine *engine_new(struct io *io, const struct engine_options *options);

/* Starts the work; everything else happens in callbacks of the loop. */
void engine_start(struct engine *engine);

/* Stops reading, finishes, checkpoints and gives the leases back; options.stopped tells the end. */
void engine_drain(struct engine *engine);

/* Frees the engine and everything in flight; empties the caller's pointer, which may point to NULL. */
void engine_free(struct engine **engine);

/* The requests to one of the two services, by what came of them. */
struct engine_requests {
	uint64_t ended; /* all */
	uint64_t throttled; /* the service wanted fewer of them */
	uint64_t failed; /* no answer, an internal error, or no credentials that do */
};

/* What an observer may ask at any time between calls. */
struct engine_stats {
	uint64_t records_delivered, gaps;
	uint64_t dead_letters; /* acknowledged */
	uint64_t alarms; /* of tables: something only a person can cure */
	uint64_t detaches, rejoins; /* of cursors, from and to the lead */
	int64_t budget_used_bytes, budget_peak_bytes;
	int64_t window_peak_bytes; /* the fullest window of any cursor so far, over-commit included */
	unsigned readers_peak; /* the most readers one shard has had at once */
	unsigned shards_owned;
	uint64_t leases_gained, leases_lost, leases_given; /* given: back, or to another worker */
	struct engine_requests requests[2]; /* by enum io_service */
	bool caught_up; /* every sink has everything up to the tips that were last seen */
};

/* Copies the figures as they are now. */
void engine_stats(const struct engine *engine, struct engine_stats *out);

enum { ENGINE_GAP_REASONS = GAP_START_UNSURE + 1 };

/* What can be wrong with a table. */
enum engine_alarm {
	ENGINE_ALARM_DESCRIBE, /* its description cannot be had, or says that it cannot be read */
	ENGINE_ALARM_LIST, /* its stream's shards cannot be listed */
	ENGINE_ALARM_READ, /* its shards cannot be read */
	ENGINE_ALARM_DISABLED, /* its stream is disabled */
	ENGINE_ALARM_VIEW, /* its stream lacks images that a sink's form cannot do without */
	ENGINE_ALARMS,
};

/* What an observer may ask about one table. */
struct engine_table_stats {
	uint64_t records; /* read since the start */
	uint64_t bytes; /* of the pages that had any */
	uint64_t reads; /* GetRecords sent since the start: what the service charges for */
	int64_t lag_ms; /* by wall clock: how old the oldest change may be that a sink lacks */
	int64_t headroom_ms; /* until the oldest such change passes the stream's retention */
	unsigned shards_owned; /* of this worker; with none, lag and headroom say nothing */
	uint64_t gaps[ENGINE_GAP_REASONS]; /* gap records, one per sink, by enum gap_reason */
	uint64_t alarms[ENGINE_ALARMS]; /* how often each was raised */
	/* "starting", "current", "behind", "blocked", "failed", or "disabled": it is, and was read. */
	const char *state;
};

/* Computes the figures of the table with this index in options.tables. */
void engine_table_stats(struct engine *engine, size_t table_index, struct engine_table_stats *out);

/* What an observer may ask about one sink; all since the start. */
struct engine_sink_stats {
	uint64_t delivered; /* records that it has durably, dead letters apart */
	uint64_t retried; /* records that came back, to be handed over again or given up */
	uint64_t rejected; /* records that turned out to be refused for good */
	uint64_t dead_letters; /* of those, how many another sink has taken */
	uint64_t deliveries[DELIVERY_RESULTS]; /* ended so; dead letters of others included */
	int64_t flight_bytes; /* handed over, and not ended yet */
	int64_t waiting_bytes; /* of the pages that wait for it */
};

/* Copies the figures of the sink with this index in options.sinks. */
void engine_sink_stats(const struct engine *engine, size_t sink_index,
		       struct engine_sink_stats *out);

/* Why a worker is not ready. */
enum engine_ill {
	ENGINE_ILL_STARTING, /* the start is not over */
	ENGINE_ILL_ENDING, /* the end has begun */
	ENGINE_ILL_PAUSED, /* no heartbeat gets through: nothing is delivered */
	ENGINE_ILL_UNLISTED, /* a table whose shards are not known yet */
	ENGINE_ILL_ALARM, /* a table that only a person can cure: engine_alarm's first three */
	ENGINE_ILL_DISABLED, /* a table whose stream is disabled */
	ENGINE_ILL_VIEW, /* a table whose stream lacks what a sink cannot do without */
	ENGINE_ILL_STOPPED, /* a table that the gap policy stopped */
	ENGINE_ILL_UNREAD, /* shards that are not read, though they should be */
	ENGINE_ILL_UNWRITTEN, /* shards whose positions cannot be written down */
	ENGINE_ILL_REFUSED, /* a sink that refuses a record, which blocks its shard */
	ENGINE_ILL_FATAL, /* a sink that cannot go on until a person acts */
	ENGINE_ILL_STALLED, /* a sink that has something to do, and gets no further */
	ENGINE_ILLS,
};

/* One reason. What the strings point to lives as long as the call that gets it. */
struct engine_reason {
	enum engine_ill ill;
	struct str table, sink,
		shard; /* what it is about; empty: not about one; shard: the first */
	size_t shards; /* how many; 0: it is not about shards */
	int64_t since_ms; /* by io_now_ms; 0: that is not known */
	const char *advice; /* a sentence without a final stop: what is wrong, and what to do */
};

/* The word for it. */
const char *engine_ill_word(enum engine_ill ill);

/*
 * Calls `fn` for each reason why this worker is not ready; not at all when it is. An idle worker is ready,
 * and so is one that stands by because others have all shards.
 *
 * What a person has to mend counts at once. Everything else is a matter of progress: a cursor counts when
 * it had something outstanding for stalled_after_ms and its frontier did not move, a reader when no page
 * came for that long and max_latency_ms. Who has nothing to do has nothing outstanding, and so an idle
 * table, which is read and brings nothing, never counts.
 */
void engine_health(struct engine *engine, void (*fn)(void *arg, const struct engine_reason *reason),
		   void *arg);

/* One legal step of one of the engine's state machines, and how often it was taken. */
struct engine_transition {
	const char *machine, *from, *to;
	uint64_t n;
};

/* Fills in up to `max` of them, always in the same order; returns how many there are. */
size_t engine_transitions(const struct engine *engine, struct engine_transition *out, size_t max);

#endif
