/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAT_BYTES_MAX = 4096, STARTTIME_FIELD = 22 };

/* Reads the start of a small file of the kernel's; returns errno. */
static int read_small(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	char *to;
	ssize_t n;

	if (fd < 0)
		return errno;
	to = buf_reserve(text, STAT_BYTES_MAX);
	n = read(fd, to, STAT_BYTES_MAX);
	if (n < 0)
		error = errno;
	else
		text->n += (size_t)n;
	close(fd);
	return error;
}

/* Puts `s` into a terminated array, or leaves it empty when it does not fit. */
static void set_text(char to[PROCESS_TEXT_MAX], struct str s)
{
	to[0] = '\0';
	if (s.n >= PROCESS_TEXT_MAX)
		return;
	mem_copy(to, s.p, s.n);
	to[s.n] = '\0';
}

/* Finds out this boot's id; empty when the kernel does not tell. */
static void get_boot(char to[PROCESS_TEXT_MAX])
{
	struct buf text;

	buf_init(&text, STAT_BYTES_MAX);
	to[0] = '\0';
	if (read_small("/proc/sys/kernel/random/boot_id", &text) == 0)
		set_text(to, str_trim(buf_view(&text)));
	buf_release(&text);
}

/*
 * The start time of a process, in clock ticks since the boot. Returns ENOENT or ESRCH when there is no
 * such process, another errno when it cannot be told.
 */
static int get_start_time(uint64_t pid, uint64_t *out)
{
	struct buf path, text;
	struct str rest, field = STR_NONE;
	int error;

	buf_init(&path, 64);
	buf_init(&text, STAT_BYTES_MAX);
	buf_fmt(&path, "/proc/%llu/stat%c", (unsigned long long)pid, '\0');
	error = read_small(path.p, &text);
	/* The second field is the program's name in brackets, which may hold anything: start after it. */
	rest = str_skip(buf_view(&text), str_find_last(buf_view(&text), ')') + 2);
	for (int i = 3; i <= STARTTIME_FIELD; i++)
		field = str_cut(&rest, ' ');
	if (error == 0 && !str_to_u64(field, out))
		error = EINVAL;
	buf_release(&path);
	buf_release(&text);
	return error;
}

/* The number of our pid namespace, in which pids have their meaning; 0 when the kernel does not tell. */
static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* The text that tells this process apart from all others of this boot; empty when it cannot be made. */
static void get_process(char to[PROCESS_TEXT_MAX])
{
	uint64_t start, namespace = pid_namespace();
	struct buf text;

	to[0] = '\0';
	if (namespace == 0 || get_start_time((uint64_t)getpid(), &start) != 0)
		return;
	buf_init(&text, PROCESS_TEXT_MAX - 1);
	buf_u64(&text, (uint64_t)getpid());
	buf_c(&text, '.');
	buf_u64(&text, start);
	buf_c(&text, '.');
	buf_u64(&text, namespace);
	set_text(to, buf_view(&text));
	buf_release(&text);
}

/* The default worker id: the host's name, of the characters that names of hosts are made of. */
static void get_worker_id(char to[PROCESS_TEXT_MAX])
{
	char *p;

	if (gethostname(to, PROCESS_TEXT_MAX) != 0 || to[0] == '\0')
		set_text(to, STR("localhost"));
	to[PROCESS_TEXT_MAX - 1] = '\0';
	for (p = to; *p != '\0'; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '-' || *p == '.' || *p == '_';

		if (!plain)
			*p = '_';
	}
}

void process_identify(struct process_identity *identity)
{
	get_boot(identity->boot);
	get_process(identity->process);
	get_worker_id(identity->worker_id);
}

bool process_is_dead(struct str boot, struct str process)
{
	char our_boot[PROCESS_TEXT_MAX];
	struct str pid_text = str_cut(&process, '.'), start_text = str_cut(&process, '.');
	uint64_t pid, start, namespace, start_now;
	int error;

	get_boot(our_boot);
	if (boot.n == 0 || our_boot[0] == '\0' || !str_to_u64(pid_text, &pid) ||
	    !str_to_u64(start_text, &start) || !str_to_u64(process, &namespace))
		return false;
	if (!str_eq(boot, str_of(our_boot)))
		return true;
	if (namespace == 0 || namespace != pid_namespace() || pid == 0 || pid > INT32_MAX)
		return false;
	error = get_start_time(pid, &start_now);
	/* /proc may hide what other users run; kill does not. */
	if (error == ENOENT || error == ESRCH)
		return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
	return error == 0 && start_now != start;
}
