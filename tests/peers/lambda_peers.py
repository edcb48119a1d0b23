#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Events as Lambda functions get them, posted by ddbtap: AWS Powertools takes them, and its batch processor's
answers decide what comes again."""
import base64
import collections
import json
import os
import random
import sys

from hooklib import Hook, World
from lambdalib import JUDGES, batch_response, check_lambda, start_judges
from peerlib import run_tests

NUMBERS = ["0", "-1", "1.5", "3.1415926535897932384626433832795028841", "-0.1",
           "99999999999999999999999999999999999999", "9007199254740993", "1E-130", "-9.9E-130"]
# Beyond 2**53 npm's parser wants plain integers, from AWS as from us.
HUGE = ["1E+125", "-9.9999999999999999999999999999999999999E+125", "9007199254740993.5"]
FORMAT = {"format": "lambda", "signature": "none"}


def whole_item(name):
    """An item with all ten types, also nested, empty where that is allowed, and special numbers."""
    values = {"s": {"S": "ключ \u2028\0\"\\ \U0001F600"}, "empty": {"S": ""}, "b": {"B": b"\0\xff\x80"},
              "nothing": {"B": b""}, "yes": {"BOOL": True}, "no": {"BOOL": False}, "null": {"NULL": True},
              "ss": {"SS": ["a", "é", "\u2029"]}, "ns": {"NS": NUMBERS}, "bs": {"BS": [b"\0", b"\1\2"]},
              "l": {"L": []}, "m": {"M": {}}, "a/b~c \"é\" ": {"N": "7"},
              "numbers": {"L": [{"N": number} for number in NUMBERS]}}
    deep = {"L": [{"M": {"inner": {"L": [{"M": values}]}}}]}
    return {"pk": {"S": name}, **values, "deep": deep}


def plain(image):
    """An image with the bytes in base64, as JSON has it."""
    return json.loads(json.dumps(image, default=lambda value: base64.b64encode(value).decode()))


def wanted(write, view):
    """What a record's dynamodb must say of a write."""
    images = {"KEYS_ONLY": (), "NEW_IMAGE": ("new",), "OLD_IMAGE": ("old",),
              "NEW_AND_OLD_IMAGES": ("new", "old")}[view]
    found = {"Keys": write["keys"], "SequenceNumber": write["seq"], "StreamViewType": view,
             "ApproximateCreationDateTime": write["ms"] // 1000}
    for name, member in (("new", "NewImage"), ("old", "OldImage")):
        if name in images and write[name] is not None:
            found[member] = write[name]
    return found


def check_record(record, write, view, expired):
    """A record says exactly what was written."""
    change = dict(record["dynamodb"])
    assert change.pop("SizeBytes") > 0
    assert change == wanted(write, view), f"{change}\n{wanted(write, view)}"
    around = {"eventID": write["id"], "eventName": write["op"], "eventVersion": "1.1",
              "eventSource": "aws:dynamodb", "awsRegion": "us-east-1", "eventSourceARN": write["stream"]}
    if write["op"] == "REMOVE" and write["keys"]["pk"]["S"] in expired:
        around["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert {name: value for name, value in record.items() if name != "dynamodb"} == around, record


def records_of(requests):
    return [record for request in requests for record in json.loads(request.body)["Records"]]


def parsers():
    """Both parsers take every batch, of every view of a table; all that was written is in them."""
    for view in "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY":
        with World(f"lambda_{view}", view=view) as world, Hook() as hook:
            names = [f"item {i} é" for i in range(6)]
            world.put(*map(whole_item, names))
            world.put(*({"pk": {"S": name}, "n": {"N": "1"}} for name in names))
            for name in names[:2]:
                world.client.delete_item(TableName=world.table, Key={"pk": {"S": name}})
            for name in names[2:4]:
                world.fake.admin("ttl", table=world.table, key=json.dumps({"pk": {"S": name}}))
            for batch in 100, 1:
                hook.requests.clear()
                world.deliver(hook.url, batch_records=batch, **FORMAT)
                requests = hook.got()
                for request in requests:
                    assert request.headers["content-type"].startswith("application/json")
                    said = check_lambda(request.body)
                    assert said is True, f"{view}: {said}"
                    assert batch_response(request.body, []) == {"batchItemFailures": []}
                writes = {write["id"]: write for write in world.fake.writes()}
                records = records_of(requests)
                assert sorted(record["eventID"] for record in records) == sorted(writes)
                assert sum("userIdentity" in record for record in records) == 2
                for record in records:
                    check_record(record, writes[record["eventID"]], view, names[2:4])
            hook.requests.clear()
            world.put(*({"pk": {"S": number}, "n": {"N": number}} for number in HUGE))
            world.deliver(hook.url, name="run2", batch_records=1, **FORMAT)
            for request in hook.got(len(HUGE)):
                assert check_lambda(request.body, ["py"]) is True
                said = check_lambda(request.body, ["npm"])
                assert said is True if "NEW" not in view else "Could not unmarshall NewImage" in said, said
            for language in JUDGES:
                assert check_lambda(requests[0].body.replace(b"aws:dynamodb", b"aws:kinesis"), [language]) is not True


def group(writes):
    """Sequence numbers by item."""
    found = collections.defaultdict(list)
    for write in writes:
        found[write["keys"]["pk"]["S"]].append(write["seq"])
    return found


class Function:
    """A function that reads its batches with Powertools, and fails on some records for some time."""

    def __init__(self, rng, writes, percent):
        self.left = {write["seq"]: rng.randrange(1, 3) for write in writes if rng.random() * 100 < percent}
        start_judges()
        self.calls = []  # of each, what came in order: item, sequence number, whether it was done

    def __call__(self, request):
        records = json.loads(request.body)["Records"]
        failing = [r["dynamodb"]["SequenceNumber"] for r in records if self.left.get(r["dynamodb"]["SequenceNumber"])]
        for seq in failing:
            self.left[seq] -= 1
        self.calls.append([(r["dynamodb"]["Keys"]["pk"]["S"], r["dynamodb"]["SequenceNumber"],
                            r["dynamodb"]["SequenceNumber"] not in failing) for r in records])
        answer = batch_response(request.body, failing)
        assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == failing
        if failing == [r["dynamodb"]["SequenceNumber"] for r in records]:
            return 500  # as Powertools has it by default: nothing was done
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def run_function(name, percent=12, shards=1, **hook):
    """Delivers many writes to a function; returns its calls, and the writes' sequence numbers by item."""
    with World(name, shards=shards) as world:
        world.things(150, keys=11)
        writes = world.fake.writes()
        function = Function(random.Random(4), writes, percent)
        assert len(function.left) > 8
        with Hook(function) as server:
            world.deliver(server.url, partial=True, batch_records=10, **FORMAT, **hook)
            assert not server.errors, server.errors
        assert not any(function.left.values())
        return function.calls, group(writes), [write["seq"] for write in writes]


def check_effects(calls, by_key):
    """Each item's records were done in the end, the last time in their order, and none ever left out."""
    next_of, last = dict.fromkeys(by_key, 0), {}
    for n, call in enumerate(calls):
        for key in {key for key, _, _ in call}:
            came = [(by_key[key].index(seq), done) for k, seq, done in call if k == key]
            places = [place for place, _ in came]
            assert places == list(range(places[0], places[0] + len(places))), places
            assert places[0] <= next_of[key], "one was left out"
            undone = [place for place, done in came if not done]
            next_of[key] = undone[0] if undone else places[-1] + 1
        last.update({(key, seq): (n, done) for key, seq, done in call})
    assert all(done for _, done in last.values())
    assert len(last) == sum(map(len, by_key.values())), "some never came"
    for key, sequence in by_key.items():
        whens = [last[key, seq][0] for seq in sequence]
        assert whens == sorted(whens), key


def one_lane():
    """Exactly what stands from the lowest named record on comes again, and nothing before it."""
    calls, by_key, order = run_function("lambda_one_lane", lanes=1)
    check_effects(calls, by_key)
    at = 0
    for call in calls:
        assert [seq for _, seq, _ in call] == order[at:at + len(call)]
        undone = [i for i, (_, _, done) in enumerate(call) if not done]
        at += undone[0] if undone else len(call)
    assert at == len(order) and len(calls) > 20, len(calls)


def many_lanes():
    """Batches of several lanes and shards fail and come again at the same time."""
    calls, by_key, _ = run_function("lambda_many_lanes", percent=15, shards=3, lanes=4)
    check_effects(calls, by_key)
    print(f"# {len(calls)} calls, {sum(map(len, calls))} records for {sum(map(len, by_key.values()))}")


def refusals():
    """Behind npm's strict parser: what it refuses becomes dead letters, all else comes in order."""
    def answer(request):
        return 204 if check_lambda(request.body, ["npm"]) is True else 400

    with World("lambda_refusals") as world, Hook(answer) as hook:
        start_judges()
        path = os.path.join(world.folder, "letters.ndjson")
        options = {**FORMAT, "name": "one", "dead_letter": "letters", "sinks": {"letters": path}, "on_gap": "skip"}
        world.things(30)
        world.put({"pk": {"S": "huge"}, "l": {"L": [{"N": number} for number in HUGE]}})
        world.things(30, start=30)
        world.deliver(hook.url, **options)
        wanted_ids = [write["id"] for write in world.fake.writes() if write["keys"]["pk"]["S"] != "huge"]
        assert len(wanted_ids) == 60
        world.put({"pk": {"S": "trimmed"}})
        world.fake.admin("trim", table=world.table, before="now")
        world.deliver(hook.url, **options)
        records = records_of(hook.taken())
        assert {record["eventID"] for record in records} == set(wanted_ids)
        check_effects([[(record["dynamodb"]["Keys"]["pk"]["S"], record["dynamodb"]["SequenceNumber"], True)]
                       for record in records], group(world.fake.writes()[:30] + world.fake.writes()[31:61]))
        gaps = [request for request in hook.requests if b'"GAP"' in request.body]
        assert gaps and all(len(records_of([request])) == 1 for request in gaps)
        assert all("eventName" in check_lambda(gaps[0].body, [language]) for language in JUDGES)
        with open(path, encoding="utf-8") as file:
            letters = list(map(json.loads, file))
        events = [letter["event"] for letter in letters]
        assert [event["op"] for event in events] == ["insert", "gap"]
        assert events[0]["after"] == {"pk": "huge", "l": HUGE}
        assert all("answered 400" in letter["dead_letter"]["reason"] for letter in letters)


if __name__ == "__main__":
    sys.exit(run_tests([parsers, one_lane, many_lanes, refusals]))
