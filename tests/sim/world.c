/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <stdio.h>

#include "tests/sim/network.h"

/* 2026-03-01T00:00:00Z: any time will do. */
#define WORLD_WALL_BASE_MS INT64_C(1772323200000)

/* The process whose io this is. */
static struct proc *proc_of(struct io *io)
{
	return CONTAINER_OF(io, struct proc, io);
}

/* struct io: the monotonic clock. */
static int64_t op_now_ms(struct io *io)
{
	return proc_of(io)->world->now_ms + proc_of(io)->boot_ms;
}

/* struct io: the process's own wall clock. */
static int64_t op_wall_ms(struct io *io)
{
	const struct proc *proc = proc_of(io);

	return world_wall_ms(proc->world) + proc->skew_ms;
}

/* struct io: chance, from the one generator. */
static uint64_t op_random(struct io *io)
{
	return rng_next(&proc_of(io)->world->rng);
}

/* struct io: sets or moves a timer. */
static void op_timer_set(struct io *io, struct io_timer *timer, int64_t at_ms)
{
	heap_set(&proc_of(io)->timers, &timer->node, at_ms);
}

/* struct io: unsets a timer. */
static void op_timer_cancel(struct io *io, struct io_timer *timer)
{
	heap_remove(&proc_of(io)->timers, &timer->node);
}

/* struct io: sends a request. */
static void op_http_send(struct io *io, struct io_http *http)
{
	network_send(proc_of(io), http);
}

/* struct io: gives a request up. */
static void op_http_cancel(struct io *io, struct io_http *http)
{
	network_cancel(proc_of(io), http);
}

/* struct io: runs something from the loop, soon. */
static void op_post(struct io *io, struct io_post *post)
{
	struct proc *proc = proc_of(io);

	post->next = NULL;
	*proc->posts_end = post;
	proc->posts_end = &post->next;
	if (proc->posted.node.place == 0)
		world_set(proc->world, &proc->posted, proc->world->now_ms);
}

/* Runs the oldest post of a process. */
static void proc_run_post(struct world_event *event)
{
	struct proc *proc = event->proc;
	struct io_post *post = proc->posts;

	if (post == NULL)
		return;
	proc->posts = post->next;
	if (proc->posts == NULL)
		proc->posts_end = &proc->posts;
	else
		world_set(proc->world, &proc->posted, proc->world->now_ms);
	post->run(post);
}

/* The name of a log level. */
static const char *level_word(enum io_level level)
{
	switch (level) {
	case IO_DEBUG:
		return "debug";
	case IO_INFO:
		return "info";
	case IO_WARN:
		return "warn";
	case IO_ERROR:
		return "error";
	}
	return "?";
}

/* struct io: one log line, into the trace. */
static void op_log(struct io *io, enum io_level level, struct str line)
{
	struct proc *proc = proc_of(io);
	struct world *world = proc->world;

	world_note(world, proc->name, "%s %.*s", level_word(level), STR_ARG(line));
	if (world->watch.logged != NULL)
		world->watch.logged(world->watch.arg, proc->name, level, line);
}

static const struct io_ops world_ops = {
	.now_ms = op_now_ms,
	.wall_ms = op_wall_ms,
	.random = op_random,
	.timer_set = op_timer_set,
	.timer_cancel = op_timer_cancel,
	.http_send = op_http_send,
	.http_cancel = op_http_cancel,
	.post = op_post,
	.log = op_log,
};

void world_init(struct world *world, uint64_t seed, struct world_trace *trace)
{
	struct service_options options;

	*world = (struct world){.trace = trace, .wall_base_ms = WORLD_WALL_BASE_MS};
	rng_init(&world->rng, seed);
	service_defaults(&options);
	options.seed = seed;
	world->service = service_new(&options);
	heap_init(&world->events);
	list_init(&world->procs);
	list_init(&world->flights);
	world->latency_min_ms = 2;
	world->latency_max_ms = 30;
	world->late_max_ms = 30000;
	trace->seed = seed;
	trace->step = 0;
	trace->now_ms = 0;
	trace->n_lines = 0;
	trace->failed[0] = '\0';
}

void world_release(struct world *world)
{
	must(list_empty(&world->procs));
	network_release(world);
	heap_release(&world->events);
	service_free(world->service);
}

int64_t world_wall_ms(const struct world *world)
{
	return world->wall_base_ms + world->now_ms;
}

void world_set(struct world *world, struct world_event *event, int64_t at_ms)
{
	if (event->link.next == NULL)
		list_init(&event->link);
	list_remove(&event->link);
	heap_set(&world->events, &event->node, at_ms < world->now_ms ? world->now_ms : at_ms);
}

void world_unset(struct world *world, struct world_event *event)
{
	heap_remove(&world->events, &event->node);
	if (event->link.next != NULL)
		list_remove(&event->link);
}

/* The running process whose first timer is due first, or NULL. */
static struct proc *next_timer(struct world *world, int64_t *at_ms)
{
	struct proc *best = NULL;

	list_each(it, &world->procs, spare) {
		struct proc *proc = CONTAINER_OF(it, struct proc, link);
		const struct heap_node *node = heap_first(&proc->timers);

		if (proc->paused || node == NULL ||
		    (best != NULL && node->key - proc->boot_ms >= *at_ms))
			continue;
		best = proc;
		*at_ms = node->key - proc->boot_ms;
	}
	return best;
}

/* Runs one event, or puts it aside when its process is paused. */
static void run_event(struct world *world, struct heap_node *node)
{
	struct world_event *event = CONTAINER_OF(node, struct world_event, node);

	heap_remove(&world->events, node);
	if (event->proc != NULL && event->proc->paused)
		list_add(&event->proc->held, &event->link);
	else
		event->run(event);
}

bool world_step(struct world *world, int64_t until_ms)
{
	struct heap_node *node = heap_first(&world->events);
	int64_t timer_ms = INT64_MAX, at_ms;
	struct proc *proc = next_timer(world, &timer_ms);

	/* Of what came due while a process was stopped, chance says which it finds first. */
	if (node != NULL && node->key <= world->now_ms && timer_ms < world->now_ms &&
	    proc->woke_ms == world->now_ms && rng_chance(&world->rng, 50))
		timer_ms = world->now_ms;
	at_ms = node != NULL && node->key <= timer_ms ? node->key : timer_ms;
	if (world->failed || (node == NULL && proc == NULL) || at_ms > until_ms) {
		if (world->now_ms < until_ms && !world->failed)
			world->now_ms = until_ms;
		return false;
	}
	if (at_ms > world->now_ms)
		world->now_ms = at_ms;
	world->trace->step++;
	world->trace->now_ms = world->now_ms;
	if (node != NULL && node->key <= timer_ms) {
		run_event(world, node);
	} else {
		struct heap_node *first = heap_first(&proc->timers);
		struct io_timer *timer = CONTAINER_OF(first, struct io_timer, node);

		heap_remove(&proc->timers, first);
		timer->fire(timer);
	}
	if (world->watch.stepped != NULL)
		world->watch.stepped(world->watch.arg);
	return !world->failed;
}

int64_t world_between(struct world *world, int64_t from, int64_t to)
{
	return from + (int64_t)rng_below(&world->rng, (uint64_t)(to - from + 1));
}

/* Writes one line into the ring, and to standard error when that was asked for. */
static void __attribute__((format(printf, 3, 0)))
trace_line(struct world *world, const char *who, const char *fmt, va_list ap)
{
	struct world_trace *trace = world->trace;
	char *line = trace->lines[trace->n_lines % WORLD_LINES];
	int n = snprintf(line, WORLD_LINE_MAX, "%8lld.%03lld %-4s ",
			 (long long)(world->now_ms / 1000), (long long)(world->now_ms % 1000), who);

	if (n > 0 && n < WORLD_LINE_MAX)
		vsnprintf(line + n, (size_t)(WORLD_LINE_MAX - n), fmt, ap);
	trace->n_lines++;
	if (trace->verbose)
		fprintf(stderr, "%s\n", line);
}

void world_note(struct world *world, const char *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	trace_line(world, who, fmt, ap);
	va_end(ap);
}

void world_fail(struct world *world, const char *name, const char *fmt, ...)
{
	struct world_trace *trace = world->trace;
	va_list ap;

	if (world->failed)
		return;
	world->failed = true;
	snprintf(trace->failed, sizeof(trace->failed), "%s", name);
	world_note(world, "sim", "INVARIANT %s", name);
	va_start(ap, fmt);
	trace_line(world, "sim", fmt, ap);
	va_end(ap);
}

void world_trace_print(const struct world_trace *trace)
{
	uint64_t n = trace->n_lines < WORLD_LINES ? trace->n_lines : WORLD_LINES;

	for (uint64_t i = trace->n_lines - n; i < trace->n_lines; i++)
		fprintf(stderr, "%s\n", trace->lines[i % WORLD_LINES]);
}

struct proc *proc_new(struct world *world, const char *name)
{
	struct proc *proc = mem_alloc(sizeof(*proc));

	proc->io.ops = &world_ops;
	proc->world = world;
	snprintf(proc->name, sizeof(proc->name), "%s", name);
	proc->life = world->lives++;
	proc->credentials = world->credentials_new;
	heap_init(&proc->timers);
	list_init(&proc->link);
	list_init(&proc->held);
	list_add(&world->procs, &proc->link);
	proc->posts_end = &proc->posts;
	proc->posted.proc = proc;
	proc->posted.run = proc_run_post;
	return proc;
}

void proc_free(struct proc **proc)
{
	struct proc *p = *proc;

	if (p == NULL)
		return;
	must(p->n_http == 0);
	world_unset(p->world, &p->posted);
	must(list_empty(&p->held));
	list_remove(&p->link);
	heap_release(&p->timers);
	mem_free(p);
	*proc = NULL;
}

void proc_pause(struct proc *proc, bool asleep)
{
	proc->paused = true;
	proc->asleep = asleep;
	if (asleep)
		proc->world->hits_suspend++;
	else
		proc->world->hits_pause++;
}

void proc_resume(struct proc *proc)
{
	proc->paused = false;
	proc->woke_ms = proc->world->now_ms;
	if (proc->asleep)
		network_cut(proc);
	proc->asleep = false;
	while (!list_empty(&proc->held)) {
		struct world_event *event = list_first(&proc->held, struct world_event, link);

		world_set(proc->world, event, proc->world->now_ms);
	}
}

size_t proc_outstanding(const struct proc *proc)
{
	return proc->n_http + proc->timers.n;
}
