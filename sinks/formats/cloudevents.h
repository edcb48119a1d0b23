/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CloudEvents 1.0 format, structured (an event is a JSON object) and binary (an event's attributes
 * travel in the transport's headers), as cloudevents.md describes. Its data is the object of the native
 * format. An encoder is used by one thread at a time.
 */
#ifndef FORMATS_CLOUDEVENTS_H
#define FORMATS_CLOUDEVENTS_H

#include "sinks/formats/native.h"

/* How attributes travel; indexes of the option's words. */
enum cloudevents_mode { CLOUDEVENTS_STRUCTURED, CLOUDEVENTS_BINARY };

struct cloudevents_options {
	struct native_options native; /* the data */
	int mode; /* enum cloudevents_mode */
	char *event_type; /* may hold "{change}" once */
};

extern const struct format_type format_cloudevents;

/*
 * Makes an encoder for one table; `env` and the options' text must outlive it. NULL with ERROR_CONFIG
 * when the schema lacks a message of the role. Freed with cloudevents_free.
 */
struct encoder *cloudevents_new(const struct cloudevents_options *options,
				const struct format_env *env, struct error *err);

/* Frees the encoder. */
void cloudevents_free(struct encoder *encoder);

#endif
