/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "base/time.h"
#include "consumer/aws/sigv4.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/tiny_server.h"

/* A loop towards the small server. */
static void setup_plain(void)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
	setup(url, NULL);
}

static void an_answer_comes_with_status_body_and_date(void)
{
	struct call call;

	setup_plain();
	call = call_to("t.ok");
	ask(&call);
	CHECK_INT(call.http.result, IO_ANSWER);
	CHECK_INT(call.http.status, 200);
	CHECK(str_starts(buf_view(&call.http.answer), STR("connection ")));
	CHECK_INT(call.http.date_wall_ms, 1767323045000);
	CHECK(call.http.sent_ms > 0);
	CHECK_INT(call.admitted, 1);
	CHECK_INT(call.admit_n, call.http.answer.n);
	release(&call);
	call = call_to("t.400");
	ask(&call);
	CHECK_INT(call.http.result, IO_ANSWER);
	CHECK_INT(call.http.status, 400);
	CHECK_STR(buf_view(&call.http.answer), "{\"__type\":\"X\"}");
	CHECK_INT(call.http.date_wall_ms, 0);
	release(&call);
	teardown();
}

static void requests_are_signed_as_sent(void)
{
	struct credentials credentials = {.access_key = (char *)(uintptr_t) "AKIDEXAMPLE",
					  .secret_key = (char *)(uintptr_t) "hidden",
					  .session_token = (char *)(uintptr_t) "session/token+=="};
	struct sign_request sign = {.path = STR("/"), .content_type = SIGN_JSON};
	struct signature want;
	struct signer signer;
	struct call call;
	struct str raw;
	char host[64];

	setup_plain();
	snprintf(host, sizeof(host), "127.0.0.1:%d", server.port);
	call = call_to("t.echo");
	call.http.sign_wall_ms = 1767323045678; /* not now: the clocks differ */
	io_http_send(f.io, &call.http);
	run(1);
	raw = str_make(server.last, server.last_n);
	CHECK(str_starts(raw, STR("POST / HTTP/1.1\r\n")));
	CHECK(str_ends(raw, STR("\r\n\r\n{\"Limit\":1}")));
	CHECK_STR(header(raw, "Host"), host);
	CHECK_STR(header(raw, "Content-Type"), "application/x-amz-json-1.0");
	CHECK_STR(header(raw, "X-Amz-Date"), "20260102T030405Z");
	CHECK_STR(header(raw, "X-Amz-Security-Token"), "session/token+==");
	CHECK_STR(header(raw, "User-Agent"), "ddbtap/" DDBTAP_VERSION);
	CHECK(header(raw, "Expect").p == NULL && header(raw, "Accept").p == NULL &&
	      header(raw, "Accept-Encoding").p == NULL);
	signer_init(&signer, STR("eu-west-1"), SIGN_SERVICE);
	sign.host = header(raw, "Host");
	sign.target = header(raw, "X-Amz-Target");
	sign.body = buf_view(&call.http.body);
	sign.wall_ms = 1767323045678;
	signer_sign(&signer, &credentials, &sign, &want);
	CHECK_STR(header(raw, "Authorization"), want.authorization);
	signer_release(&signer);
	release(&call);
	teardown();
}

static void connections_are_kept(void)
{
	struct call call;
	int before;

	setup_plain();
	before = server.n;
	for (int i = 0; i < 20; i++) {
		call = call_to(i % 2 == 0 ? "t.ok" : "t.chunked");
		call.http.service = i % 4 < 2 ? IO_STREAMS : IO_TABLES;
		ask(&call);
		CHECK_INT(call.http.result, IO_ANSWER);
		release(&call);
	}
	pthread_mutex_lock(&server.lock);
	CHECK_INT(server.n, before + 1);
	pthread_mutex_unlock(&server.lock);
	teardown();
}

static void bodies_of_unknown_length_are_read(void)
{
	struct call call;

	setup_plain();
	call = call_to("t.chunked");
	ask(&call);
	CHECK_INT(call.http.result, IO_ANSWER);
	CHECK_STR(buf_view(&call.http.answer), "hello, world");
	CHECK_INT(call.admitted, 0);
	release(&call);
	call = call_to("t.untilclose");
	ask(&call);
	CHECK_STR(buf_view(&call.http.answer), "to the end");
	release(&call);
	call = call_to("t.empty");
	ask(&call);
	CHECK_INT(call.http.result, IO_ANSWER);
	CHECK_INT(call.http.answer.n, 0);
	release(&call);
	call = call_to("t.redirect");
	ask(&call);
	CHECK_INT(call.http.status, 302);
	release(&call);
	teardown();
}

static void large_requests_go_out_whole(void)
{
	struct call call;

	setup_plain();
	call = call_to("t.echo");
	for (int i = 0; i < 400000; i++)
		buf_c(&call.http.body, (char)('a' + i % 26));
	io_http_send(f.io, &call.http);
	run(1);
	CHECK_INT(call.http.result, IO_ANSWER);
	CHECK(str_ends(str_make(server.last, server.last_n), buf_view(&call.http.body)));
	release(&call);
	teardown();
}

static void answers_that_are_too_big_are_dropped(void)
{
	struct call call;

	setup_plain();
	CHECK(ends("t.big", IO_TOO_BIG, "larger"));
	CHECK(ends("t.bigchunks", IO_TOO_BIG, "larger"));
	CHECK(ends("t.bigheaders", IO_TOO_BIG, "larger"));
	call = call_to("t.ok");
	call.admit = false;
	ask(&call);
	CHECK_INT(call.http.result, IO_TOO_BIG);
	CHECK_INT(call.admitted, 1);
	release(&call);
	call = call_to("t.big"); /* over the cap: nobody needs to be asked */
	ask(&call);
	CHECK_INT(call.admitted, 0);
	release(&call);
	teardown();
}

static void broken_answers_are_told_apart(void)
{
	setup_plain();
	CHECK(ends("t.cut", IO_BROKEN, "in the middle of an answer"));
	CHECK(ends("t.badcrc", IO_BROKEN, "damaged"));
	CHECK(ends("t.crcword", IO_BROKEN, "damaged"));
	CHECK(ends("t.close", IO_BROKEN, "without an answer"));
	CHECK(ends("t.reset", IO_BROKEN, "cut"));
	CHECK(ends("t.garbage", IO_BROKEN, "does not speak HTTP"));
	CHECK(ends("t.ok", IO_ANSWER, ""));
	teardown();
}

static void time_runs_out(void)
{
	const char *targets[] = {"t.drip", "t.silent"};

	setup_plain();
	for (size_t i = 0; i < ARRAY_N(targets); i++) {
		struct call call = call_to(targets[i]);
		int64_t start_ms, took_ms;

		/* Leaves an open connection, so that no time is needed to make one. */
		CHECK(ends("t.ok", IO_ANSWER, ""));
		start_ms = io_now_ms(f.io);
		call.http.timeout_ms = 150;
		ask(&call);
		CHECK_INT(call.http.result, IO_TIMED_OUT);
		took_ms = io_now_ms(f.io) - start_ms;
		if (took_ms < 150 || took_ms > 3000)
			fprintf(stderr, "%s took %lld ms\n", targets[i], (long long)took_ms);
		/* libcurl counts on another clock; neither would have ended within 10 s. */
		CHECK(took_ms >= 140 && took_ms < 10 * 1000);
		CHECK(strstr(call.http.why.text, "no whole answer within") != NULL);
		CHECK(strstr(call.http.why.text, "127.0.0.1:") != NULL);
		release(&call);
	}
	teardown();
}

/* A port that nobody listens on. */
static int unused_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(addr);

	must(bind(fd, (struct sockaddr *)&addr, n) == 0);
	must(getsockname(fd, (struct sockaddr *)&addr, &n) == 0);
	close(fd);
	return ntohs(addr.sin_port);
}

static void hosts_that_are_not_there(void)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", unused_port());
	setup(url, NULL);
	CHECK(ends("t.ok", IO_BROKEN, "Connection refused"));
	teardown();
	setup("http://no-such-host.invalid", NULL);
	CHECK(ends("t.ok", IO_BROKEN, "does not resolve"));
	teardown();
}

static void a_proxy_is_not_asked_for_this_machine(void)
{
	char proxy[64];

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", unused_port());
	setenv("http_proxy", proxy, 1);
	setup_plain();
	CHECK(ends("t.ok", IO_ANSWER, ""));
	teardown();
	setup("http://192.0.2.1:1", NULL);
	CHECK(ends("t.ok", IO_BROKEN, "Connection refused"));
	teardown();
	unsetenv("http_proxy");
}

static void without_credentials_nothing_is_sent(void)
{
	int before = server.requests;

	setup_plain();
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	CHECK(ends("t.ok", IO_REFUSED, "no AWS credentials"));
	CHECK_INT(server.requests, before);
	teardown();
}

static void reserved_requests_go_first_and_have_slots_of_their_own(void)
{
	enum { ORDINARY = 6, RESERVED = 6 };
	struct call ordinary[ORDINARY], reserved[RESERVED];
	int started = 0;

	setup_plain();
	for (int i = 0; i < ORDINARY; i++) {
		ordinary[i] = call_to("t.silent");
		ordinary[i].http.timeout_ms = 300;
		io_http_send(f.io, &ordinary[i].http);
	}
	for (int i = 0; i < RESERVED; i++) {
		reserved[i] = call_to("t.ok");
		reserved[i].http.reserved = true;
		io_http_send(f.io, &reserved[i].http);
	}
	run(RESERVED);
	for (int i = 0; i < RESERVED; i++)
		CHECK_INT(reserved[i].done, 1);
	for (int i = 0; i < ORDINARY; i++)
		started += ordinary[i].http.sent_ms > 0;
	CHECK_INT(started, 4); /* of 8 slots, 4 are not for them */
	CHECK(ordinary[3].http.sent_ms > 0 && ordinary[4].http.sent_ms == 0);
	run(ORDINARY);
	for (int i = 0; i < ORDINARY; i++) {
		CHECK_INT(ordinary[i].http.result, IO_TIMED_OUT);
		CHECK(i == 0 || ordinary[i].order > ordinary[0].order);
		release(&ordinary[i]);
	}
	for (int i = 0; i < RESERVED; i++)
		release(&reserved[i]);
	teardown();
}

static void on_stop(struct io_timer *timer)
{
	(void)timer;
	loop_stop(f.loop);
}

static void cancelled_requests_stay_silent_at_every_stage(void)
{
	struct call waiting[8], never, finished, last;
	struct io_timer pause = {.fire = on_stop};

	setup_plain();
	never = call_to("t.ok");
	io_http_cancel(f.io, &never.http); /* never sent */
	for (int i = 0; i < 8; i++) {
		waiting[i] = call_to("t.silent");
		io_http_send(f.io, &waiting[i].http);
	}
	io_http_cancel(f.io, &waiting[7].http); /* before the loop ran */
	io_timer_set(f.io, &pause, io_now_ms(f.io) + 50);
	f.wanted = 1;
	loop_run(f.loop);
	for (int i = 0; i < 7; i++) /* four on slots, three in the queue */
		io_http_cancel(f.io, &waiting[i].http);
	finished = call_to("t.ok");
	last = call_to("t.ok");
	io_http_send(f.io, &finished.http);
	run(1);
	io_http_cancel(f.io, &finished.http); /* after the end */
	buf_release(&finished.http.answer);
	last.send_in_done = &finished;
	last.cancel_in_done = &finished;
	ask(&last); /* cancelled after it was done, then sent again */
	run(1);
	CHECK_INT(finished.done, 2);
	for (int i = 0; i < 8; i++) {
		CHECK_INT(waiting[i].done, 0);
		release(&waiting[i]);
	}
	CHECK_INT(never.done, 0);
	release(&never);
	release(&finished);
	release(&last);
	teardown();
}

static void cancelling_between_end_and_callback_works(void)
{
	struct call call[6];

	setup_plain();
	/* All are refused in the same turn, so that the first is done when the second is in the queue. */
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	for (int i = 0; i < 6; i++) {
		call[i] = call_to("t.ok");
		io_http_send(f.io, &call[i].http);
	}
	call[0].cancel_in_done = &call[1];
	call[2].cancel_in_done = &call[5];
	run(4);
	for (int i = 0; i < 6; i++) {
		CHECK_INT(call[i].done, i == 1 || i == 5 ? 0 : 1);
		release(&call[i]);
	}
	teardown();
}

static void admit_may_cancel(void)
{
	struct call self, first, second, third;

	setup_plain();
	self = call_to("t.ok");
	self.cancel_in_admit = &self;
	io_http_send(f.io, &self.http);
	run(1);
	CHECK_INT(self.done, 0);
	CHECK_INT(self.admitted, 1);
	first = call_to("t.ok");
	second = call_to("t.silent");
	for (int i = 0; i < 100000; i++)
		buf_c(&second.http.body, 'x');
	first.cancel_in_admit = &second;
	io_http_send(f.io, &second.http);
	io_http_send(f.io, &first.http);
	run(2);
	CHECK_INT(first.done, 1);
	CHECK_INT(second.done, 0);
	third = call_to("t.ok"); /* and the slots are in order */
	ask(&third);
	CHECK_INT(third.http.result, IO_ANSWER);
	release(&self);
	release(&first);
	release(&second);
	release(&third);
	teardown();
}

/* In one turn of the loop the first request goes out, in the next its answer is there and the victim starts. */
static struct {
	struct io_post first_turn, next_turn;
	struct call *first, *victim;
} turns;

static void on_next_turn(struct io_post *post)
{
	(void)post;
	usleep(100 * 1000);
	io_http_send(f.io, &turns.victim->http);
}

static void on_first_turn(struct io_post *post)
{
	(void)post;
	io_http_send(f.io, &turns.first->http);
	turns.next_turn.run = on_next_turn;
	io_post(f.io, &turns.next_turn);
}

static void admit_may_cancel_what_is_about_to_be_sent(void)
{
	struct call warm[2], first, victim;
	struct io_timer pause = {.fire = on_stop};

	setup_plain();
	for (int i = 0; i < 2; i++) { /* so that two connections are open */
		warm[i] = call_to("t.ok");
		io_http_send(f.io, &warm[i].http);
	}
	run(2);
	victim = call_to("t.ok");
	for (int i = 0; i < 100000; i++)
		buf_c(&victim.http.body, 'x');
	first = call_to("t.late");
	first.cancel_in_admit = &victim;
	turns.first = &first;
	turns.victim = &victim;
	turns.first_turn.run = on_first_turn;
	io_post(f.io, &turns.first_turn);
	io_timer_set(f.io, &pause, io_now_ms(f.io) + 150);
	f.wanted = 1000;
	loop_run(f.loop);
	CHECK_INT(first.done, 1);
	CHECK_INT(first.admitted, 1);
	CHECK_INT(victim.done, 0);
	for (int i = 0; i < 2; i++)
		release(&warm[i]);
	release(&first);
	teardown();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	server_start();
	CHECK_RUN(an_answer_comes_with_status_body_and_date);
	CHECK_RUN(requests_are_signed_as_sent);
	CHECK_RUN(connections_are_kept);
	CHECK_RUN(bodies_of_unknown_length_are_read);
	CHECK_RUN(large_requests_go_out_whole);
	CHECK_RUN(answers_that_are_too_big_are_dropped);
	CHECK_RUN(broken_answers_are_told_apart);
	CHECK_RUN(time_runs_out);
	CHECK_RUN(hosts_that_are_not_there);
	CHECK_RUN(a_proxy_is_not_asked_for_this_machine);
	CHECK_RUN(without_credentials_nothing_is_sent);
	CHECK_RUN(reserved_requests_go_first_and_have_slots_of_their_own);
	CHECK_RUN(cancelled_requests_stay_silent_at_every_stage);
	CHECK_RUN(cancelling_between_end_and_callback_works);
	CHECK_RUN(admit_may_cancel);
	CHECK_RUN(admit_may_cancel_what_is_about_to_be_sent);
	server_stop();
	return check_end();
}
