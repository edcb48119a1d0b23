/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Debezium event format: the change event envelope of Debezium 3, with or without the schemas of
 * Kafka Connect's JSON converter, as debezium.md describes. An encoder is used by one thread at a time.
 */
#ifndef FORMATS_DEBEZIUM_H
#define FORMATS_DEBEZIUM_H

#include "consumer/engine/format.h"
#include "sinks/formats/image.h"

/* What `before` and `after` are; indexes of the option's words. */
enum debezium_images {
	DEBEZIUM_AUTO, /* rows with schemas, objects without */
	DEBEZIUM_OBJECT, /* the item as a JSON object, which no schema describes */
	DEBEZIUM_ROW, /* the key attributes, and the item as JSON text */
	DEBEZIUM_STRING, /* the item as JSON text */
};

struct debezium_options {
	struct image_options image;
	bool schemas; /* {"schema":...,"payload":...} instead of the payload alone */
	int images; /* enum debezium_images */
	char *prefix; /* Debezium's topic.prefix: the source's name, and the schemas' */
};

extern const struct format_type format_debezium;

/*
 * Makes an encoder for one table. `env` and the options' texts must outlive it. NULL with ERROR_CONFIG
 * when the options do not go together or the schema lacks a message of the role. Freed with
 * debezium_free.
 */
struct encoder *debezium_new(const struct debezium_options *options, const struct format_env *env,
			     struct error *err);

/* Frees the encoder. */
void debezium_free(struct encoder *encoder);

#endif
