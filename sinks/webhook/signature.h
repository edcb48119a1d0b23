/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of requests, by secrets that the receiver has too; all are HMAC-SHA-256.
 *
 *	standard  Standard Webhooks 1.0 (standardwebhooks.com): over "id.timestamp.body", base64
 *	github    "X-Hub-Signature-256: sha256=<hex>", over the body
 *	stripe    "Stripe-Signature: t=<timestamp>,v1=<hex>[,v1=<hex>]", over "timestamp.body"
 *
 * With several secrets a request carries a signature by each, so that receivers can move from an old
 * secret to a new one; GitHub's form has room for one only.
 */
#ifndef WEBHOOK_SIGNATURE_H
#define WEBHOOK_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"
#include "sinks/webhook/requesthead.h"

enum signature_style { SIGNATURE_STANDARD, SIGNATURE_GITHUB, SIGNATURE_STRIPE, SIGNATURE_NONE };

enum { SIGNATURE_SECRETS_MAX = 8, SIGNATURE_SECRET_BYTES_MAX = 256 };

struct signature {
	enum signature_style style;
	struct signature_secret {
		unsigned char key[SIGNATURE_SECRET_BYTES_MAX];
		size_t n;
	} secrets[SIGNATURE_SECRETS_MAX];
	size_t n;
};

/* What is signed, and what else the receiver is told about the request. */
struct signature_subject {
	struct str id; /* of the message: 4 bytes of prefix and 32 hexadecimal digits; has no '.' */
	int64_t wall_ms; /* of this attempt */
	struct str body;
};

/*
 * Takes the secrets from a file's text: one per line, blank lines and those that begin with '#' aside. For
 * `standard` each is "whsec_" and the base64 of 24 to 64 bytes, else any visible text. False with `err` set,
 * which names `path` and never a secret, when there is none or one cannot be used.
 */
bool signature_parse(struct signature *signature, enum signature_style style, struct str text,
		     const char *path, struct error *err);

/* Whether both hold the same secrets. */
bool signature_same(const struct signature *a, const struct signature *b);

/* Wipes the secrets. */
void signature_release(struct signature *signature);

/* Adds the style's headers, of which some are not signatures. */
void signature_add(const struct signature *signature, const struct signature_subject *subject,
		   struct requesthead *head);

#endif
