/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"

enum {
	LINE_MAX_BYTES = 8192,
	EVENTS_MAX = 128, /* names with a rate limit of their own; the rest share one */
	NAME_MAX_BYTES = 48,
};

/* The rate limit of one event name. */
struct rate {
	char name[NAME_MAX_BYTES];
	size_t name_n;
	int64_t window_ms; /* when the current window began */
	uint64_t passed, held; /* lines in it */
};

struct log {
	int fd;
	enum io_level level;
	bool journal; /* lines start with a priority */
	struct rate rates[EVENTS_MAX];
	size_t n_rates;
	struct buf out;
};

/* Whether `fd` is what systemd's journal reads, which JOURNAL_STREAM=device:inode says. */
static bool is_journal(int fd)
{
	struct str text = str_of(getenv("JOURNAL_STREAM")), device = str_cut(&text, ':');
	uint64_t dev, ino;
	struct stat st;

	return str_to_u64(device, &dev) && str_to_u64(text, &ino) && fstat(fd, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

struct log *log_new(int fd, enum io_level level)
{
	struct log *log = mem_alloc(sizeof(*log));

	log->fd = fd;
	log->level = level;
	log->journal = is_journal(fd);
	buf_init(&log->out, LINE_MAX_BYTES);
	return log;
}

void log_free(struct log *log)
{
	if (log == NULL)
		return;
	buf_release(&log->out);
	mem_free(log);
}

/* The level's word. */
static const char *level_word(enum io_level level)
{
	switch (level) {
	case IO_DEBUG:
		return "debug";
	case IO_INFO:
		return "info";
	case IO_WARN:
		return "warn";
	case IO_ERROR:
		return "error";
	}
	return "error";
}

/* The level's priority in syslog and journal. */
static char level_priority(enum io_level level)
{
	switch (level) {
	case IO_DEBUG:
		return '7';
	case IO_INFO:
		return '6';
	case IO_WARN:
		return '4';
	case IO_ERROR:
		return '3';
	}
	return '3';
}

/* Appends `s` with control characters as \n, \t or \xNN. */
static void add_escaped(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c != 0x7F)
			buf_c(out, (char)c);
		else if (c == '\n')
			buf_str(out, STR("\\n"));
		else if (c == '\t')
			buf_str(out, STR("\\t"));
		else
			buf_fmt(out, "\\x%02x", c);
	}
}

/* Writes one whole line; one that is too long is cut. What standard error does not take is lost. */
static void write_line(struct log *log, enum io_level level, struct str line, int64_t wall_ms)
{
	struct buf *out = &log->out;
	struct str name = str_cut(&line, ' ');
	ssize_t n;
	size_t at = 0;

	buf_clear(out);
	if (log->journal)
		buf_fmt(out, "<%c>", level_priority(level));
	buf_str(out, STR("ts="));
	time_add_rfc3339(out, wall_ms);
	buf_fmt(out, " level=%s event=", level_word(level));
	add_escaped(out, name);
	if (line.n > 0) {
		buf_c(out, ' ');
		add_escaped(out, line);
	}
	/* A full buffer keeps what fitted; its last byte makes place for the end of the line. */
	if (out->n >= LINE_MAX_BYTES)
		buf_truncate(out, LINE_MAX_BYTES - 1);
	out->failed = false;
	buf_c(out, '\n');
	while (at < out->n) {
		n = write(log->fd, out->p + at, out->n - at);
		if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

/* The rate limit for this event name; names beyond the table share the last entry. */
static struct rate *rate_of(struct log *log, struct str name)
{
	struct rate *rate;

	name = str_head(name, NAME_MAX_BYTES);
	for (size_t i = 0; i < log->n_rates; i++) {
		rate = &log->rates[i];
		if (str_eq(str_make(rate->name, rate->name_n), name))
			return rate;
	}
	if (log->n_rates == EVENTS_MAX)
		return &log->rates[EVENTS_MAX - 1];
	rate = &log->rates[log->n_rates++];
	mem_copy(rate->name, name.p, name.n);
	rate->name_n = name.n;
	return rate;
}

/* Starts a new window when the old one is over, and says what the old one held back. */
static void turn_window(struct log *log, struct rate *rate, int64_t now_ms, int64_t wall_ms)
{
	struct buf line;

	if (rate->passed > 0 && now_ms - rate->window_ms < LOG_WINDOW_MS)
		return;
	if (rate->held > 0) {
		buf_init(&line, NAME_MAX_BYTES + 100);
		buf_fmt(&line, "log.suppressed name=%.*s lines=%llu in_ms=%lld", (int)rate->name_n,
			rate->name, (unsigned long long)rate->held,
			(long long)(now_ms - rate->window_ms));
		write_line(log, IO_WARN, buf_view(&line), wall_ms);
		buf_release(&line);
	}
	rate->window_ms = now_ms;
	rate->passed = rate->held = 0;
}

void log_line(struct log *log, enum io_level level, struct str line, int64_t now_ms,
	      int64_t wall_ms)
{
	struct rate *rate;

	if (level < log->level)
		return;
	rate = rate_of(log, str_head(line, str_find(line, ' ')));
	turn_window(log, rate, now_ms, wall_ms);
	if (rate->passed >= LOG_BURST && level != IO_ERROR) {
		rate->held++;
		return;
	}
	rate->passed++;
	write_line(log, level, line, wall_ms);
}
