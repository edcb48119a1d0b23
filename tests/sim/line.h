/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a scenario, cut into words, and what commands read out of it. */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include "tests/sim/cluster.h"

enum { LINE_WORDS_MAX = 10 };

struct line {
	struct cluster *cluster;
	struct str words[LINE_WORDS_MAX];
	size_t n;
	unsigned number;
	const char *file;
	bool bad; /* something was wrong with it */
};

/* What a line may begin with. */
struct command {
	const char *word;
	void (*run)(struct line *line);
	size_t words; /* at least, the command's own included */
};

/* Says what is wrong with a line; the scenario fails. */
void line_complain(struct line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Word number `i`, or nothing. */
struct str line_word(const struct line *line, size_t i);

/* Word number `i` as a number, with a unit or without; `missing` when there is no such word. */
int64_t line_number(struct line *line, size_t i, int64_t missing);

/* Word number `i` as a terminated string in `to`. */
const char *line_name(struct line *line, size_t i, char *to, size_t size);

#endif
