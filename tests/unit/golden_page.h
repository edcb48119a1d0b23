/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of tests/golden and what formats make of them. To make such a file anew, after a change that is
 * meant: build/release/property/formats_tool FORMAT FLAGS <NAME.page.json >NAME.jsonl, and read the
 * difference.
 */
#ifndef TESTS_GOLDEN_PAGE_H
#define TESTS_GOLDEN_PAGE_H

#include "consumer/change/scan.h"
#include "consumer/engine/format.h"
#include "proto/profile.h"
#include "tests/check.h"

enum { GOLDEN_MAX = 4 << 20 };

static const struct key_names golden_key_names = {.hash = STR_INIT("id"),
						  .range = STR_INIT("sort")};
static const struct source golden_source = {
	.key_names = &golden_key_names,
	.table = STR_INIT("things"),
	.stream_arn = STR_INIT("arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/"
			       "2026-01-02T03:04:05.678"),
	.region = STR_INIT("eu-west-1"),
	.shard_id = STR_INIT("shardId-00000001550840986131-382ec8f8"),
};

/* A table whose role in the profile vinyldns is `role` (NULL: none); the schema is to be freed. */
static inline struct format_env golden_env(const char *role)
{
	struct error err = {0};

	return (struct format_env){
		.table = golden_source.table,
		.region = golden_source.region,
		.role = role == NULL ? NULL
				     : profile_role(profile_find(STR("vinyldns")), str_of(role)),
		.schema = schema_vinyldns(&err),
	};
}

/* Appends the content of tests/golden/`name`. */
static inline void golden_read(struct buf *buf, const char *name)
{
	char path[200], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	file = fopen(path, "rb");
	if (!CHECK(file != NULL)) {
		fprintf(stderr, "   cannot open %s\n", path);
		return;
	}
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(buf, piece, n);
	fclose(file);
}

/* Appends an attribute as formats_tool prints it. */
static inline void golden_attribute(void *arg, struct str name, struct str value)
{
	struct buf *out = arg;

	buf_str(out, name);
	buf_c(out, '=');
	buf_str(out, value);
	buf_c(out, '\t');
}

/* Appends the records of all events of a page, after their attributes if there are any. */
static inline void golden_encode(const struct encoder *encoder, struct str body, struct buf *out)
{
	struct error err = {0};
	struct arena arena;
	struct page page;

	arena_init(&arena);
	if (!CHECK(scan_page(&arena, body, &page, &err)))
		fprintf(stderr, "   %s\n", err.text);
	for (size_t i = 0; i < page.n; i++) {
		if (encoder->attributes != NULL)
			encoder->attributes(encoder, &golden_source, &page.events[i],
					    golden_attribute, out);
		encoder->encode(encoder, &golden_source, &page.events[i], out);
	}
	arena_release(&arena);
}

/* Whether an encoder makes of a page what is on file, a second time too; `hides`: nothing called SECRET. */
static inline void golden_check(const struct encoder *encoder, const char *page, const char *lines,
				bool hides)
{
	struct buf body, want, got;

	buf_init(&body, GOLDEN_MAX);
	buf_init(&want, GOLDEN_MAX);
	buf_init(&got, GOLDEN_MAX);
	golden_read(&body, page);
	golden_read(&want, lines);
	for (int i = 0; i < 2; i++) {
		buf_clear(&got);
		golden_encode(encoder, buf_view(&body), &got);
		if (!check_str(buf_view(&got), buf_view(&want), __FILE__, __LINE__))
			fprintf(stderr, "   in %s, turn %d\n", lines, i + 1);
	}
	if (hides)
		CHECK(memmem(got.p, got.n, "SECRET", 6) == NULL &&
		      memmem(got.p, got.n, "U0VDUkVU", 8) == NULL);
	buf_release(&body);
	buf_release(&want);
	buf_release(&got);
}

#endif
