/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs under ThreadSanitizer that use librdkafka: it starts threads by C11's functions, which the
 * sanitizer does not know. These, in the program itself, go before the C library's, and do the same by
 * POSIX's, which it knows.
 */
#ifndef UNIT_C11_THREADS_H
#define UNIT_C11_THREADS_H

#ifdef __SANITIZE_THREAD__

#include <pthread.h>
#include <threads.h>

#include "base/mem.h"

struct c11_start {
	thrd_start_t run;
	void *arg;
};

/* The new thread: calls what thrd_create was given. */
static void *c11_run(void *p)
{
	struct c11_start start = *(struct c11_start *)p;

	mem_free(p);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)(intptr_t)start.run(start.arg);
}

/* As in threads.h. */
int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
	struct c11_start *start = mem_alloc(sizeof(*start));

	*start = (struct c11_start){run, arg};
	if (pthread_create(thread, NULL, c11_run, start) == 0)
		return thrd_success;
	mem_free(start);
	return thrd_error;
}

/* As in threads.h. */
int thrd_join(thrd_t thread, int *result)
{
	void *value;

	if (pthread_join(thread, &value) != 0)
		return thrd_error;
	if (result != NULL)
		*result = (int)(intptr_t)value;
	return thrd_success;
}

#endif
#endif
