#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka Connect understands good messages in Debezium's form and refuses others; its JDBC sink writes the rows."""
import copy
import json
import sys

from connectlib import JdbcSink, Postgres, check_connect, connect_schema
from kafkalib import KafkaBroker
from peerlib import run_tests, scratch, verdict, wait_for


def field(kind, called, optional=True, **more):
    return {"type": kind, "optional": optional, **more, "field": called}


COLUMNS = [field("string", "id", False), field("int64", "qty"), field("string", "note"),
           field("string", "doc", name="io.debezium.data.Json", version=1), field("bytes", "bin"),
           field("boolean", "good"), field("double", "f")]
SOURCE = [field("string", "version", False), field("string", "connector", False),
          field("string", "name", False), field("int64", "ts_ms", False),
          field("string", "snapshot", name="io.debezium.data.Enum", version=1, default="false",
                parameters={"allowed": "true,last,false,incremental"}),
          field("string", "db", False), field("string", "sequence"), field("string", "table", False)]


def struct(name, fields, version=None, **more):
    return {"type": "struct", "fields": fields, "optional": False, "name": name, **more,
            **({"version": version} if version else {})}


def row_schema(name):
    return {**struct("t.orders.Value", COLUMNS, field=name), "optional": True}


KEY_SCHEMA = struct("t.orders.Key", [field("string", "id", False)])
VALUE_SCHEMA = struct("t.orders.Envelope", [
    row_schema("before"), row_schema("after"),
    struct("io.debezium.connector.dynamodb.Source", SOURCE, field="source"),
    field("string", "op", False), field("int64", "ts_ms")], 2)


def key(name):
    return {"schema": KEY_SCHEMA, "payload": {"id": name}}


def row(name, qty, note):
    return {"id": name, "qty": qty, "note": note, "doc": '{"a": [1, 2]}', "bin": "AAH/", "good": True,
            "f": 1.5}


def change(op, before, after):
    source = {"version": "1", "connector": "dynamodb", "name": "t", "ts_ms": 1, "snapshot": "false",
              "db": "", "sequence": None, "table": "orders"}
    return {"schema": VALUE_SCHEMA, "payload": {"before": before, "after": after, "source": source,
                                                "op": op, "ts_ms": 2}}


def encode(value):
    return json.dumps(value).encode()


GOOD = change("c", None, row("o1", 1 << 60, "ключ"))


def altered(path, value, document=None):
    """The document with one member, found by its path, set to a value; ... takes it out."""
    found = copy.deepcopy(document or GOOD)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return found


def converter():
    """Good keys and values, and what is wrong with the bad ones."""
    assert connect_schema("key", encode(key("o1"))) == "t.orders.Key"
    assert connect_schema("value", encode(GOOD)) == "t.orders.Envelope"
    assert check_connect("value", encode(change("d", row("o1", None, None), None))) is True
    after = ["payload", "after"]
    envelope = ["schema", "fields"]
    for word, document in (
            ('after/qty: "x" comes back as 0', altered([*after, "qty"], "x")),
            ("qty: 1.5 comes back", altered([*after, "qty"], 1.5)),
            ("after: ", altered([*after, "qty"], ...)),
            ("after: ", altered([*after, "more"], 1)),
            ("Invalid null", altered([*after, "id"], None)),
            ("Invalid null", altered(["payload", "op"], None)),
            ("note: 5 comes back", altered([*after, "note"], 5)),
            ("Exception", altered([*after, "bin"], "not base64")),
            ("Unknown schema type", altered([*envelope, 3, "type"], "text")),
            ('op: "c" comes back as 0', altered([*envelope, 3, "type"], "int64")),
            ("/schema/fields/3", altered([*envelope, 3, "optinal"], False)),
            ("/schema/fields/3", altered([*envelope, 3, "optional"], ...)),
            ('requires "schema"', altered(["schema"], ...)),
            ("no schema", altered(["schema"], None)),
            ('requires "schema"', GOOD["payload"]),
            ("Exception", b"{")):
        said = check_connect("value", document if isinstance(document, bytes) else encode(document))
        print(f"# {said if said is True else said[:300]}")
        assert said is not True and word in said, f"{word}: {said}"


def sink():
    """Rows are created, changed and deleted; a value without schema stops the sink, and says so."""
    folder = scratch("connect")
    with KafkaBroker(folder) as broker, Postgres(folder) as postgres:
        for topic in "t.orders", "t.bad":
            broker.create_topic(topic)
        one, two = row("o1", 1, "first"), row("o2", 2, None)
        changes = [("o1", change("c", None, one)), ("o2", change("c", None, two)),
                   ("o1", change("u", one, {**one, "qty": 5})), ("o2", change("d", two, None)), ("o2", None)]
        records = [{"key": encode(key(name)), "value": None if value is None else encode(value)}
                   for name, value in changes]
        broker.produce("t.orders", records[:2])
        with JdbcSink(folder, broker, postgres, ["t.orders", "t.bad"]) as jdbc:
            def rows():
                jdbc.check()
                exists = postgres.query("SELECT to_regclass('t_orders') IS NOT NULL AS it")
                return postgres.query("SELECT * FROM t_orders ORDER BY id") if exists[0]["it"] else []
            wait_for(lambda: len(rows()) == 2)
            broker.produce("t.orders", records[2:])
            wait_for(lambda: len(rows()) == 1)  # the last of the changes
            wanted = {**one, "qty": 5, "bin": "\\x0001ff", "doc": {"a": [1, 2]}}
            assert rows() == [wanted], rows()
            assert jdbc.state() == "RUNNING" and verdict(jdbc.check) is True
            broker.produce("t.bad", [{"key": encode(key("o3")), "value": encode({"id": "o3"})}])
            wait_for(lambda: verdict(jdbc.check) is not True)
            said = verdict(jdbc.check)
            print(f"# {said}")
            assert "schema" in said, said


if __name__ == "__main__":
    sys.exit(run_tests([converter, sink]))
