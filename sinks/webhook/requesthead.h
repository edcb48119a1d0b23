/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header lines of one request, while they are put together. They may hold secrets: clearing wipes.
 */
#ifndef WEBHOOK_REQUESTHEAD_H
#define WEBHOOK_REQUESTHEAD_H

#include "base/arena.h"

enum { REQUESTHEAD_MAX = 128 };

struct requesthead {
	struct arena arena;
	const char *lines[REQUESTHEAD_MAX]; /* "Name: value", as struct web_request has them */
	size_t n;
};

/* None yet. */
void requesthead_init(struct requesthead *head);

/* Wipes and frees the lines; the head is as after requesthead_init. */
void requesthead_release(struct requesthead *head);

/* Adds a line; `value` holds no control character. What passes REQUESTHEAD_MAX is a bug. */
void requesthead_add(struct requesthead *head, struct str name, struct str value);

/*
 * Adds an attribute of an event as CloudEvents' HTTP binding has it, section 3.1.3: the name after "ce-",
 * and in the value blanks, '"', '%' and all that is not visible ASCII as %XX of their UTF-8 bytes.
 */
void requesthead_add_attribute(struct requesthead *head, struct str name, struct str value);

/* NULL when a configured header may be called `name`, or what it must be. */
const char *requesthead_check_name(struct str name);

/* NULL when `value` can be a header's value, or what it must be. */
const char *requesthead_check_value(struct str value);

#endif
