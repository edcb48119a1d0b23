/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ddbfake's command line.
 */
#ifndef FAKE_OPTIONS_H
#define FAKE_OPTIONS_H

#include "base/err.h"
#include "tests/fake/fake_auth.h"
#include "tests/fake/fake_cert.h"
#include "tests/model/service.h"

enum { FAKE_DENY_OPTIONS_MAX = 16 };

struct fake_options {
	struct service_options service;
	uint64_t port, tls_port; /* 0: a free one */
	const char *tls_cert, *tls_key; /* PEM files, NULL: no TLS, or made ones */
	const char *make_cert; /* folder for made ones, NULL: none */
	enum fake_cert_kind cert_kind;
	bool no_auth, help;
	const char *credentials[FAKE_CREDENTIALS_MAX];
	unsigned n_credentials;
	const char *denied[FAKE_DENY_OPTIONS_MAX];
	unsigned n_denied;
	uint64_t speed;
	int64_t clock_offset_ms;
	const char *log_path;
};

/*
 * Reads the command line into `options`, which borrow its words. False with `err` (ERROR_USAGE) when
 * it is wrong; with options->help nothing else counts.
 */
bool fake_options_parse(struct fake_options *options, int argc, char **argv, struct error *err);

/* Prints what the options are. */
void fake_options_help(FILE *to);

#endif
