/* SPDX-License-Identifier: Apache-2.0 */
/* B. Leases.
 *
 * Scope: NW workers (2; -DNW=3), one lease of a shard with NREC (3) records, at most K (4) incarnations in all, at most 2 checkpoint
 * writes in the network at once. Every write may be delayed for any time, applied later, lost, or applied with its answer lost.
 * Before `calm` an observer may judge any worker dead at any time (covers SIGSTOP, clock trouble), workers crash, restart
 * under the same worker id, release gracefully (after a steal request) at any time. After `calm` only dead workers are fenced.
 * A worker that does nothing for a while is a paused one: interleaving covers SIGSTOP / SIGCONT.
 *
 * Macros:
 *   NOCOND     planted bug: checkpoint writes are conditional on the owner only, and do not change the counter
 *   NOBUMP     condition on owner and counter, but only a take bumps the counter        (an earlier wording)
 *   OWNER_ID   the owner attribute is the worker id, without its incarnation            (an earlier wording);
 *              a restarted worker goes on with rows that say it is the owner
 *   ID_FORGET  with OWNER_ID: a restarted worker does not look for rows of its own id
 *   NOFENCE    planted bug: a lease is taken without fencing the heartbeat row
 *   NOADOPT    a take whose answer was lost is forgotten
 *   HANDOVER   adds the handover to a worker that asked for the lease: the holder drains and then, in one write, conditional on
 *              owner and counter as every other, stores its last checkpoint and makes the asker's owner string the owner. Like every
 *              write it may be delayed, lost, or applied with its answer lost. Who asked may have been any incarnation that ever
 *              started (an asker may crash, restart or be fenced meanwhile); it learns of its luck by reading the row.
 *   HAND_EARLY    planted bug, with HANDOVER: a delivery that is under way is not awaited, but counted in the last checkpoint
 *   HAND_STALE    planted bug, with HANDOVER: the asker begins with the checkpoint that it read before it was given the lease
 *   HAND_BLIND    planted bug, with HANDOVER: the write is conditional on the owner only
 *   HAND_UNSURE   planted bug, with HANDOVER: a holder whose handover had no answer, and that reads that it still is the owner, goes on
 *              at once; the handover may arrive after that, and a holder with nothing to write would never learn of it. The rule: it
 *              writes the row again, and goes on when the counter has moved, which voids the handover
 *   default    the rule: owner = worker id + incarnation; EVERY write of a lease row bumps its counter; failed or ambiguous
 *              answers are settled by reading and "owner is me" means "still mine, adopt the counter"; a lease is free when no
 *              unfenced heartbeat row carries its owner's incarnation. */
#ifndef NW
#define NW 2
#endif
#ifndef NREC
#define NREC 3
#endif
#ifndef CAP
#define CAP 5	/* scope: no release, lost take (and, +2, no take before calm) once the counter is here */
#endif
#ifndef K
#define K 4
#endif
byte hbI[NW]; bit hbF[NW];		/* heartbeat rows: incarnation, fenced */
bit look[NW];				/* some observer holds the current counter of row w (any change clears it) */
byte own, cnt, ck;			/* the lease row */
byte tru;				/* ghost: incarnation whose take-over (or re-take) is the latest */
byte acked;				/* ghost: contiguous prefix acknowledged by the sink */
bit alive[NW]; byte inc[NW]; byte nexti;
bit bel[NW], pend[NW]; byte mc[NW], mf[NW], mk[NW];	/* belief, write outstanding, known counter, frontier, known checkpoint */
bit rv[NW]; byte ro[NW], rc[NW], rk[NW];		/* what an intending taker has read */
bit nv[2]; byte nw[2], ni[2], nc[2], nk[2];		/* network */
#ifdef HANDOVER
byte nh[2];				/* network: incarnation that the write makes the owner, 0 for a checkpoint */
bit dr[NW];				/* draining: the handover is outstanding */
#endif
#ifdef HAND_STALE
byte ra[NW];				/* the checkpoint that an asker read when it asked, plus 1 */
#endif
bit calm;
byte j, n;

#ifdef OWNER_ID
#define ID(w) ((w)+1)
#define NID(x) (nw[x]+1)
#else
#define ID(w) inc[w]
#define NID(x) ni[x]
#endif
#if NW==2
#define LIVEINC(o) ((hbI[0]==(o) && !hbF[0]) || (hbI[1]==(o) && !hbF[1]))
#define NBEL (bel[0]+bel[1])
#define NALIVE (alive[0]+alive[1])
#else
#define LIVEINC(o) ((hbI[0]==(o) && !hbF[0]) || (hbI[1]==(o) && !hbF[1]) || (hbI[2]==(o) && !hbF[2]))
#define NBEL (bel[0]+bel[1]+bel[2])
#define NALIVE (alive[0]+alive[1]+alive[2])
#endif
#ifdef OWNER_ID
#define FREE (own==0 || hbF[own-1] || hbI[own-1]==0)
#else
#define FREE (own==0 || !LIVEINC(own))
#endif
#ifdef HANDOVER
#define DRAINING(w) dr[w]
#define AWAKE(w) dr[w]=0;
#define CLRH(x) nh[x]=0;
#else
#define DRAINING(w) 0
#define AWAKE(w)
#define CLRH(x)
#endif
#ifdef HAND_UNSURE
#define UNSURE(w) AWAKE(w)
#elif defined(HANDOVER)
#define UNSURE(w) if :: cnt!=mc[w] -> dr[w]=0 :: else fi;
#else
#define UNSURE(w)
#endif
#ifdef HAND_STALE
#define UNASK(w) ra[w]=0;
#else
#define UNASK(w)
#endif
#define FORGET(w) AWAKE(w) UNASK(w) bel[w]=0; pend[w]=0; mc[w]=0; mf[w]=0; mk[w]=0; rv[w]=0; ro[w]=0; rc[w]=0; rk[w]=0
#define HOLD(w) bel[w]=1; mc[w]=cnt; mf[w]=ck; mk[w]=ck; rv[w]=0; ro[w]=0; rc[w]=0; rk[w]=0; tru=inc[w]

#define START(w) d_step { !alive[w] && nexti<K -> nexti++; inc[w]=nexti; alive[w]=1; hbI[w]=nexti; hbF[w]=0; look[w]=0 }
#define CRASH(w) d_step { !calm && alive[w] -> FORGET(w); alive[w]=0; inc[w]=0 }
/* heartbeat: conditional on the counter; a fenced worker learns it and ends */
#define BEAT(w) d_step { alive[w] && (look[w] || hbF[w]) -> \
	if :: hbF[w] -> FORGET(w); alive[w]=0; inc[w]=0 :: else -> look[w]=0 fi }
#define LOOK(w) d_step { hbI[w]!=0 && !hbF[w] && !look[w] && (!calm || !alive[w]) && NALIVE>alive[w] -> look[w]=1 }
#define FENCE(w) d_step { look[w] && (!calm || !alive[w]) && NALIVE>alive[w] -> hbF[w]=1; look[w]=0 }
#ifdef NOFENCE
#define MAYREAD(w) (FREE || (own!=0 && own!=ID(w) && ((own==hbI[0] && look[0]) || (own==hbI[1] && look[1]))))
#else
#define MAYREAD(w) FREE
#endif
#define READ(w) d_step { alive[w] && !bel[w] && !pend[w] && !rv[w] && MAYREAD(w) -> rv[w]=1; ro[w]=own; rc[w]=cnt; rk[w]=ck }
#define UNREAD(w) d_step { rv[w] && (ro[w]!=own || rc[w]!=cnt) -> rv[w]=0; ro[w]=0; rc[w]=0; rk[w]=0 }
/* take: conditional on owner and counter; the frontier is what was read */
#define TAKE(w) d_step { alive[w] && rv[w] && ro[w]==own && rc[w]==cnt && (cnt<CAP+2 || (calm && !hbF[w])) -> own=ID(w); cnt++; n=rk[w]; HOLD(w); mf[w]=n; mk[w]=n; n=0 }
#define TAKELOST(w) d_step { !calm && cnt<CAP && alive[w] && rv[w] && ro[w]==own && rc[w]==cnt -> own=ID(w); cnt++; tru=inc[w]; \
	rv[w]=0; ro[w]=0; rc[w]=0; rk[w]=0 }
#ifdef HAND_STALE
#define ASK(w) d_step { alive[w] && !bel[w] && own!=0 && own!=ID(w) && ra[w]==0 -> ra[w]=ck+1 }
#define RECALL(w) if :: ra[w]!=0 -> mf[w]=ra[w]-1; mk[w]=mf[w]; ra[w]=0 :: else fi
#else
#define RECALL(w)
#endif
/* "the row says that I own it": go on */
#ifdef ID_FORGET
#define ADOPT(w) d_step { false -> skip }
#elif defined(NOADOPT)
#define ADOPT(w) d_step { false -> skip }
#else
#define ADOPT(w) d_step { alive[w] && !bel[w] && own==ID(w) -> HOLD(w); RECALL(w) }
#endif
#define DELIVER(w) d_step { alive[w] && bel[w] && !DRAINING(w) && mf[w]<NREC -> \
	assert(mf[w] <= acked); mf[w]++; if :: mf[w]>acked -> acked=mf[w] :: else fi }
#define SEND(w,x) d_step { alive[w] && bel[w] && !pend[w] && (mf[w]>mk[w] || DRAINING(w)) && !nv[x] -> \
	nv[x]=1; nw[x]=w; ni[x]=inc[w]; nc[x]=mc[w]; nk[x]=mf[w]; pend[w]=1 }
#ifdef HAND_EARLY
#define LAST(w) (mf[w]<NREC -> mf[w]+1 : mf[w])
#else
#define LAST(w) mf[w]
#endif
/* asked by incarnation i: nothing more is delivered, everything is acknowledged, no other write is outstanding */
#define HAND(w,x,i) d_step { !calm && cnt<CAP && alive[w] && bel[w] && !pend[w] && !nv[x] && (i)<=nexti && (i)!=inc[w] -> \
	nv[x]=1; nw[x]=w; ni[x]=inc[w]; nc[x]=mc[w]; nk[x]=LAST(w); nh[x]=(i); pend[w]=1; dr[w]=1 }
#define CLR(x) CLRH(x) nv[x]=0; nw[x]=0; ni[x]=0; nc[x]=0; nk[x]=0
#ifdef NOCOND
#define CONDOK(x) (own==NID(x))
#define BUMP
#elif defined(NOBUMP)
#define CONDOK(x) (own==NID(x) && cnt==nc[x])
#define BUMP
#elif defined(HAND_BLIND)
#define CONDOK(x) (own==NID(x) && (cnt==nc[x] || nh[x]!=0))
#define BUMP cnt++;
#else
#define CONDOK(x) (own==NID(x) && cnt==nc[x])
#define BUMP cnt++;
#endif
#ifdef HANDOVER
#define GIVE(x) if :: nh[x]!=0 -> own=nh[x]; tru=nh[x] :: else fi;
#define TOLD(x) if :: nh[x]!=0 -> FORGET(j) :: else -> AWAKE(j) pend[j]=0; mc[j]=cnt; mk[j]=ck fi
#else
#define GIVE(x)
#define TOLD(x) pend[j]=0; mc[j]=cnt; mk[j]=ck
#endif
/* a write arrives; then its answer does (ans) or is lost. No answer: SETTLE */
#define ISMINE(x) (alive[nw[x]] && inc[nw[x]]==ni[x] && pend[nw[x]])
#define APPLY(x,ans) d_step { nv[x] -> j=nw[x]; \
	if :: CONDOK(x) -> \
		assert(nk[x] >= ck); assert(nk[x] <= acked); assert(ni[x]==tru); \
		ck=nk[x]; GIVE(x) BUMP \
		if :: ans && ISMINE(x) && mc[j]==nc[x] -> TOLD(x) :: else fi \
	   :: else -> skip fi; j=0; CLR(x) }
#define LOSE(x) d_step { nv[x] -> CLR(x) }
/* no answer in time, or a failed condition: settle by reading */
#define SETTLE(w) d_step { alive[w] && pend[w] -> pend[w]=0; \
	if :: own==ID(w) -> UNSURE(w) mc[w]=cnt; mk[w]=ck; if :: mf[w]<ck -> mf[w]=ck :: else fi :: else -> FORGET(w) fi }
/* graceful: drained, last checkpoint and release in one conditional write */
#define RELEASE(w) d_step { !calm && alive[w] && bel[w] && !pend[w] && cnt<CAP -> \
	if :: own==ID(w) && cnt==mc[w] -> assert(mf[w]>=ck); ck=mf[w]; own=0; cnt++ :: else fi; FORGET(w) }

#define WORKER(w) :: START(w) :: CRASH(w) :: BEAT(w) :: LOOK(w) :: FENCE(w) :: READ(w) :: UNREAD(w) :: TAKE(w) :: TAKELOST(w) \
	:: ADOPT(w) :: DELIVER(w) :: SEND(w,0) :: SEND(w,1) :: SETTLE(w) :: RELEASE(w) HANDS(w) ASKS(w)
#ifdef HANDOVER
#define HANDS(w) :: HAND(w,0,1) :: HAND(w,1,1) :: HAND(w,0,2) :: HAND(w,1,2) :: HAND(w,0,3) :: HAND(w,1,3)
#else
#define HANDS(w)
#endif
#ifdef HAND_STALE
#define ASKS(w) :: ASK(w)
#else
#define ASKS(w)
#endif
#define HOLDER(w) (alive[w] && bel[w] && own==ID(w))
#if NW==2
#define SOMEHOLDER (HOLDER(0) || HOLDER(1))
#else
#define SOMEHOLDER (HOLDER(0) || HOLDER(1) || HOLDER(2))
#endif
/* nothing can stay so for ever: no live worker left (scope's end), or exactly one holder and everything checkpointed */
#define GOOD (NALIVE==0 || (NBEL==1 && SOMEHOLDER && ck==NREC))
active proctype world()
{
	do
	WORKER(0)
	WORKER(1)
#if NW==3
	WORKER(2)
#endif
	:: APPLY(0,1) :: APPLY(0,0) :: APPLY(1,1) :: APPLY(1,0) :: LOSE(0) :: LOSE(1)
	:: d_step { !calm -> calm = 1 }
	:: calm && GOOD -> break
	od
}
