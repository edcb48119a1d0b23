/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "tests/check.h"

static void err_sets_and_prefixes(void)
{
	struct error err;

	CHECK(!error_set(&err, ERROR_DATA, "bad byte %d", 7));
	CHECK_INT(err.code, ERROR_DATA);
	CHECK_STR(str_of(err.text), "bad byte 7");
	CHECK(!error_prefix(&err, "file %s", "x"));
	CHECK_INT(err.code, ERROR_DATA);
	CHECK_STR(str_of(err.text), "file x: bad byte 7");
	/* The old sentence may be among the arguments. */
	error_set(&err, ERROR_IO, "[%s]", err.text);
	CHECK_STR(str_of(err.text), "[file x: bad byte 7]");
	error_prefix(&err, "%s", err.text);
	CHECK_STR(str_of(err.text), "[file x: bad byte 7]: [file x: bad byte 7]");
}

static void err_has_no_double_quotes(void)
{
	struct error err;

	error_set(&err, ERROR_DATA, "%s is no \"word\"", "\"x\"");
	error_prefix(&err, "the \"file\"");
	CHECK_STR(str_of(err.text), "the 'file': 'x' is no 'word'");
}

static void err_cuts_long_sentences(void)
{
	struct error err;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&err, ERROR_RETRY, "%s", text);
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, "start");
	CHECK(str_starts(str_of(err.text), STR("start: xxx")));
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, "%s", text);
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
}

static void err_has_words_and_statuses(void)
{
	CHECK_STR(str_of(error_errno(ENOENT)), "No such file or directory");
	CHECK_STR(str_of(error_errno(-1)), "unknown error");
	CHECK_INT(error_exit_status(ERROR_NONE), 0);
	CHECK_INT(error_exit_status(ERROR_CONFIG), 78);
	CHECK_INT(error_exit_status(ERROR_USAGE), 64);
	for (int code = ERROR_RETRY; code <= ERROR_BUG; code++)
		CHECK(error_exit_status((enum error_code)code) != 0);
}

int main(void)
{
	CHECK_RUN(err_sets_and_prefixes);
	CHECK_RUN(err_has_no_double_quotes);
	CHECK_RUN(err_cuts_long_sentences);
	CHECK_RUN(err_has_words_and_statuses);
	return check_end();
}
