#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What many workers ask of their checkpoint table while nothing happens: 10,000 idle shards on four workers, writes and
read units per second once the shards are shared out. Prints a line per figure and fails above the limits; README.md
says more.

    measure_leases.py [--shards N] [--workers N] [--seconds N]
"""
import argparse
import collections
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from fakelib import Fake, make_table, wait_for  # noqa: E402
from measure import cpu_us  # noqa: E402
from taplib import FAKE, Tap, configuration  # noqa: E402

ROWS = "ddbtap-e2e"
WRITING = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
WRITES_LIMIT = 5  # per second
READ_UNITS_LIMIT = 20  # per second
SPREAD = 1  # by how many shards workers may differ
SETTLED = 10  # s without a change
STARTING = 300  # s that sharing out may take: each worker lists all shards, one after the other


def owners(client):
    """How many shards each worker has."""
    found, pages = collections.Counter(), client.get_paginator("scan").paginate(TableName=ROWS)
    for page in pages:
        for row in page["Items"]:
            if "leaseCounter" in row:
                found[row.get("leaseOwner", {"S": ":"})["S"].split(":")[0]] += 1
    return found


def settle(client, taps, shards):
    """Waits until all shards are shared out evenly and stay where they are, but not for ever; returns who has how
    many."""
    last, since = None, time.monotonic()
    end = since + STARTING

    def settled():
        nonlocal last, since
        for tap in taps:
            assert tap.process.poll() is None, tap.said()
        time.sleep(1)
        try:
            found = owners(client)
        except client.exceptions.ResourceNotFoundException:
            return None
        if found != last:
            last, since = found, time.monotonic()
        done = sum(found.values()) == shards and not found[""] and len(found) >= len(taps) and \
            spread(found) <= SPREAD and time.monotonic() - since >= SETTLED
        return found if done or time.monotonic() > end else None

    return wait_for(settled, STARTING + 60)


def spread(held):
    """By how many shards workers differ."""
    numbers = [n for worker, n in held.items() if worker]
    return max(numbers) - min(numbers)


def consumed(fake):
    """The writes and the read units of the checkpoint table so far. Nothing else is written."""
    stats = fake.admin("stats")
    writes = sum(stats["operations"].get(name, {}).get("requests", 0) for name in WRITING)
    return writes, stats["capacity"][ROWS]["read_units"]


def main():
    parser = argparse.ArgumentParser(description="What idle workers ask of their checkpoint table.")
    parser.add_argument("--shards", type=int, default=10000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60, help="of measuring (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddbtap-bench-") as folder, \
            Fake(FAKE, "--shards", options.shards, "--shard-life", 0) as fake:
        client, taps = fake.client(), []
        make_table(client, "quiet")
        try:
            began = time.monotonic()
            for i in range(options.workers):
                # Polls as rare as can be: they are not what is measured. Leases are the defaults.
                config = configuration(
                    fake.url, ["quiet"], {"out": f"{folder}/w{i}.out"}, worker={"id": f"w{i}"},
                    engine={"poll_floor": "10s", "max_latency": "60s", "discovery": "1h"})
                taps.append(Tap(folder, config, name=f"w{i}"))
            held = settle(client, taps, options.shards)
            print(f"{options.shards} shards: settled {time.monotonic() - began - SETTLED:.0f} s after the start, "
                  f"workers differ by {spread(held)}, limit {SPREAD}: "
                  + ", ".join(f"{worker} has {n}" for worker, n in sorted(held.items())), flush=True)
            writes, units = consumed(fake)
            cpu, began = [cpu_us(tap.process.pid) for tap in taps], time.monotonic()
            time.sleep(options.seconds)
            seconds = time.monotonic() - began
            more_writes, more_units = consumed(fake)
            cpu = [cpu_us(tap.process.pid) - before for tap, before in zip(taps, cpu)]
        finally:
            for tap in taps:
                tap.__exit__()
    writes, units = (more_writes - writes) / seconds, (more_units - units) / seconds
    print(f"checkpoint table: {writes:.1f} writes per second, limit {WRITES_LIMIT}; "
          f"{units:.1f} read units per second, limit {READ_UNITS_LIMIT}")
    print(f"busiest of {options.workers} workers: {max(cpu) / seconds / 10000:.2f} % of a core")
    return 0 if spread(held) <= SPREAD and writes <= WRITES_LIMIT and units <= READ_UNITS_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
