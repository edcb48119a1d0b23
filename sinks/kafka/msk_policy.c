/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/msk_policy.h"

#include "consumer/aws/policy.h"
#include "sinks/kafka/kafka_record.h"
#include "sinks/template.h"

enum { ARN_MAX = 16 * 1024 };

/* Begins the ARN of a thing of the cluster. */
static void begin(struct buf *arn, const struct sink_scope *scope,
		  const struct kafka_options *options, const char *kind)
{
	struct str region = options->region != NULL ? str_of(options->region) : scope->region;

	buf_clear(arn);
	buf_fmt(arn, "arn:%.*s:kafka:%.*s:%.*s:%s/CLUSTER/CLUSTER_ID", STR_ARG(scope->partition),
		STR_ARG(region), STR_ARG(scope->account), kind);
}

/* Appends the topics that a table's records may go to: what only a record tells may be anything. */
static void put_topics(const struct template *template, const struct sink_scope *scope,
		       const char *table, struct buf *arn)
{
	for (size_t i = 0; i < template->n; i++) {
		switch (template->parts[i].what) {
		case TEMPLATE_TEXT:
			buf_str(arn, template->parts[i].text);
			break;
		case TEMPLATE_TABLE:
			buf_str(arn, str_of(table));
			break;
		case TEMPLATE_REGION:
			buf_str(arn, scope->region);
			break;
		case TEMPLATE_SHARD:
		case TEMPLATE_OP:
		case TEMPLATE_SEQ:
		case TEMPLATE_DATE:
		case TEMPLATE_HOUR:
		case TEMPLATE_KEY:
		case TEMPLATE_PARTITION:
		case TEMPLATE_KEY_ATTRIBUTE:
			buf_c(arn, '*');
			break;
		}
	}
}

/* Allows what is done with a topic. */
static void allow_topic(const struct kafka_options *options, struct str arn, struct policy *policy)
{
	policy_allow(policy, "kafka-cluster:DescribeTopic", arn);
	policy_allow(policy, "kafka-cluster:WriteData", arn);
	if (options->create_topics)
		policy_allow(policy, "kafka-cluster:CreateTopic", arn);
}

void msk_policy(const struct sink_scope *scope, const void *options_p, struct policy *policy)
{
	const struct kafka_options *options = options_p;
	struct template topic;
	struct buf arn;

	if (options->sasl != KAFKA_SASL_MSK_IAM)
		return;
	buf_init(&arn, ARN_MAX);
	begin(&arn, scope, options, "cluster");
	policy_allow(policy, "kafka-cluster:Connect", buf_view(&arn));
	/* Order rests on the producer being idempotent. */
	policy_allow(policy, "kafka-cluster:WriteDataIdempotently", buf_view(&arn));
	must(template_parse(str_of(options->topic), &topic, NULL));
	for (size_t i = 0; i < scope->n_tables; i++) {
		begin(&arn, scope, options, "topic");
		buf_c(&arn, '/');
		put_topics(&topic, scope, scope->tables[i], &arn);
		allow_topic(options, buf_view(&arn), policy);
	}
	if (options->heartbeat_ms > 0) {
		begin(&arn, scope, options, "topic");
		buf_c(&arn, '/');
		kafka_heartbeat_topic(options, scope->application, &arn);
		allow_topic(options, buf_view(&arn), policy);
	}
	buf_release(&arn);
}
