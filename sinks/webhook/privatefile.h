/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that hold secrets: small, and not for everybody to read. Read on the loop's thread, when a sink
 * opens, on SIGHUP, and when a receiver says that a secret is not good any more.
 */
#ifndef WEBHOOK_PRIVATEFILE_H
#define WEBHOOK_PRIVATEFILE_H

#include "base/buf.h"
#include "base/err.h"

enum { PRIVATE_FILE_MAX = 64 * 1024 };

/*
 * Reads the file into `out`, which is empty and to be freed with private_forget. False with `err` set when
 * it cannot be read, is too long, is no regular file, or others may read it.
 */
bool private_read(const char *path, struct buf *out, struct error *err);

/* The same, when the file is to hold one text of visible ASCII; what is around it is cut off. */
bool private_read_word(const char *path, struct buf *out, struct error *err);

/* The same, when it is to hold one line without control characters, a password; blanks are part of it. */
bool private_read_line(const char *path, struct buf *out, struct error *err);

/* Wipes and releases. */
void private_forget(struct buf *buf);

#endif
