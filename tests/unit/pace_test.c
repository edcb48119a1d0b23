/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/pace.h"

#include <string.h>

#include "base/time.h"
#include "tests/check.h"
#include "tests/unit/scripted_world.h"

enum { TICKETS = 100, STEP_MS = 10 };

/* A pace, and tickets that note when they went. */
struct fixture {
	struct world world;
	struct pace pace;
	struct queued {
		struct fixture *fixture;
		struct pace_ticket ticket;
		int64_t went_ms; /* 0: not yet */
		int order;
	} queued[TICKETS];
	int gone;
};

static void go(struct pace_ticket *ticket)
{
	struct queued *queued = CONTAINER_OF(ticket, struct queued, ticket);

	queued->went_ms = queued->fixture->world.now_ms;
	queued->order = queued->fixture->gone++;
}

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	world_init(&f->world);
	pace_init(&f->pace, &f->world.io);
	for (int i = 0; i < TICKETS; i++) {
		f->queued[i].fixture = f;
		pace_ticket_init(&f->queued[i].ticket, go);
	}
}

static void close_fixture(struct fixture *f)
{
	for (int i = 0; i < TICKETS; i++)
		pace_leave(&f->queued[i].ticket);
	pace_release(&f->pace);
	world_release(&f->world);
}

/* Lets time pass in small steps. */
static void pass(struct fixture *f, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += STEP_MS)
		world_sleep(&f->world, STEP_MS);
}

/* How many tickets went within any second, at most. */
static int most_in_a_second(const struct fixture *f)
{
	int most = 0;

	for (int i = 0; i < TICKETS; i++) {
		int n = 0;

		for (int k = 0; k < TICKETS; k++)
			n += f->queued[k].went_ms != 0 &&
			     f->queued[k].went_ms >= f->queued[i].went_ms &&
			     f->queued[k].went_ms - f->queued[i].went_ms < SECOND_MS;
		most = f->queued[i].went_ms != 0 && n > most ? n : most;
	}
	return most;
}

/* Says that a DescribeStream ended so. */
static void judge(struct fixture *f, enum call_outcome outcome)
{
	struct call call = {.outcome = outcome, .http.result = IO_ANSWER};

	pace_judge(&f->pace, &call);
}

static void nobody_goes_within_the_call(void)
{
	struct fixture f;

	open_fixture(&f);
	pace_wait(&f.pace, &f.queued[0].ticket, true);
	CHECK_INT(f.gone, 0);
	world_turn(&f.world);
	CHECK_INT(f.gone, 1);
	close_fixture(&f);
}

static void five_a_second_and_never_more_than_nine(void)
{
	struct fixture f;

	open_fixture(&f);
	for (int i = 0; i < 50; i++)
		pace_wait(&f.pace, &f.queued[i].ticket, false);
	pass(&f, 4 * SECOND_MS);
	/* Now and then children; after a pause all of them at once. */
	pass(&f, 20 * SECOND_MS);
	CHECK(f.gone == 50);
	for (int i = 50; i < TICKETS; i++)
		pace_wait(&f.pace, &f.queued[i].ticket, i % 2 == 0);
	pass(&f, 20 * SECOND_MS);
	CHECK_INT(f.gone, TICKETS);
	CHECK(most_in_a_second(&f) <= 9);
	CHECK(most_in_a_second(&f) >= 5);
	close_fixture(&f);
}

static void lookups_go_before_pages(void)
{
	struct fixture f;

	open_fixture(&f);
	for (int i = 0; i < 20; i++)
		pace_wait(&f.pace, &f.queued[i].ticket, false);
	pass(&f, SECOND_MS);
	/* Pages have left something to them. */
	pace_wait(&f.pace, &f.queued[20].ticket, true);
	pace_wait(&f.pace, &f.queued[21].ticket, true);
	world_turn(&f.world);
	CHECK(f.queued[20].went_ms != 0 && f.queued[21].went_ms != 0);
	CHECK(f.queued[19].went_ms == 0);
	for (int i = 22; i < 30; i++)
		pace_wait(&f.pace, &f.queued[i].ticket, true);
	pass(&f, 10 * SECOND_MS);
	CHECK_INT(f.gone, 30);
	CHECK(f.queued[29].order < f.queued[19].order);
	/* First come, first served. */
	for (int i = 23; i < 30; i++)
		CHECK(f.queued[i].order > f.queued[i - 1].order);
	close_fixture(&f);
}

static void throttling_slows_down_and_answers_speed_up(void)
{
	struct fixture f;
	int before;

	open_fixture(&f);
	for (int i = 0; i < TICKETS; i++)
		pace_wait(&f.pace, &f.queued[i].ticket, false);
	pass(&f, SECOND_MS);
	judge(&f, CALL_THROTTLED);
	/* One sign, though it came twice. */
	judge(&f, CALL_THROTTLED);
	CHECK_INT(f.pace.interval_ms, 400);
	before = f.gone;
	pass(&f, 4 * SECOND_MS);
	CHECK(f.gone - before <= 10);
	CHECK(f.gone - before >= 6);
	for (int i = 0; i < 10; i++) {
		pass(&f, 10 * SECOND_MS);
		judge(&f, CALL_THROTTLED);
	}
	CHECK_INT(f.pace.interval_ms, 5000);
	for (int i = 0; i < 40; i++)
		judge(&f, CALL_ERROR);
	CHECK_INT(f.pace.interval_ms, 200);
	close_fixture(&f);
}

static void who_leaves_does_not_go(void)
{
	struct fixture f;

	open_fixture(&f);
	pace_wait(&f.pace, &f.queued[0].ticket, false);
	pace_wait(&f.pace, &f.queued[1].ticket, true);
	/* Once more is no second place in line. */
	pace_wait(&f.pace, &f.queued[1].ticket, true);
	pace_leave(&f.queued[0].ticket);
	pace_leave(&f.queued[2].ticket);
	pass(&f, SECOND_MS);
	CHECK_INT(f.gone, 1);
	close_fixture(&f);
}

int main(void)
{
	CHECK_RUN(nobody_goes_within_the_call);
	CHECK_RUN(five_a_second_and_never_more_than_nine);
	CHECK_RUN(lookups_go_before_pages);
	CHECK_RUN(throttling_slows_down_and_answers_speed_up);
	CHECK_RUN(who_leaves_does_not_go);
	return check_end();
}
