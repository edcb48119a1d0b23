/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bearer token by which Amazon MSK knows an IAM identity: a presigned URL of the action
 * kafka-cluster:Connect, in base64url, as AWS's own signer libraries make it
 * (github.com/aws/aws-msk-iam-sasl-signer-python). Pure.
 */
#ifndef MSK_TOKEN_H
#define MSK_TOKEN_H

#include "base/buf.h"
#include "consumer/aws/credentials.h"

enum { MSK_TOKEN_LIFE_MS = 900 * 1000, MSK_TOKEN_MAX = 192 * 1024 };

/* Appends the token that is good for MSK_TOKEN_LIFE_MS from `wall_ms` on. */
void msk_token(const struct credentials *credentials, struct str region, int64_t wall_ms,
	       struct buf *out);

#endif
