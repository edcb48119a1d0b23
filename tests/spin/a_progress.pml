/* SPDX-License-Identifier: Apache-2.0 */
/* A. Progress of several sinks on a lineage.
 *
 * Scope: parent P (3 records: keys a,b,a) splits into C1 (2 records of a) and C2 (2 records of b); 2 sinks; one worker.
 * One lead reader (lp) and one catch-up reader (cp) per shard, pages of 1 or 2 records, window of 2 records.
 * Faults, any number, in any order, until `calm` is set (at any moment): crash + restart from the rows; detach; a delivery
 * whose acknowledgement is lost; acknowledgements of different keys out of order.
 * Row: ck[] (`checkpoint`) and at[] (a sink's attribute, 0 = absent); position = max of both.
 *
 * Macros (one per run):
 *   OPEN_MEM        child's cursor opens when the parent's cursor is done in memory   (an earlier wording)
 *   (default)       ... when the parent's row says so, durably                        (the rule)
 *   JOIN_NOREWIND   planted bug: joining the catch-up group adopts the reader's position
 *   JOIN_REWIND     a joining cursor always rewinds the catch-up reader               (an earlier wording)
 *   (default)       passes: rewind only when the reader has reached the lead position noted at the start of the pass
 *   REJOIN_READ       a cursor rejoins when what it was handed reaches the lead's position  (an earlier wording)
 *   (default)         ... when its frontier reaches it and nothing is outstanding         (the rule)
 *   CK_MAX          planted bug: `checkpoint` is the maximum over sinks
 *   OPEN_EARLY      planted bug: child opens without waiting for the parent
 *   DEL_EARLY       planted bug: finished row deleted without looking at the children's `checkpoint`
 *   ONECHILD          leave C2 out (P rolls into C1)
 *   LIVE            liveness set-up: no crash; sink 0 is an adversary (dead, slow or flapping for ever); sink 1 is healthy
 *                   but is itself detached at most twice. Needs weak fairness.
 * Properties: assert in CHK: per sink and key the index delivered next is <= last one delivered + 1 (first deliveries in
 * order, no hole, and a replay is always a replay of everything after it); assert in WR: `checkpoint` never goes back nor past
 * a sink's frontier; no invalid end state: after calm everything gets delivered and the rows get to SHARD_END.
 * At most two readers per shard holds by construction (one lp, one cp). */
#define C(s,h) ((s)*3+(h))
#define N(h)   ((h)==0 -> 3 : 2)
#define END(h) ((h)==0 -> 4 : 3)
#define W 2
#define MAX(a,b) ((a)>(b) -> (a) : (b))
#define MIN(a,b) ((a)<(b) -> (a) : (b))
#define ROWPOS(s,h) MAX(ck[h], at[C(s,h)])

byte fr[6], rd[6], st[6];	/* cursor: frontier, handed over up to, state */
bit  mk[6];			/* record fr+2 is acknowledged before fr+1 */
/* st: 0 waiting-parents, 1 with the lead reader, 2 detached, 3 with the catch-up reader, 4 done */
byte lp[3], cp[3], tg[3];	/* lead position, catch-up position, lead position noted at the start of the pass */
byte ck[3], at[6];		/* the rows */
bit  del0;			/* P's row deleted */
byte last[4];			/* ghost: last index delivered of (sink,key) */
bit  calm;
byte det1; bit idle;		/* LIVE only */
byte p0, p1, m;			/* scratch, zeroed */

inline chk(s,k,i) { assert((i) <= last[(s)*2+(k)] + 1); last[(s)*2+(k)] = (i) }
inline deliver(s,h,r) {
	if
	:: (h)==0 && (r)==1 -> chk(s,0,1)
	:: (h)==0 && (r)==2 -> chk(s,1,1)
	:: (h)==0 && (r)==3 -> chk(s,0,2)
	:: (h)==1 -> chk(s,0,2+(r))
	:: (h)==2 -> chk(s,1,1+(r))
	fi
}
#ifdef OPEN_EARLY
#define PDONE(s,h) true
#elif defined(OPEN_MEM)
#define PDONE(s,h) ((h)==0 || fr[C(s,0)]==4)
#else
#define PDONE(s,h) ((h)==0 || del0 || ROWPOS(s,0)==4)
#endif
#define HASLEAD(h)  (st[C(0,h)]==1 || st[C(1,h)]==1)
#define HASCATCH(h) (st[C(0,h)]==3 || st[C(1,h)]==3)
#define FULL(s,h,x) (st[C(s,h)]==x && rd[C(s,h)] >= fr[C(s,h)] + W)

/* a cursor opens */
#define OPEN(s,h) d_step { st[C(s,h)]==0 && PDONE(s,h) -> \
	if \
	:: fr[C(s,h)]==END(h) -> st[C(s,h)] = 4 \
	:: fr[C(s,h)]!=END(h) && !HASLEAD(h) && !HASCATCH(h) -> lp[h] = fr[C(s,h)]; st[C(s,h)] = 1 \
	:: fr[C(s,h)]!=END(h) && (HASLEAD(h) || HASCATCH(h)) && fr[C(s,h)] >= lp[h] -> st[C(s,h)] = 1 \
	:: fr[C(s,h)]!=END(h) && (HASLEAD(h) || HASCATCH(h)) && fr[C(s,h)] < lp[h] -> st[C(s,h)] = 2 \
	fi }
/* the sink takes record fr+1 and acknowledges it */
#define ACK(s,h) d_step { (st[C(s,h)]==1 || st[C(s,h)]==3) && fr[C(s,h)] < rd[C(s,h)] -> \
	deliver(s,h,fr[C(s,h)]+1); fr[C(s,h)] = fr[C(s,h)] + 1 + mk[C(s,h)]; mk[C(s,h)] = 0 }
/* P only: a record of the other key is acknowledged first */
#define ACKOOO(s) d_step { (st[C(s,0)]==1 || st[C(s,0)]==3) && !mk[C(s,0)] && fr[C(s,0)]<2 && rd[C(s,0)] >= fr[C(s,0)]+2 -> \
	deliver(s,0,fr[C(s,0)]+2); mk[C(s,0)] = 1 }
/* delivered, but the answer is lost */
#define NOACK(s,h) d_step { !calm && (st[C(s,h)]==1 || st[C(s,h)]==3) && fr[C(s,h)] < rd[C(s,h)] -> deliver(s,h,fr[C(s,h)]+1) }
#define FINISH(s,h) d_step { (st[C(s,h)]==1 || st[C(s,h)]==3) && fr[C(s,h)]==N(h) -> fr[C(s,h)] = END(h); rd[C(s,h)] = END(h); st[C(s,h)] = 4; TIDY(h) }
#define DETACH(s,h) d_step { !calm && (FULL(s,h,1) || FULL(s,h,3)) -> st[C(s,h)] = 2; rd[C(s,h)] = fr[C(s,h)]; mk[C(s,h)] = 0; TIDY(h) }

#ifdef JOIN_NOREWIND
#define JOIN(s,h) d_step { st[C(s,h)]==2 -> \
	if :: HASCATCH(h) && fr[C(s,h)] < cp[h] -> fr[C(s,h)] = cp[h]; rd[C(s,h)] = cp[h] \
	   :: HASCATCH(h) && fr[C(s,h)] >= cp[h] -> skip \
	   :: !HASCATCH(h) -> cp[h] = fr[C(s,h)] fi; st[C(s,h)] = 3 }
#elif defined(JOIN_REWIND)
#define JOIN(s,h) d_step { st[C(s,h)]==2 -> \
	if :: !HASCATCH(h) || fr[C(s,h)] < cp[h] -> cp[h] = fr[C(s,h)] :: else fi; st[C(s,h)] = 3 }
#else
/* at the start of a pass every willing cursor is taken in */
#define JOIN(s,h) d_step { st[C(s,h)]==2 && (!HASCATCH(h) || fr[C(s,h)] >= cp[h] || cp[h] >= tg[h]) -> \
	if :: !HASCATCH(h) || fr[C(s,h)] < cp[h] -> cp[h] = fr[C(s,h)]; tg[h] = lp[h]; \
		if :: st[C(1-s,h)]==2 && (1-s)==1 -> st[C(1-s,h)] = 3; cp[h] = MIN(cp[h], fr[C(1-s,h)]) :: else fi \
	   :: else fi; st[C(s,h)] = 3 }
#endif
#define GIVE(s,h,x,pos) if :: st[C(s,h)]==x && rd[C(s,h)] < pos -> rd[C(s,h)] = pos :: else fi
#define LEAD(h,k) d_step { HASLEAD(h) && !FULL(0,h,1) && !FULL(1,h,1) && lp[h]+k <= N(h) -> \
	lp[h] = lp[h]+k; GIVE(0,h,1,lp[h]); GIVE(1,h,1,lp[h]) }
/* the group is empty: forget its position */
#define TIDY(h) if :: !HASCATCH(h) -> cp[h] = 0; tg[h] = 0 :: else fi
#define CATCH(h,k) d_step { HASCATCH(h) && !FULL(0,h,3) && !FULL(1,h,3) && cp[h]+k <= N(h) -> \
	cp[h] = cp[h]+k; GIVE(0,h,3,cp[h]); GIVE(1,h,3,cp[h]) }
#ifdef REJOIN_READ
#define ATLEAD(s,h) (rd[C(s,h)] >= lp[h])
#else
#define ATLEAD(s,h) (fr[C(s,h)] >= lp[h] && rd[C(s,h)]==fr[C(s,h)])
#endif
#define REJ1(s,h) d_step { st[C(s,h)]==3 && ATLEAD(s,h) -> if :: !HASLEAD(h) -> lp[h] = MAX(lp[h], fr[C(s,h)]) :: else fi; st[C(s,h)] = 1; TIDY(h) }
/* the checkpointer writes one row */
#ifdef CK_MAX
#define NEWCK(h) MAX(fr[C(0,h)], fr[C(1,h)])
#else
#define NEWCK(h) MIN(fr[C(0,h)], fr[C(1,h)])
#endif
#define WR(h) d_step { !((h)==0 && del0) && (ROWPOS(0,h) != fr[C(0,h)] || ROWPOS(1,h) != fr[C(1,h)]) -> \
	m = NEWCK(h); assert(m >= ck[h]); assert(m <= fr[C(0,h)] && m <= fr[C(1,h)]); ck[h] = m; \
	at[C(0,h)] = (fr[C(0,h)] > m -> fr[C(0,h)] : 0); at[C(1,h)] = (fr[C(1,h)] > m -> fr[C(1,h)] : 0); m = 0 }
#ifdef DEL_EARLY
#define DEL d_step { !del0 && ck[0]==4 -> del0 = 1; ck[0] = 0; at[0] = 0; at[3] = 0 }
#else
#define DEL d_step { !del0 && ck[0]==4 && DELOK -> del0 = 1; ck[0] = 0; at[0] = 0; at[3] = 0 }
#endif
/* after a restart a listed shard without a row is finished if a child's `checkpoint` has left TRIM_HORIZON, else it is new */
#define LOAD1(s,h) fr[C(s,h)] = ROWPOS(s,h); rd[C(s,h)] = fr[C(s,h)]; mk[C(s,h)] = 0; st[C(s,h)] = 0
#define CRASH d_step { !calm -> \
	if :: del0 && ck[1]==0 && ck[2]==0 -> del0 = 0 :: else fi; \
	LOAD1(0,0); LOAD1(0,1); LOAD1(0,2); LOAD1(1,0); LOAD1(1,1); LOAD1(1,2); \
	if :: del0 -> fr[0] = 4; rd[0] = 4; fr[3] = 4; rd[3] = 4 :: else fi; \
	lp[0]=0; lp[1]=0; lp[2]=0; cp[0]=0; cp[1]=0; cp[2]=0; tg[0]=0; tg[1]=0; tg[2]=0 }
#ifdef ONECHILD
#define ALLDONE (st[0]==4 && st[1]==4 && st[3]==4 && st[4]==4 && (del0 || ck[0]==4) && ck[1]==3)
#define DELOK (ck[1]>0)
#define LASTOK (last[0]==4 && last[1]==1 && last[2]==4 && last[3]==1)
#else
#define DELOK (ck[1]>0 && ck[2]>0)
#define LASTOK (last[0]==4 && last[1]==3 && last[2]==4 && last[3]==3)
#define ALLDONE (st[0]==4 && st[1]==4 && st[2]==4 && st[3]==4 && st[4]==4 && st[5]==4 && (del0 || ck[0]==4) && ck[1]==3 && ck[2]==3)
#endif

#ifndef LIVE
#define CUR(s,h) :: OPEN(s,h) :: ACK(s,h) :: NOACK(s,h) :: FINISH(s,h) :: DETACH(s,h) :: JOIN(s,h)
#define SHARD(h) :: LEAD(h,1) :: LEAD(h,2) :: CATCH(h,1) :: CATCH(h,2) :: REJ1(0,h) :: REJ1(1,h) :: WR(h)
active proctype world()
{
	do
	CUR(0,0) CUR(0,1) CUR(1,0) CUR(1,1)
#ifndef ONECHILD
	CUR(0,2) CUR(1,2) SHARD(2)
#endif
	:: ACKOOO(0) :: ACKOOO(1)
	SHARD(0) SHARD(1)
	:: DEL
	:: CRASH
	:: d_step { !calm -> calm = 1 }
	:: calm && ALLDONE -> break
	od;
	assert(LASTOK)
}
#else
#define DET1(h) d_step { det1 < 2 && (FULL(1,h,1) || FULL(1,h,3)) -> det1++; st[C(1,h)] = 2; rd[C(1,h)] = fr[C(1,h)]; mk[C(1,h)] = 0; TIDY(h) }
active proctype leadP() { do :: LEAD(0,1) :: LEAD(0,2) od }
active proctype leadC() { do :: LEAD(1,1) :: LEAD(1,2) od }
active proctype catchP() { do :: CATCH(0,1) :: CATCH(0,2) :: REJ1(0,0) od }
active proctype catchC() { do :: CATCH(1,1) :: CATCH(1,2) :: REJ1(0,1) od }
active proctype rej1() { do :: REJ1(1,0) :: REJ1(1,1) od }
active proctype timer0P() { do :: DETACH(0,0) od }
active proctype timer0C() { do :: DETACH(0,1) od }
active proctype rows() { do :: WR(0) :: WR(1) od }
active proctype sink0() { do :: ACK(0,0) :: ACK(0,1) :: JOIN(0,0) :: JOIN(0,1) :: FINISH(0,0) :: FINISH(0,1) :: OPEN(0,0) :: OPEN(0,1) :: idle = 1-idle od }
active proctype sink1P() { do :: ACK(1,0) :: FINISH(1,0) :: OPEN(1,0) :: JOIN(1,0) :: DET1(0) od }
active proctype sink1C() { do :: ACK(1,1) :: FINISH(1,1) :: OPEN(1,1) :: JOIN(1,1) :: DET1(1) od }
ltl progress { <> (st[C(1,0)]==4 && st[C(1,1)]==4) }
#endif
