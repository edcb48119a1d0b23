/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/registry.h"

#include "base/json.h"
#include "consumer/aws/tableapi.h"

void registry_ask(struct buf *buf, struct str table)
{
	tables_get_request(buf, table, ROW_KEY, ROW_REGISTRY_KEY);
}

/* Reads the two members of a sink; false when they are not what they must be. */
static bool read_sink(struct arena *arena, struct str raw, struct registry_sink *out)
{
	struct attribute a;
	struct item item;
	struct str state = STR_NONE;

	item_open(&item, arena, raw);
	while (item_next(&item, &a)) {
		if (a.kind == ATTRIBUTE_NUMBER && str_eq(a.name, STR("generation")) &&
		    !str_to_i64(a.text, &out->generation))
			return false;
		if (a.kind == ATTRIBUTE_STRING && str_eq(a.name, STR("state")))
			state = a.text;
	}
	out->active = str_eq(state, STR("active"));
	return item_end(&item) && out->generation > 0 &&
	       (out->active || str_eq(state, STR("adding")));
}

/* Reads the map of sinks. */
static bool read_sinks(struct arena *arena, struct str raw, struct registry *out)
{
	struct attribute a;
	struct item item;

	item_open(&item, arena, raw);
	while (item_next(&item, &a)) {
		struct registry_sink *sink = &out->sinks[out->n_sinks];

		if (a.kind != ATTRIBUTE_MAP || out->n_sinks == ROW_SINKS_MAX ||
		    !read_sink(arena, a.text, sink))
			return false;
		sink->name = a.name;
		out->n_sinks++;
	}
	return item_end(&item);
}

/* Reads one attribute of the row. */
static bool read_attribute(struct arena *arena, const struct attribute *a, struct registry *out)
{
	if (a->kind == ATTRIBUTE_MAP && str_eq(a->name, STR("sinks")))
		return read_sinks(arena, a->text, out);
	if (a->kind == ATTRIBUTE_STRING && str_eq(a->name, STR("seek")))
		out->seek = a->text;
	if (a->kind != ATTRIBUTE_NUMBER)
		return true;
	if (str_eq(a->name, STR("version")))
		return str_to_i64(a->text, &out->version);
	if (str_eq(a->name, STR("epoch")))
		return str_to_i64(a->text, &out->epoch);
	if (str_eq(a->name, STR("lastGeneration")))
		return str_to_i64(a->text, &out->last_generation);
	return true;
}

bool registry_read(struct arena *arena, struct str raw_item, struct registry *out,
		   struct error *err)
{
	struct attribute a;
	struct item item;
	bool ok = true;

	*out = (struct registry){0};
	if (raw_item.n == 0)
		return true;
	item_open(&item, arena, raw_item);
	while (item_next(&item, &a))
		ok = ok && read_attribute(arena, &a, out);
	ok = item_end(&item) && ok && out->version > 0 && out->epoch >= 0 &&
	     out->last_generation >= 0;
	if (!ok) {
		*out = (struct registry){0};
		return error_set(err, ERROR_DATA,
				 "row \"ddbtap/registry\" of the checkpoint table is malformed");
	}
	return true;
}

struct registry_sink *registry_find(struct registry *registry, struct str name)
{
	for (size_t i = 0; i < registry->n_sinks; i++) {
		if (str_eq(registry->sinks[i].name, name))
			return &registry->sinks[i];
	}
	return NULL;
}

bool registry_register(struct registry *registry, struct str name, int64_t generation)
{
	if (registry->n_sinks == ROW_SINKS_MAX)
		return false;
	registry->last_generation = generation;
	registry->sinks[registry->n_sinks++] =
		(struct registry_sink){.name = name, .generation = generation};
	return true;
}

bool registry_remove(struct registry *registry, struct str name)
{
	struct registry_sink *sink = registry_find(registry, name);

	if (sink == NULL)
		return false;
	*sink = registry->sinks[--registry->n_sinks];
	return true;
}

/* Appends the map of sinks as a value. */
static void put_sinks(struct buf *buf, const struct registry *registry)
{
	buf_str(buf, STR("{\"M\":{"));
	for (size_t i = 0; i < registry->n_sinks; i++) {
		const struct registry_sink *sink = &registry->sinks[i];

		json_comma(buf);
		json_put(buf, sink->name);
		buf_str(buf, STR(":{\"M\":{"));
		item_put_n(buf, STR("generation"), sink->generation);
		item_put_s(buf, STR("state"), sink->active ? STR("active") : STR("adding"));
		buf_str(buf, STR("}}"));
	}
	buf_str(buf, STR("}}"));
}

void registry_write(struct buf *buf, struct str table, const struct registry *registry)
{
	bool seek = registry->seek.n > 0;

	row_open_request(buf, table, ROW_REGISTRY_KEY);
	buf_str(buf, STR(",\"UpdateExpression\":\"SET #v = :next, #e = :epoch, #g = :last, #s = "
			 ":sinks"));
	buf_str(buf, seek ? STR(", #k = :seek\"") : STR(" REMOVE #k\""));
	buf_fmt(buf, ",\"ConditionExpression\":\"%s\"",
		registry->version > 0 ? "#v = :version" : "attribute_not_exists(leaseKey)");
	buf_str(buf, STR(",\"ExpressionAttributeNames\":{\"#v\":\"version\",\"#e\":\"epoch\","
			 "\"#g\":\"lastGeneration\",\"#s\":\"sinks\",\"#k\":\"seek\"}"));
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	item_put_n(buf, STR(":next"), registry->version + 1);
	item_put_n(buf, STR(":epoch"), registry->epoch);
	item_put_n(buf, STR(":last"), registry->last_generation);
	if (registry->version > 0)
		item_put_n(buf, STR(":version"), registry->version);
	if (seek)
		item_put_s(buf, STR(":seek"), registry->seek);
	buf_str(buf, STR(",\":sinks\":"));
	put_sinks(buf, registry);
	buf_str(buf, STR("}}"));
}

void adding_init(struct adding *adding, struct str table, struct str leases,
		 const struct str *names, size_t n)
{
	must(n > 0);
	*adding = (struct adding){.table = table, .leases = leases, .names = names, .n = n};
	arena_init(&adding->arena);
	arena_init(&adding->page);
}

void adding_release(struct adding *adding)
{
	arena_release(&adding->arena);
	arena_release(&adding->page);
}

/* Appends an UpdateItem that bumps the counter of a row, if it is there. */
static void put_bump(struct buf *buf, struct str table, struct str key)
{
	row_open_request(buf, table, key);
	buf_str(buf, STR(",\"UpdateExpression\":\"ADD leaseCounter :one\","
			 "\"ConditionExpression\":\"attribute_exists(leaseKey)\""));
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	item_put_n(buf, STR(":one"), 1);
	buf_str(buf, STR("}}"));
}

bool adding_next(struct adding *adding, struct str *target_out, struct buf *body)
{
	switch (adding->step) {
	case ADDING_READ:
		*target_out = TABLES_GET_ITEM;
		registry_ask(body, adding->table);
		return true;
	case ADDING_REGISTER:
	case ADDING_ACTIVATE:
		*target_out = TABLES_UPDATE_ITEM;
		registry_write(body, adding->table, &adding->registry);
		return true;
	case ADDING_SCAN:
		*target_out = TABLES_SCAN;
		tables_scan_request(body, adding->leases, adding->next, 0, true);
		return true;
	case ADDING_BUMP:
		*target_out = TABLES_UPDATE_ITEM;
		put_bump(body, adding->leases, adding->keys[adding->at]);
		return true;
	case ADDING_DONE:
		return false;
	}
	return false;
}

/* Whether all sinks have the generation that the rows were bumped for. */
static bool same_generations(struct adding *adding)
{
	for (size_t i = 0; i < adding->n; i++) {
		const struct registry_sink *sink =
			registry_find(&adding->registry, adding->names[i]);

		if (sink == NULL || sink->generation != adding->generations[i])
			return false;
	}
	return true;
}

/* The rows are bumped for the sinks as the registry has them now: they may become active. */
static void activate(struct adding *adding)
{
	for (size_t i = 0; i < adding->n; i++)
		registry_find(&adding->registry, adding->names[i])->active = true;
	adding->step = ADDING_ACTIVATE;
}

/* The registry lists all of the sinks: the rows are next, from the first one on. */
static void begin_bumps(struct adding *adding)
{
	for (size_t i = 0; i < adding->n; i++)
		adding->generations[i] =
			registry_find(&adding->registry, adding->names[i])->generation;
	adding->next = STR_NONE;
	adding->step = ADDING_SCAN;
}

/* The registry has been read: what is missing of it? */
static bool take_registry(struct adding *adding, struct str answer, struct error *err)
{
	bool missing = false, waiting = false;
	int64_t generation;
	struct str raw;

	arena_release(&adding->arena);
	if (!tables_get_read(answer, &raw, err) ||
	    !registry_read(&adding->arena, arena_str(&adding->arena, raw), &adding->registry, err))
		return false;
	generation = adding->registry.last_generation + 1;
	for (size_t i = 0; i < adding->n; i++) {
		const struct registry_sink *sink =
			registry_find(&adding->registry, adding->names[i]);

		waiting = waiting || (sink != NULL && !sink->active);
		missing = missing || sink == NULL;
		if (sink == NULL &&
		    !registry_register(&adding->registry, adding->names[i], generation))
			return error_set(err, ERROR_CONFIG,
					 "the registry has %d sinks already, which is the most "
					 "there can be; remove one first",
					 ROW_SINKS_MAX);
	}
	if (missing)
		adding->step = ADDING_REGISTER;
	else if (!waiting)
		adding->step = ADDING_DONE;
	else if (same_generations(adding))
		activate(adding); /* somebody else changed the registry meanwhile, but not these */
	else
		begin_bumps(adding);
	return true;
}

/* A write of the registry is through: in memory it is what the table has. */
static void registry_written(struct adding *adding)
{
	adding->registry.version++;
	if (adding->step == ADDING_REGISTER)
		begin_bumps(adding);
	else
		adding->step = ADDING_DONE;
}

/* Goes to the next row, page, or to the end of the bumps. */
static void next_row(struct adding *adding)
{
	if (adding->at < adding->n_keys)
		adding->step = ADDING_BUMP;
	else if (adding->next.n > 0)
		adding->step = ADDING_SCAN;
	else
		activate(adding);
}

/* Takes in a page of rows; only those of leases count. */
static bool take_page(struct adding *adding, struct str answer, struct error *err)
{
	static const struct row_sinks none = {.n = 0};
	struct table_page page;

	arena_release(&adding->page);
	adding->n_keys = adding->at = 0;
	if (!tables_scan_read(&adding->page, answer, &page, err))
		return false;
	adding->keys = arena_alloc_n(&adding->page, page.n_items, sizeof(*adding->keys));
	for (size_t i = 0; i < page.n_items; i++) {
		struct row row;

		if (!row_read(&adding->page, arena_str(&adding->page, page.items[i]), &none, &row,
			      err))
			return false;
		if (row.kind == ROW_LEASE)
			adding->keys[adding->n_keys++] = row.key;
	}
	adding->next = arena_str(&adding->page, page.next_key);
	next_row(adding);
	return true;
}

bool adding_take(struct adding *adding, enum adding_outcome outcome, struct str answer,
		 struct error *err)
{
	switch (adding->step) {
	case ADDING_READ:
		return outcome != ADDING_OK || take_registry(adding, answer, err);
	case ADDING_REGISTER:
	case ADDING_ACTIVATE:
		if (outcome == ADDING_OK)
			registry_written(adding);
		else
			adding->step = ADDING_READ; /* it knows */
		return true;
	case ADDING_SCAN:
		return outcome != ADDING_OK || take_page(adding, answer, err);
	case ADDING_BUMP:
		/* A row that is gone needs no bump; one that may have had it gets another. */
		if (outcome != ADDING_UNKNOWN) {
			adding->bumped += outcome == ADDING_OK;
			adding->at++;
			next_row(adding);
		}
		return true;
	case ADDING_DONE:
		break;
	}
	return true;
}
