/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as verbs see them, and what verbs write. */
#include "consumer/engine/rowview.h"

#include "base/arena.h"
#include "consumer/engine/rowadmin.h"
#include "tests/check.h"

#define KEY "\"leaseKey\":{\"S\":\"1/r/t/2026-01-02T03:04:05.678/s-1\"}"

static void rowview_reads_a_lease(void)
{
	static const char raw[] =
		"{" KEY ",\"leaseCounter\":{\"N\":\"7\"},\"leaseOwner\":{\"S\":\"w:1:i\"},"
		"\"checkpoint\":{\"S\":\"20\"},\"sink.a\":{\"S\":\"30\"},\"sink.a.1\":{\"S\":"
		"\"29\"},"
		"\"sink.a.12\":{\"S\":\"SHARD_END\"},\"sink.b-c_d\":{\"S\":\"3\"},\"epoch\":{\"N\":"
		"\"4\"}}";
	struct row_view view;
	struct position at;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(row_view_read(&arena, str_of(raw), &view, &err));
	CHECK_STR(view.account, "1");
	CHECK_STR(view.region, "r");
	CHECK_STR(view.table, "t");
	CHECK_STR(view.label, "2026-01-02T03:04:05.678");
	CHECK_STR(view.shard, "s-1");
	CHECK(view.epoch == 4 && view.row.counter == 7 && view.n_ahead == 4);
	at = row_view_position(&view, STR("a"), 1);
	CHECK_STR(position_text(&at), "30");
	at = row_view_position(&view, STR("a"), 12);
	CHECK_STR(position_text(&at), "SHARD_END");
	at = row_view_position(&view, STR("a"), 2);
	CHECK_STR(position_text(&at), "20");
	/* Behind the checkpoint, which all have. */
	at = row_view_position(&view, STR("b-c_d"), 1);
	CHECK_STR(position_text(&at), "20");
	arena_release(&arena);
}

static void rowview_knows_owners(void)
{
	const struct heartbeat beat = {.id = STR("w:1"), .incarnation = STR("i")};

	CHECK_STR(row_owner_id(STR("w:1:i")), "w:1");
	CHECK_INT(row_owner_id(STR_NONE).n, 0);
	CHECK(row_owner_is(STR("w:1:i"), &beat));
	CHECK(!row_owner_is(STR("w:1:j"), &beat));
	CHECK(!row_owner_is(STR("w:i"), &beat));
	CHECK(!row_owner_is(STR("w:1"), &beat));
	CHECK(!row_owner_is(STR_NONE, &beat));
}

static void rowview_refuses_nonsense(void)
{
	static const char *const bad[] = {
		"{" KEY ",\"sink.\":{\"S\":\"1\"}}",
		"{" KEY ",\"sink.a\":{\"S\":\"x\"}}",
		"{" KEY ",\"sink.a.\":{\"S\":\"1\"}}",
		"{" KEY ",\"sink.a.b\":{\"S\":\"1\"}}",
		"{" KEY ",\"sink.a.1.2\":{\"S\":\"1\"}}",
		"{" KEY ",\"sink.a.99999999999999999999\":{\"S\":\"1\"}}",
		"{" KEY ",\"epoch\":{\"N\":\"-1\"}}",
		"{" KEY ",\"epoch\":{\"N\":\"1.5\"}}",
		"{\"checkpoint\":{\"S\":\"x\"}," KEY "}",
	};
	struct row_view view;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		err.text[0] = '\0';
		if (!CHECK(!row_view_read(&arena, str_of(bad[i]), &view, &err)))
			fprintf(stderr, "  %s\n", bad[i]);
		/* It names the row, wherever its key stands. */
		CHECK(strstr(err.text, "05.678/s-1") != NULL);
	}
	arena_release(&arena);
}

static void rowadmin_writes(void)
{
	static const char raw[] =
		"{" KEY ",\"leaseCounter\":{\"N\":\"7\"},\"leaseOwner\":{\"S\":\"w:i\"},"
		"\"checkpoint\":{\"S\":\"20\"},\"x\\n\":{\"L\":[{\"N\":\"1\"}]}}";
	struct row_view view;
	struct arena arena;
	struct error err;
	struct buf buf;

	arena_init(&arena);
	buf_init(&buf, 4096);
	CHECK(row_view_read(&arena, str_of(raw), &view, &err));
	row_admin_release(&buf, STR("T"), &view);
	CHECK_STR(buf_view(&buf),
		  "{\"TableName\":\"T\",\"Key\":{" KEY
		  "},\"UpdateExpression\":\"SET leaseCounter = :next REMOVE leaseOwner\","
		  "\"ConditionExpression\":\"leaseOwner = :owner AND leaseCounter = :counter\","
		  "\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"w:i\"},\":counter\":{\"N\":"
		  "\"7\"},"
		  "\":next\":{\"N\":\"8\"}}}");
	buf_clear(&buf);
	row_admin_delete(&buf, STR("T"), &view);
	CHECK_STR(buf_view(&buf), "{\"TableName\":\"T\",\"Key\":{" KEY
				  "},\"ConditionExpression\":\"leaseCounter = :counter\","
				  "\"ExpressionAttributeValues\":{\":counter\":{\"N\":\"7\"}}}");
	buf_clear(&buf);
	row_admin_restore(&buf, STR("T"), str_of(raw), false);
	CHECK_STR(buf_view(&buf),
		  "{\"TableName\":\"T\",\"Item\":{" KEY
		  ",\"leaseCounter\":{\"N\":\"7\"},\"checkpoint\":{\"S\":\"20\"},\"x\\n\":{\"L\":[{"
		  "\"N\":"
		  "\"1\"}]}},\"ConditionExpression\":\"attribute_not_exists(leaseKey)\"}");
	buf_clear(&buf);
	row_admin_restore(&buf, STR("T"), STR("{\"leaseOwner\":{\"S\":\"w:i\"}}"), true);
	CHECK_STR(buf_view(&buf), "{\"TableName\":\"T\",\"Item\":{}}");
	buf_release(&buf);
	arena_release(&arena);
}

static void rowadmin_rewrites_a_row(void)
{
	static const char raw[] =
		"{" KEY ",\"leaseCounter\":{\"N\":\"7\"},\"leaseOwner\":{\"S\":\"w:i\"},"
		"\"checkpoint\":{\"S\":\"20\"},\"sink.a\":{\"S\":\"30\"},\"sink.a.1\":"
		"{\"S\":\"31\"},\"sink.b.2\":{\"S\":\"32\"}}";
	const struct row_ahead ahead[] = {
		{.name = STR("a"), .generation = 1, .at = position_after(STR("5"))},
		{.name = STR("c"), .generation = 4, .at = position_end()},
	};
	struct row_rewrite rewrite = {
		.epoch = 3,
		.start_wall_ms = 1000,
		.checkpoint = position_start(),
		.ahead = ahead,
		.n_ahead = 2,
	};
	struct row_view view;
	struct arena arena;
	struct error err;
	struct buf buf;

	arena_init(&arena);
	buf_init(&buf, 4096);
	CHECK(row_view_read(&arena, str_of(raw), &view, &err));
	rewrite.lease = &view;
	row_admin_rewrite(&buf, STR("T"), &rewrite);
	CHECK_STR(
		buf_view(&buf),
		"{\"TableName\":\"T\",\"Key\":{" KEY
		"},\"UpdateExpression\":\"SET checkpoint = :k, leaseCounter = :next, #e = :epoch, "
		"checkpointSubSequenceNumber = :zero, ownerSwitchesSinceCheckpoint = :zero, "
		"startAt = "
		":start, #s0 = :s0, #s1 = :s1 REMOVE leaseOwner, #r1, "
		"#r2\",\"ConditionExpression\":"
		"\"leaseCounter = "
		":counter\",\"ExpressionAttributeNames\":{\"#e\":\"epoch\",\"#s0\":"
		"\"sink.a\",\"#s1\":\"sink.c.4\",\"#r1\":\"sink.a.1\",\"#r2\":\"sink.b.2\"},"
		"\"ExpressionAttributeValues\":{\":k\":{\"S\":\"TRIM_HORIZON\"},\":epoch\":{\"N\":"
		"\"3\"},\":zero\":{\"N\":\"0\"},\":next\":{\"N\":\"8\"},\":counter\":{\"N\":\"7\"},"
		"\":start\":{\"S\":\"1000\"},\":s0\":{\"S\":\"5\"},\":s1\":{\"S\":\"SHARD_END\"}}"
		"}");
	buf_release(&buf);
	arena_release(&arena);
}

static void rowadmin_writes_a_new_row(void)
{
	struct row_rewrite rewrite;
	struct buf buf;

	buf_init(&buf, 4096);
	rewrite = (struct row_rewrite){
		.key = STR("k"),
		.parent = STR("p"),
		.epoch = 1,
		.start_wall_ms = ROW_START_ALL,
		.checkpoint = position_end(),
	};
	row_admin_rewrite(&buf, STR("T"), &rewrite);
	CHECK_STR(buf_view(&buf), "{\"TableName\":\"T\",\"Key\":{\"leaseKey\":{\"S\":\"k\"}},"
				  "\"UpdateExpression\":\"SET "
				  "checkpoint = :k, leaseCounter = :next, #e = :epoch, "
				  "checkpointSubSequenceNumber = :zero, "
				  "ownerSwitchesSinceCheckpoint = :zero, parentShardId = :parent "
				  "REMOVE leaseOwner, startAt\","
				  "\"ConditionExpression\":\"attribute_not_exists(leaseKey)\","
				  "\"ExpressionAttributeNames\":"
				  "{\"#e\":\"epoch\"},\"ExpressionAttributeValues\":{\":k\":{\"S\":"
				  "\"SHARD_END\"},\":epoch\":"
				  "{\"N\":\"1\"},\":zero\":{\"N\":\"0\"},\":next\":{\"N\":\"1\"},"
				  "\":parent\":{\"SS\":[\"p\"]}"
				  "}}");
	buf_release(&buf);
}

/* Whether the update takes out all that a Kinesis client began to say and did not end. */
static bool ends_pending(const struct buf *update)
{
	static const char removes[] = "REMOVE pendingCheckpoint, "
				      "pendingCheckpointSubSequenceNumber, pendingCheckpointState";

	return memmem(update->p, update->n, removes, sizeof(removes) - 1) != NULL;
}

static void row_ends_what_a_kinesis_client_began(void)
{
	struct position at = position_after(STR("200"));
	const struct row_sinks sinks = {.names = {STR("a.1")}, .n = 1};
	struct buf buf;

	buf_init(&buf, 4096);
	for (enum lease_form form = FORM_NATIVE; form <= FORM_MULTI; form++) {
		const struct row_write write = {
			.form = form,
			.table = STR("T"),
			.key = STR("k"),
			.owner = STR("w:i"),
			.heir = STR("w:j"), /* else the owner is what is removed first */
			.counter = 7,
			.start_wall_ms = ROW_START_ALL,
			.sinks = &at,
			.partial = true,
		};

		buf_clear(&buf);
		row_checkpoint(&buf, &write, &sinks);
		CHECK(ends_pending(&buf) == (form != FORM_NATIVE));
		buf_clear(&buf);
		row_release(&buf, &write, &sinks);
		CHECK(ends_pending(&buf) == (form != FORM_NATIVE));
	}
	buf_release(&buf);
}

int main(void)
{
	CHECK_RUN(rowview_reads_a_lease);
	CHECK_RUN(rowview_knows_owners);
	CHECK_RUN(rowview_refuses_nonsense);
	CHECK_RUN(row_ends_what_a_kinesis_client_began);
	CHECK_RUN(rowadmin_writes);
	CHECK_RUN(rowadmin_rewrites_a_row);
	CHECK_RUN(rowadmin_writes_a_new_row);
	return check_end();
}
