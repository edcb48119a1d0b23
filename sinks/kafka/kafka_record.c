/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_record.h"

#include "base/json.h"
#include "sinks/formats/key.h"
#include "sinks/kafka/kafka_topics.h"

/* An escape at most triples what a key of 3 KiB in JSON needs; templates repeat it. */
enum { KEY_BYTES_MAX = 1 << 20, TOPIC_BYTES_MAX = 64 * 1024, TEXT_BYTES_MAX = 64 * 1024 };

void kafka_form_init(struct kafka_form *form, const struct kafka_options *options)
{
	*form = (struct kafka_form){.options = options};
	must(template_parse(str_of(options->topic), &form->topic, NULL));
	if (options->key_template != NULL)
		must(template_parse(str_of(options->key_template), &form->key, NULL));
	buf_init(&form->topic_text, TOPIC_BYTES_MAX);
	buf_init(&form->key_text, KEY_BYTES_MAX);
	buf_init(&form->text, TEXT_BYTES_MAX);
}

void kafka_form_release(struct kafka_form *form)
{
	buf_release(&form->topic_text);
	buf_release(&form->key_text);
	buf_release(&form->text);
}

/*
 * Whether a part of a template can be one of a topic's. Full stops alone are no topic, but may stand between
 * values.
 */
static bool fits_topic(const struct template *template, size_t i)
{
	struct str text = template->parts[i].text;

	if (template->parts[i].what != TEMPLATE_TEXT || kafka_topic_valid(text))
		return true;
	return template->n > 1 && (str_eq(text, STR(".")) || str_eq(text, STR("..")));
}

const char *kafka_topic_template_check(struct str text)
{
	struct template template;
	const char *complaint = template_check(text);

	if (complaint != NULL || !template_parse(text, &template, NULL))
		return complaint;
	for (size_t i = 0; i < template.n; i++) {
		if (!fits_topic(&template, i))
			return "a topic: letters, digits, dots, underscores and hyphens, and names "
			       "in braces";
	}
	return template.n > 0 ? NULL : "a topic";
}

void kafka_heartbeat_topic(const struct kafka_options *options, struct str application,
			   struct buf *out)
{
	if (options->heartbeat_topic != NULL)
		buf_str(out, str_of(options->heartbeat_topic));
	else
		buf_fmt(out, "__debezium-heartbeat.%.*s", STR_ARG(application));
}

struct str kafka_form_topic(struct kafka_form *form, const struct delivery *delivery, size_t i)
{
	buf_clear(&form->topic_text);
	template_render(&form->topic, &template_topic, delivery->source, &delivery->events[i],
			&form->topic_text);
	return buf_view(&form->topic_text);
}

struct str kafka_form_key(struct kafka_form *form, const struct delivery *delivery, size_t i)
{
	const struct source *source = delivery->source;
	const struct event *event = &delivery->events[i];
	struct buf *out = &form->key_text;

	buf_clear(out);
	if (event->op == EVENT_GAP || form->options->key == KAFKA_KEY_NONE)
		return STR_NONE;
	if (form->options->key == KAFKA_KEY_TEMPLATE)
		template_render(&form->key, NULL, source, event, out);
	else if (form->options->key == KAFKA_KEY_PARTITION)
		key_put_partition(source, event, out);
	else if (delivery->encoder->key != NULL)
		delivery->encoder->key(delivery->encoder, source, event, out);
	else
		key_put(source, event, out);
	return buf_view(out);
}

/* Adds one header. */
static void add(rd_kafka_headers_t *headers, const char *name, struct str value)
{
	if (value.n > 0)
		rd_kafka_header_add(headers, name, -1, value.p, (ssize_t)value.n);
}

/* What encoder->attributes hands over goes on as a header of that name, as CloudEvents has it. */
static void add_attribute(void *arg, struct str name, struct str value)
{
	char header[64];

	snprintf(header, sizeof(header), "ce_%.*s", STR_ARG(name));
	add(arg, header, value);
}

rd_kafka_headers_t *kafka_form_headers(struct kafka_form *form, const struct delivery *delivery,
				       size_t i, bool claimed)
{
	const struct encoder *encoder = delivery->encoder;
	const struct event *event = &delivery->events[i];
	rd_kafka_headers_t *headers;

	if (!form->options->headers && encoder->attributes == NULL && !claimed)
		return NULL;
	headers = rd_kafka_headers_new(8);
	if (form->options->headers) {
		buf_clear(&form->text);
		json_unescape(&form->text, event->id);
		add(headers, "ddb-event-id", buf_view(&form->text));
		add(headers, "ddb-table", delivery->source->table);
		add(headers, "ddb-op", event_op_word(event->op));
		add(headers, "ddb-shard", delivery->source->shard_id);
		add(headers, "ddb-seq", event->seqno);
	}
	if (claimed) {
		add(headers, "content-type", STR("application/json"));
		add(headers, "ddb-claim-check", STR("1"));
		if (encoder->framing->single_type != NULL)
			add(headers, "ddb-claim-type", str_of(encoder->framing->single_type));
	} else if (form->options->headers || encoder->attributes != NULL) {
		add(headers, "content-type", str_of(encoder->framing->single_type));
	}
	if (encoder->attributes != NULL)
		encoder->attributes(encoder, delivery->source, event, add_attribute, headers);
	return headers;
}

int64_t kafka_form_time(const struct kafka_form *form, const struct event *event)
{
	return form->options->timestamp == KAFKA_TIMESTAMP_EVENT && event->time_ms > 0
		       ? event->time_ms
		       : 0;
}

bool kafka_form_tombstone(const struct kafka_form *form, const struct delivery *delivery, size_t i,
			  struct str key)
{
	bool wanted = form->options->tombstones == KAFKA_TOMBSTONES_ALWAYS ||
		      (form->options->tombstones == KAFKA_TOMBSTONES_AUTO &&
		       delivery->encoder->tombstones);

	return wanted && key.n > 0 && delivery->events[i].op == EVENT_REMOVE;
}
