/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "tests/unit/web_fixture.h"

#include "tests/unit/tiny_server.h"

static char base[64]; /* the small server's URL, with what must not be seen in messages */

/* A loop and a pool towards the small server. */
static void setup_plain(void)
{
	setup_web(open_all());
	must(pool != NULL);
}

/* Whether a request to the small server ends so. */
static bool web_ends(const char *target, enum web_result result, const char *words)
{
	return web_ends_at(base, target, result, words);
}

static void an_answer_comes_with_status_and_body(void)
{
	struct hook hook;

	setup_plain();
	hook_init(&hook, base, "t.ok");
	hook_run(&hook);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	CHECK_INT(hook.web.status, 200);
	CHECK(str_starts(buf_view(&hook.web.answer), STR("connection ")));
	CHECK(!hook.web.truncated);
	CHECK_INT(hook.web.retry_after_ms, 0);
	hook_release(&hook);
	hook_init(&hook, base, "t.400");
	hook_run(&hook);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	CHECK_INT(hook.web.status, 400);
	CHECK_STR(buf_view(&hook.web.answer), "{\"__type\":\"X\"}");
	hook_release(&hook);
	CHECK(web_ends("t.chunked", WEB_ANSWER, ""));
	CHECK(web_ends("t.untilclose", WEB_ANSWER, ""));
	CHECK(web_ends("t.empty", WEB_ANSWER, ""));
	teardown_web();
}

static void requests_go_out_as_given(void)
{
	struct hook hook;
	struct str raw;
	char host[64], url[128];

	setup_plain();
	snprintf(host, sizeof(host), "127.0.0.1:%d", server.port);
	snprintf(url, sizeof(url), "http://%s/a/b?c=d", host);
	hook_init(&hook, url, "t.echo");
	hook.web.method = "PUT";
	hook.headers[2] = "X-Empty:  ";
	hook.headers[3] = "X-Long: a: b";
	hook.web.n_headers = 4;
	hook_send(&hook);
	/* URL and headers are the pool's now. */
	memset(hook.url, 'x', sizeof(hook.url) - 1);
	memset(hook.target, 'x', sizeof(hook.target) - 1);
	memset(hook.headers, 0, sizeof(hook.headers));
	run(1);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	raw = str_make(server.last, server.last_n);
	CHECK(str_starts(raw, STR("PUT /a/b?c=d HTTP/1.1\r\n")));
	CHECK(str_ends(raw, STR("\r\n\r\n[1,2]")));
	CHECK_STR(header(raw, "Host"), host);
	CHECK_STR(header(raw, "Content-Type"), "application/json");
	CHECK_STR(header(raw, "X-Long"), "a: b");
	CHECK(header(raw, "X-Empty").p != NULL && header(raw, "X-Empty").n == 0);
	CHECK_STR(header(raw, "User-Agent"), "ddbtap/" DDBTAP_VERSION);
	CHECK(header(raw, "Expect").p == NULL && header(raw, "Accept").p == NULL &&
	      header(raw, "Accept-Encoding").p == NULL && header(raw, "Authorization").p == NULL);
	hook_release(&hook);
	hook_init(&hook, base, "t.echo");
	hook.web.n_headers = 1;
	buf_clear(&hook.body);
	for (int i = 0; i < 900000; i++)
		buf_c(&hook.body, (char)('a' + i % 26));
	hook_run(&hook);
	raw = str_make(server.last, server.last_n);
	CHECK(header(raw, "Content-Type").p == NULL && header(raw, "Expect").p == NULL);
	CHECK(str_ends(raw, buf_view(&hook.body)));
	hook_release(&hook);
	hook_init(&hook, base, "t.echo"); /* no body at all */
	buf_clear(&hook.body);
	hook_run(&hook);
	CHECK(str_ends(str_make(server.last, server.last_n), STR("\r\n\r\n")));
	CHECK(hook_ended(&hook, WEB_ANSWER, ""));
	teardown_web();
}

static void answers_end_at_their_cap_without_error(void)
{
	static const char *const targets[] = {"t.big", "t.bigchunks"};
	struct hook hook;

	setup_plain();
	for (size_t i = 0; i < ARRAY_N(targets); i++) {
		hook_init(&hook, base, targets[i]);
		hook_run(&hook);
		CHECK_INT(hook.web.result, WEB_ANSWER);
		CHECK_INT(hook.web.status, 200);
		CHECK_INT(hook.web.answer.n, 1000);
		CHECK(hook.web.truncated);
		CHECK(str_starts(buf_view(&hook.web.answer), STR("01234567890123456789")));
		hook_release(&hook);
	}
	for (size_t max = 9; max <= 14; max++) {
		hook_init(&hook, base, "t.400"); /* with a body of 14 bytes */
		hook.web.max_bytes = max;
		hook_run(&hook);
		CHECK_INT(hook.web.status, 400);
		CHECK_INT(hook.web.answer.n, max);
		CHECK(hook.web.truncated == (max < 14));
		hook_release(&hook);
	}
	hook_init(&hook, base, "t.ok");
	hook.web.max_bytes = 0;
	hook_run(&hook);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	CHECK(hook.web.truncated && hook.web.answer.n == 0);
	hook_release(&hook);
	CHECK(web_ends("t.bigheaders", WEB_BROKEN, "headers are too large"));
	teardown_web();
}

static void broken_answers_are_told_apart(void)
{
	setup_plain();
	CHECK(web_ends("t.cut", WEB_BROKEN, "in the middle of an answer"));
	CHECK(web_ends("t.cutchunk", WEB_BROKEN, "in the middle of an answer"));
	CHECK(web_ends("t.close", WEB_BROKEN, "without an answer"));
	CHECK(web_ends("t.reset", WEB_BROKEN, "cut"));
	CHECK(web_ends("t.garbage", WEB_BROKEN, "does not speak HTTP"));
	CHECK(web_ends("t.ok", WEB_ANSWER, ""));
	teardown_web();
}

static void a_success_before_the_request_was_read_is_not_believed(void)
{
	struct hook hook;

	setup_plain();
	/* Neither when it is not sent, nor when it waits in the sockets' buffers. */
	for (int tens = 3000000; tens >= 30000; tens /= 50) {
		hook_init(&hook, base, "t.early");
		for (int i = 0; i < tens; i++)
			buf_str(&hook.body, STR("0123456789"));
		hook_run(&hook);
		CHECK(hook_ended(&hook, WEB_BROKEN,
				 "answered 200 before the request was sent whole"));
	}
	hook_init(&hook, base, "t.early413"); /* but a refusal is */
	for (int i = 0; i < 3000000; i++)
		buf_str(&hook.body, STR("0123456789"));
	hook_run(&hook);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	CHECK_INT(hook.web.status, 413);
	CHECK_STR(buf_view(&hook.web.answer), "no!");
	hook_release(&hook);
	teardown_web();
}

static void nothing_is_sent_twice(void)
{
	int before;

	setup_plain();
	for (int i = 0; i < 2; i++) {
		/* On a kept connection that ends without an answer. */
		CHECK(web_ends("t.ok", WEB_ANSWER, ""));
		before = server.requests;
		CHECK(web_ends(i == 0 ? "t.close" : "t.reset", WEB_BROKEN, "without an answer"));
		CHECK_INT(server.requests, before + 1);
	}
	/* What was closed while it was idle is not used. */
	CHECK(web_ends("t.okclose", WEB_ANSWER, ""));
	usleep(50 * 1000);
	CHECK(web_ends("t.ok", WEB_ANSWER, ""));
	before = server.requests;
	CHECK(web_ends("t.redirect", WEB_ANSWER, ""));
	CHECK_INT(server.requests, before + 1);
	teardown_web();
}

static void redirects_are_answers(void)
{
	struct hook hook;

	setup_plain();
	hook_init(&hook, base, "t.redirect");
	hook_run(&hook);
	CHECK_INT(hook.web.result, WEB_ANSWER);
	CHECK_INT(hook.web.status, 302);
	hook_release(&hook);
	teardown_web();
}

static void time_runs_out(void)
{
	static const char *const targets[] = {"t.drip", "t.silent"};

	setup_plain();
	for (size_t i = 0; i < ARRAY_N(targets); i++) {
		struct hook hook;
		int64_t start_ms, took_ms;

		CHECK(web_ends("t.ok", WEB_ANSWER, "")); /* leaves an open connection */
		hook_init(&hook, base, targets[i]);
		hook.web.timeout_ms = 150;
		start_ms = io_now_ms(f.io);
		hook_run(&hook);
		took_ms = io_now_ms(f.io) - start_ms;
		CHECK(took_ms >= 140 && took_ms < 3000);
		CHECK(hook_ended(&hook, WEB_TIMED_OUT, "no whole answer within"));
	}
	teardown_web();
}

static void connecting_has_a_time_of_its_own(void)
{
	struct web_pool_options options = open_all();
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[4];
	socklen_t n = sizeof(addr);
	int64_t start_ms;
	char url[64];

	/* One that listens, but whose queue is full, answers no call. */
	must(bind(fd, (struct sockaddr *)&addr, n) == 0 && listen(fd, 0) == 0);
	must(getsockname(fd, (struct sockaddr *)&addr, &n) == 0);
	for (size_t i = 0; i < ARRAY_N(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fill[i], (struct sockaddr *)&addr, n) == 0)
			continue;
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(addr.sin_port));
	options.connect_timeout_ms = 150;
	setup_web(options);
	start_ms = io_now_ms(f.io);
	CHECK(web_ends_at(url, "t.ok", WEB_TIMED_OUT, "no connection within"));
	CHECK(io_now_ms(f.io) - start_ms < 3000);
	teardown_web();
	for (size_t i = 0; i < ARRAY_N(fill); i++)
		close(fill[i]);
	close(fd);
}

/* What Retry-After becomes in milliseconds. */
static int64_t retry_after(const char *target)
{
	struct hook hook;

	hook_init(&hook, base, target);
	hook_run(&hook);
	CHECK_INT(hook.web.status, 503);
	hook_release(&hook);
	return hook.web.retry_after_ms;
}

static void retry_after_is_read(void)
{
	const int64_t year_2999_ms = 32472241445000;
	int64_t ms;

	setup_plain();
	CHECK_INT(retry_after("t.after7"), 7000);
	CHECK_INT(retry_after("t.aftercontinue"), 0);
	CHECK_INT(retry_after("t.afterword"), 0);
	CHECK_INT(retry_after("t.afterhuge"), 0);
	ms = retry_after("t.afterdate");
	CHECK(ms > year_2999_ms - io_wall_ms(f.io) - 1000 &&
	      ms < year_2999_ms - io_wall_ms(f.io) + 10000);
	ms = retry_after("t.afterpast");
	CHECK(ms == 0 || io_wall_ms(f.io) < 1767323045000);
	teardown_web();
}

static void what_must_not_be_sent_is_refused(void)
{
	struct web_pool_options options = open_all();
	int before = server.requests;
	static char large[70000];
	struct hook hook;
	char host[64];

	setup_plain();
	CHECK(web_ends_at("", "t.ok", WEB_REFUSED, "malformed"));
	CHECK(web_ends_at("http://", "t.ok", WEB_REFUSED, "malformed"));
	CHECK(web_ends_at("http://a b/?hunter2", "t.ok", WEB_REFUSED, "malformed"));
	CHECK(web_ends_at("http://a:99999/?hunter2", "t.ok", WEB_REFUSED, "malformed"));
	CHECK(web_ends_at("ftp://x/?hunter2", "t.ok", WEB_REFUSED,
			  "begin with https:// or http://"));
	CHECK(web_ends_at("file:///etc/passwd", "t.ok", WEB_REFUSED, ""));
	hook_init(&hook, base, "t.ok");
	hook.headers[1] = "X-A: hunter2\r\nX-B: c";
	hook_run(&hook);
	CHECK(hook_ended(&hook, WEB_REFUSED, "header X-A is malformed"));
	hook_init(&hook, base, "t.ok");
	hook.headers[1] = ": hunter2";
	hook_run(&hook);
	CHECK(hook_ended(&hook, WEB_REFUSED, "malformed"));
	memset(large, 'x', sizeof(large) - 1);
	large[4] = ':';
	hook_init(&hook, base, "t.ok");
	hook.headers[1] = large;
	hook_run(&hook);
	CHECK(hook_ended(&hook, WEB_REFUSED, "larger than 65536 bytes"));
	teardown_web();
	options.allow_http = false;
	setup_web(options);
	snprintf(host, sizeof(host), "127.0.0.1:%d: its URL must begin with https://", server.port);
	CHECK(web_ends("t.ok", WEB_REFUSED, host));
	CHECK(web_ends("t.ok", WEB_REFUSED, "`allow_http: true`"));
	teardown_web();
	CHECK_INT(server.requests, before);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	server_start();
	snprintf(base, sizeof(base), "http://me:hunter2@127.0.0.1:%d/?k=hunter2", server.port);
	CHECK_RUN(an_answer_comes_with_status_and_body);
	CHECK_RUN(requests_go_out_as_given);
	CHECK_RUN(answers_end_at_their_cap_without_error);
	CHECK_RUN(broken_answers_are_told_apart);
	CHECK_RUN(a_success_before_the_request_was_read_is_not_believed);
	CHECK_RUN(nothing_is_sent_twice);
	CHECK_RUN(redirects_are_answers);
	CHECK_RUN(time_runs_out);
	CHECK_RUN(connecting_has_a_time_of_its_own);
	CHECK_RUN(retry_after_is_read);
	CHECK_RUN(what_must_not_be_sent_is_refused);
	server_stop();
	return check_end();
}
