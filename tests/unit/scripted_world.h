/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for sinks that call others, in which nothing happens but what the test says: two clocks that stand
 * still, timers that fire when it asks for a turn, and HTTP requests that wait for the test's answer.
 *
 *	world_init(&world);
 *	... something calls web_send(&world.web, ...) or io_timer_set(&world.io, ...)
 *	world_turn(&world);				timers that are due
 *	sent = world_sent(&world, 0);			the oldest request that has no answer yet
 *	world_answer(&world, sent, 200, "");
 */
#ifndef TESTS_SCRIPTED_WORLD_H
#define TESTS_SCRIPTED_WORLD_H

#include "base/arena.h"
#include "consumer/engine/sink.h"
#include "consumer/engine/web.h"

struct web_pool {
	bool closed;
	struct web_pool_options options;
};

enum { WORLD_POOLS_MAX = 16, WORLD_LOG_MAX = 64 * 1024 };

/* A request as it was when it was sent. */
struct world_request {
	struct list link;
	struct web_request *request;
	struct str url, body, headers; /* headers with '\n' after each */
};

struct world {
	struct io io;
	struct web web;
	struct heap timers;
	int64_t now_ms, wall_ms;
	struct arena arena; /* what was sent; freed with the world */
	struct list sent; /* without an answer */
	int n_sent; /* of all times */
	struct web_pool pools[WORLD_POOLS_MAX];
	size_t n_pools;
	const char *pool_fault; /* what opening the next pool fails with */
	struct buf log;
};

static int64_t world_now(struct io *io)
{
	return CONTAINER_OF(io, struct world, io)->now_ms;
}

static int64_t world_wall(struct io *io)
{
	return CONTAINER_OF(io, struct world, io)->wall_ms;
}

static void world_timer_set(struct io *io, struct io_timer *timer, int64_t at_ms)
{
	heap_set(&CONTAINER_OF(io, struct world, io)->timers, &timer->node, at_ms);
}

static void world_timer_cancel(struct io *io, struct io_timer *timer)
{
	heap_remove(&CONTAINER_OF(io, struct world, io)->timers, &timer->node);
}

static void world_log(struct io *io, enum io_level level, struct str line)
{
	struct world *world = CONTAINER_OF(io, struct world, io);

	(void)level;
	buf_str(&world->log, line);
	buf_c(&world->log, '\n');
}

static const struct io_ops world_io_ops = {
	.now_ms = world_now,
	.wall_ms = world_wall,
	.timer_set = world_timer_set,
	.timer_cancel = world_timer_cancel,
	.log = world_log,
};

static struct web_pool *world_pool_open(struct web *web, const struct web_pool_options *options,
					struct error *err)
{
	struct world *world = CONTAINER_OF(web, struct world, web);

	if (world->pool_fault != NULL) {
		error_set(err, ERROR_CONFIG, "%s", world->pool_fault);
		return NULL;
	}
	must(world->n_pools < WORLD_POOLS_MAX);
	world->pools[world->n_pools] = (struct web_pool){.options = *options};
	return &world->pools[world->n_pools++];
}

static void world_forget(struct world_request *sent)
{
	list_remove(&sent->link);
	sent->request->slot = NULL;
}

static void world_pool_close(struct web *web, struct web_pool *pool)
{
	struct world *world = CONTAINER_OF(web, struct world, web);

	must(!pool->closed);
	pool->closed = true;
	list_each(link, &world->sent, spare) {
		struct world_request *sent = CONTAINER_OF(link, struct world_request, link);

		if (sent->request->pool == pool)
			world_forget(sent);
	}
}

static void world_send(struct web *web, struct web_request *request)
{
	struct world *world = CONTAINER_OF(web, struct world, web);
	struct world_request *sent = arena_alloc(&world->arena, sizeof(*sent));
	struct buf headers;

	must(!request->pool->closed);
	buf_init(&headers, 1 << 20);
	for (size_t i = 0; i < request->n_headers; i++)
		buf_fmt(&headers, "%s\n", request->headers[i]);
	sent->request = request;
	sent->url = arena_str(&world->arena, str_of(request->url));
	sent->body = arena_str(&world->arena, request->body);
	sent->headers = arena_str(&world->arena, buf_view(&headers));
	buf_release(&headers);
	list_init(&sent->link);
	list_add(&world->sent, &sent->link);
	request->slot = sent;
	world->n_sent++;
}

static void world_cancel(struct web *web, struct web_request *request)
{
	(void)web;
	if (request->slot != NULL)
		world_forget(request->slot);
}

static const struct web_ops world_web_ops = {
	.pool_open = world_pool_open,
	.pool_close = world_pool_close,
	.send = world_send,
	.cancel = world_cancel,
};

static inline void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->io.ops = &world_io_ops;
	world->web.ops = &world_web_ops;
	world->now_ms = 1000 * 1000;
	world->wall_ms = 1614265330LL * 1000;
	heap_init(&world->timers);
	arena_init(&world->arena);
	list_init(&world->sent);
	buf_init(&world->log, WORLD_LOG_MAX);
}

static inline void world_release(struct world *world)
{
	for (size_t i = 0; i < world->n_pools; i++)
		must(world->pools[i].closed);
	must(list_empty(&world->sent));
	must(heap_first(&world->timers) == NULL);
	heap_release(&world->timers);
	arena_release(&world->arena);
	buf_release(&world->log);
}

/* Fires the timers that are due, and those that these set for this moment. */
static inline void world_turn(struct world *world)
{
	struct heap_node *node;

	while ((node = heap_first(&world->timers)) != NULL && node->key <= world->now_ms) {
		struct io_timer *timer = CONTAINER_OF(node, struct io_timer, node);

		heap_remove(&world->timers, node);
		timer->fire(timer);
	}
}

/* Lets time pass. */
static inline void world_sleep(struct world *world, int64_t ms)
{
	world->now_ms += ms;
	world->wall_ms += ms;
	world_turn(world);
}

/* Request number `i` of those without an answer; NULL when there are not so many. */
static inline struct world_request *world_sent(struct world *world, int i)
{
	list_each(link, &world->sent, spare) {
		if (i-- == 0)
			return CONTAINER_OF(link, struct world_request, link);
	}
	return NULL;
}

/* Ends a request as the implementation would, and takes a turn. */
static inline void world_end(struct world *world, struct world_request *sent,
			     enum web_result result, int status, struct str body)
{
	struct web_request *request = sent->request;

	world_forget(sent);
	request->result = result;
	request->status = status;
	if (body.n > request->max_bytes) {
		request->truncated = true;
		body = str_head(body, request->max_bytes);
	}
	buf_init(&request->answer, request->max_bytes + 1);
	buf_str(&request->answer, body);
	error_set(&request->why, ERROR_IO, "the connection broke");
	request->done(request);
	world_turn(world);
}

/* Answers a request. */
static inline void world_answer(struct world *world, struct world_request *sent, int status,
				const char *body)
{
	world_end(world, sent, WEB_ANSWER, status, str_of(body));
}

/* The value of a header of a request; empty when it has none. */
static inline struct str world_header(const struct world_request *sent, const char *name)
{
	struct str rest = sent->headers;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str key = str_cut(&line, ':');

		if (str_eq_nocase(key, str_of(name)))
			return str_trim(line);
	}
	return STR_NONE;
}

#endif
