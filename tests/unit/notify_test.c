/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "consumer/host/notify.h"
#include "tests/check.h"
#include "tests/unit/scripted_world.h"

enum { MESSAGE_MAX = 4096, QUEUE_MAX = 10000 };

/* A supervisor's socket, and the world of the one that it supervises. */
struct fixture {
	struct world world;
	struct notifier *notifier;
	char folder[64], path[100];
	int fd;
	char message[MESSAGE_MAX];
	const char *status;
};

static struct fixture f;

/* Listens at an address of the socket's family. */
static void listen_at(const struct sockaddr_un *address, size_t n)
{
	f.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(f.fd >= 0 && bind(f.fd, (const struct sockaddr *)address, (socklen_t)n) == 0);
}

static void setup(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(&f, 0, sizeof(f));
	world_init(&f.world);
	f.status = "fine";
	snprintf(f.folder, sizeof(f.folder), "/tmp/notify_test.XXXXXX");
	must(mkdtemp(f.folder) != NULL);
	snprintf(f.path, sizeof(f.path), "%s/socket", f.folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f.path);
	listen_at(&address, sizeof(address));
	setenv("NOTIFY_SOCKET", f.path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void teardown(void)
{
	notify_free(f.notifier);
	close(f.fd);
	unlink(f.path);
	rmdir(f.folder);
	world_release(&f.world);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void put_status(void *arg, struct buf *out)
{
	buf_str(out, str_of(*(const char **)arg));
}

static void start(void)
{
	f.notifier = notify_new(&f.world.io, put_status, &f.status);
}

/* The next datagram that has arrived, or nothing. */
static struct str heard(void)
{
	ssize_t n = recv(f.fd, f.message, sizeof(f.message), MSG_DONTWAIT);

	return n < 0 ? STR_NONE : str_make(f.message, (size_t)n);
}

/* Lets time pass in steps of a millisecond; returns how many datagrams said `what`. */
static int count(int64_t ms, const char *what)
{
	int n = 0;

	for (int64_t i = 0; i < ms; i++) {
		struct str line, message;

		f.world.now_ms++;
		world_turn(&f.world);
		for (message = heard(); message.n > 0; message = heard()) {
			while (message.n > 0) {
				line = str_cut(&message, '\n');
				n += str_eq(line, str_of(what));
			}
		}
	}
	return n;
}

static void the_phases_are_told(void)
{
	setup();
	start();
	CHECK_STR(heard(), "STATUS=fine");
	notify_ready(f.notifier);
	CHECK_STR(heard(), "READY=1\nSTATUS=fine");
	f.status = "finishing";
	notify_stopping(f.notifier);
	CHECK_STR(heard(), "STOPPING=1\nSTATUS=finishing");
	CHECK_INT(heard().n, 0);
	teardown();
}

static void each_phase_is_told_once(void)
{
	setup();
	start();
	CHECK_INT(count(60000, "READY=1"), 0);
	notify_ready(f.notifier);
	CHECK_INT(count(60000, "READY=1"), 1);
	notify_stopping(f.notifier);
	CHECK_INT(count(60000, "STOPPING=1"), 1);
	teardown();
}

static void the_status_stays_one_line_and_fresh(void)
{
	setup();
	f.status = "two\nREADY=1";
	start();
	CHECK_STR(heard(), "STATUS=two READY=1");
	f.status = "later";
	CHECK_INT(count(10000, "STATUS=later"), 1);
	CHECK_INT(count(60000, "STATUS=later"), 6);
	teardown();
}

static void names_in_the_abstract_space_are_sockets_too(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[100];
	int n;

	setup();
	close(f.fd);
	n = snprintf(name, sizeof(name), "@notify_test.%d", (int)getpid());
	mem_copy(address.sun_path, name, (size_t)n);
	address.sun_path[0] = '\0';
	listen_at(&address, offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	setenv("NOTIFY_SOCKET", name, 1);
	start();
	CHECK_STR(heard(), "STATUS=fine");
	teardown();
}

static void without_a_socket_nothing_happens(void)
{
	setup();
	unsetenv("NOTIFY_SOCKET");
	start();
	CHECK(f.notifier == NULL);
	notify_ready(f.notifier);
	notify_stopping(f.notifier);
	CHECK_INT(count(60000, "STATUS=fine"), 0);
	CHECK_INT(f.world.log.n, 0);
	teardown();
}

static void addresses_that_cannot_be_used_are_told(void)
{
	static const char too_long[] =
		"/a/path/that/is/longer/than/the/address/of/a/socket/in/the/file/system/can/be/on/"
		"this/kind/of/system/which/is/108";
	static const char *const bad[] = {"relative/path", "vsock:2:1234", "@", "/", too_long};

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		setup();
		setenv("NOTIFY_SOCKET", bad[i], 1);
		start();
		CHECK(f.notifier == NULL);
		CHECK(str_starts(buf_view(&f.world.log), STR("notify.off advice=")));
		teardown();
	}
}

static void the_watchdog_is_fed_twice_as_often_as_it_asks(void)
{
	char pid[20];

	setup();
	setenv("WATCHDOG_USEC", "2000000", 1);
	start();
	CHECK_INT(count(999, "WATCHDOG=1"), 1);
	CHECK_INT(count(1, "WATCHDOG=1"), 1);
	CHECK_INT(count(60000, "WATCHDOG=1"), 60);
	teardown();
	setup();
	setenv("WATCHDOG_USEC", "600000000", 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	start();
	CHECK_INT(count(60000, "WATCHDOG=1"), 7); /* with each status */
	teardown();
	setup();
	setenv("WATCHDOG_USEC", "1", 1);
	start();
	CHECK_INT(count(10, "WATCHDOG=1"), 11);
	teardown();
}

static void a_watchdog_that_is_not_ours_is_not_fed(void)
{
	static const struct {
		const char *usec, *pid;
	} other[] = {{"2000000", "1"}, {"2000000", "x"}, {"0", NULL}, {"soon", NULL}, {"", NULL}};

	for (size_t i = 0; i < ARRAY_N(other); i++) {
		setup();
		setenv("WATCHDOG_USEC", other[i].usec, 1);
		if (other[i].pid != NULL)
			setenv("WATCHDOG_PID", other[i].pid, 1);
		start();
		CHECK_INT(count(60000, "WATCHDOG=1"), 0);
		teardown();
	}
}

static void a_supervisor_that_is_slow_hears_it_later(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = 0, other = socket(AF_UNIX, SOCK_DGRAM, 0);

	setup();
	start();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f.path);
	while (n < QUEUE_MAX && sendto(other, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address,
				       sizeof(address)) == 1)
		n++;
	CHECK(n < QUEUE_MAX); /* its queue is full */
	notify_ready(f.notifier);
	notify_stopping(f.notifier);
	CHECK_INT(f.world.log.n, 0);
	while (heard().n > 0)
		continue;
	f.world.now_ms += 100;
	world_turn(&f.world);
	CHECK_STR(heard(), "READY=1\nSTOPPING=1\nSTATUS=fine");
	close(other);
	teardown();
}

static void a_supervisor_that_has_gone_is_worth_one_complaint(void)
{
	setup();
	start();
	close(f.fd);
	f.fd = -1;
	notify_ready(f.notifier);
	for (int i = 0; i < 10; i++) {
		f.world.now_ms += 10000;
		world_turn(&f.world);
	}
	CHECK_STR(buf_view(&f.world.log), "notify.failed error=\"Connection refused\"\n");
	teardown();
}

int main(void)
{
	CHECK_RUN(the_phases_are_told);
	CHECK_RUN(each_phase_is_told_once);
	CHECK_RUN(the_status_stays_one_line_and_fresh);
	CHECK_RUN(names_in_the_abstract_space_are_sockets_too);
	CHECK_RUN(without_a_socket_nothing_happens);
	CHECK_RUN(addresses_that_cannot_be_used_are_told);
	CHECK_RUN(the_watchdog_is_fed_twice_as_often_as_it_asks);
	CHECK_RUN(a_watchdog_that_is_not_ours_is_not_fed);
	CHECK_RUN(a_supervisor_that_is_slow_hears_it_later);
	CHECK_RUN(a_supervisor_that_has_gone_is_worth_one_complaint);
	return check_end();
}
