#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""AWS's own readers of events and signer of tokens: they take what is right and refuse what is not."""
import base64
import copy
import datetime
import hashlib
import hmac
import json
import sys
import urllib.parse

from lambdalib import JUDGES, batch_response, check_lambda
from mskiamlib import check_token, make_token
from peerlib import run_tests

IMAGE = {"pk": {"S": "ключ"}, "n": {"N": "1.50"}, "b": {"B": "AAE="}, "ns": {"NS": ["1", "2"]},
         "m": {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}]}}}, "bs": {"BS": ["AAE="]}}
EXPIRED = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def record(number, name, **images):
    return {"eventID": f"{number:032x}", "eventName": name, "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
            "dynamodb": {"ApproximateCreationDateTime": 1700000000, "Keys": {"pk": IMAGE["pk"]}, **images,
                         "SequenceNumber": str(number), "SizeBytes": 9,
                         "StreamViewType": "NEW_AND_OLD_IMAGES"},
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/t/stream/2026-01-01T00:00:00.000"}


EVENT = {"Records": [record(101, "INSERT", NewImage=IMAGE),
                     record(102, "MODIFY", NewImage=IMAGE, OldImage=IMAGE),
                     {**record(103, "REMOVE", OldImage=IMAGE), "userIdentity": EXPIRED}]}


def encode(event):
    return json.dumps(event).encode()


def altered(number, change, inner=True):
    """The event with one record changed by a function."""
    event = copy.deepcopy(EVENT)
    change(event["Records"][number]["dynamodb"] if inner else event["Records"][number])
    return encode(event)


def lambda_events():
    """A good event, and what both parsers, or only npm's, find wrong."""
    assert check_lambda(encode(EVENT)) is True, check_lambda(encode(EVENT))
    both = {
        "eventName": altered(0, lambda r: r.update(eventName="UPSERT"), False),
        "eventSource": altered(0, lambda r: r.update(eventSource="aws:kinesis"), False),
        "awsRegion": altered(0, lambda r: r.pop("awsRegion"), False),
        "eventSourceARN": altered(0, lambda r: r.pop("eventSourceARN"), False),
        "userIdentity": altered(2, lambda r: r.update(userIdentity={
            "Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}), False),
        "SequenceNumber": altered(0, lambda d: d.pop("SequenceNumber")),
        "StreamViewType": altered(0, lambda d: d.update(StreamViewType="BOTH")),
        "SizeBytes": altered(0, lambda d: d.update(SizeBytes="nine")),
        "Records": encode({"records": EVENT["Records"]}),
        "JSON": b'{"Records": [',
    }
    for word, event in both.items():
        for language in JUDGES:
            refused(word, event, language)
    unknown = altered(0, lambda d: d["NewImage"].update(x={"X": "1"}))
    refused("unmarshall", unknown, "npm")
    refused("type X", unknown, "py")
    null = altered(0, lambda r: r.update(userIdentity=None), False)
    refused("userIdentity", null, "npm")
    assert check_lambda(null, ["py"]) is True


def refused(word, event, language):
    said = check_lambda(event, [language])
    print(f"# {said}")
    assert said is not True and word in said, f"{word}: {said}"


def batches():
    """The processor reports those that fail, and nothing else."""
    for failing in [], ["102"], ["101", "103"], ["101", "102", "103"]:
        assert batch_response(encode(EVENT), failing) == {
            "batchItemFailures": [{"itemIdentifier": number} for number in failing]}


# ---- tokens for MSK, made by hand from the rules of Signature Version 4 ----

WHO = {"region": "eu-west-1", "access": "AKIDEXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG", "at": 1700000000}


def by_hand(region, access, secret, session, at, expires=900, order=sorted):
    """The token, with its parameters in some order."""
    then = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    day, host = then.strftime("%Y%m%d"), f"kafka.{region}.amazonaws.com"
    scope = f"{day}/{region}/kafka-cluster/aws4_request"
    query = {"Action": "kafka-cluster:Connect", "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
             "X-Amz-Credential": f"{access}/{scope}", "X-Amz-Date": then.strftime("%Y%m%dT%H%M%SZ"),
             "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": "host"}
    if session:
        query["X-Amz-Security-Token"] = session
    text = joined(query, sorted)
    request = f"GET\n/\n{text}\nhost:{host}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope,
                         hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + secret.encode()
    for part in (day, region, "kafka-cluster", "aws4_request", to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return url_token(f"https://{host}/?{joined(query, order)}&X-Amz-Signature={key.hex()}&User-Agent=us%2F1")


def joined(query, order):
    return "&".join(f"{name}={urllib.parse.quote(query[name], safe='')}" for name in order(query))


def url_token(url):
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def url_of(token):
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()


def msk_tokens():
    """A token made by hand is as good as the signer's; an altered one is not."""
    for session in None, "a/session+token==":
        who = {**WHO, "session": session}
        made, expires_wall_ms = make_token(**who)
        assert expires_wall_ms == (WHO["at"] + 900) * 1000
        assert check_token(made, **who) is True
        for order in sorted, reversed:
            said = check_token(by_hand(**who, order=lambda q, order=order: list(order(list(q)))), **who)
            assert said is True, said
        for name, value in (("secret", "another"), ("access", "AKIDOTHER"), ("region", "eu-west-2"),
                            ("at", WHO["at"] + 1), ("session", "another")):
            said = check_token(by_hand(**{**who, name: value}), **who)
            print(f"# another {name}: {said}")
            assert said is not True and " is " in said, name
        url = url_of(made)
        for word, token in {
                "X-Amz-Expires": by_hand(**who, expires=60),
                "without padding": made + "=",
                "X-Amz-Signature": url_token(url.replace("X-Amz-Signature=", "X-Amz-Signature=0")),
                "not end with a User-Agent": url_token(url.split("&User-Agent")[0]),
                "end with a User-Agent": url_token(url.split("&User-Agent")[0].replace(
                    "/?", "/?User-Agent=us&")),
                "twice": url_token(url + "&User-Agent=again"),
                "the URL": url_token(url.replace("https:", "http:")),
                "Extra": url_token(url.replace("/?", "/?Extra=1&"))}.items():
            said = check_token(token, **who)
            print(f"# {said}")
            assert said is not True and word in said, f"{word}: {said}"


if __name__ == "__main__":
    sys.exit(run_tests([lambda_events, batches, msk_tokens]))
