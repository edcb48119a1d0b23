/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verb needs to talk to the services that a configuration names: region, endpoints, credentials,
 * and the loop.
 *
 *	struct cloud cloud = {0};
 *
 *	if (cloud_open(&cloud, config, &err))
 *		... loop_run(cloud.loop) ...
 *	cloud_release(&cloud);		also when it could not be opened
 */
#ifndef VERBS_CLOUD_H
#define VERBS_CLOUD_H

#include "config/config.h"
#include "consumer/host/loop.h"

/* Zeroed before it is opened. */
struct cloud {
	struct keys *keys;
	struct buf streams_url, tables_url;
	char *region, *ca_file; /* our own: reading credentials again frees the settings */
	struct loop *loop;
};

/* Finds region, endpoints and where credentials come from, and makes the loop. False with `err`. */
bool cloud_open(struct cloud *cloud, const struct config *config, struct error *err) MUST_CHECK;

/* Frees it, as far as it was opened. */
void cloud_release(struct cloud *cloud);

#endif
