/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

/*
 * Decodes the sequence at the start of `s`. Returns its length, or 0; `*bad_out` is then how many
 * bytes one U+FFFD replaces.
 */
static size_t decode(struct str s, uint32_t *code_out, size_t *bad_out)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte */
	size_t n;
	uint32_t code;

	*bad_out = 1;
	if (s.n == 0)
		return 0;
	if (p[0] < 0x80) {
		*code_out = p[0];
		return 1;
	}
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	code = p[0] & (0xFFu >> (n + 1));
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	for (size_t i = 1; i < n; i++) {
		if (i >= s.n || p[i] < low || p[i] > high) {
			*bad_out = i;
			return 0;
		}
		code = code << 6 | (p[i] & 0x3F);
		low = 0x80;
		high = 0xBF;
	}
	*code_out = code;
	return n;
}

size_t utf8_next(struct str s, uint32_t *code_out)
{
	size_t bad;

	return decode(s, code_out, &bad);
}

bool utf8_valid(struct str s)
{
	while (s.n > 0) {
		uint64_t word;
		uint32_t code;
		size_t n = 8;

		/* Eight ASCII bytes at a time. */
		if (s.n >= 8 && (memcpy(&word, s.p, 8), (word & 0x8080808080808080u) == 0)) {
			s = str_skip(s, n);
			continue;
		}
		n = utf8_next(s, &code);
		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

void utf8_put(struct buf *buf, uint32_t code)
{
	char out[4];
	size_t n = 0;

	if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		code = 0xFFFD;
	if (code < 0x80) {
		out[n++] = (char)code;
	} else if (code < 0x800) {
		out[n++] = (char)(0xC0 | code >> 6);
		out[n++] = (char)(0x80 | (code & 0x3F));
	} else if (code < 0x10000) {
		out[n++] = (char)(0xE0 | code >> 12);
		out[n++] = (char)(0x80 | (code >> 6 & 0x3F));
		out[n++] = (char)(0x80 | (code & 0x3F));
	} else {
		out[n++] = (char)(0xF0 | code >> 18);
		out[n++] = (char)(0x80 | (code >> 12 & 0x3F));
		out[n++] = (char)(0x80 | (code >> 6 & 0x3F));
		out[n++] = (char)(0x80 | (code & 0x3F));
	}
	buf_add(buf, out, n);
}

void utf8_add_clean(struct buf *buf, struct str s)
{
	while (s.n > 0) {
		uint32_t code;
		size_t bad, n = decode(s, &code, &bad);

		if (n == 0) {
			utf8_put(buf, 0xFFFD);
			n = bad;
		} else {
			buf_str(buf, str_head(s, n));
		}
		s = str_skip(s, n);
	}
}
