/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_error.h"

#include "base/buf.h"

/* The first librdkafka that brokers of Kafka 4 let in by SCRAM. */
enum { SCRAM_MENDED = 0x020601ff, WORDS_MAX = 300 };

enum kafka_blame kafka_error_blame(rd_kafka_resp_err_t code)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the library has some 150 of them */
	switch ((int)code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
	case RD_KAFKA_RESP_ERR__DESTROY:
		return KAFKA_BLAME_NOBODY;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		return KAFKA_BLAME_BATCH;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		return KAFKA_BLAME_TOPIC;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		return KAFKA_BLAME_PERSON;
	default:
		return KAFKA_BLAME_WORLD;
	}
}

rd_kafka_resp_err_t kafka_error_kind(rd_kafka_resp_err_t code, const char *words)
{
	bool alert = words != NULL && strstr(words, "SSL alert number") != NULL;

	return code == RD_KAFKA_RESP_ERR__TRANSPORT && alert ? RD_KAFKA_RESP_ERR__SSL : code;
}

bool kafka_error_bars(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
	       code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM ||
	       code == RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE || code == RD_KAFKA_RESP_ERR__SSL;
}

void kafka_error_words(const char *words, struct buf *out)
{
	for (const char *p = words; *p != '\0' && p - words < WORDS_MAX; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"')
			buf_c(out, '\'');
		else
			buf_c(out, c < ' ' || c == 0x7F ? ' ' : *p);
	}
}

void kafka_error_record(rd_kafka_resp_err_t code, const char *topic,
			const struct kafka_options *options, struct error *why)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): as above */
	switch ((int)code) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		error_set(why, ERROR_DATA,
			  "the record is too large for the topic %s: raise max_message_bytes (now "
			  "%lld) and the topic's max.message.bytes, or set oversize: claim_check",
			  topic, (long long)options->max_message_bytes);
		return;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		error_set(why, ERROR_RETRY,
			  "the brokers know no topic %s: create it, or set create_topics: true; it "
			  "is tried again until the topic is there",
			  topic);
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		error_set(why, ERROR_AUTH,
			  "the brokers do not let this user write to the topic %s: allow it WRITE "
			  "and DESCRIBE there",
			  topic);
		return;
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		error_set(why, ERROR_AUTH,
			  "the brokers do not let this user be an idempotent producer: allow it "
			  "IDEMPOTENT_WRITE on the cluster");
		return;
	default:
		error_set(why,
			  kafka_error_blame(code) == KAFKA_BLAME_BATCH ? ERROR_DATA : ERROR_RETRY,
			  "the brokers did not take a record for the topic %s: %s", topic,
			  rd_kafka_err2str(code));
	}
}

/* The sentence for a login that was refused. */
static void explain_login(const char *words, int version, const struct kafka_options *options,
			  struct error *why)
{
	bool scram = options->sasl == KAFKA_SASL_SCRAM_256 || options->sasl == KAFKA_SASL_SCRAM_512;

	if (scram && version < SCRAM_MENDED)
		error_set(
			why, ERROR_AUTH,
			"the brokers refuse the SCRAM login of user %s: name or password is wrong, "
			"or they are Kafka 4 or newer, where SCRAM needs librdkafka 2.6.1 and this "
			"is %s, whose fault it then is (use it newer, or sasl: plain with tls: "
			"true)",
			options->username, rd_kafka_version_str());
	else if (options->username != NULL)
		error_set(why, ERROR_AUTH,
			  "the brokers refuse the login of user %s: name, password or way to log "
			  "in is "
			  "wrong (%s)",
			  options->username, words);
	else if (options->sasl != KAFKA_SASL_NONE)
		error_set(why, ERROR_AUTH, "the brokers refuse the login by token: %s", words);
	else
		error_set(why, ERROR_AUTH, "the brokers want a login; set the option sasl (%s)",
			  words);
}

/* The sentence for a TLS handshake that failed. */
static void explain_tls(const char *words, struct error *why)
{
	if (strstr(words, "hostname") != NULL || strstr(words, "Hostname") != NULL ||
	    strstr(words, "IP address mismatch") != NULL)
		error_set(
			why, ERROR_AUTH,
			"a broker's certificate is not made out to the name it is reached by: "
			"mend the name in brokers or advertised.listeners, or the certificate (%s)",
			words);
	else if (strstr(words, "certificate verify failed") != NULL ||
		 strstr(words, "self-signed") != NULL || strstr(words, "self signed") != NULL)
		error_set(
			why, ERROR_AUTH,
			"a broker's certificate is not from an authority that is trusted here: set "
			"ca_file (%s)",
			words);
	else if (strstr(words, "client authentication might be required") != NULL ||
		 strstr(words, "certificate required") != NULL ||
		 strstr(words, "bad certificate") != NULL)
		error_set(why, ERROR_AUTH,
			  "the brokers want a certificate of ours, or do not like it: see "
			  "client_cert "
			  "and client_key (%s)",
			  words);
	else
		error_set(why, ERROR_AUTH, "TLS with the brokers fails: %s", words);
}

void kafka_error_connection(rd_kafka_resp_err_t code, const char *words, int version,
			    const struct kafka_options *options, struct error *why)
{
	struct buf clean;
	char *text;

	buf_init(&clean, WORDS_MAX + 1);
	kafka_error_words(words == NULL ? rd_kafka_err2str(code) : words, &clean);
	text = buf_detach(&clean);
	if (code == RD_KAFKA_RESP_ERR__SSL)
		explain_tls(text, why);
	else if (kafka_error_bars(code))
		explain_login(text, version, options, why);
	else
		error_set(why, ERROR_RETRY, "%s", text);
	mem_free(text);
}
