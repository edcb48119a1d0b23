/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer/host/process.h"
#include "tests/check.h"

static struct process_identity self;

static void we_know_who_we_are(void)
{
	char pid[32];

	process_identify(&self);
	snprintf(pid, sizeof(pid), "%d.", (int)getpid());
	CHECK_INT(str_of(self.boot).n, 36);
	CHECK(str_starts(str_of(self.process), str_of(pid)));
	CHECK(str_of(self.worker_id).n > 0);
}

static void a_living_process_is_not_dead(void)
{
	CHECK(!process_is_dead(str_of(self.boot), str_of(self.process)));
}

static void another_boot_means_dead(void)
{
	CHECK(process_is_dead(STR("00000000-0000-0000-0000-000000000000"), str_of(self.process)));
}

static void another_start_time_means_dead(void)
{
	struct str rest = str_of(self.process), pid = str_cut(&rest, '.');
	struct str start = str_cut(&rest, '.');
	struct buf other;

	buf_init(&other, 100);
	buf_fmt(&other, "%.*s.%.*s1.%.*s", STR_ARG(pid), STR_ARG(start), STR_ARG(rest));
	CHECK(process_is_dead(str_of(self.boot), buf_view(&other)));
	buf_clear(&other);
	/* In another pid namespace this pid is somebody else's. */
	buf_fmt(&other, "%.*s.%.*s1.%.*s1", STR_ARG(pid), STR_ARG(start), STR_ARG(rest));
	CHECK(!process_is_dead(str_of(self.boot), buf_view(&other)));
	buf_release(&other);
}

static void a_child_is_dead_once_it_is_gone(void)
{
	struct process_identity child;
	int to_parent[2], to_child[2];
	char c;
	pid_t pid;

	must(pipe(to_parent) == 0 && pipe(to_child) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		process_identify(&child);
		must(write(to_parent[1], &child, sizeof(child)) == (ssize_t)sizeof(child));
		must(read(to_child[0], &c, 1) == 1);
		_exit(0);
	}
	must(read(to_parent[0], &child, sizeof(child)) == (ssize_t)sizeof(child));
	CHECK_STR(str_of(child.boot), self.boot);
	CHECK(!str_eq(str_of(child.process), str_of(self.process)));
	CHECK(!process_is_dead(str_of(child.boot), str_of(child.process)));
	must(write(to_child[1], "x", 1) == 1);
	must(waitpid(pid, NULL, 0) == pid);
	CHECK(process_is_dead(str_of(child.boot), str_of(child.process)));
	close(to_parent[0]);
	close(to_parent[1]);
	close(to_child[0]);
	close(to_child[1]);
}

static void what_cannot_be_read_is_not_dead(void)
{
	const char *bad[] = {"",     "1",      "1.2",	"1.2.x",	  "x.2.3",
			     "1..3", "-1.2.3", "1.2.0", "99999999999.2.3"};

	for (size_t i = 0; i < ARRAY_N(bad); i++)
		CHECK(!process_is_dead(str_of(self.boot), str_of(bad[i])));
	CHECK(!process_is_dead(STR_NONE, str_of(self.process)));
}

int main(void)
{
	CHECK_RUN(we_know_who_we_are);
	CHECK_RUN(a_living_process_is_not_dead);
	CHECK_RUN(another_boot_means_dead);
	CHECK_RUN(another_start_time_means_dead);
	CHECK_RUN(a_child_is_dead_once_it_is_gone);
	CHECK_RUN(what_cannot_be_read_is_not_dead);
	return check_end();
}
