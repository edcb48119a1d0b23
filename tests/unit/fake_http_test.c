/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_http.h"

#include "base/buf.h"
#include "tests/check.h"

/* Parses text that is there at once. */
static enum fake_parse parse(struct fake_request *request, const char *text)
{
	size_t looked_n = 0;

	return fake_request_parse(request, str_of(text), &looked_n);
}

/* Checks that a head is refused with that status. */
static void check_refused(const char *text, unsigned status)
{
	struct fake_request request;

	if (!CHECK_INT(parse(&request, text), FAKE_PARSE_REFUSED) ||
	    !CHECK_INT(request.refusal, status))
		fprintf(stderr, "   of: %s\n", text);
}

static const char call[] = "POST / HTTP/1.1\r\n"
			   "Host: 127.0.0.1:8000\r\n"
			   "X-Amz-Target: DynamoDB_20120810.PutItem\r\n"
			   "content-LENGTH:  5 \r\n"
			   "X-Empty:\r\n"
			   "\r\n"
			   "{\"a\":GET / HTTP/1.1\r\n\r\n";

/* A plain request comes out in its parts, and what follows it is left alone. */
static void parses_a_call(void)
{
	struct fake_request request;

	CHECK_INT(parse(&request, call), FAKE_PARSE_HEAD);
	CHECK_STR(request.method, "POST");
	CHECK_STR(request.path, "/");
	CHECK_STR(request.query, "");
	CHECK_INT(request.n_headers, 4);
	CHECK_INT(request.body_n, 5);
	CHECK_STR(str_head(str_skip(str_of(call), request.head_n), 5), "{\"a\":");
	CHECK(request.keep_alive);
	CHECK(!request.expects_continue);
	CHECK_STR(fake_request_header(&request, "x-amz-target"), "DynamoDB_20120810.PutItem");
	CHECK_STR(fake_request_header(&request, "X-Empty"), "");
	CHECK(fake_request_header(&request, "X-Empty").p != NULL);
	CHECK(fake_request_header(&request, "X-Other").p == NULL);
}

/* However the bytes are split, the parser asks for more until the head is whole, and then agrees. */
static void split_reads(void)
{
	struct fake_request whole, request;
	size_t looked_n = 0;

	CHECK_INT(parse(&whole, call), FAKE_PARSE_HEAD);
	for (size_t n = 0; n < whole.head_n; n++)
		CHECK_INT(fake_request_parse(&request, str_make(call, n), &looked_n),
			  FAKE_PARSE_MORE);
	CHECK_INT(fake_request_parse(&request, str_make(call, whole.head_n), &looked_n),
		  FAKE_PARSE_HEAD);
	CHECK_INT(request.head_n, whole.head_n);
	CHECK_INT(request.n_headers, whole.n_headers);
	/* Two pieces, cut anywhere. */
	for (size_t n = 0; n < whole.head_n; n++) {
		looked_n = 0;
		fake_request_parse(&request, str_make(call, n), &looked_n);
		CHECK_INT(fake_request_parse(&request, str_of(call), &looked_n), FAKE_PARSE_HEAD);
		CHECK_INT(request.head_n, whole.head_n);
	}
}

/* Connection and Expect are understood, in any case and in lists. */
static void connection_headers(void)
{
	struct fake_request request;

	parse(&request, "GET / HTTP/1.1\r\nConnection: TE, Close\r\n\r\n");
	CHECK(!request.keep_alive);
	parse(&request, "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n");
	CHECK(request.keep_alive);
	parse(&request, "GET / HTTP/1.0\r\n\r\n");
	CHECK(!request.keep_alive);
	CHECK_INT(parse(&request, "PUT / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n"),
		  FAKE_PARSE_HEAD);
	CHECK(request.expects_continue);
	/* Nothing of the last request stays. */
	parse(&request, call);
	CHECK(!request.expects_continue);
}

/* Malformed and unsupported requests are refused with the status that fits. */
static void refusals(void)
{
	check_refused("\r\n\r\n", 400);
	check_refused("POST /\r\n\r\n", 400);
	check_refused("POST  / HTTP/1.1\r\n\r\n", 400);
	check_refused("POST http://h/ HTTP/1.1\r\n\r\n", 400);
	check_refused("PO(ST / HTTP/1.1\r\n\r\n", 400);
	check_refused("POST / FTP/1.1\r\n\r\n", 400);
	check_refused("POST / HTTP/2.0\r\n\r\n", 505);
	check_refused("POST / HTTP/1.1 \r\n\r\n", 505);
	check_refused("POST /\x01 HTTP/1.1\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nNo colon\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\n: v\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nName : v\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nA: b\x02\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", 413);
	check_refused("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411);
	check_refused("POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n", 400);
	check_refused("POST / HTTP/1.1\r\nExpect: a miracle\r\n\r\n", 417);
}

/* A head may have neither more than so many bytes nor more than so many headers. */
static void limits(void)
{
	struct fake_request request;
	struct buf text;
	size_t looked_n = 0;

	buf_init(&text, 2 * FAKE_HEAD_MAX);
	buf_str(&text, STR("GET / HTTP/1.1\r\n"));
	for (unsigned i = 0; i < FAKE_HEADERS_MAX; i++)
		buf_str(&text, STR("A: b\r\n"));
	buf_str(&text, STR("\r\n"));
	CHECK_INT(fake_request_parse(&request, buf_view(&text), &looked_n), FAKE_PARSE_HEAD);
	buf_truncate(&text, text.n - 2);
	buf_str(&text, STR("A: b\r\n\r\n"));
	looked_n = 0;
	CHECK_INT(fake_request_parse(&request, buf_view(&text), &looked_n), FAKE_PARSE_REFUSED);
	CHECK_INT(request.refusal, 431);

	buf_clear(&text);
	buf_str(&text, STR("GET / HTTP/1.1\r\nA: "));
	while (text.n < FAKE_HEAD_MAX - 1)
		buf_c(&text, 'x');
	looked_n = 0;
	CHECK_INT(fake_request_parse(&request, buf_view(&text), &looked_n), FAKE_PARSE_MORE);
	buf_c(&text, 'x');
	CHECK_INT(fake_request_parse(&request, buf_view(&text), &looked_n), FAKE_PARSE_REFUSED);
	CHECK_INT(request.refusal, 431);
	buf_release(&text);
}

/* Query strings give their values by exact name. */
static void query_values(void)
{
	struct fake_request request;

	CHECK_INT(parse(&request, "GET /_admin/x?ab=1&a=2&c&d=e=f&g= HTTP/1.1\r\n\r\n"),
		  FAKE_PARSE_HEAD);
	CHECK_STR(request.path, "/_admin/x");
	CHECK_STR(fake_query_value(request.query, "a"), "2");
	CHECK_STR(fake_query_value(request.query, "ab"), "1");
	CHECK_STR(fake_query_value(request.query, "d"), "e=f");
	CHECK(fake_query_value(request.query, "c").p != NULL);
	CHECK(fake_query_value(request.query, "g").p != NULL);
	CHECK(fake_query_value(request.query, "h").p == NULL);
}

int main(void)
{
	CHECK_RUN(parses_a_call);
	CHECK_RUN(split_reads);
	CHECK_RUN(connection_headers);
	CHECK_RUN(refusals);
	CHECK_RUN(limits);
	CHECK_RUN(query_values);
	return check_end();
}
