#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long nothing is delivered when the worker that holds a shard goes: by kill -9, and by SIGTERM.

    failover.py [--runs N] [--lease S] [--heartbeat S] [--seed N]

Each run is an application of its own with two workers and a table of one shard, all runs at a time. The time is that
from the signal to the first record that the other worker delivers. Printed are median and worst; the worst has to be
within the lease time and two seconds after kill -9, and within two seconds after SIGTERM.
"""
import argparse
import http.client
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crewlib import load_arrivals
from fakelib import Fake, make_table, run_tests, wait_for
from taplib import FAKE, Tap, configuration
from webhooks import Receiver

MARGIN = 2  # s
WRITES = 8  # per table and second
PHASES = 4  # s over which the signals are spread: more than a heartbeat


class Load(threading.Thread):
    """Writes to tables all the time."""

    def __init__(self, port, tables):
        super().__init__(daemon=True)
        self.link, self.tables = http.client.HTTPConnection("127.0.0.1", port), tables
        self.ending, self.failed = threading.Event(), None
        self.start()

    def run(self):
        n = 0
        while not self.ending.wait(1 / WRITES / len(self.tables)):
            n += 1
            self.link.request("POST", "/", json.dumps({
                "TableName": self.tables[n % len(self.tables)],
                "Item": {"pk": {"S": f"key{n % 7}"}, "n": {"N": str(n)}}}), {
                    "X-Amz-Target": "DynamoDB_20120810.PutItem",
                    "Content-Type": "application/x-amz-json-1.0"})
            answer = self.link.getresponse()
            text = answer.read()
            if answer.status != 200:
                self.failed = text
                return

    def stop(self):
        self.ending.set()
        self.join()
        assert self.failed is None, self.failed


class Pair:
    """Two workers of one application."""

    def __init__(self, folder, name, fake, receiver, worker):
        self.folder, self.name, self.taps = folder, name, {}
        self.fake, self.receiver, self.worker = fake, receiver, worker
        self.gone = self.at = None  # who got the signal, and when in ms

    def start(self, who):
        hook = {"type": "webhook", "url": f"http://127.0.0.1:{self.receiver.port}/{self.name}/{who}",
                "signature": "none", "allow_http": True, "allow_private": True}
        # Everything as it is when nobody sets it, but the worker's options.
        config = configuration(self.fake.url, [self.name], {"hook": hook}, application=self.name,
                               worker={"id": who, **self.worker})
        del config["engine"], config["checkpoint"]
        self.taps[who] = Tap(self.folder, config, name=f"{self.name}-{who}")

    def signal(self, number, owner):
        self.gone, self.at = owner, time.monotonic_ns() // 10 ** 6
        self.taps[owner].signal(number)

    def revive(self):
        """Starts again who has gone."""
        self.taps[self.gone].wait()
        self.start(self.gone)
        wait_for(lambda: "worker.running" in self.taps[self.gone].said(), 60)

    def stop(self):
        for tap in self.taps.values():
            tap.__exit__()


class Pairs:
    """All runs; a context manager."""

    def __init__(self, folder, options):
        self.rng, self.load, self.pairs = random.Random(options.seed), None, {}
        self.fake = Fake(FAKE, "--no-auth", "--shard-life", 0)
        self.receiver = Receiver(folder, "none", more=("--annotate", "--no-sync"))
        worker = {"lease": f"{options.lease}s", "heartbeat": f"{round(options.heartbeat * 1000)}ms"}
        client = self.fake.client()
        for i in range(options.runs):
            name = f"pair{i}"
            make_table(client, name)
            self.pairs[name] = Pair(folder, name, self.fake, self.receiver, worker)
            for who in "ab":
                self.pairs[name].start(who)
        self.load = Load(self.fake.port, list(self.pairs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.load:
            self.load.stop()
        for pair in self.pairs.values():
            pair.stop()
        self.receiver.kill()
        self.fake.__exit__()

    def arrivals(self, since):
        """Pair, worker and time of what came, from a time in ms on."""
        for arrival in load_arrivals(self.receiver.path):
            if arrival.ms >= since:
                yield (*arrival.process.split("/"), arrival.ms)

    def owners(self):
        """Who delivers, by pair; waits until somebody does in each."""
        since = time.monotonic_ns() // 10 ** 6

        def found():
            owners = {name: who for name, who, _ in self.arrivals(since)}
            return owners if len(owners) == len(self.pairs) else None

        return wait_for(found, 60)

    def measure(self, number, seconds):
        """Sends a signal to each owner, at random moments; returns the times in s until the other one delivered."""
        owners = self.owners()
        due = sorted((self.rng.uniform(0, PHASES), name) for name in self.pairs)
        began = time.monotonic()
        for after, name in due:
            time.sleep(max(0, began + after - time.monotonic()))
            self.pairs[name].signal(number, owners[name])
        began_ms, took = int(began * 1000), {}

        def all_took():
            for name, who, ms in self.arrivals(began_ms):
                pair = self.pairs[name]
                if who != pair.gone and ms >= pair.at:
                    took.setdefault(name, (ms - pair.at) / 1000)
            time.sleep(0.3)  # the file is long
            return len(took) == len(self.pairs)

        wait_for(all_took, seconds)
        for pair in self.pairs.values():
            pair.revive()
        return list(took.values())


def tell(what, took, limit):
    """Prints the figures, and raises when the worst is too much."""
    print(f"# {what}: median {statistics.median(took):.2f} s, worst {max(took):.2f} s of {len(took)}; "
          f"limit {limit:g} s", flush=True)
    assert max(took) <= limit, f"{what}: {max(took):.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--lease", type=float, default=10, help="the lease time, in s (10)")
    parser.add_argument("--heartbeat", type=float, default=3, help="between heartbeats, in s (3)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddbtap-failover-") as folder, Pairs(folder, options) as pairs:
        def failover_within_the_lease_time():
            tell("from kill -9 to the other's first record",
                 pairs.measure(signal.SIGKILL, 3 * options.lease + 60), options.lease + MARGIN)

        def handover_at_once():
            tell("from SIGTERM to the other's first record", pairs.measure(signal.SIGTERM, 60), MARGIN)

        return run_tests([failover_within_the_lease_time, handover_at_once])


if __name__ == "__main__":
    sys.exit(main())
