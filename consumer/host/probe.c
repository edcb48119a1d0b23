/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/probe.h"

#include <curl/curl.h>

/* Takes a part of the body; what passes the buffer's maximum is dropped. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	(void)size; /* 1 */
	buf_add(answer, bytes, n);
	return n;
}

bool probe_ask(struct probe *probe, struct error *err)
{
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;
	CURL *easy;

	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	easy = curl_easy_init();
	must(easy != NULL);
	curl_easy_setopt(easy, CURLOPT_URL, probe->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)probe->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe->answer);
	code = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(easy);
	curl_global_cleanup();
	probe->status = (int)status;
	if (code == CURLE_OK)
		return true;
	return error_set(err, ERROR_RETRY, "%s: %s", probe->url,
			 why[0] != '\0' ? why : curl_easy_strerror(code));
}
