/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression for file sinks: bytes in, whole zstd frames or gzip members out, each with a checksum and each
 * readable by itself, so that a file can be cut after any of them. Belongs to one thread at a time.
 */
#ifndef SINKS_FILE_PACK_H
#define SINKS_FILE_PACK_H

#include <sys/uio.h>

#include "base/buf.h"

enum pack_kind { PACK_NONE, PACK_GZIP, PACK_ZSTD };

struct pack;

/* A compressor; `kind` is not PACK_NONE. */
struct pack *pack_new(enum pack_kind kind);

/* Frees a compressor, or NULL. */
void pack_free(struct pack *pack);

/* Compresses the parts, one after the other, as frames of at most 1 MiB each; the result is good until the
   next call. */
struct str pack_parts(struct pack *pack, const struct iovec *parts, size_t n);

/* What names of such files end in: ".gz", ".zst" or nothing. */
struct str pack_ending(enum pack_kind kind);

#endif
