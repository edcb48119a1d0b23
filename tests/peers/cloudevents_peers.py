#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CloudEvents that ddbtap posts: readers in two languages agree about every attribute and all data."""
import collections
import json
import os
import sys

from cloudeventlib import check_cloudevents, compare_cloudevents
from hooklib import Hook, World
from peerlib import run_tests, verdict

MODES = {"structured": {"content_mode": "structured", "batch_records": 1}, "batch": {"content_mode": "structured"},
         "binary": {"content_mode": "binary"}}
# What keys may hold, and headers, URIs, JSON or CloudEvents' strings may not.
HOSTILE = ["plain", " blanks  around ", 'quotes " and \' and `', "100% %41 %zz %", "back\\slash \\u0041 \\",
           "ключ ünï 鍵", "\U0001F600 emoji", "line\nfeed\r\nSet-Cookie: x=y", "tab\tbell\x07 nul\0 esc\x1b del\x7f",
           "c1 \x80\x85\x9f", "separators \u2028\u2029", "no characters \ufdd0\ufdef\uffff\U0001fffe\U0010ffff",
           "bom \ufeff bidi \u202e zero \u200b", "<a href='x'>&amp;</a>", "a,b;c=d:e#f?g&h/i@j[k]{l}|^~",
           "Ü" * 1000, "\x01" * 2048, "=?utf-8?q?=41?=", "null", "[]"]
WORDS = {"insert": "inserted", "modify": "modified", "remove": "removed", "gap": "missed"}


def write(world):
    """Changes of all kinds, of items whose keys are hostile."""
    items = [{"pk": {"S": text}, "sk": {"S": text[:200]}} for text in HOSTILE]
    world.put(*({**item, "n": {"N": "12345678901234567890.5"}, "s": item["pk"]} for item in items))
    world.put(*({**item, "b": {"B": b"\0\xff"}, "ns": {"NS": ["1", "2"]}} for item in items))
    for item in items[::3]:
        world.client.delete_item(TableName=world.table, Key=item)
    for item in items[1::3]:
        world.fake.admin("ttl", table=world.table, key=json.dumps(item))


def native_lines(path):
    """The lines of the file sink, in bytes, by id."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    found = {json.loads(line)["id"]: line for line in lines}
    assert len(found) == len(lines)
    return found


def check_event(event, line, event_type):
    """The attributes say what the native line says, and the data is that line."""
    attributes, told = dict(event["attributes"]), json.loads(line)
    assert event["data"] == told, event
    word = "expired" if told.get("ttl") else WORDS[told["op"]]
    wanted = {"specversion": "1.0", "id": told["id"], "source": told["stream"], "op": told["op"],
              "type": event_type.replace("{change}", word), "shard": told["shard"],
              "datacontenttype": "application/json"}
    if told["op"] != "gap":
        key = told["key"]
        subject = json.loads(attributes.pop("subject"))
        assert subject == {name: {"S": text} for name, text in key.items()} and list(subject) == ["pk", "sk"]
        assert escaped(key["pk"]) == attributes.pop("partitionkey")
        assert len(attributes["sequence"]) == 40 and attributes.pop("sequence").lstrip("0") == told["seq"]
        wanted["time"] = told["time"]
    assert attributes == wanted, attributes


def escaped(text):
    """With what CloudEvents' strings may not hold written as JSON escapes it."""
    def is_bad(code):
        return code < 0x20 or 0x7F <= code <= 0x9F or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    def units(c):
        found = c.encode("utf-16-be").hex()
        return "".join("\\u" + found[i:i + 4] for i in range(0, len(found), 4))
    return "".join(units(c) if is_bad(ord(c)) else c for c in text)


def read(form, requests):
    """The events of requests on which everybody agrees."""
    found = []
    for request in requests:
        events = check_cloudevents(form, request.headers, request.body)
        assert form == "batch" or len(events) == 1
        found += events
    return found


def check_bytes(form, request, events, lines):
    """The data is byte for byte the native line."""
    for event in events:
        line = lines[event["attributes"]["id"]]
        assert request.body == line if form == "binary" else b'"data":' + line + b"}" in request.body


def in_form(form):
    """One form: everything is there once, as it should be; an event of the gap that trimming leaves, too."""
    event_type = "org.example/{change}" if form == "batch" else "com.amazonaws.dynamodb.item.{change}"
    options = {**MODES[form], "format": "cloudevents", "signature": "none", "name": "one",
               **({"event_type": event_type} if form == "batch" else {})}
    with World(f"cloudevents_{form}", sort=True) as world, Hook() as hook:
        path = os.path.join(world.folder, "native.ndjson")
        options.update(sinks={"native": path}, on_gap="skip")
        write(world)
        world.deliver(hook.url, **options)
        n = len(hook.got())
        world.put({"pk": {"S": "never seen"}, "sk": {"S": "x"}})
        world.fake.admin("trim", table=world.table, before="now")
        world.put({"pk": {"S": "seen"}, "sk": {"S": "x"}})
        world.deliver(hook.url, **options)
        requests, lines = hook.got(n + 1), native_lines(path)
        events = read(form, requests)
        assert [event["attributes"]["op"] for event in events].count("gap") == 1
        ids = [event["attributes"]["id"] for event in events]
        assert len(set(ids)) == len(ids) and set(ids) == set(lines), "not each once"
        assert len(ids) == 2 * len(HOSTILE) + len(HOSTILE[::3]) + len(HOSTILE[1::3]) + 2
        for event in events:
            check_event(event, lines[event["attributes"]["id"]], event_type)
        for request in requests:
            check_bytes(form, request, read(form, [request]), lines)
        check_order(events)
        longest = max(sum(map(len, request.headers.values())) for request in requests)
        print(f"# the longest headers are {longest} bytes")
        assert (12_000 if form == "binary" else 0) < longest < (30_000 if form == "binary" else 1000), longest
        assert form != "batch" or len(requests) < len(ids) / 3
        altered = requests[0].body.replace(b"insert", b"insort")
        said = verdict(compare_cloudevents, "py", form, read(form, requests[:1]), requests[0].headers, altered, None)
        assert said is not True and "insort" in said, said


def check_order(events):
    """Sequences as texts order an item's events, in which they came."""
    by_key = collections.defaultdict(list)
    for event in events:
        if "sequence" in event["attributes"]:
            by_key[event["attributes"]["subject"]].append(event["attributes"])
    for found in by_key.values():
        texts = [attributes["sequence"] for attributes in found]
        assert texts == sorted(texts), texts
    assert sum(len(found) > 2 for found in by_key.values()) >= 10
    # As texts they order the events of a shard just as numbers do.
    texts = [attributes["sequence"] for found in by_key.values() for attributes in found]
    assert sorted(texts) == sorted(texts, key=int)


def structured():
    """One event a request."""
    in_form("structured")


def batch():
    """Many events a request, with a type of one's own."""
    in_form("batch")


def binary():
    """Attributes in headers."""
    in_form("binary")


if __name__ == "__main__":
    sys.exit(run_tests([structured, batch, binary]))
