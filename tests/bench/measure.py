#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a whole ddbtap costs against ddbfake: memory per idle shard, CPU per empty poll, how late polls are, CPU per
record to a file as a ratio to a loop that only fetches. Prints one line per figure, fails when one passes its
limit; see README.md.

    measure.py [PART...]    race, polls, late, memory; all by default
"""
import hashlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from fakelib import Fake, make_table, wait_for  # noqa: E402
from taplib import FAKE, PROGRAM, Tap, configuration, good_environment  # noqa: E402

BIN = os.path.join(HERE, "..", "..", "build", "release", "bench")
ITEMS = 10000  # each written twice: so many inserts and as many changes
SHARDS = 4
ROUNDS = 5
IDLE_SECONDS = 6
CONNECTIONS = 64
MEMORY_MAX_MIB = 32  # with 10,000 idle shards and all connections over TLS
LATE_MAX_MS = 50  # the 99th percentile, while all shards are busy
BUSY = {"shards": 100, "seconds": 20, "writes_per_s": 600, "delay_ms": 5}
ROLES = {"plain": {}, "vinyldns": {"profile": "vinyldns", "role": "record_set_change"}}

figures = []
failed = []


def figure(name, value, unit, note=""):
    """Prints a figure, and keeps it for the table."""
    figures.append((name, value, unit))
    print(f"{name}: {value} {unit}{'; ' if note else ''}{note}", flush=True)


def limit(name, value, most, unit):
    """Prints whether a figure keeps its limit, and how loaded the machine was."""
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    if value < most:
        print(f"ok {name}\n# below {most} {unit}; {load}", flush=True)
    else:
        failed.append(name)
        print(f"not ok {name}: {value} {unit}, the limit is {most}; {load}", flush=True)


def rss_kib(pid):
    """The resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def cpu_us(pid):
    """The CPU time that a process has taken, all threads, user and system."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total / 1000


def polls(fake):
    """How many GetRecords calls the service has had."""
    return fake.admin("stats")["operations"].get("GetRecords", {}).get("requests", 0)


def connections(pid):
    """How many sockets a process has open: libcurl's multi handles have pairs of their own."""
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return sum(link.startswith("socket:") for link in links)


def idle_memory(folder, shards):
    """The memory of ddbtap with so many idle shards, in KiB, once each was leased and polled, over TLS."""
    name = f"idle{shards}"
    with Fake(FAKE, "--shards", shards, "--shard-life", 0, "--make-cert", f"{folder}/{name}") as fake:
        make_table(fake.client(), "quiet")
        config = configuration(fake.tls_url, ["quiet"], {"out": f"{folder}/{name}.out"},
                               ca_file=f"{folder}/{name}/ca.pem", checkpoint={"interval": "30s"},
                               engine={"poll_floor": "10s", "max_latency": "60s", "discovery": "1h"})
        with Tap(folder, config, name=name) as tap:
            wait_for(lambda: tap.process.poll() is not None or polls(fake) >= shards, 200)
            time.sleep(2)
            # Now and then one is closed, and another one opened in its place.
            wait_for(lambda: tap.process.poll() is not None
                     or connections(tap.process.pid) >= CONNECTIONS, 60)
            assert tap.process.poll() is None, tap.said()
            return rss_kib(tap.process.pid)


def write_steadily(fake, table):
    """Writes to many items of a table at an even pace, so that all of its shards get some."""
    link = http.client.HTTPConnection("127.0.0.1", fake.port)
    began = time.monotonic()
    for n in range(BUSY["writes_per_s"] * BUSY["seconds"]):
        link.request("POST", "/", '{"TableName":"%s","Item":{"pk":{"S":"%d"},"n":{"N":"%d"}}}'
                     % (table, n % 5000, n), {"X-Amz-Target": "DynamoDB_20120810.PutItem",
                                              "Content-Type": "application/x-amz-json-1.0"})
        answer = link.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        ahead = began + n / BUSY["writes_per_s"] - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -2 * BUSY["seconds"]:
            break  # a machine this busy is another measurement's


def lateness(folder):
    """How much later than due polls were sent while all shards were busy: 99th percentile, worst, polls."""
    with Fake(FAKE, "--no-auth", "--shards", BUSY["shards"], "--shard-life", 0) as fake:
        make_table(fake.client(), "busy")
        fake.admin("fault", kind="delay", percent=100, ms=BUSY["delay_ms"])
        config = configuration(fake.url, ["busy"], {"out": f"{folder}/late.out"},
                               engine={"poll_floor": "250ms", "max_latency": "1s", "discovery": "1h"})
        with Tap(folder, config, name="late") as tap:
            write_steadily(fake, "busy")
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0, tap.said()
            found = re.findall(r"reads=(\d+) late_p99_ms=(\d+) late_max_ms=(\d+)", tap.said())
        n, p99, worst = map(int, found[-1])
        assert n > BUSY["shards"] * BUSY["seconds"], f"only {n} polls"
        return p99, worst, n


def idle_cpu(folder, tls):
    """CPU per empty poll in microseconds, and how many were counted."""
    name = "polls-tls" if tls else "polls"
    options = ["--shards", 16, "--shard-life", 0] + (["--make-cert", f"{folder}/pki"] if tls else [])
    with Fake(FAKE, *options) as fake:
        make_table(fake.client(), "quiet")
        more = {"ca_file": f"{folder}/pki/ca.pem"} if tls else {}
        config = configuration(fake.tls_url if tls else fake.url, ["quiet"],
                               {"out": f"{folder}/{name}.out"}, checkpoint={"interval": "30s"},
                               engine={"poll_floor": "10ms", "max_latency": "10ms", "discovery": "1h"},
                               **more)
        with Tap(folder, config, name=name) as tap:
            wait_for(lambda: polls(fake) > 500)
            before, cpu = polls(fake), cpu_us(tap.process.pid)
            time.sleep(IDLE_SECONDS)
            cpu, n = cpu_us(tap.process.pid) - cpu, polls(fake) - before
            return cpu / n, n


def fill(fake, table, kind):
    """Writes the corpus into a table, every item twice."""
    link = http.client.HTTPConnection("127.0.0.1", fake.port)
    for version in "01":
        items = subprocess.run([f"{BIN}/kernel_bench", "--items", kind, str(ITEMS), version],
                               check=True, capture_output=True, text=True).stdout.splitlines()
        for item in items:
            link.request("POST", "/", '{"TableName":"%s","Item":%s}' % (table, item), {
                "X-Amz-Target": "DynamoDB_20120810.PutItem",
                "Content-Type": "application/x-amz-json-1.0"})
            answer = link.getresponse()
            text = answer.read()
            assert answer.status == 200, text


def make_id_table(client, name):
    """A table whose key is "id", as the corpus has it."""
    client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                        StreamSpecification={"StreamEnabled": True,
                                             "StreamViewType": "NEW_AND_OLD_IMAGES"})
    wait_for(lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")


def child_cpu_us(command, **options):
    """Runs a command to its end; the CPU time it took, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with status {process.returncode}"
    return (usage.ru_utime + usage.ru_stime) * 1e6, text


class Race:
    """ddbtap and the fetching loop over the same tables, one empty and one full."""

    def __init__(self, fake, folder, kind):
        self.fake, self.folder, self.kind, self.n = fake, folder, kind, 0

    def tap(self, table):
        """One run of ddbtap over a table, from its oldest record to its tips: CPU and output."""
        self.n += 1
        out = f"{self.folder}/{self.kind}{self.n}.out"
        config = configuration(self.fake.url, [{"name": table, **ROLES[self.kind]}], {"out": out},
                               application=f"bench-{self.kind}-{self.n}", log={"level": "error"},
                               engine={"poll_floor": "250ms", "max_latency": "1s"})
        path = f"{self.folder}/race.yaml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        cpu, _ = child_cpu_us([PROGRAM, "run", path, "--until-caught-up"], env=good_environment())
        return cpu, out

    def fetch(self, table):
        """One run of the fetching loop."""
        cpu, _ = child_cpu_us([f"{BIN}/fetch_bench", self.fake.url, table])
        return cpu

    def check(self, out):
        """Whether an output holds every write of the table once; returns a digest of it."""
        seqs = set()
        total = 0
        digest = []
        with open(out, "rb") as file:
            for line in file:
                event = json.loads(line)
                assert "undecodable" not in event, line
                seqs.add(event["seq"])
                total += 1
                digest.append(hashlib.sha256(line).digest())
        assert total == len(seqs) == 2 * ITEMS, f"{out}: {total} lines, {len(seqs)} changes"
        want = {w["seq"]
                for w in self.fake.writes() if w["table"] == self.kind}
        assert seqs == want, f"{out}: not the changes that were written"
        # Shards come in any order, so lines are compared as a set.
        return hashlib.sha256(b"".join(sorted(digest))).hexdigest()


def race(folder, kind):
    """CPU per record of both in microseconds, medians, and the median of their ratios."""
    with Fake(FAKE, "--no-auth", "--shards", SHARDS, "--shard-life", 0) as fake:
        client = fake.client()
        for table in (kind, "empty"):
            make_id_table(client, table)
        fill(fake, kind, kind)
        run = Race(fake, folder, kind)
        outs = [run.tap(kind)[1] for _ in range(2)]
        assert run.check(outs[0]) == run.check(outs[1]), "two runs wrote different lines"
        ours, theirs, ratios = [], [], []
        for _ in range(ROUNDS):
            cpu, out = run.tap(kind)
            a = (cpu - run.tap("empty")[0]) / (2 * ITEMS)
            b = (run.fetch(kind) - run.fetch("empty")) / (2 * ITEMS)
            os.unlink(out)
            ours.append(a)
            theirs.append(b)
            ratios.append(a / b)
        return statistics.median(ours), statistics.median(theirs), statistics.median(ratios)


def measure_race(folder):
    for kind in ROLES:
        ours, theirs, ratio = race(folder, kind)
        figure(f"{kind}: ddbtap to a file", f"{ours:.2f}", "us CPU per record",
               f"{2 * ITEMS} records, median of {ROUNDS}")
        figure(f"{kind}: fetching only", f"{theirs:.2f}", "us CPU per record")
        figure(f"{kind}: ratio", f"{ratio:.1f}", "times the fetching loop")


def measure_polls(folder):
    for tls in (False, True):
        cost, n = idle_cpu(folder, tls)
        figure(f"empty poll{' with TLS' if tls else ''}", f"{cost:.1f}", "us CPU", f"{n} polls")


def measure_late(folder):
    p99, worst, n = lateness(folder)
    figure("polls late, 99th percentile", p99, "ms",
           f"{n} polls of {BUSY['shards']} busy shards, the worst {worst} ms")
    limit("polls_are_in_time", p99, LATE_MAX_MS, "ms")


def measure_memory(folder):
    few, many = idle_memory(folder, 1000), idle_memory(folder, 10000)
    figure("10,000 idle shards", f"{many / 1024:.1f}", "MiB resident",
           f"{CONNECTIONS} connections with TLS")
    figure("each idle shard", f"{(many - few) * 1024 / 9000:.0f}", "bytes resident",
           f"{few / 1024:.1f} MiB with 1,000")
    limit("idle_shards_are_small", round(many / 1024, 1), MEMORY_MAX_MIB, "MiB")


PARTS = {"race": measure_race, "polls": measure_polls, "late": measure_late, "memory": measure_memory}


def main(names):
    with tempfile.TemporaryDirectory(prefix="ddbtap-bench-") as folder:
        for name in names or PARTS:
            PARTS[name](folder)
    print()
    for name, value, unit in figures:
        print(f"{name:32} {value:>10} {unit}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
