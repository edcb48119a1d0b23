/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	JOURNAL_BYTES_MAX = 256 << 20,
	LONG_BYTES = 256 * 1024, /* shorter ones are not worth replacing */
	LONG_FACTOR = 4, /* how much longer than the last new one */
	HEAD_BYTES_MAX = 64,
};

static const struct str title = STR_INIT("ddbtap file journal 1\n");

bool journal_sync_directory(const char *path, struct error *err)
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

/* The checksum of a frame. */
static uint32_t checksum(uint64_t frame, struct str entries)
{
	uint64_t counted[2] = {frame, entries.n};

	return libdeflate_crc32(libdeflate_crc32(0, counted, sizeof(counted)), entries.p,
				entries.n);
}

/* Appends a frame. */
static void put_frame(struct buf *out, uint64_t frame, struct str entries)
{
	buf_fmt(out, "= %llu %zu %08x\n", (unsigned long long)frame, entries.n,
		(unsigned)checksum(frame, entries));
	buf_str(out, entries);
}

/* Reads the frame at the start of `bytes`; its whole length, or 0 when it is not whole. */
static size_t get_frame(struct str bytes, uint64_t *frame_out, struct str *entries_out)
{
	struct str head = str_head(bytes, HEAD_BYTES_MAX), line, word;
	size_t end = str_find(head, '\n');
	uint64_t n;
	char crc[16];

	line = str_head(head, end);
	if (end == head.n || !str_eq(str_cut(&line, ' '), STR("=")))
		return 0;
	word = str_cut(&line, ' ');
	if (!str_to_u64(word, frame_out) || !str_to_u64(str_cut(&line, ' '), &n) ||
	    n > bytes.n - end - 1)
		return 0;
	*entries_out = str_make(bytes.p + end + 1, (size_t)n);
	snprintf(crc, sizeof(crc), "%08x", (unsigned)checksum(*frame_out, *entries_out));
	return str_eq(line, str_of(crc)) ? end + 1 + (size_t)n : 0;
}

/* Whether a whole frame stands anywhere in `bytes`: then what is before it is not a torn end. */
static bool has_frame(struct str bytes)
{
	struct str entries;
	uint64_t frame;

	for (size_t at; (at = str_find(bytes, '=')) < bytes.n; bytes = str_skip(bytes, at + 1)) {
		if (get_frame(str_skip(bytes, at), &frame, &entries) > 0)
			return true;
	}
	return false;
}

bool journal_scan(struct str bytes, struct ledger *ledger, int64_t *good_out, uint64_t *frames_out,
		  struct error *err)
{
	struct str rest = str_skip(bytes, title.n), entries;
	uint64_t frame;
	size_t n;

	*good_out = 0;
	*frames_out = 0;
	if (!str_starts(bytes, title))
		return error_set(err, ERROR_DATA, "it is not a journal of this version");
	while ((n = get_frame(rest, &frame, &entries)) > 0) {
		if (frame != *frames_out + 1 || !ledger_apply(ledger, entries))
			return error_set(err, ERROR_DATA, "its frame %llu is malformed",
					 (unsigned long long)*frames_out + 1);
		*frames_out = frame;
		rest = str_skip(rest, n);
	}
	if (*frames_out == 0 || has_frame(rest))
		return error_set(err, ERROR_DATA, "it is damaged after frame %llu",
				 (unsigned long long)*frames_out);
	*good_out = (int64_t)(bytes.n - rest.n);
	return true;
}

/* Opens and locks what has the journal's name; `*exists_out` is false when nothing has. */
static bool open_locked(struct journal *journal, bool *exists_out, struct error *err)
{
	struct stat ours, named;

	do {
		if (journal->fd >= 0)
			close(journal->fd);
		journal->fd =
			open(journal->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
		*exists_out = journal->fd >= 0;
		if (journal->fd < 0 && errno == ENOENT)
			return true;
		if (journal->fd < 0)
			return error_set(err, ERROR_IO, "cannot open %s: %s", journal->path,
					 error_errno(errno));
		if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0)
			return error_set(err, ERROR_IO, "cannot lock %s: %s", journal->path,
					 errno == EWOULDBLOCK
						 ? "another process, or another sink, writes to "
						   "the same place; give each a path of its own"
						 : error_errno(errno));
		/* It may have been replaced before it was ours. */
	} while (fstat(journal->fd, &ours) == 0 && stat(journal->path, &named) == 0 &&
		 ours.st_ino != named.st_ino);
	return true;
}

/* Reads all of the open journal; false with `err`. */
static bool read_all(const struct journal *journal, struct buf *out, struct error *err)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(journal->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_IO, "%s is not a regular file", journal->path);
	if (st.st_size > JOURNAL_BYTES_MAX)
		return error_set(err, ERROR_DATA, "%s is too long to be a journal", journal->path);
	buf_reserve(out, (size_t)st.st_size);
	while (n > 0 && (off_t)out->n < st.st_size) {
		n = pread(journal->fd, out->p + out->n, (size_t)st.st_size - out->n, (off_t)out->n);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_IO, "cannot read %s: %s", journal->path,
					 error_errno(errno));
		if (n > 0)
			out->n += (size_t)n;
		else if (n < 0)
			n = 1;
	}
	return true;
}

/* Cuts the journal to what is good, durably. */
static bool cut(struct journal *journal, struct error *err)
{
	if (ftruncate(journal->fd, journal->size) != 0 || fdatasync(journal->fd) != 0)
		return error_set(err, ERROR_IO, "cannot truncate %s: %s", journal->path,
				 error_errno(errno));
	return true;
}

bool journal_open(struct journal *journal, const char *path, unsigned mode, struct ledger *ledger,
		  bool *exists_out, struct error *err)
{
	struct error why;
	struct buf bytes;
	bool ok = false;

	*journal = (struct journal){.fd = -1, .path = mem_dup(path, strlen(path)), .mode = mode};
	buf_init(&bytes, JOURNAL_BYTES_MAX + 1);
	if (!open_locked(journal, exists_out, err))
		goto out;
	ok = !*exists_out;
	if (ok || !read_all(journal, &bytes, err))
		goto out;
	if (!journal_scan(buf_view(&bytes), ledger, &journal->size, &journal->frames, &why)) {
		error_set(err, ERROR_DATA,
			  "%s cannot be used: %s; when it is moved away, a new one is begun, and "
			  "what was written last may be written again",
			  path, why.text);
		goto out;
	}
	journal->replaced_size = journal->size;
	ok = (size_t)journal->size == bytes.n || cut(journal, err);
out:
	buf_release(&bytes);
	return ok;
}

/* Writes all of `bytes` to the end of a file; false with errno set. */
static bool write_whole(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno != EINTR)
			return false;
		bytes = str_skip(bytes, n < 0 ? 0 : (size_t)n);
	}
	return true;
}

/* Says that the disk did not take the journal. */
static bool not_written(const struct journal *journal, struct error *err)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return error_set(err, full ? ERROR_RETRY : ERROR_IO, "cannot write the journal %s: %s%s",
			 journal->path, error_errno(errno),
			 full ? "; nothing is lost, and it goes on by itself when there is space "
				"again"
			      : "");
}

bool journal_append(struct journal *journal, struct str entries, struct error *err)
{
	struct buf frame;
	bool ok;

	must(journal->fd >= 0 && !journal->suspect);
	buf_init(&frame, JOURNAL_BYTES_MAX);
	put_frame(&frame, journal->frames + 1, entries);
	must(!frame.failed);
	ok = write_whole(journal->fd, buf_view(&frame)) && fdatasync(journal->fd) == 0;
	if (ok) {
		journal->frames++;
		journal->size += (int64_t)frame.n;
	} else {
		not_written(journal, err);
		journal->suspect = true;
	}
	buf_release(&frame);
	return ok;
}

/* Makes the temporary file that is to replace the journal; its descriptor, locked, or -1 with `err`. */
static int make_new(const struct journal *journal, const char *name, struct str bytes,
		    struct error *err)
{
	int fd;

	if (unlink(name) != 0 && errno != ENOENT) {
		error_set(err, ERROR_IO, "cannot remove %s: %s", name, error_errno(errno));
		return -1;
	}
	fd = open(name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, journal->mode);
	if (fd < 0) {
		error_set(err, ERROR_IO, "cannot create %s: %s%s", name, error_errno(errno),
			  errno == ENOENT ? "; its directory must be there already" : "");
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write_whole(fd, bytes) && fdatasync(fd) == 0)
		return fd;
	not_written(journal, err);
	close(fd);
	unlink(name);
	return -1;
}

bool journal_replace(struct journal *journal, const struct ledger *ledger, struct error *err)
{
	struct buf name, entries, bytes;
	int fd;
	bool ok = false;

	buf_init(&name, 8192);
	buf_init(&entries, JOURNAL_BYTES_MAX);
	buf_init(&bytes, JOURNAL_BYTES_MAX);
	buf_fmt(&name, "%s.new%c", journal->path, '\0');
	ledger_put_all(ledger, &entries);
	buf_str(&bytes, title);
	put_frame(&bytes, 1, buf_view(&entries));
	must(!name.failed && !bytes.failed && !entries.failed);
	fd = make_new(journal, name.p, buf_view(&bytes), err);
	if (fd < 0)
		goto out;
	/* From here on, until the directory is synced, either may be what a crash leaves. */
	journal->suspect = true;
	if (rename(name.p, journal->path) != 0) {
		error_set(err, ERROR_IO, "cannot rename %s: %s", name.p, error_errno(errno));
		close(fd);
		goto out;
	}
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = fd;
	journal->size = journal->replaced_size = (int64_t)bytes.n;
	journal->frames = 1;
	ok = journal_sync_directory(journal->path, err);
	journal->suspect = !ok;
out:
	buf_release(&name);
	buf_release(&entries);
	buf_release(&bytes);
	return ok;
}

bool journal_mend(struct journal *journal, const struct ledger *ledger, struct error *err)
{
	struct stat ours, named;

	if (fstat(journal->fd, &ours) != 0 || stat(journal->path, &named) != 0 ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return error_set(err, ERROR_IO,
				 "%s was moved or removed by someone else; put it back, or start "
				 "again",
				 journal->path);
	if (!journal->suspect)
		return true;
	/* A full disk may let no new file be made; to cut the old one takes no space. */
	if (journal_replace(journal, ledger, err))
		return true;
	if (err->code != ERROR_RETRY || !cut(journal, err))
		return false;
	journal->suspect = !journal_sync_directory(journal->path, err);
	return !journal->suspect;
}

bool journal_is_long(const struct journal *journal)
{
	return journal->size > LONG_BYTES && journal->size > LONG_FACTOR * journal->replaced_size;
}

void journal_close(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	mem_free(journal->path);
}
