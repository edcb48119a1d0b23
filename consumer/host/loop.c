/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "consumer/host/http.h"
#include "consumer/host/log.h"
#include "consumer/host/web_client.h"

enum {
	KEEP_BYTES = 32 << 20,
	SLOTS_DEFAULT = 64,
	LAG_WARN_MS = 100,
	WAIT_MAX_MS = 60 * 1000,
};

/* Where in the loop's array of descriptors its own are. */
enum { FD_INBOX, FD_SIGNALS };

/* What other threads want to have run: a queue under a lock, and an eventfd that ends the waiting. */
struct inbox {
	pthread_mutex_t lock; /* held for a few instructions, never while anything is called */
	struct io_post *first, **last;
	int fd;
};

struct loop {
	struct io io;
	struct inbox inbox;
	struct heap timers;
	struct watch watch; /* the two that FD_INBOX and FD_SIGNALS say, the web's, and those below */
	struct list watches; /* struct loop_watch */
	struct http *http;
	struct web_client *web;
	struct log *log;
	int signal_fd;
	loop_signal_fn *on_signal;
	void *on_signal_arg;
	bool stopping;
};

/* The loop that embeds `io`. */
static struct loop *loop_of(struct io *io)
{
	return CONTAINER_OF(io, struct loop, io);
}

/* Milliseconds of a clock. */
static int64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	must(clock_gettime(clock, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* struct io: the monotonic clock, which counts while the machine sleeps. */
static int64_t loop_now_ms(struct io *io)
{
	(void)io;
	return clock_ms(CLOCK_BOOTTIME);
}

/* struct io: the machine's clock. */
static int64_t loop_wall_ms(struct io *io)
{
	(void)io;
	return clock_ms(CLOCK_REALTIME);
}

/* struct io: the kernel's random numbers. */
static uint64_t loop_random(struct io *io)
{
	uint64_t v;

	(void)io;
	/* So few bytes come whole and at once, once the machine is up. */
	must(getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v));
	return v;
}

/* struct io: sets or moves a timer. */
static void loop_timer_set(struct io *io, struct io_timer *timer, int64_t at_ms)
{
	heap_set(&loop_of(io)->timers, &timer->node, at_ms);
}

/* struct io: unsets a timer. */
static void loop_timer_cancel(struct io *io, struct io_timer *timer)
{
	heap_remove(&loop_of(io)->timers, &timer->node);
}

/* struct io: hands a request to the HTTP client. */
static void loop_http_send(struct io *io, struct io_http *request)
{
	http_send(loop_of(io)->http, request);
}

/* struct io: takes a request back. */
static void loop_http_cancel(struct io *io, struct io_http *request)
{
	http_cancel(loop_of(io)->http, request);
}

/* struct io: one log line, with both clocks. */
static void loop_log(struct io *io, enum io_level level, struct str line)
{
	log_line(loop_of(io)->log, level, line, loop_now_ms(io), loop_wall_ms(io));
}

/* Adds to the inbox; any thread may. The first one in wakes the loop. */
static void loop_post(struct io *io, struct io_post *post)
{
	struct inbox *inbox = &loop_of(io)->inbox;
	const uint64_t one = 1;
	bool was_empty;

	pthread_mutex_lock(&inbox->lock);
	was_empty = inbox->first == NULL;
	post->next = NULL;
	*inbox->last = post;
	inbox->last = &post->next;
	/* Under the lock, so that the loop, and with it the eventfd, is still there when it is written to. */
	if (was_empty)
		must(write(inbox->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	pthread_mutex_unlock(&inbox->lock);
}

static const struct io_ops loop_ops = {
	.now_ms = loop_now_ms,
	.wall_ms = loop_wall_ms,
	.random = loop_random,
	.timer_set = loop_timer_set,
	.timer_cancel = loop_timer_cancel,
	.http_send = loop_http_send,
	.http_cancel = loop_http_cancel,
	.post = loop_post,
	.log = loop_log,
};

/* Makes the signals readable from a descriptor, in place of what they do otherwise. */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	/* A peer that goes away is an error of write, not the end of the process. */
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	must(fd >= 0);
	return fd;
}

/*
 * Keeps the memory of large buffers for the next page. By default each would be mapped and unmapped anew,
 * which costs more than filling it.
 */
static void keep_large_buffers(void)
{
	mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
}

struct loop *loop_new(const struct loop_options *options, struct error *err)
{
	struct loop *loop = mem_alloc(sizeof(*loop));
	size_t slots = options->slots == 0 ? SLOTS_DEFAULT : options->slots;
	struct http_options http = {
		.endpoint = {[IO_STREAMS] = options->endpoint_streams,
			     [IO_TABLES] = options->endpoint_tables},
		.region = options->region,
		.ca_file = options->ca_file,
		.keys = options->keys,
		.slots = slots,
		.reserved = LOOP_SLOTS_RESERVED,
		.io = &loop->io,
	};

	must(slots >= LOOP_SLOTS_MIN && slots <= LOOP_SLOTS_MAX);
	keep_large_buffers();
	loop->io.ops = &loop_ops;
	loop->io.log_level = options->log_level;
	heap_init(&loop->timers);
	must(pthread_mutex_init(&loop->inbox.lock, NULL) == 0);
	loop->inbox.last = &loop->inbox.first;
	loop->inbox.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(loop->inbox.fd >= 0);
	loop->signal_fd = open_signals();
	list_init(&loop->watches);
	watch_init(&loop->watch);
	watch_set(&loop->watch, loop->inbox.fd, CURL_WAIT_POLLIN, NULL);
	watch_set(&loop->watch, loop->signal_fd, CURL_WAIT_POLLIN, NULL);
	loop->log = log_new(STDERR_FILENO, (enum io_level)options->log_level);
	loop->http = http_new(&http, err);
	if (loop->http == NULL) {
		loop_free(loop);
		return NULL;
	}
	loop->web = web_client_new(&loop->io, &loop->watch);
	return loop;
}

struct io *loop_io(struct loop *loop)
{
	return &loop->io;
}

struct web *loop_web(struct loop *loop)
{
	return web_client_web(loop->web);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

void loop_on_signal(struct loop *loop, loop_signal_fn *fn, void *arg)
{
	loop->on_signal = fn;
	loop->on_signal_arg = arg;
}

/* Runs what was posted before this moment; what that posts waits for the next turn. */
static void run_inbox(struct loop *loop)
{
	struct inbox *inbox = &loop->inbox;
	struct io_post *post, *next;
	uint64_t n;

	pthread_mutex_lock(&inbox->lock);
	post = inbox->first;
	inbox->first = NULL;
	inbox->last = &inbox->first;
	if (post != NULL)
		must(read(inbox->fd, &n, sizeof(n)) == (ssize_t)sizeof(n));
	pthread_mutex_unlock(&inbox->lock);
	for (; post != NULL; post = next) {
		next = post->next; /* the post is the poster's again from here on */
		post->run(post);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	run_inbox(loop);
	web_client_free(loop->web);
	http_free(loop->http);
	log_free(loop->log);
	close(loop->signal_fd);
	close(loop->inbox.fd);
	pthread_mutex_destroy(&loop->inbox.lock);
	heap_release(&loop->timers);
	watch_release(&loop->watch);
	mem_free(loop);
}

void loop_watch_add(struct loop *loop, struct loop_watch *watch)
{
	list_init(&watch->link);
	list_add(&loop->watches, &watch->link);
	watch_set(&loop->watch, watch->fd, CURL_WAIT_POLLIN, NULL);
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
	list_remove(&watch->link);
	watch_remove(&loop->watch, watch->fd);
}

/* Tells those whose descriptors have something to read. */
static void run_watches(struct loop *loop)
{
	list_each(link, &loop->watches, spare) {
		struct loop_watch *watch = CONTAINER_OF(link, struct loop_watch, link);

		if (watch_take(&loop->watch, watch->fd))
			watch->ready(watch);
	}
}

/* Hands on the signals that arrived. */
static void run_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (loop->on_signal != NULL)
			loop->on_signal(loop->on_signal_arg, (int)info.ssi_signo);
	}
}

/* Fires the timers that are due; those set meanwhile wait for the next turn, so that it comes. */
static void run_timers(struct loop *loop)
{
	int64_t now_ms = loop_now_ms(&loop->io);
	uint64_t last = loop->timers.turns;
	struct heap_node *node;

	while ((node = heap_first(&loop->timers)) != NULL && node->key <= now_ms &&
	       node->turn <= last) {
		struct io_timer *timer = CONTAINER_OF(node, struct io_timer, node);

		heap_remove(&loop->timers, node);
		timer->fire(timer);
	}
}

/* How long the loop may sleep, in milliseconds. */
static int wait_ms(const struct loop *loop)
{
	struct heap_node *first = heap_first(&loop->timers);
	int64_t now_ms = clock_ms(CLOCK_BOOTTIME);

	if (http_is_due(loop->http) || web_client_is_due(loop->web) ||
	    (first != NULL && first->key <= now_ms))
		return 0;
	if (first == NULL || first->key - now_ms > WAIT_MAX_MS)
		return WAIT_MAX_MS;
	return (int)(first->key - now_ms);
}

/* What ended a sleep, apart from HTTP, the web and timers. */
struct events {
	bool posts, signals;
};

/*
 * Sleeps until something happens. A closed descriptor would end every sleep at once without a word from
 * curl_multi_poll, so a sleep that ended early and empty has its descriptors looked at.
 */
static struct events wait_for_events(struct loop *loop)
{
	struct watch *watch = &loop->watch;
	int n = 0, timeout_ms = wait_ms(loop);

	must(curl_multi_poll(http_multi(loop->http), watch->fds, (unsigned)watch->n, timeout_ms,
			     &n) == CURLM_OK);
	for (size_t i = 0; n == 0 && timeout_ms > 0 && i < watch->n; i++)
		must(fcntl(watch->fds[i].fd, F_GETFD) != -1);
	return (struct events){.posts = watch->fds[FD_INBOX].revents != 0,
			       .signals = watch->fds[FD_SIGNALS].revents != 0};
}

/* Complains about a turn so long that others had to wait for it. */
static void watch_lag(struct loop *loop, int64_t took_ms)
{
	if (took_ms > LAG_WARN_MS)
		io_log(&loop->io, IO_WARN, "loop.lag took_ms=%lld", (long long)took_ms);
}

void loop_run(struct loop *loop)
{
	loop->stopping = false;
	while (!loop->stopping) {
		struct events events = wait_for_events(loop);
		int64_t start_ms = loop_now_ms(&loop->io);

		if (events.posts)
			run_inbox(loop);
		if (events.signals)
			run_signals(loop);
		run_watches(loop);
		run_timers(loop);
		http_perform(loop->http);
		http_finish(loop->http);
		web_client_perform(loop->web);
		web_client_finish(loop->web);
		/* What the answers made engine and sinks ask goes out in the same turn. */
		if (http_is_due(loop->http))
			http_perform(loop->http);
		if (web_client_is_due(loop->web))
			web_client_perform(loop->web);
		watch_lag(loop, loop_now_ms(&loop->io) - start_ms);
	}
}
