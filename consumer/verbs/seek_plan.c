/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/seek.h"

#include "base/time.h"
#include "consumer/aws/streams.h"
#include "consumer/engine/shard.h"
#include "consumer/verbs/forward.h"

enum {
	/*
	 * Between a shard's birth, by its id, and the times of its records, which are whole
	 * seconds.
	 */
	BIRTH_SLACK_MS = MINUTE_MS,
	PROGRESS_MS = 2 * SECOND_MS,
	DEPTH_MAX = 64,
};

/* What planning needs. */
struct planning {
	struct visit *visit;
	const struct forest *forest;
	const struct seek_target *target;
	int64_t epoch;
	unsigned chosen; /* a bit for each sink that is moved */
	int64_t told_ms; /* when progress was last told */
};

/* Where a shard's chosen sinks go. */
struct place {
	bool stays; /* nothing is known, or to be done: as it is */
	struct position at;
	int64_t start_wall_ms; /* with POSITION_START: what is older is left out; or ROW_START_ALL, _HORIZON */
};

static const struct place place_start = {.at.kind = POSITION_START, .start_wall_ms = ROW_START_ALL};
static const struct place place_end = {.at.kind = POSITION_END, .start_wall_ms = ROW_START_ALL};

/* Tells people that something happens: reading forward may take long. */
static bool tell_progress(void *arg, const struct forward *forward)
{
	struct planning *p = arg;
	int64_t now_ms = io_now_ms(loop_io(p->visit->cloud.loop));
	struct buf text;

	if (now_ms - p->told_ms < PROGRESS_MS)
		return true;
	p->told_ms = now_ms;
	buf_init(&text, 100);
	if (forward->wall_ms > 0)
		time_add_rfc3339(&text, forward->wall_ms);
	verb_error(0, "shard %.*s: looked through %llu changes, to %.*s", STR_ARG(forward->shard),
		   (unsigned long long)forward->records, STR_ARG(buf_view(&text)));
	buf_release(&text);
	return true;
}

/* Reads the shard up to a time. */
static bool find_time(struct planning *p, const struct seek_row *row, int64_t wall_ms,
		      struct place *out)
{
	struct forward forward = {
		.stream_arn = row->tree->arn,
		.shard = row->shard->id,
		.since_wall_ms = wall_ms,
		.paged = tell_progress,
		.arg = p,
	};

	if (!forward_find(p->visit, &forward))
		return false;
	*out = (struct place){.at = forward.before, .start_wall_ms = ROW_START_ALL};
	/* What is older may be trimmed meanwhile, which is no loss then. */
	if (forward.before.kind == POSITION_START)
		out->start_wall_ms = wall_ms;
	switch (forward.end) {
	case FORWARD_FOUND:
	case FORWARD_TIP:
		break;
	case FORWARD_SHARD_END:
		*out = place_end;
		break;
	case FORWARD_TRIMMED:
	case FORWARD_GONE:
		out->stays = true;
		break;
	}
	return true;
}

/* Whether the shard's first record is trimmed already; asking for an iterator costs nothing. */
static bool begins_trimmed(struct planning *p, const struct seek_row *row, bool *out)
{
	struct question question;
	bool ok;

	*out = false;
	if (row->shard->parent != NULL || row->shard->first_seqno.n == 0)
		return true;
	question_init(&question, IO_STREAMS, STREAMS_ITERATOR);
	streams_iterator_request(&question.body, row->tree->arn, row->shard->id, ITERATOR_AT,
				 row->shard->first_seqno);
	ok = visit_ask(p->visit, &question);
	if (!ok && p->visit->asker.signo == 0) {
		*out = question.error.kind == API_TRIMMED;
		/* Other refusals are for the worker to meet, who can deal with them. */
		ok = *out || question.error.kind == API_VALIDATION ||
		     question.error.kind == API_NOT_FOUND;
		if (ok)
			p->visit->why = (struct error){0};
	}
	question_release(&question);
	return ok;
}

/* Where everything begins that the stream still has of the shard. */
static bool place_horizon(struct planning *p, const struct seek_row *row, struct place *out)
{
	bool trimmed;

	*out = place_start;
	if (!begins_trimmed(p, row, &trimmed))
		return false;
	if (trimmed)
		out->start_wall_ms = ROW_START_HORIZON;
	return true;
}

/* The latest birth of the shard's children, by their ids; -1: not known. */
static int64_t children_wall_ms(const struct tree_shard *shard)
{
	int64_t wall_ms = -1;

	list_each(it, &shard->children, spare) {
		int64_t born_ms =
			shard_id_wall_ms(CONTAINER_OF(it, struct tree_shard, sibling)->id);

		if (born_ms < 0)
			return -1;
		if (born_ms > wall_ms)
			wall_ms = born_ms;
	}
	return wall_ms;
}

/* Where the records from a time on begin. Ids tell of most shards; the others are read. */
static bool place_time(struct planning *p, const struct seek_row *row, struct place *out)
{
	int64_t wall_ms = p->target->wall_ms, born_ms = shard_id_wall_ms(row->shard->id);
	int64_t ended_ms = row->shard->open ? -1 : children_wall_ms(row->shard);

	if (born_ms >= 0 && born_ms - BIRTH_SLACK_MS >= wall_ms)
		return place_horizon(p, row, out);
	if (ended_ms >= 0 && ended_ms + BIRTH_SLACK_MS < wall_ms) {
		*out = place_end;
		return true;
	}
	return find_time(p, row, wall_ms, out);
}

/* Whether a sink that is not moved has not begun to read the shard. */
static bool others_at_start(const struct planning *p, const struct seek_row *row)
{
	for (size_t i = 0; i < p->forest->n_sinks; i++) {
		if ((p->chosen & 1u << i) == 0 && row->at[i].kind == POSITION_START)
			return true;
	}
	return false;
}

/* Where what comes from now on begins. */
static bool place_latest(struct planning *p, const struct seek_row *row, struct place *out)
{
	int64_t now_wall_ms = caller_wall_ms(&p->visit->asker.caller);

	if (!row->shard->open) {
		*out = place_end;
		return true;
	}
	/* startAt is all sinks' that have not begun, and a Kinesis client does not know it: where there are
	   others, the tip is looked for. */
	if (p->visit->config->checkpoint.leases == CONFIG_KCL || others_at_start(p, row))
		return find_time(p, row, now_wall_ms, out);
	*out = (struct place){.start_wall_ms = now_wall_ms};
	return true;
}

/* Where the chosen sinks go in one shard. */
static bool place(struct planning *p, const struct seek_row *row, struct place *out)
{
	*out = (struct place){.stays = true};
	switch (p->target->kind) {
	case SEEK_LATEST:
		if (row->shard->listed)
			return place_latest(p, row, out);
		*out = place_end; /* nothing comes from there any more */
		return true;
	case SEEK_HORIZON:
		return !row->shard->listed || place_horizon(p, row, out);
	case SEEK_TIME:
		return !row->shard->listed || place_time(p, row, out);
	case SEEK_AFTER:
		*out = (struct place){.at = p->target->after, .start_wall_ms = ROW_START_ALL};
		return true;
	}
	return true;
}

/* Puts the chosen sinks where they go; false with visit->why when one row cannot say that. */
static bool move(struct planning *p, struct seek_row *row, const struct place *to)
{
	bool others = others_at_start(p, row);

	if (to->stays)
		return true;
	for (size_t i = 0; i < p->forest->n_sinks; i++) {
		if ((p->chosen & 1u << i) != 0)
			row->at[i] = to->at;
	}
	row->write = true;
	if (to->at.kind != POSITION_START)
		return true;
	if (!others) {
		row->start_wall_ms = to->start_wall_ms;
		return true;
	}
	if (row->start_wall_ms == ROW_START_ALL || row->start_wall_ms == ROW_START_HORIZON)
		return true;
	return error_set(
		&p->visit->why, ERROR_CONFIG,
		"shard %.*s starts at its tip, for sinks that have not read it yet: a seek "
		"of one sink alone cannot go back in it",
		STR_ARG(row->shard->id));
}

/* The plan's row of a shard of the same stream. */
static struct seek_row *row_of(const struct seek_plan *plan, const struct tree_shard *shard)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->rows[i].shard == shard)
			return &plan->rows[i];
	}
	return NULL;
}

/*
 * What is below a shard in which sinks go back begins anew for them: its records are later than
 * those that come again.
 */
static bool rewind_below(struct planning *p, const struct seek_plan *plan,
			 const struct tree_shard *shard, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return true;
	list_each(it, &shard->children, spare) {
		const struct tree_shard *child = CONTAINER_OF(it, struct tree_shard, sibling);
		struct seek_row *row = row_of(plan, child);

		if (!move(p, row, &place_start) || !rewind_below(p, plan, child, depth + 1))
			return false;
	}
	return true;
}

/* Whether some chosen sink goes back. */
static bool goes_back(const struct planning *p, const struct seek_row *row,
		      const struct position *old)
{
	for (size_t i = 0; i < p->forest->n_sinks; i++) {
		if ((p->chosen & 1u << i) != 0 && position_cmp(&row->at[i], &old[i]) < 0)
			return true;
	}
	return false;
}

/* Whether the row is what this seek made of it, before it was interrupted. */
static bool is_done(const struct planning *p, const struct seek_row *row)
{
	return row->shard->lease != NULL && row->shard->lease->epoch >= p->epoch;
}

/*
 * Plans the move of one shard, and of what is below it. Its row is written last: if that is done,
 * all is.
 */
static bool plan_one(struct planning *p, const struct seek_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct seek_row *row = &plan->rows[i];
		struct position old[ROW_SINKS_MAX];
		struct place to;

		if (!str_eq(row->shard->id, p->target->shard) || is_done(p, row))
			continue;
		mem_copy(old, row->at, sizeof(old));
		if (!place(p, row, &to) || !move(p, row, &to))
			return false;
		return !goes_back(p, row, old) || rewind_below(p, plan, row->shard, 0);
	}
	return true;
}

/* Plans the moves of all shards. */
static bool plan_all(struct planning *p, const struct seek_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct place to;

		if (!is_done(p, &plan->rows[i]) &&
		    (!place(p, &plan->rows[i], &to) || !move(p, &plan->rows[i], &to)))
			return false;
	}
	return true;
}

/* Whether some sink has nothing of the shard. */
static bool any_at_start(const struct planning *p, const struct seek_row *row)
{
	for (size_t i = 0; i < p->forest->n_sinks; i++) {
		if (row->at[i].kind == POSITION_START)
			return true;
	}
	return false;
}

/* Whether all sinks are at the position. */
static bool all_at(const struct planning *p, const struct seek_row *row, enum position_kind kind)
{
	for (size_t i = 0; i < p->forest->n_sinks; i++) {
		if (row->at[i].kind != kind)
			return false;
	}
	return true;
}

/*
 * Whether a shard without a row will be taken for finished, because a child of it has begun: as
 * lineage.c has it, but by what rows are to say.
 */
static bool will_count_as_finished(const struct planning *p, const struct seek_plan *plan,
				   const struct tree_shard *shard, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return false;
	list_each(it, &shard->children, spare) {
		const struct tree_shard *child = CONTAINER_OF(it, struct tree_shard, sibling);
		const struct seek_row *row = row_of(plan, child);
		bool begun = row->start_wall_ms != ROW_START_ALL || !any_at_start(p, row);

		if (child->lease == NULL && !row->write)
			begun = will_count_as_finished(p, plan, child, depth + 1);
		if (begun)
			return true;
	}
	return false;
}

/*
 * Leaves out what is done already, or needs no row. Children come last, so that theirs are decided
 * first.
 */
static void leave_out(struct planning *p, const struct seek_plan *plan)
{
	for (size_t i = plan->n; i-- > 0;) {
		struct seek_row *row = &plan->rows[i];

		if (is_done(p, row))
			row->write = false;
		else if (row->shard->lease != NULL)
			continue;
		else if (all_at(p, row, POSITION_START) && row->start_wall_ms == ROW_START_ALL)
			row->write = will_count_as_finished(p, plan, row->shard, 0);
		else if (all_at(p, row, POSITION_END))
			row->write = !will_count_as_finished(p, plan, row->shard, 0);
		row->revive = row->write && row->shard->state == TREE_FORGOTTEN;
	}
}

/* Fills in where everything is now. */
static void take_stock(struct arena *arena, const struct forest *forest, struct seek_plan *plan)
{
	size_t n = 0;

	for (struct tree *tree = forest->first; tree != NULL; tree = tree->next)
		n += tree->n;
	plan->rows = arena_alloc_n(arena, n, sizeof(*plan->rows));
	for (struct tree *tree = forest->first; tree != NULL; tree = tree->next) {
		for (size_t i = 0; i < tree->n; i++) {
			struct tree_shard *shard = tree->order[i];
			struct seek_row *row = &plan->rows[plan->n++];

			row->tree = tree;
			row->shard = shard;
			row->start_wall_ms = shard->lease == NULL ? ROW_START_ALL
								  : shard->lease->row.start_wall_ms;
			for (size_t k = 0; k < forest->n_sinks; k++)
				row->at[k] = tree_position(shard, &forest->sinks[k]);
		}
	}
}

/* The sinks that are moved, as bits. */
static unsigned choose(const struct forest *forest, struct str sink)
{
	unsigned chosen = 0;

	for (size_t i = 0; i < forest->n_sinks; i++) {
		if (sink.n == 0 || str_eq(forest->sinks[i].name, sink))
			chosen |= 1u << i;
	}
	return chosen;
}

bool seek_plan(struct visit *visit, struct arena *arena, const struct forest *forest,
	       const struct seek_target *target, int64_t epoch, struct seek_plan *out)
{
	struct planning p = {
		.visit = visit,
		.forest = forest,
		.target = target,
		.epoch = epoch,
		.chosen = choose(forest, target->sink),
		.told_ms = io_now_ms(loop_io(visit->cloud.loop)),
	};

	*out = (struct seek_plan){0};
	if (p.chosen == 0)
		return true; /* the sink does not get this table */
	take_stock(arena, forest, out);
	if (!(target->shard.n > 0 ? plan_one : plan_all)(&p, out))
		return false;
	leave_out(&p, out);
	return true;
}

/* Whether the service takes the sequence number for one of the shard's. */
static bool check_seqno(struct visit *visit, const struct tree *tree,
			const struct tree_shard *shard, const struct seek_target *target)
{
	struct question question;
	bool ok;

	question_init(&question, IO_STREAMS, STREAMS_ITERATOR);
	streams_iterator_request(&question.body, tree->arn, shard->id, ITERATOR_AFTER,
				 position_text(&target->after));
	ok = visit_ask(visit, &question);
	if (!ok && question.error.kind == API_TRIMMED)
		error_set(&visit->why, ERROR_NOT_FOUND,
			  "the stream does not have %.*s of shard %.*s any more",
			  STR_ARG(position_text(&target->after)), STR_ARG(shard->id));
	else if (!ok && question.error.kind == API_VALIDATION)
		error_set(&visit->why, ERROR_USAGE, "%.*s is no sequence number of shard %.*s",
			  STR_ARG(position_text(&target->after)), STR_ARG(shard->id));
	question_release(&question);
	return ok;
}

bool seek_check(struct visit *visit, const struct forest *forest, const struct seek_target *target)
{
	if (target->shard.n == 0)
		return true;
	for (const struct tree *tree = forest->first; tree != NULL; tree = tree->next) {
		for (size_t i = 0; i < tree->n; i++) {
			const struct tree_shard *shard = &tree->shards[i];

			if (str_eq(shard->id, target->shard) && shard->listed)
				return target->kind != SEEK_AFTER ||
				       check_seqno(visit, tree, shard, target);
		}
	}
	return error_set(&visit->why, ERROR_NOT_FOUND, "table %.*s has no shard '%.*s' any more",
			 STR_ARG(forest->table), STR_ARG(target->shard));
}
