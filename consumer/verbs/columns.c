/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/columns.h"

enum { CELLS_MAX_BYTES = 1 << 30, CELL_MAX_BYTES = 16 << 10, GAP = 2 };

void columns_init(struct columns *columns, const char *const *heads, size_t n)
{
	must(n > 0 && n <= COLUMNS_MAX);
	*columns = (struct columns){.n = n};
	buf_init(&columns->cells, CELLS_MAX_BYTES);
	for (size_t i = 0; i < n; i++)
		columns_cell(columns, str_of(heads[i]));
}

void columns_release(struct columns *columns)
{
	buf_release(&columns->cells);
}

void columns_cell(struct columns *columns, struct str text)
{
	size_t *width = &columns->widths[columns->at];

	text = text.n == 0 ? STR("-") : str_head(text, CELL_MAX_BYTES);
	for (size_t i = 0; i < text.n; i++)
		buf_c(&columns->cells, text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
	buf_c(&columns->cells, '\n');
	if (*width < text.n)
		*width = text.n;
	columns->at = (columns->at + 1) % columns->n;
}

void columns_fmt(struct columns *columns, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, CELL_MAX_BYTES);
	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	columns_cell(columns, buf_view(&text));
	buf_release(&text);
}

void columns_put(const struct columns *columns, struct buf *out)
{
	struct str rest = buf_view(&columns->cells);

	must(columns->at == 0);
	while (rest.n > 0) {
		for (size_t i = 0; i < columns->n; i++) {
			struct str cell = str_cut(&rest, '\n');

			buf_str(out, cell);
			for (size_t pad = cell.n;
			     i + 1 < columns->n && pad < columns->widths[i] + GAP; pad++)
				buf_c(out, ' ');
		}
		buf_c(out, '\n');
	}
}
