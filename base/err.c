/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* A sentence stands between double quotes in the log, and may hold words of others. */
static void soften_quotes(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"')
			*text = '\'';
	}
}

bool error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	char text[sizeof(err->text)]; /* the arguments may lie in err->text */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	soften_quotes(text);
	err->code = code;
	mem_copy(err->text, text, sizeof(text));
	return false;
}

bool error_prefix(struct error *err, const char *fmt, ...)
{
	struct error old = *err;
	char prefix[sizeof(err->text)]; /* the arguments may lie in err->text */
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	soften_quotes(prefix);
	n = snprintf(err->text, sizeof(err->text), "%s: %s", prefix, old.text);
	must(n >= 0); /* a longer sentence was cut */
	return false;
}

const char *error_errno(int number)
{
	const char *words = strerrordesc_np(number);

	return words == NULL ? "unknown error" : words;
}

int error_exit_status(enum error_code code)
{
	switch (code) {
	case ERROR_NONE:
		return 0;
	case ERROR_RETRY:
		return 75; /* EX_TEMPFAIL */
	case ERROR_AUTH:
		return 77; /* EX_NOPERM */
	case ERROR_CONFIG:
		return 78; /* EX_CONFIG */
	case ERROR_USAGE:
		return 64; /* EX_USAGE */
	case ERROR_DATA:
		return 65; /* EX_DATAERR */
	case ERROR_NOT_FOUND:
		return 69; /* EX_UNAVAILABLE */
	case ERROR_IO:
		return 74; /* EX_IOERR */
	case ERROR_FENCED:
		return 75;
	case ERROR_BUG:
		return 70; /* EX_SOFTWARE */
	}
	return 70;
}
