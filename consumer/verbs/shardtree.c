/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/shardtree.h"

#include <stdlib.h>

#include "consumer/aws/endpoint.h"
#include "consumer/aws/streams.h"
#include "consumer/aws/tableapi.h"

/* The service allows ten DescribeStream calls a second, per account. */
enum {
	PAGE_PAUSE_MS = 110,
	PAGES_MAX = 10000,
	SHARDS_MAX = 1000000,
	DEPTH_MAX = 64,
	KEY_MAX = 1024
};

/* What loading one stream needs. */
struct loading {
	struct visit *visit;
	struct snapshot *snapshot;
	struct forest *forest;
	struct tree *tree;
	struct map by_id; /* struct tree_shard */
	struct str after; /* the last shard of the page before; empty: from the start */
};

struct str tree_state_word(enum tree_state state)
{
	switch (state) {
	case TREE_WAITING:
		return STR("waiting");
	case TREE_FREE:
		return STR("free");
	case TREE_OWNED:
		return STR("owned");
	case TREE_FINISHED:
	case TREE_FORGOTTEN:
		return STR("finished");
	}
	return STR_NONE;
}

struct position tree_position(const struct tree_shard *shard, const struct snapshot_sink *sink)
{
	if (shard->lease != NULL)
		return row_view_position(shard->lease, sink->name, sink->generation);
	return shard->state == TREE_FORGOTTEN ? position_end() : position_start();
}

/* The shard with this id, made if it is new. */
static struct tree_shard *get_shard(struct loading *l, struct str id, struct str parent_id)
{
	struct arena *arena = &l->snapshot->arena;
	struct tree_shard *shard = map_get(&l->by_id, id);

	if (shard == NULL) {
		shard = arena_alloc(arena, sizeof(*shard));
		shard->id = arena_str(arena, id);
		list_init(&shard->children);
		list_init(&shard->sibling);
		map_put(&l->by_id, shard->id, shard);
	}
	if (shard->parent_id.n == 0 && parent_id.n > 0)
		shard->parent_id = arena_str(arena, parent_id);
	return shard;
}

/* Takes in one page of a listing. */
static bool take_page(struct loading *l, const struct stream_description *page)
{
	struct arena *arena = &l->snapshot->arena;

	for (size_t i = 0; i < page->n_shards; i++) {
		const struct stream_shard *seen = &page->shards[i];
		struct tree_shard *shard = get_shard(l, seen->id, seen->parent);

		shard->listed = true;
		shard->open = seen->last_seqno.n == 0;
		shard->first_seqno = arena_str(arena, seen->first_seqno);
	}
	l->after = arena_str(arena, page->next_shard_id);
	return map_n(&l->by_id) <= SHARDS_MAX ||
	       error_set(&l->visit->why, ERROR_DATA, "there are more than %d shards", SHARDS_MAX);
}

/* Asks for one page of the stream's shards. */
static bool ask_page(struct loading *l)
{
	struct stream_description page;
	struct question question;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	question_init(&question, IO_STREAMS, STREAMS_DESCRIBE);
	streams_describe_request(&question.body, l->tree->arn, l->after, 0);
	if (visit_ask(l->visit, &question)) {
		l->tree->listed = true;
		ok = streams_describe_read(&arena, buf_view(&question.answer), &page,
					   &l->visit->why) &&
		     take_page(l, &page);
	} else {
		ok = question.error.kind == API_NOT_FOUND && l->visit->asker.signo == 0;
		if (ok)
			l->visit->why = (struct error){0}; /* nothing is left of it but rows */
		l->after = STR_NONE;
	}
	question_release(&question);
	arena_release(&arena);
	return ok;
}

/* Lists the stream's shards, page by page. */
static bool list(struct loading *l)
{
	for (unsigned i = 0; i < PAGES_MAX; i++) {
		if (!ask_page(l) || !visit_sleep(l->visit, PAGE_PAUSE_MS))
			return error_prefix(&l->visit->why, "table %.*s",
					    STR_ARG(l->forest->table));
		if (l->after.n == 0)
			return true;
	}
	return error_set(&l->visit->why, ERROR_DATA, "the listing of %.*s has no end",
			 STR_ARG(l->tree->arn));
}

/* Adds what the checkpoint table has of the stream. */
static void add_rows(struct loading *l)
{
	for (size_t i = 0; i < l->snapshot->n_leases; i++) {
		const struct row_view *lease = &l->snapshot->rows[i];

		/* What a Kinesis client wrote of a single stream does not name it: it is the present one's. */
		if (str_eq(lease->table, l->tree->table) &&
		    (str_eq(lease->label, l->tree->label) ||
		     (lease->label.n == 0 && l->tree->next == NULL)))
			get_shard(l, lease->shard, lease->row.parent)->lease = lease;
	}
}

/* For qsort: by id, which begins with the time. */
static int compare(const void *a_shard, const void *b_shard)
{
	const struct tree_shard *a = a_shard, *b = b_shard;

	return str_cmp(a->id, b->id);
}

/* Puts the shards in order, and each under its parent. */
static void link_shards(struct loading *l)
{
	struct tree *tree = l->tree;
	struct tree_shard *shard;
	size_t at = 0;

	tree->shards = arena_alloc_n(&l->snapshot->arena, map_n(&l->by_id), sizeof(*tree->shards));
	while ((shard = map_next(&l->by_id, &at)) != NULL)
		tree->shards[tree->n++] = *shard;
	if (tree->n > 0)
		qsort(tree->shards, tree->n, sizeof(*tree->shards), compare);
	map_release(&l->by_id);
	map_init(&l->by_id);
	for (size_t i = 0; i < tree->n; i++) {
		list_init(&tree->shards[i].children);
		list_init(&tree->shards[i].sibling);
		map_put(&l->by_id, tree->shards[i].id, &tree->shards[i]);
	}
	for (size_t i = 0; i < tree->n; i++) {
		shard = &tree->shards[i];
		shard->parent = map_get(&l->by_id, shard->parent_id);
		if (shard->parent == shard)
			shard->parent = NULL;
		if (shard->parent != NULL)
			list_add(&shard->parent->children, &shard->sibling);
	}
}

/* Appends a shard and what is below it; a bounded depth, for lineage that makes sense. */
static void walk(struct tree *tree, struct tree_shard *shard, unsigned depth, size_t *n)
{
	if (shard->walked)
		return;
	shard->walked = true;
	shard->depth = depth;
	tree->order[(*n)++] = shard;
	if (depth == DEPTH_MAX)
		return;
	list_each(it, &shard->children, spare) {
		walk(tree, CONTAINER_OF(it, struct tree_shard, sibling), depth + 1, n);
	}
}

/* Finds the order to show them in. What is in a circle, or too deep, begins a tree of its own. */
static void walk_all(struct loading *l)
{
	struct tree *tree = l->tree;
	size_t n = 0;

	tree->order = arena_alloc_n(&l->snapshot->arena, tree->n, sizeof(*tree->order));
	for (size_t i = 0; i < tree->n; i++) {
		if (tree->shards[i].parent == NULL)
			walk(tree, &tree->shards[i], 0, &n);
	}
	for (size_t i = 0; i < tree->n; i++)
		walk(tree, &tree->shards[i], 0, &n);
	must(n == tree->n);
}

/* Whether some child of the shard was started, so that the shard without a row was finished. */
static bool child_started(const struct tree_shard *shard, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return false;
	list_each(it, &shard->children, spare) {
		const struct tree_shard *child = CONTAINER_OF(it, struct tree_shard, sibling);

		if (child->lease != NULL ? child->lease->row.checkpoint.kind != POSITION_START ||
						   child->lease->row.start_wall_ms != ROW_START_ALL
					 : child_started(child, depth + 1))
			return true;
	}
	return false;
}

/* A bit for each sink of the table. */
static unsigned all_sinks(const struct forest *forest)
{
	return (1u << forest->n_sinks) - 1;
}

/* Finds out which sinks have finished a shard. */
static void judge_finished(const struct forest *forest, struct tree_shard *shard)
{
	shard->finished = 0;
	if (shard->lease == NULL) {
		if (child_started(shard, 0))
			shard->finished = all_sinks(forest);
		return;
	}
	for (size_t i = 0; i < forest->n_sinks; i++) {
		const struct snapshot_sink *sink = &forest->sinks[i];
		struct position at = row_view_position(shard->lease, sink->name, sink->generation);

		if (at.kind == POSITION_END)
			shard->finished |= 1u << i;
	}
}

/* Where a shard stands; `older` are the sinks that have finished the streams before its own. */
static enum tree_state judge_state(const struct loading *l, const struct tree_shard *shard,
				   unsigned older)
{
	unsigned clear = shard->parent != NULL ? shard->parent->finished : older;
	struct str owner = shard->lease == NULL ? STR_NONE : shard->lease->row.owner;

	if (shard->finished == all_sinks(l->forest))
		return shard->lease == NULL ? TREE_FORGOTTEN : TREE_FINISHED;
	if (snapshot_foreign(l->snapshot, owner) ||
	    str_eq(snapshot_owner_word(l->snapshot, owner), STR("listed")))
		return TREE_OWNED;
	return clear == 0 ? TREE_WAITING : TREE_FREE;
}

/* Judges all shards of a stream; returns which sinks have finished it. */
static unsigned judge(struct loading *l, unsigned older)
{
	struct tree *tree = l->tree;
	unsigned finished = older;

	for (size_t i = 0; i < tree->n; i++)
		judge_finished(l->forest, &tree->shards[i]);
	for (size_t i = 0; i < tree->n; i++) {
		tree->shards[i].state = judge_state(l, &tree->shards[i], older);
		finished &= tree->shards[i].finished;
	}
	return finished;
}

/* Reads one stream: what is listed and what has rows. */
static bool load_stream(struct loading *l, unsigned *older)
{
	bool ok;

	map_init(&l->by_id);
	l->after = STR_NONE;
	ok = list(l);
	if (ok) {
		add_rows(l);
		link_shards(l);
		walk_all(l);
		*older = judge(l, *older);
	}
	map_release(&l->by_id);
	return ok;
}

/* Puts a stream with this label among the forest's, in order, unless it is there. */
static void add_stream(struct forest *forest, struct arena *arena, struct str label)
{
	struct tree **at = &forest->first, *tree;
	struct table_arn parts;
	struct buf arn;

	while (*at != NULL && str_cmp((*at)->label, label) < 0)
		at = &(*at)->next;
	if ((*at != NULL && str_eq((*at)->label, label)) || !table_arn_parse(forest->arn, &parts))
		return;
	buf_init(&arn, KEY_MAX);
	buf_fmt(&arn, "arn:%.*s:dynamodb:%.*s:%.*s:table/%.*s/stream/%.*s",
		STR_ARG(parts.partition), STR_ARG(parts.region), STR_ARG(parts.account),
		STR_ARG(parts.table), STR_ARG(label));
	tree = arena_alloc(arena, sizeof(*tree));
	tree->table = forest->table;
	tree->label = arena_str(arena, label);
	tree->arn = arena_str(arena, buf_view(&arn));
	tree->next = *at;
	*at = tree;
	buf_release(&arn);
}

/* Takes in the table's description: its present stream, and older ones that rows tell of. */
static bool add_streams(struct visit *visit, struct snapshot *snapshot, struct forest *forest,
			const struct table_description *description)
{
	struct table_arn parts;

	if (description->stream_arn.n == 0)
		return error_set(&visit->why, ERROR_CONFIG, "table %.*s has no stream",
				 STR_ARG(forest->table));
	forest->arn = arena_str(&snapshot->arena, description->stream_arn);
	if (!table_arn_parse(forest->arn, &parts) || parts.label.n == 0)
		return error_set(&visit->why, ERROR_DATA,
				 "table %.*s: \"%.*s\" is not the ARN of a stream",
				 STR_ARG(forest->table), STR_ARG(forest->arn));
	add_stream(forest, &snapshot->arena, parts.label);
	for (size_t i = 0; i < snapshot->n_leases; i++) {
		const struct row_view *lease = &snapshot->rows[i];

		if (lease->label.n > 0 && str_eq(lease->table, parts.table) &&
		    (lease->form == FORM_SINGLE || (str_eq(lease->region, parts.region) &&
						    str_eq(lease->account, parts.account))))
			add_stream(forest, &snapshot->arena, lease->label);
	}
	return true;
}

/* Asks which streams the table has. */
static bool find_streams(struct visit *visit, struct snapshot *snapshot, struct forest *forest)
{
	struct table_description description;
	struct question question;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	question_init(&question, IO_TABLES, TABLES_DESCRIBE);
	tables_describe_request(&question.body, forest->table);
	if (visit_ask(visit, &question))
		ok = tables_describe_read(&arena, buf_view(&question.answer), &description,
					  &visit->why) &&
		     add_streams(visit, snapshot, forest, &description);
	else if (question.error.kind == API_NOT_FOUND && visit->asker.signo == 0)
		ok = error_set(&visit->why, ERROR_NOT_FOUND,
			       "table %.*s does not exist in region %s", STR_ARG(forest->table),
			       visit->cloud.region);
	else
		ok = error_prefix(&visit->why, "table %.*s", STR_ARG(forest->table));
	question_release(&question);
	arena_release(&arena);
	return ok;
}

struct forest *forest_load(struct visit *visit, struct snapshot *snapshot, struct str table)
{
	struct forest *forest = arena_alloc(&snapshot->arena, sizeof(*forest));
	struct loading l = {.visit = visit, .snapshot = snapshot, .forest = forest};
	unsigned older;

	forest->table = table;
	forest->n_sinks = snapshot_sinks(snapshot, visit->config, table, forest->sinks);
	if (!find_streams(visit, snapshot, forest))
		return NULL;
	older = all_sinks(forest);
	for (l.tree = forest->first; l.tree != NULL; l.tree = l.tree->next) {
		if (!load_stream(&l, &older))
			return NULL;
	}
	return forest;
}
