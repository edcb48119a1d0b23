/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/why.h"

#include <openssl/x509_vfy.h>

/* What libcurl's codes mean here. */
static const struct cause {
	CURLcode code;
	enum io_result result;
	const char *words; /* completes "HOST:PORT: ..." */
} causes[] = {
	{CURLE_COULDNT_RESOLVE_HOST, IO_BROKEN,
	 "the name does not resolve; check the region, the endpoint and this machine's DNS"},
	{CURLE_COULDNT_RESOLVE_PROXY, IO_BROKEN,
	 "the proxy's name does not resolve; check HTTPS_PROXY and HTTP_PROXY"},
	{CURLE_SSL_CACERT_BADFILE, IO_REFUSED, "the file that `ca_file` names cannot be used"},
	{CURLE_SSL_CONNECT_ERROR, IO_BROKEN,
	 "the TLS handshake failed; does it speak TLS on this port, and no older than 1.2?"},
	{CURLE_GOT_NOTHING, IO_BROKEN, "the connection was closed without an answer"},
	{CURLE_PARTIAL_FILE, IO_BROKEN, "the connection was closed in the middle of an answer"},
	{CURLE_SEND_ERROR, IO_BROKEN, "the connection was cut while the request was sent"},
	{CURLE_RECV_ERROR, IO_BROKEN, "the connection was cut before the answer was whole"},
	{CURLE_UNSUPPORTED_PROTOCOL, IO_BROKEN, "what answers there does not speak HTTP"},
	{CURLE_WEIRD_SERVER_REPLY, IO_BROKEN, "what answers there does not speak HTTP"},
};

/* What is wrong with the certificate, and what to do about it. */
static void explain_certificate(const struct why_transfer *t, struct error *why)
{
	const char *name = t->name;
	long verdict = 0;

	curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	switch (verdict) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		error_set(why, ERROR_CONFIG,
			  "%s: its certificate is of an authority that is not in %s; name the file "
			  "with the right one as `ca_file`",
			  name, t->ca_file);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		error_set(why, ERROR_CONFIG,
			  "%s: its certificate has expired; renew it there, or set this machine's "
			  "clock",
			  name);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		error_set(why, ERROR_CONFIG,
			  "%s: its certificate is not valid yet; set this machine's clock", name);
		return;
	default:
		break;
	}
	/* The name is compared by libcurl, whose own words are good; the rest is OpenSSL's. */
	error_set(why, ERROR_CONFIG,
		  "%s: its certificate was not accepted (%s); the endpoint's host name must be one "
		  "that "
		  "the certificate is for",
		  name, t->error);
}

/* A transfer ran out of time: before the connection stood, before TLS did, or after. */
static void explain_timeout(const struct why_transfer *t, struct error *why)
{
	curl_off_t ready_us = 0, took_us = 0, received = 0;
	long port = 0; /* our own: there is one as soon as TCP's connection stands */

	curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port);
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	took_us += 500; /* so that the milliseconds are rounded */
	if (port != 0 && ready_us == 0 && t->tls)
		error_set(why, ERROR_RETRY,
			  "%s: connected, but the TLS handshake did not end within %lld ms; does "
			  "it speak TLS on this port, or is the endpoint http:// ?",
			  t->name, (long long)took_us / 1000);
	else if (ready_us == 0)
		error_set(why, ERROR_RETRY,
			  "%s: no connection within %lld ms; is it reachable from here (routes, "
			  "security groups, firewalls)?",
			  t->name, (long long)took_us / 1000);
	else
		error_set(why, ERROR_RETRY,
			  "%s: no whole answer within %lld ms (%lld bytes of its body came)",
			  t->name, (long long)took_us / 1000, (long long)received);
}

/* Nobody took the connection. */
static void explain_connect(const struct why_transfer *t, struct error *why)
{
	long number = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
	error_set(why, ERROR_RETRY, "%s: no connection: %s; does the service run there?", t->name,
		  number == 0 ? t->error : error_errno((int)number));
}

/* What a port that wants TLS says to plain HTTP: nothing. */
static const char *plain_hint(const struct why_transfer *t, CURLcode code)
{
	curl_off_t received = 0;

	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	if (t->tls || received != 0 || (code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING))
		return "";
	return "; if this port speaks TLS, the endpoint must be https://";
}

enum io_result why_failed(const struct why_transfer *t, CURLcode code, struct error *why)
{
	if (code == CURLE_OPERATION_TIMEDOUT) {
		explain_timeout(t, why);
		return IO_TIMED_OUT;
	}
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		explain_certificate(t, why);
		return IO_REFUSED;
	}
	if (code == CURLE_COULDNT_CONNECT) {
		explain_connect(t, why);
		return IO_BROKEN;
	}
	for (size_t i = 0; i < ARRAY_N(causes); i++) {
		if (causes[i].code != code)
			continue;
		error_set(why, causes[i].result == IO_REFUSED ? ERROR_CONFIG : ERROR_RETRY,
			  "%s: %s (%s)%s", t->name, causes[i].words,
			  t->error[0] == '\0' ? curl_easy_strerror(code) : t->error,
			  plain_hint(t, code));
		return causes[i].result;
	}
	error_set(why, ERROR_RETRY, "%s: %s", t->name,
		  t->error[0] == '\0' ? curl_easy_strerror(code) : t->error);
	return IO_BROKEN;
}
