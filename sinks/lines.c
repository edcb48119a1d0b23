/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/lines.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lines {
	struct io *io;
	lines_commit_fn *commit;
	void (*back)(void *arg);
	void *arg;
	int stop_fd;
	pthread_t thread;
	/* Under the lock: whether the group is the writer's, and whether the writer is to end. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool has_group, stopping;
	/* The writer's while has_group, else the loop's. */
	struct lines_group group;
	/* The loop's. */
	struct io_post post; /* brings the group back */
	bool away; /* a group was handed over and did not come back yet */
	bool nudged; /* a group is wanted, even one of none */
	bool closed; /* lines_close ran; the group's post, if it is still to come, frees */
	struct list queue, committing;
	size_t parts_cap;
};

/* Frees everything; the thread is gone. */
static void lines_free(struct lines *lines)
{
	pthread_cond_destroy(&lines->wake);
	pthread_mutex_destroy(&lines->lock);
	close(lines->stop_fd);
	mem_free(lines->group.parts);
	mem_free(lines);
}

/* The writer's thread: commits one group after the other. */
static void *write_groups(void *arg)
{
	struct lines *lines = arg;

	for (;;) {
		bool stopping;

		pthread_mutex_lock(&lines->lock);
		while (!lines->has_group && !lines->stopping)
			pthread_cond_wait(&lines->wake, &lines->lock);
		stopping = lines->stopping;
		pthread_mutex_unlock(&lines->lock);
		if (stopping)
			return NULL;
		lines->commit(lines->arg, &lines->group);
		pthread_mutex_lock(&lines->lock);
		lines->has_group = false;
		pthread_mutex_unlock(&lines->lock);
		io_post(lines->io, &lines->post);
	}
}

/* Hands everything queued to the writer, if it is idle. */
static void hand_over(struct lines *lines)
{
	struct lines_group *group = &lines->group;

	if (lines->away || (list_empty(&lines->queue) && !lines->nudged))
		return;
	lines->nudged = false;
	group->wall_ms = io_wall_ms(lines->io);
	group->n = group->total_bytes = group->durable_bytes = 0;
	group->why.code = ERROR_NONE;
	list_each(link, &lines->queue, spare) {
		struct delivery *delivery = CONTAINER_OF(link, struct delivery, link);

		if (group->n == lines->parts_cap) {
			lines->parts_cap = lines->parts_cap == 0 ? 16 : lines->parts_cap * 2;
			group->parts =
				mem_resize_n(group->parts, lines->parts_cap, sizeof(*group->parts));
		}
		/* An iovec has no const; the bytes are only read. */
		group->parts[group->n++] = (struct iovec){
			/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
			.iov_base = (void *)(uintptr_t)delivery->bytes.p,
			.iov_len = delivery->bytes.n,
		};
		group->total_bytes += delivery->bytes.n;
		list_remove(link);
		list_add(&lines->committing, link);
	}
	lines->away = true;
	pthread_mutex_lock(&lines->lock);
	lines->has_group = true;
	pthread_cond_signal(&lines->wake);
	pthread_mutex_unlock(&lines->lock);
}

/* How many of a delivery's records lie in its first `bytes` bytes. */
static size_t records_within(const struct delivery *delivery, size_t bytes)
{
	size_t n = 0;

	while (n < delivery->n && delivery->ends[n] - delivery->base <= bytes)
		n++;
	return n;
}

/* The next delivery of the group to be ended, taken off it; NULL at the end, or when a callback closed us. */
static struct delivery *next_to_end(struct lines *lines)
{
	struct delivery *delivery;

	if (lines->closed || list_empty(&lines->committing))
		return NULL;
	delivery = list_first(&lines->committing, struct delivery, link);
	list_remove(&delivery->link);
	return delivery;
}

/* Ends the deliveries of a group that is durable. */
static void end_well(struct lines *lines)
{
	struct delivery *delivery;

	while ((delivery = next_to_end(lines)) != NULL)
		delivery_done(delivery, DELIVERY_OK, delivery->n, NULL);
}

/* Puts everything queued behind the group. */
static void hold_back(struct lines *lines)
{
	list_each(link, &lines->queue, spare) {
		list_remove(link);
		list_add(&lines->committing, link);
	}
}

/*
 * Ends the deliveries of a group that failed, and all that were queued behind it. So does what the engine
 * submits because the first ones are durable: it comes after those that are not. What it submits once
 * the failure is told is taken.
 */
static void end_failed(struct lines *lines)
{
	size_t left = lines->group.durable_bytes;
	enum delivery_result result = lines->group.result;
	struct delivery *delivery;
	bool told = false;

	for (;;) {
		if (!told && !lines->closed)
			hold_back(lines);
		delivery = next_to_end(lines);
		if (delivery == NULL)
			return;
		if (!told && delivery->bytes.n <= left) {
			left -= delivery->bytes.n;
			delivery_done(delivery, DELIVERY_OK, delivery->n, NULL);
			continue;
		}
		told = true;
		delivery_done(delivery, result, records_within(delivery, left), &lines->group.why);
		left = 0;
		result = DELIVERY_RETRY;
	}
}

/* On the loop's thread: a group came back. */
static void group_is_back(struct io_post *post)
{
	struct lines *lines = CONTAINER_OF(post, struct lines, post);

	if (lines->back != NULL && !lines->closed)
		lines->back(lines->arg);
	if (lines->group.result == DELIVERY_OK)
		end_well(lines);
	else
		end_failed(lines);
	lines->away = false;
	if (lines->closed)
		lines_free(lines);
	else
		hand_over(lines);
}

struct lines *lines_new(struct io *io, lines_commit_fn *commit, void *arg)
{
	struct lines *lines = mem_alloc(sizeof(*lines));

	lines->io = io;
	lines->commit = commit;
	lines->arg = arg;
	lines->post.run = group_is_back;
	list_init(&lines->queue);
	list_init(&lines->committing);
	lines->group.deliveries = &lines->committing;
	lines->stop_fd = eventfd(0, EFD_CLOEXEC);
	must(lines->stop_fd >= 0);
	must(pthread_mutex_init(&lines->lock, NULL) == 0);
	must(pthread_cond_init(&lines->wake, NULL) == 0);
	must(pthread_create(&lines->thread, NULL, write_groups, lines) == 0);
	return lines;
}

void lines_on_back(struct lines *lines, void (*back)(void *arg))
{
	lines->back = back;
}

void lines_nudge(struct lines *lines)
{
	lines->nudged = true;
	hand_over(lines);
}

void lines_submit(struct lines *lines, struct delivery *delivery)
{
	list_init(&delivery->link);
	list_add(&lines->queue, &delivery->link);
	hand_over(lines);
}

void lines_skip(struct iovec **parts, size_t *n, size_t bytes)
{
	while (*n > 0 && bytes >= (*parts)->iov_len) {
		bytes -= (*parts)->iov_len;
		(*parts)++;
		(*n)--;
	}
	if (*n > 0) {
		(*parts)->iov_base = (char *)(*parts)->iov_base + bytes;
		(*parts)->iov_len -= bytes;
	}
}

int lines_stop_fd(const struct lines *lines)
{
	return lines->stop_fd;
}

void lines_close(struct lines *lines)
{
	const uint64_t one = 1;
	bool untouched;

	pthread_mutex_lock(&lines->lock);
	lines->stopping = true;
	pthread_cond_signal(&lines->wake);
	pthread_mutex_unlock(&lines->lock);
	must(write(lines->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	must(pthread_join(lines->thread, NULL) == 0);
	/* A group that the writer did not begin any more never comes back. */
	untouched = lines->has_group;
	/* Else its post is on its way, or running, and frees. */
	lines->closed = true;
	if (!lines->away || untouched)
		lines_free(lines);
}
