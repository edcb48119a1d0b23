#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our tokens for Amazon MSK with presigned URLs of botocore's, for random credentials.

usage: msk_token.py TOOL [COUNT [SEED]]     TOOL is the program built from msk_token_tool.c
"""
import base64
import datetime
import random
import subprocess
import sys
import urllib.parse
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=_-.!$~&%"
REGIONS = ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-2"]


def text(rng, low, high):
    """A random string of key characters."""
    return "".join(rng.choice(KEY) for _ in range(rng.randint(low, high)))


def make(rng):
    """Random credentials, region and time."""
    return {"access": text(rng, 4, 128), "secret": text(rng, 1, 128),
            "session": rng.choice(["", text(rng, 1, 2000)]), "region": rng.choice(REGIONS),
            "ms": rng.randint(0, 4102444800000)}


def line(r):
    """The request as the tool reads it."""
    fields = [base64.b64encode(r[name].encode()).decode()
              for name in ("access", "secret", "session", "region")]
    return " ".join([*fields, str(r["ms"])]) + "\n"


def parts(url):
    """An URL without regard to the order of its parameters."""
    url = urllib.parse.urlsplit(url)
    return url.scheme, url.netloc, url.path, sorted(urllib.parse.parse_qsl(url.query))


def expected(r):
    """botocore's URL, with our name behind it."""
    request = AWSRequest("GET", "https://kafka.%s.amazonaws.com/" % r["region"],
                         params={"Action": "kafka-cluster:Connect"})
    signer = botocore.auth.SigV4QueryAuth(
        Credentials(r["access"], r["secret"], r["session"] or None), "kafka-cluster", r["region"],
        expires=900)
    with mock.patch.object(botocore.auth, "datetime") as fake:
        fake.datetime.utcnow.return_value = (
            datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=r["ms"] // 1000))
        signer.add_auth(request)
    return request.url + "&User-Agent=ddbtap"


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    requests = [make(rng) for _ in range(count)]
    run = subprocess.run([tool], input="".join(map(line, requests)), stdout=subprocess.PIPE, check=True,
                         text=True)
    tokens = run.stdout.splitlines()
    bad = 0 if len(tokens) == count else 1
    for request, token in zip(requests, tokens):
        got = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        if "=" in token or parts(got) != parts(expected(request)):
            bad += 1
            print("request: %s\n    got: %s\n   want: %s" % (request, got, expected(request)),
                  file=sys.stderr)
    print("%s msk_tokens_agree_with_botocore (%d tokens, seed %d)" %
          ("not ok" if bad else "ok", count, seed))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
