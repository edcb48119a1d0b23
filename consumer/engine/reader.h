/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers fetch a shard's pages: one lead for all cursors that keep up, and at most one catch-up reader
 * for the detached ones, which is as many as the service allows.
 *
 * The catch-up reader works in passes. A pass begins at the least frontier of all willing detached
 * cursors and notes the lead's position. A cursor that is behind the reader waits until it has reached
 * that mark; only then may the reader go back, so that each pass ends.
 *
 * Pages cost budget: a reader reserves before it asks, and waits in line when there is none left.
 */
#ifndef ENGINE_READER_H
#define ENGINE_READER_H

#include "consumer/engine/state.h"

/* A reader of the shard for a group, beginning after `at`; it asks for nothing until it is kicked. */
struct reader *reader_new(struct shard *shard, enum group group, const struct position *at);

/* Frees a reader with what it has under way; empties the pointer, which may point to NULL. */
void reader_free(struct reader **reader);

/* Goes back to `at` if that is before where the reader is. */
void reader_go_back(struct reader *reader, const struct position *at);

/* A cursor has joined the reader's group: it has what gap the reader has just met. */
void reader_joined(struct reader *reader, struct cursor *cu);

/* A cursor at `frontier` joins the lead: goes on there if nobody else follows it. */
void reader_follow(struct reader *lead, const struct position *frontier);

/* Lets the shard's readers go on that waited for their cursors. */
void readers_kick(struct shard *shard);

/* Begins or widens a catch-up pass, if a detached cursor wants one. */
void readers_catch_up(struct shard *shard);

/* Lets the catch-up reader end when nobody follows it. */
void readers_tidy(struct shard *shard);

/* The service says that the shard does not exist, and its listing agrees: the rest is lost. */
void reader_shard_vanished(struct shard *shard);

/* Takes bytes out of the budget, if it has them. */
bool budget_take(struct engine *engine, int64_t bytes);

/* Gives bytes back, and lets the next reader in line go on. */
void budget_give(struct engine *engine, int64_t bytes);

#endif
