# SPDX-License-Identifier: Apache-2.0
"""Several workers of one application: starts, signals and stops them, follows their checkpoint table, and holds
what they delivered against what was written; for the end-to-end tests.

Every process posts to a path of its own at one receiver, which writes down the requests of all of them in the order
in which they came. So there is one order of deliveries to judge, and each line says whose it is. Beside that each
worker has a file of its own. The checkpoint table has a stream, too: so the service's log has its writes.
"""
import collections
import json
import os
import re
import shutil
import signal
import time

import verify
from fakelib import Fake, list_shards, make_table, wait_for
from taplib import FAKE, Tap, configuration
from webhooks import Receiver
from writers import Resharder, Writers

ROWS = "ddbtap-e2e"
SINKS = ("file", "hook")
FENCED = 75  # the exit status of a process that another one judged dead
TOLD = 5  # mistakes of each kind
RUNNING = r"worker\.running worker=\S+ incarnation=(\S+)"  # in the log

Arrival = collections.namedtuple("Arrival", "process ms text")
Place = collections.namedtuple("Place", "item ordinal lease")  # of a write


def position(text):
    """A checkpoint as something that can be compared."""
    order = {"TRIM_HORIZON": -1, "SHARD_END": float("inf")}
    return order[text] if text in order else int(text)


def lease_key(arn, shard):
    """The key of a shard's row."""
    _, _, _, region, account, path = arn.split(":", 5)
    _, table, _, label = path.split("/")
    return f"{account}/{region}/{table}/{label}/{shard}"


def load_arrivals(path):
    """What the receiver wrote down."""
    split = (line.split(b" ", 2) for line in verify.load_lines(path))
    return [Arrival(where.decode().strip("/"), int(ms), text) for where, ms, text in split]


# ---- the checkpoint table ----

class Rows:
    """The checkpoint table as the service's log has it, and what is wrong with its writes."""

    def __init__(self, log, sinks=SINKS, table=ROWS):
        self.log, self.sinks, self.mark, self.read = log, sinks, f'"table":"{table}"'.encode(), 0
        self.rows, self.wrong = {}, []  # lease rows by key
        self.current, self.former, self.fenced = {}, set(), set()  # incarnations; by worker, if current
        self.owners = {}  # of each lease, all it ever had
        self.tenures = collections.Counter()  # how often an incarnation took a lease
        self.ended = set()  # leases and sinks
        self.given = set()  # leases that were given to somebody who did not write their rows yet
        # Leases that were given from owner to owner, taken from the dead, and taken from fenced ones of those.
        self.handed = self.robbed = self.inherited = 0
        self.robbed_of_held = 0  # from dead ones that had written the row since they got it

    def follow(self):
        """Takes in what was written since; returns self."""
        if os.path.exists(self.log):
            with open(self.log, "rb") as file:
                file.seek(self.read)
                text = file.read()
            text = text[:text.rfind(b"\n") + 1]
            self.read += len(text)
            for line in text.split(b"\n"):
                if self.mark in line:
                    self.take(json.loads(line))
        return self

    def take(self, write):
        """Takes in one write of the table."""
        key = write["keys"]["leaseKey"]["S"]
        if key.startswith("ddbtap/worker/"):
            self._heartbeat(key.rpartition("/")[2], write["new"])
        elif "leaseCounter" in (write["new"] or write["old"]):
            for what in self._lease(key, write["old"], write["new"]):
                self.wrong.append(f"write {write['n']}: {key}: {what}")

    def _heartbeat(self, worker, row):
        incarnation = row and row["incarnation"]["S"]
        if self.current.get(worker) not in (None, incarnation):
            self.former.add(self.current[worker])
        self.current[worker] = incarnation
        if row and row.get("fenced", {}).get("BOOL"):
            self.fenced.add(incarnation)

    def is_alive(self, incarnation):
        return incarnation in self.current.values() and incarnation not in self.fenced

    def positions(self, row):
        """A row's position for each sink."""
        return {sink: position(row.get(f"sink.{sink}", row["checkpoint"])["S"]) for sink in self.sinks}

    def _lease(self, key, old, new):
        """What is wrong with a write of a lease row."""
        before = old and owner_of(old)
        if new is None:
            if min(self.positions(old).values()) < position("SHARD_END"):
                yield f"deleted unfinished: {old}"
            del self.rows[key]
            return
        self.rows[key] = new
        owner = owner_of(new)
        if int(new["leaseCounter"]["N"]) != (int(old["leaseCounter"]["N"]) if old else 0) + 1:
            yield f"the counter went from {old and old['leaseCounter']} to {new['leaseCounter']}"
        if owner and owner != before:
            self.tenures[owner, key] += 1
            self.owners.setdefault(key, []).append(owner)
            yield from self._change(key, owner, before)
        else:
            self.given.discard(key)
        yield from self._moves(key, old, new)

    def _change(self, key, owner, before):
        """What is wrong with a change of the owner. Who hands a lease over writes a checkpoint with it."""
        seen = key not in self.given
        self.given.discard(key)
        if before and self.rows[key]["ownerSwitchesSinceCheckpoint"]["N"] == "0":
            self.handed += 1
            self.given.add(key)
        elif before:
            self.robbed += 1
            self.robbed_of_held += seen
            self.inherited += before in self.fenced
            if self.is_alive(before):
                yield f"taken by {owner} from {before}, who lives"

    def _moves(self, key, old, new):
        """What is wrong with the positions of a write."""
        parents = new.get("parentShardId", {}).get("SS", [])
        was = self.positions(old) if old else dict.fromkeys(self.sinks, -1)
        for sink, now in self.positions(new).items():
            if now < was[sink]:
                yield f"{sink} went back from {was[sink]} to {now}"
            for parent in parents:
                if now > -1 and (f"{key.rpartition('/')[0]}/{parent}", sink) not in self.ended:
                    yield f"{sink} began before it had finished {parent}"
            if now == position("SHARD_END"):
                self.ended.add((key, sink))

    def unfinished(self, shards, newest):
        """Shards whose rows do not say that everything in them was delivered: closed ones not ended, open ones
        before their `newest` write, by lease."""
        found = []
        for key, is_open in shards.items():
            row = self.rows.get(key)
            at = min(self.positions(row).values()) if row else position("SHARD_END") \
                if all((key, sink) in self.ended for sink in self.sinks) else -1
            if at < (newest.get(key, -1) if is_open else position("SHARD_END")):
                found.append(key)
        return found

    def held(self, shards):
        """How many of the open shards each worker holds; None: nobody who lives."""
        workers = {incarnation: worker for worker, incarnation in self.current.items()
                   if incarnation not in self.fenced}
        owners = (owner_of(self.rows[key]) if key in self.rows else None
                  for key, is_open in shards.items() if is_open)
        return collections.Counter(workers.get(owner) for owner in owners)


def is_balanced(held, workers, spread):
    """Whether every open shard has an owner, and none of the workers more than `spread` more than another."""
    numbers = [held[worker] for worker in workers]
    return not held[None] and max(numbers) - min(numbers) <= spread


def owner_of(row):
    """The incarnation that owns a row, or None."""
    return row.get("leaseOwner", {}).get("S", "").rpartition(":")[2] or None


# ---- the oracle of deliveries ----

class Deliveries:
    """What the receiver and the files got, against what was written."""

    def __init__(self, writes, native):
        """`writes` are those of the service's log."""
        self.writes, self.native, self.places = writes, native, {}
        self.count, self.last_in = collections.Counter(), {}  # writes of an item; its last one in a shard
        for write in writes:
            item, lease = verify.item_of(write), lease_key(write["stream"], write["shard"])
            self.places[write["id"]] = Place(item, self.count[item], lease)
            self.last_in[item, lease] = self.count[item]
            self.count[item] += 1

    def newest(self):
        """The newest write's position in each lease."""
        return {lease_key(w["stream"], w["shard"]): int(w["seq"]) for w in self.writes}

    def place(self, text):
        """The place of the write that a line is about; None for no line of a write, which verify.py tells."""
        try:
            return self.places.get(json.loads(text)["id"])
        except (ValueError, KeyError):
            return None

    def hook_wrong(self, arrivals, rows, incarnations, no_duplicates=False):
        """What is wrong with what the receiver got from the processes, whose incarnations are given."""
        report = verify.check(self.writes, [a.text for a in arrivals], self.native, no_duplicates)
        wrong = [] if report.good() else [report.text("receiver")]
        return wrong + self._steps(arrivals, rows, incarnations)[:TOLD], report

    def _steps(self, arrivals, rows, incarnations):
        """In a process an item's writes come one after the other. It may go back, and then everything comes again;
        it may leave some out only when it took the shard's lease anew, for others had them."""
        last, begun, final, wrong = {}, collections.Counter(), {}, []
        for arrival in arrivals:
            place = self.place(arrival.text)
            if place is None:
                continue
            process = arrival.process
            here = process, place.item, place.lease
            begun[here] += here not in final or place.ordinal > last[process, place.item] + 1
            final[here] = last[process, place.item] = place.ordinal
        for (process, item, lease), n in begun.items():
            tenures = rows.tenures[incarnations.get(process), lease]
            if n > tenures:
                wrong.append(f"{process} held {lease} {tenures} times, and began {n} times with {item}")
        return wrong + self._ends(final, rows, incarnations)

    def _ends(self, final, rows, incarnations):
        """Who held a shard once, and to the end, must have ended with the last write of each item that it delivered
        of it."""
        owners = {key: found[-1] for key, found in rows.owners.items() if found.count(found[-1]) == 1}
        return [f"{process} ended {item} in {lease} with write {ordinal}"
                for (process, item, lease), ordinal in final.items()
                if owners.get(lease) == incarnations.get(process) is not None
                and ordinal != self.last_in[item, lease]]

    def files_wrong(self, files):
        """What is wrong with the workers' files: together they have everything, each has nothing twice and an
        item's writes in order."""
        together = [text for lines in files.values() for text in lines]
        report = verify.check(self.writes, together, self.native)
        report.mistakes["out of order"] = []  # of all together there is no order
        wrong = [] if report.good() else [report.text("files")]
        for worker, lines in files.items():
            last, found = {}, []
            for at, text in enumerate(lines, 1):
                place = self.place(text)
                if place and place.ordinal <= last.get(place.item, -1):
                    found.append(f"line {at} of {worker}'s file: write {place.ordinal} of {place.item} "
                                 f"after write {last[place.item]}")
                elif place:
                    last[place.item] = place.ordinal
            wrong += found[:TOLD]
        return wrong


# ---- the workers ----

class Member:
    """One worker, from process to process."""

    def __init__(self, crew, worker):
        self.crew, self.worker, self.starts = crew, worker, 0
        self.tap, self.state, self.until = None, "down", 0  # down, up, frozen, leaving; until when

    @property
    def process(self):
        """The name of the present process, and the path that it posts to."""
        return f"{self.worker}.{self.starts}"

    def start(self):
        self.starts += 1
        self.tap = Tap(self.crew.folder, self.crew.config(self), name=self.process)
        self.crew.processes.append(self.process)
        self.state = "up"

    def kill(self, down=0):
        """SIGKILL; the next start is due `down` seconds later."""
        self.tap.kill()
        self.state, self.until = "down", time.monotonic() + down

    def freeze(self, seconds):
        self.tap.freeze()
        self.state, self.until = "frozen", time.monotonic() + seconds

    def thaw(self):
        self.tap.signal(signal.SIGCONT)
        self.state = "up"

    def leave(self):
        self.tap.signal(signal.SIGTERM)
        self.state = "leaving"

    def step(self):
        """What time has brought: a pause is over, a start is due, a process has ended."""
        due = time.monotonic() >= self.until
        if self.state == "frozen" and due:
            self.thaw()
        elif self.state == "down" and due:
            self.start()
        elif self.state in ("up", "leaving") and self.tap.process.poll() is not None:
            self._ended(self.tap.process.returncode)

    def _ended(self, status):
        """It ended by itself: because it was asked to, or because the others judged it dead."""
        if status == FENCED:
            self.crew.fenced.append(self.process)
        elif status == -signal.SIGTERM and self.state == "leaving" and not self.tap.said():
            pass  # it had not begun yet
        elif status != 0 or self.state != "leaving":
            raise AssertionError(f"{self.process} ended with {status}:\n{self.tap.said()[-4000:]}")
        self.state, self.until = "down", 0


class Crew:
    """The service, its tables and what writes to them, the receiver, and the workers; a context manager."""

    def __init__(self, folder, seed, workers, tables, shards, options=(), faults="", **config):
        """`tables` are as in writers.COUNTERS, each with so many `shards`; `options` are ddbfake's, `faults` the
        receiver's."""
        self.folder, self.seed, self.tables, self.more = folder, seed, tables, config
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.log = os.path.join(folder, "writes.ndjson")
        self.rows = Rows(self.log)
        self.members = [Member(self, worker) for worker in workers]
        self.processes, self.fenced = [], []  # all that were started; those that ended as judged dead
        self.receiver = self.writers = self.resharder = None
        self.fake = Fake(FAKE, "--log", self.log, "--seed", seed, "--shards", shards,
                         "--shard-life", 0, *options)
        try:
            self._populate(faults)
        except BaseException:
            self.__exit__()
            raise

    def _populate(self, faults):
        client = self.fake.client()
        for table, sort in self.tables.items():
            make_table(client, table, sort=sort)
        client.create_table(
            TableName=ROWS, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.receiver = Receiver(self.folder, "none", faults, self.seed,
                                 more=("--annotate", "--no-sync"))
        for member in self.members:
            os.makedirs(os.path.dirname(self.file_of(member.worker)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.tap:
                member.tap.__exit__()
        if self.resharder:
            self.resharder.stop()
        if self.writers:
            self.writers.abandon()
        if self.receiver:
            self.receiver.kill()
        self.fake.__exit__()

    def file_of(self, worker):
        return os.path.join(self.folder, worker, "changes.ndjson")

    def config(self, member):
        """The configuration of a worker's next process."""
        hook = {"type": "webhook", "url": f"http://127.0.0.1:{self.receiver.port}/{member.process}",
                "signature": "none", "allow_http": True, "allow_private": True, "partial": True}
        more = {**self.more, "worker": {"id": member.worker, **self.more.get("worker", {})}}
        return configuration(self.fake.url, list(self.tables),
                             {"file": self.file_of(member.worker), "hook": hook}, **more)

    # ---- load ----

    def write(self, writers, pause, keys, reshard=None):
        """Starts what writes, so many processes; and with `reshard` seconds a thread that rolls and splits."""
        # They repeat what fails: the service's log says what was written, and not their accounts.
        self.writers = Writers(
            lambda: self.fake.client(config={"retries": {"total_max_attempts": 10}}), writers, self.seed,
            pause, blobs=False, tables=self.tables, keys=keys)
        if reshard:
            self.resharder = Resharder(self.fake, list(self.tables), self.seed, every=reshard)

    def delivered(self):
        """How many lines the receiver has."""
        return self.receiver.lines()

    def growing(self, by=20):
        """Waits until the receiver has got some more lines, from processes that all live."""
        had = self.delivered()
        wait_for(lambda: self.step() or self.delivered() >= had + by, 60)

    def step(self):
        """To be called often."""
        for member in self.members:
            member.step()

    # ---- the end ----

    def calm(self):
        """Everybody is up, nothing rolls, and the service is honest. Returns all shards, as below."""
        for member in self.members:
            if member.state == "frozen":
                member.thaw()
            member.until = 0
        if self.resharder:
            self.resharder.stop()
        self.fake.admin("stop-faults")
        self.fake.admin("set", lie_missing_child=0, lie_open_parent=0)
        wait_for(lambda: self.step() or all(map(self._serves, self.members)), 60)
        return self.shards()

    def _serves(self, member):
        """Whether a worker runs and nobody has judged it dead; one that was has to end by itself."""
        said = member.state == "up" and re.search(RUNNING, member.tap.said())
        return said and self.rows.follow().is_alive(said.group(1))

    def shards(self):
        """Whether each shard is open, by lease."""
        found, streams = {}, self.fake.client("dynamodbstreams")
        for table in self.tables:
            for stream in streams.list_streams(TableName=table)["Streams"]:
                for shard in list_shards(streams, stream["StreamArn"]):
                    found[lease_key(stream["StreamArn"], shard["ShardId"])] = \
                        "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        return found

    def balance(self, shards, spread, seconds, members=None):
        """Waits until the members (all, if not given) share the open shards evenly; returns how long that took."""
        began, workers = time.monotonic(), [member.worker for member in members or self.members]

        def balanced():
            self.step()
            return is_balanced(self.rows.follow().held(shards), workers, spread)

        try:
            wait_for(balanced, seconds)
        except AssertionError as why:
            raise AssertionError(f"not balanced after {seconds} s: {dict(self.rows.held(shards))}") from why
        return time.monotonic() - began

    def drain(self, shards, seconds=60):
        """Stops what writes, waits until the rows say that everything was delivered, and ends all workers as an
        operator does. Returns the writes."""
        self.writers.stop()
        writes = verify.load_writes(self.log, self.tables)
        newest = {lease_key(w["stream"], w["shard"]): int(w["seq"]) for w in writes}
        try:
            wait_for(lambda: self.step() or not self.rows.follow().unfinished(shards, newest), seconds)
        except AssertionError as why:
            left = self.rows.unfinished(shards, newest)
            raise AssertionError(f"{len(left)} shards are not finished after {seconds} s: "
                                 f"{[(key, self.rows.rows.get(key)) for key in left[:3]]}") from why
        for member in self.members:
            member.leave()
        wait_for(lambda: all(member.tap.process.poll() is not None for member in self.members), 30)
        for member in self.members:
            assert member.tap.process.returncode == 0, member.tap.said()[-4000:]
        # Nobody takes what is finished from the dead, or sees what is given to him when he leaves.
        owned = [key for key, row in self.rows.follow().rows.items()
                 if owner_of(row) and key not in self.rows.given and self.rows.unfinished({key: False}, {})]
        assert not owned, f"{len(owned)} leases were not given back: {owned[:3]}"
        return writes

    # ---- what came of it ----

    def incarnations(self):
        """The incarnation of each process that got so far as to have one."""
        found = {}
        for process in self.processes:
            with open(os.path.join(self.folder, process + ".log"), encoding="utf-8") as log:
                said = re.search(RUNNING, log.read())
            if said:
                found[process] = said.group(1)
        return found

    def unfairly_ended(self):
        """Processes that said that they were judged dead, though nobody had."""
        known = self.incarnations()
        return [process for process in self.fenced
                if process in known and known[process] not in self.rows.fenced | self.rows.former]

    def files(self):
        """The lines of each worker's file."""
        return {member.worker: verify.load_lines(self.file_of(member.worker)) for member in self.members
                if os.path.exists(self.file_of(member.worker))}
