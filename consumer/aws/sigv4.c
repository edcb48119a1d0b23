/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/sigv4.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/time.h"

/* Room for the canonical request: a session token, percent-encoded, is its largest part. */
enum { SIGN_TEXT_MAX = 3 * CREDENTIALS_TOKEN_MAX + 16 * 1024 };

/* Copies a short name into an array of SIGN_NAME_MAX bytes. */
static void copy_name(char *to, struct str name)
{
	must(name.n < SIGN_NAME_MAX);
	mem_copy(to, name.p, name.n);
	to[name.n] = '\0';
}

void signer_init(struct signer *signer, struct str region, struct str service)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest_name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
		OSSL_PARAM_construct_end(),
	};

	*signer = (struct signer){0};
	copy_name(signer->region, region);
	copy_name(signer->service, service);
	buf_init(&signer->text, SIGN_TEXT_MAX);
	/* Looking algorithms up costs more than a signature does: once is enough. */
	signer->digest = EVP_MD_fetch(NULL, digest_name, NULL);
	signer->digest_ctx = EVP_MD_CTX_new();
	must(mac != NULL && signer->digest != NULL && signer->digest_ctx != NULL);
	signer->mac_ctx = EVP_MAC_CTX_new(mac);
	must(signer->mac_ctx != NULL && EVP_MAC_CTX_set_params(signer->mac_ctx, params) == 1);
	EVP_MAC_free(mac);
}

void signer_release(struct signer *signer)
{
	EVP_MAC_CTX_free(signer->mac_ctx);
	EVP_MD_CTX_free(signer->digest_ctx);
	EVP_MD_free(signer->digest);
	if (signer->text.p != NULL)
		OPENSSL_cleanse(signer->text.p, signer->text.cap);
	buf_release(&signer->text);
	OPENSSL_cleanse(signer, sizeof(*signer));
}

/* SHA-256 of `text`. */
static void hash(struct signer *signer, struct str text, unsigned char out[SIGN_HASH_N])
{
	must(EVP_DigestInit_ex2(signer->digest_ctx, signer->digest, NULL) == 1 &&
	     EVP_DigestUpdate(signer->digest_ctx, text.p, text.n) == 1 &&
	     EVP_DigestFinal_ex(signer->digest_ctx, out, NULL) == 1);
}

/* HMAC-SHA-256 of `text`; an empty `key` means the one that was used last. */
static void hmac(struct signer *signer, struct str key, struct str text,
		 unsigned char out[SIGN_HASH_N])
{
	size_t n;

	must(EVP_MAC_init(signer->mac_ctx, (const unsigned char *)key.p, key.n, NULL) == 1 &&
	     EVP_MAC_update(signer->mac_ctx, (const unsigned char *)text.p, text.n) == 1 &&
	     EVP_MAC_final(signer->mac_ctx, out, &n, SIGN_HASH_N) == 1);
}

/* The cached key as a slice. */
static struct str key_of(const struct signer *signer)
{
	return str_make((const char *)signer->key, SIGN_HASH_N);
}

/* Derives the key of a secret and day ("20260102"), unless it is the cached one. */
static void derive_key(struct signer *signer, struct str secret, struct str day)
{
	struct buf *text = &signer->text;

	if (str_eq(str_of(signer->secret), secret) && str_eq(str_of(signer->date), day))
		return;
	must(secret.n > 0 && secret.n < sizeof(signer->secret) && day.n < sizeof(signer->date));
	OPENSSL_cleanse(signer->secret, sizeof(signer->secret));
	mem_copy(signer->secret, secret.p, secret.n);
	mem_copy(signer->date, day.p, day.n);
	buf_clear(text);
	buf_str(text, STR("AWS4"));
	buf_str(text, secret);
	hmac(signer, buf_view(text), day, signer->key);
	OPENSSL_cleanse(text->p, text->n);
	hmac(signer, key_of(signer), str_of(signer->region), signer->key);
	hmac(signer, key_of(signer), str_of(signer->service), signer->key);
	hmac(signer, key_of(signer), STR("aws4_request"), signer->key);
	/* Loads the key into the context, where it stays. */
	hmac(signer, key_of(signer), STR_NONE, (unsigned char[SIGN_HASH_N]){0});
}

/* Appends one canonical header: the name, and the value with its runs of blanks made one. */
static void add_header(struct buf *text, struct str name, struct str value)
{
	bool gap = false;

	if (value.n == 0)
		return;
	value = str_trim(value);
	buf_str(text, name);
	buf_c(text, ':');
	for (size_t i = 0; i < value.n; i++) {
		bool blank = value.p[i] == ' ';

		if (!blank || !gap)
			buf_c(text, value.p[i]);
		gap = blank;
	}
	buf_c(text, '\n');
}

/* Appends the names of the signed headers, in the order of add_request. */
static void add_signed_names(struct buf *text, const struct sign_request *request, bool token)
{
	if (request->content_type.n > 0)
		buf_str(text, STR("content-type;"));
	buf_str(text, STR("host;x-amz-date"));
	if (token)
		buf_str(text, STR(";x-amz-security-token"));
	if (request->target.n > 0)
		buf_str(text, STR(";x-amz-target"));
}

/* Makes the canonical request in signer->text. */
static void add_request(struct signer *signer, const struct sign_request *request, struct str date,
			struct str token)
{
	struct buf *text = &signer->text;
	unsigned char body_hash[SIGN_HASH_N];

	hash(signer, request->body, body_hash);
	buf_clear(text);
	buf_str(text, STR("POST\n"));
	buf_str(text, request->path);
	buf_str(text, STR("\n\n"));
	add_header(text, STR("content-type"), request->content_type);
	add_header(text, STR("host"), request->host);
	add_header(text, STR("x-amz-date"), date);
	add_header(text, STR("x-amz-security-token"), token);
	add_header(text, STR("x-amz-target"), request->target);
	buf_c(text, '\n');
	add_signed_names(text, request, token.n > 0);
	buf_c(text, '\n');
	buf_hex(text, body_hash, sizeof(body_hash));
	must(!text->failed);
}

/* Appends "20260102/eu-west-1/dynamodb/aws4_request". */
static void add_scope(struct buf *text, const struct signer *signer)
{
	buf_str(text, str_of(signer->date));
	buf_c(text, '/');
	buf_str(text, str_of(signer->region));
	buf_c(text, '/');
	buf_str(text, str_of(signer->service));
	buf_str(text, STR("/aws4_request"));
}

/* Moves what `text` holds, terminated, into `to`. */
static void take(struct buf *text, char *to, size_t n)
{
	must(!text->failed && text->n < n);
	mem_copy(to, text->p, text->n);
	to[text->n] = '\0';
	buf_clear(text);
}

/* Sets the date's text ("20260102T030405Z"), and the key of that day. */
static void begin(struct signer *signer, const struct credentials *credentials, int64_t wall_ms,
		  char *date, size_t date_n)
{
	buf_clear(&signer->text);
	time_add_amz(&signer->text, wall_ms);
	take(&signer->text, date, date_n);
	derive_key(signer, str_of(credentials->secret_key), str_head(str_of(date), 8));
}

/* The signature of the canonical request in signer->text. */
static void sign_text(struct signer *signer, struct str date, unsigned char digest[SIGN_HASH_N])
{
	struct buf *text = &signer->text;

	hash(signer, buf_view(text), digest);
	buf_clear(text);
	buf_str(text, STR("AWS4-HMAC-SHA256\n"));
	buf_str(text, date);
	buf_c(text, '\n');
	add_scope(text, signer);
	buf_c(text, '\n');
	buf_hex(text, digest, SIGN_HASH_N);
	hmac(signer, STR_NONE, buf_view(text), digest);
}

void signer_sign(struct signer *signer, const struct credentials *credentials,
		 const struct sign_request *request, struct signature *out)
{
	struct buf *text = &signer->text;
	struct str token = str_of(credentials->session_token), date;
	unsigned char digest[SIGN_HASH_N];

	begin(signer, credentials, request->wall_ms, out->date, sizeof(out->date));
	date = str_of(out->date);
	add_request(signer, request, date, token);
	sign_text(signer, date, digest);

	buf_clear(text);
	buf_str(text, STR("AWS4-HMAC-SHA256 Credential="));
	buf_str(text, str_of(credentials->access_key));
	buf_c(text, '/');
	add_scope(text, signer);
	buf_str(text, STR(", SignedHeaders="));
	add_signed_names(text, request, token.n > 0);
	buf_str(text, STR(", Signature="));
	buf_hex(text, digest, sizeof(digest));
	take(text, out->authorization, sizeof(out->authorization));
}

/* Appends `text` as it stands in a query: all but letters, digits and -._~ percent-encoded. */
static void add_encoded(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';

		if (plain) {
			buf_c(out, (char)c);
		} else {
			buf_c(out, '%');
			buf_c(out, digits[c >> 4]);
			buf_c(out, digits[c & 15]);
		}
	}
}

/* Appends the query of a presigned URL, without its signature. */
static void add_query(struct signer *signer, const struct credentials *credentials,
		      const struct presign_request *request, struct str date, struct buf *out)
{
	struct str token = str_of(credentials->session_token);
	struct buf scope;

	buf_init(&scope, 1024);
	buf_str(&scope, str_of(credentials->access_key));
	buf_c(&scope, '/');
	add_scope(&scope, signer);
	must(!scope.failed);
	buf_str(out, request->query);
	buf_str(out, request->query.n > 0
			     ? STR("&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=")
			     : STR("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="));
	add_encoded(out, buf_view(&scope));
	buf_release(&scope);
	buf_str(out, STR("&X-Amz-Date="));
	buf_str(out, date);
	buf_str(out, STR("&X-Amz-Expires="));
	buf_i64(out, request->expires_s);
	if (token.n > 0) {
		buf_str(out, STR("&X-Amz-Security-Token="));
		add_encoded(out, token);
	}
	buf_str(out, STR("&X-Amz-SignedHeaders=host"));
}

void signer_presign(struct signer *signer, const struct credentials *credentials,
		    const struct presign_request *request, struct buf *out)
{
	struct buf *text = &signer->text;
	char date[20];
	unsigned char digest[SIGN_HASH_N], body_hash[SIGN_HASH_N];
	size_t query_at;

	begin(signer, credentials, request->wall_ms, date, sizeof(date));
	buf_str(out, STR("https://"));
	buf_str(out, request->host);
	buf_str(out, request->path);
	buf_c(out, '?');
	query_at = out->n;
	add_query(signer, credentials, request, str_of(date), out);
	if (out->failed)
		return;

	hash(signer, STR(""), body_hash);
	buf_clear(text);
	buf_str(text, STR("GET\n"));
	buf_str(text, request->path);
	buf_c(text, '\n');
	buf_str(text, str_skip(buf_view(out), query_at));
	buf_c(text, '\n');
	add_header(text, STR("host"), request->host);
	buf_str(text, STR("\nhost\n"));
	buf_hex(text, body_hash, sizeof(body_hash));
	must(!text->failed);
	sign_text(signer, str_of(date), digest);
	buf_str(out, STR("&X-Amz-Signature="));
	buf_hex(out, digest, sizeof(digest));
}
