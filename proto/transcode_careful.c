/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The careful way: any legal wire. The fields of a message are listed as number and offset in one
 * integer each, sorted, and shown run by run, a run being all fields of one number in wire order. The
 * lists of messages inside each other lie behind each other in one array, which may move when an inner
 * one is made: entries are addressed by index.
 */
#include <stdlib.h>

#include "base/json.h"
#include "proto/transcoder.h"

/* Fields of one number: entries[first] up to entries[end - 1]. */
struct run {
	size_t first, end;
};

/* One entry of a map. */
struct map_item {
	uint64_t number; /* the key, so that it sorts as the type says; 0 for strings */
	struct str text; /* a string key */
	struct str entry;
	size_t order;
};

/* The field's number, which an entry has in its upper half. */
static uint32_t entry_number(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

/* Reads the field of an entry again; it was read once without a fault. */
static void read_entry(const struct transcoder *t, const struct frame *frame, size_t i,
		       struct wire_field *got)
{
	size_t at = (uint32_t)t->entries[i];
	struct wire wire;

	wire_init(&wire, str_skip(frame->wire, at), TRANSCODE_DEPTH_MAX);
	must(wire_next(&wire, got));
	got->at = at;
}

/* Appends an entry to the list. */
static void push_entry(struct transcoder *t, uint32_t number, size_t at)
{
	if (t->n_entries == t->cap_entries) {
		t->cap_entries = t->cap_entries == 0 ? 64 : t->cap_entries * 2;
		t->entries = mem_resize_n(t->entries, t->cap_entries, sizeof(t->entries[0]));
	}
	t->entries[t->n_entries++] = (uint64_t)number << 32 | at;
}

/* Lists the fields that the message knows, or those that it does not, and checks what it reads. */
static bool collect(struct transcoder *t, const struct frame *frame, bool known, bool *others_out)
{
	struct wire wire;
	struct wire_field got;

	*others_out = false;
	wire_init(&wire, frame->wire, TRANSCODE_DEPTH_MAX - t->depth);
	while (wire_next(&wire, &got)) {
		const struct field *field = message_field(frame->message, got.number);
		bool packed = false;

		if (field != NULL && !wire_suits(field, got.type, &packed))
			return transcoder_bad(t, frame, got.at,
					      "a wire type that the field cannot have");
		if ((field != NULL) != known)
			*others_out = true;
		else if (!packed || got.bytes.n > 0)
			push_entry(t, got.number, got.at);
	}
	return wire.error == NULL || transcoder_bad(t, frame, got.at, wire.error);
}

/*
 * Takes out what one oneof lost: everything but the last run of its last member, as setting a member
 * clears the others. Entries are still in wire order.
 */
static void settle_oneof(struct transcoder *t, const struct frame *frame, size_t base,
			 unsigned oneof)
{
	uint32_t winner = 0;
	bool lost = false;
	size_t to = t->n_entries;

	for (size_t i = t->n_entries; i-- > base;) {
		uint32_t number = entry_number(t->entries[i]);

		if (message_field(frame->message, number)->oneof == oneof) {
			if (winner == 0)
				winner = number;
			lost |= number != winner;
			if (lost)
				continue;
		}
		t->entries[--to] = t->entries[i];
	}
	for (size_t i = to; i < t->n_entries; i++)
		t->entries[base + i - to] = t->entries[i];
	t->n_entries = base + t->n_entries - to;
}

/* Sorts numbers, and so entries by number and place. */
static int by_entry(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorts the entries from `base` on; most often they are in order. */
static void sort_entries(struct transcoder *t, size_t base)
{
	for (size_t i = base + 1; i < t->n_entries; i++) {
		if (t->entries[i] < t->entries[i - 1]) {
			qsort(t->entries + base, t->n_entries - base, sizeof(t->entries[0]),
			      by_entry);
			return;
		}
	}
}

/* The run that starts at entry `first`. */
static struct run run_at(const struct transcoder *t, size_t first, size_t end)
{
	struct run run = {first, first + 1};

	while (run.end < end &&
	       entry_number(t->entries[run.end]) == entry_number(t->entries[first]))
		run.end++;
	return run;
}

/* Whether one part of a message holds whole fields, so that it can be joined with others. */
static bool part_ok(struct transcoder *t, const struct frame *frame, const struct wire_field *part)
{
	struct wire wire;
	struct wire_field got;

	wire_init(&wire, part->bytes, TRANSCODE_DEPTH_MAX - t->depth);
	while (wire_next(&wire, &got))
		;
	return wire.error == NULL || transcoder_bad(t, frame, part->at, wire.error);
}

/*
 * Appends a message given in several parts: to parse their bytes joined is to merge them. Parts of a
 * field that is either message or text are joined when all look like the message; else the last counts.
 */
static bool show_merged(struct transcoder *t, struct frame *frame, struct run run)
{
	bool either = frame->field->kind == FIELD_EITHER, join = true, ok = true;
	struct wire_field got;
	struct buf joined;

	buf_init(&joined, frame->wire.n);
	for (size_t i = run.first; ok && i < run.end; i++) {
		read_entry(t, frame, i, &got);
		buf_str(&joined, got.bytes);
		if (either)
			join &= looks_like(frame->field->sub, got.bytes);
		else
			ok = part_ok(t, frame, &got);
	}
	if (join)
		got.bytes = buf_view(&joined);
	ok = ok && show_value(t, frame, &got);
	buf_release(&joined);
	return ok;
}

/* Appends the value of a field that is not repeated, however often it is given. */
static bool show_single(struct transcoder *t, struct frame *frame, struct run run)
{
	enum field_kind kind = frame->field->kind;
	struct wire_field got;

	if (run.end - run.first > 1 && (kind == FIELD_MESSAGE || kind == FIELD_EITHER))
		return show_merged(t, frame, run);
	read_entry(t, frame, run.end - 1, &got);
	return show_value(t, frame, &got);
}

/* Whether keys of this kind have a sign. */
static bool key_signed(enum field_kind kind)
{
	return kind == FIELD_INT32 || kind == FIELD_SINT32 || kind == FIELD_SFIXED32 ||
	       kind == FIELD_INT64 || kind == FIELD_SINT64 || kind == FIELD_SFIXED64;
}

/* A number key's value as its type has it, with the sign bit turned if there is one: so it sorts. */
static uint64_t key_number(enum field_kind kind, uint64_t v)
{
	if (kind == FIELD_SINT32)
		v = (uint32_t)v;
	if (kind == FIELD_SINT32 || kind == FIELD_SINT64)
		v = v >> 1 ^ (0 - (v & 1));
	if (kind == FIELD_INT32 || kind == FIELD_SINT32 || kind == FIELD_SFIXED32)
		v = (uint64_t)(int64_t)(int32_t)(uint32_t)v;
	if (kind == FIELD_UINT32 || kind == FIELD_FIXED32)
		v = (uint32_t)v;
	if (kind == FIELD_BOOL)
		v = v != 0;
	return key_signed(kind) ? v ^ 1ull << 63 : v;
}

/* Reads the key of a map entry. */
static bool read_key(struct transcoder *t, const struct frame *frame, struct map_item *item)
{
	const struct field *key = message_field(frame->field->sub, 1);
	struct wire wire;
	struct wire_field got;

	item->number = key->kind == FIELD_STRING ? 0 : key_number(key->kind, 0);
	item->text = STR("");
	wire_init(&wire, item->entry, TRANSCODE_DEPTH_MAX - t->depth);
	while (wire_next(&wire, &got)) {
		if (got.number != 1)
			continue;
		if (got.type != key->wire)
			return transcoder_bad(t, frame, item->order,
					      "a map entry with a wrong wire type");
		if (key->kind == FIELD_STRING)
			item->text = got.bytes;
		else
			item->number = key_number(key->kind, got.v);
	}
	return wire.error == NULL || transcoder_bad(t, frame, item->order, wire.error);
}

/* Sorts map entries by key, entries with the same key by place. */
static int by_key(const void *a, const void *b)
{
	const struct map_item *x = a, *y = b;
	int text;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	text = str_cmp(x->text, y->text);
	return text != 0 ? text : x->order < y->order ? -1 : 1;
}

/* The text of a key; `digits` is room for a number's. */
static struct str key_text(const struct map_item *item, enum field_kind kind, struct buf *digits)
{
	if (kind == FIELD_STRING)
		return item->text;
	if (kind == FIELD_BOOL)
		return item->number != 0 ? STR("true") : STR("false");
	buf_clear(digits);
	if (key_signed(kind))
		buf_i64(digits, (int64_t)(item->number ^ 1ull << 63));
	else
		buf_u64(digits, item->number);
	return buf_view(digits);
}

/* Appends the value in a map entry, or what its type has when there is none. */
static bool show_entry(struct transcoder *t, struct frame *frame)
{
	const struct field *value = message_field(frame->message, 2);
	struct wire_field none = {.number = 2, .type = value->wire, .bytes = STR("")};
	size_t base = t->n_entries;
	bool others, ok = collect(t, frame, true, &others);

	frame->field = value;
	if (value->kind == FIELD_ENUM)
		none.v = (uint32_t)value->enums->first;
	sort_entries(t, base);
	for (size_t i = base; ok && i < t->n_entries; i++) {
		if (entry_number(t->entries[i]) == 2) {
			ok = show_single(t, frame, run_at(t, i, t->n_entries));
			t->n_entries = base;
			return ok;
		}
	}
	t->n_entries = base;
	return ok && show_value(t, frame, &none);
}

/* Appends sorted map entries; of those with the same key the last one. */
static bool show_items(struct transcoder *t, struct frame *frame, const struct map_item *items,
		       size_t n)
{
	enum field_kind kind = message_field(frame->field->sub, 1)->kind;
	bool ok = true, first = true;
	struct buf digits;

	buf_init(&digits, 32);
	for (size_t i = 0; ok && i < n; i++) {
		struct frame inner = {.parent = frame,
				      .message = frame->field->sub,
				      .wire = items[i].entry,
				      .key = key_text(&items[i], kind, &digits)};

		if (i + 1 < n && items[i].number == items[i + 1].number &&
		    str_eq(items[i].text, items[i + 1].text))
			continue;
		if (!first)
			buf_c(t->out, ',');
		first = false;
		json_put(t->out, inner.key);
		buf_c(t->out, ':');
		ok = show_entry(t, &inner);
	}
	buf_release(&digits);
	return ok;
}

/* Appends a map. */
static bool show_map(struct transcoder *t, struct frame *frame, struct run run)
{
	struct map_item *items;
	size_t n = run.end - run.first;
	bool ok = true;

	begin_member(t, frame, frame->field->member);
	if (frame->field->masked && !t->options->show_secrets) {
		show_mask(t, frame);
		return true;
	}
	if (t->depth == TRANSCODE_DEPTH_MAX)
		return transcoder_bad(t, frame, (uint32_t)t->entries[run.first], "nested too deep");
	t->depth++;
	items = mem_alloc_n(n, sizeof(items[0]));
	for (size_t i = 0; ok && i < n; i++) {
		struct wire_field got;

		read_entry(t, frame, run.first + i, &got);
		items[i] = (struct map_item){.entry = got.bytes, .order = got.at};
		ok = read_key(t, frame, &items[i]);
	}
	buf_c(t->out, '{');
	if (ok) {
		qsort(items, n, sizeof(items[0]), by_key);
		ok = show_items(t, frame, items, n);
	}
	buf_c(t->out, '}');
	mem_free(items);
	t->depth--;
	return ok;
}

/* Appends the elements of a repeated field. */
static bool show_repeated(struct transcoder *t, struct frame *frame, struct run run)
{
	bool ok = true;

	frame->shown_n = 0;
	for (size_t i = run.first; ok && i < run.end; i++) {
		struct wire_field got;
		bool packed;

		read_entry(t, frame, i, &got);
		wire_suits(frame->field, got.type, &packed);
		if (packed) {
			ok = show_packed(t, frame, &got);
			continue;
		}
		begin_element(t, frame);
		ok = show_value(t, frame, &got);
	}
	end_field(t, frame);
	return ok;
}

bool show_carefully(struct transcoder *t, struct frame *frame)
{
	size_t base = t->n_entries, end;
	bool unknown, ok = collect(t, frame, true, &unknown);
	struct run run;

	if (ok)
		for (unsigned oneof = 1; oneof <= frame->message->n_oneofs; oneof++)
			settle_oneof(t, frame, base, oneof);
	sort_entries(t, base);
	end = t->n_entries;
	for (size_t i = base; ok && i < end; i = run.end) {
		run = run_at(t, i, end);
		frame->field = message_field(frame->message, entry_number(t->entries[i]));
		if (frame->field->kind == FIELD_MAP) {
			ok = show_map(t, frame, run);
		} else if (frame->field->repeated) {
			ok = show_repeated(t, frame, run);
		} else {
			begin_member(t, frame, frame->field->member);
			ok = show_single(t, frame, run);
		}
	}
	t->n_entries = base;
	return ok && (!unknown || show_unknown(t, frame));
}

bool show_unknown(struct transcoder *t, struct frame *frame)
{
	size_t base = t->n_entries;
	bool others, ok = collect(t, frame, false, &others);

	must(ok);
	sort_entries(t, base);
	begin_member(t, frame, frame->message->unknown_member);
	for (size_t i = base; i < t->n_entries; i++) {
		struct wire_field got;
		bool same =
			i > base && entry_number(t->entries[i]) == entry_number(t->entries[i - 1]);

		read_entry(t, frame, i, &got);
		if (same)
			buf_c(t->out, ',');
		else
			buf_fmt(t->out, "%s\"%u\":[", i == base ? "{" : "],", got.number);
		show_raw(t->out, &got);
	}
	buf_str(t->out, STR("]}"));
	t->n_entries = base;
	return true;
}
