/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"

/* One byte as it counts in comparisons. */
static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	if (c == '-')
		return '_';
	return c;
}

/* The smaller of two numbers. */
static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t nearest_distance(struct str a, struct str b)
{
	/* Three rows of the usual table: that of the letter before last, of the last, and of this one. */
	size_t rows[3][NEAREST_WORD_MAX + 1];

	if (a.n > NEAREST_WORD_MAX || b.n > NEAREST_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
		char x = fold(a.p[i - 1]);

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			char y = fold(b.p[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == fold(b.p[j - 2]) && y == fold(a.p[i - 2]))
				row[j] = least(row[j], older[j - 2] + 1);
		}
	}
	return rows[a.n % 3][b.n];
}

void nearest_init(struct nearest *nearest, struct str word)
{
	*nearest = (struct nearest){.word = word, .distance = SIZE_MAX};
}

void nearest_offer(struct nearest *nearest, struct str known)
{
	size_t distance = nearest_distance(nearest->word, known);
	size_t shorter = least(nearest->word.n, known.n);

	/* Near enough: about one slip in three letters; of two-letter words little would be left. */
	if (shorter < 3 ? distance > 0 : distance > shorter / 3)
		return;
	if (distance < nearest->distance) {
		nearest->best = known;
		nearest->distance = distance;
	}
}
