/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/host/loop.h"
#include "sinks/stdout.h"
#include "tests/check.h"

enum { GUARD_MS = 20 * 1000, RECORD_BYTES = 10000, RECORDS = 4, PARCELS = 8 };

/* Deliveries of RECORDS records each, of which the pipe takes about one and a half. */
struct parcel {
	struct delivery delivery;
	char bytes[RECORD_BYTES * RECORDS];
	uint32_t ends[RECORDS];
	int done, order;
	enum delivery_result result;
	size_t acked;
	struct error why;
};

static struct {
	struct keys *keys;
	struct loop *loop;
	struct io *io;
	struct io_timer guard;
	struct sink *sink;
	bool hung;
	int wanted, done;
	int saved_stdout, reader;
	struct parcel parcels[PARCELS];
} f;

static void on_guard(struct io_timer *timer)
{
	(void)timer;
	f.hung = true;
	loop_stop(f.loop);
}

static void on_stop(struct io_timer *timer)
{
	(void)timer;
	loop_stop(f.loop);
}

static void on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
		    const struct error *why)
{
	struct parcel *parcel = CONTAINER_OF(delivery, struct parcel, delivery);

	parcel->done++;
	parcel->order = ++f.done;
	parcel->result = result;
	parcel->acked = acked;
	if (why != NULL)
		parcel->why = *why;
	if (f.done >= f.wanted)
		loop_stop(f.loop);
}

/* A loop, and standard output replaced by `fd`, which is taken. */
static void setup(int fd)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
	};
	struct error err;

	f.keys = keys_new(&keys_options);
	options.keys = f.keys;
	f.loop = loop_new(&options, &err);
	must(f.loop != NULL);
	f.io = loop_io(f.loop);
	f.guard.fire = on_guard;
	fflush(stdout);
	f.saved_stdout = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
}

static void open_sink(void)
{
	struct sink_env env = {.io = f.io, .name = STR("out")};
	struct error err;

	f.sink = sink_stdout.open(&env, NULL, &err);
	must(f.sink != NULL);
}

/* Standard output is a pipe that we can read. */
static void setup_pipe(void)
{
	int fds[2];

	memset(&f, 0, sizeof(f));
	must(pipe(fds) == 0);
	f.reader = fds[0];
	setup(fds[1]);
	open_sink();
}

static void teardown(void)
{
	if (f.sink != NULL)
		f.sink->type->close(f.sink);
	dup2(f.saved_stdout, STDOUT_FILENO);
	close(f.saved_stdout);
	if (f.reader > 0)
		close(f.reader);
	CHECK(!f.hung);
	loop_free(f.loop);
	keys_free(f.keys);
}

static void submit(int i)
{
	struct parcel *parcel = &f.parcels[i];

	memset(parcel->bytes, 'a' + i, sizeof(parcel->bytes));
	for (uint32_t r = 0; r < RECORDS; r++) {
		parcel->ends[r] = (r + 1) * RECORD_BYTES;
		parcel->bytes[parcel->ends[r] - 1] = '\n';
	}
	parcel->delivery = (struct delivery){
		.bytes = str_make(parcel->bytes, sizeof(parcel->bytes)),
		.ends = parcel->ends,
		.n = RECORDS,
		.done = on_done,
	};
	f.sink->type->submit(f.sink, &parcel->delivery);
}

/* Runs the loop until `n` more deliveries are done, or for `ms`. */
static void run(int n, int ms)
{
	struct io_timer pause = {.fire = on_stop};

	f.wanted = f.done + n;
	io_timer_set(f.io, &f.guard, io_now_ms(f.io) + GUARD_MS);
	if (ms > 0)
		io_timer_set(f.io, &pause, io_now_ms(f.io) + ms);
	loop_run(f.loop);
	io_timer_cancel(f.io, &pause);
}

/* Reads exactly `n` bytes of what the sink wrote. */
static void read_bytes(char *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = read(f.reader, to + at, n - at);

		must(got > 0);
		at += (size_t)got;
	}
}

static char got[PARCELS * RECORD_BYTES * RECORDS];

static void what_the_reader_did_not_take_is_not_acknowledged(void)
{
	setup_pipe();
	for (int i = 0; i < 4; i++)
		submit(i);
	run(1, 0); /* the first is a group of its own and fits */
	CHECK(f.parcels[0].result == DELIVERY_OK && f.parcels[0].acked == RECORDS);
	run(10, 60);
	CHECK_INT(f.done, 1);
	read_bytes(got, 2 * sizeof(f.parcels[0].bytes));
	run(10, 60);
	CHECK_INT(f.done, 1); /* the rest is one group, and most of it is in nobody's hands */
	read_bytes(got + 2 * sizeof(f.parcels[0].bytes), 2 * sizeof(f.parcels[0].bytes));
	run(3, 0);
	for (int i = 0; i < 4; i++) {
		CHECK(f.parcels[i].result == DELIVERY_OK && f.parcels[i].order == i + 1);
		CHECK(memcmp(got + (size_t)i * sizeof(f.parcels[0].bytes), f.parcels[i].bytes,
			     sizeof(f.parcels[i].bytes)) == 0);
	}
	teardown();
}

static void a_reader_that_goes_away_is_fatal(void)
{
	setup_pipe();
	for (int i = 0; i < 5; i++)
		submit(i);
	run(1, 0);
	run(10, 60); /* the pipe's 64 KiB are full in the middle of the second delivery */
	read_bytes(got, 40000);
	usleep(50 * 1000);
	close(f.reader);
	f.reader = -1;
	run(4, 0);
	CHECK(f.parcels[1].result == DELIVERY_OK && f.parcels[1].acked == RECORDS);
	CHECK(f.parcels[2].result == DELIVERY_FATAL);
	CHECK(f.parcels[2].acked >= 1 && f.parcels[2].acked < RECORDS);
	CHECK(strstr(f.parcels[2].why.text, "its reader is gone") != NULL);
	for (int i = 3; i < 5; i++)
		CHECK(f.parcels[i].result == DELIVERY_RETRY && f.parcels[i].acked == 0);
	submit(5);
	run(1, 0);
	CHECK(f.parcels[5].result == DELIVERY_FATAL && f.parcels[5].acked == 0);
	teardown();
}

static void closing_does_not_wait_for_the_reader(void)
{
	int64_t start_ms;

	setup_pipe();
	for (int i = 0; i < 4; i++)
		submit(i);
	run(10, 60);
	start_ms = io_now_ms(f.io);
	f.sink->type->close(f.sink);
	f.sink = NULL;
	CHECK(io_now_ms(f.io) - start_ms < 1000);
	run(10, 30);
	CHECK_INT(f.done, 1);
	teardown();
}

static void a_file_takes_it_too(void)
{
	FILE *file = tmpfile();

	memset(&f, 0, sizeof(f));
	setup(dup(fileno(file)));
	open_sink();
	for (int i = 0; i < PARCELS; i++)
		submit(i);
	run(PARCELS, 0);
	CHECK_INT(pread(fileno(file), got, sizeof(got), 0), sizeof(got));
	for (int i = 0; i < PARCELS; i++)
		CHECK(memcmp(got + (size_t)i * sizeof(f.parcels[0].bytes), f.parcels[i].bytes,
			     sizeof(f.parcels[i].bytes)) == 0);
	fclose(file);
	teardown();
}

static void standard_output_must_be_open(void)
{
	struct sink_env env = {.io = NULL, .name = STR("out")};
	struct error err = {0};

	memset(&f, 0, sizeof(f));
	setup(open("/dev/null", O_RDONLY));
	CHECK(sink_stdout.open(&env, NULL, &err) == NULL);
	CHECK(strstr(err.text, "not open for writing") != NULL);
	close(STDOUT_FILENO);
	CHECK(sink_stdout.open(&env, NULL, &err) == NULL);
	teardown();
}

int main(void)
{
	CHECK_RUN(what_the_reader_did_not_take_is_not_acknowledged);
	CHECK_RUN(a_reader_that_goes_away_is_fatal);
	CHECK_RUN(closing_does_not_wait_for_the_reader);
	CHECK_RUN(a_file_takes_it_too);
	CHECK_RUN(standard_output_must_be_open);
	return check_end();
}
