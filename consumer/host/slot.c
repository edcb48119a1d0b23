/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/slot.h"

#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "consumer/host/why.h"

enum {
	BUFFER_BYTES = 256 * 1024,
	CONNECT_TIMEOUT_MS = 5000,
	KEEPALIVE_S = 30,
	HEADERS_MAX = 64 * 1024, /* of an answer; libcurl allows much more */
	LINES_MAX = CREDENTIALS_TOKEN_MAX + 4096,
};

/* Sets an option that libcurl, as it is built here, has. */
#define SET(slot, option, value) must(curl_easy_setopt((slot)->easy, option, value) == CURLE_OK)

/* The value of a header line that has this name, or STR_NONE. */
static struct str header_value(struct str line, struct str name)
{
	if (line.n <= name.n || line.p[name.n] != ':' ||
	    !str_eq_nocase(str_head(line, name.n), name))
		return STR_NONE;
	return str_trim(str_skip(line, name.n + 1));
}

/* libcurl's callback for each header line of the answer: notes the date and the checksum. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;
	struct str line = str_make(p, size * n), crc;
	uint64_t v;

	if (slot->request == NULL)
		return 0;
	slot->header_bytes += line.n;
	if (slot->header_bytes > HEADERS_MAX) {
		slot->too_big = true;
		return 0;
	}
	if (str_starts(line, STR("HTTP/")))
		slot->has_crc = false;
	crc = header_value(line, STR("x-amz-crc32"));
	if (crc.n > 0) {
		/* One that is no number matches nothing. */
		slot->has_crc = true;
		slot->crc = str_to_u64(crc, &v) && v <= UINT32_MAX ? (uint32_t)v : 0;
	}
	time_parse_http(header_value(line, STR("date")), &slot->request->date_wall_ms);
	return line.n;
}

/*
 * Before the first byte of a body: asks whether it may be read, and makes room for exactly as much as was
 * announced. False when it may not, or when asking cancelled the request.
 */
static bool start_body(struct slot *slot)
{
	struct io_http *request = slot->request;
	curl_off_t announced = -1;

	slot->started_body = true;
	curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (announced < 0)
		return true;
	if ((uint64_t)announced > request->max_bytes ||
	    (request->admit != NULL && !request->admit(request, (size_t)announced))) {
		slot->too_big = true;
		return false;
	}
	if (slot->request == NULL)
		return false;
	buf_init(&request->answer, (size_t)announced);
	return buf_reserve(&request->answer, (size_t)announced) != NULL;
}

/* libcurl's callback for each piece of the answer's body. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;

	if (slot->request == NULL || (!slot->started_body && !start_body(slot)))
		return 0;
	buf_add(&slot->request->answer, p, size * n);
	slot->too_big = slot->request->answer.failed;
	return slot->too_big ? 0 : size * n;
}

/* How requests are sent: each option with the reason for it. */
static void set_sending(struct slot *slot, const struct slot_env *env)
{
	/* The services speak nothing newer, and one connection per slot keeps timeouts apart. */
	SET(slot, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(slot, CURLOPT_PROTOCOLS_STR, "http,https");
	/* A signed request must not go where an answer says. */
	SET(slot, CURLOPT_FOLLOWLOCATION, 0L);
	/* No alarm(): there are threads. */
	SET(slot, CURLOPT_NOSIGNAL, 1L);
	SET(slot, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	/* Finds peers that vanished without a word before a request has to. */
	SET(slot, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(slot, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	SET(slot, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	/* The path is signed as it stands. */
	SET(slot, CURLOPT_PATH_AS_IS, 1L);
	SET(slot, CURLOPT_NOPROXY, env->no_proxy);
	SET(slot, CURLOPT_USERAGENT, "ddbtap/" DDBTAP_VERSION);
	SET(slot, CURLOPT_POST, 1L);
	/* The list's nodes are the slot's own and are rewritten for each request. */
	SET(slot, CURLOPT_HTTPHEADER, slot->headers);
}

/* How answers are received, and from whom: each option with the reason for it. */
static void set_receiving(struct slot *slot, const struct slot_env *env)
{
	/* A tenth to a fifth less CPU for answers of 1 MB than with the 16 KB that is the default. */
	SET(slot, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	SET(slot, CURLOPT_HEADERFUNCTION, on_header);
	SET(slot, CURLOPT_HEADERDATA, slot);
	SET(slot, CURLOPT_WRITEFUNCTION, on_body);
	SET(slot, CURLOPT_WRITEDATA, slot);
	SET(slot, CURLOPT_ERRORBUFFER, slot->error);
	SET(slot, CURLOPT_PRIVATE, slot);
	SET(slot, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(slot, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(slot, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(slot, CURLOPT_CAINFO, env->ca_file);
	/* With a CApath, parsed certificates are not kept: 25 ms per connection. */
	SET(slot, CURLOPT_CAPATH, NULL);
	/* Without it, no TLS session is resumed by another slot. */
	SET(slot, CURLOPT_SHARE, env->share);
}

void slot_open(struct slot *slot, const struct slot_env *env)
{
	slot->easy = curl_easy_init();
	must(slot->easy != NULL);
	buf_init(&slot->lines, LINES_MAX);
	buf_init(&slot->body, 0);
	set_sending(slot, env);
	set_receiving(slot, env);
}

void slot_close(struct slot *slot)
{
	if (slot->easy == NULL)
		return;
	curl_easy_cleanup(slot->easy);
	buf_release(&slot->lines);
	buf_release(&slot->body);
	slot->easy = NULL;
}

/* Appends a header line, terminated, and notes where it starts. */
static void add_header(struct slot *slot, size_t starts[], size_t *n, struct str name,
		       struct str value)
{
	if (value.n == 0)
		return;
	starts[(*n)++] = slot->lines.n;
	buf_str(&slot->lines, name);
	buf_str(&slot->lines, value);
	buf_c(&slot->lines, '\0');
}

/* Rewrites the header list in place: no allocation once the lines have their room. */
static void set_headers(struct slot *slot, const struct signature *signature,
			const struct credentials *credentials)
{
	size_t starts[SLOT_HEADERS], n = 0;

	buf_clear(&slot->lines);
	add_header(slot, starts, &n, STR("Authorization: "), str_of(signature->authorization));
	add_header(slot, starts, &n, STR("X-Amz-Date: "), str_of(signature->date));
	add_header(slot, starts, &n, STR("X-Amz-Target: "), slot->request->target);
	add_header(slot, starts, &n, STR("X-Amz-Security-Token: "),
		   str_of(credentials->session_token));
	add_header(slot, starts, &n, STR("Content-Type: "), SIGN_JSON);
	/* A name and a colon alone take out a header that libcurl adds: one costs a round trip for large
	   bodies, the other says nothing. */
	add_header(slot, starts, &n, STR_NONE, STR("Expect:"));
	add_header(slot, starts, &n, STR_NONE, STR("Accept:"));
	must(!slot->lines.failed);
	for (size_t i = 0; i < n; i++) {
		slot->headers[i].data = slot->lines.p + starts[i];
		slot->headers[i].next = i + 1 < n ? &slot->headers[i + 1] : NULL;
	}
}

void slot_start(struct slot *slot, const struct slot_env *env, const struct slot_target *target,
		struct io_http *request, const struct credentials *credentials)
{
	struct signature signature;
	struct sign_request sign = {
		.host = str_of(target->host_header),
		.path = str_of(target->path),
		.content_type = SIGN_JSON,
		.target = request->target,
		.body = buf_view(&request->body),
		.wall_ms = request->sign_wall_ms,
	};

	must(request->timeout_ms > 0);
	signer_sign(env->signer, credentials, &sign, &signature);
	slot->request = request;
	request->slot = slot;
	set_headers(slot, &signature, credentials);
	if (slot->target != target)
		SET(slot, CURLOPT_URL, target->url);
	slot->target = target;
	SET(slot, CURLOPT_POSTFIELDS, request->body.n == 0 ? "" : request->body.p);
	SET(slot, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	SET(slot, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	slot->header_bytes = 0;
	slot->started_body = slot->too_big = slot->has_crc = false;
	slot->error[0] = '\0';
}

/* Judges a whole answer: the checksum, if there is one, covers the bytes as they came. */
static enum io_result judge_answer(const struct slot *slot, struct io_http *request)
{
	uint32_t crc;
	long status = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	request->status = (int)status;
	if (!slot->has_crc)
		return IO_ANSWER;
	crc = libdeflate_crc32(0, request->answer.p, request->answer.n);
	if (crc == slot->crc)
		return IO_ANSWER;
	error_set(
		&request->why, ERROR_RETRY,
		"%s: an answer was damaged on its way: its %zu bytes have the checksum %u, not %u",
		slot->target->name, request->answer.n, (unsigned)crc, (unsigned)slot->crc);
	return IO_BROKEN;
}

/* Says why a transfer failed. */
static enum io_result judge_failure(const struct slot *slot, CURLcode code, struct error *why)
{
	struct why_transfer transfer = {
		.easy = slot->easy,
		.name = slot->target->name,
		.ca_file = slot->target->ca_file,
		.error = slot->error,
		.tls = str_starts(str_of(slot->target->url), STR("https:")),
	};

	return why_failed(&transfer, code, why);
}

struct io_http *slot_end(struct slot *slot, CURLcode code)
{
	struct io_http *request = slot->request;

	if (slot->too_big) {
		request->result = IO_TOO_BIG;
		error_set(&request->why, ERROR_RETRY,
			  "%s: an answer is larger than may be read now", slot->target->name);
	} else if (code == CURLE_OK) {
		request->result = judge_answer(slot, request);
	} else {
		request->result = judge_failure(slot, code, &request->why);
	}
	if (request->result != IO_ANSWER)
		buf_release(&request->answer);
	slot->request = NULL;
	request->slot = NULL;
	return request;
}
