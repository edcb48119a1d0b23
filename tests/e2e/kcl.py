#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`leases: kcl`: the lease table of an application of Amazon's Kinesis client, of which these tests play the part.
tests/peers/kcl_roundtrip_peers.py has the real one."""
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time

from fakelib import Fake, list_shards, make_table, run_tests, wait_active, wait_for
from taplib import CONFIG, FAKE, Tap, configuration, line_count, run_verb

TABLE, OWN = "app", "app-ddbtap"
WORKER = {"id": "w1", "lease": "2s", "heartbeat": "300ms"}
JAVA = "ip-10-0-0-1:6f9619ff-8b86-d011-b42d-00cf4fc964ff"  # as its samples name a worker
LEASE_S = 2


class Scene:
    """A service with tables, the table of leases, and a file sink."""

    def __init__(self, folder, fake, tables):
        self.folder, self.fake, self.client, self.tables = folder, fake, fake.client(), tables
        self.streams = fake.client("dynamodbstreams")
        self.arns = {table: make_table(self.client, table) for table in tables}
        self.path = os.path.join(folder, "all")

    def make_leases(self, table=TABLE):
        self.client.create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}])
        wait_active(self.client, table)

    def config(self, leases="kcl", table=TABLE, **more):
        return configuration(self.fake.url, self.tables, {"all": self.path},
                             **{"worker": WORKER, "checkpoint": {"table": table, "leases": leases}, **more})

    def write(self, first, n, table="things"):
        for i in range(first, first + n):
            self.client.put_item(TableName=table, Item={"pk": {"S": f"k{i}"}})

    def shards(self, table="things"):
        return [shard["ShardId"] for shard in list_shards(self.streams, self.arns[table])]

    def written(self):
        """The sequence numbers so far, by shard."""
        found = {}
        for write in self.fake.writes():
            found.setdefault(write["shard"], []).append(write["seq"])
        return found

    def delivered(self):
        """The same, of what is in the file."""
        found = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                for event in map(json.loads, file):
                    found.setdefault(event["shard"], []).append(event["seq"])
        return found

    def put(self, key, checkpoint, table=TABLE, **attributes):
        """Puts a lease as a Kinesis client of the first line would."""
        self.client.put_item(TableName=table, Item={
            "leaseKey": {"S": key}, "leaseCounter": {"N": "7"}, "checkpoint": {"S": checkpoint},
            "checkpointSubSequenceNumber": {"N": "0"}, "ownerSwitchesSinceCheckpoint": {"N": "0"}, **attributes})

    def rows(self, table=TABLE):
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return {item["leaseKey"]["S"]: item for page in pages for item in page["Items"]}

    def tap(self, *arguments, **more):
        return Tap(self.folder, self.config(**more), *arguments)

    def run_dry(self, **more):
        with self.tap("--until-caught-up", **more) as tap:
            assert tap.wait(30) == 0, tap.said()

    def refused(self, status, *words, **more):
        with self.tap(**more) as tap:
            assert tap.wait(30) == status, tap.said()
            for word in words:
                assert word in tap.said(), (word, tap.said())

    def ask(self, *words, status=0, said=(), text=None, **more):
        """Runs `ddbtap leases WORD CONFIG ...`; returns its standard output."""
        got = run_verb(self.folder, self.config(**more), "leases", words[0], CONFIG, *words[1:], text=text)
        assert got.returncode == status, (words, got)
        for word in [said] if isinstance(said, str) else said:
            assert word in got.stderr, (word, got.stderr)
        return got.stdout

    def listed(self, **more):
        return [json.loads(line) for line in self.ask("list", "--json", **more).splitlines()]


@contextlib.contextmanager
def scene(*tables, shards=2):
    with tempfile.TemporaryDirectory(prefix="ddbtap-kcl-") as folder, \
            Fake(FAKE, "--shards", shards, "--shard-life", 0) as fake:
        yield Scene(folder, fake, tables or ("things",))


class Java:
    """A worker that does nothing but keep its leases, until it dies."""

    def __init__(self, s, keys, owner=JAVA):
        self.s, self.keys, self.owner = s, keys, owner
        self.died, self.lost = threading.Event(), None
        self.thread = threading.Thread(target=self.renew, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.died.set()
        self.thread.join()

    def renew(self):
        while not self.died.wait(LEASE_S / 6):
            for key in self.keys:
                try:
                    self.s.client.update_item(
                        TableName=TABLE, Key={"leaseKey": {"S": key}}, UpdateExpression="ADD leaseCounter :one",
                        ConditionExpression="leaseOwner = :me",
                        ExpressionAttributeValues={":one": {"N": "1"}, ":me": {"S": self.owner}})
                except self.s.client.exceptions.ConditionalCheckFailedException:
                    self.lost = key


def steal(s, key, owner=JAVA):
    """As the second line's taker does, and the third line's leader."""
    s.client.update_item(TableName=TABLE, Key={"leaseKey": {"S": key}},
                         UpdateExpression="SET leaseOwner = :me ADD leaseCounter :one",
                         ExpressionAttributeValues={":one": {"N": "1"}, ":me": {"S": owner}})


# ---- taking over ----

def goes_on_where_another_stopped():
    with scene() as s:
        s.make_leases()
        s.write(0, 60)
        written, (first, second) = s.written(), s.shards()
        strange = {"M": {"mine": {"BS": [b"\x00"]}}}
        s.put(first, written[first][9], leaseOwner={"S": JAVA}, checkpointOwner={"S": "somebody"},
              pendingCheckpoint={"S": written[first][10]}, pendingCheckpointState={"B": b"x"}, strange=strange,
              startingHashKey={"S": "0"}, throughputKBps={"N": "3.0E-4"})
        s.put(second, "TRIM_HORIZON", entityType={"S": "LEASE"})
        others = {"Leader": {"ownerName": {"S": JAVA}, "entityType": {"S": "LEADER"}, "checkpoint": {"N": "1"}},
                  JAVA: {"sts": {"M": {}}, "entityType": {"S": "WORKER_METRIC_STATS"}, "leaseCounter": {"S": "x"}},
                  "Migration3.0": {"cv": {"S": "CLIENT_VERSION_3X"}}}
        for key, row in others.items():
            s.client.put_item(TableName=TABLE, Item={"leaseKey": {"S": key}, **row})
        s.run_dry()
        assert s.delivered() == {first: written[first][10:], second: written[second]}
        rows = s.rows()
        assert set(rows) == {first, second, *others}, rows
        assert all(rows[key] == {"leaseKey": {"S": key}, **row} for key, row in others.items()), rows
        row = rows[first]
        assert row["strange"] == strange and row["throughputKBps"] == {"N": "0.0003"}, row
        assert row["checkpoint"] == {"S": written[first][-1]} and int(row["leaseCounter"]["N"]) > 8, row
        assert not {"leaseOwner", "checkpointOwner", "pendingCheckpoint", "pendingCheckpointState"} & row.keys(), row
        assert all(key.startswith("ddbtap/") for key in s.rows(OWN)), s.rows(OWN)


def another_goes_on_where_it_stopped():
    """What was read by others meanwhile is not read again, also by a sink that had been ahead."""
    with scene(shards=1) as s:
        s.write(0, 20)
        s.run_dry()
        (shard,) = s.shards()
        before = len(s.delivered()[shard])
        s.write(20, 20)
        steal(s, shard)
        s.client.update_item(
            TableName=TABLE, Key={"leaseKey": {"S": shard}},
            UpdateExpression="SET checkpoint = :at, #s = :ahead", ExpressionAttributeNames={"#s": "sink.all"},
            ExpressionAttributeValues={":at": {"S": s.written()[shard][29]}, ":ahead": {"S": s.written()[shard][24]}})
        s.run_dry()
        assert s.delivered()[shard] == s.written()[shard][:before] + s.written()[shard][30:]


def begins_at_the_tip_where_the_lease_says_so():
    with scene(shards=1) as s:
        s.make_leases()
        s.write(0, 10)
        (shard,) = s.shards()
        s.put(shard, "LATEST")
        with s.tap() as tap:
            wait_for(lambda: "TRIM_HORIZON" in s.rows()[shard]["checkpoint"]["S"]
                     and s.rows()[shard].get("startAt", {"S": "LATEST"})["S"].isdigit())
            s.write(10, 5)
            wait_for(lambda: line_count(s.path) >= 5)
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
        assert s.delivered()[shard] == s.written()[shard][10:]


def waits_for_the_living():
    with scene() as s:
        s.make_leases()
        s.write(0, 20)
        first, second = s.shards()
        s.put(first, "TRIM_HORIZON", leaseOwner={"S": JAVA})
        s.put(second, "TRIM_HORIZON")
        with Java(s, [first]) as java, s.tap() as tap:
            wait_for(lambda: s.delivered().get(second) == s.written()[second])
            time.sleep(2 * LEASE_S)  # what must not happen in that time
            assert first not in s.delivered() and java.lost is None and s.rows()[first]["leaseOwner"] == {"S": JAVA}
            assert tap.process.poll() is None
            java.died.set()
            died = time.monotonic()
            wait_for(lambda: s.delivered().get(first) == s.written()[first])
            assert time.monotonic() - died > LEASE_S / 2, "taken before its time"


def ends_when_a_lease_is_stolen():
    with scene(shards=1) as s:
        s.write(0, 20)
        with s.tap() as tap:
            wait_for(lambda: line_count(s.path) == 20)
            (shard,) = s.shards()
            with Java(s, [shard]):
                steal(s, shard)
                wait_for(lambda: "event=lease.lost" in tap.said())
                s.write(20, 20)
                time.sleep(LEASE_S)
                assert line_count(s.path) == 20 and s.rows()[shard]["leaseOwner"] == {"S": JAVA}
            wait_for(lambda: line_count(s.path) == 40)


def leases_are_renewed_while_nothing_happens():
    with scene() as s:
        s.write(0, 20)
        with s.tap():
            wait_for(lambda: line_count(s.path) == 20)
            wait_for(lambda: all(row["checkpoint"]["S"].isdigit() for row in s.rows().values()))
            before = {key: int(row["leaseCounter"]["N"]) for key, row in s.rows().items()}
            wait_for(lambda: all(int(row["leaseCounter"]["N"]) > before[key] + 3 for key, row in s.rows().items()))


def a_new_table_is_one_that_others_take():
    """Keys of one table are single-stream, of several multi-stream, as the adapter makes them."""
    with scene() as s:
        s.write(0, 4)
        s.run_dry()
        assert set(s.rows()) == set(s.shards())
        for key, row in s.rows().items():
            assert {"startingHashKey", "endingHashKey", "checkpointSubSequenceNumber",
                    "ownerSwitchesSinceCheckpoint"} <= row.keys() and "shardId" not in row, (key, row)
    with scene("things", "others") as s:
        s.write(0, 20)
        s.write(0, 20, "others")
        s.run_dry()
        want = {}
        for table, arn in s.arns.items():
            label = arn.rsplit("/", 1)[1].replace(":", "_")
            name = f"123456789012:us-east-1$123456789012${table}${label}:1"
            want |= {f"{name}:{shard}": (name, shard) for shard in s.shards(table)}
        rows = s.rows()
        assert {key: (row["streamName"]["S"], row["shardId"]["S"]) for key, row in rows.items()} == want, rows
        assert {(row["table"], row["shard"]) for row in s.listed()} == \
            {(table, shard) for table in s.tables for shard in s.shards(table)}
        s.write(20, 20)
        s.run_dry()
        assert s.delivered() == s.written()


def finished_shards_name_their_children():
    with scene(shards=1) as s:
        s.write(0, 10)
        with s.tap():
            wait_for(lambda: line_count(s.path) == 10)
            parent = s.shards()[0]
            s.fake.admin("split", table="things")
            wait_for(lambda: len(s.shards()) == 3)
            children = set(s.shards()) - {parent}
            wait_for(lambda: set(s.rows()[parent].get("childShardIds", {"SS": []})["SS"]) == children)
            assert s.rows()[parent]["checkpoint"] == {"S": "SHARD_END"}
            wait_for(lambda: children <= set(s.rows()))
            assert all(s.rows()[child]["parentShardId"] == {"SS": [parent]} for child in children)


def what_does_not_fit_is_refused():
    with scene("things", "others") as s:
        s.make_leases()
        s.put(s.shards()[0], "TRIM_HORIZON")
        s.refused(78, "single-stream keys", "configure that one table alone")
        s.refused(78, "of a Kinesis client", "checkpoint.leases to kcl", leases="native")
        s.put("123456789012:us-east-1$123456789012$things$2026-01-02T03_04_05.000:1:shardId-1", "TRIM_HORIZON")
        s.refused(78, "single-stream", "multi-stream", "delete those that the application does not use")
        s.run_dry(leases="native", table="own")
        s.refused(78, "ddbtap's own form", "checkpoint.leases to native", table="own")
        assert not os.path.exists(s.path) or line_count(s.path) == 0
        config = s.config()
        config["checkpoint"]["table"] = "a" * 250
        got = run_verb(s.folder, config, "check", CONFIG)
        assert got.returncode == 78 and "second table" in got.stderr, got
        config["checkpoint"]["table"] = "thing"
        config["tables"].append({"name": "thing-ddbtap"})
        assert "is the checkpoint table" in run_verb(s.folder, config, "check", CONFIG).stderr


# ---- the operator's part ----

def verbs_know_both_tables():
    with scene() as s:
        s.make_leases()
        s.write(0, 20)
        first, second = s.shards()
        s.put(first, s.written()[first][0], leaseOwner={"S": JAVA}, checkpointOwner={"S": "another"})
        s.put(second, s.written()[second][-1])
        s.client.put_item(TableName=TABLE, Item={"leaseKey": {"S": "Leader"}, "entityType": {"S": "LEADER"}})
        want = [("things", first, "owned", JAVA, "foreign"), ("things", second, "free", None, None)]
        assert [tuple(row[name] for name in ("table", "shard", "state", "worker", "heartbeat"))
                for row in s.listed()] == want, s.listed()
        shown = run_verb(s.folder, s.config(), "shards", CONFIG, "--json")
        assert shown.returncode == 0 and JAVA in shown.stdout, shown
        with Java(s, [first]):
            s.ask("release", first, status=75, said="lives")
            s.ask("reset", "--all", "--yes", status=75, said="lives")
        assert s.ask("release", "--worker", JAVA) == f"released things {first}\n"
        assert not {"leaseOwner", "checkpointOwner"} & s.rows()[first].keys(), s.rows()[first]
        assert s.rows()[first]["checkpoint"] == {"S": s.written()[first][0]}
        backup = s.ask("export")
        before = s.rows()
        assert s.ask("reset", "--table", "things", "--yes").count("deleted") == 2
        assert set(s.rows()) == {"Leader"}
        s.ask("import", "-", text=backup, said=("imported 2 rows", "left out 1"))
        assert s.rows() == before
        s.run_dry()
        assert s.delivered() == {first: s.written()[first][1:]}
        checked = run_verb(s.folder, s.config(), "check", CONFIG)
        out = checked.stdout
        assert "failoverTimeMillis" in checked.stderr, checked
        checked = run_verb(s.folder, s.config(worker={}), "check", CONFIG)
        assert checked.returncode == 0 and "failoverTimeMillis" not in checked.stderr, checked
        assert f"checkpoints in table {TABLE}" in out and f"workers in table {OWN}" in out, out
        policy = json.loads(run_verb(s.folder, s.config(), "iam", CONFIG).stdout)
        allowed = {(action, resource.rpartition("/")[2]) for statement in policy["Statement"]
                   for action in ([statement["Action"]] if isinstance(statement["Action"], str)
                                  else statement["Action"])
                   for resource in ([statement["Resource"]] if isinstance(statement["Resource"], str)
                                    else statement["Resource"])}
        assert {("dynamodb:Scan", TABLE), ("dynamodb:BatchGetItem", OWN), ("dynamodb:UpdateItem", TABLE)} <= allowed
        assert ("dynamodb:BatchGetItem", TABLE) not in allowed, allowed
        called = {("dynamodb:" + call["operation"], call["table"]) for call in s.fake.calls()
                  if call["client"] == "ddbtap" and call["table"] in (TABLE, OWN)}
        assert len(called) > 8 and called <= allowed, called - allowed


def sinks_go_back_in_leases_of_both_kinds():
    for tables in ("things",), ("things", "others"):
        with scene(*tables) as s:
            s.write(0, 20)
            s.run_dry()
            keys = set(s.rows())
            for key in keys:
                s.client.update_item(TableName=TABLE, Key={"leaseKey": {"S": key}},
                                     UpdateExpression="SET pendingCheckpoint = :at",
                                     ExpressionAttributeValues={":at": {"S": "9"}})
            got = run_verb(s.folder, s.config(), "seek", CONFIG, "--all", "--to", "trim_horizon")
            assert got.returncode == 0 and f"{2 * len(tables)} leases are rewritten" in got.stderr, got
            assert all("pendingCheckpoint" not in row for row in s.rows().values()), s.rows()
            s.run_dry()
            assert set(s.rows()) == keys and line_count(s.path) == 40, s.rows()
            got = run_verb(s.folder, s.config(), "sinks", "list", CONFIG)
            assert got.returncode == 0 and "active" in got.stdout, got
            with s.tap() as tap:  # a worker that runs begins anew
                wait_for(lambda: "event=worker.running" in tap.said())
                assert run_verb(s.folder, s.config(), "seek", CONFIG, "--all", "--to", "trim_horizon").returncode == 0
                wait_for(lambda: line_count(s.path) == 60)
                assert tap.process.poll() is None
            got = run_verb(s.folder, s.config(), "seek", CONFIG, "--all", "--to", "latest")
            newest = {seqs[-1] for seqs in s.written().values()}  # a position that the library understands, too
            places = {row["checkpoint"]["S"] for row in s.rows().values()}
            assert got.returncode == 0 and places - {"TRIM_HORIZON"} == newest, (got, places)


def leases_are_converted_there_and_back():
    with scene() as s:
        s.write(0, 20)
        s.run_dry(leases="native", table="own")
        s.write(20, 20)
        (at_a_time, *_) = (row for row in s.rows("own").values() if "/shardId-" in row["leaseKey"]["S"])
        s.client.put_item(TableName="own", Item={**at_a_time, "checkpoint": {"S": "TRIM_HORIZON"}, "startAt": {"S": "1000"}})
        assert [row["checkpoint"] for row in s.listed(leases="native", table="own")].count("1970-01-01T00:00:01.000Z") == 1
        s.ask("convert", "--to", "kcl", "--into", TABLE, leases="native", table="own", said="1 lease begins at a time")
        s.client.put_item(TableName="own", Item=at_a_time)
        said = s.ask("convert", "--to", "kcl", "--into", TABLE, leases="native", table="own", said="nothing was written")
        assert said.count("would write") == 2, said
        assert TABLE not in s.client.list_tables()["TableNames"]
        s.ask("convert", "--to", "native", leases="native", table="own", status=64, said="native already")
        assert s.ask("convert", "--to", "kcl", "--into", TABLE, "--yes", leases="native", table="own").count("wrote") == 2
        assert set(s.rows()) == set(s.shards()) and len(s.rows("own")) > 2
        s.ask("convert", "--to", "kcl", "--into", TABLE, "--yes", leases="native", table="own", status=65,
              said="has rows already")
        s.run_dry()
        assert s.delivered() == s.written()
        s.write(40, 20)
        s.ask("convert", "--to", "native", "--into", "again", "--yes")
        s.run_dry(leases="native", table="again")
        assert s.delivered() == s.written()


def a_form_that_cannot_say_it_is_refused():
    with scene("things", "others") as s:
        s.write(0, 20)
        s.write(0, 20, "others")
        s.run_dry(leases="native", table="own")
        s.ask("convert", "--to", "kcl", leases="native", table="own", status=65, said="kcl-multi")
        s.ask("convert", "--to", "kcl-multi", "--into", TABLE, "--yes", leases="native", table="own")
        s.write(20, 20)
        s.run_dry()
        assert s.delivered() == s.written()
        s.ask("convert", "--to", "maybe", status=64, said="--to native, kcl or kcl-multi")
        s.ask("convert", status=64)
        s.ask("convert", "--to", "native", "--into", "a/b", status=64, said="--into")
        with s.tap() as tap:
            wait_for(lambda: any("leaseOwner" in row for row in s.rows().values()))
            s.ask("convert", "--to", "native", "--into", "again", "--yes", status=75, said="lives")
            assert tap.process.poll() is None


TESTS = [goes_on_where_another_stopped, another_goes_on_where_it_stopped, begins_at_the_tip_where_the_lease_says_so,
         waits_for_the_living, ends_when_a_lease_is_stolen, leases_are_renewed_while_nothing_happens,
         a_new_table_is_one_that_others_take, finished_shards_name_their_children, what_does_not_fit_is_refused,
         verbs_know_both_tables, sinks_go_back_in_leases_of_both_kinds, leases_are_converted_there_and_back,
         a_form_that_cannot_say_it_is_refused]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
