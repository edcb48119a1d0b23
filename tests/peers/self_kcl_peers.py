#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do the judges of consumers see what is planted? Loss, repetition, disorder and alteration, and leases that no KCL
would write."""
import copy
import sys

from peerlib import run_tests
from accountlib import account, plain, undressed
from kcllib import check_leases

SHARDS = [{"ShardId": "p"}, {"ShardId": "c", "ParentShardId": "p"}, {"ShardId": "x"}]
# Items a and b live in the parent and in its child, item z elsewhere.
PLACES = [("p", "a"), ("x", "z"), ("p", "b"), ("p", "a"), ("c", "a"), ("x", "z"), ("c", "b")]
WRITES = [{"n": n, "table": "things", "shard": shard, "seq": str(10 ** 20 + n), "keys": {"pk": {"S": item}},
           "new": {"pk": {"S": item}, "n": {"N": str(n)}}} for n, (shard, item) in enumerate(PLACES)]
RECORDS = [{name: write[name] for name in ("shard", "seq", "keys", "new")} for write in WRITES]


def kinds(records, **more):
    """How many mistakes of each kind are found."""
    found = account(records, WRITES, SHARDS, **more)
    return {kind: len(mistakes) for kind, mistakes in found.mistakes.items() if mistakes}, found.again


def good_accounts():
    assert kinds(RECORDS) == ({}, 0)
    # Shards may be read one after the other, items of other shards mixed in.
    assert kinds(sorted(RECORDS, key=lambda r: "pcx".index(r["shard"]))) == ({}, 0)
    assert kinds(RECORDS + RECORDS[2:]) == ({}, 5)


def loss():
    for i, record in enumerate(RECORDS):
        rest = RECORDS[:i] + RECORDS[i + 1:]
        lost = kinds(rest)[0]
        assert lost.pop("lost") == 1
        assert lost == ({"before parent": 1} if record["shard"] == "p" else {}), (i, lost)
    assert kinds([])[0] == {"lost": 7}


def disorder():
    swapped = RECORDS.copy()
    swapped[1], swapped[5] = swapped[5], swapped[1]
    assert kinds(swapped) == ({"out of order": 1}, 0)
    # The child before its parent, although each item's writes are in order.
    early = [RECORDS[i] for i in (0, 3, 4, 2, 1, 5, 6)]
    assert kinds(early) == ({"before parent": 1}, 0)


def alteration():
    for name, value in (("new", {"pk": {"S": "a"}, "n": {"N": "1E1"}}), ("keys", {"pk": {"S": "A"}})):
        assert kinds([*RECORDS[:-1], {**RECORDS[-1], name: value}]) == ({"altered": 1}, 0)
    assert kinds([*RECORDS, {"shard": "x", "seq": "7"}])[0] == {"unknown": 1}
    assert kinds([*RECORDS[:-1], {**RECORDS[-1], "shard": "p"}])[0] == {"unknown": 1, "lost": 1}


def plain_values():
    """Records without types are compared by what their values stand for, numbers to the last digit."""
    write = {"keys": {"pk": {"N": "9007199254740993"}}, "new": {"pk": {"N": "9007199254740993"}, "l": {"L": [
        {"NULL": True}, {"BOOL": False}, {"B": "AA=="}, {"NS": ["2", "1.50"]}, {"M": {"": {"SS": ["b", "a"]}}}]}}}
    good = {name: plain({"M": write[name]}) for name in ("keys", "new")}
    assert undressed(good, write)
    bad = copy.deepcopy(good)
    bad["keys"]["pk"] = type(good["keys"]["pk"])(float(9007199254740993))
    assert not undressed(bad, write)
    assert undressed({**good, "new": None}, {**write, "new": None})
    assert not undressed({**good, "new": None}, write)


def row(key, **more):
    """A lease as both lines write it."""
    made = {"leaseKey": {"S": key}, "checkpoint": {"S": "SHARD_END"}, "leaseCounter": {"N": "3"},
            "checkpointSubSequenceNumber": {"N": "0"}, "ownerSwitchesSinceCheckpoint": {"N": "0"}, **more}
    return {name: value for name, value in made.items() if value}


def leases():
    good = {"p": row("p", childShardIds={"SS": ["c"]}, throughputKBps={"N": "3.0E-4"}),
            "c": row("c", parentShardId={"SS": ["p"]}, checkpoint={"S": "1" * 21}, leaseOwner={"S": "w"}),
            "x": row("x", checkpoint={"S": "TRIM_HORIZON"}, pendingCheckpoint={"S": "SHARD_END"}),
            "gone": row("gone", parentShardId={"SS": ["older"]})}
    assert check_leases(good, SHARDS) == [], check_leases(good, SHARDS)
    for words, bad in (
            ("no checkpoint", row("x", checkpoint=None)),
            ("leaseCounter is", row("x", leaseCounter={"S": "1"})),
            ("leaseCounter is", row("x", leaseCounter={"N": "1.5"})),
            ("checkpoint is", row("x", checkpoint={"S": "somewhere"})),
            ("parentShardId is", row("x", parentShardId={"S": "p"})),
            ("an unknown attribute owner", row("x", owner={"S": "w"})),
            ("its parent is None", row("x", parentShardId={"SS": ["p"]})),
            ("its children are", row("x", childShardIds={"SS": ["c"]}))):
        wrong = check_leases({**good, "x": bad}, SHARDS)
        assert len(wrong) >= 1 and words in wrong[0], (words, wrong)
    early = check_leases({**good, "p": row("p", checkpoint={"S": "2" * 21})}, SHARDS)
    assert early and "begun before its parent's end" in early[0], early


if __name__ == "__main__":
    sys.exit(run_tests([good_accounts, loss, disorder, alteration, plain_values, leases]))
