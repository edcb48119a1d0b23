# SPDX-License-Identifier: Apache-2.0
"""Amazon's Kinesis client with the adapter for DynamoDB Streams, in its first and its third line: applications
that write each record into a file, and the table in which they keep their leases."""
import contextlib
import json
import os
import random
import re

from peerlib import CACHE, JAVA, Server, classpath, scratch, wait_for
from accountlib import account
from fakelib import ACCESS, REGION, SECRET, Fake, list_shards, make_table, wait_active
from taplib import FAKE

LINES = (1, 3)
SECONDS = 120  # a bound, not what it takes


class KclApp(Server):
    """An application of one of the two lines, as one worker. Options are those of java/Journal.java."""

    def __init__(self, line, folder, fake, arn, application, worker="w1", out="records", **options):
        super().__init__(folder, f"kcl{line}-{worker}")
        self.line = line
        self.out = os.path.join(folder, out)
        open(self.out, "ab").close()  # so that it can be read before there is anything
        self.options = {"endpoint": fake.url, "region": REGION, "access": ACCESS, "secret": SECRET,
                        "arn": arn, "application": application, "worker": worker, "out": self.out,
                        **options}

    def command(self):
        jars = classpath(f"kcl{self.line}")
        jars[1] = os.path.join(CACHE, f"kcl{self.line}-app") + ":" + jars[1]
        # The first line's SDK reaches into what Java 17 keeps closed.
        return [*JAVA, "-Xmx256m", "--add-opens", "java.base/java.lang=ALL-UNNAMED", *jars,
                f"Kcl{self.line}App", *(f"{name}={value}" for name, value in self.options.items())]

    def ready(self):
        return " started\n" in self.said()

    def alive(self):
        """Whether it still runs."""
        return self.process is not None and self.process.poll() is None

    def records(self):
        """The records so far, in the order in which they came."""
        return read_records(self.out)

    def stop(self):
        """SIGTERM, upon which it checkpoints all that it was given. Says whether the client came to its end by
        itself: the third line gives itself leases back now and then, while it waits for having none."""
        super().stop()
        return "graceful=true" in self.said()


def read_records(path):
    """The lines of such a file; a last one that is not complete is left out."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def stream_key(arn):
    """What is before ":<shard>" in the keys of an application that reads several streams, as its adapter makes it."""
    parts = arn.split(":", 5)
    _, table, _, label = parts[5].split("/")
    return f"{parts[4]}:{parts[3]}${parts[4]}${table}${label.replace(':', '_')}:1"


def seed_leases(client, application, shards, stream=None):
    """Makes the table of leases, its index included, with the free leases of these shards; `stream` is what
    stream_key() says of an application of several streams. For an empty table the clients sleep up to half a minute,
    for an index that they have to make ten seconds."""
    client.create_table(
        TableName=application, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("leaseKey", "leaseOwner")],
        GlobalSecondaryIndexes=[{
            "IndexName": "LeaseOwnerToLeaseKeyIndex", "Projection": {"ProjectionType": "KEYS_ONLY"},
            "KeySchema": [{"AttributeName": "leaseOwner", "KeyType": "HASH"},
                          {"AttributeName": "leaseKey", "KeyType": "RANGE"}]}])
    wait_active(client, application)
    for shard in shards:
        several = {"streamName": {"S": stream}, "shardId": {"S": shard}} if stream else {}
        client.put_item(TableName=application, Item={
            "leaseKey": {"S": f"{stream}:{shard}" if stream else shard}, **several, "checkpoint": {"S": "TRIM_HORIZON"},
            "checkpointSubSequenceNumber": {"N": "0"}, "leaseCounter": {"N": "0"},
            "ownerSwitchesSinceCheckpoint": {"N": "0"}, "startingHashKey": {"S": "0"},
            "endingHashKey": {"S": "1"}})


# ---- a world with a consumer in it ----

class World:
    """A fake service with one table or more, something that writes to them, and what a consumer made of it."""

    def __init__(self, fake, folder, tables=("things",)):
        self.fake, self.folder, self.db, self.tables = fake, folder, fake.client(), tables
        self.streams = fake.client("dynamodbstreams")
        self.arns = [make_table(self.db, table) for table in tables]
        self.arn = ",".join(self.arns)
        self.rng = random.Random(5)
        first = list_shards(self.streams, self.arns[0])
        seed_leases(self.db, "app", [shard["ShardId"] for shard in first],
                    stream_key(self.arns[0]) if len(tables) > 1 else None)

    def shards(self):
        return [shard for arn in self.arns for shard in list_shards(self.streams, arn)]

    def write(self, count, reshard=80):
        """Puts and deletes among 40 items; every now and then all shards roll, or one splits."""
        for i in range(count):
            key = {"pk": {"S": f"item {self.rng.randrange(40)}"}}
            table = self.tables[i % len(self.tables)]
            if self.rng.random() < 0.1:
                self.db.delete_item(TableName=table, Key=key)
            else:
                self.db.put_item(TableName=table, Item={**key, "n": {"N": str(self.rng.getrandbits(60))}})
            if i % reshard == reshard - 1:
                self.fake.admin(self.rng.choice(("roll", "split")), table=self.tables[i // reshard % len(self.tables)])

    def app(self, line, worker="w1", **options):
        return KclApp(line, self.folder, self.fake, self.arn, "app", worker, **options)

    def wait_until_read(self, app):
        """Waits until the application has as many records as were written."""
        wait_for(lambda: len(app.records()) >= len(self.fake.writes()), SECONDS)

    def check(self, records):
        """Each record as it was written, children after parents. On a machine that stands still for seconds, leases
        expire and a batch comes again: that is what the client promises. Returns how many did."""
        found = account(records, self.fake.writes(), self.shards())
        assert found.good(), found.text()
        return found.again


@contextlib.contextmanager
def world(name, tables=("things",)):
    """A world of that name, whose service ends with it."""
    folder = scratch(name)
    with Fake(FAKE, "--shards", 3, "--create-ms", 0) as fake:
        yield World(fake, folder, tables)


# ---- the table of leases ----

END = "SHARD_END"

# What each attribute of a lease must be. A KCL of the third line keeps other rows in the same table from 3.5 on,
# with an entityType that is not LEASE. The last ones are ours, as are those that begin with "sink.".
_SHAPE = {
    "leaseKey": ("S", None, True), "checkpoint": ("S", None, True), "leaseOwner": ("S", None, False),
    "leaseCounter": ("N", r"\d+", True), "ownerSwitchesSinceCheckpoint": ("N", r"\d+", True),
    "checkpointSubSequenceNumber": ("N", r"\d+", True), "parentShardId": ("SS", None, False),
    "childShardIds": ("SS", None, False), "startingHashKey": ("S", None, False),
    "endingHashKey": ("S", None, False), "pendingCheckpoint": ("S", None, False),
    "pendingCheckpointSubSequenceNumber": ("N", r"\d+", False), "pendingCheckpointState": ("B", None, False),
    "throughputKBps": ("N", r"[0-9.E-]+", False), "checkpointOwner": ("S", None, False),
    "entityType": ("S", "LEASE", False), "createdAt": ("N", r"\d+", False), "startAt": ("S", None, False),
    "epoch": ("N", r"\d+", False), "streamLabel": ("S", None, False), "streamName": ("S", None, False), "shardId": ("S", None, False)}
_CHECKPOINT = re.compile(r"TRIM_HORIZON|LATEST|AT_TIMESTAMP|SHARD_END|\d{21,40}")


def dump_leases(client, application):
    """The rows of the table by shard, those that are leases, in DynamoDB's JSON."""
    rows = [row for page in client.get_paginator("scan").paginate(TableName=application, ConsistentRead=True)
            for row in page["Items"]]
    return {row["leaseKey"]["S"].rpartition(":")[2]: row for row in rows
            if row.get("entityType", {"S": "LEASE"}) == {"S": "LEASE"}}


def check_leases(leases, shards):
    """What is wrong with leases, in words; `shards` as DescribeStream has them."""
    wrong = []
    parents = {shard["ShardId"]: shard.get("ParentShardId") for shard in shards}
    for key, row in leases.items():
        shape = [f"{key}: {words}" for words in _check_shape(row)]
        wrong += shape
        if shape or key not in parents:
            continue  # a shard that is gone may have a parent that is, too
        named = set(row.get("parentShardId", {"SS": []})["SS"])
        if named - {parents[key]}:
            wrong.append(f"{key}: its parent is {parents[key]}, not {named}")
        children = {shard for shard, parent in parents.items() if parent == key}
        if set(row.get("childShardIds", {"SS": []})["SS"]) - children:
            wrong.append(f"{key}: its children are {children}, not {row['childShardIds']['SS']}")
        parent = leases.get(parents[key])
        begun = row["checkpoint"]["S"] not in ("TRIM_HORIZON", "LATEST")
        if parent and begun and parent["checkpoint"]["S"] != END:
            wrong.append(f"{key}: begun before its parent's end: {parent['checkpoint']['S']}")
    return wrong


def _check_shape(row):
    for name in row.keys() - _SHAPE.keys():
        if name.startswith("sink."):
            continue
        yield f"an unknown attribute {name}: {row[name]}"
    for name, (tag, pattern, needed) in _SHAPE.items():
        if name not in row:
            if needed:
                yield f"no {name}"
        elif list(row[name]) != [tag] or (pattern and not re.fullmatch(pattern, row[name][tag])):
            yield f"{name} is {row[name]}"
    if not _CHECKPOINT.fullmatch(row.get("checkpoint", {}).get("S", "")):
        yield f"checkpoint is {row.get('checkpoint')}"
