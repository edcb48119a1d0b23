/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile says what the attributes of known tables hold: `profile: vinyldns` with a role per table
 * maps binary attributes to messages and names the plain attributes that are secret. Table names are
 * free; the role decides. A table without profile is plain: nothing is decoded, nothing masked.
 */
#ifndef PROTO_PROFILE_H
#define PROTO_PROFILE_H

#include "proto/schema.h"

/* A binary attribute that holds a serialized message. */
struct profile_blob {
	const char *attribute;
	const char *message; /* full name */
};

struct profile_role {
	const char *name; /* the word of `role:`, such as "record_set_change" */
	const char *help; /* one line */
	const struct profile_blob *blobs;
	size_t n_blobs;
	/* Secret attributes: a top-level name, or "map/name" inside a map attribute. */
	const char *const *secrets;
	size_t n_secrets;
};

struct profile {
	const char *name; /* the word of `profile:` */
	const struct profile_role *roles;
	size_t n_roles;
};

/* The profile called `name`, or NULL. */
const struct profile *profile_find(struct str name);

/* The n-th profile, or NULL: for lists and suggestions. */
const struct profile *profile_nth(size_t n);

/* The role called `name`, or NULL. */
const struct profile_role *profile_role(const struct profile *profile, struct str name);

#endif
