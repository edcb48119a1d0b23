/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slice of bytes, by value: pointer and length. It never owns what it points to, is not
 * terminated, and is never stored in anything that outlives the bytes.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* The slice of a string literal. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* The same for static initializers. */
#define STR_INIT(literal)                       \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define STR_NONE ((struct str){NULL, 0})

/* For printf: "%.*s", STR_ARG(s). Lengths are cut at 1 MiB. */
#define STR_ARG(s) (int)((s).n < 1048576 ? (s).n : 1048576), ((s).p == NULL ? "" : (s).p)

/* The slice of a terminated string; NULL gives the empty slice. */
static inline struct str str_of(const char *terminated)
{
	return (struct str){terminated, terminated == NULL ? 0 : strlen(terminated)};
}

/* The slice of `n` bytes at `p`. */
static inline struct str str_make(const char *p, size_t n)
{
	return (struct str){p, n};
}

/* Whether both have the same bytes. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, as memcmp; a prefix comes first. */
int str_cmp(struct str a, struct str b);

/* Whether both have the same bytes when ASCII letters are folded. */
bool str_eq_nocase(struct str a, struct str b);

/* Whether `s` begins with `prefix`. */
bool str_starts(struct str s, struct str prefix);

/* Whether `s` ends with `suffix`. */
bool str_ends(struct str s, struct str suffix);

/* Where `c` stands first in `s`, or s.n. */
size_t str_find(struct str s, char c);

/* Where `c` stands last in `s`, or s.n. */
size_t str_find_last(struct str s, char c);

/* `s` without its first (at most) `n` bytes. */
static inline struct str str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return (struct str){n == 0 ? s.p : s.p + n, s.n - n};
}

/* The first (at most) `n` bytes of `s`. */
static inline struct str str_head(struct str s, size_t n)
{
	return (struct str){s.p, n < s.n ? n : s.n};
}

/* `s` without blanks, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);

/*
 * Cuts the part before the first `separator` off `*rest` and returns it; `*rest` goes on after the
 * separator. Without one, returns all of it and `*rest` becomes STR_NONE.
 */
struct str str_cut(struct str *rest, char separator);

/* Parses a decimal integer with optional sign that fills `s` whole; false when it is not one. */
bool str_to_i64(struct str s, int64_t *out);

/* The same without sign. */
bool str_to_u64(struct str s, uint64_t *out);

#endif
