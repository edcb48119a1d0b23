/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item image as DynamoDB writes it, {"n":{"N":"1"}}, with secrets hidden and nothing else changed.
 *
 * What is hidden keeps its type, so that a reader of typed values finds what it expects: S "***",
 * N "0", B "Kioq" (base64 of ***), BOOL false, NULL as it is, M and L empty, a set with one such
 * member. A binary attribute whose message has secret fields is hidden whole: its bytes cannot be masked
 * in part. So is what should be a map with secrets and is none.
 */
#ifndef FORMATS_WRAPPED_H
#define FORMATS_WRAPPED_H

#include "sinks/formats/image.h"

/*
 * Appends `image`, the JSON object of a key or item, in one line. Values are copied as they came, invalid
 * UTF-8 included.
 */
void wrapped_put(const struct image_rules *rules, struct str image, struct buf *out);

#endif
