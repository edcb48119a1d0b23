#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ddbtap sinks`: the registry of sinks.

    registry.py [--seed N]
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from fakelib import Fake, list_shards, make_table, run_tests, wait_for
from taplib import (CONFIG, FAKE, PROGRAM, Tap, configuration, good_environment, line_count, run_verb,
                    write_config)

ROWS = "ddbtap-e2e"
WORKER = {"id": "w1", "lease": "2s", "heartbeat": "300ms"}


class Scene:
    """A service with a table "things" and two file sinks, whose files may be others in each run."""

    def __init__(self, folder, fake, seed):
        self.folder, self.fake, self.client, self.seed = folder, fake, fake.client(), seed
        self.streams = fake.client("dynamodbstreams")
        self.arn = make_table(self.client, "things")
        self.tables, self.written, self.runs = ["things"], 0, 0

    def config(self, name="first", **more):
        sinks = {sink: os.path.join(self.folder, f"{name}-{sink}") for sink in ("a", "b")}
        return configuration(self.fake.url, self.tables, sinks, **{"worker": WORKER, **more})

    def write(self, n, table="things"):
        """Writes items; returns their keys."""
        keys = [f"k{i}" for i in range(self.written, self.written + n)]
        for key in keys:
            self.client.put_item(TableName=table, Item={"pk": {"S": key}})
        self.written += n
        return keys

    def ask(self, *words, status=0, said=(), config=None):
        """Runs `ddbtap WORD...`; returns its standard output."""
        got = run_verb(self.folder, config or self.config(), *words)
        assert got.returncode == status, (words, got)
        for word in [said] if isinstance(said, str) else said:
            assert word in got.stderr, (word, got.stderr)
        return got.stdout

    def run_dry(self):
        """Runs with new files until all is delivered; returns the keys that each sink got."""
        self.runs += 1
        name = f"run{self.runs}"
        with Tap(self.folder, self.config(name), "--until-caught-up") as tap:
            assert tap.wait(40) == 0, tap.said()
            assert "gap" not in tap.said(), tap.said()
        got = {}
        for sink in ("a", "b"):
            path = os.path.join(self.folder, f"{name}-{sink}")
            got[sink] = []
            if line_count(path):
                with open(path, encoding="utf-8") as file:
                    got[sink] = [json.loads(line)["key"]["pk"] for line in file]
        return got

    def rows(self):
        pages = self.client.get_paginator("scan").paginate(TableName=ROWS, ConsistentRead=True)
        return {item["leaseKey"]["S"]: item for page in pages for item in page["Items"]}

    def leases(self):
        """Lease rows by shard."""
        return {key.rsplit("/", 1)[1]: item for key, item in self.rows().items() if key.count("/") == 4}

    def registry(self):
        """The registry's row in plain terms; empty if there is none."""
        row = self.rows().get("ddbtap/registry", {})
        plain = {name: int(value["N"]) if "N" in value else value.get("S") for name, value in row.items()}
        if row:
            plain["sinks"] = {name: (int(sink["M"]["generation"]["N"]), sink["M"]["state"]["S"])
                              for name, sink in row["sinks"]["M"].items()}
        return plain

    def put_registry(self, **attributes):
        self.client.put_item(TableName=ROWS, Item={"leaseKey": {"S": "ddbtap/registry"}, **attributes})

    def key(self, shard):
        return f"123456789012/us-east-1/things/{self.arn.rsplit('/', 1)[1]}/{shard}"

    def delete(self, shard):
        self.client.delete_item(TableName=ROWS, Key={"leaseKey": {"S": self.key(shard)}})

    def shards(self):
        return [shard["ShardId"] for shard in list_shards(self.streams, self.arn)]

    def tree(self):
        """The parent of each shard."""
        return {shard["ShardId"]: shard.get("ParentShardId") for shard in list_shards(self.streams, self.arn)}

    def below(self, tree, root):
        """A shard and what came of it."""
        found = {root}
        for _ in tree:
            found |= {shard for shard, parent in tree.items() if parent in found}
        return found

    def pause(self):
        """Until the service's clock shows another second, in which nothing was written; returns its time."""
        time.sleep(1.1)
        wall_ms = self.fake.admin("ping")["now_ms"] // 1000 * 1000
        time.sleep(0.1)
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_ms / 1000))


class Heart:
    """The heartbeat row of a worker, that moves until `stop`; `epoch` may be set at any time."""

    def __init__(self, client, worker, **attributes):
        self.client, self.epoch, self.stopped = client, None, threading.Event()
        self.row = {"leaseKey": {"S": "ddbtap/worker/" + worker}, "incarnation": {"S": "i"}, **attributes}
        self.n = 0
        self.beat()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def beat(self):
        self.n += 1
        self.client.put_item(TableName=ROWS, Item={**self.row, "counter": {"N": str(self.n)},
                                                   **({"epoch": {"N": str(self.epoch)}} if self.epoch else {})})

    def run(self):
        while not self.stopped.wait(0.1):
            self.beat()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


@contextlib.contextmanager
def scene(options, *fake_options):
    with tempfile.TemporaryDirectory(prefix="ddbtap-registry-") as folder, \
            Fake(FAKE, "--shards", 2, "--shard-life", 0, "--seed", options.seed, *fake_options) as fake:
        yield Scene(folder, fake, options.seed)


# ---- sinks ----

def sinks_are_added_listed_and_removed(options):
    with scene(options) as s:
        s.run_dry()
        assert s.ask("sinks", "list", CONFIG, "--json") == ""
        before = {key: int(row["leaseCounter"]["N"]) for key, row in s.leases().items()}
        s.ask("sinks", "add", CONFIG, "a", said="sink a is active in generation 1; 2 leases were told")
        assert {key: int(row["leaseCounter"]["N"]) - 1 for key, row in s.leases().items()} == before
        s.ask("sinks", "add", CONFIG, "b", said="generation 2")
        s.ask("sinks", "add", CONFIG, "b", said="sink b is active already, in generation 2")
        s.ask("sinks", "add", CONFIG, "other", said="sink other is not in this configuration")
        assert s.registry()["sinks"] == {"a": (1, "active"), "b": (2, "active"), "other": (3, "active")}
        assert s.registry()["version"] == 6
        s.ask("sinks", "remove", CONFIG, "othr", status=69, said="did you mean other?")
        s.ask("sinks", "remove", CONFIG, "other", said="sink other is removed")
        s.ask("sinks", "remove", CONFIG, "other", status=69, said="no sink 'other' is registered")
        s.ask("sinks", "add", CONFIG, "other", said="generation 4")
        with Heart(s.client, "w8", sinks={"SS": ["a.1", "b.1"]}), Heart(s.client, "w9", sinks={"SS": ["a.1"]}):
            listed = [json.loads(line) for line in s.ask("sinks", "list", CONFIG, "--json").splitlines()]
            assert sorted(listed[0].pop("workers")) == ["w8", "w9"], listed
            assert listed[0] == {"sink": "a", "generation": 1, "state": "active", "configured": True}, listed
            assert listed[1]["workers"] == [] and listed[1]["sink"] == "b", listed
            assert (listed[2]["configured"], listed[2]["generation"]) == (False, 4), listed
            lines = s.ask("sinks", "list", CONFIG).splitlines()
            assert lines[0].split() == ["SINK", "GENERATION", "STATE", "CONFIGURED", "WORKERS"], lines
            assert sorted(lines[1].split()[4:]) == ["w8", "w9"] and lines[2].split()[-1] == "-", lines
            s.ask("sinks", "remove", CONFIG, "a", status=75, said="runs sink a: take it out of its configuration")
            s.ask("sinks", "remove", CONFIG, "b")  # of another generation than w8's
        s.ask("sinks", "remove", CONFIG, "a", said="watching 2 workers")
        assert s.registry()["sinks"] == {"other": (4, "active")}


def an_interrupted_add_is_completed(options):
    with scene(options) as s:
        s.run_dry()
        s.put_registry(version={"N": "3"}, epoch={"N": "0"}, lastGeneration={"N": "7"}, sinks={"M": {
            "a": {"M": {"generation": {"N": "7"}, "state": {"S": "adding"}}}}})
        assert json.loads(s.ask("sinks", "list", CONFIG, "--json"))["state"] == "adding"
        s.ask("sinks", "add", CONFIG, "a", said="sink a is active in generation 7; 2 leases were told")
        assert s.registry()["sinks"] == {"a": (7, "active")} and s.registry()["version"] == 4
        for kind in ("500-after", "reset-after", "throttle", "truncate"):
            s.fake.admin("fault", kind=kind, target="UpdateItem", count=3)
            s.ask("sinks", "add", CONFIG, "x-" + kind)
            assert s.registry()["sinks"]["x-" + kind][1] == "active"
            s.fake.admin("stop-faults")
            s.fake.admin("fault", kind=kind, target="UpdateItem", count=3)
            s.ask("sinks", "remove", CONFIG, "x-" + kind)
            s.fake.admin("stop-faults")
        assert s.registry()["sinks"] == {"a": (7, "active")}


def wrong_words_about_sinks(options):
    with scene(options) as s:
        s.ask("sinks", "list", CONFIG, status=69, said="checkpoint table ddbtap-e2e does not exist")
        s.run_dry()
        for words, said in (([], "sinks wants list, add or remove"), (["lst", CONFIG], "did you mean list?"),
                            (["add", CONFIG], "and the name of a sink"), (["list", CONFIG, "x"], "wants a config"),
                            (["add", CONFIG, "a b"], "'a b' is no name of a sink"),
                            (["add", CONFIG, "a", "--json"], "takes no --json"),
                            (["remove", CONFIG, "a.b"], "is no name of a sink")):
            s.ask("sinks", *words, status=64, said=said)
        s.put_registry(version={"N": "1.5"})
        for words in (["list", CONFIG], ["add", CONFIG, "a"], ["remove", CONFIG, "a"]):
            s.ask("sinks", *words, status=65, said="malformed")
        s.put_registry(version={"N": "1"}, sinks={"M": {
            f"s{i}": {"M": {"generation": {"N": "1"}, "state": {"S": "active"}}} for i in range(16)}})
        s.ask("sinks", "add", CONFIG, "one-more", status=78, said="16 sinks already")
        s.fake.admin("deny", operation="UpdateItem")
        s.ask("sinks", "remove", CONFIG, "s0", status=77, said=["UpdateItem", "AccessDenied"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    return run_tests([
        sinks_are_added_listed_and_removed,
        an_interrupted_add_is_completed,
        wrong_words_about_sinks,
    ], parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
