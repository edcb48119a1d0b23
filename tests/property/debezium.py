#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Random items of all ten types go through the Debezium format and are had back from its records alone.

usage: debezium.py TOOL [PAGES] [SEED]

TOOL is debezium_tool. Its keys and values are read with Python's json, payloads are held against their own
schemas, schemas against each other, and with masking off and raw bytes kept, items and keys are turned back into
DynamoDB JSON, which must be the page's.
"""
import json
import random
import subprocess
import sys

from native import Digits, plain, read_exactly, record, restore_map, run, write_json

OPS = {"INSERT": "c", "MODIFY": "u", "REMOVE": "d"}
ENVELOPE = ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"]
SOURCE = ["version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns", "table",
          "stream_arn", "shard_id", "event_id", "view_type", "user_identity", "key", "gap", "notes"]
TYPES = {"string": str, "int64": int, "boolean": bool}


def hold(schema, value):
    """Holds a payload against a schema of Kafka Connect, strictly: nothing lacks, nothing is too much."""
    if value is None:
        assert schema["optional"], "a null where none may be"
    elif schema["type"] == "struct":
        fields = schema["fields"]
        assert list(value) == [field["field"] for field in fields], f"{list(value)} in {fields}"
        for field in fields:
            hold(field, value[field["field"]])
    else:
        assert type(value) is TYPES[schema["type"]], f"{value!r} is no {schema['type']}"
        if schema["type"] == "int64":
            assert -2 ** 63 <= value < 2 ** 63


def payload(text, schemas, read=json.loads):
    """The payload of a key or value, and its schema's text, held against each other."""
    if not schemas:
        return read(text), None
    whole = json.loads(text)
    assert list(whole) == ["schema", "payload"]
    hold(whole["schema"], whole["payload"])
    return read(text)["payload"], json.dumps(whole["schema"])


def item_of(shown, images, read=json.loads):
    """The item of `before` or `after`, in plain JSON."""
    if shown is None or images == "object":
        return shown
    return read(shown if images == "string" else shown["item"])


def check_source(source, value, rec):
    """What stands around the images."""
    change = rec["dynamodb"]
    time_ms = change["ApproximateCreationDateTime"] * 1000
    assert list(value) == ENVELOPE and list(source) == SOURCE
    assert value["op"] == OPS[rec["eventName"]] and value["transaction"] is None
    assert source["event_id"] == rec["eventID"]
    assert json.loads(source["sequence"]) == [change["SequenceNumber"]]
    assert (source["user_identity"] == "dynamodb.amazonaws.com") == ("userIdentity" in rec)
    assert source["view_type"] == change["StreamViewType"] and source["gap"] is None
    for at in (value, source):
        want = [time_ms, time_ms * 10 ** 3, time_ms * 10 ** 6]
        if time_ms == 0:
            want = [0 if at is source else None, None, None]
        elif want[2] >= 2 ** 63:
            want[2] = None
        assert [at["ts_ms"], at["ts_us"], at["ts_ns"]] == want


def check_value(value, key, images, rec):
    """One record's value: items and key are had back from it."""
    change = rec["dynamodb"]
    notes = json.loads(value["source"]["notes"] or "{}")
    check_source(value["source"], value, rec)
    for mine, theirs in (("before", "OldImage"), ("after", "NewImage")):
        shown = value[mine]
        if theirs not in change:
            assert shown is None
            continue
        if images == "row":
            assert {**shown, "item": 0} == {**key, "item": 0} and list(shown) == [*key, "item"]
        got = restore_map(notes, "/" + mine, item_of(shown, images))
        assert got == change[theirs], f"{mine} is {got}, not {change[theirs]}"
    assert restore_map(notes, "/key", json.loads(value["source"]["key"])) == change["Keys"]


def check_numbers(tool, flags, images, body, page):
    """A number's JSON type never depends on its value."""
    lines = run(tool, [*flags, "--numbers-json"], body).decode().split("\n")
    for line, rec in zip(lines, page["Records"]):
        shown = item_of(payload(line, "--schemas" in flags, read_exactly)[0]["after"], images, read_exactly)
        image = rec["dynamodb"].get("NewImage")
        want = image and {name: plain(v, Digits) for name, v in image.items()}
        assert shown == want, f"numbers: {shown} is not {want}"


def check_page(tool, rng):
    """One random page through all checks."""
    page = {"Records": [record(rng, i) for i in range(rng.randrange(8))]}
    schemas = rng.random() < 0.5
    images = rng.choice(["row", "string"] if schemas else ["object", "row", "string"])
    flags = ["--images", images] + ["--schemas"] * schemas + ["--hash", "id"] * (rng.random() < 0.5)
    body = write_json(rng, page)
    out = run(tool, [*flags, "--raw-always", "--records"], body)
    lines = iter(out.decode().split("\n"))
    seen = set()
    for rec in page["Records"]:
        key_text, value_text = next(lines).split("\t")
        key, key_schema = payload(key_text, schemas)
        value, value_schema = payload(value_text, schemas)
        seen.add((key_schema, value_schema))
        assert key == {"id": list(rec["dynamodb"]["Keys"]["id"].values())[0]}
        check_value(value, key, images, rec)
        if rec["eventName"] == "REMOVE":
            assert next(lines) == key_text + "\t", "no tombstone"
    heart = [payload(text, schemas)[0] for text in next(lines).split("\t")]
    assert heart == [{"serverName": "ddbtap"}, {"ts_ms": 1767323045678}]
    assert len(seen) <= 1, "the schemas depend on items"
    assert run(tool, [*flags, "--raw-always", "--records"], body) == out, "a replay gives other bytes"
    check_numbers(tool, flags, images, body, page)


def main():
    """Runs the pages; one result line."""
    tool = sys.argv[1]
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for i in range(seed, seed + pages):
        try:
            check_page(tool, random.Random(i))
        except (AssertionError, KeyError, ValueError, StopIteration, subprocess.CalledProcessError) as failure:
            print("not ok debezium_restores_items (seed %s: %s)" % (i, str(failure)[:2000]))
            return 1
    print("ok debezium_restores_items")
    return 0


if __name__ == "__main__":
    sys.exit(main())
