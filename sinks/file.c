/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/option.h"
#include "sinks/lines.h"

enum {
	MODE_MAX = 0777,
	SCAN_BYTES = 64 * 1024,
	TORN_BYTES_MAX = 64 * 1024 * 1024, /* no record is that long: such a file is not ours */
	PARTS_MAX = 256, /* per writev; the kernel takes IOV_MAX, 1024 */
	WRITE_BYTES_MAX = 1 << 20,
};

struct file_options {
	char *path;
	char *mode;
};

/* The number of permissions in octal, of which the first 5 digits count. */
static mode_t mode_of(struct str text)
{
	mode_t mode = 0;

	for (size_t i = 0; i < text.n && i < 5; i++)
		mode = mode * 8 + (mode_t)(text.p[i] - '0');
	return mode;
}

/* struct option_spec: whether `text` can be permissions. */
static const char *check_mode(struct str text)
{
	bool ok = text.n > 0 && text.n <= 5;

	for (size_t i = 0; i < text.n; i++)
		ok = ok && text.p[i] >= '0' && text.p[i] <= '7';
	return ok && mode_of(text) <= MODE_MAX && (mode_of(text) & S_IWUSR) != 0
		       ? NULL
		       : "permissions in octal that let the owner write, such as 0640";
}

static const struct option_spec file_option_specs[] = {
	{.name = "path",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct file_options, path),
	 .required = true,
	 .help = "The file that records are appended to. It is created if need be; its directory "
		 "is not."},
	{.name = "mode",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct file_options, mode),
	 .fallback = "0640",
	 .check = check_mode,
	 .help = "Permissions of a file that is created, in octal; the process's umask takes its "
		 "bits off."},
};

struct file {
	struct sink sink;
	struct lines *lines;
	char *path;
	/* The writer's, once it runs. */
	int fd; /* -1: closed after an error, to be opened again */
	dev_t dev;
	ino_t ino;
	off_t durable; /* everything up to here is on the disk, and ends with a whole record */
};

/* Makes a new file's name durable. */
static bool sync_directory(const char *path, struct error *err)
{
	struct str whole = str_of(path);
	size_t slash = str_find_last(whole, '/');
	char *name = slash == whole.n ? mem_dup(".", 1) : mem_dup(path, slash == 0 ? 1 : slash);
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		error_set(err, ERROR_IO, "cannot sync the directory %s: %s", name,
			  error_errno(errno));
	if (fd >= 0)
		close(fd);
	mem_free(name);
	return ok;
}

/* Opens the file for appending, which `flags` may create, and locks it against other processes. */
static bool open_locked(struct file *file, int flags, mode_t mode, struct error *err)
{
	struct stat st;

	file->fd = open(file->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags,
			mode);
	if (file->fd < 0)
		return error_set(err, ERROR_IO, "cannot open %s: %s%s", file->path,
				 error_errno(errno),
				 errno == ENOENT ? "; its directory must be there already" : "");
	if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		error_set(err, ERROR_CONFIG, "%s is not a regular file", file->path);
	} else if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
		error_set(err, ERROR_IO, "cannot lock %s: %s", file->path,
			  errno == EWOULDBLOCK ? "another process, or another sink, writes to it; "
						 "give each a path of its own"
					       : error_errno(errno));
	} else {
		file->dev = st.st_dev;
		file->ino = st.st_ino;
		file->durable = st.st_size;
		return true;
	}
	close(file->fd);
	file->fd = -1;
	return false;
}

/* Where the last whole line ends; -1 with `err` set when it cannot be found. */
static off_t end_of_lines(const struct file *file, struct error *err)
{
	off_t size = file->durable, at = size, found = -1;
	char *chunk = mem_alloc(SCAN_BYTES);

	while (at > 0 && found < 0) {
		size_t n = at < SCAN_BYTES ? (size_t)at : SCAN_BYTES;
		size_t newline;

		if (size - at >= TORN_BYTES_MAX) {
			error_set(err, ERROR_DATA,
				  "%s does not look like a file of records: its last 64 MiB have "
				  "no line end",
				  file->path);
			goto out;
		}
		if (pread(file->fd, chunk, n, at - (off_t)n) != (ssize_t)n) {
			error_set(err, ERROR_IO, "cannot read %s: %s", file->path,
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

/*
 * Takes off the torn last line that a crash may have left, and makes sure that what stays is durable: a
 * crash may have come before its sync.
 */
static bool repair(struct file *file, const struct sink_env *env, struct error *err)
{
	off_t end = end_of_lines(file, err);

	if (end < 0)
		return false;
	if (end < file->durable) {
		io_log(env->io, IO_WARN, "file.torn_line_removed sink=%.*s path=\"%s\" bytes=%lld",
		       STR_ARG(env->name), file->path, (long long)(file->durable - end));
		if (ftruncate(file->fd, end) != 0)
			return error_set(err, ERROR_IO, "cannot truncate %s: %s", file->path,
					 error_errno(errno));
	}
	file->durable = end;
	if (fdatasync(file->fd) != 0)
		return error_set(err, ERROR_IO, "cannot sync %s: %s", file->path,
				 error_errno(errno));
	return true;
}

/* Opens the file for the first time, creating it if need be. */
static bool open_first(struct file *file, mode_t mode, struct error *err)
{
	struct error first;

	if (open_locked(file, O_CREAT | O_EXCL, mode, &first))
		return sync_directory(file->path, err);
	/* It exists, or cannot be created: the second attempt knows. */
	return open_locked(file, O_CREAT, mode, err);
}

/*
 * After an error of the disk: opens the file anew, for an error of fdatasync is reported once per open
 * file, and goes back to the last durable byte. False with `why` set when that fails, too.
 */
static bool reopen(struct file *file, struct error *why)
{
	off_t durable = file->durable;
	dev_t dev = file->dev;
	ino_t ino = file->ino;

	if (file->fd >= 0)
		close(file->fd);
	if (!open_locked(file, 0, 0, why))
		goto failed;
	if (file->dev != dev || file->ino != ino || file->durable < durable) {
		error_set(why, ERROR_IO,
			  "%s was replaced or cut by someone else while it was written; start "
			  "again to use it "
			  "as it is now",
			  file->path);
		goto failed;
	}
	if (file->durable > durable && ftruncate(file->fd, durable) != 0) {
		error_set(why, ERROR_IO, "cannot truncate %s: %s", file->path, error_errno(errno));
		goto failed;
	}
	file->durable = durable;
	return true;
failed:
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->dev = dev;
	file->ino = ino;
	file->durable = durable;
	return false;
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

/* Whether an error means that the disk is full, which passes without anything being wrong. */
static bool is_full(int number)
{
	return number == ENOSPC || number == EDQUOT;
}

/* Says what failed and takes the file back to its last durable byte. */
static void give_up(struct file *file, struct lines_group *group, const char *verb, int number)
{
	struct error why;

	group->durable_bytes = 0;
	group->result = DELIVERY_RETRY;
	if (is_full(number))
		error_set(&group->why, ERROR_RETRY,
			  "cannot %s %s: no space left; nothing is lost, and it goes on by itself "
			  "when there is "
			  "space again",
			  verb, file->path);
	else
		error_set(&group->why, ERROR_IO,
			  "cannot %s %s: %s; what was not synced is written again", verb,
			  file->path, error_errno(number));
	/* A full disk leaves the open file sound; anything else does not. */
	if (is_full(number) && ftruncate(file->fd, file->durable) == 0)
		return;
	if (!reopen(file, &why)) {
		group->result = DELIVERY_FATAL;
		error_set(&group->why, ERROR_IO, "cannot %s %s: %s; and then: %s", verb, file->path,
			  error_errno(number), why.text);
	}
}

/*
 * Whether the path still names our file, and it is as long as we made it. Else what was synced may be in a
 * file without a name, or gone.
 */
static bool is_intact(const struct file *file, off_t size)
{
	struct stat st;

	return stat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino &&
	       st.st_size == size;
}

/* Somebody else deleted, moved, cut or wrote our file: the group is not safe there. */
static void distrust(struct file *file, struct lines_group *group)
{
	group->durable_bytes = 0;
	group->result = DELIVERY_RETRY;
	error_set(&group->why, ERROR_IO,
		  "%s was written by someone else; what was not synced is written again",
		  file->path);
	if (!reopen(file, &group->why))
		group->result = DELIVERY_FATAL;
}

/* Appends a group and syncs it; on the writer's thread. */
static void commit(void *arg, struct lines_group *group)
{
	struct file *file = arg;

	group->result = DELIVERY_OK;
	group->durable_bytes = group->total_bytes;
	if (file->fd < 0 && !reopen(file, &group->why)) {
		group->result = DELIVERY_FATAL;
		group->durable_bytes = 0;
	} else if (!is_intact(file, file->durable)) { /* NOLINT(bugprone-branch-clone): see below */
		distrust(file, group); /* before writing: the size still tells that it was cut */
	} else if (!write_all(file->fd, group->parts, group->n)) {
		give_up(file, group, "write to", errno);
	} else if (fdatasync(file->fd) != 0) {
		give_up(file, group, "sync", errno);
	} else if (!is_intact(file, file->durable + (off_t)group->total_bytes)) {
		distrust(file, group);
	} else {
		file->durable += (off_t)group->total_bytes;
	}
}

/* Closes the file, which also unlocks it, and frees. */
static void file_free(struct file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	mem_free(file->path);
	mem_free(file);
}

/* struct sink_type: opens, locks and repairs the file, and starts its thread. */
static struct sink *file_open(const struct sink_env *env, const void *options_p, struct error *err)
{
	const struct file_options *options = options_p;
	struct file *file;
	file = mem_alloc(sizeof(*file));
	file->sink.type = &sink_file;
	file->path = mem_dup(options->path, str_of(options->path).n);
	file->fd = -1;
	if (!open_first(file, mode_of(str_of(options->mode)), err) || !repair(file, env, err)) {
		file_free(file);
		return NULL;
	}
	file->lines = lines_new(env->io, commit, file);
	return &file->sink;
}

/* struct sink_type: queues a delivery for the next group. */
static void file_submit(struct sink *sink, struct delivery *delivery)
{
	lines_submit(CONTAINER_OF(sink, struct file, sink)->lines, delivery);
}

/* struct sink_type: waits for the write under way, and frees. */
static void file_close(struct sink *sink)
{
	struct file *file = CONTAINER_OF(sink, struct file, sink);

	lines_close(file->lines);
	file_free(file);
}

const struct sink_type sink_file = {
	.name = "file",
	.help = "appends to a file and syncs it",
	.options = file_option_specs,
	.n_options = ARRAY_N(file_option_specs),
	.options_bytes = sizeof(struct file_options),
	.open = file_open,
	.submit = file_submit,
	.close = file_close,
};
