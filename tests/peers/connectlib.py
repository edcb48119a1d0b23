# SPDX-License-Identifier: Apache-2.0
"""Kafka Connect: its JSON converter, and Debezium's JDBC sink, which writes a topic's changes into PostgreSQL."""
import base64
import glob
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from peerlib import JAVA, Refused, Server, classpath, clean_environment, free_port, judge, verdict


def connect_schema(part, document):
    """The name of the schema of a "key" or a "value" that carries its schema, in bytes of JSON; None if it has
    no name. Raises Refused unless Connect's converter understands all of it."""
    assert part in ("key", "value"), part
    return judge("ConnectJudge.java").ask({"key": part == "key",
                                           "document": base64.b64encode(document).decode()})


def check_connect(part, document):
    """True, or the reason why Connect's converter does not understand all of it."""
    return verdict(connect_schema, part, document)


class Postgres(Server):
    """A PostgreSQL of its own, whose data is gone when it ends. It refuses to run as root: then it runs as
    the user that Debian's package made, in a folder that this user can reach."""

    def __init__(self, folder):
        super().__init__(folder, "postgres")
        self.port = free_port()
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.data = tempfile.mkdtemp(prefix="ddbtap-postgres-")
        self.as_user = []
        if os.getuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                            "--pdeathsig=KILL"]
        subprocess.run([*self.as_user, self.programs + "/initdb", "-D", self.data, "--auth=trust",
                        "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"], check=True,
                       stdout=subprocess.DEVNULL, env=clean_environment(), cwd="/")

    def command(self):
        return [*self.as_user, self.programs + "/postgres", "-D", self.data, "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]

    def ready(self):
        return subprocess.run([self.programs + "/pg_isready", "-q", *self._where()], check=False,
                              env=clean_environment()).returncode == 0

    def _where(self):
        return ["--host=127.0.0.1", f"--port={self.port}", "--username=postgres"]

    def url(self):
        """For JDBC."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def query(self, statement):
        """The rows of a SELECT, by column; values as PostgreSQL has them in JSON. Raises RuntimeError."""
        wrapped = f"SELECT coalesce(json_agg(t), '[]') FROM ({statement}) t"
        done = subprocess.run([self.programs + "/psql", *self._where(), "--no-psqlrc", "--tuples-only",
                               "--no-align", "--command", wrapped], capture_output=True, text=True,
                              check=False, env=clean_environment(PGCLIENTENCODING="UTF8"))
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.data)


class JdbcSink(Server):
    """Kafka Connect with one Debezium JDBC sink, which reads topics whose records carry their schemas. The key's
    fields are the primary key; a table has its topic's name, with _ for each dot."""

    def __init__(self, folder, broker, postgres, topics, settings=None):
        super().__init__(folder, "connect")
        self.port = free_port()
        self.worker = self._write("worker", {
            "bootstrap.servers": broker.address(),
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "offset.storage.file.filename": os.path.join(folder, "offsets"),
            "offset.flush.interval.ms": 1000,
            "listeners": f"http://127.0.0.1:{self.port}",
            "plugin.discovery": "service_load",
            "consumer.metadata.max.age.ms": 1000})
        self.connector = self._write("sink", {
            "name": "sink", "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "tasks.max": 1, "topics": ",".join(topics),
            "connection.url": postgres.url(), "connection.username": "postgres",
            "connection.password": "unused",
            "insert.mode": "upsert", "delete.enabled": "true", "primary.key.mode": "record_key",
            "schema.evolution": "basic", "consumer.override.auto.offset.reset": "earliest",
            **(settings or {})})

    def _write(self, name, settings):
        path = os.path.join(self.folder, name + ".properties")
        with open(path, "w", encoding="utf-8") as file:
            for pair in settings.items():
                file.write("{}={}\n".format(*pair))
        return path

    def command(self):
        return [*JAVA, "-Xmx384m", *classpath("connect-4.3.1"),
                "org.apache.kafka.connect.cli.ConnectStandalone", self.worker, self.connector]

    def ready(self):
        return self.state() == "RUNNING"

    def _task(self):
        url = f"http://127.0.0.1:{self.port}/connectors/sink/status"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return (json.load(answer)["tasks"] or [{}])[0]
        except urllib.error.HTTPError as error:
            error.close()  # it does not know the sink yet
            return {}
        except OSError:
            return {}

    def state(self):
        """RUNNING or FAILED, or another state of its task; None when there is none yet."""
        return self._task().get("state")

    def check(self):
        """Raises Refused with the reason when the task has failed."""
        task = self._task()
        if task.get("state") == "FAILED":
            lines = task["trace"].split("\n")
            raise Refused("; ".join(line for n, line in enumerate(lines) if n == 0 or "Caused by" in line))
