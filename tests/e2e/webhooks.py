#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Webhooks end to end: real requests to a receiver that checks signatures, records durably, misbehaves and is killed.

    webhooks.py [--seed N] [--only NAME] [--keep]

Four processes count in items of two tables while shards roll and split. The oracle is the service's log of
writes: every write must have been recorded, the first deliveries of each item's writes in their order, every
line byte for byte as its event is.
"""
import argparse
import bisect
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify
from fakelib import Fake, make_table, run_tests, wait_for
from kills import Sampler
from nativeline import Native
from taplib import FAKE, TOP, Tap, configuration, line_count
from writers import COUNTERS, Resharder, Writers

KILLS = 4  # of each kind
WRITERS = 4
PAUSE = 0.02  # s between a writer's writes
RECALL = 1.3  # s before a kill, from which on what was recorded may come again
LATE = 0.5  # s after a kill, in which requests that were on their way may still be recorded
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
FAULTS = "slow=20,late=20,error=4,retryafter=1,after=3,reset=3,half=3,bodyclose=3,partial=8"
SCRATCH = os.path.join(TOP, "build", "e2e-webhooks")


class Receiver:
    """A running receiver.py; it keeps its port from start to start. A context manager."""

    def __init__(self, folder, style="standard", faults="", seed=1, token_life=0, more=()):
        self.path = os.path.join(folder, "received.ndjson")
        self.secret_path = os.path.join(folder, "received.secret")
        self.arguments = ["--file", self.path, "--style", style, "--seed", str(seed),
                          "--token-life", str(token_life), *more]
        self.faults, self.port, self.process = faults, 0, None
        self.secrets = [SECRET]
        self.start()

    def start(self):
        with open(self.secret_path, "w", encoding="utf-8") as file:
            file.write("".join(secret + "\n" for secret in self.secrets))
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(TOP, "tests", "e2e", "receiver.py"), *self.arguments,
             "--secret-file", self.secret_path, "--port", str(self.port), "--faults", self.faults],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"receiver: listening on 127\.0\.0\.1:(\d+)$", line.rstrip("\n"))
        assert found, f"the receiver said {line!r}"
        self.port = int(found.group(1))

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def lines(self):
        return line_count(self.path)

    def played(self):
        """How often each fault was."""
        try:
            with open(self.path + ".faults", encoding="utf-8") as file:
                names = file.read().split()
        except FileNotFoundError:
            names = []
        return {name: names.count(name) for name in sorted(set(names))}

    def refused(self):
        return line_count(self.path + ".bad")


class World:
    """A service whose tables are written to, and a receiver; a context manager."""

    def __init__(self, name, seed, faults="", style="standard", token_life=0, **hook):
        self.folder = os.path.join(SCRATCH, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.rng, self.seed = random.Random(seed), seed
        self.log = os.path.join(self.folder, "writes.ndjson")
        self.fake = Fake(FAKE, "--log", self.log, "--seed", seed, "--shards", 2, "--empty-page", 10)
        self.receiver = self.writers = self.resharder = None
        self.secret_path = os.path.join(self.folder, "hook.secret")
        self.put_secrets(SECRET)
        try:
            self.receiver = Receiver(self.folder, style, faults, seed, token_life)
        except BaseException:
            self.__exit__()
            raise
        self.hook = {"type": "webhook", "url": f"http://127.0.0.1:{self.receiver.port}/in",
                     "signature": style, "secret_file": self.secret_path, "allow_http": True,
                     "allow_private": True, "batch_records": 10, "timeout": "5s", "partial": True, **hook}

    def put_secrets(self, *secrets):
        with open(self.secret_path, "w", encoding="utf-8") as file:
            os.chmod(self.secret_path, 0o600)
            file.write("".join(secret + "\n" for secret in secrets))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.resharder:
            self.resharder.stop()
        if self.writers:
            self.writers.abandon()
        if self.receiver:
            self.receiver.kill()
        self.fake.__exit__()

    def write(self):
        """Makes the tables and starts what writes."""
        client = self.fake.client()
        for table, sort in COUNTERS.items():
            make_table(client, table, sort=sort)
        self.writers = Writers(self.fake.client, WRITERS, self.seed, PAUSE, blobs=False)
        self.resharder = Resharder(self.fake, list(COUNTERS), self.seed)

    def start(self, *arguments):
        config = configuration(self.fake.url, list(COUNTERS), {"hook": self.hook},
                               worker={"id": "w1"})
        return Tap(self.folder, config, *arguments)

    def growing(self, by=20):
        """Waits until the receiver has got some more lines."""
        had = self.receiver.lines()
        wait_for(lambda: self.receiver.lines() >= had + by, 40)

    def finish(self):
        """Stops what writes, and lets ddbtap catch up with a receiver that behaves."""
        self.resharder.stop()
        self.writers.stop()
        self.receiver.kill()
        self.receiver.faults = ""
        self.receiver.start()
        with self.start("--until-caught-up") as tap:
            status = tap.wait(60)
            assert status == 0, f"--until-caught-up ended with {status}:\n{tap.said()}"

    def check(self, tables=tuple(COUNTERS)):
        """Asks the oracle; returns its report, raises if it is not content."""
        writes = verify.load_writes(self.log, tables)
        report = verify.check(writes, verify.load_lines(self.receiver.path), Native(tables={}))
        assert report.good(), report.text("hook")
        assert report.writes > 0
        return report


def recalls(path, samples, kills):
    """Of each line that repeats an earlier one, how long before a kill the earlier one was recorded; the
    longest, in s. Infinite when there was no kill between the two."""
    sizes = [sizes[0] for _, sizes in samples]
    seen, at, longest = {}, 0, 0
    for line in verify.load_lines(path):
        at += len(line) + 1
        index = bisect.bisect_left(sizes, at)
        now = samples[index][0] if index < len(samples) else float("inf")
        if line in seen:
            before = seen[line]
            between = [when for when in kills if before - LATE <= when <= now]
            longest = max(longest, min(between) - before if between else float("inf"))
        seen[line] = now
    return longest


def nothing_is_lost_when_either_side_is_killed(seed):
    """SIGKILL of ddbtap or of the receiver, over and over: what comes again was on its way."""
    kills = []
    with World("kills", seed, faults="slow=20,late=20") as world:
        world.write()
        receiver, sampler = world.receiver, Sampler([world.receiver.path])
        tap = world.start()
        try:
            for n in range(2 * KILLS):
                world.growing()
                time.sleep(1.5 + world.rng.random())
                kills.append(time.monotonic())
                if n % 2:
                    tap.kill()
                    tap = world.start()
                else:
                    receiver.kill()
                    time.sleep(world.rng.random() * 0.5)
                    receiver.start()
            world.growing()
            kills.append(time.monotonic())
            tap.kill()
            world.finish()
        finally:
            tap.__exit__()
            sampler.stop()
        report, longest = world.check(), recalls(receiver.path, sampler.samples, kills)
        assert receiver.refused() == 0
        print(f"# {len(kills)} kills, {report.writes} writes, {world.resharder.rolls} rolls, "
              f"{world.resharder.splits} splits, {report.duplicates} doubled, the oldest of them "
              f"{longest:.2f} s before a kill", flush=True)
        assert longest <= RECALL, longest


def nothing_is_lost_by_a_receiver_that_misbehaves(seed):
    """Slow, failing, half-answering: everything comes, in order, and a kill in between is no matter."""
    with World("faults", seed, faults=FAULTS) as world:
        world.write()
        with world.start() as tap:
            for _ in range(6):
                world.growing(100)
            assert tap.process.poll() is None, tap.said()
            tap.kill()
        with world.start():
            wait_for(lambda: len(world.receiver.played()) == len(FAULTS.split(",")), 60)
        world.finish()
        report, played = world.check(), world.receiver.played()
        assert world.receiver.refused() == 0
        print(f"# {report.writes} writes, {report.duplicates} doubled, faults played: "
              + ", ".join(f"{n} {name}" for name, n in played.items()), flush=True)


def nothing_is_lost_by_a_receiver_that_lies(seed):
    """200 before the body was read is no acknowledgement of a body that was not even sent."""
    with World("lies", seed, faults="lie=100", batch_bytes="16MiB", batch_records=1000) as world:
        client = world.fake.client()
        make_table(client, "large")
        for i in range(8):
            client.put_item(TableName="large", Item={"pk": {"S": f"k{i}"}, "pad": {"S": "x" * 390000}})
        config = configuration(world.fake.url, ["large"], {"hook": world.hook})
        with Tap(world.folder, config) as tap:
            wait_for(lambda: world.receiver.played().get("lie", 0) >= 4, 40)
            assert tap.process.poll() is None, tap.said()
            assert world.receiver.lines() == 0
            world.receiver.kill()
            world.receiver.faults = ""
            world.receiver.start()
        with Tap(world.folder, config, "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
        report = world.check(["large"])
        assert report.duplicates == 0
        print(f"# {world.receiver.played()['lie']} lies, all {report.writes} writes there", flush=True)


def a_secret_is_rotated_without_a_restart(seed):
    """First both secrets sign, then the receiver knows the new one alone; a forgotten one is read on denial."""
    with World("rotation", seed) as world:
        world.write()
        with world.start() as tap:
            world.growing()
            world.put_secrets(SECRET, OTHER)
            tap.signal(signal.SIGHUP)
            world.growing()
            world.receiver.kill()
            world.receiver.secrets = [OTHER]
            world.receiver.start()
            world.growing()
            assert world.receiver.refused() == 0
            # The receiver takes the old one back, and ddbtap is not told: it reads the file when it is denied.
            world.put_secrets(SECRET)
            world.receiver.kill()
            world.receiver.secrets = [SECRET]
            world.receiver.start()
            world.growing()
            assert tap.process.poll() is None, tap.said()
        world.finish()
        world.check()


def access_tokens_are_fetched_when_they_are_needed(seed):
    """Tokens of three seconds; and a receiver that forgets them, which costs a refused request or two."""
    with World("tokens", seed, token_life=3, oauth_client_id="ddbtap") as world:
        secret = os.path.join(world.folder, "client.secret")
        with open(secret, "w", encoding="utf-8") as file:
            os.chmod(secret, 0o600)
            file.write("hush\n")
        world.hook["oauth_token_url"] = f"http://127.0.0.1:{world.receiver.port}/token"
        world.hook["oauth_client_secret_file"] = secret
        world.write()
        with world.start() as tap:
            wait_for(lambda: line_count(world.receiver.path + ".tokens") >= 3)
            assert world.receiver.refused() == 0
            world.receiver.kill()
            world.receiver.start()
            world.growing()
            assert tap.process.poll() is None, tap.said()
        world.finish()
        world.check()


def other_signatures_are_accepted_too(seed):
    """GitHub's and Stripe's, checked by the receiver."""
    for style in ("github", "stripe"):
        with World(style, seed, style=style, lanes=1) as world:
            world.write()
            with world.start():
                world.growing(50)
            world.finish()
            world.check()
            assert world.receiver.refused() == 0


def an_unsigned_request_is_noticed(seed):
    """The receiver of these tests does look at signatures."""
    with World("unsigned", seed) as world:
        world.write()
        world.put_secrets(OTHER)
        with world.start("--until-caught-up") as tap:
            wait_for(lambda: world.receiver.refused() > 0)
            assert tap.wait(40) != 0
            assert "401" in tap.said() and "does not accept our signature" in tap.said(), tap.said()
        assert world.receiver.lines() == 0


def main():
    tests = [nothing_is_lost_when_either_side_is_killed, nothing_is_lost_by_a_receiver_that_misbehaves,
             nothing_is_lost_by_a_receiver_that_lies, a_secret_is_rotated_without_a_restart,
             access_tokens_are_fetched_when_they_are_needed, other_signatures_are_accepted_too,
             an_unsigned_request_is_noticed]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--only", choices=[test.__name__ for test in tests])
    parser.add_argument("--keep", action="store_true", help="leave the files of good runs, too")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    failed = run_tests([test for test in tests if options.only in (None, test.__name__)], options.seed)
    if not failed and not options.keep:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
