#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What each sink costs per record: a second sink beside a first one, against a bare loop over the same library that
brings the same bytes to the same kind of place. Prints one line per figure; see README.md.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from fakelib import Fake, wait_for  # noqa: E402
from measure import BIN, ITEMS, SHARDS, figure, figures, fill, make_id_table  # noqa: E402
from taplib import FAKE, Tap, configuration, line_count  # noqa: E402

ROUNDS = 3
RECORDS = 2 * ITEMS
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Receiver:
    """The webhook receiver of the end-to-end tests; what it accepts goes to a file."""

    def __init__(self, folder, style):
        self.out = os.path.join(folder, f"received-{style}")
        self.secret = os.path.join(folder, "secret")
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with open(os.open(self.secret, flags, 0o600), "w", encoding="ascii") as file:
            file.write(SECRET + "\n")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "..", "e2e", "receiver.py"), "--file", self.out,
             "--secret-file", self.secret, "--style", style, "--no-sync"], stdout=subprocess.PIPE, text=True)
        self.url = "http://" + self.process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Broker:
    """librdkafka's broker in memory, in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen([f"{BIN}/sink_bench", "broker"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def drain(self, topic):
        """The values of all messages of a topic."""
        return subprocess.run([f"{BIN}/sink_bench", "drain", self.address, topic], check=True,
                              capture_output=True).stdout.splitlines(keepends=True)


def cpu_by_thread_us(pid):
    """CPU time of the main thread and of all threads, in microseconds."""
    times = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
            times[int(task)] = int(stat.read().split()[0]) / 1000
    return times[pid], sum(times.values())


class Runs:
    """Runs of ddbtap over one table, full or empty, each with a first file sink and one more sink."""

    def __init__(self, fake, folder):
        self.fake, self.folder, self.n = fake, folder, 0

    def run(self, table, sinks, count):
        """CPU of the loop's thread and of all, once all is delivered; and the first file."""
        self.n += 1
        first = f"{self.folder}/{self.n}.first"
        config = configuration(self.fake.url, [table], {"first": first, **sinks},
                               application=f"sinks-{self.n}", log={"level": "error"},
                               checkpoint={"interval": "30s"},
                               engine={"poll_floor": "250ms", "max_latency": "1s"})
        with Tap(self.folder, config) as tap:
            if table == "plain":
                wait_for(lambda: tap.process.poll() is not None or (
                    line_count(first) >= RECORDS and count() >= RECORDS), 60)
            time.sleep(2 if table == "plain" else 3)
            assert tap.process.poll() is None, tap.said()
            cpu = cpu_by_thread_us(tap.process.pid)
        return cpu, first

    def cost(self, sinks, count=lambda: RECORDS, done=lambda: None):
        """CPU per record with these sinks beside the first: (loop's thread, all threads)."""
        full, _ = self.run("plain", sinks(self.n), count)
        done()
        empty, _ = self.run("empty", sinks(self.n), count)
        return [(f - e) / RECORDS for f, e in zip(full, empty)]


def median_of(rounds):
    return [statistics.median(column) for column in zip(*rounds)]


def bare(*arguments):
    """CPU per record of a bare loop: (its thread, all threads)."""
    said = subprocess.run([f"{BIN}/sink_bench", *arguments], check=True, capture_output=True,
                          text=True).stdout.split()
    assert int(said[0]) == RECORDS, said
    return [int(us) / RECORDS for us in said[1:]]


def same(got, wanted, what):
    """The two lists of lines must hold the same, in any order."""
    assert sorted(got) == sorted(wanted), f"{what}: not the lines that the first sink has"


def read_lines(path):
    with open(path, "rb") as file:
        return file.readlines()


def measure(fake, folder, broker, receiver, simple):
    """All figures."""
    runs = Runs(fake, folder)
    second = f"{folder}/second"
    _, lines = runs.run("plain", {}, lambda: RECORDS)
    wanted = read_lines(lines)
    assert len(wanted) == len(set(wanted)) == RECORDS

    def file_sink(more):
        return lambda n: {"second": {"type": "file", "path": f"{second}{n}", **more}}

    def kafka_sink(n):
        return {"second": {"type": "kafka", "brokers": [broker.address], "topic": f"t{n}"}}

    def web_sink(_):
        return {"second": {"type": "webhook", "url": receiver.url, "secret_file": receiver.secret,
                           "batch_records": 100, "allow_http": True, "allow_private": True}}

    received = []

    def check_received():
        received.append(read_lines(receiver.out))
        same(received.pop(), wanted, "webhook")
        os.truncate(receiver.out, 0)

    alone = median_of([runs.cost(lambda _: {}) for _ in range(ROUNDS)])
    figure("one file sink", f"{alone[0]:.2f} + {alone[1] - alone[0]:.2f}",
           "us CPU per record, loop's thread + others")
    kinds = [
        ("a second file, same form", file_sink({}), lambda: line_count(f"{second}{runs.n - 1}"),
         lambda: same(read_lines(f"{second}{runs.n - 1}"), wanted, "second file"),
         lambda: bare("file", lines, f"{folder}/bare")),
        ("a second file, another form", file_sink({"numbers": "json"}),
         lambda: line_count(f"{second}{runs.n - 1}"), lambda: None, None),
        ("kafka", kafka_sink, lambda: RECORDS,
         lambda: same(broker.drain(f"t{runs.n - 1}"), wanted, "kafka"),
         lambda: bare("kafka", lines, broker.address, f"bare{time.monotonic_ns()}")),
        ("webhook", web_sink, lambda: line_count(receiver.out), check_received,
         lambda: bare("web", lines, simple.url)),
    ]
    for name, sinks, count, done, loop in kinds:
        both = median_of([runs.cost(sinks, count, done) for _ in range(ROUNDS)])
        cost = [b - a for a, b in zip(alone, both)]
        figure(name, f"{cost[0]:.2f} + {cost[1] - cost[0]:.2f}",
               "us CPU per record more, loop's thread + others")
        if loop is not None:
            least = median_of([loop() for _ in range(ROUNDS)])
            figure(f"{name}: bare loop", f"{least[0]:.2f} + {max(least[1] - least[0], 0):.2f}",
                   "us CPU per record")
            figure(f"{name}: ratio", f"{cost[1] / max(least):.1f}", "times the bare loop, in total")


def main():
    with tempfile.TemporaryDirectory(prefix="ddbtap-bench-") as folder, Broker() as broker, \
            Receiver(folder, "standard") as receiver, Receiver(folder, "none") as simple, \
            Fake(FAKE, "--no-auth", "--shards", SHARDS, "--shard-life", 0) as fake:
        client = fake.client()
        for table in ("plain", "empty"):
            make_id_table(client, table)
        fill(fake, "plain", "plain")
        measure(fake, folder, broker, receiver, simple)
    print()
    for name, value, unit in figures:
        print(f"{name:36} {value:>14} {unit}")


if __name__ == "__main__":
    main()
