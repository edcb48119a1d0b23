/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/readiness.h"

#include "tests/check.h"

static struct readiness r;

/* Sets up a readiness at a time, with some reasons. */
static void take(const struct engine_reason *reasons, size_t n)
{
	readiness_init(&r, 100000);
	for (size_t i = 0; i < n; i++)
		readiness_add(&r, &reasons[i]);
}

/* Checks the page, and lets go of the readiness. */
static void check_page(const char *want)
{
	struct buf page;

	buf_init(&page, 1 << 20);
	readiness_put(&r, &page);
	CHECK_STR(buf_view(&page), want);
	buf_release(&page);
	readiness_release(&r);
}

static void without_a_reason_it_is_ready(void)
{
	take(NULL, 0);
	CHECK_INT(r.n, 0);
	CHECK_STR(readiness_first(&r), "");
	check_page("ready\n");
}

static void each_reason_is_a_line_that_names_what_it_is_about(void)
{
	static const struct engine_reason reasons[] = {
		{.ill = ENGINE_ILL_STARTING, .advice = "it looks"},
		{.ill = ENGINE_ILL_ALARM,
		 .table = STR_INIT("users"),
		 .since_ms = 87500,
		 .advice = "denied"},
		{.ill = ENGINE_ILL_STALLED,
		 .table = STR_INIT("orders"),
		 .sink = STR_INIT("hook"),
		 .shard = STR_INIT("shardId-1"),
		 .shards = 3,
		 .since_ms = 1,
		 .advice = "it takes none"},
		{.ill = ENGINE_ILL_FATAL, .sink = STR_INIT("a"), .advice = "disk full"},
	};

	take(reasons, ARRAY_N(reasons));
	CHECK_INT(r.n, 4);
	CHECK_INT(r.ills[ENGINE_ILL_ALARM], 1);
	CHECK_INT(r.ills[ENGINE_ILL_PAUSED], 0);
	CHECK_STR(readiness_first(&r), "starting: it looks");
	check_page("not ready\n"
		   "starting: it looks\n"
		   "alarm table=users for_s=12: denied\n"
		   "stalled table=orders sink=hook shard=shardId-1 shards=3 for_s=99: it takes "
		   "none\n"
		   "fatal sink=a: disk full\n");
}

static void what_others_said_cannot_make_lines(void)
{
	static const struct engine_reason reason = {.ill = ENGINE_ILL_FATAL,
						    .sink = STR_INIT("a"),
						    .advice = "bad\r\nready\x7f\x1b[2J"};

	take(&reason, 1);
	check_page("not ready\nfatal sink=a: bad  ready  [2J\n");
}

static void a_page_is_bounded_and_says_so(void)
{
	static const struct engine_reason reason = {.ill = ENGINE_ILL_ALARM, .advice = "x"};
	struct buf page;

	take(NULL, 0);
	for (int i = 0; i < READINESS_LINES_MAX + 7; i++)
		readiness_add(&r, &reason);
	buf_init(&page, 1 << 20);
	readiness_put(&r, &page);
	CHECK(str_ends(buf_view(&page), STR("\nalarm: x\n... and 7 more\n")));
	CHECK_INT(page.n, 10 + READINESS_LINES_MAX * 9 + 15);
	CHECK_INT(r.ills[ENGINE_ILL_ALARM], READINESS_LINES_MAX + 7);
	buf_release(&page);
	readiness_release(&r);
}

static void each_reason_has_a_word_of_its_own(void)
{
	for (enum engine_ill i = 0; i < ENGINE_ILLS; i++) {
		CHECK(str_of(engine_ill_word(i)).n > 0);
		for (enum engine_ill k = 0; k < i; k++)
			CHECK(!str_eq(str_of(engine_ill_word(i)), str_of(engine_ill_word(k))));
	}
}

int main(void)
{
	CHECK_RUN(without_a_reason_it_is_ready);
	CHECK_RUN(each_reason_is_a_line_that_names_what_it_is_about);
	CHECK_RUN(what_others_said_cannot_make_lines);
	CHECK_RUN(a_page_is_bounded_and_says_so);
	CHECK_RUN(each_reason_has_a_word_of_its_own);
	return check_end();
}
