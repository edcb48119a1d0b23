/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world for the engine: one thread that waits for HTTP answers, timers, signals and posts from other
 * threads, and calls back. It implements struct io of consumer/engine/io.h and struct web of
 * consumer/engine/web.h.
 *
 *	keys = keys_new(&keys_options);
 *	loop = loop_new(&options, &err);	before any other thread starts
 *	engine = engine_new(loop_io(loop), ...);
 *	loop_on_signal(loop, on_signal, engine);
 *	loop_run(loop);				until a callback calls loop_stop
 *	engine_free(engine);
 *	loop_free(loop);
 *	keys_free(keys);
 *
 * Everything here belongs to the thread that runs the loop; other threads have io_post, and nothing else.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include "consumer/engine/io.h"
#include "consumer/engine/web.h"
#include "consumer/host/keys.h"

/* HTTP slots that only requests marked `reserved` may use. */
enum { LOOP_SLOTS_RESERVED = 4, LOOP_SLOTS_MIN = 8, LOOP_SLOTS_MAX = 1024 };

struct loop;

/* All pointers must stay valid as long as the loop. */
struct loop_options {
	const char *endpoint_streams; /* "https://streams.dynamodb.us-east-1.amazonaws.com" */
	const char *endpoint_tables; /* "https://dynamodb.us-east-1.amazonaws.com" */
	const char *region; /* to sign for */
	const char *ca_file; /* NULL: the system's bundle */
	struct keys *keys; /* where the credentials come from; borrowed */
	size_t slots; /* requests in flight at most, reserved ones counted; 0: 64 */
	int log_level; /* enum io_level; lines below it are dropped */
};

/* A descriptor of somebody else's, watched for something to read; stays the watcher's, like a timer. */
struct loop_watch {
	int fd;
	void (*ready)(struct loop_watch *watch); /* may not take watches away */
	struct list link; /* the loop's own */
};

/* What a signal runs: on the loop's thread, outside of any other callback. */
typedef void loop_signal_fn(void *arg, int signo);

/*
 * Makes a loop. Blocks SIGTERM, SIGINT and SIGHUP in the calling thread, and so in all that it starts
 * later, and ignores SIGPIPE. NULL with `err` set when an endpoint is no URL or the CA file is unreadable.
 */
struct loop *loop_new(const struct loop_options *options, struct error *err);

/*
 * Frees the loop. Requests and timers that are still pending are forgotten; posts run first, so that what
 * was closed while a post of it was on its way can be freed. NULL is allowed.
 */
void loop_free(struct loop *loop);

/* The loop as the engine sees it; lives as long as the loop. */
struct io *loop_io(struct loop *loop);

/* HTTP for sinks; lives as long as the loop. Pools that are open when it is freed are closed then. */
struct web *loop_web(struct loop *loop);

/* Calls watch->ready whenever there is something to read. Removed before the loop is freed. */
void loop_watch_add(struct loop *loop, struct loop_watch *watch);

/* Watches it no more. */
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* Runs callbacks until one of them calls loop_stop. */
void loop_run(struct loop *loop);

/* Makes loop_run return at the end of this turn. To be called from the loop's thread. */
void loop_stop(struct loop *loop);

/* Sets what SIGTERM, SIGINT and SIGHUP run; before that they are read and ignored. */
void loop_on_signal(struct loop *loop, loop_signal_fn *fn, void *arg);

#endif
