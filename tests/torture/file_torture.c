/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the n-th system call of the file sink go wrong, for every n: it fails, does half of its work, or
 * the process dies before or after it. Then starts again without faults.
 *
 * What must hold: whatever was acknowledged is in the files at once and for ever; in the end there are
 * whole lines only, of each cursor all of them, in order, and none twice, also when the process died.
 * Once with one file, and once with files by shard that are compressed and rotated.
 *
 * The calls are replaced by defining them here: the linker prefers that to libc's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "consumer/host/loop.h"
#include "sinks/file.h"
#include "tests/check.h"

enum { CURSORS = 2, RECORDS = 20, OUTSTANDING = 3, GUARD_MS = 10 * 1000 };
enum { DIED = 99, STUCK = 98, ORDER_BROKEN = 97, FORGOTTEN = 96 };
enum { FIRST_SEQNO = 1000 };

enum fault {
	FAULT_NONE,
	FAULT_ERROR,
	FAULT_HALF,
	FAULT_DIE_BEFORE,
	FAULT_DIE_HALF,
	FAULT_DIE_AFTER
};

/* What goes wrong: call number `at` (from 1), and, if `again` is set, the one so many calls later. */
static struct {
	enum fault fault;
	int number; /* errno for FAULT_ERROR */
	int at, again;
	int calls;
	bool armed;
} plan;

static char dir[64], path[96], acks_path[96];
static char template[128];
static bool rolling; /* many files, compressed */

static const struct source sources[CURSORS] = {
	{.table = STR_INIT("t"), .stream_arn = STR_INIT("arn:t"), .shard_id = STR_INIT("c0")},
	{.table = STR_INIT("t"), .stream_arn = STR_INIT("arn:t"), .shard_id = STR_INIT("c1")},
};

/* Counts a call and says what happens in it. */
static enum fault next_fault(void)
{
	if (!plan.armed)
		return FAULT_NONE;
	plan.calls++;
	if (plan.calls != plan.at && (plan.again == 0 || plan.calls != plan.at + plan.again))
		return FAULT_NONE;
	if (plan.fault == FAULT_DIE_BEFORE)
		_exit(DIED);
	return plan.fault;
}

/* Ends a replaced call: the result that its real self had, or that of the fault. */
static long outcome(enum fault fault, long result)
{
	if (fault == FAULT_DIE_AFTER || fault == FAULT_DIE_HALF)
		_exit(DIED);
	return result;
}

/* Whether the call is not to be made at all; sets errno. */
static bool fails(enum fault fault)
{
	if (fault != FAULT_ERROR)
		return false;
	errno = plan.number;
	return true;
}

int open(const char *name, int flags, ...)
{
	enum fault fault = next_fault();

	return fails(fault) ? -1
			    : (int)outcome(fault, syscall(SYS_openat, AT_FDCWD, name, flags, 0640));
}

int fdatasync(int fd)
{
	enum fault fault = next_fault();

	return fails(fault) ? -1 : (int)outcome(fault, syscall(SYS_fdatasync, fd));
}

int fsync(int fd)
{
	enum fault fault = next_fault();

	return fails(fault) ? -1 : (int)outcome(fault, syscall(SYS_fsync, fd));
}

int ftruncate(int fd, off_t size)
{
	enum fault fault = next_fault();

	return fails(fault) ? -1 : (int)outcome(fault, syscall(SYS_ftruncate, fd, size));
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
	enum fault fault = next_fault();

	if (fault == FAULT_HALF || fault == FAULT_DIE_HALF)
		return outcome(fault,
			       syscall(SYS_write, fd, parts->iov_base, parts->iov_len / 2 + 1));
	/* Some of it gets through first, as on a disk that fills up; but not before EINTR. */
	if (fault == FAULT_ERROR && plan.number != EINTR)
		syscall(SYS_write, fd, parts->iov_base, parts->iov_len / 2);
	return fails(fault) ? -1 : outcome(fault, syscall(SYS_writev, fd, parts, n));
}

/* The journal's; what is no file is not tortured. */
ssize_t write(int fd, const void *bytes, size_t n)
{
	struct stat st;
	enum fault fault = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? next_fault() : FAULT_NONE;

	if (fault == FAULT_HALF || fault == FAULT_DIE_HALF)
		return outcome(fault, syscall(SYS_write, fd, bytes, n / 2 + 1));
	if (fault == FAULT_ERROR && plan.number != EINTR)
		syscall(SYS_write, fd, bytes, n / 2);
	return fails(fault) ? -1 : outcome(fault, syscall(SYS_write, fd, bytes, n));
}

int rename(const char *from, const char *to)
{
	enum fault fault = next_fault();

	return fails(fault)
		       ? -1
		       : (int)outcome(fault, syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	enum fault fault = next_fault();

	return fails(fault) ? -1
			    : (int)outcome(fault, syscall(SYS_renameat2, from_dir, from, to_dir, to,
							  flags));
}

/* One cursor of an engine in small: submits, submits again what failed, and notes what is acknowledged. */
struct cursor {
	int id, submitted, acked, outstanding;
};

struct parcel {
	struct delivery delivery;
	struct cursor *cursor;
	int first;
	struct buf bytes;
	uint32_t ends[3];
	struct event events[3];
	char seqnos[3][16];
};

static struct {
	struct loop *loop;
	struct sink *sink;
	struct cursor cursors[CURSORS];
	int acks_fd;
} world;

/* Appends record `i` of a cursor: long enough that half of it is never a record. */
static void add_record(struct buf *buf, int cursor, int i)
{
	buf_fmt(buf, "c%d %d ", cursor, i);
	for (int k = 0; k < i * 7 % 50; k++)
		buf_c(buf, 'x');
	buf_str(buf, STR(" end\n"));
}

static void on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
		    const struct error *why);

/* Submits as much as may be outstanding; after a failure, not before all of it came back. */
static void submit_more(struct cursor *cursor)
{
	while (cursor->outstanding < OUTSTANDING && cursor->submitted < RECORDS) {
		struct parcel *parcel = mem_alloc(sizeof(*parcel));
		struct delivery *delivery = &parcel->delivery;
		int n = 1 + cursor->submitted % 3;

		buf_init(&parcel->bytes, 4096);
		parcel->cursor = cursor;
		parcel->first = cursor->submitted;
		for (int i = 0; i < n && cursor->submitted < RECORDS; i++) {
			snprintf(parcel->seqnos[i], sizeof(parcel->seqnos[i]), "%d",
				 FIRST_SEQNO + cursor->submitted);
			parcel->events[i].seqno = str_of(parcel->seqnos[i]);
			add_record(&parcel->bytes, cursor->id, cursor->submitted++);
			parcel->ends[delivery->n++] = (uint32_t)parcel->bytes.n;
		}
		delivery->bytes = buf_view(&parcel->bytes);
		delivery->ends = parcel->ends;
		delivery->cursor = cursor;
		delivery->events = parcel->events;
		delivery->source = &sources[cursor->id];
		delivery->done = on_done;
		cursor->outstanding++;
		world.sink->type->submit(world.sink, delivery);
	}
}

/* Writes down that the next `n` records of a cursor are acknowledged. */
static void note_acks(struct cursor *cursor, size_t n)
{
	char line[32];

	for (; n > 0; n--) {
		int length = snprintf(line, sizeof(line), "%d %d\n", cursor->id, cursor->acked++);

		must(syscall(SYS_write, world.acks_fd, line, length) == length);
	}
}

/* A delivery has ended: notes what was acknowledged, and goes on or ends. */
static void on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
		    const struct error *why)
{
	struct parcel *parcel = CONTAINER_OF(delivery, struct parcel, delivery);
	struct cursor *cursor = parcel->cursor;
	bool all = true;

	(void)why;
	/* An acknowledgement beyond a hole would be a lost record. */
	if (acked > 0 && parcel->first != cursor->acked)
		_exit(ORDER_BROKEN);
	note_acks(cursor, result == DELIVERY_OK ? delivery->n : acked);
	cursor->outstanding--;
	buf_release(&parcel->bytes);
	mem_free(parcel);
	if (cursor->outstanding == 0)
		cursor->submitted = cursor->acked;
	if (cursor->outstanding == 0 || result == DELIVERY_OK)
		submit_more(cursor);
	for (int i = 0; i < CURSORS; i++)
		all = all && world.cursors[i].acked == RECORDS;
	if (all)
		loop_stop(world.loop);
}

/* Nothing happened for too long. */
static void on_guard(struct io_timer *timer)
{
	(void)timer;
	_exit(STUCK);
}

/* Reads what former runs had acknowledged. */
static void load_acks(int acked[CURSORS])
{
	FILE *in = fopen(acks_path, "r");
	int cursor, i;

	memset(acked, 0, CURSORS * sizeof(*acked));
	while (in != NULL && fscanf(in, "%d %d", &cursor, &i) == 2)
		acked[cursor] = i + 1;
	if (in != NULL)
		fclose(in);
}

/* One life of the process: opens the sink, delivers what is not acknowledged yet, ends. Its exit status. */
static int live(void)
{
	struct keys_options keys_options = {NULL};
	struct io_timer guard = {.fire = on_guard};
	struct {
		const char *path, *mode;
		int compress;
		int64_t rotate_bytes, rotate_ms, finish_ms, files_max;
	} options = {.path = path, .mode = "0640"};
	struct loop_options loop_options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = IO_ERROR,
		.keys = keys_new(&keys_options),
	};
	struct sink_env env = {.name = STR("torture")};
	struct error err;
	int acked[CURSORS];

	if (rolling) {
		options.path = template;
		options.compress = 2;
		options.rotate_bytes = 100;
		options.files_max = 1;
	}
	load_acks(acked);
	world.acks_fd =
		(int)syscall(SYS_openat, AT_FDCWD, acks_path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	world.loop = loop_new(&loop_options, &err);
	must(world.loop != NULL && world.acks_fd >= 0);
	env.io = loop_io(world.loop);
	io_timer_set(env.io, &guard, io_now_ms(env.io) + GUARD_MS);
	plan.armed = true;
	for (int i = 0; i < 5 && world.sink == NULL; i++)
		world.sink = sink_file.open(&env, &options, &err);
	if (world.sink == NULL)
		return STUCK;
	for (int i = 0; i < CURSORS; i++) {
		struct position at = world.sink->type->position(world.sink, &sources[i]);
		int64_t last = FIRST_SEQNO - 1;
		int has;

		must(at.kind == POSITION_START || str_to_i64(position_text(&at), &last));
		has = (int)last - FIRST_SEQNO + 1;

		if (has < acked[i])
			return FORGOTTEN;
		acked[i] = has;
		world.cursors[i] = (struct cursor){.id = i, .acked = has, .submitted = has};
		submit_more(&world.cursors[i]);
	}
	if (acked[0] < RECORDS || acked[1] < RECORDS)
		loop_run(world.loop);
	world.sink->type->close(world.sink);
	plan.armed = false;
	loop_free(world.loop);
	keys_free(loop_options.keys);
	close(world.acks_fd);
	return plan.calls < plan.at ? 1 : 0;
}

/* Lives once in a child: 0 if the fault came, 1 if there are not so many calls, or how it died. */
static int live_in_child(void)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0)
		_exit(live());
	must(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* How a record's lines stand in the file. */
struct census {
	int next[CURSORS]; /* the first record that is not there */
	bool torn; /* something is not a whole record */
	bool doubled; /* a record stands there again */
	bool hole; /* a record stands there before one that is not */
};

/* Appends what a file holds to `out`, decompressed if need be; false when its last frame is torn. */
static bool read_file(const char *name, struct buf *out)
{
	static char raw[65536], text[262144];
	FILE *in = fopen(name, "r");
	size_t n = in == NULL ? 0 : fread(raw, 1, sizeof(raw), in);

	if (in != NULL)
		fclose(in);
	for (size_t at = 0, frame; rolling && at < n; at += frame) {
		frame = ZSTD_findFrameCompressedSize(raw + at, n - at);
		if (ZSTD_isError(frame))
			return false;
		buf_add(out, text, ZSTD_decompress(text, sizeof(text), raw + at, frame));
	}
	if (!rolling)
		buf_add(out, raw, n);
	return true;
}

/* The files of records, by their first sequence number, whether they are finished or not. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name + ((*a)->d_name[0] == '.'),
		      (*b)->d_name + ((*b)->d_name[0] == '.'));
}

/* Whether an entry of the folder is a file of records. */
static int holds_records(const struct dirent *entry)
{
	return strstr(entry->d_name, ".jsonl.zst") != NULL;
}

/* Reads everything there is; false when a frame is torn. */
static bool read_all(struct buf *out)
{
	struct dirent **entries;
	bool whole = true;
	int n;

	if (!rolling)
		return read_file(path, out);
	n = scandir(dir, &entries, holds_records, by_name);
	for (int i = 0; i < n; i++) {
		char name[512];

		snprintf(name, sizeof(name), "%s/%s", dir, entries[i]->d_name);
		whole = read_file(name, out) && whole;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return whole;
}

/* Removes everything in the folder. */
static void sweep(void)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char name[512];

		snprintf(name, sizeof(name), "%s/%s", dir, entries[i]->d_name);
		unlink(name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* Counts what the files hold. */
static struct census take_census(void)
{
	struct census census = {{0}};
	struct buf text, want;
	struct str rest;

	buf_init(&text, 1 << 20);
	buf_init(&want, 4096);
	census.torn = !read_all(&text);
	buf_c(&text, '\0');
	rest = str_make(text.p, text.n - 1);
	while (rest.n > 0) {
		int cursor, i;

		if (sscanf(rest.p, "c%d %d ", &cursor, &i) != 2 || cursor < 0 ||
		    cursor >= CURSORS) {
			census.torn = true;
			break;
		}
		buf_clear(&want);
		add_record(&want, cursor, i);
		if (!str_starts(rest, buf_view(&want))) {
			census.torn = true;
			break;
		}
		rest = str_skip(rest, want.n);
		census.doubled = census.doubled || i < census.next[cursor];
		census.hole = census.hole || i > census.next[cursor];
		if (i == census.next[cursor])
			census.next[cursor]++;
	}
	buf_release(&text);
	buf_release(&want);
	return census;
}

/* One fault at call number `at`; false when there are not so many calls. Failed checks are noted. */
static bool torture_once(void)
{
	struct census census;
	int status, acked[CURSORS];

	sweep();
	plan.calls = 0;
	status = live_in_child();
	if (status == 1)
		return false;
	CHECK(status == 0 || status == DIED);
	census = take_census();
	load_acks(acked);
	for (int i = 0; i < CURSORS; i++)
		CHECK(census.next[i] >= acked[i]);
	CHECK(!census.hole && !census.doubled);
	CHECK(status == DIED || !census.torn);
	if (status == DIED) {
		enum fault fault = plan.fault;

		plan.fault = FAULT_NONE;
		status = live_in_child();
		CHECK(status == 0 || status == 1);
		plan.fault = fault;
		census = take_census();
		CHECK(!census.torn && !census.hole && !census.doubled);
	}
	for (int i = 0; i < CURSORS; i++)
		CHECK_INT(census.next[i], RECORDS);
	return true;
}

/* The same fault at every call that there is; `again`: and once more so many calls later. */
static void torture(const char *name, enum fault fault, int number, int again)
{
	plan.fault = fault;
	plan.number = number;
	plan.again = again;
	check_failures_in_test = 0;
	for (plan.at = 1;; plan.at++) {
		int before = check_failures_in_test;
		bool more = torture_once();

		if (check_failures_in_test > before)
			fprintf(stderr, "^ %s, call %d\n", name, plan.at);
		if (!more)
			break;
	}
	CHECK(plan.at > 10); /* that there was something to torture */
	printf("%s %s (%d calls)\n", check_failures_in_test == 0 ? "ok" : "not ok", name,
	       plan.at - 1);
	fflush(stdout);
	check_failed_tests += check_failures_in_test != 0;
}

/* Every fault. */
static void torture_all(const char *sink)
{
	static const struct {
		const char *name;
		enum fault fault;
		int number, again;
	} cases[] = {
		{"survives_eio", FAULT_ERROR, EIO, 0},
		{"survives_enospc", FAULT_ERROR, ENOSPC, 0},
		{"survives_eintr", FAULT_ERROR, EINTR, 0},
		{"survives_eio_twice_in_a_row", FAULT_ERROR, EIO, 1},
		{"survives_enospc_twice_in_a_row", FAULT_ERROR, ENOSPC, 1},
		{"survives_eio_and_later_again", FAULT_ERROR, EIO, 4},
		{"survives_half_writes", FAULT_HALF, 0, 0},
		{"survives_death_before_a_call", FAULT_DIE_BEFORE, 0, 0},
		{"survives_death_in_a_write", FAULT_DIE_HALF, 0, 0},
		{"survives_death_after_a_call", FAULT_DIE_AFTER, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s_%s", sink, cases[i].name);
		torture(name, cases[i].fault, cases[i].number, cases[i].again);
	}
}

int main(void)
{
	snprintf(dir, sizeof(dir), "/tmp/ddbtap-torture-%d", (int)getpid());
	must(mkdir(dir, 0700) == 0);
	snprintf(path, sizeof(path), "%s/out.jsonl", dir);
	snprintf(acks_path, sizeof(acks_path), "%s/acks", dir);
	snprintf(template, sizeof(template), "%s/{table}-{shard}.jsonl.zst", dir);
	torture_all("file_sink");
	rolling = true;
	torture_all("rolling_file_sink");
	sweep();
	rmdir(dir);
	return check_end();
}
