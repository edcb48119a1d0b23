/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/http.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "consumer/host/route.h"
#include "consumer/host/slot.h"

/* So many times the slots' number started in a row is a rush. */
enum { RUSH_PER_SLOT = 16 };

struct http {
	struct io *io;
	struct keys *keys;
	CURLM *multi;
	struct slot_env env;
	struct slot_target targets[2]; /* by enum io_service */
	struct signer signer;
	struct slot *slots;
	size_t n_slots, n_reserved;
	size_t n_ordinary; /* requests on slots that are not reserved ones */
	size_t n_rush; /* requests that were started since there was none */
	bool performing; /* libcurl is at work: its handles must not be touched */
	/* A slot is in one of these three lists. */
	struct list free, busy, abandoned;
	/* A request without slot is in one of these. */
	struct list waiting_reserved, waiting, finished, ending;
};

/* Fills what requests to `url` have in common. */
static bool target_init(struct slot_target *target, const char *url, const char *ca_file,
			struct error *err)
{
	struct endpoint endpoint;
	struct buf text;

	if (!endpoint_parse(str_of(url), &endpoint, err))
		return false;
	buf_init(&text, 2 * (ENDPOINT_HOST_MAX + ENDPOINT_PATH_MAX));
	endpoint_add_url(&text, &endpoint);
	target->url = buf_detach(&text);
	endpoint_add_host(&text, &endpoint);
	target->host_header = buf_detach(&text);
	buf_fmt(&text, "%s:%u", endpoint.host, endpoint.port);
	target->name = buf_detach(&text);
	target->path = mem_dup(endpoint.path, str_of(endpoint.path).n);
	target->ca_file = ca_file;
	return true;
}

/* Frees what target_init made. */
static void target_release(struct slot_target *target)
{
	mem_free(target->url);
	mem_free(target->host_header);
	mem_free(target->path);
	mem_free(target->name);
}

/* Makes the multi handle and the share of TLS sessions. */
static void open_curl(struct http *http)
{
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	http->multi = curl_multi_init();
	must(http->multi != NULL);
	/* By default it grows with the handles that are at work, and shrinks with them. */
	must(curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->n_slots) == CURLM_OK);
	must(curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) ==
	     CURLM_OK);
	http->env.share = curl_share_init();
	must(http->env.share != NULL);
	must(curl_share_setopt(http->env.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
	     CURLSHE_OK);
}

struct http *http_new(const struct http_options *options, struct error *err)
{
	struct http *http = mem_alloc(sizeof(*http));
	const char *ca_file = options->ca_file != NULL ? options->ca_file : ROUTE_CA_FILE;

	must(options->reserved < options->slots);
	http->io = options->io;
	http->keys = options->keys;
	http->n_slots = options->slots;
	http->n_reserved = options->reserved;
	list_init(&http->free);
	list_init(&http->busy);
	list_init(&http->abandoned);
	list_init(&http->waiting_reserved);
	list_init(&http->waiting);
	list_init(&http->finished);
	list_init(&http->ending);
	http->slots = mem_alloc_n(http->n_slots, sizeof(*http->slots));
	for (size_t i = 0; i < http->n_slots; i++) {
		list_init(&http->slots[i].link);
		list_add(&http->free, &http->slots[i].link);
	}
	signer_init(&http->signer, region_for_signing(str_of(options->region)), SIGN_SERVICE);
	http->env = (struct slot_env){.ca_file = ca_file, .signer = &http->signer};
	http->env.no_proxy = route_no_proxy();
	open_curl(http);
	if (!target_init(&http->targets[IO_STREAMS], options->endpoint[IO_STREAMS], ca_file, err) ||
	    !target_init(&http->targets[IO_TABLES], options->endpoint[IO_TABLES], ca_file, err)) {
		http_free(http);
		return NULL;
	}
	if (options->ca_file != NULL && access(ca_file, R_OK) != 0) {
		error_set(err, ERROR_CONFIG, "`ca_file` %s cannot be read", ca_file);
		http_free(http);
		return NULL;
	}
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	list_each(link, &http->busy, spare)
		curl_multi_remove_handle(http->multi, CONTAINER_OF(link, struct slot, link)->easy);
	for (size_t i = 0; i < http->n_slots; i++)
		slot_close(&http->slots[i]);
	curl_multi_cleanup(http->multi);
	curl_share_cleanup(http->env.share);
	signer_release(&http->signer);
	target_release(&http->targets[IO_STREAMS]);
	target_release(&http->targets[IO_TABLES]);
	mem_free(http->env.no_proxy);
	mem_free(http->slots);
	mem_free(http);
	curl_global_cleanup();
}

CURLM *http_multi(struct http *http)
{
	return http->multi;
}

void http_send(struct http *http, struct io_http *request)
{
	must(request->slot == NULL && (request->link.next == NULL || list_empty(&request->link)));
	list_init(&request->link);
	request->status = 0;
	request->date_wall_ms = 0;
	request->sent_ms = 0;
	request->why.code = ERROR_NONE;
	request->why.text[0] = '\0';
	buf_init(&request->answer, request->max_bytes);
	list_add(request->reserved ? &http->waiting_reserved : &http->waiting, &request->link);
}

/* Takes a slot's handle away from libcurl and makes the slot free. */
static void slot_rest(struct http *http, struct slot *slot)
{
	must(curl_multi_remove_handle(http->multi, slot->easy) == CURLM_OK);
	list_remove(&slot->link);
	/* First, so that the connection used last is used next. */
	list_add(http->free.next, &slot->link);
}

void http_cancel(struct http *http, struct io_http *request)
{
	struct slot *slot = request->slot;

	if (request->link.next != NULL)
		list_remove(&request->link);
	if (slot == NULL)
		return;
	must(slot->request == request);
	slot->request = NULL;
	request->slot = NULL;
	http->n_ordinary -= !request->reserved;
	buf_release(&request->answer);
	if (!http->performing) {
		slot_rest(http, slot);
		return;
	}
	/* Inside libcurl the handle has to stay a moment longer, and with it the body that it sends. */
	slot->body = request->body;
	buf_init(&request->body, slot->body.max);
	list_remove(&slot->link);
	list_add(&http->abandoned, &slot->link);
}

/* A request is over: `done` runs in http_finish. */
static void finish(struct http *http, struct io_http *request)
{
	list_remove(&request->link);
	list_add(&http->finished, &request->link);
}

/* Puts a waiting request on a free slot, or ends it when there are no credentials. */
static void start(struct http *http, struct io_http *request)
{
	struct slot *slot = list_first(&http->free, struct slot, link);
	struct keys_request want = {
		.fresh = request->fresh_credentials,
		.now_ms = io_now_ms(http->io),
		.wall_ms = io_wall_ms(http->io),
	};
	const struct credentials *credentials = keys_get(http->keys, &want, &request->why);

	if (credentials == NULL) {
		request->result = IO_REFUSED;
		finish(http, request);
		return;
	}
	if (slot->easy == NULL)
		slot_open(slot, &http->env);
	slot_start(slot, &http->env, &http->targets[request->service], request, credentials);
	list_remove(&request->link);
	list_remove(&slot->link);
	list_add(&http->busy, &slot->link);
	http->n_ordinary += !request->reserved;
	http->n_rush++;
	request->sent_ms = want.now_ms;
	must(curl_multi_add_handle(http->multi, slot->easy) == CURLM_OK);
}

/* The request that may start now, or NULL: reserved ones first, and all slots are theirs. */
static struct io_http *next_to_start(const struct http *http)
{
	if (list_empty(&http->free))
		return NULL;
	if (!list_empty(&http->waiting_reserved))
		return list_first(&http->waiting_reserved, struct io_http, link);
	if (!list_empty(&http->waiting) && http->n_ordinary < http->n_slots - http->n_reserved)
		return list_first(&http->waiting, struct io_http, link);
	return NULL;
}

/* Collects the requests whose transfers ended. */
static void collect(struct http *http)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		struct io_http *request;
		char *slot_p = NULL;
		struct slot *slot;

		must(msg->msg == CURLMSG_DONE);
		must(curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &slot_p) == CURLE_OK);
		slot = (struct slot *)(void *)slot_p;
		if (slot->request == NULL)
			continue; /* abandoned; see http_perform */
		request = slot_end(slot, code);
		http->n_ordinary -= !request->reserved;
		slot_rest(http, slot);
		finish(http, request);
	}
}

void http_perform(struct http *http)
{
	struct io_http *request;
	int running;

	while ((request = next_to_start(http)) != NULL)
		start(http, request);
	http->performing = true;
	must(curl_multi_perform(http->multi, &running) == CURLM_OK);
	http->performing = false;
	collect(http);
	list_each(link, &http->abandoned, spare) {
		struct slot *slot = CONTAINER_OF(link, struct slot, link);

		slot_rest(http, slot);
		buf_release(&slot->body);
	}
}

/*
 * At rest after thousands of requests in a row, as when all shards are taken at the start: gives back the
 * memory that they have left behind. What stays lies in between, so the kernel would not have it again
 * otherwise.
 */
static void end_rush(struct http *http)
{
	if (!list_empty(&http->waiting) || !list_empty(&http->waiting_reserved) ||
	    !list_empty(&http->busy) || !list_empty(&http->finished))
		return;
	if (http->n_rush >= RUSH_PER_SLOT * http->n_slots)
		malloc_trim(0);
	http->n_rush = 0;
}

void http_finish(struct http *http)
{
	/* Those that end meanwhile have to wait for the next call. */
	list_each(link, &http->finished, spare) {
		list_remove(link);
		list_add(&http->ending, link);
	}
	while (!list_empty(&http->ending)) {
		struct io_http *request = list_first(&http->ending, struct io_http, link);

		list_remove(&request->link);
		request->done(request); /* and the request may be gone */
	}
	end_rush(http);
}

bool http_is_due(const struct http *http)
{
	return !list_empty(&http->finished) || next_to_start(http) != NULL;
}
