/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <time.h>

#include "consumer/host/web_pool.h"
#include "tests/unit/web_fixture.h"

#include "tests/unit/scripted_names.h"
#include "tests/unit/tiny_server.h"

/* A loop and a pool that reaches the internet only, with names that resolve so. */
static void setup_public(const char *first, const char *second)
{
	struct web_pool_options options = open_all();

	options.allow_private = false;
	names.first = first;
	names.second = second;
	names.slow_ms = 0;
	names.connects = 0;
	setup_web(options);
	must(pool != NULL);
}

/* Whether a request to `host` at the small server's port ends so. */
static bool host_ends(const char *host, enum web_result result, const char *words)
{
	char url[128];

	snprintf(url, sizeof(url), "http://%s:%d/?hunter2", host, server.port);
	return web_ends_at(url, "t.ok", result, words);
}

static void the_internet_is_reached(void)
{
	setup_public(PUBLIC_ADDRESS, NULL);
	CHECK(host_ends("scripted.test", WEB_ANSWER, ""));
	CHECK(host_ends(PUBLIC_ADDRESS, WEB_ANSWER, ""));
	CHECK(host_ends("scripted.test", WEB_ANSWER, ""));
	CHECK_INT(names.connects, 2);
	teardown_web();
}

static void this_machine_is_not(void)
{
	static const char *const hosts[] = {
		"localhost", "127.0.0.1",	"2130706433", "0x7f.1",
		"0.0.0.0",   "[::1]",		"[::]",	      "[::ffff:127.0.0.1]",
		"10.1.2.3",  "169.254.169.254", "[fe80::1]"};
	int before = server.requests, connections = server_connections();

	setup_public(NULL, NULL);
	for (size_t i = 0; i < ARRAY_N(hosts); i++)
		CHECK(host_ends(hosts[i], WEB_REFUSED, "set `allow_private: true`"));
	CHECK(host_ends("localhost", WEB_REFUSED, "which is a loopback address"));
	CHECK(host_ends("127.0.0.1", WEB_REFUSED, "its address is 127.0.0.1"));
	CHECK(host_ends("169.254.169.254", WEB_REFUSED, "a cloud's metadata service"));
	teardown_web();
	CHECK_INT(server.requests, before);
	CHECK_INT(server_connections(), connections);
}

static void it_is_where_that_is_allowed(void)
{
	setup_web(open_all());
	CHECK(host_ends("localhost", WEB_ANSWER, ""));
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, ""));
	teardown_web();
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

static void names_are_judged_by_their_addresses(void)
{
	int before = server.requests;
	char url[64];

	setup_public("10.0.0.1", "127.0.0.1");
	CHECK(host_ends("scripted.test", WEB_REFUSED, "its address is 10.0.0.1"));
	teardown_web();
	CHECK_INT(server.requests, before);
	setup_public("127.0.0.1", PUBLIC_ADDRESS); /* one of them will do */
	CHECK(host_ends("scripted.test", WEB_ANSWER, ""));
	CHECK_INT(names.connects, 1);
	teardown_web();
	setup_public("127.0.0.1", PUBLIC_ADDRESS); /* but it is not there */
	snprintf(url, sizeof(url), "http://scripted.test:%d/", unused_port());
	CHECK(web_ends_at(url, "t.ok", WEB_BROKEN, "Connection refused"));
	teardown_web();
	setup_public(NULL, NULL);
	CHECK(host_ends("scripted.test", WEB_BROKEN, "the name does not resolve"));
	teardown_web();
}

static void a_name_that_is_made_to_point_inside_meanwhile_is_refused(void)
{
	char url[128];
	int before;

	setup_public(PUBLIC_ADDRESS, NULL);
	snprintf(url, sizeof(url), "http://scripted.test:%d/", server.port);
	CHECK(web_ends_at(url, "t.okclose", WEB_ANSWER, ""));
	teardown_web();
	setup_public("127.0.0.1", NULL);
	before = server.requests;
	CHECK(web_ends_at(url, "t.ok", WEB_REFUSED, "its address is 127.0.0.1"));
	CHECK_INT(server.requests, before);
	teardown_web();
}

static void kept_connections_are_judged_anew(void)
{
	int before, connections;

	setup_public(NULL, NULL);
	pool->allow_private = true;
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, ""));
	before = server.requests;
	connections = server_connections();
	pool->allow_private = false;
	CHECK(host_ends("127.0.0.1", WEB_REFUSED, "its address is 127.0.0.1"));
	CHECK_INT(server.requests, before);
	CHECK_INT(server_connections(), connections);
	teardown_web();
}

static void connections_are_judged_by_where_they_ended(void)
{
	int before = server.requests, connections = server_connections();

	setup_public(PUBLIC_ADDRESS, NULL);
	names.honest = true;
	CHECK(host_ends("scripted.test", WEB_REFUSED, "its address is 127.0.0.1"));
	names.honest = false;
	while (server_connections() == connections) /* made, and then not used */
		usleep(1000);
	CHECK_INT(server.requests, before);
	teardown_web();
}

static void pools_do_not_share_connections(void)
{
	struct web_pool_options options = open_all();
	struct web_pool *other;
	struct hook hook;
	int before = server_connections();
	char url[64];

	setup_web(options);
	other = web_pool_open(web, &options, &pool_err);
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, ""));
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, ""));
	CHECK_INT(server_connections(), before + 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
	hook_init(&hook, url, "t.ok");
	hook.web.pool = other;
	hook_run(&hook);
	CHECK(hook_ended(&hook, WEB_ANSWER, ""));
	CHECK_INT(server_connections(), before + 2);
	web_pool_close(web, &other);
	teardown_web();
}

/* The monotonic clock, also when there is no loop. */
static int64_t now_ms(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for lookups that nobody waits for any more. */
static void wait_for_names(void)
{
	while (names.asking > 0)
		usleep(10 * 1000);
	usleep(50 * 1000);
}

static void on_stop(struct io_timer *timer)
{
	(void)timer;
	loop_stop(f.loop);
}

static void nobody_waits_for_a_slow_name_server(void)
{
	enum { SLOW_MS = 1500 };
	struct hook hook;
	struct io_timer pause = {.fire = on_stop};
	int64_t start_ms;

	setup_public(PUBLIC_ADDRESS, NULL);
	names.slow_ms = SLOW_MS;
	hook_init(&hook, "http://scripted.test:1/", "t.ok");
	hook.web.timeout_ms = 100;
	start_ms = now_ms();
	hook_run(&hook);
	CHECK(hook_ended(&hook, WEB_TIMED_OUT, "no connection within"));
	hook_init(&hook, "http://scripted.test:1/", "t.ok");
	hook_send(&hook);
	f.wanted = f.done + 1;
	io_timer_set(f.io, &pause, io_now_ms(f.io) + 50);
	loop_run(f.loop);
	CHECK(names.asking > 0);
	web_cancel(web, &hook.web);
	CHECK_INT(hook.done, 0);
	hook_release(&hook);
	hook_init(&hook, "http://scripted.test:1/", "t.ok");
	hook_send(&hook);
	io_timer_set(f.io, &pause, io_now_ms(f.io) + 50);
	loop_run(f.loop);
	teardown_web(); /* with one under way */
	CHECK(now_ms() - start_ms < SLOW_MS);
	hook_release(&hook);
	wait_for_names();
}

static void proxies_are_only_for_pools_without_filter(void)
{
	char proxy[64], url[64];
	int before = server.requests;

	/* The small server takes what it is sent as a proxy, too. */
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", server.port);
	snprintf(url, sizeof(url), "http://%s:%d/", PUBLIC_ADDRESS, unused_port());
	setenv("http_proxy", proxy, 1);
	setup_web(open_all());
	CHECK(web_ends_at(url, "t.ok", WEB_ANSWER, ""));
	CHECK_INT(server.requests, before + 1);
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, "")); /* directly; see the next one */
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", unused_port());
	setenv("http_proxy", proxy, 1);
	CHECK(host_ends("127.0.0.1", WEB_ANSWER, ""));
	teardown_web();
	setup_public(NULL, NULL);
	CHECK(host_ends(PUBLIC_ADDRESS, WEB_ANSWER, ""));
	CHECK(web_ends_at(url, "t.ok", WEB_BROKEN,
			  "proxy is used only with `allow_private: true`"));
	teardown_web();
	unsetenv("http_proxy");
	setup_public(NULL, NULL);
	CHECK(web_ends_at(url, "t.ok", WEB_BROKEN, "Connection refused; does"));
	teardown_web();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	server_start();
	CHECK_RUN(the_internet_is_reached);
	CHECK_RUN(this_machine_is_not);
	CHECK_RUN(it_is_where_that_is_allowed);
	CHECK_RUN(names_are_judged_by_their_addresses);
	CHECK_RUN(a_name_that_is_made_to_point_inside_meanwhile_is_refused);
	CHECK_RUN(kept_connections_are_judged_anew);
	CHECK_RUN(connections_are_judged_by_where_they_ended);
	CHECK_RUN(pools_do_not_share_connections);
	CHECK_RUN(nobody_waits_for_a_slow_name_server);
	CHECK_RUN(proxies_are_only_for_pools_without_filter);
	server_stop();
	return check_end();
}
