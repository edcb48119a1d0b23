/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4: headers for POST requests whose path has no query, and presigned URLs.
 *
 *	struct signer signer;
 *	struct signature signature;
 *	signer_init(&signer, STR("eu-west-1"), SIGN_SERVICE);
 *	signer_sign(&signer, &credentials, &request, &signature);
 *	... send the headers Authorization: signature.authorization, X-Amz-Date: signature.date,
 *	... and X-Amz-Security-Token: credentials.session_token if there is one
 *	signer_release(&signer);
 *
 * The key that is derived from (secret, date, region, service) is kept until one of them changes. A
 * signer has digest contexts of its own: one per thread, without locks. Secrets are wiped on release.
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "base/buf.h"
#include "consumer/aws/credentials.h"

/* What both DynamoDB APIs sign as, and their content type. */
#define SIGN_SERVICE STR("dynamodb")
#define SIGN_JSON    STR("application/x-amz-json-1.0")

enum { SIGN_HASH_N = 32, SIGN_NAME_MAX = 64 };

struct signer {
	char region[SIGN_NAME_MAX];
	char service[SIGN_NAME_MAX];
	/* The cached key, and the secret and date that it was made of. */
	unsigned char key[SIGN_HASH_N];
	char secret[CREDENTIALS_KEY_MAX + 1];
	char date[9];
	struct evp_md_st *digest;
	struct evp_md_ctx_st *digest_ctx;
	struct evp_mac_ctx_st *mac_ctx;
	struct buf text; /* what is being hashed or signed */
};

/* One request to be signed. A header whose value is empty is neither sent nor signed. */
struct sign_request {
	struct str host; /* the Host header as it is sent, with the port if that is sent */
	struct str path; /* as it is sent, percent-encoded, at least "/" */
	struct str content_type; /* usually SIGN_JSON */
	struct str target; /* X-Amz-Target */
	struct str body;
	int64_t wall_ms;
};

/* What a signature adds to the headers. Terminated strings. */
struct signature {
	char date[20]; /* X-Amz-Date */
	char authorization[640]; /* Authorization */
};

/* A signer for one region and service; both are copied and at most SIGN_NAME_MAX - 1 bytes. */
void signer_init(struct signer *signer, struct str region, struct str service);

/* Wipes the keys and frees the contexts. */
void signer_release(struct signer *signer);

/* Signs `request` with keys that credentials_set accepted. */
void signer_sign(struct signer *signer, const struct credentials *credentials,
		 const struct sign_request *request, struct signature *out);

/* A GET request that is signed in its query, so that the URL alone is enough to send it. */
struct presign_request {
	struct str host; /* the only header that is signed */
	struct str path; /* as it is sent, percent-encoded, at least "/" */
	struct str
		query; /* its own part, percent-encoded, in byte order and before "X-Amz-"; or empty */
	int64_t expires_s; /* how long the URL is good for */
	int64_t wall_ms;
};

/*
 * Appends "https://host/path?query&X-Amz-...&X-Amz-Signature=..." to `out`, which fails when that does
 * not fit: 128 KiB always do. The parameters are in byte order.
 */
void signer_presign(struct signer *signer, const struct credentials *credentials,
		    const struct presign_request *request, struct buf *out);

#endif
