/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence numbers and positions in a shard.
 *
 * A sequence number is 21 to 40 decimal digits (emulators give fewer), not padded, larger than any
 * integer type: it stays text and is compared as text (AWS API reference, SequenceNumber: minimum
 * length 21, maximum 40). Order is only meaningful within one shard.
 *
 * A position says how far a shard was consumed: TRIM_HORIZON (nothing) < after a sequence number <
 * SHARD_END (all of it, and the shard is closed). These are the words of the checkpoint rows too.
 */
#ifndef CHANGE_SEQNO_H
#define CHANGE_SEQNO_H

#include "base/buf.h"

enum { SEQNO_MAX = 40 };

enum position_kind {
	POSITION_START, /* TRIM_HORIZON */
	POSITION_AFTER, /* everything up to and including a sequence number is consumed */
	POSITION_END, /* SHARD_END */
};

struct position {
	unsigned char kind;
	unsigned char n; /* digits, when POSITION_AFTER */
	char digits[SEQNO_MAX];
};

/* Whether `s` is 1 to 40 decimal digits. */
bool seqno_valid(struct str s);

/* Orders two valid sequence numbers by value: negative, zero or positive. */
int seqno_cmp(struct str a, struct str b);

/* The position before everything. */
struct position position_start(void);

/* The position after everything. */
struct position position_end(void);

/* The position after the record with the valid sequence number `seqno`. */
struct position position_after(struct str seqno);

/* Orders two positions of one shard. */
int position_cmp(const struct position *a, const struct position *b);

/* "TRIM_HORIZON", the digits, or "SHARD_END"; the slice lies in `position`. */
struct str position_text(const struct position *position);

/* Reads what position_text wrote; false when it is none of the three. */
bool position_parse(struct str text, struct position *out);

#endif
