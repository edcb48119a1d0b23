/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen.h"

#include <arpa/inet.h>

#include "base/mem.h"

enum { PORT_DIGITS_MAX = 5 };

/* Takes a port: digits, nothing else. */
static bool take_port(struct str text, uint16_t *out)
{
	uint64_t port;

	if (text.n == 0 || text.n > PORT_DIGITS_MAX || !str_to_u64(text, &port) ||
	    port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

bool listen_parse(struct str text, struct listen *out)
{
	struct listen listen = {.address = "127.0.0.1"};
	struct str host = STR_NONE, port = text;
	size_t colon = str_find_last(text, ':');
	unsigned char bytes[sizeof(struct in6_addr)];
	bool six = str_starts(text, STR("["));

	if (colon < text.n) {
		host = str_head(text, colon);
		port = str_skip(text, colon + 1);
		if (six && !str_ends(host, STR("]")))
			return false;
		if (six)
			host = str_skip(str_head(host, host.n - 1), 1);
		if (host.n == 0 || host.n >= LISTEN_ADDRESS_MAX)
			return false;
		mem_copy(listen.address, host.p, host.n);
		listen.address[host.n] = '\0';
	}
	if (!take_port(port, &listen.port) ||
	    inet_pton(six ? AF_INET6 : AF_INET, listen.address, bytes) != 1)
		return false;
	*out = listen;
	return true;
}
