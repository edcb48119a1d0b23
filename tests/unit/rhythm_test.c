/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/rhythm.h"

#include "tests/check.h"

static void nothing_is_not_late(void)
{
	struct lateness late = {0};

	CHECK_INT(lateness_ms(&late, 990), 0);
	CHECK_INT(late.max_ms, 0);
}

static void the_percentile_is_exact_while_it_is_small(void)
{
	struct lateness late = {0};

	for (int64_t ms = 1; ms <= 50; ms++)
		lateness_add(&late, ms);
	CHECK_INT(lateness_ms(&late, 500), 25);
	CHECK_INT(lateness_ms(&late, 980), 49);
	CHECK_INT(lateness_ms(&late, 981), 50);
	CHECK_INT(lateness_ms(&late, 1000), 50);
	CHECK_INT(late.n, 50);
}

static void one_of_a_hundred_is_beyond_the_99th(void)
{
	struct lateness late = {0};

	for (int i = 0; i < 99; i++)
		lateness_add(&late, 3);
	lateness_add(&late, 60000);
	CHECK_INT(lateness_ms(&late, 990), 3);
	CHECK_INT(late.max_ms, 60000);
	lateness_add(&late, 60000);
	CHECK(lateness_ms(&late, 990) >= 60000);
}

static void a_large_figure_is_never_too_good(void)
{
	for (int64_t ms = 1; ms < 4000000; ms = ms * 3 / 2 + 1) {
		struct lateness late = {0};

		lateness_add(&late, ms);
		CHECK(lateness_ms(&late, 990) >= ms);
		CHECK(lateness_ms(&late, 990) <= 2 * ms);
	}
}

static void early_is_in_time(void)
{
	struct lateness late = {0};

	lateness_add(&late, -5);
	CHECK_INT(lateness_ms(&late, 990), 0);
	CHECK_INT(late.max_ms, 0);
}

int main(void)
{
	CHECK_RUN(nothing_is_not_late);
	CHECK_RUN(the_percentile_is_exact_while_it_is_small);
	CHECK_RUN(one_of_a_hundred_is_beyond_the_99th);
	CHECK_RUN(a_large_figure_is_never_too_good);
	CHECK_RUN(early_is_in_time);
	return check_end();
}
