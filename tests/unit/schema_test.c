/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/schema.h"

#include "proto/profile.h"
#include "proto/tables.h"
#include "proto/vinyldns_desc.h"
#include "tests/check.h"
#include "tests/unit/descset.h"

/* A descriptor set of one file in package "p" with `message`, which it releases. */
static void set_of(struct buf *set, struct buf *message)
{
	struct buf file;

	descset_init(set, NULL);
	descset_init(&file, "f.proto");
	descset_bytes(&file, 2, STR("p"));
	descset_close(&file, 4, message);
	descset_close(set, 1, &file);
}

/* Checks that `set` (released) is refused with an error that ends in `why`. */
static void refused(struct buf *set, const char *why)
{
	struct error err = {.code = ERROR_NONE};
	struct schema *schema = schema_load(buf_view(set), NULL, 0, &err);

	CHECK(schema == NULL);
	CHECK_INT(err.code, ERROR_DATA);
	if (!str_ends(str_of(err.text), str_of(why)))
		CHECK_STR(str_of(err.text), why);
	schema_free(schema);
	buf_release(set);
}

static void vinyldns_has_all_messages(void)
{
	static const char *const names[] = {
		"AAAAData",
		"ACLRule",
		"AData",
		"CNAMEData",
		"DSData",
		"Group",
		"GroupChange",
		"MXData",
		"NAPTRData",
		"NSData",
		"PTRData",
		"RecordData",
		"RecordSet",
		"RecordSetChange",
		"SOAData",
		"SPFData",
		"SRVData",
		"SSHFPData",
		"SingleAddChange",
		"SingleChange",
		"SingleChangeData",
		"SingleChangeError",
		"SingleDeleteRecordSetChange",
		"TXTData",
		"User",
		"UserChange",
		"Zone",
		"ZoneACL",
		"ZoneChange",
		"ZoneConnection",
		"ownershipTransfer",
	};
	struct error err;
	struct schema *schema = schema_vinyldns(&err);

	CHECK(schema != NULL);
	for (size_t i = 0; i < ARRAY_N(names); i++) {
		CHECK_STR(message_name(schema_nth(schema, i)), names[i]);
		CHECK(schema_message(schema, str_of(names[i])) == schema_nth(schema, i));
	}
	CHECK(schema_nth(schema, ARRAY_N(names)) == NULL);
	CHECK(schema_message(schema, STR("Nothing")) == NULL);
	schema_free(schema);
}

static void secrets_are_known_through_any_depth(void)
{
	static const char *const with[] = {"ZoneConnection", "Zone", "RecordSetChange",
					   "ZoneChange",     "User", "UserChange"};
	static const char *const without[] = {"RecordSet",   "RecordData", "Group",
					      "GroupChange", "DSData",	   "ZoneACL",
					      "SingleChange"};
	struct error err;
	struct schema *schema = schema_vinyldns(&err);

	for (size_t i = 0; i < ARRAY_N(with); i++)
		CHECK(message_has_secrets(schema_message(schema, str_of(with[i]))));
	for (size_t i = 0; i < ARRAY_N(without); i++)
		CHECK(!message_has_secrets(schema_message(schema, str_of(without[i]))));
	schema_free(schema);
}

static void fields_are_found_by_number(void)
{
	struct error err;
	struct buf message, set;
	struct schema *schema;
	const struct message *m;

	descset_init(&message, "M");
	descset_field(&message, "far", 536870911, DESCSET(OPTIONAL, STRING), NULL);
	descset_field(&message, "near", 3, DESCSET(OPTIONAL, INT32), NULL);
	descset_field(&message, "edge", 511, DESCSET(OPTIONAL, INT32), NULL);
	descset_field(&message, "over", 512, DESCSET(OPTIONAL, INT32), NULL);
	set_of(&set, &message);
	schema = schema_load(buf_view(&set), NULL, 0, &err);
	m = schema_message(schema, STR("p.M"));
	CHECK_STR(message_field(m, 3)->name, "near");
	CHECK_STR(message_field(m, 511)->name, "edge");
	CHECK_STR(message_field(m, 512)->name, "over");
	CHECK_STR(message_field(m, 536870911)->name, "far");
	CHECK(message_field(m, 4) == NULL && message_field(m, 513) == NULL);
	CHECK(message_field(m, 0) == NULL && message_field(m, 536870910) == NULL);
	CHECK_STR(message_field(m, 3)->member, ",\"near\":");
	schema_free(schema);
	buf_release(&set);
}

static void enum_aliases_take_the_first_name(void)
{
	struct error err;
	struct buf message, type, set;
	struct schema *schema;
	const struct enum_type *e;

	descset_init(&type, "E");
	descset_value(&type, "TEN", 10);
	descset_value(&type, "MINUS", -1);
	descset_value(&type, "ZEHN", 10);
	descset_init(&message, "M");
	descset_field(&message, "e", 1, DESCSET(OPTIONAL, ENUM), ".p.M.E");
	descset_close(&message, 4, &type);
	set_of(&set, &message);
	schema = schema_load(buf_view(&set), NULL, 0, &err);
	e = message_field(schema_message(schema, STR("p.M")), 1)->enums;
	CHECK_INT(e->n_values, 2);
	CHECK_INT(e->first, 10);
	CHECK_STR(enum_text(e, 10), "\"TEN\"");
	CHECK_STR(enum_text(e, -1), "\"MINUS\"");
	CHECK(enum_text(e, 0).p == NULL);
	schema_free(schema);
	buf_release(&set);
}

static void the_same_file_twice_counts_once(void)
{
	struct error err;
	struct buf set;
	struct str one = str_make((const char *)vinyldns_desc, vinyldns_desc_n);
	struct schema *schema;

	buf_init(&set, 1 << 20);
	buf_str(&set, one);
	buf_str(&set, one);
	schema = schema_load(buf_view(&set), NULL, 0, &err);
	CHECK(schema != NULL);
	schema_free(schema);
	buf_release(&set);
}

static void bad_fields_are_refused(void)
{
	struct buf message, set;

	buf_init(&set, 100);
	refused(&set, "it defines no messages");
	buf_str(&set, STR("\x0a\x7f garbage"));
	refused(&set, "not a descriptor set, or one that is too large");

	descset_init(&message, "M");
	descset_field(&message, "x", 1, DESCSET(OPTIONAL, MESSAGE), ".p.Missing");
	set_of(&set, &message);
	refused(&set, "p.M.x: its type p.Missing is not in the set");

	descset_init(&message, "M");
	descset_field(&message, "x", 1, DESCSET(OPTIONAL, ENUM), ".p.M");
	set_of(&set, &message);
	refused(&set, "p.M.x: its type p.M is not in the set");

	descset_init(&message, "M");
	descset_field(&message, "x", 1, DESCSET(OPTIONAL, MESSAGE), "M");
	set_of(&set, &message);
	refused(&set, "p.M.x: its type 'M' is unknown, or not a full name");

	descset_init(&message, "M");
	descset_field(&message, "x", 7, DESCSET(OPTIONAL, INT32), NULL);
	descset_field(&message, "y", 7, DESCSET(OPTIONAL, INT32), NULL);
	set_of(&set, &message);
	refused(&set, "p.M: field number 7 is given twice");

	descset_init(&message, "M");
	descset_field(&message, "x", 0, DESCSET(OPTIONAL, INT32), NULL);
	set_of(&set, &message);
	refused(&set, "p.M.x: its number 0 is out of range");

	descset_init(&message, "M");
	descset_field(&message, "x", 536870912, DESCSET(OPTIONAL, INT32), NULL);
	set_of(&set, &message);
	refused(&set, "p.M.x: its number 536870912 is out of range");
}

static void bad_types_are_refused(void)
{
	struct buf message, set, type;

	descset_init(&message, "M");
	descset_init(&type, "Entry");
	descset_map_entry(&type);
	descset_field(&type, "key", 1, DESCSET(OPTIONAL, DOUBLE), NULL);
	descset_field(&type, "value", 2, DESCSET(OPTIONAL, INT32), NULL);
	descset_close(&message, 3, &type);
	set_of(&set, &message);
	refused(&set, "p.M.Entry is not a usable map entry");

	descset_init(&message, "M");
	descset_init(&type, "E");
	descset_close(&message, 4, &type);
	set_of(&set, &message);
	refused(&set, "enum p.M.E has no values or too many");

	descset_init(&message, "M");
	descset_init(&type, "T");
	descset_close(&message, 3, &type);
	descset_init(&type, "T");
	descset_close(&message, 3, &type);
	set_of(&set, &message);
	refused(&set, "type p.M.T is defined twice");
}

static void deep_nesting_is_refused_before_unpacking(void)
{
	struct buf inner, outer, set;

	descset_init(&inner, "M");
	for (int i = 0; i < 40; i++) {
		descset_init(&outer, "M");
		descset_close(&outer, 3, &inner);
		inner = outer;
	}
	set_of(&set, &inner);
	refused(&set, "not a descriptor set, or one that is too large");
}

/* Checks that an overlay over VinylDNS's schema is refused with `why`. */
static void overlay_refused(struct overlay overlay, const char *why)
{
	struct error err = {.code = ERROR_NONE};
	struct schema *schema = schema_load(str_make((const char *)vinyldns_desc, vinyldns_desc_n),
					    &overlay, 1, &err);

	CHECK(schema == NULL);
	CHECK_STR(str_of(err.text), why);
	schema_free(schema);
}

static void wrong_overlays_are_refused(void)
{
	overlay_refused((struct overlay){.kind = OVERLAY_MASKED, .message = "Usr", .field = "key"},
			"overlay: there is no field Usr.key");
	overlay_refused((struct overlay){.kind = OVERLAY_MASKED, .message = "User", .field = "key"},
			"overlay: there is no field User.key");
	overlay_refused((struct overlay){.kind = OVERLAY_HEX, .message = "User", .field = "id"},
			"overlay: field User.id cannot be shown so");
	overlay_refused((struct overlay){.kind = OVERLAY_EITHER, .message = "User", .field = "id"},
			"overlay: field User.id cannot be shown so");
	overlay_refused((struct overlay){.kind = OVERLAY_BY_TYPE,
					 .message = "RecordData",
					 .field = "data",
					 .type_message = "RecordSet",
					 .type_field = "ttl",
					 .suffix = "Data"},
			"overlay: RecordSet.ttl is no string field to choose by");
	overlay_refused((struct overlay){.kind = OVERLAY_BY_TYPE,
					 .message = "RecordData",
					 .field = "data",
					 .type_message = "RecordSet",
					 .type_field = "typ",
					 .suffix = "Stuff"},
			"overlay: no message's name ends in 'Stuff'");
}

static void profile_roles_name_messages_that_exist(void)
{
	struct error err;
	struct schema *schema = schema_vinyldns(&err);
	const struct profile *profile = profile_find(STR("vinyldns"));
	const struct profile_role *role;

	CHECK(profile != NULL && profile == profile_nth(0) && profile_nth(1) == NULL);
	CHECK(profile_find(STR("vinyl")) == NULL);
	CHECK_INT(profile->n_roles, 8);
	for (size_t i = 0; i < profile->n_roles; i++) {
		role = &profile->roles[i];
		CHECK(profile_role(profile, str_of(role->name)) == role);
		for (size_t k = 0; k < role->n_blobs; k++)
			CHECK(schema_message(schema, str_of(role->blobs[k].message)) != NULL);
	}
	CHECK(profile_role(profile, STR("users")) == NULL);
	role = profile_role(profile, STR("zone_change"));
	CHECK_STR(str_of(role->blobs[0].attribute), "blob");
	CHECK_STR(str_of(role->blobs[0].message), "ZoneChange");
	CHECK_INT(profile_role(profile, STR("user"))->n_secrets, 2);
	CHECK_INT(profile_role(profile, STR("user_change"))->n_secrets, 8);
	schema_free(schema);
}

int main(void)
{
	CHECK_RUN(vinyldns_has_all_messages);
	CHECK_RUN(secrets_are_known_through_any_depth);
	CHECK_RUN(fields_are_found_by_number);
	CHECK_RUN(enum_aliases_take_the_first_name);
	CHECK_RUN(the_same_file_twice_counts_once);
	CHECK_RUN(bad_fields_are_refused);
	CHECK_RUN(bad_types_are_refused);
	CHECK_RUN(deep_nesting_is_refused_before_unpacking);
	CHECK_RUN(wrong_overlays_are_refused);
	CHECK_RUN(profile_roles_name_messages_that_exist);
	return check_end();
}
