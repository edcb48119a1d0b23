/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: makes fdatasync slow for files whose path contains "slow", by SLOWSYNC_MS milliseconds,
 * and writes down for each file PATH, in PATH.sync, how much of it is surely on the disk: a test that
 * kills the process knows by that what a loss of power could take.
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

/* Writes down how much of a file is on the disk. */
static void note(const char *path, int64_t synced_bytes)
{
	char name[PATH_MAX + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.sync", path);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, &synced_bytes, sizeof(synced_bytes), 0) != sizeof(synced_bytes))
		abort();
	close(fd);
}

/* How long a sync of this file is to take. */
static int64_t delay_ms(const char *path)
{
	const char *digit = getenv("SLOWSYNC_MS");
	int64_t ms = 0;

	if (digit == NULL || strstr(path, "slow") == NULL)
		return 0;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		ms = ms * 10 + (*digit - '0');
	return ms;
}

/* Stands in for the C library's; the sync itself is the system's. */
int fdatasync(int fd)
{
	char link[64], path[PATH_MAX];
	struct timespec delay;
	struct stat st;
	ssize_t n;
	int result;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || fstat(fd, &st) != 0)
		abort();
	path[n] = '\0';
	delay = (struct timespec){delay_ms(path) / 1000, delay_ms(path) % 1000 * 1000000};
	nanosleep(&delay, NULL);
	result = (int)syscall(SYS_fdatasync, fd);
	if (result == 0)
		note(path, st.st_size);
	return result;
}
