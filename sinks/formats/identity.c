/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/identity.h"

#include <openssl/sha.h>

#include "base/utf8.h"
#include "sinks/formats/key.h"

enum { TEXT_MAX = 64 << 20 };

/* Appends an identity made from the event's place: a raw JSON string body. */
static void put_place(const struct source *source, const struct event *event, struct buf *out)
{
	if (event->op == EVENT_GAP)
		buf_str(out, STR("gap:"));
	json_put_inside(out, source->shard_id);
	buf_c(out, ':');
	if (event->op == EVENT_GAP) {
		buf_str(out, position_text(&event->gap->after));
		buf_c(out, ':');
		buf_str(out, gap_reason_word(event->gap->reason));
	} else {
		json_put_inside(out, event->seqno);
	}
}

void identity_put_id(const struct source *source, const struct event *event, struct buf *out)
{
	if (event->id.n > 0) {
		json_put_raw(out, event->id);
		return;
	}
	buf_c(out, '"');
	put_place(source, event, out);
	buf_c(out, '"');
}

void identity_put_plain_id(const struct source *source, const struct event *event, struct buf *out)
{
	struct buf raw, plain;

	buf_init(&raw, TEXT_MAX);
	buf_init(&plain, TEXT_MAX);
	if (event->id.n > 0)
		buf_str(&raw, event->id);
	else
		put_place(source, event, &raw);
	json_unescape(&plain, buf_view(&raw));
	out->failed |= raw.failed || plain.failed;
	utf8_add_clean(out, buf_view(&plain));
	buf_release(&raw);
	buf_release(&plain);
}

/* Whether the rules hide the attribute `name`, a raw JSON string body, or a part of it. */
static bool is_secret(const struct image_rules *rules, struct str name)
{
	for (size_t i = 0; i < rules->n_secrets; i++) {
		const struct image_secret *secret = &rules->secrets[i];

		if (image_name_is(name, secret->map.n > 0 ? secret->map : secret->name))
			return true;
	}
	for (size_t i = 0; i < rules->n_blobs; i++) {
		if (rules->blobs[i].secret && image_name_is(name, rules->blobs[i].attribute))
			return true;
	}
	return false;
}

bool identity_key_is_secret(const struct image_rules *rules, const struct event *event)
{
	struct json json;
	struct str name;

	if (!rules->options.mask || event->keys.n == 0)
		return false;
	json_init(&json, event->keys);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		json_skip(&json);
		if (is_secret(rules, name))
			return true;
	}
	return false;
}

void identity_put_key(const struct image_rules *rules, const struct source *source,
		      const struct event *event, struct buf *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf key;

	if (!identity_key_is_secret(rules, event)) {
		key_put(source, event, out);
		return;
	}
	buf_init(&key, TEXT_MAX);
	key_put(source, event, &key);
	out->failed |= key.failed;
	SHA256((const unsigned char *)key.p, key.n, digest);
	buf_str(out, STR("{\"sha256\":\""));
	buf_hex(out, digest, sizeof(digest));
	buf_str(out, STR("\"}"));
	buf_release(&key);
}
