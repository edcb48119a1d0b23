# SPDX-License-Identifier: Apache-2.0
"""Starts ddbfake, talks to it, and reads what it logged; for the end-to-end tests."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config

ACCESS = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"


class Fake:
    """A running ddbfake on free ports; a context manager."""

    def __init__(self, path, *options):
        self.process = subprocess.Popen([path, *map(str, options)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        wants_tls = any(o in ("--make-cert", "--tls") for o in options)
        self.port = self._read_port(r"ddbfake: listening on 127\.0\.0\.1:(\d+)$")
        self.tls_port = wants_tls and self._read_port(
            r"ddbfake: listening with TLS on 127\.0\.0\.1:(\d+)$")
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://127.0.0.1:{self.tls_port}"
        self.client_options = {}  # for all clients

    def _read_port(self, pattern):
        line = self.process.stdout.readline().rstrip("\n")
        found = re.match(pattern, line)
        if not found:
            raise RuntimeError(f"ddbfake said {line!r}, then {self.process.communicate()[1]!r}")
        return int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.note_calls()
        finally:
            self.process.kill()
            self.process.communicate()

    def calls(self):
        """Who called what, as dictionaries with client, operation, table and requests."""
        return self.admin("calls")["calls"]

    def note_calls(self):
        """Appends who called what to the file that DDBTAP_CALLS names: policy.py compares."""
        path = os.environ.get("DDBTAP_CALLS")
        if path and self.process.poll() is None:
            # In one piece: other suites may be doing the same.
            lines = "".join(json.dumps(call) + "\n" for call in self.calls()).encode()
            with open(path, "ab", buffering=0) as file:
                assert file.write(lines) == len(lines)

    def stop(self):
        """Ends it with SIGTERM; returns the status and what it said on standard error."""
        self.note_calls()
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=20)[1]
        return self.process.returncode, said

    def kill(self):
        self.note_calls()
        self.process.kill()
        self.process.communicate()

    def admin(self, command, **params):
        """One administrative command; its answer, parsed."""
        text = self.admin_text(command, **params)
        return json.loads(text)

    def admin_text(self, command, **params):
        url = f"{self.url}/_admin/{command}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()

    def admin_error(self, command, **params):
        """The status of an administrative command that is to fail."""
        try:
            self.admin(command, **params)
        except urllib.error.HTTPError as error:
            json.loads(error.read())
            return error.code
        return 200

    def writes(self, start=0, **params):
        """The log of writes from a number on."""
        found = []
        while True:
            text = self.admin_text("writes", **{"from": start + len(found)}, **params)
            lines = text.split("\n")[:-1]  # splitlines() would split strings at U+2028
            found += map(json.loads, lines)
            if not lines or "count" in params:
                return found

    def client(self, service="dynamodb", **options):
        """A boto3 client that never retries on its own."""
        settings = {"endpoint_url": self.url, "region_name": REGION,
                    "aws_access_key_id": ACCESS, "aws_secret_access_key": SECRET}
        config = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, "connect_timeout": 5}
        config.update(options.pop("config", {}))
        settings.update(self.client_options, **options)
        return boto3.client(service, config=Config(**config), **settings)


def wait_for(what, seconds=20):
    """Calls `what` until it returns something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain")
        time.sleep(0.02)


def free_port():
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_table(client, name, view="NEW_AND_OLD_IMAGES", sort=False):
    """Creates a table with a stream and waits for it; returns the stream's ARN."""
    keys = [("pk", "HASH")] + ([("sk", "RANGE")] if sort else [])
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": n, "KeyType": t} for n, t in keys],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
    return wait_active(client, name)["LatestStreamArn"]


def wait_active(client, name):
    """Waits until a table is ACTIVE; returns its description."""
    def active():
        table = client.describe_table(TableName=name)["Table"]
        return table if table["TableStatus"] == "ACTIVE" else None
    return wait_for(active)


def list_shards(streams, arn):
    """All shards of a stream, page by page."""
    found, start = [], {}
    while True:
        page = streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return found
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def read_shard(streams, arn, shard_id, polls=10, limit=1000):
    """The records of a shard from its beginning, and whether its end was reached."""
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard_id,
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    found = []
    for _ in range(polls):
        page = streams.get_records(ShardIterator=iterator, Limit=limit)
        found += page["Records"]
        if "NextShardIterator" not in page:
            return found, True
        iterator = page["NextShardIterator"]
    return found, False


def run_tests(tests, *args):
    """Runs functions, prints a line for each, and returns the exit status."""
    failed = 0
    for test in tests:
        began = time.monotonic()
        try:
            test(*args)
            word = "ok"
        except Exception:  # whatever it is, it is a failed test
            traceback.print_exc()
            word = "not ok"
            failed += 1
        print(f"{word} {test.__name__}", flush=True)
        if time.monotonic() - began > 5:
            print(f"# {test.__name__} took {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0
