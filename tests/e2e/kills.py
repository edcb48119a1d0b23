#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills ddbtap over and over while everything moves, and sees that nothing is lost.

    kills.py [--seed N] [--runs N] [--only NAME] [--keep]

The service speaks TLS and checks signatures; four processes count in items of two tables, a fifth writes
VinylDNS's blobs into a third one; shards roll and split all the time; listings lie. One file sink is fast,
for the other one slowsync.c makes each sync take long. Each run ends with --until-caught-up.

A kill is SIGKILL, and then the loss of power: of what a file or its journal has beyond its last finished
sync, a random part is cut off. A kill has *deliveries outstanding* when one of them had more than was synced:
then a sink had been handed records that it had not acknowledged yet. In the end every write is in each file
once, and in order.

The last checkpoint is at most an interval old, plus the time that two syncs take, plus GRACE_MS for requests on
a busy machine. Lines that a process had written before that must be in the checkpoint rows when it is killed.
"""
import argparse
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import json

import verify
import vinyldns
from fakelib import Fake, make_table, run_tests, wait_for
from history import create_tables
from nativeline import Native
from taplib import FAKE, TOP, Tap, configuration, good_environment, line_count
from writers import COUNTERS, Resharder, Writers, accounts_differ

KILLS = 6  # per run
WRITERS = 4
PAUSE = 0.03  # s between a writer's writes
INTERVAL_MS = 200  # of checkpoints
GRACE_MS = 150
STALE = 0.03  # of the older lines may not be in the rows, should the machine stand still for a moment
SHARE = 0.6  # of the kills that must have deliveries outstanding
BLOBS = "recordChange"
TABLES = [*COUNTERS, {"name": BLOBS, "profile": "vinyldns", "role": "record_set_change"}]
NAMES = [*COUNTERS, BLOBS]
ROWS = "ddbtap-e2e"
SCRATCH = os.path.join(TOP, "build", "e2e-kills")
SHIM = os.path.join(TOP, "build", "e2e-kills", "slowsync.so")
NOTE = struct.Struct("=q")  # of slowsync.c: bytes synced


# ---- what the oracle adds to verify.py ----

def replays(writes, lines):
    """Mistakes of repetition: after a step back to an earlier write of an item all that follow it
    must come again, and the last line of an item must be its last write."""
    ordinal, count, last, mistakes = {}, {}, {}, []
    for write in writes:
        item = verify.item_of(write)
        ordinal[write["id"]] = item, count.get(item, 0)
        count[item] = count.get(item, 0) + 1
    for at, text in enumerate(lines, 1):
        try:
            item, n = ordinal[json.loads(text)["id"]]
        except (ValueError, KeyError):
            continue  # verify.py says it
        if n > last.get(item, -1) + 1:
            mistakes.append(f"line {at}: {item}: write {n} after write {last.get(item)}")
        last[item] = n
    mistakes += [f"{item} ends with write {last.get(item)} of {n}"
                 for item, n in count.items() if last.get(item) != n - 1]
    return mistakes


def position(text):
    """A checkpoint as something that can be compared."""
    order = {"TRIM_HORIZON": -1, "SHARD_END": float("inf")}
    return order[text] if text in order else int(text)


def rows_wrong(writes, sinks):
    """What is wrong with the writes of the checkpoint table: a position that went back, or a write of
    an incarnation after the next one said that it is there."""
    wrong, at, current, former = [], {}, None, set()
    for write in writes:
        row = write["new"]
        if row is None:
            continue
        key = row["leaseKey"]["S"]
        if key.startswith("ddbtap/worker/"):
            incarnation = row["incarnation"]["S"]
            if incarnation in former:
                wrong.append(f"write {write['n']}: a heartbeat of the former {incarnation}")
            elif incarnation != current:
                former.add(current)
                current = incarnation
        if "leaseCounter" not in row:
            continue
        owner = row.get("leaseOwner", {}).get("S", "").rpartition(":")[2]
        # Before its next heartbeat it may still make a row that nobody has made; the next one takes that.
        if owner in former and row["leaseCounter"]["N"] != "1":
            wrong.append(f"write {write['n']}: {key} by the former {owner}")
        for sink in sinks:
            now = position(row.get(f"sink.{sink}", row["checkpoint"])["S"])
            if now < at.get((key, sink), -1):
                wrong.append(f"write {write['n']}: {key} of {sink} went back to {now}")
            at[key, sink] = now
    return wrong


# ---- a service with everything that moves ----

class Sampler(threading.Thread):
    """Watches how long files are, to know afterwards what they got in the last moments."""

    def __init__(self, paths):
        super().__init__(daemon=True)
        self.paths, self.samples, self.ending = paths, [], threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.01):
            self.samples.append((time.monotonic(), [size_of(path) for path in self.paths]))

    def least(self, i, since):
        """The least length of file `i` since then."""
        sizes = [size_of(self.paths[i])]
        for when, found in reversed(self.samples):
            sizes.append(found[i])
            if when < since:
                break
        return min(sizes)

    def stop(self):
        self.ending.set()
        self.join()


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def whole_lines(path):
    """How long a file is without a torn last line."""
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        return file.read().rfind(b"\n") + 1


class World:
    """The service, its tables and writers, and two sinks; a context manager."""

    def __init__(self, name, seed, slow_ms, **config):
        self.folder = os.path.join(SCRATCH, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.rng, self.seed, self.slow_ms, self.more = random.Random(seed), seed, slow_ms, config
        self.log = os.path.join(self.folder, "writes.ndjson")
        pki = os.path.join(self.folder, "pki")
        self.ca = os.path.join(pki, "ca.pem")
        self.fake = Fake(FAKE, "--make-cert", pki, "--log", self.log, "--seed", seed,
                         "--shards", 2, "--lie-open-parent", 10, "--lie-missing-child", 10,
                         "--empty-page", 10, "--short-page", 10)
        self.paths = {"fast": self.path("fast.ndjson"), "slow": self.path("slow.ndjson")}
        self.writers = self.resharder = self.sampler = None
        try:
            self._populate()
        except BaseException:
            self.__exit__()
            raise

    def _populate(self):
        self.fake.client_options = {"endpoint_url": self.fake.tls_url, "verify": self.ca}
        client = self.fake.client()
        for table, sort in COUNTERS.items():
            make_table(client, table, sort=sort)
        create_tables(client, {BLOBS: vinyldns.TABLES[BLOBS]})
        # The checkpoint table with a stream of its own: so its writes are in the service's log too.
        client.create_table(
            TableName=ROWS, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.writers = Writers(self.fake.client, WRITERS, self.seed, PAUSE)
        self.resharder = Resharder(self.fake, NAMES, self.seed)
        self.sampler = Sampler(list(self.paths.values()))

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for part in (self.resharder, self.sampler):
            if part:
                part.stop()
        if self.writers:
            self.writers.abandon()
        self.fake.__exit__()

    def start(self, *arguments, paths=None, name="ddbtap"):
        """Starts ddbtap."""
        config = configuration(self.fake.tls_url, TABLES, paths or self.paths, ca_file=self.ca,
                               **self.more)
        config["checkpoint"]["interval"] = f"{INTERVAL_MS}ms"
        env = good_environment(LD_PRELOAD=SHIM, SLOWSYNC_MS=str(self.slow_ms))
        return Tap(self.folder, config, *arguments, env=env, name=name)

    def lines(self):
        """How many lines both sinks have."""
        return sum(line_count(path) for path in self.paths.values())

    def growing(self, by=10):
        """Waits until the sinks have got some more lines."""
        had = self.lines()
        wait_for(lambda: self.lines() >= had + by)

    def finish(self):
        """Stops what writes, and lets ddbtap catch up."""
        self.resharder.stop()
        self.writers.stop()
        # A listing that leaves out one of two children looks whole: now is the end, so no more of those.
        self.fake.admin("set", lie_missing_child=0)
        with self.start("--until-caught-up") as tap:
            status = tap.wait(40)
            if status != 0:
                raise AssertionError(f"--until-caught-up ended with {status}:\n{tap.said()}")

    def check(self, no_duplicates=False, lines=None):
        """Asks the oracle about both sinks; returns the reports by name, raises if it is not content."""
        writes, native, reports, wrong = verify.load_writes(self.log, NAMES), Native(), {}, []
        for name, path in self.paths.items():
            got = verify.load_lines(path) if lines is None else lines[name]
            reports[name] = verify.check(writes, got, native, no_duplicates)
            if not reports[name].good():
                wrong.append(reports[name].text(name))
            wrong += [f"{name}: {what}" for what in replays(writes, got)[:5]]
            wrong += [f"{name}: not what was written: {item}"
                      for item in accounts_differ(self.writers.accounts, got)[:5]]
        wrong += rows_wrong(verify.load_writes(self.log, [ROWS]), self.paths)[:5]
        if wrong:
            raise AssertionError("\n".join(wrong))
        return reports


# ---- kills ----

class Tally:
    """What all runs together came to."""

    def __init__(self):
        self.kills = self.outstanding = self.torn = self.behind = self.writes = 0
        self.older = self.stale = 0  # lines before the last interval, and those that no row covers


def journal_of(path):
    """The file in which a sink notes what it has durably."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.journal")


def synced_bytes(path):
    """How much of a file is surely on the disk; None when nothing is known. A journal is now and then
    written anew under another name, which is what its note is called then."""
    notes = [name for name in (path + ".sync", path + ".new.sync") if os.path.exists(name)]
    if not notes or not os.path.exists(path):
        return None
    with open(max(notes, key=lambda name: os.stat(name).st_mtime_ns), "rb") as file:
        return min(NOTE.unpack(file.read(NOTE.size))[0], os.path.getsize(path))


def lose_power(world, path):
    """What is left of a file: everything that was synced, and some of the rest. Returns whether there was
    something outstanding, and whether the last line is torn now."""
    synced = synced_bytes(path)
    if synced is None:
        return False, False
    size = os.path.getsize(path)
    left = world.rng.choice((size, synced, world.rng.randint(synced, size)))
    os.truncate(path, left)
    with open(path + ".sync", "wb") as file:
        file.write(NOTE.pack(left))
    with open(path, "rb") as file:
        torn = left > 0 and (file.seek(left - 1), file.read(1))[1] != b"\n"
    return size > synced, torn


def rows_now(world):
    """The positions in the checkpoint table, by shard and sink."""
    found = {}
    for write in verify.load_writes(world.log, [ROWS]):
        row, shard = write["new"], write["keys"]["leaseKey"]["S"].rpartition("/")[2]
        for sink in world.paths if row and "leaseCounter" in row else ():
            found[shard, sink] = position(row.get(f"sink.{sink}", row["checkpoint"])["S"])
    return found


def judge_lines(world, sink, path, began, least, tally):
    """Counts what a file got before and after the last interval; `began` is its length at the start of
    this process, `least` that at the start of the interval."""
    if not os.path.exists(path):
        return
    rows = rows_now(world)
    with open(path, "rb") as file:
        # A start may have cut the file: the first piece is the rest of a line, or nothing.
        file.seek(max(0, began - 1))
        pieces = file.read(max(0, least - began)).split(b"\n")[:-1]
        older = [json.loads(line) for line in pieces[1 if began else 0:]]
    tally.older += len(older)
    tally.stale += sum(int(line["seq"]) > rows[line["shard"], sink] for line in older)


def kill(world, tap, tally):
    """Kills at a random moment, and counts what that met."""
    sizes = [whole_lines(path) for path in world.paths.values()]
    if world.rng.random() < 0.9:
        world.growing()
        # Some live long enough to have lines that must be in the rows.
        time.sleep(world.rng.random() * 0.6 + world.rng.choice((0, 0, 0, 0.8)))
    else:
        time.sleep(world.rng.random() * 0.3)
    if tap.process.poll() is not None:
        raise AssertionError(f"it ended by itself with {tap.process.returncode}:\n{tap.said()}")
    tap.kill()
    since = time.monotonic() - (INTERVAL_MS + GRACE_MS + 2 * world.slow_ms) / 1000
    written = line_count(world.log)
    outstanding = False
    for i, (sink, path) in enumerate(world.paths.items()):
        judge_lines(world, sink, path, sizes[i], world.sampler.least(i, since), tally)
        # The journal first: what it lost, the file may still have.
        for part in (journal_of(path), path):
            found, torn = lose_power(world, part)
            outstanding |= found
            tally.torn += torn
    tally.behind += line_count(world.paths["slow"]) < written
    tally.kills += 1
    tally.outstanding += outstanding


def kill_run(name, seed, kills, tally):
    """One run from fresh state: so many kills, then everything must be there."""
    rng = random.Random(f"run {seed}")
    worker = {} if name == "unnamed" else {"worker": {"id": "w1"}}
    engine = {"window": rng.choice(("64KiB", "8MiB")),
              "detach_after": rng.choice(("100ms", "1s"))}
    slow_ms = rng.choice((60, 150, 300))
    began = time.monotonic()
    with World(name, seed, slow_ms, engine=engine, **worker) as world:
        before = tally.outstanding
        for _ in range(kills):
            with world.start() as tap:
                kill(world, tap, tally)
                # Its predecessor is certainly dead, whether its id was given or made from the host's name.
                assert "start.waits" not in tap.said(), tap.said()
        world.finish()
        reports = world.check(no_duplicates=True)
        writes = reports["fast"].writes
        tally.writes += writes
        print(f"# {name}: seed {seed}, sync {slow_ms} ms, {writes} writes, "
              f"{world.resharder.rolls} rolls, {world.resharder.splits} splits, {kills} kills, "
              f"{tally.outstanding - before} with deliveries outstanding, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        return world


def planted(world):
    """The oracle on what the run left, with mistakes planted."""
    good = {name: verify.load_lines(path) for name, path in world.paths.items()}
    world.check(lines=good)
    lines = good["slow"]
    first = {}  # of each item, the place of its first line
    for at, text in enumerate(lines):
        line = json.loads(text)
        item = line["table"], json.dumps(line["key"])
        if item in first and json.loads(lines[first[item]])["id"] != line["id"]:
            break
        first[item] = at
    before, after = first[item], at  # two writes of one item, in order

    def swap():
        mixed = list(lines)
        mixed[before], mixed[after] = mixed[after], mixed[before]
        return mixed

    ids = [json.loads(text)["id"] for text in lines]
    middle = next(n for n in range(len(ids) // 2, len(ids)) if ids.count(ids[n]) == 1)
    cases = {"lost": lines[:middle] + lines[middle + 1:], "swapped": swap(),
             "doubled_out_of_place": [*lines, lines[before]],
             "doubled": [*lines[:middle + 1], *lines[middle:]],
             "altered": [*lines[:middle], lines[middle].replace(b'"op":"', b'"op":"x', 1),
                         *lines[middle + 1:]],
             "torn": [*lines[:middle], lines[middle][:40], *lines[middle + 1:]]}
    failed = 0
    for name, plant in cases.items():
        try:
            world.check(no_duplicates=True, lines={**good, "slow": plant})
            failed += 1
            print(f"not ok oracle_reports_{name}")
        except AssertionError:
            print(f"ok oracle_reports_{name}")
    return failed


def kills(options):
    """All the runs; returns how many tests failed."""
    tally, failed, began = Tally(), 0, time.monotonic()
    for n in range(options.runs):
        name = "unnamed" if n == options.runs - 1 else f"run{n}"
        def one():
            one.world = kill_run(name, options.seed + n, KILLS, tally)
        one.__name__ = f"nothing_is_lost_{name}"
        bad = run_tests([one])
        failed += bad
        if n == 0 and not bad:
            failed += planted(one.world)
    share = tally.outstanding / max(1, tally.kills)
    print(f"# {tally.kills} kills in {options.runs} runs, {100 * share:.0f} % with deliveries "
          f"outstanding, {tally.behind} with the slow sink behind the service, {tally.torn} torn "
          f"lines; {tally.writes} writes to two sinks, none doubled; of {tally.older} older lines {tally.stale} were in no "
          f"row; {time.monotonic() - began:.0f} s")

    def most_kills_have_deliveries_outstanding():
        assert share >= SHARE, f"only {100 * share:.0f} %"

    def what_is_older_than_an_interval_is_in_the_rows():
        assert tally.older > tally.kills, tally.older
        assert tally.stale <= STALE * tally.older, (tally.stale, tally.older)
    return failed + run_tests([most_kills_have_deliveries_outstanding,
                               what_is_older_than_an_interval_is_in_the_rows])


# ---- one at a time ----

def all_taken_over(world):
    """Waits until every row of an unfinished shard has another owner than the first one."""
    for _ in range(200):
        last, owners = {}, []
        for write in verify.load_writes(world.log, [ROWS]):
            row = write["new"]
            if row is not None and "leaseCounter" in row:
                last[row["leaseKey"]["S"]] = row
                owners.append(row.get("leaseOwner", {}).get("S"))
        open_rows = [row for row in last.values() if row["checkpoint"]["S"] != "SHARD_END"]
        if all(row.get("leaseOwner", {}).get("S") != owners[0] for row in open_rows):
            return
        time.sleep(0.1)
    raise AssertionError(f"rows that are not taken over: {open_rows}")


def a_former_incarnation_cannot_checkpoint(seed):
    """A process that was stopped while its successor took over ends by itself, and writes no row."""
    with World("fenced", seed, 50, worker={"id": "w1"}) as world:
        with world.start(name="former") as former:
            world.growing(30)
            former.freeze()
            frozen = dict(world.paths)
            # The frozen one has its files locked: the successor writes to others.
            world.paths = {name: world.path(f"{name}2.ndjson") for name in frozen}
            with world.start(name="successor") as successor:
                world.growing(30)
                all_taken_over(world)
                rows_before = line_count(world.log)
                former.signal(signal.SIGCONT)
                status = former.wait(10)
                assert status == 75, f"{status}: {former.said()}"
                assert "took over" in former.said().splitlines()[-1], former.said()
                world.growing(30)
                assert successor.process.poll() is None, successor.said()
                successor.signal(signal.SIGTERM)
                assert successor.wait() == 0, successor.said()
        world.finish()
        rows = verify.load_writes(world.log, [ROWS])
        assert rows[-1]["n"] > rows_before
        wrong = rows_wrong(rows, world.paths)
        assert not wrong, wrong
        # Both files together have everything; the second goes on where the first one's checkpoint was.
        writes = verify.load_writes(world.log, NAMES)
        for name, path in world.paths.items():
            got = verify.load_lines(frozen[name]) + verify.load_lines(path)
            lost = verify.check(writes, got, Native()).mistakes["lost"]
            assert not lost, lost[:5]


def sigterm_drains_and_nothing_is_doubled(seed):
    """After SIGTERM the checkpoints are exact: the next start repeats nothing."""
    with World("drained", seed, 100, worker={"id": "w1"}) as world:
        for _ in range(4):
            with world.start() as tap:
                world.growing(20)
                time.sleep(world.rng.random() * 0.4)
                tap.signal(signal.SIGTERM)
                assert tap.wait() == 0, tap.said()
        world.finish()
        world.check(no_duplicates=True)


def build_shim():
    os.makedirs(SCRATCH, exist_ok=True)
    source = os.path.join(TOP, "tests", "e2e", "slowsync.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-D_GNU_SOURCE", "-shared", "-fPIC", "-Wall",
                    "-Wextra", "-o", SHIM, source], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--only", choices=("kills", "fenced", "drained"))
    parser.add_argument("--keep", action="store_true", help="leave the files of good runs, too")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    build_shim()
    failed = 0
    if options.only in (None, "kills"):
        failed += kills(options)
    if options.only in (None, "fenced"):
        failed += run_tests([a_former_incarnation_cannot_checkpoint], options.seed)
    if options.only in (None, "drained"):
        failed += run_tests([sigterm_drains_and_nothing_is_doubled], options.seed)
    if not failed and not options.keep:
        shutil.rmtree(SCRATCH)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
