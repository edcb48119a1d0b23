/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throw-away certificates for tests: a new CA each time, and a server certificate by it.
 */
#ifndef FAKE_CERT_H
#define FAKE_CERT_H

#include "base/err.h"

enum fake_cert_kind {
	FAKE_CERT_GOOD, /* for 127.0.0.1 and localhost, valid for ten days */
	FAKE_CERT_EXPIRED, /* the same, but its time is over */
	FAKE_CERT_WRONG_HOST, /* for another host */
};

/* The kind of that name; false when there is none. */
bool fake_cert_kind_of(struct str name, enum fake_cert_kind *kind_out);

/* Writes ca.pem, cert.pem and key.pem (mode 0600) into the folder `dir`, which is made if missing. */
bool fake_cert_make(const char *dir, enum fake_cert_kind kind, struct error *err);

#endif
