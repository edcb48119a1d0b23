/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed requests to the two services over libcurl, for the loop and nobody else.
 *
 * A fixed number of slots, each an easy handle whose connection stays open between requests. A request
 * waits in one of two queues (reserved, others) until it gets a slot; its time starts then. Nothing is
 * retried here, and redirects are not followed. An idle slot holds no buffers.
 *
 * Proxies come from the usual environment variables (HTTPS_PROXY, NO_PROXY), but never for this machine
 * itself.
 *
 * One thread. No callback runs inside http_send and http_cancel; `done` runs in http_finish, `admit` in
 * http_perform, where it may send and cancel.
 */
#ifndef HOST_HTTP_H
#define HOST_HTTP_H

#include <curl/curl.h>

#include "consumer/engine/io.h"
#include "consumer/host/keys.h"

struct http;

/* All pointers must stay valid as long as the struct http. */
struct http_options {
	const char *endpoint[2]; /* base URLs, by enum io_service */
	const char *region;
	const char *ca_file; /* NULL: the system's bundle */
	struct keys *keys;
	size_t slots, reserved; /* all slots; those that only reserved requests may use */
	struct io *io; /* for the clock and the log */
};

/* NULL with `err` set when an endpoint is no URL or the CA file cannot be read. */
struct http *http_new(const struct http_options *options, struct error *err);

/* Closes all connections; pending requests are forgotten. NULL is allowed. */
void http_free(struct http *http);

/* Queues a request; `done` comes later, exactly once, unless it is cancelled. */
void http_send(struct http *http, struct io_http *request);

/* Forgets a request at whatever stage it is; does nothing when it is not pending. */
void http_cancel(struct http *http, struct io_http *request);

/* The multi handle, to wait on. */
CURLM *http_multi(struct http *http);

/* Starts what waits and has a slot, and moves bytes; never blocks. */
void http_perform(struct http *http);

/* Runs `done` of all requests that ended before this call. */
void http_finish(struct http *http);

/* Whether http_perform or http_finish have something to do at once. */
bool http_is_due(const struct http *http);

#endif
