/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server on the loop: a few pages, each made anew when it is asked for. GET and HEAD only, no
 * thread of its own, a handful of connections, each for a short time.
 *
 *	server = server_new(loop, &options, &err);
 *	... the loop runs, pages are made in its callbacks ...
 *	server_free(server);
 */
#ifndef HOST_SERVER_H
#define HOST_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "consumer/host/loop.h"

struct server;

enum { SERVER_CONNECTIONS_MAX = 32 };

/* What a page says. */
struct server_answer {
	int status; /* HTTP's; 200 unless the page sets it */
	const char *type; /* its Content-Type, static */
	struct buf body;
};

/* One page. */
struct server_page {
	const char *path; /* "/readyz" */
	/* Appends to answer->body, and sets the rest. `verbose`: the query has that word. */
	void (*make)(void *arg, bool verbose, struct server_answer *answer);
};

/* `pages` and `arg` are borrowed as long as the server. */
struct server_options {
	const char *address; /* IPv4 or IPv6, as text; looked at only once */
	uint16_t port; /* 0: any that is free; the log says which */
	const struct server_page *pages;
	size_t n_pages;
	unsigned idle_s; /* after that a connection on which nothing moves is closed */
	size_t max_bytes; /* of one page's body; a larger one is status 500 */
	void *arg; /* of the pages */
};

/* Listens, and says so in the log. NULL with `err` when that address cannot be had. */
struct server *server_new(struct loop *loop, const struct server_options *options,
			  struct error *err);

/* Closes everything; NULL is allowed. Not from inside a page. */
void server_free(struct server *server);

#endif
