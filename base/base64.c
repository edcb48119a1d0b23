/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <endian.h>
#include <string.h>
#ifdef __x86_64__ /* has SSE2 */
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

#ifdef __x86_64__ /* has SSE2 */
/* Which of 16 bytes are from `first` to `last`; bytes above 0x7F are in no such range. */
static inline __m128i in_range(__m128i v, char first, char last)
{
	return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(first - 1))),
			     _mm_cmplt_epi8(v, _mm_set1_epi8((char)(last + 1))));
}

/* Turns 16 characters into the six bits that each stands for; false when one stands for none. */
static inline bool six_bits(const char *p, __m128i *out)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i upper = in_range(v, 'A', 'Z'), lower = in_range(v, 'a', 'z');
	__m128i digit = in_range(v, '0', '9'), slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('/'));
	__m128i plus = _mm_cmpeq_epi8(v, _mm_set1_epi8('+'));
	__m128i add = _mm_and_si128(upper, _mm_set1_epi8(0 - 'A'));

	add = _mm_or_si128(add, _mm_and_si128(lower, _mm_set1_epi8(26 - 'a')));
	add = _mm_or_si128(add, _mm_and_si128(digit, _mm_set1_epi8(52 - '0')));
	add = _mm_or_si128(add, _mm_and_si128(plus, _mm_set1_epi8(62 - '+')));
	add = _mm_or_si128(add, _mm_and_si128(slash, _mm_set1_epi8(63 - '/')));
	*out = _mm_add_epi8(v, add);
	/* What is added is never 0 where there is something to add. */
	return _mm_movemask_epi8(_mm_cmpeq_epi8(add, _mm_setzero_si128())) == 0;
}

/* Stores two groups, one in each half of `v`, as six bytes, and two bytes more. */
static inline void store_groups(unsigned char *to, uint64_t v)
{
	uint64_t bytes = htobe64((v & 0xFFFFFF) << 40 | v >> 32 << 16);

	memcpy(to, &bytes, sizeof(bytes));
}

/*
 * Decodes four groups at a time, up to the first that is malformed; returns how many. Up to two bytes
 * after the last group's are written too.
 */
static size_t decode_by_four(unsigned char *to, const char *from, size_t n_groups)
{
	size_t done = 0;
	__m128i v;

	for (; n_groups - done >= 4 && six_bits(from + done * 4, &v); done += 4) {
		/* Join two times six bits, then two times twelve. */
		__m128i odd = _mm_srli_epi16(v, 8), even = _mm_slli_epi16(v, 8);
		__m128i twelve = _mm_or_si128(_mm_srli_epi16(even, 2), odd);
		__m128i all = _mm_madd_epi16(twelve, _mm_set1_epi32(0x00011000));

		store_groups(to + done * 3, (uint64_t)_mm_cvtsi128_si64(all));
		store_groups(to + done * 3 + 6,
			     (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(all, all)));
	}
	return done;
}
#endif

size_t base64_chars_n(struct str text)
{
	size_t i = 0;

#ifdef __x86_64__ /* has SSE2 */
	__m128i v;

	while (text.n - i >= 16 && six_bits(text.p + i, &v))
		i += 16;
#endif
	while (i < text.n && values[(unsigned char)text.p[i]] != 255)
		i++;
	return i;
}

/* Decodes whole groups of four; false when a character was none. */
static bool decode_groups(unsigned char *to, const unsigned char *from, size_t n_groups)
{
	unsigned bad = 0;

#ifdef __x86_64__ /* has SSE2 */
	size_t done = decode_by_four(to, (const char *)from, n_groups);

	to += done * 3;
	from += done * 4;
	n_groups -= done;
#endif
	for (; n_groups > 0; n_groups--, from += 4, to += 3) {
		unsigned a = values[from[0]], b = values[from[1]], c = values[from[2]],
			 d = values[from[3]];

		bad |= a | b | c | d;
		to[0] = (unsigned char)(a << 2 | b >> 4);
		to[1] = (unsigned char)(b << 4 | c >> 2);
		to[2] = (unsigned char)(c << 6 | d);
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
