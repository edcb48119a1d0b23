#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ddbtap shards`: the tree of shards, where each stands, and how far behind the sinks are."""
import contextlib
import json
import os
import sys
import tempfile
import time

from fakelib import Fake, free_port, list_shards, make_table, run_tests, wait_active, wait_for
from taplib import CONFIG, FAKE, Tap, configuration, line_count, run_verb

ROWS = "ddbtap-e2e"
WORKER = {"id": "w1", "lease": "2s", "heartbeat": "300ms"}


class Scene:
    """A service with a table "things", a file sink and one that takes nothing, and the verb."""

    def __init__(self, folder, fake):
        self.folder, self.fake, self.client = folder, fake, fake.client()
        self.streams = fake.client("dynamodbstreams")
        self.path = os.path.join(folder, "all")
        self.arn = make_table(self.client, "things")
        self.tables = ["things"]
        self.sinks = {"all": self.path}

    def config(self, **more):
        return configuration(self.fake.url, self.tables, self.sinks, **{"worker": WORKER, **more})

    def add_dead_sink(self):
        self.sinks["dead"] = {"type": "webhook", "url": f"http://127.0.0.1:{free_port()}/", "signature": "none",
                              "allow_http": True, "allow_private": True}

    def write(self, first, n, table="things"):
        for i in range(first, first + n):
            self.client.put_item(TableName=table, Item={"pk": {"S": f"k{i}"}})

    def ask(self, *words, status=0, said=(), config=None):
        """Runs `ddbtap shards CONFIG ...`; returns its standard output."""
        got = run_verb(self.folder, config or self.config(), "shards", CONFIG, *words)
        assert got.returncode == status, got
        for word in [said] if isinstance(said, str) else said:
            assert word in got.stderr, (word, got.stderr)
        assert said or not got.stderr, got.stderr
        return got.stdout

    def shards(self, *words, **more):
        return [json.loads(line) for line in self.ask("--json", *words, **more).splitlines()]

    def run_dry(self):
        with Tap(self.folder, self.config(), "--until-caught-up") as tap:
            assert tap.wait(30) == 0, tap.said()

    def key(self, shard):
        label = self.arn.rsplit("/", 1)[1]
        return f"123456789012/us-east-1/things/{label}/{shard}"

    def put(self, shard, **attributes):
        """Puts a lease row as a worker would write it."""
        self.client.put_item(TableName=ROWS, Item={"leaseKey": {"S": self.key(shard)}, "leaseCounter": {"N": "1"},
                                                   "checkpoint": {"S": "TRIM_HORIZON"}, **attributes})

    def delete(self, shard):
        self.client.delete_item(TableName=ROWS, Key={"leaseKey": {"S": self.key(shard)}})

    def asked(self, operation):
        """How often the service was asked for something."""
        return self.fake.admin("stats")["operations"].get(operation, {"requests": 0})["requests"]


@contextlib.contextmanager
def scene(*options):
    with tempfile.TemporaryDirectory(prefix="ddbtap-shards-") as folder, \
            Fake(FAKE, "--shard-life", 0, *(options or ("--shards", 1))) as fake:
        yield Scene(folder, fake)


def states(shards):
    return [(shard["open"], shard["state"], shard["row"]) for shard in shards]


# ---- the tree ----

def the_tree_is_shown_while_workers_run_and_when_not():
    with scene() as s:
        s.write(0, 10)
        with Tap(s.folder, s.config()) as tap:
            wait_for(lambda: line_count(s.path) == 10)
            s.fake.admin("roll", table="things")
            s.fake.admin("split", table="things")
            s.write(10, 10)
            wait_for(lambda: line_count(s.path) == 20)
            wait_for(lambda: states(s.shards()) == [(False, "finished", True), (False, "finished", True),
                                                    (True, "owned", True), (True, "owned", True)])
            root, child, left, right = shards = s.shards()
            assert root["parent"] is None and child["parent"] == root["shard"], shards
            assert left["parent"] == right["parent"] == child["shard"], shards
            assert {(x["worker"], x["heartbeat"], x["listed"]) for x in (left, right)} == {("w1", "listed", True)}
            assert root["sinks"] == {"all": {"position": "SHARD_END"}}, root
            tap.signal(15)
            assert tap.wait() == 0
        assert states(s.shards())[2:] == [(True, "free", True), (True, "free", True)]
        lines = s.ask().splitlines()
        assert lines[0] == f"table things, stream {root['stream']}" and lines[-1] == "", lines
        assert lines[1].split() == ["SHARD", "LISTED", "STATE", "WORKER", "HEARTBEAT", "POSITIONS"], lines
        assert [len(line) - len(line.lstrip()) for line in lines[2:-1]] == [0, 2, 4, 4], lines
        assert lines[2].split() == [root["shard"], "closed", "finished", "-", "-", "SHARD_END"], lines
        assert len({line.index(word) for line, word in zip(lines[1:], ["LISTED", "closed", "closed", "open", "open"])}
                   ) == 1, lines


def what_waits_for_its_parent_and_what_is_forgotten():
    with scene() as s:
        s.run_dry()
        s.fake.admin("roll", table="things")
        s.fake.admin("split", table="things")
        root, child, left, right = [shard["ShardId"] for shard in list_shards(s.streams, s.arn)]
        assert states(s.shards()) == [(False, "free", True)] + [(x, "waiting", False) for x in (False, True, True)]
        s.put(root, checkpoint={"S": "SHARD_END"})
        assert [x["state"] for x in s.shards()] == ["finished", "free", "waiting", "waiting"]
        s.put(left, checkpoint={"S": "5"}, leaseOwner={"S": "w7:gone"})
        shards = s.shards()
        assert [x["state"] for x in shards] == ["finished", "finished", "free", "free"], shards
        assert [x["row"] for x in shards] == [True, False, True, False], shards
        assert (shards[2]["worker"], shards[2]["heartbeat"]) == ("w7", "unknown"), shards
        assert shards[1]["sinks"]["all"]["position"] == "SHARD_END", shards
        s.delete(root)
        assert [x["state"] for x in s.shards()] == ["finished", "finished", "free", "free"]
        assert [line.split()[2:5] for line in s.ask().splitlines()[2:4]] == 2 * [["finished,", "no", "row"]]
        # One sink may go on in a child while another one is still in the parent.
        s.add_dead_sink()
        assert run_verb(s.folder, s.config(), "sinks", "add", CONFIG, "dead").returncode == 0
        s.delete(left)
        s.put(root, **{"sink.all": {"S": "SHARD_END"}})
        s.put(child, **{"sink.all": {"S": "SHARD_END"}})
        shards = s.shards()
        assert [x["state"] for x in shards] == ["free", "free", "free", "free"], shards
        assert shards[1]["sinks"] == {"all": {"position": "SHARD_END"}, "dead.2": {"position": "TRIM_HORIZON"}}, shards
        assert "all=SHARD_END dead.2=TRIM_HORIZON" in s.ask(), s.ask()
        del s.sinks["dead"]
        assert right in s.ask()


def registered_sinks_have_generations():
    with scene() as s:
        s.run_dry()
        shard = list_shards(s.streams, s.arn)[0]["ShardId"]
        s.put(shard, **{"sink.all": {"S": "5"}, "sink.all.3": {"S": "7"}, "sink.new.4": {"S": "8"}})
        assert s.shards()[0]["sinks"] == {"all": {"position": "5"}}
        s.client.put_item(TableName=ROWS, Item={
            "leaseKey": {"S": "ddbtap/registry"}, "version": {"N": "5"}, "sinks": {"M": {
                "all": {"M": {"generation": {"N": "3"}, "state": {"S": "active"}}},
                "new": {"M": {"generation": {"N": "4"}, "state": {"S": "adding"}}}}}})
        assert s.shards()[0]["sinks"] == {"all.3": {"position": "7"}, "new.4": {"position": "8"}}


def many_pages_slowly_enough():
    with scene("--shards", 250) as s:
        s.run_dry()
        before, began = s.asked("DescribeStream"), time.monotonic()
        shards = s.shards()
        took, pages = time.monotonic() - began, s.asked("DescribeStream") - before
        assert len(shards) == 250 == len({x["shard"] for x in shards}), len(shards)
        assert pages >= 3 and pages / took <= 10, (pages, took)


def a_stream_that_was_replaced():
    with scene() as s:
        s.write(0, 3)
        s.run_dry()
        s.client.update_table(TableName="things", StreamSpecification={"StreamEnabled": False})
        wait_active(s.client, "things")
        s.client.update_table(TableName="things", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        arn = wait_active(s.client, "things")["LatestStreamArn"]
        old, new = s.shards()
        assert (old["stream"], new["stream"]) == (s.arn.rsplit("/", 1)[1], arn.rsplit("/", 1)[1]), (old, new)
        assert (old["state"], new["state"]) == ("free", "waiting"), (old, new)
        s.put(old["shard"], checkpoint={"S": "SHARD_END"})
        assert [x["state"] for x in s.shards()] == ["finished", "free"]
        s.client.put_item(TableName=ROWS, Item={
            "leaseKey": {"S": "123456789012/us-east-1/things/2020-01-01T00:00:00.000/shardId-x"},
            "leaseCounter": {"N": "1"}, "checkpoint": {"S": "5"}})
        gone = s.shards()[0]
        assert (gone["listed"], gone["state"], gone["shard"]) == (False, "free", "shardId-x"), gone
        assert "2020-01-01T00:00:00.000, which is gone" in s.ask()


def a_circle_in_the_lineage():
    with scene() as s:
        s.run_dry()
        for shard, parent in (("shardId-a", "shardId-b"), ("shardId-b", "shardId-a"), ("shardId-c", "shardId-c")):
            s.put(shard, parentShardId={"SS": [parent]})
        for i in range(300):
            s.put(f"shardId-d{i:03}", parentShardId={"SS": [f"shardId-d{i - 1:03}"]} if i else {"SS": ["x"]})
        assert len(s.shards()) == 304
        assert len(s.ask().splitlines()) == 304 + 3


# ---- lag ----

def lag_is_asked_for_only_when_wanted():
    with scene() as s:
        s.write(0, 5)
        s.run_dry()
        asked = s.asked("GetRecords"), s.asked("GetShardIterator")
        s.ask()
        assert (s.asked("GetRecords"), s.asked("GetShardIterator")) == asked
        assert s.shards("--lag")[0]["sinks"]["all"]["lag"] == "current"
        s.write(5, 5)
        s.add_dead_sink()  # it begins where the row is
        asked = s.asked("GetShardIterator")
        (shard,) = s.shards("--lag")
        assert s.asked("GetShardIterator") == asked + 1  # both are at the same place
        for sink in shard["sinks"].values():
            assert sink["lag"] == "behind" and 0 <= sink["lag_ms"] < 600000, shard
        line = s.ask("--lag").splitlines()[2].split()
        assert line[-1].endswith("s") and line[-1][0].isdigit(), line


def lag_of_sinks_that_differ():
    with scene() as s:
        s.add_dead_sink()
        s.write(0, 5)
        with Tap(s.folder, s.config()) as tap:
            wait_for(lambda: line_count(s.path) == 5)
            wait_for(lambda: s.shards()[0]["sinks"]["all"]["position"].isdigit())
            s.fake.admin("roll", table="things")
            wait_for(lambda: len(s.shards()) == 2 and s.shards()[1]["state"] == "owned")
            root, child = s.shards("--lag")
            assert root["sinks"]["all"] == {"position": "SHARD_END"}, root
            assert root["sinks"]["dead"]["lag"] == "behind", root
            assert child["sinks"]["all"]["lag"] == child["sinks"]["dead"]["lag"] == "current", child
            assert " all=- dead=" in s.ask("--lag")
            tap.kill()


def lag_behind_what_is_lost():
    with scene() as s:
        s.write(0, 5)
        s.run_dry()
        s.put(s.shards()[0]["shard"], checkpoint={"S": s.fake.writes()[0]["seq"]})
        s.fake.admin("trim", table="things", before="now")
        s.write(5, 1)
        assert s.shards("--lag")[0]["sinks"]["all"]["lag"] == "trimmed"
        s.put("shardId-00000000000000000000-00000000", checkpoint={"S": "5"})
        gone = s.shards("--lag")[0]
        assert (gone["listed"], gone["sinks"]["all"]["lag"]) == (False, "gone"), gone


def lag_where_a_table_starts_at_latest():
    with scene() as s:
        s.write(0, 5)
        s.run_dry()
        shard = s.shards()[0]["shard"]
        s.put(shard, startAt={"S": "LATEST"})
        assert s.shards("--lag")[0]["sinks"]["all"] == {"position": "LATEST", "lag": "current"}
        s.put(shard, startAt={"S": str(s.fake.admin("ping")["now_ms"] + 5000)})
        assert s.shards("--lag")[0]["sinks"]["all"]["lag"] == "current"
        s.put(shard, startAt={"S": "1000"})
        late = s.shards("--lag")[0]["sinks"]["all"]
        assert (late["position"], late["lag"]) == ("1970-01-01T00:00:01.000Z", "behind"), late


def trouble_that_passes():
    with scene() as s:
        s.write(0, 5)
        s.run_dry()
        want = s.shards("--lag")
        for kind, target, more in (
                ("throttle", "DescribeStream", {"code": "ThrottlingException"}), ("reset", "DescribeTable", {}),
                ("bad-crc", "GetRecords", {}), ("500", "GetShardIterator", {}),
                ("error", "GetRecords", {"code": "ExpiredIteratorException"})):
            s.fake.admin("fault", kind=kind, target=target, count=2, **more)
            assert s.shards("--lag") == want, kind


# ---- bad input ----

def what_is_wrong_around_it():
    with scene() as s:
        s.ask(status=69, said="checkpoint table ddbtap-e2e does not exist")
        s.run_dry()
        s.ask("--table", "thing", status=64, said="did you mean things?")
        s.ask("--table", "nothing at all", status=64, said="the configuration has no table 'nothing at all'")
        s.client.create_table(TableName="dry", BillingMode="PAY_PER_REQUEST",
                              KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
        wait_active(s.client, "dry")
        s.tables = ["gone", "dry", "things"]
        out = s.ask(status=69, said=["table gone does not exist in region us-east-1", "table dry has no stream"])
        assert out.startswith("table things, "), out
        s.ask("--table", "dry", status=78, said="table dry has no stream")
        s.tables = ["things"]
        for operation in ("DescribeStream", "DescribeTable", "GetRecords"):
            s.fake.admin("deny", operation=operation)
            s.ask("--lag", status=77, said=[operation, "AccessDenied", "policy"])
            s.fake.admin("allow", operation=operation)
        s.put("shardId-x", checkpoint={"S": "?"})
        assert "table things" in s.ask(status=65, said="malformed")


def wrong_command_lines():
    with scene() as s:
        for words, said in (([], "shards takes one configuration file"), ([CONFIG, "x"], "shards takes one"),
                            ([CONFIG, "--tabel", "x"], "did you mean --table?"), ([CONFIG, "--table"], "needs a value"),
                            ([CONFIG, "--lag=3"], "takes no value")):
            got = run_verb(s.folder, s.config(), "shards", *words)
            assert got.returncode == 64 and said in got.stderr and not got.stdout, (words, got)
        assert run_verb(s.folder, s.config(), "help", "shards").stdout.startswith("usage: ddbtap shards CONFIG")


if __name__ == "__main__":
    sys.exit(run_tests([
        the_tree_is_shown_while_workers_run_and_when_not,
        what_waits_for_its_parent_and_what_is_forgotten,
        registered_sinks_have_generations,
        many_pages_slowly_enough,
        a_stream_that_was_replaced,
        a_circle_in_the_lineage,
        lag_is_asked_for_only_when_wanted,
        lag_of_sinks_that_differ,
        lag_behind_what_is_lost,
        lag_where_a_table_starts_at_latest,
        trouble_that_passes,
        what_is_wrong_around_it,
        wrong_command_lines,
    ]))
