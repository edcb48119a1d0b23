/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_why.h"

#include <string.h>

#include "consumer/host/route.h"
#include "consumer/host/web_pool.h"
#include "consumer/host/why.h"

/* What the other side's TLS says about our certificate, in OpenSSL's words for its alerts. */
static const struct alert {
	const char *alert, *words;
} alerts[] = {
	{"alert certificate required",
	 "it wants a client certificate; set `client_cert` and `client_key`"},
	{"alert unknown ca", "it does not know the authority of the client certificate"},
	{"alert bad certificate", "it does not take the client certificate"},
	{"alert unsupported certificate", "it does not take the client certificate"},
	{"alert certificate unknown", "it does not take the client certificate"},
	{"alert certificate revoked", "the client certificate is revoked"},
	{"alert certificate expired", "the client certificate has expired"},
};

/* What the callbacks have seen goes before libcurl's codes, which only say that they ended it. */
static bool explain_callbacks(const struct web_slot *slot, const char *name, struct error *why)
{
	if (slot->too_big)
		error_set(why, ERROR_RETRY, "%s: an answer's headers are too large", name);
	else if (slot->early)
		error_set(why, ERROR_RETRY,
			  "%s: it answered %d before the request was sent whole; such a success is "
			  "not believed",
			  name, slot->call->request->status);
	else if (slot->cut)
		error_set(why, ERROR_RETRY, "%s: the connection was closed without an answer",
			  name);
	else
		return false;
	return true;
}

/* No connection was tried, for no address was allowed. */
static void explain_denied(const struct web_slot *slot, const char *name, struct error *why)
{
	error_set(why, ERROR_CONFIG,
		  "%s: its address is %s, which is %s; if that is meant, set `allow_private: true`",
		  name, slot->denied_address, slot->denied);
}

/* Whether the other side's TLS refused us for our certificate; says so then. */
static bool explain_alert(const struct web_slot *slot, const char *name, struct error *why)
{
	for (size_t i = 0; i < ARRAY_N(alerts); i++) {
		if (strstr(slot->error, alerts[i].alert) == NULL)
			continue;
		error_set(why, ERROR_CONFIG, "%s: %s", name, alerts[i].words);
		return true;
	}
	return false;
}

/*
 * A new TLS connection that was cut before any answer: since TLS 1.3, that is how a server turns a client
 * away whose certificate it does not take, if its alert is lost.
 */
static bool explain_cut(const struct web_slot *slot, CURLcode code, struct error *why)
{
	long made = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &made);
	if (!slot->call->tls || made == 0 || slot->uses == 0 || slot->header_bytes > 0 ||
	    (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR))
		return false;
	error_set(why, ERROR_RETRY,
		  "%s: the connection was cut right after the TLS handshake (%s); if it wants a "
		  "client certificate, check `client_cert`",
		  slot->call->name, slot->error);
	return true;
}

/* The failures that http.c has, too. */
static enum web_result explain_rest(const struct web_slot *slot, CURLcode code, struct error *why)
{
	struct why_transfer transfer = {
		.easy = slot->easy,
		.name = slot->call->name,
		.ca_file = slot->pool->trust.ca_file,
		.error = slot->error,
		.tls = slot->call->tls,
	};

	switch (why_failed(&transfer, code, why)) {
	case IO_TIMED_OUT:
		return WEB_TIMED_OUT;
	case IO_REFUSED:
		return WEB_REFUSED;
	case IO_ANSWER:
	case IO_TOO_BIG:
	case IO_BROKEN:
		break;
	}
	return WEB_BROKEN;
}

/* Without a connection: perhaps there is only a way through a proxy. */
static void mention_proxy(const struct web_slot *slot, struct error *why)
{
	struct error was = *why;

	if (slot->uses > 0 || slot->pool->allow_private || !route_has_proxy())
		return;
	error_set(why, was.code,
		  "%s (the environment's proxy is used only with `allow_private: true`)", was.text);
}

enum web_result web_why(const struct web_slot *slot, CURLcode code, struct error *why)
{
	const char *name = slot->call->name;
	enum web_result result;

	if (explain_callbacks(slot, name, why))
		return WEB_BROKEN;
	if (slot->denied != NULL && slot->sockets == 0) {
		explain_denied(slot, name, why);
		return WEB_REFUSED;
	}
	if (explain_alert(slot, name, why))
		return WEB_REFUSED;
	if (explain_cut(slot, code, why))
		return WEB_BROKEN;
	if (code == CURLE_COULDNT_RESOLVE_HOST) {
		error_set(why, ERROR_RETRY,
			  "%s: the name does not resolve; check the URL and this machine's DNS",
			  name);
		result = WEB_BROKEN;
	} else {
		result = explain_rest(slot, code, why);
	}
	mention_proxy(slot, why);
	return result;
}
