# SPDX-License-Identifier: Apache-2.0
"""Processes that write to a service while something is tested, and that know what they wrote.

Each writer counts in items of its own: by UpdateItem ADD and Put, with Deletes in between; items name
their writer and carry the counter. So a writer's own account of an item is a list of (operation, counter),
with which a sink's lines can be compared without believing the service's log.
"""
import json
import multiprocessing
import random
import threading
import time
import traceback

import history

KEYS = 4  # items per writer and table
COUNTERS = {"counters": False, "pairs": True}  # tables, and whether they have a sort key
FORK = multiprocessing.get_context("fork")  # boto3 takes long to import


def key_of(sort, writer, i):
    """A writer's item, in a table with a sort key or without."""
    key = {"pk": {"S": f"writer{writer}"}, "sk": {"S": f"key/{i}"}}
    return key if sort else {"pk": {"S": f"writer{writer}-key{i}"}}


class Counter:
    """One item, and its account."""

    def __init__(self, client, table, writer, key):
        self.client, self.table, self.writer, self.key = client, table, writer, key
        self.n, self.exists, self.account = 0, False, []

    def step(self, rng):
        """One write, of whichever kind."""
        kind = rng.choices(("add", "put", "delete"), (6, 3, 1))[0]
        if kind == "delete" and self.exists:
            self.client.delete_item(TableName=self.table, Key=self.key)
            self.exists = False
            self.account.append(("remove", self.n))
            return
        self.n += 1
        self.account.append(("modify" if self.exists else "insert", self.n))
        if kind == "add" and self.exists:
            self.client.update_item(
                TableName=self.table, Key=self.key, UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}})
        else:
            pad = "x" * rng.choice((0, 10, 3000))
            self.client.put_item(TableName=self.table, Item={
                **self.key, "writer": {"S": f"w{self.writer}"}, "n": {"N": str(self.n)},
                "pad": {"S": pad}})
        self.exists = True


class OnlyThese:
    """Lets a history into some of its tables only."""

    def __init__(self, client, tables, stop):
        self.client, self.tables, self.stop = client, tables, stop

    def put(self, table, item):
        if self.stop.is_set():
            raise StopIteration
        if table in self.tables:
            self.client.put_item(TableName=table, Item=item)
            time.sleep(0.03)

    def delete(self, table, key):
        if table in self.tables:
            self.client.delete_item(TableName=table, Key=key)


class Writers:
    """Some writing processes; `accounts` after the stop is what they wrote, by table and key."""

    def __init__(self, make_client, count, seed, pause, blobs=True, tables=None, keys=KEYS):
        """`make_client()` is called in the new process; `pause` is the mean between writes, in s. `tables` are
        those of the counters, as COUNTERS has them, and `keys` how many items each has of one writer."""
        self.tables, self.keys = tables or COUNTERS, keys
        self.stopping, self.results = FORK.Event(), FORK.Queue()
        jobs = [(self._count, make_client, i, seed, pause) for i in range(count)]
        if blobs:
            jobs.append((self._blobs, make_client, seed))
        self.processes = [FORK.Process(target=self._guarded, args=job, daemon=True) for job in jobs]
        for process in self.processes:
            process.start()
        self.accounts = {}

    def _guarded(self, job, *args):
        try:
            self.results.put(job(*args))
        except Exception:  # the parent hears of it
            traceback.print_exc()
            self.results.put(None)

    def _count(self, make_client, writer, seed, pause):
        client, rng = make_client(), random.Random(f"{seed} {writer}")
        items = [Counter(client, table, writer, key_of(sort, writer, i))
                 for table, sort in self.tables.items() for i in range(self.keys)]
        while not self.stopping.is_set():
            rng.choice(items).step(rng)
            time.sleep(rng.random() * 2 * pause)
        return [(i.table, json.dumps(i.key, sort_keys=True), i.account) for i in items]

    def _blobs(self, make_client, seed):
        writer = OnlyThese(make_client(), ("recordChange",), self.stopping)
        try:
            history.History(writer, seed).play(10 ** 9)
        except StopIteration:
            pass
        return []

    def stop(self):
        """Ends them all; raises when one of them had failed."""
        self.stopping.set()
        results = [self.results.get(timeout=30) for _ in self.processes]
        for process in self.processes:
            process.join(30)
        if None in results:
            raise AssertionError("a writer failed")
        self.accounts = {(table, key): account
                         for result in results for table, key, account in result}

    def abandon(self):
        """Ends what still runs, whatever it does."""
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()


class Resharder(threading.Thread):
    """Rolls and splits the tables' shards all the time."""

    def __init__(self, fake, tables, seed, every=0.25, splits=4):
        super().__init__(daemon=True)
        self.fake, self.tables, self.every = fake, tables, every
        self.rng, self.ending = random.Random(seed), threading.Event()
        self.splits_left = {table: splits for table in tables}
        self.rolls = self.splits = 0
        self.start()

    def run(self):
        while not self.ending.wait(self.every * 2 * self.rng.random()):
            table = self.rng.choice(self.tables)
            split = self.splits_left[table] > 0 and self.rng.random() < 0.3
            self.splits_left[table] -= split
            self.splits += split
            self.rolls += not split
            self.fake.admin("split" if split else "roll", table=table)

    def stop(self):
        self.ending.set()
        self.join()


def accounts_differ(accounts, lines, tables=tuple(COUNTERS)):
    """Items of which the first deliveries are not what their writer says it did."""
    seen, found = set(), {}
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if line.get("table") not in tables or line["id"] in seen:
            continue
        seen.add(line["id"])
        key = json.dumps({name: {"S": value} for name, value in line["key"].items()},
                         sort_keys=True)
        image = line["after"] if "after" in line else line["before"]
        found.setdefault((line["table"], key), []).append((line["op"], int(image["n"])))
    return [item for item in {*accounts, *found}
            if list(accounts.get(item, [])) != found.get(item, [])]
