/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "consumer/verbs/input.h"

enum { COMPLAINTS_BYTES_MAX = 1 << 20 };

/* Reads the file; false after saying why not. */
static bool read_file(const char *path, struct buf *text)
{
	bool standard = str_eq(str_of(path), STR("-"));
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct error err;
	bool ok;

	if (fd < 0) {
		verb_error(0, "cannot read %s: %s", path, error_errno(errno));
		return false;
	}
	ok = input_read(fd, text, &err);
	if (!ok)
		verb_error(0, "cannot read %s: %s", standard ? "standard input" : path, err.text);
	if (!standard)
		close(fd);
	return ok;
}

struct config *load_config(const struct program *program, const char *path)
{
	struct str name = str_eq(str_of(path), STR("-")) ? STR("(standard input)") : str_of(path);
	struct config *config = NULL;
	struct buf text, complaints;

	buf_init(&text, CONFIG_FILE_MAX + 1);
	buf_init(&complaints, COMPLAINTS_BYTES_MAX);
	if (read_file(path, &text))
		config = config_parse(name, buf_view(&text), &program->known, &complaints);
	if (complaints.n > 0)
		fwrite(complaints.p, 1, complaints.n, stderr);
	buf_release(&complaints);
	buf_release(&text);
	return config;
}
