/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_reply.h"

#include <libdeflate.h>

#include "base/json.h"
#include "base/time.h"

/* What an idle connection may keep of a big answer's memory. */
enum { KEEP_BYTES = 256 * 1024 };

void fake_reply_init(struct fake_reply *reply)
{
	*reply = (struct fake_reply){.status = 200,
				     .content_type = STR_INIT("application/x-amz-json-1.0")};
	buf_init(&reply->body, FAKE_REPLY_MAX);
}

void fake_reply_release(struct fake_reply *reply)
{
	buf_release(&reply->body);
}

void fake_reply_clear(struct fake_reply *reply)
{
	struct buf body = reply->body;

	buf_clear(&body);
	if (body.cap > KEEP_BYTES)
		buf_release(&body);
	fake_reply_init(reply);
	reply->body = body;
}

void fake_reply_error(struct fake_reply *reply, unsigned status, const char *type, const char *fmt,
		      ...)
{
	struct buf words;
	va_list ap;

	buf_init(&words, 4096);
	va_start(ap, fmt);
	buf_vfmt(&words, fmt, ap);
	va_end(ap);
	reply->status = status;
	buf_clear(&reply->body);
	buf_fmt(&reply->body, "{\"__type\":\"%s\",\"message\":", type);
	json_put(&reply->body, words.failed ? STR("too long to say") : buf_view(&words));
	buf_c(&reply->body, '}');
	buf_release(&words);
}

/* The words that go with a status. */
static const char *reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *words;
	} reasons[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{411, "Length Required"},
		{413, "Request Entity Too Large"},
		{417, "Expectation Failed"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_N(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].words;
	return "Unknown";
}

/* Appends a request id of the real ones' form: 52 capital letters and digits. */
static void add_request_id(struct rng *ids, struct buf *head)
{
	char id[52];
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(id); i++, bits >>= 5) {
		if (i % 12 == 0)
			bits = rng_next(ids);
		id[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits & 31];
	}
	buf_add(head, id, sizeof(id));
}

void fake_reply_head(const struct fake_reply *reply, int64_t now_ms, struct rng *ids,
		     struct buf *head)
{
	uint32_t crc = libdeflate_crc32(0, reply->body.n == 0 ? "" : reply->body.p, reply->body.n);

	buf_str(head, STR("HTTP/1.1 "));
	buf_u64(head, reply->status);
	buf_c(head, ' ');
	buf_str(head, str_of(reason_of(reply->status)));
	buf_str(head, STR("\r\nServer: Server\r\nDate: "));
	time_add_http(head, now_ms);
	buf_str(head, STR("\r\nContent-Type: "));
	buf_str(head, reply->content_type);
	buf_str(head, STR("\r\nContent-Length: "));
	buf_u64(head, reply->body.n);
	buf_str(head, STR("\r\nConnection: "));
	buf_str(head, reply->keep_alive ? STR("keep-alive") : STR("close"));
	buf_str(head, STR("\r\nx-amzn-RequestId: "));
	add_request_id(ids, head);
	buf_str(head, STR("\r\nx-amz-crc32: "));
	buf_u64(head, reply->bad_crc ? crc ^ 0x5A5A5A5A : crc);
	buf_str(head, STR("\r\n\r\n"));
}
