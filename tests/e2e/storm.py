#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three workers under a storm of signals, and nothing is lost.

    storm.py [--seed N] [--seconds N] [--keep]

Four processes count in items of four tables with 200 open shards, which roll and split all the time. Some requests
fail after they were carried out, some rows are written late, some listings lie, the receiver fails now and then.
Workers are killed, stopped and continued (some for longer than the lease time), and asked to leave, at random. Then
it is calm: within half a minute the shards have to be spread evenly over the workers. In the end every shard is
finished, every write was delivered to the one receiver in the order of its item, and to the workers' files once in
each; and no write of the checkpoint table broke the rules. Mistakes that are planted into what came of it have to
be found.
"""
import argparse
import collections
import json
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify
from crewlib import Crew, Deliveries, Rows, is_balanced, load_arrivals, owner_of
from fakelib import run_tests, wait_for
from nativeline import Native
from taplib import TOP

WORKERS = ("w1", "w2", "w3")
TABLES = {f"table{i}": i == 3 for i in range(4)}  # the last one has all of a writer's items in one shard
SHARDS = 50  # of each table
WRITERS = 4
KEYS = 30  # items per writer and table
PAUSE = 0.03  # s between a writer's writes
ROLL = 1.6  # s between rolls of a table; more in long storms, for all shards of 24 h are listed again and again
LEASE = 2  # s
CALM = 30  # s within which shards are spread evenly, when nobody dies or stands still any more
SPREAD = 1  # by how many shards workers may differ then
FAULTS = "error=2,after=2,reset=2,partial=3"  # of the receiver
SCRATCH = os.path.join(TOP, "build", "e2e-storm")


class Storm:
    """Signals to the workers of a crew."""

    KINDS = {"kill": 40, "pause": 20, "long pause": 25, "leave": 15}  # how often, in percent

    def __init__(self, crew, seed):
        self.crew, self.rng = crew, random.Random(f"storm {seed}")
        self.played = dict.fromkeys(self.KINDS, 0)

    def play(self, seconds):
        """So long."""
        end, due = time.monotonic() + seconds, 0
        self._outlast()
        while time.monotonic() < end:
            self.crew.step()
            if time.monotonic() >= due:
                self._signal()
                due = time.monotonic() + self.rng.uniform(0.2, 1.4)
            time.sleep(0.02)

    def _outlast(self):
        """The worker with the most leases stands still until others have them, and then has to end by itself. That
        must be missing in no storm."""
        rows = self.crew.rows.follow()
        leases = collections.Counter(map(owner_of, rows.rows.values()))
        member = max(self.crew.members, key=lambda member: leases[rows.current.get(member.worker)])
        process = member.process
        member.freeze(60)
        wait_for(lambda: self.crew.step() or rows.follow().inherited, 60)
        member.thaw()
        wait_for(lambda: self.crew.step() or process in self.crew.fenced, 30)
        self.played["long pause"] += 1

    def _signal(self):
        """One signal to one worker that can get it."""
        kind = self.rng.choices(*zip(*self.KINDS.items()))[0]
        fitting = ("up", "leaving", "frozen") if kind == "kill" else ("up",)
        members = [member for member in self.crew.members if member.state in fitting]
        if not members:
            return
        member = self.rng.choice(members)
        if kind == "kill":
            member.kill(self.rng.choice((0, 0, 0.3, LEASE + 1)))
        elif kind == "leave":
            member.leave()
        else:
            member.freeze(self.rng.uniform(0.1, 1.2) if kind == "pause" else
                          self.rng.uniform(LEASE + 0.6, 2 * LEASE + 0.5))
        self.played[kind] += 1


# ---- the oracle, checked ----

def altered(text):
    return text.replace(b'"op":"', b'"op":"x', 1)


class Planted:
    """What a run left of one table, for mistakes to be planted into."""

    def __init__(self, crew, writes, arrivals, table="table0"):
        self.crew, self.incarnations = crew, crew.incarnations()
        self.oracle = Deliveries([w for w in writes if w["table"] == table], Native())
        self.arrivals = [a for a in arrivals if self.oracle.place(a.text)]
        self.files = {worker: [line for line in lines if self.oracle.place(line)]
                      for worker, lines in crew.files().items()}
        ids = [json.loads(a.text)["id"] for a in self.arrivals]
        self.once = next(n for n in range(len(ids) // 2, len(ids)) if ids.count(ids[n]) == 1)

    def run_of(self, places, once, n=3):
        """Where `n` successive writes of an item in one shard are; each place came once, `once` says of which
        process it has to be."""
        at = {}
        for k, place in enumerate(places):
            at.setdefault((once(k), place), []).append(k)
        for (who, place), found in at.items():
            run = [at.get((who, place._replace(ordinal=place.ordinal + i)), ()) for i in range(n)]
            if who is not None and len(found) == 1 and all(len(one) == 1 for one in run):
                return [one[0] for one in run]
        raise AssertionError("no item has such lines")

    def hook(self, arrivals):
        return self.oracle.hook_wrong(arrivals, self.crew.rows, self.incarnations)[0]

    def hook_cases(self):
        good, n, rows = self.arrivals, self.once, self.crew.rows
        places = [self.oracle.place(arrival.text) for arrival in good]
        ids = collections.Counter(places)

        def owner(k, last=False):
            """Whose line it is, if that one held the shard once, and nobody else delivered it."""
            who = self.incarnations[good[k].process]
            owners = rows.owners[places[k].lease]
            fits = ids[places[k]] == owners.count(who) == 1 and (not last or owners[-1] == who)
            return good[k].process if fits else None

        a, b, c = self.run_of(places, owner)
        swapped = list(good)
        swapped[a], swapped[b] = good[b], good[a]
        final = self.run_of(places, lambda k: owner(k, last=True), 2)[0]
        stranger = next(p for p in self.crew.processes if p in self.incarnations and not
                        self.crew.rows.tenures[self.incarnations[p], self.oracle.place(good[n].text).lease])
        return {
            "lost": good[:n] + good[n + 1:], "swapped": swapped,
            "doubled_in_between": [*good[:c], good[a], *good[c:]],
            "doubled_at_the_end": [*good, good[final]],
            "altered": [*good[:n], good[n]._replace(text=altered(good[n].text)), *good[n + 1:]],
            "without_a_lease": [*good[:n], good[n]._replace(process=stranger), *good[n + 1:]],
            "torn": [*good[:n], good[n]._replace(text=good[n].text[:50]), *good[n + 1:]],
        }

    def file_cases(self):
        worker = max(self.files, key=lambda name: len(self.files[name]))
        good = self.files[worker]
        places = [self.oracle.place(line) for line in good]
        a, b = self.run_of(places, lambda k: worker, 2)
        swapped = list(good)
        swapped[a], swapped[b] = good[b], good[a]
        cases = {"doubled": [*good[:a], good[a], *good[a:]], "swapped": swapped,
                 "altered": [*good[:b], altered(good[b]), *good[b + 1:]]}
        cases = {name: {**self.files, worker: lines} for name, lines in cases.items()}
        cases["lost"] = {name: [line for line in lines if self.oracle.place(line) != places[b]]
                         for name, lines in self.files.items()}
        return cases

    def row_cases(self):
        """Writes of the checkpoint table behind the good ones, that no worker may make."""
        rows = self.crew.rows
        key = next(key for key, row in rows.rows.items() if row["checkpoint"]["S"].isdigit())
        row, last = rows.rows[key], int(rows.rows[key]["leaseCounter"]["N"])
        living = {**row, "leaseOwner": {"S": "w1:living"}, "leaseCounter": {"N": str(last + 1)}}
        beat = {"keys": {"leaseKey": {"S": "ddbtap/worker/w1"}}, "old": None,
                "new": {"incarnation": {"S": "living"}, "counter": {"N": "1"}}}

        def write(old, **new):
            number = str(int(old["leaseCounter"]["N"]) + 1)
            return {"keys": {"leaseKey": {"S": key}}, "old": old,
                    "new": {**old, "leaseCounter": {"N": number}, **new}}

        return {
            "went_back": [write(row, checkpoint={"S": "1"})],
            "same_counter": [write(row, leaseCounter=row["leaseCounter"])],
            "robbed": [beat, {**write(row), "new": living},
                       write(living, leaseOwner={"S": "w2:thief"}, ownerSwitchesSinceCheckpoint={"N": "1"})],
            "deleted": [{**write(row), "new": None}],
            "early": [write(row, parentShardId={"SS": ["shardId-unfinished"]})],
        }


def plant(crew, writes, arrivals):
    """Plants each mistake, and prints whether it was found; returns how many were not."""
    planted, missed = Planted(crew, writes, arrivals), 0

    def tell(name, wrong):
        nonlocal missed
        missed += not wrong
        print(("ok" if wrong else "not ok") + f" storm_oracle_reports_{name}", flush=True)

    assert not planted.hook(planted.arrivals) and not planted.oracle.files_wrong(planted.files)
    for name, plant_ in planted.hook_cases().items():
        tell(name, planted.hook(plant_))
    for name, plant_ in planted.file_cases().items():
        tell(f"{name}_in_a_file", planted.oracle.files_wrong(plant_))
    for name, plant_ in planted.row_cases().items():
        rows = Rows(crew.log).follow()
        assert not rows.wrong
        for n, write in enumerate(plant_):
            rows.take({"n": n, **write})
        tell(f"{name}_row", rows.wrong)
    ended = {**dict.fromkeys(crew.rows.rows, False), "shard-without-a-row": False}
    tell("unfinished", crew.rows.unfinished(ended, {}))
    assert is_balanced(collections.Counter(w1=67, w2=66, w3=67), WORKERS, 1)
    for name, held in (("unbalanced", {"w1": 68, "w2": 66, "w3": 66}), ("idle_worker", {"w1": 1, "w2": 2}),
                       ("nobodys_shard", {"w1": 67, "w2": 66, "w3": 66, None: 1})):
        tell(name, not is_balanced(collections.Counter(held), WORKERS, 1))
    return missed


# ---- the run ----

def run(options):
    """The storm, the calm and the judgement; returns what the self-test needs."""
    engine = {"poll_floor": "50ms", "max_latency": "400ms", "discovery": "5s", "request_timeout": "1s"}
    lies = ("--lie-open-parent", 5, "--lie-missing-child", 5, "--empty-page", 5, "--short-page", 5)
    with Crew(SCRATCH, options.seed, WORKERS, TABLES, SHARDS, lies, FAULTS, engine=engine,
              worker={"lease": f"{LEASE}s", "heartbeat": "500ms"},
              checkpoint={"interval": "300ms"}) as crew:
        crew.fake.admin("fault", kind="500-after", percent=1)
        crew.fake.admin("fault", kind="reset-after", percent=1)
        # Writes of rows that come late: after others, after their time is up, after their sender's death.
        crew.fake.admin("fault", kind="delay", target="UpdateItem", ms=1700, percent=1)
        crew.fake.admin("fault", kind="delay", target="UpdateItem", ms=250, percent=5)
        crew.write(WRITERS, PAUSE, KEYS, reshard=max(ROLL, options.seconds / 60))
        crew.growing()
        storm = Storm(crew, options.seed)
        storm.play(options.seconds)
        shards = crew.calm()
        took = crew.balance(shards, SPREAD, CALM)
        writes = crew.drain(shards)
        rolls = crew.resharder.rolls, crew.resharder.splits
    rows, oracle, arrivals = crew.rows, Deliveries(writes, Native()), load_arrivals(crew.receiver.path)
    wrong, report = oracle.hook_wrong(arrivals, rows, crew.incarnations())
    wrong += oracle.files_wrong(crew.files()) + rows.wrong[:5]
    wrong += [f"{process} ended though nobody had judged it" for process in crew.unfairly_ended()]
    print(f"# {report.writes} writes in {len(shards)} shards ({rolls[0]} rolls, {rolls[1]} splits of tables); "
          + ", ".join(f"{n} times {kind}" for kind, n in storm.played.items())
          + f"; {len(crew.processes)} processes, {len(rows.fenced)} fenced; leases taken "
          f"{sum(rows.tenures.values())} times: {rows.handed} handed over, {rows.robbed} from the dead, "
          f"{rows.inherited} of those from fenced ones; {report.duplicates} delivered again; "
          f"balanced after {took:.1f} s of calm", flush=True)
    if wrong:
        raise AssertionError("\n".join(wrong))
    assert storm.played["kill"] and rows.handed, "that was no storm"
    return crew, writes, arrivals


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--seconds", type=float, default=30, help="of the storm (30)")
    parser.add_argument("--keep", action="store_true", help="leave the files of a good run, too")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    left = []

    def nothing_is_lost_in_a_storm():
        left.extend(run(options))

    failed = run_tests([nothing_is_lost_in_a_storm]) or plant(*left)
    if not failed and not options.keep:
        shutil.rmtree(SCRATCH)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
