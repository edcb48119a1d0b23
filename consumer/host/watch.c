/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/watch.h"

enum { CAP_FIRST = 16 };

void watch_init(struct watch *watch)
{
	*watch = (struct watch){0};
}

void watch_release(struct watch *watch)
{
	mem_free(watch->fds);
	mem_free(watch->owners);
	watch_init(watch);
}

/* Where a descriptor is, or `n`. They are few. */
static size_t find(const struct watch *watch, int fd)
{
	size_t i = 0;

	while (i < watch->n && watch->fds[i].fd != fd)
		i++;
	return i;
}

void watch_set(struct watch *watch, int fd, short events, void *owner)
{
	size_t i = find(watch, fd);

	if (i == watch->cap) {
		watch->cap = watch->cap == 0 ? CAP_FIRST : 2 * watch->cap;
		watch->fds = mem_resize_n(watch->fds, watch->cap, sizeof(*watch->fds));
		watch->owners = mem_resize_n(watch->owners, watch->cap, sizeof(*watch->owners));
	}
	if (i == watch->n)
		watch->fds[watch->n++] = (struct curl_waitfd){.fd = fd};
	watch->fds[i].events = events;
	watch->owners[i] = owner;
}

bool watch_take(struct watch *watch, int fd)
{
	size_t i = find(watch, fd);
	bool ready = i < watch->n && watch->fds[i].revents != 0;

	if (ready)
		watch->fds[i].revents = 0;
	return ready;
}

void watch_remove(struct watch *watch, int fd)
{
	size_t i = find(watch, fd);

	if (i == watch->n)
		return;
	watch->n--;
	watch->fds[i] = watch->fds[watch->n];
	watch->owners[i] = watch->owners[watch->n];
}
