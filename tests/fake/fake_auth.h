/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call: Signature Version 4 as the service checks it, written from the published rules and
 * sharing nothing with the product's signer.
 *
 * Stricter than it has to be in one point: every x-amz-* header must be signed.
 */
#ifndef FAKE_AUTH_H
#define FAKE_AUTH_H

#include "tests/fake/fake_http.h"
#include "tests/fake/fake_reply.h"

enum { FAKE_CREDENTIALS_MAX = 16 };

struct fake_credential {
	char *access, *secret, *token; /* owned; token NULL: a long-term key */
	bool expired;
	char key_day[8]; /* the day that `key` was derived for; zeros: none yet */
	unsigned char key[32];
};

struct fake_auth {
	const char *region;
	struct fake_credential credentials[FAKE_CREDENTIALS_MAX];
	unsigned n;
};

/* Knows no credentials; `region` is borrowed. */
void fake_auth_init(struct fake_auth *auth, const char *region);

/* Frees the credentials. */
void fake_auth_release(struct fake_auth *auth);

/* Adds "ACCESS:SECRET" or "ACCESS:SECRET:TOKEN"; false when it is neither or there are too many. */
bool fake_auth_add(struct fake_auth *auth, struct str text);

/* Makes the credentials of an access key expired or valid again; false when it is not known. */
bool fake_auth_expire(struct fake_auth *auth, struct str access, bool expired);

/*
 * Whether the signature of a POST to "/" is right at the time `now_ms`; if not, `reply` has the
 * service's error.
 */
bool fake_auth_check(struct fake_auth *auth, const struct fake_request *request, struct str body,
		     int64_t now_ms, struct fake_reply *reply);

#endif
