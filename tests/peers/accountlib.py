# SPDX-License-Identifier: Apache-2.0
"""Holds what a consumer delivered against what the service wrote down: what is lost, doubled, out of order or
altered."""
import decimal
import json
from collections import defaultdict

TELL = 3  # of each kind of mistake


class Account:
    """`mistakes` are by kind, in words; `again` is how many deliveries were not the first of their record."""

    KINDS = ("lost", "out of order", "before parent", "altered", "unknown")

    def __init__(self):
        self.again = 0
        self.mistakes = {kind: [] for kind in self.KINDS}

    def good(self):
        return not any(self.mistakes.values())

    def text(self):
        """The mistakes, the first of each kind in words."""
        lines = [f"{len(found)} {kind}: {'; '.join(found[:TELL])}" for kind, found in self.mistakes.items() if found]
        return "\n".join([*lines, f"{self.again} again"])


def typed(record, write):
    """Whether a record in DynamoDB's own JSON has the images of the write."""
    return record["keys"] == write["keys"] and record["new"] == write["new"]


def plain(value):
    """What a value in DynamoDB's JSON stands for, with exact numbers."""
    (tag, inner), = value.items()
    if tag == "N":
        return decimal.Decimal(inner)
    if tag == "M":
        return {name: plain(each) for name, each in inner.items()}
    if tag == "L":
        return [plain(each) for each in inner]
    if tag == "NULL":
        return None
    if tag in ("SS", "BS"):
        return sorted(inner)
    return sorted(map(decimal.Decimal, inner)) if tag == "NS" else inner


def undressed(record, write):
    """The same for a record without types, whose binaries are base64."""
    return all(record[mine] == (write[mine] and plain({"M": write[mine]})) for mine in ("keys", "new"))


def account(records, writes, shards, same=typed):
    """`records` in the order of their delivery, each with at least shard and seq; `writes` as the service's log has
    them; `shards` as DescribeStream has them. `same` judges images: None does not."""
    result = Account()
    by_seq = {write["seq"]: write for write in writes}
    assert len(by_seq) == len(writes), "the log has sequence numbers twice"
    left = defaultdict(int)  # of each shard, the records that did not come yet
    for write in writes:
        left[write["shard"]] += 1
    parents = {shard["ShardId"]: shard.get("ParentShardId") for shard in shards}
    first, newest, early = set(), {}, set()
    for record in records:
        write = by_seq.get(record["seq"])
        if write is None or write["shard"] != record["shard"]:
            result.mistakes["unknown"].append(f"{record['shard']} {record['seq']}")
            continue
        if same and not same(record, write):
            result.mistakes["altered"].append(f"{record} is write {write['n']}: {write['new']}")
        if write["seq"] in first:
            result.again += 1
            continue
        first.add(write["seq"])
        left[write["shard"]] -= 1
        item = json.dumps([write["table"], write["keys"]], sort_keys=True)
        if newest.get(item, -1) > write["n"]:
            result.mistakes["out of order"].append(f"write {write['n']} of {item} after {newest[item]}")
        newest[item] = max(newest.get(item, -1), write["n"])
        parent = parents.get(write["shard"])
        if parent is not None and left[parent] > 0 and write["shard"] not in early:
            early.add(write["shard"])
            result.mistakes["before parent"].append(f"{write['shard']} with {left[parent]} left in {parent}")
    result.mistakes["lost"] += [f"write {w['n']} in {w['shard']}" for w in writes if w["seq"] not in first]
    return result

