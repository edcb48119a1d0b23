#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Consumers that take turns on one application's leases: each goes on where the one before it stopped.

    kcl_roundtrip.py TURN...           a turn is kcl1, kcl3, ddbtap or foreign, with :kill if it ends by SIGKILL

Between two turns changes are written and shards roll and split. After each the leases must be such as a KCL writes,
and after one that ended gracefully they must stand at the last record that it delivered. In the end every write was
delivered, in order, children after parents, and only what a kill left open again.

`ddbtap` is ourselves, with leases: kcl. `foreign` is a small worker that knows the rules of leases: see foreignlib.py. A new kind of consumer needs start(),
alive(), records() (all that it delivered so far, each with shard and seq), stop() and kill(), and a line in RUNNERS. A
graceful stop leaves checkpoints at the last record that it delivered.
"""
import json
import os
import sys

from peerlib import SCRATCH, wait_for
from accountlib import account, typed
from foreignlib import Foreign
from kcllib import END, SECONDS, KclApp, check_leases, dump_leases, world
from taplib import Tap, configuration

WRITES = 150  # before each turn, and again while it is under way


def kcl(line):
    """Makes a KCL of that line. Each line is one worker, for a leader of the third line goes on giving leases to a
    worker that has just gone."""
    def make(w):
        return KclApp(line, w.folder, w.fake, w.arn, "app", f"worker{line}", out=f"records{line}")
    return make


def same(record, write):
    """Whether a record is as it was written, as far as its consumer tells."""
    return "keys" not in record or typed(record, write)


class Ddbtap:
    """Ourselves on that application's leases, with a file."""

    def __init__(self, w):
        self.w, self.tap = w, None
        self.out = os.path.join(w.folder, "ddbtap.jsonl")

    def start(self):
        config = configuration(self.w.fake.url, ["things"], {"out": self.out},
                               checkpoint={"table": "app", "leases": "kcl"},
                               worker={"lease": "2s", "heartbeat": "500ms"})
        self.tap = Tap(self.w.folder, config)

    def alive(self):
        return self.tap.process.poll() is None

    def records(self):
        """What is in the file; a gap record would not be a record."""
        try:
            with open(self.out, encoding="utf-8") as file:
                events = [json.loads(line) for line in file.read().split("\n")[:-1]]
        except FileNotFoundError:
            return []
        assert all(event["op"] != "gap" for event in events), events
        return [{"shard": event["shard"], "seq": event["seq"]} for event in events]

    def stop(self):
        self.tap.signal(15)
        assert self.tap.wait(40) == 0, self.tap.said()

    def kill(self):
        if self.tap is not None:
            self.tap.__exit__()


RUNNERS = {"kcl1": kcl(1), "kcl3": kcl(3), "foreign": Foreign, "ddbtap": Ddbtap}


class Roundtrip:
    """One world through which the turns go."""

    def __init__(self, w, runners, seconds):
        self.w, self.make, self.seconds = w, runners, seconds
        self.runners, self.counts = {}, {}
        self.delivered = []  # by all, in the order of delivery

    def turn(self, word):
        """One consumer's turn."""
        name, _, end = word.partition(":")
        runner = self.runners.get(name)
        if runner is None:
            runner = self.runners[name] = self.make[name](self.w)
            self.counts[name] = 0
        self.w.write(WRITES)
        runner.start()
        try:
            self.wait_until_read(name)
            self.w.write(WRITES)
            self.wait_until_read(name)
        finally:
            if end == "kill":
                runner.kill()
            else:
                runner.stop()
        self.take(name)
        self.check_leases(graceful=end != "kill")

    def take(self, name):
        """Adds what a consumer delivered in its turn to what all did."""
        records = self.runners[name].records()
        self.delivered += records[self.counts[name]:]
        self.counts[name] = len(records)

    def wait_until_read(self, name):
        """Waits until the consumer whose turn it is, and those before it, have delivered every write."""
        before = {record["seq"] for record in self.delivered}
        want = {write["seq"] for write in self.w.fake.writes()}

        def complete():
            if not self.runners[name].alive():
                raise RuntimeError(f"{name} ended by itself")
            mine = self.runners[name].records()[self.counts[name]:]
            return want <= before | {record["seq"] for record in mine}
        wait_for(complete, self.seconds)

    def check_leases(self, graceful):
        """Holds the leases against the shards, and against what was delivered last in each."""
        leases = dump_leases(self.w.db, "app")
        wrong = check_leases(leases, self.w.shards())
        assert not wrong, wrong
        last = {record["shard"]: record["seq"] for record in self.delivered}
        for shard, seq in last.items():
            row = leases.get(shard)
            if graceful and row is not None:  # a finished one may have been deleted
                assert row["checkpoint"]["S"] in (seq, END), (row, seq)

    def check(self):
        """Everything arrived, in order; returns how much came again."""
        found = account(self.delivered, self.w.fake.writes(), self.w.shards(), same)
        assert found.good(), found.text()
        return found.again


def roundtrip(turns, runners=None, seconds=SECONDS):
    """Lets the consumers take their turns, each of which may take so long; returns how much came again."""
    with world("roundtrip-" + "-".join(turns).replace(":", "-")) as w:
        trip = Roundtrip(w, runners or RUNNERS, seconds)
        try:
            for word in turns:
                trip.turn(word)
        finally:
            for runner in trip.runners.values():
                runner.kill()
        return trip.check()


if __name__ == "__main__":
    if len(sys.argv) < 2 or any(word.partition(":")[0] not in RUNNERS for word in sys.argv[1:]):
        sys.exit(__doc__)
    os.makedirs(SCRATCH, exist_ok=True)
    print(roundtrip(sys.argv[1:]), "came again")
