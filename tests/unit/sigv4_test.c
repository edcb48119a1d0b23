/* SPDX-License-Identifier: Apache-2.0 */
/* The signer, against AWS's published test suite and against itself. */
#include "consumer/aws/sigv4.h"

#include <string.h>

#include "base/time.h"
#include "tests/check.h"

/* The keys and the moment of AWS's Signature Version 4 test suite: 2015-08-30T12:36:00Z. */
static const int64_t suite_ms = 1440938160000;

static struct credentials suite_credentials(const char *token)
{
	struct credentials credentials;
	struct error err;

	CHECK(credentials_set(&credentials, STR("AKIDEXAMPLE"),
			      STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_of(token),
			      &err));
	return credentials;
}

/* Signs and returns the 64 digits at the end. */
static void check_signature(const char *token, const struct sign_request *request,
			    const char *names, const char *want)
{
	struct credentials credentials = suite_credentials(token);
	struct signer signer;
	struct signature out;
	struct buf text;

	signer_init(&signer, STR("us-east-1"), STR("service"));
	signer_sign(&signer, &credentials, request, &out);
	CHECK_STR(str_of(out.date), "20150830T123600Z");
	buf_init(&text, 1024);
	buf_fmt(&text,
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
		"SignedHeaders=%s, Signature=%s",
		names, want);
	CHECK(check_str(str_of(out.authorization), buf_view(&text), __FILE__, __LINE__));
	buf_release(&text);
	signer_release(&signer);
	credentials_release(&credentials);
}

static void sigv4_suite_post_vanilla(void)
{
	struct sign_request request = {
		.host = STR("example.amazonaws.com"), .path = STR("/"), .wall_ms = suite_ms};

	check_signature("", &request, "host;x-amz-date",
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

static void sigv4_suite_post_form(void)
{
	struct sign_request request = {.host = STR("example.amazonaws.com"),
				       .path = STR("/"),
				       .content_type = STR("application/x-www-form-urlencoded"),
				       .body = STR("Param1=value1"),
				       .wall_ms = suite_ms};

	check_signature("", &request, "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

static void sigv4_suite_session_token(void)
{
	struct sign_request request = {
		.host = STR("example.amazonaws.com"), .path = STR("/"), .wall_ms = suite_ms};

	check_signature("AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHG"
			"BuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1"
			"NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQc"
			"HNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPO"
			"Ln9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
			&request, "host;x-amz-date;x-amz-security-token",
			"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

/* The key of the worked example in AWS's documentation. */
static void sigv4_derives_the_documented_key(void)
{
	static const unsigned char want[] = {0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71,
					     0x76, 0x3a, 0x39, 0x3e, 0x44, 0xb7, 0x03, 0x57,
					     0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d, 0x1a, 0x5e,
					     0x86, 0xda, 0x6e, 0xd3, 0xc1, 0x54, 0xa4, 0xb9};
	struct credentials credentials = suite_credentials("");
	struct sign_request request = {.host = STR("h"), .path = STR("/"), .wall_ms = suite_ms};
	struct signature out;
	struct signer signer;

	signer_init(&signer, STR("us-east-1"), STR("iam"));
	signer_sign(&signer, &credentials, &request, &out);
	CHECK(memcmp(signer.key, want, sizeof(want)) == 0);
	signer_release(&signer);
	credentials_release(&credentials);
}

/* A signature by a fresh signer, to compare a used one with. */
static void sign_fresh(const struct credentials *credentials, const struct sign_request *request,
		       struct signature *out)
{
	struct signer signer;

	signer_init(&signer, STR("eu-west-1"), SIGN_SERVICE);
	signer_sign(&signer, credentials, request, out);
	signer_release(&signer);
}

/* The cached key must follow the day and the secret, and not the request. */
static void sigv4_cache_follows_day_and_secret(void)
{
	struct credentials one = suite_credentials(""), two = suite_credentials("token"), three;
	const struct credentials *order[] = {&one, &one, &three, &two, &three, &one, &two, &three};
	struct signer signer;
	struct error err;

	CHECK(credentials_set(&three, STR("AKIDEXAMPLE"), STR("another"), STR(""), &err));
	signer_init(&signer, STR("eu-west-1"), SIGN_SERVICE);
	for (size_t i = 0; i < ARRAY_N(order); i++) {
		struct sign_request request = {.host = STR("dynamodb.eu-west-1.amazonaws.com"),
					       .path = STR("/"),
					       .content_type = SIGN_JSON,
					       .target = STR("DynamoDB_20120810.Scan"),
					       .body = str_head(STR("{\"Limit\":1}"), i),
					       .wall_ms = suite_ms + (int64_t)(i / 3) * DAY_MS +
							  (int64_t)i};
		struct signature got, want;

		signer_sign(&signer, order[i], &request, &got);
		sign_fresh(order[i], &request, &want);
		CHECK_STR(str_of(got.authorization), want.authorization);
		CHECK_STR(str_of(got.date), want.date);
		CHECK_STR(str_of(signer.secret), order[i]->secret_key);
	}
	signer_release(&signer);
	credentials_release(&one);
	credentials_release(&two);
	credentials_release(&three);
}

/* The largest of everything fits. */
static void sigv4_takes_the_largest_keys(void)
{
	char key[CREDENTIALS_KEY_MAX], name[SIGN_NAME_MAX - 1];
	char *token = mem_alloc(CREDENTIALS_TOKEN_MAX);
	struct credentials credentials;
	struct error err;
	struct signer signer;
	struct signature out;
	struct sign_request request = {.host = STR("h"),
				       .path = STR("/"),
				       .content_type = SIGN_JSON,
				       .target = STR("DynamoDBStreams_20120810.GetShardIterator"),
				       .wall_ms = suite_ms};

	memset(key, 'k', sizeof(key));
	memset(name, 'n', sizeof(name));
	memset(token, 't', CREDENTIALS_TOKEN_MAX);
	CHECK(credentials_set(&credentials, str_make(key, sizeof(key)), str_make(key, sizeof(key)),
			      str_make(token, CREDENTIALS_TOKEN_MAX), &err));
	signer_init(&signer, str_make(name, sizeof(name)), str_make(name, sizeof(name)));
	signer_sign(&signer, &credentials, &request, &out);
	CHECK(str_starts(str_of(out.authorization), STR("AWS4-HMAC-SHA256 Credential=kkk")));
	CHECK(str_find_last(str_of(out.authorization), '=') + 65 == str_of(out.authorization).n);
	signer_release(&signer);
	credentials_release(&credentials);
	mem_free(token);
}

/* Nothing of the keys stays behind. */
static void sigv4_release_wipes(void)
{
	struct credentials credentials = suite_credentials("");
	struct sign_request request = {.host = STR("h"), .path = STR("/"), .wall_ms = suite_ms};
	struct signer signer;
	struct signature out;

	signer_init(&signer, STR("eu-west-1"), SIGN_SERVICE);
	signer_sign(&signer, &credentials, &request, &out);
	signer_release(&signer);
	CHECK(signer.secret[0] == '\0' && signer.secret[5] == '\0' && signer.mac_ctx == NULL);
	for (size_t i = 0; i < SIGN_HASH_N; i++)
		CHECK_INT(signer.key[i], 0);
	credentials_release(&credentials);
	CHECK(credentials.access_key == NULL && credentials.secret_key == NULL);
}

int main(void)
{
	CHECK_RUN(sigv4_suite_post_vanilla);
	CHECK_RUN(sigv4_suite_post_form);
	CHECK_RUN(sigv4_suite_session_token);
	CHECK_RUN(sigv4_derives_the_documented_key);
	CHECK_RUN(sigv4_cache_follows_day_and_secret);
	CHECK_RUN(sigv4_takes_the_largest_keys);
	CHECK_RUN(sigv4_release_wipes);
	return check_end();
}
