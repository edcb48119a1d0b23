/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP as sinks see it: requests to addresses that an operator configured, on connections of their own.
 * consumer/host implements it on the loop; tests script it.
 *
 *	pool = web_pool_open(env->web, &pool_options, &err);	one per sink: its connections and its trust
 *	web_send(env->web, &request);				request.done runs later, from the loop
 *	web_pool_close(env->web, &pool);			what is under way is forgotten
 *
 * Redirects are never followed, nothing is retried, and a request is sent at most once. An address is
 * checked after the name was resolved, before a connection is made and again when one is used anew: where
 * private ranges are not allowed, neither is whatever a name was made to point to meanwhile.
 */
#ifndef ENGINE_WEB_H
#define ENGINE_WEB_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

struct web;
struct web_pool;

/* How a pool connects; the strings are needed during web_pool_open only. */
struct web_pool_options {
	const char *ca_file; /* PEM; NULL: the system's */
	const char *client_cert, *client_key; /* PEM files, both or none */
	const char *client_key_password; /* NULL: none */
	bool allow_http; /* plain HTTP too, not only HTTPS */
	/* Loopback, link-local, private and metadata addresses too, and the environment's proxies: what
	   those connect to cannot be looked at. */
	bool allow_private;
	size_t connections; /* at most so many at once; further requests wait their turn */
	int64_t connect_timeout_ms;
};

enum web_result {
	/* A whole answer (or its permitted start: `truncated`) to a request sent whole; one that takes
	   nothing (status 300 and up) need not wait for that: 413 comes after the headers. */
	WEB_ANSWER,
	WEB_TIMED_OUT, /* the other side may or may not have taken the request */
	/* Connection refused, reset, closed within the answer, or success before all was sent: likewise. */
	WEB_BROKEN,
	/* Not sent, and a person has to act: forbidden address, untrusted certificate, malformed URL. */
	WEB_REFUSED,
};

struct web_request {
	/* Set by the caller. */
	struct web_pool *pool;
	const char *url; /* copied by web_send */
	const char *method; /* "POST" or another one that may have a body; of static storage */
	const char *const *headers; /* "Name: value", without line ends; copied by web_send */
	size_t n_headers;
	struct str body; /* stays the caller's until done or cancelled */
	int64_t timeout_ms; /* of the whole exchange, connecting included, from when it is its turn */
	size_t max_bytes; /* of the answer's body; the rest is not read */
	void (*done)(struct web_request *request);

	/* Set by the implementation before `done`. */
	enum web_result result;
	int status;
	struct buf answer; /* the body; the caller releases it */
	bool truncated; /* the body was longer */
	int64_t retry_after_ms; /* of the Retry-After header, 0: none. Not bounded */
	struct error why; /* one sentence, without the URL's query or user, when there is no answer */

	/* The implementation's own. */
	struct list link;
	void *slot;
};

struct web_ops {
	struct web_pool *(*pool_open)(struct web *web, const struct web_pool_options *options,
				      struct error *err);
	void (*pool_close)(struct web *web, struct web_pool *pool);
	void (*send)(struct web *web, struct web_request *request);
	void (*cancel)(struct web *web, struct web_request *request);
};

struct web {
	const struct web_ops *ops;
};

/* Makes a pool; NULL with `err` set when its files cannot be used. */
static inline struct web_pool *web_pool_open(struct web *web, const struct web_pool_options *how,
					     struct error *err)
{
	return web->ops->pool_open(web, how, err);
}

/*
 * Closes the pool's connections and empties the caller's pointer, which may point to NULL. Its requests are
 * as if cancelled, and may be cancelled still.
 */
static inline void web_pool_close(struct web *web, struct web_pool **pool)
{
	if (*pool != NULL)
		web->ops->pool_close(web, *pool);
	*pool = NULL;
}

/* Starts a request; request->done runs later, from the loop. */
static inline void web_send(struct web *web, struct web_request *request)
{
	web->ops->send(web, request);
}

/*
 * Forgets a request at whatever stage it is, also before and after all of them: request->done does not run
 * any more, and what came of an answer is released.
 */
static inline void web_cancel(struct web *web, struct web_request *request)
{
	web->ops->cancel(web, request);
}

#endif
