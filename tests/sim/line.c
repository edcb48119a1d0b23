/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/line.h"

#include <stdio.h>

#include "base/time.h"

void line_complain(struct line *line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line->bad = true;
	world_fail(&line->cluster->world, "scenario", "%s:%u: %s", line->file, line->number, text);
}

struct str line_word(const struct line *line, size_t i)
{
	return i < line->n ? line->words[i] : STR_NONE;
}

/* A number with an optional unit: ms, s, m, h, k (1024). */
static bool parse_number(struct str text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"ms", 1},	    {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS},
		     {"kib", 1024}, {"mib", 1048576}, {"", 1}};

	for (size_t i = 0; i < ARRAY_N(units); i++) {
		struct str unit = str_of(units[i].unit);

		if (!str_ends(text, unit) || !str_to_i64(str_head(text, text.n - unit.n), out))
			continue;
		*out *= units[i].factor;
		return true;
	}
	return false;
}

int64_t line_number(struct line *line, size_t i, int64_t missing)
{
	int64_t value = missing;

	if (i < line->n && !parse_number(line->words[i], &value))
		line_complain(line, "\"%.*s\" is no number", STR_ARG(line->words[i]));
	return value;
}

const char *line_name(struct line *line, size_t i, char *to, size_t size)
{
	snprintf(to, size, "%.*s", STR_ARG(line_word(line, i)));
	if (to[0] == '\0')
		line_complain(line, "word %zu is missing", i + 1);
	return to;
}
