/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/buf.h"
#include "config/syntax.h"
#include "config/units.h"
#include "config/yaml_tree.h"
#include "tests/check.h"
#include "tests/sample_sinks.h"

/* Reads one mapping by the sample options; what is wrong with it goes to `out`. */
struct sample {
	struct sample_options options;
	struct arena arena;
	struct complaints complaints;
	struct buf out;
};

/* Reads `text`; returns the complaints. */
static struct str read_sample(struct sample *s, const char *text)
{
	struct option_reader reader = {
		.targets = {{sample_specs, ARRAY_N(sample_specs), &s->options}},
		.n_targets = 1,
		.what = "a sample",
		.arena = &s->arena,
		.complaints = &s->complaints,
	};
	struct node *root;

	s->options = (struct sample_options){0};
	arena_init(&s->arena);
	buf_init(&s->out, 100000);
	complaints_init(&s->complaints, STR("t"), str_of(text));
	root = yaml_tree(str_of(text), &s->arena, &s->complaints);
	option_defaults(&reader.targets[0], &s->arena);
	if (root != NULL)
		option_read(&reader, root);
	complaints_print(&s->complaints, &s->out);
	return buf_view(&s->out);
}

/* Frees what read_sample made. */
static void release(struct sample *s)
{
	buf_release(&s->out);
	complaints_release(&s->complaints);
	arena_release(&s->arena);
}

static void defaults_fill_what_is_not_written(void)
{
	struct sample s;

	CHECK_STR(read_sample(&s, "path: /x\n"), "");
	CHECK_STR(str_of(s.options.path), "/x");
	CHECK(s.options.sync);
	CHECK_INT(s.options.codec, 0);
	CHECK_INT(s.options.flush_ms, 1000);
	CHECK_INT(s.options.rotate_bytes, 64 << 20);
	CHECK_INT(s.options.retries, 5);
	CHECK_INT(s.options.labels.n, 0);
	release(&s);
}

static void every_type_is_read(void)
{
	struct sample s;

	CHECK_STR(read_sample(&s, "path: \"/x y\"\nsync: false\ncodec: gzip\nflush: 1s500ms\n"
				  "rotate: 10MB\nretries: 0\nlabels: [a, 'b', 3]\n"),
		  "");
	CHECK_STR(str_of(s.options.path), "/x y");
	CHECK(!s.options.sync);
	CHECK_INT(s.options.codec, 1);
	CHECK_INT(s.options.flush_ms, 1500);
	CHECK_INT(s.options.rotate_bytes, 10000000);
	CHECK_INT(s.options.retries, 0);
	if (CHECK_INT(s.options.labels.n, 3)) {
		CHECK_STR(str_of(s.options.labels.list[0]), "a");
		CHECK_STR(str_of(s.options.labels.list[1]), "b");
		CHECK_STR(str_of(s.options.labels.list[2]), "3");
	}
	release(&s);
}

static void a_refused_value_leaves_the_default(void)
{
	struct sample s;

	CHECK(read_sample(&s, "path: relative\nsync: off\ncodec: gz\nflush: 5ms\nrotate: 1\n"
			      "retries: 101\nlabels: x\n")
		      .n > 0);
	CHECK_INT(s.complaints.n, 7);
	CHECK(s.options.path == NULL);
	CHECK(s.options.sync);
	CHECK_INT(s.options.codec, 0);
	CHECK_INT(s.options.flush_ms, 1000);
	CHECK_INT(s.options.rotate_bytes, 64 << 20);
	CHECK_INT(s.options.retries, 5);
	CHECK_INT(s.options.labels.n, 0);
	release(&s);
}

static void ranges_include_their_ends(void)
{
	static const struct {
		const char *text;
		size_t complaints;
	} rows[] = {
		{"{path: /x, flush: 10ms}", 0},	 {"{path: /x, flush: 9ms}", 1},
		{"{path: /x, flush: 1m}", 0},	 {"{path: /x, flush: 60001ms}", 1},
		{"{path: /x, rotate: 4KiB}", 0}, {"{path: /x, rotate: 4095}", 1},
		{"{path: /x, retries: 100}", 0}, {"{path: /x, retries: 101}", 1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct sample s;

		read_sample(&s, rows[i].text);
		CHECK_INT(s.complaints.n, rows[i].complaints);
		release(&s);
	}
}

static void durations_have_units(void)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: none */
	} rows[] = {
		{"0s", 0},
		{"500ms", 500},
		{"30s", 30000},
		{"5m", 300000},
		{"2d", 172800000},
		{"1h30m", 5400000},
		{"1d2h3m4s5ms", 93784005},
		{"", -1},
		{"10", -1},
		{"s", -1},
		{"1.5s", -1},
		{"-1s", -1},
		{"1s1s", -1},
		{"1s1m", -1},
		{"1 s", -1},
		{" 1s", -1},
		{"1s ", -1},
		{"01s", -1},
		{"1S", -1},
		{"+1s", -1},
		{"1sm", -1},
		{"1s1", -1},
		{"1m1", -1},
		{"9223372036854775807s", -1},
		{"99999999999999999999ms", -1},
		{"106751991167d1000d", -1},
		{"106751991167d23h", -1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		int64_t ms = -1;

		if (CHECK_INT(duration_parse(str_of(rows[i].text), &ms), rows[i].ms >= 0) &&
		    rows[i].ms >= 0)
			CHECK_INT(ms, rows[i].ms);
	}
}

static void sizes_have_binary_and_decimal_units(void)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: none */
	} rows[] = {
		{"0", 0},
		{"512", 512},
		{"1B", 1},
		{"64KiB", 65536},
		{"8MiB", 8388608},
		{"2GiB", 2147483648},
		{"3KB", 3000},
		{"10MB", 10000000},
		{"1GB", 1000000000},
		{"", -1},
		{"MiB", -1},
		{"1kib", -1},
		{"1K", -1},
		{"1 MiB", -1},
		{"1.5MiB", -1},
		{"0x10", -1},
		{"1_000", -1},
		{"-1", -1},
		{"007", -1},
		{"1MiB1KiB", -1},
		{"9223372036854775807", INT64_MAX},
		{"9223372036854775808", -1},
		{"9007199254740992KiB", -1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		int64_t bytes = -1;

		if (CHECK_INT(size_parse(str_of(rows[i].text), &bytes), rows[i].bytes >= 0) &&
		    rows[i].bytes >= 0)
			CHECK_INT(bytes, rows[i].bytes);
	}
}

static void units_are_written_as_they_are_read(void)
{
	static const int64_t values[] = {0,	   1,	    999,      1000,	 1024,
					 1536,	   59999,   60000,    90000,	 3600000,
					 86400000, 1000000, 10000000, 268435456, 1099511627776};
	struct buf text;
	int64_t back;

	buf_init(&text, 100);
	for (size_t i = 0; i < ARRAY_N(values); i++) {
		buf_clear(&text);
		duration_put(&text, values[i]);
		CHECK(duration_parse(buf_view(&text), &back));
		CHECK_INT(back, values[i]);
		buf_clear(&text);
		size_put(&text, values[i]);
		CHECK(size_parse(buf_view(&text), &back));
		CHECK_INT(back, values[i]);
	}
	buf_clear(&text);
	duration_put(&text, 5400000);
	buf_c(&text, ' ');
	size_put(&text, 8 << 20);
	buf_c(&text, ' ');
	size_put(&text, 10000000);
	buf_c(&text, ' ');
	size_put(&text, 1001);
	CHECK_STR(buf_view(&text), "1h30m 8MiB 10MB 1001B");
	buf_release(&text);
}

static void names_and_addresses_have_a_syntax(void)
{
	static const struct {
		const char *(*check)(struct str text);
		const char *text;
		bool fine;
	} rows[] = {
		{syntax_table, "abc", true},
		{syntax_table, "a.b-C_9", true},
		{syntax_table, "ab", false},
		{syntax_table, "a/b", false},
		{syntax_table, "a b", false},
		{syntax_table, "tabl\xC3\xA9", false},
		{syntax_application, "x", true},
		{syntax_application, "", false},
		{syntax_application, "x:y", false},
		{syntax_worker, "host-1.example", true},
		{syntax_worker, "host/1", false},
		{syntax_sink, "audit_2", true},
		{syntax_sink, "a.b", false},
		{syntax_region, "eu-central-1", true},
		{syntax_region, "eu.evil.example", false},
		{syntax_endpoint, "http://127.0.0.1:8000", true},
		{syntax_endpoint, "https://dynamodb.example.com", true},
		{syntax_endpoint, "https://dynamodb.example.com/", true},
		{syntax_endpoint, "http://[::1]:8000", true},
		{syntax_endpoint, "http://[::1]", true},
		{syntax_endpoint, "http://localhost:65535", true},
		{syntax_endpoint, "http://localhost:65536", false},
		{syntax_endpoint, "http://localhost:0", false},
		{syntax_endpoint, "http://localhost:", false},
		{syntax_endpoint, "http://localhost:80a", false},
		{syntax_endpoint, "http://localhost:8000/path", false},
		{syntax_endpoint, "http://user@localhost", false},
		{syntax_endpoint, "http://localhost?x", false},
		{syntax_endpoint, "http://", false},
		{syntax_endpoint, "http:///", false},
		{syntax_endpoint, "http://[::1", false},
		{syntax_endpoint, "http://[]", false},
		{syntax_endpoint, "http://[::1]x", false},
		{syntax_endpoint, "HTTP://localhost", false},
		{syntax_endpoint, "ftp://localhost", false},
		{syntax_endpoint, "localhost:8000", false},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		bool fine = rows[i].check(str_of(rows[i].text)) == NULL;

		if (!CHECK_INT(fine, rows[i].fine))
			fprintf(stderr, "  it was: %s\n", rows[i].text);
	}
}

static void the_longest_application_makes_the_longest_table_name(void)
{
	char name[256];

	memset(name, 'a', sizeof(name));
	CHECK(syntax_application(str_make(name, 248)) == NULL);
	CHECK(syntax_application(str_make(name, 249)) != NULL);
	CHECK(syntax_table(str_make(name, 255)) == NULL);
	CHECK(syntax_table(str_make(name, 256)) != NULL);
}

int main(void)
{
	CHECK_RUN(defaults_fill_what_is_not_written);
	CHECK_RUN(every_type_is_read);
	CHECK_RUN(a_refused_value_leaves_the_default);
	CHECK_RUN(ranges_include_their_ends);
	CHECK_RUN(durations_have_units);
	CHECK_RUN(sizes_have_binary_and_decimal_units);
	CHECK_RUN(units_are_written_as_they_are_read);
	CHECK_RUN(names_and_addresses_have_a_syntax);
	CHECK_RUN(the_longest_application_makes_the_longest_table_name);
	return check_end();
}
