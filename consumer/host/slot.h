/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of http.c's slots: an easy handle that carries one signed request at a time and keeps its
 * connection afterwards. Owns everything that libcurl points to while a request is on it, but for the
 * request's body, which stays the caller's.
 *
 * Life: slot_open once; then slot_start, curl_multi_perform ..., slot_end, over and over; slot_close.
 */
#ifndef HOST_SLOT_H
#define HOST_SLOT_H

#include <curl/curl.h>

#include "consumer/aws/sigv4.h"
#include "consumer/engine/io.h"

enum { SLOT_HEADERS = 7 };

/* What all requests to one service have in common; outlives the slots. */
struct slot_target {
	char *url;
	char *host_header; /* as libcurl sends it, for the signature */
	char *path;
	char *name; /* "host:port", for messages */
	const char *ca_file;
};

/* What all slots have in common; outlives them. */
struct slot_env {
	CURLSH *share; /* TLS sessions */
	char *no_proxy; /* hosts that are reached directly */
	const char *ca_file;
	struct signer *signer;
};

struct slot {
	struct list link; /* in http.c's list of free, busy or abandoned ones */
	CURL *easy; /* NULL: not opened yet */
	struct io_http *request; /* NULL: free or abandoned */
	const struct slot_target *target;
	struct buf body; /* an abandoned request's, as long as libcurl may read it */
	/* The request's headers: the list's nodes, and the lines that they point into. */
	struct curl_slist headers[SLOT_HEADERS];
	struct buf lines;
	/* What is known of the answer so far. */
	size_t header_bytes;
	bool started_body, too_big, has_crc;
	uint32_t crc;
	char error[CURL_ERROR_SIZE];
};

/* Makes the easy handle and sets all that is the same for every request. */
void slot_open(struct slot *slot, const struct slot_env *env);

/* Frees everything; the slot may be closed or never opened. */
void slot_close(struct slot *slot);

/* Prepares the handle for `request`, signed with `credentials`. */
void slot_start(struct slot *slot, const struct slot_env *env, const struct slot_target *target,
		struct io_http *request, const struct credentials *credentials);

/*
 * Sets the request's result from how the transfer ended, takes the request off the slot and returns it.
 */
struct io_http *slot_end(struct slot *slot, CURLcode code);

#endif
