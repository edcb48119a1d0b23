/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/utf8.h"
#include "config/units.h"
#include "config/yaml_tree.h"

enum { KIND_MAX = 1000 };

/* Appends `value` in the unit of `spec`, a numeric option. */
static void put_number(const struct option_spec *spec, int64_t value, struct buf *out)
{
	if (spec->type == OPTION_DURATION)
		duration_put(out, value);
	else if (spec->type == OPTION_BYTES)
		size_put(out, value);
	else
		buf_i64(out, value);
}

/* Appends "from MIN to MAX". */
static void put_range(const struct option_spec *spec, struct buf *out)
{
	buf_str(out, STR("from "));
	put_number(spec, spec->min, out);
	buf_str(out, STR(" to "));
	put_number(spec, spec->max, out);
}

/* Appends "a, b or c". */
static void put_words(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i] != NULL; i++) {
		if (i > 0)
			buf_str(out, words[i + 1] == NULL ? STR(" or ") : STR(", "));
		buf_str(out, str_of(words[i]));
	}
}

void option_put_kind(const struct option_spec *spec, struct buf *out)
{
	switch (spec->type) {
	case OPTION_TEXT:
		for (size_t i = 0; spec->words != NULL && spec->words[i] != NULL; i++)
			buf_fmt(out, "%s%s", i == 0 ? "" : ", ", spec->words[i]);
		buf_str(out, spec->words != NULL ? STR(" or another text") : STR("text"));
		return;
	case OPTION_BOOL:
		buf_str(out, STR("true or false"));
		return;
	case OPTION_WORD:
		put_words(spec->words, out);
		return;
	case OPTION_DURATION:
		buf_str(out, STR("a duration "));
		put_range(spec, out);
		return;
	case OPTION_BYTES:
		buf_str(out, STR("a size "));
		put_range(spec, out);
		return;
	case OPTION_COUNT:
		buf_str(out, STR("a number "));
		put_range(spec, out);
		return;
	case OPTION_TEXTS:
		buf_str(out, STR("a list of texts"));
		return;
	case OPTION_PAIRS:
		buf_str(out, STR("a mapping of names to texts"));
		return;
	}
}

char *option_copy(struct arena *arena, struct str text)
{
	char *p = arena_alloc(arena, text.n + 1);

	mem_copy(p, text.p, text.n);
	return p;
}

/* Whether `text` can become a C string of one line. */
static bool is_line(struct str text)
{
	uint32_t code;

	for (size_t n; text.n > 0; text = str_skip(text, n)) {
		n = utf8_next(text, &code);
		if (n == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0))
			return false;
	}
	return true;
}

/* What is wrong with `text` as a value of `spec`, a TEXT or TEXTS: what it must be, or NULL. */
static const char *text_fault(const struct option_spec *spec, struct str text)
{
	if (text.n == 0)
		return "some text";
	if (text.n > OPTION_TEXT_MAX)
		return "4096 bytes at most";
	if (!is_line(text))
		return "one line, without control characters";
	return spec->check == NULL ? NULL : spec->check(text);
}

/* Parses a number of any of the three kinds; false when it is none. The range is not looked at. */
static bool parse_number(const struct option_spec *spec, struct str text, int64_t *out)
{
	if (spec->type == OPTION_DURATION)
		return duration_parse(text, out);
	if (spec->type == OPTION_BYTES)
		return size_parse(text, out);
	return count_parse(text, out);
}

/* The index of `text` in `words`, or -1. */
static int word_index(const char *const *words, struct str text)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (str_eq(text, str_of(words[i])))
			return i;
	}
	return -1;
}

/* Stores `text` at `slot`, the option's place; false when it is no good value. */
static bool store(const struct option_spec *spec, struct str text, void *slot, struct arena *arena)
{
	int64_t number;
	int word;

	switch (spec->type) {
	case OPTION_TEXT:
		if (text_fault(spec, text) != NULL)
			return false;
		*(char **)slot = option_copy(arena, text);
		return true;
	case OPTION_BOOL:
		if (!str_eq(text, STR("true")) && !str_eq(text, STR("false")))
			return false;
		*(bool *)slot = str_eq(text, STR("true"));
		return true;
	case OPTION_WORD:
		word = word_index(spec->words, text);
		if (word >= 0)
			*(int *)slot = word;
		return word >= 0;
	case OPTION_DURATION:
	case OPTION_BYTES:
	case OPTION_COUNT:
		if (!parse_number(spec, text, &number) || number < spec->min || number > spec->max)
			return false;
		*(int64_t *)slot = number;
		return true;
	case OPTION_TEXTS:
	case OPTION_PAIRS:
		return false;
	}
	return false;
}

/* The place of an option's value. */
static void *slot_of(const struct option_target *target, const struct option_spec *spec)
{
	return (char *)target->into + spec->offset;
}

void option_defaults(const struct option_target *target, struct arena *arena)
{
	for (size_t i = 0; i < target->n; i++) {
		const struct option_spec *spec = &target->specs[i];

		if (spec->fallback != NULL)
			must(store(spec, str_of(spec->fallback), slot_of(target, spec), arena));
	}
}

/* Whether two lists have the same items. */
static bool same_texts(const struct texts *a, const struct texts *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(str_of(a->list[i]), str_of(b->list[i]));
	return same;
}

/* Whether two mappings have the same members in the same order. */
static bool same_pairs(const struct pairs *a, const struct pairs *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(str_of(a->list[i].name), str_of(b->list[i].name)) &&
		       str_eq(str_of(a->list[i].value), str_of(b->list[i].value));
	return same;
}

/* Whether one option has the same value at both places. */
static bool same_value(const struct option_spec *spec, const void *a, const void *b)
{
	switch (spec->type) {
	case OPTION_TEXT:
		return str_eq(str_of(*(char *const *)a), str_of(*(char *const *)b));
	case OPTION_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case OPTION_WORD:
		return *(const int *)a == *(const int *)b;
	case OPTION_DURATION:
	case OPTION_BYTES:
	case OPTION_COUNT:
		return *(const int64_t *)a == *(const int64_t *)b;
	case OPTION_TEXTS:
		return same_texts(a, b);
	case OPTION_PAIRS:
		return same_pairs(a, b);
	}
	return false;
}

bool option_same(const struct option_spec *specs, size_t n, const void *a, const void *b)
{
	for (size_t i = 0; i < n; i++) {
		if (!same_value(&specs[i], (const char *)a + specs[i].offset,
				(const char *)b + specs[i].offset))
			return false;
	}
	return true;
}

/* What YAML 1.1 would take a word for: "true", "false", or NULL. */
static const char *old_boolean(struct str text)
{
	static const char *const yes[] = {"yes", "on", "y", "true", "1"};
	static const char *const no[] = {"no", "off", "n", "false", "0"};

	for (size_t i = 0; i < ARRAY_N(yes); i++) {
		if (str_eq_nocase(text, str_of(yes[i])))
			return "true";
		if (str_eq_nocase(text, str_of(no[i])))
			return "false";
	}
	return NULL;
}

/* Hints at the word of `words` that is nearest to `text`. */
static void hint_word(const char *const *words, struct str text, struct complaints *complaints)
{
	struct nearest nearest;

	nearest_init(&nearest, text);
	for (size_t i = 0; words[i] != NULL; i++)
		nearest_offer(&nearest, str_of(words[i]));
	complaint_nearest(complaints, &nearest);
}

/* Hints at what was meant by a value that `store` refused. */
static void hint_value(const struct option_spec *spec, struct str text,
		       struct complaints *complaints)
{
	int64_t number;

	switch (spec->type) {
	case OPTION_BOOL:
		if (old_boolean(text) != NULL)
			complaint_hint(complaints, "write %s", old_boolean(text));
		return;
	case OPTION_WORD:
		hint_word(spec->words, text, complaints);
		return;
	case OPTION_DURATION:
		if (count_parse(text, &number))
			complaint_hint(complaints, "a duration has a unit: %lldms, %llds, %lldm",
				       (long long)number, (long long)number, (long long)number);
		else if (!duration_parse(text, &number))
			complaint_hint(complaints,
				       "a duration is written like 500ms, 30s or 1h30m");
		return;
	case OPTION_BYTES:
		if (!size_parse(text, &number))
			complaint_hint(complaints, "a size is written like 64KiB, 8MiB or 10MB");
		return;
	case OPTION_TEXT:
		if (spec->words != NULL)
			hint_word(spec->words, text, complaints);
		return;
	case OPTION_COUNT:
	case OPTION_TEXTS:
	case OPTION_PAIRS:
		return;
	}
}

/* Complains that `node` is no good value of `spec`. */
static void complain_value(const struct option_spec *spec, struct node *node,
			   struct complaints *complaints)
{
	struct str word = complaint_word(complaints, node->text);
	struct buf kind;

	buf_init(&kind, KIND_MAX);
	if (spec->type == OPTION_TEXT)
		buf_str(&kind, str_of(text_fault(spec, node->text)));
	else
		option_put_kind(spec, &kind);
	complain(complaints, node->at, "%s must be %.*s, not '%.*s'", spec->name,
		 STR_ARG(buf_view(&kind)), STR_ARG(word));
	buf_release(&kind);
	hint_value(spec, node->text, complaints);
	node->wrong = true;
}

/* Whether the sequence has an item before `node` with the same text. */
static bool is_repeated(const struct node *sequence, const struct node *node)
{
	for (const struct node *item = sequence->first; item != node; item = item->next) {
		if (item->kind == NODE_SCALAR && str_eq(item->text, node->text))
			return true;
	}
	return false;
}

/* Complains about an item of a list, if it cannot be used; whether it can. */
static bool check_item(const struct option_spec *spec, const struct node *sequence,
		       struct node *node, struct complaints *complaints)
{
	struct str word;

	if (node->kind == NODE_REFUSED)
		return false;
	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		complain(complaints, node->at, "%s is a list of texts, and this is none",
			 spec->name);
		return false;
	}
	word = complaint_word(complaints, node->text);
	if (text_fault(spec, node->text) != NULL) {
		complain(complaints, node->at, "%s: each must be %s, not '%.*s'", spec->name,
			 text_fault(spec, node->text), STR_ARG(word));
		return false;
	}
	if (is_repeated(sequence, node)) {
		complain(complaints, node->at, "'%.*s' is named twice", STR_ARG(word));
		return false;
	}
	return true;
}

/* Reads a list of texts. */
static void read_texts(const struct option_reader *reader, const struct option_spec *spec,
		       struct node *node, struct texts *texts)
{
	struct complaints *complaints = reader->complaints;
	size_t n = 0;

	if (node->kind != NODE_SEQUENCE) {
		complain(complaints, node->at, "%s must be a list", spec->name);
		if (node->kind == NODE_SCALAR) {
			struct str word = complaint_word(complaints, node->text);

			complaint_hint(complaints, "write [%.*s]", STR_ARG(word));
		}
		node->wrong = true;
		return;
	}
	for (const struct node *item = node->first; item != NULL; item = item->next)
		n++;
	if (n == 0 || n > OPTION_TEXTS_MAX) {
		complain(complaints, node->at, "%s must have from 1 to %d items", spec->name,
			 OPTION_TEXTS_MAX);
		node->wrong = true;
		return;
	}
	texts->list = arena_alloc_n(reader->arena, n, sizeof(*texts->list));
	for (struct node *item = node->first; item != NULL; item = item->next) {
		if (check_item(spec, node, item, complaints))
			texts->list[texts->n++] = option_copy(reader->arena, item->text);
		else
			item->wrong = true;
	}
}

/* Complains about a member of a mapping of texts, if it cannot be used; whether it can. */
static bool check_pair(const struct option_spec *spec, const struct node *node,
		       struct complaints *complaints)
{
	const char *fault = spec->check_name == NULL ? NULL : spec->check_name(node->key);
	struct str word = complaint_word(complaints, node->key);

	if (node->kind == NODE_REFUSED)
		return false;
	if (fault != NULL || node->key.n == 0 || !is_line(node->key)) {
		complain(complaints, node->key_at, "%s: each name must be %s, not '%.*s'",
			 spec->name, fault != NULL ? fault : "one line of text", STR_ARG(word));
		return false;
	}
	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		complain(complaints, node->key_at, "%s: the value of '%.*s' must be a text",
			 spec->name, STR_ARG(word));
		return false;
	}
	fault = text_fault(spec, node->text);
	if (fault != NULL)
		complain(complaints, node->at, "%s: the value of '%.*s' must be %s", spec->name,
			 STR_ARG(word), fault);
	return fault == NULL;
}

/* Reads a mapping of texts. */
static void read_pairs(const struct option_reader *reader, const struct option_spec *spec,
		       struct node *node, struct pairs *pairs)
{
	size_t n = 0;

	if (node->kind != NODE_MAPPING) {
		complain(reader->complaints, node->at, "%s must be a mapping of names to texts",
			 spec->name);
		node->wrong = true;
		return;
	}
	for (const struct node *item = node->first; item != NULL; item = item->next)
		n++;
	if (n > OPTION_TEXTS_MAX) {
		complain(reader->complaints, node->key_at, "%s may have %d members", spec->name,
			 OPTION_TEXTS_MAX);
		node->wrong = true;
		return;
	}
	pairs->list = arena_alloc_n(reader->arena, n, sizeof(*pairs->list));
	for (struct node *item = node->first; item != NULL; item = item->next) {
		item->wrong = !check_pair(spec, item, reader->complaints);
		if (item->wrong)
			continue;
		pairs->list[pairs->n++] = (struct pair){
			.name = option_copy(reader->arena, item->key),
			.value = option_copy(reader->arena, item->text),
		};
	}
}

/* Reads the value of one option. */
static void read_value(const struct option_reader *reader, const struct option_target *target,
		       const struct option_spec *spec, struct node *node)
{
	if (node->kind == NODE_REFUSED) {
		node->wrong = true;
	} else if (node_is_null(node)) {
		complain(reader->complaints, node->key_at, "%s has no value", spec->name);
		if (!spec->required)
			complaint_hint(reader->complaints, "leave it out to have the default");
		node->wrong = true;
	} else if (spec->type == OPTION_TEXTS) {
		read_texts(reader, spec, node, slot_of(target, spec));
	} else if (spec->type == OPTION_PAIRS) {
		read_pairs(reader, spec, node, slot_of(target, spec));
	} else if (node->kind != NODE_SCALAR) {
		complain(reader->complaints, node->at, "%s must be a single value", spec->name);
		node->wrong = true;
	} else if (spec->type == OPTION_BOOL && !node->plain) {
		complain(reader->complaints, node->at, "%s must be true or false, without quotes",
			 spec->name);
		node->wrong = true;
	} else if (!store(spec, node->text, slot_of(target, spec), reader->arena)) {
		complain_value(spec, node, reader->complaints);
	}
}

/* Finds the option called `name` and the target that it belongs to; false when there is none. */
static bool find(const struct option_reader *reader, struct str name,
		 const struct option_target **target_out, const struct option_spec **spec_out)
{
	for (size_t t = 0; t < reader->n_targets; t++) {
		const struct option_target *target = &reader->targets[t];

		for (size_t i = 0; i < target->n; i++) {
			if (!str_eq(name, str_of(target->specs[i].name)))
				continue;
			*target_out = target;
			*spec_out = &target->specs[i];
			return true;
		}
	}
	return false;
}

/* Complains about a key that is no option, and hints at the nearest one that is not written yet. */
static void complain_unknown(const struct option_reader *reader, const struct node *mapping,
			     const struct node *node)
{
	struct str word = complaint_word(reader->complaints, node->key);
	struct nearest nearest;

	complain(reader->complaints, node->key_at, "unknown option '%.*s' in %s", STR_ARG(word),
		 reader->what);
	if (reader->complaints->n > COMPLAINTS_MAX)
		return; /* not shown: spare the search */
	nearest_init(&nearest, node->key);
	for (size_t t = 0; t < reader->n_targets; t++) {
		const struct option_target *target = &reader->targets[t];

		for (size_t i = 0; i < target->n; i++) {
			if (node_get(mapping, target->specs[i].name) == NULL)
				nearest_offer(&nearest, str_of(target->specs[i].name));
		}
	}
	for (size_t i = 0; reader->others != NULL && reader->others[i] != NULL; i++) {
		if (node_get(mapping, reader->others[i]) == NULL)
			nearest_offer(&nearest, str_of(reader->others[i]));
	}
	complaint_nearest(reader->complaints, &nearest);
}

/* Complains about required options that are not there, at the mapping's own place. */
static void check_required(const struct option_reader *reader, const struct node *mapping)
{
	for (size_t t = 0; t < reader->n_targets; t++) {
		const struct option_target *target = &reader->targets[t];

		for (size_t i = 0; i < target->n; i++) {
			const struct option_spec *spec = &target->specs[i];

			if (spec->required && node_get(mapping, spec->name) == NULL)
				complain(reader->complaints, mapping->at, "%s lacks '%s'",
					 reader->what, spec->name);
		}
	}
}

/* Complains about an option that says nothing because the one that it needs is not written, or is false. */
static void check_needs(const struct option_reader *reader, const struct option_spec *spec,
			const struct node *mapping, const struct node *node)
{
	const struct node *needed = spec->needs == NULL ? NULL : node_get(mapping, spec->needs);

	if (spec->needs == NULL || node->wrong ||
	    (needed != NULL && (needed->wrong || !str_eq(needed->text, STR("false")))))
		return;
	complain(reader->complaints, node->key_at, "%s says nothing without %s", spec->name,
		 spec->needs);
}

void option_read(const struct option_reader *reader, struct node *mapping)
{
	for (struct node *node = mapping->first; node != NULL; node = node->next) {
		const struct option_target *target;
		const struct option_spec *spec;

		if (find(reader, node->key, &target, &spec)) {
			read_value(reader, target, spec, node);
			check_needs(reader, spec, mapping, node);
		} else if (!reader->lenient &&
			   (reader->others == NULL || word_index(reader->others, node->key) < 0))
			complain_unknown(reader, mapping, node);
	}
	check_required(reader, mapping);
}
