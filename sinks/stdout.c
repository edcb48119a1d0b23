/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/stdout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/lines.h"

enum { WRITE_BYTES_MAX = 1 << 20 };

struct standard_output {
	struct sink sink;
	struct lines *lines;
	size_t write_bytes; /* what a write takes without blocking once poll said yes */
};

/* How waiting for standard output ended. */
enum room { ROOM, ROOM_STOPPED, ROOM_ERROR };

/* Waits until standard output takes bytes, or the sink is to be closed; errno is set on an error. */
static enum room wait_for_room(const struct standard_output *out)
{
	struct pollfd fds[] = {
		{.fd = STDOUT_FILENO, .events = POLLOUT},
		{.fd = lines_stop_fd(out->lines), .events = POLLIN},
	};
	int n;

	do {
		n = poll(fds, ARRAY_N(fds), -1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return ROOM_ERROR;
	return fds[0].revents != 0 ? ROOM : ROOM_STOPPED;
}

/* Writes the start of `parts`, at most what does not block; as write does. */
static ssize_t write_some(const struct standard_output *out, const struct iovec *parts, size_t n)
{
	size_t run = 0, bytes = 0;

	while (run < n && run < IOV_MAX && bytes + parts[run].iov_len <= out->write_bytes)
		bytes += parts[run++].iov_len;
	if (run == 0)
		return write(STDOUT_FILENO, parts->iov_base, out->write_bytes);
	return writev(STDOUT_FILENO, parts, (int)run);
}

/* Writes a group; on the writer's thread. What was written counts as delivered: there is no more to know. */
static void commit(void *arg, struct lines_group *group)
{
	const struct standard_output *out = arg;
	struct iovec *parts = group->parts;
	size_t n = group->n;

	group->durable_bytes = 0;
	group->result = DELIVERY_OK;
	while (n > 0) {
		enum room room = wait_for_room(out);
		ssize_t written = room == ROOM ? write_some(out, parts, n) : -1;

		if (written >= 0) {
			group->durable_bytes += (size_t)written;
			lines_skip(&parts, &n, (size_t)written);
		} else if (room == ROOM_STOPPED) {
			group->result = DELIVERY_RETRY;
			error_set(&group->why, ERROR_RETRY, "standard output was closed by us");
			return;
		} else if (errno != EINTR && errno != EAGAIN) {
			group->result = DELIVERY_FATAL;
			error_set(&group->why, ERROR_IO, "cannot write to standard output: %s",
				  errno == EPIPE ? "its reader is gone" : error_errno(errno));
			return;
		}
	}
}

/* struct sink_type: checks that standard output is there, and starts its thread. */
static struct sink *stdout_open(const struct sink_env *env, const void *options, struct error *err)
{
	struct standard_output *out;
	struct stat st;

	(void)options;
	if (fstat(STDOUT_FILENO, &st) != 0 ||
	    (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY) {
		error_set(err, ERROR_IO, "standard output is closed, or not open for writing");
		return NULL;
	}
	out = mem_alloc(sizeof(*out));
	out->sink.type = &sink_stdout;
	/* A pipe that poll calls writable has this much room at least; a file always has. */
	out->write_bytes = S_ISREG(st.st_mode) ? WRITE_BYTES_MAX : PIPE_BUF;
	out->lines = lines_new(env->io, commit, out);
	return &out->sink;
}

/* struct sink_type: queues a delivery for the next group. */
static void stdout_submit(struct sink *sink, struct delivery *delivery)
{
	lines_submit(CONTAINER_OF(sink, struct standard_output, sink)->lines, delivery);
}

/* struct sink_type: stops the thread, and frees. */
static void stdout_close(struct sink *sink)
{
	struct standard_output *out = CONTAINER_OF(sink, struct standard_output, sink);

	lines_close(out->lines);
	mem_free(out);
}

const struct sink_type sink_stdout = {
	.name = "stdout",
	.help = "writes to standard output",
	.open = stdout_open,
	.submit = stdout_submit,
	.close = stdout_close,
};
