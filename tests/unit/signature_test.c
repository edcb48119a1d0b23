/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures, against vectors that others published (Standard Webhooks' libraries, GitHub's manual) and
 * ones that Python's hmac module made.
 */
#include "sinks/webhook/signature.h"

#include "tests/check.h"

static const char standard_secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char second_secret[] = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/* The headers of one request, one per line. */
static struct str headers_of(enum signature_style style, const char *secrets, const char *id,
			     const char *body)
{
	static struct buf text;
	struct signature signature;
	struct requesthead head;
	struct error err;
	struct signature_subject subject = {
		.id = str_of(id),
		.wall_ms = 1614265330999,
		.body = str_of(body),
	};

	buf_release(&text);
	buf_init(&text, 10000);
	must(signature_parse(&signature, style, str_of(secrets), "f", &err));
	requesthead_init(&head);
	signature_add(&signature, &subject, &head);
	for (size_t i = 0; i < head.n; i++)
		buf_fmt(&text, "%s\n", head.lines[i]);
	requesthead_release(&head);
	signature_release(&signature);
	return buf_view(&text);
}

static void standard_webhooks_own_vector_comes_out(void)
{
	CHECK_STR(headers_of(SIGNATURE_STANDARD, standard_secret, "msg_p5jXN8AQM9LWM0D4loKWxJek",
			     "{\"test\": 2432232314}"),
		  "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
		  "webhook-timestamp: 1614265330\n"
		  "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n");
}

static void each_secret_signs(void)
{
	char both[200];

	snprintf(both, sizeof(both), "# new\n%s\r\n\n  %s  \n", standard_secret, second_secret);
	CHECK_STR(headers_of(SIGNATURE_STANDARD, both, "msg_p5jXN8AQM9LWM0D4loKWxJek",
			     "{\"test\": 2432232314}"),
		  "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
		  "webhook-timestamp: 1614265330\n"
		  "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
		  "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI=\n");
	CHECK_STR(headers_of(SIGNATURE_STRIPE, "whsec_test_secret\nanother", "x", "{\"a\":1}"),
		  "Stripe-Signature: t=1614265330,"
		  "v1=0b8fa21a7388487d1017f446b6f816dc551f77ab6e54f07e0ec2b8bee36283c0,"
		  "v1=23d56073093a7dcda019e516c7c2f0c3d6063bb736604514e20463e0910b4208\n");
}

static void githubs_own_vector_comes_out(void)
{
	CHECK_STR(headers_of(SIGNATURE_GITHUB, "It's a Secret to Everybody\n",
			     "msg_00112233445566778899aabbccddeeff", "Hello, World!"),
		  "X-Hub-Signature-256: "
		  "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\n"
		  "X-GitHub-Event: dynamodb\n"
		  "X-GitHub-Delivery: 00112233-4455-6677-8899-aabbccddeeff\n");
}

static void secrets_that_cannot_be_used_are_refused_without_showing_them(void)
{
	const struct {
		enum signature_style style;
		const char *text, *words;
	} cases[] = {
		{SIGNATURE_STANDARD, "", "holds no secret"},
		{SIGNATURE_STANDARD, "# nothing\n\n", "holds no secret"},
		{SIGNATURE_STANDARD, "\n\nMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "f:3: a secret must"},
		{SIGNATURE_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "and then base64"},
		{SIGNATURE_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", "24 to 64 bytes"},
		{SIGNATURE_STANDARD, "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "asymmetric"},
		{SIGNATURE_GITHUB, "one\ntwo", "f:2: too many secrets: at most 1"},
		{SIGNATURE_STRIPE, "1\n2\n3\n4\n5\n6\n7\n8\n9", "f:9: too many secrets"},
	};
	struct signature signature;
	struct error err;

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		CHECK(!signature_parse(&signature, cases[i].style, str_of(cases[i].text), "f",
				       &err));
		CHECK(strstr(err.text, cases[i].words) != NULL);
		CHECK(strstr(err.text, "MfKQ") == NULL);
	}
}

static void equal_secrets_are_the_same(void)
{
	struct signature a, b;
	struct error err;

	must(signature_parse(&a, SIGNATURE_STANDARD, str_of(standard_secret), "f", &err));
	must(signature_parse(&b, SIGNATURE_STANDARD, str_of(standard_secret), "f", &err));
	CHECK(signature_same(&a, &b));
	must(signature_parse(&b, SIGNATURE_STANDARD, str_of(second_secret), "f", &err));
	CHECK(!signature_same(&a, &b));
	signature_release(&a);
	signature_release(&b);
}

int main(void)
{
	CHECK_RUN(standard_webhooks_own_vector_comes_out);
	CHECK_RUN(each_secret_signs);
	CHECK_RUN(githubs_own_vector_comes_out);
	CHECK_RUN(secrets_that_cannot_be_used_are_refused_without_showing_them);
	CHECK_RUN(equal_secrets_are_the_same);
	return check_end();
}
