/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One English sentence on an event, for audit trails: "user U changed A record www in zone
 * example.com.: from 1.2.3.4 to 5.6.7.8, ttl 300 to 60".
 *
 * Values are taken from the images as they are shown, decoded and masked, so that the sentence
 * tells no more than the event does; only which attributes changed is taken from the item itself.
 */
#ifndef FORMATS_SUMMARY_H
#define FORMATS_SUMMARY_H

#include "base/buf.h"
#include "consumer/change/event.h"
#include "proto/profile.h"

struct summary_input {
	const struct profile_role *role; /* NULL: a plain table */
	const struct event *event;
	/* JSON as the event shows it; n == 0: absent. */
	struct str key, before, after;
};

/*
 * Appends the sentence as a raw JSON string body (values are copied still escaped). What passes the
 * maximum of `out`, which must be empty, is told in fewer words.
 */
void summary_put(const struct summary_input *input, struct buf *out);

#endif
