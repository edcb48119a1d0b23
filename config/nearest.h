/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known word that someone probably meant, by edit distance.
 *
 *	struct nearest nearest;
 *	nearest_init(&nearest, word);
 *	for (each known word)
 *		nearest_offer(&nearest, known);
 *	if (nearest.best.n > 0) ... "did you mean ...?"
 */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "base/str.h"

struct nearest {
	struct str word; /* borrowed */
	struct str best; /* of those offered; empty: none is near enough */
	size_t distance; /* of `best` */
};

/* Starts the search for `word`. */
void nearest_init(struct nearest *nearest, struct str word);

/* Offers a known word, borrowed as long as `best` is used. Of equally near ones the first wins. */
void nearest_offer(struct nearest *nearest, struct str known);

/*
 * How many single steps turn `a` into `b`: a letter added, left out, replaced, or swapped with its
 * neighbour. Upper and lower case are the same, and so are '-' and '_'. SIZE_MAX when a word is longer
 * than NEAREST_WORD_MAX bytes.
 */
size_t nearest_distance(struct str a, struct str b);

enum { NEAREST_WORD_MAX = 64 };

#endif
