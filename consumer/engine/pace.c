/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/pace.h"

enum {
	INTERVAL_MS = 200, /* five a second */
	SLOWEST_MS = 5000,
	ROW_MAX = 4, /* so many may go in a row */
	ROW_OF_LOOKUPS = 2, /* so many of those only for lookups */
};

/* What the time since the last look has brought. */
static void count(struct pace *pace)
{
	int64_t now_ms = io_now_ms(pace->io);

	pace->credit_ms += now_ms - pace->counted_ms;
	if (pace->credit_ms > ROW_MAX * pace->interval_ms)
		pace->credit_ms = ROW_MAX * pace->interval_ms;
	pace->counted_ms = now_ms;
}

/* The credit that the next ticket in line needs; 0: nobody waits. */
static int64_t needed_ms(const struct pace *pace)
{
	if (!list_empty(&pace->lookups))
		return pace->interval_ms;
	return list_empty(&pace->pages) ? 0 : (ROW_OF_LOOKUPS + 1) * pace->interval_ms;
}

/* Sets the timer for the next ticket in line. */
static void plan(struct pace *pace)
{
	int64_t wait_ms = needed_ms(pace) - pace->credit_ms;

	if (needed_ms(pace) == 0)
		io_timer_cancel(pace->io, &pace->timer);
	else
		io_timer_set(pace->io, &pace->timer,
			     pace->counted_ms + (wait_ms > 0 ? wait_ms : 0));
}

/* Lets those go whose turn it is. */
static void serve(struct io_timer *timer)
{
	struct pace *pace = CONTAINER_OF(timer, struct pace, timer);

	count(pace);
	while (needed_ms(pace) > 0 && pace->credit_ms >= needed_ms(pace)) {
		struct list *line = list_empty(&pace->lookups) ? &pace->pages : &pace->lookups;
		struct pace_ticket *ticket = list_first(line, struct pace_ticket, link);

		list_remove(&ticket->link);
		pace->credit_ms -= pace->interval_ms;
		ticket->go(ticket);
	}
	plan(pace);
}

void pace_init(struct pace *pace, struct io *io)
{
	*pace = (struct pace){
		.io = io,
		.timer.fire = serve,
		.interval_ms = INTERVAL_MS,
		.credit_ms = ROW_MAX * INTERVAL_MS,
		.counted_ms = io_now_ms(io),
	};
	list_init(&pace->lookups);
	list_init(&pace->pages);
}

void pace_ticket_init(struct pace_ticket *ticket, void (*go)(struct pace_ticket *ticket))
{
	list_init(&ticket->link);
	ticket->go = go;
}

void pace_wait(struct pace *pace, struct pace_ticket *ticket, bool lookup)
{
	if (!list_empty(&ticket->link))
		return;
	list_add(lookup ? &pace->lookups : &pace->pages, &ticket->link);
	count(pace);
	plan(pace);
}

void pace_leave(struct pace_ticket *ticket)
{
	list_remove(&ticket->link);
}

/* The service throttled a request: what was saved up is gone, and everything is slower. */
static void slow_down(struct pace *pace)
{
	int64_t now_ms = io_now_ms(pace->io);

	count(pace);
	pace->credit_ms = 0;
	/* Several that were under way together are one sign. */
	if (pace->slowed_ms == 0 || now_ms - pace->slowed_ms >= pace->interval_ms) {
		pace->slowed_ms = now_ms;
		pace->interval_ms *= 2;
		if (pace->interval_ms > SLOWEST_MS)
			pace->interval_ms = SLOWEST_MS;
	}
	plan(pace);
}

void pace_judge(struct pace *pace, const struct call *call)
{
	if (call->outcome == CALL_THROTTLED) {
		slow_down(pace);
	} else if (call->http.result == IO_ANSWER) {
		pace->interval_ms -= pace->interval_ms / 8;
		if (pace->interval_ms < INTERVAL_MS)
			pace->interval_ms = INTERVAL_MS;
	}
}

void pace_release(struct pace *pace)
{
	must(list_empty(&pace->lookups) && list_empty(&pace->pages));
	io_timer_cancel(pace->io, &pace->timer);
}
