/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a webhook's receiver: makes a request of each bundle that the lanes send, signs it, and tells the
 * lanes what became of it. It owns the lanes, the connections and all secrets. On the loop's thread.
 *
 * A receiver that denies (401, 403) is called once more when reading the secrets again brought others,
 * or when the access token was one that can be fetched anew. One that is gone (410) is not called any more
 * before caller_reopen; one that named a time to wait (Retry-After) not before that.
 */
#ifndef WEBHOOK_CALLER_H
#define WEBHOOK_CALLER_H

#include "config/option.h"
#include "consumer/engine/web.h"
#include "sinks/webhook/lanes.h"
#include "sinks/webhook/oauth.h"
#include "sinks/webhook/signature.h"

/* All strings stay as long as the caller. */
struct caller_options {
	const char *url;
	struct pairs headers;
	enum signature_style style;
	const char *secret_file; /* NULL: none, with SIGNATURE_NONE */
	const char *token_file; /* NULL: none */
	struct oauth_options oauth; /* `url` NULL: none; io, web, pool and arg are set here */
	struct web_pool_options pool; /* the key's password is set here */
	const char *key_password_file; /* NULL: none */
	size_t lanes, batch_records, batch_bytes;
	int64_t timeout_ms;
	size_t answer_bytes;
	bool partial; /* 2xx answers may name records that were not taken */
};

struct caller;

/* Opens connections' pool and secrets; NULL with `err` set when one cannot be used. `options` is copied. */
struct caller *caller_new(const struct sink_env *env, const struct caller_options *options,
			  struct error *err);

/* Ends all calls and frees; deliveries still held are forgotten. */
void caller_free(struct caller *caller);

/* Takes a delivery. */
void caller_submit(struct caller *caller, struct delivery *delivery);

/*
 * Reads secrets and certificates anew, for later requests; what cannot be read stays as it was, and is
 * logged. A receiver that was gone or asked to wait is called again.
 */
void caller_reopen(struct caller *caller);

#endif
