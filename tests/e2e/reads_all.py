#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do all changes of all tables arrive decoded? usage: reads_all.py [DDBTAP [DDBFAKE]]

Plays a history into VinylDNS's tables, into a table with values of all ten types, and into one as a
ledger's name service keeps it, while shards roll and split. Then reads the streams by itself, and
compares change by change, image by image, with what ddbtap delivered.
"""
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fakelib
import history
import nativeline
import verify
import vinyldns
from vinyldns import ALL_TABLES, RECORD_TYPES, TABLES, TOP

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "ddbtap")
FAKE = sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, "ddbfake")
CHANGES = 700
NUMBERS = ["0", "-0", "1E125", "1E-130", "-1E125", "-1E-130",
           "99999999999999999999999999999999999999", "-12345678901234567890123456789012345678",
           "9.9999999999999999999999999999999999999E125", "0.00000000000000000000000000000000000001",
           "9007199254740993", "1.10", "100", "1e2", "+7", "007"]
TEXTS = ["", "\"", "\\", "/", "\x00\x1f\x7f", "\u2028\u2029", "zażółć \U0001f600", "</script>",
         "***", "{\"S\":\"x\"}", "null", "x" * 5000]
SINKS = {"exact": "mask: false, raw: always", "masked": "raw: always", "plain": "summary: true"}


class World:
    """A service with changes in its streams, and what ddbtap made of them."""

    def __init__(self, folder):
        self.folder = folder
        self.log = self.path("writes.ndjson")
        self.fake = fakelib.Fake(FAKE, "--log", self.log, "--shards", 2)
        self.db = self.fake.client("dynamodb")
        self.secrets = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def lines(self, name):
        """A sink's file, parsed."""
        return [json.loads(line) for line in verify.load_lines(self.path(name))]

    def play(self):
        """Writes everything."""
        history.create_tables(self.db, ALL_TABLES)
        for name, keys in (("things", [("id", "B"), ("n", "N")]), ("ledgers", [("ledger_alias", "S")])):
            self.db.create_table(
                TableName=name, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": kind}
                           for (key, _), kind in zip(keys, ("HASH", "RANGE"))],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": tag}
                                      for key, tag in keys],
                StreamSpecification={"StreamEnabled": True,
                                     "StreamViewType": "NEW_AND_OLD_IMAGES"})
            fakelib.wait_active(self.db, name)
        writer = history.Client(self.db, after=history.Reshard(self.fake.url, 40, seed=1))
        played = history.History(writer, seed=11, old_layout=True)
        played.play(CHANGES)
        self.secrets = played.secrets
        self.play_broken()
        self.play_things()
        self.play_ledgers()

    def play_broken(self):
        """Blobs that are none."""
        self.db.put_item(TableName="recordSet", Item={
            "record_set_id": {"S": "broken"}, "record_set_blob": {"B": b"\x0a\xff no message"}})
        self.db.put_item(TableName="recordChange", Item={
            "record_set_change_id": {"S": "broken"},
            "record_set_change_blob": {"B": b"\x0a\xff no message"}})

    def play_things(self):
        """Values of all ten types in a table with binary and number keys."""
        deep = {"S": "deep"}
        for _ in range(15):
            deep = {"L": [{"M": {"a/b~c": deep}}]}
        values = {"bool": {"BOOL": False}, "null": {"NULL": True}, "deep": deep, "": {"S": "no name"},
                  "empty map": {"M": {}}, "empty list": {"L": []}, "empty binary": {"B": b""},
                  "strings": {"SS": ["a", "", "ż"]}, "numbers": {"NS": ["1", "2.50", "-3E-7"]},
                  "binaries": {"BS": [b"\x00", b"\xff" * 40]}, "a/b~c": {"N": "1"},
                  "mixed": {"L": [{"NULL": True}, {"N": "1E-130"}, {"B": b"x"}, {"SS": ["s"]}]}}
        for i, number in enumerate(NUMBERS):
            key = {"id": {"B": bytes([i]) * (i + 1)}, "n": {"N": str(i) + ".5"}}
            item = {**key, **values, "number": {"N": number}, "text": {"S": TEXTS[i % len(TEXTS)]}}
            self.db.put_item(TableName="things", Item=item)
            self.db.update_item(TableName="things", Key=key, UpdateExpression="SET #n = :n",
                                ExpressionAttributeNames={"#n": "number"},
                                ExpressionAttributeValues={":n": {"N": str(i + 3)}})
            if i % 3 == 0:
                self.fake.admin("split" if i % 2 else "roll", table="things")
            if i % 2:
                self.db.delete_item(TableName="things", Key=key)

    def play_ledgers(self):
        """What a name service does: commits and indexes by conditional updates, then retracts."""
        for ledger in ("inventory:main", "people:main", "people:draft"):
            name, branch = ledger.split(":")
            self.db.put_item(TableName="ledgers", Item={
                "ledger_alias": {"S": ledger}, "ledger_name": {"S": name}, "branch": {"S": branch},
                "status": {"S": "ready"}, "updated_at": {"N": "1770000000"},
                "commit_t": {"N": "0"}, "index_t": {"N": "0"}})
            for t in (1, 2, 2, 5, 4, 6):  # the late ones are refused, and leave no trace
                self.publish(ledger, "commit", t)
                if t % 2 == 0:
                    self.publish(ledger, "index", t)
            self.update(ledger, "SET #s = :s ADD status_v :one", {":s": {"S": "retracted"},
                                                                  ":one": {"N": "1"}})

    def publish(self, ledger, what, t):
        with contextlib.suppress(self.db.exceptions.ConditionalCheckFailedException):
            self.update(ledger, f"SET {what}_address = :a, {what}_t = :t, #s = :s",
                        {":a": {"S": f"memory://{ledger}/{what}/{t}"}, ":t": {"N": str(t)},
                         ":s": {"S": "ready"}}, ConditionExpression=f"{what}_t < :t")

    def update(self, ledger, expression, values, **more):
        self.db.update_item(TableName="ledgers", Key={"ledger_alias": {"S": ledger}},
                            UpdateExpression=expression, ExpressionAttributeValues=values,
                            ExpressionAttributeNames={"#s": "status"}, **more)

    def environment(self):
        """The environment of a run: the fake's credentials and no others."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "AWS_ACCESS_KEY_ID": fakelib.ACCESS,
                "AWS_SECRET_ACCESS_KEY": fakelib.SECRET}

    def run(self, config):
        """Runs ddbtap until it is caught up; returns what it wrote to standard output."""
        run = subprocess.run([PROGRAM, "run", config, "--until-caught-up"], check=False, timeout=100,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             env=self.environment())
        assert run.returncode == 0, f"status {run.returncode}: {run.stderr.decode()[-2000:]}"
        return run.stdout

    def deliver(self):
        """One run with three sinks over all tables."""
        with open(self.path("config.yaml"), "w", encoding="utf-8") as file:
            file.write(f"application: reads-all\nregion: {fakelib.REGION}\n"
                       f"endpoint: {self.fake.url}\nengine: {{discovery: 1s}}\ntables:\n")
            for name, table in ALL_TABLES.items():
                file.write(f"  - {{name: {name}, profile: vinyldns, role: {table.role}}}\n")
            file.write("  - {name: things}\n  - {name: ledgers}\nsinks:\n")
            for name, options in SINKS.items():
                path = self.path(name + ".jsonl")
                file.write(f"  {name}: {{type: file, path: {path}, {options}}}\n")
        self.run(self.path("config.yaml"))

    def read_streams(self):
        """Every record of every stream, read shard by shard, parents first."""
        streams, found = self.fake.client("dynamodbstreams"), []
        for table in [*ALL_TABLES, "things", "ledgers"]:
            arn = self.db.describe_table(TableName=table)["Table"]["LatestStreamArn"]
            shards = {shard["ShardId"]: shard for shard in fakelib.list_shards(streams, arn)}
            done = []
            while len(done) < len(shards):
                for shard_id, shard in shards.items():
                    parent = shard.get("ParentShardId")
                    if shard_id in done or (parent in shards and parent not in done):
                        continue
                    done.append(shard_id)
                    records, _ = fakelib.read_shard(streams, arn, shard_id, polls=20)
                    found += [(table, arn, shard_id, record) for record in records]
        return found


def dynamo_json(value):
    """An attribute value of boto3's as DynamoDB writes it."""
    (tag, inner), = value.items()
    if tag == "B":
        return {tag: base64.b64encode(inner).decode()}
    if tag == "BS":
        return {tag: [base64.b64encode(x).decode() for x in inner]}
    if tag == "L":
        return {tag: [dynamo_json(x) for x in inner]}
    if tag == "M":
        return {tag: dynamo_image(inner)}
    return value


def dynamo_image(image):
    return None if image is None else {name: dynamo_json(v) for name, v in image.items()}


# ---- the tests ----

def every_change_arrives_once_and_in_order(world):
    records, lines = world.records, world.lines("exact.jsonl")
    assert len(records) >= CHANGES + 2 * len(NUMBERS) + 20, len(records)
    want, got = {}, {}
    for table, arn, shard, record in records:
        want.setdefault((table, arn, shard), []).append(
            (record["eventID"], record["eventName"].lower(),
             record["dynamodb"]["SequenceNumber"],
             record["dynamodb"]["ApproximateCreationDateTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    for line in lines:
        got.setdefault((line["table"], line["stream"], line["shard"]), []).append(
            (line["id"], line["op"], line["seq"], line["time"]))
    assert got == want
    assert len(want) > 30, "few shards"


def every_image_can_be_had_back(world):
    lines = {line["id"]: line for line in world.lines("exact.jsonl")}
    for _, _, _, record in world.records:
        change, line = record["dynamodb"], lines[record["eventID"]]
        for member, name in (("key", "Keys"), ("before", "OldImage"), ("after", "NewImage")):
            want, got = dynamo_image(change.get(name)), nativeline.restore(line, member)
            assert got == want, f"{member} of {line['id']}: {got} is not {want}"


def every_blob_is_what_google_reads(world):
    blobs, types, messages = vinyldns.Blobs(), set(), set()
    lines = {line["id"]: line for line in world.lines("exact.jsonl")}
    for table, _, _, record in world.records:
        known = TABLES.get(table)
        for member, name in (("before", "OldImage"), ("after", "NewImage")):
            image = record["dynamodb"].get(name)
            if not known or not known.blob or image is None:
                continue
            raw, shown = image[known.blob]["B"], lines[record["eventID"]][member][known.blob]
            message = blobs.parse(known.message, raw)
            if message is None:
                assert shown == base64.b64encode(raw).decode(), shown
                assert f"/{member}/{known.blob}" in lines[record["eventID"]]["undecodable"]
                messages.add("broken " + known.message)
                continue
            want = blobs.json(message)
            assert json.dumps(shown) == json.dumps(want), f"{shown} is not {want}"
            messages.add(known.message)
            if known.message == "RecordSet":
                types.update([message.typ] * all(isinstance(x["data"], dict) for x in want["record"]))
    assert types == set(RECORD_TYPES), types
    assert messages == {"RecordSet", "RecordSetChange", "GroupChange", "ZoneChange",
                        "broken RecordSet", "broken RecordSetChange"}, messages


def numbers_keep_their_digits(world):
    inserts = [line for line in world.lines("exact.jsonl")
               if line["table"] == "things" and line["op"] == "insert"]
    stored = [dynamo_image(record["dynamodb"]["NewImage"])["number"]["N"]
              for table, _, _, record in world.records
              if table == "things" and record["eventName"] == "INSERT"]
    shown = [line["after"]["number"] for line in inserts]
    assert sorted(shown) == sorted(stored) and len(shown) == len(NUMBERS)
    assert all(isinstance(x, str) for x in shown)
    assert "9" * 38 in shown and any("E" in x or len(x) > 100 for x in shown), shown
    tags = {tag for line in inserts for tag in line["types"].values()}
    assert tags == {"N", "B", "SS", "NS", "BS"}, tags


def every_line_fits_the_schema(world):
    with open(os.path.join(TOP, "sinks/formats/native.schema.json"), encoding="utf-8") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    for sink in SINKS:
        for line in world.lines(sink + ".jsonl"):
            error = jsonschema.exceptions.best_match(validator.iter_errors(line))
            assert error is None, f"{sink}: {error.message}"


def every_line_says_what_was_written(world):
    writes = verify.load_writes(world.log)
    for sink, native in (("exact", nativeline.Native(mask=False, raw=True)),
                         ("masked", nativeline.Native(raw=True)), ("plain", nativeline.Native())):
        lines = verify.load_lines(world.path(sink + ".jsonl"))
        report = verify.check(writes, lines, native, no_duplicates=True)
        assert report.good(), report.text(sink)
    assert all("summary" in line for line in world.lines("plain.jsonl"))


def encodings(secret):
    """A secret as it may be found: in clear, and in base64 at each of the three offsets."""
    yield secret.encode()
    yield json.dumps(secret).encode()[1:-1]
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + secret.encode())
        yield text[4 if offset else 0:-4]


def no_secret_is_shown(world):
    assert len(world.secrets) > 30, len(world.secrets)
    with open(world.path("exact.jsonl"), "rb") as file:
        exact = file.read()
    for sink in ("masked", "plain", "audit"):
        with open(world.path(sink + ".jsonl"), "rb") as file:
            text = file.read()
        assert b"\"***\"" in text
        for secret in world.secrets:
            assert not any(form in text for form in encodings(secret)), f"{sink} has {secret}"
    missing = [s for s in world.secrets if not any(form in exact for form in encodings(s))]
    assert not missing, f"the search finds nothing where there is something: {missing}"
    for form in (2, 3, 4):
        assert any(list(encodings(s))[form] in exact for s in world.secrets), "no base64 is found"


def ledgers_can_be_followed(world):
    marks, refused = {}, 0
    for line in world.lines("plain.jsonl"):
        if line["table"] != "ledgers" or line["op"] != "modify":
            continue
        for mark in ("commit_t", "index_t"):
            assert int(line["before"][mark]) <= int(line["after"][mark])
        marks[line["key"]["ledger_alias"]] = (line["after"]["commit_t"], line["after"]["index_t"],
                                              line["after"]["status"])
        refused += line["before"]["commit_t"] == "5" and line["after"]["commit_t"] == "4"
    assert marks == dict.fromkeys(["inventory:main", "people:main", "people:draft"],
                                  ("6", "6", "retracted")), marks
    assert refused == 0


def the_example_works(world):
    with open(os.path.join(TOP, "config/examples/audit.yaml"), encoding="utf-8") as file:
        text = file.read()
    changes = {"\n#endpoint: http://127.0.0.1:8000\n": f"\nendpoint: {world.fake.url}\n",
               "/var/log/ddbtap/audit.jsonl": world.path("audit.jsonl")}
    for old, new in changes.items():
        assert text.count(old) == 1, f"the example has no {old!r}"
        text = text.replace(old, new)
    with open(world.path("audit.yaml"), "w", encoding="utf-8") as file:
        file.write(text)
    shown = world.run(world.path("audit.yaml")).split(b"\n")[:-1]
    lines = verify.load_lines(world.path("audit.jsonl"))
    writes = verify.load_writes(world.log, TABLES)
    report = verify.check(writes, lines, nativeline.Native(), no_duplicates=True)
    assert report.good(), report.text("audit")
    changes = [w for w in writes if w["table"].lower().endswith(("change", "changes"))]
    report = verify.check(changes, shown, nativeline.Native(), no_duplicates=True)
    assert report.good(), report.text("screen")


def main():
    os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
    folder = tempfile.mkdtemp(prefix="reads_all.", dir=os.path.join(TOP, "build"))
    world = World(folder)
    try:
        world.play()
        world.deliver()
        world.records = world.read_streams()
        status = fakelib.run_tests([
            every_change_arrives_once_and_in_order, every_image_can_be_had_back,
            every_blob_is_what_google_reads, numbers_keep_their_digits, every_line_fits_the_schema,
            every_line_says_what_was_written, the_example_works, no_secret_is_shown,
            ledgers_can_be_followed], world)
    finally:
        world.fake.kill()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"# see {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
