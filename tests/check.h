/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests' harness: checks that go on after a failure, one result line per test.
 *
 *	static void str_cuts_at_separators(void)
 *	{
 *		CHECK(str_eq(...));
 *		CHECK_STR(str_cut(&rest, ','), "a");
 *	}
 *	int main(void)
 *	{
 *		CHECK_RUN(str_cuts_at_separators);
 *		return check_end();
 *	}
 *
 * Prints "ok NAME" or "not ok NAME"; tests/run.sh counts these lines.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>

#include "base/str.h"

static int check_failures_in_test;
static int check_failed_tests;

/* Notes a failed check. */
static inline bool check_note(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return true;
	check_failures_in_test++;
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
	return false;
}

/* Compares two slices and shows both when they differ. */
static inline bool check_str(struct str got, struct str want, const char *file, int line)
{
	if (str_eq(got, want))
		return true;
	check_failures_in_test++;
	fprintf(stderr, "%s:%d: strings differ\n   got: %.*s\n  want: %.*s\n", file, line,
		STR_ARG(got), STR_ARG(want));
	return false;
}

/* Compares two integers and shows both when they differ. */
static inline bool check_int(long long got, long long want, const char *what, const char *file,
			     int line)
{
	if (got == want)
		return true;
	check_failures_in_test++;
	fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, what, got, want);
	return false;
}

/* Runs one test and prints its result. */
static inline void check_run(const char *name, void (*test)(void))
{
	check_failures_in_test = 0;
	test();
	printf("%s %s\n", check_failures_in_test == 0 ? "ok" : "not ok", name);
	fflush(stdout);
	check_failed_tests += check_failures_in_test != 0;
}

/* The exit status of the whole program. */
static inline int check_end(void)
{
	return check_failed_tests == 0 ? 0 : 1;
}

#define CHECK(cond)	     check_note((cond), #cond, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_str((got), str_of(want), __FILE__, __LINE__)
#define CHECK_INT(got, want) \
	check_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define CHECK_RUN(test) check_run(#test, test)

#endif
