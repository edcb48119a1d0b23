/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of one sink: a multi handle of its own with a fixed number of slots, and a queue of
 * requests that wait for one.
 *
 * A pool has its own multi handle, for connections, resolved names and parsed authorities are the multi
 * handle's: so no pool uses what another one's rules have let through, and closing one closes its
 * connections. It is driven by what the loop's one wait says of its sockets (see watch.h), and by a timer
 * of the loop's.
 */
#ifndef HOST_WEB_POOL_H
#define HOST_WEB_POOL_H

#include "consumer/engine/io.h"
#include "consumer/host/watch.h"
#include "consumer/host/web_slot.h"
#include "consumer/host/web_trust.h"

/* What all pools have in common; outlives them. */
struct web_env {
	struct io *io; /* for clocks and timers */
	struct watch *watch;
	struct list *finished; /* where requests go that have ended */
	char *no_proxy; /* hosts that are reached directly */
};

struct web_pool {
	struct list link; /* the owner's */
	const struct web_env *env;
	struct web_trust trust;
	struct web_place place;
	bool allow_http, allow_private;
	int64_t connect_timeout_ms;
	CURLM *multi;
	CURLSH *share; /* TLS sessions */
	struct web_slot *slots;
	size_t n_slots;
	struct list free, busy; /* slots */
	struct list waiting; /* requests, the oldest first */
	struct io_timer timer; /* libcurl's */
};

/* Makes a pool; NULL with `err` set when its files cannot be used. */
struct web_pool *web_pool_new(const struct web_env *env, const struct web_pool_options *options,
			      struct error *err);

/* Closes its connections; requests that it holds are forgotten. */
void web_pool_free(struct web_pool *pool);

/* Queues a request, or ends it at once when it must not be sent. */
void web_pool_add(struct web_pool *pool, struct web_request *request);

/* Forgets a request that waits or is on a slot. */
void web_pool_remove(struct web_pool *pool, struct web_request *request);

/* Whether a request waits that could start. */
bool web_pool_is_due(const struct web_pool *pool);

/* Starts what waits and has a slot. */
void web_pool_start(struct web_pool *pool);

/* Goes on with what waited for a socket, on which `events` (CURL_WAIT_POLLIN, ...) have come. */
void web_pool_ready(struct web_pool *pool, int fd, short events);

#endif
