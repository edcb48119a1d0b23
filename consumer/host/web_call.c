/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_call.h"

/*
 * A name and a colon alone take out a header that libcurl adds, unless the caller gives it: a round trip
 * for large bodies, two that say nothing, and a type that is wrong.
 */
static const char *const left_out[] = {"Expect:", "Accept:", "Content-Type:"};

/* What a URL tells, as libcurl understands it; to be freed with curl_free. */
struct parts {
	char *scheme, *host, *port;
};

/* Takes a URL apart; false with `why` set when it is none. */
static bool take_apart(const char *url, struct parts *parts, struct error *why)
{
	CURLU *handle = curl_url();
	CURLUcode code;

	must(handle != NULL);
	code = curl_url_set(handle, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_HOST, &parts->host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT);
	curl_url_cleanup(handle);
	if (code == CURLUE_OK)
		return true;
	return error_set(why, ERROR_CONFIG, "the URL is malformed: %s", curl_url_strerror(code));
}

/* Checks the scheme, and remembers the place. */
static bool judge_parts(struct web_place *place, const char *url, const struct parts *parts,
			bool allow_http, struct error *why)
{
	bool tls = str_eq(str_of(parts->scheme), STR("https"));
	struct buf name;

	if (!tls && !(allow_http && str_eq(str_of(parts->scheme), STR("http"))))
		return error_set(why, ERROR_CONFIG, "%s:%s: its URL must begin with https://%s",
				 parts->host, parts->port,
				 allow_http ? " or http://" : "; http:// needs `allow_http: true`");
	web_place_release(place);
	buf_init(&name, WEB_CALL_BYTES_MAX);
	buf_fmt(&name, "%s:%s", parts->host, parts->port);
	place->name = buf_detach(&name);
	place->url = mem_dup(url, str_of(url).n);
	place->tls = tls;
	return true;
}

/* Looks at a URL, unless it is the one of before. */
static bool look_at(struct web_place *place, const char *url, bool allow_http, struct error *why)
{
	struct parts parts = {NULL};
	bool ok;

	if (place->url != NULL && str_eq(str_of(place->url), str_of(url)))
		return true;
	ok = take_apart(url, &parts, why) && judge_parts(place, url, &parts, allow_http, why);
	curl_free(parts.scheme);
	curl_free(parts.host);
	curl_free(parts.port);
	return ok;
}

void web_place_release(struct web_place *place)
{
	mem_free(place->url);
	mem_free(place->name);
	*place = (struct web_place){NULL};
}

/* Appends a string with its end. */
static void add_text(struct web_call *call, const char *text)
{
	buf_add(&call->text, text, strlen(text) + 1);
}

/* Appends a header line; one without value as libcurl sends such a one, with a semicolon. */
static bool add_header(struct web_call *call, struct str line, struct error *why)
{
	size_t colon = str_find(line, ':');
	struct str name = str_head(line, colon);

	if (colon == 0 || colon == line.n || str_find(line, '\r') < line.n ||
	    str_find(line, '\n') < line.n)
		return error_set(why, ERROR_CONFIG,
				 "the header %.*s is malformed: it must be one line, a name, a "
				 "colon and a value",
				 STR_ARG(str_head(str_head(name, str_find(name, '\n')), 40)));
	if (str_trim(str_skip(line, colon + 1)).n == 0) {
		buf_str(&call->text, name);
		buf_c(&call->text, ';');
	} else {
		buf_str(&call->text, line);
	}
	buf_c(&call->text, '\0');
	return true;
}

/* Lets everything point into the text, now that it stays where it is. */
static void link_text(struct web_call *call, size_t n_headers)
{
	char *next = call->text.p;

	call->url = next;
	next += strlen(next) + 1;
	call->name = next;
	for (size_t i = 0; i < n_headers; i++) {
		next += strlen(next) + 1;
		call->headers[i].data = next;
		call->headers[i].next = i + 1 < n_headers ? &call->headers[i + 1] : NULL;
	}
}

struct web_call *web_call_new(struct web_request *request, struct web_place *place, bool allow_http,
			      struct error *why)
{
	size_t n = request->n_headers + ARRAY_N(left_out);
	struct web_call *call;
	bool ok;

	if (!look_at(place, request->url, allow_http, why))
		return NULL;
	call = mem_alloc(sizeof(*call) + n * sizeof(call->headers[0]));
	buf_init(&call->text, WEB_CALL_BYTES_MAX);
	call->tls = place->tls;
	add_text(call, place->url);
	add_text(call, place->name);
	ok = true;
	for (size_t i = 0; ok && i < request->n_headers; i++)
		ok = add_header(call, str_of(request->headers[i]), why);
	for (size_t i = 0; i < ARRAY_N(left_out); i++)
		add_text(call, left_out[i]);
	if (ok && call->text.failed)
		ok = error_set(why, ERROR_CONFIG, "URL and headers are larger than %d bytes",
			       WEB_CALL_BYTES_MAX);
	if (!ok) {
		buf_release(&call->text);
		mem_free(call);
		return NULL;
	}
	link_text(call, n);
	call->request = request;
	request->slot = call;
	return call;
}

void web_call_free(struct web_call *call)
{
	call->request->slot = NULL;
	buf_release(&call->text);
	mem_free(call);
}
