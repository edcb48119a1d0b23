/* SPDX-License-Identifier: Apache-2.0 */
#include "config/syntax.h"

#include "base/time.h"
#include "config/listen.h"

enum {
	TABLE_NAME_MIN = 3,
	TABLE_NAME_MAX = 255,
	APPLICATION_MAX = TABLE_NAME_MAX - 7, /* its checkpoint table is ddbtap-<application> */
	PORT_MAX = 65535,
};

/* Whether `s` has `min` to `max` bytes, all of them ASCII letters, digits or in `more`. */
static bool made_of(struct str s, size_t min, size_t max, struct str more)
{
	if (s.n < min || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    str_find(more, c) == more.n)
			return false;
	}
	return true;
}

const char *syntax_table(struct str text)
{
	return made_of(text, TABLE_NAME_MIN, TABLE_NAME_MAX, STR("_.-"))
		       ? NULL
		       : "3 to 255 letters, digits, '_', '.' or '-'";
}

const char *syntax_application(struct str text)
{
	return made_of(text, 1, APPLICATION_MAX, STR("_.-"))
		       ? NULL
		       : "1 to 248 letters, digits, '_', '.' or '-'";
}

const char *syntax_worker(struct str text)
{
	return made_of(text, 1, 128, STR("_.-")) ? NULL
						 : "1 to 128 letters, digits, '_', '.' or '-'";
}

const char *syntax_sink(struct str text)
{
	return made_of(text, 1, 64, STR("_-")) ? NULL : "1 to 64 letters, digits, '_' or '-'";
}

const char *syntax_region(struct str text)
{
	return made_of(text, 1, 64, STR("-")) ? NULL : "1 to 64 letters, digits or '-'";
}

/* Whether `s` is what may follow a host: nothing, or a port. */
static bool is_port(struct str s)
{
	int64_t port;

	if (s.n == 0)
		return true;
	return s.p[0] == ':' && s.n <= 6 && made_of(str_skip(s, 1), 1, 5, STR_NONE) &&
	       str_to_i64(str_skip(s, 1), &port) && port >= 1 && port <= PORT_MAX;
}

const char *syntax_listen(struct str text)
{
	struct listen listen;

	return listen_parse(text, &listen)
		       ? NULL
		       : "a port like 9464, or an IP address and a port like 127.0.0.1:9464 or "
			 "[::1]:9464";
}

const char *syntax_start(struct str text)
{
	int64_t wall_ms;

	if (str_eq(text, STR("trim_horizon")) || str_eq(text, STR("latest")) ||
	    time_parse_rfc3339(text, &wall_ms))
		return NULL;
	return "trim_horizon, latest or a time like 2026-11-29T10:00:00Z";
}

const char *syntax_shard(struct str text)
{
	return made_of(text, 1, 65, STR("_.-")) ? NULL
						: "the id of a shard, like "
						  "shardId-00000001550840986131-382ec8f8";
}

const char *syntax_seqno(struct str text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	return n == text.n && n >= 21 && n <= 40 ? NULL : "a sequence number: 21 to 40 digits";
}

const char *syntax_endpoint(struct str text)
{
	static const char want[] = "a URL like http://127.0.0.1:8000 or https://host, without path";
	struct str rest, host;
	size_t n;

	if (str_starts(text, STR("http://")))
		rest = str_skip(text, 7);
	else if (str_starts(text, STR("https://")))
		rest = str_skip(text, 8);
	else
		return want;
	if (str_ends(rest, STR("/")))
		rest = str_head(rest, rest.n - 1);
	if (str_starts(rest, STR("["))) {
		n = str_find(rest, ']');
		host = str_skip(str_head(rest, n), 1);
		return n < rest.n && made_of(host, 2, 45, STR(":.")) &&
				       is_port(str_skip(rest, n + 1))
			       ? NULL
			       : want;
	}
	n = str_find(rest, ':');
	host = str_head(rest, n);
	return made_of(host, 1, 253, STR(".-")) && is_port(str_skip(rest, n)) ? NULL : want;
}
