/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world, as the engine sees it: two clocks, chance, timers, HTTP to the two APIs, a way to run
 * something later, and a log. consumer/host implements it over libcurl and Linux; tests/sim over
 * virtual time and a model of the service. The engine has no other way out.
 *
 * Rules that both implementations keep:
 *   - One thread, the loop's, calls everything here, but for `post`, which any thread may call.
 *   - A completion never runs inside the call that asked for it; it comes later, from the loop.
 *   - Requests and timers are structs of the caller's, which stay where they are until their
 *     completion ran or they were cancelled. After a cancel the completion does not run.
 */
#ifndef ENGINE_IO_H
#define ENGINE_IO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"

struct io;

/* Which of the two services a request is for; they have hosts of their own. */
enum io_service { IO_STREAMS, IO_TABLES };

enum io_result {
	IO_ANSWER, /* the service answered; see status. The body may still be an error */
	IO_TIMED_OUT, /* no whole answer in time: the request may or may not have been carried out */
	IO_BROKEN, /* connection refused, reset, cut short, checksum wrong: as above */
	IO_TOO_BIG, /* the answer passed its cap, or `admit` refused it; what came was dropped */
	IO_REFUSED, /* not sent: no usable credentials, a name that does not resolve, a bad certificate.
			  `why` says what a person has to do; trying again is allowed, slowly */
};

/* One HTTP request. */
struct io_http {
	/* Set by the caller. */
	enum io_service service;
	struct str target; /* X-Amz-Target, of static storage */
	struct buf body; /* JSON; the caller releases it after the completion */
	int64_t timeout_ms;
	size_t max_bytes; /* cap on the answer's body */
	int64_t sign_wall_ms; /* the time to sign with: the wall clock plus known skew */
	bool reserved; /* may use the slots kept free for leases */
	bool fresh_credentials; /* read the credentials again before signing */
	void (*done)(struct io_http *http);
	/* Optional: whether an answer of `n` bytes may be read; called once, from the loop, before that. */
	bool (*admit)(struct io_http *http, size_t n);

	/* Set by the implementation before `done`. */
	enum io_result result;
	int status; /* HTTP status, when IO_ANSWER */
	struct buf
		answer; /* the body; the caller may take it (and buf_init the field), or releases it */
	int64_t date_wall_ms; /* the answer's Date header, 0 if there was none */
	struct error why; /* one sentence, when the result is not IO_ANSWER */

	/* The implementation's own. */
	struct list link;
	void *slot;
	int64_t sent_ms;
};

/* A timer. Zero it before first use. */
struct io_timer {
	struct heap_node node;
	void (*fire)(struct io_timer *timer);
};

/* Something to run on the loop. Owned by the poster until `run` is called. */
struct io_post {
	void (*run)(struct io_post *post);
	struct io_post *next; /* the implementation's own */
};

enum io_level { IO_DEBUG, IO_INFO, IO_WARN, IO_ERROR };

struct io_ops {
	/* Milliseconds that never go back and count while the machine sleeps (CLOCK_BOOTTIME). */
	int64_t (*now_ms)(struct io *io);
	/* Milliseconds since 1970, by the machine's clock. */
	int64_t (*wall_ms)(struct io *io);
	uint64_t (*random)(struct io *io);
	/* Sets the timer to fire at `at_ms` (by now_ms), or moves it. */
	void (*timer_set)(struct io *io, struct io_timer *timer, int64_t at_ms);
	void (*timer_cancel)(struct io *io, struct io_timer *timer);
	void (*http_send)(struct io *io, struct io_http *http);
	void (*http_cancel)(struct io *io, struct io_http *http);
	/* From any thread: runs post->run on the loop, in the order of posting. */
	void (*post)(struct io *io, struct io_post *post);
	/* One log line: "event.name key=value ...". Secrets and item data never. */
	void (*log)(struct io *io, enum io_level level, struct str line);
};

struct io {
	const struct io_ops *ops;
	enum io_level log_level; /* lines below it are not even made */
};

/* The monotonic clock, in milliseconds: for intervals. */
static inline int64_t io_now_ms(struct io *io)
{
	return io->ops->now_ms(io);
}

/* Milliseconds since 1970 by the machine's clock: for what others are told. */
static inline int64_t io_wall_ms(struct io *io)
{
	return io->ops->wall_ms(io);
}

/* 64 random bits. */
static inline uint64_t io_random(struct io *io)
{
	return io->ops->random(io);
}

/* Sets the timer to fire at `at_ms` (by io_now_ms), or moves it. */
static inline void io_timer_set(struct io *io, struct io_timer *timer, int64_t at_ms)
{
	io->ops->timer_set(io, timer, at_ms);
}

/* Unsets the timer; one that is not set is fine. */
static inline void io_timer_cancel(struct io *io, struct io_timer *timer)
{
	io->ops->timer_cancel(io, timer);
}

/* Starts a request; http->done runs later, from the loop. */
static inline void io_http_send(struct io *io, struct io_http *http)
{
	io->ops->http_send(io, http);
}

/* Forgets a request: http->done does not run any more. */
static inline void io_http_cancel(struct io *io, struct io_http *http)
{
	io->ops->http_cancel(io, http);
}

/* Runs post->run on the loop; from any thread. */
static inline void io_post(struct io *io, struct io_post *post)
{
	io->ops->post(io, post);
}

/* Logs one line; `fmt` starts with the event's name. Values with blanks go in as key="...". */
void io_log(struct io *io, enum io_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
