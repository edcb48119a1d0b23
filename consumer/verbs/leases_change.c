/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap leases release` and `reset`. */
#include "consumer/aws/tableapi.h"
#include "consumer/engine/rowadmin.h"
#include "consumer/engine/sink.h"
#include "consumer/verbs/leases.h"
#include "consumer/verbs/living.h"

enum { LINE_MAX_BYTES = 16 << 10, TRIES = 5 };

/* Says on standard output what became of a lease; the exit status of writing. */
static int tell(const char *what, const struct row_view *lease)
{
	struct buf line;
	int status;

	buf_init(&line, LINE_MAX_BYTES);
	buf_fmt(&line, "%s %.*s %.*s\n", what, STR_ARG(lease->table), STR_ARG(lease->shard));
	status = verb_write(buf_view(&line));
	buf_release(&line);
	return status;
}

/* Whether the lease is among those to be released, owned or not. */
static bool is_chosen(const struct snapshot *snapshot, const struct leases *leases,
		      const struct row_view *lease)
{
	struct str owner = lease->row.owner, shard = str_of(leases->operand);

	if (leases->table != NULL && !str_eq(lease->table, str_of(leases->table)))
		return false;
	if (leases->operand != NULL)
		return str_eq(lease->shard, shard) || str_eq(lease->row.key, shard);
	if (leases->worker != NULL)
		return owner.n > 0 &&
		       str_eq(snapshot_worker(snapshot, owner), str_of(leases->worker));
	return owner.n > 0;
}

/* Whether there is anything to release; sets visit->why if what was named does not exist. */
static bool check_chosen(const struct snapshot *snapshot, struct visit *visit,
			 const struct leases *leases)
{
	for (size_t i = 0; i < snapshot->n_leases; i++) {
		if (is_chosen(snapshot, leases, &snapshot->rows[i]))
			return true;
	}
	if (leases->operand != NULL)
		return error_set(&visit->why, ERROR_NOT_FOUND, "there is no lease of shard '%s'",
				 leases->operand);
	if (leases->worker != NULL)
		return error_set(&visit->why, ERROR_NOT_FOUND, "worker '%s' has no lease",
				 leases->worker);
	return true;
}

/* Reads a lease row anew; `*lease_out` becomes NULL if it is gone. */
static bool read_again(struct visit *visit, struct arena *arena, const struct row_view **lease_out)
{
	struct row_view *view = arena_alloc(arena, sizeof(*view));
	struct str raw;

	if (!visit_row(visit, (*lease_out)->row.key, arena, &raw))
		return false;
	*lease_out = NULL;
	if (raw.n == 0)
		return true;
	*lease_out = view;
	return row_view_read(arena, raw, view, &visit->why);
}

/*
 * Gives back one lease, whose owner does not live, or does not matter. An owner that writes the row
 * meanwhile is another one's or a living one's; with `force` it is tried again.
 */
static int release_one(struct visit *visit, struct arena *arena, const struct row_view *lease,
		       bool force)
{
	struct str owner = lease->row.owner;

	for (unsigned i = 0; i < TRIES; i++) {
		struct question question;
		enum written written;

		question_init(&question, IO_TABLES, TABLES_UPDATE_ITEM);
		row_admin_release(&question.body, visit->table, lease);
		written = visit_write(visit, &question);
		question_release(&question);
		if (written == WRITTEN)
			return tell("released", lease);
		if (written == WRITTEN_ERROR || !read_again(visit, arena, &lease))
			return 0;
		if (lease == NULL)
			return 0; /* it is deleted: finished */
		if (!str_eq(lease->row.owner, owner))
			return tell(lease->row.owner.n == 0 ? "released" : "taken", lease);
		if (!force)
			break;
	}
	error_set(&visit->why, ERROR_RETRY, "the owner of shard %.*s writes its row all the time",
		  STR_ARG(lease->shard));
	return 0;
}

/* Releases what is chosen, but for what the living own. */
static int release_all(struct visit *visit, struct snapshot *snapshot, const struct leases *leases,
		       const struct living *living)
{
	struct str lives = STR_NONE;
	size_t kept = 0;
	int status = 0;

	for (size_t i = 0; i < snapshot->n_leases && status == 0; i++) {
		const struct row_view *lease = &snapshot->rows[i];

		if (!is_chosen(snapshot, leases, lease))
			continue;
		if (lease->row.owner.n == 0) {
			status = tell("free", lease);
		} else if (!leases->force && living_is(living, lease->row.owner)) {
			lives = lease->row.owner;
			kept++;
		} else {
			status = release_one(visit, &snapshot->arena, lease, leases->force);
		}
		if (visit->why.code != ERROR_NONE)
			return status;
	}
	if (kept > 0)
		error_set(&visit->why, ERROR_RETRY,
			  "%zu lease%s stay%s: worker %.*s lives; --force takes %s all the same",
			  kept, kept == 1 ? "" : "s", kept == 1 ? "s" : "",
			  STR_ARG(snapshot_worker(snapshot, lives)), kept == 1 ? "it" : "them");
	return status;
}

int leases_release(struct visit *visit, const struct leases *leases)
{
	struct living living = {0};
	struct snapshot snapshot;
	int status = 0;

	if (snapshot_take(&snapshot, visit) && snapshot_whole(&snapshot, visit) &&
	    (leases->table == NULL || snapshot_knows(&snapshot, visit, leases->table)) &&
	    check_chosen(&snapshot, visit, leases)) {
		for (size_t i = 0; i < snapshot.n_leases && !leases->force; i++) {
			if (is_chosen(&snapshot, leases, &snapshot.rows[i]) &&
			    snapshot.rows[i].row.owner.n > 0)
				living_add_owner(&living, &snapshot, &snapshot.rows[i]);
		}
		if (living_judge(&living, visit))
			status = release_all(visit, &snapshot, leases, &living);
	}
	living_release(&living);
	snapshot_release(&snapshot);
	return status;
}

/*
 * Deletes one lease row. A row that changed since it was read belongs to somebody who lives after
 * all.
 */
static int delete_one(struct visit *visit, struct arena *arena, const struct row_view *lease)
{
	const struct row_view *again = lease;
	struct question question;
	enum written written;

	question_init(&question, IO_TABLES, TABLES_DELETE_ITEM);
	row_admin_delete(&question.body, visit->table, lease);
	written = visit_write(visit, &question);
	question_release(&question);
	if (written == WRITTEN)
		return tell("deleted", lease);
	if (written == WRITTEN_ERROR || !read_again(visit, arena, &again))
		return 0;
	if (again == NULL)
		return tell("deleted", lease);
	error_set(&visit->why, ERROR_RETRY,
		  "the lease of shard %.*s has changed: a worker lives; stop it and repeat this",
		  STR_ARG(lease->shard));
	return 0;
}

/* Says which sinks will not take again what they have. */
static void warn_of_memories(const struct config *config)
{
	for (size_t i = 0; i < config->n_sinks; i++) {
		if (config->sinks[i].type->position != NULL)
			verb_error(0,
				   "sink %s remembers what it has: it gets none of that again, "
				   "unless its files and its journal are moved away",
				   config->sinks[i].name);
	}
}

int leases_reset(struct visit *visit, const struct leases *leases)
{
	struct snapshot snapshot;
	int status = 0;

	if (snapshot_take(&snapshot, visit) && snapshot_whole(&snapshot, visit) &&
	    (leases->all || snapshot_knows(&snapshot, visit, leases->table)) &&
	    living_none(&snapshot, visit, "leases are not reset")) {
		/*
		 * Children first: if this ends half way, what is left is read in order all the
		 * same.
		 */
		for (size_t i = snapshot.n_leases;
		     i-- > 0 && status == 0 && visit->why.code == ERROR_NONE;) {
			const struct row_view *lease = &snapshot.rows[i];

			if (leases->all || str_eq(lease->table, str_of(leases->table)))
				status = delete_one(visit, &snapshot.arena, lease);
		}
		if (status == 0 && visit->why.code == ERROR_NONE)
			warn_of_memories(visit->config);
	}
	snapshot_release(&snapshot);
	return status;
}
