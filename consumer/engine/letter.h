/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters. A record that its sink finally refuses goes to the sink's dead letter sink, as one line:
 *
 *	{"dead_letter":{"sink":"s","reason":"...","attempts":1,"table":"t","stream":"arn:...",
 *	 "shard":"...","seq":"...","id":"...","time":"2026-01-02T03:04:05.678Z"},"event":{...}}
 *
 * `time` is when it was given up, `event` the whole record, as the table's letter encoder writes it. Only
 * when that line is durable does the frontier pass the record. Until then nothing else of the cursor is
 * delivered, and the letter is sent again and again, for ever. What ends the cursor ends the letter: the
 * record is read, refused and written again, so that a letter may be doubled but never lost.
 *
 * A letter holds a copy of its event, so that no page waits for it; it counts as handed to the dead letter
 * sink and waits, unwritten, until that has room.
 */
#ifndef ENGINE_LETTER_H
#define ENGINE_LETTER_H

#include "consumer/engine/state.h"

/* The record at the frontier is given up because of how `flight` ended; the letter is not sent yet. */
void letter_begin(struct cursor *cu, const struct flight *flight);

/* Takes in how the letter's delivery ended, if it has; then the cursor has no letter, or one to send. */
void letter_settle(struct cursor *cu);

/* Sends the letter, unless it is under way, has to wait, or there is no room for it. */
void letter_send(struct cursor *cu);

/* Drops a letter that is not under way; the record is still in its queue, or is read again. */
void letter_drop_unsent(struct cursor *cu);

/* Forgets the cursor's letter, if there is one; the dead letter sink may still end its delivery. */
void letter_forget(struct cursor *cu);

#endif
