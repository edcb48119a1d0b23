/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.1 request, parsed strictly: a fake service that forgives would hide a
 * client's mistakes. Pure: bytes in, slices into these bytes out.
 *
 *	size_t looked_n = 0;
 *	switch (fake_request_parse(&request, bytes, &looked_n)) {
 *	case FAKE_PARSE_MORE:     read more, call again with all bytes so far and the same looked_n
 *	case FAKE_PARSE_HEAD:     the body is the request.body_n bytes after the first request.head_n
 *	case FAKE_PARSE_REFUSED:  answer request.refusal and close the connection
 *	}
 *
 * Chunked bodies are refused, as no client of the service sends them.
 */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include "base/str.h"

enum {
	FAKE_HEAD_MAX = 32 * 1024,
	FAKE_HEADERS_MAX = 64,
	FAKE_BODY_MAX = 16 * 1024 * 1024,
};

struct fake_header {
	struct str name, value; /* as sent; the value without blanks at both ends */
};

struct fake_request {
	struct str method, path, query; /* query: what follows "?", still encoded */
	struct fake_header headers[FAKE_HEADERS_MAX];
	unsigned n_headers;
	size_t head_n; /* bytes up to and with the empty line */
	size_t body_n; /* Content-Length, 0 without one */
	bool keep_alive;
	bool expects_continue;
	unsigned refusal; /* HTTP status of a refused request, else 0 */
};

enum fake_parse { FAKE_PARSE_MORE, FAKE_PARSE_HEAD, FAKE_PARSE_REFUSED };

/*
 * Parses the request that `bytes` start with. `*looked_n` (0 at first) remembers how far the end of
 * the head was searched for, so that a head that comes byte by byte costs no more.
 */
enum fake_parse fake_request_parse(struct fake_request *request, struct str bytes,
				   size_t *looked_n);

/* The value of the first header of that name (any case), or STR_NONE. */
struct str fake_request_header(const struct fake_request *request, const char *name);

/*
 * The value of `name` in a query string, still encoded, or STR_NONE when there is none; an empty
 * value is not STR_NONE.
 */
struct str fake_query_value(struct str query, const char *name);

#endif
