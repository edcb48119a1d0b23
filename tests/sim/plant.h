/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted misbehaviour, to show that the oracle sees it: the checks are checked. Each plant names the
 * invariant that has to notice it. Used by `simulator selftest` and `--plant`, never otherwise.
 */
#ifndef SIM_PLANT_H
#define SIM_PLANT_H

/* PLANT(identifier, word, invariant, what is done) */
#define PLANTS                                                                                     \
	PLANT(LOST, "lost", "checkpoint-behind-ack", "a sink acknowledges a record and drops it")  \
	PLANT(DOUBLED, "doubled", "key-order", "a sink gets an old record once more, alone")       \
	PLANT(SWAPPED, "swapped", "key-order", "two records of a key change places")               \
	PLANT(ALTERED, "altered", "record-intact", "one byte of a record is changed")              \
	PLANT(EARLY, "early-checkpoint", "checkpoint-behind-ack", "acknowledged, durable later")   \
	PLANT(ORPHAN, "orphan", "child-after-parent", "a child's first record comes too early")    \
	PLANT(ZOMBIE, "zombie", "fenced-owner", "a dead worker's checkpoint passes its condition") \
	PLANT(GREEDY, "greedy", "budget", "the engine says that it used more than it may")         \
	PLANT(WIDE, "wide", "window", "the engine says that a window was overfull")                \
	PLANT(HASTY, "hasty", "poll-rate", "an idle shard is polled twice at once")                \
	PLANT(WASTEFUL, "wasteful", "poll-ration", "a poll counts as a thousand")                  \
	PLANT(CROWD, "crowd", "two-readers", "a third reader polls the shard")                     \
	PLANT(RUSH, "rush", "describe-rate", "more is listed than the service allows")             \
	PLANT(SILENT, "silent", "gap-reported", "gap records are acknowledged and dropped")        \
	PLANT(STALL, "stall", "stall-isolation", "a sink that counts as healthy takes nothing")    \
	PLANT(FORGET, "forget", "liveness", "the last record of all is never taken")               \
	PLANT(LEAK, "leak", "memory", "a request is not given back")                               \
	PLANT(LETTER_LOST, "letter-lost", "checkpoint-behind-ack", "a letter is dropped")          \
	PLANT(LETTER_ALTERED, "letter-altered", "record-intact", "a letter's event is not whole")  \
	PLANT(AMNESIA, "amnesia", "no-duplicates", "a sink that remembers says it has nothing")    \
	PLANT(HURRY, "hurry", "retry-after", "a sink wanted to be left alone for longer")          \
	PLANT(POSTHUMOUS, "posthumous", "fenced-owner", "a dead worker's release is carried out")  \
	PLANT(BACKWARD, "backward", "checkpoint-forward", "a step of a row happens in reverse")    \
	PLANT(UNTIDY, "untidy", "row-kept", "the row of a shard that is not finished is deleted")  \
	PLANT(ROBBER, "robber", "two-owners", "a lease is taken from the living")                  \
	PLANT(USURPER, "usurper", "two-owners", "who holds no lease begins a delivery")            \
	PLANT(UNDEAD, "undead", "zombie-silent", "the lease time runs out, deliveries begin")      \
	PLANT(IDLER, "idler", "no-orphan", "a shard that can be read is nobody's")                 \
	PLANT(LOPSIDED, "lopsided", "balance", "one worker has two leases more than the others")   \
	PLANT(INTRUDER, "intruder", "aside", "somebody who lacks a sink has shards all the same")  \
	PLANT(DEAF, "deaf", "follows", "nobody learns what is registered")                         \
	PLANT(REBORN, "reborn", "registry", "a sink comes back with a generation that was used")   \
	PLANT(HERALD, "herald", "old-replay", "a heartbeat says the next epoch too early")         \
	PLANT(CHATTY, "chatty", "lease-writes", "the idle checkpoint table is written to")         \
	PLANT(STAMPEDE, "stampede", "herd", "all want the leases of a lost worker, all the time")  \
	PLANT(GLOOMY, "gloomy", "ready", "a worker says that it is not ready, and why is a secret")

enum plant {
	PLANT_NONE,
#define PLANT(id, word, invariant, what) PLANT_##id,
	PLANTS
#undef PLANT
		PLANT_N,
};

#endif
