#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is ddbfake what unmodified clients take for DynamoDB? usage: ddbfake.py PATH-OF-DDBFAKE"""
import decimal
import json
import os
import sys
import tempfile

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ddbfake_wire
from fakelib import (Fake, list_shards, make_table, read_shard, run_tests, wait_active,
                     wait_for)

PATH = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)


def refused(code, call, **params):
    """Checks that a call is refused with this error; returns the parsed answer."""
    try:
        call(**params)
    except ClientError as error:
        got = error.response["Error"]["Code"]
        assert got == code, f"{got}, not {code}: {error}"
        return error.response
    raise AssertionError(f"not refused with {code}: {params}")


def tables(fake, db):
    arn = make_table(db, "Tables", view="NEW_IMAGE")
    table = db.describe_table(TableName="Tables")["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert table["LatestStreamArn"] == arn
    assert arn.startswith("arn:aws:dynamodb:us-east-1:123456789012:table/Tables/stream/")
    assert arn.endswith(table["LatestStreamLabel"])
    assert "Tables" in db.list_tables()["TableNames"]
    refused("ResourceInUseException", make_table, client=db, name="Tables")
    refused("ResourceNotFoundException", db.describe_table, TableName="Missing")
    # Disabling and enabling makes another stream.
    db.update_table(TableName="Tables", StreamSpecification={"StreamEnabled": False})
    wait_active(db, "Tables")
    db.update_table(TableName="Tables", StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    assert wait_active(db, "Tables")["LatestStreamArn"] != arn
    db.delete_table(TableName="Tables")
    wait_for(lambda: "Tables" not in db.list_tables()["TableNames"])


def items(fake, db):
    make_table(db, "Items")
    put = {"pk": {"S": "a"}, "n": {"N": "1"}, "s": {"SS": ["x", "y"]}}
    assert "Attributes" not in db.put_item(TableName="Items", Item=put)
    got = db.get_item(TableName="Items", Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]
    assert got["n"] == {"N": "1"} and sorted(got["s"]["SS"]) == ["x", "y"]
    assert "Item" not in db.get_item(TableName="Items", Key={"pk": {"S": "b"}})
    old = db.put_item(TableName="Items", Item={"pk": {"S": "a"}, "n": {"N": "5"}},
                      ReturnValues="ALL_OLD")["Attributes"]
    assert old["n"] == {"N": "1"}

    def update(expression, values=None, **more):
        if values:
            more["ExpressionAttributeValues"] = values
        return db.update_item(TableName="Items", Key={"pk": {"S": "a"}},
                              UpdateExpression=expression, ReturnValues="ALL_NEW",
                              **more)["Attributes"]

    assert update("SET n = n + :i", {":i": {"N": "2"}})["n"] == {"N": "7"}
    assert update("SET n = n - :i", {":i": {"N": "0.5"}})["n"] == {"N": "6.5"}
    assert update("SET n = if_not_exists(n, :z), m = if_not_exists(m, :z)",
                  {":z": {"N": "0"}})["m"] == {"N": "0"}
    assert update("ADD m :i, t :s", {":i": {"N": "3"}, ":s": {"SS": ["q"]}})["m"] == {"N": "3"}
    assert update("DELETE t :s", {":s": {"SS": ["q"]}}).get("t") is None
    assert "m" not in update("REMOVE #m", ExpressionAttributeNames={"#m": "m"})
    deleted = db.delete_item(TableName="Items", Key={"pk": {"S": "a"}}, ReturnValues="ALL_OLD")
    assert deleted["Attributes"]["n"] == {"N": "6.5"}


def conditions(fake, db):
    make_table(db, "Conditions")
    item = {"pk": {"S": "a"}, "counter": {"N": "1"}, "owner": {"S": "me"}}
    only_new = {"ConditionExpression": "attribute_not_exists(pk)"}
    db.put_item(TableName="Conditions", Item=item, **only_new)
    refused("ConditionalCheckFailedException", db.put_item, TableName="Conditions", Item=item,
            **only_new)
    bump = {"TableName": "Conditions", "Key": {"pk": {"S": "a"}},
            "UpdateExpression": "SET #c = :next",
            "ConditionExpression": "#c = :now AND (#o = :me OR attribute_not_exists(#o))",
            "ExpressionAttributeNames": {"#c": "counter", "#o": "owner"}}
    values = {":now": {"N": "1"}, ":next": {"N": "2"}, ":me": {"S": "me"}}
    db.update_item(ExpressionAttributeValues=values, **bump)
    refused("ConditionalCheckFailedException", db.update_item, ExpressionAttributeValues=values,
            **bump)
    delete = {"TableName": "Conditions", "Key": {"pk": {"S": "a"}},
              "ConditionExpression": "#c < :most", "ExpressionAttributeNames": {"#c": "counter"}}
    refused("ConditionalCheckFailedException", db.delete_item,
            ExpressionAttributeValues={":most": {"N": "2"}}, **delete)
    db.delete_item(ExpressionAttributeValues={":most": {"N": "3"}}, **delete)


def scans(fake, db):
    make_table(db, "Scans", sort=True)
    for i in range(25):
        db.put_item(TableName="Scans", Item={"pk": {"S": f"p{i % 7}"}, "sk": {"S": f"s{i:02}"},
                                             "v": {"N": str(i)}})

    def scan(**more):
        found, start = [], {}
        for _ in range(100):
            page = db.scan(TableName="Scans", ConsistentRead=True, **more, **start)
            assert len(page["Items"]) <= more.get("Limit", 1000)
            found += [int(item["v"]["N"]) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        raise AssertionError("the scan has no end")

    assert sorted(scan()) == sorted(scan(Limit=4)) == list(range(25))
    parts = scan(Segment=0, TotalSegments=2) + scan(Segment=1, TotalSegments=2)
    assert sorted(parts) == list(range(25))
    some = scan(FilterExpression="v < :v", ExpressionAttributeValues={":v": {"N": "3"}})
    assert sorted(some) == [0, 1, 2]


def batches(fake, db):
    """Keys that stay unprocessed are asked for again until none is left, and all of it is counted."""
    make_table(db, "Batches")
    for i in range(30):
        db.put_item(TableName="Batches", Item={"pk": {"S": f"p{i}"}})
    fake.admin("set", partial_batch=100)
    keys = {"Batches": {"Keys": [{"pk": {"S": f"p{i}"}} for i in range(31)]}}
    found, calls = [], 0
    while keys:
        answer = db.batch_get_item(RequestItems=keys, ReturnConsumedCapacity="TOTAL")
        found += [item["pk"]["S"] for item in answer["Responses"]["Batches"]]
        keys = answer["UnprocessedKeys"]
        calls += 1
        assert answer["ConsumedCapacity"][0]["TableName"] == "Batches"
    fake.admin("set", partial_batch=0)
    assert sorted(found) == sorted(f"p{i}" for i in range(30)) and calls > 1
    stats = fake.admin("stats")
    assert stats["capacity"]["Batches"] == {"read_units": 15.5, "write_units": 30.0}
    assert stats["hits"]["partial_batch"] >= 1


def older_parameters(fake, db):
    """Conditions and updates from before expressions, as older clients send them."""
    make_table(db, "Older")
    where = {"TableName": "Older", "Key": {"pk": {"S": "lease"}}}
    new = {"TableName": "Older", "Item": {"pk": {"S": "lease"}, "counter": {"N": "0"}},
           "Expected": {"pk": {"Exists": False}}}
    db.put_item(**new)
    refused("ConditionalCheckFailedException", db.put_item, **new)
    take = {"AttributeUpdates": {"owner": {"Value": {"S": "w1"}, "Action": "PUT"},
                                 "counter": {"Value": {"N": "1"}, "Action": "ADD"},
                                 "next": {"Action": "DELETE"}},
            "Expected": {"owner": {"Exists": False}, "counter": {"Value": {"N": "0"}}}}
    taken = db.update_item(ReturnValues="ALL_NEW", **where, **take)["Attributes"]
    assert taken == {"pk": {"S": "lease"}, "owner": {"S": "w1"}, "counter": {"N": "1"}}
    refused("ConditionalCheckFailedException", db.update_item, **where, **take)
    refused("ValidationException", db.delete_item, ConditionExpression="attribute_exists(pk)",
            Expected={"pk": {"Value": {"S": "lease"}}}, **where)
    db.delete_item(Expected={"owner": {"ComparisonOperator": "NE", "Value": {"S": "w2"}}}, **where)


def queries(fake, db):
    """A partition in order, and an index that comes later."""
    make_table(db, "Queries", sort=True)
    for i in (3, 1, 2, 9, 4):
        db.put_item(TableName="Queries", Item={"pk": {"S": "p"}, "sk": {"S": f"s{i}"},
                                               **({"owner": {"S": "w"}} if i < 4 else {})})
    pages = db.get_paginator("query").paginate(
        TableName="Queries", KeyConditionExpression="pk = :p AND begins_with(sk, :s)", Limit=2,
        ExpressionAttributeValues={":p": {"S": "p"}, ":s": {"S": "s"}}, ScanIndexForward=False)
    assert [i["sk"]["S"] for page in pages for i in page["Items"]] == ["s9", "s4", "s3", "s2", "s1"]
    db.update_table(
        TableName="Queries", AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"}
                                                   for name in ("owner", "sk")],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "by-owner", "Projection": {"ProjectionType": "KEYS_ONLY"},
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"},
                          {"AttributeName": "sk", "KeyType": "RANGE"}]}}])
    index = wait_active(db, "Queries")["GlobalSecondaryIndexes"][0]
    assert index["IndexStatus"] == "ACTIVE" and index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    found = db.query(TableName="Queries", IndexName="by-owner", KeyConditionExpression="#o = :w",
                     ExpressionAttributeNames={"#o": "owner"},
                     ExpressionAttributeValues={":w": {"S": "w"}}, ReturnConsumedCapacity="INDEXES")
    assert [item["sk"]["S"] for item in found["Items"]] == ["s1", "s2", "s3"]
    assert found["ConsumedCapacity"]["GlobalSecondaryIndexes"] == {"by-owner": {"CapacityUnits": 0.5}}
    db.update_table(TableName="Queries", GlobalSecondaryIndexUpdates=[
        {"Delete": {"IndexName": "by-owner"}}])
    assert "GlobalSecondaryIndexes" not in wait_active(db, "Queries")


def types(fake, db):
    """What boto3 serialises comes back the same through the table and the stream."""
    arn = make_table(db, "Types")
    value = {
        "pk": "types", "text": "ünïcödé \u2028 \"quoted\" \\ \x01 \U0001F600", "empty": "",
        "number": decimal.Decimal("-1234567890123456789.0123456789012345678"),
        "tiny": decimal.Decimal("1E-130"), "big": decimal.Decimal("9.9E+125"), "yes": True,
        "no": False, "none": None, "bytes": Binary(bytes(range(256))),
        "list": [1, "two", [None, {"three": Binary(b"")}]],
        "map": {"a.b": {"c d": [decimal.Decimal("0.1")]}}, "texts": {"a", "b", "c"},
        "numbers": {decimal.Decimal("1"), decimal.Decimal("2.5")},
        "blobs": {Binary(b"1"), Binary(b"\xff\x00")},
    }
    write, read = TypeSerializer().serialize, TypeDeserializer().deserialize
    db.put_item(TableName="Types", Item=write(value)["M"])
    got = db.get_item(TableName="Types", Key={"pk": {"S": "types"}})["Item"]
    assert read({"M": got}) == value
    streams = fake.client("dynamodbstreams")
    records, _ = read_shard(streams, arn, list_shards(streams, arn)[0]["ShardId"], polls=3)
    assert read({"M": records[0]["dynamodb"]["NewImage"]}) == value
    assert read({"M": records[0]["dynamodb"]["Keys"]}) == {"pk": "types"}
    # And the log of writes has the same, as JSON.
    new = [w for w in fake.writes() if w["table"] == "Types"][0]["new"]
    assert new["text"] == {"S": value["text"]} and set(new) == set(value)


def streams_through_rolls(fake, db):
    """Every write is found once, in order, in the shards' lineage, and as the log has it."""
    arn = make_table(db, "Rolls")
    streams = fake.client("dynamodbstreams")
    for i, change in enumerate(("none", "roll", "split", "roll", "split")):
        if change != "none":
            fake.admin(change, table="Rolls")
        for k in range(20):
            db.put_item(TableName="Rolls", Item={"pk": {"S": f"k{k}"}, "v": {"N": str(i)}})
    db.delete_item(TableName="Rolls", Key={"pk": {"S": "k0"}})

    listed = streams.list_streams(TableName="Rolls")["Streams"]
    assert [s["StreamArn"] for s in listed] == [arn]
    head = streams.describe_stream(StreamArn=arn, Limit=1)["StreamDescription"]
    assert len(head["Shards"]) == 1 and "LastEvaluatedShardId" in head
    assert head["StreamStatus"] == "ENABLED" and head["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    shards = list_shards(streams, arn)
    by_id = {s["ShardId"]: s for s in shards}
    assert len(shards) == 1 + 1 + 2 + 2 + 2, shards
    found = {}
    for shard in shards:
        is_open = "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        records, ended = read_shard(streams, arn, shard["ShardId"], limit=7, polls=40)
        assert ended != is_open
        found[shard["ShardId"]] = [r["dynamodb"]["SequenceNumber"] for r in records]
        assert found[shard["ShardId"]] == sorted(found[shard["ShardId"]], key=int)
        parent = shard.get("ParentShardId")
        assert parent is None or "EndingSequenceNumber" in by_id[parent]["SequenceNumberRange"]
    logged = {}
    for write in fake.writes():
        if write["table"] == "Rolls":
            logged.setdefault(write["shard"], []).append(write["seq"])
    assert {k: v for k, v in found.items() if v} == logged
    assert sum(map(len, found.values())) == 101
    kids = streams.describe_stream(StreamArn=arn, Limit=100)["StreamDescription"]["Shards"]
    assert len(kids) == len(shards)


def iterators(fake, db):
    arn = make_table(db, "Iterators")
    streams = fake.client("dynamodbstreams")
    for i in range(3):
        db.put_item(TableName="Iterators", Item={"pk": {"S": str(i)}})
    shard = list_shards(streams, arn)[0]["ShardId"]
    where = {"StreamArn": arn, "ShardId": shard}
    seqs = [r["dynamodb"]["SequenceNumber"] for r in read_shard(streams, arn, shard, polls=2)[0]]

    def read(kind, **more):
        iterator = streams.get_shard_iterator(ShardIteratorType=kind, **where, **more)
        page = streams.get_records(ShardIterator=iterator["ShardIterator"])
        return [r["dynamodb"]["SequenceNumber"] for r in page["Records"]]

    assert len(seqs) == 3 and read("LATEST") == []
    assert read("AT_SEQUENCE_NUMBER", SequenceNumber=seqs[1]) == seqs[1:]
    assert read("AFTER_SEQUENCE_NUMBER", SequenceNumber=seqs[1]) == seqs[2:]
    old = streams.get_shard_iterator(ShardIteratorType="LATEST", **where)["ShardIterator"]
    fake.admin("expire-iterators")
    refused("ExpiredIteratorException", streams.get_records, ShardIterator=old)
    fake.admin("trim", table="Iterators", before="now")
    refused("TrimmedDataAccessException", streams.get_shard_iterator,
            ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=seqs[0], **where)
    assert read("TRIM_HORIZON") == []
    refused("ResourceNotFoundException", streams.get_shard_iterator, ShardIteratorType="LATEST",
            StreamArn=arn, ShardId="shardId-00000001550840986131-382ec8f8")
    refused("ValidationException", streams.get_records, ShardIterator=old, Limit=1001)


def time_to_live(fake, db):
    arn = make_table(db, "Expiring")
    streams = fake.client("dynamodbstreams")
    for key in ("a", "b"):
        db.put_item(TableName="Expiring", Item={"pk": {"S": key}})
    fake.admin("ttl", table="Expiring", key=json.dumps({"pk": {"S": "a"}}))
    db.delete_item(TableName="Expiring", Key={"pk": {"S": "b"}})
    records, _ = read_shard(streams, arn, list_shards(streams, arn)[0]["ShardId"], polls=3)
    removed = [r for r in records if r["eventName"] == "REMOVE"]
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in removed] == ["a", "b"]
    assert removed[0]["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com",
                                          "Type": "Service"}
    assert "userIdentity" not in removed[1]
    assert fake.admin_error("ttl", table="Expiring", key=json.dumps({"pk": {"S": "a"}})) == 404


def not_modelled(fake, db):
    make_table(db, "Other")
    key = {"pk": {"S": "a"}}
    for call, params in (
            (db.transact_get_items, {"TransactItems": [{"Get": {"TableName": "Other",
                                                                "Key": key}}]}),
            (db.execute_statement, {"Statement": "SELECT * FROM Other"}),
            (db.create_backup, {"TableName": "Other", "BackupName": "abc"})):
        try:
            call(**params)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        else:
            raise AssertionError(f"{call} was not refused")


def same_over_tls(_):
    """All of the above once more, through TLS."""
    with tempfile.TemporaryDirectory() as pki, Fake(PATH, "--make-cert", pki) as fake:
        fake.client_options = {"endpoint_url": fake.tls_url,
                               "verify": os.path.join(pki, "ca.pem")}
        db = fake.client()
        for test in OPERATIONS:
            test(fake, db)


def with_client(test):
    """A test of operations as one that makes its own client."""
    def run(fake):
        test(fake, fake.client())
    run.__name__ = test.__name__
    return run


OPERATIONS = [tables, items, conditions, scans, batches, older_parameters, queries, types,
              streams_through_rolls, iterators, time_to_live, not_modelled]

if __name__ == "__main__":
    with Fake(PATH) as main_fake:
        STATUS = run_tests([*map(with_client, OPERATIONS), same_over_tls], main_fake)
        main_fake.stop()
    sys.exit(STATUS | run_tests(ddbfake_wire.TESTS, PATH))
