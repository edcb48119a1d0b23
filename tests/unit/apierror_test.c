/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/apierror.h"

#include "base/buf.h"
#include "base/rng.h"
#include "tests/check.h"

/* Answers, and what they mean. */
static const struct {
	int status;
	const char *body;
	enum api_error_kind kind;
	const char *code, *message;
} answers[] = {
	{200, "{\"__type\":\"ThrottlingException\"}", API_OK, "", ""},
	{400,
	 "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceeded"
	 "Exception\",\"message\":\"too fast\"}",
	 API_THROTTLED, "ProvisionedThroughputExceededException", "too fast"},
	{400, "{\"Message\":\"Rate exceeded\",\"__type\":\"ThrottlingException\"}", API_THROTTLED,
	 "ThrottlingException", "Rate exceeded"},
	{400, "{\"__type\":\"x#LimitExceededException\"}", API_THROTTLED, "LimitExceededException",
	 ""},
	{429, "slow down", API_THROTTLED, "", ""},
	{500, "{\"__type\":\"x#InternalServerError\",\"message\":null}", API_TRANSIENT,
	 "InternalServerError", ""},
	{400, "{\"__type\":\"InternalFailure:http://internal.amazon.com/coral/\"}", API_TRANSIENT,
	 "InternalFailure", ""},
	{503, "", API_TRANSIENT, "", ""},
	{502, "<html><body><h1>502 Bad Gateway</h1></body></html>", API_TRANSIENT, "", ""},
	{409, "{\"__type\":\"x#ReplicatedWriteConflictException\"}", API_TRANSIENT,
	 "ReplicatedWriteConflictException", ""},
	{400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException\"}",
	 API_EXPIRED_ITERATOR, "ExpiredIteratorException", ""},
	{400, "{\"__type\":\"a#TrimmedDataAccessException\"}", API_TRIMMED,
	 "TrimmedDataAccessException", ""},
	{400, "{\"__type\":\"a#ResourceNotFoundException\",\"message\":\"m\"}", API_NOT_FOUND,
	 "ResourceNotFoundException", "m"},
	{400,
	 "{\"__type\":\"a#ConditionalCheckFailedException\",\"Item\":{\"a\":{\"S\":\"b\"}},"
	 "\"message\":\"The conditional request failed\"}",
	 API_CONDITION_FAILED, "ConditionalCheckFailedException", "The conditional request failed"},
	{400, "{\"__type\":\"a#ResourceInUseException\"}", API_IN_USE, "ResourceInUseException",
	 ""},
	{400, "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\"}", API_AUTH,
	 "AccessDeniedException", ""},
	{400,
	 "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"User: "
	 "arn:aws:iam::1:user/kms is not authorized to perform: dynamodb:GetRecords on resource: "
	 "arn:aws:dynamodb:us-east-1:1:table/kms-keys/stream/x\"}",
	 API_AUTH, "AccessDeniedException",
	 "User: arn:aws:iam::1:user/kms is not authorized to perform: dynamodb:GetRecords on "
	 "resource: arn:aws:dynamodb:us-east-1:1:table/kms-keys/stream/x"},
	{400,
	 "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"The AWS "
	 "KMS key arn:aws:kms:us-east-1:1:key/1 is disabled\"}",
	 API_KEY, "AccessDeniedException",
	 "The AWS KMS key arn:aws:kms:us-east-1:1:key/1 is disabled"},
	{400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#KMSAccessDeniedException\"}", API_KEY,
	 "KMSAccessDeniedException", ""},
	{400, "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\"}", API_AUTH,
	 "ExpiredTokenException", ""},
	{400, "{\"__type\":\"com.amazon.coral.service#UnrecognizedClientException\"}", API_AUTH,
	 "UnrecognizedClientException", ""},
	{403, "", API_AUTH, "", ""},
	{401, "<html>no</html>", API_AUTH, "", ""},
	{403,
	 "<?xml version=\"1.0\"?>\n<ErrorResponse><Error><Code>InvalidClientTokenId</Code>"
	 "<Message>The security token included in the request is invalid.</Message>"
	 "</Error></ErrorResponse>",
	 API_AUTH, "InvalidClientTokenId",
	 "The security token included in the request is invalid."},
	{403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", API_SIGNATURE,
	 "SignatureDoesNotMatch", ""},
	{400,
	 "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":"
	 "\"Signature expired: 20260102T030405Z is now earlier than ...\"}",
	 API_SIGNATURE, "InvalidSignatureException",
	 "Signature expired: 20260102T030405Z is now earlier than ..."},
	{403, "{\"__type\":\"RequestTimeTooSkewed\"}", API_SIGNATURE, "RequestTimeTooSkewed", ""},
	{400, "{\"__type\":\"com.amazon.coral.validate#ValidationException\"}", API_VALIDATION,
	 "ValidationException", ""},
	{400, "{\"__type\":\"com.amazon.coral.service#SerializationException\"}", API_VALIDATION,
	 "SerializationException", ""},
	{400, "{\"__type\":\"a#BrandNewException\",\"message\":\"new\"}", API_OTHER,
	 "BrandNewException", "new"},
	{500, "{\"__type\":\"a#BrandNewException\"}", API_TRANSIENT, "BrandNewException", ""},
	{400, "", API_OTHER, "", ""},
	{400, "{\"__type\":", API_OTHER, "", ""},
	{400, "[1]", API_OTHER, "", ""},
	{400, "{\"__type\":7,\"message\":[\"x\"]}", API_OTHER, "", ""},
	{0, "", API_OTHER, "", ""},
	{302, "<html>", API_OTHER, "", ""},
	/* What precedes the fault in a broken body still counts. */
	{400, "{\"__type\":\"a#ThrottlingException\",\"message\":\"half", API_THROTTLED,
	 "ThrottlingException", ""},
	{400, "{\"\\u005f_type\":\"a#ValidationException\",\"message\":\"a\\u000ab\\\"\"}",
	 API_VALIDATION, "ValidationException", "a b\""},
};

static void apierror_classifies_answers(void)
{
	for (size_t i = 0; i < ARRAY_N(answers); i++) {
		struct api_error error;

		api_error_read(answers[i].status, str_of(answers[i].body), &error);
		if (!CHECK_INT(error.kind, answers[i].kind))
			fprintf(stderr, "  %s\n", answers[i].body);
		CHECK_INT(error.status, answers[i].status);
		CHECK_STR(str_of(error.code), answers[i].code);
		CHECK_STR(str_of(error.message), answers[i].message);
	}
}

static void apierror_keeps_text_short_and_printable(void)
{
	struct api_error error;
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_str(&body, STR("{\"__type\":\"a#"));
	for (int i = 0; i < 1000; i++)
		buf_c(&body, 'E');
	buf_str(&body, STR("\",\"message\":\""));
	for (int i = 0; i < 100000; i++)
		buf_str(&body, STR("\\u001b[31m"));
	buf_str(&body, STR("\"}"));
	api_error_read(400, buf_view(&body), &error);
	CHECK_INT(error.kind, API_OTHER);
	CHECK_INT(str_of(error.code).n, sizeof(error.code) - 1);
	CHECK(str_starts(str_of(error.message), STR("[31m [31m ")));
	CHECK(str_of(error.message).n >= sizeof(error.message) - 2);
	buf_release(&body);
	api_error_read(400, STR("{\"message\":\"  a\xC3\xA9\xFF\\tb\\u0000c  \"}"), &error);
	CHECK_STR(str_of(error.message), "a b c");
}

/* A code behind a large item is found all the same. */
static void apierror_reads_behind_a_large_item(void)
{
	struct api_error error;
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_str(&body, STR("{\"Item\":{\"a\":{\"S\":\""));
	for (int i = 0; i < 100000; i++)
		buf_c(&body, 'x');
	buf_str(&body, STR("\"}},\"__type\":\"a#ConditionalCheckFailedException\"}"));
	api_error_read(400, buf_view(&body), &error);
	CHECK_INT(error.kind, API_CONDITION_FAILED);
	buf_release(&body);
}

static void apierror_survives_any_bytes(void)
{
	static const char pieces[] = "{}[]\"\\:,<>/#u0Codemessage__type \xFF\x80";
	struct rng rng;
	char body[200];

	rng_init(&rng, 1);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rng_below(&rng, sizeof(body));
		struct api_error error;

		for (size_t i = 0; i < n; i++)
			body[i] = pieces[rng_below(&rng, sizeof(pieces))];
		if (n > 0)
			body[0] = rng_chance(&rng, 50) ? '{' : '<';
		api_error_read(400, str_make(body, n), &error);
		CHECK(error.kind != API_OK);
	}
}

static void apierror_becomes_an_error(void)
{
	struct api_error error;
	struct error err;

	api_error_read(400, STR("{\"__type\":\"a#ThrottlingException\",\"message\":\"slow\"}"),
		       &error);
	CHECK(!api_error_set(&error, STR("GetRecords"), &err));
	CHECK_INT(err.code, ERROR_RETRY);
	CHECK_STR(str_of(err.text), "GetRecords: ThrottlingException: slow");
	api_error_read(403, STR("{\"__type\":\"AccessDeniedException\"}"), &error);
	api_error_set(&error, STR("Scan"), &err);
	CHECK_INT(err.code, ERROR_AUTH);
	CHECK_STR(str_of(err.text),
		  "Scan: AccessDeniedException (add this to the user's or role's policy)");
	api_error_read(400, STR("{\"__type\":\"a#KMSDisabledException\"}"), &error);
	api_error_set(&error, STR("GetRecords"), &err);
	CHECK_INT(err.code, ERROR_AUTH);
	CHECK_STR(
		str_of(err.text),
		"GetRecords: KMSDisabledException (make the KMS key of the table usable again: "
		"enable it, cancel its deletion, or allow kms:Decrypt; until then its changes age, "
		"and are lost after 24 hours)");
	api_error_read(502, STR("<html>"), &error);
	api_error_set(&error, STR("Scan"), &err);
	CHECK_STR(str_of(err.text), "Scan: HTTP status 502");
	api_error_read(400, STR("{\"__type\":\"ConditionalCheckFailedException\"}"), &error);
	api_error_set(&error, STR("Scan"), &err);
	CHECK_INT(err.code, ERROR_FENCED);
}

int main(void)
{
	CHECK_RUN(apierror_classifies_answers);
	CHECK_RUN(apierror_keeps_text_short_and_printable);
	CHECK_RUN(apierror_reads_behind_a_large_item);
	CHECK_RUN(apierror_survives_any_bytes);
	CHECK_RUN(apierror_becomes_an_error);
	return check_end();
}
