/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sinks.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"

/* One process's sink onto a target. */
struct scripted {
	struct sink sink;
	struct target *target;
	struct proc *proc;
	struct list link; /* of the target */
	struct list queue; /* deliveries, in the order of submission */
	struct world_event work;
};

static const char *const mode_words[TARGET_MODES] = {
	[TARGET_FAST] = "fast",		  [TARGET_SHUFFLED] = "shuffled", [TARGET_SLOW] = "slow",
	[TARGET_DEAD] = "dead",		  [TARGET_FAILING] = "failing",	  [TARGET_LOSSY] = "lossy",
	[TARGET_REJECTING] = "rejecting", [TARGET_FULL] = "full",	  [TARGET_FATAL] = "fatal",
};

const char *target_mode_word(enum target_mode mode)
{
	return mode_words[mode];
}

enum target_mode target_mode_find(struct str word)
{
	for (enum target_mode mode = TARGET_FAST; mode < TARGET_MODES; mode++) {
		if (str_eq(word, str_of(mode_words[mode])))
			return mode;
	}
	return TARGET_MODES;
}

/* Record number `i` of a delivery. */
static struct str record_at(const struct delivery *delivery, size_t i)
{
	size_t from = i == 0 ? 0 : delivery->ends[i - 1] - delivery->base;

	return str_make(delivery->bytes.p + from, delivery->ends[i] - delivery->base - from);
}

/* Reads one line of target_encoder. */
static bool record_parse(struct str line, struct ledger_record *out)
{
	struct json json;
	struct str key;

	*out = (struct ledger_record){.op = STR_NONE};
	json_init(&json, line);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "op"))
			out->op = json_string(&json);
		else if (json_key_is(key, "id"))
			out->id = json_string(&json);
		else if (json_key_is(key, "seq"))
			out->seqno = json_string(&json);
		else if (json_key_is(key, "shard"))
			out->shard = json_string(&json);
		else if (json_key_is(key, "table"))
			out->table = json_string(&json);
		else if (json_key_is(key, "arn"))
			out->arn = json_string(&json);
		else if (json_key_is(key, "keys"))
			out->keys = json_skip(&json);
		else if (json_key_is(key, "new"))
			out->new_image = json_skip(&json);
		else if (json_key_is(key, "old"))
			out->old_image = json_skip(&json);
		else if (json_key_is(key, "reason"))
			out->reason = json_string(&json);
		else if (json_key_is(key, "after"))
			out->after = json_string(&json);
		else
			json_skip(&json);
	}
	return json_end(&json);
}

/* Plant: the first record of a child whose parent is not finished reaches the ledger. */
static void plant_orphan(struct scripted *s)
{
	struct ledger *ledger = s->target->ledger;
	size_t at = 0, sink = s->target->number;
	struct ledger_shard *shard;

	while ((shard = map_next(&ledger->shards, &at)) != NULL) {
		const struct ledger_write *write;
		const struct service_write *w;

		if (shard->n_writes == 0 || shard->parent == NULL || s->target->planted ||
		    ledger_front(ledger, shard->parent, sink) == shard->parent->n_writes)
			continue;
		write = &ledger->writes[shard->writes[0]];
		w = write->w;
		s->target->planted = true;
		ledger_accept(ledger, sink, s->proc->life, NULL,
			      &(struct ledger_record){.op = str_of(w->op),
						      .id = w->event_id,
						      .seqno = w->seqno,
						      .shard = w->shard_id,
						      .table = w->table,
						      .arn = w->stream_arn,
						      .keys = w->keys});
	}
}

/* What a plant does to one record of `n`; true when the record must not reach the ledger. */
static bool plant_record(struct scripted *s, const struct delivery *delivery, size_t i,
			 struct ledger_record *record)
{
	struct target *target = s->target;
	struct ledger_record other;

	switch (target->world->plant) {
	case PLANT_LOST:
		return target->n_seen == 20;
	case PLANT_ORPHAN:
		plant_orphan(s);
		return false;
	case PLANT_SILENT:
		return str_eq(record->op, STR("gap"));
	case PLANT_ALTERED:
		if (target->n_seen == 20)
			record->keys.n--;
		return false;
	case PLANT_SWAPPED:
		if (i + 1 < delivery->n && !target->planted &&
		    record_parse(record_at(delivery, i + 1), &other) &&
		    str_eq(record->keys, other.keys)) {
			target->planted = true;
			*record = other;
		}
		return false;
	case PLANT_DOUBLED:
		if (i > 1 && !target->planted && record_parse(record_at(delivery, i - 2), &other) &&
		    str_eq(record->keys, other.keys)) {
			target->planted = true;
			ledger_accept(target->ledger, target->number, s->proc->life,
				      delivery->cursor, &other);
		}
		return false;
	case PLANT_NONE:
	case PLANT_EARLY:
	case PLANT_ZOMBIE:
	case PLANT_GREEDY:
	case PLANT_WIDE:
	case PLANT_HASTY:
	case PLANT_CROWD:
	case PLANT_STALL:
	case PLANT_FORGET:
	case PLANT_LEAK:
	case PLANT_N:
		break;
	}
	return false;
}

/* Makes the records from `from` up to `to` of a delivery durable. */
static void make_durable(struct scripted *s, const struct delivery *delivery, size_t from,
			 size_t to)
{
	struct target *target = s->target;
	struct ledger_record record;

	for (size_t i = from; i < to; i++) {
		if (!record_parse(record_at(delivery, i), &record)) {
			world_fail(target->world, "record-intact", "sink %s got no JSON: %.*s",
				   target->name, STR_ARG(record_at(delivery, i)));
			return;
		}
		target->n_seen++;
		if (target->world->plant != PLANT_NONE && plant_record(s, delivery, i, &record))
			continue;
		ledger_accept(target->ledger, target->number, s->proc->life, delivery->cursor,
			      &record);
	}
}

/* Whether two deliveries have a key in common. */
static bool share_key(const struct delivery *a, const struct delivery *b)
{
	struct ledger_record left, right;

	for (size_t i = 0; i < a->n; i++) {
		if (!record_parse(record_at(a, i), &left) || str_eq(left.op, STR("gap")))
			return true;
		for (size_t k = 0; k < b->n; k++) {
			if (!record_parse(record_at(b, k), &right) ||
			    str_eq(right.op, STR("gap")) || str_eq(left.keys, right.keys))
				return true;
		}
	}
	return false;
}

/* Whether `delivery` may end before those that its cursor submitted earlier. */
static bool may_overtake(const struct scripted *s, const struct delivery *delivery)
{
	list_each(it, &s->queue, spare) {
		const struct delivery *earlier = CONTAINER_OF(it, struct delivery, link);

		if (earlier == delivery)
			return true;
		if (earlier->cursor == delivery->cursor && share_key(earlier, delivery))
			return false;
	}
	return true;
}

/* The first outstanding delivery of the same cursor. */
static struct delivery *first_of_cursor(const struct scripted *s, struct delivery *delivery)
{
	list_each(it, &s->queue, spare) {
		struct delivery *first = CONTAINER_OF(it, struct delivery, link);

		if (first->cursor == delivery->cursor)
			return first;
	}
	return delivery;
}

/* Picks the delivery that ends next: any cursor's first, or one that may overtake. */
static struct delivery *pick(struct scripted *s)
{
	size_t n = 0, at;
	struct delivery *delivery = NULL;

	list_each(it, &s->queue, spare)
		n++;
	at = rng_below(&s->target->world->rng, n);
	list_each(it, &s->queue, spare) {
		delivery = CONTAINER_OF(it, struct delivery, link);
		if (at-- == 0)
			break;
	}
	if (s->target->mode == TARGET_SHUFFLED && may_overtake(s, delivery))
		return delivery;
	return first_of_cursor(s, delivery);
}

/* Ends a delivery with anything but OK, and with it all later ones of its cursor. */
static void end_badly(struct scripted *s, struct delivery *delivery, enum delivery_result result,
		      size_t acked, enum error_code code)
{
	struct list later;
	struct error why;

	list_init(&later);
	error_set(&why, code, "the scripted sink %s is %s", s->target->name,
		  mode_words[s->target->mode]);
	list_remove(&delivery->link);
	list_each(it, &s->queue, spare) {
		struct delivery *other = CONTAINER_OF(it, struct delivery, link);

		if (other->cursor == delivery->cursor) {
			list_remove(&other->link);
			list_add(&later, &other->link);
		}
	}
	delivery_done(delivery, result, acked, &why);
	while (!list_empty(&later)) {
		struct delivery *other = list_first(&later, struct delivery, link);

		list_remove(&other->link);
		delivery_done(other, DELIVERY_RETRY, 0, &why);
	}
}

/* Ends a delivery well. */
static void end_well(struct scripted *s, struct delivery *delivery)
{
	list_remove(&delivery->link);
	if (s->target->world->plant != PLANT_EARLY || s->target->n_seen < 10)
		make_durable(s, delivery, 0, delivery->n);
	delivery_done(delivery, DELIVERY_OK, delivery->n, NULL);
}

/* Ends one delivery as the target's mode wants it. */
static void end_one(struct scripted *s, struct delivery *delivery)
{
	struct world *world = s->target->world;
	size_t part = rng_below(&world->rng, delivery->n);
	bool bad = rng_chance(&world->rng, 50);

	switch (s->target->mode) {
	case TARGET_FAST:
	case TARGET_SHUFFLED:
	case TARGET_SLOW:
		end_well(s, delivery);
		return;
	case TARGET_DEAD:
	case TARGET_MODES:
		return;
	case TARGET_FAILING:
	case TARGET_REJECTING:
	case TARGET_LOSSY:
		if (!bad && s->target->mode != TARGET_REJECTING) {
			end_well(s, delivery);
			return;
		}
		make_durable(s, delivery, 0, part);
		if (s->target->mode == TARGET_LOSSY)
			part = rng_below(&world->rng, part + 1);
		end_badly(s, delivery,
			  s->target->mode == TARGET_REJECTING ? DELIVERY_REJECT : DELIVERY_RETRY,
			  part, ERROR_RETRY);
		return;
	case TARGET_FULL:
		end_badly(s, delivery, DELIVERY_RETRY, 0, ERROR_IO);
		return;
	case TARGET_FATAL:
		end_badly(s, delivery, DELIVERY_FATAL, 0, ERROR_IO);
		return;
	}
}

/* Sets when the sink works next, if it has anything to do. */
static void arm(struct scripted *s)
{
	struct target *target = s->target;
	int64_t delay_ms = world_between(target->world, 1, 6);

	if (list_empty(&s->queue) || target->mode == TARGET_DEAD || s->work.node.place != 0)
		return;
	if (target->world->plant == PLANT_STALL && target->n_seen >= 20)
		return;
	if (target->mode == TARGET_SLOW)
		delay_ms = target->slow_ms;
	world_set(target->world, &s->work, target->world->now_ms + delay_ms);
}

/* Ends one of the deliveries that the sink holds. */
static void work(struct world_event *event)
{
	struct scripted *s = CONTAINER_OF(event, struct scripted, work);

	if (list_empty(&s->queue) || s->target->mode == TARGET_DEAD)
		return;
	s->target->hits[s->target->mode]++;
	end_one(s, pick(s));
	arm(s);
}

/* struct sink_type: takes a delivery. */
static void scripted_submit(struct sink *sink, struct delivery *delivery)
{
	struct scripted *s = CONTAINER_OF(sink, struct scripted, sink);

	must(delivery->n > 0);
	if (s->target->mode == TARGET_DEAD)
		s->target->hits[TARGET_DEAD]++;
	list_init(&delivery->link);
	list_add(&s->queue, &delivery->link);
	arm(s);
}

/*
 * struct sink_type: frees the sink. The engine is gone already, and with it the deliveries: they were
 * dealt with by scripted_crash, while they still existed.
 */
static void scripted_close(struct sink *sink)
{
	struct scripted *s = CONTAINER_OF(sink, struct scripted, sink);

	world_unset(s->target->world, &s->work);
	list_remove(&s->link);
	mem_free(s);
}

static const struct sink_type scripted_type = {
	.name = "scripted",
	.help = "does what the simulation wants",
	.submit = scripted_submit,
	.close = scripted_close,
};

void target_init(struct target *target, struct ledger *ledger, size_t number, const char *name)
{
	*target = (struct target){.world = ledger->world, .ledger = ledger, .number = number};
	snprintf(target->name, sizeof(target->name), "%s", name);
	list_init(&target->sinks);
}

/* How long the engine may wait before it tries a sink again that was in this mode. */
static int64_t recovery_ms(enum target_mode mode)
{
	switch (mode) {
	case TARGET_FAST:
	case TARGET_SHUFFLED:
	case TARGET_SLOW:
	case TARGET_DEAD:
	case TARGET_MODES:
		return 0;
	case TARGET_FAILING:
	case TARGET_LOSSY:
	case TARGET_FULL:
		return 30 * SECOND_MS;
	case TARGET_REJECTING:
	case TARGET_FATAL:
		return 60 * SECOND_MS;
	}
	return 0;
}

void target_set_mode(struct target *target, enum target_mode mode, int64_t slow_ms)
{
	bool well = mode == TARGET_FAST || mode == TARGET_SHUFFLED;

	if (target->ill_until_ms < target->world->now_ms + recovery_ms(target->mode))
		target->ill_until_ms = target->world->now_ms + recovery_ms(target->mode);
	target->mode = mode;
	target->slow_ms = slow_ms;
	if (!well)
		target->well_since_ms = INT64_MAX;
	else if (target->well_since_ms == INT64_MAX)
		target->well_since_ms = target->ill_until_ms > target->world->now_ms
						? target->ill_until_ms
						: target->world->now_ms;
	world_note(target->world, "sim", "sink %s is %s", target->name, mode_words[mode]);
	list_each(it, &target->sinks, spare) {
		struct scripted *s = CONTAINER_OF(it, struct scripted, link);

		world_unset(target->world, &s->work);
		arm(s);
	}
}

struct sink *target_open(struct target *target, struct proc *proc)
{
	struct scripted *s = mem_alloc(sizeof(*s));

	s->sink.type = &scripted_type;
	s->target = target;
	s->proc = proc;
	list_init(&s->link);
	list_init(&s->queue);
	list_add(&target->sinks, &s->link);
	s->work.proc = proc;
	s->work.run = work;
	return &s->sink;
}

void target_crash(struct sink *sink)
{
	struct scripted *s = CONTAINER_OF(sink, struct scripted, sink);
	struct world *world = s->target->world;
	struct delivery *first;

	if (list_empty(&s->queue) || s->target->mode == TARGET_DEAD ||
	    s->target->mode == TARGET_FULL || world->plant != PLANT_NONE ||
	    rng_chance(&world->rng, 50))
		return;
	first = list_first(&s->queue, struct delivery, link);
	make_durable(s, first, 0, rng_below(&world->rng, first->n + 1));
}

/* Appends one member whose value is raw JSON, if there is one. */
static void add_raw(struct buf *out, const char *name, struct str raw)
{
	if (raw.n == 0)
		return;
	buf_fmt(out, ",\"%s\":", name);
	buf_str(out, raw);
}

/* struct encoder: one line of JSON. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	(void)encoder;
	buf_str(out, STR("{\"op\":\""));
	switch (event->op) {
	case EVENT_INSERT:
		buf_str(out, STR("insert"));
		break;
	case EVENT_MODIFY:
		buf_str(out, STR("modify"));
		break;
	case EVENT_REMOVE:
		buf_str(out, STR("remove"));
		break;
	case EVENT_GAP:
		buf_str(out, STR("gap"));
		break;
	}
	buf_fmt(out,
		"\",\"id\":\"%.*s\",\"seq\":\"%.*s\",\"shard\":\"%.*s\",\"table\":\"%.*s\","
		"\"arn\":\"%.*s\"",
		STR_ARG(event->id), STR_ARG(event->seqno), STR_ARG(source->shard_id),
		STR_ARG(source->table), STR_ARG(source->stream_arn));
	add_raw(out, "keys", event->keys);
	add_raw(out, "new", event->new_image);
	add_raw(out, "old", event->old_image);
	if (event->op == EVENT_GAP && event->gap != NULL) {
		static const char *const reasons[] = {"trimmed", "shard_lost", "stream_replaced",
						      "start_unsure"};

		buf_fmt(out, ",\"reason\":\"%s\",\"certain\":%s,\"after\":\"%.*s\"",
			reasons[event->gap->reason], event->gap->certain ? "true" : "false",
			STR_ARG(position_text(&event->gap->after)));
	}
	buf_str(out, STR("}\n"));
}

static const struct encoder the_encoder = {.encode = encode};

const struct encoder *target_encoder(void)
{
	return &the_encoder;
}
