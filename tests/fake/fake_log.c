/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"

enum { LINE_MAX_BYTES = 8 * 1024 * 1024 };

bool fake_log_open(struct fake_log *log, const char *path, struct error *err)
{
	buf_init(&log->line, LINE_MAX_BYTES);
	log->fd = -1;
	if (path == NULL)
		return true;
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log->fd < 0)
		return error_set(err, ERROR_IO, "cannot open the log %s: %s", path,
				 error_errno(errno));
	return true;
}

void fake_log_close(struct fake_log *log)
{
	buf_release(&log->line);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

/* Appends `,"key":"value"`. */
static void add_text(struct buf *to, const char *key, struct str value)
{
	buf_fmt(to, ",\"%s\":", key);
	json_put(to, value);
}

/* Appends `,"key":{...}`, or null. */
static void add_object(struct buf *to, const char *key, struct str object)
{
	buf_fmt(to, ",\"%s\":", key);
	buf_str(to, object.n == 0 ? STR("null") : object);
}

void fake_log_add_line(struct buf *to, const struct service_write *write)
{
	buf_str(to, STR("{\"n\":"));
	buf_u64(to, write->n);
	buf_str(to, STR(",\"ms\":"));
	buf_i64(to, write->wall_ms);
	add_text(to, "op", str_of(write->op));
	add_text(to, "table", write->table);
	add_text(to, "stream", write->stream_arn);
	add_text(to, "shard", write->shard_id);
	add_text(to, "seq", write->seqno);
	add_text(to, "id", write->event_id);
	add_object(to, "keys", write->keys);
	add_object(to, "old", write->old_image);
	add_object(to, "new", write->new_image);
	buf_str(to, STR("}\n"));
}

void fake_log_write(struct fake_log *log, const struct service_write *write_done)
{
	struct str left;

	if (log->fd < 0)
		return;
	buf_clear(&log->line);
	fake_log_add_line(&log->line, write_done);
	must(!log->line.failed);
	left = buf_view(&log->line);
	while (left.n > 0) {
		ssize_t n = write(log->fd, left.p, left.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fprintf(stderr, "ddbfake: cannot write the log: %s\n", error_errno(errno));
			_exit(error_exit_status(ERROR_IO));
		}
		left = str_skip(left, (size_t)n);
	}
}
