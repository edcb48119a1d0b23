#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does ddbtap begin where it is told to, and say which images it lacks? usage: starts.py

Five changes, of which some are older than a second of the service's clock and some are not; each start
has an application, and so checkpoints, of its own.
"""
import datetime
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify
from fakelib import Fake, make_table, run_tests, wait_for
from taplib import FAKE, TOP, Tap, configuration

SCRATCH = os.path.join(TOP, "build", "e2e-starts")
SECONDS = 30


class Bench:
    """A table with five changes: 0 to 2, then, in a later second, 3 and 4."""

    def __init__(self):
        self.fake = Fake(FAKE)
        self.client = self.fake.client()
        make_table(self.client, "things")
        make_table(self.client, "keys", view="KEYS_ONLY")
        make_table(self.client, "news", view="NEW_IMAGE")
        self.put("things", 0, 1, 2)
        old = self.seconds()
        self.second = wait_for(lambda: (now := self.seconds()) > old and now)
        self.put("things", 3, 4)
        self.put("news", 0)

    def seconds(self):
        """The service's time."""
        return self.fake.admin("ping")["now_ms"] // 1000

    def put(self, table, *numbers):
        for n in numbers:
            self.client.put_item(TableName=table, Item={"pk": {"S": str(n)}})

    def run(self, name, table, status=0, sink=None):
        """Runs to the tip; returns the keys that were delivered, and what was said."""
        path = os.path.join(SCRATCH, name + ".ndjson")
        config = configuration(self.fake.url, [table], {"sink": {"type": "file", "path": path, **(sink or {})}})
        with Tap(SCRATCH, {**config, "application": name}, "--until-caught-up", name=name) as tap:
            assert tap.wait(SECONDS) == status, tap.said()
            said = tap.said()
        lines = verify.load_lines(path) if os.path.exists(path) else []
        found = (re.search(rb'"pk":"([0-9])"', line) for line in lines)  # a gap record has no key
        return [int(key[1]) for key in found if key], said


def time_of(seconds):
    """RFC 3339, in a zone that is not UTC."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat()


def the_oldest_change(bench):
    assert bench.run("oldest", {"name": "things"})[0] == [0, 1, 2, 3, 4]


def the_tip(bench):
    assert not bench.run("tip", {"name": "things", "start": "latest"})[0]


def a_time(bench):
    assert bench.run("time", {"name": "things", "start": time_of(bench.second)})[0] == [3, 4]


def a_time_before_everything(bench):
    assert bench.run("before", {"name": "things", "start": "2001-02-03T04:05:06Z"})[0] == [0, 1, 2, 3, 4]


def a_time_to_come(bench):
    said = bench.run("future", {"name": "things", "start": time_of(bench.second + 3600)}, 78)[1]
    assert "still to come" in said and "start: latest" in said, said


def a_change_of_a_shard(bench):
    write = bench.fake.writes(table="things")[1]
    after = {write["shard"]: write["seq"]}
    assert bench.run("after", {"name": "things", "start_after": after})[0] == [2, 3, 4]
    assert bench.run("both", {"name": "things", "start": "latest", "start_after": after})[0] == [2, 3, 4]
    # What is checkpointed counts, whatever the configuration says then.
    assert bench.run("after", {"name": "things"})[0] == [2, 3, 4]


def a_shard_that_is_not_there(bench):
    after = {"shardId-00000000000000000000-00000000": "000000000000000000001"}
    keys, said = bench.run("lost", {"name": "things", "start_after": after})
    assert "start.no_shard" in said and "gap sink=sink" in said, said
    assert keys[-5:] == [0, 1, 2, 3, 4], keys


def images_that_are_missing(bench):
    said = bench.run("missing", {"name": "keys"}, 78, {"format": "debezium"})[1]
    assert "KEYS_ONLY" in said and "sink sink" in said and "NEW_AND_OLD_IMAGES" in said, said
    role = {"name": "keys", "profile": "vinyldns", "role": "record_set_change"}
    assert "KEYS_ONLY" in bench.run("role", role, 78)[1]
    assert "poor_view" not in bench.run("plain", {"name": "keys"})[1]


def images_that_would_be_nice(bench):
    keys, said = bench.run("nice", {"name": "news"}, 0, {"format": "debezium"})
    assert keys == [0] and said.count("table.poor_view") == 1 and "old image" in said, said


TESTS = [the_oldest_change, the_tip, a_time, a_time_before_everything, a_time_to_come, a_change_of_a_shard,
         a_shard_that_is_not_there, images_that_are_missing, images_that_would_be_nice]


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    bench = Bench()
    with bench.fake:
        failed = run_tests(TESTS, bench)
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
