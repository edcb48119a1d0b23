/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sink is to the engine.
 *
 * A sink takes deliveries: runs of encoded changes of one shard. `submit` never blocks and never
 * completes the delivery inside the call. Every delivery is ended exactly once, on the loop's thread,
 * by delivery_done. The sink classifies what happened; the engine schedules: backoff, retries, what
 * becomes of a refused record, metrics and logs exist once, in the engine.
 *
 * An acknowledgement (DELIVERY_OK, and the `acked` prefix of the other results) means durable: a file
 * record is acknowledged by fdatasync, not by write.
 *
 * Order: deliveries of one cursor are submitted in stream order, several may be outstanding. A sink
 * that ends one with anything but DELIVERY_OK must end all later ones of the same cursor that it
 * already holds with DELIVERY_RETRY and `acked` 0, in order, before it takes new ones of that cursor.
 */
#ifndef ENGINE_SINK_H
#define ENGINE_SINK_H

#include "consumer/engine/format.h"
#include "consumer/engine/io.h"

struct credentials;
struct option_spec;
struct policy;
struct sink;
struct web;

enum delivery_result {
	DELIVERY_OK, /* all records are durable */
	DELIVERY_RETRY, /* passing trouble: the first `acked` are durable, try the rest again later */
	DELIVERY_REJECT, /* record number `acked` was refused for good; those before it are durable */
	/* The first `acked` are durable; some of the rest was refused for good, and nobody knows which. */
	DELIVERY_REFUSED,
	DELIVERY_FATAL, /* the sink cannot go on until a person acts; the first `acked` are durable */
};

enum { DELIVERY_RESULTS = DELIVERY_FATAL + 1 };

/* A run of encoded records of one cursor. Read-only to the sink; lives until it is done. */
struct delivery {
	struct str bytes; /* the records, one after the other */
	const uint32_t *ends; /* where each record ends, counted from `base` */
	uint32_t base; /* the offset of bytes.p in what `ends` counts */
	size_t n; /* records, at least 1 */
	const struct event *events; /* what each record was made of; `n` of them */
	const struct encoder *encoder; /* how */
	const struct source *source; /* the shard they come from */
	const void *cursor; /* the same for all deliveries that must stay in order */
	bool letter; /* a dead letter of another sink (letter.h): does not count for `position` */
	/* The engine's; sinks call it through delivery_done. */
	void (*done)(struct delivery *delivery, enum delivery_result result, size_t acked,
		     const struct error *why);
	/* The sink may set it before it ends the delivery badly: not to be tried again earlier (1 h at
	   most). Then also in those of the cursor that end with it: the engine may have forgotten this one. */
	int64_t retry_after_ms;
	/* The sink's own, while it holds the delivery. */
	struct list link;
	struct io_post post;
};

/* Record number `i` of a delivery, with its terminator. */
static inline struct str delivery_record(const struct delivery *delivery, size_t i)
{
	size_t from = i == 0 ? 0 : delivery->ends[i - 1] - delivery->base;

	return str_make(delivery->bytes.p + from, delivery->ends[i] - delivery->base - from);
}

/* What a sink gets at open; all of it outlives the sink. */
struct sink_env {
	struct io *io;
	struct web *web; /* HTTP to the world; NULL where there is none */
	struct str name; /* as the configuration calls this sink */
	struct str application; /* as the configuration calls all of this */
	struct str region; /* of the tables; where a sink has to sign for AWS, its default */
	const char *ca_file; /* certificate authorities to trust; NULL: the system's */
	/* AWS credentials that are good at this moment, on the loop's thread; NULL with `err` set. */
	const struct credentials *(*credentials)(const struct sink_env *env, struct error *err);
	void *arg; /* of the function above */
};

/* Of what ARNs are made, where a sink has to say what it needs of AWS; some may be placeholders. */
struct sink_scope {
	struct str partition, region, account;
	struct str application;
	const char *const *tables; /* whose records the sink gets, dead letters included */
	size_t n_tables;
};

struct sink_type {
	const char *name; /* the word of `type:` */
	const char *help; /* one line */
	const struct option_spec *options; /* config/option.h */
	size_t n_options;
	size_t options_bytes; /* of the struct that the options are parsed into */
	bool single; /* there can be only one sink of this type */
	bool headers; /* there can be something beside a record: encoder->attributes */
	/*
	 * Optional: whether options that are fine one by one are so together, and with the format. Looks
	 * at nothing else: no file, no network.
	 */
	bool (*check)(const void *options, const struct format_type *format,
		      struct option_fault *fault);
	/* Optional: what is unwise about options that can be used, as a sentence; NULL: nothing. */
	const char *(*warning)(const void *options);
	/* Optional: adds to the policy what the sink calls of AWS with these options, and nothing more. */
	void (*permissions)(const struct sink_scope *scope, const void *options,
			    struct policy *policy);
	/* Opens a sink; NULL with `err` set when it cannot be used as configured. `options` outlive it. */
	struct sink *(*open)(const struct sink_env *env, const void *options, struct error *err);
	/* Takes a delivery. */
	void (*submit)(struct sink *sink, struct delivery *delivery);
	/* Frees the sink. Deliveries that it still holds are forgotten, not completed. May wait for
	   what the sink is doing at this moment, but not for more. */
	void (*close)(struct sink *sink);
	/*
	 * Optional, for sinks that remember durably what they have: up to where that is in the shard;
	 * position_start when they know nothing of it. Asked when a cursor opens, which then goes on from
	 * there: so nothing is written twice. The sink holds nothing then that was handed over before and
	 * forgotten by the engine, so that what it says is final. Dead letters do not count. Only what it got
	 * of the replay source->epoch does: a seek begins another one, and positions of older ones are void.
	 */
	struct position (*position)(struct sink *sink, const struct source *source);
	/* Optional: the operator wants files, certificates and secrets to be opened anew (SIGHUP). */
	void (*reopen)(struct sink *sink);
};

/* The part of every sink that the engine sees; concrete sinks start with it. */
struct sink {
	const struct sink_type *type;
};

/*
 * Ends a delivery: the first `acked` records are durable (all of them when DELIVERY_OK). `why` may be
 * NULL when DELIVERY_OK. The delivery may be gone when this returns.
 */
static inline void delivery_done(struct delivery *delivery, enum delivery_result result,
				 size_t acked, const struct error *why)
{
	delivery->done(delivery, result, acked, why);
}

#endif
