/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/exposition.h"

void exposition_family(struct exposition *e, const char *name, enum metric_type type,
		       const char *help)
{
	must(e->labels == 0);
	e->name = name;
	buf_fmt(e->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		type == METRIC_COUNTER ? "counter" : "gauge");
}

void exposition_label(struct exposition *e, const char *name, struct str value)
{
	if (e->labels == 0)
		buf_str(e->out, str_of(e->name));
	buf_fmt(e->out, "%c%s=\"", e->labels++ == 0 ? '{' : ',', name);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\\' || c == '"' || c == '\n')
			buf_c(e->out, '\\');
		buf_c(e->out, c == '\n' ? 'n' : c);
	}
	buf_c(e->out, '"');
}

/* What stands before a sample's number. */
static void end_labels(struct exposition *e)
{
	if (e->labels == 0)
		buf_str(e->out, str_of(e->name));
	else
		buf_c(e->out, '}');
	buf_c(e->out, ' ');
	e->labels = 0;
}

void exposition_u64(struct exposition *e, uint64_t value)
{
	end_labels(e);
	buf_u64(e->out, value);
	buf_c(e->out, '\n');
}

void exposition_ms(struct exposition *e, int64_t ms)
{
	uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;

	end_labels(e);
	buf_fmt(e->out, "%s%llu.%03u\n", ms < 0 ? "-" : "", (unsigned long long)(size / 1000),
		(unsigned)(size % 1000));
}
