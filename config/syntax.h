/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names and addresses in the configuration must look like. Each function returns NULL when
 * `text` is fine, and otherwise what it must be, to follow "must be".
 */
#ifndef CONFIG_SYNTAX_H
#define CONFIG_SYNTAX_H

#include "base/str.h"

/* The name of a DynamoDB table. */
const char *syntax_table(struct str text);

/* An application's name, which becomes part of a table's name. */
const char *syntax_application(struct str text);

/* A worker's name, which becomes part of keys in the checkpoint table. */
const char *syntax_worker(struct str text);

/* A sink's name, which becomes part of attribute names in the checkpoint table. */
const char *syntax_sink(struct str text);

/* A region, which becomes part of a host name. */
const char *syntax_region(struct str text);

/* The URL of an API: scheme, host, and optionally a port. */
const char *syntax_endpoint(struct str text);

/* Where something listens: see config/listen.h. */
const char *syntax_listen(struct str text);

/* Where a table's stream is read from the first time. */
const char *syntax_start(struct str text);

/* A shard's id. */
const char *syntax_shard(struct str text);

/* A sequence number. */
const char *syntax_seqno(struct str text);

#endif
