#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ddbtap sinks` and `ddbtap seek`: the registry of sinks, and going on from another place.

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

    def seek(self, *words, **more):
        return self.ask("seek", CONFIG, *words, **more)

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

    def forget_registry(self):
        self.client.delete_item(TableName=ROWS, Key={"leaseKey": {"S": "ddbtap/registry"}})

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
        assert s.registry()["sinks"] == {"a": (1, "active"), "b": (1, "active")}
        s.forget_registry()
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


# ---- seek ----

def seek_to_the_horizon(options):
    with scene(options) as s:
        keys = s.write(10)
        first = s.run_dry()
        s.fake.admin("split", table="things")
        keys += s.write(10)
        assert sorted(first["a"] + s.run_dry()["a"]) == sorted(keys)
        before = s.leases()
        s.seek("--table", "things", "--to", "trim_horizon", said=["beginning replay 1", "4 leases are rewritten"])
        assert s.registry()["epoch"] == 1 and "seek" not in s.registry(), s.registry()
        for shard, row in s.leases().items():
            assert row["epoch"]["N"] == "1" and row["checkpoint"]["S"] == "TRIM_HORIZON", row
            assert "leaseOwner" not in row, row
            assert int(row["leaseCounter"]["N"]) == int(before[shard]["leaseCounter"]["N"]) + 1, row
        assert {sink: sorted(got) for sink, got in s.run_dry().items()} == {"a": sorted(keys), "b": sorted(keys)}
        # Rows that were deleted as finished are not needed for that.
        for shard, row in s.leases().items():
            if row["checkpoint"]["S"] == "SHARD_END":
                s.delete(shard)
                deleted = shard
        s.seek("--all", "--to", "TRIM_HORIZON", said="beginning replay 2")
        assert deleted not in s.leases()
        assert sorted(s.run_dry()["b"]) == sorted(keys)


def seek_of_one_sink(options):
    with scene(options) as s:
        keys = s.write(10)
        s.run_dry()
        s.fake.admin("roll", table="things")
        keys += s.write(10)
        s.run_dry()
        roots = s.shards()[:2]
        s.delete(roots[0])  # finished, and deleted for that
        s.seek("--table", "things", "--to", "trim_horizon", "--sink", "a")
        row = s.leases()[roots[0]]
        assert row["checkpoint"]["S"] == "TRIM_HORIZON" and row["sink.b"]["S"] == "SHARD_END", row
        assert "sink.a" not in row and row["epoch"]["N"] == "1", row
        got = s.run_dry()
        assert (sorted(got["a"]), got["b"]) == (sorted(keys), []), got


def seek_to_latest(options):
    with scene(options) as s:
        s.write(10)
        s.run_dry()
        s.fake.admin("split", table="things")
        s.write(10)
        s.pause()
        s.seek("--table", "things", "--to", "latest")
        s.pause()
        later = s.write(5)
        got = s.run_dry()
        assert (sorted(got["a"]), sorted(got["b"])) == (sorted(later), sorted(later)), got
        # Of one sink, while the other one has not begun in some shard.
        missed = s.write(5)
        s.fake.admin("roll", table="things")
        missed += s.write(5)
        s.pause()
        s.seek("--table", "things", "--to", "latest", "--sink", "b")
        s.pause()
        later = s.write(3)
        got = s.run_dry()
        assert (sorted(got["a"]), sorted(got["b"])) == (sorted(missed + later), sorted(later)), got


def seek_to_a_time(options):
    with scene(options) as s:
        s.write(20)
        s.fake.admin("roll", table="things")
        s.write(20)
        when = s.pause()
        later = s.write(20)
        s.fake.admin("split", table="things")
        later += s.write(20)
        s.run_dry()
        for shard, row in s.leases().items():
            if row["checkpoint"]["S"] == "SHARD_END":
                s.delete(shard)
        for sinks in (["--sink", "a"], []):
            s.seek("--table", "things", "--to", when, *sinks)
            got = s.run_dry()
            assert sorted(got["a"]) == sorted(later), (len(got["a"]), len(later))
            assert sorted(got["b"]) == ([] if sinks else sorted(later)), len(got["b"])
        s.seek("--all", "--to", "2001-01-01T00:00:00+01:00")
        assert len(s.run_dry()["a"]) == 80


def seek_in_one_shard(options):
    with scene(options) as s:
        s.write(20)
        s.run_dry()
        s.fake.admin("roll", table="things")
        s.write(20)
        s.run_dry()
        root, other = s.shards()[:2]
        log = s.fake.writes()
        mine = [w for w in log if w["shard"] == root]
        (child,) = s.below(s.tree(), root) - {root}
        below = [w for w in log if w["shard"] == child]
        keys = lambda writes: [w["keys"]["pk"]["S"] for w in writes]
        before = s.leases()
        s.delete(root)
        s.seek("--table", "things", "--shard", root, "--to", mine[2]["seq"])
        assert s.leases()[other] == before[other]
        got = s.run_dry()
        assert got["a"] == got["b"] and sorted(got["a"]) == sorted(keys(mine[3:] + below)), got
        # Forward: what is below stays where it is.
        s.seek("--table", "things", "--shard", root, "--to", "trim_horizon")
        s.seek("--table", "things", "--shard", root, "--to", mine[-2]["seq"], "--sink", "b")
        got = s.run_dry()
        assert sorted(got["a"]) == sorted(keys(mine + below)), got
        assert sorted(got["b"]) == sorted(keys(mine[-1:] + below)), got
        s.seek("--table", "things", "--shard", other, "--to", "latest")
        assert s.run_dry() == {"a": [], "b": []}
        # What comes before is still finished, although its row is deleted.
        s.delete(root)
        s.seek("--table", "things", "--shard", child, "--to", "trim_horizon")
        got = s.run_dry()
        assert sorted(got["a"]) == sorted(keys(below)), got


def seek_for_registered_sinks(options):
    with scene(options) as s:
        s.write(10)
        s.run_dry()
        s.put_registry(version={"N": "3"}, lastGeneration={"N": "7"}, epoch={"N": "5"}, sinks={"M": {
            name: {"M": {"generation": {"N": n}, "state": {"S": "active"}}} for name, n in (("a", "1"), ("b", "7"))}})
        s.seek("--all", "--to", "trim_horizon", "--sink", "a", said="beginning replay 6")
        for row in s.leases().values():
            assert row["checkpoint"]["S"] == "TRIM_HORIZON" and row["sink.b.7"]["S"].isdigit(), row
        s.seek("--all", "--to", "trim_horizon", "--sink", "b", said="beginning replay 7")
        assert not any(name.startswith("sink.") for row in s.leases().values() for name in row)


def an_interrupted_seek_goes_on_or_is_given_up(options):
    with scene(options) as s:
        keys = s.write(20)
        s.run_dry()
        want = s.leases()
        s.seek("--all", "--to", "trim_horizon", "--sink", "b")
        row = s.registry()
        first, second = s.leases()
        # As if it had ended after the first row.
        s.client.put_item(TableName=ROWS, Item=want[second])
        s.put_registry(version={"N": "9"}, epoch={"N": str(row["epoch"])}, lastGeneration={"N": "0"},
                       sinks={"M": {}}, seek={"S": "--all --to trim_horizon --sink b"})
        counter = s.leases()[first]["leaseCounter"]
        s.seek("--all", "--to", "latest", status=75, said=["'ddbtap seek CONFIG --all --to trim_horizon --sink b'",
                                                           "--abandon"])
        s.seek("--all", "--to", "trim_horizon", "--sink", "b", said=["going on with replay 1", "1 lease is rewritten"])
        assert s.leases()[first]["leaseCounter"] == counter
        assert s.registry()["epoch"] == 1 and "seek" not in s.registry()
        assert sorted(s.run_dry()["b"]) == sorted(keys)
        s.put_registry(version={"N": "9"}, epoch={"N": "1"}, sinks={"M": {}}, seek={"S": "--all --to latest"})
        s.seek("--abandon", said="gave up the seek '--all --to latest'")
        assert "seek" not in s.registry() and s.registry()["version"] == 10
        s.seek("--abandon", said="there is no seek to give up")


def seek_with_kills(s, epoch, *words):
    """Kills the seek after each row that it writes, until it is through."""
    path = write_config(s.folder, s.config(), "verb")
    kills, before = 0, s.rows()
    s.fake.admin("fault", kind="drip", target="UpdateItem", ms=1000, count=1000)
    while kills == 0 or "seek" in before["ddbtap/registry"]:
        with subprocess.Popen([PROGRAM, "seek", path, *words], stderr=subprocess.DEVNULL,
                              env=good_environment()) as process:
            # Each write is carried out, but its answer never comes: one write for each kill.
            wait_for(lambda: s.rows() != before)
            assert process.poll() is None
            process.kill()
        kills, before = kills + 1, s.rows()
    s.fake.admin("stop-faults")
    assert s.registry()["epoch"] == epoch and kills > 4, (kills, s.registry())


def a_seek_survives_kills(options):
    """Killed after each row that it writes, it goes on; the sink that stays never goes back."""
    with scene(options) as s:
        keys = s.write(30)
        s.fake.admin("split", table="things")
        keys += s.write(30)
        s.fake.admin("roll", table="things")
        keys += s.write(30)
        s.run_dry()
        for shard, row in s.leases().items():
            if row["checkpoint"]["S"] == "SHARD_END":
                s.delete(shard)
        seek_with_kills(s, 1, "--all", "--to", "trim_horizon", "--sink", "a")
        got = s.run_dry()
        assert (sorted(got["a"]), got["b"]) == (sorted(keys), []), (len(got["a"]), len(got["b"]))
        tree = s.tree()
        root = max(tree, key=lambda shard: len(s.below(tree, shard)))
        seek_with_kills(s, 2, "--table", "things", "--shard", root, "--to", "trim_horizon", "--sink", "b")
        want = [w["keys"]["pk"]["S"] for w in s.fake.writes() if w["shard"] in s.below(tree, root)]
        got = s.run_dry()
        assert (got["a"], sorted(got["b"])) == ([], sorted(want)), (len(got["a"]), len(got["b"]), len(want))


def trouble_while_seeking(options):
    with scene(options) as s:
        keys = s.write(20)
        s.run_dry()
        for n, kind in enumerate(("500-after", "reset-after", "throttle", "503", "truncate")):
            s.fake.admin("fault", kind=kind, target="UpdateItem", count=3)
            s.seek("--all", "--to", "trim_horizon")
            s.fake.admin("stop-faults")
            assert s.registry()["epoch"] == n + 1 and "seek" not in s.registry(), (kind, s.registry())
        assert sorted(s.run_dry()["a"]) == sorted(keys)


def workers_have_to_let_go(options):
    with scene(options) as s:
        s.write(10)
        s.run_dry()
        with Heart(s.client, "w8") as heart:
            s.seek("--all", "--to", "latest", status=75,
                   said=["worker w8 lives and does not adopt replay 1", "repeat this command"])
            assert s.registry()["seek"] == "--all --to latest"
            assert not any("epoch" in row for row in s.leases().values())
            adopt = threading.Timer(2, lambda: setattr(heart, "epoch", 1))
            adopt.start()
            s.seek("--all", "--to", "latest", said=["going on with replay 1", "2 leases are rewritten"])
            adopt.join()
        assert {row["epoch"]["N"] for row in s.leases().values()} == {"1"}
        assert "fenced" not in s.rows()["ddbtap/worker/w8"]
        s.seek("--all", "--to", "latest", said="2 leases are rewritten")  # it is silent now
        assert s.rows()["ddbtap/worker/w8"]["fenced"] == {"BOOL": True}


def wrong_words_about_seeking(options):
    with scene(options) as s:
        s.seek("--all", "--to", "latest", status=69, said="does not exist")
        s.write(3)
        s.run_dry()
        shard, registry = s.shards()[0], s.registry()
        for words, said in (
                ([], "--table T or --all"), (["--all"], "seek wants --to"),
                (["--all", "--table", "things", "--to", "latest"], "--table T or --all"),
                (["--all", "--to", "yesterday"], "'yesterday' is no place"),
                (["--all", "--to", "5"], "a sequence number goes with --shard"),
                (["--all", "--to", "latest", "--shard", shard], "--shard goes with --table"),
                (["--abandon", "--all"], "--abandon takes nothing else"),
                (["--table", "thing", "--to", "latest"], "no table 'thing'"),
                (["--all", "--to", "latest", "--sink", "c"], "no sink 'c' that gets any table"),
                (["--table", "things", "--to", "latest", "--sink", "c"], "no sink 'c' that gets table things"),
                (["--all", "--to", "2999-01-01T00:00:00Z"], "2999-01-01T00:00:00Z is still to come")):
            s.seek(*words, status=64, said=said)
        s.seek("--table", "things", "--shard", "shardId-x", "--to", "latest", status=69, said="no shard 'shardId-x'")
        s.ask("seek", status=64, said="seek takes one configuration file")
        assert s.registry() == registry
        s.fake.admin("trim", table="things", before="now")
        first = next(w for w in s.fake.writes() if w["shard"] == shard)
        s.seek("--table", "things", "--shard", shard, "--to", first["seq"], status=69, said="any more")
        assert s.registry() == registry


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    return run_tests([
        sinks_are_added_listed_and_removed,
        an_interrupted_add_is_completed,
        wrong_words_about_sinks,
        seek_to_the_horizon,
        seek_of_one_sink,
        seek_to_latest,
        seek_to_a_time,
        seek_in_one_shard,
        seek_for_registered_sinks,
        an_interrupted_seek_goes_on_or_is_given_up,
        a_seek_survives_kills,
        trouble_while_seeking,
        workers_have_to_let_go,
        wrong_words_about_seeking,
    ], parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
