/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of leases in their three forms, and the rows of a Kinesis client. */
#include "consumer/engine/leasekey.h"

#include "consumer/engine/rowview.h"
#include "tests/check.h"

#define LABEL "2026-01-02T03:04:05.678"

static const struct table_arn stream = {
	.partition = STR_INIT("aws"),
	.region = STR_INIT("eu-west-1"),
	.account = STR_INIT("123456789012"),
	.table = STR_INIT("my_table.v-2"),
	.label = STR_INIT(LABEL),
};

/* The prefix of a form, with a shard's id behind it, is read back. */
static void check_form(enum lease_form form, const char *prefix)
{
	struct lease_key key;
	struct arena arena;
	struct buf text;

	arena_init(&arena);
	buf_init(&text, LEASEKEY_MAX);
	lease_key_prefix(&text, form, &stream);
	CHECK_STR(buf_view(&text), prefix);
	buf_str(&text, STR("shardId-1"));
	key = lease_key_read(&arena, buf_view(&text));
	CHECK_INT(key.form, form);
	CHECK_STR(key.shard, "shardId-1");
	CHECK_STR(key.account, form == FORM_SINGLE ? "" : "123456789012");
	CHECK_STR(key.region, form == FORM_SINGLE ? "" : "eu-west-1");
	CHECK_STR(key.table, form == FORM_SINGLE ? "" : "my_table.v-2");
	CHECK_STR(key.label, form == FORM_SINGLE ? "" : LABEL);
	buf_release(&text);
	arena_release(&arena);
}

static void leasekey_forms(void)
{
	check_form(FORM_NATIVE, "123456789012/eu-west-1/my_table.v-2/" LABEL "/");
	check_form(FORM_SINGLE, "");
	check_form(FORM_MULTI,
		   "123456789012:eu-west-1$123456789012$my_table.v-2$2026-01-02T03_04_05.678:1:");
	CHECK_STR(lease_key_stream(STR("1:r$1$t$l:1:shardId-1")), "1:r$1$t$l:1");
}

/* What only looks like a key of several streams is a key of a single one, whatever that is. */
static void leasekey_others(void)
{
	static const char *const others[] = {"",
					     "shardId-1",
					     "1:r$1$t$l:2:shardId-1",
					     "1:r$2$t$l:1:shardId-1",
					     "1:r$1$t$:1:shardId-1",
					     "1:r$1$t$l:1:",
					     "1:r$1$t$l",
					     "a/b/c/d",
					     "a/b/c/d/e/f"};
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(others); i++) {
		struct lease_key key = lease_key_read(&arena, str_of(others[i]));

		CHECK_INT(key.form, FORM_SINGLE);
		CHECK_STR(key.shard, others[i]);
	}
	arena_release(&arena);
}

/* What a row of a Kinesis client is taken for. */
static void leasekey_rows(void)
{
	static const struct {
		const char *raw;
		enum row_kind kind;
		int64_t start;
	} rows[] = {
		{"{'leaseKey':{'S':'s'},'checkpoint':{'S':'LATEST'}}", ROW_LEASE, ROW_START_LATEST},
		{"{'leaseKey':{'S':'s'},'checkpoint':{'S':'AT_TIMESTAMP'},'entityType':{'S':'LEASE'"
		 "}}",
		 ROW_LEASE, ROW_START_TIMESTAMP},
		{"{'leaseKey':{'S':'s'},'checkpoint':{'S':'20'},'startAt':{'S':'LATEST'}}",
		 ROW_LEASE, ROW_START_ALL},
		{"{'leaseKey':{'S':'s'},'checkpoint':{'S':'TRIM_HORIZON'}}", ROW_LEASE,
		 ROW_START_ALL},
		{"{'leaseKey':{'S':'Leader'},'ownerName':{'S':'w'}}", ROW_OTHER, ROW_START_ALL},
		{"{'leaseKey':{'S':'w'},'checkpoint':{'S':'x'},'entityType':{'S':'STREAM'}}",
		 ROW_FOREIGN, ROW_START_ALL},
		{"{'entityType':{'S':'LEADER'},'leaseKey':{'S':'w'},'leaseCounter':{'N':'1.5'},"
		 "'checkpoint':{'S':'20'}}",
		 ROW_FOREIGN, ROW_START_ALL},
		{"{'leaseKey':{'S':'ddbtap/x'},'checkpoint':{'S':'20'}}", ROW_OTHER, ROW_START_ALL},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct row_view view;
		struct arena arena;
		struct error err;
		struct buf raw;

		arena_init(&arena);
		buf_init(&raw, 1024);
		for (const char *p = rows[i].raw; *p != '\0'; p++)
			buf_c(&raw, *p == '\'' ? '"' : *p);
		if (CHECK(row_view_read(&arena, buf_view(&raw), &view, &err))) {
			CHECK_INT(view.row.kind, rows[i].kind);
			CHECK_INT(view.row.start_wall_ms, rows[i].start);
		}
		buf_release(&raw);
		arena_release(&arena);
	}
}

static void leasekey_owners(void)
{
	CHECK(row_owner_ours(STR("host:1:0123456789abcdef01234567")));
	CHECK(!row_owner_ours(STR("host:6f9619ff-8b86-d011-b42d-00cf4fc964ff")));
	CHECK(!row_owner_ours(STR("0123456789abcdef01234567")));
	CHECK(!row_owner_ours(STR("host:0123456789ABCDEF01234567")));
	CHECK(!row_owner_ours(STR_NONE));
}

int main(void)
{
	CHECK_RUN(leasekey_forms);
	CHECK_RUN(leasekey_others);
	CHECK_RUN(leasekey_rows);
	CHECK_RUN(leasekey_owners);
	return check_end();
}
