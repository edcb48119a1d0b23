/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/time.h"
#include "config/loading.h"
#include "config/section.h"
#include "config/syntax.h"
#include "consumer/engine/sink.h"

enum { NAMES_MAX = 1000, WORDS_MAX = 32 }; /* bytes of a list of names; names */

/* The keys that are read here and not by an option table. */
static const char *const top_keys[] = {"checkpoint", "worker", "engine", "http",
				       "log",	     "tables", "sinks",	 NULL};
static const char *const sink_keys[] = {"type", "format", NULL};

/* How many members a node has. */
static size_t count(const struct node *node)
{
	size_t n = 0;

	for (const struct node *item = node->first; item != NULL; item = item->next)
		n++;
	return n;
}

/* A reader of one table of options. */
static struct option_reader reader_of(struct loading *l, const struct section *section, void *into,
				      const char *what)
{
	return (struct option_reader){
		.targets = {{section->options, section->n_options, into}},
		.n_targets = 1,
		.what = what,
		.arena = &l->config->arena,
		.complaints = l->complaints,
	};
}

/* Sets the options of a section to their defaults. */
static void set_defaults(struct loading *l, const struct section *section, void *into)
{
	struct option_target target = {section->options, section->n_options, into};

	option_defaults(&target, &l->config->arena);
}

/* Reads the options that stand at the top or in a section of their own. */
static void read_sections(struct loading *l)
{
	for (size_t i = 0; i < SECTIONS_N; i++) {
		const struct section *section = &config_sections[i];
		const char *what = section->name == NULL ? "the configuration" : section->name;
		struct option_reader reader = reader_of(l, section, l->config, what);
		struct node *node =
			section->name == NULL ? l->root : node_get(l->root, section->name);

		set_defaults(l, section, l->config);
		if (section->name == NULL)
			reader.others = top_keys;
		if (node == NULL || node->kind == NODE_REFUSED || node_is_null(node))
			continue;
		if (node->kind == NODE_MAPPING)
			option_read(&reader, node);
		else
			complain(l->complaints, node->at, "%s must be a mapping of options", what);
	}
}

/* What the option 'start' of a table means; its text is one that syntax_start lets pass. */
static void resolve_start(struct config_table *table)
{
	struct str text = str_of(table->start_text);

	if (str_eq(text, STR("latest")))
		table->start = CONFIG_LATEST;
	else if (time_parse_rfc3339(text, &table->start_wall_ms))
		table->start = CONFIG_TIME;
	else
		table->start = CONFIG_TRIM_HORIZON;
}

/* Reads one item of `tables`. */
static void read_table(struct loading *l, struct node *node, struct config_table *table)
{
	struct option_reader reader = reader_of(l, &config_table_section, table, "a table");

	set_defaults(l, &config_table_section, table);
	if (node->kind == NODE_MAPPING)
		option_read(&reader, node);
	else if (node->kind == NODE_SCALAR && !node_is_null(node)) {
		struct str word = complaint_word(l->complaints, node->text);

		complain(l->complaints, node->at, "a table must be a mapping of options");
		complaint_hint(l->complaints, "write {name: %.*s}", STR_ARG(word));
	} else if (node->kind != NODE_REFUSED) {
		complain(l->complaints, node->at, "a table must be a mapping of options");
	}
	resolve_start(table);
}

/*
 * The members of `tables` or `sinks`, which must be there, be of `kind` and have 1 to `max` members. 0
 * when there are none, `*node_out` NULL then.
 */
static size_t members(struct loading *l, const char *key, enum node_kind kind, size_t max,
		      struct node **node_out)
{
	struct node *node = node_get(l->root, key);
	size_t n;

	*node_out = NULL;
	if (node == NULL) {
		complain(l->complaints, l->root->at, "the configuration lacks '%s'", key);
		return 0;
	}
	if (node->kind == NODE_REFUSED)
		return 0;
	if (node->kind != kind && !node_is_null(node)) {
		complain(l->complaints, node->at, "%s must be a %s", key,
			 kind == NODE_MAPPING ? "mapping from names to options" : "list");
		return 0;
	}
	n = count(node);
	if (n == 0) {
		complain(l->complaints, node->key_at, "%s is empty: there must be at least one",
			 key);
		return 0;
	}
	if (n > max) {
		struct node *over = node->first;

		for (size_t i = 0; i < max; i++)
			over = over->next;
		complain(l->complaints, kind == NODE_MAPPING ? over->key_at : over->at,
			 "%zu %s are too many: there may be %zu", n, key, max);
		n = max;
	}
	*node_out = node;
	return n;
}

/* Reads `tables`. */
static void read_tables(struct loading *l)
{
	struct config *config = l->config;
	struct node *node, *item;
	size_t n = members(l, "tables", NODE_SEQUENCE, CONFIG_TABLES_MAX, &node);

	config->tables = arena_alloc_n(&config->arena, n, sizeof(*config->tables));
	l->table_nodes = arena_alloc_n(&l->nodes, n, sizeof(struct node *));
	item = n == 0 ? NULL : node->first;
	for (size_t i = 0; i < n; i++, item = item->next) {
		l->table_nodes[i] = item;
		read_table(l, item, &config->tables[i]);
	}
	config->n_tables = n;
}

/* Complains that a sink has no type, at a key that may have been meant for it. */
static void complain_no_type(struct loading *l, const struct node *sink)
{
	for (const struct node *node = sink->first; node != NULL; node = node->next) {
		if (nearest_distance(node->key, STR("type")) != 1)
			continue;
		complain(l->complaints, node->key_at, "a sink lacks 'type'");
		complaint_hint(l->complaints, "did you mean type?");
		return;
	}
	complain(l->complaints, sink->at, "a sink lacks 'type'");
}

/* Complains that there is no sink type, or format, as `node` has it; `names` are those that exist. */
static void complain_word(struct loading *l, const struct node *node, const char *what,
			  const char *const *names, size_t n)
{
	struct str word = complaint_word(l->complaints, node->text);
	struct nearest nearest;
	struct buf list;

	nearest_init(&nearest, node->text);
	buf_init(&list, NAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		nearest_offer(&nearest, str_of(names[i]));
		buf_fmt(&list, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	complain(l->complaints, node->at, "there is no %s '%.*s'", what, STR_ARG(word));
	complaint_hint(l->complaints, "known %ss: %.*s", what[0] == 's' ? "type" : what,
		       STR_ARG(buf_view(&list)));
	complaint_nearest(l->complaints, &nearest);
	buf_release(&list);
}

/* Which of `names` the member `key` of a sink names; -1 after complaining. */
static int find_word(struct loading *l, const struct node *node, const char *what,
		     const char *const *names, size_t n)
{
	if (node->kind == NODE_REFUSED)
		return -1;
	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		complain(l->complaints, node->key_at, "%.*s must be the name of a %s",
			 STR_ARG(node->key), what);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (str_eq(node->text, str_of(names[i])))
			return (int)i;
	}
	complain_word(l, node, what, names, n);
	return -1;
}

/* The sink type that `sink` names; NULL after complaining. */
static const struct sink_type *find_type(struct loading *l, const struct node *sink)
{
	const struct node *node = node_get(sink, "type");
	const char *names[WORDS_MAX];
	int found;

	if (node == NULL) {
		complain_no_type(l, sink);
		return NULL;
	}
	must(l->known->n_sinks <= WORDS_MAX);
	for (size_t i = 0; i < l->known->n_sinks; i++)
		names[i] = l->known->sinks[i]->name;
	found = find_word(l, node, "sink type", names, l->known->n_sinks);
	return found < 0 ? NULL : l->known->sinks[found];
}

/* The format that `sink` names, or the default; NULL after complaining. */
static const struct format_type *find_format(struct loading *l, const struct node *sink)
{
	const struct node *node = node_get(sink, "format");
	const char *names[WORDS_MAX];
	int found;

	if (node == NULL)
		return l->known->formats[0];
	must(l->known->n_formats <= WORDS_MAX);
	for (size_t i = 0; i < l->known->n_formats; i++)
		names[i] = l->known->formats[i]->name;
	found = find_word(l, node, "format", names, l->known->n_formats);
	return found < 0 ? NULL : l->known->formats[found];
}

/* Makes the struct of one more option table, filled with the defaults, and has the reader read it. */
static void *add_target(struct loading *l, struct option_reader *reader,
			const struct option_spec *specs, size_t n, size_t bytes)
{
	struct option_target target = {specs, n, arena_alloc(&l->config->arena, bytes + 1)};

	must(reader->n_targets < ARRAY_N(reader->targets));
	option_defaults(&target, &l->config->arena);
	reader->targets[reader->n_targets++] = target;
	return target.into;
}

/* Reads one member of `sinks`. */
static void read_sink(struct loading *l, struct node *node, struct config_sink *sink)
{
	struct option_reader reader = reader_of(l, &config_sink_section, sink, "a sink");
	const char *fault = syntax_sink(node->key);

	set_defaults(l, &config_sink_section, sink);
	sink->dead_letter = -1;
	sink->name = option_copy(&l->config->arena, node->key);
	if (fault != NULL)
		complain(l->complaints, node->key_at, "the name of a sink must be %s", fault);
	if (node->kind == NODE_REFUSED)
		return;
	if (node->kind != NODE_MAPPING) {
		complain(l->complaints, node->kind == NODE_SCALAR ? node->key_at : node->at,
			 "a sink must be a mapping of options");
		return;
	}
	sink->type = find_type(l, node);
	sink->format = find_format(l, node);
	reader.others = sink_keys;
	reader.lenient = sink->type == NULL || sink->format == NULL;
	if (sink->type != NULL)
		sink->options = add_target(l, &reader, sink->type->options, sink->type->n_options,
					   sink->type->options_bytes);
	if (sink->format != NULL)
		sink->format_options =
			add_target(l, &reader, sink->format->options, sink->format->n_options,
				   sink->format->options_bytes);
	option_read(&reader, node);
}

/* Reads `sinks`. */
static void read_sinks(struct loading *l)
{
	struct config *config = l->config;
	struct node *node, *item;
	size_t n = members(l, "sinks", NODE_MAPPING, CONFIG_SINKS_MAX, &node);

	config->sinks = arena_alloc_n(&config->arena, n, sizeof(*config->sinks));
	l->sink_nodes = arena_alloc_n(&l->nodes, n, sizeof(struct node *));
	item = n == 0 ? NULL : node->first;
	for (size_t i = 0; i < n; i++, item = item->next) {
		l->sink_nodes[i] = item;
		read_sink(l, item, &config->sinks[i]);
	}
	config->n_sinks = n;
}

/* Fills the options whose default depends on others. */
static void derive(struct loading *l)
{
	struct config *config = l->config;
	bool kcl = config->checkpoint.leases == CONFIG_KCL;
	struct buf name;

	buf_init(&name, OPTION_TEXT_MAX * 2);
	if (config->checkpoint.table == NULL && config->application != NULL) {
		buf_fmt(&name, "%s%s", kcl ? "" : "ddbtap-", config->application);
		config->checkpoint.table = option_copy(&config->arena, buf_view(&name));
	}
	config->checkpoint.own_table = config->checkpoint.table;
	if (kcl && config->checkpoint.table != NULL) {
		buf_clear(&name);
		buf_fmt(&name, "%s-ddbtap", config->checkpoint.table);
		config->checkpoint.own_table = option_copy(&config->arena, buf_view(&name));
	}
	buf_release(&name);
}

/* Reads everything from the tree at l->root. */
static void load(struct loading *l)
{
	if (l->root->kind != NODE_MAPPING) {
		if (node_is_null(l->root))
			complain(l->complaints, l->root->at, "the configuration is empty");
		else if (l->root->kind != NODE_REFUSED)
			complain(l->complaints, l->root->at,
				 "the configuration must be a mapping of options");
		return;
	}
	read_sections(l);
	read_tables(l);
	read_sinks(l);
	derive(l);
	rules_check(l);
}

bool config_sink_takes(const struct config_sink *sink, struct str table)
{
	for (size_t i = 0; i < sink->tables.n; i++) {
		if (str_eq(str_of(sink->tables.list[i]), table))
			return true;
	}
	return sink->tables.n == 0 && !sink->letters_only;
}

struct config *config_parse(struct str file, struct str text, const struct config_known *known,
			    struct buf *out)
{
	struct complaints *complaints = mem_alloc(sizeof(*complaints));
	struct loading l = {.complaints = complaints, .known = known};

	if (str_starts(text, STR("\xEF\xBB\xBF"))) /* a byte order mark */
		text = str_skip(text, 3);
	complaints_init(complaints, file, text);
	arena_init(&l.nodes);
	l.config = mem_alloc(sizeof(*l.config));
	arena_init(&l.config->arena);
	if (text.n > CONFIG_FILE_MAX)
		complain(complaints, (struct mark){0, 0}, "the file is larger than 1 MiB");
	else
		l.root = yaml_tree(text, &l.nodes, complaints);
	if (l.root != NULL)
		load(&l);
	if (complaints->n > 0) {
		complaints_print(complaints, out);
		config_free(l.config);
		l.config = NULL;
	}
	arena_release(&l.nodes);
	complaints_release(complaints);
	mem_free(complaints);
	return l.config;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	arena_release(&config->arena);
	mem_free(config);
}
