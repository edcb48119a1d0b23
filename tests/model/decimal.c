/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/decimal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
	EXPONENT_MAX = 125, /* of the first digit */
	EXPONENT_MIN = -130,
	PLAIN_FROM = -20, /* exponents of the first digit that are written plainly: */
	PLAIN_TO = 40, /* [from, to) */
	SPAN = EXPONENT_MAX - EXPONENT_MIN + 2 * DECIMAL_DIGITS_MAX, /* digits of an aligned sum */
};

/* Drops zeros at the end, makes zero unsigned, and checks the range. */
static enum decimal_problem settle(struct decimal *decimal)
{
	int first;

	while (decimal->n > 0 && decimal->digits[decimal->n - 1] == 0) {
		decimal->n--;
		decimal->exponent++;
	}
	if (decimal->n == 0) {
		*decimal = (struct decimal){0};
		return DECIMAL_OK;
	}
	first = decimal->exponent + decimal->n - 1;
	if (first > EXPONENT_MAX)
		return DECIMAL_TOO_LARGE;
	return first < EXPONENT_MIN ? DECIMAL_TOO_SMALL : DECIMAL_OK;
}

/* Reads the exponent after its "e"; saturates far outside of the range. */
static bool parse_exponent(struct str text, int *out)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	int v = 0;

	if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+'))
		text = str_skip(text, 1);
	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		if (v < 100000)
			v = v * 10 + (text.p[i] - '0');
	}
	*out = negative ? -v : v;
	return true;
}

/* Takes one digit of the mantissa in; zeros wait until another digit follows them. */
static bool take_digit(struct decimal *decimal, int digit, int *zeros)
{
	if (digit == 0) {
		*zeros += decimal->n > 0;
		return true;
	}
	if (*zeros >= DECIMAL_DIGITS_MAX || decimal->n + *zeros + 1 > DECIMAL_DIGITS_MAX)
		return false;
	for (; *zeros > 0; (*zeros)--)
		decimal->digits[decimal->n++] = 0;
	decimal->digits[decimal->n++] = (unsigned char)digit;
	return true;
}

enum decimal_problem decimal_parse(struct decimal *decimal, struct str text)
{
	int zeros = 0, fraction = 0, exponent = 0;
	bool point = false, digits = false, precise = true;
	size_t i = 0;

	*decimal = (struct decimal){0};
	if (text.n > 4096)
		return DECIMAL_MALFORMED;
	if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
		decimal->negative = text.p[0] == '-';
		i = 1;
	}
	for (; i < text.n; i++) {
		char c = text.p[i];

		if (c == '.' && !point) {
			point = true;
		} else if (c >= '0' && c <= '9') {
			digits = true;
			fraction += point;
			precise = take_digit(decimal, c - '0', &zeros) && precise;
		} else {
			break;
		}
	}
	if (!digits)
		return DECIMAL_MALFORMED;
	if (i < text.n && ((text.p[i] != 'e' && text.p[i] != 'E') ||
			   !parse_exponent(str_skip(text, i + 1), &exponent)))
		return DECIMAL_MALFORMED;
	if (!precise)
		return DECIMAL_TOO_PRECISE;
	decimal->exponent = exponent - fraction + zeros;
	return settle(decimal);
}

/* Writes "d.ddE+n". */
static size_t format_exponent(const struct decimal *decimal, int first, char *out)
{
	size_t n = 0;

	out[n++] = (char)('0' + decimal->digits[0]);
	if (decimal->n > 1)
		out[n++] = '.';
	for (int i = 1; i < decimal->n; i++)
		out[n++] = (char)('0' + decimal->digits[i]);
	return n + (size_t)snprintf(out + n, 8, "E%+d", first);
}

size_t decimal_format(const struct decimal *decimal, char out[DECIMAL_TEXT_MAX])
{
	int first = decimal->exponent + decimal->n - 1;
	size_t n = 0;

	if (decimal->n == 0) {
		out[0] = '0';
		return 1;
	}
	if (decimal->negative)
		out[n++] = '-';
	if (first < PLAIN_FROM || first >= PLAIN_TO)
		return n + format_exponent(decimal, first, out + n);
	if (first < 0) {
		out[n++] = '0';
		out[n++] = '.';
		for (int e = -1; e > first; e--)
			out[n++] = '0';
	}
	for (int i = 0; i < decimal->n; i++) {
		if (i > 0 && i == first + 1)
			out[n++] = '.';
		out[n++] = (char)('0' + decimal->digits[i]);
	}
	for (int e = decimal->exponent; e > 0; e--)
		out[n++] = '0';
	return n;
}

/* Compares magnitudes. */
static int cmp_magnitude(const struct decimal *a, const struct decimal *b)
{
	int first_a = a->exponent + a->n, first_b = b->exponent + b->n;

	if (a->n == 0 || b->n == 0)
		return (a->n > 0) - (b->n > 0);
	if (first_a != first_b)
		return first_a < first_b ? -1 : 1;
	for (int i = 0; i < a->n || i < b->n; i++) {
		int da = i < a->n ? a->digits[i] : 0, db = i < b->n ? b->digits[i] : 0;

		if (da != db)
			return da < db ? -1 : 1;
	}
	return 0;
}

int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -cmp_magnitude(a, b) : cmp_magnitude(a, b);
}

/* Adds `sign` times the digits of `decimal` to a row of digits whose last one counts 10^low. */
static void accumulate(int row[SPAN], const struct decimal *decimal, int sign, int low)
{
	int last = SPAN - 1 - (decimal->exponent - low);

	for (int i = 0; i < decimal->n; i++)
		row[last - (decimal->n - 1 - i)] += sign * decimal->digits[i];
}

enum decimal_problem decimal_add(struct decimal *sum, const struct decimal *a,
				 const struct decimal *b)
{
	const struct decimal *large = cmp_magnitude(a, b) >= 0 ? a : b;
	const struct decimal *small = large == a ? b : a;
	int low = a->exponent < b->exponent ? a->exponent : b->exponent;
	int row[SPAN] = {0}, from = 0, to = SPAN, carry = 0;
	struct decimal out = {.negative = large->negative};

	if (small->n == 0) {
		*sum = *large;
		return DECIMAL_OK;
	}
	accumulate(row, large, 1, low);
	accumulate(row, small, large->negative == small->negative ? 1 : -1, low);
	for (int i = SPAN - 1; i >= 0; i--) {
		int v = row[i] + carry;

		carry = v < 0 ? -1 : v / 10;
		row[i] = v - carry * 10;
	}
	while (from < to && row[from] == 0)
		from++;
	while (to > from && row[to - 1] == 0)
		to--;
	if (to - from > DECIMAL_DIGITS_MAX)
		return DECIMAL_TOO_PRECISE;
	for (int i = from; i < to; i++)
		out.digits[out.n++] = (unsigned char)row[i];
	out.exponent = low + (SPAN - to);
	*sum = out;
	return settle(sum);
}

const char *decimal_words(enum decimal_problem problem)
{
	switch (problem) {
	case DECIMAL_OK:
	case DECIMAL_MALFORMED:
		break;
	case DECIMAL_TOO_PRECISE:
		return "Attempting to store more than 38 significant digits in a Number";
	case DECIMAL_TOO_LARGE:
		return "Number overflow. Attempting to store a number with magnitude larger than "
		       "supported range";
	case DECIMAL_TOO_SMALL:
		return "Number underflow. Attempting to store a number with magnitude smaller than "
		       "supported range";
	}
	return "The parameter cannot be converted to a numeric value";
}
