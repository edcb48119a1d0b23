/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and the other settings of AWS's SDKs: reads the environment and the profile files, which
 * consumer/aws/credentials.h understands, and keeps what was found. A failure to read them again leaves
 * the old ones in use. Secrets appear in no message.
 *
 *	keys = keys_new(&options);
 *	settings = keys_settings(keys, &err);	for the region and the endpoints
 *	...
 *	credentials = keys_get(keys, request, &err);	before signing
 */
#ifndef HOST_KEYS_H
#define HOST_KEYS_H

#include "consumer/aws/credentials.h"

/* What the configuration says, which goes before the environment and the files; NULL: nothing. */
struct keys_options {
	const char *profile;
	const char *region;
	const char *streams_url, *tables_url;
};

/* How a caller wants its credentials. */
struct keys_request {
	bool fresh; /* read the sources again, which is done at most once a second */
	int64_t now_ms; /* CLOCK_BOOTTIME, for that second */
	int64_t wall_ms; /* to see whether the credentials ran out; they are read again then, too */
};

struct keys;

/* Copies the options; reads nothing yet. */
struct keys *keys_new(const struct keys_options *options);

/* Wipes and frees. NULL is allowed. */
void keys_free(struct keys *keys);

/*
 * What was found at the last reading, the first one being made here if there was none. NULL with `err`
 * set when a file is malformed or unreadable. Valid until the next keys_get.
 */
const struct aws_settings *keys_settings(struct keys *keys, struct error *err);

/*
 * The credentials to sign with, valid until the next call, or NULL with `err` set when there are none;
 * its sentence says where they were looked for.
 */
const struct credentials *keys_get(struct keys *keys, const struct keys_request *request,
				   struct error *err);

#endif
