/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_auth.h"

#include "base/time.h"
#include "tests/check.h"

/* 2026-11-21T01:02:03Z, when the requests below were signed, by botocore 1.29. */
static const int64_t signed_ms = 1795222923000;

static const char keys[] = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char body[] = "{\"Limit\":1}";
static const char signature[] = "95011b41363545ebbfa78d19f6d0be1185a9d4572f84b42ae018ae741ba06679";
static const char signature_with_token[] =
	"7bfc7ad38e467581e2501b6c268e522605b731986ecf2981d532d54e866ce462";
static const char scope[] = "AKIDEXAMPLE/20261121/us-east-1/dynamodb/aws4_request";
static const char names[] = "content-type;host;x-amz-date;x-amz-meta;x-amz-target";
static const char names_with_token[] =
	"content-type;host;x-amz-date;x-amz-meta;x-amz-security-token;x-amz-target";

/* What a test changes of the request that botocore signed; NULL: as it was. */
struct change {
	const char *keys, *region;
	const char *credential, *names, *signature, *body, *target, *date, *authorization;
	const char *more; /* header lines */
	int64_t late_ms; /* of the service's clock */
	bool expired;
};

/* `text`, or what it stands in for. */
static const char *either(const char *text, const char *otherwise)
{
	return text == NULL ? otherwise : text;
}

/* Appends the changed request's head. */
static void add_head(struct buf *head, const struct change *change)
{
	buf_fmt(head, "POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nX-Amz-Target: %s\r\n",
		either(change->target, "DynamoDBStreams_20120810.ListStreams"));
	buf_fmt(head, "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Meta:  a   b  c \r\n");
	buf_fmt(head, "X-Amz-Date: %s\r\n", either(change->date, "20261121T010203Z"));
	if (change->authorization != NULL)
		buf_fmt(head, "%s", change->authorization);
	else
		buf_fmt(head,
			"Authorization: AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, "
			"Signature=%s\r\n",
			either(change->credential, scope), either(change->names, names),
			either(change->signature, signature));
	buf_fmt(head, "%s\r\n", either(change->more, ""));
}

/* Checks the changed request, twice, and that the answer has `wanted` in it; NULL: it is let in. */
static void check(struct change change, const char *wanted)
{
	struct fake_auth auth;
	struct fake_request request;
	struct fake_reply reply;
	struct buf head;
	size_t looked_n = 0;

	buf_init(&head, 65536);
	add_head(&head, &change);
	fake_auth_init(&auth, either(change.region, "us-east-1"));
	CHECK(fake_auth_add(&auth, str_of(either(change.keys, keys))));
	if (change.expired)
		CHECK(fake_auth_expire(&auth, STR("AKIDEXAMPLE"), true));
	fake_reply_init(&reply);
	CHECK_INT(fake_request_parse(&request, buf_view(&head), &looked_n), FAKE_PARSE_HEAD);
	for (int i = 0; i < 2; i++) {
		bool ok = fake_auth_check(&auth, &request, str_of(either(change.body, body)),
					  signed_ms + change.late_ms, &reply);

		CHECK_INT(ok, wanted == NULL);
		if (ok || wanted == NULL ||
		    CHECK(memmem(reply.body.p, reply.body.n, wanted, strlen(wanted)) != NULL))
			continue;
		fprintf(stderr, "   got: %.*s\n  want: %s\n", STR_ARG(buf_view(&reply.body)),
			wanted);
	}
	fake_reply_release(&reply);
	fake_auth_release(&auth);
	buf_release(&head);
}

/* What another signer signed is let in, with and without a session token. */
static void good_signatures(void)
{
	check((struct change){.late_ms = 0}, NULL);
	check((struct change){.keys = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:"
				      "To/ken+==",
			      .names = names_with_token,
			      .signature = signature_with_token,
			      .more = "X-Amz-Security-Token: To/ken+==\r\n"},
	      NULL);
	/* Headers that need not be signed. */
	check((struct change){.more = "User-Agent: x\r\nX-Amzn-Trace-Id: y\r\n"}, NULL);
}

/* Each part of the request is covered by the signature. */
static void wrong_signatures(void)
{
	const char *wanted = "com.amazon.coral.service#InvalidSignatureException\",\"message\":"
			     "\"The request signature we calculated does not match";

	check((struct change){.keys = "AKIDEXAMPLE:another"}, wanted);
	check((struct change){.body = "{\"Limit\":2}"}, wanted);
	check((struct change){.target = "DynamoDBStreams_20120810.GetRecords"}, wanted);
	check((struct change){.date = "20261121T010204Z"}, wanted);
	check((struct change){.signature = "00"}, wanted);
	check((struct change){.names = "content-type;host;x-amz-date;x-amz-target"}, wanted);
	check((struct change){.names = "host;content-type;x-amz-date;x-amz-meta;x-amz-target"},
	      wanted);
	check((struct change){.names = "content-type;x-amz-date;x-amz-meta;x-amz-target"}, wanted);
	/* An x-amz-* header that is not signed, and a signed one that came twice. */
	check((struct change){.more = "X-Amz-Other: 1\r\n"}, wanted);
	check((struct change){.more = "X-Amz-Meta: d\r\n"}, wanted);
}

/* The skew of the clocks may be 15 minutes, and the words say who is behind. */
static void clock_skew(void)
{
	check((struct change){.late_ms = 15 * MINUTE_MS}, NULL);
	check((struct change){.late_ms = 15 * MINUTE_MS + 999}, NULL);
	check((struct change){.late_ms = -15 * MINUTE_MS}, NULL);
	check((struct change){.late_ms = 15 * MINUTE_MS + SECOND_MS},
	      "InvalidSignatureException\",\"message\":\"Signature expired: 20261121T010203Z is "
	      "now earlier than 20261121T010204Z (20261121T011704Z - 15 min.)\"");
	check((struct change){.late_ms = -15 * MINUTE_MS - SECOND_MS},
	      "Signature not yet current: 20261121T010203Z is still later than "
	      "20261121T010202Z (20261121T004702Z + 15 min.)");
	check((struct change){.date = "2026-11-21"}, "Date must be in ISO-8601");
}

/* Keys that are not known, and tokens that are missing, foreign or expired. */
static void unknown_clients(void)
{
	const char *unknown = "com.amazon.coral.service#UnrecognizedClientException";

	check((struct change){.keys = "AKIDOTHER:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
	      unknown);
	check((struct change){.keys = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:"
				      "Token"},
	      unknown);
	check((struct change){.more = "X-Amz-Security-Token: x\r\n"}, unknown);
	check((struct change){.expired = true}, "com.amazon.coral.service#ExpiredTokenException");
}

/* Scopes of other services, regions and days. */
static void wrong_scopes(void)
{
	check((struct change){.credential = "AKIDEXAMPLE/20261121/us-east-1/s3/aws4_request"},
	      "Credential should be scoped to correct service: 'dynamodb'. ");
	check((struct change){.region = "eu-west-1"},
	      "Credential should be scoped to a valid region, not 'us-east-1'. ");
	check((struct change){.credential = "AKIDEXAMPLE/20261121/us-east-1/dynamodb/aws4"},
	      "valid terminator: 'aws4_request', not 'aws4'. ");
	check((struct change){.credential = "AKIDEXAMPLE/20261120/us-east-1/dynamodb/aws4_request"},
	      "'20261120' != '20261121', from '20261121T010203Z'.");
	check((struct change){.credential = "AKIDEXAMPLE/20261121/us-east-1/dynamodb"},
	      "IncompleteSignatureException\",\"message\":\"Credential must have exactly 5");
	check((struct change){.credential =
				      "AKIDEXAMPLE/20261121/us-east-1/dynamodb/aws4_request/x"},
	      "Credential must have exactly 5");
}

/* Requests without an Authorization header, or with half of one. */
static void missing_parts(void)
{
	check((struct change){.authorization = ""},
	      "MissingAuthenticationTokenException\",\"message\":"
	      "\"Request is missing Authentication Token\"");
	check((struct change){.authorization = "Authorization: Basic abc\r\n"},
	      "MissingAuthenticationTokenException");
	check((struct change){.authorization = "Authorization: AWS4-HMAC-SHA256 Credential=x\r\n"},
	      "IncompleteSignatureException\",\"message\":\"Authorization header requires "
	      "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
	      "Authorization=");
	check((struct change){.authorization = "Authorization: AWS4-HMAC-SHA256\r\n"},
	      "requires 'Credential' parameter. ");
}

/* Credentials come as two or three words between colons. */
static void credentials(void)
{
	struct fake_auth auth;

	fake_auth_init(&auth, "us-east-1");
	CHECK(!fake_auth_add(&auth, STR("")));
	CHECK(!fake_auth_add(&auth, STR("A")));
	CHECK(!fake_auth_add(&auth, STR("A:")));
	CHECK(!fake_auth_add(&auth, STR(":B")));
	for (int i = 0; i < FAKE_CREDENTIALS_MAX; i++)
		CHECK(fake_auth_add(&auth, STR("A:B:C")));
	CHECK(!fake_auth_add(&auth, STR("A:B:C")));
	CHECK(fake_auth_expire(&auth, STR("A"), true));
	CHECK(!fake_auth_expire(&auth, STR("B"), true));
	fake_auth_release(&auth);
}

int main(void)
{
	CHECK_RUN(good_signatures);
	CHECK_RUN(wrong_signatures);
	CHECK_RUN(clock_skew);
	CHECK_RUN(unknown_clients);
	CHECK_RUN(wrong_scopes);
	CHECK_RUN(missing_parts);
	CHECK_RUN(credentials);
	return check_end();
}
