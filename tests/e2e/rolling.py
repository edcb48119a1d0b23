#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sinks that come and go, and seeks, while workers run.

    rolling.py [--seed N]
"""
import argparse
import collections
import json
import os
import signal
import sys

from fakelib import run_tests, wait_for
from registry import CONFIG, scene
from taplib import Tap, configuration, line_count


class Crew:
    """Workers of one application, each with its own list of sinks and its own files."""

    def __init__(self, s):
        self.s, self.taps = s, {}

    def config(self, worker, sinks):
        files = {sink: os.path.join(self.s.folder, f"{worker}-{sink}") for sink in sinks}
        return configuration(self.s.fake.url, self.s.tables, files,
                             worker={"id": worker, "lease": "2s", "heartbeat": "300ms"})

    def start(self, worker, *sinks):
        tap = Tap(self.s.folder, self.config(worker, sinks), name=worker)
        self.taps[worker] = tap
        return tap

    def stop(self, worker):
        tap = self.taps.pop(worker)
        tap.signal(signal.SIGTERM)
        assert tap.wait() == 0, tap.said()

    def kill(self, worker):
        self.taps.pop(worker).kill()

    def got(self, sink):
        """The keys that a sink got from all workers."""
        keys = []
        for name in sorted(os.listdir(self.s.folder)):
            if name.endswith("-" + sink) and line_count(os.path.join(self.s.folder, name)):
                with open(os.path.join(self.s.folder, name), encoding="utf-8") as file:
                    keys += [json.loads(line)["key"]["pk"] for line in file]
        return keys

    def owners(self):
        """The workers that hold shards which are not finished."""
        return {row.get("leaseOwner", {"S": "-"})["S"].split(":")[0] for row in self.s.leases().values()
                if row["checkpoint"]["S"] != "SHARD_END"}

    def await_got(self, sink, keys, seconds=20):
        wait_for(lambda: sorted(self.got(sink)) == sorted(keys), seconds)

    def await_times(self, sink, keys, times):
        """Waits until the sink has each of the keys so many times."""
        def enough():
            counts = collections.Counter(self.got(sink))
            return all(counts[key] >= times for key in keys)
        wait_for(enough, 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for tap in self.taps.values():
            tap.__exit__()


def a_sink_is_added_by_a_rolling_upgrade(options):
    """The worker that does not know the new sink stands aside; it goes on when no other one is left."""
    with scene(options) as s, Crew(s) as crew:
        crew.start("w1", "a")
        before = s.write(10)
        crew.await_got("a", before)
        crew.start("w2", "a", "b")
        wait_for(lambda: crew.owners() == {"w2"}, 20)
        assert "worker.renewed" in crew.taps["w1"].said() and "worker.stands_aside" in crew.taps["w1"].said()
        assert s.registry()["sinks"] == {"a": (1, "active"), "b": (2, "active")}
        later = s.write(10)
        # It begins where the leases were at that moment, which may be before what `a` has by now.
        wait_for(lambda: set(crew.got("b")) >= set(later))
        at_first = crew.got("b")
        assert set(at_first) <= set(before + later) and len(at_first) == len(set(at_first)), at_first
        crew.kill("w2")
        wait_for(lambda: crew.owners() == {"w1"}, 20)
        s.fake.admin("split", table="things")
        alone = s.write(10)
        wait_for(lambda: set(crew.got("a")) == set(before + later + alone), 20)
        assert not any(row["checkpoint"]["S"] == "SHARD_END" for row in s.leases().values())
        assert "sink.unserved sink=b" in crew.taps["w1"].said(), crew.taps["w1"].said()
        crew.stop("w1")
        crew.start("w1", "a", "b")
        wait_for(lambda: sorted(set(crew.got("b"))) == sorted(set(at_first + alone)), 20)
        assert set(crew.got("a")) == set(before + later + alone)


def a_sink_is_removed_and_added_again(options):
    """What nobody runs any more holds nothing back once it is removed; added again it begins anew."""
    with scene(options) as s, Crew(s) as crew:
        crew.start("w1", "a", "b")
        first = s.write(10)
        crew.await_got("b", first)
        crew.stop("w1")
        crew.start("w1", "a")
        second = s.write(10)
        s.fake.admin("roll", table="things")
        crew.await_got("a", first + second)
        s.ask("sinks", "remove", CONFIG, "b", said="sink b is removed")
        wait_for(lambda: sum(row["checkpoint"]["S"] == "SHARD_END" for row in s.leases().values()) == 2, 20)
        assert "worker.renewed" in crew.taps["w1"].said()
        crew.start("w2", "a", "b")
        wait_for(lambda: crew.owners() == {"w2"}, 20)
        assert s.registry()["sinks"]["b"] == (2, "active"), s.registry()
        third = s.write(10)
        crew.await_got("b", first + third)
        assert sorted(crew.got("a")) == sorted(first + second + third)


def a_seek_while_workers_run(options):
    """They let go, adopt the replay, and deliver everything again; files included."""
    with scene(options) as s, Crew(s) as crew:
        crew.start("w1", "a", "b")
        crew.start("w2", "a", "b")
        keys = s.write(20)
        s.fake.admin("split", table="things")
        keys += s.write(20)
        crew.await_times("a", keys, 1)
        crew.await_times("b", keys, 1)
        s.seek("--all", "--to", "trim_horizon", said="beginning replay 1")
        crew.await_times("a", keys, 2)
        crew.await_times("b", keys, 2)
        # What is delivered and not written down comes again for both sinks.
        wait_for(lambda: all(row["checkpoint"]["S"] != "TRIM_HORIZON" for row in s.leases().values()), 30)
        s.seek("--table", "things", "--to", "trim_horizon", "--sink", "b", said="beginning replay 2")
        crew.await_times("b", keys, 3)
        crew.await_times("a", s.write(5), 1)
        # Leases that change hands may repeat something, not everything.
        assert len(crew.got("a")) < 3 * len(keys), len(crew.got("a"))
        wait_for(lambda: crew.owners() == {"w1", "w2"}, 20)
        for tap in crew.taps.values():
            assert tap.process.poll() is None and tap.said().count("worker.renewed") == 2, tap.said()


def a_seek_under_a_frozen_worker(options):
    """A worker that stands still does not hold the seek up, and ends when it wakes up."""
    with scene(options) as s, Crew(s) as crew:
        frozen = crew.start("w1", "a", "b")
        keys = s.write(20)
        crew.await_got("a", keys)
        crew.await_got("b", keys)
        frozen.freeze()
        s.seek("--all", "--to", "trim_horizon")
        crew.start("w2", "a", "b")
        crew.await_got("a", 2 * keys)
        frozen.signal(signal.SIGCONT)
        assert frozen.wait() == 75, frozen.said()
        more = s.write(5)
        crew.await_got("b", 2 * keys + more)


def a_seek_that_was_interrupted_is_waited_for(options):
    with scene(options) as s, Crew(s) as crew:
        keys = s.write(5)
        crew.start("w1", "a", "b")
        crew.await_got("a", keys)
        crew.stop("w1")
        row = s.rows()["ddbtap/registry"]
        s.put_registry(**{name: row[name] for name in ("version", "lastGeneration", "sinks")}, epoch={"N": "1"},
                       seek={"S": "--all --to trim_horizon"})
        tap = crew.start("w1", "a", "b")
        wait_for(lambda: "start.waits" in tap.said(), 20)
        assert "ddbtap seek --abandon" in tap.said() and '--all --to trim_horizon' in tap.said(), tap.said()
        wait_for(lambda: s.rows()["ddbtap/worker/w1"].get("epoch", {}).get("N") == "1", 20)
        assert crew.owners() == {"-"}
        s.seek("--all", "--to", "trim_horizon", said="going on with replay 1")
        crew.await_got("a", 2 * keys)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    return run_tests([
        a_sink_is_added_by_a_rolling_upgrade,
        a_sink_is_removed_and_added_again,
        a_seek_while_workers_run,
        a_seek_under_a_frozen_worker,
        a_seek_that_was_interrupted_is_waited_for,
    ], parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
