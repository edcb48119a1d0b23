/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Web requests that note how they ended, on the loop of http_fixture.h. A request's X-Amz-Target header
 * says what tiny_server.h does.
 */
#ifndef UNIT_WEB_FIXTURE_H
#define UNIT_WEB_FIXTURE_H

#include "consumer/engine/web.h"
#include "tests/unit/http_fixture.h"

static struct web *web;
static struct web_pool *pool;
static struct error pool_err;

struct hook {
	struct web_request web;
	char url[256], target[64];
	const char *headers[8];
	struct buf body;
	int done, order;
	struct hook *cancel_in_done, *send_in_done;
	bool close_in_done;
};

/* What most tests want of a pool. */
static inline struct web_pool_options open_all(void)
{
	return (struct web_pool_options){
		.allow_http = true,
		.allow_private = true,
		.connections = 4,
		.connect_timeout_ms = 3000,
	};
}

/* A loop, and a pool; NULL with `pool_err` set when that cannot be made. */
static inline void setup_web(struct web_pool_options options)
{
	setup("http://127.0.0.1:1", NULL);
	web = loop_web(f.loop);
	pool = web_pool_open(web, &options, &pool_err);
}

static inline void teardown_web(void)
{
	web_pool_close(web, &pool);
	CHECK(pool == NULL);
	web_pool_close(web, &pool); /* of NULL: nothing */
	teardown();
}

static inline void on_web_done(struct web_request *request)
{
	struct hook *hook = CONTAINER_OF(request, struct hook, web);

	hook->done++;
	hook->order = ++f.done;
	if (hook->cancel_in_done != NULL)
		web_cancel(web, &hook->cancel_in_done->web);
	if (hook->send_in_done != NULL)
		web_send(web, &hook->send_in_done->web);
	if (hook->close_in_done)
		web_pool_close(web, &pool);
	if (f.done >= f.wanted)
		loop_stop(f.loop);
}

/* Prepares a request to a URL. */
static inline void hook_init(struct hook *hook, const char *url, const char *target)
{
	memset(hook, 0, sizeof(*hook));
	snprintf(hook->url, sizeof(hook->url), "%s", url);
	snprintf(hook->target, sizeof(hook->target), "X-Amz-Target: %s", target);
	hook->headers[0] = hook->target;
	hook->headers[1] = "Content-Type: application/json";
	buf_init(&hook->body, 64 << 20);
	buf_str(&hook->body, STR("[1,2]"));
	hook->web = (struct web_request){
		.pool = pool,
		.url = hook->url,
		.method = "POST",
		.headers = hook->headers,
		.n_headers = 2,
		.timeout_ms = 5000,
		.max_bytes = 1000,
		.done = on_web_done,
	};
}

/* Sends a request. */
static inline void hook_send(struct hook *hook)
{
	hook->web.body = buf_view(&hook->body);
	web_send(web, &hook->web);
	CHECK_INT(hook->done, 0);
}

/* Sends a request and waits for its end. */
static inline void hook_run(struct hook *hook)
{
	hook->done = 0;
	hook_send(hook);
	run(1);
	CHECK_INT(hook->done, 1);
}

static inline void hook_release(struct hook *hook)
{
	buf_release(&hook->body);
	buf_release(&hook->web.answer);
}

/* Whether a request ended so, with a sentence that has these words, and nothing secret, in it. */
static inline bool hook_ended(struct hook *hook, enum web_result result, const char *words)
{
	const char *why = hook->web.why.text;
	bool ok = hook->web.result == result && strstr(why, words) != NULL &&
		  strstr(why, "hunter2") == NULL &&
		  (result == WEB_ANSWER ||
		   (hook->web.answer.n == 0 && hook->web.why.code != ERROR_NONE));

	if (!ok)
		fprintf(stderr, "%s: result %d, status %d, %s\n", hook->target, hook->web.result,
			hook->web.status, why);
	hook_release(hook);
	return ok;
}

/* Whether a request to `url` ends so. */
static inline bool web_ends_at(const char *url, const char *target, enum web_result result,
			       const char *words)
{
	struct hook hook;

	hook_init(&hook, url, target);
	hook_run(&hook);
	return hook_ended(&hook, result, words);
}

#endif
