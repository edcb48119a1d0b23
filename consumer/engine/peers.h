/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other workers. A look reads the list of workers and their heartbeat rows by BatchGetItem, several
 * times a lease time; from it follows who lives. A worker whose counter stands still for the lease time, by
 * our own clock, is fenced first, and only then are its leases free.
 *
 * An owner whose incarnation no heartbeat row names is gone only when an exact look that began later says
 * so, too: else a worker that started meanwhile would be taken for dead.
 */
#ifndef ENGINE_PEERS_H
#define ENGINE_PEERS_H

#include "consumer/engine/heartbeat.h"
#include "consumer/engine/state.h"

/* Begins to look. */
void peers_start(struct engine *engine);

/* Looks again at once; `exact`: reading consistently. */
void peers_look_soon(struct engine *engine, bool exact);

/*
 * Whether the owner of a lease, "<id>:<incarnation>", has to be taken for living. When not, `*dead_ms` is
 * since when that is known: what was read of its leases before may be old.
 */
bool peers_owner_lives(struct engine *engine, struct str owner, int64_t *dead_ms);

/*
 * Whether we leave the shards to others: we lack a sink that is registered, and a living worker runs them
 * all. With us nothing would be finished.
 */
bool peers_stand_aside(const struct engine *engine);

/* Whether a living worker may hold shards: it does not stand aside. */
bool peer_serves(const struct engine *engine, const struct peer *peer);

/* Whether the worker lives, as far as we know. */
bool peer_lives(const struct peer *peer);

/* Whether the owner is another worker of whom we know that it lives; asks nobody. */
bool peers_known_alive(const struct engine *engine, struct str owner);

/* What a peer's requests are made from: its id, incarnation and counter. */
struct heartbeat peer_row(const struct peer *peer);

/* Ends what is under way and frees what was read. */
void peers_release(struct engine *engine);

#endif
