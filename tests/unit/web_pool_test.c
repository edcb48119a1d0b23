/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "tests/unit/web_fixture.h"

#include "tests/unit/tiny_server.h"

static char base[64];

/* A loop and a pool of so many connections. */
static void setup_pool(size_t connections)
{
	struct web_pool_options options = open_all();

	options.connections = connections;
	setup_web(options);
	must(pool != NULL);
}

static void on_stop(struct io_timer *timer)
{
	(void)timer;
	loop_stop(f.loop);
}

/* Runs the loop for a while, in which nothing may end it. */
static void run_for(int64_t ms)
{
	struct io_timer pause = {.fire = on_stop};

	f.wanted = 1 << 30;
	io_timer_set(f.io, &pause, io_now_ms(f.io) + ms);
	loop_run(f.loop);
}

/* Makes and sends `n` requests for `target`. */
static void send_all(struct hook *hooks, int n, const char *target)
{
	for (int i = 0; i < n; i++) {
		hook_init(&hooks[i], base, target);
		hook_send(&hooks[i]);
	}
}

static void release_all(struct hook *hooks, int n)
{
	for (int i = 0; i < n; i++)
		hook_release(&hooks[i]);
}

static void requests_wait_their_turn(void)
{
	enum { N = 100 };
	static struct hook hooks[N];
	int before = server_connections();

	setup_pool(1);
	send_all(hooks, N, "t.ok");
	run(N);
	for (int i = 0; i < N; i++) {
		CHECK_INT(hooks[i].web.result, WEB_ANSWER);
		CHECK_INT(hooks[i].order, i + 1);
	}
	CHECK_INT(server_connections(), before + 1);
	release_all(hooks, N);
	teardown_web();
}

static void connections_are_bounded(void)
{
	enum { N = 100, CONNECTIONS = 4 };
	static struct hook hooks[N];
	int before = server_connections();

	setup_pool(CONNECTIONS);
	send_all(hooks, N, "t.late");
	run(N);
	for (int i = 0; i < N; i++) {
		CHECK_INT(hooks[i].web.result, WEB_ANSWER);
		CHECK_INT(hooks[i].done, 1);
		/* They start in order, and each may be passed by those beside it only. */
		CHECK(hooks[i].order > i - CONNECTIONS && hooks[i].order <= i + CONNECTIONS + 1);
	}
	CHECK_INT(server_connections(), before + CONNECTIONS);
	release_all(hooks, N);
	teardown_web();
}

static void idle_connections_give_way(void)
{
	char other[64];

	snprintf(other, sizeof(other), "http://localhost:%d/", server.port);
	while (server.open > 0)
		usleep(1000);
	setup_pool(2);
	for (int i = 0; i < 4; i++) {
		struct hook hooks[2];

		for (int k = 0; k < 2; k++) {
			hook_init(&hooks[k], i % 2 == 0 ? base : other, "t.late");
			hook_send(&hooks[k]);
		}
		run(2);
		release_all(hooks, 2);
		/* The server may see the end of those of the round before later than their successors. */
		for (int ms = 0; server.open > 2 && ms < 5000; ms++)
			usleep(1000);
		CHECK(server.open <= 2);
	}
	teardown_web();
}

static void time_in_the_queue_does_not_count(void)
{
	struct hook hooks[4];

	setup_pool(1);
	for (int i = 0; i < 4; i++) {
		hook_init(&hooks[i], base, i < 3 ? "t.silent" : "t.ok");
		hooks[i].web.timeout_ms = 150;
		hook_send(&hooks[i]);
	}
	run(4);
	CHECK_INT(hooks[2].web.result, WEB_TIMED_OUT);
	CHECK_INT(hooks[3].web.result, WEB_ANSWER);
	release_all(hooks, 4);
	teardown_web();
}

/* The port of a socket. */
static int port_of(int fd)
{
	struct sockaddr_in addr;
	socklen_t n = sizeof(addr);

	must(getsockname(fd, (struct sockaddr *)&addr, &n) == 0);
	return ntohs(addr.sin_port);
}

static void cancelled_requests_stay_silent_at_every_stage(void)
{
	struct hook hooks[6], never, large, last;
	int deaf = socket(AF_INET, SOCK_STREAM, 0);
	char url[64];

	must(listen(deaf, 1) == 0);
	setup_pool(3);
	hook_init(&never, base, "t.ok");
	web_cancel(web, &never.web); /* never sent */
	send_all(hooks, 6, "t.silent");
	web_cancel(web, &hooks[5].web); /* before the loop ran */
	web_cancel(web, &hooks[5].web); /* and again */
	run_for(50);
	for (int i = 0; i < 5; i++) /* three on slots, two in the queue */
		web_cancel(web, &hooks[i].web);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port_of(deaf));
	hook_init(&large, url, "t.ok");
	for (int i = 0; i < 3000000; i++)
		buf_str(&large.body, STR("0123456789"));
	hook_send(&large);
	run_for(50); /* in the middle of sending */
	web_cancel(web, &large.web);
	hook_init(&last, base, "t.ok");
	hook_run(&last); /* the slots are in order */
	CHECK(hook_ended(&last, WEB_ANSWER, ""));
	for (int i = 0; i < 6; i++)
		CHECK_INT(hooks[i].done, 0);
	CHECK_INT(large.done + never.done, 0);
	release_all(hooks, 6);
	hook_release(&large);
	hook_release(&never);
	teardown_web();
	close(deaf);
}

static void cancelling_between_end_and_callback_works(void)
{
	struct hook hooks[6];

	setup_pool(2);
	/* All are refused in the same turn, so that the first is done when the second is in the queue. */
	for (int i = 0; i < 6; i++) {
		hook_init(&hooks[i], "nothing:", "t.ok");
		hook_send(&hooks[i]);
	}
	hooks[0].cancel_in_done = &hooks[1];
	hooks[2].cancel_in_done = &hooks[5];
	hooks[3].cancel_in_done = &hooks[3]; /* itself, which is over */
	run(4);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hooks[i].done, i == 1 || i == 5 ? 0 : 1);
	release_all(hooks, 6);
	teardown_web();
}

static void a_callback_may_send(void)
{
	struct hook first, second;

	setup_pool(1);
	hook_init(&first, base, "t.ok");
	hook_init(&second, base, "t.ok");
	second.web.body = buf_view(&second.body);
	first.send_in_done = &second;
	hook_send(&first);
	run(2);
	CHECK(hook_ended(&first, WEB_ANSWER, ""));
	CHECK(hook_ended(&second, WEB_ANSWER, ""));
	first.send_in_done = NULL;
	hook_init(&first, base, "t.ok"); /* the same struct once more */
	for (int i = 0; i < 3; i++) {
		hook_run(&first);
		CHECK_INT(first.web.status, 200);
		buf_release(&first.web.answer);
	}
	hook_release(&first);
	teardown_web();
}

static void closing_a_pool_forgets_its_requests(void)
{
	struct hook hooks[6], closer, ended;

	setup_pool(2);
	send_all(hooks, 6, "t.silent");
	web_pool_close(web, &pool); /* before the loop ran */
	run_for(20);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hooks[i].done, 0);
	release_all(hooks, 6);
	teardown_web();
	setup_pool(2);
	send_all(hooks, 6, "t.silent");
	hook_init(&ended, "nothing:", "t.ok");
	run_for(50);
	hook_send(&ended);
	web_pool_close(web, &pool); /* two on slots, four in the queue, one at its end */
	web_cancel(web, &hooks[0].web); /* a request that is forgotten may be cancelled */
	run_for(20);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hooks[i].done, 0);
	CHECK_INT(ended.done, 0);
	release_all(hooks, 6);
	hook_release(&ended);
	teardown_web();
	setup_pool(2);
	hook_init(&closer, base, "t.ok");
	closer.close_in_done = true;
	hook_send(&closer);
	send_all(hooks, 6, "t.silent");
	run(1); /* closed by a callback */
	CHECK(pool == NULL);
	CHECK(hook_ended(&closer, WEB_ANSWER, ""));
	run_for(20);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hooks[i].done, 0);
	release_all(hooks, 6);
	teardown_web();
}

static void closing_a_pool_forgets_what_is_about_to_be_done(void)
{
	struct hook hooks[2];

	setup_pool(2);
	for (int i = 0; i < 2; i++) {
		hook_init(&hooks[i], "nothing:", "t.ok");
		hook_send(&hooks[i]);
	}
	hooks[0].close_in_done = true;
	run_for(20);
	CHECK_INT(hooks[0].done, 1);
	CHECK_INT(hooks[1].done, 0);
	release_all(hooks, 2);
	teardown_web();
}

static void closing_a_pool_closes_its_connections(void)
{
	struct hook hook;

	while (server.open > 0)
		usleep(1000);
	setup_pool(2);
	hook_init(&hook, base, "t.ok");
	hook_run(&hook);
	CHECK_INT(server.open, 1);
	web_pool_close(web, &pool);
	for (int i = 0; i < 1000 && server.open > 0; i++)
		usleep(1000);
	CHECK_INT(server.open, 0);
	run_for(20);
	hook_release(&hook);
	teardown_web();
}

static void the_loop_closes_what_is_left(void)
{
	struct hook hooks[4];

	setup_pool(2);
	send_all(hooks, 4, "t.silent");
	run_for(30);
	pool = NULL; /* goes with the loop */
	teardown();
	for (int i = 0; i < 4; i++)
		CHECK_INT(hooks[i].done, 0);
	release_all(hooks, 4);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	server_start();
	snprintf(base, sizeof(base), "http://127.0.0.1:%d/", server.port);
	CHECK_RUN(requests_wait_their_turn);
	CHECK_RUN(connections_are_bounded);
	CHECK_RUN(idle_connections_give_way);
	CHECK_RUN(time_in_the_queue_does_not_count);
	CHECK_RUN(cancelled_requests_stay_silent_at_every_stage);
	CHECK_RUN(cancelling_between_end_and_callback_works);
	CHECK_RUN(a_callback_may_send);
	CHECK_RUN(closing_a_pool_forgets_its_requests);
	CHECK_RUN(closing_a_pool_forgets_what_is_about_to_be_done);
	CHECK_RUN(closing_a_pool_closes_its_connections);
	CHECK_RUN(the_loop_closes_what_is_left);
	server_stop();
	return check_end();
}
