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
import os
import sys
import threading
import time

from peerlib import SCRATCH, wait_for
from accountlib import account, typed
from foreignlib import Foreign
from hooklib import Hook, events_of
from kcllib import END, SECONDS, KclApp, check_leases, dump_leases, world
from taplib import Tap, configuration

WRITES = 150  # before each turn, and again while it is under way


def kcl(line, **options):
    """Makes a KCL of that line, with options of java/Journal.java. Each line is one worker, for a leader of the third line goes on giving leases to a
    worker that has just gone."""
    def make(w):
        return KclApp(line, w.folder, w.fake, w.arn, "app", f"worker{line}", out=f"records{line}",
                      **options)
    return make


def same(record, write):
    """Whether a record is as it was written, as far as its consumer tells."""
    return "keys" not in record or typed(record, write)


class Ddbtap:
    """Ourselves on that application's leases, with a webhook whose receiver takes its time for each record."""

    def __init__(self, w, delay_ms=0):
        self.w, self.tap, self.delay = w, None, delay_ms / 1000
        self.hook = Hook(self.answer).__enter__()

    def answer(self, request):
        time.sleep(self.delay * len(events_of(request.body)))
        return 204

    def start(self):
        sink = {"type": "webhook", "url": self.hook.url, "allow_http": True, "allow_private": True,
                "signature": "none", "batch_records": 10}
        config = configuration(self.w.fake.url, list(self.w.tables), {"hook": sink},
                               checkpoint={"table": "app", "leases": "kcl"},
                               worker={"lease": "3s", "heartbeat": "700ms"})  # no shorter than the KCLs'
        self.tap = Tap(self.w.folder, config)

    def alive(self):
        return self.tap.process.poll() is None

    def records(self):
        """What the receiver took; a gap record would not be a record."""
        events = [event for request in self.hook.taken() for event in events_of(request.body)]
        assert all(event["op"] != "gap" for event in events), events
        return [{"shard": event["shard"], "seq": event["seq"]} for event in events]

    def stop(self):
        self.tap.signal(15)
        assert self.tap.wait(40) == 0, self.tap.said()
        return True

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
        # Of several streams the third line's adapter, 2.0.1, cannot make the leases of new shards: it wants leases
        # of another class than it makes. So there shards end in our turns alone.
        reshard = 80 if len(self.w.tables) == 1 or name == "ddbtap" else 1 << 30
        self.w.write(WRITES, reshard)
        runner.start()
        try:
            self.wait_until_read(name)
            self.w.write(WRITES, reshard)
            self.wait_until_read(name)
            if name == "ddbtap":
                wait_for(self.all_leased, self.seconds)
        finally:
            if end == "kill":
                runner.kill()
            else:
                runner.stop()
        self.take(name)
        self.check_leases(graceful=end != "kill")

    def all_leased(self):
        """Whether every open shard has a lease. What has none yet, a KCL finds within a minute."""
        leases = dump_leases(self.w.db, "app")
        return all(shard["ShardId"] in leases for shard in self.w.shards()
                   if "EndingSequenceNumber" not in shard["SequenceNumberRange"])

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

    def cut(self, word, after):
        """One consumer's turn, which ends after it has delivered so many records, wherever that is."""
        runner = self.runners.get(word)
        if runner is None:
            runner = self.runners[word] = self.make[word](self.w)
            self.counts[word] = 0
        runner.start()
        try:
            wait_for(lambda: len(runner.records()) - self.counts[word] >= after, self.seconds)
        finally:
            graceful = runner.stop()
        self.take(word)
        self.check_leases(graceful)

    def check_leases(self, graceful):
        """Holds the leases against the shards, and against what was delivered last in each."""
        leases = dump_leases(self.w.db, "app")
        wrong = check_leases(leases, self.w.shards())
        assert not wrong, wrong
        last = {}  # requests of one shard to a webhook may overtake one another, each with other items
        for record in self.delivered:
            last[record["shard"]] = max(last.get(record["shard"], "0"), record["seq"], key=int)
        for shard, seq in last.items():
            row = leases.get(shard)
            if graceful and row is not None:  # a finished one may have been deleted
                assert row["checkpoint"]["S"] in (seq, END), (row, seq)

    def check(self):
        """Everything arrived, in order; returns how much came again."""
        found = account(self.delivered, self.w.fake.writes(), self.w.shards(), same)
        assert found.good(), found.text()
        return found.again


def roundtrip(turns, runners=None, seconds=SECONDS, tables=("things",)):
    """Lets the consumers take their turns, each of which may take so long; returns how much came again."""
    with world("roundtrip-" + "-".join(turns).replace(":", "-") + f"-{len(tables)}", tables) as w:
        trip = Roundtrip(w, runners or RUNNERS, seconds)
        try:
            for word in turns:
                trip.turn(word)
        finally:
            for runner in trip.runners.values():
                runner.kill()
        return trip.check()


def cuts(first, second, after, seconds=SECONDS):
    """Under steady writes the first consumer is stopped after so many records, then the second one, and then the first
    one reads all that is left. Returns how much came again."""
    with world(f"cuts-{first}-{second}-{'-'.join(map(str, after))}") as w:
        trip = Roundtrip(w, {**RUNNERS, "ddbtap": lambda it: Ddbtap(it, delay_ms=2)}, seconds)
        w.write(sum(after), reshard=100)
        over = threading.Event()  # of the writing
        writer = threading.Thread(target=keep_writing, args=(w, over), daemon=True)
        writer.start()
        try:
            trip.cut(first, after[0])
            trip.cut(second, after[1])
            over.set()
            writer.join()
            trip.turn(first)
        finally:
            over.set()
            writer.join()
            for runner in trip.runners.values():
                runner.kill()
        return trip.check()


def keep_writing(w, over):
    """Writes a few changes now and then, with a reshard in some of them."""
    while not over.wait(0.05):
        w.write(5, reshard=5 if w.rng.random() < 0.01 else 1 << 30)


if __name__ == "__main__":
    if len(sys.argv) < 2 or any(word.partition(":")[0] not in RUNNERS for word in sys.argv[1:]):
        sys.exit(__doc__)
    os.makedirs(SCRATCH, exist_ok=True)
    print(roundtrip(sys.argv[1:]), "came again")
