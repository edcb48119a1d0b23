/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of each character, 255 for those that are none. */
static const unsigned char values[256] = {
#define X 255
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* 00 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* 10 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  62, X,  X,	X,  63, /* 20 */
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,	X,  X,	X,  X, /* 30 */
	X,  0,	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, /* 40 */
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X,	X,  X,	X,  X, /* 50 */
	X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* 60 */
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X,	X,  X,	X,  X, /* 70 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* 80 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* 90 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* a0 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* b0 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* c0 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* d0 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* e0 */
	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X,	X,  X, /* f0 */
#undef X
};

void base64_encode(struct buf *buf, const void *p, size_t n)
{
	const unsigned char *from = p;
	char *to = n > buf->max ? NULL : buf_reserve(buf, (n + 2) / 3 * 4);

	if (to == NULL) {
		buf->failed = true;
		return;
	}
	buf->n += (n + 2) / 3 * 4;
	for (; n >= 3; n -= 3, from += 3) {
		uint32_t v = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];

		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = alphabet[v >> 6 & 63];
		*to++ = alphabet[v & 63];
	}
	if (n > 0) {
		uint32_t v = (uint32_t)from[0] << 16 | (n == 2 ? (uint32_t)from[1] << 8 : 0);

		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = n == 2 ? alphabet[v >> 6 & 63] : '=';
		*to++ = '=';
	}
}

size_t base64_decoded_n(struct str text)
{
	size_t n = text.n / 4 * 3;

	if (text.n >= 4 && text.p[text.n - 1] == '=')
		n -= text.p[text.n - 2] == '=' ? 2 : 1;
	return n;
}

#ifdef __SSE2__
/* Which of 16 bytes are from `first` to `last`; bytes above 0x7F are in no such range. */
static inline __m128i in_range(__m128i v, char first, char last)
{
	return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(first - 1))),
			     _mm_cmplt_epi8(v, _mm_set1_epi8((char)(last + 1))));
}

/* How many of 16 bytes at a time stand for six bits, up to the first that does not. */
static size_t chars_n_by_16(struct str text)
{
	size_t i = 0;

	for (; text.n - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text.p + i));
		__m128i letter = _mm_or_si128(in_range(v, 'A', 'Z'), in_range(v, 'a', 'z'));
		/* A slash stands right before the digits. */
		__m128i other =
			_mm_or_si128(in_range(v, '/', '9'), _mm_cmpeq_epi8(v, _mm_set1_epi8('+')));

		if (_mm_movemask_epi8(_mm_or_si128(letter, other)) != 0xFFFF)
			break;
	}
	return i;
}
#endif

size_t base64_chars_n(struct str text)
{
	size_t i = 0;

#ifdef __SSE2__
	i = chars_n_by_16(text);
#endif
	while (i < text.n && values[(unsigned char)text.p[i]] != 255)
		i++;
	return i;
}

/*
 * Decodes whole groups of four; false when a character was none. Each group is stored as a word of
 * four bytes, so that one byte after the last group's is written too.
 */
static bool decode_groups(unsigned char *to, const unsigned char *from, size_t n_groups)
{
	unsigned bad = 0;

	for (; n_groups > 0; n_groups--, from += 4, to += 3) {
		uint32_t a = values[from[0]], b = values[from[1]], c = values[from[2]],
			 d = values[from[3]];
		uint32_t word = htobe32(a << 26 | b << 20 | c << 14 | d << 8);

		bad |= a | b | c | d;
		memcpy(to, &word, sizeof(word));
	}
	return (bad & 0x80) == 0;
}

bool base64_decode(struct buf *buf, struct str text)
{
	size_t n = base64_decoded_n(text), pad = text.n / 4 * 3 - n;
	size_t n_groups = text.n / 4 - (pad > 0 ? 1 : 0);
	const unsigned char *last;
	unsigned char *to;

	if (text.n % 4 != 0)
		return false;
	if (text.n == 0)
		return !buf->failed;
	last = (const unsigned char *)text.p + n_groups * 4;
	to = (unsigned char *)buf_reserve(buf, n);
	if (to == NULL || !decode_groups(to, (const unsigned char *)text.p, n_groups))
		return false;
	if (pad > 0) {
		unsigned a = values[last[0]], b = values[last[1]],
			 c = pad == 1 ? values[last[2]] : 0;

		/* Bits that would be lost must be zero: one value has one spelling. */
		if (((a | b | c) & 0x80) != 0 || (pad == 2 ? b & 15 : c & 3) != 0)
			return false;
		to[n_groups * 3] = (unsigned char)(a << 2 | b >> 4);
		if (pad == 1)
			to[n_groups * 3 + 1] = (unsigned char)(b << 4 | c >> 2);
	}
	buf->n += n;
	return true;
}
