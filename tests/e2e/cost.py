#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ddbtap cost` as an operator meets it: its figures against ones that are computed here by hand, asked for,
read from a real log; and what it says to bad input.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakelib import Fake, free_port, list_shards, make_table, run_tests
from taplib import FAKE, PROGRAM, TOP, Tap, clean_environment, configuration, good_environment


class Bench:
    """A configuration of two tables, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def config(self, endpoint="http://127.0.0.1:1", tables=("users", "orders"), **more):
        """Writes a configuration with the default pace; its path."""
        pace = {"poll_floor": "250ms", "max_latency": "1s", **more.pop("engine", {})}
        config = configuration(endpoint, tables, {"out": f"{self.folder}/out"}, engine=pace,
                               checkpoint={"interval": "1s", "leases": more.pop("leases", "native")}, **more)
        path = f"{self.folder}/cost.yaml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return path

    def run(self, *arguments, stdin="", env=None):
        """Runs the verb; its status and what it wrote."""
        done = subprocess.run([PROGRAM, "cost", *map(str, arguments)], input=stdin, text=True,
                              capture_output=True, timeout=60, check=False,
                              env=env or clean_environment())
        return done.returncode, done.stdout, done.stderr

    def good(self, *arguments, **options):
        """Runs it with --json; it must be fine."""
        status, out, err = self.run(*arguments, "--json", **options)
        assert status == 0 and err == "", f"status {status}: {err}"
        return json.loads(out)

    def bad(self, status, *words, arguments=(), **options):
        """Runs it; it must end with the status and a sentence with all the words."""
        got, out, err = self.run(*arguments, **options)
        assert got == status and out == "", f"status {got}, not {status}: {out}{err}"
        missing = [word for word in words if word not in err]
        assert not missing and "(null)" not in err, f"no {missing} in: {err}"


def near(got, want):
    """Whether an amount of money is what was computed, to the millionth."""
    return abs(got - want) < 2e-6


def the_figures_are_right(bench):
    got = bench.good(bench.config(), "--shards", 3)
    assert [t["table"] for t in got["tables"]] == ["users", "orders"]
    assert all(t["shards"] == 3 and t["reads_per_hour_idle"] == 3 * 3600
               and t["reads_per_hour_busy"] == 3 * 3600 * 4 for t in got["tables"]), got
    idle, busy = got["idle"], got["busy"]
    assert idle["reads"] == 6 * 3600 * 730 and busy["reads"] == 4 * idle["reads"]
    assert idle["billed_reads"] == idle["reads"] - 2500000
    assert near(idle["reads_usd"], (6 * 3600 * 730 - 2500000) / 100000 * 0.02), idle
    # A heartbeat in 3 s; and, busy, a write of each of 6 rows a second.
    assert idle["write_units"] == 730 * 1200 and busy["write_units"] == 730 * (1200 + 6 * 3600)
    assert near(busy["write_units_usd"], busy["write_units"] * 0.625 / 1e6)
    # Three looks per heartbeat at two rows, half a unit each, and a sweep.
    assert idle["read_units"] == busy["read_units"] == 730 * 1200 * (3 + 1)
    for month in idle, busy:
        assert near(month["usd"], month["reads_usd"] + month["write_units_usd"]
                    + month["read_units_usd"]), month
        assert not month["limited"]
    assert "measured" not in got


def options_change_what_they_say(bench):
    path = bench.config()
    base = bench.good(path, "--shards", 3)
    day = bench.good(path, "--shards", 3, "--hours", 24, "--free-reads", 0)
    assert day["idle"]["reads"] == 6 * 3600 * 24 == day["idle"]["billed_reads"]
    dear = bench.good(path, "--shards", 3, "--price-per-100k", "0.04",
                      "--price-per-million-writes", "1.25", "--price-per-million-reads=0.25")
    for name in ("reads_usd", "write_units_usd", "read_units_usd", "usd"):
        assert near(dear["busy"][name], 2 * base["busy"][name]), name
    two = bench.good(path, "--shards", 3, "--workers", 2)
    assert two["idle"]["reads"] == base["idle"]["reads"]
    assert two["idle"]["write_units"] == 2 * base["idle"]["write_units"]


def the_configuration_counts(bench):
    got = bench.good(bench.config(engine={"max_latency": "10s", "poll_floor": "2s"}), "--shards", 1)
    assert got["tables"][0]["reads_per_hour_idle"] == 360
    assert got["tables"][0]["reads_per_hour_busy"] == 1800
    path = bench.config(engine={"max_reads_per_month": 744000})
    got = bench.good(path, "--shards", 1)
    assert got["idle"]["limited"] and got["idle"]["reads"] == 730000
    assert got["idle"]["reads_usd"] == 0
    status, out, _ = bench.run(path, "--shards", 1)
    assert status == 0 and "max_reads_per_month (744000) is less" in out, out


def renewals_are_counted(bench):
    """Beside a Kinesis client each of 6 rows is written once in 3 s, though nothing changes."""
    idle = bench.good(bench.config(leases="kcl"), "--shards", 3)["idle"]
    assert idle["write_units"] == 730 * (1200 + 6 * 1200), idle
    status, out, _ = bench.run(bench.config(leases="kcl"), "--shards", 3)
    assert status == 0 and "once in worker.heartbeat (3000ms)" in out, out


def the_text_has_the_same_figures(bench):
    path = bench.config()
    month = bench.good(path, "--shards", 3)["busy"]
    status, out, err = bench.run(path, "--shards", 3)
    assert status == 0 and not err
    last = {line.rsplit(None, 2)[0].strip(): line.split()[-1] for line in out.splitlines()
            if len(line.split()) > 3}
    assert last["reads (GetRecords)"] == str(month["reads"]), out
    assert last["USD in all"] == f"{month['usd']:.2f}", out
    assert last["users (3 open shards)"] == "43200", out
    for words in ("Not in it: the tables themselves", "idle: nothing changes", "whoever reads"):
        assert words in out, words


def open_shards_are_asked_for(bench):
    with Fake(FAKE, "--shards", 120, "--shard-life", 0) as fake:
        client = fake.client()
        arn = make_table(client, "users")
        make_table(client, "orders")
        fake.admin("split", table="users")
        path = bench.config(fake.url)
        shards = list_shards(fake.client("dynamodbstreams"), arn)
        still_open = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        assert len(shards) == 122 and len(still_open) == 121
        got = bench.good(path, env=good_environment())
        assert [t["shards"] for t in got["tables"]] == [121, 120], got
        path = bench.config(fake.url, tables=["users", "nobody"])
        bench.bad(69, "table nobody", "--shards N", arguments=[path], env=good_environment())
        bench.bad(77, "credentials", arguments=[path])


def what_was_read_is_measured(bench):
    """From the log of two runs: what the service counted of both."""
    def reads(fake):
        return fake.admin("stats")["operations"]["GetRecords"]["requests"]
    with Fake(FAKE, "--shards", 2, "--shard-life", 0) as fake:
        make_table(fake.client(), "users")
        config = configuration(fake.url, ["users"], {"out": f"{bench.folder}/out"})
        for _ in range(2):
            with Tap(bench.folder, config, "--until-caught-up", name="measured") as tap:
                assert tap.wait() == 0, tap.said()
        counted = reads(fake)
    with open(f"{bench.folder}/measured.log", encoding="utf-8") as log:
        lines = [line for line in log if "event=table.status" in line or "=worker.running" in line]
    assert len(lines) == 4, lines
    path = bench.config(tables=["users"])
    bench.good(path, "--log", f"{bench.folder}/measured.log")
    # The same as if each run had taken a minute, and had begun a minute after the other.
    with open(f"{bench.folder}/slow.log", "w", encoding="utf-8") as log:
        for minute, line in enumerate(lines):
            log.write(f"ts=2026-01-02T03:0{minute}:00Z {line.split(None, 1)[1]}")
    slow = bench.good(path, "--log", f"{bench.folder}/slow.log")
    assert slow["tables"][0]["reads_per_hour_measured"] == counted * 20, (counted, slow)
    assert slow["measured"]["reads"] == counted * 20 * 730 and "idle" not in slow


def a_journal_can_be_piped(bench):
    line = "Jan 02 host ddbtap[7]: ts=2026-01-02T03:0%d:00Z level=info event=table.status table=%s reads=%d\n"
    text = "".join(line % (minute, table, minute * count) for minute in (1, 2, 3)
                   for table, count in (("users", 240), ("orders", 60)))
    got = bench.good(bench.config(), "--log", "-", "--shards", 1, stdin=text)
    assert [t["reads_per_hour_measured"] for t in got["tables"]] == [14400, 3600], got
    assert got["measured"]["reads"] == 18000 * 730 and got["idle"]["reads"] == 7200 * 730
    assert near(got["measured"]["reads_usd"], (18000 * 730 - 2500000) / 100000 * 0.02)
    for minutes, short in ((2, True), (61, False)):
        text = "".join(f"ts=2026-01-02T{3 + at // 60:02}:{at % 60:02}:00Z event=table.status table=users reads=9\n"
                       for at in (0, minutes))
        _, out, err = bench.run(bench.config(tables=["users"]), "--log", "-", stdin=text)
        assert f" in {minutes} min," in out and ("That is short" in out) == short, (out, err)


def bad_input_is_told(bench):
    path = bench.config()
    log = f"{bench.folder}/none.log"
    bench.bad(64, "one configuration file", "help cost")
    bench.bad(64, "one configuration file", arguments=[path, path])
    for option, value in (("shards", 0), ("shards", "x"), ("shards", 10001), ("hours", 0),
                          ("hours", 745), ("workers", 0), ("free-reads", -1)):
        bench.bad(64, f"--{option} must be a number from", f"'{value}'",
                  arguments=[path, f"--{option}={value}"])
    for option in ("price-per-100k", "price-per-million-writes", "price-per-million-reads"):
        bench.bad(64, f"--{option} must be dollars", "'2ct'", arguments=[path, f"--{option}", "2ct"])
    bench.bad(64, "did you mean --shards", arguments=[path, "--shard", "3"])
    bench.bad(64, "'--log' needs a value", arguments=[path, "--log"])
    bench.bad(74, "cannot read", "none.log", arguments=[path, "--log", log])
    bench.bad(65, "says too little of table users", arguments=[path, "--log", "-"])
    bench.bad(65, "table orders", arguments=[path, "--log", "-"], stdin="".join(
        f"ts=2026-01-02T03:0{i}:00Z event=table.status table=users reads=1\n" for i in range(2)))
    bench.bad(78, "cannot read", arguments=[f"{bench.folder}/none.yaml"])
    bench.bad(75, "--shards N", env=good_environment(),
              arguments=[bench.config(f"http://127.0.0.1:{free_port()}")])


def main():
    os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
    folder = tempfile.mkdtemp(prefix="cost.", dir=os.path.join(TOP, "build"))
    status = run_tests([
        the_figures_are_right, options_change_what_they_say, the_configuration_counts, renewals_are_counted,
        the_text_has_the_same_figures, open_shards_are_asked_for, what_was_read_is_measured,
        a_journal_can_be_piped, bad_input_is_told], Bench(folder))
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"# see {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
