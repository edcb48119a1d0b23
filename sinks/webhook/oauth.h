/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens by OAuth 2.0's client credentials grant (RFC 6749 section 4.4): fetched when one is first
 * needed, kept until shortly before they expire, one fetch at a time. On the loop's thread.
 *
 *	token = oauth_token(oauth, &waiter);	NULL: waiter.ready runs later, once
 *	...
 *	oauth_drop(oauth, generation);		the receiver did not like that one
 *
 * A failed fetch is handed to all who wait for it and is not tried again before somebody asks anew.
 */
#ifndef WEBHOOK_OAUTH_H
#define WEBHOOK_OAUTH_H

#include "base/buf.h"
#include "consumer/engine/io.h"
#include "consumer/engine/web.h"

enum oauth_style {
	OAUTH_HEADER, /* the client's id and secret in the Authorization header */
	OAUTH_BODY, /* as client_id and client_secret in the form */
};

/* All strings are the caller's and stay as long as the oauth. */
struct oauth_options {
	const char *url, *client_id, *secret_file;
	const char *scope; /* NULL: none is asked for */
	enum oauth_style style;
	int64_t timeout_ms;
	struct io *io;
	struct web *web;
	/* The pool to fetch with, at that moment. */
	struct web_pool *(*pool)(void *arg);
	void *arg;
};

struct oauth_failure;

/* Somebody who waits for a token. */
struct oauth_waiter {
	struct list link;
	/* There is a token now (`failure` is NULL), or there is none. */
	void (*ready)(struct oauth_waiter *waiter, const struct oauth_failure *failure);
};

/* Why there is no token. */
struct oauth_failure {
	bool fatal; /* a person has to act */
	int64_t retry_after_ms;
	struct error why;
};

struct oauth;

/* Reads the client's secret; NULL with `err` set when that fails. `options` is copied. */
struct oauth *oauth_new(const struct oauth_options *options, struct error *err);

/* Forgets a fetch under way, wipes and frees; nobody waits any more. NULL is allowed. */
void oauth_free(struct oauth *oauth);

/* Reads the client's secret again; on failure it stays as it was and `err` is set. */
bool oauth_reload(struct oauth *oauth, struct error *err);

/*
 * A token that is good at this moment, until the next turn of the loop; or empty, and `waiter` (in no list)
 * is told later.
 */
struct str oauth_token(struct oauth *oauth, struct oauth_waiter *waiter);

/* A number that is another one for each token; of the one that oauth_token would give now. */
uint64_t oauth_generation(const struct oauth *oauth);

/* The token of that generation is not good: it is not given any more. */
void oauth_drop(struct oauth *oauth, uint64_t generation);

/* The fetch under way, if any, begins anew: its pool is about to be closed. */
void oauth_restart(struct oauth *oauth);

#endif
