/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of a web pool's slots: an easy handle that carries one request at a time. libcurl's callbacks are
 * here, and what they have seen of the answer; nobody else's code runs inside them.
 *
 * Life: web_slot_open once; then web_slot_start, libcurl at work, web_slot_end, over and over;
 * web_slot_close.
 */
#ifndef HOST_WEB_SLOT_H
#define HOST_WEB_SLOT_H

#include "consumer/host/address.h"
#include "consumer/host/web_call.h"

struct web_slot {
	struct list link; /* in its pool's list of free or busy ones */
	const struct web_pool *pool;
	CURL *easy; /* NULL: not opened yet */
	struct web_call *call; /* NULL: free */
	/* What is known of the exchange so far. */
	int uses; /* connections that were about to carry the request */
	unsigned sockets; /* made for it */
	curl_socket_t fd; /* the one that libcurl asked to wait for last; CURL_SOCKET_BAD: none */
	const char *
		denied; /* what the address is that no connection was made to; NULL: none was denied */
	char denied_address[ADDRESS_TEXT_MAX];
	size_t header_bytes;
	bool cut; /* the connection was lost with the request, which is not sent again */
	bool early; /* a success was announced before all was sent */
	bool too_big; /* the headers were */
	char error[CURL_ERROR_SIZE];
};

/* Makes the easy handle and sets all that is the same for every request. */
void web_slot_open(struct web_slot *slot);

/* Frees everything; the slot may be closed or never opened. */
void web_slot_close(struct web_slot *slot);

/* libcurl wants to wait for a socket on behalf of the slot, or not any more. */
void web_slot_socket(struct web_slot *slot, curl_socket_t fd, bool wait);

/* Prepares the handle for a call. */
void web_slot_start(struct web_slot *slot, struct web_call *call);

/* Sets the request's result from how the transfer ended, and takes the call off the slot. */
void web_slot_end(struct web_slot *slot, CURLcode code);

#endif
