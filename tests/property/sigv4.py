#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our signatures with botocore's on random requests.

usage: sigv4.py TOOL [COUNT [SEED]]     TOOL is the program built from sigv4_tool.c
"""
import base64
import datetime
import random
import subprocess
import sys
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=_-.!$"
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-2", "local"]
TARGETS = ["DynamoDBStreams_20120810.GetRecords", "DynamoDB_20120810.UpdateItem", ""]
TYPES = ["application/x-amz-json-1.0", "application/x-www-form-urlencoded; charset=utf-8",
         "a  b   c", ""]
PATHS = ["/", "/base", "/a/b.c/d_e~f", "/vpce-1/"]


def text(rng, low, high):
    """A random string of key characters."""
    return "".join(rng.choice(KEY) for _ in range(rng.randint(low, high)))


def make(rng):
    """A random request as a dict."""
    size = rng.choice([0, 1, 55, 56, 63, 64, 65, 200, 3000, 200000])
    host = "%s.%s.example.com" % (rng.choice("abc"), rng.choice(REGIONS))
    return {
        "access": text(rng, 4, 128), "secret": text(rng, 1, 128),
        "token": rng.choice(["", text(rng, 1, 2000)]), "region": rng.choice(REGIONS),
        "host": host + rng.choice(["", ":8000"]), "path": rng.choice(PATHS),
        "type": rng.choice(TYPES), "target": rng.choice(TARGETS), "body": rng.randbytes(size),
        "ms": rng.randint(0, 4102444800000),
    }


def expected(r):
    """botocore's X-Amz-Date and Authorization."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=r["ms"] // 1000)
    headers = {}
    if r["type"]:
        headers["Content-Type"] = r["type"]
    if r["target"]:
        headers["X-Amz-Target"] = r["target"]
    request = AWSRequest("POST", "https://" + r["host"] + r["path"], headers=headers,
                         data=r["body"])
    signer = botocore.auth.SigV4Auth(
        Credentials(r["access"], r["secret"], r["token"] or None), "dynamodb", r["region"])
    with mock.patch.object(botocore.auth, "datetime") as fake:
        fake.datetime.utcnow.return_value = moment
        signer.add_auth(request)
    return request.headers["X-Amz-Date"] + " " + request.headers["Authorization"]


def line(r):
    """The request as the tool reads it."""
    fields = [r["access"], r["secret"], r["token"], r["region"], r["host"], r["path"], r["type"],
              r["target"], r["body"]]
    raw = [f if isinstance(f, bytes) else f.encode() for f in fields]
    return b" ".join([base64.b64encode(f) for f in raw] + [str(r["ms"]).encode()]) + b"\n"


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    requests = [make(rng) for _ in range(count)]
    # Runs of the same keys and region, so that the cached signing key is put to the test.
    for i in range(1, count):
        if rng.random() < 0.6:
            for name in ("access", "secret", "region"):
                requests[i][name] = requests[i - 1][name]
        if rng.random() < 0.5:
            requests[i]["ms"] = requests[i - 1]["ms"]
    run = subprocess.run([tool], input=b"".join(map(line, requests)), stdout=subprocess.PIPE,
                         check=True)
    lines = run.stdout.decode().splitlines()
    bad = 0 if len(lines) == count else 1
    for request, got in zip(requests, lines):
        want = expected(request)
        if got != want:
            bad += 1
            request["body"] = len(request["body"])
            print("request: %s\n    got: %s\n   want: %s" % (request, got, want), file=sys.stderr)
    print("%s sigv4_agrees_with_botocore (%d requests, seed %d)" %
          ("not ok" if bad else "ok", count, seed))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
