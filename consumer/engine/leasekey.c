/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/leasekey.h"

enum { NATIVE_SLASHES = 4 };

/* How often a character is in the key. */
static size_t count(struct str key, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < key.n; i++)
		n += key.p[i] == c;
	return n;
}

/* Takes a native key apart. */
static void cut_native(struct str rest, struct lease_key *out)
{
	out->account = str_cut(&rest, '/');
	out->region = str_cut(&rest, '/');
	out->table = str_cut(&rest, '/');
	out->label = str_cut(&rest, '/');
	out->shard = rest;
}

/* A label as the service has it. */
static struct str restore_label(struct arena *arena, struct str label)
{
	char *text = arena_alloc(arena, label.n + 1);

	for (size_t i = 0; i < label.n; i++)
		text[i] = label.p[i] == '_' ? ':' : label.p[i];
	return str_make(text, label.n);
}

/* Takes a multi-stream key apart; false when it is none. */
static bool cut_multi(struct arena *arena, struct str key, struct lease_key *out)
{
	struct str rest = key, name;

	out->account = str_cut(&rest, ':');
	name = str_cut(&rest, ':');
	if (!str_starts(rest, STR("1:")))
		return false;
	out->shard = str_skip(rest, 2);
	out->region = str_cut(&name, '$');
	if (!str_eq(str_cut(&name, '$'), out->account))
		return false;
	out->table = str_cut(&name, '$');
	out->label = restore_label(arena, name);
	return out->table.n > 0 && out->label.n > 0 && out->shard.n > 0;
}

struct lease_key lease_key_read(struct arena *arena, struct str key)
{
	struct lease_key out = {.form = FORM_NATIVE};

	if (count(key, '/') == NATIVE_SLASHES) {
		cut_native(key, &out);
		return out;
	}
	out.form = FORM_MULTI;
	if (cut_multi(arena, key, &out))
		return out;
	return (struct lease_key){.form = FORM_SINGLE, .shard = key};
}

void lease_key_prefix(struct buf *buf, enum lease_form form, const struct table_arn *stream)
{
	switch (form) {
	case FORM_NATIVE:
		buf_fmt(buf, "%.*s/%.*s/%.*s/%.*s/", STR_ARG(stream->account),
			STR_ARG(stream->region), STR_ARG(stream->table), STR_ARG(stream->label));
		break;
	case FORM_SINGLE:
		break;
	case FORM_MULTI:
		buf_fmt(buf, "%.*s:%.*s$%.*s$%.*s$", STR_ARG(stream->account),
			STR_ARG(stream->region), STR_ARG(stream->account), STR_ARG(stream->table));
		for (size_t i = 0; i < stream->label.n; i++)
			buf_c(buf, stream->label.p[i] == ':' ? '_' : stream->label.p[i]);
		buf_str(buf, STR(":1:"));
		break;
	}
}

struct str lease_key_stream(struct str key)
{
	return str_head(key, str_find_last(key, ':'));
}
