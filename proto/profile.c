/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/profile.h"

static const struct profile_blob record_set_blobs[] = {{"record_set_blob", "RecordSet"}};
static const struct profile_blob record_set_change_blobs[] = {
	{"record_set_change_blob", "RecordSetChange"}};
static const struct profile_blob group_change_blobs[] = {{"group_change_blob", "GroupChange"}};
static const struct profile_blob zone_change_blobs[] = {{"blob", "ZoneChange"}};

static const char *const user_secrets[] = {"secretkey", "accesskey"};

/* Both layouts: rows by change_id hold new_user and old_user, older ones by timestamp the others. */
static const char *const user_change_secrets[] = {
	"new_user/secretkey",	  "new_user/accesskey",	    "old_user/secretkey",
	"old_user/accesskey",	  "updatedUser/secretkey",  "updatedUser/accesskey",
	"previousUser/secretkey", "previousUser/accesskey",
};

#define BLOBS(list)   .blobs = (list), .n_blobs = ARRAY_N(list)
#define SECRETS(list) .secrets = (list), .n_secrets = ARRAY_N(list)

static const struct profile_role vinyldns_roles[] = {
	{.name = "record_set",
	 .help = "record sets as they are now (recordSet)",
	 BLOBS(record_set_blobs)},
	{.name = "record_set_change",
	 .help = "what was done to record sets (recordChange)",
	 BLOBS(record_set_change_blobs)},
	{.name = "user", .help = "users (users)", SECRETS(user_secrets)},
	{.name = "group", .help = "groups (groups)"},
	{.name = "membership", .help = "who is in which group (membership)"},
	{.name = "group_change",
	 .help = "what was done to groups (groupChanges)",
	 BLOBS(group_change_blobs)},
	{.name = "user_change",
	 .help = "what was done to users (userChange, usersAndGroupChanges)",
	 SECRETS(user_change_secrets)},
	{.name = "zone_change",
	 .help = "what was done to zones (zoneChange, zoneChanges)",
	 BLOBS(zone_change_blobs)},
};

static const struct profile profiles[] = {
	{.name = "vinyldns", .roles = vinyldns_roles, .n_roles = ARRAY_N(vinyldns_roles)},
};

const struct profile *profile_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_N(profiles); i++)
		if (str_eq(str_of(profiles[i].name), name))
			return &profiles[i];
	return NULL;
}

const struct profile *profile_nth(size_t n)
{
	return n < ARRAY_N(profiles) ? &profiles[n] : NULL;
}

const struct profile_role *profile_role(const struct profile *profile, struct str name)
{
	for (size_t i = 0; i < profile->n_roles; i++)
		if (str_eq(str_of(profile->roles[i].name), name))
			return &profile->roles[i];
	return NULL;
}
