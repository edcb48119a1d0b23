/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_login.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/time.h"
#include "sinks/kafka/kafka_error.h"
#include "sinks/kafka/msk_token.h"
#include "sinks/webhook/privatefile.h"

/* How long a token is taken to be good that does not say so itself. */
enum { OPAQUE_LIFE_MS = 5 * 60 * 1000 };

/* Appends what base64url without padding stands for; false when it is malformed. */
static bool decode_base64url(struct buf *out, struct str text)
{
	struct buf plain;
	bool ok;

	buf_init(&plain, PRIVATE_FILE_MAX + 4);
	for (size_t i = 0; i < text.n; i++)
		buf_c(&plain, text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' : text.p[i]);
	while (plain.n % 4 != 0)
		buf_c(&plain, '=');
	ok = base64_decode(out, buf_view(&plain));
	buf_release(&plain);
	return ok;
}

int64_t kafka_login_expiry(struct str token)
{
	struct str rest = token, claims, key;
	struct buf text;
	struct json json;
	int64_t expires_ms = 0;

	str_cut(&rest, '.');
	claims = str_cut(&rest, '.');
	buf_init(&text, PRIVATE_FILE_MAX);
	if (rest.n > 0 && decode_base64url(&text, claims)) {
		json_init(&json, buf_view(&text));
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key)) {
			if (!json_key_is(key, "exp") || json_peek(&json) != JSON_NUMBER)
				json_skip(&json);
			else if (!time_parse_epoch(json_number(&json), &expires_ms))
				expires_ms = 0;
		}
		if (!json_end(&json))
			expires_ms = 0;
	}
	buf_release(&text);
	return expires_ms;
}

/* A token from the file; false with `why` set. */
static bool token_of_file(const struct sink_env *env, const struct kafka_options *options,
			  struct buf *token, int64_t *expires_ms, struct error *why)
{
	int64_t now_ms = io_wall_ms(env->io);

	if (!private_read_word(options->oauth_token_file, token, why))
		return false;
	*expires_ms = kafka_login_expiry(buf_view(token));
	if (*expires_ms == 0)
		*expires_ms = now_ms + OPAQUE_LIFE_MS;
	else if (*expires_ms <= now_ms)
		return error_set(why, ERROR_AUTH, "the token in %s has expired; renew it",
				 options->oauth_token_file);
	return true;
}

/* A token for Amazon MSK; false with `why` set. */
static bool token_of_msk(const struct sink_env *env, const struct kafka_options *options,
			 struct buf *token, int64_t *expires_ms, struct error *why)
{
	struct str region = options->region != NULL ? str_of(options->region) : env->region;
	int64_t now_ms = io_wall_ms(env->io);
	const struct credentials *credentials;

	if (region.n == 0 || region.n > 32)
		return error_set(why, ERROR_CONFIG, "sasl: aws_msk_iam needs a region");
	if (env->credentials == NULL)
		return error_set(why, ERROR_AUTH, "there are no AWS credentials");
	credentials = env->credentials(env, why);
	if (credentials == NULL)
		return false;
	msk_token(credentials, region, now_ms, token);
	*expires_ms = now_ms + MSK_TOKEN_LIFE_MS;
	/* The brokers look at the credentials again: the token is worth no more than they are. */
	if (credentials->expires_wall_ms > now_ms && credentials->expires_wall_ms < *expires_ms)
		*expires_ms = credentials->expires_wall_ms;
	return true;
}

bool kafka_login_renew(rd_kafka_t *rk, const struct sink_env *env,
		       const struct kafka_options *options, struct error *why)
{
	char words[256] = "";
	int64_t expires_ms = 0;
	struct buf token;
	char *text = NULL;
	bool ok;

	buf_init(&token, MSK_TOKEN_MAX);
	ok = options->sasl == KAFKA_SASL_MSK_IAM
		     ? token_of_msk(env, options, &token, &expires_ms, why)
		     : token_of_file(env, options, &token, &expires_ms, why);
	if (ok) {
		text = mem_dup(token.p, token.n);
		ok = rd_kafka_oauthbearer_set_token(rk, text, expires_ms, "ddbtap", NULL, 0, words,
						    sizeof(words)) == RD_KAFKA_RESP_ERR_NO_ERROR;
		explicit_bzero(text, token.n);
		mem_free(text);
		if (!ok)
			error_set(why, ERROR_AUTH, "librdkafka does not take the token: %s", words);
	}
	private_forget(&token);
	if (ok)
		return true;
	error_prefix(why, "no token to log in to Kafka with");
	io_log(env->io, IO_ERROR, "kafka.no_token sink=%.*s error=\"%s\"", STR_ARG(env->name),
	       why->text);
	rd_kafka_oauthbearer_set_token_failure(rk, why->text);
	return false;
}
