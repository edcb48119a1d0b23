/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration while it is read: the struct next to the nodes it came from. For config/ alone. */
#ifndef CONFIG_LOADING_H
#define CONFIG_LOADING_H

#include "config/config.h"
#include "config/yaml_tree.h"

struct loading {
	struct config *config;
	struct complaints *complaints;
	const struct config_known *known;
	struct arena nodes;
	struct node *root;
	/* The nodes of config->tables and config->sinks, by the same index. */
	struct node **table_nodes, **sink_nodes;
};

/*
 * Complains about what is wrong between options: names that stand for nothing, limits that exclude
 * each other. Fills what follows from several options: the profiles and roles of tables.
 */
void rules_check(struct loading *loading);

#endif
