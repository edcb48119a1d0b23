/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/scan.h"

#include <string.h>

#include "tests/check.h"

#define CHANGE(more)  "{\"Keys\":{\"id\":{\"S\":\"a\"}},\"SequenceNumber\":\"11\"" more "}"
#define RECORD(more)  "{\"eventName\":\"INSERT\",\"dynamodb\":" CHANGE("") more "}"
#define INSERT(more)  "{\"eventName\":\"INSERT\",\"dynamodb\":" CHANGE(more) "}"
#define IMAGE(string) INSERT(",\"NewImage\":{\"x\":{\"S\":\"" string "\"}}")
#define PAGE(more)    "{\"Records\":[" INSERT(more) "]}"

/* A page in an exact copy with the padding that the contract asks for. */
struct scanned {
	struct arena arena;
	char *body;
	struct page page;
	struct error err;
	bool ok;
};

static struct scanned scan_bytes(struct str text)
{
	struct scanned scanned = {0};

	arena_init(&scanned.arena);
	scanned.body = mem_alloc(text.n + MEM_PADDING);
	mem_copy(scanned.body, text.p, text.n);
	scanned.ok = scan_page(&scanned.arena, str_make(scanned.body, text.n), &scanned.page,
			       &scanned.err);
	return scanned;
}

static struct scanned scan(const char *text)
{
	return scan_bytes(str_of(text));
}

static void release(struct scanned *scanned)
{
	arena_release(&scanned->arena);
	mem_free(scanned->body);
}

static void a_record_becomes_an_event(void)
{
	struct scanned s = scan(
		"{\"Records\":[{\"eventID\":\"c3\\u0034\",\"eventName\":\"MODIFY\","
		"\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"x\","
		"\"dynamodb\":{\"ApproximateCreationDateTime\":1.46480431E9,"
		"\"Keys\":{\"id\":{\"S\":\"a\"}},\"NewImage\":{\"id\":{\"S\":\"n\"}},"
		"\"OldImage\":{\"id\":{\"S\":\"o\"}},\"SequenceNumber\":\"300000000000000499659\","
		"\"SizeBytes\":41,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},"
		"\"later\":[1,{\"dynamodb\":2}]}],\"NextShardIterator\":\"arn|1|x==\",\"More\":{}"
		"}");
	const struct event *event = s.page.events;

	CHECK(s.ok);
	if (s.ok && CHECK_INT(s.page.n, 1)) {
		CHECK_INT(event->op, EVENT_MODIFY);
		CHECK_STR(event->id, "c3\\u0034");
		CHECK_STR(event->seqno, "300000000000000499659");
		CHECK_INT(event->time_ms, 1464804310000);
		CHECK_INT(event->size_bytes, 41);
		CHECK_STR(event->keys, "{\"id\":{\"S\":\"a\"}}");
		CHECK_STR(event->new_image, "{\"id\":{\"S\":\"n\"}}");
		CHECK_STR(event->old_image, "{\"id\":{\"S\":\"o\"}}");
		CHECK_STR(event->view_type, "NEW_AND_OLD_IMAGES");
		CHECK(!event->ttl && !event->utf8_bad && event->gap == NULL);
	}
	CHECK_STR(s.page.next_iterator, "arn|1|x==");
	release(&s);
}

static void an_odd_size_is_not_known(void)
{
	static const char *const sizes[] = {"null", "\"41\"",	  "4.1E1",
					    "-1",   "{\"a\":[]}", "99999999999999999999"};

	for (size_t i = 0; i < ARRAY_N(sizes); i++) {
		char body[300];
		struct scanned s;

		snprintf(body, sizeof(body),
			 "{\"Records\":[{\"eventName\":\"INSERT\",\"dynamodb\":{\"SizeBytes\":%s,"
			 "\"Keys\":{},\"SequenceNumber\":\"1\"}}]}",
			 sizes[i]);
		s = scan(body);
		CHECK(s.ok);
		if (s.ok)
			CHECK_INT(s.page.events[0].size_bytes, 0);
		release(&s);
	}
}

static void members_come_in_any_order_and_escaped(void)
{
	struct scanned s = scan("{\"NextShardIterator\":\"i\",\"\\u0052ecords\":[{\"dynamodb\":"
				"{\"SequenceNum\\u0062er\":\"5\",\"NewImage\":null,\"Keys\":{}},"
				"\"event\\u004eame\":\"REMO\\u0056E\"}]}");

	CHECK(s.ok);
	CHECK_INT(s.page.n, 1);
	CHECK_INT(s.page.events[0].op, EVENT_REMOVE);
	CHECK_STR(s.page.events[0].seqno, "5");
	CHECK_STR(s.page.events[0].keys, "{}");
	CHECK_INT(s.page.events[0].new_image.n, 0);
	CHECK_INT(s.page.events[0].time_ms, 0);
	CHECK_INT(s.page.events[0].id.n, 0);
	release(&s);
}

static void the_end_of_a_shard(void)
{
	const char *ends[] = {"{\"Records\":[]}", "{\"Records\":[],\"NextShardIterator\":null}",
			      "{\"Records\":[" RECORD("") "],\"NextShardIterator\":null}"};

	for (size_t i = 0; i < ARRAY_N(ends); i++) {
		struct scanned s = scan(ends[i]);

		CHECK(s.ok);
		CHECK_INT(s.page.n, i == 2);
		CHECK_INT(s.page.next_iterator.n, 0);
		release(&s);
	}
}

static void time_to_live(void)
{
	const struct {
		const char *text;
		bool ttl;
	} cases[] = {
		{"{\"PrincipalId\":\"dynamodb.amazonaws.com\",\"Type\":\"Service\"}", true},
		{"{\"type\":\"Service\",\"principalId\":\"dynamodb.amazonaws.com\",\"x\":[]}",
		 true},
		{"{\"principalId\":\"dynamodb.amazonaws.com\",\"type\":\"User\"}", false},
		{"{\"PrincipalId\":\"someone\",\"Type\":\"Service\"}", false},
		{"{\"Type\":\"Service\"}", false},
		{"{\"PrincipalId\":null,\"Type\":7}", false},
		{"null", false},
		{"\"Service\"", false},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct buf page;
		struct scanned s;

		buf_init(&page, 1000);
		buf_fmt(&page,
			"{\"Records\":[{\"userIdentity\":%s,\"eventName\":\"REMOVE\","
			"\"dynamodb\":" CHANGE("") "}," RECORD("") "]}",
			cases[i].text);
		s = scan_bytes(buf_view(&page));
		CHECK(s.ok);
		CHECK_INT(s.page.events[0].ttl, cases[i].ttl);
		CHECK(!s.page.events[1].ttl);
		release(&s);
		buf_release(&page);
	}
}

static void only_a_removal_is_by_time_to_live(void)
{
	struct scanned s = scan("{\"Records\":[" RECORD(
		",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\","
		"\"Type\":\"Service\"}") "]}");

	CHECK(s.ok);
	CHECK(!s.page.events[0].ttl);
	release(&s);
}

static void bad_utf8_is_told_per_event(void)
{
	struct scanned s = scan("{\"Records\":[" RECORD("") "," IMAGE("\xff") "," IMAGE(
		"\xc3\xa9") "," RECORD(",\"unknown\":\"\xff\"") "]}");

	CHECK(s.ok);
	if (CHECK_INT(s.page.n, 4)) {
		CHECK(!s.page.events[0].utf8_bad);
		CHECK(s.page.events[1].utf8_bad);
		CHECK(!s.page.events[2].utf8_bad);
		CHECK(!s.page.events[3].utf8_bad);
	}
	release(&s);
}

static void malformed_pages_name_what_and_where(void)
{
	const char *cases[][2] = {
		{"", "an object was expected at byte 0"},
		{"[]", "an object was expected at byte 0"},
		{"{}", "no Records at byte 2"},
		{"{\"message\":\"no\"}", "no Records at byte 16"},
		{"{\"Records\":null}", "an array was expected at byte 11"},
		{"{\"Records\":[],\"Records\":[]}", "Records twice at byte 24"},
		{"{\"Records\":[7]}", "an object was expected at byte 12"},
		{"{\"Records\":[]", "a comma or a closing bracket was expected at byte 13"},
		{"{\"Records\":[]}x", "something follows the end at byte 14"},
		{"{\"Records\":[],\"NextShardIterator\":7}", "a string was expected"},
		{"{\"Records\":[],\"NextShardIterator\":\"\"}", "an empty NextShardIterator"},
		{"{\"Records\":[{\"dynamodb\":" CHANGE("") "}]}", "a record without eventName"},
		{"{\"Records\":[{\"eventName\":\"INSERT\"}]}", "without a valid SequenceNumber"},
		{"{\"Records\":[{\"eventName\":\"READ\",\"dynamodb\":" CHANGE("") "}]}",
		 "an unknown eventName"},
		{"{\"Records\":[{\"eventName\":7,\"dynamodb\":" CHANGE("") "}]}",
		 "a string was expected"},
		{"{\"Records\":[{\"eventName\":\"INSERT\",\"dynamodb\":{\"Keys\":{}}}]}",
		 "without a valid SequenceNumber"},
		{"{\"Records\":[{\"eventName\":\"INSERT\",\"dynamodb\":{\"SequenceNumber\":\"1\"}}]"
		 "}",
		 "without Keys"},
		{PAGE(",\"Keys\":null"), "without Keys"},
		{PAGE(",\"SequenceNumber\":\"1x\""), "without a valid SequenceNumber"},
		{PAGE(",\"OldImage\":[]"), "a key or image is not an object"},
		{PAGE(",\"ApproximateCreationDateTime\":-5"),
		 "ApproximateCreationDateTime out of range"},
		{PAGE(",\"ApproximateCreationDateTime\":\"x\""), "a number was expected"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct scanned s = scan(cases[i][0]);

		CHECK(!s.ok);
		CHECK_INT(s.err.code, ERROR_DATA);
		if (!CHECK(strstr(s.err.text, cases[i][1]) != NULL))
			fprintf(stderr, "   %s gives %s\n", cases[i][0], s.err.text);
		CHECK_INT(s.page.n, 0);
		release(&s);
	}
}

/* A page of `n` records whose sequence numbers count from 1000. */
static struct scanned scan_many(size_t n)
{
	struct scanned s;
	struct buf page;

	buf_init(&page, 4 << 20);
	buf_str(&page, STR("{\"Records\":["));
	for (size_t i = 0; i < n; i++)
		buf_fmt(&page,
			"%s{\"eventName\":\"INSERT\",\"dynamodb\":{\"Keys\":{},"
			"\"SequenceNumber\":\"%zu\"}}",
			i == 0 ? "" : ",", 1000 + i);
	buf_str(&page, STR("]}"));
	CHECK(!page.failed);
	s = scan_bytes(buf_view(&page));
	buf_release(&page);
	return s;
}

static void events_stay_in_order_as_the_array_grows(void)
{
	struct scanned s = scan_many(SCAN_EVENTS_MAX);
	size_t wrong = 0;

	CHECK(s.ok);
	CHECK_INT(s.page.n, SCAN_EVENTS_MAX);
	for (size_t i = 0; i < s.page.n; i++) {
		uint64_t seqno;

		wrong += !str_to_u64(s.page.events[i].seqno, &seqno) || seqno != 1000 + i;
	}
	CHECK_INT(wrong, 0);
	release(&s);
	s = scan_many(SCAN_EVENTS_MAX + 1);
	CHECK(!s.ok);
	CHECK(strstr(s.err.text, "more records") != NULL);
	release(&s);
}

/* Every prefix of a page is malformed: a torn answer never passes for a whole one. */
static void a_torn_page_is_malformed(void)
{
	const char page[] = "{\"Records\":[" RECORD(
		",\"userIdentity\":{\"Type\":\"S\"}") "],"
						      "\"NextShardIterator\":\"abc\"}";

	for (size_t n = 0; n + 1 < sizeof(page); n++) {
		struct scanned s = scan_bytes(str_make(page, n));

		CHECK(!s.ok);
		release(&s);
	}
}

int main(void)
{
	CHECK_RUN(a_record_becomes_an_event);
	CHECK_RUN(an_odd_size_is_not_known);
	CHECK_RUN(members_come_in_any_order_and_escaped);
	CHECK_RUN(the_end_of_a_shard);
	CHECK_RUN(time_to_live);
	CHECK_RUN(only_a_removal_is_by_time_to_live);
	CHECK_RUN(bad_utf8_is_told_per_event);
	CHECK_RUN(malformed_pages_name_what_and_where);
	CHECK_RUN(events_stay_in_order_as_the_array_grows);
	CHECK_RUN(a_torn_page_is_malformed);
	return check_end();
}
