/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/transcode.h"

#include <string.h>

#include "base/json.h"
#include "tests/check.h"
#include "tests/unit/sample_schemas.h"

/* Wire bytes in hexadecimal (blanks allowed), and the JSON they must give; or the start of the error. */
struct golden {
	const char *message;
	const char *hex;
	const char *json;
	const char *error;
};

/* The value of a hexadecimal digit. */
static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Appends what `hex` stands for. */
static void unhex(struct buf *wire, const char *hex)
{
	while (*hex != '\0') {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		buf_c(wire, (char)(digit(hex[0]) << 4 | digit(hex[1])));
		hex += 2;
	}
}

/* Checks one case: the JSON; that it is JSON; that failure leaves what was there. */
static void check_golden(const struct schema *schema, const struct golden *golden)
{
	const struct message *message = schema_message(schema, str_of(golden->message));
	struct transcode_options options = {.show_secrets = false};
	struct error err = {.code = ERROR_NONE};
	struct buf wire, out;
	struct json json;
	bool ok;

	buf_init(&wire, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_str(&out, STR("before"));
	unhex(&wire, golden->hex);
	CHECK(message != NULL);
	ok = transcode(message, buf_view(&wire), &options, &out, &err);
	if (golden->json != NULL) {
		CHECK(ok);
		CHECK_STR(str_skip(buf_view(&out), 6), golden->json);
		json_init(&json, str_skip(buf_view(&out), 6));
		json_skip(&json);
		CHECK(json_end(&json));
	} else {
		CHECK(!ok);
		CHECK_STR(buf_view(&out), "before");
		CHECK_INT(err.code, ERROR_DATA);
		CHECK_STR(str_of(err.text), golden->error);
	}
	buf_release(&out);
	buf_release(&wire);
}

/* Checks cases over VinylDNS's schema. */
static void check_vinyldns(const struct golden *goldens, size_t n)
{
	struct error err;
	struct schema *schema = schema_vinyldns(&err);

	for (size_t i = 0; i < n; i++)
		check_golden(schema, &goldens[i]);
	schema_free(schema);
}

/* Checks cases over the schema that has what VinylDNS's lacks. */
static void check_kinds(const struct golden *goldens, size_t n)
{
	struct schema *schema = sample_kinds();

	for (size_t i = 0; i < n; i++)
		check_golden(schema, &goldens[i]);
	schema_free(schema);
}

static void fields_come_by_number_whatever_the_wire(void)
{
	static const struct golden goldens[] = {
		{"AData", "", "{}"},
		{"AData", "0a07 312e322e332e34", "{\"address\":\"1.2.3.4\"}"},
		{"MXData", "080a 1201 61", "{\"preference\":10,\"exchange\":\"a\"}"},
		{"MXData", "1201 61 080a", "{\"preference\":10,\"exchange\":\"a\"}"},
		/* Repeated fields that are not contiguous: memberIds 6, adminUserIds 7. */
		{"Group", "320161 3a0162 320163",
		 "{\"memberIds\":[\"a\",\"c\"],\"adminUserIds\":[\"b\"]}"},
		{"Group", "3a0162 320161", "{\"memberIds\":[\"a\"],\"adminUserIds\":[\"b\"]}"},
		{"Group", "3200 3200", "{\"memberIds\":[\"\",\"\"]}"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

static void the_last_scalar_wins_and_messages_merge(void)
{
	static const struct golden goldens[] = {
		{"MXData", "0801 0802", "{\"preference\":2}"},
		{"MXData", "0801 120161 0802 120162", "{\"preference\":2,\"exchange\":\"b\"}"},
		/* GroupChange.newGroup 6 in two parts: names and lists. */
		{"GroupChange", "3206 0a0161 320178 3206 120162 320179",
		 "{\"newGroup\":{\"id\":\"a\",\"name\":\"b\",\"memberIds\":[\"x\",\"y\"]}}"},
		{"GroupChange", "3203 0a0161 0a0130 3203 0a0162",
		 "{\"groupChangeId\":\"0\",\"newGroup\":{\"id\":\"b\"}}"},
		{"GroupChange", "3200 3200", "{\"newGroup\":{}}"},
		/* Each part must be whole, even when together they would be. */
		{"GroupChange", "2200 1a00 3202 0a02 3202 6162",
		 .error = "a length that passes the end at byte 4 of GroupChange"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

static void scalars_keep_their_value(void)
{
	static const struct golden goldens[] = {
		{"Scalars", "09 000000000000f03f 15 0000c0bf", "{\"ka\":1,\"kb\":-1.5}"},
		{"Scalars", "09 9a9999999999b93f", "{\"ka\":0.1}"},
		{"Scalars", "09 3433333333333300 15 cdcccc3d",
		 "{\"ka\":1.0680354520834568e-307,\"kb\":0.1}"},
		{"Scalars", "09 0000000000000080", "{\"ka\":-0}"},
		{"Scalars", "09 000000000000f87f 15 000080ff",
		 "{\"ka\":\"NaN\",\"kb\":\"-Infinity\"}"},
		{"Scalars", "09 ffffffffffffef7f 15 ffff7f7f",
		 "{\"ka\":1.7976931348623157e+308,\"kb\":3.4028235e+38}"},
		{"Scalars", "18 ffffffffffffffffff01 20 ffffffffffffffffff01",
		 "{\"kc\":\"-1\",\"kd\":\"18446744073709551615\"}"},
		{"Scalars", "18 80808080808080808001", "{\"kc\":\"-9223372036854775808\"}"},
		{"Scalars", "28 ffffffffffffffffff01", "{\"ke\":-1}"},
		{"Scalars", "28 ffffffff0f", "{\"ke\":-1}"},
		{"Scalars", "28 80808080f8ffffffff01", "{\"ke\":-2147483648}"},
		{"Scalars", "28 8180808010", "{\"ke\":1}"},
		{"Scalars", "31 ffffffffffffffff 3d ffffffff",
		 "{\"kf\":\"18446744073709551615\",\"kg\":4294967295}"},
		{"Scalars", "4000", "{\"kh\":false}"},
		{"Scalars", "4002", "{\"kh\":true}"},
		{"Scalars", "40 80808080808080808001", "{\"kh\":true}"},
		{"Scalars", "6203 00ff10 68 ffffffff0f", "{\"kl\":\"AP8Q\",\"km\":4294967295}"},
		{"Scalars", "7003", "{\"colour\":\"RED\"}"},
		{"Scalars", "70 ffffffffffffffffff01", "{\"colour\":\"BLUE\"}"},
		{"Scalars", "7004", "{\"colour\":4}"},
		{"Scalars", "7d ffffffff 8101 feffffffffffffff", "{\"ko\":-1,\"kp\":\"-2\"}"},
		{"Scalars", "8801 01 9001 01", "{\"kq\":-1,\"kr\":\"-1\"}"},
		{"Scalars", "8801 ffffffff0f 9001 ffffffffffffffffff01",
		 "{\"kq\":-2147483648,\"kr\":\"-9223372036854775808\"}"},
		{"Scalars", "4a0b 61 22 5c 0a 01 c3a9 ff e282 7f",
		 "{\"ki\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\x7f\"}"},
	};

	check_kinds(goldens, ARRAY_N(goldens));
}

static void lists_mix_packed_and_single(void)
{
	static const struct golden goldens[] = {
		{"Many", "0801 0802", "{\"n\":[1,2]}"},
		{"Many", "0a03 010203", "{\"n\":[1,2,3]}"},
		{"Many", "0801 0a02 0203 0804", "{\"n\":[1,2,3,4]}"},
		{"Many", "0a02 0102 120161 0803", "{\"n\":[1,2,3],\"s\":[\"a\"]}"},
		{"Many", "0a00", "{}"},
		{"Many", "0a00 0801 0a00", "{\"n\":[1]}"},
		{"Many", "120161 0a00", "{\"s\":[\"a\"]}"},
		{"Many", "1a08 01000000 ffffffff 1d 02000000", "{\"x\":[1,4294967295,2]}"},
		{"Many", "4a08 0100000000000000", "{\"wide\":[\"1\"]}"},
		{"Many", "2203 030403", "{\"colours\":[\"RED\",4,\"RED\"]}"},
		{"Many", "2a02 0801 2a00 2a02 0802", "{\"many\":[{\"n\":[1]},{},{\"n\":[2]}]}"},
		{"Many", "0a02 0180", .error = "cut off at byte 0 of Many"},
		{"Many", "1a03 010000", .error = "cut off at byte 0 of Many"},
	};

	check_kinds(goldens, ARRAY_N(goldens));
}

static void groups_are_messages_or_kept_whole(void)
{
	static const struct golden goldens[] = {
		{"Many", "3b 0801 3c", "{\"group\":{\"n\":[1]}}"},
		{"Many", "3b 0801 3c 3b 0802 3c", "{\"group\":{\"n\":[1,2]}}"},
		{"Many", "3b 3b 3c 3c", "{\"group\":{\"group\":{}}}"},
		/* Unknown group 99 with group 99 in it, and the field that the member's name clashes with. */
		{"Many", "9b06 08 01 9b06 9c06 9c06 4001",
		 "{\"unknown_fields\":1,\"unknown_fields_\":{\"99\":[\"CAGbBpwG\"]}}"},
		{"Many", "3b 0801", .error = "cut off at byte 0 of Many"},
		{"Many", "3b 44",
		 .error = "the end of a group that was not opened at byte 0 of Many"},
		{"Many", "3c", .error = "the end of a group that was not opened at byte 0 of Many"},
		{"Many", "3a00",
		 .error = "a wire type that the field cannot have at byte 0 of Many"},
	};

	check_kinds(goldens, ARRAY_N(goldens));
}

static void maps_are_sorted_and_the_last_entry_wins(void)
{
	static const struct golden goldens[] = {
		{"Maps", "0a05 0a0162 1003 0a05 0a0161 1003",
		 "{\"words\":{\"a\":\"RED\",\"b\":\"RED\"}}"},
		{"Maps", "0a05 0a0162 1003 1801 0a05 0a0162 1009", "{\"words\":{\"b\":9},\"n\":1}"},
		/* Key, value or both left out; value first; value given again; something else. */
		{"Maps", "0a00", "{\"words\":{\"\":\"RED\"}}"},
		{"Maps", "0a03 0a0162", "{\"words\":{\"b\":\"RED\"}}"},
		{"Maps", "0a09 1003 1007 1801 0a0162", "{\"words\":{\"b\":7}}"},
		/* Keys -1, 1 and -2147483648 of an sint32 map. */
		{"Maps", "1202 0801 1202 0802 1206 08 ffffffff0f",
		 "{\"maps\":{\"-2147483648\":{},\"-1\":{},\"1\":{}}}"},
		{"Maps", "1208 1202 1801 1202 1802", "{\"maps\":{\"0\":{\"n\":2}}}"},
		/* Entries with one key are not merged. */
		{"Maps", "1206 0802 1202 1801 1208 0802 1204 0a020a00",
		 "{\"maps\":{\"1\":{\"words\":{\"\":\"RED\"}}}}"},
		{"Maps", "0a02 0801",
		 .error = "a map entry with a wrong wire type at byte 0 of Maps"},
		{"Maps", "0a02 1200",
		 .error = "a wire type that the field cannot have at byte 0 of Maps.Words in "
			  "/words"},
	};

	check_kinds(goldens, ARRAY_N(goldens));
}

static void of_a_oneof_the_last_member_is_left(void)
{
	static const struct golden goldens[] = {
		{"Either", "0801 1002 1a0162", "{\"between\":2,\"b\":\"b\"}"},
		{"Either", "1a0162 0801", "{\"a\":1}"},
		{"Either", "0801 2001 2802 0803", "{\"a\":3,\"d\":2}"},
		{"Either", "0801 2001", "{\"a\":1,\"c\":1}"},
	};

	check_kinds(goldens, ARRAY_N(goldens));
}

static void unknown_fields_are_kept(void)
{
	static const struct golden goldens[] = {
		{"AData", "9006 ff01 0a0161 8d06 01000000",
		 "{\"address\":\"a\",\"unknown_fields\":{\"97\":[\"0x00000001\"],\"98\":[\"255\"]}"
		 "}"},
		{"AData", "9006 01 9206 02 abcd 9106 0100000000000080 9006 ffffffffffffffffff01",
		 "{\"unknown_fields\":{\"98\":[\"1\",\"q80=\",\"0x8000000000000001\","
		 "\"18446744073709551615\"]}}"},
		{"AData", "f8ffffff0f 00", "{\"unknown_fields\":{\"536870911\":[\"0\"]}}"},
		{"UserChange", "0a05 9806 01 0a00",
		 "{\"newUser\":{\"userName\":\"\",\"unknown_fields\":"
		 "{\"99\":[\"1\"]}}}"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

static void malformed_wire_is_refused(void)
{
	static const struct golden goldens[] = {
		{"AData", "0a", .error = "cut off at byte 0 of AData"},
		{"AData", "0a02 61", .error = "a length that passes the end at byte 0 of AData"},
		{"AData", "0a ffffffffffffffffff01 61",
		 .error = "a length that passes the end at byte 0 of AData"},
		{"AData", "0801",
		 .error = "a wire type that the field cannot have at byte 0 of AData"},
		{"AData", "0a0161 00", .error = "a field number out of range at byte 3 of AData"},
		{"AData", "0200", .error = "a field number out of range at byte 0 of AData"},
		{"AData", "8080808010 00",
		 .error = "a field number out of range at byte 0 of AData"},
		{"AData", "0e", .error = "an unknown wire type at byte 0 of AData"},
		{"AData", "9006 ffffffffffffffffffff01",
		 .error = "a varint longer than 10 bytes at byte 0 of AData"},
		{"AData", "9506 000000", .error = "cut off at byte 0 of AData"},
		{"AData", "9106 00000000000000", .error = "cut off at byte 0 of AData"},
		{"RecordSetChange", "1a05 0a0161 4a02",
		 .error = "a length that passes the end at byte 3 of RecordSet in /recordSet"},
		{"Group", "3a0161 3202 61",
		 .error = "a length that passes the end at byte 3 of Group"},
		{"Group", "3a0161 320161 28", .error = "cut off at byte 6 of Group"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

static void record_data_is_decoded_by_type(void)
{
	static const struct golden goldens[] = {
		{"RecordSet", "220141 4a0b 0a09 0a07312e322e332e34",
		 "{\"typ\":\"A\",\"record\":[{\"data\":{\"address\":\"1.2.3.4\"}}]}"},
		/* The type comes after what it is about; the last type counts. */
		{"RecordSet", "4a0b 0a09 0a07312e322e332e34 220141",
		 "{\"typ\":\"A\",\"record\":[{\"data\":{\"address\":\"1.2.3.4\"}}]}"},
		{"RecordSet", "22024d58 4a05 0a03 0a0161 220141",
		 "{\"typ\":\"A\",\"record\":[{\"data\":{\"address\":\"a\"}}]}"},
		{"RecordSet", "22024453 4a0e 0a0c 0801 1002 1803 2204 00abcdef",
		 "{\"typ\":\"DS\",\"record\":[{\"data\":{\"keyTag\":1,\"algorithm\":2,"
		 "\"digestType\":3,"
		 "\"digest\":\"00abcdef\"}}]}"},
		/* Unusual inside: the fields of the MX record are turned round. */
		{"RecordSet", "22024d58 4a07 0a05 120161 0805",
		 "{\"typ\":\"MX\",\"record\":[{\"data\":{\"preference\":5,\"exchange\":\"a\"}}]}"},
		/* No type, no such type, a name that only looks like one, not that message. */
		{"RecordSet", "4a05 0a03 0a0161", "{\"record\":[{\"data\":\"CgFh\"}]}"},
		{"RecordSet", "220158 4a05 0a03 0a0161",
		 "{\"typ\":\"X\",\"record\":[{\"data\":\"CgFh\"}]}"},
		{"RecordSet", "2206 5265636f7264 4a05 0a03 0a0161",
		 "{\"typ\":\"Record\",\"record\":[{\"data\":\"CgFh\"}]}"},
		{"RecordSet", "220141 4a05 0a03 0a0261",
		 "{\"typ\":\"A\",\"record\":[{\"data\":\"CgJh\"}]}"},
		{"RecordSet", "220141 4a05 0a03 0a0261 4a05 0a03 0a0161",
		 "{\"typ\":\"A\",\"record\":[{\"data\":\"CgJh\"},{\"data\":{\"address\":\"a\"}}]}"},
		/* Outside of a record set nothing says what it is. */
		{"SingleAddChange", "1205 0a03 0a0161", "{\"recordData\":{\"data\":\"CgFh\"}}"},
		/* The new and the old record set have their own types. */
		{"RecordSetChange", "1a0b 22024e53 4a05 0a03 0a0161 4a0a 220141 4a05 0a03 0a0162",
		 "{\"recordSet\":{\"typ\":\"NS\",\"record\":[{\"data\":{\"nsdname\":\"a\"}}]},"
		 "\"updates\":{\"typ\":\"A\",\"record\":[{\"data\":{\"address\":\"b\"}}]}}"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

static void field_12_is_a_message_or_a_name(void)
{
	static const struct golden goldens[] = {
		{"RecordSet", "6208 7777772e612e622e", "{\"recordSetGroupChange\":\"www.a.b.\"}"},
		{"RecordSet", "6206 0a0161 120162",
		 "{\"recordSetGroupChange\":{\"requestedOwnerGroupId\":\"a\","
		 "\"ownershipTransferStatus\":\"b\"}}"},
		{"RecordSet", "6203 1a0161", "{\"recordSetGroupChange\":\"\\u001a\\u0001a\"}"},
		{"RecordSet", "6202 0801", "{\"recordSetGroupChange\":\"\\u0008\\u0001\"}"},
		{"RecordSet", "6200", "{\"recordSetGroupChange\":{}}"},
		{"RecordSet", "6203 0a0161 6203 120162",
		 "{\"recordSetGroupChange\":{\"requestedOwnerGroupId\":\"a\","
		 "\"ownershipTransferStatus\":\"b\"}}"},
		{"RecordSet", "6203 0a0161 620178", "{\"recordSetGroupChange\":\"x\"}"},
		{"RecordSet", "620178 6203 0a0161",
		 "{\"recordSetGroupChange\":{\"requestedOwnerGroupId\":\"a\"}}"},
	};

	check_vinyldns(goldens, ARRAY_N(goldens));
}

/* Checks JSON and pointers (after what was there) of a blob. */
static void check_masked(const struct schema *schema, const struct golden *golden, bool show,
			 const char *pointers)
{
	struct buf wire, out, masked;
	struct transcode_options options = {
		.show_secrets = show, .masked = &masked, .pointer = STR("/after/bl\\\"ob")};
	struct error err = {.code = ERROR_NONE};
	bool ok;

	buf_init(&wire, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&masked, 1 << 20);
	buf_str(&masked, STR("\"/x\""));
	unhex(&wire, golden->hex);
	ok = transcode(schema_message(schema, str_of(golden->message)), buf_view(&wire), &options,
		       &out, &err);
	CHECK(ok == (golden->json != NULL));
	CHECK_STR(buf_view(&out), golden->json == NULL ? "" : golden->json);
	CHECK_STR(buf_view(&masked), pointers);
	buf_release(&masked);
	buf_release(&out);
	buf_release(&wire);
}

static void secrets_are_masked_and_pointed_at(void)
{
	static const struct golden user = {
		"UserChange", "0a06 120161 1a0162 32031a0163",
		"{\"newUser\":{\"accessKey\":\"***\",\"secretKey\":\"***\"},"
		"\"oldUser\":{\"secretKey\":\"***\"}}"};
	static const struct golden shown = {
		"UserChange", "0a06 120161 1a0162 32031a0163",
		"{\"newUser\":{\"accessKey\":\"a\",\"secretKey\":\"b\"},"
		"\"oldUser\":{\"secretKey\":\"c\"}}"};
	static const struct golden twice = {"ZoneConnection", "1a0161 1a0162", "{\"key\":\"***\"}"};
	static const struct golden broken = {"UserChange", "0a06 120161 1a0162 32031a0263"};
	struct error err;
	struct schema *schema = schema_vinyldns(&err);

	check_masked(schema, &user, false,
		     "\"/x\",\"/after/bl\\\"ob/newUser/accessKey\","
		     "\"/after/bl\\\"ob/newUser/secretKey\",\"/after/bl\\\"ob/oldUser/secretKey\"");
	check_masked(schema, &shown, true, "\"/x\"");
	check_masked(schema, &twice, false, "\"/x\",\"/after/bl\\\"ob/key\"");
	check_masked(schema, &broken, false, "\"/x\"");
	schema_free(schema);
}

static void secrets_hide_in_lists_maps_and_lost_bytes(void)
{
	static const struct golden lists = {"Box", "0a0161 0a0162", "{\"keys\":[\"***\",\"***\"]}"};
	/* A map key with what pointers and JSON escape: a/b~" */
	static const struct golden map = {"Box", "120c 0a05 612f627e22 1203 0a0161",
					  "{\"boxes\":{\"a/b~\\\"\":{\"keys\":[\"***\"]}}}"};
	static const struct golden whole = {"Box", "2a020801 3200",
					    "{\"whole\":\"***\",\"words\":\"***\"}"};
	static const struct golden inside = {
		"Box", "1a05 0a03 0a0161 2203426f78",
		"{\"raw\":{\"box\":{\"keys\":[\"***\"]}},\"type\":\"Box\"}"};
	static const struct golden lost = {"Box", "1a05 0a04 0a0161 2203426f78",
					   "{\"raw\":\"***\",\"type\":\"Box\"}"};
	static const struct golden free_text = {"Box", "3a0161", "{\"either\":\"***\"}"};
	struct schema *schema = sample_secrets();

	check_masked(schema, &lists, false,
		     "\"/x\",\"/after/bl\\\"ob/keys/0\",\"/after/bl\\\"ob/keys/1\"");
	check_masked(schema, &map, false, "\"/x\",\"/after/bl\\\"ob/boxes/a~1b~0\\\"/keys/0\"");
	check_masked(schema, &whole, false,
		     "\"/x\",\"/after/bl\\\"ob/whole\",\"/after/bl\\\"ob/words\"");
	check_masked(schema, &inside, false, "\"/x\",\"/after/bl\\\"ob/raw/box/keys/0\"");
	check_masked(schema, &lost, false, "\"/x\",\"/after/bl\\\"ob/raw\"");
	check_masked(schema, &free_text, false, "\"/x\",\"/after/bl\\\"ob/either\"");
	schema_free(schema);
}

/* Wire of `depth` messages in each other: Many.one, innermost first; with `odd`, out of order. */
static void nest(struct buf *wire, unsigned depth, bool odd)
{
	struct buf inner;

	buf_init(&inner, 1 << 20);
	for (unsigned i = 0; i < depth; i++) {
		buf_clear(wire);
		descset_bytes(wire, 6, buf_view(&inner));
		if (odd)
			descset_int(wire, 1, i);
		buf_clear(&inner);
		buf_str(&inner, buf_view(wire));
	}
	buf_release(&inner);
}

static void depth_is_limited(void)
{
	struct schema *schema = sample_kinds();
	struct transcode_options options = {.show_secrets = false};
	const struct message *many = schema_message(schema, STR("Many"));
	struct error err;
	struct buf wire, out;

	buf_init(&wire, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int odd = 0; odd < 2; odd++) {
		nest(&wire, TRANSCODE_DEPTH_MAX - 1, odd);
		CHECK(transcode(many, buf_view(&wire), &options, &out, &err));
		nest(&wire, TRANSCODE_DEPTH_MAX, odd);
		buf_clear(&out);
		CHECK(!transcode(many, buf_view(&wire), &options, &out, &err));
		CHECK(str_starts(str_of(err.text), STR("nested too deep")));
		CHECK_INT(out.n, 0);
	}
	/* Groups too: known and unknown ones, without their ends. */
	for (unsigned number = 7; number < 100; number += 92) {
		buf_clear(&wire);
		for (int i = 0; i < 100000; i++)
			descset_varint(&wire, number << 3 | 3);
		CHECK(!transcode(many, buf_view(&wire), &options, &out, &err));
		CHECK(str_starts(str_of(err.text), STR("nested too deep")));
	}
	buf_release(&out);
	buf_release(&wire);
	schema_free(schema);
}

static void a_full_buffer_keeps_nothing(void)
{
	struct error err;
	struct schema *schema = schema_vinyldns(&err);
	struct transcode_options options = {.show_secrets = false};
	struct buf wire, out;

	buf_init(&wire, 100);
	buf_init(&out, 20);
	buf_str(&out, STR("before"));
	unhex(&wire, "0a07312e322e332e34");
	CHECK(!transcode(schema_message(schema, STR("AData")), buf_view(&wire), &options, &out,
			 &err));
	CHECK(out.failed);
	CHECK_STR(buf_view(&out), "before");
	CHECK_STR(str_of(err.text), "its JSON would be longer than 20 bytes");
	buf_release(&out);
	buf_release(&wire);
	schema_free(schema);
}

int main(void)
{
	CHECK_RUN(fields_come_by_number_whatever_the_wire);
	CHECK_RUN(the_last_scalar_wins_and_messages_merge);
	CHECK_RUN(scalars_keep_their_value);
	CHECK_RUN(lists_mix_packed_and_single);
	CHECK_RUN(groups_are_messages_or_kept_whole);
	CHECK_RUN(maps_are_sorted_and_the_last_entry_wins);
	CHECK_RUN(of_a_oneof_the_last_member_is_left);
	CHECK_RUN(unknown_fields_are_kept);
	CHECK_RUN(malformed_wire_is_refused);
	CHECK_RUN(record_data_is_decoded_by_type);
	CHECK_RUN(field_12_is_a_message_or_a_name);
	CHECK_RUN(secrets_are_masked_and_pointed_at);
	CHECK_RUN(secrets_hide_in_lists_maps_and_lost_bytes);
	CHECK_RUN(depth_is_limited);
	CHECK_RUN(a_full_buffer_keeps_nothing);
	return check_end();
}
