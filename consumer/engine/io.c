/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/io.h"

enum { IO_LOG_LINE_MAX = 4096 };

void io_log(struct io *io, enum io_level level, const char *fmt, ...)
{
	struct buf line;
	va_list ap;

	if (level < io->log_level)
		return;
	buf_init(&line, IO_LOG_LINE_MAX);
	va_start(ap, fmt);
	buf_vfmt(&line, fmt, ap);
	va_end(ap);
	io->ops->log(io, level, line.failed ? STR("log.line_too_long") : buf_view(&line));
	buf_release(&line);
}
