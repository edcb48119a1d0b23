/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/time.h"

#define CORAL(code) "com.amazon.coral.service#" code

enum { SKEW_MS = 15 * MINUTE_MS, CANONICAL_MAX = 2 * FAKE_HEAD_MAX };

static const char *const wrong_signature =
	"The request signature we calculated does not match the signature you provided. Check your "
	"AWS Secret Access Key and signing method. Consult the service documentation for details.";

/* The parts of an Authorization header. */
struct authorization {
	struct str credential, signed_headers, signature;
	struct str access, day, region, service, terminator; /* of the credential */
	struct str date; /* of the request, YYYYMMDDTHHMMSSZ */
	int64_t date_ms;
};

void fake_auth_init(struct fake_auth *auth, const char *region)
{
	*auth = (struct fake_auth){.region = region};
}

void fake_auth_release(struct fake_auth *auth)
{
	for (unsigned i = 0; i < auth->n; i++) {
		mem_free(auth->credentials[i].access);
		mem_free(auth->credentials[i].secret);
		mem_free(auth->credentials[i].token);
	}
	auth->n = 0;
}

bool fake_auth_add(struct fake_auth *auth, struct str text)
{
	struct str access = str_cut(&text, ':'), secret = str_cut(&text, ':');
	struct fake_credential *credential = &auth->credentials[auth->n];

	if (access.n == 0 || secret.n == 0 || auth->n == FAKE_CREDENTIALS_MAX)
		return false;
	*credential = (struct fake_credential){.access = mem_dup(access.p, access.n),
					       .secret = mem_dup(secret.p, secret.n)};
	if (text.n > 0)
		credential->token = mem_dup(text.p, text.n);
	auth->n++;
	return true;
}

/* The credential of an access key, the one added last first, or NULL. */
static struct fake_credential *find(struct fake_auth *auth, struct str access)
{
	for (unsigned i = auth->n; i-- > 0;)
		if (str_eq(str_of(auth->credentials[i].access), access))
			return &auth->credentials[i];
	return NULL;
}

bool fake_auth_expire(struct fake_auth *auth, struct str access, bool expired)
{
	struct fake_credential *credential = find(auth, access);

	if (credential == NULL)
		return false;
	credential->expired = expired;
	return true;
}

/* Appends what is missing of the header's parts, in the service's words; false when nothing is. */
static bool add_missing(const struct authorization *a, struct buf *words)
{
	if (a->credential.n == 0)
		buf_str(words, STR("Authorization header requires 'Credential' parameter. "));
	if (a->signature.n == 0)
		buf_str(words, STR("Authorization header requires 'Signature' parameter. "));
	if (a->signed_headers.n == 0)
		buf_str(words, STR("Authorization header requires 'SignedHeaders' parameter. "));
	if (a->date.n == 0)
		buf_str(words, STR("Authorization header requires existence of either a "
				   "'X-Amz-Date' or a 'Date' header. "));
	return words->n > 0;
}

/* Splits the Authorization header; false with the error in `reply` when something is missing. */
static bool split_header(const struct fake_request *request, struct authorization *a,
			 struct fake_reply *reply)
{
	struct str header = fake_request_header(request, "Authorization"), rest = header;
	struct buf words;
	bool missing;

	*a = (struct authorization){.date = fake_request_header(request, "X-Amz-Date")};
	if (!str_eq(str_cut(&rest, ' '), STR("AWS4-HMAC-SHA256"))) {
		fake_reply_error(reply, 400, CORAL("MissingAuthenticationTokenException"),
				 "Request is missing Authentication Token");
		return false;
	}
	while (rest.n > 0) {
		struct str value = str_trim(str_cut(&rest, ',')), key = str_cut(&value, '=');

		if (str_eq(key, STR("Credential")))
			a->credential = value;
		else if (str_eq(key, STR("SignedHeaders")))
			a->signed_headers = value;
		else if (str_eq(key, STR("Signature")))
			a->signature = value;
	}
	buf_init(&words, 1024);
	missing = add_missing(a, &words);
	if (missing)
		fake_reply_error(reply, 400, CORAL("IncompleteSignatureException"),
				 "%.*sAuthorization=%.*s", STR_ARG(buf_view(&words)),
				 STR_ARG(str_head(header, 1024)));
	buf_release(&words);
	return !missing;
}

/* Splits the credential into its scope; false with the error in `reply` when it has other parts. */
static bool split_credential(struct authorization *a, struct fake_reply *reply)
{
	struct str rest = a->credential;

	a->access = str_cut(&rest, '/');
	a->day = str_cut(&rest, '/');
	a->region = str_cut(&rest, '/');
	a->service = str_cut(&rest, '/');
	a->terminator = str_cut(&rest, '/');
	if (a->terminator.n > 0 && rest.p == NULL)
		return true;
	fake_reply_error(reply, 400, CORAL("IncompleteSignatureException"),
			 "Credential must have exactly 5 slash-delimited elements, e.g. "
			 "keyid/date/region/service/term, got '%.*s'",
			 STR_ARG(str_head(a->credential, 512)));
	return false;
}

/* Whether the credential's scope is ours. */
static bool check_scope(const struct fake_auth *auth, const struct authorization *a,
			struct fake_reply *reply)
{
	const char *type = CORAL("InvalidSignatureException");

	if (!str_eq(a->service, STR("dynamodb")))
		fake_reply_error(reply, 400, type,
				 "Credential should be scoped to correct service: 'dynamodb'. ");
	else if (!str_eq(a->region, str_of(auth->region)))
		fake_reply_error(reply, 400, type,
				 "Credential should be scoped to a valid region, not '%.*s'. ",
				 STR_ARG(str_head(a->region, 64)));
	else if (!str_eq(a->terminator, STR("aws4_request")))
		fake_reply_error(reply, 400, type,
				 "Credential should be scoped with a valid terminator: "
				 "'aws4_request', not '%.*s'. ",
				 STR_ARG(str_head(a->terminator, 64)));
	else if (!str_eq(a->day, str_head(a->date, 8)))
		fake_reply_error(reply, 400, type,
				 "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
				 "version of date from HTTP: '%.*s' != '%.*s', from '%.*s'.",
				 STR_ARG(str_head(a->day, 64)), STR_ARG(str_head(a->date, 8)),
				 STR_ARG(a->date));
	else
		return true;
	return false;
}

/* Whether the request's date is within 15 minutes of the service's. */
static bool check_date(struct authorization *a, int64_t now_ms, struct fake_reply *reply)
{
	struct buf limit, now;
	bool early, late;

	if (!time_parse_amz(a->date, &a->date_ms)) {
		fake_reply_error(reply, 400, CORAL("IncompleteSignatureException"),
				 "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
				 "http://en.wikipedia.org/wiki/ISO_8601",
				 STR_ARG(str_head(a->date, 64)));
		return false;
	}
	/* Both sides in whole seconds, as the header has them. */
	now_ms -= now_ms % SECOND_MS;
	early = a->date_ms < now_ms - SKEW_MS;
	late = a->date_ms > now_ms + SKEW_MS;
	if (!early && !late)
		return true;
	buf_init(&limit, 64);
	buf_init(&now, 64);
	time_add_amz(&limit, early ? now_ms - SKEW_MS : now_ms + SKEW_MS);
	time_add_amz(&now, now_ms);
	fake_reply_error(reply, 400, CORAL("InvalidSignatureException"),
			 early ? "Signature expired: %.*s is now earlier than %.*s (%.*s - 15 min.)"
			       : "Signature not yet current: %.*s is still later than %.*s "
				 "(%.*s + 15 min.)",
			 STR_ARG(a->date), STR_ARG(buf_view(&limit)), STR_ARG(buf_view(&now)));
	buf_release(&limit);
	buf_release(&now);
	return false;
}

/* Whether the session token is the credential's own, and still good. */
static bool check_token(const struct fake_credential *credential,
			const struct fake_request *request, struct fake_reply *reply)
{
	struct str token = fake_request_header(request, "X-Amz-Security-Token");

	if (credential == NULL || !str_eq(token, str_of(credential->token)))
		fake_reply_error(reply, 400, CORAL("UnrecognizedClientException"),
				 "The security token included in the request is invalid.");
	else if (credential->expired)
		fake_reply_error(reply, 400, CORAL("ExpiredTokenException"),
				 "The security token included in the request is expired");
	else
		return true;
	return false;
}

/* Whether `name` is in the signed list, "a;b;c". */
static bool is_signed(struct str list, struct str name)
{
	while (list.n > 0)
		if (str_eq_nocase(str_cut(&list, ';'), name))
			return true;
	return false;
}

/* Whether the list is sorted, in lower case, and names all that has to be signed. */
static bool signed_list_ok(const struct fake_request *request, struct str list)
{
	struct str rest = list, before = STR("");

	for (size_t i = 0; i < list.n; i++)
		if (list.p[i] >= 'A' && list.p[i] <= 'Z')
			return false;
	while (rest.n > 0) {
		struct str name = str_cut(&rest, ';');

		if (str_cmp(before, name) >= 0)
			return false;
		before = name;
	}
	for (unsigned i = 0; i < request->n_headers; i++) {
		struct str name = request->headers[i].name;

		if (str_eq_nocase(str_head(name, 6), STR("x-amz-")) && !is_signed(list, name))
			return false;
	}
	return is_signed(list, STR("host"));
}

/* Appends a value with each run of blanks made one. */
static void add_folded(struct buf *canonical, struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != ' ' || value.p[i - 1] != ' ')
			buf_c(canonical, value.p[i]);
}

/* Appends "name:value\n"; a header that came several times has its values joined by commas. */
static void add_canonical_header(struct buf *canonical, const struct fake_request *request,
				 struct str name)
{
	bool first = true;

	buf_str(canonical, name);
	buf_c(canonical, ':');
	for (unsigned i = 0; i < request->n_headers; i++) {
		if (!str_eq_nocase(request->headers[i].name, name))
			continue;
		if (!first)
			buf_c(canonical, ',');
		add_folded(canonical, request->headers[i].value);
		first = false;
	}
	buf_c(canonical, '\n');
}

/* Appends the SHA-256 of `s` in hexadecimal. */
static void add_sha256(struct buf *to, struct str s)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)(s.n == 0 ? "" : s.p), s.n, digest);
	buf_hex(to, digest, sizeof(digest));
}

/* Appends what is signed: the algorithm, the date, the scope, and the canonical request's hash. */
static bool add_string_to_sign(struct buf *to, const struct fake_request *request, struct str body,
			       const struct authorization *a)
{
	struct str names = a->signed_headers;
	struct buf canonical;
	bool ok;

	buf_init(&canonical, CANONICAL_MAX);
	buf_str(&canonical, STR("POST\n/\n\n"));
	while (names.n > 0)
		add_canonical_header(&canonical, request, str_cut(&names, ';'));
	buf_c(&canonical, '\n');
	buf_str(&canonical, a->signed_headers);
	buf_c(&canonical, '\n');
	add_sha256(&canonical, body);

	buf_str(to, STR("AWS4-HMAC-SHA256\n"));
	buf_str(to, a->date);
	buf_c(to, '\n');
	buf_str(to, str_skip(a->credential, a->access.n + 1));
	buf_c(to, '\n');
	add_sha256(to, buf_view(&canonical));
	ok = !canonical.failed && !to->failed;
	buf_release(&canonical);
	return ok;
}

/* HMAC-SHA-256 of `s` with a key of `key_n` bytes; `out` may be the key. */
static void hmac(const void *key, size_t key_n, struct str s, unsigned char out[32])
{
	unsigned char digest[32];

	must(HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)s.p, s.n, digest, NULL) !=
	     NULL);
	mem_copy(out, digest, sizeof(digest));
}

/* The credential's signing key of that day; the last one is remembered. */
static const unsigned char *signing_key(struct fake_credential *credential,
					const struct authorization *a)
{
	struct buf secret;
	unsigned char *key = credential->key;

	if (str_eq(a->day, str_make(credential->key_day, sizeof(credential->key_day))))
		return key;
	buf_init(&secret, CANONICAL_MAX);
	buf_str(&secret, STR("AWS4"));
	buf_str(&secret, str_of(credential->secret));
	hmac(secret.p, secret.n, a->day, key);
	hmac(key, 32, a->region, key);
	hmac(key, 32, a->service, key);
	hmac(key, 32, a->terminator, key);
	buf_release(&secret);
	must(a->day.n == sizeof(credential->key_day)); /* equal to the date's */
	mem_copy(credential->key_day, a->day.p, a->day.n);
	return key;
}

/* Whether the signature is the one that these bytes have with this key. */
static bool signature_ok(struct fake_credential *credential, const struct fake_request *request,
			 struct str body, const struct authorization *a)
{
	unsigned char digest[32];
	struct buf to_sign, wanted;
	bool ok;

	if (!signed_list_ok(request, a->signed_headers))
		return false;
	buf_init(&to_sign, 1024);
	buf_init(&wanted, 2 * sizeof(digest));
	ok = add_string_to_sign(&to_sign, request, body, a);
	if (ok) {
		hmac(signing_key(credential, a), 32, buf_view(&to_sign), digest);
		buf_hex(&wanted, digest, sizeof(digest));
		ok = str_eq(a->signature, buf_view(&wanted));
	}
	buf_release(&to_sign);
	buf_release(&wanted);
	return ok;
}

bool fake_auth_check(struct fake_auth *auth, const struct fake_request *request, struct str body,
		     int64_t now_ms, struct fake_reply *reply)
{
	struct fake_credential *credential;
	struct authorization a;

	if (!split_header(request, &a, reply) || !split_credential(&a, reply))
		return false;
	credential = find(auth, a.access);
	if (!check_token(credential, request, reply) || !check_date(&a, now_ms, reply) ||
	    !check_scope(auth, &a, reply))
		return false;
	if (signature_ok(credential, request, body, &a))
		return true;
	fake_reply_error(reply, 400, CORAL("InvalidSignatureException"), "%s", wrong_signature);
	return false;
}
