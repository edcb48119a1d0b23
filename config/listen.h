/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where something listens: a port of this machine, "9464", or an address and a port,
 * "127.0.0.1:9464", "[::1]:9464".
 */
#ifndef CONFIG_LISTEN_H
#define CONFIG_LISTEN_H

#include "base/str.h"

enum { LISTEN_ADDRESS_MAX = 46 }; /* as INET6_ADDRSTRLEN */

struct listen {
	char address[LISTEN_ADDRESS_MAX]; /* IPv4, or IPv6 without brackets; terminated */
	uint16_t port; /* 0: any that is free */
};

/*
 * Takes it apart; a port alone is at 127.0.0.1. False when it is anything else; then `out` is not
 * set.
 */
bool listen_parse(struct str text, struct listen *out);

#endif
