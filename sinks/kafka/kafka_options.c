/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_options.h"

#include "base/time.h"
#include "sinks/kafka/kafka_conf.h"
#include "sinks/kafka/kafka_record.h"
#include "sinks/kafka/kafka_topics.h"

enum {
	LINGER_MAX_MS = 10 * 1000,
	BATCH_MIN_BYTES = 1000,
	BATCH_MAX_BYTES = 16 * 1000 * 1000,
	MESSAGE_MAX_BYTES = 100 * 1000 * 1000,
	TIMEOUT_MAX_MS = 30 * 60 * 1000,
	PARTITIONS_MAX = 10000,
	REPLICATION_MAX = 100,
};

static const char *const key_words[] = {"primary", "partition", "template", "none", NULL};
static const char *const partitioner_words[] = {"murmur2", "crc32", "fnv1a", NULL};
const char *const kafka_partitioner_words[] = {"murmur2_random", "consistent", "fnv1a_random",
					       NULL};
const char *const kafka_compression_words[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const tombstone_words[] = {"auto", "always", "never", NULL};
static const char *const timestamp_words[] = {"event", "producer", NULL};
const char *const kafka_cleanup_words[] = {"delete", "compact", "compact,delete", NULL};
static const char *const oversize_words[] = {"reject", "claim_check", NULL};
static const char *const sasl_words[] = {
	"none", "plain", "scram_sha_256", "scram_sha_512", "oauthbearer", "aws_msk_iam", NULL,
};

/* struct option_spec: whether `text` can be a broker's address. */
static const char *check_broker(struct str text)
{
	size_t colon = str_find_last(text, ':');
	uint64_t port = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] >= 0x7F || text.p[i] == ',' || text.p[i] == '/')
			return "one broker as host:port";
	}
	return colon > 0 && str_to_u64(str_skip(text, colon + 1), &port) && port > 0 && port < 65536
		       ? NULL
		       : "one broker as host:port";
}

/* struct option_spec: whether `text` can be the name of a topic. */
static const char *check_topic(struct str text)
{
	return kafka_topic_valid(text)
		       ? NULL
		       : "a topic: 1 to 249 letters, digits, dots, underscores and hyphens";
}

/* struct option_spec: whether `text` can be a part of a host's name. */
static const char *check_region(struct str text)
{
	bool ok = text.n > 0 && text.n <= 30;

	for (size_t i = 0; i < text.n; i++)
		ok = ok && ((text.p[i] >= 'a' && text.p[i] <= 'z') ||
			    (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '-');
	return ok ? NULL : "a region such as eu-central-1";
}

const struct option_spec kafka_option_specs[KAFKA_OPTIONS_N] = {
	{.name = "brokers",
	 .type = OPTION_TEXTS,
	 .offset = offsetof(struct kafka_options, brokers),
	 .required = true,
	 .check = check_broker,
	 .help = "Brokers to begin with, as host:port; the others are learned from them."},
	{.name = "topic",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, topic),
	 .fallback = "{table}",
	 .check = kafka_topic_template_check,
	 .help = "The topic, in which {table} and other names in braces are filled in for each "
		 "record."},
	{.name = "key",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, key),
	 .fallback = "primary",
	 .words = key_words,
	 .help = "What the key of a message is: the primary key, its partition key alone, a text "
		 "made of key_template, or nothing."},
	{.name = "key_template",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, key_template),
	 .check = template_check,
	 .help = "The key, when key is template; names in braces are filled in as in topic."},
	{.name = "partitioner",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, partitioner),
	 .fallback = "murmur2",
	 .words = partitioner_words,
	 .help = "How a key chooses its partition: murmur2 as Java clients do it, crc32 as "
		 "librdkafka does by default, or fnv1a as Sarama does."},
	{.name = "compression",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, compression),
	 .fallback = "lz4",
	 .words = kafka_compression_words,
	 .help = "How batches are compressed."},
	{.name = "linger",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct kafka_options, linger_ms),
	 .fallback = "5ms",
	 .min = 0,
	 .max = LINGER_MAX_MS,
	 .help = "How long a record waits for others to share a request with."},
	{.name = "batch_bytes",
	 .type = OPTION_BYTES,
	 .offset = offsetof(struct kafka_options, batch_bytes),
	 .fallback = "1000000",
	 .min = BATCH_MIN_BYTES,
	 .max = BATCH_MAX_BYTES,
	 .help = "Bytes of records in one batch, at most. Not above the topics' "
		 "max.message.bytes."},
	{.name = "timeout",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct kafka_options, timeout_ms),
	 .fallback = "30s",
	 .min = SECOND_MS,
	 .max = TIMEOUT_MAX_MS,
	 .help = "How long records of a shard may wait without a sign of progress before they are "
		 "given back to be tried again."},
	{.name = "tombstones",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, tombstones),
	 .fallback = "auto",
	 .words = tombstone_words,
	 .help = "Whether a removal is followed by a message with the same key and no value; auto: "
		 "if that is the custom of the format."},
	{.name = "timestamp",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, timestamp),
	 .fallback = "event",
	 .words = timestamp_words,
	 .help = "The time of a message: when the change was made, or when it is sent."},
	{.name = "headers",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct kafka_options, headers),
	 .fallback = "true",
	 .help = "Whether messages carry the headers ddb-event-id, ddb-table, ddb-op, ddb-shard, "
		 "ddb-seq and content-type."},
	{.name = "heartbeat",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct kafka_options, heartbeat_ms),
	 .fallback = "0s",
	 .min = 0,
	 .max = HOUR_MS,
	 .help = "How often a heartbeat of the format is sent; 0s: never."},
	{.name = "heartbeat_topic",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, heartbeat_topic),
	 .check = check_topic,
	 .help = "The topic of heartbeats; by default __debezium-heartbeat. and the name of the "
		 "application."},
	{.name = "create_topics",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct kafka_options, create_topics),
	 .fallback = "false",
	 .help = "Whether topics that do not exist are created."},
	{.name = "topic_partitions",
	 .needs = "create_topics",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct kafka_options, topic_partitions),
	 .fallback = "6",
	 .min = 1,
	 .max = PARTITIONS_MAX,
	 .help = "Partitions of a topic that is created."},
	{.name = "topic_replication",
	 .needs = "create_topics",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct kafka_options, topic_replication),
	 .fallback = "3",
	 .min = 1,
	 .max = REPLICATION_MAX,
	 .help = "Replicas of a topic that is created."},
	{.name = "topic_cleanup",
	 .needs = "create_topics",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, topic_cleanup),
	 .fallback = "delete",
	 .words = kafka_cleanup_words,
	 .help = "The cleanup policy of a topic that is created."},
	{.name = "max_message_bytes",
	 .type = OPTION_BYTES,
	 .offset = offsetof(struct kafka_options, max_message_bytes),
	 .fallback = "1000000",
	 .min = BATCH_MIN_BYTES,
	 .max = MESSAGE_MAX_BYTES,
	 .help = "Bytes of one message, at most, before compression. The brokers' "
		 "message.max.bytes and the topic's max.message.bytes have to allow it."},
	{.name = "oversize",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, oversize),
	 .fallback = "reject",
	 .words = oversize_words,
	 .help = "What becomes of a larger record: it is refused, or a file holds it and a message "
		 "says where (claim_check)."},
	{.name = "claim_check_path",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, claim_check_path),

	 .help = "The directory of those files; it must exist."},
	{.name = "tls",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct kafka_options, tls),
	 .fallback = "false",
	 .help = "Whether to speak TLS with the brokers."},
	{.name = "ca_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, ca_file),

	 .help = "Certificate authorities to trust, as a PEM file."},
	{.name = "client_cert",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, client_cert),

	 .help = "Our certificate, as a PEM file, where brokers ask for one."},
	{.name = "client_key",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, client_key),

	 .help = "Its private key, as a PEM file."},
	{.name = "client_key_password_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, client_key_password_file),

	 .help = "File with the password of that key."},
	{.name = "sasl",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct kafka_options, sasl),
	 .fallback = "none",
	 .words = sasl_words,
	 .help = "How to log in. scram_* needs librdkafka 2.6.1 or newer against Kafka 4."},
	{.name = "username",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, username),

	 .help = "The name to log in with (plain, scram_*)."},
	{.name = "password_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, password_file),

	 .help = "File with the password; it must not be readable by everybody."},
	{.name = "oauth_token_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, oauth_token_file),

	 .help = "File with a bearer token (oauthbearer); it is read again when the token is about "
		 "to expire."},
	{.name = "region",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct kafka_options, region),
	 .check = check_region,
	 .help = "AWS region of the brokers (aws_msk_iam); by default the tables'."},
	{.name = "librdkafka",
	 .type = OPTION_PAIRS,
	 .offset = offsetof(struct kafka_options, librdkafka),
	 .check_name = kafka_conf_check_name,
	 .help = "Further settings of librdkafka, by its names for them. Those that other options "
		 "stand for, or that keep records safe, are refused."},
};

/* Notes what is wrong with an option; returns false. */
static bool fault_at(struct option_fault *fault, const char *option, const char *words)
{
	fault->option = option;
	return error_set(&fault->why, ERROR_CONFIG, "%s", words);
}

/* Whether a login has what it needs, and nothing that it would not use. */
static bool check_login(const struct kafka_options *options, struct option_fault *fault)
{
	bool named = options->sasl == KAFKA_SASL_PLAIN || options->sasl == KAFKA_SASL_SCRAM_256 ||
		     options->sasl == KAFKA_SASL_SCRAM_512;
	bool token = options->sasl == KAFKA_SASL_OAUTHBEARER;

	if (named && options->username == NULL)
		return fault_at(fault, "username", "this way to log in needs a username");
	if (named && options->password_file == NULL)
		return fault_at(fault, "password_file", "this way to log in needs a password_file");
	if (!named && options->username != NULL)
		return fault_at(fault, "username", "only sasl: plain and scram_* have a username");
	if (!named && options->password_file != NULL)
		return fault_at(fault, "password_file",
				"only sasl: plain and scram_* have a password");
	if (token && options->oauth_token_file == NULL)
		return fault_at(fault, "oauth_token_file",
				"sasl: oauthbearer needs an oauth_token_file");
	if (!token && options->oauth_token_file != NULL)
		return fault_at(fault, "oauth_token_file", "only sasl: oauthbearer has a token");
	if (options->sasl == KAFKA_SASL_MSK_IAM && !options->tls)
		return fault_at(fault, "tls", "sasl: aws_msk_iam needs tls: true");
	if (options->sasl != KAFKA_SASL_MSK_IAM && options->region != NULL)
		return fault_at(fault, "region", "only sasl: aws_msk_iam has a region");
	return true;
}

/* Whether the options of TLS go together. */
static bool check_tls(const struct kafka_options *options, struct option_fault *fault)
{
	if (!options->tls && options->ca_file != NULL)
		return fault_at(fault, "ca_file", "without tls: true it means nothing");
	if (!options->tls && options->client_cert != NULL)
		return fault_at(fault, "client_cert", "without tls: true it means nothing");
	if ((options->client_cert == NULL) != (options->client_key == NULL))
		return fault_at(fault, options->client_cert == NULL ? "client_key" : "client_cert",
				"client_cert and client_key go together");
	if (options->client_key == NULL && options->client_key_password_file != NULL)
		return fault_at(fault, "client_key_password_file", "there is no client_key");
	return true;
}

bool kafka_options_check(const void *options_p, const struct format_type *format,
			 struct option_fault *fault)
{
	const struct kafka_options *options = options_p;

	if (options->heartbeat_ms > 0 && !format->heartbeats)
		return fault_at(fault, "heartbeat", "this format has no heartbeats");
	if ((options->key == KAFKA_KEY_TEMPLATE) != (options->key_template != NULL))
		return fault_at(fault, "key_template",
				"key: template and key_template go together");
	if (options->key == KAFKA_KEY_NONE && options->tombstones == KAFKA_TOMBSTONES_ALWAYS)
		return fault_at(fault, "tombstones", "tombstones need a key");
	if ((options->oversize == KAFKA_OVERSIZE_CLAIM_CHECK) !=
	    (options->claim_check_path != NULL))
		return fault_at(fault, "claim_check_path",
				"oversize: claim_check and claim_check_path go together");
	if (options->heartbeat_ms == 0 && options->heartbeat_topic != NULL)
		return fault_at(fault, "heartbeat_topic", "without heartbeat it means nothing");
	if (!check_login(options, fault) || !check_tls(options, fault))
		return false;
	fault->option = "librdkafka";
	return kafka_conf_try(options, &fault->why);
}

const char *kafka_options_warning(const void *options_p)
{
	const struct kafka_options *options = options_p;

	if (options->tls)
		return NULL;
	if (options->sasl == KAFKA_SASL_PLAIN)
		return "sasl: plain without tls: true sends the password in clear";
	return options->sasl == KAFKA_SASL_OAUTHBEARER
		       ? "sasl: oauthbearer without tls: true sends the token in clear"
		       : NULL;
}
