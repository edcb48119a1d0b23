/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the credentials come from: the environment and the AWS profile files, read here and understood by
 * consumer/aws/credentials.h. They are cached; a failure to read them again leaves the old ones in use.
 * Secrets appear in no message.
 */
#ifndef HOST_KEYS_H
#define HOST_KEYS_H

#include "base/err.h"

struct credentials;
struct keys;

/* `profile`, copied, names the AWS profile; NULL: AWS_PROFILE or "default". Reads nothing yet. */
struct keys *keys_new(const char *profile);

/* Wipes and frees. NULL is allowed. */
void keys_free(struct keys *keys);

/*
 * The credentials to sign with, valid until the next call, or NULL with `err` set when there are none.
 * `fresh` asks to read the sources again, which is done at most once a second by `now_ms`.
 */
const struct credentials *keys_get(struct keys *keys, bool fresh, int64_t now_ms,
				   struct error *err);

/* The region that the environment or the profile names, or NULL; valid as long as `keys`. */
const char *keys_region(struct keys *keys);

#endif
