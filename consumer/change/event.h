/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change: one record of a DynamoDB stream, as slices into the answer that it came in, and the gap
 * record, which says where changes may be missing.
 *
 * Nothing here owns anything: an event lives as long as its batch, and is not altered once its page
 * was scanned.
 */
#ifndef CHANGE_EVENT_H
#define CHANGE_EVENT_H

#include "consumer/change/seqno.h"

enum event_op {
	EVENT_INSERT,
	EVENT_MODIFY,
	EVENT_REMOVE,
	EVENT_GAP, /* not a change: see struct gap */
};

/* The names of a table's key attributes; empty: there is none, or it is not known. */
struct key_names {
	struct str hash, range;
};

/* Where a run of events comes from. The strings belong to the engine's table and shard. */
struct source {
	const struct key_names *key_names; /* NULL: not known */
	struct str table;
	struct str stream_arn;
	struct str region;
	struct str shard_id;
	int64_t epoch; /* the replay: positions that a sink remembers of another one are void */
};

enum gap_reason {
	GAP_TRIMMED, /* the position is older than the stream's retention: records were lost */
	GAP_SHARD_LOST, /* the shard vanished before it was read to its end */
	GAP_STREAM_NEW, /* the table's stream was replaced: writes between the two were not recorded */
	GAP_START_UNSURE, /* the shard could not be opened at its first record */
};

struct gap {
	enum gap_reason reason;
	bool certain; /* records are known to be missing, not only possibly */
	struct position after; /* the last position before the gap that was consumed */
};

struct event {
	enum event_op op;
	bool ttl; /* REMOVE by the service's time-to-live */
	bool utf8_bad; /* some string in it is not valid UTF-8 */
	struct str id; /* eventID: raw JSON string body, still escaped */
	struct str seqno; /* valid by seqno_valid; empty in a gap record */
	int64_t time_ms; /* ApproximateCreationDateTime, milliseconds since 1970 */
	uint64_t size_bytes; /* SizeBytes: what the service counts for it; 0: not known */
	struct str keys; /* raw JSON object {"name":{"S":"..."},...}, as it stands in the answer */
	struct str new_image; /* the same; n == 0: absent */
	struct str old_image; /* the same; n == 0: absent */
	struct str view_type; /* StreamViewType: raw JSON string body */
	const struct gap *gap; /* only when op is EVENT_GAP */
};

/* "insert", "modify", "remove" or "gap". */
struct str event_op_word(enum event_op op);

/* "trimmed", "shard_lost", "stream_replaced" or "start_unsure". */
struct str gap_reason_word(enum gap_reason reason);

#endif
