#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ddbtap leases`: what it shows of the checkpoint table, and what it changes there, while workers live and when they
do not."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

from fakelib import ACCESS, SECRET, Fake, free_port, make_table, run_tests, wait_active, wait_for
from taplib import (CONFIG, FAKE, PROGRAM, Tap, configuration, good_environment, line_count, run_verb,
                    write_config)

ITEMS = 20
WORKER = {"id": "w1", "lease": "2s", "heartbeat": "300ms"}
ROWS = "ddbtap-e2e"
PREFIX = "123456789012/us-east-1/"


class Scene:
    """A service with tables, a file sink, and the verb."""

    def __init__(self, folder, fake, tables):
        self.folder, self.fake, self.client, self.tables = folder, fake, fake.client(), tables
        self.path = os.path.join(folder, "all")
        for table in tables:
            make_table(self.client, table)

    def config(self, path=None, **more):
        return configuration(self.fake.url, self.tables, {"all": path or self.path}, **{"worker": WORKER, **more})

    def write(self, first, n, table="things"):
        for i in range(first, first + n):
            self.client.put_item(TableName=table, Item={"pk": {"S": f"k{i}"}})

    def ask(self, *words, status=0, config=None, env=None, text=None, said=()):
        """Runs `ddbtap leases WORD CONFIG ...`; returns its standard output. All of `said` must be in its words."""
        got = run_verb(self.folder, config or self.config(), "leases", words[0], CONFIG, *words[1:], env=env, text=text)
        assert got.returncode == status, (words, got)
        for word in [said] if isinstance(said, str) else said:
            assert word in got.stderr, (word, got.stderr)
        own = [line for line in got.stderr.splitlines() if not line.startswith("ddbtap: ")]
        assert status in (64, 78) or not own, own
        return got.stdout

    def rows(self):
        """All items of the checkpoint table, by key."""
        pages = self.client.get_paginator("scan").paginate(TableName=ROWS, ConsistentRead=True)
        return {item["leaseKey"]["S"]: item for page in pages for item in page["Items"]}

    def leases(self, *words):
        return [json.loads(line) for line in self.ask("list", "--json", *words).splitlines()]

    def put(self, table, shard, **attributes):
        """Puts a lease row as a worker would write it."""
        key = f"{PREFIX}{table}/2026-01-02T03:04:05.000/{shard}"
        self.client.put_item(TableName=ROWS, Item={
            "leaseKey": {"S": key}, "leaseCounter": {"N": "7"}, "checkpoint": {"S": "100"}, **attributes})
        return key

    def run_dry(self, path=None):
        """Runs until everything is delivered."""
        with Tap(self.folder, self.config(path), "--until-caught-up") as tap:
            assert tap.wait(30) == 0, tap.said()


@contextlib.contextmanager
def scene(*tables, **options):
    with tempfile.TemporaryDirectory(prefix="ddbtap-leases-") as folder, \
            Fake(FAKE, "--shards", 2, "--shard-life", 0, *options) as fake:
        yield Scene(folder, fake, tables or ("things",))


@contextlib.contextmanager
def running(s):
    """A worker that has delivered ITEMS items and written that down."""
    s.write(0, ITEMS)
    with Tap(s.folder, s.config()) as tap:
        wait_for(lambda: line_count(s.path) == ITEMS)
        wait_for(lambda: all(row["checkpoint"] != "TRIM_HORIZON" for row in s.leases("--table", "things")))
        yield tap


# ---- list ----

def list_shows_who_has_what():
    with scene("things", "others") as s:
        with running(s) as tap:
            mine = s.leases("--table", "things")
            assert len(mine) == 2 and len(s.leases()) == 4, mine
            for row in mine:
                assert (row["state"], row["worker"], row["heartbeat"]) == ("owned", "w1", "listed"), row
                assert row["sinks"] == {"all": row["checkpoint"]} and row["checkpoint"].isdigit(), row
                item = s.rows()[row["key"]]
                assert str(row["counter"]) == item["leaseCounter"]["N"], (row, item)
                assert f'{row["worker"]}:{row["incarnation"]}' == item["leaseOwner"]["S"], (row, item)
            lines = s.ask("list").splitlines()
            assert lines[0].split() == "TABLE SHARD STATE WORKER HEARTBEAT COUNTER CHECKPOINT AHEAD".split(), lines
            assert len(lines) == 5 and [line.split()[0] for line in lines[1:]] == 2 * ["others"] + 2 * ["things"]
            places = {line.index(word) for line, word in zip(lines, ["HEARTBEAT"] + 4 * ["listed"])}
            assert len(places) == 1, lines
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
        assert {(row["state"], row["worker"], row["heartbeat"]) for row in s.leases()} == {("free", None, None)}


def list_shows_each_sinks_position():
    with scene() as s:
        s.run_dry()
        s.put("gone", "shard-a", **{"sink.all": {"S": "200"}, "sink.x.2": {"S": "SHARD_END"}, "sink.x": {"S": "101"},
                                    "epoch": {"N": "3"}, "parentShardId": {"SS": ["shard-0"]}})
        s.put("gone", "shard-b", checkpoint={"S": "SHARD_END"}, leaseOwner={"S": "w9:abc"})
        a, b = s.leases("--table", "gone")
        assert a["sinks"] == {"all": "200", "x": "101", "x.2": "SHARD_END"}, a
        assert (a["epoch"], a["parent"], a["stream"]) == (3, "shard-0", "2026-01-02T03:04:05.000"), a
        assert (b["state"], b["worker"], b["heartbeat"]) == ("finished", "w9", "unknown"), b
        assert b["sinks"] == {"all": "SHARD_END"}, b
        line = s.ask("list", "--table", "gone").splitlines()[1].split()
        assert sorted(line[-3:]) == ["all=200", "x.2=SHARD_END", "x=101"], line


def list_goes_on_behind_a_malformed_row():
    with scene() as s:
        s.run_dry()
        s.put("gone", "shard-a", checkpoint={"S": "what is this"})
        s.put("gone", "shard-b", **{"sink.all.x": {"S": "200"}})
        out = s.ask("list", status=65, said=["shard-a' of the checkpoint table is malformed", "shard-b'"])
        assert len(out.splitlines()) == 3, out
        assert len(s.ask("export").splitlines()) == len(s.rows())
        s.ask("reset", "--all", "--yes", status=65, said="malformed rows: nothing was changed")
        s.ask("release", "--all", status=65, said="malformed rows: nothing was changed")


# ---- release ----

def release_leaves_the_living_alone():
    with scene() as s, running(s) as tap:
        before = s.rows()
        for choice in (["--all"], ["--worker", "w1"], [s.leases()[0]["shard"]]):
            assert s.ask("release", *choice, status=75, said=["worker w1 lives", "--force"]) == ""
        owners = [item["leaseOwner"] for item in s.rows().values() if "leaseOwner" in item]
        assert len(owners) == 2 and all("leaseOwner" in s.rows()[key] for key in before if key.startswith(PREFIX))
        shard = s.leases()[0]["shard"]
        assert s.ask("release", shard, "--force") == f"released things {shard}\n"
        s.write(ITEMS, ITEMS)
        wait_for(lambda: line_count(s.path) >= 2 * ITEMS)  # it notices, and takes the lease back
        wait_for(lambda: all(row["state"] == "owned" for row in s.leases()))
        assert tap.process.poll() is None


def release_of_the_dead():
    with scene() as s:
        with running(s) as tap:
            tap.kill()
        first, second = s.leases()
        assert first["heartbeat"] == "listed"
        assert s.ask("release", first["shard"], said="watching 1 worker") == f"released things {first['shard']}\n"
        assert [row["heartbeat"] for row in s.leases()] == [None, "fenced"]
        assert s.ask("release", first["shard"]) == f"free things {first['shard']}\n"
        assert s.ask("release", "--worker", "w1", "--table", "things") == f"released things {second['shard']}\n"
        for row in s.leases():
            assert row["state"] == "free" and row["checkpoint"].isdigit(), row
            assert row["counter"] == {r["shard"]: r["counter"] for r in (first, second)}[row["shard"]] + 1, row
        assert s.ask("release", "--all") == ""
        s.ask("release", "--worker", "w1", status=69, said="worker 'w1' has no lease")
        s.ask("release", "shard-x", status=69, said="no lease of shard 'shard-x'")
        s.run_dry()
        assert line_count(s.path) == ITEMS


def release_of_an_unknown_incarnation():
    with scene() as s:
        s.run_dry()
        key = s.put("things", "shard-a", leaseOwner={"S": "w1:who"})
        assert [row["heartbeat"] for row in s.leases() if row["shard"] == "shard-a"] == ["unknown"]
        assert s.ask("release", key) == "released things shard-a\n"
        assert "leaseOwner" not in s.rows()[key] and s.rows()[key]["leaseCounter"] == {"N": "8"}


def the_silent_cannot_come_back():
    with scene() as s, running(s) as tap:
        tap.freeze()
        assert len(s.ask("release", "--all").splitlines()) == 2
        tap.signal(signal.SIGCONT)
        assert tap.wait() == 75, tap.said()
        assert "judged this one dead" in tap.said()


def trouble_that_passes_changes_nothing():
    with scene() as s:
        with running(s) as tap:
            tap.kill()
        shard = s.leases()[0]["shard"]
        s.ask("release", "--all")
        for kind, target in (("500-after", "UpdateItem"), ("reset-after", "UpdateItem"), ("throttle", "UpdateItem"),
                             ("reset", "Scan"), ("503", "GetItem"), ("bad-crc", "Scan"), ("truncate", "UpdateItem")):
            key = s.put("things", "shard-a", leaseOwner={"S": "w1:who"})
            s.fake.admin("fault", kind=kind, target=target, count=2)
            assert s.ask("release", "shard-a") == "released things shard-a\n", kind
            assert s.fake.admin("stop-faults")["ok"]
            assert s.rows()[key]["leaseCounter"] == {"N": "8"}, kind
        s.fake.admin("fault", kind="reset-after", target="DeleteItem", count=2)
        assert f"deleted things {shard}\n" in s.ask("reset", "--all", "--yes")
        assert not any(key.startswith(PREFIX) for key in s.rows())


def a_signal_ends_the_watching():
    with scene() as s:
        with running(s) as tap:
            tap.kill()
        slow = write_config(s.folder, s.config(worker={**WORKER, "lease": "10m"}), "slow")
        with subprocess.Popen([PROGRAM, "leases", "release", slow, "--all"], stderr=subprocess.PIPE, text=True,
                              env=good_environment()) as process:
            assert "watching 1 worker" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        assert all(row["state"] == "owned" for row in s.leases())


# ---- reset ----

def reset_makes_a_table_start_anew():
    with scene("things", "others") as s:
        s.write(0, ITEMS)
        s.write(0, ITEMS, "others")
        s.run_dry()
        other = os.path.join(s.folder, "other")
        s.run_dry(other)
        assert line_count(other) == 0  # the rows say that all is done
        out = s.ask("reset", "--table", "things", "--yes", said="sink all remembers what it has")
        assert sorted(out.split()[::3]) == ["deleted", "deleted"] and "others" not in out, out
        assert {row["table"] for row in s.leases()} == {"others"}
        s.run_dry(os.path.join(s.folder, "third"))
        assert line_count(os.path.join(s.folder, "third")) == ITEMS
        s.ask("reset", "--all", "--yes")
        assert s.leases() == []


def reset_refuses_while_a_worker_lives():
    with scene() as s, running(s):
        s.ask("reset", "--all", "--yes", status=75, said=["worker w1 lives", "stop them first"])
        assert len(s.leases()) == 2


# ---- export and import ----

def a_backup_brings_everything_back():
    with scene() as s:
        with running(s) as tap:
            backup = s.ask("export")
            assert {item["leaseKey"]["S"]: item for item in
                    (json.loads(line)["Item"] for line in backup.splitlines())}.keys() == s.rows().keys()
            s.ask("import", "-", text=backup, status=65, said="exists already: nothing was changed")
            s.ask("import", "-", "--replace", text=backup, status=75, said="worker w1 lives")
            tap.kill()
        before = s.rows()
        s.client.delete_table(TableName=ROWS)
        s.ask("list", status=69, said=f"checkpoint table {ROWS} does not exist")
        s.ask("import", "-", text=backup, said="imported 3 rows, left out 3 about workers")
        after = s.rows()
        assert after.pop("ddbtap/registry") == before["ddbtap/registry"] and len(after) == 2
        for key, item in after.items():
            want = dict(before[key])
            assert want.pop("leaseOwner"), want
            assert item == want, (item, want)
        fresh = os.path.join(s.folder, "fresh")
        s.write(ITEMS, 3)
        s.run_dry(fresh)
        assert line_count(fresh) == 3
        s.ask("import", "-", text=backup, status=65, said="--replace")
        s.ask("import", "-", "--replace", text=backup, said="imported 3 rows")
        assert {key: item for key, item in s.rows().items() if key.startswith(PREFIX)} == after


def import_reads_all_before_it_writes():
    with scene() as s:
        good = json.dumps({"Item": {"leaseKey": {"S": PREFIX + "things/l/s"}, "leaseCounter": {"N": "1"},
                                    "checkpoint": {"S": "5"}, "\u00e9\n": {"M": {"x": {"L": [{"B": "AA=="}]}}}}})
        for bad, word in (("{", "not a row"), ('{"Item":7}', "not a row"), ('{"Item":{},"more":1}', "not a row"),
                          ('{"Item":{"a":{"S":"x"}}}', "malformed"), (good.replace('"5"', '"x"'), "malformed"),
                          (good, "twice"), ("x" * 600000, "a line is longer than"),
                          ('{"Item":{"leaseKey":{"S":"ddbtap/schema"},"schema":{"N":"99"}}}', "newer version")):
            where = [] if "longer" in word else ["-:3: "]
            s.ask("import", "-", text=f"{good}\n\n{bad}\n", status=65, said=[word, *where])
            assert s.rows() == {}, s.rows()
        s.ask("import", os.path.join(s.folder, "missing"), status=74, said=["cannot read", "No such file"])
        s.ask("import", "-", text=good)
        (item,) = s.rows().values()
        assert item["\u00e9\n"] == {"M": {"x": {"L": [{"B": b"\0"}]}}}, item
        assert json.loads(s.ask("export"))["Item"]["\u00e9\n"] == {"M": {"x": {"L": [{"B": "AA=="}]}}}


# ---- bad input ----

def wrong_command_lines():
    with scene() as s:
        for words, said in (
                ([], "leases wants list, export"), (["lists", CONFIG], "did you mean list?"),
                (["nothing", CONFIG], "leases wants"), (["list"], "list wants a configuration file"),
                (["list", CONFIG, "x"], "list wants a configuration file"),
                (["list", CONFIG, "--force"], "leases list takes no --force"),
                (["export", CONFIG, "--json"], "takes no --json"), (["import", CONFIG], "and a file"),
                (["release", CONFIG], "release wants a shard"), (["release", CONFIG, "x", "--all"], "release wants"),
                (["release", CONFIG, "--worker"], "'--worker' needs a value"),
                (["reset", CONFIG, "--yes"], "reset wants --table"), (["reset", CONFIG, "--all"], "add --yes"),
                (["reset", CONFIG, "--all", "--table", "x", "--yes"], "reset wants")):
            got = run_verb(s.folder, s.config(), "leases", *words)
            assert got.returncode == 64 and said in got.stderr and "ddbtap help leases" in got.stderr, (words, got)
        assert "ddbtap-e2e" not in s.client.list_tables()["TableNames"]
        got = run_verb(s.folder, s.config(), "leases", "--help")
        assert got.returncode == 0 and got.stdout.startswith("usage: ddbtap leases list"), got


def what_is_wrong_around_it():
    with scene() as s:
        s.ask("list", config="sinks: 7\n", status=78)
        s.ask("list", status=69, said="does not exist in region us-east-1: nothing has run yet for application e2e")
        s.run_dry()
        s.ask("list", "--table", "thing", status=64, said="did you mean things?")
        s.ask("list", env=good_environment(AWS_SECRET_ACCESS_KEY=SECRET[::-1]), status=77, said="InvalidSignature")
        s.ask("list", env={"PATH": "/bin"}, status=77, said="no AWS credentials")
        s.ask("list", config=configuration(f"http://127.0.0.1:{free_port()}", ["things"], {"all": s.path}), status=75,
              said="Connection refused")
        s.fake.admin("deny", operation="Scan")
        s.ask("list", status=77, said=[f"checkpoint table {ROWS}", "Scan", "AccessDenied", "policy"])
        s.fake.admin("allow", operation="Scan")
        s.client.create_table(TableName="dry", BillingMode="PAY_PER_REQUEST",
                              KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
        wait_active(s.client, "dry")
        s.ask("list", config=s.config(checkpoint={"table": "dry"}), status=78, said="dry is not a checkpoint table")
        s.fake.admin("expire-credentials", access=ACCESS)
        s.ask("list", status=77, said="ExpiredToken")
        s.fake.admin("expire-credentials", access=ACCESS, valid=1)
        s.client.put_item(TableName=ROWS, Item={"leaseKey": {"S": "ddbtap/schema"}, "schema": {"N": "2"}})
        s.ask("reset", "--all", "--yes", status=78, said="newer version of ddbtap (schema 2, this one knows 1)")


def many_pages_of_rows():
    with scene() as s:
        s.run_dry()
        for i in range(30):
            s.put("gone", f"shard-{i:03}", filler={"B": b"\0" * 120000})
        assert len(s.leases("--table", "gone")) == 30
        assert len(s.ask("export").splitlines()) == len(s.rows())
        assert len(s.ask("reset", "--table", "gone", "--yes").splitlines()) == 30
        assert s.leases("--table", "things")


if __name__ == "__main__":
    sys.exit(run_tests([
        list_shows_who_has_what,
        list_shows_each_sinks_position,
        list_goes_on_behind_a_malformed_row,
        release_leaves_the_living_alone,
        release_of_the_dead,
        release_of_an_unknown_incarnation,
        the_silent_cannot_come_back,
        trouble_that_passes_changes_nothing,
        a_signal_ends_the_watching,
        reset_makes_a_table_start_anew,
        reset_refuses_while_a_worker_lives,
        a_backup_brings_everything_back,
        import_reads_all_before_it_writes,
        wrong_command_lines,
        what_is_wrong_around_it,
        many_pages_of_rows,
    ]))
