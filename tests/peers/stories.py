#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same stories told to several consumers, and what each of them makes of it.

    stories.py [--story NAME] [--consumer NAME] [--list]

Prints a table: of the writes, how many were lost, came again, came out of order for their item, from how many shards
records came before those of the shard's parent, and how many were altered. `told` says whether the consumer's receiver
was told of a loss. Our own rows must be clean: status 1 if one is not. The others' are for information.

The loops with boto3 are what tutorials show: every shard from its beginning, side by side, numbers written as Amazon's
examples write them.
"""
import argparse
import decimal
import json
import os
import sys
import threading
import time
import traceback

from peerlib import SCRATCH, scratch
from accountlib import account, typed, undressed
from boto3.dynamodb.types import Binary, TypeDeserializer
from fakelib import Fake, list_shards, wait_active
from hooklib import Hook, events_of
from kcllib import KclApp, read_records, seed_leases
from nativeline import Native, differences
from taplib import FAKE, Tap, configuration

QUIET = 15  # s without a record, after which nothing more is expected; the Java clients start slowly
BOUND = 180  # s for one story, whatever happens
NATIVE = Native(tables={})


class Stage:
    """A fake service with a table, and what was written into it."""

    def __init__(self, fake, folder, key_type="S"):
        self.fake, self.folder, self.db = fake, folder, fake.client()
        self.streams = fake.client("dynamodbstreams")
        self.n, self.trimmed = 0, set()
        self.db.create_table(
            TableName="things", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": key_type}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.arn = wait_active(self.db, "things")["LatestStreamArn"]
        seed_leases(self.db, "app", [shard["ShardId"] for shard in self.shards()])

    def shards(self):
        return list_shards(self.streams, self.arn)

    def write(self, count, items=10):
        """So many writes, to the items in turn."""
        for _ in range(count):
            self.put({"S": f"item {self.n % items}"})

    def put(self, key):
        self.db.put_item(TableName="things", Item={"pk": key, "n": {"N": str(self.n)}})
        self.n += 1

    def roll(self):
        self.fake.admin("roll", table="things")

    def trim(self):
        """Takes away what nobody has read so far, for good."""
        self.fake.admin("trim", table="things", before="now")

    def settle(self, consumer, expected):
        """Waits until the consumer has delivered so many records, or will not do more."""
        end, last, count = time.monotonic() + BOUND, time.monotonic(), 0
        while time.monotonic() < min(end, last + QUIET) and not consumer.ended():
            now = len({record["seq"] for record in consumer.records()})
            if now >= expected:
                return
            if now > count:
                last, count = time.monotonic(), now
            time.sleep(0.05)


# ---- the consumers ----

class Kcl:
    """Amazon's Kinesis client with the adapter; a checkpoint after each batch."""

    same = staticmethod(typed)

    def __init__(self, line, stage, delay_ms):
        self.app = KclApp(line, stage.folder, stage.fake, stage.arn, "app", delay_ms=delay_ms)

    def start(self):
        self.app.start()

    def stop(self):
        self.app.stop()

    def close(self):
        self.app.kill()

    def ended(self):
        return self.app.process is not None and self.app.process.poll() is not None

    def records(self):
        return read_records(self.app.out)

    def told(self):
        return set()  # it has no way to tell the application

    def note(self):
        return "ended by itself" if self.ended() else ""


class DecimalEncoder(json.JSONEncoder):
    """What Amazon's examples show for writing numbers as JSON."""

    def default(self, o):
        if isinstance(o, decimal.Decimal):
            return float(o) if o % 1 > 0 else int(o)
        return o.value.decode("latin1") if isinstance(o, Binary) else super().default(o)


class Loop(threading.Thread):
    """boto3 in a loop over all shards, without lineage and without checkpoints. Lists all pages over and over, or,
    as most tutorials do, the first page once."""

    same = staticmethod(undressed)

    def __init__(self, first_page, stage, delay_ms):
        super().__init__(daemon=True)
        self.stage, self.first_page, self.delay = stage, first_page, delay_ms / 1000
        self.iterators, self.lines, self.why = {}, [], ""
        self.stopping = threading.Event()
        self.read = TypeDeserializer().deserialize

    def run(self):
        try:
            self.open_shards()
            while not self.stopping.is_set():
                for shard in list(self.iterators):
                    self.poll(shard)
                if not self.first_page:
                    self.open_shards()
        except Exception as why:  # as such programs end
            self.why = "died: " + type(why).__name__

    def open_shards(self):
        """Gets an iterator for each shard that is new."""
        shards = (self.stage.streams.describe_stream(StreamArn=self.stage.arn)["StreamDescription"]["Shards"]
                  if self.first_page else self.stage.shards())
        for shard in (found["ShardId"] for found in shards):
            if shard not in self.iterators:
                self.iterators[shard] = self.stage.streams.get_shard_iterator(
                    StreamArn=self.stage.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def poll(self, shard):
        """Reads one page of a shard."""
        if self.iterators[shard] is None or self.stopping.is_set():
            return
        page = self.stage.streams.get_records(ShardIterator=self.iterators[shard])
        for record in page["Records"]:
            self.take(shard, record["dynamodb"])
        self.iterators[shard] = page.get("NextShardIterator")

    def take(self, shard, record):
        """Writes one record down as JSON."""
        plain = {mine: {name: self.read(value) for name, value in record[theirs].items()}
                 if theirs in record else None for mine, theirs in (("keys", "Keys"), ("new", "NewImage"))}
        self.lines.append(json.dumps({"shard": shard, "seq": record["SequenceNumber"], **plain}, cls=DecimalEncoder))
        time.sleep(self.delay)

    def stop(self):
        """Ends it. It can be started anew, which is another one with the same file."""
        self.stopping.set()
        self.join()

    close = stop

    def ended(self):
        return bool(self.why) or (self.first_page and set(self.iterators.values()) == {None})

    def records(self):
        return [json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal) for line in list(self.lines)]

    def told(self):
        return set()

    def note(self):
        return self.why


class Restarted:
    """A Loop that is started anew after it was stopped, and goes on with the same lines."""

    same = staticmethod(undressed)

    def __init__(self, first_page, stage, delay_ms):
        self.make = lambda: Loop(first_page, stage, delay_ms)
        self.loop, self.lines = None, []

    def start(self):
        self.loop = self.make()
        self.loop.lines = self.lines
        self.loop.start()

    def __getattr__(self, name):
        return getattr(self.loop, name)


class Ddbtap:
    """Ourselves, with a webhook whose receiver takes its time."""

    def __init__(self, stage, delay_ms):
        self.stage, self.delay, self.tap = stage, delay_ms / 1000, None
        self.hook = Hook(self.answer).__enter__()

    def answer(self, request):
        time.sleep(self.delay * len(events_of(request.body)))
        return 204

    def start(self):
        sink = {"type": "webhook", "url": self.hook.url, "allow_http": True, "allow_private": True,
                "signature": "none", "batch_records": 10}
        self.tap = Tap(self.stage.folder, configuration(self.stage.fake.url, ["things"], {"hook": sink}))

    def stop(self):
        self.tap.signal(15)
        assert self.tap.wait(40) == 0, self.tap.said()

    def close(self):
        self.tap.__exit__()
        self.hook.__exit__()

    def ended(self):
        return self.tap.process.poll() is not None

    def events(self):
        return [event for request in self.hook.taken() for event in events_of(request.body)]

    def records(self):
        return [event for event in self.events() if event["op"] != "gap"]

    @staticmethod
    def same(event, write):
        return not differences(event, write, NATIVE)

    def told(self):
        return {event["shard"] for event in self.events() if event["op"] == "gap"}

    def note(self):
        return f"status {self.tap.process.returncode}" if self.tap.process.returncode else ""


OURS = "ddbtap"
CONSUMERS = {
    "KCL 1.15 + adapter 1.6": lambda *where: Kcl(1, *where),
    "KCL 3.1 + adapter 2.0": lambda *where: Kcl(3, *where),
    "boto3 loop": lambda *where: Restarted(False, *where),
    "boto3 first page": lambda *where: Restarted(True, *where),
    OURS: Ddbtap}


# ---- the stories ----

def records_with_the_end(stage, consumer):
    """Shards whose last records come in the very answer that has no next iterator, older ones and new ones."""
    for i in range(12):
        if i == 6:
            consumer.start()
            stage.settle(consumer, stage.n)
        stage.write(25)
        stage.roll()
    stage.settle(consumer, stage.n)
    assert stage.fake.admin("stats")["hits"]["end_with_records"] > 0
    consumer.stop()


def child_and_parent(stage, consumer):
    """A parent with more than a page of changes, whose child has newer ones of the same items."""
    stage.write(2500)
    stage.roll()
    stage.write(50)
    consumer.start()
    stage.settle(consumer, stage.n)
    consumer.stop()


def trimmed_while_away(stage, consumer):
    """A consumer that stops; what was not read in time is gone when it comes back."""
    stage.write(100)
    consumer.start()
    stage.settle(consumer, stage.n)
    consumer.stop()
    read = stage.n
    stage.write(200)
    stage.trim()
    stage.trimmed = {write["seq"] for write in stage.fake.writes()[read:]}
    stage.write(50)
    consumer.start()
    stage.settle(consumer, stage.n - len(stage.trimmed))
    consumer.stop()


def slow_receiver(stage, consumer):
    """A receiver that needs longer for a page than iterators live, and a roll meanwhile."""
    stage.write(300)
    consumer.start()
    stage.settle(consumer, 1)
    stage.write(100)
    stage.roll()
    stage.write(50)
    stage.settle(consumer, stage.n)
    consumer.stop()


def decimal_keys(stage, consumer):
    """Items whose keys differ in the last digits alone."""
    for _ in range(3):
        for key in ("9007199254740992", "9007199254740993", "0.1234567890123456788", "0.1234567890123456789", "-1.5",
                    "-1", "1E-130", "1234567890123456789012345678"):
            stage.put({"N": key})
    consumer.start()
    stage.settle(consumer, stage.n)
    consumer.stop()


def many_shards(stage, consumer):
    """A stream of 250 shards, which DescribeStream does not list on one page."""
    stage.write(1000, items=500)
    consumer.start()
    stage.settle(consumer, stage.n)
    consumer.stop()


# Each with the options of the service, the type of the keys, and how long the receiver takes per record.
STORIES = {
    "records with the end": (records_with_the_end, {}, "S", 0),
    "child and parent": (child_and_parent, {}, "S", 0),
    "trimmed while away": (trimmed_while_away, {}, "S", 0),
    "slow receiver": (slow_receiver, {"--iterator-life": 1}, "S", 10),
    "decimal keys": (decimal_keys, {}, "N", 0),
    "250 shards": (many_shards, {"--shards": 250}, "S", 0)}


class Row:
    """What one consumer made of one story."""

    def __init__(self, story, name):
        self.story, self.name = story, name
        self.found = self.note = self.trimmed = None
        self.gaps = self.holes = set()  # shards of which the receiver was told, and those that lack something

    def play(self):
        tell, options, key_type, delay_ms = STORIES[self.story]
        folder = scratch(os.path.join("stories", f"{self.story} {self.name}".replace(" ", "-")))
        words = [word for pair in options.items() for word in pair]
        with Fake(FAKE, "--create-ms", 0, "--seed", 3, *words) as fake:
            stage = Stage(fake, folder, key_type)
            consumer = CONSUMERS[self.name](stage, delay_ms)
            try:
                tell(stage, consumer)
                records, writes = consumer.records(), fake.writes()
                seen = {record["seq"] for record in records}
                self.found = account(records, writes, stage.shards(), consumer.same)
                self.holes = {write["shard"] for write in writes if write["seq"] not in seen}
                self.gaps, self.note, self.trimmed = consumer.told(), consumer.note(), stage.trimmed
            finally:
                consumer.close()

    def counts(self):
        """How many mistakes of each kind there are."""
        return {kind: len(found) for kind, found in self.found.mistakes.items()}

    def clean(self):
        """Whether nothing is wrong but what nobody can help, and of that the receiver knows."""
        counts = self.counts()
        lost = counts.pop("lost")
        return not any(counts.values()) and lost == len(self.trimmed) and self.gaps == self.holes

    def text(self):
        """What was found, in words."""
        return f"{self.found.text()}, told of {self.gaps} {self.note}"

    def cells(self):
        counts = self.counts()
        told = ("yes" if self.holes <= self.gaps else "no") if self.holes else ""
        numbers = [counts["lost"], told, self.found.again, counts["out of order"], counts["before parent"],
                   counts["altered"]]
        return [self.story, self.name, *(str(n) if n else "." for n in numbers), self.note]


HEADS = ["story", "consumer", "lost", "told", "again", "out of order", "before parent", "altered", "note"]


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--story", choices=STORIES, action="append", help="only this one; may be repeated")
    parser.add_argument("--consumer", choices=CONSUMERS, action="append", help="only this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="say what the stories are")
    options = parser.parse_args()
    if options.list:
        for name, (tell, *_) in STORIES.items():
            print(f"{name}: {tell.__doc__}")
        return 0
    rows, wrong = [HEADS], 0
    for story in options.story or STORIES:
        for name in options.consumer or CONSUMERS:
            row = Row(story, name)
            began = time.monotonic()
            try:
                row.play()
            except Exception:  # a story that cannot be told to one is told to the others all the same
                traceback.print_exc()
                print(f"not ok {story}: {name}")
                wrong += 1
                continue
            rows.append(row.cells())
            print(f"# {story}: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            if name == OURS and not row.clean():
                print(f"not ok {story}: {row.text()}")
                wrong += 1
    print()
    print_table(rows)
    return 1 if wrong else 0


if __name__ == "__main__":
    os.makedirs(SCRATCH, exist_ok=True)
    sys.exit(main())
