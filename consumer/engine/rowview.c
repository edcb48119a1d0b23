/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/rowview.h"

#include "consumer/aws/tableapi.h"

enum { INCARNATION_DIGITS = 24 }; /* see worker_name */

static const struct str sink_prefix = STR_INIT("sink.");

/* Whether `text` is nothing but digits. */
static bool all_digits(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	}
	return text.n > 0;
}

/* Reads "sink.<name>" or "sink.<name>.<generation>"; the names of sinks have no dots. */
static bool read_ahead(const struct attribute *a, struct row_ahead *out)
{
	struct str rest = str_skip(a->name, sink_prefix.n);

	out->attribute = a->name;
	out->name = str_cut(&rest, '.');
	out->generation = 1;
	if (out->name.n < a->name.n - sink_prefix.n &&
	    (!all_digits(rest) || !str_to_i64(rest, &out->generation)))
		return false;
	return out->name.n > 0 && position_parse(a->text, &out->at);
}

/* Whether an attribute is the position of a sink. */
static bool is_ahead(const struct attribute *a)
{
	return a->kind == ATTRIBUTE_STRING && str_starts(a->name, sink_prefix);
}

/* How many positions of sinks the item has. */
static size_t count_ahead(struct arena *arena, struct str raw_item)
{
	struct attribute a;
	struct item item;
	size_t n = 0;

	item_open(&item, arena, raw_item);
	while (item_next(&item, &a))
		n += is_ahead(&a);
	return n;
}

/* Reads what row.h leaves out of a well-formed item. */
static bool read_rest(struct arena *arena, struct row_view *view)
{
	struct attribute a;
	struct item item;
	bool ok = true;

	view->ahead = arena_alloc_n(arena, count_ahead(arena, view->raw), sizeof(*view->ahead));
	item_open(&item, arena, view->raw);
	while (item_next(&item, &a)) {
		if (is_ahead(&a)) {
			ok = ok && read_ahead(&a, &view->ahead[view->n_ahead++]);
		} else if (a.kind == ATTRIBUTE_NUMBER && str_eq(a.name, STR("epoch"))) {
			ok = ok && str_to_i64(a.text, &view->epoch) && view->epoch >= 0;
		}
	}
	return ok;
}

/* Takes the key of a lease row apart. */
static void cut_key(struct arena *arena, struct row_view *view)
{
	struct lease_key key = lease_key_read(arena, view->row.key);

	view->form = key.form;
	view->account = key.account;
	view->region = key.region;
	view->table = key.table;
	view->label = key.form == FORM_SINGLE ? view->row.label : key.label;
	view->shard = key.shard;
}

bool row_view_read(struct arena *arena, struct str raw_item, struct row_view *out,
		   struct error *err)
{
	static const struct row_sinks none = {.n = 0};

	*out = (struct row_view){.raw = raw_item};
	if (!row_read(arena, raw_item, &none, &out->row, err))
		return false;
	if (out->row.kind != ROW_FOREIGN && !read_rest(arena, out))
		return error_set(err, ERROR_DATA,
				 "row \"%.*s\" of the checkpoint table is malformed",
				 STR_ARG(out->row.key));
	if (out->row.kind == ROW_LEASE)
		cut_key(arena, out);
	return true;
}

struct position row_view_position(const struct row_view *view, struct str name, int64_t generation)
{
	struct position at = view->row.checkpoint;

	for (size_t i = 0; i < view->n_ahead; i++) {
		const struct row_ahead *ahead = &view->ahead[i];

		if (str_eq(ahead->name, name) && ahead->generation == generation &&
		    position_cmp(&ahead->at, &at) > 0)
			at = ahead->at;
	}
	return at;
}

struct str row_owner_id(struct str owner)
{
	return str_head(owner, str_find_last(owner, ':'));
}

bool row_owner_ours(struct str owner)
{
	size_t colon = str_find_last(owner, ':');
	struct str incarnation = str_skip(owner, colon + 1);

	if (colon == owner.n || incarnation.n != INCARNATION_DIGITS)
		return false;
	for (size_t i = 0; i < incarnation.n; i++) {
		char c = incarnation.p[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
	}
	return true;
}

bool row_owner_is(struct str owner, const struct heartbeat *beat)
{
	struct str id = row_owner_id(owner);

	return id.n < owner.n && str_eq(id, beat->id) &&
	       str_eq(str_skip(owner, id.n + 1), beat->incarnation);
}
