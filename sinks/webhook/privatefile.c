/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/privatefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether the open file is one that may hold a secret. */
static bool is_private(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_set(err, ERROR_CONFIG, "cannot look at %s: %s", path,
				 error_errno(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_CONFIG, "%s is not a regular file", path);
	if ((st.st_mode & S_IRWXO) != 0)
		return error_set(err, ERROR_CONFIG,
				 "%s holds a secret, and everybody may read or write it: chmod "
				 "o-rwx it, and think about a new secret",
				 path);
	return true;
}

bool private_read(const char *path, struct buf *out, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = -1;
	char *to;

	if (fd < 0)
		return error_set(err, ERROR_CONFIG, "cannot open %s: %s", path, error_errno(errno));
	/* One piece of memory, so that all of it can be wiped. */
	buf_init(out, PRIVATE_FILE_MAX + 1);
	to = buf_reserve(out, PRIVATE_FILE_MAX);
	if (!is_private(fd, path, err))
		goto out;
	while (out->n < PRIVATE_FILE_MAX &&
	       (n = read(fd, to + out->n, PRIVATE_FILE_MAX - out->n)) > 0)
		out->n += (size_t)n;
	if (n < 0)
		error_set(err, ERROR_CONFIG, "cannot read %s: %s", path, error_errno(errno));
	else if (n > 0)
		error_set(err, ERROR_CONFIG, "%s is too long for a file of secrets", path);
out:
	close(fd);
	if (n != 0)
		private_forget(out);
	return n == 0;
}

/* Makes a part of the buffer all of it, and wipes the rest. */
static void keep(struct buf *out, struct str part)
{
	memmove(out->p, part.p, part.n);
	explicit_bzero(out->p + part.n, out->n - part.n);
	buf_truncate(out, part.n);
}

bool private_read_line(const char *path, struct buf *out, struct error *err)
{
	struct str line;
	bool ok;

	if (!private_read(path, out, err))
		return false;
	line = buf_view(out);
	while (str_ends(line, STR("\n")) || str_ends(line, STR("\r")))
		line.n--;
	ok = line.n > 0;
	for (size_t i = 0; i < line.n; i++)
		ok = ok && (unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7F;
	if (!ok) {
		private_forget(out);
		return error_set(err, ERROR_CONFIG, "%s does not hold one line of text", path);
	}
	keep(out, line);
	return true;
}

bool private_read_word(const char *path, struct buf *out, struct error *err)
{
	struct str word;
	bool ok;

	if (!private_read(path, out, err))
		return false;
	word = str_trim(buf_view(out));
	ok = word.n > 0;
	for (size_t i = 0; i < word.n; i++)
		ok = ok && word.p[i] > ' ' && word.p[i] < 0x7F;
	if (!ok) {
		private_forget(out);
		return error_set(err, ERROR_CONFIG, "%s does not hold one word of visible ASCII",
				 path);
	}
	keep(out, word);
	return true;
}

void private_forget(struct buf *buf)
{
	if (buf->p != NULL)
		explicit_bzero(buf->p, buf->cap);
	buf_release(buf);
}
