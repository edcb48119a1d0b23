/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"

#include "base/mem.h"
#include "tests/check.h"

/* What is nearest to `word` among a few options. */
static struct str pick(const char *word)
{
	static const char *const known[] = {"budget", "window", "lease",    "level",   "poll_floor",
					    "id",     "table",	"interval", "endpoint"};
	struct nearest nearest;

	nearest_init(&nearest, str_of(word));
	for (size_t i = 0; i < ARRAY_N(known); i++)
		nearest_offer(&nearest, str_of(known[i]));
	return nearest.best;
}

static void distance_counts_steps(void)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"lease", "lease", 0},
		{"lease", "leese", 1},
		{"lease", "leas", 1},
		{"lease", "leasse", 1},
		{"lease", "laese", 1},
		{"kitten", "sitting", 3},
		{"poll-floor", "POLL_FLOOR", 0},
		{"ca", "abc", 3}, /* letters that were swapped are not edited again */
		{"abcdef", "badcfe", 3},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct str a = str_of(rows[i].a), b = str_of(rows[i].b);

		CHECK_INT(nearest_distance(a, b), rows[i].distance);
		CHECK_INT(nearest_distance(b, a), rows[i].distance);
	}
}

static void distance_gives_up_on_long_words(void)
{
	char word[NEAREST_WORD_MAX + 1] = {0};
	struct str longest = {word, NEAREST_WORD_MAX}, longer = {word, NEAREST_WORD_MAX + 1};

	CHECK_INT(nearest_distance(longest, STR_NONE), NEAREST_WORD_MAX);
	CHECK(nearest_distance(longer, STR("a")) == SIZE_MAX);
	CHECK(nearest_distance(STR("a"), longer) == SIZE_MAX);
}

static void the_nearest_word_wins(void)
{
	CHECK_STR(pick("buget"), "budget");
	CHECK_STR(pick("widnow"), "window");
	CHECK_STR(pick("Level"), "level");
	CHECK_STR(pick("pollfloor"), "poll_floor");
	CHECK_STR(pick("intervall"), "interval");
	CHECK_STR(pick("ID"), "id");
}

static void far_words_give_nothing(void)
{
	CHECK_STR(pick("retries"), "");
	CHECK_STR(pick(""), "");
	CHECK_STR(pick("ie"), "");
	CHECK_STR(pick("x"), "");
	CHECK_STR(pick("tabular"), "");
	CHECK_STR(pick("label"), "");
}

static void of_equals_the_first_wins(void)
{
	struct nearest nearest;

	nearest_init(&nearest, STR("lexel"));
	nearest_offer(&nearest, STR("lepel"));
	nearest_offer(&nearest, STR("level"));
	CHECK_STR(nearest.best, "lepel");
	nearest_offer(&nearest, STR("lexel"));
	CHECK_STR(nearest.best, "lexel");
}

int main(void)
{
	CHECK_RUN(distance_counts_steps);
	CHECK_RUN(distance_gives_up_on_long_words);
	CHECK_RUN(the_nearest_word_wins);
	CHECK_RUN(far_words_give_nothing);
	CHECK_RUN(of_equals_the_first_wins);
	return check_end();
}
