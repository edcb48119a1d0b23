/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/body.h"

#include <openssl/evp.h>

enum { ID_TEXT_MAX = 16 * 1024, ID_BYTES = 16, HASH_N = 32 };

/* How records are framed. */
static const struct framing *framing_of(const struct bundle *bundle)
{
	return bundle->delivery->encoder->framing;
}

bool body_is_single(const struct bundle *bundle, size_t batch_records)
{
	return batch_records == 1 || framing_of(bundle)->lone;
}

void body_add(const struct bundle *bundle, bool single, struct buf *out)
{
	const struct framing *framing = framing_of(bundle);
	struct str record = bundle_record(bundle, 0);

	if (single) {
		must(bundle->n == 1);
		buf_add(out, record.p, record.n - 1);
		return;
	}
	buf_str(out, str_of(framing->batch_open));
	for (size_t i = 0; i < bundle->n; i++) {
		if (i > 0)
			buf_c(out, ',');
		buf_str(out, record_body(framing, bundle_record(bundle, i)));
	}
	buf_str(out, str_of(framing->batch_close));
}

/* attribute_fn: one attribute, as a header. */
static void put_attribute(void *arg, struct str name, struct str value)
{
	requesthead_add_attribute(arg, name, value);
}

void body_add_headers(const struct bundle *bundle, bool single, struct requesthead *head)
{
	const struct encoder *encoder = bundle->delivery->encoder;
	const struct framing *framing = encoder->framing;

	requesthead_add(head, STR("Content-Type"),
			str_of(single ? framing->single_type : framing->batch_type));
	if (single && encoder->attributes != NULL)
		encoder->attributes(encoder, bundle->delivery->source, bundle_event(bundle, 0),
				    put_attribute, head);
}

/* Appends where an event stands in its shard. */
static void add_place(struct buf *text, const struct event *event)
{
	if (event->op == EVENT_GAP)
		buf_fmt(text, "gap %.*s %.*s\n", STR_ARG(gap_reason_word(event->gap->reason)),
			STR_ARG(position_text(&event->gap->after)));
	else
		buf_fmt(text, "%.*s\n", STR_ARG(event->seqno));
}

void body_id(const struct body_sender *sender, const struct bundle *bundle, char *id)
{
	const struct source *source = bundle->delivery->source;
	unsigned char hash[HASH_N];
	struct buf text, out;

	buf_init(&text, ID_TEXT_MAX);
	buf_fmt(&text, "%.*s\n%.*s\n%.*s\n%.*s\n", STR_ARG(sender->application),
		STR_ARG(sender->sink), STR_ARG(source->stream_arn), STR_ARG(source->shard_id));
	add_place(&text, bundle_event(bundle, 0));
	add_place(&text, bundle_event(bundle, bundle->n - 1));
	buf_fmt(&text, "%u of %zu\n", bundle->lane, sender->lanes);
	must(!text.failed && EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) == 1);
	buf_init(&out, BODY_ID_N + 1);
	buf_str(&out, STR("msg_"));
	buf_hex(&out, hash, ID_BYTES);
	must(out.n == BODY_ID_N);
	mem_copy(id, out.p, BODY_ID_N);
	id[BODY_ID_N] = '\0';
	buf_release(&text);
	buf_release(&out);
}
