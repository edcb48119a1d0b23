/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server in threads inside a test, which answers well and badly. What a request's
 * X-Amz-Target says is what the server does.
 */
#ifndef UNIT_TINY_SERVER_H
#define UNIT_TINY_SERVER_H

#include <libdeflate.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { CONNECTIONS_MAX = 256, REQUEST_MAX = 1 << 20 };

/*
 * A server in threads, one per connection, whose behaviour the request's X-Amz-Target names.
 */
static struct {
	int fd, port;
	pthread_t acceptor, threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX]; /* -1: closed; under the lock */
	int n;
	pthread_mutex_t lock;
	atomic_int requests;
	atomic_int open; /* connections */
	char last[REQUEST_MAX]; /* the last request for "t.echo"; to be read after its answer */
	size_t last_n;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Answers that are always the same, and what becomes of the connection. */
static const struct canned {
	const char *target, *text;
	bool close;
	const char *flood; /* sent on and on after it */
} canned[] = {
	{"t.chunked",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
	 false, NULL},
	{"t.400", "HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n{\"__type\":\"X\"}", false,
	 NULL},
	{"t.redirect",
	 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", false,
	 NULL},
	{"t.empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, NULL},
	{"t.untilclose", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", true, NULL},
	{"t.cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true, NULL},
	{"t.garbage", "SSH-2.0-OpenSSH_9.2\r\n", true, NULL},
	{"t.crcword", "HTTP/1.1 200 OK\r\nx-amz-crc32: none\r\nContent-Length: 2\r\n\r\n{}", false,
	 NULL},
	{"t.cutchunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true,
	 NULL},
	{"t.close", "", true, NULL},
	{"t.okclose", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, NULL},
	{"t.early", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, NULL},
	{"t.early413", "HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!", false, NULL},
	{"t.after7", "HTTP/1.1 503 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", false,
	 NULL},
	{"t.aftercontinue",
	 "HTTP/1.1 100 Continue\r\nRetry-After: 8\r\n\r\n"
	 "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n",
	 false, NULL},
	{"t.afterpast",
	 "HTTP/1.1 503 Later\r\nRetry-After: Fri, 02 Jan 2026 03:04:05 GMT\r\n"
	 "Content-Length: 0\r\n\r\n",
	 false, NULL},
	{"t.afterdate",
	 "HTTP/1.1 503 Later\r\nRetry-After: Wed, 02 Jan 2999 03:04:05 GMT\r\n"
	 "Content-Length: 0\r\n\r\n",
	 false, NULL},
	{"t.afterword", "HTTP/1.1 503 Later\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
	 false, NULL},
	{"t.afterhuge",
	 "HTTP/1.1 503 Later\r\nRetry-After: 18446744073709551615\r\nContent-Length: 0\r\n\r\n",
	 false, NULL},
	{"t.big", "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n", true, "0123456789"},
	{"t.bigchunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true,
	 "a\r\n0123456789\r\n"},
	{"t.bigheaders", "HTTP/1.1 200 OK\r\n", true, "X-More: of the same\r\n"},
};

/* Sends bytes; a peer that is gone is its own fault. */
static inline bool put(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		text += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* Sends a whole answer with a checksum, which `twist` makes wrong. */
static inline bool put_answer(int fd, const char *body, unsigned twist)
{
	size_t n = strlen(body);
	char text[512];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nX-Amz-Crc32: %u\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 libdeflate_crc32(0, body, n) ^ twist, n, body);
	return put(fd, text, strlen(text));
}

/* Sends a byte now and then, until nobody wants it. */
static inline bool drip(int fd)
{
	static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
	bool ok = put(fd, start, sizeof(start) - 1);

	while (ok && usleep(20 * 1000) == 0)
		ok = put(fd, "x", 1);
	return false;
}

/* Sends a canned answer; false when the connection is to be closed. */
static inline bool put_canned(int fd, const struct canned *c)
{
	bool ok = put(fd, c->text, strlen(c->text));

	while (ok && c->flood != NULL)
		ok = put(fd, c->flood, strlen(c->flood));
	return ok && !c->close;
}

/* Answers one request as its target says; false closes the connection. */
static inline bool behave(int fd, int connection, const char *target)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	char text[64];

	snprintf(text, sizeof(text), "connection %d", connection);
	for (size_t i = 0; i < ARRAY_N(canned); i++) {
		if (strcmp(canned[i].target, target) == 0)
			return put_canned(fd, &canned[i]);
	}
	if (strcmp(target, "t.late") == 0)
		usleep(30 * 1000);
	if (strcmp(target, "t.ok") == 0 || strcmp(target, "t.late") == 0)
		return put_answer(fd, text, 0);
	if (strcmp(target, "t.echo") == 0)
		return put_answer(fd, "{}", 0);
	if (strcmp(target, "t.badcrc") == 0)
		return put_answer(fd, "damaged", 1);
	if (strcmp(target, "t.drip") == 0)
		return drip(fd);
	if (strcmp(target, "t.silent") == 0)
		return recv(fd, text, 1, 0) > 0;
	must(strcmp(target, "t.reset") == 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return false;
}

/* The value of a header in a raw request, or STR_NONE. */
static inline struct str header(struct str raw, const char *name)
{
	while (raw.n > 0) {
		struct str line = str_cut(&raw, '\n'), key = str_cut(&line, ':');

		if (str_eq_nocase(key, str_of(name)))
			return str_trim(line);
	}
	return STR_NONE;
}

/* Reads one whole request, or only the headers of one that is answered early; returns its length, or 0. */
static inline size_t read_request(int fd, char *text)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, text + n, REQUEST_MAX - 1 - n, 0);
		uint64_t length;
		char *end;

		if (got <= 0)
			return 0;
		n += (size_t)got;
		text[n] = '\0';
		if (text[0] != 'P')
			return 0; /* no POST, perhaps TLS */
		end = strstr(text, "\r\n\r\n");
		if (end != NULL &&
		    str_starts(header(str_make(text, n), "X-Amz-Target"), STR("t.early")))
			return n;
		if (end != NULL &&
		    str_to_u64(header(str_make(text, n), "Content-Length"), &length) &&
		    n == (size_t)(end + 4 - text) + length)
			return n;
	}
}

static inline void *serve(void *arg)
{
	int i = (int)(intptr_t)arg, fd;
	char *text = mem_alloc(REQUEST_MAX), name[64];
	size_t n;

	pthread_mutex_lock(&server.lock);
	fd = server.fds[i];
	server.open++;
	pthread_mutex_unlock(&server.lock);
	while ((n = read_request(fd, text)) > 0) {
		snprintf(name, sizeof(name), "%.*s",
			 STR_ARG(header(str_make(text, n), "X-Amz-Target")));
		server.requests++;
		if (strcmp(name, "t.echo") == 0) {
			memcpy(server.last, text, n);
			server.last_n = n;
		}
		if (!behave(fd, i, name))
			break;
		if (strncmp(name, "t.early", 7) == 0) {
			usleep(300 * 1000); /* and then takes the body, too */
			while (recv(fd, text, REQUEST_MAX, 0) > 0)
				;
			break;
		}
	}
	mem_free(text);
	pthread_mutex_lock(&server.lock);
	close(fd);
	server.fds[i] = -1;
	server.open--;
	pthread_mutex_unlock(&server.lock);
	return NULL;
}

static inline void *accept_all(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
		pthread_mutex_lock(&server.lock);
		must(server.n < CONNECTIONS_MAX);
		server.fds[server.n] = fd;
		must(pthread_create(&server.threads[server.n], NULL, serve,
				    (void *)(intptr_t)server.n) == 0);
		server.n++;
		pthread_mutex_unlock(&server.lock);
	}
	return NULL;
}

static inline void server_start(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(addr);

	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(server.fd, (struct sockaddr *)&addr, n) == 0 && listen(server.fd, 100) == 0);
	must(getsockname(server.fd, (struct sockaddr *)&addr, &n) == 0);
	server.port = ntohs(addr.sin_port);
	must(pthread_create(&server.acceptor, NULL, accept_all, NULL) == 0);
}

/* How many connections were made so far. */
static inline int server_connections(void)
{
	int n;

	pthread_mutex_lock(&server.lock);
	n = server.n;
	pthread_mutex_unlock(&server.lock);
	return n;
}

static inline void server_stop(void)
{
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.acceptor, NULL);
	pthread_mutex_lock(&server.lock);
	for (int i = 0; i < server.n; i++) {
		if (server.fds[i] >= 0)
			shutdown(server.fds[i], SHUT_RDWR);
	}
	pthread_mutex_unlock(&server.lock);
	for (int i = 0; i < server.n; i++)
		pthread_join(server.threads[i], NULL);
	close(server.fd);
}

#endif
