/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fake/fake_conn.h"

enum {
	EVENTS_N = 128,
	ACCEPTS_N = 64, /* at a time */
	CONNECTIONS_MAX = 4096,
	TICK_MS = 50,
};

struct listener {
	enum fake_watch watch; /* the first member, see fake_conn.h */
	int fd; /* -1: none */
	SSL_CTX *tls;
};

struct server {
	struct fake_loop loop;
	struct listener plain, secure;
	enum fake_watch signal_watch;
	int signal_fd;
	bool accepting; /* false for a moment when there are too many connections */
	bool stopped;
};

/* Has epoll watch a descriptor for input; `data` begins with an enum fake_watch. */
static bool watch(struct server *server, int fd, void *data, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

	return epoll_ctl(server->loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ||
	       error_set(err, ERROR_IO, "cannot watch: %s", error_errno(errno));
}

/* Listens on a port of 127.0.0.1 and prints which one it became. */
static bool listen_on(struct server *server, struct listener *listener, uint64_t port,
		      struct error *err)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t addr_n = sizeof(addr);
	int on = 1;

	listener->watch = FAKE_WATCH_LISTENER;
	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0 ||
	    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(listener->fd, (struct sockaddr *)&addr, addr_n) != 0 ||
	    listen(listener->fd, SOMAXCONN) != 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&addr, &addr_n) != 0)
		return error_set(err, ERROR_IO, "cannot listen on 127.0.0.1:%llu: %s",
				 (unsigned long long)port, error_errno(errno));
	printf("ddbfake: listening %son 127.0.0.1:%u\n", listener->tls == NULL ? "" : "with TLS ",
	       ntohs(addr.sin_port));
	fflush(stdout);
	return watch(server, listener->fd, listener, err);
}

/* Makes or reads the certificate, if there shall be TLS. */
static bool open_tls(struct server *server, const struct fake_options *options, struct error *err)
{
	char cert[4096], key[4096];
	const char *dir = options->make_cert;

	if (dir != NULL) {
		if (!fake_cert_make(dir, options->cert_kind, err))
			return false;
		snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
		snprintf(key, sizeof(key), "%s/key.pem", dir);
		server->secure.tls = fake_link_tls(cert, key, err);
	} else if (options->tls_cert != NULL) {
		server->secure.tls = fake_link_tls(options->tls_cert, options->tls_key, err);
	} else {
		return true;
	}
	return server->secure.tls != NULL;
}

/* Has SIGTERM and SIGINT come through a descriptor, and broken pipes as errors. */
static bool open_signals(struct server *server, struct error *err)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	server->signal_watch = FAKE_WATCH_SIGNAL;
	server->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server->signal_fd < 0)
		return error_set(err, ERROR_IO, "no signalfd: %s", error_errno(errno));
	return watch(server, server->signal_fd, &server->signal_watch, err);
}

/* Allows itself as many descriptors as it may. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Opens everything; what was opened is closed by server_close in any case. */
static bool server_open(struct server *server, struct fake *fake, struct error *err)
{
	const struct fake_options *options = fake->options;

	raise_limit();
	heap_init(&server->loop.timers);
	list_init(&server->loop.conns);
	server->loop.fake = fake;
	server->loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->loop.epoll_fd < 0)
		return error_set(err, ERROR_IO, "no epoll: %s", error_errno(errno));
	return open_signals(server, err) && open_tls(server, options, err) &&
	       listen_on(server, &server->plain, options->port, err) &&
	       (server->secure.tls == NULL ||
		listen_on(server, &server->secure, options->tls_port, err));
}

/* Closes a descriptor that may be none. */
static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Closes everything. */
static void server_close(struct server *server)
{
	fake_conn_close_all(&server->loop);
	close_fd(server->plain.fd);
	close_fd(server->secure.fd);
	close_fd(server->signal_fd);
	close_fd(server->loop.epoll_fd);
	SSL_CTX_free(server->secure.tls);
	heap_release(&server->loop.timers);
}

/* Stops or resumes accepting, so that a full house does not make the loop spin. */
static void set_accepting(struct server *server, bool accepting)
{
	struct listener *listeners[] = {&server->plain, &server->secure};

	for (size_t i = 0; i < ARRAY_N(listeners); i++) {
		struct epoll_event event = {.events = accepting ? EPOLLIN : 0,
					    .data.ptr = listeners[i]};

		if (listeners[i]->fd >= 0)
			must(epoll_ctl(server->loop.epoll_fd, EPOLL_CTL_MOD, listeners[i]->fd,
				       &event) == 0);
	}
	server->accepting = accepting;
}

/* Accepts the connections that wait. */
static void accept_all(struct server *server, struct listener *listener)
{
	int on = 1;

	for (unsigned i = 0; i < ACCEPTS_N; i++) {
		int fd = -1;

		if (server->loop.fake->open_connections < CONNECTIONS_MAX)
			fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		else
			errno = EMFILE;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			set_accepting(server, false);
		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		fake_conn_open(&server->loop, fd, listener->tls);
	}
}

/* Serves one event. */
static void serve(struct server *server, const struct epoll_event *event)
{
	enum fake_watch *watched = event->data.ptr;

	switch (*watched) {
	case FAKE_WATCH_CONN:
		fake_conn_event(event->data.ptr, event->events);
		break;
	case FAKE_WATCH_LISTENER:
		accept_all(server, event->data.ptr);
		break;
	case FAKE_WATCH_SIGNAL:
		server->stopped = true;
		break;
	}
}

/* How long epoll may sleep. */
static int sleep_ms(const struct server *server, int64_t now_ms, int64_t tick_at_ms)
{
	const struct heap_node *first = heap_first(&server->loop.timers);
	int64_t until_ms = first != NULL && first->key < tick_at_ms ? first->key : tick_at_ms;

	return until_ms <= now_ms ? 0 : (int)(until_ms - now_ms);
}

/* Serves until a signal comes. */
static void run(struct server *server)
{
	struct epoll_event events[EVENTS_N];
	int64_t now_ms = fake_clock_mono(), tick_at_ms = now_ms;

	server->accepting = true;
	while (!server->stopped) {
		int n = epoll_wait(server->loop.epoll_fd, events, EVENTS_N,
				   sleep_ms(server, now_ms, tick_at_ms));

		/* A connection frees only itself, and no other one, so later events stay good. */
		for (int i = 0; i < n; i++)
			serve(server, &events[i]);
		now_ms = fake_clock_mono();
		fake_conn_run_timers(&server->loop, now_ms);
		if (now_ms < tick_at_ms)
			continue;
		tick_at_ms = now_ms + TICK_MS;
		fake_tick(server->loop.fake);
		if (!server->accepting)
			set_accepting(server, true);
	}
}

bool fake_server_run(struct fake *fake, struct error *err)
{
	struct server server = {
		.loop.epoll_fd = -1, .plain.fd = -1, .secure.fd = -1, .signal_fd = -1};
	bool ok = server_open(&server, fake, err);

	if (ok)
		run(&server);
	server_close(&server);
	return ok;
}
