/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work on one page between the network and the disk, without either: CPU time, or so many rounds
 * for a program that counts instructions.
 *
 *	kernel_bench                     a line for each stage: nanoseconds per record
 *	kernel_bench STAGE KIND ROUNDS   so many rounds of one stage; prints the records of one round
 *	kernel_bench --list              the stages and kinds that there are
 *	kernel_bench --items KIND N V    the items 0 to N - 1 in version V, one per line
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/base64.h"
#include "base/json.h"
#include "consumer/change/scan.h"
#include "consumer/change/value.h"
#include "proto/transcode.h"
#include "sinks/formats/native.h"
#include "tests/bench/corpus.h"

enum { RECORDS = 256, OUT_MAX = 64 << 20, MEASURE_NS = 200 * 1000 * 1000, TURNS = 5 };

/* What a stage works on. */
struct bench {
	struct buf body, blobs, out;
	struct arena arena;
	struct page page;
	struct str wires[RECORDS]; /* into blobs */
	struct schema *schema;
	struct encoder *encoder;
};

typedef void stage_fn(struct bench *bench);

static const struct source source = {
	.table = STR_INIT("things"),
	.stream_arn = STR_INIT("arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/"
			       "2026-01-02T03:04:05.678"),
	.region = STR_INIT("eu-west-1"),
	.shard_id = STR_INIT("shardId-00000001550840986131-382ec8f8"),
};

/* Scans the page. */
static void scan(struct bench *bench)
{
	struct arena arena;
	struct page page;

	arena_init(&arena);
	must(scan_page(&arena, buf_view(&bench->body), &page, NULL));
	arena_release(&arena);
}

/* Encodes all events of the page. */
static void encode(struct bench *bench)
{
	buf_clear(&bench->out);
	for (size_t i = 0; i < bench->page.n; i++)
		bench->encoder->encode(bench->encoder, &source, &bench->page.events[i],
				       &bench->out);
}

/* Shows all messages as JSON. */
static void show(struct bench *bench)
{
	const struct message *message = schema_message(bench->schema, STR("RecordSetChange"));
	struct transcode_options options = {0};

	buf_clear(&bench->out);
	for (size_t i = 0; i < RECORDS; i++)
		must(transcode(message, bench->wires[i], &options, &bench->out, NULL));
}

static const struct stage {
	const char *name;
	enum corpus_kind kind;
	const char *kind_name;
	stage_fn *run;
	bool summary;
} stages[] = {
	{"scan", CORPUS_PLAIN, "plain", scan, false},
	{"scan", CORPUS_VINYLDNS, "vinyldns", scan, false},
	{"scan", CORPUS_HOSTILE, "hostile", scan, false},
	{"encode", CORPUS_PLAIN, "plain", encode, false},
	{"encode", CORPUS_VINYLDNS, "vinyldns", encode, false},
	{"encode", CORPUS_HOSTILE, "hostile", encode, false},
	{"summary", CORPUS_VINYLDNS, "vinyldns", encode, true},
	{"transcode", CORPUS_VINYLDNS, "vinyldns", show, false},
};

/* Takes the blobs out of some items. */
static void collect_blobs(struct bench *bench)
{
	struct buf item;

	buf_init(&item, 1 << 20);
	buf_reserve(&bench->blobs, RECORDS * 2048);
	for (size_t i = 0; i < RECORDS; i++) {
		struct value value = {0};
		struct json json;
		struct str key;
		size_t from = bench->blobs.n;

		buf_clear(&item);
		corpus_item(&item, CORPUS_VINYLDNS, i, 1);
		json_init(&json, buf_view(&item));
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key))
			value_scan(&json, &value);
		must(value.tag == VALUE_B && base64_decode(&bench->blobs, value.payload));
		bench->wires[i] = str_make(bench->blobs.p + from, bench->blobs.n - from);
	}
	buf_release(&item);
}

/* Makes all that the stage needs. */
static void bench_init(struct bench *bench, const struct stage *stage)
{
	const struct native_options options = {.image.mask = true, .summary = stage->summary};
	const struct profile_role *role =
		stage->kind != CORPUS_VINYLDNS
			? NULL
			: profile_role(profile_find(STR("vinyldns")), STR("record_set_change"));
	struct error err = {0};

	*bench = (struct bench){0};
	buf_init(&bench->body, OUT_MAX);
	buf_init(&bench->blobs, OUT_MAX);
	buf_init(&bench->out, OUT_MAX);
	arena_init(&bench->arena);
	corpus_page(&bench->body, stage->kind, RECORDS);
	must(scan_page(&bench->arena, buf_view(&bench->body), &bench->page, &err));
	must(bench->page.n == RECORDS);
	bench->schema = schema_vinyldns(&err);
	bench->encoder = native_new(&options, role, bench->schema, &err);
	must(bench->encoder != NULL);
	if (stage->run == show)
		collect_blobs(bench);
	stage->run(bench);
	if (stage->run == encode)
		must(memmem(bench->out.p, bench->out.n, "undecodable", 11) == NULL);
}

/* Frees it. */
static void bench_release(struct bench *bench)
{
	native_free(bench->encoder);
	schema_free(bench->schema);
	arena_release(&bench->arena);
	buf_release(&bench->body);
	buf_release(&bench->blobs);
	buf_release(&bench->out);
}

/* Nanoseconds of CPU time that this process has taken. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The CPU time of one record: the best of some turns, as what disturbs only adds. */
static int64_t measure(struct bench *bench, const struct stage *stage)
{
	int64_t best = INT64_MAX;

	for (int turn = 0; turn < TURNS; turn++) {
		int64_t start = cpu_ns(), spent = 0, rounds = 0;

		for (; spent < MEASURE_NS / TURNS; rounds++) {
			stage->run(bench);
			spent = cpu_ns() - start;
		}
		if (spent / rounds / RECORDS < best)
			best = spent / rounds / RECORDS;
	}
	return best;
}

/* Measures all stages. */
static int measure_all(void)
{
	for (size_t i = 0; i < ARRAY_N(stages); i++) {
		struct bench bench;

		bench_init(&bench, &stages[i]);
		printf("%s %s %" PRId64 " ns per record of %zu bytes\n", stages[i].name,
		       stages[i].kind_name, measure(&bench, &stages[i]), bench.body.n / RECORDS);
		bench_release(&bench);
	}
	return 0;
}

/* Prints items. */
static int print_items(enum corpus_kind kind, uint64_t n, unsigned version)
{
	struct buf item;

	buf_init(&item, 1 << 20);
	for (uint64_t i = 0; i < n; i++) {
		buf_clear(&item);
		corpus_item(&item, kind, i, version);
		buf_c(&item, '\n');
		must(fwrite(item.p, 1, item.n, stdout) == item.n);
	}
	buf_release(&item);
	return 0;
}

/* Runs one stage. */
static int run_stage(struct str name, struct str kind_name, uint64_t rounds)
{
	for (size_t i = 0; i < ARRAY_N(stages); i++) {
		struct bench bench;

		if (!str_eq(name, str_of(stages[i].name)) ||
		    !str_eq(kind_name, str_of(stages[i].kind_name)))
			continue;
		bench_init(&bench, &stages[i]);
		for (; rounds > 0; rounds--)
			stages[i].run(&bench);
		printf("%d\n", RECORDS);
		bench_release(&bench);
		return 0;
	}
	return 64;
}

int main(int argc, char **argv)
{
	enum corpus_kind kind;
	uint64_t a, b;

	if (argc == 1)
		return measure_all();
	if (argc == 2 && str_eq(str_of(argv[1]), STR("--list"))) {
		for (size_t i = 0; i < ARRAY_N(stages); i++)
			printf("%s %s\n", stages[i].name, stages[i].kind_name);
		return 0;
	}
	if (argc == 4 && str_to_u64(str_of(argv[3]), &a))
		return run_stage(str_of(argv[1]), str_of(argv[2]), a);
	if (argc == 5 && str_eq(str_of(argv[1]), STR("--items")) &&
	    corpus_kind_parse(str_of(argv[2]), &kind) && str_to_u64(str_of(argv[3]), &a) &&
	    str_to_u64(str_of(argv[4]), &b))
		return print_items(kind, a, (unsigned)b);
	fprintf(stderr, "usage: see tests/bench/kernel_bench.c\n");
	return 64;
}
