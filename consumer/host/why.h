/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for operators: what failed against which host, and the way out.
 */
#ifndef HOST_WHY_H
#define HOST_WHY_H

#include <curl/curl.h>

#include "consumer/engine/io.h"

/* A transfer that failed. */
struct why_transfer {
	CURL *easy;
	const char *name; /* "host:port" */
	const char *ca_file;
	const char *error; /* libcurl's own words, or "" */
	bool tls;
};

/* Classifies a transfer that ended with `code`, which is not CURLE_OK, and says why. */
enum io_result why_failed(const struct why_transfer *t, CURLcode code, struct error *why);

#endif
