/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts made from events: names of topics and files, keys of records.
 *
 *	changes/{table}/{date}/{hour}.jsonl
 *
 * "{{" and "}}" stand for the braces themselves. What may be written in braces:
 *
 *	table, region, shard	where the event comes from
 *	op			insert, modify, remove or gap
 *	seq			its sequence number
 *	date, hour		when the change was made, UTC: 2026-01-02, 03; "undated" when the service
 *				does not say
 *	key			its primary key, as formats/key.h writes it
 *	partition		the value of its hash key, as plain text
 *	key.NAME		the value of its key attribute NAME, likewise
 *
 * A template owns nothing: the text that it was made from must outlive it. It does not change, so that
 * any thread may use it.
 */
#ifndef SINKS_TEMPLATE_H
#define SINKS_TEMPLATE_H

#include "base/buf.h"
#include "consumer/change/event.h"

enum { TEMPLATE_PARTS_MAX = 32 };

enum template_what {
	TEMPLATE_TEXT, /* itself */
	TEMPLATE_TABLE,
	TEMPLATE_REGION,
	TEMPLATE_SHARD,
	TEMPLATE_OP,
	TEMPLATE_SEQ,
	TEMPLATE_DATE,
	TEMPLATE_HOUR,
	TEMPLATE_KEY,
	TEMPLATE_PARTITION,
	TEMPLATE_KEY_ATTRIBUTE,
};

struct template
{
	struct template_part {
		enum template_what what;
		struct str text; /* TEMPLATE_TEXT: it; TEMPLATE_KEY_ATTRIBUTE: the name */
	} parts[TEMPLATE_PARTS_MAX];
	size_t n;
};

/*
 * How values go into the text; what the template says itself goes in as it stands. With a rule, a
 * value that is empty or absent becomes "_", and the first byte of a value that begins with a full stop
 * never stays: so no value, and no run of values, can ever be "..", whatever stands beside it.
 */
struct template_rule {
	bool (*stays)(unsigned char byte); /* these bytes stay as they are */
	char instead; /* written for each other byte; 0: it is written %XX, and "%" too */
};

/* For parts of file names: ASCII letters, digits, and "-_.=+@,:" stay, the rest becomes %XX. */
extern const struct template_rule template_path;

/* For names of Kafka topics: ASCII letters, digits and "._-" stay, the rest becomes "_". */
extern const struct template_rule template_topic;

/* Reads a template; false when `text` is none, with `*must_be_out` (if any) as template_check. */
bool template_parse(struct str text, struct template *out, const char **must_be_out);

/* For an option table: NULL when `text` is a template, or what it must be, static words. */
const char *template_check(struct str text);

/* Whether something of the template is `what`: for sinks that allow less. */
bool template_has(const struct template *template, enum template_what what);

/* Appends the text of an event; `rule` NULL: values go in as they are. */
void template_render(const struct template *template, const struct template_rule *rule,
		     const struct source *source, const struct event *event, struct buf *out);

#endif
