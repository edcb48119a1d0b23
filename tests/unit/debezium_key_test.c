/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as Debezium's records have them: order, texts, secrets, and what no key should be. */
#include "sinks/formats/debezium_key.h"

#include "sinks/formats/debezium_schema.h"
#include "tests/check.h"

enum { KEYS_MAX = 4 << 20 };

static const struct key_names names = {.hash = STR_INIT("id"), .range = STR_INIT("b")};
static const struct key_names hash_only = {.hash = STR_INIT("id")};
static const struct key_names no_names;

/* Secrets and blobs as a profile may have them. */
static struct image_blob blobs[] = {{.attribute = STR_INIT("blob"), .secret = true},
				    {.attribute = STR_INIT("open"), .secret = false}};
static struct image_secret secrets[] = {{.name = STR_INIT("id")},
					{.map = STR_INIT("m"), .name = STR_INIT("b")}};
static const struct image_rules masked = {.options.mask = true,
					  .blobs = blobs,
					  .n_blobs = ARRAY_N(blobs),
					  .secrets = secrets,
					  .n_secrets = ARRAY_N(secrets)};
static const struct image_rules shown = {.blobs = blobs,
					 .n_blobs = ARRAY_N(blobs),
					 .secrets = secrets,
					 .n_secrets = ARRAY_N(secrets)};
static const struct image_rules plain;

/* What a key reads as, with the name that is left for the item, and its fault. */
static void check_key(const struct image_rules *rules, const struct key_names *key_names,
		      struct str keys, const char *want)
{
	const struct source source = {.key_names = key_names};
	const struct event event = {.op = EVENT_INSERT, .keys = keys};
	struct debezium_key key;
	struct buf out;

	debezium_key_init(&key);
	buf_init(&out, KEYS_MAX);
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		debezium_key_read(&key, rules, &source, &event);
		if (key.known)
			debezium_key_put_members(&key, &out);
		buf_c(&out, ' ');
		debezium_put_item_name(&key, &out);
		if (key.fault != NULL)
			buf_fmt(&out, " (%s)", key.fault);
		CHECK_STR(buf_view(&out), want);
	}
	debezium_key_release(&key);
	buf_release(&out);
}

static void fields_come_in_canonical_order(void)
{
	struct str keys = STR("{\"a\":{\"N\":\"1.50\"},\"b\":{\"B\":\"\\/"
			      "wD+\"},\"\\u0069d\":{\"S\":\"\\u00e9\\n\"}}");

	check_key(&plain, &names, keys, "\"id\":\"é\\n\",\"b\":\"/wD+\",\"a\":\"1.50\" item");
	check_key(&plain, &hash_only, keys, "\"id\":\"é\\n\",\"a\":\"1.50\",\"b\":\"/wD+\" item");
	check_key(&plain, &no_names, keys, "\"a\":\"1.50\",\"b\":\"/wD+\",\"id\":\"é\\n\" item");
	check_key(&plain, NULL, keys, "\"a\":\"1.50\",\"b\":\"/wD+\",\"id\":\"é\\n\" item");
}

static void the_item_gets_a_name_of_its_own(void)
{
	check_key(&plain, NULL, STR("{\"item\":{\"S\":\"x\"}}"), "\"item\":\"x\" item_");
	check_key(&plain, NULL, STR("{\"item_\":{\"S\":\"y\"},\"item\":{\"S\":\"x\"}}"),
		  "\"item\":\"x\",\"item_\":\"y\" item__");
	check_key(&plain, NULL, STR("{\"item_\":{\"S\":\"y\"}}"), "\"item_\":\"y\" item");
}

static void what_no_key_can_be_is_its_json(void)
{
	check_key(&plain, NULL, STR("{\"a\":{\"T\":\"\\n\"},\"b\":{\"BOOL\":true},\"c\":7}"),
		  "\"a\":\"{\\\"T\\\":\\\"\\\\n\\\"}\",\"b\":\"{\\\"BOOL\\\":true}\",\"c\":\"7\" "
		  "item");
	check_key(&plain, NULL, STR("{\"a\":{\"S\":\"x\"},\"a\":{\"S\":\"y\"}}"),
		  "\"a\":\"x\" item (two attributes have the same name)");
	check_key(
		&plain, NULL,
		STR("{\"1\":{\"S\":\"\"},\"2\":{\"S\":\"\"},\"3\":{\"S\":\"\"},\"4\":{\"S\":\"\"},"
		    "\"5\":{\"S\":\"\"},\"6\":{\"S\":\"\"},\"7\":{\"S\":\"\"},\"8\":{\"S\":\"\"},"
		    "\"9\":{\"S\":\"\"}}"),
		"\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\","
		"\"8\":\"\" "
		"item (more attributes than a key can have)");
}

#define HASH "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of abc */

static void secrets_are_hashed(void)
{
	struct str keys = STR("{\"id\":{\"S\":\"abc\"},\"b\":{\"S\":\"x\"}}");
	struct str encoded = STR("{\"blob\":{\"B\":\"AAAA\"},\"open\":{\"B\":\"AAAA\"}}");

	check_key(&masked, &names, keys, "\"id\":\"" HASH "\",\"b\":\"x\" item");
	check_key(&shown, &names, keys, "\"id\":\"abc\",\"b\":\"x\" item");
	check_key(&shown, NULL, encoded, "\"blob\":\"AAAA\",\"open\":\"AAAA\" item");
	check_key(&masked, NULL, encoded,
		  "\"blob\":\"sha256:"
		  "63c1dd951ffedf6f7fd968ad4efa39b8ed584f162f46e715114ee184f8de9201\",\"open\":"
		  "\"AAAA\" item");
}

static void many_secrets_of_one_name_take_no_memory(void)
{
	struct buf keys;

	buf_init(&keys, KEYS_MAX);
	buf_str(&keys, STR("{\"a\":{\"S\":\"x\"}"));
	for (int i = 0; i < 1000; i++)
		buf_str(&keys, STR(",\"id\":{\"S\":\"abc\"}"));
	buf_c(&keys, '}');
	check_key(&masked, &names, buf_view(&keys),
		  "\"id\":\"" HASH "\",\"a\":\"x\" item (two attributes have the same name)");
	buf_release(&keys);
}

static void without_a_key_there_are_names(void)
{
	static const struct {
		const struct key_names *key_names;
		size_t n;
	} cases[] = {{NULL, 0}, {&no_names, 0}, {&hash_only, 1}, {&names, 2}};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		const struct source source = {.key_names = cases[i].key_names};
		const struct event gap = {.op = EVENT_GAP};
		struct debezium_key key;

		debezium_key_init(&key);
		debezium_key_read(&key, &plain, &source, &gap);
		CHECK_INT(key.n, cases[i].n);
		CHECK(!key.known && key.fault == NULL);
		for (size_t j = 0; j < key.n; j++)
			CHECK_STR(key.fields[j].name, j == 0 ? "id" : "b");
		debezium_key_release(&key);
	}
}

static void what_is_far_too_long_is_no_key(void)
{
	enum { LONGEST = 1 << 20 };
	const struct source source = {.key_names = &hash_only};
	struct event event = {.op = EVENT_INSERT};
	struct debezium_key key;
	struct buf keys;

	/* Of the bytes that grow most. */
	buf_init(&keys, KEYS_MAX);
	buf_str(&keys, STR("{\""));
	while (keys.n < LONGEST - 11)
		buf_c(&keys, '\xFF');
	buf_str(&keys, STR("\":{\"S\":\"\"}}"));
	event.keys = buf_view(&keys);
	debezium_key_init(&key);
	debezium_key_read(&key, &plain, &source, &event);
	CHECK(key.known && key.n == 1 && key.fault == NULL);
	CHECK_INT(key.fields[0].name.n, 3 * (LONGEST - 13));
	keys.p[keys.n - 1] = ' ';
	buf_c(&keys, '}');
	event.keys = buf_view(&keys);
	debezium_key_read(&key, &plain, &source, &event);
	CHECK(!key.known && key.n == 1);
	CHECK_STR(key.fields[0].name, "id");
	CHECK_STR(str_of(key.fault), "longer than a key can be");
	debezium_key_release(&key);
	buf_release(&keys);
}

int main(void)
{
	CHECK_RUN(fields_come_in_canonical_order);
	CHECK_RUN(the_item_gets_a_name_of_its_own);
	CHECK_RUN(what_no_key_can_be_is_its_json);
	CHECK_RUN(secrets_are_hashed);
	CHECK_RUN(many_secrets_of_one_name_take_no_memory);
	CHECK_RUN(without_a_key_there_are_names);
	CHECK_RUN(what_is_far_too_long_is_no_key);
	return check_end();
}
