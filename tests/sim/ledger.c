/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ledger.h"

#include <stdio.h>

enum { KEY_TEXT_MAX = 4096 };

/* A copy of `s` that the ledger owns. */
static struct str own(struct str s)
{
	return str_make(mem_dup(s.p, s.n), s.n);
}

struct ledger_table *ledger_table(struct ledger *ledger, const char *name)
{
	struct ledger_table *table = map_get(&ledger->tables, str_of(name));

	if (table != NULL)
		return table;
	table = mem_alloc(sizeof(*table));
	snprintf(table->name, sizeof(table->name), "%s", name);
	for (size_t i = 0; i < LEDGER_SINKS; i++)
		table->sinks[i] = i < ledger->n_sinks;
	map_put(&ledger->tables, str_of(table->name), table);
	return table;
}

struct ledger_shard *ledger_shard(struct ledger *ledger, struct str id)
{
	return map_get(&ledger->shards, id);
}

struct ledger_shard *ledger_shard_made(struct ledger *ledger, struct str id, struct str arn,
				       struct ledger_table *table)
{
	struct ledger_shard *shard = ledger_shard(ledger, id);

	if (shard != NULL)
		return shard;
	shard = mem_alloc(sizeof(*shard));
	must(id.n < sizeof(shard->id));
	mem_copy(shard->id, id.p, id.n);
	shard->table = table;
	shard->arn = own(arn);
	shard->orphan_ms = -1;
	map_put(&ledger->shards, str_of(shard->id), shard);
	ledger->stale = true;
	return shard;
}

/* The key of that table and those key attributes, made when it is new. */
static struct ledger_key *key_of(struct ledger *ledger, struct str table, struct str keys)
{
	struct buf text;
	struct ledger_key *key;

	buf_init(&text, KEY_TEXT_MAX);
	buf_str(&text, table);
	buf_c(&text, ' ');
	buf_str(&text, keys);
	must(!text.failed);
	key = map_get(&ledger->keys, buf_view(&text));
	if (key == NULL) {
		key = mem_alloc(sizeof(*key));
		key->text = own(buf_view(&text));
		map_put(&ledger->keys, key->text, key);
	}
	buf_release(&text);
	return key;
}

/* Appends a number to an array that grows in powers of two. */
static void push(uint32_t **items, size_t *n, uint32_t item)
{
	if (*n == 0 || (*n >= 16 && (*n & (*n - 1)) == 0))
		*items = mem_resize_n(*items, *n == 0 ? 16 : *n * 2, sizeof(**items));
	(*items)[(*n)++] = item;
}

/* Takes note of one write as the service commits it. Not of writes to tables that nobody consumes. */
static void on_write(void *arg, const struct service_write *w)
{
	struct ledger *ledger = arg;
	struct ledger_write *write;
	uint32_t at = (uint32_t)ledger->n_writes;
	struct ledger_table *table = map_get(&ledger->tables, w->table);

	if (table == NULL)
		return;
	if (ledger->n_writes == 0 || (ledger->n_writes >= 64 && (at & (at - 1)) == 0))
		ledger->writes = mem_resize_n(ledger->writes, at == 0 ? 64 : at * 2,
					      sizeof(*ledger->writes));
	write = &ledger->writes[ledger->n_writes++];
	*write = (struct ledger_write){.w = w};
	write->shard = ledger_shard_made(ledger, w->shard_id, w->stream_arn, table);
	write->key = key_of(ledger, w->table, w->keys);
	write->in_shard = write->shard->n_writes;
	write->in_key = write->key->n_writes;
	push(&write->shard->writes, &write->shard->n_writes, at);
	push(&write->key->writes, &write->key->n_writes, at);
	table->n_writes++;
}

void ledger_add_sink(struct ledger *ledger)
{
	struct ledger_table *table;
	size_t at = 0;

	must(ledger->n_sinks < LEDGER_SINKS);
	while ((table = map_next(&ledger->tables, &at)) != NULL)
		table->sinks[ledger->n_sinks] = true;
	ledger->n_sinks++;
}

void ledger_init(struct ledger *ledger, struct world *world)
{
	*ledger = (struct ledger){.world = world};
	map_init(&ledger->tables);
	map_init(&ledger->shards);
	map_init(&ledger->keys);
	map_init(&ledger->ids);
	service_on_write(world->service, on_write, ledger);
}

void ledger_release(struct ledger *ledger)
{
	size_t at = 0;
	void *value;

	while ((value = map_next(&ledger->tables, &at)) != NULL)
		mem_free(value);
	for (at = 0; (value = map_next(&ledger->shards, &at)) != NULL;) {
		struct ledger_shard *shard = value;

		for (size_t i = 0; i < LEDGER_SINKS; i++)
			mem_free(shard->taken[i].has);
		mem_free(shard->writes);
		mem_free((void *)(uintptr_t)shard->arn.p);
		mem_free(shard);
	}
	for (at = 0; (value = map_next(&ledger->keys, &at)) != NULL;) {
		struct ledger_key *key = value;

		mem_free((void *)(uintptr_t)key->text.p);
		mem_free(key->writes);
		mem_free(key);
	}
	mem_free(ledger->writes);
	map_release(&ledger->tables);
	map_release(&ledger->shards);
	map_release(&ledger->keys);
	map_release(&ledger->ids);
}

/*
 * The invariant that broke when this write is missing: `name`, but gap-reported when the service has
 * not got it any more either, and nobody said so.
 */
static const char *blame(const struct ledger_write *write, const char *name)
{
	return write->w->trimmed ? "gap-reported" : name;
}

bool ledger_has(const struct ledger *ledger, const struct ledger_write *write, size_t sink)
{
	const struct ledger_taken *taken = &write->shard->taken[sink];

	(void)ledger;
	return write->in_shard < taken->n_has && taken->has[write->in_shard] != 0;
}

bool ledger_taken(const struct ledger *ledger, const struct ledger_write *write, size_t sink)
{
	return !ledger->sinks[sink].active || write->in_shard < write->shard->taken[sink].front ||
	       write->in_shard < write->shard->taken[sink].excused ||
	       ledger_has(ledger, write, sink) || ledger_excused(ledger, write, sink) ||
	       ledger_unowed(ledger, write);
}

size_t ledger_front(struct ledger *ledger, struct ledger_shard *shard, size_t sink)
{
	struct ledger_taken *taken = &shard->taken[sink];

	if (!shard->table->sinks[sink] || !ledger->sinks[sink].active)
		return shard->n_writes;
	while (taken->front < shard->n_writes &&
	       ledger_taken(ledger, &ledger->writes[shard->writes[taken->front]], sink))
		taken->front++;
	return taken->front;
}

/* Orders two sequence numbers, as the service means them. */
static int digits_cmp(struct str a, struct str b)
{
	while (a.n > 0 && a.p[0] == '0')
		a = str_skip(a, 1);
	while (b.n > 0 && b.p[0] == '0')
		b = str_skip(b, 1);
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return str_cmp(a, b);
}

size_t ledger_until(const struct ledger *ledger, const struct ledger_shard *shard, struct str seqno)
{
	size_t low = 0, high = shard->n_writes;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (digits_cmp(ledger->writes[shard->writes[mid]].w->seqno, seqno) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The write of a record that a sink got, or NULL when nothing of the kind was ever written. */
static const struct ledger_write *find_write(const struct ledger *ledger,
					     struct ledger_shard *shard,
					     const struct ledger_record *record)
{
	size_t n = ledger_until(ledger, shard, record->seqno);
	const struct ledger_write *write;

	if (n == 0)
		return NULL;
	write = &ledger->writes[shard->writes[n - 1]];
	return digits_cmp(write->w->seqno, record->seqno) == 0 ? write : NULL;
}

/* Whether a record says what was written. */
static bool intact(const struct service_write *w, const struct ledger_record *record)
{
	return str_eq_nocase(record->op, str_of(w->op)) && str_eq(record->id, w->event_id) &&
	       str_eq(record->table, w->table) && str_eq(record->arn, w->stream_arn) &&
	       str_eq(record->keys, w->keys) &&
	       (record->new_image.n == 0 || str_eq(record->new_image, w->new_image)) &&
	       (record->old_image.n == 0 || str_eq(record->old_image, w->old_image));
}

/*
 * Whether the end of the run shows if a lost write was reported: of a stream that was replaced, the new one's
 * first shard tells, and its others are read at the same time.
 */
static bool told_later(const struct ledger_write *lost, const struct ledger_write *write)
{
	return lost->w->trimmed && str_cmp(lost->shard->arn, write->shard->arn) < 0;
}

/* The first change of the write's key from number `next` on that is owed before the write; or that. */
static size_t next_owed(const struct ledger *ledger, const struct ledger_write *write, size_t sink,
			size_t next)
{
	while (next < write->in_key) {
		const struct ledger_write *skipped = &ledger->writes[write->key->writes[next]];

		if (skipped->in_shard >= skipped->shard->taken[sink].excused &&
		    !ledger_excused(ledger, skipped, sink) && !ledger_unowed(ledger, skipped) &&
		    !told_later(skipped, write))
			break;
		next++;
	}
	return next;
}

/* Checks that nothing is missing between change number `next` of the write's key and the write. */
static void check_hole(struct ledger *ledger, const struct ledger_write *write, size_t sink,
		       size_t next)
{
	struct ledger_key *key = write->key;

	next = next_owed(ledger, write, sink, next);
	/* A sink that is not active yet has no beginning either. */
	if (next < write->in_key && ledger->sinks[sink].active)
		world_fail(ledger->world, blame(&ledger->writes[key->writes[next]], "key-order"),
			   "sink %zu got change %zu of key %.*s where %zu was next (of %s, that "
			   "one is of %s)",
			   sink, write->in_key, STR_ARG(key->text), next, write->shard->id,
			   ledger->writes[key->writes[next]].shard->id);
	if (write->in_key + 1 > key->high[sink])
		key->high[sink] = write->in_key + 1;
}

/* Checks key-order for the delivery of one write. */
static void check_key_order(struct ledger *ledger, const struct ledger_write *write, size_t sink,
			    unsigned life, const void *cursor)
{
	struct ledger_key *key = write->key;
	struct ledger_place *last = &key->last[sink][life];
	size_t next = key->high[sink];
	unsigned era = write->shard->takes[life];

	if (last->cursor == cursor && last->shard == write->shard && last->era == era)
		next = last->index + 1;
	check_hole(ledger, write, sink, next);
	*last = (struct ledger_place){
		.cursor = cursor, .shard = write->shard, .era = era, .index = write->in_key};
}

/* Checks child-after-parent for something of `shard`. */
static void check_parents(struct ledger *ledger, const struct ledger_shard *shard, size_t sink)
{
	struct ledger_shard *up = shard->parent;

	for (unsigned depth = 0; up != NULL && depth < LEDGER_DEPTH; depth++, up = up->parent) {
		size_t front = ledger_front(ledger, up, sink);

		if (front == up->n_writes && up->closed)
			continue;
		world_fail(
			ledger->world, "child-after-parent",
			"sink %zu got something of %s but has only %zu of %zu of its ancestor %s%s",
			sink, shard->id, front, up->n_writes, up->id,
			up->closed ? "" : ", which is open");
	}
}

/* A gap record excuses what is trimmed, until something comes after it: it is open until then. */
static void accept_gap(struct ledger *ledger, struct ledger_shard *shard, size_t sink,
		       const struct ledger_record *record)
{
	struct ledger_taken *taken = &shard->taken[sink];

	taken->gap_wall_ms = INT64_MAX;
	taken->gaps++;
	world_note(ledger->world, "sim", "sink %zu got a gap record: %.*s after %.*s in %s", sink,
		   STR_ARG(record->reason), STR_ARG(record->after), shard->id);
}

/* Marks a write as had by a sink, one way or the other; whether it had it that way already. */
static bool mark(const struct ledger *ledger, const struct ledger_write *write, size_t sink,
		 enum ledger_how how)
{
	unsigned char had;
	struct ledger_taken *taken = &write->shard->taken[sink];
	size_t n = write->shard->n_writes;

	if (taken->n_has < n) {
		size_t room = n * 2;

		taken->has = mem_resize_n(taken->has, room, 1);
		for (size_t i = taken->n_has; i < room; i++)
			taken->has[i] = 0;
		taken->n_has = room;
	}
	/* Something of the shard comes after its last gap record. */
	if (taken->gap_wall_ms == INT64_MAX)
		taken->gap_wall_ms = world_wall_ms(ledger->world);
	had = taken->has[write->in_shard];
	taken->has[write->in_shard] |= (unsigned char)how;
	return (had & how) != 0;
}

void ledger_accept(struct ledger *ledger, size_t sink, unsigned life, const void *cursor,
		   const struct ledger_record *record)
{
	struct ledger_shard *shard;
	const struct ledger_write *write;
	int64_t age_ms;

	must(sink < ledger->n_sinks && life < LEDGER_LIVES);
	if (ledger->stale)
		ledger_refresh(ledger);
	shard = ledger_shard(ledger, record->shard);
	if (shard == NULL) {
		world_fail(ledger->world, "record-intact",
			   "sink %zu got a record of no shard: %.*s", sink, STR_ARG(record->shard));
		return;
	}
	if (str_eq(record->op, STR("gap"))) {
		accept_gap(ledger, shard, sink, record);
		return;
	}
	write = find_write(ledger, shard, record);
	if (write == NULL || !intact(write->w, record)) {
		world_fail(ledger->world, "record-intact", "sink %zu: %s %.*s %.*s of %s keys %.*s",
			   sink, write == NULL ? "never written:" : "not as written:",
			   STR_ARG(record->op), STR_ARG(record->seqno), shard->id,
			   STR_ARG(record->keys));
		return;
	}
	check_parents(ledger, shard, sink);
	check_key_order(ledger, write, sink, life, cursor);
	age_ms = world_wall_ms(ledger->world) - write->w->wall_ms;
	ledger->accepted[sink]++;
	if (mark(ledger, write, sink, LEDGER_DELIVERED))
		ledger->doubled[sink]++;
	else if (age_ms > ledger->slowest_ms[sink])
		ledger->slowest_ms[sink] = age_ms;
	if (write->in_shard + 1 > shard->taken[sink].last)
		shard->taken[sink].last = write->in_shard + 1;
}

const struct ledger_write *ledger_last(const struct ledger *ledger,
				       const struct ledger_shard *shard, size_t sink)
{
	size_t last = shard->taken[sink].last;

	return last == 0 ? NULL : &ledger->writes[shard->writes[last - 1]];
}

/* Whether a letter holds the whole of what was written, and says where it comes from. */
static bool letter_intact(const struct service_write *w, const struct ledger_letter *letter)
{
	const struct ledger_record *record = &letter->record;

	return intact(w, record) && str_eq(record->new_image, w->new_image) &&
	       str_eq(record->old_image, w->old_image) && str_eq(letter->table, w->table) &&
	       str_eq(letter->arn, w->stream_arn) && str_eq(letter->shard, w->shard_id) &&
	       str_eq(letter->seqno, record->seqno) && str_eq(letter->id, w->event_id) &&
	       letter->reason.n > 0 && letter->attempts > 0 && letter->time.n > 0;
}

/* Checks key-order for a letter: nothing of its key before it is missing, when it comes first. */
static void check_letter_order(struct ledger *ledger, const struct ledger_write *write, size_t sink,
			       unsigned life, const void *cursor)
{
	struct ledger_place *last = &write->key->last[sink][life];

	check_hole(ledger, write, sink, write->key->high[sink]);
	/* A letter may come twice, and late: it moves the place on, but never back. */
	if (last->cursor == cursor && last->shard == write->shard &&
	    last->era == write->shard->takes[life] && last->index < write->in_key &&
	    next_owed(ledger, write, sink, last->index + 1) == write->in_key)
		last->index = write->in_key;
}

void ledger_accept_letter(struct ledger *ledger, size_t sink, const void *cursor, unsigned life,
			  const struct ledger_letter *letter)
{
	const struct ledger_write *write;
	struct ledger_shard *shard;

	must(sink < ledger->n_sinks && life < LEDGER_LIVES);
	if (ledger->stale)
		ledger_refresh(ledger);
	shard = ledger_shard(ledger, letter->record.shard);
	if (shard != NULL && str_eq(letter->record.op, STR("gap")) && letter->seqno.n == 0) {
		accept_gap(ledger, shard, sink, &letter->record);
		return;
	}
	write = shard == NULL ? NULL : find_write(ledger, shard, &letter->record);
	if (write == NULL || !letter_intact(write->w, letter)) {
		world_fail(ledger->world, "record-intact", "a letter for sink %zu: %s %.*s", sink,
			   write == NULL ? "never written:" : "not as written:",
			   STR_ARG(letter->seqno));
		return;
	}
	check_parents(ledger, shard, sink);
	check_letter_order(ledger, write, sink, life, cursor);
	ledger->letters[sink]++;
	ledger->letters_doubled[sink] += mark(ledger, write, sink, LEDGER_LETTER);
}
