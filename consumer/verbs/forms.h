/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders of a run: one per table and form, shared by the sinks that want the same. */
#ifndef VERBS_FORMS_H
#define VERBS_FORMS_H

#include "config/config.h"
#include "consumer/engine/format.h"

/* One encoder and who it is for. */
struct form {
	struct form *next;
	size_t table; /* index in the configuration */
	const struct format_type *type;
	const void *options;
	struct encoder *encoder;
};

struct forms {
	struct form *first;
	const struct config *config;
	struct str region;
	struct schema *schema;
};

/* Loads the schema. What is passed outlives the forms. False with `err` set. */
bool forms_init(struct forms *forms, const struct config *config, struct str region,
		struct error *err);

/* Frees all encoders; zeroed forms are fine. */
void forms_release(struct forms *forms);

/* The encoder that makes a table's changes for a sink; the forms'. NULL with `err` set. */
const struct encoder *forms_get(struct forms *forms, size_t table, const struct config_sink *sink,
				struct error *err);

/* The encoder of what a dead letter holds of a record that this sink refused: the whole of it, with secrets
   hidden unless the sink shows them. NULL with `err` set. */
const struct encoder *forms_letter(struct forms *forms, size_t table,
				   const struct config_sink *sink, struct error *err);

#endif
