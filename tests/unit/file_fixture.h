/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file sink on real files in a folder of its own, with system calls that fail on demand. Included into one
 * source of a program.
 */
#ifndef UNIT_FILE_FIXTURE_H
#define UNIT_FILE_FIXTURE_H

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/option.h"
#include "consumer/host/loop.h"
#include "sinks/file.h"
#include "tests/check.h"
#include "tests/unit/failing_calls.h"

enum { GUARD_MS = 20 * 1000, DELIVERIES = 64 };

/* The sink's options, as its table has them. */
struct file_test_options {
	const char *path, *mode;
	int compress;
	int64_t rotate_bytes, rotate_ms, finish_ms, files_max;
};

/* One delivery of records, and how it ended. */
struct parcel {
	struct delivery delivery;
	char text[64];
	uint32_t ends[8];
	struct event events[2];
	char seqnos[2][24];
	int done, order;
	enum delivery_result result;
	size_t acked;
	struct error why;
	struct parcel *resubmit_as; /* submitted when this one is done */
};

static struct {
	struct keys *keys;
	struct loop *loop;
	struct io *io;
	struct io_timer guard;
	struct sink *sink;
	bool hung;
	int wanted, done;
	char dir[64], path[96], journal[96];
	struct parcel parcels[DELIVERIES];
} f;

static const char cursors[2];
static const struct source sources[2] = {
	{.table = STR_INIT("t"), .stream_arn = STR_INIT("arn:t"), .shard_id = STR_INIT("shard-0")},
	{.table = STR_INIT("t"), .stream_arn = STR_INIT("arn:t"), .shard_id = STR_INIT("shard-1")},
};

/* It took too long. */
static inline void on_guard(struct io_timer *timer)
{
	(void)timer;
	f.hung = true;
	loop_stop(f.loop);
}

/* Notes how a delivery ended, and stops the loop with the last one. */
static inline void on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
			   const struct error *why)
{
	struct parcel *parcel = CONTAINER_OF(delivery, struct parcel, delivery);

	parcel->done++;
	parcel->order = ++f.done;
	parcel->result = result;
	parcel->acked = acked;
	if (why != NULL)
		parcel->why = *why;
	if (parcel->resubmit_as != NULL)
		f.sink->type->submit(f.sink, &parcel->resubmit_as->delivery);
	if (f.done >= f.wanted)
		loop_stop(f.loop);
}

/* Opens the sink; NULL with `err` set when it cannot be. */
static inline struct sink *open_sink(const char *path, const char *mode, struct error *err)
{
	struct file_test_options options = {.path = path, .mode = mode};
	struct sink_env env = {.io = f.io, .name = STR("audit")};

	must(sink_file.options_bytes == sizeof(options));
	return sink_file.open(&env, &options, err);
}

/* An empty folder, a loop, no sink yet. */
static inline void setup(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = IO_ERROR,
	};
	struct error err;

	memset(&f, 0, sizeof(f));
	memset(&fault, 0, sizeof(fault));
	snprintf(f.dir, sizeof(f.dir), "/tmp/ddbtap-file-%d", (int)getpid());
	must(mkdir(f.dir, 0700) == 0);
	snprintf(f.path, sizeof(f.path), "%s/out.jsonl", f.dir);
	snprintf(f.journal, sizeof(f.journal), "%s/.out.jsonl.journal", f.dir);
	f.keys = keys_new(&keys_options);
	options.keys = f.keys;
	f.loop = loop_new(&options, &err);
	must(f.loop != NULL);
	f.io = loop_io(f.loop);
	f.guard.fire = on_guard;
}

/* The same with a sink on one plain file. */
static inline void setup_open(void)
{
	struct error err;

	setup();
	f.sink = open_sink(f.path, "0640", &err);
	must(f.sink != NULL);
}

/* Frees everything; the folder must be empty but for the file and its journal. */
static inline void teardown(void)
{
	CHECK(!f.hung);
	fault.hold = false;
	if (f.sink != NULL)
		f.sink->type->close(f.sink);
	loop_free(f.loop);
	keys_free(f.keys);
	unlink(f.path);
	unlink(f.journal);
	CHECK_INT(rmdir(f.dir), 0);
}

/* Makes delivery `i` of two records, "i.0" and "i.1". */
static inline struct parcel *parcel_of(int i, int cursor)
{
	struct parcel *parcel = &f.parcels[i];
	int first = snprintf(NULL, 0, "%d.0\n", i);

	snprintf(parcel->text, sizeof(parcel->text), "%d.0\n%d.1\n", i, i);
	parcel->ends[0] = 100 + (uint32_t)first;
	parcel->ends[1] = 100 + (uint32_t)strlen(parcel->text);
	for (int k = 0; k < 2; k++) {
		snprintf(parcel->seqnos[k], sizeof(parcel->seqnos[k]), "%d%d", 100 + i, k);
		parcel->events[k] = (struct event){.seqno = str_of(parcel->seqnos[k]),
						   .time_ms = 1767323045000};
	}
	parcel->delivery = (struct delivery){
		.events = parcel->events,
		.source = &sources[cursor],
		.bytes = str_of(parcel->text),
		.ends = parcel->ends,
		.base = 100,
		.n = 2,
		.cursor = &cursors[cursor],
		.done = on_done,
	};
	return parcel;
}

/* Submits delivery `i`. */
static inline void submit(int i, int cursor)
{
	f.sink->type->submit(f.sink, &parcel_of(i, cursor)->delivery);
}

/* Runs the loop until `n` more deliveries are done. */
static inline void run(int n)
{
	f.wanted = f.done + n;
	io_timer_set(f.io, &f.guard, io_now_ms(f.io) + GUARD_MS);
	loop_run(f.loop);
}

/* The pause is over. */
static inline void on_stop(struct io_timer *timer)
{
	(void)timer;
	loop_stop(f.loop);
}

/* Runs the loop for a while. */
static inline void run_ms(int ms)
{
	struct io_timer pause = {.fire = on_stop};

	f.wanted = f.done + 1000;
	io_timer_set(f.io, &pause, io_now_ms(f.io) + ms);
	loop_run(f.loop);
}

/* What is in the file. */
static inline struct str content(void)
{
	static char text[65536];
	int fd = open(f.path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text));

	close(fd);
	return str_make(text, n < 0 ? 0 : (size_t)n);
}

/* Makes the file. */
static inline void put_file(const char *text)
{
	FILE *out = fopen(f.path, "w");

	must(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

/* What a crash leaves: the files as they are, and a sink that begins anew. */
static inline void crash_and_open(void)
{
	struct error err;

	f.sink->type->close(f.sink);
	f.sink = open_sink(f.path, "0640", &err);
	must(f.sink != NULL);
}

#endif
