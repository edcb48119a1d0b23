/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Kafka sink that need no broker: sentences, settings, tokens, options that go together. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "consumer/aws/sigv4.h"
#include "sinks/kafka/kafka_conf.h"
#include "sinks/kafka/kafka_error.h"
#include "sinks/kafka/kafka_login.h"
#include "sinks/kafka/kafka_record.h"
#include "sinks/kafka/kafka_topics.h"
#include "sinks/kafka/msk_token.h"
#include "tests/check.h"

static struct arena arena;

static struct kafka_options defaults(void)
{
	static char address[] = "127.0.0.1:9092";
	static char *broker[] = {address};
	struct kafka_options options = {0};
	struct option_target target = {kafka_option_specs, KAFKA_OPTIONS_N, &options};

	option_defaults(&target, &arena);
	options.brokers = (struct texts){broker, 1};
	return options;
}

#define VECTOR_PLAIN                                                                       \
	"https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algo" \
	"rithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-west-1%2Fkaf" \
	"ka-cluster%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-Si" \
	"gnedHeaders=host&X-Amz-Signature=f28e8f5d58461eadd7f29727b37c00ba271af034a7d0c0c" \
	"1510fa07467b22862"

#define VECTOR_TOKEN                                                                       \
	"https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algo" \
	"rithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-west-1%2Fkaf" \
	"ka-cluster%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-Se" \
	"curity-Token=tok%2Fen%2Bwith%3Dodd%26chars&X-Amz-SignedHeaders=host&X-Amz-Signat" \
	"ure=57e1b5ea9c43e6969cdf7c61dee2f502c3c85c568dcb22bc31c01db7d19013f4"

/* 2015-08-30T12:36:00Z, as in AWS's test suite. */
static const int64_t suite_ms = 1440938160000;

/* The URL in a token for these keys. */
static char *url_of(const char *session)
{
	struct credentials credentials = {0};
	struct buf token, url;
	struct error err;

	CHECK(credentials_set(&credentials, STR("AKIDEXAMPLE"),
			      STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_of(session),
			      &err));
	buf_init(&token, MSK_TOKEN_MAX);
	buf_init(&url, MSK_TOKEN_MAX);
	msk_token(&credentials, STR("eu-west-1"), suite_ms, &token);
	CHECK(str_find(buf_view(&token), '=') == token.n &&
	      str_find(buf_view(&token), '+') == token.n);
	for (size_t i = 0; i < token.n; i++)
		token.p[i] = token.p[i] == '-' ? '+' : token.p[i] == '_' ? '/' : token.p[i];
	while (token.n % 4 != 0)
		buf_c(&token, '=');
	CHECK(base64_decode(&url, buf_view(&token)));
	buf_release(&token);
	credentials_release(&credentials);
	return buf_detach(&url);
}

/* Against botocore's SigV4QueryAuth, whose URLs these are; its own have them in another order. */
static void msk_tokens_are_signed_as_botocore_signs(void)
{
	char *url = url_of("");

	CHECK_STR(str_of(url), VECTOR_PLAIN "&User-Agent=ddbtap");
	mem_free(url);
	url = url_of("tok/en+with=odd&chars");
	CHECK_STR(str_of(url), VECTOR_TOKEN "&User-Agent=ddbtap");
	mem_free(url);
}

static void the_largest_session_token_fits(void)
{
	char *session = mem_alloc(CREDENTIALS_TOKEN_MAX + 1), *url;

	memset(session, '/', CREDENTIALS_TOKEN_MAX);
	url = url_of(session);
	CHECK(strstr(url, "&X-Amz-Signature=") != NULL && str_ends(str_of(url), STR("=ddbtap")));
	mem_free(url);
	mem_free(session);
}

static void a_web_token_says_when_it_expires(void)
{
	/* {"alg":"none"} . {"sub":"x","exp":1700000000} and others */
	CHECK_INT(kafka_login_expiry(
			  STR("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjoxNzAwMDAwMDAwfQ.c2ln")),
		  1700000000000);
	CHECK_INT(kafka_login_expiry(STR("opaque")), 0);
	CHECK_INT(kafka_login_expiry(STR("a.b.c")), 0);
	CHECK_INT(kafka_login_expiry(STR("a.eyJleHAiOiJ4In0.c")), 0); /* {"exp":"x"} */
	CHECK_INT(kafka_login_expiry(STR("")), 0);
}

static void check_sentence(rd_kafka_resp_err_t code, const char *words, int version,
			   const struct kafka_options *options, const char *part)
{
	struct error why;

	kafka_error_connection(code, words, version, options, &why);
	if (!CHECK(strstr(why.text, part) != NULL))
		fprintf(stderr, "it says: %s\n", why.text);
}

static void connection_errors_read_as_sentences(void)
{
	struct kafka_options options = defaults();
	const rd_kafka_resp_err_t login = RD_KAFKA_RESP_ERR__AUTHENTICATION;
	const rd_kafka_resp_err_t tls = RD_KAFKA_RESP_ERR__SSL;

	options.username = (char[]){"alice"};
	options.sasl = KAFKA_SASL_SCRAM_512;
	check_sentence(login, "invalid credentials", 0x020002ff, &options,
		       "SCRAM needs librdkafka 2.6.1");
	check_sentence(login, "invalid credentials", 0x020601ff, &options,
		       "refuse the login of user alice");
	options.sasl = KAFKA_SASL_PLAIN;
	check_sentence(login, "x", 0x020002ff, &options, "refuse the login of user alice");
	options.username = NULL;
	options.sasl = KAFKA_SASL_OAUTHBEARER;
	check_sentence(login, "x", 0x020002ff, &options, "the login by token: x");
	options.sasl = KAFKA_SASL_NONE;
	check_sentence(login, "x", 0x020002ff, &options, "want a login");
	check_sentence(tls, "SSL handshake failed: hostname mismatch", 0, &options,
		       "not made out to the name");
	check_sentence(tls, "certificate verify failed: self-signed", 0, &options, "set ca_file");
	check_sentence(tls, "alert bad certificate", 0, &options, "certificate of ours");
	check_sentence(tls, "odd", 0, &options, "TLS with the brokers fails: odd");
	check_sentence(RD_KAFKA_RESP_ERR__TRANSPORT, "a \"quoted\"\nline", 0, &options,
		       "a 'quoted' line");
	CHECK_INT(kafka_error_kind(
			  RD_KAFKA_RESP_ERR__TRANSPORT,
			  "Receive failed: sslv3 alert bad certificate: SSL alert number 42"),
		  tls);
	CHECK_INT(kafka_error_kind(RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused"),
		  RD_KAFKA_RESP_ERR__TRANSPORT);
	CHECK(kafka_error_bars(login) && kafka_error_bars(tls));
	CHECK(!kafka_error_bars(RD_KAFKA_RESP_ERR__TRANSPORT));
	CHECK(!kafka_error_bars(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN));
}

static void records_errors_say_who_is_to_blame(void)
{
	static const struct {
		rd_kafka_resp_err_t code;
		enum kafka_blame blame;
		const char *part;
	} cases[] = {
		{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_BLAME_BATCH,
		 "too large for the topic t"},
		{RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_BLAME_BATCH, "did not take a record"},
		{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KAFKA_BLAME_TOPIC, "know no topic t"},
		{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KAFKA_BLAME_TOPIC, "create_topics: true"},
		{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_BLAME_PERSON,
		 "write to the topic t"},
		{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KAFKA_BLAME_PERSON,
		 "IDEMPOTENT_WRITE"},
		{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, KAFKA_BLAME_WORLD, "did not take a record"},
		{RD_KAFKA_RESP_ERR__PURGE_QUEUE, KAFKA_BLAME_NOBODY, ""},
		{RD_KAFKA_RESP_ERR__FATAL, KAFKA_BLAME_NOBODY, ""},
	};
	struct kafka_options options = defaults();
	struct error why;

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		CHECK_INT(kafka_error_blame(cases[i].code), cases[i].blame);
		kafka_error_record(cases[i].code, "t", &options, &why);
		CHECK(strstr(why.text, cases[i].part) != NULL);
	}
}

/* What a configuration has for a setting of librdkafka. */
static void check_setting(const rd_kafka_conf_t *conf, const char *name, const char *want)
{
	char value[300];
	size_t n = sizeof(value);

	CHECK(rd_kafka_conf_get(conf, name, value, &n) == RD_KAFKA_CONF_OK);
	CHECK_STR(str_of(value), want);
}

static void options_become_settings(void)
{
	struct kafka_options options = defaults();
	struct pair pair = {(char[]){"socket.timeout.ms"}, (char[]){"12345"}};
	struct sink_env env = {.name = STR("bus")};
	char path[] = "/tmp/ddbtap-kafka-secret-XXXXXX";
	int fd = mkstemp(path);
	struct error err;
	rd_kafka_conf_t *conf;

	must(fd >= 0 && write(fd, "s3cret\n", 7) == 7 && close(fd) == 0);
	options.sasl = KAFKA_SASL_SCRAM_256;
	options.tls = true;
	options.username = (char[]){"alice"};
	options.password_file = path;
	options.librdkafka = (struct pairs){&pair, 1};
	conf = kafka_conf_new(&options, &env, true, &err);
	must(conf != NULL);
	check_setting(conf, "bootstrap.servers", "127.0.0.1:9092");
	check_setting(conf, "enable.idempotence", "true");
	check_setting(conf, "enable.gapless.guarantee", "true");
	check_setting(conf, "message.timeout.ms", "0");
	check_setting(conf, "partitioner", "murmur2_random");
	check_setting(conf, "socket.nagle.disable", "true");
	check_setting(conf, "security.protocol", "sasl_ssl");
	check_setting(conf, "sasl.mechanisms", "SCRAM-SHA-256");
	check_setting(conf, "sasl.password", "s3cret");
	check_setting(conf, "batch.num.messages", "1");
	check_setting(conf, "socket.timeout.ms", "12345");
	/* A report of errors only would acknowledge nothing. */
	CHECK(kafka_conf_check_name(STR("delivery.report.only.error")) != NULL);
	CHECK(kafka_conf_check_name(STR("Max.In.Flight")) != NULL);
	CHECK(kafka_conf_check_name(STR("socket.timeout.ms")) == NULL);
	rd_kafka_conf_destroy(conf);
	must(chmod(path, 0644) == 0);
	CHECK(kafka_conf_new(&options, &env, false, &err) == NULL);
	CHECK(strstr(err.text, "password_file") != NULL && strstr(err.text, path) != NULL);
	unlink(path);
}

/* The complaint about a change of the default options; checks the option and part of the words. */
static void check_fault(const struct kafka_options *options, const char *option, const char *part)
{
	struct option_fault fault = {0};
	bool ok = kafka_options_check(options, NULL, &fault);

	if (option == NULL) {
		CHECK(ok);
		return;
	}
	if (!ok && strstr(fault.why.text, part) == NULL)
		fprintf(stderr, "it says: %s: %s\n", fault.option, fault.why.text);
	CHECK(!ok && strcmp(fault.option, option) == 0 && strstr(fault.why.text, part) != NULL);
}

static void options_have_to_go_together(void)
{
	struct kafka_options options = defaults();
	struct pair pair = {(char[]){"no.such.setting"}, (char[]){"x"}};
	char text[] = "x";

	check_fault(&options, NULL, NULL);
	options.key = KAFKA_KEY_TEMPLATE;
	check_fault(&options, "key_template", "go together");
	options = defaults();
	options.oversize = KAFKA_OVERSIZE_CLAIM_CHECK;
	check_fault(&options, "claim_check_path", "go together");
	options = defaults();
	options.key = KAFKA_KEY_NONE;
	options.tombstones = KAFKA_TOMBSTONES_ALWAYS;
	check_fault(&options, "tombstones", "need a key");
	options = defaults();
	options.sasl = KAFKA_SASL_PLAIN;
	check_fault(&options, "username", "needs a username");
	options.username = text;
	check_fault(&options, "password_file", "needs a password_file");
	options = defaults();
	options.username = text;
	check_fault(&options, "username", "only sasl");
	options = defaults();
	options.sasl = KAFKA_SASL_OAUTHBEARER;
	check_fault(&options, "oauth_token_file", "needs an oauth_token_file");
	options = defaults();
	options.sasl = KAFKA_SASL_MSK_IAM;
	check_fault(&options, "tls", "needs tls: true");
	options = defaults();
	options.region = text;
	check_fault(&options, "region", "aws_msk_iam");
	options = defaults();
	options.ca_file = text;
	check_fault(&options, "ca_file", "without tls");
	options.tls = true;
	check_fault(&options, NULL, NULL);
	options.client_key = text;
	check_fault(&options, "client_key", "go together");
	options = defaults();
	options.heartbeat_topic = text;
	check_fault(&options, "heartbeat_topic", "without heartbeat");
	options = defaults();
	options.librdkafka = (struct pairs){&pair, 1};
	check_fault(&options, "librdkafka", "librdkafka says: No such configuration property");
}

static void settings_that_are_ours_are_refused(void)
{
	CHECK(strstr(kafka_conf_check_name(STR("enable.idempotence")), "always true") != NULL);
	CHECK(strstr(kafka_conf_check_name(STR("ACKS")), "always all") != NULL);
	CHECK(strstr(kafka_conf_check_name(STR("sasl.password")), "password_file") != NULL);
	CHECK(kafka_conf_check_name(STR("dr_msg_cb")) != NULL);
	CHECK(kafka_conf_check_name(STR("socket.timeout.ms")) == NULL);
}

static void topics_have_names(void)
{
	char longest[251];

	memset(longest, 'a', sizeof(longest));
	CHECK(kafka_topic_valid(str_make(longest, 249)) &&
	      !kafka_topic_valid(str_make(longest, 250)));
	CHECK(kafka_topic_valid(STR("a.B_c-9")) && !kafka_topic_valid(STR("a b")));
	CHECK(!kafka_topic_valid(STR("..")) && !kafka_topic_valid(STR(".")) &&
	      !kafka_topic_valid(STR("")));
	CHECK(kafka_topic_template_check(STR("x.{table}-{op}")) == NULL);
	CHECK(kafka_topic_template_check(STR("{table}.{op}")) == NULL);
	CHECK(kafka_topic_template_check(STR(".")) != NULL);
	CHECK(kafka_topic_template_check(STR("x/{table}")) != NULL);
	CHECK(kafka_topic_template_check(STR("{nonsense}")) != NULL);
	CHECK(kafka_topic_template_check(STR("")) != NULL);
}

int main(void)
{
	arena_init(&arena);
	CHECK_RUN(msk_tokens_are_signed_as_botocore_signs);
	CHECK_RUN(the_largest_session_token_fits);
	CHECK_RUN(a_web_token_says_when_it_expires);
	CHECK_RUN(connection_errors_read_as_sentences);
	CHECK_RUN(records_errors_say_who_is_to_blame);
	CHECK_RUN(options_become_settings);
	CHECK_RUN(options_have_to_go_together);
	CHECK_RUN(settings_that_are_ours_are_refused);
	CHECK_RUN(topics_have_names);
	arena_release(&arena);
	return check_end();
}
