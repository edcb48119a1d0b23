#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Amazon's Kinesis client, in its first and third line, on ddbfake: it must take the fake for DynamoDB, read
everything through rolls and splits, and keep its leases."""
import sys

from peerlib import run_tests, wait_for
from kcllib import END, LINES, SECONDS, check_leases, dump_leases, read_records, world

NUMBERS = ["0", "-7", "1E125", "1E-130", "-9.9999999999999999999999999999999999999E125", "9007199254740993",
           "12345678901234567890.123456789012345678", "1.10"]
TEXTS = ["", "\"\\/", "\x00\x1f\x7f", "\u2028", "zażółć \U0001f600", "x" * 5000]


def drains_rolls_and_splits(line):
    with world(f"kcl-drains-{line}") as w:
        w.write(600)
        with w.app(line) as app:
            w.write(600)
            w.wait_until_read(app)
            wait_for(lambda: app.said().count(" ended ") >= ended(w), SECONDS)
            app.stop()
        w.check(app.records())
        hits = w.fake.admin("stats")["hits"]
        assert hits["end_with_records"] > 0 and hits["end_empty"] > 0 and hits["split"] > 2, hits
        leases = dump_leases(w.db, "app")
        assert check_leases(leases, w.shards()) == [], check_leases(leases, w.shards())
        ends = [key for key, row in leases.items() if row["checkpoint"]["S"] == END]
        assert len(ends) > 10, leases


def copes_with_what_we_do_to_consumers(line):
    """Listings that lie, pages that are empty or short, errors and throttling: the fake asks of its clients what they
    know from the service."""
    with world(f"kcl-copes-{line}") as w:
        w.write(300)
        lies = ("lie_open_parent", "lie_missing_child", "empty_page", "short_page")
        w.fake.admin("set", **dict.fromkeys(lies, 30))
        with w.app(line) as app:
            wait_for(app.records, SECONDS)
            for target in ("DescribeStream", "GetShardIterator", "GetRecords", "UpdateItem", "GetItem", "Scan",
                           "Query"):
                w.fake.admin("fault", kind="throttle", percent=8, target=target)
                w.fake.admin("fault", kind="500", percent=5, target=target)
            w.write(300)
            w.wait_until_read(app)
            w.fake.admin("stop-faults")
            app.stop()
        w.check(app.records())
        stats = w.fake.admin("stats")
        # The third line asks for the children of a shard, and is not told of fewer than there are.
        assert all(stats["hits"][lie] > 0 for lie in lies if (lie, line) != ("lie_missing_child", 3)), stats
        assert stats["faults"]["throttle"] + stats["faults"]["500"] > 3, stats
        leases = dump_leases(w.db, "app")
        assert check_leases(leases, w.shards()) == [], check_leases(leases, w.shards())


def ended(w):
    """How many shards have an end."""
    return sum("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in w.shards())


def goes_on_where_it_stopped(line):
    with world(f"kcl-stops-{line}") as w:
        w.write(200)
        with w.app(line) as app:
            w.wait_until_read(app)
            app.stop()
            before, written = len(app.records()), len(w.fake.writes())
            w.write(200)
            app.start()
            w.wait_until_read(app)
            app.stop()
        assert 0 < before == written < len(app.records()), (before, written)
        again = w.check(app.records())
        assert again < before / 2, f"{again} of {before} came again: it began anew"


def gives_values_back(line):
    """All ten types as they were written, keys too: the application alters nothing."""
    with world(f"kcl-values-{line}") as w:
        deep = {"L": [{"M": {"a/b": {"L": []}}}, {"NULL": True}, {"SS": ["b", "a"]}]}
        for i, number in enumerate(NUMBERS):
            w.db.put_item(TableName="things", Item={
                "pk": {"S": f"key \u20ac {i}"}, "number": {"N": number}, "text": {"S": TEXTS[i % len(TEXTS)]},
                "bytes": {"B": bytes(range(256))}, "none": {"NULL": True}, "yes": {"BOOL": True},
                "no": {"BOOL": False}, "deep": deep, "numbers": {"NS": ["1", "2.5", number]},
                "blobs": {"BS": [b"", b"\xff"]}, "map": {"M": {"": {"N": number}}}})
            w.db.delete_item(TableName="things", Key={"pk": {"S": f"key \u20ac {i}"}})
        with w.app(line) as app:
            w.wait_until_read(app)
            app.stop()
        w.check(read_records(app.out))


def for_line(test, line):
    """The test for one line of the client."""
    def run():
        test(line)
    run.__name__ = f"{test.__name__}_{line}"
    return run


TESTS = [for_line(test, line)
         for test in (gives_values_back, drains_rolls_and_splits, copes_with_what_we_do_to_consumers,
                      goes_on_where_it_stopped)
         for line in LINES]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
