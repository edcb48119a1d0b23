#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workers that come and go as an operator has it: nothing is lost, nothing comes twice, nobody waits for a lease time.

    handover.py [--seed N] [--only NAME] [--keep]

The lease time is half a minute, so that whatever takes over sooner was told to. Limits of time are far above what is
needed, and below the lease time: a slow machine passes, too.
"""
import argparse
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crewlib import Crew, Deliveries, load_arrivals, owner_of
from fakelib import run_tests, wait_for
from nativeline import Native
from taplib import TOP

TABLES = {"plain": False, "more": False, "pairs": True}
SHARDS = 8  # of each table
LEASE = 30  # s
SOON = 20  # s; what is meant by "at once"
SLOW = "slow=20,late=20"  # how the receiver is, so that there is always something under way
SCRATCH = os.path.join(TOP, "build", "e2e-handover")


def make_crew(name, seed, workers, reshard=None):
    """Workers that all run, and a load on their tables."""
    crew = Crew(os.path.join(SCRATCH, name), seed, workers, TABLES, SHARDS, faults=SLOW,
                engine={"poll_floor": "50ms", "max_latency": "200ms", "discovery": "10s"},
                worker={"lease": f"{LEASE}s", "heartbeat": "500ms"})
    crew.write(3, 0.03, 8, reshard)
    return crew


def judge(crew, shards):
    """Ends everything and raises what is wrong; nothing may have come twice."""
    writes = crew.drain(shards)
    oracle, arrivals = Deliveries(writes, Native()), load_arrivals(crew.receiver.path)
    wrong, report = oracle.hook_wrong(arrivals, crew.rows, crew.incarnations(), no_duplicates=True)
    wrong += oracle.files_wrong(crew.files()) + crew.rows.wrong[:5]
    wrong += [f"{process} was judged dead" for process in crew.fenced]
    # What is on its way to a worker that leaves at that moment, the next one finds with nobody.
    if crew.rows.robbed_of_held:
        wrong.append(f"{crew.rows.robbed_of_held} leases were taken from an owner instead of given")
    if wrong:
        raise AssertionError("\n".join(wrong))
    print(f"# {report.writes} writes in {len(shards)} shards, {len(crew.processes)} processes, "
          f"{crew.rows.handed} leases handed over, none doubled")


def leases_of(crew, member):
    """The unfinished leases that a worker holds."""
    mine = crew.rows.follow().current.get(member.worker)
    return [key for key, row in crew.rows.rows.items()
            if mine and owner_of(row) == mine and crew.rows.unfinished({key: False}, {})]


def leave(crew, member):
    """A worker is asked to leave, and stays away; returns how long it took until others had all that it held, and
    how much that was."""
    held, rows, began = leases_of(crew, member), crew.rows, time.monotonic()
    member.leave()
    assert member.tap.wait() == 0, member.tap.said()[-4000:]
    member.state, member.until = "down", began + 1000

    def taken():
        crew.step()
        rows.follow()
        return all(rows.is_alive(owner_of(rows.rows[key])) or not rows.unfinished({key: False}, {})
                   for key in held)

    wait_for(taken, SOON)
    return time.monotonic() - began, len(held)


def a_leaving_worker_hands_over(options):
    """After SIGTERM the other worker has the leases at once, and again after it came back."""
    with make_crew("leaving", options.seed, ("w1", "w2")) as crew:
        for n in range(2):
            member = crew.members[n % 2]
            crew.growing()
            crew.balance(crew.shards(), 1, SOON)
            seconds, leases = leave(crew, member)
            print(f"# {leases} leases of {member.worker} were taken over {seconds:.2f} s after SIGTERM")
            crew.growing()
            member.until = 0
            crew.growing()
        judge(crew, crew.calm())


def a_rolling_restart_is_not_noticed(options):
    """Three workers under load are restarted one after the other while shards roll and split."""
    with make_crew("rolling", options.seed, ("w1", "w2", "w3"), reshard=0.5) as crew:
        crew.growing()
        for n in range(4):
            member = crew.members[n % 3]
            member.leave()
            wait_for(lambda starts=member.starts: crew.step() or member.starts > starts, SOON)
            wait_for(lambda: crew.step() or "worker.running" in member.tap.said(), SOON)
            crew.growing()
        judge(crew, crew.calm())


def a_joining_worker_gets_its_share(options):
    """One worker has everything; a second and a third one come, and everybody has a third, with nothing doubled."""
    with make_crew("joining", options.seed, ("w1", "w2", "w3")) as crew:
        for member in crew.members[1:]:
            member.until = time.monotonic() + 1000
        crew.growing()
        for n, member in enumerate(crew.members[1:], 2):
            member.until = 0
            seconds = crew.balance(crew.shards(), 1, SOON, crew.members[:n])
            print(f"# {n} workers: balanced after {seconds:.2f} s")
            crew.growing()
        judge(crew, crew.calm())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    tests = {"leaving": a_leaving_worker_hands_over, "rolling": a_rolling_restart_is_not_noticed,
             "joining": a_joining_worker_gets_its_share}
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--only", choices=tests)
    parser.add_argument("--keep", action="store_true", help="leave the files of good runs, too")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    failed = run_tests([tests[options.only]] if options.only else tests.values(), options)
    if not failed and not options.keep:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
