# SPDX-License-Identifier: Apache-2.0
"""The part of ddbfake.py below the API: HTTP, TLS, signatures, clocks, faults, the process itself."""
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import zlib

from botocore.exceptions import (ChecksumError, ClientError, ConnectionClosedError,
                                 EndpointConnectionError, ReadTimeoutError, SSLError)

from fakelib import ACCESS, SECRET, Fake, list_shards, make_table, read_shard, wait_for


def code_of(call, **params):
    """The error code that a call ends with, or "" when it is carried out."""
    try:
        call(**params)
        return ""
    except ClientError as error:
        return error.response["Error"]["Code"]


def raises(kinds, call, **params):
    """Checks that a call ends with one of these exceptions."""
    try:
        call(**params)
    except kinds:
        return
    raise AssertionError(f"{call} ended well")


def signatures(path):
    with Fake(path, "--credentials", f"{ACCESS}:{SECRET}", "--credentials", "AKIDTOKEN:abc:tok/en+=",
              "--deny", "DescribeTable", "--region", "eu-west-1") as fake:
        def code(**more):
            return code_of(fake.client(**{"region_name": "eu-west-1", **more}).list_tables)

        assert code() == ""
        assert code(aws_secret_access_key="wrong") == "InvalidSignatureException"
        assert code(aws_access_key_id="AKIDNOBODY") == "UnrecognizedClientException"
        assert code(aws_session_token="x") == "UnrecognizedClientException"
        assert code(region_name="us-east-1") == "InvalidSignatureException"
        token = {"aws_access_key_id": "AKIDTOKEN", "aws_secret_access_key": "abc",
                 "aws_session_token": "tok/en+="}
        assert code(**token) == ""
        fake.admin("expire-credentials", access="AKIDTOKEN")
        assert code(**token) == "ExpiredTokenException"
        fake.admin("credentials", add="AKIDTOKEN:abc:tok2")
        assert code(**{**token, "aws_session_token": "tok2"}) == ""
        db = fake.client(region_name="eu-west-1")
        assert code_of(db.describe_table, TableName="abc") == "AccessDeniedException"
        fake.admin("allow", operation="DescribeTable")
        assert code_of(db.describe_table, TableName="abc") == "ResourceNotFoundException"
        fake.admin("deny", operation="ListTables")
        assert code() == "AccessDeniedException"
        # Without a signature.
        unsigned = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n" \
                   b"Content-Type: application/x-amz-json-1.0\r\n" \
                   b"X-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n{}"
        status, _, body = talk(fake.port, unsigned)
        assert status == 400 and b"MissingAuthenticationTokenException" in body
    with Fake(path, "--no-auth") as fake:
        assert talk(fake.port, unsigned)[0] == 200
        assert code_of(fake.client(aws_secret_access_key="wrong").list_tables) == ""


def clocks(path):
    """A service whose clock is 16 minutes off refuses, and its Date tells by how much."""
    for offset, words in ((960_000, "Signature expired: "),
                          (-960_000, "Signature not yet current: ")):
        with Fake(path, "--clock-offset", offset) as fake:
            try:
                fake.client().list_tables()
                raise AssertionError("the skew was not noticed")
            except ClientError as error:
                answer = error.response
            assert answer["Error"]["Code"] == "InvalidSignatureException"
            assert answer["Error"]["Message"].startswith(words)
            assert answer["Error"]["Message"].endswith(" 15 min.)")
            date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
            seen = time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
            assert abs(seen - time.time() - offset / 1000) < 5
            fake.admin("set", clock_offset=0)
            assert code_of(fake.client().list_tables) == ""


def fast_time(path):
    """With time running 600 times as fast, a shard of five minutes rolls within a second."""
    with Fake(path, "--speed", 600, "--shard-life", 300, "--shards", 2) as fake:
        db, streams = fake.client(), fake.client("dynamodbstreams")
        arn = make_table(db, "Fast")
        first = len(list_shards(streams, arn))
        assert first >= 2
        wait_for(lambda: len(list_shards(streams, arn)) >= first + 4)
        # Time passes without requests too.
        rolls = fake.admin("stats")["hits"]["roll"]
        wait_for(lambda: fake.admin("stats")["hits"]["roll"] > rolls)
        assert db.list_tables()["TableNames"] == ["Fast"]  # HTTP's clock is not fast


def faults(path):
    """Each kind is seen by the client, once, and carries the request out or not as documented."""
    with Fake(path) as fake:
        db = fake.client()
        make_table(db, "Faults")
        # kind, parameters, what the client sees, whether the write is there afterwards
        kinds = (("reset", {}, ConnectionClosedError, False),
                 ("reset-after", {}, ConnectionClosedError, True),
                 ("truncate", {}, ChecksumError, True),  # this boto3 notices it by that only
                 ("500", {}, "InternalServerError", False),
                 ("500-after", {}, "InternalServerError", True),
                 ("503", {}, "ServiceUnavailable", False),
                 ("throttle", {}, "ProvisionedThroughputExceededException", False),
                 ("throttle", {"code": "RequestLimitExceeded"}, "RequestLimitExceeded", False),
                 ("error", {"code": "KMSDisabledException"}, "KMSDisabledException", False),
                 ("garbage", {}, ValueError, True))
        for i, (kind, params, seen, written) in enumerate(kinds):
            put = {"TableName": "Faults", "Item": {"pk": {"S": str(i)}}, "ReturnValues": "ALL_OLD",
                   "ReturnConsumedCapacity": "TOTAL"}
            fake.admin("fault", kind=kind, target="PutItem", **params)
            db.list_tables()  # is not the target
            if isinstance(seen, str):
                assert code_of(db.put_item, **put) == seen
            else:
                raises(seen, db.put_item, **put)
            assert fake.admin("stats")["faults"][kind] >= 1
            got = db.get_item(TableName="Faults", Key={"pk": {"S": str(i)}})
            assert ("Item" in got) == written, kind
            db.put_item(**put)  # once only
        fake.admin("fault", kind="throttle", target="DescribeTable")
        assert code_of(db.describe_table, TableName="Faults") == "ThrottlingException"


def slow_faults(path):
    with Fake(path) as fake:
        db = fake.client(config={"read_timeout": 0.3})
        patient, bystander = fake.client(), fake.client()
        fake.admin("fault", kind="delay", ms=600, count=2)
        raises(ReadTimeoutError, db.list_tables)
        began = time.monotonic()
        waiting = threading.Thread(target=patient.list_tables)
        waiting.start()
        wait_for(lambda: fake.admin("stats")["faults"]["delay"] == 2)
        bystander.list_tables()
        assert time.monotonic() - began < 0.5, "a delay delays others"
        waiting.join()
        assert 0.6 <= time.monotonic() - began < 5
        fake.admin("fault", kind="drip", ms=2)
        began = time.monotonic()
        assert patient.list_tables()["TableNames"] == []
        assert time.monotonic() - began > 0.4  # some 250 bytes


def bad_checksum(path):
    """boto3's retries see a checksum that does not fit; one attempt takes it as it is."""
    with Fake(path) as fake:
        def crcs(db):
            seen = []
            db.meta.events.register("response-received.*.*", lambda response_dict, **_: seen.append(
                (zlib.crc32(response_dict["body"]),
                 int(response_dict["headers"]["x-amz-crc32"]))))
            db.list_tables()
            return [a == b for a, b in seen]

        assert crcs(fake.client()) == [True]
        fake.admin("fault", kind="bad-crc")
        retries = {"config": {"retries": {"mode": "legacy", "total_max_attempts": 3}}}
        assert crcs(fake.client(**retries)) == [False, True]


def percentages(path):
    """A percentage hits about so many calls, the same ones for the same seed, until it is stopped."""
    runs = []
    for seed in (1, 1, 2):
        with Fake(path, "--seed", seed) as fake:
            db = fake.client()
            fake.admin("fault", kind="503", percent=30)
            runs.append([code_of(db.list_tables) for _ in range(60)])
            fake.admin("stop-faults")
            assert [code_of(db.list_tables) for _ in range(5)] == [""] * 5
            assert fake.admin("stats")["faults"]["503"] == runs[-1].count("ServiceUnavailable")
    assert 5 < runs[0].count("ServiceUnavailable") < 35
    assert runs[0] == runs[1] != runs[2]


def certificates(path):
    with tempfile.TemporaryDirectory() as pki:
        ca = os.path.join(pki, "ca.pem")
        with Fake(path, "--make-cert", pki) as fake:
            for host in ("127.0.0.1", "localhost"):
                url = f"https://{host}:{fake.tls_port}"
                fake.client(endpoint_url=url, verify=ca).list_tables()
            raises(SSLError, fake.client(endpoint_url=fake.tls_url).list_tables)  # unknown CA
            context = ssl.create_default_context(cafile=ca)
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(("127.0.0.1", fake.tls_port)) as raw:
                with context.wrap_socket(raw, server_hostname="localhost") as tls:
                    assert tls.selected_alpn_protocol() == "http/1.1"
            # Bytes that are no TLS do no harm.
            with socket.create_connection(("127.0.0.1", fake.tls_port)) as raw:
                raw.sendall(b"POST / HTTP/1.1\r\n\r\n")
            fake.client(endpoint_url=fake.tls_url, verify=ca).list_tables()
        assert os.stat(os.path.join(pki, "key.pem")).st_mode & 0o77 == 0
        # The same files again, by --tls, and the same port.
        files, port = [os.path.join(pki, name) for name in ("cert.pem", "key.pem")], fake.tls_port
        with Fake(path, "--tls", *files, "--tls-port", port) as fake:
            assert fake.tls_port == port
            fake.client(endpoint_url=fake.tls_url, verify=ca).list_tables()
        for kind in ("expired", "wrong-host"):
            with Fake(path, "--make-cert", pki, "--cert-kind", kind) as fake:
                raises(SSLError, fake.client(endpoint_url=fake.tls_url, verify=ca).list_tables)


def talk(port, request, pieces=1):
    """Sends raw bytes, in so many pieces; returns status, head and body of the first answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = max(1, len(request) // pieces)
        for at in range(0, len(request), step):
            raw.sendall(request[at:at + step])
        return read_answer(raw.makefile("rb"))


def read_answer(stream):
    """Reads one answer off a stream."""
    status = int(stream.readline().split()[1])
    head = {}
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        head[name.lower()] = value.strip()
    return status, head, stream.read(int(head["content-length"]))


PING = b"GET /_admin/ping HTTP/1.1\r\nHost: x\r\n\r\n"


def http_rules(path):
    with Fake(path) as fake:
        status, head, body = talk(fake.port, PING, pieces=len(PING))
        assert status == 200 and json.loads(body)["ok"]
        assert head["connection"] == "keep-alive" and head["server"] == "Server"
        assert int(head["x-amz-crc32"]) == zlib.crc32(body)
        assert len(head["x-amzn-requestid"]) == 52
        assert talk(fake.port, b"GET / HTTP/1.1\r\n\r\n")[2].startswith(b"healthy: dynamodb.")
        assert talk(fake.port, b"GET /other HTTP/1.1\r\n\r\n")[0] == 404
        assert talk(fake.port, b"DELETE / HTTP/1.1\r\n\r\n")[0] == 405
        post = b"POST / HTTP/1.1\r\n"
        assert talk(fake.port, post + b"Content-Type: text/xml\r\n\r\n")[0] == 404
        assert talk(fake.port, post + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")[0] == 411
        assert talk(fake.port, post + b"Content-Length: 16777217\r\n\r\n" + b"x" * 100000)[0] == 413
        assert talk(fake.port, b"rubbish\r\n\r\n")[0] == 400
        assert talk(fake.port, post + b"A: " + b"x" * 40000)[0] == 431
        with socket.create_connection(("127.0.0.1", fake.port), timeout=10) as raw:
            stream = raw.makefile("rb")
            raw.sendall(PING * 500)  # pipelined
            assert [read_answer(stream)[0] for _ in range(500)] == [200] * 500
            raw.sendall(post + b"Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n")
            assert stream.readline() == b"HTTP/1.1 100 Continue\r\n" and stream.readline() == b"\r\n"
            raw.sendall(b"x" * 10_000_000 + PING)
            assert read_answer(stream)[0] == 404  # no Content-Type
            assert read_answer(stream)[0] == 200
            raw.sendall(PING.replace(b"Host", b"Connection: close\r\nHost"))
            assert read_answer(stream)[1]["connection"] == "close"
            assert stream.read(1) == b""
        assert fake.admin_error("nonsense") == 404
        assert fake.admin_error("roll", table="Missing") == 404
        assert fake.admin_error("fault", kind="nonsense") == 400
        assert fake.admin_error("set", nonsense=1) == 400


def many_connections(path):
    """Hundreds of idle and half-sent requests do not hold up one that is whole."""
    with Fake(path) as fake:
        idle = [socket.create_connection(("127.0.0.1", fake.port)) for _ in range(600)]
        for raw in idle[::2]:
            raw.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\nx")
        db = fake.client()
        began = time.monotonic()
        for _ in range(20):
            db.list_tables()
        assert time.monotonic() - began < 2
        assert fake.admin("stats")["open_connections"] > 600
        for raw in idle:
            raw.close()
        wait_for(lambda: fake.admin("stats")["open_connections"] < 10)


def slow_readers(path):
    """Clients that are slow to read a big answer get it whole, and do not hold up others."""
    with tempfile.TemporaryDirectory() as pki, Fake(path, "--make-cert", pki) as fake:
        db = fake.client()
        fill(db, 30)
        tls = ssl.create_default_context(cafile=os.path.join(pki, "ca.pem"))
        for port, wrap in ((fake.port, lambda raw: raw),
                           (fake.tls_port, lambda raw: tls.wrap_socket(
                               raw, server_hostname="localhost"))):
            with socket.socket() as raw:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                raw.settimeout(10)
                raw.connect(("127.0.0.1", port))
                link = wrap(raw)
                link.sendall(b"GET /_admin/writes HTTP/1.1\r\nConnection: close\r\n\r\n")
                began = time.monotonic()
                for _ in range(20):
                    db.list_tables()
                assert time.monotonic() - began < 2
                stream = link.makefile("rb")
                _, head, body = read_answer(stream)
                assert stream.read(1) == b"" and len(body) > 30 * 300_000
                assert zlib.crc32(body) == int(head["x-amz-crc32"])
                link.close()


def fill(db, n):
    """Makes a table with n items of 300 KB."""
    make_table(db, "Big")
    for i in range(n):
        db.put_item(TableName="Big", Item={"pk": {"S": str(i)}, "v": {"S": "x" * 300_000}})


def big_pages(path):
    """Pages of 1 MB come through whole, in the clear and by TLS, and the log of writes too."""
    with tempfile.TemporaryDirectory() as pki, Fake(path, "--make-cert", pki) as fake:
        fill(fake.client(), 8)
        tls = {"endpoint_url": fake.tls_url, "verify": os.path.join(pki, "ca.pem")}
        for options in ({}, tls):
            streams = fake.client("dynamodbstreams", **options)
            arn = streams.list_streams()["Streams"][0]["StreamArn"]
            shard = list_shards(streams, arn)[0]["ShardId"]
            records, _ = read_shard(streams, arn, shard)
            assert [len(r["dynamodb"]["NewImage"]["v"]["S"]) for r in records] == [300_000] * 8
        assert [w["n"] for w in fake.writes()] == list(range(8))
        assert [w["n"] for w in fake.writes(3, count=2)] == [3, 4]


def log_and_restart(path):
    """What was answered is in the log, even after kill -9; a new process starts empty."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "writes.ndjson")
        with Fake(path, "--log", log) as fake:
            db, port = fake.client(), fake.port
            make_table(db, "Log")
            for i in range(50):
                db.put_item(TableName="Log", Item={"pk": {"S": "k"}, "v": {"N": str(i)}})
            db.put_item(TableName="Log", Item={"pk": {"S": "k"}, "v": {"N": "49"}})  # changes nothing
            writes = fake.writes()
            fake.kill()
        with open(log, encoding="utf-8") as lines:
            logged = [json.loads(line) for line in lines]
        assert logged == writes and len(logged) == 50
        assert [w["n"] for w in logged] == list(range(50))
        assert logged[0]["op"] == "INSERT" and logged[0]["old"] is None
        assert logged[1]["op"] == "MODIFY" and logged[1]["old"] == logged[0]["new"]
        raises((EndpointConnectionError, ConnectionClosedError), db.list_tables)
        with Fake(path, "--log", log, "--port", port) as fake:
            assert fake.port == port
            assert db.list_tables()["TableNames"] == []  # the same client as before
            make_table(db, "Log")
            db.put_item(TableName="Log", Item={"pk": {"S": "k"}})
            status, said = fake.stop()
        assert status == 0 and said.startswith("ddbfake: ended: ") and said.count("\n") == 1
        with open(log, encoding="utf-8") as lines:
            assert len(lines.readlines()) == 51


def command_line(path):
    def run(*options):
        done = subprocess.run([path, *options], capture_output=True, text=True, timeout=20,
                              check=False)
        return done.returncode, done.stderr

    for options in (("--nonsense",), ("x",), ("--port",), ("--port", "70000"), ("--port", "x"),
                    ("--tls", "a"), ("--speed", "0"), ("--shards=0",), ("--short-page", "101"),
                    ("--cert-kind", "odd"), ("--credentials", "a"), ("--no-auth=1",),
                    ("--no-auth", "--credentials", "a:b"), ("--tls-port", "1"),
                    ("--clock-offset", "1x")):
        status, said = run(*options)
        assert status == 64 and said.startswith("ddbfake: ") and said.count("\n") == 1, options
    status, said = run("--tls", "/missing", "/missing")
    assert status == 78 and "/missing" in said
    status, said = run("--log", "/missing/log")
    assert status == 74 and "/missing/log" in said
    with Fake(path) as fake:
        status, said = run("--port", str(fake.port))
        assert status == 74 and f"127.0.0.1:{fake.port}: Address already in use" in said
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert "--make-cert DIR" in done.stdout


TESTS = [signatures, clocks, fast_time, faults, slow_faults, bad_checksum, percentages,
         certificates, http_rules, many_connections, slow_readers,
         big_pages, log_and_restart, command_line]
