/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/ration.h"

#include "consumer/engine/page.h"
#include "consumer/engine/peers.h"

enum {
	BURST_MS = 10 * MINUTE_MS,
	BURST_READS_MIN = 10,
	WORKERS_MS = SECOND_MS, /* between two counts of them */
	ARREARS_SHARE =
		4, /* so many turns as one that polls at the floor has a reader in arrears */
};

/* The longest month: what is said of a month must hold for all of them. */
#define MONTH_MS (31 * (int64_t)DAY_MS)

/* What one read takes out of the bucket, which gets `reads` each millisecond. */
static int64_t price(const struct engine *engine)
{
	return MONTH_MS * engine->ration.workers;
}

/* What the bucket holds at most. */
static int64_t capacity(const struct engine *engine)
{
	int64_t burst = BURST_MS * engine->ration.reads, least = BURST_READS_MIN * price(engine);

	return burst > least ? burst : least;
}

/* How many workers share the ration now: we, and the others that live as far as we know. */
static unsigned count_workers(const struct engine *engine)
{
	const struct peer *peer;
	unsigned n = 1;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL)
		n += peer_serves(engine, peer);
	return n;
}

/* Adds what the time since the last look has brought. */
static void count(struct engine *engine)
{
	struct ration *ration = &engine->ration;
	int64_t now_ms = io_now_ms(engine->io), passed_ms = now_ms - ration->counted_ms, most;

	if (now_ms - ration->workers_ms >= WORKERS_MS) {
		ration->workers = count_workers(engine);
		ration->workers_ms = now_ms;
	}
	most = capacity(engine);
	ration->counted_ms = now_ms;
	/* Divided, not multiplied: a machine may sleep for days. */
	if (passed_ms >= (most - ration->credit) / ration->reads)
		ration->credit = most;
	else
		ration->credit += passed_ms * ration->reads;
}

/* Says that the ration decides now, and how often each shard is read then; or that it does not any more. */
static void set_short(struct engine *engine, bool is_short)
{
	struct ration *ration = &engine->ration;
	int64_t each_ms = engine->readers_n * price(engine) / ration->reads;

	ration->is_short = is_short;
	if (is_short)
		io_log(engine->io, IO_WARN,
		       "reads.short max_reads_per_month=%lld workers=%u readers=%u "
		       "each_reads_every_ms=%lld max_latency_ms=%lld advice=\"%s\"",
		       (long long)ration->reads, ration->workers, engine->readers_n,
		       (long long)each_ms, (long long)engine->options.max_latency_ms,
		       "max_reads_per_month wins over max_latency: changes arrive later");
	else
		io_log(engine->io, IO_INFO, "reads.enough max_reads_per_month=%lld workers=%u",
		       (long long)ration->reads, ration->workers);
}

/* There is enough for one read, or the wait for that is too long to go unsaid. */
static void serve(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, ration.timer);
	struct ration *ration = &engine->ration;
	struct heap_node *first = heap_first(&ration->line);
	int64_t short_ms = io_now_ms(engine->io) - ration->line_ms;

	count(engine);
	if (first != NULL && !ration->is_short && short_ms > engine->options.max_latency_ms)
		set_short(engine, true);
	if (first == NULL || ration->credit < price(engine)) {
		ration_wake(engine);
		return;
	}
	reader_wait(CONTAINER_OF(first, struct reader, turn), 0);
}

void ration_init(struct engine *engine)
{
	engine->ration = (struct ration){
		.reads = engine->options.max_reads_per_month,
		.counted_ms = io_now_ms(engine->io),
		.workers = 1,
		.timer.fire = serve,
	};
	heap_init(&engine->ration.line);
}

void ration_release(struct engine *engine)
{
	must(heap_first(&engine->ration.line) == NULL);
	io_timer_cancel(engine->io, &engine->ration.timer);
	heap_release(&engine->ration.line);
}

void ration_join(struct reader *reader)
{
	reader->turn.key = reader_engine(reader)->ration.now;
}

bool ration_ready(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);
	struct ration *ration = &engine->ration;
	struct heap_node *first = heap_first(&ration->line);

	if (ration->reads == 0)
		return true;
	count(engine);
	if (ration->credit >= price(engine) && (first == NULL || reader->turn.key <= first->key))
		return true;
	if (first == NULL)
		ration->line_ms = io_now_ms(engine->io);
	heap_set(&ration->line, &reader->turn, reader->turn.key);
	ration_wake(engine);
	return false;
}

void ration_spend(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);
	struct ration *ration = &engine->ration;

	if (ration->reads == 0)
		return;
	ration->credit -= price(engine);
	if (reader->turn.key > ration->now)
		ration->now = reader->turn.key;
	if (ration->is_short && ration->credit >= capacity(engine) / 2)
		set_short(engine, false);
}

void ration_rest(struct reader *reader, int64_t wait_ms)
{
	struct engine *engine = reader_engine(reader);
	int64_t least_ms = engine->options.poll_floor_ms / ARREARS_SHARE;

	reader->turn.key = engine->ration.now + (wait_ms > least_ms ? wait_ms : least_ms);
}

void ration_leave(struct reader *reader)
{
	heap_remove(&reader_engine(reader)->ration.line, &reader->turn);
}

void ration_wake(struct engine *engine)
{
	struct ration *ration = &engine->ration;
	int64_t lack = price(engine) - ration->credit, due_ms = ration->counted_ms;
	int64_t short_ms = ration->line_ms + engine->options.max_latency_ms + 1;

	if (heap_first(&ration->line) == NULL)
		return;
	if (lack > 0)
		due_ms += (lack + ration->reads - 1) / ration->reads;
	if (!ration->is_short && due_ms > short_ms)
		due_ms = short_ms;
	io_timer_set(engine->io, &ration->timer, due_ms);
}
