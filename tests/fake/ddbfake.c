/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ddbfake: a fake DynamoDB with DynamoDB Streams, for tests, the demo and benchmarks. See README.md.
 */
#include "tests/fake/fake_server.h"

/* Says what went wrong; returns the exit status. */
static int fail(const struct error *err)
{
	fprintf(stderr, "ddbfake: %s\n", err->text);
	return error_exit_status(err->code);
}

/* Reads the command line and serves until it is told to end. */
int main(int argc, char **argv)
{
	struct fake_options options;
	struct fake fake;
	struct error err = {.code = ERROR_NONE};
	bool ok;

	if (!fake_options_parse(&options, argc, argv, &err))
		return fail(&err);
	if (options.help) {
		fake_options_help(stdout);
		return 0;
	}
	if (!fake_init(&fake, &options, &err))
		return fail(&err);
	ok = fake_server_run(&fake, &err);
	if (ok)
		fprintf(stderr, "ddbfake: ended: %llu requests, %llu writes, %llu connections\n",
			(unsigned long long)fake.requests, (unsigned long long)fake.writes,
			(unsigned long long)fake.connections);
	fake_release(&fake);
	return ok ? 0 : fail(&err);
}
