/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_conf.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include "sinks/webhook/privatefile.h"

/* Bounds what librdkafka keeps beside the records themselves: some 500 bytes a message. */
enum {
	QUEUE_MESSAGES_MAX = 20000,
	QUEUE_KIB_MAX = 256 * 1024,
	VALUE_MAX = 64 * 1024,
	TOPIC_WAIT_MAX_MS = 10000
};

/* What is not for the pass-through map, and what to use instead. */
static const struct {
	const char *name, *instead;
} owned[] = {
	{"bootstrap.servers", "another setting: brokers stands for this one"},
	{"metadata.broker.list", "another setting: brokers stands for this one"},
	{"enable.idempotence", "another setting: this one is always true, for order rests on it"},
	{"enable.gapless.guarantee",
	 "another setting: this one is always true, for order rests on it"},
	{"acks", "another setting: this one is always all, for nothing may be lost"},
	{"request.required.acks", "another setting: acks is always all, for nothing may be lost"},
	{"message.timeout.ms", "another setting: timeout stands for this one"},
	{"delivery.timeout.ms", "another setting: timeout stands for this one"},
	{"retries", "another setting: the engine decides what is tried again"},
	{"message.send.max.retries", "another setting: the engine decides what is tried again"},
	{"transactional.id", "another setting: the sink does not use transactions"},
	{"partitioner", "another setting: the option partitioner stands for this one"},
	{"partitioner_cb", "another setting: the option partitioner stands for this one"},
	{"compression.codec", "another setting: compression stands for this one"},
	{"compression.type", "another setting: compression stands for this one"},
	{"linger.ms", "another setting: linger stands for this one"},
	{"queue.buffering.max.ms", "another setting: linger stands for this one"},
	{"batch.size", "another setting: batch_bytes stands for this one"},
	{"message.max.bytes", "another setting: max_message_bytes stands for this one"},
	{"security.protocol", "another setting: tls and sasl stand for this one"},
	{"sasl.mechanism", "another setting: sasl stands for this one"},
	{"sasl.mechanisms", "another setting: sasl stands for this one"},
	{"sasl.username", "another setting: username stands for this one"},
	{"sasl.password", "another setting: password_file keeps secrets out of the configuration"},
	{"sasl.oauthbearer.config", "another setting: oauth_token_file stands for this one"},
	{"ssl.ca.location", "another setting: ca_file stands for this one"},
	{"ssl.certificate.location", "another setting: client_cert stands for this one"},
	{"ssl.certificate.pem", "another setting: client_cert stands for this one"},
	{"ssl.ca.pem", "another setting: ca_file stands for this one"},
	{"ssl.keystore.location", "another setting: client_cert and client_key stand for this one"},
	{"ssl.engine.location", "another setting: the sink loads no other code"},
	{"sasl.oauthbearer.client.secret", "another setting: oauth_token_file keeps secrets out"},
	{"ssl.key.location", "another setting: client_key stands for this one"},
	{"ssl.key.pem", "another setting: client_key keeps secrets out of the configuration"},
	{"ssl.key.password", "another setting: client_key_password_file keeps secrets out"},
	{"ssl.keystore.password", "another setting: secrets do not stand in the configuration"},
	{"delivery.report.only.error", "another setting: a report is the acknowledgement"},
	{"queuing.strategy", "another setting: this one is always fifo, for order rests on it"},
	{"max.in.flight", "another setting: order rests on what this one is by default"},
	{"max.in.flight.requests.per.connection",
	 "another setting: order rests on what this one is by default"},
	{"enabled_events", "another setting: the sink needs this one"},
	{"log.queue", "another setting: the sink needs this one"},
	{"opaque", "another setting: the sink needs this one"},
	{"plugin.library.paths", "another setting: the sink loads no other code"},
	{"test.mock.num.brokers", "another setting: with this one records go nowhere"},
};

const char *kafka_conf_check_name(struct str name)
{
	for (size_t i = 0; i < ARRAY_N(owned); i++) {
		if (str_eq_nocase(name, str_of(owned[i].name)))
			return owned[i].instead;
	}
	return str_ends(name, STR("_cb")) ? "a setting that is a text" : NULL;
}

/* A configuration in the making: after the first failure nothing is set any more. */
struct making {
	rd_kafka_conf_t *conf;
	struct error *err;
	bool failed;
};

/* Sets one property; `option` is what the operator wrote it as. */
static void set(struct making *making, const char *option, const char *name, const char *value)
{
	char why[256];

	if (making->failed || value == NULL)
		return;
	if (rd_kafka_conf_set(making->conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return;
	making->failed = true;
	error_set(making->err, ERROR_CONFIG, "%s: librdkafka says: %s", option, why);
}

/* Sets one property to a number. */
static void set_number(struct making *making, const char *option, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	set(making, option, name, text);
}

/* Sets one property to the content of a private file, without the line end behind it. */
static void set_secret(struct making *making, const char *option, const char *name,
		       const char *path)
{
	struct buf secret;
	char *value;

	if (making->failed || path == NULL)
		return;
	buf_init(&secret, PRIVATE_FILE_MAX);
	if (!private_read_line(path, &secret, making->err)) {
		making->failed = true;
		error_prefix(making->err, "%s", option);
	} else {
		value = mem_dup(secret.p, secret.n);
		set(making, option, name, value);
		explicit_bzero(value, secret.n);
		mem_free(value);
	}
	private_forget(&secret);
}

/* Sets one property to the path of a file, which must be readable: librdkafka's word for it says little. */
static void set_file(struct making *making, const char *option, const char *name, const char *path)
{
	if (!making->failed && path != NULL && access(path, R_OK) != 0)
		making->failed = !error_set(making->err, ERROR_CONFIG, "%s: cannot read %s: %s",
					    option, path, error_errno(errno));
	set(making, option, name, path);
}

/* What every producer of ours has. */
static void set_common(struct making *making)
{
	set(making, "kafka", "enable.idempotence", "true");
	set(making, "kafka", "enable.gapless.guarantee", "true");
	set(making, "kafka", "message.timeout.ms", "0");
	set(making, "kafka", "socket.nagle.disable", "true");
	set(making, "kafka", "socket.keepalive.enable", "true");
	set(making, "kafka", "log.queue", "true");
	set(making, "kafka", "topic.metadata.refresh.interval.ms", "60000");
	set_number(making, "kafka", "queue.buffering.max.messages", QUEUE_MESSAGES_MAX);
	set_number(making, "kafka", "queue.buffering.max.kbytes", QUEUE_KIB_MAX);
}

/* Who the brokers are, and how records go to them. */
static void set_sending(struct making *making, const struct kafka_options *options)
{
	struct buf brokers;
	char *text;

	buf_init(&brokers, VALUE_MAX);
	for (size_t i = 0; i < options->brokers.n; i++) {
		buf_str(&brokers, i == 0 ? STR("") : STR(","));
		buf_str(&brokers, str_of(options->brokers.list[i]));
	}
	text = buf_detach(&brokers);
	set(making, "brokers", "bootstrap.servers", text);
	mem_free(text);
	set(making, "partitioner", "partitioner", kafka_partitioner_words[options->partitioner]);
	set(making, "compression", "compression.type",
	    kafka_compression_words[options->compression]);
	set_number(making, "linger", "linger.ms", options->linger_ms);
	set_number(making, "batch_bytes", "batch.size", options->batch_bytes);
	set_number(making, "max_message_bytes", "message.max.bytes", options->max_message_bytes);
	/* Until a topic that is not there counts as unknown: sooner than our own patience ends. */
	set_number(making, "timeout", "topic.metadata.propagation.max.ms",
		   options->timeout_ms / 2 < TOPIC_WAIT_MAX_MS ? options->timeout_ms / 2
							       : TOPIC_WAIT_MAX_MS);
}

/*
 * On a thread of librdkafka's, for each certificate of a broker: changes nothing about what is accepted, but
 * has librdkafka log why one is not, in OpenSSL's words, which it keeps to itself otherwise.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is librdkafka's */
static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
			  const char *der, size_t der_n, char *words, size_t words_n, void *opaque)
{
	(void)rk;
	(void)broker;
	(void)id;
	(void)depth;
	(void)der;
	(void)der_n;
	(void)opaque;
	if (*error == X509_V_OK)
		return 1;
	snprintf(words, words_n, "%s", X509_verify_cert_error_string(*error));
	return 0;
}

/* How connections are secured. */
static void set_security(struct making *making, const struct kafka_options *options,
			 const struct sink_env *env)
{
	static const char *const mechanisms[] = {
		[KAFKA_SASL_NONE] = NULL,
		[KAFKA_SASL_PLAIN] = "PLAIN",
		[KAFKA_SASL_SCRAM_256] = "SCRAM-SHA-256",
		[KAFKA_SASL_SCRAM_512] = "SCRAM-SHA-512",
		[KAFKA_SASL_OAUTHBEARER] = "OAUTHBEARER",
		[KAFKA_SASL_MSK_IAM] = "OAUTHBEARER",
	};
	bool sasl = options->sasl != KAFKA_SASL_NONE;

	if (options->tls)
		set(making, "tls", "security.protocol", sasl ? "SASL_SSL" : "SSL");
	else
		set(making, "sasl", "security.protocol", sasl ? "SASL_PLAINTEXT" : "PLAINTEXT");
	set(making, "sasl", "sasl.mechanisms", mechanisms[options->sasl]);
	set(making, "username", "sasl.username", options->username);
	set_secret(making, "password_file", "sasl.password", options->password_file);
	if (!options->tls)
		return;
	rd_kafka_conf_set_ssl_cert_verify_cb(making->conf, on_certificate);
	set_file(making, "ca_file", "ssl.ca.location",
		 options->ca_file != NULL ? options->ca_file : env->ca_file);
	set_file(making, "client_cert", "ssl.certificate.location", options->client_cert);
	set_secret(making, "client_key_password_file", "ssl.key.password",
		   options->client_key_password_file);
	set_file(making, "client_key", "ssl.key.location", options->client_key);
}

/* What is handed through, last, so that it goes before our defaults. */
static void set_passed(struct making *making, const struct kafka_options *options)
{
	for (size_t i = 0; i < options->librdkafka.n; i++)
		set(making, options->librdkafka.list[i].name, options->librdkafka.list[i].name,
		    options->librdkafka.list[i].value);
}

bool kafka_conf_try(const struct kafka_options *options, struct error *err)
{
	struct making making = {.conf = rd_kafka_conf_new(), .err = err};

	set_passed(&making, options);
	rd_kafka_conf_destroy(making.conf);
	return !making.failed;
}

rd_kafka_conf_t *kafka_conf_new(const struct kafka_options *options, const struct sink_env *env,
				bool alone, struct error *err)
{
	struct making making = {.conf = rd_kafka_conf_new(), .err = err};
	int events = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
		     RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;

	rd_kafka_conf_set_events(making.conf, events);
	set(&making, "kafka", "client.id", "ddbtap");
	set_common(&making);
	set_sending(&making, options);
	set_security(&making, options, env);
	set_passed(&making, options);
	/* Whatever was asked for: with others beside it, a record would be blamed for what they are. */
	if (alone)
		set(&making, "kafka", "batch.num.messages", "1");
	if (!making.failed)
		return making.conf;
	rd_kafka_conf_destroy(making.conf);
	return NULL;
}
