/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/base64.h"
#include "base/time.h"

/*
 * "Standard Webhooks" wants keys of 24 to 64 bytes. Signatures, with words around them, take some 70 bytes
 * each.
 */
enum { KEY_MIN = 24, KEY_MAX = 64, MAC_N = 32, VALUE_MAX = 2048 };

/* Sets a secret from its line; NULL, or what it must be. */
static const char *parse_secret(struct signature *signature, struct str line)
{
	struct signature_secret *secret = &signature->secrets[signature->n];
	struct buf key;
	const char *fault = NULL;

	if (signature->style != SIGNATURE_STANDARD) {
		if (line.n > sizeof(secret->key))
			return "at most 256 bytes long";
		mem_copy(secret->key, line.p, line.n);
		secret->n = line.n;
		return NULL;
	}
	if (str_starts(line, STR("whsk_")) || str_starts(line, STR("whpk_")))
		return "a symmetric secret (whsec_...): asymmetric keys are not supported";
	if (!str_starts(line, STR("whsec_")))
		return "\"whsec_\" and then base64";
	buf_init(&key, sizeof(secret->key));
	if (!base64_decode(&key, str_skip(line, 6)) || key.failed)
		fault = "\"whsec_\" and then base64";
	else if (key.n < KEY_MIN || key.n > KEY_MAX)
		fault = "of 24 to 64 bytes, in base64 after \"whsec_\"";
	else
		mem_copy(secret->key, key.p, key.n);
	secret->n = key.n;
	if (key.p != NULL)
		OPENSSL_cleanse(key.p, key.cap);
	buf_release(&key);
	return fault;
}

bool signature_parse(struct signature *signature, enum signature_style style, struct str text,
		     const char *path, struct error *err)
{
	size_t limit = style == SIGNATURE_GITHUB ? 1 : SIGNATURE_SECRETS_MAX;
	unsigned number = 0;
	const char *fault;

	*signature = (struct signature){.style = style};
	while (text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));

		number++;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (signature->n == limit) {
			signature_release(signature);
			return error_set(err, ERROR_CONFIG,
					 "%s:%u: too many secrets: at most %zu of this style", path,
					 number, limit);
		}
		fault = parse_secret(signature, line);
		if (fault != NULL) {
			signature_release(signature);
			return error_set(err, ERROR_CONFIG, "%s:%u: a secret must be %s", path,
					 number, fault);
		}
		signature->n++;
	}
	return signature->n > 0 ||
	       error_set(err, ERROR_CONFIG, "%s holds no secret: one per line", path);
}

bool signature_same(const struct signature *a, const struct signature *b)
{
	bool same = a->style == b->style && a->n == b->n;

	for (size_t i = 0; i < a->n && same; i++)
		same = a->secrets[i].n == b->secrets[i].n &&
		       CRYPTO_memcmp(a->secrets[i].key, b->secrets[i].key, a->secrets[i].n) == 0;
	return same;
}

void signature_release(struct signature *signature)
{
	OPENSSL_cleanse(signature, sizeof(*signature));
}

/* HMAC-SHA-256 of two texts, one after the other. */
static void hmac(const struct signature_secret *secret, struct str first, struct str second,
		 unsigned char out[MAC_N])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t n = 0;

	must(ctx != NULL && EVP_MAC_init(ctx, secret->key, secret->n, params) == 1 &&
	     EVP_MAC_update(ctx, (const unsigned char *)first.p, first.n) == 1 &&
	     EVP_MAC_update(ctx, (const unsigned char *)second.p, second.n) == 1 &&
	     EVP_MAC_final(ctx, out, &n, MAC_N) == 1 && n == MAC_N);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

/* Standard Webhooks' three headers. */
static void add_standard(const struct signature *signature, const struct signature_subject *subject,
			 struct buf *value, struct requesthead *head)
{
	unsigned char mac[MAC_N];
	struct buf signed_start;

	buf_init(&signed_start, VALUE_MAX);
	buf_i64(value, subject->wall_ms / SECOND_MS);
	requesthead_add(head, STR("webhook-id"), subject->id);
	requesthead_add(head, STR("webhook-timestamp"), buf_view(value));
	buf_fmt(&signed_start, "%.*s.%.*s.", STR_ARG(subject->id), STR_ARG(buf_view(value)));
	buf_clear(value);
	for (size_t i = 0; i < signature->n; i++) {
		hmac(&signature->secrets[i], buf_view(&signed_start), subject->body, mac);
		buf_str(value, i == 0 ? STR("v1,") : STR(" v1,"));
		base64_encode(value, mac, sizeof(mac));
	}
	requesthead_add(head, STR("webhook-signature"), buf_view(value));
	buf_release(&signed_start);
}

/* GitHub's three headers; a delivery's name has the form of a GUID there. */
static void add_github(const struct signature *signature, const struct signature_subject *subject,
		       struct buf *value, struct requesthead *head)
{
	unsigned char mac[MAC_N];
	const char *digits = subject->id.p + 4;

	must(subject->id.n == 36);
	hmac(&signature->secrets[0], STR_NONE, subject->body, mac);
	buf_str(value, STR("sha256="));
	buf_hex(value, mac, sizeof(mac));
	requesthead_add(head, STR("X-Hub-Signature-256"), buf_view(value));
	requesthead_add(head, STR("X-GitHub-Event"), STR("dynamodb"));
	buf_clear(value);
	buf_fmt(value, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16,
		digits + 20);
	requesthead_add(head, STR("X-GitHub-Delivery"), buf_view(value));
}

/* Stripe's header. */
static void add_stripe(const struct signature *signature, const struct signature_subject *subject,
		       struct buf *value, struct requesthead *head)
{
	unsigned char mac[MAC_N];
	struct buf signed_start;

	buf_init(&signed_start, VALUE_MAX);
	buf_i64(&signed_start, subject->wall_ms / SECOND_MS);
	buf_fmt(value, "t=%.*s", STR_ARG(buf_view(&signed_start)));
	buf_c(&signed_start, '.');
	for (size_t i = 0; i < signature->n; i++) {
		hmac(&signature->secrets[i], buf_view(&signed_start), subject->body, mac);
		buf_str(value, STR(",v1="));
		buf_hex(value, mac, sizeof(mac));
	}
	requesthead_add(head, STR("Stripe-Signature"), buf_view(value));
	buf_release(&signed_start);
}

void signature_add(const struct signature *signature, const struct signature_subject *subject,
		   struct requesthead *head)
{
	struct buf value;

	buf_init(&value, VALUE_MAX);
	switch (signature->style) {
	case SIGNATURE_STANDARD:
		add_standard(signature, subject, &value, head);
		break;
	case SIGNATURE_GITHUB:
		add_github(signature, subject, &value, head);
		break;
	case SIGNATURE_STRIPE:
		add_stripe(signature, subject, &value, head);
		break;
	case SIGNATURE_NONE:
		break;
	}
	must(!value.failed);
	buf_release(&value);
}
