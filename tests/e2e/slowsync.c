/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: makes fdatasync slow for files whose path contains "slow", by SLOWSYNC_MS milliseconds,
 * and writes down for each file PATH, in PATH.sync, how much of it is surely on the disk and whether
 * a sync is under way. A test that kills the process knows by that what a loss of power could take.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct note {
	int64_t synced_bytes, under_way;
};

/* Writes the note of one file down; the note lies beside it. */
static void write_note(const char *path, const struct note *note)
{
	char name[PATH_MAX + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.sync", path);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, note, sizeof(*note), 0) != (ssize_t)sizeof(*note))
		abort();
	close(fd);
}

/* Reads what the last sync noted, so that a sync that is only under way does not claim more. */
static int64_t synced_before(const char *path)
{
	char name[PATH_MAX + 8];
	struct note note = {0};
	int fd;

	snprintf(name, sizeof(name), "%s.sync", path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &note, sizeof(note), 0) != (ssize_t)sizeof(note))
		note.synced_bytes = 0;
	close(fd);
	return note.synced_bytes;
}

/* Stands in for the C library's; the sync itself is the system's. */
int fdatasync(int fd)
{
	const char *delay_ms = getenv("SLOWSYNC_MS");
	char link[64], path[PATH_MAX];
	struct note note;
	struct stat st;
	ssize_t n;
	int result;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || fstat(fd, &st) != 0)
		abort();
	path[n] = '\0';
	note = (struct note){synced_before(path), 1};
	if (note.synced_bytes > st.st_size)
		note.synced_bytes = st.st_size; /* it was cut */
	write_note(path, &note);
	if (delay_ms != NULL && strstr(path, "slow") != NULL) {
		struct timespec delay = {atol(delay_ms) / 1000, atol(delay_ms) % 1000 * 1000000};

		nanosleep(&delay, NULL);
	}
	result = (int)syscall(SYS_fdatasync, fd);
	note = (struct note){result == 0 ? st.st_size : note.synced_bytes, 0};
	write_note(path, &note);
	return result;
}
