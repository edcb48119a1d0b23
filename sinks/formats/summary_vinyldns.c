/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/summary_vinyldns.h"

#include "sinks/formats/sentence.h"

/* A kind of change as the tables write it ("Create", "created", "create" in the course of time). */
struct verb {
	const char *starts; /* its first letters, in lower case */
	const char *past, *infinitive;
};

static const struct verb verbs[] = {
	{"creat", "created", "create"}, {"updat", "changed", "change"},
	{"delet", "deleted", "delete"}, {"sync", "synced", "sync"},
	{"autom", "synced", "sync"}, /* AutomatedSync */
};

/* What an operation on a row is called where the row is the thing itself. */
static struct str op_type(enum event_op op)
{
	switch (op) {
	case EVENT_INSERT:
		return STR("create");
	case EVENT_MODIFY:
		return STR("update");
	case EVENT_REMOVE:
		return STR("delete");
	case EVENT_GAP:
		break;
	}
	return STR_NONE;
}

/* The verb of a kind of change, or NULL. */
static const struct verb *find_verb(struct str type)
{
	for (size_t i = 0; i < ARRAY_N(verbs); i++) {
		struct str starts = str_of(verbs[i].starts);

		if (str_eq_nocase(str_head(type, starts.n), starts))
			return &verbs[i];
	}
	return NULL;
}

/* Appends "user U created ", or "user U failed to create ". */
static void put_deed(struct buf *out, struct str user, struct str type, struct str status)
{
	const struct verb *verb = find_verb(type);

	if (user.n > 0 && !str_eq(user, STR("system")))
		buf_str(out, STR("user "));
	buf_str(out, user);
	if (user.n > 0)
		buf_c(out, ' ');
	if (verb == NULL)
		buf_fmt(out, "made a change of unknown type to ");
	else if (str_eq(status, STR("Failed")))
		buf_fmt(out, "failed to %s ", verb->infinitive);
	else if (str_eq(status, STR("Pending")))
		buf_fmt(out, "began to %s ", verb->infinitive);
	else
		buf_fmt(out, "%s ", verb->past);
}

/* Appends ": message" after a failure, else " (message)". */
static void put_message(struct buf *out, struct str message, struct str status)
{
	bool failed = str_eq(status, STR("Failed"));

	if (message.n == 0)
		return;
	buf_str(out, failed ? STR(": ") : STR(" ("));
	buf_str(out, message);
	buf_str(out, failed ? STR("") : STR(")"));
}

/* Appends the data of one record, "10 mail.example.com.", from {"data":{...}}. */
static void put_data(struct buf *out, struct str record)
{
	struct str data = sentence_member(record, "data"), name;
	bool first = true;
	struct json json;

	if (!sentence_enter(&json, data, JSON_OBJECT)) {
		buf_str(out, sentence_words(data));
		return;
	}
	while (json_key(&json, &name)) {
		if (!first)
			buf_c(out, ' ');
		buf_str(out, sentence_words(json_skip(&json)));
		first = false;
	}
}

/* Appends the data of a record set, parted by commas. */
static void put_records(struct buf *out, const struct members *set)
{
	bool first = true;
	struct json json;

	if (!sentence_enter(&json, members_get(set, "record"), JSON_ARRAY)) {
		buf_str(out, STR("no data"));
		return;
	}
	while (json_item(&json)) {
		if (!first)
			buf_str(out, STR(", "));
		put_data(out, json_skip(&json));
		first = false;
	}
}

/* Appends ": data (ttl 300)", or with `before`, what changed. */
static void put_set(struct buf *out, const struct members *before, const struct members *after)
{
	struct parts parts = parts_begin(out, ", ");

	parts_next(&parts);
	if (before->object.n == 0) {
		put_records(out, after);
		buf_str(out, STR(" (ttl "));
		buf_str(out, members_text(after, "ttl"));
		buf_c(out, ')');
		return;
	}
	buf_truncate(out, parts.start);
	if (!sentence_same_items(members_get(before, "record"), members_get(after, "record"))) {
		parts_next(&parts);
		buf_str(out, STR("from "));
		put_records(out, before);
		buf_str(out, STR(" to "));
		put_records(out, after);
	}
	parts_changed(&parts, "ttl", members_text(before, "ttl"), members_text(after, "ttl"));
	parts_changed(&parts, "name", members_text(before, "name"), members_text(after, "name"));
	parts_changed(&parts, "owner group", members_text(before, "ownerGroupId"),
		      members_text(after, "ownerGroupId"));
}

/* Appends "A record www in zone example.com."; without the zone's name, with its id. */
static void put_set_name(struct buf *out, const struct members *set, struct str zone_name)
{
	buf_str(out, members_text(set, "typ"));
	buf_str(out, STR(" record "));
	buf_str(out, members_text(set, "name"));
	buf_str(out, STR(" in zone "));
	buf_str(out, zone_name.n > 0 ? zone_name : members_text(set, "zoneId"));
}

/* On the table of record sets: `before` and `after` are RecordSets. */
static void put_record_set(const struct summary_input *input, const struct members *before,
			   const struct members *after, struct buf *out)
{
	const struct members none = {.n = 0};
	bool present = after->object.n > 0;

	put_deed(out, STR_NONE, op_type(input->event->op), STR_NONE);
	put_set_name(out, present ? after : before, STR_NONE);
	put_set(out, present ? before : &none, present ? after : before);
}

/* On the table of record changes: `change` is a RecordSetChange. */
static void put_record_set_change(const struct members *change, struct buf *out)
{
	struct str type = members_text(change, "typ"), status = members_text(change, "status");
	bool update = str_eq(type, STR("Update"));
	struct members set, previous;

	members_read(&set, members_get(change, "recordSet"));
	members_read(&previous, update ? members_get(change, "updates") : STR_NONE);
	put_deed(out, members_text(change, "userId"), type, status);
	put_set_name(out, &set, sentence_text(members_get(change, "zone"), "name"));
	if (!str_eq(status, STR("Failed")))
		put_set(out, &previous, &set);
	put_message(out, members_text(change, "systemMessage"), status);
}

/* On the table of zone changes: `change` is a ZoneChange. */
static void put_zone_change(const struct members *change, struct buf *out)
{
	struct str status = members_text(change, "status");

	put_deed(out, members_text(change, "userId"), members_text(change, "typ"), status);
	buf_str(out, STR("zone "));
	buf_str(out, sentence_text(members_get(change, "zone"), "name"));
	put_message(out, members_text(change, "systemMessage"), status);
}

/* What the parts of a group are called: in messages, and as attributes of the table. */
struct group_names {
	const char *members, *admins, *description;
};

static const struct group_names in_message = {"memberIds", "adminUserIds", "description"};
static const struct group_names in_table = {"member_ids", "admin_ids", "desc"};

/* Appends ": members a, b; admins c", or with `before` what changed: ": added members a". */
static void put_group(struct buf *out, struct str before, struct str after,
		      const struct group_names *names)
{
	const char *const texts[][2] = {{"name", "name"},
					{"email", "email"},
					{"status", "status"},
					{"description", names->description}};
	struct parts parts = parts_begin(out, "; ");
	struct str a, b;

	for (size_t i = 0; before.n > 0 && i < ARRAY_N(texts); i++)
		parts_changed(&parts, texts[i][0], sentence_text(before, texts[i][1]),
			      sentence_text(after, texts[i][1]));
	a = sentence_member(before, names->members);
	b = sentence_member(after, names->members);
	parts_missing(&parts, before.n > 0 ? "added members" : "members", b, a);
	parts_missing(&parts, "removed members", a, b);
	a = sentence_member(before, names->admins);
	b = sentence_member(after, names->admins);
	parts_missing(&parts, before.n > 0 ? "added admins" : "admins", b, a);
	parts_missing(&parts, "removed admins", a, b);
}

/* On the table of group changes: `change` is a GroupChange. */
static void put_group_change(const struct members *change, struct buf *out)
{
	struct str after = members_get(change, "newGroup");

	put_deed(out, members_text(change, "userId"), members_text(change, "changeType"), STR_NONE);
	buf_str(out, STR("group "));
	buf_str(out, sentence_text(after, "name"));
	put_group(out, members_get(change, "oldGroup"), after, &in_message);
}

/* On the table of groups. */
static void put_group_row(const struct summary_input *input, struct buf *out)
{
	struct str group = input->after.n > 0 ? input->after : input->before;

	put_deed(out, STR_NONE, op_type(input->event->op), STR_NONE);
	buf_str(out, STR("group "));
	buf_str(out, sentence_text(group, "name"));
	put_group(out, input->after.n > 0 ? input->before : STR_NONE, group, &in_table);
}

/* On the table of memberships, of which the key is all. */
static void put_membership(const struct summary_input *input, struct buf *out)
{
	bool removed = input->event->op == EVENT_REMOVE;

	buf_str(out, removed ? STR("removed user ") : STR("added user "));
	buf_str(out, sentence_text(input->key, "user_id"));
	buf_str(out, removed ? STR(" from group ") : STR(" to group "));
	buf_str(out, sentence_text(input->key, "group_id"));
}

/* On the table of users. */
static void put_user(const struct summary_input *input, struct buf *out)
{
	struct parts parts;

	put_deed(out, STR_NONE, op_type(input->event->op), STR_NONE);
	buf_str(out, STR("user "));
	buf_str(out, sentence_text(input->after.n > 0 ? input->after : input->before, "username"));
	parts = parts_begin(out, "; ");
	if (input->before.n > 0 && input->after.n > 0)
		parts_attributes(&parts, input->event->old_image, input->event->new_image);
}

/* On the table of user changes, which has had two sets of attribute names. */
static void put_user_change(const struct summary_input *input, struct buf *out)
{
	struct str type = sentence_text(input->after, "change_type");

	if (type.n == 0)
		type = sentence_text(input->after, "changeType");
	put_deed(out, sentence_text(input->after, "made_by_id"), type, STR_NONE);
	buf_str(out, STR("user "));
	buf_str(out, sentence_text(input->after, "username"));
}

/*
 * Reads the decoded message in an image; false, and no members, when there is none. A message that
 * lacks `field`, which it requires, is none to tell of; neither is what stands in place of
 * undecodable bytes.
 */
static bool message_in(const struct summary_input *input, struct str image, const char *field,
		       struct members *out)
{
	members_read(out, sentence_member(image, input->role->blobs[0].attribute));
	if (members_get(out, field).n > 0)
		return true;
	members_read(out, STR_NONE);
	return false;
}

void summary_vinyldns(const struct summary_input *input, struct buf *out)
{
	struct str role = str_of(input->role->name);
	bool row = input->before.n + input->after.n > 0;
	struct members before, after;

	if (str_eq(role, STR("record_set"))) {
		bool was = message_in(input, input->before, "typ", &before);

		if (message_in(input, input->after, "typ", &after) || was)
			put_record_set(input, &before, &after, out);
	} else if (str_eq(role, STR("record_set_change"))) {
		if (message_in(input, input->after, "recordSet", &after))
			put_record_set_change(&after, out);
	} else if (str_eq(role, STR("zone_change"))) {
		if (message_in(input, input->after, "zone", &after))
			put_zone_change(&after, out);
	} else if (str_eq(role, STR("group_change"))) {
		if (message_in(input, input->after, "newGroup", &after))
			put_group_change(&after, out);
	} else if (str_eq(role, STR("group")) && row) {
		put_group_row(input, out);
	} else if (str_eq(role, STR("membership"))) {
		put_membership(input, out);
	} else if (str_eq(role, STR("user")) && row) {
		put_user(input, out);
	} else if (str_eq(role, STR("user_change")) && input->after.n > 0) {
		put_user_change(input, out);
	}
}
