/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected socket that never blocks, in the clear or through TLS.
 */
#ifndef FAKE_LINK_H
#define FAKE_LINK_H

#include <openssl/ssl.h>
#include <sys/types.h>

#include "base/err.h"

/* Instead of a number of bytes: */
enum {
	FAKE_LINK_AGAIN = -1, /* wait for link.wants */
	FAKE_LINK_END = -2, /* the other side is gone */
};

struct fake_link {
	int fd;
	SSL *ssl; /* NULL: in the clear */
	uint32_t wants; /* EPOLLIN or EPOLLOUT, what the last FAKE_LINK_AGAIN waits for */
};

/* The server's side of TLS with these PEM files; NULL with `err` when they are no good. */
SSL_CTX *fake_link_tls(const char *cert, const char *key, struct error *err);

/* Takes over a non-blocking socket; `tls` is NULL for one in the clear. False: out of memory. */
bool fake_link_init(struct fake_link *link, int fd, SSL_CTX *tls);

/* Reads at most `n` bytes. */
ssize_t fake_link_read(struct fake_link *link, void *p, size_t n);

/* Writes the beginning of `head` followed by `body`; not both are empty. */
ssize_t fake_link_write(struct fake_link *link, struct str head, struct str body);

/* Says that nothing more will be written. */
void fake_link_finish(struct fake_link *link);

/* Closes the socket; with `reset` the other side gets an RST. */
void fake_link_close(struct fake_link *link, bool reset);

#endif
