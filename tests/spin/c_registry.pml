/* SPDX-License-Identifier: Apache-2.0 */
/* C. Registry of sinks under rolling change (safety).
 *
 * Scope: shard P (2 records) rolls into C (2 records); sink A always registered; sink B is added, removed and added again (two
 * generations); worker W0 (old) runs {A}, worker W1 (new) runs {A,B}; either may own either shard, leases move at any time (model B
 * says that a take fences the old owner); one write per row in flight, delayed for any time; the adder may stop half way.
 * `freshw`: the owner's known counter is current (abstract counter); a bump by anybody else makes the next write fail.
 *
 * Macros:
 *   CACHED       a worker reads the registry when it starts and then at any later time      (an earlier wording)
 *   CACHED_HB    ... and B becomes active only after every worker has re-read it; writes under way are not looked at
 *   NOGEN        planted bug: a sink's attribute is named by the sink without its generation
 *   NOTAKEREAD   planted bug: the rule, but the registry is not read after a take
 *   default      the rule: adder writes the registry, then bumps the counter of every row, then B is active; a worker reads the
 *                registry after each take and after each failed condition, before its next write of that row
 * Property: once B is active, no row's position of B ever covers a record that B was not given and that is after B's start. */
#ifndef NR
#define NR 2
#endif
#ifndef GENS
#define GENS 2
#endif
#define N NR
#define END (N+1)
#define MAX(a,b) ((a)>(b) -> (a) : (b))
#define MIN(a,b) ((a)<(b) -> (a) : (b))
byte ck[2], atA[2], atB[2], agB[2];	/* rows; agB: generation of the attribute of B */
bit row1 = 1;				/* C's row exists (0: not created yet) */
byte own[2];				/* 0 none, 1 W0, 2 W1 */
bit freshw[2], need[2];			/* owner's counter current; must read the registry before writing */
byte mA[2], mB[2];			/* owner's frontiers in memory */
byte rg;				/* registry: generation of B registered (0 none) */
byte gens;				/* generations used */
byte cg[3];				/* cached registry of W0 (1), W1 (2) */
bit seen[3];				/* CACHED_HB: has re-read since the last change */
bit pv[2]; byte pk[2], pa[2], pb[2], pg[2]; bit pf[2];	/* write in flight; pf: its condition still holds */
byte ad;				/* adder: 0 idle, 1 registered, 2 bumped P, 3 bumped both */
bit act;				/* B active */
byte sB[2], gB[2];			/* ghost: B's start, bitmask given to B (this generation) */
byte x;

#ifdef NOGEN
#define ATB(h,g) atB[h]
#else
#define ATB(h,g) (agB[h]==(g) -> atB[h] : 0)
#endif
#define POSA(h) MAX(ck[h], atA[h])
#define POSB(h,g) MAX(ck[h], ATB(h,g))
#define COVER(h,p) assert(!act || ((p)<1 || sB[h]>=1 || (gB[h]&1)) && (N<2 || (p)<2 || sB[h]>=2 || (gB[h]&2)))
#define CHECK(h) COVER(h, POSB(h,rg))
#define BUMP(h) freshw[h]=0; pf[h]=0
#define LOAD(h,w) mA[h]=POSA(h); mB[h]=POSB(h,cg[w])

#ifdef NOTAKEREAD
#define TAKEREAD(h,w) need[h]=0
#else
#define TAKEREAD(h,w) need[h]=1
#endif
#define TAKE(h,w) d_step { own[h]!=w && (h==0 || row1) && ck[h]!=END -> BUMP(h); own[h]=w; freshw[h]=1; LOAD(h,w); TAKEREAD(h,w) }
#if defined(CACHED) || defined(CACHED_HB)
#define MAYWRITE(h) true
#else
#define MAYWRITE(h) (!need[h])
#endif
/* read the registry (all shards of this worker see the new cache; frontiers of B are taken from the rows) */
#define RELOAD(w) d_step { (cg[w]!=rg || !seen[w] || need[0] || need[1]) -> \
	if :: own[0]==w -> if :: cg[w]!=rg -> mB[0]=POSB(0,rg) :: else fi; need[0]=0 :: else fi; \
	if :: own[1]==w -> if :: cg[w]!=rg -> mB[1]=POSB(1,rg) :: else fi; need[1]=0 :: else fi; cg[w]=rg; seen[w]=1 }
#define DONEA(h) (h==0 || POSA(0)==END)
#define DONEB(h,g) (h==0 || POSB(0,g)==END)
/* deliveries by the owner; B only by W1 and only if it knows that B is registered */
#define GIVEA(h,w) d_step { own[h]==w && mA[h]<END && DONEA(h) -> mA[h]++ }
#define GIVEB(h) d_step { own[h]==2 && cg[2]!=0 && mB[h]<END && DONEB(h,cg[2]) -> \
	if :: mB[h]<N && cg[2]==rg -> gB[h]=gB[h]|(1<<mB[h]) :: else fi; mB[h]++ }
/* write computed now, applied later */
#define SEND(h,w) d_step { own[h]==w && !pv[h] && freshw[h] && MAYWRITE(h) -> \
	x = (cg[w]!=0 -> MIN(mA[h],mB[h]) : mA[h]); \
	if :: x<ck[h] -> x=ck[h] :: else fi; \
	pv[h]=1; pf[h]=1; pk[h]=x; pa[h]=(mA[h]>x -> mA[h] : 0); \
	pb[h]=(cg[w]!=0 && mB[h]>x -> mB[h] : 0); pg[h]=(cg[w]!=0 && mB[h]>x -> cg[w] : 0); x=0 }
/* separate attributes: without B in the cache, B's attribute is not touched */
#define APPLY(h) d_step { pv[h] -> \
	if :: pf[h] -> assert(pk[h]>=ck[h]); ck[h]=pk[h]; atA[h]=pa[h]; \
		if :: pg[h]!=0 -> atB[h]=pb[h]; agB[h]=pg[h] :: else fi; CHECK(h) \
	   :: else -> skip fi; \
	pv[h]=0; pf[h]=0; pk[h]=0; pa[h]=0; pb[h]=0; pg[h]=0 }
/* a failed condition: the owner reads the row again, and the registry before the next write */
#define REREAD(h,w) d_step { own[h]==w && !freshw[h] && !pv[h] -> freshw[h]=1; need[h]=1 }
#define CREATE d_step { !row1 && (own[0]!=0) -> row1=1 }

#define ACT d_step { act=1; sB[0]=ck[0]; sB[1]=ck[1]; ad=0 }
#define REMOVE d_step { rg!=0 -> rg=0; act=0; ad=0; sB[0]=0; sB[1]=0; gB[0]=0; gB[1]=0; seen[1]=0; seen[2]=0 }
active proctype world()
{
	row1 = 0; seen[1]=1; seen[2]=1;
	do
	:: TAKE(0,1) :: TAKE(0,2) :: TAKE(1,1) :: TAKE(1,2)
	:: RELOAD(1) :: RELOAD(2)
	:: GIVEA(0,1) :: GIVEA(0,2) :: GIVEA(1,1) :: GIVEA(1,2) :: GIVEB(0) :: GIVEB(1)
	:: SEND(0,1) :: SEND(0,2) :: SEND(1,1) :: SEND(1,2) :: APPLY(0) :: APPLY(1)
	:: REREAD(0,1) :: REREAD(0,2) :: REREAD(1,1) :: REREAD(1,2)
	:: CREATE
	:: d_step { rg==0 && gens<GENS -> gens++; rg=gens; ad=1; seen[1]=0; seen[2]=0 }	/* sinks add */
	:: REMOVE
#if defined(CACHED)
	:: atomic { ad==1 -> ACT }
#elif defined(CACHED_HB)
	:: atomic { ad==1 && seen[1] && seen[2] -> ACT }
#else
	:: d_step { ad==1 -> BUMP(0); ad=2; if :: !row1 -> ad=3 :: else fi }	/* the scan does not see C's row if it is created later */
	:: d_step { ad==2 -> BUMP(1); ad=3 }
	:: atomic { ad==3 -> ACT }
#endif
	od
}
