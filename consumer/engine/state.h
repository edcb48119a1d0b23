/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine's files share: the objects and who points to whom. For consumer/engine/ alone.
 *
 *	engine -> tables -> streams -> shards -> cursors (one per sink of the table)
 *	                                      -> readers (the lead, and at most one catch-up)
 *	reader -> batch -> links, one per cursor that was handed it -> flights, one per delivery
 *
 * Everything is touched by the loop's thread only. Each header below says what its file does with
 * these; states change only through the x_set_state functions.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/time.h"
#include "consumer/engine/alarm.h"
#include "consumer/engine/call.h"
#include "consumer/engine/lister.h"
#include "consumer/engine/machine.h"
#include "consumer/engine/pace.h"
#include "consumer/engine/registry.h"

enum {
	RETENTION_MS = DAY_MS, /* what a stream keeps */
	RETRY_AFTER_MAX_MS = HOUR_MS, /* of what a sink asks for */
	/* A finished row stays for so long: a write that was delayed on its way must still find it. */
	ROW_LINGER_MS = 10 * MINUTE_MS,
	POLL_RESERVE_BYTES = 2 << 20,
	STARTUP_ATTEMPTS = 6, /* of one request; then an unreachable service stops the start */
	ANSWER_MAX_BYTES = 16 << 20, /* of one page of records */
	DELIVERY_MAX_BYTES = 1 << 20, /* a larger delivery holds one record */
	DELIVERY_MAX_RECORDS = 1000,
	SINK_FLIGHT_MAX_BYTES = 16 << 20, /* handed to one sink and not yet ended */
	SHARD_ID_MAX = 65,
	NAME_MAX_BYTES = 255,
};

enum group { GROUP_NONE, GROUP_LEAD, GROUP_CATCHUP };

struct cursor;
struct letter;
struct lookup;
struct reader;
struct shard;
struct stream;

/* A sink, as the engine keeps it. */
struct tap {
	struct engine *engine;
	struct str name;
	struct sink *sink;
	size_t index;
	struct list waiting; /* cursors that may submit once others' deliveries have ended */
	int64_t flight_bytes; /* submitted and not yet ended */
	unsigned flights_n;
	int64_t held_bytes; /* of batches that its cursors have not finished */
	unsigned orphans_n; /* of those, forgotten by their cursors */
	bool fed; /* it gets some table; else it is there for dead letters only */
	bool fatal; /* it said that it cannot go on until a person acts */
	unsigned troubled_n; /* cursors whose last delivery did not end well */
	struct error why; /* how a delivery last did not */
	struct engine_sink_stats stats; /* but the bytes */
	struct tap *letters; /* takes what this one refuses; NULL: that blocks */
	int64_t max_attempts, max_age_ms; /* then a record counts as refused; 0: never */
	char *attribute; /* what its attribute in rows ends with; NULL: not known yet */
};

struct table {
	struct engine *engine;
	const struct engine_table *options;
	size_t index;
	struct row_sinks sinks; /* the taps that get this table */
	struct tap *taps[ENGINE_SINKS_MAX]; /* the same, by cursor index */
	const struct encoder *encoders[ENGINE_SINKS_MAX]; /* the same */
	const struct encoder *letter_encoders[ENGINE_SINKS_MAX]; /* the same */
	struct list streams; /* struct stream, by label */
	struct call *call; /* DescribeTable */
	struct io_timer timer; /* the next one */
	unsigned attempts;
	char *stream_arn; /* of the present stream; NULL: not known yet */
	struct key_names key_names; /* slices of key_text; empty until the table is described */
	char *key_text;
	struct call *list_call; /* ListStreams: see streamlist.h */
	struct io_timer list_timer;
	char *list_after;
	unsigned list_attempts;
	bool streams_pending;
	bool streams_told; /* ListStreams was answered at least once */
	bool known; /* described at least once */
	struct error
		unreadable; /* why, as long as rows may show that it was read; ERROR_NONE: it is not */
	bool begun; /* blocked before it was known, for its rows show that it was read: ends no start */
	bool single_reader; /* the service allows one reader per shard (a global table, MREC) */
	bool failed; /* some shard was stopped by the gap policy */
	bool disabled; /* its stream is: changes are not recorded */
	bool view_known;
	int images; /* that its stream's view type has: IMAGES_NEW, IMAGES_OLD */
	unsigned reading; /* shards that we read: in SHARD_OWNED */
	struct alarm alarms[ALARM_SOURCES];
	uint64_t alarms_raised[ENGINE_ALARMS], gaps[ENGINE_GAP_REASONS];
	uint64_t records, records_reported, bytes;
	uint64_t reads, reads_reported; /* GetRecords sent */
};

/* A row of the checkpoint table whose shard is not known yet. */
struct kept_row {
	char *key, *raw;
};

/* One stream of a table: the present one, or an older one that is not read to its end yet. */
struct stream {
	struct table *table;
	struct list link; /* in table->streams */
	char *arn, *key_prefix; /* key_prefix: of its leases' keys; see leasekey.h */
	struct str label; /* within arn */
	struct map shards; /* by id */
	struct list orphans; /* shards whose parent is not known */
	/* Listing: see shardlist.c. */
	struct call *call;
	struct io_timer timer;
	struct pace_ticket ticket; /* for the next page */
	struct lister_wish wish; /* for a listing without hurry */
	struct list lookups; /* of children: see children.c */
	char *next_shard; /* where the next page goes on; NULL: at the start */
	unsigned attempts, followups;
	bool rush; /* there is a reason to list again soon */
	bool hurried; /* the next listing comes before its time: it does not wait for its turn */
	bool listed; /* one whole listing is done */
	bool disabled, gone;
	bool first_start; /* nothing of this stream was ever checkpointed */
	int64_t began_wall_ms; /* when its first row was made, as far as rows tell; 0: no row does */
	int64_t start_wall_ms; /* the time at which its shards begin; ROW_START_ALL: none */
	uint64_t listings; /* whole ones, so far */
	int64_t rows_wanted_ms; /* since when the first listing waits for a look at the rows; 0: not */
	int64_t found_ms; /* when we first knew of it */
	int64_t listing_began_ms, listed_ms;
	int64_t rushed_ms; /* when there was last a reason to list in a hurry; 0: never */
};

/* Whether the stream replaced an older one that we know: its first shard says so by a gap record. */
static inline bool stream_replaces(const struct stream *stream)
{
	return stream->link.prev != &stream->table->streams;
}

/* One shard and its lease row. */
struct shard {
	struct stream *stream;
	char *parent_id; /* behind `id`; empty: none */
	struct source source; /* for sinks and formats */
	unsigned char state, lease; /* enum shard_state, lease_state */
	bool open; /* the listing shows no end */
	bool listed; /* seen in a listing */
	bool adopted_done; /* finished before this start: its row is gone, or it is not wanted */
	bool late; /* not in the stream's first whole listing */
	bool parent_gone; /* the parent is neither listed nor known */
	bool refused; /* the service says that it does not exist; the next listing decides */
	bool vanished; /* its listing agrees: what was not read is lost */
	bool tip_seen; /* an empty page was read at its tip */
	bool latest; /* begins at the tip: see ROW_START_LATEST */
	bool started_after; /* begins after a change that the configuration names */
	bool horizon_known; /* first_seqno is the first record that was there when reading began */
	unsigned char parent_misses, misses;
	uint64_t seen_in; /* the number of the listing it was seen in last */
	int64_t missed_ms, parent_missed_ms; /* when the last miss was counted */
	char *first_seqno; /* NULL: not told */
	struct lookup *lookup; /* of its children; NULL: none */
	struct shard *parent; /* NULL: none known */
	struct list children;
	struct list
		child_link; /* in parent->children; in stream->orphans while the parent is unknown */
	/* The row. */
	int64_t done_ms; /* when it became done, in this life of the process */
	int64_t fresh_ms; /* when its row was made by us, and its beginning may be trimmed already; 0: not so */
	int64_t known_ms; /* when the row was last read, or given away by us */
	int64_t moved_ms; /* when its counter or owner was first seen as it is */
	int64_t renewed_ms; /* when the last write of the row was sent that got through; 0: none since it is ours */
	int64_t free_ms; /* since when it is ready and seems to be nobody's; 0: it does not */
	uint64_t swept_in; /* the number of the sweep that its row was seen in last */
	uint64_t registry_need; /* the read of the registry that has to be over before it is written */
	char *heir; /* the owner that it is being handed over to; NULL: nobody */
	int64_t read_bytes, read_before_bytes, load; /* read so far; at the last tick; a second */
	bool has_row, ours;
	bool offered; /* its row was made, or tried to be, for whoever comes after us */
	bool lags; /* `checkpoint` in the row is behind what all sinks have */
	bool giving; /* a write that gives the row away was sent, and may land yet */
	bool writing_partial; /* the outstanding write does not move it */
	bool overdue; /* nobody took it for a while: anybody may */
	bool named; /* the row names us, though we do not hold it: it was given to us */
	char *owner; /* when it is another's; NULL: nobody's or ours */
	int64_t counter;
	int64_t start_wall_ms; /* as in struct row */
	struct call *row_call;
	struct position *writing; /* what the outstanding write says, per cursor */
	int64_t writing_start_wall_ms;
	struct io_timer row_timer;
	unsigned row_attempts;
	bool urgent, start_dirty;
	struct list dirty_link;

	struct reader *lead, *catchup;
	size_t n_cursors;
	struct cursor *cursors; /* one per sink of the table */
	char id[];
};

/* One sink's progress in one shard. */
struct cursor {
	struct shard *shard;
	struct tap *tap;
	unsigned char state, group; /* enum cursor_state, enum group */
	bool willing; /* detached, and its sink may accept again */
	bool ended; /* the reader has handed it the shard's last record */
	unsigned char gaps_wanted; /* bit 1 << reason: a gap record that goes out before the rest */
	bool lost; /* the gap record about the vanished rest of the shard is queued, or through */
	bool told; /* of a trim, and nothing was handed to it since */
	bool troubled; /* its last delivery did not end well */
	bool blocked; /* by a record that the sink, or the dead letter sink, does not take */
	bool suspect; /* a record up to suspect_end was refused: see poison.h */
	unsigned attempts; /* bad ends since the last good one */
	unsigned tries; /* of those, what counts against the record at the frontier */
	unsigned flights_n;
	size_t step; /* after a poison record: how many records at once at most; 0: any number */
	struct letter *letter; /* of the record at the frontier, which is given up; NULL: none */
	struct position suspect_end;
	struct position frontier; /* acknowledged, without a hole */
	struct position durable; /* the row says so */
	struct list links; /* struct link, in stream order */
	struct list flights; /* struct flight, in stream order */
	struct list waiting_link; /* in tap->waiting */
	int64_t window_bytes;
	int64_t full_since_ms; /* 0: not full */
	int64_t moved_ms; /* when the frontier moved last, or it opened, or got something to do */
	int64_t current_wall_ms; /* the sink has everything up to this time */
	struct io_timer timer; /* retry */
	int64_t not_before_ms; /* when the sink may be tried again; outlives the lease */
};

/* Fetches one shard for the cursors of one group. */
struct reader {
	struct shard *shard;
	unsigned char state, group; /* enum reader_state, enum group */
	struct position at; /* handed over up to here */
	char *iterator; /* raw JSON; NULL: none */
	int64_t iterator_ms; /* when it was issued */
	struct call *call;
	struct io_timer timer;
	struct list budget_link; /* in engine->hungry */
	int64_t reserved_bytes;
	int64_t asked_wall_ms;
	/* See rhythm.h. */
	int64_t due_ms; /* when it was to act last: for the lateness of its polls */
	int64_t sent_ms; /* of the last poll that brought a page; 0: none yet */
	int64_t rest_until_ms; /* not to be polled before */
	int64_t gap_ms; /* how far apart the records seem to be, max_latency at most */
	int64_t quiet_ms; /* how long nothing has come */
	struct heap_node turn; /* in the ration's line */
	unsigned attempts, limit;
	bool use_horizon; /* its position cannot be addressed: the next iterator is at the trim horizon */
	/* A trim was met and nothing was read since: whoever joins now has the same gap. */
	bool gap_open, gap_certain;
	struct position mark[]; /* of a catch-up reader: where the lead was when this pass began */
};

/* One page, until the last cursor is through with it. */
struct batch {
	struct engine *engine;
	struct shard *shard;
	struct source source; /* a copy: sinks may hold deliveries when the shard is gone */
	struct key_names key_names;
	struct arena arena;
	struct buf body;
	struct event *events;
	size_t n;
	int64_t reserved_bytes, bytes;
	unsigned refs;
	struct encoding *encodings;
	struct gap gap; /* when its one event is a gap record */
	bool to_end; /* a gap record after which the shard is finished */
};

/* A batch, encoded for the sinks that share an encoder. */
struct encoding {
	struct encoding *next;
	const struct encoder *encoder;
	struct buf bytes;
	uint32_t *ends;
};

/* A batch in a cursor's queue. */
struct link {
	struct list node; /* in cursor->links */
	struct batch *batch;
	size_t next; /* the next event to submit */
	size_t acked; /* all before this one are acknowledged */
};

/* A delivery under way. */
struct flight {
	struct delivery delivery;
	struct cursor *cursor; /* NULL: forgotten; only the sink still knows it */
	struct tap *tap;
	struct link *link;
	struct batch *batch;
	struct list node; /* in cursor->flights, or engine->orphans */
	size_t first; /* event */
	int64_t weight_bytes; /* what it counts for in its sink's bound */
	bool done;
	enum delivery_result result;
	size_t acked;
	struct error why;
};

/* Another worker, as the list of workers and its heartbeat row show it. */
struct peer {
	char *id, *incarnation; /* incarnation: empty until its row was seen */
	int64_t counter;
	int64_t changed_ms; /* when the counter was last seen to change, or the row to be absent */
	int64_t dead_ms; /* since when it is known to be dead: fenced, or without a row; 0: it lives */
	bool fenced;
	bool fencing; /* `call` is to fence this very incarnation */
	int64_t leases, load; /* as in struct heartbeat */
	bool asked; /* somebody's request for leases is on its row */
	bool whole; /* it runs all sinks that are registered */
	uint64_t asked_in, seen_in, listed_in; /* the numbers of looks */
	struct call *call; /* fencing it, asking it, taking it off */
};

/* The owner of a lease who seems to be gone: certain once a look that began later shows the same. */
struct suspect {
	char *owner; /* "<id>:<incarnation>" */
	int64_t seen_ms;
	int64_t certain_ms; /* 0: not certain yet */
};

/* See ration.h. */
struct ration {
	int64_t reads; /* per month, of all workers; 0: as many as there is reason for */
	int64_t credit, counted_ms; /* what is in the bucket, as of counted_ms */
	unsigned workers; /* that share it, as of workers_ms */
	int64_t workers_ms;
	struct heap line; /* readers by turn */
	int64_t now; /* the turn that was served last */
	int64_t line_ms; /* since when somebody has stood in line */
	bool is_short; /* and it was said so */
	struct io_timer timer;
};

enum { LATENESS_FINE_MS = 64, LATENESS_BUCKETS = LATENESS_FINE_MS + 16 };

/* How late polls were sent: see rhythm.h. */
struct lateness {
	uint64_t n;
	int64_t max_ms;
	uint32_t counts[LATENESS_BUCKETS];
};

enum worker_state {
	WORKER_TABLE, /* looks for the checkpoint table, and then for our own */
	WORKER_CREATING, /* waits for it to become active */
	WORKER_SCHEMA, /* checks the schema row */
	WORKER_MEMBER, /* puts itself on the list of workers */
	WORKER_HEARTBEAT, /* wants its heartbeat row */
	WORKER_REGISTRY, /* reads the registry, and adds what is missing there */
	WORKER_SCAN, /* looks at the other workers and reads all rows */
	WORKER_RUNNING,
	WORKER_LEAVING, /* deletes its heartbeat row */
	WORKER_STOPPED,
};

/* See adopt.h. */
struct adoption {
	struct call *call;
	struct io_timer timer;
	unsigned attempts;
	struct adding *adding; /* sinks of ours, at the start; NULL: nothing is to be added */
	struct str missing[ENGINE_SINKS_MAX]; /* which */
	uint64_t asked; /* the number of the present, or last, read */
	uint64_t seen; /* of the last one that showed nothing new */
	uint64_t wanted; /* of one that rows wait for */
	int64_t version, epoch;
	int64_t said_ms; /* when it was last said that a seek is waited for; 0: never */
	char *names[ROW_SINKS_MAX]; /* of all registered sinks, "<name>.<generation>" */
	struct str registered[ROW_SINKS_MAX]; /* the same */
	size_t n_names;
	struct str running[ENGINE_SINKS_MAX]; /* of those that are ours */
	size_t n_running;
	bool adopted;
	bool changed; /* another registry was seen since */
	bool lacking; /* some registered sink is not ours */
};

struct engine {
	struct io *io;
	struct engine_options options;
	struct engine_stats stats;
	struct machine_counts steps;
	struct caller caller;
	struct list orphans; /* struct flight: held by sinks, forgotten by their cursors */

	struct tap *taps;
	struct table *tables;

	/* worker.c */
	enum worker_state worker;
	char *worker_id, *incarnation, *owner; /* owner: "<id>:<incarnation>" */
	bool named; /* a request may have put this incarnation into our row */
	int64_t beat_counter, beat_ms; /* beat_ms: of the last success */
	bool own_table_next; /* the checkpoint table is there; ours is looked for, or it is the same */
	bool beat_answers; /* the heartbeat under way answers a request for leases */
	bool beat_again; /* another one is to follow at once */
	bool updated_once; /* some row was updated */
	bool paused; /* the lease may have run out: deliver nothing */
	struct call *worker_call, *beat_call;
	struct io_timer worker_timer, beat_timer;
	unsigned worker_attempts;
	bool scanned; /* all rows, and the other workers, were seen once */
	int64_t rival_ms; /* since when another incarnation of our id is watched */
	struct adoption adoption; /* adopt.c */

	/* peers.c */
	struct map peers; /* struct peer by id */
	struct map suspects; /* struct suspect by owner */
	struct call *look_call, *join_call;
	struct io_timer look_timer;
	uint64_t looks; /* the number of the present, or last, look */
	int64_t look_ms; /* when it began */
	bool look_exact; /* it reads consistently */
	bool look_goes_on; /* some of its rows were not read yet */
	bool exact_wanted; /* the next one has to */
	bool looked; /* an exact one is done */
	unsigned look_attempts;
	int64_t roster_version;
	int64_t aside_ms; /* when it was last said that we stand aside; 0: never */

	/* sweep.c */
	struct map rows; /* struct kept_row by key */
	struct call *sweep_call;
	struct io_timer sweep_timer;
	char *sweep_next; /* where the sweep goes on; NULL: at the start */
	uint64_t sweeps; /* the number of the present, or last, sweep */
	int64_t sweep_ms; /* when it began */
	int64_t sweep_wanted_ms; /* one that begins later is wanted, at full speed */
	int64_t sweep_bytes; /* read so far */
	bool swept; /* one is done */
	bool swept_again; /* the start wanted another one, that begins at again_ms or later; 0: it is over */
	int64_t again_ms;
	size_t foreign_n; /* rows of the last sweep that Kinesis clients have and that are not finished */
	size_t foreign_seen; /* the same of the present one, so far */
	unsigned sweep_attempts;

	/* balance.c */
	int64_t leases; /* shards that we hold or are about to, and have not read to the end */
	int64_t load; /* bytes a second of those, at the last tick */
	int64_t tick_ms;
	struct balance *balance;

	/* shardlist.c, children.c */
	struct pace pace; /* of DescribeStream */
	struct lister lister;
	bool child_filter; /* the endpoint has answered for the children of one shard */
	bool no_child_filter; /* it cannot */

	/* kcl.c */
	enum lease_form form; /* of the keys; known once there was a sweep */
	bool form_seen; /* some row has it */
	struct io_timer renew_timer;

	/* dirty.c */
	struct list dirty; /* shards whose row wants a write */
	struct io_timer checkpoint_timer;

	/* reader.c */
	struct list hungry; /* readers that wait for budget */
	unsigned readers_n;
	struct ration ration;
	struct lateness late; /* since status was logged last */

	/* engine.c */
	struct io_timer status_timer, drain_timer, tick_timer;
	int64_t status_ms;
	int64_t drain_due_ms;
	bool read_once; /* some page was read */
	bool draining, drain_over, stopped;
	bool renewing; /* begins anew when it is drained */
	bool renewed; /* has done so */
	struct io_timer stop_timer;
	struct error stop_why;
};

/* What the end of a drain says. */
struct error engine_drained(const struct engine *engine);

/*
 * Whether a request of the start has been tried often enough for the start to end there. A worker that has
 * run before goes on trying.
 */
static inline bool start_is_futile(const struct engine *engine, unsigned attempts)
{
	return !engine->renewed && attempts >= STARTUP_ATTEMPTS;
}

/* Tells options.phase. */
void engine_phase(struct engine *engine, enum engine_phase phase);

/* Ends the engine because of `why`: everything stops, and options.stopped is called. */
void engine_stop(struct engine *engine, const struct error *why);

/*
 * Begins anew because of `why`: gives the leases back, forgets all that it knows but the sinks, and starts
 * as another incarnation.
 */
void engine_renew(struct engine *engine, const char *why);

#endif
