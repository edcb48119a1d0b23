/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sinkform.h"

#include "base/json.h"

/* Reads the object that a record is. */
static void read_record(struct json *json, struct ledger_record *out)
{
	struct str key;

	*out = (struct ledger_record){.op = STR_NONE};
	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "op"))
			out->op = json_string(json);
		else if (json_key_is(key, "id"))
			out->id = json_string(json);
		else if (json_key_is(key, "seq"))
			out->seqno = json_string(json);
		else if (json_key_is(key, "shard"))
			out->shard = json_string(json);
		else if (json_key_is(key, "table"))
			out->table = json_string(json);
		else if (json_key_is(key, "arn"))
			out->arn = json_string(json);
		else if (json_key_is(key, "keys"))
			out->keys = json_skip(json);
		else if (json_key_is(key, "new"))
			out->new_image = json_skip(json);
		else if (json_key_is(key, "old"))
			out->old_image = json_skip(json);
		else if (json_key_is(key, "reason"))
			out->reason = json_string(json);
		else if (json_key_is(key, "after"))
			out->after = json_string(json);
		else
			json_skip(json);
	}
}

bool record_parse(struct str line, struct ledger_record *out)
{
	struct json json;

	json_init(&json, line);
	read_record(&json, out);
	return json_end(&json);
}

/* Reads what a letter says of the circumstances. */
static void read_circumstances(struct json *json, struct ledger_letter *out)
{
	struct str key, attempts;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "sink"))
			out->sink = json_string(json);
		else if (json_key_is(key, "reason"))
			out->reason = json_string(json);
		else if (json_key_is(key, "table"))
			out->table = json_string(json);
		else if (json_key_is(key, "stream"))
			out->arn = json_string(json);
		else if (json_key_is(key, "shard"))
			out->shard = json_string(json);
		else if (json_key_is(key, "seq"))
			out->seqno = json_string(json);
		else if (json_key_is(key, "id"))
			out->id = json_string(json);
		else if (json_key_is(key, "time"))
			out->time = json_string(json);
		else if (json_key_is(key, "attempts")) {
			attempts = json_number(json);
			if (!str_to_u64(attempts, &out->attempts))
				json_fail(json, "attempts is no number");
		} else {
			json_fail(json, "a member that no letter has");
		}
	}
}

bool record_parse_letter(struct str line, struct ledger_letter *out)
{
	struct json json;
	struct str key;

	*out = (struct ledger_letter){.attempts = 0};
	json_init(&json, line);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "dead_letter"))
			read_circumstances(&json, out);
		else if (json_key_is(key, "event"))
			read_record(&json, &out->record);
		else
			json_fail(&json, "a member that no letter has");
	}
	return json_end(&json);
}

/* Appends one member whose value is raw JSON, if there is one. */
static void add_raw(struct buf *out, const char *name, struct str raw)
{
	if (raw.n == 0)
		return;
	buf_fmt(out, ",\"%s\":", name);
	buf_str(out, raw);
}

/* struct encoder: one line of JSON. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	(void)encoder;
	buf_str(out, STR("{\"op\":\""));
	switch (event->op) {
	case EVENT_INSERT:
		buf_str(out, STR("insert"));
		break;
	case EVENT_MODIFY:
		buf_str(out, STR("modify"));
		break;
	case EVENT_REMOVE:
		buf_str(out, STR("remove"));
		break;
	case EVENT_GAP:
		buf_str(out, STR("gap"));
		break;
	}
	buf_fmt(out,
		"\",\"id\":\"%.*s\",\"seq\":\"%.*s\",\"shard\":\"%.*s\",\"table\":\"%.*s\","
		"\"arn\":\"%.*s\"",
		STR_ARG(event->id), STR_ARG(event->seqno), STR_ARG(source->shard_id),
		STR_ARG(source->table), STR_ARG(source->stream_arn));
	add_raw(out, "keys", event->keys);
	add_raw(out, "new", event->new_image);
	add_raw(out, "old", event->old_image);
	if (event->op == EVENT_GAP && event->gap != NULL) {
		static const char *const reasons[] = {"trimmed", "shard_lost", "stream_replaced",
						      "start_unsure"};

		buf_fmt(out, ",\"reason\":\"%s\",\"certain\":%s,\"after\":\"%.*s\"",
			reasons[event->gap->reason], event->gap->certain ? "true" : "false",
			STR_ARG(position_text(&event->gap->after)));
	}
	buf_str(out, STR("}\n"));
}

static const struct encoder the_encoder = {.encode = encode};
static const struct encoder of_images = {
	.encode = encode,
	.images_needed = IMAGES_NEW,
	.images_wanted = IMAGES_NEW | IMAGES_OLD,
};

const struct encoder *record_encoder(bool images)
{
	return images ? &of_images : &the_encoder;
}
