/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/lister.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/state.h"

#define LISTER_KEY STR("ddbtap/lister")

enum {
	LOOKS_PER_LEASE = 5, /* at a row that somebody else has */
	LISTING_MAX_MS = 10 * MINUTE_MS,
};

/* The row, as it was read. */
struct lister_row {
	struct str owner; /* empty: nobody's */
	int64_t counter, listing_ms;
};

static void lister_due(struct io_timer *timer);

void lister_init(struct lister *lister, struct engine *engine)
{
	*lister = (struct lister){.engine = engine, .timer.fire = lister_due, .counter = -1};
	list_init(&lister->waiting);
	list_init(&lister->served);
}

void lister_wish_init(struct lister_wish *wish, void (*go)(struct lister_wish *wish))
{
	list_init(&wish->link);
	wish->go = go;
}

/* The lister's next step is due after `delay_ms`. */
static void due_after(struct lister *lister, int64_t delay_ms)
{
	struct io *io = lister->engine->io;

	io_timer_set(io, &lister->timer, io_now_ms(io) + delay_ms);
}

/* How long the listings that wait ought to take, one after the other. */
static int64_t listing_ms(const struct lister *lister)
{
	int64_t sum_ms = 0;

	list_each(it, &lister->waiting, spare) {
		sum_ms += CONTAINER_OF(it, struct lister_wish, link)->listing_ms;
	}
	return sum_ms < LISTING_MAX_MS ? sum_ms : LISTING_MAX_MS;
}

/* Appends `{"TableName":"...","Key":{...}`. */
static void open_update(const struct lister *lister, struct buf *buf)
{
	buf_str(buf, STR("{\"TableName\":"));
	json_put(buf, lister->engine->options.own_table);
	buf_str(buf, STR(",\"Key\":{\"leaseKey\":{\"S\":"));
	json_put(buf, LISTER_KEY);
	buf_str(buf, STR("}},\"ExpressionAttributeNames\":{\"#o\":\"owner\",\"#c\":\"counter\"}"));
}

/* Appends the values that both writes have; the object is left open. */
static void open_values(const struct lister *lister, struct buf *buf)
{
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{\":me\":{\"S\":"));
	json_put(buf, str_of(lister->engine->owner));
	buf_fmt(buf, "},\":next\":{\"N\":\"%lld\"}", (long long)lister->counter + 1);
}

/* Appends the UpdateItem that takes the row. */
static void put_take(const struct lister *lister, struct buf *buf)
{
	open_update(lister, buf);
	buf_str(buf, STR(",\"UpdateExpression\":\"SET #o = :me, #c = :next, listingMs = :ms\""));
	buf_fmt(buf, ",\"ConditionExpression\":\"%s\"",
		lister->row_exists ? "#c = :counter" : "attribute_not_exists(leaseKey)");
	open_values(lister, buf);
	buf_fmt(buf, ",\":ms\":{\"N\":\"%lld\"}", (long long)listing_ms(lister));
	if (lister->row_exists)
		buf_fmt(buf, ",\":counter\":{\"N\":\"%lld\"}", (long long)lister->counter);
	buf_str(buf, STR("}}"));
}

/* Appends the UpdateItem that gives it back. */
static void put_give(const struct lister *lister, struct buf *buf)
{
	open_update(lister, buf);
	buf_str(buf, STR(",\"UpdateExpression\":\"SET #c = :next REMOVE #o\","
			 "\"ConditionExpression\":\"#o = :me AND #c = :counter\""));
	open_values(lister, buf);
	buf_fmt(buf, ",\":counter\":{\"N\":\"%lld\"}}}", (long long)lister->counter);
}

/* Lets those go that waited for the row, or, without it, those whose patience is at an end. */
static void serve(struct lister *lister)
{
	int64_t now_ms = io_now_ms(lister->engine->io);

	list_each(it, &lister->waiting, spare) {
		struct lister_wish *wish = CONTAINER_OF(it, struct lister_wish, link);

		if (lister->state != LISTER_HELD && now_ms < wish->patience_ms)
			continue;
		list_remove(it);
		if (lister->state == LISTER_HELD)
			list_add(&lister->served, it);
		else
			io_log(lister->engine->io, IO_INFO, "lister.impatient advice=\"%s\"",
			       "another worker lists streams; this one begins all the same");
		wish->go(wish);
	}
}

/* When somebody's patience ends; INT64_MAX: nobody's does. */
static int64_t patience_ms(const struct lister *lister)
{
	int64_t least_ms = INT64_MAX;

	list_each(it, &lister->waiting, spare) {
		const struct lister_wish *wish = CONTAINER_OF(it, struct lister_wish, link);

		if (wish->patience_ms < least_ms)
			least_ms = wish->patience_ms;
	}
	return least_ms;
}

/* Wakes up when somebody's patience ends, though a request is under way. */
static void mind_patience(struct lister *lister)
{
	int64_t due_ms = patience_ms(lister);

	if (due_ms != INT64_MAX)
		io_timer_set(lister->engine->io, &lister->timer, due_ms);
}

/* Looks again after `delay_ms`, or when somebody's patience ends. */
static void look_after(struct lister *lister, int64_t delay_ms)
{
	int64_t left_ms = patience_ms(lister) - io_now_ms(lister->engine->io);

	lister->state = LISTER_WANTING;
	due_after(lister, left_ms < delay_ms ? (left_ms > 0 ? left_ms : 0) : delay_ms);
}

/* A request about the row failed: later again. */
static void look_after_trouble(struct lister *lister, struct call *call)
{
	struct error why = {0};
	int64_t delay_ms = call_delay_ms(call, ++lister->attempts);

	call_error(call, &why);
	io_log(lister->engine->io, IO_WARN, "lister.failed retry_ms=%lld error=\"%s\"",
	       (long long)delay_ms, why.text);
	look_after(lister, delay_ms);
}

/* The row is ours. */
static void hold(struct lister *lister, int64_t counter)
{
	io_log(lister->engine->io, IO_DEBUG, "lister.held counter=%lld", (long long)counter);
	lister->row_exists = true;
	lister->counter = counter;
	lister->attempts = 0;
	lister->state = LISTER_HELD;
	due_after(lister, 0);
}

/* The row has been given back, or is somebody else's. */
static void given(struct call *call)
{
	struct lister *lister = call->owner;

	lister->call = NULL;
	io_log(call->engine->io, IO_DEBUG, "lister.given ok=%s",
	       call->outcome == CALL_OK ? "yes" : "no");
	/* When the answer is lost, the next look finds it ours, or others take it after a while. */
	lister->state = LISTER_IDLE;
	lister->counter = -1;
	if (!list_empty(&lister->waiting))
		look_after(lister, 0);
}

/* The row has been taken, or not. */
static void taken(struct call *call)
{
	struct lister *lister = call->owner;

	lister->call = NULL;
	if (call->outcome == CALL_OK)
		hold(lister, lister->counter + 1);
	else if (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED)
		look_after(lister, 0);
	else
		look_after_trouble(lister, call);
}

/* Sends a request about the row. */
static struct call *row_call(struct lister *lister, struct str target,
			     void (*done)(struct call *call))
{
	lister->call = call_new(lister->engine, IO_TABLES, target, done, lister);
	return lister->call;
}

/* Reads the item that a GetItem answered; false when it cannot be one. */
static bool read_row(struct arena *arena, struct str raw, struct lister_row *row)
{
	struct item item;
	struct attribute a;
	bool ok = true;

	*row = (struct lister_row){.owner = STR_NONE};
	item_open(&item, arena, raw);
	while (item_next(&item, &a)) {
		if (a.kind == ATTRIBUTE_STRING && str_eq(a.name, STR("owner")))
			row->owner = a.text;
		else if (a.kind == ATTRIBUTE_NUMBER && str_eq(a.name, STR("counter")))
			ok = ok && str_to_i64(a.text, &row->counter);
		else if (a.kind == ATTRIBUTE_NUMBER && str_eq(a.name, STR("listingMs")))
			ok = ok && str_to_i64(a.text, &row->listing_ms);
	}
	return item_end(&item) && ok && row->counter >= 0 && row->counter < INT64_MAX &&
	       row->listing_ms >= 0 && row->listing_ms <= LISTING_MAX_MS;
}

/* Whether the row's owner was an earlier life of this worker, which is over. */
static bool predecessor(const struct lister *lister, struct str owner)
{
	struct str id = str_head(owner, str_find_last(owner, ':'));

	return str_eq(id, str_of(lister->engine->worker_id));
}

/* Takes the row if it is free or stands still, as it was read. */
static void judge(struct lister *lister, const struct lister_row *row)
{
	struct engine *engine = lister->engine;
	int64_t now_ms = io_now_ms(engine->io), lease_ms = engine->options.lease_ms;

	if (!lister->row_exists || lister->counter != row->counter)
		lister->moved_ms = now_ms;
	lister->row_exists = true;
	lister->counter = row->counter;
	if (str_eq(row->owner, str_of(engine->owner))) {
		hold(lister, row->counter);
	} else if (row->owner.n == 0 || predecessor(lister, row->owner) ||
		   now_ms - lister->moved_ms > lease_ms + row->listing_ms) {
		lister->state = LISTER_TAKING;
		put_take(lister, &row_call(lister, TABLES_UPDATE_ITEM, taken)->http.body);
		call_start(lister->call);
	} else {
		look_after(lister, lease_ms / LOOKS_PER_LEASE);
	}
}

/* The row has been read. */
static void looked(struct call *call)
{
	struct lister *lister = call->owner;
	struct lister_row row;
	struct error why = {0};
	struct arena arena;
	struct str raw;

	lister->call = NULL;
	if (call->outcome != CALL_OK) {
		look_after_trouble(lister, call);
		return;
	}
	lister->attempts = 0;
	arena_init(&arena);
	if (!tables_get_read(buf_view(&call->http.answer), &raw, &why)) {
		look_after_trouble(lister, call);
	} else if (raw.n == 0) {
		lister->row_exists = false;
		lister->counter = -1;
		lister->state = LISTER_TAKING;
		put_take(lister, &row_call(lister, TABLES_UPDATE_ITEM, taken)->http.body);
		call_start(lister->call);
	} else if (read_row(&arena, raw, &row)) {
		judge(lister, &row);
	} else {
		/* A row that somebody else has written over: it is worth nothing to anybody. */
		io_log(lister->engine->io, IO_ERROR, "lister.malformed row=%.*s advice=\"%s\"",
		       STR_ARG(LISTER_KEY), "delete this row of the checkpoint table");
		look_after(lister, lister->engine->options.lease_ms);
	}
	arena_release(&arena);
}

/* Does what is next. */
static void lister_due(struct io_timer *timer)
{
	struct lister *lister = CONTAINER_OF(timer, struct lister, timer);

	serve(lister);
	if (lister->call != NULL || lister->engine->stopped) {
		mind_patience(lister);
		return;
	}
	if (lister->state == LISTER_HELD && list_empty(&lister->served)) {
		lister->state = LISTER_GIVING;
		put_give(lister, &row_call(lister, TABLES_UPDATE_ITEM, given)->http.body);
		call_start(lister->call);
	} else if (lister->state == LISTER_WANTING && list_empty(&lister->waiting)) {
		lister->state = LISTER_IDLE;
	} else if (lister->state == LISTER_WANTING) {
		tables_get_request(&row_call(lister, TABLES_GET_ITEM, looked)->http.body,
				   lister->engine->options.own_table, ROW_KEY, LISTER_KEY);
		call_start(lister->call);
	}
}

void lister_want(struct lister *lister, struct lister_wish *wish, int64_t listing_ms, bool first)
{
	if (!list_empty(&wish->link))
		return;
	wish->listing_ms = listing_ms;
	wish->patience_ms = first ? io_now_ms(lister->engine->io) + lister->engine->options.lease_ms
				  : INT64_MAX;
	list_add(&lister->waiting, &wish->link);
	if (lister->state == LISTER_IDLE)
		lister->state = LISTER_WANTING;
	/* While a request is under way, its answer goes on with everything. */
	if (lister->call == NULL)
		due_after(lister, 0);
	else
		mind_patience(lister);
}

void lister_done(struct lister *lister, struct lister_wish *wish)
{
	if (list_empty(&wish->link))
		return;
	list_remove(&wish->link);
	if (lister->state == LISTER_HELD && list_empty(&lister->served))
		due_after(lister, 0);
}

void lister_release(struct lister *lister)
{
	call_cancel(&lister->call);
	io_timer_cancel(lister->engine->io, &lister->timer);
	lister->state = LISTER_IDLE;
}
