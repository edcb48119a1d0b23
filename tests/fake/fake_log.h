/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of what was written to the tables, one JSON object per line, which tests hold a consumer's
 * output against. A line is in the file before its write is answered.
 */
#ifndef FAKE_LOG_H
#define FAKE_LOG_H

#include "base/err.h"
#include "tests/model/service.h"

struct fake_log {
	int fd; /* -1: no file */
	struct buf line;
};

/* Opens the file for appending, or none when `path` is NULL. */
bool fake_log_open(struct fake_log *log, const char *path, struct error *err);

/* Closes the file. */
void fake_log_close(struct fake_log *log);

/* Appends one write; ends the process when the file cannot take it, for then it proves nothing. */
void fake_log_write(struct fake_log *log, const struct service_write *write);

/* Appends the line of a write: {"n":0,"ms":...,"op":"INSERT",...,"old":null,"new":{...}}\n. */
void fake_log_add_line(struct buf *to, const struct service_write *write);

#endif
