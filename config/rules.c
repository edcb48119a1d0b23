/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "config/loading.h"
#include "config/syntax.h"
#include "config/units.h"
#include "consumer/engine/sink.h"

enum { LIST_MAX = 1000 }; /* bytes of a list of names in a hint */

/* Two options of one section, of which `small` must not be too large. */
struct limit {
	const char *section;
	const char *small, *large;
	size_t small_offset, large_offset; /* of their values, int64_t, in struct config */
	int64_t times; /* so many times `small` must be at most `large`... */
	bool less; /* ...or less */
	const char *rule; /* the same in words */
	void (*put)(struct buf *out, int64_t value);
};

static const struct limit limits[] = {
	{"worker", "heartbeat", "lease", offsetof(struct config, worker.heartbeat_ms),
	 offsetof(struct config, worker.lease_ms), 2, true, "less than half of", duration_put},
	{"engine", "window", "budget", offsetof(struct config, engine.window_bytes),
	 offsetof(struct config, engine.budget_bytes), 2, false, "at most half of", size_put},
	{"engine", "poll_floor", "max_latency", offsetof(struct config, engine.poll_floor_ms),
	 offsetof(struct config, engine.max_latency_ms), 1, false, "at most", duration_put},
};

/* Whether a value that was complained about already stands in the way of comparing. */
static bool is_wrong(const struct node *node)
{
	return node != NULL && node->wrong;
}

/* Whether some member of a mapping was complained about. */
static bool has_wrong(const struct node *mapping)
{
	for (const struct node *node = mapping->first; node != NULL; node = node->next) {
		if (is_wrong(node))
			return true;
	}
	return false;
}

/* Checks one limit. Complains at the value that is written; the other may be a default. */
static void check_limit(struct loading *l, const struct limit *limit)
{
	const struct node *section = node_get(l->root, limit->section);
	const struct node *a = node_get(section, limit->small);
	const struct node *b = node_get(section, limit->large);
	int64_t small = *(int64_t *)(void *)((char *)l->config + limit->small_offset);
	int64_t large = *(int64_t *)(void *)((char *)l->config + limit->large_offset);
	struct buf sentence;

	if (small * limit->times + limit->less <= large || is_wrong(a) || is_wrong(b))
		return;
	must(a != NULL || b != NULL); /* the defaults agree */
	buf_init(&sentence, 200);
	buf_fmt(&sentence, "%s (", limit->small);
	limit->put(&sentence, small);
	buf_fmt(&sentence, ") must be %s %s (", limit->rule, limit->large);
	limit->put(&sentence, large);
	buf_c(&sentence, ')');
	complain(l->complaints, a != NULL ? a->at : b->at, "%.*s", STR_ARG(buf_view(&sentence)));
	buf_release(&sentence);
}

/* Resolves the profile of a table; NULL after complaining. */
static const struct profile *find_profile(struct loading *l, const struct config_table *table,
					  const struct node *node)
{
	struct str name = str_of(table->profile_name), word;
	const struct profile *profile = profile_find(name);
	struct nearest nearest;
	struct buf list;

	if (profile != NULL)
		return profile;
	nearest_init(&nearest, name);
	buf_init(&list, LIST_MAX);
	for (size_t i = 0; (profile = profile_nth(i)) != NULL; i++) {
		nearest_offer(&nearest, str_of(profile->name));
		buf_fmt(&list, "%s%s", i == 0 ? "" : ", ", profile->name);
	}
	word = complaint_word(l->complaints, name);
	complain(l->complaints, node_get(node, "profile")->at, "there is no profile '%.*s'",
		 STR_ARG(word));
	complaint_hint(l->complaints, "known profiles: %.*s", STR_ARG(buf_view(&list)));
	complaint_nearest(l->complaints, &nearest);
	buf_release(&list);
	return NULL;
}

/* Hints at all roles of a profile. */
static void hint_roles(struct loading *l, const struct profile *profile)
{
	struct buf list;

	buf_init(&list, LIST_MAX);
	for (size_t i = 0; i < profile->n_roles; i++)
		buf_fmt(&list, "%s%s", i == 0 ? "" : ", ", profile->roles[i].name);
	complaint_hint(l->complaints, "known roles: %.*s", STR_ARG(buf_view(&list)));
	buf_release(&list);
}

/* Resolves the role of a table whose profile is known. */
static void resolve_role(struct loading *l, struct config_table *table, const struct node *node)
{
	struct nearest nearest;
	struct str word;

	table->role = profile_role(table->profile, str_of(table->role_name));
	if (table->role != NULL)
		return;
	nearest_init(&nearest, str_of(table->role_name));
	for (size_t i = 0; i < table->profile->n_roles; i++)
		nearest_offer(&nearest, str_of(table->profile->roles[i].name));
	word = complaint_word(l->complaints, str_of(table->role_name));
	complain(l->complaints, node_get(node, "role")->at, "profile %s has no role '%.*s'",
		 table->profile->name, STR_ARG(word));
	hint_roles(l, table->profile);
	complaint_nearest(l->complaints, &nearest);
}

/* Checks that a table has profile and role, or neither, and resolves them. */
static void check_profile(struct loading *l, struct config_table *table, const struct node *node)
{
	const struct node *profile = node_get(node, "profile"), *role = node_get(node, "role");

	if (is_wrong(profile) || is_wrong(role) || (profile == NULL && role == NULL))
		return;
	if (profile == NULL) {
		complain(l->complaints, role->key_at, "a role without a profile says nothing");
		return;
	}
	table->profile = find_profile(l, table, node);
	if (table->profile == NULL)
		return;
	if (role == NULL) {
		complain(l->complaints, profile->key_at, "a table with a profile needs a role");
		hint_roles(l, table->profile);
		return;
	}
	resolve_role(l, table, node);
}

/* The name of a table as it is written, or the empty slice. */
static struct str written_name(const struct node *table)
{
	const struct node *name = node_get(table, "name");

	return name == NULL || name->kind != NODE_SCALAR ? STR_NONE : name->text;
}

/* Checks each table; fills `names`, from name to the node of the name. */
static void check_tables(struct loading *l, struct map *names)
{
	const char *own = l->config->checkpoint.own_table;
	const char *leases = l->config->checkpoint.table;

	for (size_t i = 0; i < l->config->n_tables; i++) {
		struct node *node = l->table_nodes[i], *name = node_get(node, "name");
		struct str text = written_name(node);

		check_profile(l, &l->config->tables[i], node);
		if (text.n == 0)
			continue;
		if (map_get(names, text) == NULL)
			map_put(names, text, name);
		else if (!name->wrong)
			complain(l->complaints, name->at, "table '%.*s' is named twice",
				 STR_ARG(text));
		if ((own != NULL && str_eq(text, str_of(own))) ||
		    (leases != NULL && str_eq(text, str_of(leases))))
			complain(l->complaints, name->at,
				 "'%.*s' is the checkpoint table: each change read would make "
				 "another",
				 STR_ARG(text));
	}
}

/* Complains about a name in a sink's `tables` that stands for none. */
static void complain_table(struct loading *l, const struct node *item, const struct map *names)
{
	struct str word = complaint_word(l->complaints, item->text);
	const struct node *name;
	struct nearest nearest;

	nearest_init(&nearest, item->text);
	for (size_t at = 0; (name = map_next(names, &at)) != NULL;)
		nearest_offer(&nearest, name->text);
	complain(l->complaints, item->at, "table '%.*s' is not one of tables", STR_ARG(word));
	complaint_nearest(l->complaints, &nearest);
}

/*
 * Checks that the tables which a sink names exist; `taken` gets them, all of `names` if the sink names
 * none and is not there for dead letters only. False when there was anything to complain about, now or
 * before.
 */
static bool check_sink_tables(struct loading *l, const struct node *sink, bool letters_only,
			      const struct map *names, struct map *taken)
{
	const struct node *node = node_get(sink, "tables");
	bool fine = true;
	struct node *name;

	if (sink->kind != NODE_MAPPING || (node != NULL && node->kind != NODE_SEQUENCE))
		return false;
	if (letters_only)
		return true;
	if (node == NULL) {
		for (size_t at = 0; (name = map_next(names, &at)) != NULL;)
			map_put(taken, name->text, name);
		return true;
	}
	for (const struct node *item = node->first; item != NULL; item = item->next) {
		name = item->wrong ? NULL : map_get(names, item->text);
		if (name != NULL)
			map_put(taken, name->text, name);
		else if (!item->wrong)
			complain_table(l, item, names);
		fine = fine && name != NULL;
	}
	return fine;
}

/* Checks sinks against tables: each that a sink names exists, and each goes to some sink. */
static void check_sinks(struct loading *l, const struct map *names)
{
	struct map taken;
	bool fine = l->config->n_sinks > 0;
	const struct node *name;

	map_init(&taken);
	for (size_t i = 0; i < l->config->n_sinks; i++)
		fine = check_sink_tables(l, l->sink_nodes[i], l->config->sinks[i].letters_only,
					 names, &taken) &&
		       fine;
	for (size_t at = 0; fine && (name = map_next(names, &at)) != NULL;) {
		if (!name->wrong && map_get(&taken, name->text) == NULL)
			complain(l->complaints, name->at, "no sink takes table '%.*s'",
				 STR_ARG(name->text));
	}
	map_release(&taken);
}

/* The value of a sink's option called path, or NULL. */
static const char *path_of(const struct config_sink *sink)
{
	for (size_t i = 0; sink->type != NULL && i < sink->type->n_options; i++) {
		const struct option_spec *spec = &sink->type->options[i];

		if (spec->type == OPTION_TEXT && str_eq(str_of(spec->name), STR("path")))
			return *(char **)(void *)((char *)sink->options + spec->offset);
	}
	return NULL;
}

/* Complains that sink `i` has the same path as sink `j`, which comes before it. */
static void complain_path(struct loading *l, size_t i, size_t j)
{
	const struct node *sink = l->sink_nodes[i], *path = node_get(sink, "path");
	struct str word = complaint_word(l->complaints, l->sink_nodes[j]->key);

	complain(l->complaints, path == NULL ? sink->key_at : path->at,
		 "sink '%.*s' has this path already", STR_ARG(word));
}

/* Checks that no two sinks write to the same path. */
static void check_paths(struct loading *l)
{
	for (size_t i = 1; i < l->config->n_sinks; i++) {
		const char *path = path_of(&l->config->sinks[i]);
		size_t j = 0;

		while (j < i && !str_eq(str_of(path), str_of(path_of(&l->config->sinks[j]))))
			j++;
		if (path != NULL && j < i)
			complain_path(l, i, j);
	}
}

/* Checks that there is one sink at most of each type that allows no more. */
static void check_single(struct loading *l)
{
	for (size_t i = 1; i < l->config->n_sinks; i++) {
		const struct sink_type *type = l->config->sinks[i].type;
		size_t j = 0;

		if (type == NULL || !type->single)
			continue;
		while (j < i && l->config->sinks[j].type != type)
			j++;
		if (j < i)
			complain(l->complaints, l->sink_nodes[i]->key_at,
				 "there can be only one sink of type %s, and '%s' is one",
				 type->name, l->config->sinks[j].name);
	}
}

/* Complains that the dead_letter of sink `i` names no sink. */
static void complain_letters(struct loading *l, size_t i)
{
	const struct node *node = node_get(l->sink_nodes[i], "dead_letter");
	struct str word = complaint_word(l->complaints, node->text);
	struct nearest nearest;

	nearest_init(&nearest, node->text);
	for (size_t k = 0; k < l->config->n_sinks; k++) {
		if (k != i)
			nearest_offer(&nearest, l->sink_nodes[k]->key);
	}
	complain(l->complaints, node->at, "dead_letter: '%.*s' is not one of sinks", STR_ARG(word));
	complaint_nearest(l->complaints, &nearest);
}

/* Resolves where the dead letters of sink `i` go. */
static void resolve_letters(struct loading *l, size_t i)
{
	struct config_sink *sink = &l->config->sinks[i];
	const struct node *node = node_get(l->sink_nodes[i], "dead_letter");
	size_t k = 0;

	while (k < l->config->n_sinks &&
	       !str_eq(str_of(l->config->sinks[k].name), str_of(sink->dead_letter_name)))
		k++;
	if (k == i) {
		complain(l->complaints, node->at,
			 "a sink cannot take its own dead letters: name another one");
	} else if (k == l->config->n_sinks) {
		complain_letters(l, i);
	} else {
		sink->dead_letter = (int)k;
		l->config->sinks[k].letters_only = node_get(l->sink_nodes[k], "tables") == NULL;
	}
}

/* Complains about the option `name` of a sink, if it is written: it says nothing there. */
static void complain_idle(struct loading *l, const struct node *sink, const char *name,
			  const char *why)
{
	const struct node *node = node_get(sink, name);

	if (node != NULL && !node->wrong)
		complain(l->complaints, node->key_at, "%s says nothing here: %s", name, why);
}

/* Checks and resolves dead letters. */
static void check_letters(struct loading *l)
{
	for (size_t i = 0; i < l->config->n_sinks; i++) {
		const struct node *node = node_get(l->sink_nodes[i], "dead_letter");

		if (l->config->sinks[i].dead_letter_name != NULL) {
			resolve_letters(l, i);
		} else if (node == NULL) {
			static const char why[] = "without dead_letter a record is tried for ever";

			complain_idle(l, l->sink_nodes[i], "max_attempts", why);
			complain_idle(l, l->sink_nodes[i], "max_age", why);
		}
	}
	for (size_t i = 0; i < l->config->n_sinks; i++) {
		static const char why[] = "this sink gets dead letters only, and they have a form "
					  "of their own";

		if (!l->config->sinks[i].letters_only)
			continue;
		complain_idle(l, l->sink_nodes[i], "format", why);
		for (size_t k = 0; l->config->sinks[i].format != NULL &&
				   k < l->config->sinks[i].format->n_options;
		     k++)
			complain_idle(l, l->sink_nodes[i],
				      l->config->sinks[i].format->options[k].name, why);
		complain_idle(l, l->sink_nodes[i], "dead_letter",
			      "a dead letter that is refused is tried for ever");
	}
}

/* Has the sink's type and format look at their options as a whole. */
static bool check_whole(const struct config_sink *sink, struct option_fault *fault)
{
	const struct format_type *format = sink->format;

	if (format->check != NULL && !format->check(sink->format_options, fault))
		return false;
	if (format->needs_headers != NULL && !sink->type->headers && !sink->letters_only) {
		fault->option = format->needs_headers(sink->format_options);
		if (fault->option != NULL)
			return error_set(
				&fault->why, ERROR_CONFIG,
				"with this %s records need headers beside them, and a sink "
				"of type %s has none",
				fault->option, sink->type->name);
	}
	return sink->type->check == NULL || sink->type->check(sink->options, sink->format, fault);
}

/* Checks options that are fine one by one against each other. */
static void check_wholes(struct loading *l)
{
	for (size_t i = 0; i < l->config->n_sinks; i++) {
		const struct config_sink *sink = &l->config->sinks[i];
		const struct node *node = l->sink_nodes[i], *option;
		struct option_fault fault = {0};

		if (sink->type == NULL || sink->format == NULL || node->kind != NODE_MAPPING ||
		    has_wrong(node) || check_whole(sink, &fault))
			continue;
		option = fault.option == NULL ? NULL : node_get(node, fault.option);
		complain(l->complaints, option != NULL ? option->key_at : node->key_at, "%s",
			 fault.why.text);
	}
}

/* Checks that the name of our own table beside a Kinesis client's is one. */
static void check_own_table(struct loading *l)
{
	const struct node *section = node_get(l->root, "checkpoint");
	const struct node *node = section == NULL ? NULL : node_get(section, "table");
	const char *own = l->config->checkpoint.own_table, *wrong;

	if (own == NULL || node == NULL || node->wrong)
		return;
	wrong = syntax_table(str_of(own));
	if (wrong != NULL)
		complain(l->complaints, node->at,
			 "with leases: kcl there is a second table, '%s', and that must be %s", own,
			 wrong);
}

void rules_check(struct loading *l)
{
	struct map names;

	map_init(&names);
	for (size_t i = 0; i < ARRAY_N(limits); i++)
		check_limit(l, &limits[i]);
	check_own_table(l);
	check_letters(l);
	check_tables(l, &names);
	check_sinks(l, &names);
	check_paths(l);
	check_single(l);
	check_wholes(l);
	map_release(&names);
}
