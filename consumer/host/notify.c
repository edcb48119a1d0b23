/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"

enum {
	MESSAGE_MAX = 1024,
	PERIOD_MS = 10 * SECOND_MS,
	PERIOD_MIN_MS = 1, /* of a watchdog that asks for the impossible */
	AGAIN_MS = 100, /* when there was no room for the datagram */
};

struct notifier {
	struct io *io;
	notify_status_fn *status;
	void *arg;
	int fd;
	struct sockaddr_un address;
	socklen_t address_n;
	bool watchdog;
	int64_t period_ms;
	bool ready, stopping; /* what is to be told */
	bool told_ready, told_stopping; /* what was */
	bool complained;
	struct io_timer timer;
};

/* Takes the socket's address out of the environment's text: a path, or a name in the abstract space. */
static bool set_address(struct notifier *notifier, struct str text)
{
	char *path = notifier->address.sun_path;

	if (text.n < 2 || (text.p[0] != '/' && text.p[0] != '@') ||
	    text.n >= sizeof(notifier->address.sun_path))
		return false;
	notifier->address.sun_family = AF_UNIX;
	mem_copy(path, text.p, text.n);
	notifier->address_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + text.n);
	if (path[0] == '@')
		path[0] =
			'\0'; /* such a name may hold zeros: its length alone says where it ends */
	else
		notifier->address_n++;
	return true;
}

/* Finds out whether and how often the supervisor wants a sign of life, from this process. */
static void set_watchdog(struct notifier *notifier)
{
	struct str pid_text = str_of(getenv("WATCHDOG_PID"));
	uint64_t pid, usec;

	notifier->period_ms = PERIOD_MS;
	if (pid_text.n > 0 && (!str_to_u64(pid_text, &pid) || pid != (uint64_t)getpid()))
		return;
	if (!str_to_u64(str_of(getenv("WATCHDOG_USEC")), &usec) || usec == 0)
		return;
	notifier->watchdog = true;
	if (usec / 2000 < (uint64_t)PERIOD_MS)
		notifier->period_ms = (int64_t)(usec / 2000);
	if (notifier->period_ms < PERIOD_MIN_MS)
		notifier->period_ms = PERIOD_MIN_MS;
}

/* Sends one datagram; returns errno. What cannot be told is worth one complaint. */
static int tell(struct notifier *notifier, struct str message)
{
	ssize_t n = sendto(notifier->fd, message.p, message.n, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (const struct sockaddr *)&notifier->address, notifier->address_n);
	int error = n < 0 ? errno : 0;

	if (error != 0 && error != EAGAIN && error != ENOBUFS && !notifier->complained) {
		notifier->complained = true;
		io_log(notifier->io, IO_WARN, "notify.failed error=\"%s\"", error_errno(error));
	}
	return error;
}

/* Appends the line for a person. Whatever `status` says, it stays one line. */
static void add_status(struct notifier *notifier, struct buf *message)
{
	size_t start;

	buf_str(message, STR("STATUS="));
	start = message->n;
	notifier->status(notifier->arg, message);
	for (size_t i = start; i < message->n; i++) {
		if (message->p[i] == '\n')
			message->p[i] = ' ';
	}
}

/* Says all that there is to say now, and sets the time of the next word. */
static void speak(struct notifier *notifier)
{
	int64_t delay_ms = notifier->period_ms;
	struct buf message;
	int error;

	buf_init(&message, MESSAGE_MAX);
	if (notifier->ready && !notifier->told_ready)
		buf_str(&message, STR("READY=1\n"));
	if (notifier->stopping && !notifier->told_stopping)
		buf_str(&message, STR("STOPPING=1\n"));
	if (notifier->watchdog)
		buf_str(&message, STR("WATCHDOG=1\n"));
	add_status(notifier, &message);
	error = tell(notifier, buf_view(&message));
	if (error == 0) {
		notifier->told_ready = notifier->ready;
		notifier->told_stopping = notifier->stopping;
	} else if ((error == EAGAIN || error == ENOBUFS) && delay_ms > AGAIN_MS) {
		delay_ms = AGAIN_MS;
	}
	buf_release(&message);
	io_timer_set(notifier->io, &notifier->timer, io_now_ms(notifier->io) + delay_ms);
}

/* The timer. */
static void on_timer(struct io_timer *timer)
{
	speak(CONTAINER_OF(timer, struct notifier, timer));
}

struct notifier *notify_new(struct io *io, notify_status_fn *status, void *arg)
{
	struct str text = str_of(getenv("NOTIFY_SOCKET"));
	struct notifier *notifier;

	if (text.n == 0)
		return NULL;
	notifier = mem_alloc(sizeof(*notifier));
	notifier->io = io;
	notifier->status = status;
	notifier->arg = arg;
	notifier->fd = -1;
	if (!set_address(notifier, text)) {
		io_log(io, IO_WARN, "notify.off advice=\"%s\"",
		       "NOTIFY_SOCKET is neither a path nor an abstract name that fits into a "
		       "socket's address: the supervisor is told nothing");
		notify_free(notifier);
		return NULL;
	}
	notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(notifier->fd >= 0);
	set_watchdog(notifier);
	notifier->timer.fire = on_timer;
	speak(notifier);
	return notifier;
}

void notify_ready(struct notifier *notifier)
{
	if (notifier == NULL)
		return;
	notifier->ready = true;
	speak(notifier);
}

void notify_stopping(struct notifier *notifier)
{
	if (notifier == NULL)
		return;
	notifier->stopping = true;
	speak(notifier);
}

void notify_free(struct notifier *notifier)
{
	if (notifier == NULL)
		return;
	io_timer_cancel(notifier->io, &notifier->timer);
	if (notifier->fd >= 0)
		close(notifier->fd);
	mem_free(notifier);
}
