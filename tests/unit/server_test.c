/* SPDX-License-Identifier: Apache-2.0 */
/* The server on a real loop; a thread asks it by plain sockets, and ends the loop when it has all answers. */
#include "consumer/host/server.h"

#include "tests/unit/server_client.h"

enum { CROWD = 2 * SERVER_CONNECTIONS_MAX, IDLE_S = 2, LONG_S = 600 };

struct fixture {
	struct server *server;
	unsigned idle_s; /* 0: IDLE_S */
	int made; /* pages */
	bool verbose; /* the last one */
};

static struct fixture f;

static void make_good(void *arg, bool verbose, struct server_answer *answer)
{
	struct fixture *fixture = arg;

	fixture->made++;
	fixture->verbose = verbose;
	buf_str(&answer->body, STR("good\n"));
}

static void make_bad(void *arg, bool verbose, struct server_answer *answer)
{
	(void)arg;
	(void)verbose;
	answer->status = 503;
	answer->type = "text/x-odd";
	buf_str(&answer->body, STR("bad\n"));
}

static void make_large(void *arg, bool verbose, struct server_answer *answer)
{
	(void)arg;
	(void)verbose;
	for (int i = 0; i < 2000; i++)
		buf_c(&answer->body, 'x');
}

static const struct server_page pages[] = {
	{"/good", make_good}, {"/bad", make_bad}, {"/large", make_large}};

/* Starts a server, which may fail. */
static struct server *serve(const char *address, struct error *err)
{
	struct server_options options = {.address = address,
					 .port = talk.port,
					 .pages = pages,
					 .n_pages = ARRAY_N(pages),
					 .idle_s = f.idle_s == 0 ? IDLE_S : f.idle_s,
					 .max_bytes = 1000,
					 .arg = &f};

	return server_new(talk.loop, &options, err);
}

static void setup(void)
{
	struct error err;

	memset(&f, 0, sizeof(f));
	talk_setup();
	f.server = serve("127.0.0.1", &err);
	must(f.server != NULL);
}

static void teardown(void)
{
	server_free(f.server);
	talk_teardown();
}

static void pages_are_made_when_asked_for(void)
{
	setup();
	check_answer("GET /good" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\ngood\n");
	CHECK(strstr(talk.said, "\r\nContent-Type: text/plain; charset=utf-8\r\n") != NULL);
	CHECK(strstr(talk.said, "\r\nCache-Control: no-store\r\n") != NULL);
	CHECK(strstr(talk.said, "\r\nContent-Length: 5\r\n") != NULL);
	CHECK_INT(f.made, 1);
	CHECK(!f.verbose);
	check_answer("GET /good?verbose" CLOSE, "HTTP/1.1 200 OK\r\n", "good\n");
	CHECK(f.verbose);
	check_answer("GET /good?a=b&verbose=1" CLOSE, "HTTP/1.1 200 OK\r\n", "good\n");
	CHECK(f.verbose);
	check_answer("GET /bad" CLOSE, "HTTP/1.1 503 Service Unavailable\r\n", "\r\n\r\nbad\n");
	CHECK(strstr(talk.said, "\r\nContent-Type: text/x-odd\r\n") != NULL);
	check_answer("GET /good HTTP/1.0\r\n\r\n", "HTTP/1.", "good\n");
	teardown();
}

static void only_reading_is_allowed(void)
{
	setup();
	check_answer("HEAD /good" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\n");
	CHECK(strstr(talk.said, "\r\nContent-Length: 5\r\n") != NULL);
	CHECK_INT(f.made, 1);
	check_answer("POST /good HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		     "HTTP/1.1 405 Method Not Allowed\r\n", "GET or HEAD\n");
	CHECK(strstr(talk.said, "\r\nAllow: GET, HEAD\r\n") != NULL);
	check_answer("GET /good HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\nhello",
		     "HTTP/1.1 200 OK\r\n", "good\n");
	CHECK_INT(f.made, 2);
	check_answer("DELETE /good" CLOSE, "HTTP/1.1 405 Method Not Allowed\r\n", "GET or HEAD\n");
	CHECK_INT(f.made, 2);
	teardown();
}

static void what_is_not_there_is_said(void)
{
	setup();
	check_answer("GET /" CLOSE, "HTTP/1.1 404 Not Found\r\n",
		     "no such page; there is /good, /bad, /large\n");
	check_answer("GET /good/" CLOSE, "HTTP/1.1 404 Not Found\r\n", "/large\n");
	check_answer("GET /GOOD" CLOSE, "HTTP/1.1 404 Not Found\r\n", "/large\n");
	check_answer("GET /large" CLOSE, "HTTP/1.1 500 Internal Server Error\r\n",
		     "the page is too large\n");
	CHECK_INT(f.made, 0);
	teardown();
}

static void nonsense_is_refused(void)
{
	static char head[32 * 1024];
	size_t n;

	setup();
	n = (size_t)snprintf(head, sizeof(head), "GET /good HTTP/1.1\r\nHost: x\r\nX: ");
	memset(head + n, 'a', sizeof(head) - n - 1);
	check_answer(head, "HTTP/1.1 431", "");
	check_answer("\x16\x03\x01\r\n\r\n", "", ""); /* it hangs up */
	CHECK(strstr(talk.said, " 200 ") == NULL);
	check_answer("GET /good HTTP/1.1\r\n\r\n", "HTTP/1.1 400", ""); /* without Host */
	CHECK_INT(f.made, 0);
	check_answer("GET /good" CLOSE, "HTTP/1.1 200", "good\n");
	teardown();
}

/* Two requests on one connection, the second one sent before the first is answered. */
static void connections_are_kept(void)
{
	setup();
	check_answer("GET /good HTTP/1.1\r\nHost: x\r\n\r\nGET /good" CLOSE, "HTTP/1.1 200 OK\r\n",
		     "good\n");
	CHECK_INT(f.made, 2);
	teardown();
}

/* Connects more often than is allowed and says nothing: who was there first is sent away; then asks. */
static void *crowd(void *arg)
{
	int fds[CROWD], fd = 0;
	size_t n = 0;

	(void)arg;
	for (; n < CROWD && fd >= 0; n++)
		fds[n] = fd = connect_to();
	while (n-- > 0)
		close(fds[n]);
	fd = fd < 0 ? -1 : connect_to();
	say(fd, talk.ask);
	hear(fd);
	done();
	return NULL;
}

static void a_crowd_that_says_nothing_does_not_stay(void)
{
	setup();
	talk.ask = "GET /good" CLOSE;
	run_with(crowd);
	talk.said[talk.said_n] = '\0';
	CHECK(str_ends(str_make(talk.said, talk.said_n), STR("good\n")));
	teardown();
}

/* Takes all the connections that there are, gives one back, and asks by a new one. */
static void *leaver(void *arg)
{
	int fds[SERVER_CONNECTIONS_MAX], fd;

	(void)arg;
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		fds[i] = connect_to();
	say(fds[1], "GET /good HTTP/1.1\r\nHost: x\r\n\r\n");
	must(recv(fds[1], talk.said, 1, 0) == 1); /* so that all are in */
	close(fds[0]);
	fd = connect_to();
	say(fd, talk.ask);
	hear(fd);
	for (size_t i = 1; i < SERVER_CONNECTIONS_MAX; i++)
		close(fds[i]);
	done();
	return NULL;
}

static void who_leaves_makes_room(void)
{
	setup();
	server_free(f.server);
	f.idle_s = LONG_S;
	f.server = serve("127.0.0.1", NULL);
	must(f.server != NULL);
	talk.ask = "GET /good" CLOSE;
	run_with(leaver);
	talk.said[talk.said_n] = '\0';
	CHECK(str_ends(str_make(talk.said, talk.said_n), STR("good\n")));
	teardown();
}

static void half_a_request_is_not_waited_for(void)
{
	int64_t began_ms;

	setup();
	talk.ask = "GET /good HTTP/1.1\r\nHo";
	began_ms = io_now_ms(loop_io(talk.loop));
	run_with(client);
	CHECK(io_now_ms(loop_io(talk.loop)) - began_ms >= (IDLE_S - 1) * 1000);
	CHECK_INT(f.made, 0);
	teardown();
}

static void an_address_that_cannot_be_had_is_an_error(void)
{
	struct error err = {0};
	char want[200];

	setup();
	CHECK(serve("127.0.0.1", &err) == NULL);
	CHECK_INT(err.code, ERROR_IO);
	snprintf(want, sizeof(want),
		 "cannot listen at 127.0.0.1:%u: Address already in use; another process has that "
		 "port: choose one for each worker of a machine",
		 talk.port);
	CHECK_STR(str_of(err.text), want);
	CHECK(serve("192.0.2.1", &err) == NULL);
	CHECK_INT(err.code, ERROR_IO);
	CHECK(strstr(err.text, "cannot listen at 192.0.2.1:") != NULL);
	teardown();
}

static void ipv6_is_an_address_too(void)
{
	struct error err = {0};
	struct server *server;

	setup();
	server = serve("::1", &err); /* the same port, of another address */
	if (server == NULL && strstr(err.text, "not supported") == NULL &&
	    strstr(err.text, "Cannot assign") == NULL)
		CHECK_STR(str_of(err.text), "");
	server_free(server);
	teardown();
}

int main(void)
{
	CHECK_RUN(pages_are_made_when_asked_for);
	CHECK_RUN(only_reading_is_allowed);
	CHECK_RUN(what_is_not_there_is_said);
	CHECK_RUN(nonsense_is_refused);
	CHECK_RUN(connections_are_kept);
	CHECK_RUN(a_crowd_that_says_nothing_does_not_stay);
	CHECK_RUN(who_leaves_makes_room);
	CHECK_RUN(half_a_request_is_not_waited_for);
	CHECK_RUN(an_address_that_cannot_be_had_is_an_error);
	CHECK_RUN(ipv6_is_an_address_too);
	return check_end();
}
