/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of lease rows, in the three forms that there are. Pure.
 *
 *	native		<account>/<region>/<table>/<label>/<shard>
 *	single-stream	<shard>
 *	multi-stream	<account>:<region>$<account>$<table>$<label>:1:<shard>
 *
 * The latter two are those of the Kinesis Client Library on the adapter for DynamoDB Streams, which writes
 * '_' for each ':' of a stream's label.
 */
#ifndef ENGINE_LEASEKEY_H
#define ENGINE_LEASEKEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "consumer/aws/endpoint.h"

enum lease_form { FORM_NATIVE, FORM_SINGLE, FORM_MULTI };

enum { LEASEKEY_MAX = 1024 };

/* A key, taken apart; what its form does not tell is empty. */
struct lease_key {
	enum lease_form form;
	struct str account, region, table, label, shard;
};

/* Takes a lease's key apart; a label that has to be written anew lies in the arena. */
struct lease_key lease_key_read(struct arena *arena, struct str key);

/* Appends what is before the shard's id in the keys of a stream. */
void lease_key_prefix(struct buf *buf, enum lease_form form, const struct table_arn *stream);

/* The stream's name within a key of the multi-stream form: all but ":<shard>". */
struct str lease_key_stream(struct str key);

#endif
