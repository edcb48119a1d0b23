/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer's status and error body mean. The body is never trusted: any bytes may stand there,
 * JSON, XML or the HTML of some proxy; what is kept of it is short and printable.
 */
#ifndef AWS_APIERROR_H
#define AWS_APIERROR_H

#include "base/err.h"

enum api_error_kind {
	API_OK,
	API_THROTTLED, /* too fast: the same again, after a pause */
	API_TRANSIENT, /* the service's trouble, or a proxy's: the same again */
	API_EXPIRED_ITERATOR, /* get a new iterator */
	API_TRIMMED, /* the position is older than what the stream keeps */
	API_NOT_FOUND, /* table, stream or shard; see api_error_names_shard */
	API_CONDITION_FAILED, /* a conditional write's condition does not hold */
	API_IN_USE, /* the table exists already, or is being changed */
	API_AUTH, /* credentials or permissions */
	API_KEY, /* the key that the table is encrypted with cannot be used */
	API_SIGNATURE, /* bad signature or time: four minutes off the Date header mean skew */
	API_VALIDATION, /* the request is wrong: asking again is no use */
	API_OTHER, /* a code that is not known here */
};

struct api_error {
	enum api_error_kind kind;
	int status; /* HTTP */
	char code[64]; /* "ThrottlingException", without prefix; empty when there was none */
	char message[256]; /* printable, cut when too long; may be empty */
};

/* Classifies an answer. 2xx is API_OK, whatever the body says. */
void api_error_read(int status, struct str body, struct api_error *out);

/* Whether an API_NOT_FOUND speaks of a shard, and not of the stream or table. */
bool api_error_names_shard(const struct api_error *error);

/* Whether the service speaks of expired credentials, which a fresh set may cure. */
bool api_error_expired_credentials(const struct api_error *error);

/* "throttled", "transient" and so on, for logs and metrics. */
struct str api_error_word(enum api_error_kind kind);

/* Sets `err` to what the caller has to do and "OPERATION: CODE: MESSAGE (ADVICE)"; returns false. */
bool api_error_set(const struct api_error *error, struct str operation, struct error *err);

#endif
