/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to a small tree whose nodes know their places. The only user of libyaml.
 *
 * What makes YAML files mean something else than they seem to is refused, each with its place: a key
 * written twice, anchors, aliases, tags, merge keys, a second document. What is left are mappings
 * with text keys, sequences, and scalars, whose text is not interpreted here.
 */
#ifndef CONFIG_YAML_TREE_H
#define CONFIG_YAML_TREE_H

#include "config/complaint.h"

enum { YAML_DEPTH_MAX = 32, YAML_NODES_MAX = 50000 };

enum node_kind {
	NODE_SCALAR,
	NODE_SEQUENCE,
	NODE_MAPPING,
	NODE_REFUSED, /* something was wrong here and was complained about */
};

struct node {
	enum node_kind kind;
	struct mark at;
	struct str text; /* of a scalar */
	bool plain; /* the scalar is written without quotes */
	bool wrong; /* a value that was complained about: not to be compared with others */
	/* Set in members of a mapping. */
	struct str key;
	struct mark key_at;
	/* The members of a sequence or mapping, in the order of the file. */
	struct node *first, *last;
	struct node *next;
};

/*
 * Reads `text` (all of the complaints' text) into a tree that lives in `arena`. NULL after complaining
 * when it is no YAML, empty, too deep or too large; lesser complaints leave a tree.
 */
struct node *yaml_tree(struct str text, struct arena *arena, struct complaints *complaints);

/* The member `key` of a mapping, or NULL; NULL too when `mapping` is NULL or something else. */
struct node *node_get(const struct node *mapping, const char *key);

/* Whether a scalar stands for nothing: an empty one, or null. */
bool node_is_null(const struct node *node);

/* The version of libyaml, static. */
const char *yaml_tree_libyaml(void);

#endif
