/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/lanes.h"

#include "base/map.h"
#include "sinks/formats/key.h"

/* A key is at most 3 KiB, in JSON six times that; but it is part of an answer in any case. */
enum { KEY_BYTES_MAX = 128 << 20 };

/* Of more cursors than this nobody remembers that they failed. */
enum { FLOWS_KEPT = 4096 };

/* A delivery that is held. */
struct cargo {
	struct delivery *delivery;
	struct flow *flow; /* NULL: it ends well */
	uint64_t number; /* counts up in the order of submission */
	struct list link; /* in its flow, or among those that end */
	struct arena arena; /* its bundles */
	bool *taken; /* of each record, whether it is durable */
	size_t acked; /* so many from the start are */
	/* How it ends, once it does. */
	enum delivery_result result;
	struct error why;
};

/* What is held of one cursor. */
struct flow {
	const void *cursor; /* also its key in the map, by these bytes */
	struct list cargos; /* in order */
	uint64_t stage; /* of the bundles made last */
	bool cautious; /* the last thing that it did was to fail */
	/* The first failure, by place and not by time; until the last delivery that it ends has ended. */
	bool failed;
	size_t telling; /* deliveries of it among those that end */
	const struct cargo *stop;
	size_t stop_at;
	struct outcome outcome;
	int64_t retry_after_ms; /* the longest that any failure asked for */
	struct list lanes[]; /* bundles that have not ended */
};

struct lanes {
	struct io *io;
	struct lanes_options options;
	struct map flows;
	struct list ready; /* bundles that wait only for room */
	struct list ending; /* cargos to be ended */
	size_t n_away;
	uint64_t cargos;
	struct io_timer kick;
	bool running, closed;
};

static void on_kick(struct io_timer *timer);

/* What has become possible is done in the next turn of the loop, or in this one when that is under way. */
static void kick(struct lanes *lanes)
{
	if (!lanes->running)
		io_timer_set(lanes->io, &lanes->kick, io_now_ms(lanes->io));
}

struct lanes *lanes_new(struct io *io, const struct lanes_options *options)
{
	struct lanes *lanes = mem_alloc(sizeof(*lanes));

	must(options->lanes >= 1 && options->lanes <= LANES_MAX && options->batch_records >= 1 &&
	     options->at_once >= 1);
	lanes->io = io;
	lanes->options = *options;
	map_init(&lanes->flows);
	list_init(&lanes->ready);
	list_init(&lanes->ending);
	lanes->kick.fire = on_kick;
	return lanes;
}

/* Frees a cargo, which is in no list any more. */
static void cargo_free(struct cargo *cargo)
{
	arena_release(&cargo->arena);
	mem_free(cargo);
}

/* Frees all cargos of a list. */
static void cargos_free(struct list *cargos)
{
	list_each(link, cargos, spare) {
		list_remove(link);
		cargo_free(CONTAINER_OF(link, struct cargo, link));
	}
}

/* The map's key of a flow. */
static struct str key_of(const void *const *cursor)
{
	return str_make((const char *)cursor, sizeof(*cursor));
}

/* Frees what the lanes hold, and the lanes. */
static void dispose(struct lanes *lanes)
{
	struct flow *flow;
	size_t at = 0;

	while ((flow = map_next(&lanes->flows, &at)) != NULL) {
		cargos_free(&flow->cargos);
		mem_free(flow);
	}
	cargos_free(&lanes->ending);
	map_release(&lanes->flows);
	mem_free(lanes);
}

void lanes_free(struct lanes *lanes)
{
	io_timer_cancel(lanes->io, &lanes->kick);
	lanes->closed = true;
	/* Else on_kick, which is further up the stack, does it. */
	if (!lanes->running)
		dispose(lanes);
}

/* The flow of a cursor, made if need be. */
static struct flow *flow_of(struct lanes *lanes, const void *cursor)
{
	struct flow *flow = map_get(&lanes->flows, key_of(&cursor));

	if (flow != NULL)
		return flow;
	flow = mem_alloc(sizeof(*flow) + lanes->options.lanes * sizeof(flow->lanes[0]));
	flow->cursor = cursor;
	list_init(&flow->cargos);
	for (size_t i = 0; i < lanes->options.lanes; i++)
		list_init(&flow->lanes[i]);
	map_put(&lanes->flows, key_of(&flow->cursor), flow);
	return flow;
}

/* Which lane a record goes to: by its item, in one way whatever the encoder has for keys. */
static unsigned lane_of(const struct lanes *lanes, const struct delivery *delivery, size_t i,
			struct buf *key)
{
	buf_clear(key);
	key_put(delivery->source, &delivery->events[i], key);
	must(!key->failed);
	return (unsigned)(key_hash32(buf_view(key)) % lanes->options.lanes);
}

/* An empty bundle at the end of a lane. */
static struct bundle *bundle_new(struct cargo *cargo, unsigned lane)
{
	struct bundle *bundle = arena_alloc(&cargo->arena, sizeof(*bundle));

	bundle->delivery = cargo->delivery;
	bundle->lane = lane;
	bundle->cargo = cargo;
	bundle->stage = cargo->flow->stage;
	list_init(&bundle->link);
	list_init(&bundle->ready);
	list_add(&cargo->flow->lanes[lane], &bundle->link);
	return bundle;
}

/* What is being filled while a delivery is cut. */
struct filling {
	struct bundle *bundles[LANES_MAX]; /* NULL: a new one is needed */
	size_t bytes[LANES_MAX];
	struct buf key;
};

/* The bundle that record `i` of the cargo goes into. */
static struct bundle *place(const struct lanes *lanes, struct cargo *cargo, struct filling *filling,
			    size_t i)
{
	const struct delivery *delivery = cargo->delivery;
	size_t bytes = delivery_record(delivery, i).n;
	struct bundle *bundle;
	unsigned lane;

	if (delivery->events[i].op == EVENT_GAP) {
		memset(filling->bundles, 0, sizeof(filling->bundles));
		cargo->flow->stage++;
		bundle = bundle_new(cargo, 0);
		cargo->flow->stage++;
		return bundle;
	}
	lane = lane_of(lanes, delivery, i, &filling->key);
	bundle = filling->bundles[lane];
	if (bundle == NULL || bundle->n >= lanes->options.batch_records ||
	    delivery->encoder->framing->lone ||
	    filling->bytes[lane] + bytes > lanes->options.batch_bytes) {
		bundle = bundle_new(cargo, lane);
		filling->bundles[lane] = bundle;
		filling->bytes[lane] = 0;
		/* What failed is tried alone: what follows would go out again with each try. */
		if (cargo->flow->cautious)
			cargo->flow->stage++;
		cargo->flow->cautious = false;
	}
	filling->bytes[lane] += bytes;
	return bundle;
}

/* Cuts a delivery into bundles. */
static void cut(const struct lanes *lanes, struct cargo *cargo)
{
	size_t n = cargo->delivery->n;
	struct bundle **of = arena_alloc_n(&cargo->arena, n, sizeof(struct bundle *));
	uint32_t *records = arena_alloc_n(&cargo->arena, n, sizeof(*records));
	struct filling filling = {{NULL}};

	buf_init(&filling.key, KEY_BYTES_MAX);
	for (size_t i = 0; i < n; i++) {
		of[i] = place(lanes, cargo, &filling, i);
		of[i]->n++;
	}
	buf_release(&filling.key);
	/* Each bundle gets its part of one array when its first record is met. */
	for (size_t i = 0; i < n; i++) {
		if (of[i]->records != NULL)
			continue;
		of[i]->records = records;
		for (size_t k = i; records < of[i]->records + of[i]->n; k++) {
			if (of[k] == of[i])
				*records++ = (uint32_t)k;
		}
	}
}

/* Makes those bundles of a flow ready that have nothing to wait for but room. */
static void flow_ready(struct lanes *lanes, struct flow *flow)
{
	uint64_t stage = UINT64_MAX;

	for (size_t i = 0; i < lanes->options.lanes; i++) {
		if (!list_empty(&flow->lanes[i])) {
			const struct bundle *head =
				list_first(&flow->lanes[i], struct bundle, link);

			stage = head->stage < stage ? head->stage : stage;
		}
	}
	for (size_t i = 0; i < lanes->options.lanes; i++) {
		struct bundle *head;

		if (list_empty(&flow->lanes[i]))
			continue;
		head = list_first(&flow->lanes[i], struct bundle, link);
		if (head->stage == stage && !head->is_sent && list_empty(&head->ready))
			list_add(&lanes->ready, &head->ready);
	}
}

/* A cargo ends well. */
static void end_well(struct lanes *lanes, struct cargo *cargo)
{
	cargo->result = DELIVERY_OK;
	cargo->flow = NULL;
	list_remove(&cargo->link);
	list_add(&lanes->ending, &cargo->link);
}

/* A cargo ends as its flow's failure has it. */
static void end_badly(struct lanes *lanes, struct cargo *cargo, enum delivery_result result)
{
	cargo->result = result;
	cargo->why = cargo->flow->outcome.why;
	cargo->flow->telling++;
	list_remove(&cargo->link);
	list_add(&lanes->ending, &cargo->link);
}

void lanes_submit(struct lanes *lanes, struct delivery *delivery)
{
	struct flow *flow = flow_of(lanes, delivery->cursor);
	struct cargo *cargo = mem_alloc(sizeof(*cargo));

	cargo->delivery = delivery;
	cargo->flow = flow;
	cargo->number = lanes->cargos++;
	arena_init(&cargo->arena);
	cargo->taken = arena_alloc(&cargo->arena, delivery->n);
	list_init(&cargo->link);
	list_add(&flow->cargos, &cargo->link);
	/* Behind a failure nothing is sent: it ends with the others. */
	if (flow->telling > 0) {
		end_badly(lanes, cargo, DELIVERY_RETRY);
	} else if (!flow->failed) {
		cut(lanes, cargo);
		flow_ready(lanes, flow);
	}
	kick(lanes);
}

/* Whether something of the flow is still away or to be sent. */
static bool flow_busy(const struct lanes *lanes, const struct flow *flow)
{
	for (size_t i = 0; i < lanes->options.lanes; i++) {
		if (!list_empty(&flow->lanes[i]))
			return true;
	}
	return false;
}

/* Whether a place in a flow, which is record `at` of the cargo, comes before another one. */
static bool before(const struct cargo *cargo, size_t at, const struct cargo *other, size_t other_at)
{
	return cargo->number != other->number ? cargo->number < other->number : at < other_at;
}

/*
 * Drops what is unsent: all of it, or after a record was refused what stands behind that. The rest must be
 * durable before the refusal can be reported.
 */
static void drop_unsent(struct lanes *lanes, struct flow *flow)
{
	enum delivery_result result = flow->outcome.result;
	bool all = result == DELIVERY_RETRY || result == DELIVERY_FATAL;

	for (size_t i = 0; i < lanes->options.lanes; i++) {
		list_each(link, &flow->lanes[i], spare) {
			struct bundle *bundle = CONTAINER_OF(link, struct bundle, link);

			if (bundle->is_sent || (!all && before(bundle->cargo, bundle->records[0],
							       flow->stop, flow->stop_at)))
				continue;
			list_remove(&bundle->ready);
			list_remove(link);
		}
	}
}

/* A bundle failed: its flow stops there, unless it has stopped at an earlier record. */
static void flow_fail(struct lanes *lanes, struct flow *flow, const struct bundle *bundle,
		      const struct outcome *outcome)
{
	size_t at = bundle->records[outcome->taken];

	must(outcome->taken < bundle->n);
	if (outcome->retry_after_ms > flow->retry_after_ms)
		flow->retry_after_ms = outcome->retry_after_ms;
	if (flow->failed && !before(bundle->cargo, at, flow->stop, flow->stop_at))
		return;
	flow->failed = true;
	flow->cautious = true;
	flow->stop = bundle->cargo;
	flow->stop_at = at;
	flow->outcome = *outcome;
	drop_unsent(lanes, flow);
}

/* The flow failed, and nothing of it is away: its cargos end, the first as the failure says. */
static void flow_give_back(struct lanes *lanes, struct flow *flow)
{
	enum delivery_result result = flow->outcome.result;
	struct cargo *first = list_first(&flow->cargos, struct cargo, link);

	/* When something before what was refused was dropped, that comes first. */
	if (result != DELIVERY_FATAL && (first != flow->stop || first->acked != flow->stop_at))
		result = DELIVERY_RETRY;
	first->delivery->retry_after_ms = flow->retry_after_ms;
	end_badly(lanes, first, result);
	list_each(link, &flow->cargos, spare) {
		struct cargo *cargo = CONTAINER_OF(link, struct cargo, link);

		cargo->acked = 0;
		/* Nobody may remember the first one any more. */
		cargo->delivery->retry_after_ms = flow->retry_after_ms;
		end_badly(lanes, cargo, DELIVERY_RETRY);
	}
}

/* Frees a flow of which nothing is held any more, unless it is to be remembered that it failed. */
static void flow_tidy(struct lanes *lanes, struct flow *flow)
{
	if (!list_empty(&flow->cargos) || flow->telling > 0 ||
	    (flow->cautious && map_n(&lanes->flows) <= FLOWS_KEPT))
		return;
	map_remove(&lanes->flows, key_of(&flow->cursor));
	mem_free(flow);
}

/* After something of the flow ended: lets deliveries end, and the next bundles out. May free the flow. */
static void flow_settle(struct lanes *lanes, struct flow *flow)
{
	while (!list_empty(&flow->cargos)) {
		struct cargo *cargo = list_first(&flow->cargos, struct cargo, link);

		if (cargo->acked < cargo->delivery->n)
			break;
		end_well(lanes, cargo);
	}
	if (flow->failed && !flow_busy(lanes, flow))
		flow_give_back(lanes, flow);
	else
		flow_ready(lanes, flow);
	flow_tidy(lanes, flow);
}

void lanes_ended(struct lanes *lanes, struct bundle *bundle, const struct outcome *outcome)
{
	struct cargo *cargo = bundle->cargo;
	struct flow *flow = cargo->flow;
	size_t taken = outcome->result == DELIVERY_OK ? bundle->n : outcome->taken;

	must(bundle->is_sent && lanes->n_away > 0);
	lanes->n_away--;
	list_remove(&bundle->link);
	for (size_t i = 0; i < taken; i++)
		cargo->taken[bundle->records[i]] = true;
	while (cargo->acked < cargo->delivery->n && cargo->taken[cargo->acked])
		cargo->acked++;
	if (outcome->result != DELIVERY_OK)
		flow_fail(lanes, flow, bundle, outcome);
	flow_settle(lanes, flow);
	kick(lanes);
}

/* Ends one delivery, if one is to be ended. */
static bool end_one(struct lanes *lanes)
{
	struct cargo *cargo;
	struct delivery *delivery;
	enum delivery_result result;
	struct error why;
	size_t acked;

	if (list_empty(&lanes->ending))
		return false;
	cargo = list_first(&lanes->ending, struct cargo, link);
	list_remove(&cargo->link);
	/* What comes in from within the last of these ends is new. */
	if (cargo->flow != NULL && --cargo->flow->telling == 0) {
		cargo->flow->failed = false;
		cargo->flow->retry_after_ms = 0;
		flow_tidy(lanes, cargo->flow);
	}
	delivery = cargo->delivery;
	result = cargo->result;
	acked = cargo->acked;
	why = cargo->why;
	cargo_free(cargo);
	delivery_done(delivery, result, acked, result == DELIVERY_OK ? NULL : &why);
	return true;
}

/* Sends one bundle, if there is one and there is room. */
static bool send_one(struct lanes *lanes)
{
	struct bundle *bundle;

	if (list_empty(&lanes->ready) || lanes->n_away >= lanes->options.at_once)
		return false;
	bundle = list_first(&lanes->ready, struct bundle, ready);
	list_remove(&bundle->ready);
	bundle->is_sent = true;
	lanes->n_away++;
	lanes->options.send(lanes->options.arg, bundle);
	return true;
}

/* Does all that can be done now: ends what is to be ended, then sends what may be sent. */
static void on_kick(struct io_timer *timer)
{
	struct lanes *lanes = CONTAINER_OF(timer, struct lanes, kick);

	lanes->running = true;
	while (!lanes->closed && (end_one(lanes) || send_one(lanes)))
		;
	lanes->running = false;
	if (lanes->closed)
		dispose(lanes);
}
