/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/host/log.h"
#include "tests/check.h"

/* 2026-01-02T03:04:05.678Z */
static const int64_t wall_ms = 1767323045678;

/* A log into a temporary file, and what was written to it. */
static struct log *log_under_test;
static FILE *file;
static char text[256 * 1024];

static void open_log(enum io_level level)
{
	file = tmpfile();
	must(file != NULL);
	log_under_test = log_new(fileno(file), level);
}

/* What was logged since open_log; closes the log. */
static struct str close_log(void)
{
	ssize_t n = pread(fileno(file), text, sizeof(text), 0);

	log_free(log_under_test);
	fclose(file);
	return str_make(text, n < 0 ? 0 : (size_t)n);
}

static size_t count(struct str s, const char *word)
{
	size_t n = 0;

	for (const char *p = s.p; (p = memmem(p, s.n - (size_t)(p - s.p), word, strlen(word))); p++)
		n++;
	return n;
}

static void lines_are_logfmt(void)
{
	unsetenv("JOURNAL_STREAM");
	open_log(IO_DEBUG);
	log_line(log_under_test, IO_INFO, STR("shard.done table=orders n=3"), 0, wall_ms);
	log_line(log_under_test, IO_DEBUG, STR("start"), 0, wall_ms);
	log_line(log_under_test, IO_WARN, STR("w"), 0, wall_ms);
	log_line(log_under_test, IO_ERROR, STR("e"), 0, wall_ms);
	CHECK_STR(close_log(),
		  "ts=2026-01-02T03:04:05.678Z level=info event=shard.done table=orders n=3\n"
		  "ts=2026-01-02T03:04:05.678Z level=debug event=start\n"
		  "ts=2026-01-02T03:04:05.678Z level=warn event=w\n"
		  "ts=2026-01-02T03:04:05.678Z level=error event=e\n");
}

static void lines_below_the_level_are_dropped(void)
{
	open_log(IO_WARN);
	log_line(log_under_test, IO_INFO, STR("quiet"), 0, wall_ms);
	log_line(log_under_test, IO_WARN, STR("loud"), 0, wall_ms);
	CHECK_STR(close_log(), "ts=2026-01-02T03:04:05.678Z level=warn event=loud\n");
}

static void no_value_forges_a_line(void)
{
	open_log(IO_DEBUG);
	log_line(log_under_test, IO_INFO, STR("a\nb x=\"1\nts=2\r\033[2J\t\x7f\" y=\xc3\xa9"), 0,
		 wall_ms);
	CHECK_STR(close_log(), "ts=2026-01-02T03:04:05.678Z level=info "
			       "event=a\\nb x=\"1\\nts=2\\x0d\\x1b[2J\\t\\x7f\" y=\xc3\xa9\n");
}

static void floods_are_cut_and_counted_per_event(void)
{
	struct str out;

	open_log(IO_DEBUG);
	for (int i = 0; i < 100; i++) {
		log_line(log_under_test, IO_WARN, STR("flood n=1"), 1000 + i, wall_ms);
		log_line(log_under_test, IO_ERROR, STR("broken n=1"), 1000 + i, wall_ms);
	}
	log_line(log_under_test, IO_INFO, STR("other"), 1100, wall_ms);
	log_line(log_under_test, IO_WARN, STR("flood n=2"), 1000 + LOG_WINDOW_MS - 1, wall_ms);
	log_line(log_under_test, IO_WARN, STR("flood n=3"), 1000 + LOG_WINDOW_MS, wall_ms);
	log_line(log_under_test, IO_WARN, STR("flood n=3"), 1000 + LOG_WINDOW_MS, wall_ms);
	out = close_log();
	CHECK_INT(count(out, "event=flood n=1"), LOG_BURST);
	CHECK_INT(count(out, "event=flood n=2"), 0);
	CHECK_INT(count(out, "event=flood n=3"), 2);
	CHECK_INT(count(out, "event=broken"), 100);
	CHECK_INT(count(out, "event=other"), 1);
	CHECK_INT(count(out, "event=log.suppressed name=flood lines=81 in_ms=10000\n"), 1);
	CHECK_INT(count(out, "event=log.suppressed"), 1);
}

static void many_names_and_long_lines_are_bounded(void)
{
	struct buf line;
	struct str out;

	open_log(IO_DEBUG);
	buf_init(&line, 1 << 20);
	for (int i = 0; i < 1000; i++) {
		buf_clear(&line);
		buf_fmt(&line, "name%d", i);
		log_line(log_under_test, IO_INFO, buf_view(&line), 0, wall_ms);
	}
	buf_clear(&line);
	buf_str(&line, STR("long v="));
	for (int i = 0; i < 100000; i++)
		buf_c(&line, 'x');
	log_line(log_under_test, IO_ERROR, buf_view(&line), 0, wall_ms);
	buf_release(&line);
	out = close_log();
	CHECK_INT(count(out, "event=name"), 127 + LOG_BURST);
	CHECK_INT(count(out, "event=long"), 1);
	CHECK(out.n < 30000 && out.p[out.n - 1] == '\n');
}

static void under_the_journal_lines_have_priorities(void)
{
	struct stat st;
	char name[64];

	file = tmpfile();
	must(file != NULL && fstat(fileno(file), &st) == 0);
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", name, 1);
	log_under_test = log_new(fileno(file), IO_DEBUG);
	log_line(log_under_test, IO_DEBUG, STR("d"), 0, wall_ms);
	log_line(log_under_test, IO_INFO, STR("i"), 0, wall_ms);
	log_line(log_under_test, IO_WARN, STR("w"), 0, wall_ms);
	log_line(log_under_test, IO_ERROR, STR("e"), 0, wall_ms);
	CHECK_STR(close_log(), "<7>ts=2026-01-02T03:04:05.678Z level=debug event=d\n"
			       "<6>ts=2026-01-02T03:04:05.678Z level=info event=i\n"
			       "<4>ts=2026-01-02T03:04:05.678Z level=warn event=w\n"
			       "<3>ts=2026-01-02T03:04:05.678Z level=error event=e\n");
	setenv("JOURNAL_STREAM", "1:1", 1); /* somebody else's */
	open_log(IO_DEBUG);
	log_line(log_under_test, IO_INFO, STR("i"), 0, wall_ms);
	CHECK_STR(close_log(), "ts=2026-01-02T03:04:05.678Z level=info event=i\n");
	unsetenv("JOURNAL_STREAM");
}

static void a_closed_descriptor_is_no_disaster(void)
{
	struct log *log = log_new(-1, IO_DEBUG);

	log_line(log, IO_ERROR, STR("lost"), 0, wall_ms);
	log_free(log);
	CHECK(true);
}

int main(void)
{
	CHECK_RUN(lines_are_logfmt);
	CHECK_RUN(lines_below_the_level_are_dropped);
	CHECK_RUN(no_value_forges_a_line);
	CHECK_RUN(floods_are_cut_and_counted_per_event);
	CHECK_RUN(many_names_and_long_lines_are_bounded);
	CHECK_RUN(under_the_journal_lines_have_priorities);
	CHECK_RUN(a_closed_descriptor_is_no_disaster);
	return check_end();
}
