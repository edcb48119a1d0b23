/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/apierror.h"

#include "base/json.h"

/* What is looked at of a message, and of a body that is not JSON. */
enum { API_TEXT_MAX = 16 * 1024 };

/* Error codes and what they mean. */
static const struct {
	struct str code;
	enum api_error_kind kind;
} codes[] = {
	{STR_INIT("ProvisionedThroughputExceededException"), API_THROTTLED},
	{STR_INIT("ThrottlingException"), API_THROTTLED},
	{STR_INIT("Throttling"), API_THROTTLED},
	{STR_INIT("ThrottledException"), API_THROTTLED},
	{STR_INIT("RequestThrottled"), API_THROTTLED},
	{STR_INIT("RequestThrottledException"), API_THROTTLED},
	{STR_INIT("TooManyRequestsException"), API_THROTTLED},
	{STR_INIT("RequestLimitExceeded"), API_THROTTLED},
	{STR_INIT("BandwidthLimitExceeded"), API_THROTTLED},
	{STR_INIT("LimitExceededException"), API_THROTTLED},
	{STR_INIT("PriorRequestNotComplete"), API_THROTTLED},
	{STR_INIT("SlowDown"), API_THROTTLED},
	{STR_INIT("InternalServerError"), API_TRANSIENT},
	{STR_INIT("InternalServerErrorException"), API_TRANSIENT},
	{STR_INIT("InternalFailure"), API_TRANSIENT},
	{STR_INIT("InternalServiceError"), API_TRANSIENT},
	{STR_INIT("ServiceUnavailable"), API_TRANSIENT},
	{STR_INIT("ServiceUnavailableException"), API_TRANSIENT},
	{STR_INIT("RequestTimeout"), API_TRANSIENT},
	{STR_INIT("RequestTimeoutException"), API_TRANSIENT},
	{STR_INIT("TransactionInProgressException"), API_TRANSIENT},
	{STR_INIT("TransactionConflictException"), API_TRANSIENT},
	{STR_INIT("ReplicatedWriteConflictException"), API_TRANSIENT},
	{STR_INIT("ExpiredIteratorException"), API_EXPIRED_ITERATOR},
	{STR_INIT("TrimmedDataAccessException"), API_TRIMMED},
	{STR_INIT("ResourceNotFoundException"), API_NOT_FOUND},
	{STR_INIT("TableNotFoundException"), API_NOT_FOUND},
	{STR_INIT("ConditionalCheckFailedException"), API_CONDITION_FAILED},
	{STR_INIT("ResourceInUseException"), API_IN_USE},
	{STR_INIT("TableAlreadyExistsException"), API_IN_USE},
	{STR_INIT("TableInUseException"), API_IN_USE},
	{STR_INIT("AccessDeniedException"), API_AUTH},
	{STR_INIT("AccessDenied"), API_AUTH},
	{STR_INIT("UnrecognizedClientException"), API_AUTH},
	{STR_INIT("InvalidClientTokenId"), API_AUTH},
	{STR_INIT("InvalidAccessKeyId"), API_AUTH},
	{STR_INIT("IncompleteSignatureException"), API_AUTH},
	{STR_INIT("IncompleteSignature"), API_AUTH},
	{STR_INIT("MissingAuthenticationToken"), API_AUTH},
	{STR_INIT("MissingAuthenticationTokenException"), API_AUTH},
	{STR_INIT("ExpiredTokenException"), API_AUTH},
	{STR_INIT("ExpiredToken"), API_AUTH},
	{STR_INIT("NotAuthorized"), API_AUTH},
	{STR_INIT("OptInRequired"), API_AUTH},
	{STR_INIT("SubscriptionRequiredException"), API_AUTH},
	{STR_INIT("KMSAccessDeniedException"), API_KEY},
	{STR_INIT("KMSDisabledException"), API_KEY},
	{STR_INIT("KMSInvalidStateException"), API_KEY},
	{STR_INIT("KMSNotFoundException"), API_KEY},
	{STR_INIT("KMSOptInRequired"), API_KEY},
	{STR_INIT("InvalidSignatureException"), API_SIGNATURE},
	{STR_INIT("SignatureDoesNotMatch"), API_SIGNATURE},
	{STR_INIT("AuthFailure"), API_SIGNATURE},
	{STR_INIT("RequestTimeTooSkewed"), API_SIGNATURE},
	{STR_INIT("RequestExpired"), API_SIGNATURE},
	{STR_INIT("RequestInTheFuture"), API_SIGNATURE},
	{STR_INIT("ValidationException"), API_VALIDATION},
	{STR_INIT("ValidationError"), API_VALIDATION},
	{STR_INIT("SerializationException"), API_VALIDATION},
	{STR_INIT("UnknownOperationException"), API_VALIDATION},
	{STR_INIT("InvalidAction"), API_VALIDATION},
};

/* Copies `s` into `to` as far as it fits, each run of what is not printable ASCII as one blank. */
static void keep_printable(char *to, size_t n, struct str s)
{
	size_t at = 0;
	bool gap = false;

	for (size_t i = 0; i < s.n && at + 1 < n; i++) {
		bool ok = s.p[i] > ' ' && s.p[i] <= '~';

		if (ok)
			to[at++] = s.p[i];
		else if (!gap && at > 0)
			to[at++] = ' ';
		gap = !ok;
	}
	if (at > 0 && to[at - 1] == ' ')
		at--;
	to[at] = '\0';
}

/* Keeps a raw JSON string, unescaped. */
static void keep_raw(char *to, size_t n, struct str raw)
{
	struct buf plain;

	buf_init(&plain, API_TEXT_MAX);
	/* What comes before a cut or a malformed escape is kept. */
	(void)json_unescape(&plain, str_head(raw, API_TEXT_MAX / 4));
	keep_printable(to, n, buf_view(&plain));
	buf_release(&plain);
}

/* Keeps a code without what stands before "#" and after ":". */
static void keep_code(struct api_error *out, struct str code)
{
	size_t hash = str_find_last(code, '#');

	if (hash < code.n)
		code = str_skip(code, hash + 1);
	keep_printable(out->code, sizeof(out->code), str_head(code, str_find(code, ':')));
}

/* Reads the code and the message out of a JSON body, as far as it is one. */
static void read_json(struct str body, struct api_error *out)
{
	struct json j;
	struct str key;

	json_init(&j, body);
	json_enter(&j, JSON_OBJECT);
	while (json_key(&j, &key)) {
		bool text = json_peek(&j) == JSON_STRING;

		if (text && (json_key_is(key, "__type") || json_key_is(key, "code")))
			keep_code(out, json_string(&j));
		else if (text && (json_key_is(key, "message") || json_key_is(key, "Message")))
			keep_raw(out->message, sizeof(out->message), json_string(&j));
		else
			json_skip(&j);
	}
}

/* What stands between the first `open` and the `<` after it; empty when there is no such thing. */
static struct str between(struct str text, struct str open)
{
	while (text.n > 0) {
		text = str_skip(text, str_find(text, '<'));
		if (str_starts(text, open)) {
			text = str_skip(text, open.n);
			return str_head(text, str_find(text, '<'));
		}
		text = str_skip(text, 1);
	}
	return STR_NONE;
}

/* Reads the code and the message out of an XML body, as far as it is one. */
static void read_xml(struct str body, struct api_error *out)
{
	keep_code(out, between(body, STR("<Code>")));
	keep_printable(out->message, sizeof(out->message), between(body, STR("<Message>")));
}

/* What a status means when the code says nothing. */
static enum api_error_kind kind_of_status(int status)
{
	if (status == 429)
		return API_THROTTLED;
	if (status == 401 || status == 403 || status == 407)
		return API_AUTH;
	if (status == 408 || status >= 500)
		return API_TRANSIENT;
	return API_OTHER;
}

/* What a code means; with an unknown one the status counts. */
static enum api_error_kind kind_of(int status, struct str code)
{
	for (size_t i = 0; i < ARRAY_N(codes); i++) {
		if (str_eq(code, codes[i].code))
			return codes[i].kind;
	}
	return kind_of_status(status);
}

/* Whether a message that denies access speaks of the key of the Key Management Service. */
static bool names_key(struct str message)
{
	for (; message.n > 0; message = str_skip(message, 1)) {
		if (str_starts(message, STR("kms:")) || str_starts(message, STR("KMS key")))
			return true;
	}
	return false;
}

void api_error_read(int status, struct str body, struct api_error *out)
{
	*out = (struct api_error){.status = status};
	if (status >= 200 && status < 300)
		return;
	body = str_trim(body);
	if (str_starts(body, STR("{")))
		read_json(body, out);
	else if (str_starts(body, STR("<")))
		read_xml(str_head(body, API_TEXT_MAX), out);
	out->kind = kind_of(status, str_of(out->code));
	if (out->kind == API_AUTH && names_key(str_of(out->message)))
		out->kind = API_KEY;
}

/* What a caller that only passes the error on has to do. */
static enum error_code code_of(enum api_error_kind kind)
{
	switch (kind) {
	case API_OK:
		return ERROR_NONE;
	case API_THROTTLED:
	case API_TRANSIENT:
	case API_EXPIRED_ITERATOR:
	case API_IN_USE:
	case API_OTHER:
		return ERROR_RETRY;
	case API_NOT_FOUND:
	case API_TRIMMED:
		return ERROR_NOT_FOUND;
	case API_CONDITION_FAILED:
		return ERROR_FENCED;
	case API_AUTH:
	case API_KEY:
	case API_SIGNATURE:
		return ERROR_AUTH;
	case API_VALIDATION:
		return ERROR_BUG;
	}
	return ERROR_RETRY;
}

/* What a person can do about an error, beginning with " ("; empty when the service's words are enough. */
static const char *advice_of(const struct api_error *error)
{
	static const struct {
		const char *code, *advice;
	} table[] = {
		{"UnrecognizedClientException",
		 " (check the access key: AWS_ACCESS_KEY_ID, or the profile's)"},
		{"InvalidClientTokenId",
		 " (check the access key: AWS_ACCESS_KEY_ID, or the profile's)"},
		{"InvalidSignatureException",
		 " (check the secret: AWS_SECRET_ACCESS_KEY, or the profile's)"},
		{"SignatureDoesNotMatch",
		 " (check the secret: AWS_SECRET_ACCESS_KEY, or the profile's)"},
		{"ExpiredTokenException", " (renew the credentials)"},
		{"ExpiredToken", " (renew the credentials)"},
		{"AccessDeniedException", " (add this to the user's or role's policy)"},
		{"AccessDenied", " (add this to the user's or role's policy)"},
	};

	if (error->kind == API_KEY)
		return " (make the KMS key of the table usable again: enable it, cancel its "
		       "deletion, or "
		       "allow kms:Decrypt; until then its changes age, and are lost after 24 "
		       "hours)";
	for (size_t i = 0; i < ARRAY_N(table); i++) {
		if (str_eq(str_of(error->code), str_of(table[i].code)))
			return table[i].advice;
	}
	return "";
}

bool api_error_set(const struct api_error *error, struct str operation, struct error *err)
{
	if (error->code[0] == '\0')
		return error_set(err, code_of(error->kind), "%.*s: HTTP status %d",
				 STR_ARG(operation), error->status);
	return error_set(err, code_of(error->kind), "%.*s: %s%s%s%s", STR_ARG(operation),
			 error->code, error->message[0] == '\0' ? "" : ": ", error->message,
			 advice_of(error));
}
