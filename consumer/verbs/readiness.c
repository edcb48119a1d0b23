/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/readiness.h"

#include "base/time.h"

enum { LINE_MAX = 4096 }; /* bytes; names and sentences are shorter */

void readiness_init(struct readiness *readiness, int64_t now_ms)
{
	*readiness = (struct readiness){.now_ms = now_ms};
	buf_init(&readiness->lines, READINESS_LINES_MAX * LINE_MAX);
}

void readiness_release(struct readiness *readiness)
{
	buf_release(&readiness->lines);
}

/* Appends " name=value", if there is one. */
static void put_word(struct buf *out, const char *name, struct str value)
{
	if (value.n > 0)
		buf_fmt(out, " %s=%.*s", name, STR_ARG(value));
}

void readiness_add(void *arg, const struct engine_reason *reason)
{
	struct readiness *readiness = arg;
	struct buf *out = &readiness->lines;
	size_t start = out->n;

	readiness->ills[reason->ill]++;
	if (readiness->n++ >= READINESS_LINES_MAX)
		return;
	buf_str(out, str_of(engine_ill_word(reason->ill)));
	put_word(out, "table", reason->table);
	put_word(out, "sink", reason->sink);
	put_word(out, "shard", reason->shard);
	if (reason->shards > 0)
		buf_fmt(out, " shards=%zu", reason->shards);
	if (reason->since_ms != 0)
		buf_fmt(out, " for_s=%lld",
			(long long)((readiness->now_ms - reason->since_ms) / SECOND_MS));
	buf_fmt(out, ": %.*s", STR_ARG(str_of(reason->advice)));
	/* Sentences may quote what others said; a reason stays one line. */
	for (size_t i = start; i < out->n; i++) {
		if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f)
			out->p[i] = ' ';
	}
	buf_c(out, '\n');
}

struct str readiness_first(const struct readiness *readiness)
{
	struct str all = buf_view(&readiness->lines);

	return str_cut(&all, '\n');
}

void readiness_put(const struct readiness *readiness, struct buf *out)
{
	if (readiness->n == 0) {
		buf_str(out, STR("ready\n"));
		return;
	}
	buf_str(out, STR("not ready\n"));
	buf_str(out, buf_view(&readiness->lines));
	if (readiness->n > READINESS_LINES_MAX)
		buf_fmt(out, "... and %zu more\n", readiness->n - READINESS_LINES_MAX);
}
