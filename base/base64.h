/* SPDX-License-Identifier: Apache-2.0 */
/* Standard base64 (RFC 4648 section 4), padded, strict: no white space, no missing padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Appends the encoding of `n` bytes. */
void base64_encode(struct buf *buf, const void *p, size_t n);

/* Appends the decoded bytes; on malformed input appends nothing and returns false. */
bool base64_decode(struct buf *buf, struct str text) MUST_CHECK;

/* How many bytes at the start of `text` stand for six bits each; padding does not. */
size_t base64_chars_n(struct str text);

/* How many bytes a well-formed `text` decodes to. */
size_t base64_decoded_n(struct str text);

#endif
