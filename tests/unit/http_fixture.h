/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop that sends requests, and requests that note how they ended.
 */
#ifndef UNIT_HTTP_FIXTURE_H
#define UNIT_HTTP_FIXTURE_H

#include <stdlib.h>

#include "consumer/host/loop.h"
#include "tests/check.h"

enum { GUARD_MS = 20 * 1000 };

/* The client's side of a test. */
static struct {
	struct keys *keys;
	struct loop *loop;
	struct io *io;
	struct io_timer guard;
	bool hung;
	int wanted, done; /* the loop stops when as many are done as are wanted */
} f;

struct call {
	struct io_http http;
	int done, admitted;
	size_t admit_n;
	int order; /* as which one it was done */
	bool admit;
	struct call *cancel_in_admit, *cancel_in_done, *send_in_done;
};

static inline void on_guard(struct io_timer *timer)
{
	(void)timer;
	f.hung = true;
	loop_stop(f.loop);
}

/* A loop towards a URL. */
static inline void setup(const char *url, const char *ca_file)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = url,
		.endpoint_tables = url,
		.region = "eu-west-1",
		.ca_file = ca_file,
		.slots = 8,
		.log_level = IO_INFO,
	};
	struct error err;

	memset(&f, 0, sizeof(f));
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
	setenv("AWS_SESSION_TOKEN", "session/token+==", 1);
	setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
	f.keys = keys_new(&keys_options);
	options.keys = f.keys;
	f.loop = loop_new(&options, &err);
	must(f.loop != NULL);
	f.io = loop_io(f.loop);
	f.guard.fire = on_guard;
}

static inline void teardown(void)
{
	CHECK(!f.hung);
	loop_free(f.loop);
	keys_free(f.keys);
}

static inline void on_done(struct io_http *http)
{
	struct call *call = CONTAINER_OF(http, struct call, http);

	call->done++;
	call->order = ++f.done;
	if (call->cancel_in_done != NULL)
		io_http_cancel(f.io, &call->cancel_in_done->http);
	if (call->send_in_done != NULL)
		io_http_send(f.io, &call->send_in_done->http);
	if (f.done >= f.wanted)
		loop_stop(f.loop);
}

static inline bool on_admit(struct io_http *http, size_t n)
{
	struct call *call = CONTAINER_OF(http, struct call, http);
	bool admit = call->admit;

	call->admitted++;
	call->admit_n = n;
	if (call->cancel_in_admit != NULL) {
		struct io_http *victim = &call->cancel_in_admit->http;

		io_http_cancel(f.io, victim);
		buf_release(&victim->body); /* as an owner may */
		f.wanted--;
		if (f.done >= f.wanted)
			loop_stop(f.loop);
	}
	return admit;
}

static inline struct call call_to(const char *target)
{
	struct call call = {.admit = true};

	call.http.target = str_of(target);
	buf_init(&call.http.body, 1 << 20);
	buf_str(&call.http.body, STR("{\"Limit\":1}"));
	call.http.timeout_ms = 5000;
	call.http.max_bytes = 1 << 20;
	call.http.sign_wall_ms = io_wall_ms(f.io);
	call.http.done = on_done;
	call.http.admit = on_admit;
	return call;
}

/* Runs the loop until `n` more requests are done. */
static inline void run(int n)
{
	f.wanted = f.done + n;
	io_timer_set(f.io, &f.guard, io_now_ms(f.io) + GUARD_MS);
	loop_run(f.loop);
}

static inline void release(struct call *call)
{
	buf_release(&call->http.body);
	buf_release(&call->http.answer);
}

/* Sends one request to `target` and waits for its end. */
static inline struct call ask(struct call *call)
{
	io_http_send(f.io, &call->http);
	CHECK_INT(call->done, 0);
	run(1);
	CHECK_INT(call->done, 1);
	buf_release(&call->http.body);
	return *call;
}

/* Whether a request to `target` ended so, with a sentence that has these words in it. */
static inline bool ends(const char *target, enum io_result result, const char *words)
{
	struct call call = call_to(target);
	bool ok;

	ask(&call);
	ok = call.http.result == result && strstr(call.http.why.text, words) != NULL &&
	     (result == IO_ANSWER || call.http.answer.n == 0);
	if (!ok)
		fprintf(stderr, "%s: result %d, %s\n", target, call.http.result,
			call.http.why.text);
	release(&call);
	return ok;
}

#endif
