/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_pool.h"

/* The slot of a handle; NULL for libcurl's own, with which it closes connections. */
static struct web_slot *slot_of(CURL *easy)
{
	char *slot_p = NULL;

	must(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot_p) == CURLE_OK);
	return (struct web_slot *)(void *)slot_p;
}

/* libcurl's callback for what to wait for on a socket. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct web_pool *pool = arg;
	struct web_slot *slot = slot_of(easy);
	short events = 0;

	(void)of_socket;
	if (slot != NULL)
		web_slot_socket(slot, fd, what != CURL_POLL_REMOVE);
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= CURL_WAIT_POLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= CURL_WAIT_POLLOUT;
	if (events == 0)
		watch_remove(pool->env->watch, fd);
	else
		watch_set(pool->env->watch, fd, events, pool);
	return 0;
}

/* Sets the timer as libcurl wants it: negative milliseconds mean none. */
static void set_timer(struct web_pool *pool, long after_ms)
{
	if (after_ms < 0)
		io_timer_cancel(pool->env->io, &pool->timer);
	else
		io_timer_set(pool->env->io, &pool->timer, io_now_ms(pool->env->io) + after_ms);
}

/* libcurl's callback for when it wants to be called at the latest. */
static int on_deadline(CURLM *multi, long after_ms, void *arg)
{
	(void)multi;
	set_timer(arg, after_ms);
	return 0;
}

/* A request is over. */
static void finish(struct web_pool *pool, struct web_request *request)
{
	if (request->slot != NULL)
		web_call_free(request->slot);
	list_remove(&request->link);
	list_add(pool->env->finished, &request->link);
}

/* Takes a slot's handle away from libcurl, which closes its connection if it is in use. */
static void rest(struct web_pool *pool, struct web_slot *slot)
{
	must(curl_multi_remove_handle(pool->multi, slot->easy) == CURLM_OK);
	list_remove(&slot->link);
	list_add(&pool->free, &slot->link);
}

/* Collects the requests whose transfers ended. */
static void collect(struct web_pool *pool)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(pool->multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		struct web_request *request;
		struct web_slot *slot;

		must(msg->msg == CURLMSG_DONE);
		slot = slot_of(msg->easy_handle);
		request = slot->call->request;
		web_slot_end(slot, code);
		rest(pool, slot);
		finish(pool, request);
	}
}

/* Lets libcurl do what is due on a socket, or by time. */
static void act(struct web_pool *pool, curl_socket_t fd, int mask)
{
	int running;

	must(curl_multi_socket_action(pool->multi, fd, mask, &running) == CURLM_OK);
	collect(pool);
}

/* libcurl's time has come; if it was a moment too early for libcurl's clock, it has to come again. */
static void on_timer(struct io_timer *timer)
{
	struct web_pool *pool = CONTAINER_OF(timer, struct web_pool, timer);
	long after_ms = -1;

	act(pool, CURL_SOCKET_TIMEOUT, 0);
	must(curl_multi_timeout(pool->multi, &after_ms) == CURLM_OK);
	set_timer(pool, after_ms);
}

/* Makes the multi handle and the share of TLS sessions. */
static void open_curl(struct web_pool *pool)
{
	pool->multi = curl_multi_init();
	must(pool->multi != NULL);
	must(curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_interest) == CURLM_OK);
	must(curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK);
	must(curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_deadline) == CURLM_OK);
	must(curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK);
	must(curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) ==
	     CURLM_OK);
	/* Idle ones count, too: one to another host gives way. */
	must(curl_multi_setopt(pool->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)pool->n_slots) ==
	     CURLM_OK);
	must(curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)pool->n_slots) == CURLM_OK);
	pool->share = curl_share_init();
	must(pool->share != NULL);
	must(curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
	     CURLSHE_OK);
}

struct web_pool *web_pool_new(const struct web_env *env, const struct web_pool_options *options,
			      struct error *err)
{
	struct web_pool *pool = mem_alloc(sizeof(*pool));

	must(options->connections > 0 && options->connect_timeout_ms > 0);
	if (!web_trust_load(&pool->trust, options, err)) {
		mem_free(pool);
		return NULL;
	}
	pool->env = env;
	pool->allow_http = options->allow_http;
	pool->allow_private = options->allow_private;
	pool->connect_timeout_ms = options->connect_timeout_ms;
	pool->n_slots = options->connections;
	pool->slots = mem_alloc_n(pool->n_slots, sizeof(*pool->slots));
	pool->timer.fire = on_timer;
	list_init(&pool->link);
	list_init(&pool->free);
	list_init(&pool->busy);
	list_init(&pool->waiting);
	for (size_t i = 0; i < pool->n_slots; i++) {
		pool->slots[i].pool = pool;
		list_init(&pool->slots[i].link);
		list_add(&pool->free, &pool->slots[i].link);
	}
	open_curl(pool);
	return pool;
}

void web_pool_free(struct web_pool *pool)
{
	list_each(link, &pool->waiting, spare)
		web_pool_remove(pool, CONTAINER_OF(link, struct web_request, link));
	list_each(link, &pool->busy, spare)
		web_pool_remove(pool, CONTAINER_OF(link, struct web_slot, link)->call->request);
	for (size_t i = 0; i < pool->n_slots; i++)
		web_slot_close(&pool->slots[i]);
	must(curl_multi_cleanup(pool->multi) == CURLM_OK);
	io_timer_cancel(pool->env->io, &pool->timer);
	must(curl_share_cleanup(pool->share) == CURLSHE_OK);
	web_trust_release(&pool->trust);
	web_place_release(&pool->place);
	mem_free(pool->slots);
	mem_free(pool);
}

void web_pool_add(struct web_pool *pool, struct web_request *request)
{
	struct web_call *call =
		web_call_new(request, &pool->place, pool->allow_http, &request->why);

	if (call == NULL) {
		request->result = WEB_REFUSED;
		finish(pool, request);
		return;
	}
	list_add(&pool->waiting, &request->link);
}

void web_pool_remove(struct web_pool *pool, struct web_request *request)
{
	struct web_call *call = request->slot;
	struct web_slot *slot = call->slot;

	list_remove(&request->link);
	if (slot != NULL) {
		rest(pool, slot);
		slot->call = NULL;
	}
	web_call_free(call);
	buf_release(&request->answer);
}

bool web_pool_is_due(const struct web_pool *pool)
{
	return !list_empty(&pool->waiting) && !list_empty(&pool->free);
}

void web_pool_start(struct web_pool *pool)
{
	bool some = false;

	while (web_pool_is_due(pool)) {
		struct web_request *request = list_first(&pool->waiting, struct web_request, link);
		struct web_slot *slot = list_first(&pool->free, struct web_slot, link);

		list_remove(&request->link);
		list_remove(&slot->link);
		list_add(&pool->busy, &slot->link);
		if (slot->easy == NULL)
			web_slot_open(slot);
		web_slot_start(slot, request->slot);
		must(curl_multi_add_handle(pool->multi, slot->easy) == CURLM_OK);
		some = true;
	}
	/* New handles are due at once; the timer would come a turn later. */
	if (some)
		act(pool, CURL_SOCKET_TIMEOUT, 0);
}

void web_pool_ready(struct web_pool *pool, int fd, short events)
{
	int mask = 0;

	if ((events & CURL_WAIT_POLLIN) != 0)
		mask |= CURL_CSELECT_IN;
	if ((events & CURL_WAIT_POLLOUT) != 0)
		mask |= CURL_CSELECT_OUT;
	act(pool, fd, mask);
}
