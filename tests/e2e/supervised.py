#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ddbtap under a supervisor such as systemd: what it is told, when, and that workers of one machine have names."""
import os
import re
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakelib import Fake, free_port, make_table, run_tests, wait_for
from taplib import FAKE, TOP, Tap, configuration, good_environment, line_count

SCRATCH = os.path.join(TOP, "build", "e2e-supervised")


class Supervisor:
    """A socket for NOTIFY_SOCKET, and the environment for who is to talk to it."""

    def __init__(self, address, **more):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.setblocking(False)
        self.environment = good_environment(NOTIFY_SOCKET=address, **more)
        self.lines = []  # of all messages

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def listen(self):
        """All lines that were said so far; those of this call."""
        fresh = []
        while True:
            try:
                fresh += self.socket.recv(65536).decode().split("\n")
            except BlockingIOError:
                self.lines += fresh
                return fresh

    def heard(self, line):
        """Whether, and how often, a line was said so far."""
        self.listen()
        return self.lines.count(line)


def path(name):
    return os.path.join(SCRATCH, name)


def config(url, sink="sink.jsonl"):
    return configuration(url, ["things"], {"sink": path(sink)})


def start_and_end_are_told(fake):
    with Supervisor(path("told.socket")) as supervisor:
        with Tap(SCRATCH, config(fake.url), env=supervisor.environment) as tap:
            wait_for(lambda: supervisor.heard("READY=1"))
            assert "worker.running" in tap.said()
            assert not supervisor.heard("STOPPING=1")
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
            assert supervisor.heard("READY=1") == 1 and supervisor.heard("STOPPING=1") == 1
            assert not supervisor.heard("WATCHDOG=1"), "nobody asked for it"
            status = [line for line in supervisor.lines if line.startswith("STATUS=")]
            assert re.fullmatch(r"STATUS=\d+ shards, \d+ records delivered, lag \d+\.\d s, 0 gaps, "
                                r"0 dead letters; not ready: ending: .*", status[-1]), status
            assert "; not ready: starting: it looks for the checkpoint table" in status[0], status


def an_end_of_its_own_is_told(fake):
    with Supervisor(f"@ddbtap-supervised-{os.getpid()}") as supervisor:
        with Tap(SCRATCH, config(fake.url), "--until-caught-up", env=supervisor.environment) as tap:
            assert tap.wait() == 0
            assert supervisor.heard("READY=1") == 1 and supervisor.heard("STOPPING=1") == 1


def a_start_that_fails_is_never_ready(_):
    with Supervisor(path("fails.socket")) as supervisor:
        with Tap(SCRATCH, config(f"http://127.0.0.1:{free_port()}"),
                 env=supervisor.environment) as tap:
            assert tap.wait(60) == 75
            assert supervisor.lines or supervisor.listen(), "it said something"
            assert not supervisor.heard("READY=1")


def the_watchdog_hears_a_loop_that_turns(fake):
    with Supervisor(path("watchdog.socket"), WATCHDOG_USEC="200000") as supervisor:
        with Tap(SCRATCH, config(fake.url), env=supervisor.environment) as tap:
            wait_for(lambda: supervisor.heard("WATCHDOG=1") > 5)
            tap.freeze()
            supervisor.listen()
            time.sleep(0.5)  # two of its periods: too long is fine, and too short cannot fail
            assert not supervisor.listen(), "a process that stands still is not well"
            tap.signal(signal.SIGCONT)
            before = supervisor.heard("WATCHDOG=1")
            wait_for(lambda: supervisor.heard("WATCHDOG=1") > before + 2)
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0


def the_watchdog_of_another_process_is_left_alone(fake):
    with Supervisor(path("other.socket"), WATCHDOG_USEC="200000", WATCHDOG_PID="1") as supervisor:
        with Tap(SCRATCH, config(fake.url), "--until-caught-up", env=supervisor.environment) as tap:
            assert tap.wait() == 0
            assert supervisor.heard("READY=1") and not supervisor.heard("WATCHDOG=1")


def a_supervisor_that_has_gone_stops_nothing(fake):
    supervisor = Supervisor(path("gone.socket"))
    supervisor.socket.close()
    with Tap(SCRATCH, config(fake.url, "gone.jsonl"), "--until-caught-up",
             env=supervisor.environment) as tap:
        assert tap.wait() == 0
        assert tap.said().count("notify.failed") == 1, tap.said()


def workers_of_one_machine_have_names(fake):
    """Two at once, from one configuration; without names, the second would wait for the first."""
    client = fake.client()

    def incarnations():
        rows = client.scan(TableName="ddbtap-e2e", ConsistentRead=True)["Items"]
        return {row["leaseKey"]["S"] for row in rows} & {"ddbtap/worker/box-1", "ddbtap/worker/box-2"}

    with Tap(SCRATCH, config(fake.url, "one.jsonl"), "--worker-id", "box-1", name="one") as one, \
            Tap(SCRATCH, {**config(fake.url, "two.jsonl"), "worker": {"id": "overruled"}},
                "--worker-id=box-2", name="two") as two:
        for tap, name in ((one, "box-1"), (two, "box-2")):
            wait_for(lambda tap=tap, name=name: f"worker.running worker={name} " in tap.said())
        assert len(incarnations()) == 2
        client.put_item(TableName="things", Item={"pk": {"S": "a"}})
        wait_for(lambda: line_count(path("one.jsonl")) + line_count(path("two.jsonl")) >= 1)
        for tap in (one, two):
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0, tap.said()
    assert not incarnations()


def a_name_that_cannot_be_one(fake):
    for name in ("", "a b", "a/b", "x" * 129):
        with Tap(SCRATCH, config(fake.url), "--worker-id", name) as tap:
            assert tap.wait() == 64
            assert "option '--worker-id' must be 1 to 128 letters" in tap.said(), tap.said()


TESTS = [start_and_end_are_told, an_end_of_its_own_is_told, a_start_that_fails_is_never_ready,
         the_watchdog_hears_a_loop_that_turns, the_watchdog_of_another_process_is_left_alone,
         a_supervisor_that_has_gone_stops_nothing, workers_of_one_machine_have_names,
         a_name_that_cannot_be_one]


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    with Fake(FAKE) as fake:
        make_table(fake.client(), "things")
        failed = run_tests(TESTS, fake)
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
