/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_client.h"

#include "consumer/host/route.h"
#include "consumer/host/web_pool.h"

struct web_client {
	struct web web;
	struct web_env env;
	struct list pools;
	/* A request that ended is in one of these. */
	struct list finished, ending;
};

/* The client that embeds `web`. */
static struct web_client *client_of(struct web *web)
{
	return CONTAINER_OF(web, struct web_client, web);
}

/* struct web: opens a pool. */
static struct web_pool *pool_open(struct web *web, const struct web_pool_options *options,
				  struct error *err)
{
	struct web_client *client = client_of(web);
	struct web_pool *pool = web_pool_new(&client->env, options, err);

	if (pool != NULL)
		list_add(&client->pools, &pool->link);
	return pool;
}

/* Forgets an ended request, whose `done` has not run. */
static void forget(struct web_request *request)
{
	list_remove(&request->link);
	buf_release(&request->answer);
}

/* Forgets a pool's requests of a list. */
static void forget_of(struct list *list, const struct web_pool *pool)
{
	list_each(link, list, spare) {
		struct web_request *request = CONTAINER_OF(link, struct web_request, link);

		if (request->pool == pool)
			forget(request);
	}
}

/* struct web: closes a pool. */
static void pool_close(struct web *web, struct web_pool *pool)
{
	struct web_client *client = client_of(web);

	forget_of(&client->finished, pool);
	forget_of(&client->ending, pool);
	list_remove(&pool->link);
	web_pool_free(pool);
}

/* struct web: takes a request. */
static void send_request(struct web *web, struct web_request *request)
{
	(void)web;
	must(request->slot == NULL && (request->link.next == NULL || list_empty(&request->link)));
	must(request->timeout_ms > 0);
	list_init(&request->link);
	request->result = WEB_BROKEN;
	request->status = 0;
	request->truncated = false;
	request->retry_after_ms = 0;
	request->why.code = ERROR_NONE;
	request->why.text[0] = '\0';
	buf_init(&request->answer, request->max_bytes);
	web_pool_add(request->pool, request);
}

/* struct web: takes a request back. */
static void cancel(struct web *web, struct web_request *request)
{
	(void)web;
	if (request->slot != NULL)
		web_pool_remove(request->pool, request);
	else if (request->link.next != NULL && !list_empty(&request->link))
		forget(request);
}

static const struct web_ops ops = {
	.pool_open = pool_open,
	.pool_close = pool_close,
	.send = send_request,
	.cancel = cancel,
};

struct web_client *web_client_new(struct io *io, struct watch *watch)
{
	struct web_client *client = mem_alloc(sizeof(*client));

	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	client->web.ops = &ops;
	client->env = (struct web_env){
		.io = io,
		.watch = watch,
		.finished = &client->finished,
		.no_proxy = route_no_proxy(),
	};
	list_init(&client->pools);
	list_init(&client->finished);
	list_init(&client->ending);
	return client;
}

void web_client_free(struct web_client *client)
{
	if (client == NULL)
		return;
	list_each(link, &client->pools, spare)
		pool_close(&client->web, CONTAINER_OF(link, struct web_pool, link));
	mem_free(client->env.no_proxy);
	mem_free(client);
	curl_global_cleanup();
}

struct web *web_client_web(struct web_client *client)
{
	return &client->web;
}

void web_client_perform(struct web_client *client)
{
	struct watch *watch = client->env.watch;

	/* From the end: see watch.h. What has no owner is the loop's. */
	for (size_t i = watch->n; i-- > 0;) {
		struct curl_waitfd *fd = i < watch->n ? &watch->fds[i] : NULL;
		short events;

		if (fd == NULL || fd->revents == 0 || watch->owners[i] == NULL)
			continue;
		events = fd->revents;
		fd->revents = 0;
		web_pool_ready(watch->owners[i], fd->fd, events);
	}
	list_each(link, &client->pools, spare)
		web_pool_start(CONTAINER_OF(link, struct web_pool, link));
}

void web_client_finish(struct web_client *client)
{
	/* Those that end meanwhile have to wait for the next call. */
	list_each(link, &client->finished, spare) {
		list_remove(link);
		list_add(&client->ending, link);
	}
	while (!list_empty(&client->ending)) {
		struct web_request *request = list_first(&client->ending, struct web_request, link);

		list_remove(&request->link);
		request->done(request); /* and the request may be gone */
	}
}

bool web_client_is_due(const struct web_client *client)
{
	if (!list_empty(&client->finished))
		return true;
	list_each(link, &client->pools, spare) {
		if (web_pool_is_due(CONTAINER_OF(link, struct web_pool, link)))
			return true;
	}
	return false;
}
