/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/lambda.h"

#include "base/time.h"
#include "base/utf8.h"
#include "sinks/formats/identity.h"
#include "sinks/formats/wrapped.h"

#define RECORDS_OPEN  "{\"Records\":["
#define RECORDS_CLOSE "]}"

enum { LINE_MAX_BYTES = 128 << 20 };

static const struct option_spec lambda_option_specs[] = {
	MASK_OPTION(struct lambda_options, mask),
};

static const struct framing records_framing = {
	.single_open = RECORDS_OPEN,
	.single_close = RECORDS_CLOSE,
	.batch_open = RECORDS_OPEN,
	.batch_close = RECORDS_CLOSE,
	.single_type = "application/json",
	.batch_type = "application/json",
};

struct lambda {
	struct encoder encoder; /* first: the engine's pointer is ours */
	struct image_rules rules;
	struct buf *line; /* a record before its UTF-8 is cleaned */
};

/* "INSERT", "MODIFY", "REMOVE"; "GAP", which AWS does not know. */
static struct str name_of(enum event_op op)
{
	switch (op) {
	case EVENT_INSERT:
		return STR("INSERT");
	case EVENT_MODIFY:
		return STR("MODIFY");
	case EVENT_REMOVE:
		return STR("REMOVE");
	case EVENT_GAP:
		break;
	}
	return STR("GAP");
}

/* Appends the members that say what happened where; `from` is the eventSource. */
static void put_head(const struct source *source, const struct event *event, struct str from,
		     struct buf *out)
{
	buf_str(out, STR("{\"eventID\":"));
	identity_put_id(source, event, out);
	buf_str(out, STR(",\"eventName\":"));
	json_put(out, name_of(event->op));
	buf_str(out, STR(",\"eventVersion\":\"1.1\",\"eventSource\":"));
	json_put(out, from);
	buf_str(out, STR(",\"awsRegion\":"));
	json_put(out, source->region);
	buf_str(out, STR(",\"dynamodb\":{"));
	if (event->time_ms == 0)
		return;
	buf_str(out, STR("\"ApproximateCreationDateTime\":"));
	buf_i64(out, event->time_ms / SECOND_MS);
}

/* Appends a key or image as the member `name`, unless it is absent. */
static void put_image(const struct lambda *lambda, const char *name, struct str image,
		      struct buf *out)
{
	if (image.n == 0)
		return;
	json_comma(out);
	buf_str(out, str_of(name));
	wrapped_put(&lambda->rules, image, out);
}

/* Appends a change, without what stands around it. */
static void put_change(const struct lambda *lambda, const struct source *source,
		       const struct event *event, struct buf *out)
{
	put_head(source, event, STR("aws:dynamodb"), out);
	put_image(lambda, "\"Keys\":", event->keys, out);
	put_image(lambda, "\"NewImage\":", event->new_image, out);
	put_image(lambda, "\"OldImage\":", event->old_image, out);
	buf_str(out, STR(",\"SequenceNumber\":"));
	json_put(out, event->seqno);
	if (event->size_bytes > 0) {
		buf_str(out, STR(",\"SizeBytes\":"));
		buf_u64(out, event->size_bytes);
	}
	if (event->view_type.n > 0) {
		buf_str(out, STR(",\"StreamViewType\":"));
		json_put_raw(out, event->view_type);
	}
	buf_str(out, STR("},\"eventSourceARN\":"));
	json_put(out, source->stream_arn);
	if (event->ttl)
		buf_str(out, STR(",\"userIdentity\":{\"type\":\"Service\",\"principalId\":"
				 "\"dynamodb.amazonaws.com\"}"));
	buf_c(out, '}');
}

/* Appends a gap record likewise. */
static void put_gap(const struct source *source, const struct event *event, struct buf *out)
{
	const struct gap *gap = event->gap;

	put_head(source, event, STR("ddbtap:gap"), out);
	json_comma(out);
	buf_str(out, STR("\"Keys\":{}},\"eventSourceARN\":"));
	json_put(out, source->stream_arn);
	buf_str(out, STR(",\"gap\":{\"reason\":"));
	json_put(out, gap_reason_word(gap->reason));
	buf_str(out, STR(",\"certain\":"));
	buf_str(out, gap->certain ? STR("true") : STR("false"));
	buf_str(out, STR(",\"after\":"));
	json_put(out, position_text(&gap->after));
	buf_str(out, STR("}}"));
}

/* Appends the record of an event. */
static void put_record(const struct lambda *lambda, const struct source *source,
		       const struct event *event, struct buf *out)
{
	buf_str(out, STR(RECORDS_OPEN));
	if (event->op == EVENT_GAP)
		put_gap(source, event, out);
	else
		put_change(lambda, source, event, out);
	buf_str(out, STR(RECORDS_CLOSE "\n"));
}

/* The engine's way in. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	const struct lambda *lambda = (const struct lambda *)(const void *)encoder;

	if (!event->utf8_bad) {
		put_record(lambda, source, event, out);
		return;
	}
	/* All texts were copied as they came; cleaning the record cleans them all in one place. */
	buf_clear(lambda->line);
	put_record(lambda, source, event, lambda->line);
	out->failed |= lambda->line->failed;
	utf8_add_clean(out, buf_view(lambda->line));
}

/* struct encoder: the record's key, without secrets. */
static void encode_key(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out)
{
	const struct lambda *lambda = (const struct lambda *)(const void *)encoder;

	identity_put_key(&lambda->rules, source, event, out);
}

struct encoder *lambda_new(const struct lambda_options *options, const struct format_env *env,
			   struct error *err)
{
	const struct image_options images = {.mask = options->mask};
	struct lambda *lambda = mem_alloc(sizeof(*lambda));

	if (!image_rules_init(&lambda->rules, &images, env->role, env->schema, err)) {
		mem_free(lambda);
		return NULL;
	}
	lambda->encoder = (struct encoder){
		.encode = encode,
		.key = encode_key,
		.framing = &records_framing,
	};
	lambda->line = mem_alloc(sizeof(*lambda->line));
	buf_init(lambda->line, LINE_MAX_BYTES);
	return &lambda->encoder;
}

void lambda_free(struct encoder *encoder)
{
	struct lambda *lambda = (struct lambda *)(void *)encoder;

	if (encoder == NULL)
		return;
	image_rules_release(&lambda->rules);
	buf_release(lambda->line);
	mem_free(lambda->line);
	mem_free(lambda);
}

/* struct format_type: the encoder of one table. */
static struct encoder *lambda_open(const struct format_env *env, const void *options,
				   struct error *err)
{
	return lambda_new(options, env, err);
}

/* struct format_type: whether secrets go out in clear. */
static bool lambda_shows_secrets(const void *options_p)
{
	const struct lambda_options *options = options_p;

	return !options->mask;
}

const struct format_type format_lambda = {
	.name = "lambda",
	.help = "the event of a Lambda function whose event source is a DynamoDB stream",
	.options = lambda_option_specs,
	.n_options = ARRAY_N(lambda_option_specs),
	.options_bytes = sizeof(struct lambda_options),
	.open = lambda_open,
	.close = lambda_free,
	.shows_secrets = lambda_shows_secrets,
};
