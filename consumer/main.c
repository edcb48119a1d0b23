/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: the only file that knows every verb and every sink. */
#include "base/mem.h"
#include "consumer/verbs/verb.h"
#include "sinks/file.h"
#include "sinks/stdout.h"

static const struct verb *const verbs[] = {
	&verb_check, &verb_decode, &verb_help, &verb_run, &verb_version,
};

static const struct sink_type *const sinks[] = {
	&sink_file,
	&sink_stdout,
};

static const struct program program = {verbs, ARRAY_N(verbs), sinks, ARRAY_N(sinks)};

int main(int argc, char **argv)
{
	return verb_dispatch(argc, argv, &program);
}
