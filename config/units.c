/* SPDX-License-Identifier: Apache-2.0 */
#include "config/units.h"

#include "base/time.h"

struct unit {
	struct str name;
	int64_t factor;
};

/* Largest first: both for reading and for writing. */
static const struct unit duration_units[] = {
	{STR_INIT("d"), DAY_MS},    {STR_INIT("h"), HOUR_MS}, {STR_INIT("m"), MINUTE_MS},
	{STR_INIT("s"), SECOND_MS}, {STR_INIT("ms"), 1},
};

/* Binary units first, since these are written where both would do. */
static const struct unit size_units[] = {
	{STR_INIT("GiB"), 1 << 30},   {STR_INIT("MiB"), 1 << 20}, {STR_INIT("KiB"), 1 << 10},
	{STR_INIT("GB"), 1000000000}, {STR_INIT("MB"), 1000000},  {STR_INIT("KB"), 1000},
	{STR_INIT("B"), 1},
};

/* Cuts the digits at the start of `*rest` off. */
static struct str cut_digits(struct str *rest)
{
	struct str digits = *rest;
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
		n++;
	*rest = str_skip(*rest, n);
	return str_head(digits, n);
}

bool count_parse(struct str text, int64_t *out)
{
	struct str rest = text;
	struct str digits = cut_digits(&rest);

	if (digits.n == 0 || rest.n > 0 || (digits.n > 1 && digits.p[0] == '0'))
		return false;
	return str_to_i64(digits, out);
}

/* Adds `number` times the factor of the unit called `name` to `*sum`; `*next` is the first unit allowed. */
static bool add(int64_t number, struct str name, size_t *next, int64_t *sum)
{
	for (size_t i = *next; i < ARRAY_N(duration_units); i++) {
		int64_t part;

		if (!str_eq(name, duration_units[i].name))
			continue;
		*next = i + 1;
		return !__builtin_mul_overflow(number, duration_units[i].factor, &part) &&
		       !__builtin_add_overflow(*sum, part, sum);
	}
	return false;
}

bool duration_parse(struct str text, int64_t *ms_out)
{
	size_t next = 0;
	int64_t sum = 0;

	while (text.n > 0) {
		struct str digits = cut_digits(&text);
		size_t n = 0;
		int64_t number;

		while (n < text.n && (text.p[n] < '0' || text.p[n] > '9'))
			n++;
		if (!count_parse(digits, &number) || !add(number, str_head(text, n), &next, &sum))
			return false;
		text = str_skip(text, n);
	}
	*ms_out = sum;
	return next > 0;
}

void duration_put(struct buf *out, int64_t ms)
{
	if (ms == 0)
		buf_str(out, STR("0s"));
	for (size_t i = 0; i < ARRAY_N(duration_units); i++) {
		const struct unit *unit = &duration_units[i];

		if (ms < unit->factor)
			continue;
		buf_i64(out, ms / unit->factor);
		buf_str(out, unit->name);
		ms %= unit->factor;
	}
}

bool size_parse(struct str text, int64_t *bytes_out)
{
	struct str digits = cut_digits(&text);
	int64_t number;

	if (!count_parse(digits, &number))
		return false;
	if (text.n == 0) {
		*bytes_out = number;
		return true;
	}
	for (size_t i = 0; i < ARRAY_N(size_units); i++) {
		if (str_eq(text, size_units[i].name))
			return !__builtin_mul_overflow(number, size_units[i].factor, bytes_out);
	}
	return false;
}

void size_put(struct buf *out, int64_t bytes)
{
	size_t i = 0;

	while (size_units[i].factor > 1 && (bytes == 0 || bytes % size_units[i].factor != 0))
		i++;
	buf_i64(out, bytes / size_units[i].factor);
	buf_str(out, size_units[i].name);
}
