/* SPDX-License-Identifier: Apache-2.0 */
/* What a start in a row says about its shard. */
#include "consumer/engine/start.h"

#include "consumer/engine/row.h"
#include "tests/check.h"

static void rows_tell_that_reading_has_begun(void)
{
	struct engine_table options = {.latest = false};
	struct table table = {.options = &options};

	CHECK(start_begun(&table, 1772323200000));
	CHECK(!start_begun(&table, ROW_START_ALL));
	CHECK(!start_begun(&table, ROW_START_HORIZON));
	CHECK(!start_begun(&table, ROW_START_LATEST));
	/* Where the tip is looked for, only that word says that nothing was read: a seek leaves others. */
	options.latest = true;
	CHECK(start_begun(&table, 1772323200000));
	CHECK(start_begun(&table, ROW_START_ALL));
	CHECK(start_begun(&table, ROW_START_HORIZON));
	CHECK(!start_begun(&table, ROW_START_LATEST));
}

int main(void)
{
	CHECK_RUN(rows_tell_that_reading_has_begun);
	return check_end();
}
