/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/requesthead.h"

#include "base/buf.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* What the sink, or the HTTP library, sets itself; a name that ends with '-' stands for all that begin so. */
static const struct str owned[] = {
	STR_INIT("accept-encoding"),
	STR_INIT("authorization"),
	STR_INIT("ce-"),
	STR_INIT("connection"),
	STR_INIT("content-encoding"),
	STR_INIT("content-length"),
	STR_INIT("content-type"),
	STR_INIT("expect"),
	STR_INIT("host"),
	STR_INIT("idempotency-key"),
	STR_INIT("keep-alive"),
	STR_INIT("proxy-"),
	STR_INIT("stripe-signature"),
	STR_INIT("te"),
	STR_INIT("trailer"),
	STR_INIT("transfer-encoding"),
	STR_INIT("upgrade"),
	STR_INIT("user-agent"),
	STR_INIT("webhook-"),
	STR_INIT("x-github-"),
	STR_INIT("x-hub-"),
};

void requesthead_init(struct requesthead *head)
{
	head->n = 0;
	arena_init(&head->arena);
}

void requesthead_release(struct requesthead *head)
{
	for (size_t i = 0; i < head->n; i++) {
		struct str line = str_of(head->lines[i]);

		/* NOLINTNEXTLINE(performance-no-int-to-ptr): the arena's own bytes */
		explicit_bzero((void *)(uintptr_t)line.p, line.n);
	}
	arena_release(&head->arena);
	requesthead_init(head);
}

void requesthead_add(struct requesthead *head, struct str name, struct str value)
{
	char *line = arena_alloc(&head->arena, name.n + value.n + 3);

	must(head->n < REQUESTHEAD_MAX);
	mem_copy(line, name.p, name.n);
	mem_copy(line + name.n, ": ", 2);
	mem_copy(line + name.n + 2, value.p, value.n);
	head->lines[head->n++] = line;
}

void requesthead_add_attribute(struct requesthead *head, struct str name, struct str value)
{
	static const char digits[] = "0123456789ABCDEF";
	struct buf full, shown;

	buf_init(&full, LINE_MAX_BYTES);
	buf_init(&shown, LINE_MAX_BYTES);
	buf_str(&full, STR("ce-"));
	buf_str(&full, name);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c > ' ' && c < 0x7F && c != '"' && c != '%') {
			buf_c(&shown, value.p[i]);
			continue;
		}
		buf_c(&shown, '%');
		buf_c(&shown, digits[c >> 4]);
		buf_c(&shown, digits[c & 15]);
	}
	must(!full.failed && !shown.failed);
	requesthead_add(head, buf_view(&full), buf_view(&shown));
	buf_release(&full);
	buf_release(&shown);
}

/* Whether a byte may stand in a header's name (RFC 9110, "token"). */
static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && memchr("!#$%&'*+-.^_`|~", c, 15) != NULL);
}

const char *requesthead_check_name(struct str name)
{
	if (name.n == 0)
		return "the name of a header";
	for (size_t i = 0; i < name.n; i++) {
		if (!is_token(name.p[i]))
			return "the name of a header: letters, digits and some signs such as '-'";
	}
	for (size_t i = 0; i < ARRAY_N(owned); i++) {
		struct str word = owned[i];
		bool family = str_ends(word, STR("-"));

		if (str_eq_nocase(family ? str_head(name, word.n) : name, word))
			return "a header that ddbtap does not set itself (for Authorization there "
			       "are token_file and oauth_token_url)";
	}
	return NULL;
}

const char *requesthead_check_value(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7F)
			return "a header's value, without line ends and other control characters";
	}
	return NULL;
}
