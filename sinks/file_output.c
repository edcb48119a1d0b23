/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/file_journal.h"
#include "sinks/lines.h"

enum {
	SCAN_BYTES = 64 * 1024,
	TORN_BYTES_MAX = 64 * 1024 * 1024, /* no record is that long: such a file is not ours */
	PARTS_MAX = 256, /* per writev; the kernel takes IOV_MAX, 1024 */
	WRITE_BYTES_MAX = 1 << 20,
};

struct output *output_new(uint64_t id, const char *key, const char *suffix, char *path,
			  char *final_path)
{
	struct output *output = mem_alloc(sizeof(*output));

	list_init(&output->link);
	output->id = id;
	output->key = mem_dup(key, strlen(key));
	output->suffix = mem_dup(suffix, strlen(suffix));
	output->path = path;
	output->final_path = final_path;
	output->fd = -1;
	return output;
}

void output_free(struct output *output)
{
	list_remove(&output->link);
	if (output->fd >= 0)
		close(output->fd);
	mem_free(output->key);
	mem_free(output->suffix);
	mem_free(output->path);
	mem_free(output->final_path);
	mem_free(output->parts);
	mem_free(output);
}

/* Whether an error means that the disk is full, which passes without anything being wrong. */
static bool is_full(int number)
{
	return number == ENOSPC || number == EDQUOT;
}

/* Closes the file and returns false. */
static bool close_it(struct output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
	return false;
}

bool output_open(struct output *output, int flags, mode_t mode, bool lock, struct error *err)
{
	struct stat st;

	output->fd = open(output->path,
			  O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, mode);
	if (output->fd < 0)
		return error_set(err, is_full(errno) ? ERROR_RETRY : ERROR_IO,
				 "cannot open %s: %s%s", output->path, error_errno(errno),
				 errno == ENOENT ? "; its directory must be there already" : "");
	if (fstat(output->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		error_set(err, ERROR_CONFIG, "%s is not a regular file", output->path);
		return close_it(output);
	}
	if (lock && flock(output->fd, LOCK_EX | LOCK_NB) != 0) {
		error_set(err, ERROR_IO, "cannot lock %s: %s", output->path,
			  errno == EWOULDBLOCK ? "another process, or another sink, writes to it; "
						 "give each a path of its own"
					       : error_errno(errno));
		return close_it(output);
	}
	output->ino = st.st_ino;
	output->durable = output->written = st.st_size;
	return true;
}

void output_add(struct output *output, struct str bytes)
{
	if (output->n == output->cap) {
		output->cap = output->cap == 0 ? 16 : output->cap * 2;
		output->parts = mem_resize_n(output->parts, output->cap, sizeof(*output->parts));
	}
	/* An iovec has no const; the bytes are only read. */
	output->parts[output->n++] = (struct iovec){
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		.iov_base = (void *)(uintptr_t)bytes.p,
		.iov_len = bytes.n,
	};
}

/* Writes all parts, in pieces of about 1 MiB; false with errno set. Alters the array. */
static bool write_all(int fd, struct iovec *parts, size_t n)
{
	while (n > 0) {
		size_t run = 0, bytes = 0;
		ssize_t written;

		while (run < n && run < PARTS_MAX && bytes < WRITE_BYTES_MAX)
			bytes += parts[run++].iov_len;
		written = writev(fd, parts, (int)run);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		lines_skip(&parts, &n, (size_t)written);
	}
	return true;
}

/* Whether the file is still there and as long as we made it; else what was synced may be gone. */
static enum output_end look(struct output *output, off_t size, struct error *err)
{
	struct stat ours, named;

	if (fstat(output->fd, &ours) != 0 || ours.st_nlink == 0 || ours.st_size < size) {
		error_set(err, ERROR_IO,
			  "%s was deleted, replaced or cut by someone else while it was written; "
			  "start again, or send SIGHUP, to use it as it is now",
			  output->path);
		return OUTPUT_GONE;
	}
	if (ours.st_size > size) {
		error_set(err, ERROR_IO,
			  "%s was written by someone else; what was not synced is written again",
			  output->path);
		return OUTPUT_TOUCHED;
	}
	output->moved = stat(output->path, &named) != 0 || named.st_ino != ours.st_ino ||
			named.st_dev != ours.st_dev;
	return OUTPUT_GOOD;
}

/* Says what failed, by errno. */
static enum output_end fail(const struct output *output, const char *verb, enum output_end end,
			    struct error *err)
{
	int number = errno;

	if (is_full(number)) {
		error_set(err, ERROR_RETRY,
			  "cannot %s %s: no space left; nothing is lost, and it goes on by itself "
			  "when there is space again",
			  verb, output->path);
		return OUTPUT_FULL;
	}
	error_set(err, ERROR_IO, "cannot %s %s: %s; what was not synced is written again", verb,
		  output->path, error_errno(number));
	return end;
}

enum output_end output_write(struct output *output, struct pack *pack, struct error *err)
{
	/* Before writing, for the length still tells that it was cut. */
	enum output_end end = look(output, output->durable, err);
	struct iovec packed;
	struct str bytes;

	if (end != OUTPUT_GOOD)
		return end;
	output->written = output->durable;
	if (pack != NULL) {
		bytes = pack_parts(pack, output->parts, output->n);
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		packed = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
		output->written += (off_t)bytes.n;
		if (!write_all(output->fd, &packed, 1))
			return fail(output, "write to", OUTPUT_BROKEN, err);
	} else {
		for (size_t i = 0; i < output->n; i++)
			output->written += (off_t)output->parts[i].iov_len;
		if (!write_all(output->fd, output->parts, output->n))
			return fail(output, "write to", OUTPUT_BROKEN, err);
	}
	if (fdatasync(output->fd) != 0)
		return fail(output, "sync", OUTPUT_UNSYNCED, err);
	return look(output, output->written, err);
}

bool output_back(struct output *output, struct error *err)
{
	struct stat st;

	output->n = 0;
	output->written = output->durable;
	if (fstat(output->fd, &st) != 0 || st.st_nlink == 0 || st.st_size < output->durable) {
		look(output, output->durable, err);
		return false;
	}
	if (st.st_size > output->durable && ftruncate(output->fd, output->durable) != 0)
		return error_set(err, ERROR_IO, "cannot truncate %s: %s", output->path,
				 error_errno(errno));
	return true;
}

bool output_mend(struct output *output, bool lock, struct error *err)
{
	char link[64];
	int fd;

	/* An error of fdatasync is reported once per open file; and the name may be another's by now. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", output->fd);
	fd = open(link, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, ERROR_IO, "cannot open %s again: %s", output->path,
				 error_errno(errno));
	close(output->fd);
	output->fd = fd;
	if (lock && flock(fd, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, ERROR_IO, "cannot lock %s: %s", output->path,
				 error_errno(errno));
	return output_back(output, err);
}

/* Where the last whole line ends; -1 with `err` set when it cannot be found. */
static off_t end_of_lines(const struct output *output, struct error *err)
{
	off_t size = output->durable, at = size, found = -1;
	char *chunk = mem_alloc(SCAN_BYTES);

	while (at > 0 && found < 0) {
		size_t n = at < SCAN_BYTES ? (size_t)at : SCAN_BYTES;
		size_t newline;

		if (size - at >= TORN_BYTES_MAX) {
			error_set(err, ERROR_DATA,
				  "%s does not look like a file of records: its last 64 MiB have "
				  "no line end",
				  output->path);
			goto out;
		}
		if (pread(output->fd, chunk, n, at - (off_t)n) != (ssize_t)n) {
			error_set(err, ERROR_IO, "cannot read %s: %s", output->path,
				  error_errno(errno));
			goto out;
		}
		newline = str_find_last(str_make(chunk, n), '\n');
		at -= (off_t)n;
		if (newline < n)
			found = at + (off_t)newline + 1;
	}
	if (found < 0)
		found = 0;
out:
	mem_free(chunk);
	return found;
}

bool output_repair(struct output *output, int64_t *cut_out, struct error *err)
{
	off_t end = end_of_lines(output, err);

	*cut_out = output->durable - end;
	if (end < 0)
		return false;
	if (end < output->durable && ftruncate(output->fd, end) != 0)
		return error_set(err, ERROR_IO, "cannot truncate %s: %s", output->path,
				 error_errno(errno));
	output->durable = output->written = end;
	return true;
}

bool output_rename(struct output *output, struct error *err)
{
	if (renameat2(AT_FDCWD, output->path, AT_FDCWD, output->final_path, RENAME_NOREPLACE) !=
		    0 &&
	    (errno != EINVAL || access(output->final_path, F_OK) == 0 ||
	     rename(output->path, output->final_path) != 0))
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
				 "cannot rename %s to %s: %s", output->path, output->final_path,
				 error_errno(errno));
	return journal_sync_directory(output->final_path, err);
}
