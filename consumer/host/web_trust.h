/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a pool trusts and how it shows who it is. Certificate and key are read once, when the pool is
 * opened: what is wrong with them is said then, and a file that changes meanwhile changes nothing. The
 * authorities stay a file, for libcurl keeps them parsed only if they are one.
 */
#ifndef HOST_WEB_TRUST_H
#define HOST_WEB_TRUST_H

#include <curl/curl.h>

#include "consumer/engine/web.h"

struct web_trust {
	char *ca_file;
	struct curl_blob cert, key; /* PEM, the key not encrypted; data NULL: none */
};

/* Loads the files that the options name. False with `err` set when one cannot be used. */
bool web_trust_load(struct web_trust *trust, const struct web_pool_options *options,
		    struct error *err);

/* Frees everything, and overwrites the key first. A zeroed struct is fine. */
void web_trust_release(struct web_trust *trust);

#endif
