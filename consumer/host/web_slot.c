/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_slot.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/time.h"
#include "consumer/host/web_pool.h"
#include "consumer/host/web_why.h"

enum {
	KEEPALIVE_S = 30,
	HEADERS_MAX = 64 * 1024, /* of an answer; libcurl allows much more */
	RETRY_AFTER_DIGITS = 10, /* centuries: so that nobody's sum overflows */
	STATUS_REFUSES = 300, /* from here on an answer takes nothing */
};

/* Sets an option that libcurl, as it is built here, has. */
#define SET(slot, option, value) must(curl_easy_setopt((slot)->easy, option, value) == CURLE_OK)

/* Whether the pool lets nothing through to an address; notes the first such one. */
static bool denies(struct web_slot *slot, const char *what, const char *address)
{
	if (what == NULL || slot->pool->allow_private)
		return false;
	if (slot->denied == NULL)
		mem_copy(slot->denied_address, address, strlen(address) + 1);
	slot->denied = what;
	return true;
}

/* libcurl's callback for a socket to an address, before it is connected. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct web_slot *slot = arg;
	char address[ADDRESS_TEXT_MAX];

	(void)purpose;
	address_text(&to->addr, address);
	if (denies(slot, address_is_not_public(&to->addr), address))
		return CURL_SOCKET_BAD;
	slot->sockets++;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/*
 * libcurl's callback before a request goes out on a connection, new or kept. When a kept one breaks
 * before any answer, libcurl would send the request again on another: that is left to it only as long as
 * nothing was sent.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the callback's type is libcurl's */
static int before_sending(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct web_slot *slot = arg;
	long sent = 0;

	(void)from;
	(void)to_port;
	(void)from_port;
	if (denies(slot, address_text_is_not_public(to), to)) {
		slot->sockets = 0;
		return CURL_PREREQFUNC_ABORT;
	}
	curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent);
	slot->cut = slot->uses++ > 0 && sent > 0;
	return slot->cut ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Milliseconds from now, as a Retry-After header tells: in seconds, or at a date. */
static int64_t read_retry_after(struct str value, int64_t wall_ms)
{
	uint64_t seconds;
	int64_t at_ms;

	if (value.n <= RETRY_AFTER_DIGITS && str_to_u64(value, &seconds))
		return (int64_t)seconds * SECOND_MS;
	if (time_parse_http(value, &at_ms) && at_ms > wall_ms)
		return at_ms - wall_ms;
	return 0;
}

/*
 * Whether the receiver's machine has not even acknowledged all that was sent to it. Whoever has read the
 * request answers in a segment that acknowledges all of it.
 */
static bool is_outstanding(const struct web_slot *slot)
{
	int bytes = 0;

	return slot->fd != CURL_SOCKET_BAD && ioctl(slot->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/* A status line: is it the answer, and was there all of the request to answer to? */
static bool on_status(struct web_slot *slot)
{
	struct web_request *request = slot->call->request;
	curl_off_t sent = 0;
	long status = 0;

	request->retry_after_ms = 0;
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	slot->early = status >= 200 && status < STATUS_REFUSES && sent >= 0 &&
		      ((uint64_t)sent < request->body.n || is_outstanding(slot));
	return !slot->early;
}

/* libcurl's callback for each header line of the answer. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const struct str retry_after = STR_INIT("retry-after:");
	struct web_slot *slot = arg;
	struct str line = str_make(p, size * n);

	slot->header_bytes += line.n;
	slot->too_big = slot->header_bytes > HEADERS_MAX;
	if (slot->too_big)
		return 0;
	if (str_starts(line, STR("HTTP/")) && !on_status(slot))
		return 0;
	if (str_eq_nocase(str_head(line, retry_after.n), retry_after))
		slot->call->request->retry_after_ms = read_retry_after(
			str_trim(str_skip(line, retry_after.n)), io_wall_ms(slot->pool->env->io));
	return line.n;
}

/* libcurl's callback for each piece of the answer's body: takes what is allowed, and ends it there. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct web_slot *slot = arg;
	struct web_request *request = slot->call->request;
	size_t room = request->max_bytes - request->answer.n;

	buf_add(&request->answer, p, size * n < room ? size * n : room);
	request->truncated = size * n > room;
	return request->truncated ? 0 : size * n;
}

/* How requests are sent, and to where: each option with the reason for it. */
static void set_sending(struct web_slot *slot)
{
	const struct web_pool *pool = slot->pool;

	/* An answer is to be told from the next, and a connection to carry one request at a time. */
	SET(slot, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(slot, CURLOPT_PROTOCOLS_STR, pool->allow_http ? "http,https" : "https");
	/* What is signed and secret must not go where an answer says. */
	SET(slot, CURLOPT_FOLLOWLOCATION, 0L);
	SET(slot, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	/* A proxy resolves names where nobody here can look at the addresses. */
	if (pool->allow_private)
		SET(slot, CURLOPT_NOPROXY, pool->env->no_proxy);
	else
		SET(slot, CURLOPT_PROXY, "");
	/* No alarm(): there are threads. */
	SET(slot, CURLOPT_NOSIGNAL, 1L);
	/* Does not wait for a name server that does not answer, when a request ends meanwhile. */
	SET(slot, CURLOPT_QUICK_EXIT, 1L);
	SET(slot, CURLOPT_CONNECTTIMEOUT_MS, (long)pool->connect_timeout_ms);
	SET(slot, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(slot, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	SET(slot, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	SET(slot, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(slot, CURLOPT_OPENSOCKETDATA, slot);
	SET(slot, CURLOPT_PREREQFUNCTION, before_sending);
	SET(slot, CURLOPT_PREREQDATA, slot);
	SET(slot, CURLOPT_USERAGENT, "ddbtap/" DDBTAP_VERSION);
	SET(slot, CURLOPT_POST, 1L);
}

/* How answers are received. */
static void set_receiving(struct web_slot *slot)
{
	SET(slot, CURLOPT_HEADERFUNCTION, on_header);
	SET(slot, CURLOPT_HEADERDATA, slot);
	SET(slot, CURLOPT_WRITEFUNCTION, on_body);
	SET(slot, CURLOPT_WRITEDATA, slot);
	SET(slot, CURLOPT_ERRORBUFFER, slot->error);
	SET(slot, CURLOPT_PRIVATE, slot);
}

/* Whom to trust, and who we are. */
static void set_trust(struct web_slot *slot)
{
	const struct web_trust *trust = &slot->pool->trust;

	SET(slot, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(slot, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(slot, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(slot, CURLOPT_CAINFO, trust->ca_file);
	/* With a CApath, parsed certificates are not kept: 25 ms per connection. */
	SET(slot, CURLOPT_CAPATH, NULL);
	/* Without it, no TLS session is resumed by another slot. */
	SET(slot, CURLOPT_SHARE, slot->pool->share);
	if (trust->cert.data == NULL)
		return;
	SET(slot, CURLOPT_SSLCERT_BLOB, &trust->cert);
	SET(slot, CURLOPT_SSLKEY_BLOB, &trust->key);
}

void web_slot_open(struct web_slot *slot)
{
	slot->easy = curl_easy_init();
	must(slot->easy != NULL);
	set_sending(slot);
	set_receiving(slot);
	set_trust(slot);
}

void web_slot_close(struct web_slot *slot)
{
	if (slot->easy != NULL)
		curl_easy_cleanup(slot->easy);
	slot->easy = NULL;
}

void web_slot_socket(struct web_slot *slot, curl_socket_t fd, bool wait)
{
	if (wait)
		slot->fd = fd;
	else if (slot->fd == fd)
		slot->fd = CURL_SOCKET_BAD;
}

void web_slot_start(struct web_slot *slot, struct web_call *call)
{
	struct web_request *request = call->request;

	slot->call = call;
	call->slot = slot;
	SET(slot, CURLOPT_URL, call->url);
	SET(slot, CURLOPT_CUSTOMREQUEST, request->method);
	SET(slot, CURLOPT_HTTPHEADER, &call->headers[0]);
	SET(slot, CURLOPT_POSTFIELDS, request->body.n == 0 ? "" : request->body.p);
	SET(slot, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	SET(slot, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	slot->uses = 0;
	slot->sockets = 0;
	slot->fd = CURL_SOCKET_BAD;
	slot->denied = NULL;
	slot->header_bytes = 0;
	slot->cut = slot->early = slot->too_big = false;
	slot->error[0] = '\0';
}

void web_slot_end(struct web_slot *slot, CURLcode code)
{
	struct web_request *request = slot->call->request;
	long status = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	request->status = (int)status;
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && request->truncated)) {
		request->result = WEB_ANSWER;
	} else {
		request->result = web_why(slot, code, &request->why);
		buf_release(&request->answer);
	}
	slot->call->slot = NULL;
	slot->call = NULL;
}
