/* SPDX-License-Identifier: Apache-2.0 */
/* The server on a real loop; a thread asks it by plain sockets, and ends the loop when it has all answers. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "consumer/host/server.h"
#include "tests/check.h"

enum { GUARD_MS = 20 * 1000, SAID_MAX = 64 * 1024, CROWD = 2 * SERVER_CONNECTIONS_MAX, IDLE_S = 2 };

struct fixture {
	struct keys *keys;
	struct loop *loop;
	struct server *server;
	struct io_timer guard;
	bool hung;
	uint16_t port;
	int made; /* pages */
	bool verbose; /* the last one */
	/* The client's. */
	pthread_t thread;
	const char *ask; /* what is sent */
	char said[SAID_MAX + 1];
	size_t said_n;
	struct io_post end;
};

static struct fixture f;

static void on_guard(struct io_timer *timer)
{
	(void)timer;
	f.hung = true;
	loop_stop(f.loop);
}

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

/* A port that nobody has at this moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0);
	must(getsockname(fd, (struct sockaddr *)&address, &n) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* Starts a server, which may fail. */
static struct server *serve(const char *address, struct error *err)
{
	struct server_options options = {.address = address,
					 .port = f.port,
					 .pages = pages,
					 .n_pages = ARRAY_N(pages),
					 .idle_s = IDLE_S,
					 .max_bytes = 1000,
					 .arg = &f};

	return server_new(f.loop, &options, err);
}

static void setup(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = IO_ERROR,
	};
	struct error err;

	memset(&f, 0, sizeof(f));
	f.keys = keys_new(&keys_options);
	options.keys = f.keys;
	f.loop = loop_new(&options, &err);
	must(f.loop != NULL);
	f.guard.fire = on_guard;
	io_timer_set(loop_io(f.loop), &f.guard, io_now_ms(loop_io(f.loop)) + GUARD_MS);
	f.port = free_port();
	f.server = serve("127.0.0.1", &err);
	must(f.server != NULL);
}

static void teardown(void)
{
	CHECK(!f.hung);
	server_free(f.server);
	loop_free(f.loop);
	keys_free(f.keys);
}

/* A connection to the server. */
static int connect_to(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(f.port),
				      .sin_addr.s_addr = htonl(0x7f000001)};
	struct timeval patience = {.tv_sec = GUARD_MS / 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	return fd;
}

/* Keeps what the server says until it closes the connection. */
static void hear(int fd)
{
	ssize_t n;

	while (f.said_n < SAID_MAX && (n = recv(fd, f.said + f.said_n, SAID_MAX - f.said_n, 0)) > 0)
		f.said_n += (size_t)n;
	close(fd);
}

static void end_loop(struct io_post *post)
{
	(void)post;
	loop_stop(f.loop);
}

/* The loop is to end. */
static void done(void)
{
	f.end.run = end_loop;
	io_post(loop_io(f.loop), &f.end);
}

/* Sends as much of it as the server wants to hear, byte by byte when it is short. */
static void say(int fd, const char *text)
{
	size_t n = strlen(text), step = n < 200 ? 1 : n;

	for (size_t i = 0; i < n && send(fd, text + i, step, MSG_NOSIGNAL) > 0; i += step)
		;
}

/* The client: sends what is to be sent, and hears the answer. */
static void *client(void *arg)
{
	int fd = connect_to();

	(void)arg;
	say(fd, f.ask);
	hear(fd);
	done();
	return NULL;
}

/* Runs the loop while `run` runs in a thread. */
static void run_with(void *(*run)(void *arg))
{
	must(pthread_create(&f.thread, NULL, run, NULL) == 0);
	loop_run(f.loop);
	must(pthread_join(f.thread, NULL) == 0);
}

/* Asks, with a request that closes the connection, and checks how the answer begins and ends. */
static void check_answer(const char *ask, const char *status, const char *end)
{
	f.ask = ask;
	f.said_n = 0;
	run_with(client);
	f.said[f.said_n] = '\0';
	if (!str_starts(str_make(f.said, f.said_n), str_of(status)) ||
	    !str_ends(str_make(f.said, f.said_n), str_of(end)))
		CHECK_STR(str_make(f.said, f.said_n), status);
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void pages_are_made_when_asked_for(void)
{
	setup();
	check_answer("GET /good" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\ngood\n");
	CHECK(strstr(f.said, "\r\nContent-Type: text/plain; charset=utf-8\r\n") != NULL);
	CHECK(strstr(f.said, "\r\nCache-Control: no-store\r\n") != NULL);
	CHECK(strstr(f.said, "\r\nContent-Length: 5\r\n") != NULL);
	CHECK_INT(f.made, 1);
	CHECK(!f.verbose);
	check_answer("GET /good?verbose" CLOSE, "HTTP/1.1 200 OK\r\n", "good\n");
	CHECK(f.verbose);
	check_answer("GET /good?a=b&verbose=1" CLOSE, "HTTP/1.1 200 OK\r\n", "good\n");
	CHECK(f.verbose);
	check_answer("GET /bad" CLOSE, "HTTP/1.1 503 Service Unavailable\r\n", "\r\n\r\nbad\n");
	CHECK(strstr(f.said, "\r\nContent-Type: text/x-odd\r\n") != NULL);
	check_answer("GET /good HTTP/1.0\r\n\r\n", "HTTP/1.", "good\n");
	teardown();
}

static void only_reading_is_allowed(void)
{
	setup();
	check_answer("HEAD /good" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\n");
	CHECK(strstr(f.said, "\r\nContent-Length: 5\r\n") != NULL);
	CHECK_INT(f.made, 1);
	check_answer("POST /good HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		     "HTTP/1.1 405 Method Not Allowed\r\n", "GET or HEAD\n");
	CHECK(strstr(f.said, "\r\nAllow: GET, HEAD\r\n") != NULL);
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
	CHECK(strstr(f.said, " 200 ") == NULL);
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
	int fds[CROWD], fd;

	(void)arg;
	for (size_t i = 0; i < CROWD; i++)
		fds[i] = connect_to();
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
	fd = connect_to();
	say(fd, f.ask);
	hear(fd);
	done();
	return NULL;
}

static void a_crowd_that_says_nothing_does_not_stay(void)
{
	setup();
	f.ask = "GET /good" CLOSE;
	run_with(crowd);
	f.said[f.said_n] = '\0';
	CHECK(str_ends(str_make(f.said, f.said_n), STR("good\n")));
	teardown();
}

static void half_a_request_is_not_waited_for(void)
{
	int64_t began_ms;

	setup();
	f.ask = "GET /good HTTP/1.1\r\nHo";
	began_ms = io_now_ms(loop_io(f.loop));
	run_with(client);
	CHECK(io_now_ms(loop_io(f.loop)) - began_ms >= (IDLE_S - 1) * 1000);
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
		 f.port);
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
	CHECK_RUN(half_a_request_is_not_waited_for);
	CHECK_RUN(an_address_that_cannot_be_had_is_an_error);
	CHECK_RUN(ipv6_is_an_address_too);
	return check_end();
}
