/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that may name records which the receiver has not taken. */
#include "sinks/webhook/verdict.h"

#include "tests/check.h"

static const struct event events[] = {
	{.seqno = STR_INIT("100"), .id = STR_INIT("aa")},
	{.seqno = STR_INIT("200"), .id = STR_INIT("bb")},
	{.seqno = STR_INIT("300"), .id = STR_INIT("c\\u0063")},
	{.op = EVENT_GAP},
};

static const uint32_t all[] = {0, 1, 2, 3}, odd[] = {1, 2};

/* Answers, and how many of four records they take. */
static const struct {
	const char *answer;
	size_t taken;
} answers[] = {
	{"", 4},
	{" \r\n", 4},
	{"null", 4},
	{"{}", 4},
	{"{\"ok\":true}", 4},
	{"{\"batchItemFailures\":null}", 4},
	{"{\"batchItemFailures\":[]}", 4},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"100\"}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"200\"}]}", 1},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"bb\"}]}", 1},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"cc\"}]}", 2},
	{"{\"batchItemFailures\":[{\"x\":1,\"itemIdentifier\":\"300\",\"y\":[]}]}", 2},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"300\"},{\"itemIdentifier\":\"bb\"}"
	 "]}",
	 1},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"bb\"},{\"itemIdentifier\":\"300\"}"
	 "]}",
	 1},
	{"{\"batch\\u0049temFailures\":[{\"item\\u0049dentifier\":\"3\\u00300\"}]}", 2},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"300\"}],"
	 "\"batchItemFailures\":[]}",
	 2},
	{"{\"batchItemFailures\":[],"
	 "\"batchItemFailures\":[{\"itemIdentifier\":\"200\"}]}",
	 1},
	/* What cannot be understood: everything again. */
	{"OK", 0},
	{"true", 0},
	{"[]", 0},
	{"{", 0},
	{"{}x", 0},
	{"{\"batchItemFailures\":{}}", 0},
	{"{\"batchItemFailures\":[\"300\"]}", 0},
	{"{\"batchItemFailures\":[{}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":null}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":300}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"400\"}]}", 0},
	{"{\"batchItemFailures\":[{\"itemIdentifier\":\"300\"},{\"itemIdentifier\":\"x\"}]"
	 "}",
	 0},
};

static void answers_tell_from_where_on_records_come_again(void)
{
	for (size_t i = 0; i < ARRAY_N(answers); i++) {
		struct error why = {ERROR_NONE, ""};
		size_t n = str_of(answers[i].answer).n;
		char *exact = mem_alloc(n + MEM_PADDING);
		size_t taken;

		mem_copy(exact, answers[i].answer, n);
		taken = verdict_partial(str_make(exact, n), events, all, 4, &why);
		if (!CHECK_INT(taken, answers[i].taken))
			fprintf(stderr, "%s\n", answers[i].answer);
		CHECK((why.code == ERROR_NONE) == (taken == 4));
		mem_free(exact);
	}
}

static void only_records_of_the_request_can_be_named(void)
{
	static const char first[200] = "{\"batchItemFailures\":[{\"itemIdentifier\":\"100\"}]}";
	static const char last[200] = "{\"batchItemFailures\":[{\"itemIdentifier\":\"300\"}]}";
	struct error why;

	CHECK_INT(verdict_partial(str_of(first), events, odd, 2, &why), 0);
	CHECK(strstr(why.text, "names none of the records") != NULL);
	CHECK_INT(verdict_partial(str_of(last), events, odd, 2, &why), 1);
	CHECK_STR(str_of(why.text), "the receiver has not taken record 300");
}

int main(void)
{
	CHECK_RUN(answers_tell_from_where_on_records_come_again);
	CHECK_RUN(only_records_of_the_request_can_be_named);
	return check_end();
}
