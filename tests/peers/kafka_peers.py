#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink on Apache Kafka's own broker: what arrives, what survives, and what each fault is called."""
import base64
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time

from kafkalib import KafkaBroker, java_partitions, read_kafkajs, read_kcat
from peerlib import run_tests, scratch, wait_for
from fakelib import Fake, make_table
from kills import replays
from mskiamlib import check_token
from taplib import FAKE, TOP, Tap, configuration

ITEMS = 20
USERS = {"alice": "alice-secret"}
PARTITIONS = 6
BOUND = 400  # records that a kill may double: what was written in an interval of checkpoints, and a reserve


@contextlib.contextmanager
def service(name, **options):
    """A folder, a fake service with the table things in it, and a client."""
    folder = scratch(name)
    with Fake(FAKE, "--shards", 3, *[w for n, v in options.items() for w in ("--" + n, v)]) as fake:
        client = fake.client()
        make_table(client, "things")
        yield folder, fake, client


def put(client, n, size=0, **more):
    """Changes item `n`."""
    client.put_item(TableName="things", Item={
        "pk": {"S": f"item {n} é"}, "t": {"N": str(time.time_ns())}, "x": {"S": "x" * size}, **more})


def sink(broker, listener="PLAINTEXT", **options):
    """A sink's configuration. kafkajs unpacks nothing but gzip."""
    return {"type": "kafka", "brokers": [broker.address(listener)], "topic": "{table}",
            "compression": "gzip", "timeout": "5s", **options}


def secret(folder, text):
    """A file that only we can read."""
    path = os.path.join(folder, "secret")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
    return path


def lines(records):
    return [record["value"].decode() for record in records]


def check_complete(fake, records, kills=0):
    """Everything is there, in order per item, and no more is doubled than a kill may."""
    writes = [write for write in fake.writes() if write["table"] == "things"]
    got = [json.loads(line)["id"] for line in lines(records)]
    missing = {write["id"] for write in writes} - set(got)
    assert not missing, f"{len(missing)} of {len(writes)} are missing"
    mistakes = replays(writes, lines(records))
    assert not mistakes, mistakes[:5]
    doubles = len(got) - len(set(got))
    print(f"# {len(writes)} writes, {kills} kills, {doubles} doubled")
    assert doubles <= kills * BOUND, doubles


def check_form(records):
    """Keys, headers and partitions."""
    partitions = java_partitions([record["key"] for record in records], PARTITIONS)
    for record, partition in zip(records, partitions):
        event, headers = json.loads(record["value"]), dict(record["headers"])
        assert record["partition"] == partition, record
        assert json.loads(record["key"]) == {"pk": {"S": event["key"]["pk"]}}, record
        assert headers["ddb-event-id"].decode() == event["id"], record
        assert headers["ddb-table"] == b"things" and headers["content-type"] == b"application/json", record
        assert headers["ddb-seq"].decode() == event["seq"], record
        assert headers["ddb-shard"].decode() == event["shard"], record
        assert headers["ddb-op"].decode() == event["op"], record


class Writer(threading.Thread):
    """Changes items until it is told to stop."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.ending = client, threading.Event()
        self.start()

    def run(self):
        rng = random.Random(1)
        while not self.ending.wait(0.005):
            put(self.client, rng.randrange(ITEMS))

    def stop(self):
        self.ending.set()
        self.join()


def arrives_whole(broker):
    """Both readers see the same: every change, with key, headers and Java's partition, in order."""
    with service("kafka-arrives") as (folder, fake, client):
        broker.create_topic("things", PARTITIONS)
        for n in range(300):
            put(client, n % ITEMS)
        client.delete_item(TableName="things", Key={"pk": {"S": "item 0 é"}})
        with Tap(folder, configuration(fake.url, ["things"], {"bus": sink(broker)}),
                 "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
        records = read_kcat(broker, "things")
        assert read_kafkajs(broker, "things") == records
        check_complete(fake, records)
        check_form(records)


def tombstones(broker):
    with service("kafka-tombstones") as (folder, fake, client):
        put(client, 1)
        client.delete_item(TableName="things", Key={"pk": {"S": "item 1 é"}})
        options = {"tombstones": "always", "create_topics": True, "topic_replication": 1,
                   "topic_partitions": 4, "topic_cleanup": "compact", "topic": "{table}.compacted"}
        with Tap(folder, configuration(fake.url, ["things"], {"bus": sink(broker, **options)}),
                 "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
        records = read_kcat(broker, "things.compacted")
        assert [r["value"] is None for r in records] == [False, False, True], records
        assert len({(r["key"], r["partition"]) for r in records}) == 1, records


def survives_kills(broker):
    """Killed at random, and the broker too, while everything moves."""
    rng = random.Random(7)
    with service("kafka-kills", **{"shard-life": 3}) as (folder, fake, client):
        broker.create_topic("kills", PARTITIONS)
        config = configuration(fake.url, ["things"], {"bus": sink(broker, topic="kills")})
        writer = Writer(client)
        kills = 6
        for n in range(kills):
            with Tap(folder, config) as tap:
                wait_for(lambda: "stream.found" in tap.said())
                time.sleep(rng.uniform(0.3, 2))
                if n == 2:
                    broker.kill()
                    time.sleep(1)
                    broker.start()
                    time.sleep(2)
                tap.kill()
        writer.stop()
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(90) == 0, tap.said()
        records = read_kcat(broker, "kills")
        check_complete(fake, records, kills)
        check_form(records)


def broker_comes_back(broker):
    """A broker that is killed and started: ddbtap waits, and nothing is lost or doubled beyond a restart."""
    with service("kafka-back") as (folder, fake, client):
        broker.create_topic("back", PARTITIONS)
        config = configuration(fake.url, ["things"],
                               {"bus": sink(broker, topic="back", timeout="2s")})
        with Tap(folder, config) as tap:
            writer = Writer(client)
            time.sleep(1.5)
            broker.kill()
            wait_for(lambda: "no acknowledgement from the brokers" in tap.said(), 30)
            broker.start()
            time.sleep(2)
            writer.stop()
            tap.kill()
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
        check_complete(fake, read_kcat(broker, "back"), 2)


def a_topic_that_is_missing(broker):
    with service("kafka-missing") as (folder, fake, client):
        put(client, 1)
        config = configuration(fake.url, ["things"], {"bus": sink(broker, topic="late")})
        with Tap(folder, config, "--until-caught-up") as tap:
            wait_for(lambda: "the brokers know no topic late: create it, or set create_topics: true"
                     in tap.said(), 40)
            broker.create_topic("late", 2)
            assert tap.wait(60) == 0, tap.said()
        check_complete(fake, read_kcat(broker, "late"))


def a_record_that_is_too_large(broker):
    """The topic takes small ones only; the broker says so of a batch, the sink of the record."""
    with service("kafka-large") as (folder, fake, client):
        broker.create_topic("small", 1, max_message_bytes=3000)
        for n in range(40):
            put(client, n, 6000 if n in (7, 23) else 10, r={"S": os.urandom(3000).hex() if n in (7, 23) else ""})
        letters = os.path.join(folder, "letters")
        config = configuration(fake.url, ["things"], {
            "bus": sink(broker, topic="small", compression="none", dead_letter="letters"), "letters": letters})
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(90) == 0, tap.said()
        with open(letters, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        assert {f["event"]["key"]["pk"] for f in found} == {"item 7 é", "item 23 é"}, found
        assert all("too large for the topic small" in f["dead_letter"]["reason"] for f in found), found
        got = {json.loads(line)["key"]["pk"] for line in lines(read_kcat(broker, "small"))}
        assert got == {f"item {n} é" for n in range(40)} - {"item 7 é", "item 23 é"}, got


def nothing_overtakes_a_refused_record(broker):
    """Each record has a request of its own and several are under way, when the broker refuses one: none of
    those behind it gets in, until somebody lets it in."""
    with service("kafka-overtakes") as (folder, fake, client):
        broker.create_topic("strict", 1, max_message_bytes=3000)
        for n in range(30):
            put(client, 1, r={"S": os.urandom(3000).hex() if n == 3 else "small"})
        config = configuration(fake.url, ["things"], {
            "bus": sink(broker, topic="strict", compression="none", batch_bytes=1000)})
        with Tap(folder, config) as tap:
            wait_for(lambda: "too large for the topic strict" in tap.said())
            time.sleep(2)
            tap.kill()
        ids = [write["id"] for write in fake.writes() if write["table"] == "things"]
        got = [json.loads(line)["id"] for line in lines(read_kcat(broker, "strict"))]
        assert got == ids[:3], [ids.index(one) for one in got]


def ends_with(name, broker, sentence, listener, **options):
    """A run that cannot go on says why, in this sentence, and not the password."""
    with service(name) as (folder, fake, client):
        put(client, 1)
        if "password" in options:
            options["password_file"] = secret(folder, options.pop("password"))
        config = configuration(fake.url, ["things"], {"bus": sink(broker, listener, **options)})
        with Tap(folder, config, "--until-caught-up") as tap:
            status = tap.wait(60)
            said = tap.said()
        assert (status != 0) == (sentence is not None), said
        assert sentence is None or sentence in said, said
        assert "alice-secret" not in said and "wrong-secret" not in said, said
        if sentence is None:
            check_complete(fake, read_kcat(broker, options.get("topic", "things")))


def doors():
    with KafkaBroker(scratch("kafka-doors"), listeners=("SASL_PLAINTEXT", "SASL_SSL", "SSL"),
                     users=USERS, client_auth=True) as broker:
        tls = broker.certificates
        login = {"username": "alice", "sasl": "plain", "password": "alice-secret"}
        for n in range(4):
            broker.create_topic(f"door{n}")
        ends_with("door-plain", broker, None, "SASL_PLAINTEXT", **login, topic="door0")
        ends_with("door-wrong", broker, "the brokers refuse the login of user alice: name, password",
                  "SASL_PLAINTEXT", **{**login, "password": "wrong-secret"})
        ends_with("door-tls", broker, None, "SASL_SSL", **login, tls=True, ca_file=tls.ca, topic="door1")
        ends_with("door-ca", broker, "not from an authority that is trusted here: set ca_file",
                  "SASL_SSL", **login, tls=True)
        ends_with("door-mtls", broker, None, "SSL", tls=True, ca_file=tls.ca, client_cert=tls.certificate,
                  client_key=tls.key, topic="door2")
        ends_with("door-nocert", broker, "the brokers want a certificate of ours", "SSL", tls=True,
                  ca_file=tls.ca)
        ends_with("door-scram", broker, "where SCRAM needs librdkafka 2.6.1", "SASL_PLAINTEXT",
                  **{**login, "sasl": "scram_sha_256"})


def a_forbidden_topic():
    acl = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
           "super.users": "User:ANONYMOUS"}
    with KafkaBroker(scratch("kafka-acl"), listeners=("SASL_PLAINTEXT",), users=USERS,
                     settings=acl) as broker:
        broker.create_topic("things")
        ends_with("acl", broker, "the brokers do not let this user write to the topic things",
                  "SASL_PLAINTEXT", sasl="plain", username="alice", password="alice-secret")


def a_wrong_name():
    with KafkaBroker(scratch("kafka-name"), listeners=("SSL",), certificate="other") as broker:
        ends_with("name", broker, "a broker's certificate is not made out to the name it is reached by",
                  "SSL", tls=True, ca_file=broker.certificates.ca)


def scram():
    with KafkaBroker(scratch("kafka-scram"), version="3.9.1", listeners=("SASL_PLAINTEXT",),
                     users=USERS) as broker:
        for n, sasl in enumerate(("scram_sha_256", "scram_sha_512")):
            broker.create_topic(f"scram{n}")
            ends_with("scram", broker, None, "SASL_PLAINTEXT", sasl=sasl, username="alice",
                      password="alice-secret", topic=f"scram{n}")
        ends_with("scram-wrong", broker, "the brokers refuse the SCRAM login of user alice",
                  "SASL_PLAINTEXT", sasl="scram_sha_512", username="alice", password="wrong-secret")


def msk_tokens():
    """Ours are as good as those of the signer that AWS publishes, with a session's token and without."""
    subprocess.run(["make", "-s", "-C", TOP, "build/release/property/msk_token_tool"], check=True)
    tool = os.path.join(TOP, "build", "release", "property", "msk_token_tool")
    for session in None, "session/token+of=some&length" * 20:
        at = 1735787045
        who = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
        fields = [base64.b64encode(word.encode()).decode() for word in (*who, session or "", "eu-west-1")]
        made = subprocess.run([tool], input=" ".join([*fields, str(at * 1000)]) + "\n", check=True,
                              capture_output=True, text=True).stdout.strip()
        assert check_token(made, "eu-west-1", *who, session, at) is True, made


def main():
    with KafkaBroker(scratch("kafka")) as broker:
        failed = run_tests([arrives_whole, tombstones, a_topic_that_is_missing, a_record_that_is_too_large,
                            nothing_overtakes_a_refused_record, broker_comes_back, survives_kills], broker)
    return run_tests([doors, a_forbidden_topic, a_wrong_name, scram, msk_tokens]) or failed


if __name__ == "__main__":
    sys.exit(main())
