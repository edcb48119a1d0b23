/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/policy.h"

#include "sinks/kafka/msk_policy.h"
#include "tests/check.h"

static struct policy policy;
static struct buf text;

static void setup(void)
{
	policy_init(&policy);
	buf_init(&text, 1 << 16);
}

/* Compares what is written with what is wanted. */
static void check_written(const char *want)
{
	policy_write(&policy, &text);
	CHECK_STR(buf_view(&text), want);
	policy_release(&policy);
	buf_release(&text);
}

static void allowing_nothing_is_json_too(void)
{
	setup();
	check_written("{\"Version\": \"2012-10-17\", \"Statement\": [\n]}\n");
}

static void one_is_a_text_and_two_are_a_list(void)
{
	setup();
	policy_allow(&policy, "a:One", STR("x"));
	policy_allow(&policy, "a:Two", STR("y"));
	policy_allow(&policy, "a:Two", STR("z"));
	policy_allow(&policy, "a:Two", STR("y"));
	check_written("{\"Version\": \"2012-10-17\", \"Statement\": [\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": \"a:One\",\n"
		      "   \"Resource\": \"x\"},\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": \"a:Two\",\n"
		      "   \"Resource\": [\"y\", \"z\"]}\n"
		      "]}\n");
}

static void actions_share_a_statement_only_when_all_is_the_same(void)
{
	setup();
	policy_allow(&policy, "a:One", STR("x"));
	policy_allow(&policy, "a:Two", STR("x"));
	policy_allow(&policy, "a:Two", STR("y"));
	policy_allow(&policy, "a:Three", STR("x"));
	policy_allow(&policy, "a:Four", STR("y"));
	check_written("{\"Version\": \"2012-10-17\", \"Statement\": [\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": [\"a:One\", \"a:Three\"],\n"
		      "   \"Resource\": \"x\"},\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": \"a:Two\",\n"
		      "   \"Resource\": [\"x\", \"y\"]},\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": \"a:Four\",\n"
		      "   \"Resource\": \"y\"}\n"
		      "]}\n");
}

static void long_lists_go_on_below(void)
{
	setup();
	policy_allow(&policy, "a:One", STR("123456789012345678901234567890123456789"));
	policy_allow(&policy, "a:One", STR("2"));
	policy_allow(&policy, "a:One", STR("345678901234567890123456789012345678901234567890"));
	check_written("{\"Version\": \"2012-10-17\", \"Statement\": [\n"
		      "  {\"Effect\": \"Allow\",\n"
		      "   \"Action\": \"a:One\",\n"
		      "   \"Resource\": [\"123456789012345678901234567890123456789\", \"2\",\n"
		      "                \"345678901234567890123456789012345678901234567890\"]}\n"
		      "]}\n");
}

/* What MSK has to allow for two tables with these options. */
static void write_msk(const struct kafka_options *options)
{
	static const char *const tables[] = {"orders", "people"};
	struct sink_scope scope = {
		.partition = STR("aws"),
		.region = STR("eu-west-1"),
		.account = STR("123456789012"),
		.application = STR("app"),
		.tables = tables,
		.n_tables = ARRAY_N(tables),
	};

	setup();
	msk_policy(&scope, options, &policy);
}

static void only_iam_needs_a_policy(void)
{
	char topic[] = "{table}";
	struct kafka_options options = {.topic = topic, .sasl = KAFKA_SASL_PLAIN};

	write_msk(&options);
	check_written("{\"Version\": \"2012-10-17\", \"Statement\": [\n]}\n");
}

static void topics_are_named_as_far_as_they_are_known(void)
{
	char topic[] = "x.{table}.{region}.{op}{key.k}";
	struct kafka_options options = {.topic = topic, .sasl = KAFKA_SASL_MSK_IAM};

	write_msk(&options);
	check_written(
		"{\"Version\": \"2012-10-17\", \"Statement\": [\n"
		"  {\"Effect\": \"Allow\",\n"
		"   \"Action\": [\"kafka-cluster:Connect\", "
		"\"kafka-cluster:WriteDataIdempotently\"],\n"
		"   \"Resource\": "
		"\"arn:aws:kafka:eu-west-1:123456789012:cluster/CLUSTER/CLUSTER_ID\"},\n"
		"  {\"Effect\": \"Allow\",\n"
		"   \"Action\": [\"kafka-cluster:DescribeTopic\", \"kafka-cluster:WriteData\"],\n"
		"   \"Resource\": "
		"[\"arn:aws:kafka:eu-west-1:123456789012:topic/CLUSTER/CLUSTER_ID/"
		"x.orders.eu-west-1.**\",\n"
		"                "
		"\"arn:aws:kafka:eu-west-1:123456789012:topic/CLUSTER/CLUSTER_ID/"
		"x.people.eu-west-1.**\"]}\n"
		"]}\n");
}

static void what_is_created_and_heartbeats_are_allowed(void)
{
	char topic[] = "all", region[] = "eu-west-2";
	struct kafka_options options = {.topic = topic,
					.sasl = KAFKA_SASL_MSK_IAM,
					.region = region,
					.heartbeat_ms = 1000,
					.create_topics = true};

	write_msk(&options);
	check_written(
		"{\"Version\": \"2012-10-17\", \"Statement\": [\n"
		"  {\"Effect\": \"Allow\",\n"
		"   \"Action\": [\"kafka-cluster:Connect\", "
		"\"kafka-cluster:WriteDataIdempotently\"],\n"
		"   \"Resource\": "
		"\"arn:aws:kafka:eu-west-2:123456789012:cluster/CLUSTER/CLUSTER_ID\"},\n"
		"  {\"Effect\": \"Allow\",\n"
		"   \"Action\": [\"kafka-cluster:DescribeTopic\", \"kafka-cluster:WriteData\",\n"
		"              \"kafka-cluster:CreateTopic\"],\n"
		"   \"Resource\": "
		"[\"arn:aws:kafka:eu-west-2:123456789012:topic/CLUSTER/CLUSTER_ID/all\",\n"
		"                "
		"\"arn:aws:kafka:eu-west-2:123456789012:topic/CLUSTER/CLUSTER_ID/"
		"__debezium-heartbeat.app\"]}\n"
		"]}\n");
}

int main(void)
{
	CHECK_RUN(allowing_nothing_is_json_too);
	CHECK_RUN(one_is_a_text_and_two_are_a_list);
	CHECK_RUN(actions_share_a_statement_only_when_all_is_the_same);
	CHECK_RUN(long_lists_go_on_below);
	CHECK_RUN(only_iam_needs_a_policy);
	CHECK_RUN(topics_are_named_as_far_as_they_are_known);
	CHECK_RUN(what_is_created_and_heartbeats_are_allowed);
	return check_end();
}
