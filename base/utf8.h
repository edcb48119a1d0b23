/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* Whether all of `s` is valid UTF-8. */
bool utf8_valid(struct str s);

/*
 * The length of the valid sequence at the start of `s` (1 to 4), or 0 when there is none. With
 * `*code_out` its code point.
 */
size_t utf8_next(struct str s, uint32_t *code_out);

/* Appends one code point; surrogates and numbers above U+10FFFF become U+FFFD. */
void utf8_put(struct buf *buf, uint32_t code);

/* Appends `s`, each maximal invalid part replaced by U+FFFD, as Unicode recommends. */
void utf8_add_clean(struct buf *buf, struct str s);

#endif
