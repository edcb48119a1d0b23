/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: the only file that knows every verb, every sink and every format. */
#include "base/mem.h"
#include "consumer/verbs/verb.h"
#include "sinks/file.h"
#include "sinks/formats/cloudevents.h"
#include "sinks/formats/debezium.h"
#include "sinks/formats/lambda.h"
#include "sinks/formats/native.h"
#include "sinks/kafka.h"
#include "sinks/stdout.h"
#include "sinks/webhook.h"

static const struct verb *const verbs[] = {
	&verb_check,  &verb_cost,   &verb_decode,  &verb_dlq, &verb_help,
	&verb_iam,    &verb_leases, &verb_ready,   &verb_run, &verb_seek,
	&verb_shards, &verb_sinks,  &verb_version,
};

static const struct sink_type *const sinks[] = {
	&sink_file,
	&sink_kafka,
	&sink_stdout,
	&sink_webhook,
};

/* The first one is the default. */
static const struct format_type *const formats[] = {
	&format_native,
	&format_cloudevents,
	&format_debezium,
	&format_lambda,
};

static const struct program program = {
	.verbs = verbs,
	.n_verbs = ARRAY_N(verbs),
	.known = {sinks, ARRAY_N(sinks), formats, ARRAY_N(formats)},
};

int main(int argc, char **argv)
{
	return verb_dispatch(argc, argv, &program);
}
