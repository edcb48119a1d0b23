/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error, in logfmt:
 *
 *	ts=2026-01-02T03:04:05.678Z level=info event=shard.done table=orders shard=...
 *
 * A line comes in as "event.name key=value ...". At most LOG_BURST lines of one event pass in LOG_WINDOW_MS;
 * how many were left out is said once, when the window is over and the event comes again. Errors pass
 * always. Under systemd's journal each line starts with its priority, "<6>". Control characters are
 * escaped, so that no value can forge a line. One thread.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include "consumer/engine/io.h"

enum { LOG_BURST = 20, LOG_WINDOW_MS = 10 * 1000 };

struct log;

/* Logs to `fd`, which stays the caller's, what is at least `level`. */
struct log *log_new(int fd, enum io_level level);

/* Frees the log; NULL is allowed. */
void log_free(struct log *log);

/* Writes one line. `now_ms` is for the rate limit, `wall_ms` for the time stamp. */
void log_line(struct log *log, enum io_level level, struct str line, int64_t now_ms,
	      int64_t wall_ms);

#endif
