/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the workers' lives: their heartbeat rows in the checkpoint table, and what each incarnation
 * knows of them. Checks:
 *
 *	zombie-silent	no delivery begins in an incarnation whose last heartbeat that it knows to have
 *			got through was sent longer than the lease time ago
 *	two-owners	a delivery begins only in the incarnation that holds the shard's row; a lease is
 *			taken from nobody, or from an incarnation whose heartbeat row is gone, fenced or
 *			another's; who was fenced never lives again under that name
 *
 *	old-replay	once its heartbeat says an epoch, nothing becomes durable that an incarnation
 *			handed over before it adopted that one
 *
 * Under one worker id that an operator vouches for, a second process takes over at once: what the first
 * one begins before it learns of that is the operator's.
 */
#ifndef SIM_LIFEWATCH_H
#define SIM_LIFEWATCH_H

#include "tests/sim/ledger.h"

enum { LIFEWATCH_ID_MAX = 64, LIFEWATCH_FORMER = 8 };

/* A worker's heartbeat row, as it was last read. */
struct watched_worker {
	char id[LIFEWATCH_ID_MAX], incarnation[LIFEWATCH_ID_MAX];
	bool exists, fenced;
	int64_t epoch, counter;
	unsigned life; /* who wrote the incarnation */
};

/* One incarnation. */
struct watched_life {
	char id[LIFEWATCH_ID_MAX]; /* its worker id; empty: there was none of that number */
	char incarnation[LIFEWATCH_ID_MAX]; /* what it calls itself, once its heartbeat row is there */
	char former[LIFEWATCH_FORMER][LIFEWATCH_ID_MAX]; /* what it did before it began anew */
	size_t n_former;
	int64_t epoch; /* the replay that it goes by, by what it logs */
	int64_t lease_ms;
	int64_t beat_ms; /* when the last heartbeat was sent that it knows of; -1: none yet */
	bool superseded; /* another one replaced its heartbeat row */
	bool fenced; /* somebody judged it dead */
	bool risen; /* and its row came back, before it knew of any heartbeat */
};

struct lifewatch {
	struct world *world;
	const char *table; /* the checkpoint table's name */
	struct map workers; /* struct watched_worker by id */
	struct watched_life lives[LEDGER_LIVES];
	uint64_t begun; /* deliveries */
	uint64_t takeovers; /* leases taken from another incarnation */
	uint64_t changes; /* heartbeat rows that came, went, or were fenced */
};

/* Starts watching the checkpoint table `table`. */
void lifewatch_init(struct lifewatch *watch, struct world *world, const char *table);

/* Frees what the watch holds. */
void lifewatch_release(struct lifewatch *watch);

/* An incarnation starts under that worker id, with that lease time. */
void lifewatch_started(struct lifewatch *watch, unsigned life, struct str id, int64_t lease_ms);

/* A request was carried out. */
void lifewatch_served(struct lifewatch *watch, const struct world_call *call);

/* A request came to its end; `ok`: with an answer that its sender could use. */
void lifewatch_ended(struct lifewatch *watch, const struct world_call *call, bool ok);

/* The incarnation takes a lease from that owner, "<id>:<incarnation>". */
void lifewatch_taken(struct lifewatch *watch, unsigned life, const char *owner, const char *key);

/* A delivery begins; `held`: the shard has a row, which `holder` holds. */
void lifewatch_begins(struct lifewatch *watch, unsigned life, const char *shard_id, bool held,
		      unsigned holder);

/* What the incarnation is at the moment, for lifewatch_lands. */
uint64_t lifewatch_token(const struct lifewatch *watch, unsigned life);

/* Something becomes durable that was handed over when the incarnation was what the token says. */
void lifewatch_lands(struct lifewatch *watch, unsigned life, uint64_t token);

/* An operator has written the worker's heartbeat row. */
void lifewatch_look(struct lifewatch *watch, struct watched_worker *worker);

/* The incarnation that owns leases as "<id>:<incarnation>"; there must have been such a one. */
unsigned lifewatch_life(const struct lifewatch *watch, const char *owner);

/* Whether a heartbeat row is that incarnation's, and it is not fenced: else it has not really begun. */
bool lifewatch_there(const struct lifewatch *watch, unsigned life);

/* Whether the owner of a lease is gone: no unfenced heartbeat row has its incarnation. */
bool lifewatch_gone(const struct lifewatch *watch, const char *owner);

#endif
