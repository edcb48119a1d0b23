/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sinks.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "consumer/engine/state.h"
#include "tests/sim/handed.h"
#include "tests/sim/misdeed.h"
#include "tests/sim/sinkform.h"

enum { RESTS = 16, HURRY_MS = 60 * 1000 };

/* Until when a cursor was asked to let the sink rest. */
struct rest {
	const void *cursor;
	int64_t until_ms;
};

/* One process's sink onto a target. */
struct scripted {
	struct sink sink;
	struct target *target;
	struct proc *proc;
	struct list link; /* of the target */
	struct list queue; /* deliveries, in the order of submission */
	struct list handed; /* the same, once more */
	struct world_event work;
	struct rest rests[RESTS]; /* the latest ones, in a ring */
	size_t n_rests;
};

static const char *const mode_words[TARGET_MODES] = {
	[TARGET_FAST] = "fast",		  [TARGET_SHUFFLED] = "shuffled",
	[TARGET_SLOW] = "slow",		  [TARGET_DEAD] = "dead",
	[TARGET_FAILING] = "failing",	  [TARGET_LOSSY] = "lossy",
	[TARGET_REJECTING] = "rejecting", [TARGET_FULL] = "full",
	[TARGET_FATAL] = "fatal",	  [TARGET_POISONED] = "poisoned",
	[TARGET_REFUSING] = "refusing",	  [TARGET_CHOKING] = "choking",
	[TARGET_BUSY] = "busy",
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

/* The sink that a letter is about: one whose dead letters come here. NULL: none. */
static const struct target *letter_sender(const struct target *target, struct str name)
{
	const struct target *all = target - target->number;

	for (size_t i = 0; i < target->ledger->n_sinks; i++) {
		if (all[i].letters == target && str_eq(name, str_of(all[i].name)))
			return &all[i];
	}
	return NULL;
}

/* Makes one dead letter durable. */
static void take_letter(struct scripted *s, const struct delivery *delivery, struct str line)
{
	struct target *target = s->target;
	const struct target *sender = NULL;
	struct ledger_letter letter;

	if (record_parse_letter(line, &letter))
		sender = letter_sender(target, letter.sink);
	if (sender == NULL || delivery->n != 1) {
		world_fail(target->world, "record-intact", "sink %s got a strange letter: %.*s",
			   target->name, STR_ARG(line));
		return;
	}
	target->n_seen++;
	if (target->world->plant == PLANT_LETTER_LOST && target->n_seen > 2)
		return;
	if (target->world->plant == PLANT_LETTER_ALTERED && target->n_seen > 2)
		letter.record.new_image.n = 0;
	ledger_accept_letter(target->ledger, sender->number, delivery->cursor, s->proc->life,
			     &letter);
}

/* Hands one record to the ledger; one that its sink remembers must not come again. */
static void take_record(struct scripted *s, const struct delivery *delivery,
			const struct ledger_record *record)
{
	struct target *target = s->target;
	uint64_t doubled = target->ledger->doubled[target->number];

	ledger_accept(target->ledger, target->number, s->proc->life, delivery->cursor, record);
	if (target->remembers && target->ledger->doubled[target->number] != doubled)
		world_fail(target->world, "no-duplicates",
			   "sink %s remembers that it has %.*s, and got it again", target->name,
			   STR_ARG(record->seqno));
}

/* Whose records the delivery is about: a letter's are another sink's. */
static const struct target *subject_of(const struct target *target, const struct delivery *delivery)
{
	struct ledger_letter letter;

	if (!delivery->letter || !record_parse_letter(delivery_record(delivery, 0), &letter))
		return target;
	return letter_sender(target, letter.sink);
}

/* Notes what a delivery counts for, as of now. */
static void note_handed(struct scripted *s, const struct delivery *delivery)
{
	const struct target *subject = subject_of(s->target, delivery);
	const struct world_watch *watch = &s->target->world->watch;
	struct handed handed = {
		.delivery = delivery,
		.epoch = delivery->source->epoch,
		.token = watch->begins(watch->arg, s->proc->life, delivery->source->shard_id),
	};

	if (subject != NULL)
		handed.generation = s->target->ledger->sinks[subject->number].runs[s->proc->life];
	handed_note(&s->handed, &handed);
}

/* Ends a delivery. */
static void end(struct scripted *s, struct delivery *delivery, enum delivery_result result,
		size_t acked, const struct error *why)
{
	handed_end(&s->handed, delivery);
	delivery_done(delivery, result, acked, why);
}

/* Whether a delivery counts: the sink is still what it was, and nothing is replayed since. */
static bool counts(const struct scripted *s, const struct delivery *delivery)
{
	const struct handed *handed = handed_find(&s->handed, delivery);
	const struct world_watch *watch = &s->target->world->watch;
	const struct target *subject = subject_of(s->target, delivery);
	struct ledger *ledger = s->target->ledger;

	watch->lands(watch->arg, s->proc->life, handed->token);
	if (subject == NULL ||
	    ledger_counts(ledger, ledger_shard(ledger, delivery->source->shard_id), subject->number,
			  handed->generation, handed->epoch))
		return true;
	ledger->strays++;
	world_note(s->target->world, "sim", "sink %s gets what does not count any more",
		   s->target->name);
	return false;
}

/* Makes the records from `from` up to `to` of a delivery durable. */
static void make_durable(struct scripted *s, const struct delivery *delivery, size_t from,
			 size_t to)
{
	struct target *target = s->target;
	struct ledger_record record;

	if (from == to || !counts(s, delivery))
		return;
	for (size_t i = from; i < to; i++) {
		if (delivery->letter) {
			take_letter(s, delivery, delivery_record(delivery, i));
			continue;
		}
		if (!record_parse(delivery_record(delivery, i), &record)) {
			world_fail(target->world, "record-intact", "sink %s got no JSON: %.*s",
				   target->name, STR_ARG(delivery_record(delivery, i)));
			return;
		}
		target->n_seen++;
		if (target->world->plant != PLANT_NONE &&
		    misdeed(target, s->proc->life, delivery, i, &record))
			continue;
		take_record(s, delivery, &record);
	}
}

/* Whether two deliveries have a key in common. */
static bool share_key(const struct delivery *a, const struct delivery *b)
{
	struct ledger_record left, right;

	for (size_t i = 0; i < a->n; i++) {
		if (!record_parse(delivery_record(a, i), &left) || str_eq(left.op, STR("gap")))
			return true;
		for (size_t k = 0; k < b->n; k++) {
			if (!record_parse(delivery_record(b, k), &right) ||
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
	int64_t retry_after_ms = delivery->retry_after_ms;
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
	end(s, delivery, result, acked, &why);
	while (!list_empty(&later)) {
		struct delivery *other = list_first(&later, struct delivery, link);

		list_remove(&other->link);
		other->retry_after_ms = retry_after_ms;
		end(s, other, DELIVERY_RETRY, 0, &why);
	}
}

/* Ends a delivery well. */
static void end_well(struct scripted *s, struct delivery *delivery)
{
	list_remove(&delivery->link);
	if (s->target->world->plant != PLANT_EARLY || s->target->n_seen < 10)
		make_durable(s, delivery, 0, delivery->n);
	end(s, delivery, DELIVERY_OK, delivery->n, NULL);
}

/* Whether the record is poison to the target: always the same ones, and never a letter or a gap. */
static bool is_poison(const struct target *target, struct str line)
{
	struct ledger_record record;
	uint32_t hash = 2166136261u ^ (uint32_t)target->number;
	char item[96];

	if (!record_parse(line, &record) || record.seqno.n == 0)
		return false;
	snprintf(item, sizeof(item), "{\"pk\":{\"S\":\"%s\"}}", target->poison_item);
	if (target->poison_item[0] != '\0' && str_eq(record.keys, str_of(item)))
		return true;
	if (target->poison_every == 0)
		return false;
	for (size_t i = 0; i < record.seqno.n; i++)
		hash = (hash ^ (unsigned char)record.seqno.p[i]) * 16777619u;
	return hash % target->poison_every == 0;
}

/* Ends a delivery by a target that poison is mixed up with. */
static void end_by_poison(struct scripted *s, struct delivery *delivery)
{
	struct target *target = s->target;
	struct rng *rng = &target->world->rng;
	size_t at = 0, part, said;

	while (at < delivery->n && !is_poison(target, delivery_record(delivery, at)))
		at++;
	if (at == delivery->n) {
		end_well(s, delivery);
		return;
	}
	target->poisons++;
	part = target->mode == TARGET_POISONED ? at : rng_below(rng, at + 1);
	/* Who remembers what it has must not be given it again. */
	said = target->mode == TARGET_POISONED || target->remembers ? part
								    : rng_below(rng, part + 1);
	make_durable(s, delivery, 0, part);
	end_badly(s, delivery,
		  target->mode == TARGET_POISONED   ? DELIVERY_REJECT
		  : target->mode == TARGET_REFUSING ? DELIVERY_REFUSED
						    : DELIVERY_RETRY,
		  said, ERROR_DATA);
}

/* Ends a delivery that may not be tried again before the target has had its rest. */
static void end_busy(struct scripted *s, struct delivery *delivery)
{
	const struct world *world = s->target->world;
	struct rest *rest = &s->rests[s->n_rests++ % RESTS];
	/* Nobody waits for longer than an hour. */
	int64_t wait_ms = s->target->slow_ms < HOUR_MS ? s->target->slow_ms : HOUR_MS;

	/* Nobody's, if the engine has forgotten the delivery: then the wait binds nobody. */
	*rest = (struct rest){.cursor = CONTAINER_OF(delivery, struct flight, delivery)->cursor,
			      .until_ms = world->now_ms + wait_ms};
	if (world->plant == PLANT_HURRY)
		rest->until_ms += HURRY_MS;
	delivery->retry_after_ms = s->target->slow_ms;
	end_badly(s, delivery, DELIVERY_RETRY, 0, ERROR_RETRY);
}

/* Checks retry-after for a delivery that comes in. */
static void check_rest(const struct scripted *s, const struct delivery *delivery)
{
	struct world *world = s->target->world;

	for (size_t i = 0; i < RESTS; i++) {
		const struct rest *rest = &s->rests[i];

		if (rest->cursor == delivery->cursor && world->now_ms < rest->until_ms)
			world_fail(world, "retry-after",
				   "sink %s was not to be tried again for another %lld ms",
				   s->target->name, (long long)(rest->until_ms - world->now_ms));
	}
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
		if (s->target->mode == TARGET_LOSSY && !s->target->remembers)
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
	case TARGET_POISONED:
	case TARGET_REFUSING:
	case TARGET_CHOKING:
		end_by_poison(s, delivery);
		return;
	case TARGET_BUSY:
		if (bad)
			end_busy(s, delivery);
		else
			end_well(s, delivery);
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
	check_rest(s, delivery);
	if (s->target->mode == TARGET_DEAD)
		s->target->hits[TARGET_DEAD]++;
	list_init(&delivery->link);
	list_add(&s->queue, &delivery->link);
	note_handed(s, delivery);
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
	handed_release(&s->handed);
	mem_free(s);
}

static const struct sink_type scripted_type = {
	.name = "scripted",
	.help = "does what the simulation wants",
	.submit = scripted_submit,
	.close = scripted_close,
};

/* struct sink_type: up to where the target has the shard. */
static struct position scripted_position(struct sink *sink, const struct source *source)
{
	struct scripted *s = CONTAINER_OF(sink, struct scripted, sink);
	struct ledger *ledger = s->target->ledger;
	const struct ledger_shard *shard = ledger_shard(ledger, source->shard_id);
	const struct ledger_write *last =
		shard == NULL ? NULL : ledger_last(ledger, shard, s->target->number);

	if (last == NULL || s->target->world->plant == PLANT_AMNESIA)
		return position_start();
	return position_after(last->w->seqno);
}

static const struct sink_type remembering_type = {
	.name = "remembering",
	.help = "knows what it has",
	.submit = scripted_submit,
	.close = scripted_close,
	.position = scripted_position,
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
	case TARGET_CHOKING:
	case TARGET_BUSY:
		return 30 * SECOND_MS;
	case TARGET_REJECTING:
	case TARGET_FATAL:
	case TARGET_POISONED:
	case TARGET_REFUSING:
		return 60 * SECOND_MS;
	}
	return 0;
}

int64_t target_well_since_ms(const struct target *target)
{
	const struct target *letters = target->letters;

	/* A record that was given up waits for the one that takes its letter. */
	if (letters == NULL || letters->well_since_ms < target->well_since_ms)
		return target->well_since_ms;
	return letters->well_since_ms;
}

void target_set_mode(struct target *target, enum target_mode mode, int64_t slow_ms)
{
	bool well;

	if (target->ill_until_ms < target->world->now_ms + recovery_ms(target->mode))
		target->ill_until_ms = target->world->now_ms + recovery_ms(target->mode);
	/* What it has goes in order, and it says all of it. */
	if (target->remembers && (mode == TARGET_SHUFFLED || mode == TARGET_LOSSY))
		mode = TARGET_FAILING;
	well = mode == TARGET_FAST || mode == TARGET_SHUFFLED;
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

	s->sink.type = target->remembers ? &remembering_type : &scripted_type;
	s->target = target;
	s->proc = proc;
	list_init(&s->link);
	list_init(&s->queue);
	list_init(&s->handed);
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
