#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the service wrote down with what a sink got.

    verify.py LOG FILE [--tables A,B] [--no-duplicates] [--unmasked] [--raw] [--name NAME]
    verify.py selftest

LOG is what `ddbfake --log` wrote, FILE a file sink's. Every write must be in FILE, with the images that
the service has; the first deliveries of an item's writes must be in the order of the writes; and there
must be nothing else. Doubled records are counted, and wrong with --no-duplicates. Exit status 1 when
something is wrong. The selftest plants mistakes and sees them reported.
"""
import argparse
import base64
import collections
import copy
import datetime
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nativeline import Native, differences

TELL = 5  # of each kind of mistake


class Report:
    """What was found. `mistakes` are by kind, in words."""

    KINDS = ("lost", "out of order", "altered", "unknown", "unreadable", "gaps")

    def __init__(self):
        self.writes = self.lines = self.delivered = self.duplicates = 0
        self.mistakes = {kind: [] for kind in self.KINDS}
        self.duplicates_are_wrong = False

    def good(self):
        return not any(self.mistakes.values()) and not (self.duplicates_are_wrong and
                                                        self.duplicates)

    def text(self, name):
        """One line of numbers, and the first mistakes of each kind."""
        counts = [f"{len(found)} {kind}" for kind, found in self.mistakes.items()
                  if found or kind in ("lost", "out of order", "altered")]
        lines = [f"{name}: {self.delivered} of {self.writes} writes delivered, "
                 + ", ".join(counts) + f", {self.duplicates} delivered again"]
        for kind, found in self.mistakes.items():
            lines += [f"  {kind}: {what}" for what in found[:TELL]]
            if len(found) > TELL:
                lines.append(f"  {kind}: and {len(found) - TELL} more")
        return "\n".join(lines)


def load_lines(path):
    """The lines of a file, as bytes without their ends; a torn last one too."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    return lines if lines[-1] else lines[:-1]


def load_writes(path, tables=None):
    """The writes of a service's log, of all tables or some, in order."""
    writes = [json.loads(line) for line in load_lines(path)]
    return [w for w in writes if tables is None or w["table"] in tables]


def item_of(write):
    """Which item a write is about."""
    return write["table"], json.dumps(write["keys"], sort_keys=True)


def check(writes, lines, native, no_duplicates=False):
    """Holds a sink's lines against the writes; returns a Report."""
    report = Report()
    report.duplicates_are_wrong = no_duplicates
    report.writes, report.lines = len(writes), len(lines)
    by_id = {write["id"]: write for write in writes}
    if len(by_id) != len(writes):
        raise ValueError("the log has writes with equal ids")
    first = {}  # the first line of each event
    newest = {}  # of each item, the number of the last write that was delivered
    for at, text in enumerate(lines, 1):
        _check_line(at, text, by_id, first, newest, native, report)
    report.delivered = len(first)
    report.mistakes["lost"] += [tell(w) for w in writes if w["id"] not in first]
    return report


def _check_line(at, text, by_id, first, newest, native, report):
    try:
        line = json.loads(text)
    except ValueError as why:
        report.mistakes["unreadable"].append(f"line {at}: {why}")
        return
    if line.get("op") == "gap":
        report.mistakes["gaps"].append(f"line {at}: {line.get('gap')}")
        return
    write = by_id.get(line.get("id"))
    if write is None:
        report.mistakes["unknown"].append(f"line {at}: {text[:100]!r}")
        return
    if write["id"] in first:
        report.duplicates += 1
        if hashlib.sha256(text).digest() != first[write["id"]]:
            report.mistakes["altered"].append(f"line {at}: not the same as before: {tell(write)}")
        return
    first[write["id"]] = hashlib.sha256(text).digest()
    item = item_of(write)
    if newest.get(item, -1) > write["n"]:
        report.mistakes["out of order"].append(f"line {at}: {tell(write)} after {newest[item]}")
    newest[item] = max(newest.get(item, -1), write["n"])
    wrong = differences(line, write, native)
    if wrong:
        report.mistakes["altered"].append(f"line {at}: {tell(write)}: {', '.join(wrong)}")


def tell(write):
    """A write, in words."""
    return f"write {write['n']} ({write['op']} {write['table']} {json.dumps(write['keys'])})"


# ---- the selftest ----

class Recorder:
    """Stands for the service: keeps items and makes the log of writes."""

    def __init__(self, tables):
        self.tables, self.items, self.writes = tables, {}, []

    def put(self, table, item):
        self._write(table, json.loads(json.dumps(item, default=_base64)))

    def delete(self, table, key):
        self._write(table, None, key)

    def _write(self, table, new, keys=None):
        n = len(self.writes)
        keys = keys or {name: new[name] for name in self.tables[table].keys}
        old = self.items.get((table, json.dumps(keys)))
        self.items[table, json.dumps(keys)] = new
        self.writes.append({
            "n": n, "ms": 1543838400000 + n * 10, "table": table, "stream": f"arn:{table}",
            "op": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "shard": "shardId-1", "seq": str(10 ** 20 + n), "id": f"{n:032x}",
            "keys": keys, "old": old, "new": new})


def _base64(raw):
    return base64.b64encode(raw).decode()


def made_lines(writes, native):
    """What a sink should have got."""
    for write in writes:
        when = datetime.datetime.utcfromtimestamp(write["ms"] // 1000)
        line = {**native.event(write), "time": when.isoformat() + ".000Z", "summary": "x"}
        yield json.dumps(line, ensure_ascii=False).encode()


def altered(line, change):
    """A line after `change` was done to it."""
    parsed = json.loads(line)
    change(parsed)
    return json.dumps(parsed).encode()


def selftest():
    """Plants every kind of mistake; prints a line for each and returns the exit status."""
    import history
    import vinyldns
    native = Native()
    service = Recorder(vinyldns.TABLES)
    history.History(service, seed=7).play(400)
    writes = service.writes
    good = list(made_lines(writes, native))
    items = collections.defaultdict(list)
    for write in writes:
        items[item_of(write)].append(write["n"])
    a, b = next(ns for ns in items.values() if len(ns) > 1)[:2]  # of one item
    zone = next(w["n"] for w in writes if w["table"] == "zoneChange")

    def swapped():
        lines = list(good)
        lines[a], lines[b] = lines[b], lines[a]
        return lines

    def with_line(n, line):
        return [*good[:n], line, *good[n + 1:]]

    def set_ttl(line):
        blob = line["after"]["record_set_change_blob"]
        blob["recordSet"]["ttl"] = str(int(blob["recordSet"]["ttl"]) + 1)

    def unmask(line):
        line["after"]["blob"]["zone"]["connection"]["key"] = "secret"

    change = next(w["n"] for w in writes if w["table"] == "recordChange")
    modify = next(w["n"] for w in writes if w["op"] == "MODIFY")
    unrelated = [good[1], good[0], *good[2:]]
    assert item_of(writes[0]) != item_of(writes[1])
    cases = [  # name, lines, what must be counted, good with duplicates, good without
        ("all_in_order", good, {}, True, True),
        ("order_between_items_is_free", unrelated, {}, True, True),
        ("one_lost", good[:5] + good[6:], {"lost": 1}, False, False),
        ("the_last_lost", good[:-1], {"lost": 1}, False, False),
        ("all_lost", [], {"lost": len(good)}, False, False),
        ("one_doubled", good[:9] + good[8:], {"duplicates": 1}, True, False),
        ("a_replay", good[:60] + good[20:], {"duplicates": 40}, True, False),
        ("two_swapped", swapped(), {"out of order": 1}, False, False),
        ("a_field_altered", with_line(change, altered(good[change], set_ttl)), {"altered": 1},
         False, False),
        ("a_key_unmasked", with_line(zone, altered(good[zone], unmask)), {"altered": 1},
         False, False),
        ("an_image_missing",
         with_line(modify, altered(good[modify], lambda x: x.pop("before"))), {"altered": 1},
         False, False),
        ("a_position_altered",
         with_line(3, altered(good[3], lambda x: x.update(seq="1"))), {"altered": 1}, False, False),
        ("a_time_altered",
         with_line(3, altered(good[3], lambda x: x.update(time="2018-12-04T00:00:00.000Z"))),
         {"altered": 1}, False, False),
        ("a_double_altered", [*good, altered(good[3], lambda x: x.update(seq="1"))],
         {"altered": 1, "duplicates": 1}, False, False),
        ("an_unknown_record",
         [*good, altered(good[3], lambda x: x.update(id="none"))], {"unknown": 1}, False, False),
        ("a_gap", [*good, altered(good[3], lambda x: x.update(op="gap", gap={}))], {"gaps": 1},
         False, False),
        ("a_torn_line", with_line(4, good[4][:-7]), {"unreadable": 1, "lost": 1}, False, False),
    ]
    failed = 0
    for name, lines, counts, lenient, strict in cases:
        report = check(writes, lines, native)
        found = {kind: len(list_) for kind, list_ in report.mistakes.items() if list_}
        if report.duplicates:
            found["duplicates"] = report.duplicates
        fine = (found == counts and report.good() == lenient and
                check(copy.deepcopy(writes), lines, native, True).good() == strict)
        failed += not fine
        print(("ok" if fine else "not ok") + f" verify_{name}" + ("" if fine else f": {found}"))
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["selftest"]:
        return selftest()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("log")
    parser.add_argument("file")
    parser.add_argument("--tables", help="those that the sink gets, by commas")
    parser.add_argument("--no-duplicates", action="store_true", help="a doubled record is wrong")
    parser.add_argument("--unmasked", action="store_true", help="the sink has mask: false")
    parser.add_argument("--raw", action="store_true", help="the sink has raw: always")
    parser.add_argument("--name", help="what to call it")
    options = parser.parse_args()
    native = Native(mask=not options.unmasked, raw=options.raw)
    tables = options.tables.split(",") if options.tables else None
    report = check(load_writes(options.log, tables), load_lines(options.file), native,
                   options.no_duplicates)
    print(report.text(options.name or options.file))
    return 0 if report.good() else 1


if __name__ == "__main__":
    sys.exit(main())
