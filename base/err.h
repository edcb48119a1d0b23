/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error: a code that says what to do about it, and one sentence for a person. A value: it is
 * copied upward, and logged once by whoever stops passing it on.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"

enum error_code {
	ERROR_NONE = 0,
	ERROR_RETRY, /* passing: the same again, later */
	ERROR_AUTH, /* credentials or permissions: a person has to act */
	ERROR_CONFIG, /* the configuration is wrong */
	ERROR_USAGE, /* the command line is wrong */
	ERROR_DATA, /* the input is malformed */
	ERROR_NOT_FOUND, /* what was named does not exist */
	ERROR_IO, /* the system said no: file, network */
	ERROR_FENCED, /* another process took over: stop */
	ERROR_BUG, /* ours */
};

struct error {
	enum error_code code;
	char text[400]; /* one sentence without a final stop, terminated; cut when too long */
};

/* Sets code and sentence, replacing what was there; returns false so that callers can return it. Double quotes
   become single ones: the log puts sentences between double quotes. */
bool error_set(struct error *err, enum error_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence; returns false. */
bool error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The system's words for an errno value; static, terminated. */
const char *error_errno(int number);

/* The exit status of a process that ends with this code (sysexits where one fits). */
int error_exit_status(enum error_code code);

#endif
