/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_tree.h"

#include <yaml.h>

#include "base/map.h"
#include "base/utf8.h"

/* A sequence or mapping that is still open. */
struct level {
	struct node *node;
	struct map keys; /* of a mapping: key to member */
	struct str key; /* the key read last, waiting for its value */
	struct mark key_at;
	bool has_key;
	bool drop; /* the key is refused: its value goes nowhere */
};

struct reading {
	yaml_parser_t parser;
	struct arena *arena;
	struct complaints *complaints;
	struct level levels[YAML_DEPTH_MAX];
	size_t depth;
	size_t nodes;
	size_t documents;
	struct node *root;
};

/* The library's mark as ours. */
static struct mark mark_at(const yaml_mark_t *mark)
{
	return (struct mark){mark->line, mark->column};
}

/*
 * Complains about the first byte that is no text: malformed UTF-8, or a control character. False if
 * there is one. The library would notice too, but not say where.
 */
static bool check_text(struct str text, struct complaints *complaints)
{
	struct str rest = text;

	while (rest.n > 0) {
		uint32_t code = 0;
		size_t n = utf8_next(rest, &code);
		struct mark at;

		if (n > 0 && (code >= 0x20 || code == '\t' || code == '\n' || code == '\r') &&
		    !(code >= 0x7F && code < 0xA0 && code != 0x85) && code != 0xFEFF &&
		    code != 0xFFFE && code != 0xFFFF) {
			rest = str_skip(rest, n);
			continue;
		}
		at = mark_of(text, text.n - rest.n);
		if (n == 0)
			complain(complaints, at, "byte 0x%02X is not UTF-8",
				 (unsigned)(unsigned char)rest.p[0]);
		else
			complain(complaints, at, "the control character U+%04X is not allowed",
				 (unsigned)code);
		return false;
	}
	return true;
}

/* Complains about what the library could not read. */
static void complain_syntax(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	struct str text = r->complaints->text;
	struct mark at = mark_at(&p->problem_mark);

	if (p->problem == NULL || p->error == YAML_READER_ERROR)
		complain(r->complaints, mark_of(text, p->problem_offset), "not valid YAML: %s",
			 p->problem == NULL ? "unknown trouble" : p->problem);
	else if (p->context == NULL)
		complain(r->complaints, at, "not valid YAML: %s", p->problem);
	else if (p->context_mark.line == at.line)
		complain(r->complaints, at, "not valid YAML: %s, %s", p->problem, p->context);
	else
		complain(r->complaints, at, "not valid YAML: %s, %s that starts in line %zu",
			 p->problem, p->context, p->context_mark.line + 1);
	if (p->error == YAML_SCANNER_ERROR && str_starts(text_from(text, at), STR("\t")))
		complaint_hint(r->complaints, "YAML is indented with blanks, not with tabs");
}

/* Complains about anchor and tag of the event at `at`; true if it has neither. */
static bool refuse_extras(struct reading *r, struct mark at, const yaml_char_t *anchor,
			  const yaml_char_t *tag)
{
	if (anchor != NULL)
		complain(r->complaints, at, "anchors (&%.40s) are not supported",
			 (const char *)anchor);
	if (tag != NULL)
		complain(r->complaints, at, "tags (%.40s) are not supported", (const char *)tag);
	return anchor == NULL && tag == NULL;
}

/* Puts `node` into the innermost open level, or makes it the root. */
static void attach(struct reading *r, struct node *node)
{
	struct level *level;

	if (r->depth == 0) {
		r->root = node;
		return;
	}
	level = &r->levels[r->depth - 1];
	if (level->node->kind == NODE_MAPPING) {
		node->key = level->key;
		node->key_at = level->key_at;
		level->has_key = false;
		if (level->drop)
			return;
		map_put(&level->keys, node->key, node);
	}
	if (level->node->last == NULL)
		level->node->first = node;
	else
		level->node->last->next = node;
	level->node->last = node;
}

/* Makes a node and attaches it; NULL after complaining when there are too many. */
static struct node *add_node(struct reading *r, enum node_kind kind, struct mark at)
{
	struct node *node;

	if (++r->nodes > YAML_NODES_MAX) {
		complain(r->complaints, at, "more than %d values", YAML_NODES_MAX);
		return NULL;
	}
	node = arena_alloc(r->arena, sizeof(*node));
	node->kind = kind;
	node->at = at;
	attach(r, node);
	return node;
}

/* Whether the next event is a key of a mapping. */
static bool at_key(const struct reading *r)
{
	return r->depth > 0 && r->levels[r->depth - 1].node->kind == NODE_MAPPING &&
	       !r->levels[r->depth - 1].has_key;
}

/* Takes a scalar as the key of the innermost mapping. */
static void on_key(struct reading *r, struct str text, bool plain, struct mark at)
{
	struct level *level = &r->levels[r->depth - 1];
	const struct node *earlier = map_get(&level->keys, text);

	level->key = arena_str(r->arena, text);
	level->key_at = at;
	level->has_key = true;
	level->drop = true;
	if (plain && str_eq(text, STR("<<"))) {
		complain(r->complaints, at, "merge keys (<<) are not supported");
	} else if (earlier != NULL) {
		struct str word = complaint_word(r->complaints, text);

		complain(r->complaints, at, "'%.*s' is written twice, first in line %zu",
			 STR_ARG(word), earlier->key_at.line + 1);
	} else {
		level->drop = false;
	}
}

/* Takes a scalar, which is a key or a value. */
static bool on_scalar(struct reading *r, const yaml_event_t *event)
{
	struct str text =
		str_make((const char *)event->data.scalar.value, event->data.scalar.length);
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct mark at = mark_at(&event->start_mark);
	bool fine = refuse_extras(r, at, event->data.scalar.anchor, event->data.scalar.tag);
	struct node *node;

	if (at_key(r)) {
		on_key(r, text, plain, at);
		return true;
	}
	node = add_node(r, fine ? NODE_SCALAR : NODE_REFUSED, at);
	if (node == NULL)
		return false;
	node->text = arena_str(r->arena, text);
	node->plain = plain;
	return true;
}

/* Opens a sequence or mapping. */
static bool on_open(struct reading *r, enum node_kind kind, struct mark at,
		    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct node *node;

	refuse_extras(r, at, anchor, tag);
	if (at_key(r)) {
		complain(r->complaints, at, "a key must be a word");
		return false;
	}
	if (r->depth == YAML_DEPTH_MAX) {
		complain(r->complaints, at, "nested deeper than %d levels", YAML_DEPTH_MAX);
		return false;
	}
	node = add_node(r, kind, at);
	if (node == NULL)
		return false;
	r->levels[r->depth] = (struct level){.node = node};
	map_init(&r->levels[r->depth].keys);
	r->depth++;
	return true;
}

/* Closes the innermost sequence or mapping. */
static void on_close(struct reading *r)
{
	map_release(&r->levels[--r->depth].keys);
}

/* Refuses an alias, which stands where a value or key does. */
static bool on_alias(struct reading *r, const yaml_event_t *event)
{
	struct mark at = mark_at(&event->start_mark);

	complain(r->complaints, at, "aliases (*%.40s) are not supported",
		 (const char *)event->data.alias.anchor);
	return !at_key(r) && add_node(r, NODE_REFUSED, at) != NULL;
}

/* Takes the start of a document, of which there may be one. */
static bool on_document(struct reading *r, struct mark at)
{
	if (++r->documents == 1)
		return true;
	complain(r->complaints, at, "a second document: the configuration is a single one");
	return false;
}

/* Takes one event; false when reading cannot go on. */
static bool on_event(struct reading *r, const yaml_event_t *event)
{
	struct mark at = mark_at(&event->start_mark);

	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(r, at);
	case YAML_ALIAS_EVENT:
		return on_alias(r, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, NODE_SEQUENCE, at, event->data.sequence_start.anchor,
			       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, NODE_MAPPING, at, event->data.mapping_start.anchor,
			       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r);
		return true;
	}
	return false;
}

/* Feeds all events to the tree; false after complaining when reading stopped early. */
static bool read_events(struct reading *r)
{
	yaml_event_type_t type = YAML_NO_EVENT;

	while (type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		bool fine;

		if (!yaml_parser_parse(&r->parser, &event)) {
			complain_syntax(r);
			return false;
		}
		type = event.type;
		fine = on_event(r, &event);
		yaml_event_delete(&event);
		if (!fine)
			return false;
	}
	return true;
}

struct node *yaml_tree(struct str text, struct arena *arena, struct complaints *complaints)
{
	struct reading r = {.arena = arena, .complaints = complaints};
	bool whole;

	if (!check_text(text, complaints))
		return NULL;
	if (text.p == NULL) /* which the library does not take for an empty text */
		text = STR("");
	must(yaml_parser_initialize(&r.parser));
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
	whole = read_events(&r);
	yaml_parser_delete(&r.parser);
	while (r.depth > 0)
		on_close(&r);
	if (whole && r.root == NULL)
		complain(complaints, (struct mark){0, 0}, "the file is empty");
	return whole ? r.root : NULL;
}

struct node *node_get(const struct node *mapping, const char *key)
{
	if (mapping == NULL || mapping->kind != NODE_MAPPING)
		return NULL;
	for (struct node *node = mapping->first; node != NULL; node = node->next) {
		if (str_eq(node->key, str_of(key)))
			return node;
	}
	return NULL;
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->plain &&
	       (node->text.n == 0 || str_eq(node->text, STR("~")) ||
		str_eq_nocase(node->text, STR("null")));
}

const char *yaml_tree_libyaml(void)
{
	return yaml_get_version_string();
}
