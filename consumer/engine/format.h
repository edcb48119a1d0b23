/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event format is to the engine and to the sinks: something that appends one event's bytes to a
 * buffer. The composition root binds a format's options and a table's schema into one encoder per
 * (table, sink); sinks that want the same share the encoder, and so its output.
 *
 * A record is `single_open` + body + `single_close` + '\n'. A sink that sends several at once cuts the
 * bodies out with record_body and joins them: `batch_open` + bodies with commas between + `batch_close`.
 */
#ifndef ENGINE_FORMAT_H
#define ENGINE_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "consumer/change/event.h"

struct encoder;
struct option_spec;
struct profile_role;
struct schema;

/* Takes one attribute that travels beside the record: both are UTF-8, as they are meant. */
typedef void attribute_fn(void *arg, struct str name, struct str value);

/* What stands around records; all parts may be empty, none is NULL. */
struct framing {
	const char *single_open, *single_close;
	const char *batch_open, *batch_close;
	const char *single_type, *batch_type; /* media types of one record, and of a batch */
	bool lone; /* records of this form cannot be joined: batch_* mean nothing */
};

/* Records that are JSON values, and arrays of them. */
static const struct framing framing_json = {
	.single_open = "",
	.single_close = "",
	.batch_open = "[",
	.batch_close = "]",
	.single_type = "application/json",
	.batch_type = "application/json",
};

/* The images that a stream may have of an item. */
enum images { IMAGES_NEW = 1, IMAGES_OLD = 2 };

struct encoder {
	/*
	 * Which images the form is made of: without any of `images_needed` its records are worth nothing,
	 * without all of `images_wanted` they say less. 0: whatever there is.
	 */
	unsigned char images_needed, images_wanted;
	/*
	 * Appends `event` as one record, complete with its terminator. Never fails: what cannot be
	 * decoded goes out as such. The same event always gives the same bytes.
	 */
	void (*encode)(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out);
	/*
	 * Appends the record's key, for sinks that have keys. NULL: the primary key as formats/key.h
	 * writes it. Appends nothing for an event without key (a gap record).
	 */
	void (*key)(const struct encoder *encoder, const struct source *source,
		    const struct event *event, struct buf *out);
	/*
	 * Hands over what the form wants in the transport's headers beside the record, such as
	 * CloudEvents' attributes in binary mode, by their bare names ("id", "source"). NULL: nothing.
	 */
	void (*attributes)(const struct encoder *encoder, const struct source *source,
			   const struct event *event, attribute_fn *put, void *arg);
	/*
	 * Appends key and value of a record that says only that all is well at `wall_ms`, for consumers
	 * that are called `name`. NULL: the form knows no such record.
	 */
	void (*heartbeat)(const struct encoder *encoder, struct str name, int64_t wall_ms,
			  struct buf *key, struct buf *value);
	const struct framing *framing;
	bool tombstones; /* the form's custom is a record with key and no value after each removal */
};

/* What an encoder is made for; all of it outlives the encoder. */
struct format_env {
	struct str table;
	struct str region;
	const struct profile_role
		*role; /* what the table's attributes hold; NULL: nothing is known */
	const struct schema *schema; /* may be NULL when role is */
};

/* What is wrong with options that are fine one by one. */
struct option_fault {
	const char *option; /* where it shows; NULL: all of them */
	struct error why;
};

struct format_type {
	const char *name; /* the word of `format:` */
	const char *help; /* one line that goes on from "events in this form ..." */
	const struct option_spec *options; /* config/option.h */
	size_t n_options;
	size_t options_bytes; /* of the struct that the options are parsed into */
	bool heartbeats; /* its encoders have them */
	/* Optional: whether options that are fine one by one are so together. */
	bool (*check)(const void *options, struct option_fault *fault);
	/* Optional: the option by which records need headers beside them; NULL: they do not. */
	const char *(*needs_headers)(const void *options);
	/* Makes an encoder for one table, used by one thread at a time; NULL with `err` set. */
	struct encoder *(*open)(const struct format_env *env, const void *options,
				struct error *err);
	/* Frees an encoder. */
	void (*close)(struct encoder *encoder);
	/* Whether secrets go out in clear, as configured. */
	bool (*shows_secrets)(const void *options);
};

/* The body of one record, without what stands around it and without its terminator. */
static inline struct str record_body(const struct framing *framing, struct str record)
{
	struct str open = str_of(framing->single_open), close = str_of(framing->single_close);

	return str_make(record.p + open.n, record.n - open.n - close.n - 1);
}

#endif
