/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll: GetRecords, and what its answer means. Trouble never looks like the end of a shard.
 */
#ifndef ENGINE_PAGE_H
#define ENGINE_PAGE_H

#include "consumer/engine/state.h"

/* Sends GetRecords; the reader is idle, has an iterator and its share of the budget. */
void page_ask(struct reader *reader);

/* A request of the reader's failed: backs off, and asks for a listing when the shard is unknown. */
void page_trouble(struct reader *reader, struct call *call);

/* An answer made no sense: backs off, loudly. */
void page_malformed(struct reader *reader, const struct error *why);

/* The engine that the reader belongs to; this and what follows is reader.c's side. */
struct engine *reader_engine(const struct reader *reader);

/* The only way to change reader->state. */
void reader_set_state(struct reader *reader, enum reader_state state);

/* Lets the reader act again after `delay_ms`. */
void reader_wait(struct reader *reader, int64_t delay_ms);

/* The next cursor of the reader's group from index `*i` on, which moves behind it; NULL: no more. */
struct cursor *reader_cursor(const struct reader *reader, size_t *i);

/* Hands a gap record to the reader's group; false when the policy stopped the shard instead. */
bool reader_gap(struct reader *reader, enum gap_reason reason, bool certain);

#endif
