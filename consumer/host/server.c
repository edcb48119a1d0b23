/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <unistd.h>

#include "consumer/host/address.h"

enum {
	BACKLOG = 16,
	CONNECTION_BYTES_MAX = 16 << 10, /* of a request's head, and what its answer's needs */
	AFTERWARDS_MS = 200,
};

static const char plain[] = "text/plain; charset=utf-8";

struct server {
	struct io *io;
	struct loop *loop;
	struct server_options options;
	struct MHD_Daemon *daemon;
	struct loop_watch watch; /* its epoll */
	struct io_timer timer; /* what it wants to do without being asked */
};

/* A socket's address. */
union socket_address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* Fills in the address to listen at; returns its size. */
static socklen_t set_endpoint(const struct server_options *options, union socket_address *endpoint)
{
	*endpoint = (union socket_address){0};
	if (inet_pton(AF_INET, options->address, &endpoint->four.sin_addr) == 1) {
		endpoint->four.sin_family = AF_INET;
		endpoint->four.sin_port = htons(options->port);
		return sizeof(endpoint->four);
	}
	must(inet_pton(AF_INET6, options->address, &endpoint->six.sin6_addr) == 1);
	endpoint->six.sin6_family = AF_INET6;
	endpoint->six.sin6_port = htons(options->port);
	return sizeof(endpoint->six);
}

/* The words for an address and a port, as options have them. */
static const char *endpoint_text(const struct server_options *options, uint16_t port, char *text,
				 size_t size)
{
	bool six = str_find(str_of(options->address), ':') < str_of(options->address).n;

	snprintf(text, size, "%s%s%s:%u", six ? "[" : "", options->address, six ? "]" : "", port);
	return text;
}

/* Makes the socket and listens; -1 with `err` when it cannot be had. Logs where. */
static int start_listening(const struct server *server, struct error *err)
{
	const struct server_options *options = &server->options;
	char text[ADDRESS_TEXT_MAX + 16];
	union socket_address endpoint;
	socklen_t n = set_endpoint(options, &endpoint);
	int fd = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	/* What a former process left behind in TIME_WAIT does not matter; who listens does. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (endpoint.any.sa_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, &endpoint.any, n) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, &endpoint.any, &n) != 0) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		error_set(err, ERROR_IO, "cannot listen at %s: %s%s",
			  endpoint_text(options, options->port, text, sizeof(text)),
			  error_errno(error),
			  error == EADDRINUSE ? "; another process has that port: choose one for "
						"each worker of a machine"
					      : "");
		return -1;
	}
	io_log(server->io, IO_INFO, "http.listening address=%s",
	       endpoint_text(options,
			     ntohs(endpoint.any.sa_family == AF_INET6 ? endpoint.six.sin6_port
								      : endpoint.four.sin_port),
			     text, sizeof(text)));
	return fd;
}

/* Sends an answer, which is copied. */
static enum MHD_Result send_answer(struct MHD_Connection *connection,
				   const struct server_answer *answer)
{
	struct str body = buf_view(&answer->body);
	struct MHD_Response *response;
	enum MHD_Result result;

	/* The library takes what it only copies by a pointer that is not const. */
	response = MHD_create_response_from_buffer(body.n, answer->body.p, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO; /* closes the connection */
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* The page with that path, or NULL. */
static const struct server_page *find_page(const struct server *server, const char *path)
{
	for (size_t i = 0; i < server->options.n_pages; i++) {
		if (str_eq(str_of(path), str_of(server->options.pages[i].path)))
			return &server->options.pages[i];
	}
	return NULL;
}

/* Appends which pages there are. */
static void put_pages(const struct server *server, struct buf *out)
{
	buf_str(out, STR("there is"));
	for (size_t i = 0; i < server->options.n_pages; i++)
		buf_fmt(out, "%s %s", i == 0 ? "" : ",", server->options.pages[i].path);
	buf_c(out, '\n');
}

/* Makes the answer to a request. */
static void make_answer(const struct server *server, struct MHD_Connection *connection,
			const char *path, const char *method, struct server_answer *answer)
{
	const struct server_page *page = find_page(server, path);
	const char *value = NULL;
	size_t n = 0;
	bool verbose = MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "verbose",
						     strlen("verbose"), &value, &n) == MHD_YES;

	if (page == NULL) {
		answer->status = MHD_HTTP_NOT_FOUND;
		buf_str(&answer->body, STR("no such page; "));
		put_pages(server, &answer->body);
	} else if (!str_eq(str_of(method), STR("GET")) && !str_eq(str_of(method), STR("HEAD"))) {
		answer->status = MHD_HTTP_METHOD_NOT_ALLOWED;
		buf_str(&answer->body, STR("this page can be read only: GET or HEAD\n"));
	} else {
		page->make(server->options.arg, verbose, answer);
	}
	if (!answer->body.failed)
		return;
	buf_clear(&answer->body);
	answer->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	answer->type = plain;
	buf_str(&answer->body, STR("the page is too large\n"));
}

/* Whether a body follows the request's head. */
static bool has_body(struct MHD_Connection *connection)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_CONTENT_LENGTH) != NULL ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/*
 * The library has a request's head, and calls again when it has all of it: to answer then keeps
 * the connection for the next one. A body is not read: what has one is answered at once, which
 * closes the connection.
 */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_n, void **state)
{
	struct server *server = arg;
	struct server_answer answer = {.status = MHD_HTTP_OK, .type = plain};
	enum MHD_Result result;

	(void)version;
	(void)upload;
	*upload_n = 0; /* nothing of a body is left to be taken */
	if (*state == NULL && !has_body(connection)) {
		*state = server; /* anything: it was here */
		return MHD_YES;
	}
	buf_init(&answer.body, server->options.max_bytes);
	make_answer(server, connection, path, method, &answer);
	result = send_answer(connection, &answer);
	buf_release(&answer.body);
	return result;
}

/* How many connections there are. */
static unsigned connections(const struct server *server)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	must(info != NULL);
	return info->num_connections;
}

/*
 * Lets the library do what there is to do, and notes when it wants to do more by itself.
 *
 * When it has all the connections that it may, it stops watching for new ones, and only begins
 * again when it is run after some have gone, which no event tells: so it is run once more after
 * everything else.
 */
static void turn(struct server *server, bool event)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned before = connections(server);
	int64_t delay_ms = -1;

	MHD_run(server->daemon);
	if (connections(server) < before)
		MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES)
		delay_ms = (int64_t)ms;
	else if (event || before > 0)
		delay_ms = AFTERWARDS_MS;
	if (delay_ms < 0)
		io_timer_cancel(server->io, &server->timer);
	else
		io_timer_set(server->io, &server->timer, io_now_ms(server->io) + delay_ms);
}

/* Something happened on a connection, or there is a new one. */
static void on_ready(struct loop_watch *watch)
{
	turn(CONTAINER_OF(watch, struct server, watch), true);
}

/* A connection has been idle for too long, there is more to send, or some have gone. */
static void on_timer(struct io_timer *timer)
{
	turn(CONTAINER_OF(timer, struct server, timer), false);
}

struct server *server_new(struct loop *loop, const struct server_options *options,
			  struct error *err)
{
	struct server *server = mem_alloc(sizeof(*server));
	const union MHD_DaemonInfo *info;
	int fd;

	server->io = loop_io(loop);
	server->loop = loop;
	server->options = *options;
	server->timer.fire = on_timer;
	fd = start_listening(server, err);
	if (fd < 0) {
		mem_free(server);
		return NULL;
	}
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, options->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (server->daemon == NULL) {
		close(fd);
		mem_free(server);
		error_set(err, ERROR_IO, "cannot answer HTTP: libmicrohttpd does not start");
		return NULL;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	must(info != NULL && info->epoll_fd >= 0);
	server->watch = (struct loop_watch){.fd = info->epoll_fd, .ready = on_ready};
	loop_watch_add(loop, &server->watch);
	return server;
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	loop_watch_remove(server->loop, &server->watch);
	io_timer_cancel(server->io, &server->timer);
	MHD_stop_daemon(server->daemon);
	mem_free(server);
}
