/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lambda event format: what a Lambda function with a DynamoDB stream as its event source is called
 * with, as lambda.md describes. An encoder is used by one thread at a time.
 */
#ifndef FORMATS_LAMBDA_H
#define FORMATS_LAMBDA_H

#include "consumer/engine/format.h"

struct lambda_options {
	bool mask; /* hide secrets */
};

extern const struct format_type format_lambda;

/*
 * Makes an encoder for one table; `env` must outlive it. NULL with ERROR_CONFIG when the schema lacks a
 * message of the role. Freed with lambda_free.
 */
struct encoder *lambda_new(const struct lambda_options *options, const struct format_env *env,
			   struct error *err);

/* Frees the encoder. */
void lambda_free(struct encoder *encoder);

#endif
