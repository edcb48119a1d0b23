/* SPDX-License-Identifier: Apache-2.0 */
/* D. Park policy: one sink S, one key k, NE (6) events: the first NP (3) in shard P, the others in its child C.
 *
 * W0 owns P; C may be owned by W0 or by W1 (which may have started long before). Any event may be refused for good (at most
 * MAXPOI (2) refusals), any crash at any step, any number of times, until `calm`; `dlq replay` may run at any time, may crash, and runs
 * at the same time as new events. Dead letters are at-least-once; replay takes them in order of sequence number.
 *
 * Macros:
 *   (none of RULE*)   an earlier wording: dead letter, then row, then frontier; "is k parked?" is answered from memory, loaded when the
 *                     worker starts (LOAD_START) or when the cursor opens; replay removes the row when it sees no dead letter
 *   LOAD_START        rows are loaded only when the worker starts
 *   RULE              the rule: the row says what is parked. (1) write `last = e` into the row (creating it, or conditional on its
 *                     existence if k was parked: if it is gone, deliver to the sink); (2) append the dead letter; (3) frontier.
 *                     rows are loaded when a cursor opens, after the parent's SHARD_END was read; replay removes the row only
 *                     conditional on `last` = last event it delivered
 *   RULE_LEFTOVER     RULE, but replay also delivers dead letters that lie after `last`
 *   RULE_UNCOND       planted bug: RULE, but replay removes the row without the condition on `last`
 * Property: the event of k delivered to S next is at most last delivered + 1 (so nothing is delivered before the earlier ones were,
 * and a replay is a replay of everything after it); after calm everything has been delivered to S. */
#ifndef NP
#define NP 3	/* events of k in P */
#endif
#ifndef NE
#define NE 6	/* in all */
#endif
#ifndef MAXPOI
#define MAXPOI 2
#endif
byte ckp;			/* durable frontier over P then C: 0..NE; NP = P at SHARD_END */
byte f;				/* frontier in the memory of the present owner */
bit up;				/* an owner runs */
bit wk;				/* which worker owns the shard that has event f+1 */
bit mp[2];			/* worker's memory: k is parked */
bit opened;			/* cursor is open */
bit row; byte lst;		/* the park row, and its `last` */
byte dl;			/* dead letters present: bitmask */
byte stp;			/* steps done for event f+1: 0, 1 refused or parked, 2 first write done, 3 both done */
byte npoi;
byte last;			/* ghost */
byte rdone; byte rp; 		/* replay: last event delivered for this row (durable), program counter */
bit calm;

inline deliver(e) { assert((e) <= last+1); last = (e) }
#define EV (f+1)
#define BIT (1<<f)
#ifdef RULE
#define PARKED mp[wk]
#else
#define PARKED mp[wk]
#endif
active proctype worker()
{
	do
	/* take the shard: position from the row */
	:: d_step { !up && !opened && f==0 -> up=1; f=ckp; stp=0;
		if :: f<NP -> wk=0 :: else fi }
	:: atomic { up && !opened && f>=NP && f<NE -> if :: wk=0 :: wk=1 fi; opened=1;
#ifndef LOAD_START
		mp[wk]=row
#endif
		}
	:: d_step { up && !opened && f<NP -> opened=1; wk=0;
#ifndef LOAD_START
		mp[0]=row
#endif
		}
	/* not parked: the sink takes it, or refuses it for good */
	:: d_step { opened && f<NE && stp==0 && !PARKED -> deliver(EV); stp=3 }
	:: d_step { opened && f<NE && stp==0 && !PARKED && npoi<MAXPOI && !calm -> npoi++; stp=1 }
	:: d_step { opened && f<NE && stp==0 && PARKED -> stp=1 }
#ifndef RULE
	/* an earlier wording: dead letter; row if not parked yet; frontier */
	:: d_step { opened && stp==1 -> dl = dl|BIT; if :: PARKED -> stp=3 :: else -> stp=2 fi }
	:: d_step { opened && stp==2 -> row=1; mp[wk]=1; stp=3 }
#else
	:: d_step { opened && stp==1 ->
		if :: !PARKED && !row -> row=1; lst=EV; rdone=f; mp[wk]=1; stp=2
		   :: !PARKED && row -> lst=(lst>EV -> lst : EV); mp[wk]=1; stp=2	/* cannot be, but harmless */
		   :: PARKED && row -> lst=(lst>EV -> lst : EV); stp=2
		   :: PARKED && !row -> mp[wk]=0; stp=0				/* gone: k is free again */
		fi }
	:: d_step { opened && stp==2 -> dl = dl|BIT; stp=3 }
#endif
	:: d_step { opened && stp==3 -> stp=0; f++; if :: f==NP -> ckp=NP; opened=0 :: else fi }	/* SHARD_END of P is durable before C opens */
	:: d_step { up && ckp<f -> ckp=f }
	/* crash of one worker or of both; memory of the other one stays */
	:: atomic { up && !calm -> up=0; opened=0; f=0; stp=0;
		if :: wk==0 -> mp[0]=0 :: wk==1 -> mp[1]=0 :: mp[0]=0; mp[1]=0 fi;
#ifdef LOAD_START
		if :: true -> mp[0]=row; mp[1]=row :: true -> mp[wk]=row fi;
#endif
		wk=0 }
	:: d_step { !calm -> calm=1 }
	:: calm && last==NE && ckp==NE && !row -> break
	od
}
/* dlq replay: lowest dead letter first; delivered, then removed from the dead letters; at the end the row is removed */
#define LOWEST ((dl&1) -> 1 : ((dl&2) -> 2 : ((dl&4) -> 3 : ((dl&8) -> 4 : ((dl&16) -> 5 : 6)))))
byte cur;
active proctype replay()
{
endr:	do
#ifndef RULE
	:: d_step { rp==0 && row && dl!=0 -> cur=LOWEST; rp=1 }
	:: d_step { rp==1 -> deliver(cur); rp=2 }
	:: d_step { rp==2 -> dl = dl & (255-(1<<(cur-1))); cur=0; rp=0 }
	:: d_step { rp==0 && row && dl==0 -> rp=3 }		/* sees no dead letter ... */
	:: d_step { rp==3 -> row=0; rp=0 }			/* ... and removes the row */
#else
	/* dead letters up to rdone were delivered already: dropped; those after `last` are left over from an older park: left alone */
#ifdef RULE_LEFTOVER
#define MINE(c) true
#else
#define MINE(c) ((c)<=lst)
#endif
	:: d_step { rp==0 && row && dl!=0 && MINE(LOWEST) -> cur=LOWEST; if :: cur<=rdone -> rp=2 :: else -> rp=1 fi }
	:: d_step { rp==1 -> deliver(cur); rp=4 }
	:: d_step { rp==4 -> rdone=cur; rp=2 }
	:: d_step { rp==2 -> dl = dl & (255-(1<<(cur-1))); cur=0; rp=0 }
#ifdef RULE_UNCOND
	:: d_step { rp==0 && row && dl==0 -> rp=3 }
	:: d_step { rp==3 -> row=0; lst=0; rdone=0; rp=0 }
#else
	:: d_step { rp==0 && row && lst==rdone -> row=0; lst=0; rdone=0 }
#endif
#endif
	:: d_step { rp!=0 && !calm -> rp=0; cur=0 }		/* replay crashes */
	od
}
