/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/seqno.h"

#include <string.h>

bool seqno_valid(struct str s)
{
	if (s.n == 0 || s.n > SEQNO_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

/* Without leading zeros; zero becomes the empty slice. */
static struct str strip_zeros(struct str s)
{
	while (s.n > 0 && s.p[0] == '0')
		s = str_skip(s, 1);
	return s;
}

int seqno_cmp(struct str a, struct str b)
{
	a = strip_zeros(a);
	b = strip_zeros(b);
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return str_cmp(a, b);
}

struct position position_start(void)
{
	return (struct position){.kind = POSITION_START};
}

struct position position_end(void)
{
	return (struct position){.kind = POSITION_END};
}

struct position position_after(struct str seqno)
{
	struct position position = {.kind = POSITION_AFTER, .n = (unsigned char)seqno.n};

	must(seqno_valid(seqno));
	mem_copy(position.digits, seqno.p, seqno.n);
	return position;
}

int position_cmp(const struct position *a, const struct position *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind != POSITION_AFTER)
		return 0;
	return seqno_cmp(str_make(a->digits, a->n), str_make(b->digits, b->n));
}

struct str position_text(const struct position *position)
{
	switch ((enum position_kind)position->kind) {
	case POSITION_START:
		return STR("TRIM_HORIZON");
	case POSITION_AFTER:
		return str_make(position->digits, position->n);
	case POSITION_END:
		return STR("SHARD_END");
	}
	return STR_NONE;
}

bool position_parse(struct str text, struct position *out)
{
	if (str_eq(text, STR("TRIM_HORIZON")))
		*out = position_start();
	else if (str_eq(text, STR("SHARD_END")))
		*out = position_end();
	else if (seqno_valid(text))
		*out = position_after(text);
	else
		return false;
	return true;
}
