#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills ddbtap over and over while it writes files, moves its files away, and sees that each record is there
exactly once.

    files.py [--seed N] [--kills N]

One sink has one plain file, which is rotated by rename and SIGHUP; the other one has compressed files by table,
shard and hour, which are rotated by size. zstd reads them.
"""
import argparse
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify
from fakelib import Fake, make_table, run_tests, wait_for
from nativeline import Native
from taplib import FAKE, TOP, Tap, configuration, line_count
from writers import COUNTERS, Resharder, Writers

SCRATCH = os.path.join(TOP, "build", "e2e-files")
NAMES = list(COUNTERS)


class Bench:
    """A service with writers, and two sinks; a context manager."""

    def __init__(self, seed):
        shutil.rmtree(SCRATCH, ignore_errors=True)
        os.makedirs(os.path.join(SCRATCH, "lake"))
        self.rng = random.Random(seed)
        self.log = os.path.join(SCRATCH, "writes.ndjson")
        self.plain = os.path.join(SCRATCH, "plain.jsonl")
        self.fake = Fake(FAKE, "--log", self.log, "--seed", seed, "--shards", 2)
        client = self.fake.client()
        for table, sort in COUNTERS.items():
            make_table(client, table, sort=sort)
        self.writers = Writers(self.fake.client, 2, seed, 0.01, blobs=False)
        self.resharder = Resharder(self.fake, NAMES, seed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.resharder.stop()
        self.writers.abandon()
        self.fake.__exit__()

    def start(self, *arguments):
        lake = {"type": "file", "compress": "zstd", "rotate_size": "4KiB",
                "path": os.path.join(SCRATCH, "lake", "{table}", "{shard}", "{hour}.jsonl.zst")}
        config = configuration(self.fake.url, NAMES, {"plain": self.plain, "lake": lake},
                               worker={"id": "w1"})
        return Tap(SCRATCH, config, *arguments)

    def plain_lines(self):
        """All that the plain sink ever wrote, the oldest file first."""
        paths = sorted(glob.glob(self.plain + ".*"), key=lambda path: int(path.rpartition(".")[2]))
        return [line for path in [*paths, self.plain] for line in verify.load_lines(path)]

    def lake_lines(self):
        """What zstd reads in all files of the other sink, of each shard in order, older shards first."""
        lines = []
        for folder, _, names in sorted(os.walk(os.path.join(SCRATCH, "lake"))):
            finished = [name.removeprefix(".").removesuffix(".open") for name in names
                        if ".jsonl.zst" in name]
            for name in sorted(finished, key=lambda name: name.partition("-")[2]):
                path = os.path.join(folder, name)
                path = path if os.path.exists(path) else os.path.join(folder, f".{name}.open")
                with open(path, "rb") as file:
                    lines += subprocess.run(["zstd", "-dcq"], stdin=file, check=True,
                                            capture_output=True).stdout.splitlines()
        return lines

    def finish(self):
        self.resharder.stop()
        self.writers.stop()
        with self.start("--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()

    def check(self):
        writes, native = verify.load_writes(self.log, NAMES), Native()
        plain = verify.check(writes, self.plain_lines(), native, no_duplicates=True)
        assert plain.good(), plain.text("plain")
        lake = verify.check(writes, self.lake_lines(), native, no_duplicates=True)
        # Files of shards are read one after the other here, children perhaps before parents.
        lake.mistakes["out of order"].clear()
        assert lake.good(), lake.text("lake")
        print(f"# {plain.writes} writes, {len(glob.glob(self.plain + '.*'))} files moved away")
        assert plain.writes > 100


def each_record_is_there_once_after_kills(options):
    """SIGKILL at random moments, with moves and SIGHUP in between."""
    with Bench(options.seed) as bench:
        moved = 0
        for _ in range(options.kills):
            with bench.start() as tap:
                had = line_count(bench.log)
                wait_for(lambda: line_count(bench.log) > had + 10)
                time.sleep(bench.rng.random() * 0.5)
                if bench.rng.random() < 0.5 and os.path.exists(bench.plain):
                    moved += 1
                    os.rename(bench.plain, f"{bench.plain}.{moved}")
                    time.sleep(bench.rng.random() * 0.1)
                    tap.signal(signal.SIGHUP)
                    wait_for(lambda: os.path.exists(bench.plain))
                    time.sleep(bench.rng.random() * 0.3)
                assert tap.process.poll() is None, tap.said()
                tap.kill()
        bench.finish()
        bench.check()


def sinks_with_the_same_names_keep_their_files(options):
    """Two spellings of one directory: the sink that comes second must not take the first one's file for its own
    after a crash."""
    rng = random.Random(options.seed)
    with Fake(FAKE) as fake:
        for n in range(6):
            folder = os.path.join(SCRATCH, f"two{n}")
            os.makedirs(os.path.join(folder, "out"))
            table = f"table{n}"
            make_table(fake.client(), table)
            paths = (f"{folder}/out/{{table}}-{{shard}}.jsonl", f"{folder}/out/./{{table}}-{{shard}}.jsonl")
            sinks = {name: {"type": "file", "path": path} for name, path in zip("ab", paths)}
            config = configuration(fake.url, [table], sinks, application=f"two{n}")
            fake.client().put_item(TableName=table, Item={"pk": {"S": "x"}})
            journal = os.path.join(folder, "out", ".b.journal")
            with Tap(folder, config) as tap:
                wait_for(lambda: os.path.exists(journal) and b"\nf\t" in open(journal, "rb").read())
                time.sleep(rng.random() * 0.05)
                tap.kill()
            with Tap(folder, config, "--until-caught-up") as tap:
                assert tap.wait() == 0, tap.said()
            lines = sum(line_count(path) for path in glob.glob(f"{folder}/out/*jsonl*") +
                        glob.glob(f"{folder}/out/.*jsonl*"))
            assert lines == 2, (n, lines, os.listdir(os.path.join(folder, "out")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--kills", type=int, default=12)
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    failed = run_tests([each_record_is_there_once_after_kills,
                        sinks_with_the_same_names_keep_their_files], options)
    if not failed:
        shutil.rmtree(SCRATCH)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
