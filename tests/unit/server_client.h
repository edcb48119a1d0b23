/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop, and a client in a thread that asks what listens on it by plain sockets, and ends the
 * loop when it has the answer.
 *
 *	talk_setup();
 *	... something listens at 127.0.0.1:talk.port, on talk.loop ...
 *	check_answer("GET /good" CLOSE, "HTTP/1.1 200 OK\r\n", "good\n");
 *	... it is closed ...
 *	talk_teardown();
 */
#ifndef TESTS_SERVER_CLIENT_H
#define TESTS_SERVER_CLIENT_H

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "consumer/host/loop.h"
#include "tests/check.h"

enum { TALK_GUARD_MS = 30 * 1000, TALK_PATIENCE_S = 10, TALK_SAID_MAX = 64 * 1024 };

/* What follows a path in a request that closes the connection. */
#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

struct talk {
	struct keys *keys;
	struct loop *loop;
	struct io_timer guard;
	bool hung;
	uint16_t port; /* that nobody has but who listens for the test */
	const char *ask; /* what is sent */
	char said[TALK_SAID_MAX + 1];
	size_t said_n;
	struct io_post end;
};

static struct talk talk;

static void talk_guard(struct io_timer *timer)
{
	(void)timer;
	talk.hung = true;
	loop_stop(talk.loop);
}

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

static void talk_setup(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = IO_ERROR,
	};
	struct error err;

	memset(&talk, 0, sizeof(talk));
	talk.keys = keys_new(&keys_options);
	options.keys = talk.keys;
	talk.loop = loop_new(&options, &err);
	must(talk.loop != NULL);
	talk.guard.fire = talk_guard;
	io_timer_set(loop_io(talk.loop), &talk.guard,
		     io_now_ms(loop_io(talk.loop)) + TALK_GUARD_MS);
	talk.port = free_port();
}

static void talk_teardown(void)
{
	CHECK(!talk.hung);
	loop_free(talk.loop);
	keys_free(talk.keys);
}

/* A connection to the server; -1 when it lets nobody in. */
static int connect_to(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(talk.port),
				      .sin_addr.s_addr = htonl(0x7f000001)};
	struct timeval patience = {.tv_sec = TALK_PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Keeps what the server says until it closes the connection. */
static void hear(int fd)
{
	ssize_t n;

	while (talk.said_n < TALK_SAID_MAX &&
	       (n = recv(fd, talk.said + talk.said_n, TALK_SAID_MAX - talk.said_n, 0)) > 0)
		talk.said_n += (size_t)n;
	close(fd);
}

static void end_loop(struct io_post *post)
{
	(void)post;
	loop_stop(talk.loop);
}

/* The loop is to end. */
static void done(void)
{
	talk.end.run = end_loop;
	io_post(loop_io(talk.loop), &talk.end);
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
	say(fd, talk.ask);
	hear(fd);
	done();
	return NULL;
}

/* Runs the loop while `run` runs in a thread. */
static void run_with(void *(*run)(void *arg))
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, run, NULL) == 0);
	loop_run(talk.loop);
	must(pthread_join(thread, NULL) == 0);
}

/* Asks, with a request that closes the connection, and checks how the answer begins and ends. */
static void check_answer(const char *ask, const char *status, const char *end)
{
	talk.ask = ask;
	talk.said_n = 0;
	run_with(client);
	talk.said[talk.said_n] = '\0';
	if (!str_starts(str_make(talk.said, talk.said_n), str_of(status)) ||
	    !str_ends(str_make(talk.said, talk.said_n), str_of(end)))
		CHECK_STR(str_make(talk.said, talk.said_n), status);
}

#endif
