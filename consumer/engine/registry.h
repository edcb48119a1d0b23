/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: the row of the checkpoint table that says which sinks there are, and which replay
 * is the present one. Pure: it reads a row, changes it, and composes writes; nothing here sends
 * anything.
 *
 *	leaseKey        S  ddbtap/registry
 *	version         N  bumped by every write; each is conditional on it, or on the row's absence
 *	epoch           N  of replay, bumped by every seek; absent: 0
 *	seek            S  the id of a seek that is under way; absent: none
 *	lastGeneration  N  the newest generation of any sink
 *	sinks           M  name -> M {generation N, state S: "adding" or "active"}
 *
 * A sink that is added again after it was removed has a new generation, and so new attributes in
 * the lease rows: what its name had got is not taken for its own. Sinks that are added by one write
 * have the same generation; those of the first have 1, whose positions older versions kept by the
 * name alone.
 */
#ifndef ENGINE_REGISTRY_H
#define ENGINE_REGISTRY_H

#include "consumer/engine/row.h"

#define ROW_REGISTRY_KEY STR("ddbtap/registry")

struct registry_sink {
	struct str name;
	int64_t generation;
	bool active; /* else it is being added */
};

/* Slices lie in what was read, or are the caller's. */
struct registry {
	int64_t version; /* 0: there is no such row yet */
	int64_t epoch, last_generation;
	struct str seek; /* empty: none */
	struct registry_sink sinks[ROW_SINKS_MAX];
	size_t n_sinks;
};

/* Appends a consistent GetItem of the registry. */
void registry_ask(struct buf *buf, struct str table);

/* Reads a raw item; empty is the registry that nobody wrote yet. ERROR_DATA when it makes no sense. */
bool registry_read(struct arena *arena, struct str raw_item, struct registry *out,
		   struct error *err);

/* The sink of this name, or NULL. */
struct registry_sink *registry_find(struct registry *registry, struct str name);

/*
 * Registers a sink that is not there yet, as being added, with a generation that is newer than the
 * newest or, for several at once, the same; false when there are ROW_SINKS_MAX already.
 */
bool registry_register(struct registry *registry, struct str name, int64_t generation) MUST_CHECK;

/* Takes out a sink; false when there is none of this name. */
bool registry_remove(struct registry *registry, struct str name) MUST_CHECK;

/*
 * Appends an UpdateItem that writes all of the registry, as version + 1, if the row still has
 * `version`.
 */
void registry_write(struct buf *buf, struct str table, const struct registry *registry);

/*
 * Adding sinks, step by step. The order is the point: the registry lists the sinks as being added;
 * then the counter of every lease row is bumped, so that what a worker computed before it knew of
 * them cannot land any more (it reads the registry after a condition that failed); only then are
 * they active. Whoever asks gets one request after the other and tells what came of it; what is
 * left of an add that was interrupted is completed by the next one.
 *
 *	adding_init(&adding, table, leases, names, n);
 *	while (adding_next(&adding, &target, &body)) {
 *		... send it ...
 *		if (!adding_take(&adding, outcome, answer, &err))
 *			...
 *	}
 *	adding_release(&adding);
 */
enum adding_step {
	ADDING_READ, /* the registry */
	ADDING_REGISTER, /* writes it, with what is missing */
	ADDING_SCAN, /* a page of all rows */
	ADDING_BUMP, /* one of the page's lease rows */
	ADDING_ACTIVATE, /* writes the registry: they are active */
	ADDING_DONE,
};

enum adding_outcome {
	ADDING_OK,
	ADDING_CONDITION, /* the write's condition did not hold */
	ADDING_UNKNOWN, /* no answer: it may have been carried out */
};

struct adding {
	enum adding_step step;
	struct str table, leases; /* which has the registry, and which the lease rows */
	const struct str *names; /* the caller's */
	size_t n;
	struct arena arena; /* what `registry` points to */
	struct registry registry; /* as it was read last, with our changes */
	int64_t generations[ROW_SINKS_MAX]; /* those that the present round of bumps is for; 0: none */
	struct arena page; /* what `keys` and `next` point to */
	struct str *keys; /* lease rows yet to be bumped */
	size_t n_keys, at;
	struct str next; /* where the scan goes on; empty: at the start */
	size_t bumped; /* rows, so far */
};

/*
 * Begins to add `n` sinks, at least one; the names stay the caller's. `table` has the registry, `leases` the
 * lease rows: the same one, unless that is shared with others.
 */
void adding_init(struct adding *adding, struct str table, struct str leases,
		 const struct str *names, size_t n);

/* Frees what it holds. */
void adding_release(struct adding *adding);

/* The next request: its X-Amz-Target, and its body appended; false when all sinks are active. */
bool adding_next(struct adding *adding, struct str *target_out, struct buf *body);

/* What came of it. False with `err` when there are too many sinks or a row makes no sense. */
bool adding_take(struct adding *adding, enum adding_outcome outcome, struct str answer,
		 struct error *err) MUST_CHECK;

#endif
