/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claim checks: a value that is too large for a message is put into a file, and a small record that says
 * where it is goes in its place. The file is named after the value's SHA-256: the same value always has the
 * same file, also when it is sent again.
 *
 * Writing and syncing has a thread of its own per file, at most a few at a time; the outcome comes back
 * through io_post.
 */
#ifndef CLAIM_CHECK_H
#define CLAIM_CHECK_H

#include "base/buf.h"
#include "consumer/engine/io.h"

struct claim;

/* On the loop's thread: the file is durable, or `why` says why not. */
typedef void claim_done_fn(void *arg, struct claim *claim, bool ok, const struct error *why);

/* Whether files can be written into the directory; else `err` says why not. */
bool claim_check_usable(const char *directory, struct error *err);

/* Begins to write a copy of `value` into a file of the directory. `done` is called once, later. */
struct claim *claim_check_write(struct io *io, const char *directory, struct str value,
				claim_done_fn *done, void *arg);

/* Waits for the write, and frees without calling `done`. Not from within `done`, after which it is gone. */
void claim_check_forget(struct claim *claim);

/* The record that says where the value is. To be called from `done`. */
void claim_check_pointer(const struct claim *claim, struct buf *out);

#endif
