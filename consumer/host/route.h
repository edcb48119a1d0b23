/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine and the environment say about the way to others.
 */
#ifndef HOST_ROUTE_H
#define HOST_ROUTE_H

#include <stdbool.h>

/* The system's certificate authorities, PEM. */
#define ROUTE_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/*
 * The hosts that are reached without a proxy, as libcurl takes them: those of the environment, and this
 * machine. To be freed with mem_free.
 */
char *route_no_proxy(void);

/* Whether the environment names a proxy for some requests. */
bool route_has_proxy(void);

#endif
