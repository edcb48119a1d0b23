/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook sink in a scripted world, for the tests that include this: options as a user writes them, files
 * with secrets, and deliveries of small records {"n":0}, {"n":1}, ...
 */
#ifndef TESTS_HOOK_FIXTURE_H
#define TESTS_HOOK_FIXTURE_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "config/option.h"
#include "config/syntax.h"
#include "config/yaml_tree.h"
#include "sinks/webhook.h"
#include "tests/check.h"
#include "tests/unit/scripted_world.h"

enum { PARCELS = 4, RECORDS_MAX = 16 };

#define HOOK_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

/* One delivery, and how it ended. */
struct parcel {
	struct delivery delivery;
	int done;
	enum delivery_result result;
	size_t acked;
	struct error why;
};

static struct {
	struct world world;
	struct sink_env env;
	struct arena arena;
	void *options;
	struct sink *sink;
	struct encoder encoder;
	struct source source;
	struct event events[RECORDS_MAX];
	char text[RECORDS_MAX][32], ids[RECORDS_MAX][32], seqnos[RECORDS_MAX][32],
		keys[RECORDS_MAX][32];
	char bytes[1024];
	uint32_t ends[RECORDS_MAX];
	struct parcel parcels[PARCELS];
	char long_text[4096];
} h;

static char hook_dir[64];

static const char hook_cursors[2];

static const struct framing hook_framing = {
	"<", ">", "[", "]", "application/one", "application/json", false,
};

static const struct framing lone_framing = {"<", ">", "", "", "application/one", "", true};

static void hook_attributes(const struct encoder *encoder, const struct source *source,
			    const struct event *event, attribute_fn *put, void *arg)
{
	(void)encoder;
	(void)source;
	(void)event;
	put(arg, STR("subject"), STR("Euro \xE2\x82\xAC \xF0\x9F\x98\x80\"%~"));
}

/* Goes into the folder of this test's files, made on first use. */
static void enter_folder(void)
{
	if (hook_dir[0] != '\0')
		return;
	snprintf(hook_dir, sizeof(hook_dir), "/tmp/ddbtap-hook-%d", (int)getpid());
	must(mkdir(hook_dir, 0700) == 0 && chdir(hook_dir) == 0);
}

static void put_secret(const char *name, const char *text, mode_t mode)
{
	FILE *file;

	enter_folder();
	file = fopen(name, "w");
	must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	must(chmod(name, mode) == 0);
}

/* Reads options as a user writes them; complaints go to `out`. */
static void read_options(const char *text, struct buf *out)
{
	struct option_reader reader = {
		.targets = {{sink_webhook.options, sink_webhook.n_options, NULL}},
		.n_targets = 1,
		.what = "a sink",
		.arena = &h.arena,
	};
	struct complaints *complaints = mem_alloc(sizeof(*complaints));
	struct node *root;

	h.options = arena_alloc(&h.arena, sink_webhook.options_bytes);
	reader.targets[0].into = h.options;
	reader.complaints = complaints;
	complaints_init(complaints, STR("t"), str_of(text));
	root = yaml_tree(str_of(text), &h.arena, complaints);
	option_defaults(&reader.targets[0], &h.arena);
	if (root != NULL)
		option_read(&reader, root);
	complaints_print(complaints, out);
	complaints_release(complaints);
	mem_free(complaints);
}

/* Everything but the sink; options that sign but name no secret get one. */
static void setup(const char *options)
{
	struct buf out, text;
	uint32_t at = 0;

	memset(&h, 0, sizeof(h));
	enter_folder();
	world_init(&h.world);
	arena_init(&h.arena);
	buf_init(&out, 100000);
	buf_init(&text, 100000);
	buf_fmt(&text, "%s", options);
	if (strstr(options, "signature: none") == NULL &&
	    strstr(options, "secret_file: ") == NULL) {
		put_secret("secret", HOOK_SECRET, 0600);
		buf_str(&text, STR("secret_file: secret\n"));
	}
	buf_c(&text, '\0');
	read_options(text.p, &out);
	CHECK_STR(buf_view(&out), "");
	buf_release(&text);
	buf_release(&out);
	memset(h.long_text, ' ', sizeof(h.long_text));
	h.encoder = (struct encoder){.framing = &hook_framing, .attributes = hook_attributes};
	h.source = (struct source){.stream_arn = STR("arn:stream"), .shard_id = STR("shard-1")};
	h.env = (struct sink_env){
		.io = &h.world.io,
		.web = &h.world.web,
		.name = STR("hook"),
		.application = STR("app"),
		.ca_file = "/everybodys.pem",
	};
	for (int i = 0; i < RECORDS_MAX; i++) {
		int n = snprintf(h.text[i], sizeof(h.text[i]), "<{\"n\":%d}>\n", i);

		memcpy(h.bytes + at, h.text[i], (size_t)n);
		at += (uint32_t)n;
		h.ends[i] = at;
		snprintf(h.ids[i], sizeof(h.ids[i]), "event-%d", i);
		snprintf(h.seqnos[i], sizeof(h.seqnos[i]), "1000000000000000000%02d", i);
		snprintf(h.keys[i], sizeof(h.keys[i]), "{\"k\":{\"N\":\"%d\"}}", i);
		h.events[i] = (struct event){
			.id = str_of(h.ids[i]),
			.seqno = str_of(h.seqnos[i]),
			.keys = str_of(h.keys[i]),
		};
	}
}

static void setup_open(const char *options)
{
	struct error err = {ERROR_NONE, ""};

	setup(options);
	h.sink = sink_webhook.open(&h.env, h.options, &err);
	CHECK_STR(str_of(err.text), "");
	must(h.sink != NULL);
}

static void close_sink(void)
{
	h.sink->type->close(h.sink);
	h.sink = NULL;
}

static void remove_folder(void)
{
	static const char *const names[] = {"secret", "token", "client", "password", "other"};

	for (size_t i = 0; i < ARRAY_N(names); i++)
		unlink(names[i]);
	rmdir(hook_dir);
	hook_dir[0] = '\0';
}

static void teardown(void)
{
	if (h.sink != NULL)
		close_sink();
	arena_release(&h.arena);
	world_release(&h.world);
	remove_folder();
}

static void turn(void)
{
	world_turn(&h.world);
}

static void on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
		    const struct error *why)
{
	struct parcel *parcel = CONTAINER_OF(delivery, struct parcel, delivery);

	parcel->done++;
	parcel->result = result;
	parcel->acked = acked;
	if (why != NULL)
		parcel->why = *why;
}

/* Submits the first `n` records as delivery `i` of a cursor. */
static void submit_to(int i, size_t n, int cursor)
{
	h.parcels[i] = (struct parcel){.done = 0};
	h.parcels[i].delivery = (struct delivery){
		.bytes = str_make(h.bytes, h.ends[n - 1]),
		.ends = h.ends,
		.n = n,
		.events = h.events,
		.encoder = &h.encoder,
		.source = &h.source,
		.cursor = &hook_cursors[cursor],
		.done = on_done,
	};
	h.sink->type->submit(h.sink, &h.parcels[i].delivery);
}

static void submit(int i, size_t n)
{
	submit_to(i, n, 0);
}

/* Answers the oldest request. */
static void answer(int status, const char *body)
{
	must(world_sent(&h.world, 0) != NULL);
	world_answer(&h.world, world_sent(&h.world, 0), status, body);
}

static bool ended(int i, enum delivery_result result, size_t acked)
{
	const struct parcel *parcel = &h.parcels[i];

	return CHECK_INT(parcel->done, 1) && parcel->result == result && parcel->acked == acked;
}

#endif
