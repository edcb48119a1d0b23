/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_http.h"

#include <string.h>

/* Whether `c` may stand in a method or in a header's name. */
static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Whether `s` is a non-empty run of token characters. */
static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

/* Whether `s` has a control character in it; tabs are allowed in header values only. */
static bool has_control(struct str s, bool tab_allowed)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && !(tab_allowed && c == '\t')) || c == 0x7F)
			return true;
	}
	return false;
}

/* Notes why the request is refused. */
static enum fake_parse refuse(struct fake_request *request, unsigned status)
{
	request->refusal = status;
	return FAKE_PARSE_REFUSED;
}

/* Cuts one line off `*rest`, which ends in CRLF; the line comes without it. */
static struct str cut_line(struct str *rest)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);
	struct str line = str_make(rest->p, end == NULL ? rest->n : (size_t)(end - rest->p));

	*rest = str_skip(*rest, line.n + 2);
	return line;
}

/* Parses "POST /path?query HTTP/1.1"; returns the refusing status or 0. */
static unsigned parse_request_line(struct fake_request *request, struct str line)
{
	struct str rest = line, target;

	request->method = str_cut(&rest, ' ');
	target = str_cut(&rest, ' ');
	if (!is_token(request->method) || target.n == 0 || target.p[0] != '/' ||
	    has_control(target, false))
		return 400;
	if (!str_eq(rest, STR("HTTP/1.1")) && !str_eq(rest, STR("HTTP/1.0")))
		return str_starts(rest, STR("HTTP/")) ? 505 : 400;
	request->keep_alive = rest.p[rest.n - 1] == '1';
	request->path = str_cut(&target, '?');
	request->query = target;
	return 0;
}

/* Parses one "Name: value" line into the list; returns the refusing status or 0. */
static unsigned parse_header(struct fake_request *request, struct str line)
{
	struct fake_header *header;
	size_t colon = str_find(line, ':');

	if (request->n_headers == FAKE_HEADERS_MAX)
		return 431;
	header = &request->headers[request->n_headers++];
	header->name = str_head(line, colon);
	header->value = str_trim(str_skip(line, colon + 1));
	/* A folded line begins with a blank, which no name does. */
	if (colon == line.n || !is_token(header->name) || has_control(header->value, true))
		return 400;
	return 0;
}

/* Whether a comma-separated list has `word` in it, in any case. */
static bool list_has(struct str list, struct str word)
{
	while (list.n > 0)
		if (str_eq_nocase(str_trim(str_cut(&list, ',')), word))
			return true;
	return false;
}

/* Draws from the headers what the connection has to know; returns the refusing status or 0. */
static unsigned read_framing(struct fake_request *request)
{
	bool has_length = false, has_coding = false;
	uint64_t length = 0;

	for (unsigned i = 0; i < request->n_headers; i++) {
		const struct fake_header *header = &request->headers[i];

		if (str_eq_nocase(header->name, STR("Content-Length"))) {
			if (has_length || !str_to_u64(header->value, &length))
				return 400;
			has_length = true;
		} else if (str_eq_nocase(header->name, STR("Transfer-Encoding"))) {
			has_coding = true;
		} else if (str_eq_nocase(header->name, STR("Connection"))) {
			if (list_has(header->value, STR("close")))
				request->keep_alive = false;
		} else if (str_eq_nocase(header->name, STR("Expect"))) {
			if (!str_eq_nocase(header->value, STR("100-continue")))
				return 417;
			request->expects_continue = true;
		}
	}
	if (has_coding)
		return has_length ? 400 : 411;
	if (length > FAKE_BODY_MAX)
		return 413;
	request->body_n = (size_t)length;
	return 0;
}

enum fake_parse fake_request_parse(struct fake_request *request, struct str bytes, size_t *looked_n)
{
	size_t from = *looked_n > 3 ? *looked_n - 3 : 0;
	struct str rest = str_skip(bytes, from);
	const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, "\r\n\r\n", 4);
	unsigned status;

	request->n_headers = 0;
	request->body_n = 0;
	request->expects_continue = false;
	request->refusal = 0;
	if (end == NULL) {
		*looked_n = bytes.n;
		return bytes.n >= FAKE_HEAD_MAX ? refuse(request, 431) : FAKE_PARSE_MORE;
	}
	request->head_n = (size_t)(end - bytes.p) + 4;
	if (request->head_n > FAKE_HEAD_MAX)
		return refuse(request, 431);
	rest = str_head(bytes, request->head_n - 2);
	status = parse_request_line(request, cut_line(&rest));
	while (status == 0 && rest.n > 0)
		status = parse_header(request, cut_line(&rest));
	if (status == 0)
		status = read_framing(request);
	return status == 0 ? FAKE_PARSE_HEAD : refuse(request, status);
}

struct str fake_request_header(const struct fake_request *request, const char *name)
{
	struct str wanted = str_of(name);

	for (unsigned i = 0; i < request->n_headers; i++)
		if (str_eq_nocase(request->headers[i].name, wanted))
			return request->headers[i].value;
	return STR_NONE;
}

struct str fake_query_value(struct str query, const char *name)
{
	struct str wanted = str_of(name);

	while (query.n > 0) {
		struct str value = str_cut(&query, '&'), key = str_cut(&value, '=');

		if (str_eq(key, wanted))
			return value.p == NULL ? STR("") : value;
	}
	return STR_NONE;
}
