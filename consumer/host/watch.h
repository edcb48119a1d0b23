/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that the loop waits on besides those of http.c: an array for curl_multi_poll, and whose
 * each one is.
 *
 * When one is taken out, the last takes its place: whoever visits them while they change goes from the
 * end to the start. The loop's thread only.
 */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include <curl/curl.h>

#include "base/mem.h"

struct watch {
	struct curl_waitfd *fds; /* revents as the last wait left them */
	void **owners; /* of fds[i] */
	size_t n, cap;
};

/* Makes it empty. */
void watch_init(struct watch *watch);

/* Frees the arrays. */
void watch_release(struct watch *watch);

/* Waits for `events` (CURL_WAIT_POLLIN, ...) of a descriptor, which may be there with others already. */
void watch_set(struct watch *watch, int fd, short events, void *owner);

/* Whether the last wait ended for this descriptor, since this was asked last. */
bool watch_take(struct watch *watch, int fd);

/* Does not wait for a descriptor any more; one that is not there is fine. */
void watch_remove(struct watch *watch, int fd);

#endif
