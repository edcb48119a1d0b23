/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which IP addresses are of the public internet, and what the others are: a request that an operator's
 * URL causes must not reach this machine, its neighbours or a cloud's metadata by a name's mere word.
 * Pure. The ranges are those of the IANA registries of special-purpose addresses; an IPv6 address that
 * carries an IPv4 one is judged by that.
 */
#ifndef HOST_ADDRESS_H
#define HOST_ADDRESS_H

#include <netinet/in.h>

enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN };

/*
 * What an address is if it is not one of the public internet, in words that complete "which is ...";
 * NULL when it is. Anything but IPv4 and IPv6 is not. Static.
 */
const char *address_is_not_public(const struct sockaddr *address);

/* The same for an address as text, such as "192.0.2.1" or "2001:db8::1". */
const char *address_text_is_not_public(const char *text);

/* Writes an address as text, terminated; "?" for anything but IPv4 and IPv6. */
void address_text(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX]);

#endif
