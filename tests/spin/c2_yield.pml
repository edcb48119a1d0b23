/* SPDX-License-Identifier: Apache-2.0 */
/* C2. Mixed sink lists: who may hold a lease (liveness, weak fairness).
 * Scope: one open shard that always gets new records; sinks A and B registered; W0 runs {A}, W1 runs {A,B}; both live for ever.
 * B has REC (2) records to take. The lease is free or held; the holder may take a step for its sinks or release when it has nothing to do.
 * Macros: YIELD (the rule): a worker that does not run every registered sink gives a lease up, and takes none, while the heartbeat row
 * of a live worker lists all of them. Default: an earlier wording ("a shard stays takeable while a registered sink is unfinished on it").
 * Property: B gets everything. */
#define REC 2
byte own;	/* 0 free, 1 W0, 2 W1 */
bit a;		/* A has an unread record (the shard is open: more always comes) */
byte b;
active proctype w0()
{
	do
#ifndef YIELD
	:: atomic { own==0 -> own=1 }			/* B is unfinished on it: takeable */
#endif
	:: atomic { own==1 && a -> a=0 }
#ifdef YIELD
	:: atomic { own==1 -> own=0 }
#endif
#ifdef RELEASE_IDLE
	:: atomic { own==1 && !a -> own=0 }		/* kinder reading: releases when its own sinks have nothing to do */
#endif
	od
}
active proctype w1()
{
	do
	:: atomic { own==0 -> own=2 }
	:: atomic { own==2 && a -> a=0 }
	od
}
active proctype w1b() { do :: atomic { own==2 && b<REC -> b++ } od }	/* W1's sink B */
active proctype table() { do :: atomic { !a -> a=1 } od }
ltl gets { <> (b==REC) }
