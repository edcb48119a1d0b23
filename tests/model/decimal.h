/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as DynamoDB has them: up to 38 significant decimal digits, magnitude 1E-130 to
 * 9.99...E+125, exact. No floating point.
 */
#ifndef MODEL_DECIMAL_H
#define MODEL_DECIMAL_H

#include "base/str.h"

enum { DECIMAL_DIGITS_MAX = 38, DECIMAL_TEXT_MAX = 72 };

struct decimal {
	bool negative;
	int n; /* digits, without zeros at either end; 0: the number is zero */
	int exponent; /* of ten, by which the last digit counts */
	unsigned char digits[DECIMAL_DIGITS_MAX]; /* values 0 to 9 */
};

enum decimal_problem {
	DECIMAL_OK,
	DECIMAL_MALFORMED,
	DECIMAL_TOO_PRECISE,
	DECIMAL_TOO_LARGE,
	DECIMAL_TOO_SMALL,
};

/* Parses "12", "-0.5", ".5", "1.5E+3"; no white space. */
enum decimal_problem decimal_parse(struct decimal *decimal, struct str text);

/*
 * Writes the one canonical form and returns its length: plain digits while the first digit's
 * exponent is in [-20, 40), "d.ddE+n" beyond; zero is "0".
 */
size_t decimal_format(const struct decimal *decimal, char out[DECIMAL_TEXT_MAX]);

/* Negative, zero or positive as a is less than, equal to or greater than b. */
int decimal_cmp(const struct decimal *a, const struct decimal *b);

/* a + b, exactly; DECIMAL_TOO_PRECISE when the sum has more than 38 digits. */
enum decimal_problem decimal_add(struct decimal *sum, const struct decimal *a,
				 const struct decimal *b);

/* The sentence that the service has for the problem; `text` is the offending number. */
const char *decimal_words(enum decimal_problem problem);

#endif
