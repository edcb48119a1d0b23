/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for sinks over libcurl: the loop's implementation of consumer/engine/web.h, for the loop and nobody
 * else. See there for what it promises; web_pool.c has the connections.
 *
 * Proxies come from the usual environment variables, but only for pools that may reach private addresses,
 * and never for this machine itself: the addresses that a proxy connects to cannot be looked at.
 *
 * One thread. `done` runs in web_client_finish only.
 */
#ifndef HOST_WEB_CLIENT_H
#define HOST_WEB_CLIENT_H

#include "consumer/engine/io.h"
#include "consumer/engine/web.h"
#include "consumer/host/watch.h"

struct web_client;

/* Makes a client without pools; both arguments must outlive it. */
struct web_client *web_client_new(struct io *io, struct watch *watch);

/* Frees it, and pools that are still open; pending requests are forgotten. NULL is allowed. */
void web_client_free(struct web_client *client);

/* The client as sinks see it; lives as long as it. */
struct web *web_client_web(struct web_client *client);

/* Moves bytes on the sockets that the last wait found ready, and starts what waits; never blocks. */
void web_client_perform(struct web_client *client);

/* Runs `done` of all requests that ended before this call. */
void web_client_finish(struct web_client *client);

/* Whether web_client_perform or web_client_finish have something to do at once. */
bool web_client_is_due(const struct web_client *client);

#endif
