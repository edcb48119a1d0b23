/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/dirty.h"

#include "consumer/engine/checkpoint.h"

/* Puts the row on the list. */
static void enlist(struct shard *shard)
{
	if (list_empty(&shard->dirty_link))
		list_add(&shard->stream->table->engine->dirty, &shard->dirty_link);
}

void dirty_mark(struct shard *shard, bool urgent)
{
	enlist(shard);
	shard->urgent = shard->urgent || urgent;
	if (urgent)
		lease_step(shard);
}

void dirty_wait(struct shard *shard)
{
	enlist(shard);
	shard->urgent = true;
}

void dirty_clear(struct shard *shard)
{
	list_remove(&shard->dirty_link);
	shard->urgent = false;
}

/* Steps every row that is on the list; what has to wait comes back to it. `all`: not only the urgent ones. */
static void step(struct engine *engine, bool all)
{
	struct list due;

	list_init(&due);
	list_each(it, &engine->dirty, spare) {
		struct shard *shard = CONTAINER_OF(it, struct shard, dirty_link);

		if (!all && !shard->urgent)
			continue;
		shard->urgent = true;
		list_remove(it);
		list_add(&due, it);
	}
	while (!list_empty(&due)) {
		struct shard *shard = list_first(&due, struct shard, dirty_link);

		list_remove(&shard->dirty_link);
		lease_step(shard);
	}
}

void dirty_flush(struct engine *engine)
{
	step(engine, false);
}

/* The interval is over: every row that is behind gets written. */
static void interval_over(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, checkpoint_timer);

	step(engine, true);
	io_timer_set(engine->io, timer, io_now_ms(engine->io) + engine->options.checkpoint_ms);
}

void dirty_start(struct engine *engine)
{
	engine->checkpoint_timer.fire = interval_over;
	io_timer_set(engine->io, &engine->checkpoint_timer,
		     io_now_ms(engine->io) + engine->options.checkpoint_ms);
}
