#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The broker and the two readers: they agree, they know transactions, and each door lets in whom it should."""
import subprocess
import sys
import time

from kafkalib import KafkaBroker, java_partitions, read_kafkajs, read_kcat
from peerlib import clean_environment, run_tests, scratch

USERS = {"alice": "alice-secret"}
AWKWARD = [
    {"key": b"k", "value": b"v"},
    {"key": b"tombstone", "value": None},
    {"key": None, "value": b"no key"},
    {"key": b"", "value": b""},
    {"key": b"\x00\xff\x80", "value": bytes(range(256))},
    {"key": 'ключ "\\'.encode(), "value": "a\u2028b\ud7ff\U0001f600\n".encode()},
    {"key": b"h", "value": b"v", "headers": [("a", b"1"), ("a", b"2"), ("empty", b""),
                                             ("bytes", b"\xff\x00"), ("имя", "значение".encode())]},
]


def content(records):
    return [(record["key"], record["value"], record.get("headers", [])) for record in records]


def readers_agree(broker):
    """What was written comes back from both, to the byte, with partitions, offsets and times."""
    broker.create_topic("awkward", 2)
    for n, record in enumerate(AWKWARD):
        broker.produce("awkward", [{**record, "partition": n % 2}])
    found = read_kcat(broker, "awkward")
    assert content(found) == content(AWKWARD[::2] + AWKWARD[1::2]), found
    assert [(r["partition"], r["offset"]) for r in found] == [
        (p, n) for p in (0, 1) for n in range((len(AWKWARD) + 1 - p) // 2)]
    assert all(0 <= time.time() * 1000 - r["timestamp"] < 60_000 for r in found)
    assert read_kafkajs(broker, "awkward") == found
    broker.create_topic("empty")
    assert read_kcat(broker, "empty") == read_kafkajs(broker, "empty") == []


def null_headers(broker):
    """A header without a value is not one with an empty value. kafkajs can only read them."""
    broker.create_topic("headers")
    subprocess.run(["kcat", "-b", broker.address(), "-P", "-t", "headers", "-H", "null", "-H", "empty="],
                   input=b"v", check=True, env=clean_environment())
    found = read_kcat(broker, "headers")
    assert content(found) == [(None, b"v", [("null", None), ("empty", b"")])], found
    assert read_kafkajs(broker, "headers") == found


def transactions(broker):
    """Aborted records are seen by those who ask for uncommitted ones, and by no one else."""
    broker.create_topic("txn")
    broker.produce("txn", [{"value": b"1"}, {"value": b"2"}], transaction="commit")
    broker.produce("txn", [{"value": b"3"}], transaction="abort")
    for read in (read_kcat, read_kafkajs):
        got = [record["value"] for record in read(broker, "txn")]
        assert got == [b"1", b"2"], (read, got)
        got = [record["value"] for record in read(broker, "txn", "read_uncommitted")]
        assert got == [b"1", b"2", b"3"], (read, got)


def settings_of_a_topic(broker):
    """A topic that takes small records only."""
    broker.create_topic("small", max_message_bytes=1000)
    try:
        broker.produce("small", [{"value": bytes(2000)}])
    except RuntimeError as why:
        assert "larger than the max message size" in str(why), why
    else:
        raise AssertionError("it took the large record")


def killed_and_started(broker):
    """What it had taken is there when a killed broker comes back, at the same address."""
    before = read_kcat(broker, "awkward")
    began = time.monotonic()
    broker.kill()
    broker.start()
    print(f"# back after {time.monotonic() - began:.1f} s")
    assert read_kcat(broker, "awkward") == before != []
    broker.stop()
    broker.start()
    assert read_kafkajs(broker, "awkward") == before


def partitions_are_javas():
    """The values of Kafka's own tests of murmur2, for 12 partitions."""
    vectors = {b"21": 0, b"foobar": 6, b"a-little-bit-long-string": 8, b"a-little-bit-longer-string": 11,
               b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": 5, b"abc": 3, b"": 9,
               b'{"pk":"user#1"}': 2}
    assert java_partitions([*vectors, None], 12) == [*vectors.values(), None]


def knock(broker, listener, **settings):
    """How kcat gets through a listener with these settings of librdkafka: "in", or the first complaint."""
    options = [word for name, value in settings.items()
               for word in ("-X", f"{name.replace('_', '.')}={value}")]
    with subprocess.Popen(["kcat", "-b", broker.address(listener), "-L", "-m", "30",
                           "-X", "security.protocol=" + listener, *options], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          env=clean_environment()) as kcat:
        for line in kcat.stderr:
            if "FAIL" in line:  # it would go on trying
                kcat.kill()
                return line
        return "in" if kcat.wait() == 0 else "silence"


def doors():
    """SASL and TLS, with client certificates: the right one gets in, the wrong ones stay out."""
    with KafkaBroker(scratch("broker-doors"), listeners=("SASL_PLAINTEXT", "SSL", "SASL_SSL"),
                     users=USERS, client_auth=True) as broker:
        tls = broker.certificates
        plain = {"sasl_mechanism": "PLAIN", "sasl_username": "alice", "sasl_password": "alice-secret"}
        ours = {"ssl_ca_location": tls.ca, "ssl_certificate_location": tls.certificate,
                "ssl_key_location": tls.key}
        stranger = {"ssl_certificate_location": tls.stranger_certificate,
                    "ssl_key_location": tls.stranger_key}
        for listener, settings, word in (
                ("SASL_PLAINTEXT", plain, "in"),
                ("SASL_PLAINTEXT", {**plain, "sasl_password": "wrong"}, "Authentication failed"),
                ("SASL_SSL", {**plain, "ssl_ca_location": tls.ca}, "in"),
                ("SASL_SSL", plain, "certificate verify failed"),
                ("SASL_SSL", {**plain, "ssl_ca_location": tls.ca, "sasl_username": "bob"},
                 "Authentication failed"),
                ("SSL", ours, "in"),
                ("SSL", {"ssl_ca_location": tls.ca}, "alert"),
                ("SSL", {**ours, **stranger}, "alert")):
            got = knock(broker, listener, **settings)
            assert word in got, (listener, settings, got)


def wrong_certificates_are_noticed():
    """A broker with a certificate for another name, or one that has expired."""
    for which in "other", "expired":
        with KafkaBroker(scratch("broker-" + which), listeners=("SSL",), certificate=which) as broker:
            trust = {"ssl_ca_location": broker.certificates.ca}
            got = knock(broker, "SSL", **trust)
            assert "certificate verify failed" in got, got
            if which == "other":
                got = knock(broker, "SSL", **trust, ssl_endpoint_identification_algorithm="none")
                assert got == "in", got


def scram():
    """SCRAM with the older broker, which forgives librdkafka's nonce."""
    with KafkaBroker(scratch("broker-scram"), version="3.9.1", listeners=("SASL_PLAINTEXT",),
                     users=USERS) as broker:
        for mechanism in "SCRAM-SHA-256", "SCRAM-SHA-512":
            login = {"sasl_mechanism": mechanism, "sasl_username": "alice"}
            got = knock(broker, "SASL_PLAINTEXT", **login, sasl_password="alice-secret")
            assert got == "in", got
            got = knock(broker, "SASL_PLAINTEXT", **login, sasl_password="wrong")
            assert "Authentication failed" in got, got


def main():
    with KafkaBroker(scratch("broker-plain")) as broker:
        failed = run_tests([readers_agree, null_headers, transactions, settings_of_a_topic,
                            killed_and_started], broker)
    return run_tests([partitions_are_javas, doors, wrong_certificates_are_noticed, scram]) or failed


if __name__ == "__main__":
    sys.exit(main())
