#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Random items of all ten types go through the formats lambda and cloudevents, and are read with Python's json.

usage: formats.py TOOL [PAGES] [SEED]

TOOL is formats_tool; native_tool is beside it. With masking off a Lambda record must be the stream's own, plus what
Lambda adds; the data of a CloudEvent must be the native line, and its attributes what the specification allows.
"""
import json
import os
import random
import re
import string
import subprocess
import sys
import unicodedata
from datetime import datetime, timezone

import native

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/2026-01-02T03:04:05.678"
SHARD = "shardId-00000001550840986131-382ec8f8"
CHANGES = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}
URI_CHARACTERS = set(string.ascii_letters + string.digits + "-._~:/?#@!$&'()*+,;=%")


def check_lambda(line, rec):
    """A record as a Lambda function gets it."""
    event = json.loads(line)
    assert list(event) == ["Records"] and len(event["Records"]) == 1
    got = event["Records"][0]
    expired = "userIdentity" in rec
    want = {"eventID": rec["eventID"], "eventName": rec["eventName"], "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1", "dynamodb": rec["dynamodb"],
            "eventSourceARN": ARN}
    if expired:
        want["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    if rec["dynamodb"]["ApproximateCreationDateTime"] == 0:  # which is how an event says that it is not known
        want["dynamodb"] = {k: v for k, v in rec["dynamodb"].items() if k != "ApproximateCreationDateTime"}
    assert got == want, "%r is not %r" % (got, want)
    assert list(got) == list(want), "the order of members"
    order = ["ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes",
             "StreamViewType"]
    assert list(got["dynamodb"]) == [name for name in order if name in got["dynamodb"]]
    assert isinstance(got["dynamodb"].get("ApproximateCreationDateTime", 0), int)


def check_string(name, value):
    """A value that an attribute may have."""
    assert isinstance(value, str) and value, name
    for c in value:
        assert unicodedata.category(c) not in ("Cc", "Cs"), "%s has %r" % (name, c)
        assert not 0xfdd0 <= ord(c) <= 0xfdef and ord(c) & 0xfffe != 0xfffe, "%s has %r" % (name, c)


def plain_key(rec):
    """The hash key's value, in the characters that an attribute may hold."""
    (value,) = rec["dynamodb"]["Keys"]["id"].values()
    return re.sub("[\x00-\x1f\x7f-\x9f]", lambda m: "\\u%04x" % ord(m[0]), value)


def check_attributes(got, rec):
    """The attributes of an event, but datacontenttype and data."""
    change = rec["dynamodb"]
    for name, value in got.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name), name
        check_string(name, value)
    want = {"specversion": "1.0", "id": rec["eventID"], "source": ARN, "shard": SHARD,
            "type": "com.amazonaws.dynamodb.item." +
                    ("expired" if "userIdentity" in rec else CHANGES[rec["eventName"]]),
            "op": rec["eventName"].lower(), "sequence": change["SequenceNumber"].rjust(40, "0")}
    if plain_key(rec):
        want["partitionkey"] = plain_key(rec)
    seconds = change["ApproximateCreationDateTime"]
    if seconds:
        want["time"] = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert set(got["source"]) <= URI_CHARACTERS
    assert json.loads(got["subject"]) == change["Keys"]
    del got["subject"]
    assert got == want, "%r is not %r" % (got, want)


def check_structured(line, native_line, rec):
    """An event as one JSON object."""
    event = json.loads(line)
    assert list(event)[-2:] == ["datacontenttype", "data"]
    assert event.pop("datacontenttype") == "application/json"
    assert event.pop("data") == json.loads(native_line)
    assert line.endswith(b',"data":' + native_line + b"}"), "the data is not the native object byte by byte"
    check_attributes(event, rec)


def check_binary(line, native_line, rec):
    """An event whose attributes stand before its data."""
    *attributes, data = line.split(b"\t")
    assert data == native_line
    check_attributes(dict(a.decode().split("=", 1) for a in attributes), rec)


def lines_of(tool, flags, body):
    """What a tool makes of a page; lines end at line feeds alone."""
    return native.run(tool, flags, body).split(b"\n")[:-1]


def check_page(tool, rng):
    """Makes a page and judges what becomes of it."""
    records = [native.record(rng, i) for i in range(rng.randrange(1, 30))]
    body = native.write_json(rng, {"Records": records})
    wrapped = lines_of(tool, ["lambda"], body)
    structured = lines_of(tool, ["cloudevents"], body)
    binary = lines_of(tool, ["binary"], body)
    plain = lines_of(os.path.join(os.path.dirname(tool), "native_tool"), [], body)
    assert len(wrapped) == len(structured) == len(binary) == len(plain) == len(records)
    for rec, *lines in zip(records, wrapped, structured, binary, plain):
        check_lambda(lines[0], rec)
        check_structured(lines[1], lines[3], rec)
        check_binary(lines[2], lines[3], rec)


def main():
    """Runs the pages; one result line."""
    tool = sys.argv[1]
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for i in range(seed, seed + pages):
        try:
            check_page(tool, random.Random(i))
        except (AssertionError, KeyError, ValueError, subprocess.CalledProcessError) as failure:
            print("not ok formats_read_back (seed %d: %s)" % (i, str(failure)[:2000]))
            return 1
    print("ok formats_read_back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
