/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/route.h"

#include <stdlib.h>

#include "base/buf.h"

char *route_no_proxy(void)
{
	const char *lower = getenv("no_proxy"), *upper = getenv("NO_PROXY");
	struct str given = str_of(lower != NULL ? lower : upper);
	struct buf text;

	buf_init(&text, given.n + 64);
	if (str_eq(str_trim(given), STR("*"))) {
		buf_c(&text, '*');
	} else {
		buf_str(&text, STR("localhost,127.0.0.1,::1"));
		if (given.n > 0)
			buf_c(&text, ',');
		buf_str(&text, given);
	}
	return buf_detach(&text);
}

bool route_has_proxy(void)
{
	/* HTTP_PROXY is not among them: libcurl ignores it, for CGI programs get it from outside. */
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
					    "ALL_PROXY"};

	for (size_t i = 0; i < ARRAY_N(names); i++) {
		if (str_of(getenv(names[i])).n > 0)
			return true;
	}
	return false;
}
