/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/living.h"

#include "consumer/aws/tableapi.h"

enum {
	LOOKS = 8, /* at each worker, in the lease time, at least */
	LOOK_MIN_MS = 50,
	WORKER_KEY_MAX = 1024
};

enum fate { WATCHED, LIVES, GONE };

struct living_worker {
	char *owner;
	struct str id, incarnation; /* of `owner` */
	char *lease; /* the key of a lease that it has, if it has no heartbeat; else NULL */
	int64_t counter; /* as it was first seen; -1: not looked at yet */
	enum fate fate;
};

/* Adds an owner to be judged, by its heartbeat, or by a lease if there is a key of one. */
static void add(struct living *living, struct str owner, struct str lease)
{
	struct living_worker *worker;
	struct str whole;

	for (size_t i = 0; i < living->n; i++) {
		if (str_eq(str_of(living->workers[i].owner), owner))
			return;
	}
	if (living->n == living->cap) {
		living->cap = 2 * living->cap + 8;
		living->workers =
			mem_resize_n(living->workers, living->cap, sizeof(*living->workers));
	}
	worker = &living->workers[living->n++];
	*worker = (struct living_worker){.owner = mem_dup(owner.p, owner.n), .counter = -1};
	worker->lease = lease.n == 0 ? NULL : mem_dup(lease.p, lease.n);
	whole = str_of(worker->owner);
	worker->id = str_head(whole, str_find_last(whole, ':'));
	worker->incarnation = str_skip(whole, worker->id.n + 1);
	if (lease.n > 0)
		worker->id = whole;
}

void living_add(struct living *living, struct str owner)
{
	add(living, owner, STR_NONE);
}

void living_add_owner(struct living *living, const struct snapshot *snapshot,
		      const struct row_view *lease)
{
	struct str owner = lease->row.owner;

	add(living, owner, snapshot_foreign(snapshot, owner) ? lease->row.key : STR_NONE);
}

void living_add_beat(struct living *living, const struct heartbeat *beat)
{
	struct buf owner;

	buf_init(&owner, WORKER_KEY_MAX);
	buf_fmt(&owner, "%.*s:%.*s", STR_ARG(beat->id), STR_ARG(beat->incarnation));
	living_add(living, buf_view(&owner));
	buf_release(&owner);
}

void living_add_all(struct living *living, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_beats; i++) {
		if (!snapshot->beats[i].fenced)
			living_add_beat(living, &snapshot->beats[i]);
	}
	for (size_t i = 0; i < snapshot->n_leases; i++) {
		if (snapshot_foreign(snapshot, snapshot->rows[i].row.owner))
			living_add_owner(living, snapshot, &snapshot->rows[i]);
	}
}

/* What a look at its heartbeat row says of a worker; `beat` is NULL if there is none. */
static void judge_beat(struct living_worker *worker, const struct heartbeat *beat)
{
	if (beat == NULL || beat->fenced || !str_eq(beat->incarnation, worker->incarnation))
		worker->fate = GONE;
	else if (worker->counter >= 0 && beat->counter != worker->counter)
		worker->fate = LIVES;
	else
		worker->counter = beat->counter;
}

/* Looks at a lease of a worker that has no heartbeat. */
static bool look_at_lease(struct living_worker *worker, struct visit *visit)
{
	static const struct row_sinks none = {.n = 0};
	struct arena arena;
	struct row row;
	struct str raw;
	bool ok;

	arena_init(&arena);
	ok = visit_row(visit, str_of(worker->lease), &arena, &raw) &&
	     (raw.n == 0 || row_read(&arena, raw, &none, &row, &visit->why));
	if (ok && raw.n > 0 && worker->counter >= 0 && row.counter != worker->counter)
		worker->fate = LIVES; /* whoever wrote it */
	else if (ok && raw.n == 0)
		worker->fate = GONE;
	else if (ok)
		worker->counter = row.counter;
	arena_release(&arena);
	return ok;
}

/* Looks at one worker's heartbeat row. */
static bool look(struct living_worker *worker, struct visit *visit)
{
	struct heartbeat beat;
	struct arena arena;
	struct buf key;
	struct str raw;
	bool ok;

	if (worker->lease != NULL)
		return look_at_lease(worker, visit);
	arena_init(&arena);
	buf_init(&key, WORKER_KEY_MAX);
	buf_str(&key, HEARTBEAT_PREFIX);
	buf_str(&key, worker->id);
	ok = visit_row(visit, buf_view(&key), &arena, &raw) &&
	     (raw.n == 0 || heartbeat_read(&arena, raw, &beat, &visit->why));
	if (ok)
		judge_beat(worker, raw.n == 0 ? NULL : &beat);
	buf_release(&key);
	arena_release(&arena);
	return ok;
}

/* Looks at all that are still watched; `*left_out` is how many of them are left. */
static bool look_at_all(struct living *living, struct visit *visit, size_t *left_out)
{
	*left_out = 0;
	for (size_t i = 0; i < living->n; i++) {
		struct living_worker *worker = &living->workers[i];

		if (worker->fate != WATCHED)
			continue;
		if (!look(worker, visit))
			return false;
		*left_out += worker->fate == WATCHED;
	}
	return true;
}

/* Fences a worker that was silent for the lease time; one that moves at this moment lives. */
static bool fence(struct living_worker *worker, struct visit *visit)
{
	struct heartbeat beat = {
		.id = worker->id,
		.incarnation = worker->incarnation,
		.counter = worker->counter,
	};
	struct question question;
	enum written written;

	if (worker->lease != NULL) {
		worker->fate = GONE;
		return true;
	}
	question_init(&question, IO_TABLES, TABLES_UPDATE_ITEM);
	heartbeat_fence(&question.body, visit->own_table, &beat);
	written = visit_write(visit, &question);
	question_release(&question);
	worker->fate = GONE;
	return written == WRITTEN || (written != WRITTEN_ERROR && look(worker, visit));
}

bool living_judge(struct living *living, struct visit *visit)
{
	struct io *io = loop_io(visit->cloud.loop);
	int64_t lease_ms = visit->config->worker.lease_ms, due_ms = io_now_ms(io) + lease_ms;
	int64_t pause_ms = lease_ms / LOOKS > LOOK_MIN_MS ? lease_ms / LOOKS : LOOK_MIN_MS;
	size_t left;

	if (!look_at_all(living, visit, &left))
		return false;
	if (left > 0 && !living->quiet)
		verb_error(0, "watching %zu worker%s for a sign of life, up to %lld ms", left,
			   left == 1 ? "" : "s", (long long)lease_ms);
	/* One look after the lease time is over, however long the looks take. */
	for (bool last = false; left > 0 && !last;) {
		if (!visit_sleep(visit, pause_ms))
			return false;
		last = io_now_ms(io) >= due_ms;
		if (!look_at_all(living, visit, &left))
			return false;
	}
	for (size_t i = 0; i < living->n; i++) {
		if (living->workers[i].fate == WATCHED && !fence(&living->workers[i], visit))
			return false;
	}
	return true;
}

bool living_is(const struct living *living, struct str owner)
{
	for (size_t i = 0; i < living->n; i++) {
		if (str_eq(str_of(living->workers[i].owner), owner))
			return living->workers[i].fate == LIVES;
	}
	return false;
}

struct str living_any(const struct living *living)
{
	for (size_t i = 0; i < living->n; i++) {
		if (living->workers[i].fate == LIVES)
			return living->workers[i].id;
	}
	return STR_NONE;
}

void living_release(struct living *living)
{
	for (size_t i = 0; i < living->n; i++) {
		mem_free(living->workers[i].owner);
		mem_free(living->workers[i].lease);
	}
	mem_free(living->workers);
	*living = (struct living){0};
}

bool living_none(const struct snapshot *snapshot, struct visit *visit, const char *what)
{
	struct living living = {0};
	bool ok;

	living_add_all(&living, snapshot);
	ok = living_judge(&living, visit);
	if (ok && living_any(&living).n > 0)
		ok = error_set(&visit->why, ERROR_RETRY,
			       "worker %.*s lives: %s while workers run; stop them first",
			       STR_ARG(living_any(&living)), what);
	living_release(&living);
	return ok;
}
