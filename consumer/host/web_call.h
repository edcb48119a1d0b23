/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A web request's own copy of its URL and headers, in the form that libcurl wants. Lives from web_send to
 * the request's end; the request points to it, and it to the request.
 */
#ifndef HOST_WEB_CALL_H
#define HOST_WEB_CALL_H

#include <curl/curl.h>

#include "consumer/engine/web.h"

struct web_slot;

enum { WEB_CALL_BYTES_MAX = 64 * 1024 };

/* The last URL that was looked at, for most requests of a pool have the same; zeroed: none. */
struct web_place {
	char *url, *name;
	bool tls;
};

struct web_call {
	struct web_request *request;
	struct web_slot *slot; /* NULL: it waits for one */
	const char *url;
	const char *name; /* "host:port", for messages */
	bool tls;
	struct buf text; /* what the strings above and in the nodes are */
	struct curl_slist headers[]; /* linked; at least one */
};

/* Frees what it remembers. */
void web_place_release(struct web_place *place);

/*
 * Copies URL and headers, and takes a look at them. NULL with `why` set when libcurl could not send
 * them, or must not: malformed URL, http:// where `allow_http` is false, line ends in headers, too much.
 */
struct web_call *web_call_new(struct web_request *request, struct web_place *place, bool allow_http,
			      struct error *why);

/* Frees it; the request does not point to it any more. */
void web_call_free(struct web_call *call);

#endif
