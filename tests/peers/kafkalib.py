# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's broker, and reading topics back with kcat (librdkafka) and with kafkajs."""
import base64
import json
import os
import subprocess

from peerlib import JAVA, TOP, Server, clean_environment, classpath, free_port, judge

VERSIONS = "4.3.1", "3.9.1"  # the second for SCRAM with librdkafka before 2.6.1
MECHANISMS = "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"


class Certificates:
    """A certificate authority, its certificates, and a stranger's whom it did not sign; in PEM files."""

    def __init__(self, folder):
        self.ca, self.certificate, self.key = self._make(os.path.join(folder, "tls"))
        _, self.stranger_certificate, self.stranger_key = self._make(os.path.join(folder, "stranger"))

    @staticmethod
    def _make(folder):
        os.makedirs(folder)
        script = os.path.join(TOP, "tests", "unit", "make_certs.sh")
        subprocess.run([script, folder], check=True)
        ca, certificate, key, pkcs8 = (os.path.join(folder, name) for name in (
            "ca.pem", "good.pem", "key.pem", "pkcs8.pem"))
        subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", pkcs8], check=True)
        return ca, certificate, pkcs8

    def keystore(self, which):
        """What Kafka reads: the key in PKCS#8, then the certificate good, other (name) or expired."""
        folder = os.path.dirname(self.ca)
        path = os.path.join(folder, f"keystore-{which}.pem")
        with open(path, "w", encoding="ascii") as out:
            for part in (self.key, os.path.join(folder, which + ".pem")):
                with open(part, encoding="ascii") as file:
                    out.write(file.read())
        return path


class KafkaBroker(Server):
    """One broker with its controller, on free ports that it keeps when it is started again."""

    def __init__(self, folder, version="4.3.1", listeners=(), users=None, certificate="good",
                 client_auth=False, settings=None):
        """
        folder       of its own; its data stays there between kill() or stop() and start()
        listeners    SASL_PLAINTEXT, SSL, SASL_SSL; PLAINTEXT there is always
        users        passwords by name, for PLAIN and SCRAM
        certificate  of SSL and SASL_SSL: "good", "other" (for other.example), "expired"
        client_auth  whether SSL asks for a client's certificate
        settings     more of the broker's, by name
        """
        assert version in VERSIONS, version
        super().__init__(folder, "broker")
        self.version = version
        self.users = users or {}
        self.ports = {name: free_port() for name in ("PLAINTEXT", *listeners, "CONTROLLER")}
        self.certificates = None
        if any(name.endswith("SSL") for name in listeners):
            self.certificates = Certificates(folder)
        self.properties = os.path.join(folder, "server.properties")
        with open(self.properties, "w", encoding="utf-8") as file:
            for pair in {**self._settings(), **self._tls(certificate, client_auth), **self._sasl(),
                         **(settings or {})}.items():
                file.write("{}={}\n".format(*pair))
        self._format()

    def _settings(self):
        addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()}
        protocols = [f"{name}:{name.replace('CONTROLLER', 'PLAINTEXT')}" for name in self.ports]
        return {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.ports['CONTROLLER']}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(a for n, a in addresses.items() if n != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(protocols),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": os.path.join(self.folder, "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1, "group.initial.rebalance.delay.ms": 0,
            # A broker that was killed is let in again at once.
            "broker.session.timeout.ms": 1500, "broker.heartbeat.interval.ms": 300,
            "num.network.threads": 2, "num.io.threads": 2, "background.threads": 2,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
        }

    def _tls(self, certificate, client_auth):
        if not self.certificates:
            return {}
        return {"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM",
                "ssl.keystore.location": self.certificates.keystore(certificate),
                "ssl.truststore.location": self.certificates.ca,
                "listener.name.ssl.ssl.client.auth": "required" if client_auth else "none"}

    def _sasl(self):
        if not any(name.startswith("SASL") for name in self.ports):
            return {}
        found = {"sasl.enabled.mechanisms": ",".join(MECHANISMS)}
        module = "org.apache.kafka.common.security"
        users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        for listener in (name.lower() for name in self.ports if name.startswith("SASL")):
            for mechanism in MECHANISMS:
                login = (f"{module}.plain.PlainLoginModule required {users};" if mechanism == "PLAIN"
                         else f"{module}.scram.ScramLoginModule required;")
                found[f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config"] = login
        return found

    def _java(self, *arguments):
        return [*JAVA, "-Xms256m", "-Xmx512m", *classpath("broker-" + self.version), *arguments]

    def _format(self):
        """Makes the data folder, with the users of SCRAM in it."""
        scram = [f"{mechanism}=[name={name},password={password}]" for mechanism in MECHANISMS[1:]
                 for name, password in self.users.items()]
        arguments = [word for user in scram for word in ("--add-scram", user)]
        done = subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t",
                                         "AAAAAAAAQACAAAAAAAAAAQ", "-c", self.properties, *arguments),
                              capture_output=True, text=True, check=False, env=clean_environment())
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self):
        return self._java("kafka.Kafka", self.properties)

    def ready(self):
        return "Kafka Server started" in self.said()

    def address(self, listener="PLAINTEXT"):
        """What a client calls bootstrap.servers."""
        return f"127.0.0.1:{self.ports[listener]}"

    def create_topic(self, topic, partitions=1, **config):
        """Settings of the topic have underscores for their dots."""
        config = {name.replace("_", "."): str(value) for name, value in config.items()}
        judge("kafka_judge.mjs").ask({"verb": "create", "address": self.address(), "topic": topic,
                                "partitions": partitions, "config": config})

    def produce(self, topic, records, transaction=None):
        """Writes with kafkajs: mappings of key, value, headers, partition, as read_kcat() returns them,
        each of which may be left out; in a transaction that ends with "commit" or "abort", if named."""
        wire = [{"key": _text(record.get("key")), "value": _text(record.get("value")),
                 "headers": [(name, _text(value)) for name, value in record.get("headers", [])],
                 **({"partition": record["partition"]} if "partition" in record else {})}
                for record in records]
        judge("kafka_judge.mjs").ask({"verb": "produce", "address": self.address(), "topic": topic,
                                "records": wire, "transaction": transaction})


def _text(data):
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text):
    return None if text is None else base64.b64decode(text)


def _in_order(records):
    return sorted(records, key=lambda record: (record["partition"], record["offset"]))


def read_kcat(broker, topic, isolation="read_committed"):
    """All records of a topic, by partition and offset: {partition, offset, key, value, headers, timestamp}.
    Keys and values are bytes or None, headers (name, bytes or None), the timestamp in milliseconds."""
    done = subprocess.run(
        ["kcat", "-b", broker.address(), "-C", "-t", topic, "-J", "-q", "-e", "-o", "beginning",
         "-X", "isolation.level=" + isolation, "-X", "check.crcs=true"],
        capture_output=True, check=False, timeout=60, env=clean_environment())
    assert done.returncode == 0, done.stderr.decode()
    # kcat copies bytes that are not UTF-8 as they are into its JSON.
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]
    return _in_order(map(_kcat_record, lines))


def _kcat_record(line):
    def raw(text):
        return None if text is None else text.encode("utf-8", "surrogateescape")
    record = json.loads(line)
    flat = record.get("headers", [])
    return {"partition": record["partition"], "offset": record["offset"], "timestamp": record["ts"],
            "key": raw(record["key"]), "value": raw(record["payload"]),
            "headers": [(name, raw(value)) for name, value in zip(flat[::2], flat[1::2])]}


def read_kafkajs(broker, topic, isolation="read_committed", seconds=30):
    """The same with kafkajs. It ends with an error where a transaction is still open, and unpacks gzip only."""
    found = judge("kafka_judge.mjs").ask({"verb": "read", "address": broker.address(), "topic": topic,
                                    "isolation": isolation, "milliseconds": seconds * 1000},
                                   seconds + 30)
    return _in_order({**record, "key": _bytes(record["key"]), "value": _bytes(record["value"]),
                      "headers": [(name, _bytes(value)) for name, value in record["headers"]]}
                     for record in found)


def java_partitions(keys, count):
    """The partition that Java's default partitioner chooses for each key; None for a key that is None."""
    return judge("kafka_judge.mjs").ask({"verb": "partitions", "keys": list(map(_text, keys)), "count": count})
