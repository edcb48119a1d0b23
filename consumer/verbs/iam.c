/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap iam`: the IAM policy that a configuration needs. */
#include "base/err.h"
#include "consumer/aws/endpoint.h"
#include "consumer/aws/policy.h"
#include "consumer/engine/sink.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/load.h"

enum {
	POLICY_MAX_BYTES = 64 << 20,
	ARN_MAX = 1024,
	ACCOUNT_DIGITS = 12,
	MANAGED_MAX = 6144, /* what IAM takes in a managed policy, blanks not counted */
};

/* What `dynamodb:` actions are for, each list ended by NULL. */
static const char *const table_actions[] = {"dynamodb:DescribeTable", NULL};
static const char *const stream_actions[] = {
	"dynamodb:DescribeStream",
	"dynamodb:GetShardIterator",
	"dynamodb:GetRecords",
	NULL,
};
static const char *const checkpoint_actions[] = {
	"dynamodb:DescribeTable", "dynamodb:CreateTable", "dynamodb:GetItem",
	"dynamodb:BatchGetItem",  "dynamodb:PutItem",	  "dynamodb:UpdateItem",
	"dynamodb:DeleteItem",	  "dynamodb:Scan",	  NULL,
};

/* On a Kinesis client's table, beside which the one above is ours alone. */
static const char *const kcl_actions[] = {
	"dynamodb:DescribeTable", "dynamodb:CreateTable", "dynamodb:GetItem", "dynamodb:PutItem",
	"dynamodb:UpdateItem",	  "dynamodb:DeleteItem",  "dynamodb:Scan",    NULL,
};

/* Allows actions on a table, or on what of it `rest` says. */
static void allow(struct policy *policy, const struct sink_scope *scope, const char *const *actions,
		  const char *table, const char *rest)
{
	struct buf arn;

	buf_init(&arn, ARN_MAX);
	buf_fmt(&arn, "arn:%.*s:dynamodb:%.*s:%.*s:table/%s%s", STR_ARG(scope->partition),
		STR_ARG(scope->region), STR_ARG(scope->account), table, rest);
	for (size_t i = 0; actions[i] != NULL; i++)
		policy_allow(policy, actions[i], buf_view(&arn));
	buf_release(&arn);
}

/* Whether a sink gets a table's records: as such, or as the dead letters of another. */
static bool receives(const struct config *config, size_t sink, const char *table)
{
	if (config_sink_takes(&config->sinks[sink], str_of(table)))
		return true;
	for (size_t i = 0; i < config->n_sinks; i++) {
		if (config->sinks[i].dead_letter == (int)sink &&
		    config_sink_takes(&config->sinks[i], str_of(table)))
			return true;
	}
	return false;
}

/* Allows what the sinks need. */
static void allow_sinks(struct policy *policy, const struct config *config,
			struct sink_scope *scope)
{
	const char **tables = mem_alloc_n(config->n_tables, sizeof(*tables));

	scope->tables = tables;
	for (size_t i = 0; i < config->n_sinks; i++) {
		const struct config_sink *sink = &config->sinks[i];

		if (sink->type->permissions == NULL)
			continue;
		scope->n_tables = 0;
		for (size_t t = 0; t < config->n_tables; t++) {
			if (receives(config, i, config->tables[t].name))
				tables[scope->n_tables++] = config->tables[t].name;
		}
		sink->type->permissions(scope, sink->options, policy);
	}
	mem_free(tables);
}

/* Allows all that a run needs. */
static void allow_all(struct policy *policy, const struct config *config, struct sink_scope *scope)
{
	for (size_t i = 0; i < config->n_tables; i++)
		allow(policy, scope, stream_actions, config->tables[i].name, "/stream/*");
	/* It knows no resources; asked for the streams between one that was read and its successor. */
	policy_allow(policy, "dynamodb:ListStreams", STR("*"));
	for (size_t i = 0; i < config->n_tables; i++)
		allow(policy, scope, table_actions, config->tables[i].name, "");
	if (config->checkpoint.leases == CONFIG_KCL)
		allow(policy, scope, kcl_actions, config->checkpoint.table, "");
	allow(policy, scope, checkpoint_actions, config->checkpoint.own_table, "");
	allow_sinks(policy, config, scope);
}

/* Writes the policy; returns the exit status. */
static int print(const struct config *config, struct sink_scope *scope)
{
	struct policy policy;
	struct buf out;
	size_t n = 0;
	int status;

	policy_init(&policy);
	allow_all(&policy, config, scope);
	buf_init(&out, POLICY_MAX_BYTES);
	policy_write(&policy, &out);
	for (size_t i = 0; i < out.n; i++)
		n += out.p[i] != ' ' && out.p[i] != '\n';
	if (n > MANAGED_MAX)
		verb_error(
			0,
			"this policy has %zu characters, and a managed policy takes %d: split it "
			"into several, or let '*' stand for the rest of similar names",
			n, MANAGED_MAX);
	status = verb_write(buf_view(&out));
	buf_release(&out);
	policy_release(&policy);
	return status;
}

/* Whether `text` is an account's number. */
static bool is_account(struct str text)
{
	uint64_t number;

	return text.n == ACCOUNT_DIGITS && str_to_u64(text, &number);
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	const char *account = NULL, *region = NULL;
	const struct argument arguments[] = {
		{"account", .value = &account},
		{"region", .value = &region},
	};
	struct sink_scope scope = {.partition = STR("aws"), .region = STR("REGION")};
	struct config *config;
	int status;

	if (!arguments_read(&verb_iam, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_iam, "iam takes one configuration file");
	if (account != NULL && !is_account(str_of(account)))
		return verb_usage_error(&verb_iam, "option '--account' must be 12 digits");
	if (region != NULL && !region_valid(str_of(region)))
		return verb_usage_error(&verb_iam,
					"option '--region' must be a region such as eu-central-1");
	config = load_config(program, argv[1]);
	if (config == NULL)
		return error_exit_status(ERROR_CONFIG);
	if (region == NULL)
		region = config->region;
	if (region != NULL) {
		scope.region = str_of(region);
		scope.partition = region_partition(scope.region);
	}
	scope.account = account != NULL ? str_of(account) : STR("ACCOUNT");
	scope.application = str_of(config->application);
	status = print(config, &scope);
	config_free(config);
	return status;
}

const struct verb verb_iam = {
	.name = "iam",
	.help = "prints the IAM policy that a configuration needs",
	.usage = "usage: ddbtap iam CONFIG [--account NUMBER] [--region REGION]\n"
		 "\n"
		 "Prints, as JSON, the IAM policy that a run with the configuration file CONFIG "
		 "('-': "
		 "standard\n"
		 "input) needs, and nothing more. Looks at nothing else: no network, no "
		 "environment.\n"
		 "\n"
		 "  --account NUMBER  the account of the tables, 12 digits; without it the policy "
		 "says ACCOUNT\n"
		 "  --region REGION   in place of the configuration's region; without either the "
		 "policy says REGION\n"
		 "\n"
		 "For Kafka sinks with aws_msk_iam, put the cluster's name and id, which end its "
		 "ARN, "
		 "for CLUSTER and\n"
		 "CLUSTER_ID. CreateTable on the checkpoint table may be left out where that table "
		 "is "
		 "there already.\n"
		 "What a table's customer managed key asks for is a matter of that key's policy.\n",
	.run = run,
};
