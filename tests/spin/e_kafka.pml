/* SPDX-License-Identifier: Apache-2.0 */
/* E. Exactly-once Kafka: transactions that carry records and progress.
 *
 * Scope: one shard with NR (3) records, at most INC (4) incarnations one after the other or at once (an older one is a zombie that may
 * go on at any moment), each with its own transactional id; one foreign transaction (of another shard) in the same progress partition,
 * open for any length of time. Progress log: up to 4 entries; `lso` semantics: a read_committed reader sees nothing at or after the
 * first entry of a transaction that is still open.
 * A worker: take the lease (reads row.tid, conditional) -> init row.tid (aborts its open transaction, fences its owner) -> read progress
 * -> write its own tid into the row -> transactions (one record + progress each) from there on.
 *
 * Macros: NOINIT      planted bug: the old id is not initialised
 *         TID_FIRST   the row gets the new owner's id when the lease is taken, before the old id is initialised
 *         LSO_END     "to its end" = what a read_committed reader can see now          (an earlier wording)
 *         default     the rule: end = high watermark noted after init; wait until the reader has passed it
 * Property: read_committed content is 1,2,..,n without a hole or a duplicate (assert); after calm all NR are there. */
#define NR 3
#ifndef INC
#define INC 3
#endif
byte rowtid;			/* transactional id in the lease row: the incarnation's number, 0 none */
byte own;			/* lease owner */
bit fenced[5];			/* transactional id i was initialised by somebody else */
byte txn[5];			/* open transaction of incarnation i: record number, 0 none */
byte pos[5];			/* incarnation's idea of the committed progress */
byte pc[5];			/* 0 not started, 1 took the lease, 2 initialised, 3 read progress, 4 running, 5 ended */
byte old[5];			/* tid read at the take */
bit wrote[5];			/* its id is in the row */
byte committed;			/* read_committed content so far: 1..committed */
byte visible;			/* what a read_committed reader sees in the progress partition: behind while the foreign transaction is open */
bit foreign;			/* a foreign transaction is open */
bit calm; byte hi; byte started;

#define COMMIT(i) d_step { pc[i]==4 && txn[i]!=0 -> \
	if :: !fenced[i] -> assert(txn[i]==committed+1); committed=txn[i]; pos[i]=txn[i]; txn[i]=0; if :: !foreign -> visible=committed :: else fi \
	   :: else -> txn[i]=0; pc[i]=5 fi }
#define BEGIN(i) d_step { pc[i]==4 && txn[i]==0 && pos[i]<NR && !fenced[i] -> txn[i]=pos[i]+1 }
#define DIE(i) d_step { !calm && pc[i]>0 && pc[i]<5 -> pc[i]=5 }	/* its open transaction stays open until it is aborted */
#ifdef TID_FIRST
#define SETFIRST(i) rowtid=i; wrote[i]=1;
#else
#define SETFIRST(i)
#endif
#define TAKE(i) d_step { pc[i]==0 && started==i-1 && (!calm || own==0 || pc[own]==5) -> started=i; old[i]=rowtid; own=i; pc[i]=1; SETFIRST(i) }
#define LOST(i) d_step { pc[i]>0 && pc[i]<4 && own!=i -> pc[i]=5 }
#ifdef NOINIT
#define INIT(i) d_step { pc[i]==1 -> pc[i]=2 }
#else
#define INIT(i) d_step { pc[i]==1 -> if :: old[i]!=0 -> fenced[old[i]]=1; txn[old[i]]=0 :: else fi; pc[i]=2 }
#endif
#ifdef LSO_END
#define READP(i) d_step { pc[i]==2 -> pos[i]=visible; pc[i]=3 }
#else
#define READP(i) d_step { pc[i]==2 && visible==committed -> pos[i]=visible; pc[i]=3 }
#endif
/* conditional on still being the owner */
#define SETTID(i) d_step { pc[i]==3 -> if :: own==i -> rowtid=i; wrote[i]=1; pc[i]=4 :: else -> pc[i]=5 fi }
#define INCN(i) :: TAKE(i) :: INIT(i) :: READP(i) :: SETTID(i) :: BEGIN(i) :: COMMIT(i) :: DIE(i) :: LOST(i)
active proctype world()
{
	do
	INCN(1) INCN(2) INCN(3)
#if INC==4
	INCN(4)
#endif
	:: d_step { !foreign && !calm -> foreign=1 }
	:: d_step { foreign -> foreign=0; visible=committed }
	:: d_step { !calm -> calm=1 }
	:: calm && (committed==NR || (started==INC && pc[INC]==5)) -> break
	od
}
