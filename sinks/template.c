/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/template.h"

#include "base/time.h"
#include "sinks/formats/key.h"

enum { TIME_MAX = 64 };

/* The words that may stand in braces, but for key.NAME. */
static const struct {
	const char *word;
	enum template_what what;
} words[] = {
	{"table", TEMPLATE_TABLE}, {"region", TEMPLATE_REGION}, {"shard", TEMPLATE_SHARD},
	{"op", TEMPLATE_OP},	   {"seq", TEMPLATE_SEQ},	{"date", TEMPLATE_DATE},
	{"hour", TEMPLATE_HOUR},   {"key", TEMPLATE_KEY},	{"partition", TEMPLATE_PARTITION},
};

static const char words_allowed[] =
	"a text whose braces hold one of table, region, shard, op, seq, date, hour, key, partition "
	"and key.NAME; {{ and }} stand for braces";

/* Whether a byte is an ASCII letter or digit. */
static bool is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether a byte may stand in a file's name on any system, but for "%". */
static bool stays_in_path(unsigned char c)
{
	return is_alnum(c) || (c != 0 && strchr("-_.=+@,:", c) != NULL);
}

/* Whether Kafka allows a byte in a topic's name. */
static bool stays_in_topic(unsigned char c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

const struct template_rule template_path = {.stays = stays_in_path};
const struct template_rule template_topic = {.stays = stays_in_topic, .instead = '_'};

/* What the words in a pair of braces mean; false when nothing. */
static bool read_word(struct str word, struct template_part *out)
{
	struct str attribute = STR("key.");

	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (str_eq(word, str_of(words[i].word))) {
			out->what = words[i].what;
			return true;
		}
	}
	out->what = TEMPLATE_KEY_ATTRIBUTE;
	out->text = str_skip(word, attribute.n);
	return str_starts(word, attribute) && out->text.n > 0;
}

/* Reads the part that `rest`, which is not empty, begins with, and cuts it off; false when it is none. */
static bool read_part(struct str *rest, struct template_part *out)
{
	char first = rest->p[0];
	size_t end;

	if (first == '{' && rest->n > 1 && rest->p[1] != '{') {
		end = str_find(*rest, '}');
		if (end == rest->n || !read_word(str_make(rest->p + 1, end - 1), out))
			return false;
		*rest = str_skip(*rest, end + 1);
		return true;
	}
	out->what = TEMPLATE_TEXT;
	if (first == '{' || first == '}') {
		out->text = str_head(*rest, 1);
		*rest = str_skip(*rest, 1);
		if (rest->n == 0 || rest->p[0] != first)
			return false;
		*rest = str_skip(*rest, 1);
		return true;
	}
	for (end = 1; end < rest->n && rest->p[end] != '{' && rest->p[end] != '}'; end++)
		;
	out->text = str_head(*rest, end);
	*rest = str_skip(*rest, end);
	return true;
}

bool template_parse(struct str text, struct template *out, const char **must_be_out)
{
	const char *wrong = NULL;

	out->n = 0;
	while (text.n > 0 && wrong == NULL) {
		if (out->n == TEMPLATE_PARTS_MAX)
			wrong = "a template of 32 parts at most";
		else if (!read_part(&text, &out->parts[out->n++]))
			wrong = words_allowed;
	}
	if (must_be_out != NULL)
		*must_be_out = wrong;
	return wrong == NULL;
}

const char *template_check(struct str text)
{
	struct template template;
	const char *must_be;

	template_parse(text, &template, &must_be);
	return must_be;
}

bool template_has(const struct template *template, enum template_what what)
{
	for (size_t i = 0; i < template->n; i++) {
		if (template->parts[i].what == what)
			return true;
	}
	return false;
}

/* Appends so many bytes of the event's time, as RFC 3339 has them, from byte `from`. */
static void put_time(const struct event *event, size_t from, size_t n, struct buf *out)
{
	struct buf text;

	if (event->time_ms == 0) {
		buf_str(out, STR("undated"));
		return;
	}
	buf_init(&text, TIME_MAX);
	time_add_rfc3339(&text, event->time_ms);
	buf_add(out, text.p + from, n);
	buf_release(&text);
}

/* Appends the value of a part as it is. */
static void put_value(const struct template_part *part, const struct source *source,
		      const struct event *event, struct buf *out)
{
	switch (part->what) {
	case TEMPLATE_TEXT:
		buf_str(out, part->text);
		return;
	case TEMPLATE_TABLE:
		buf_str(out, source->table);
		return;
	case TEMPLATE_REGION:
		buf_str(out, source->region);
		return;
	case TEMPLATE_SHARD:
		buf_str(out, source->shard_id);
		return;
	case TEMPLATE_OP:
		buf_str(out, event_op_word(event->op));
		return;
	case TEMPLATE_SEQ:
		buf_str(out, event->seqno);
		return;
	case TEMPLATE_DATE:
		put_time(event, 0, sizeof("2026-01-02") - 1, out);
		return;
	case TEMPLATE_HOUR:
		put_time(event, sizeof("2026-01-02T") - 1, 2, out);
		return;
	case TEMPLATE_KEY:
		key_put(source, event, out);
		return;
	case TEMPLATE_PARTITION:
		key_put_partition(source, event, out);
		return;
	case TEMPLATE_KEY_ATTRIBUTE:
		key_put_attribute(event, part->text, out);
		return;
	}
}

/* Appends a value as the rule wants it. */
static void put_ruled(const struct template_rule *rule, struct str value, struct buf *out)
{
	if (value.n == 0)
		buf_c(out, '_');
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (rule->stays(c) && !(i == 0 && c == '.') && (rule->instead != 0 || c != '%'))
			buf_c(out, value.p[i]);
		else if (rule->instead != 0)
			buf_c(out, rule->instead);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

void template_render(const struct template *template, const struct template_rule *rule,
		     const struct source *source, const struct event *event, struct buf *out)
{
	struct buf value;

	buf_init(&value, out->max);
	for (size_t i = 0; i < template->n; i++) {
		const struct template_part *part = &template->parts[i];

		if (rule == NULL || part->what == TEMPLATE_TEXT) {
			put_value(part, source, event, out);
			continue;
		}
		buf_clear(&value);
		put_value(part, source, event, &value);
		out->failed |= value.failed;
		put_ruled(rule, buf_view(&value), out);
	}
	buf_release(&value);
}
