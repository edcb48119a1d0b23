/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STATM_BYTES_MAX = 256 };

/* The second number of /proc/self/statm is what is resident, in pages. */
static uint64_t resident_bytes(void)
{
	char text[STATM_BYTES_MAX];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct str rest = str_make(text, n < 0 ? 0 : (size_t)n);
	uint64_t pages = 0;

	if (fd >= 0)
		close(fd);
	str_cut(&rest, ' ');
	return str_to_u64(str_cut(&rest, ' '), &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE)
						       : 0;
}

/* Counts the open descriptors, without the one that it takes to look. */
static uint64_t open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (folder == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(folder);
	return n - 1;
}

void usage_measure(struct usage *out)
{
	struct timespec cpu;
	struct rlimit limit;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0);
	out->cpu_ms = (int64_t)cpu.tv_sec * 1000 + cpu.tv_nsec / 1000000;
	out->resident_bytes = resident_bytes();
	out->fds = open_fds();
	out->fds_max = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}
