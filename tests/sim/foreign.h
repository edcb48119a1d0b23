/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker of a Kinesis client that shares the table of leases with ours: it takes leases as the
 * second line's taker does, renews them, reads on and writes that down, dies, or leaves. What it has
 * read is owed to nobody any more (ledger_shard.others_n).
 */
#ifndef SIM_FOREIGN_H
#define SIM_FOREIGN_H

#include "tests/sim/world.h"

struct cluster;
struct ledger_shard;

#define FOREIGN_OWNER "ip-10-0-0-1:6f9619ff-8b86-d011-b42d-00cf4fc964ff"

struct foreign {
	struct cluster *cluster;
	struct world_event tick; /* the next renewal */
	int64_t every_ms;
	bool alive;
};

/* It lives from now on, and renews what it has so often. */
void foreign_start(struct cluster *cluster, int64_t every_ms);

/* It takes the lease of every open shard of the table, by rows that are there or that it makes. */
void foreign_take_all(struct cluster *cluster, struct str table);

/* It takes one lease whose row is there; false when there is none. */
bool foreign_take(struct cluster *cluster, struct ledger_shard *shard);

/* It reads all that its shards have, and writes that down. */
void foreign_read(struct cluster *cluster);

/* It dies. */
void foreign_die(struct cluster *cluster);

/* It gives its leases back, and ends. */
void foreign_leave(struct cluster *cluster);

#endif
