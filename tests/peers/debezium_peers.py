#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What was made for Debezium reads our form of it: Connect's converter, Debezium's JDBC sink, Flink."""
import glob
import json
import os
import random
import subprocess
import sys

from connectlib import JdbcSink, Postgres, check_connect, connect_schema
from flinklib import read_flink
from kafkalib import KafkaBroker, read_kcat
from peerlib import TOP, Refused, run_tests, scratch, verdict, wait_for
from fakelib import Fake, make_table
from taplib import FAKE, Tap, configuration

TOOL = os.path.join(TOP, "build", "release", "property", "debezium_tool")
KEY = ["--hash", "id", "--range", "sort"]


def image(name, number, **more):
    return {"id": {"S": name}, "sort": {"N": number}, **more}


def page(*changes):
    """The body of a GetRecords answer, from tuples of operation, old image and new image."""
    records = []
    for i, (op, old, new) in enumerate(changes):
        whole = new or old
        change = {"ApproximateCreationDateTime": 1767323045, "SequenceNumber": str(3 * 10 ** 20 + i),
                  "Keys": {name: whole[name] for name in ("sort", "id")}}
        change.update({name: value for name, value in (("OldImage", old), ("NewImage", new)) if value})
        records.append({"eventID": f"{i:032x}", "eventName": op, "dynamodb": change})
    return json.dumps({"Records": records}, ensure_ascii=False).encode()


FIRST = image("a", "1", qty={"N": "5"}, note={"S": 'ключ "\\'})
SECOND = image("a", "1", qty={"N": "9007199254740993"}, gone={"NULL": True}, tags={"SS": ["p", "q"]})
OTHER = image("b", "-1.5E-7", qty={"N": "-0.1"})
STORY = page(("INSERT", None, FIRST), ("INSERT", None, OTHER), ("MODIFY", FIRST, SECOND), ("REMOVE", OTHER, None))


def made(body, *flags):
    """What the tool makes of a page, in bytes."""
    return subprocess.run([TOOL, *flags], input=body, stdout=subprocess.PIPE, check=True).stdout


def records(body, *flags):
    """Keys and values as a sink with keys sends them; None where there is none."""
    lines = made(body, "--records", *flags).split(b"\n")[:-1]
    return [tuple(part or None for part in line.split(b"\t")) for line in lines]


def goldens():
    """The pages of the golden files: all types, odd names, malformed values, bytes that are not UTF-8."""
    found = sorted(glob.glob(os.path.join(TOP, "tests", "golden", "*", "*.page.json")))
    assert len(found) > 15, found
    for path in found:
        with open(path, "rb") as file:
            yield os.path.basename(path), file.read()


def converter():
    """Connect's converter understands all of every key, value and heartbeat, and finds the schemas' names."""
    for name, body in goldens():
        for images in "row", "string":
            sent = records(body, "--schemas", "--gap", "--images", images, *KEY)
            for key, value in sent[:-1]:
                if key is not None:
                    assert connect_schema("key", key) == "ddbtap.things.Key", name
                if value is not None:
                    assert connect_schema("value", value) == "ddbtap.things.Envelope", name
            gap = sent[-2]
            assert gap[0] is None and json.loads(gap[1])["payload"]["op"] == "m"
            assert connect_schema("key", sent[-1][0]) == "io.debezium.connector.common.ServerNameKey"
            assert connect_schema("value", sent[-1][1]) == "io.debezium.connector.common.Heartbeat"
    # That it would notice, of this form too.
    value = records(STORY, "--schemas", *KEY)[0][1].replace(b'"op":"c"', b'"op":null')
    assert "Invalid null" in check_connect("value", value)


def produce(broker, topic, sent):
    broker.create_topic(topic)
    broker.produce(topic, [{"key": key, "value": value} for key, value in sent])


def jdbc_sink():
    """Debezium's sink creates, changes and deletes the right rows."""
    folder = scratch("debezium_jdbc")
    with KafkaBroker(folder) as broker, Postgres(folder) as postgres:
        sent = records(STORY, "--schemas", *KEY)[:-1]
        assert sent[-1][1] is None, "no tombstone at the end"
        produce(broker, "orders", sent[:2])
        with JdbcSink(folder, broker, postgres, ["orders"]) as sink:
            def rows():
                sink.check()
                there = postgres.query("SELECT to_regclass('orders') IS NOT NULL AS it")[0]["it"]
                return postgres.query("SELECT * FROM orders ORDER BY id") if there else []
            wait_for(lambda: len(rows()) == 2)
            assert [row["item"]["qty"] for row in rows()] == ["5", "-0.1"], rows()
            broker.produce("orders", [{"key": key, "value": value} for key, value in sent[2:]])
            wait_for(lambda: len(rows()) == 1)
            item = {"id": "a", "sort": "1", "qty": "9007199254740993", "gone": None, "tags": ["p", "q"]}
            assert rows() == [{"id": "a", "sort": "1", "item": item}], rows()
            # The row comes back, and a tombstone alone takes it away.
            broker.produce("orders", [{"key": sent[1][0], "value": sent[1][1]}])
            wait_for(lambda: len(rows()) == 2)
            broker.produce("orders", [{"key": sent[1][0], "value": None}])
            wait_for(lambda: len(rows()) == 1)
            assert verdict(sink.check) is True


# From the manual: what has no sequence number is no change.
FILTER = {"transforms": "changes", "transforms.changes.type": "org.apache.kafka.connect.transforms.Filter",
          "transforms.changes.predicate": "change", "transforms.changes.negate": "true",
          "predicates": "change", "predicates.change.name": "ddb-seq",
          "predicates.change.type": "org.apache.kafka.connect.transforms.predicates.HasHeaderKey"}


def plain(item):
    """A row of the sink's table, from an item as boto3 has it."""
    shown = {name: list(value.values())[0] for name, value in item.items()}
    return {"pk": shown["pk"], "sk": shown["sk"], "item": shown}


def whole_way():
    """What ddbtap sends to Kafka leaves in the sink's table just what the table holds."""
    folder = scratch("debezium_whole_way")
    rng = random.Random(1)
    with Fake(FAKE) as fake, KafkaBroker(folder) as broker, Postgres(folder) as postgres:
        client = fake.client()
        make_table(client, "orders", sort=True)
        broker.create_topic("orders", partitions=3)
        broker.create_topic("heart")
        config = configuration(fake.url, ["orders"], {"kafka": {
            "type": "kafka", "brokers": [broker.address()], "format": "debezium", "schemas": True,
            "prefix": "shop", "heartbeat": "1s", "heartbeat_topic": "heart"}})
        for i in range(300):
            key = {"pk": {"S": f"p{rng.randrange(10)}"}, "sk": {"S": f"s{rng.randrange(5)}"}}
            if rng.random() < 0.7:
                client.put_item(TableName="orders", Item={**key, "n": {"N": str(i)}, "s": {"S": '"é\n'}})
            else:
                client.delete_item(TableName="orders", Key=key)
        with Tap(folder, config) as tap:
            with JdbcSink(folder, broker, postgres, ["orders"], FILTER) as sink:
                items = client.scan(TableName="orders")["Items"]
                wanted = sorted((plain(item) for item in items), key=str)
                assert len(wanted) > 20, wanted

                def same():
                    sink.check()
                    assert tap.process.poll() is None, tap.said()
                    there = postgres.query("SELECT to_regclass('orders') IS NOT NULL AS it")[0]["it"]
                    return there and sorted(postgres.query("SELECT pk, sk, item FROM orders"),
                                            key=str) == wanted
                wait_for(same, 60)
            beat = wait_for(lambda: read_kcat(broker, "heart"))[0]
        assert check_connect("value", beat["value"]) is True
        assert json.loads(beat["key"])["payload"] == {"serverName": "shop"}
        # A tombstone follows each removal, under the same key.
        for partition in range(3):
            sent = [r for r in read_kcat(broker, "orders") if r["partition"] == partition]
            removals = [i for i, r in enumerate(sent)
                        if r["value"] and json.loads(r["value"])["payload"]["op"] == "d"]
            assert [sent[i + 1]["key"] for i in removals] == [sent[i]["key"] for i in removals]
            assert [i + 1 for i in removals] == [i for i, r in enumerate(sent) if r["value"] is None]


def jdbc_sink_goes_on():
    """With the manual's filter Debezium's sink passes gap records by."""
    folder = scratch("debezium_goes_on")
    with KafkaBroker(folder) as broker, Postgres(folder) as postgres:
        changes = [{"key": key, "value": value, "headers": [("ddb-seq", b"300000000000000000000")]}
                   for key, value in records(STORY, "--schemas", *KEY)[:-1]]
        gap = [{"key": key, "value": value}
               for key, value in records(page(), "--schemas", "--gap", *KEY)[:1]]
        broker.create_topic("orders")
        broker.produce("orders", changes[:1] + gap + changes[1:])
        with JdbcSink(folder, broker, postgres, ["orders"], FILTER) as sink:
            def quantities():
                sink.check()
                there = postgres.query("SELECT to_regclass('orders') IS NOT NULL AS it")[0]["it"]
                rows = postgres.query("SELECT * FROM orders") if there else []
                return [row["item"]["qty"] for row in rows]
            wait_for(lambda: quantities() == ["9007199254740993"])


def jdbc_sink_stops():
    """What the manual says that Debezium's sink cannot take, stops it before it does harm."""
    folder = scratch("debezium_stops")
    cases = {
        "gap": (records(page(), "--schemas", "--gap", *KEY)[:1], "cannot have null schema"),
        "old_image": (records(page(("MODIFY", FIRST, None)), "--schemas", *KEY)[:1], "NullPointer"),
        "strings": (records(STORY, "--schemas", "--images", "string", *KEY)[:1], "STRUCT"),
    }
    with KafkaBroker(folder) as broker, Postgres(folder) as postgres:
        good = records(STORY, "--schemas", *KEY)[:1]
        for name, (sent, word) in cases.items():
            produce(broker, name, good + sent)
            with JdbcSink(folder, broker, postgres, [name]) as sink:
                wait_for(lambda at=sink: verdict(at.check) is not True)
                said = verdict(sink.check)
            print(f"# {name}: {said}")
            assert word in said, f"{name}: {said}"
            there = postgres.query(f"SELECT to_regclass('{name}') IS NOT NULL AS it")[0]["it"]
            assert not there or len(postgres.query(f"SELECT * FROM {name}")) <= 1


def flink():
    """Flink's changelog has the table's changes, from objects, rows and records with schemas."""
    folder = scratch("debezium_flink")
    columns = "id STRING, sort STRING, qty STRING"
    wanted = [("+I", "a", "1", "5"), ("+I", "b", "-1.5E-7", "-0.1"), ("-U", "a", "1", "5"),
              ("+U", "a", "1", "9007199254740993"), ("-D", "b", "-1.5E-7", "-0.1")]
    assert read_flink(folder, made(STORY), columns) == wanted
    numbers = read_flink(folder, made(STORY, "--numbers-json"), "id STRING, qty DECIMAL(38, 1)")
    assert numbers[3] == ("+U", "a", "9007199254740993.0"), numbers
    columns = "id STRING, sort STRING, item STRING"
    for flags, more in ((["--images", "row"], {}), (["--schemas"], {"schema_include": "true"})):
        rows = read_flink(folder, made(STORY, *flags, *KEY), columns, **more)
        assert [(row[:3], json.loads(row[3])["qty"]) for row in rows] == [
            (row[:3], row[3]) for row in wanted], rows


def flink_stops():
    """Flink stops at what is no row, and goes on when it is told to, as the manual says."""
    folder = scratch("debezium_flink_stops")
    body = made(STORY, "--gap")
    for name, refused in (("gap", body), ("no before", made(page(("MODIFY", None, FIRST))))):
        try:
            rows = read_flink(folder, refused, "id STRING")
        except Refused as why:
            assert "Debezium JSON message" in str(why), why
        else:
            raise AssertionError(f"{name}: {rows}")
    assert len(read_flink(folder, body, "id STRING", ignore_parse_errors="true")) == 5


if __name__ == "__main__":
    sys.exit(run_tests([converter, whole_way, jdbc_sink, jdbc_sink_goes_on, jdbc_sink_stops, flink, flink_stops]))
