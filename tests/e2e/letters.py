#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Poison records: what a webhook refuses for good goes to the dead letters, whole, or blocks its shard and nobody else."""
import contextlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from fakelib import Fake, make_table, run_tests, wait_for
from taplib import FAKE, PROGRAM, Tap, configuration, line_count

ITEMS = 60
POISON = {"k7", "k8", "k31"}


class Endpoint(http.server.ThreadingHTTPServer):
    """Takes JSON arrays of events. Answers `status` to those with a poisoned key in them, and keeps the others."""

    daemon_threads = True

    def __init__(self, status):
        self.status, self.poison, self.got, self.refused = status, set(POISON), [], 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed is no news."""

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def keys(self):
        """Which items' events were taken, in order."""
        with self.lock:
            return [event["key"]["pk"] for event in self.got]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events = events if isinstance(events, list) else [events]
        with self.server.lock:
            bad = any(event["key"]["pk"] in self.server.poison for event in events)
            status = self.server.status if bad else 204
            if bad:
                self.server.refused += 1
            else:
                self.server.got += events
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def scene(status, **hook):
    """A service with one table of ITEMS items, an endpoint, and a configuration with a file, the hook and letters."""
    with tempfile.TemporaryDirectory(prefix="ddbtap-letters-") as folder, \
            Fake(FAKE, "--shards", 4, "--shard-life", 0) as fake, Endpoint(status) as endpoint:
        client = fake.client()
        make_table(client, "things")
        for i in range(ITEMS):
            client.put_item(TableName="things", Item={
                "pk": {"S": f"k{i}"}, "n": {"N": "1.50"}, "b": {"B": b"\x00\xff"},
                "s": {"SS": ["a", "b"]}, "l": {"L": [{"NULL": True}, {"M": {"x": {"N": "1E+2"}}}]}})
        paths = {name: os.path.join(folder, name) for name in ("all", "letters")}
        sinks = {"all": {"type": "file", "path": paths["all"], "raw": "always"},
                 "hook": {"type": "webhook", "url": endpoint.url, "signature": "none", "allow_http": True,
                          "allow_private": True, **hook}}
        if "dead_letter" in hook:
            sinks["letters"] = {"type": "file", "path": paths["letters"]}
        yield folder, fake, endpoint, configuration(fake.url, ["things"], sinks), paths


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check_letters(paths, most=1):
    """Each poisoned item has its letter, at most so often, and it holds the whole event."""
    events = {line["key"]["pk"]: line for line in read_lines(paths["all"])}
    letters = read_lines(paths["letters"])
    keys = [letter["event"]["key"]["pk"] for letter in letters]
    assert set(keys) == POISON, keys
    assert max(map(keys.count, keys)) <= most, keys
    for letter in letters:
        assert letter["event"] == events[letter["event"]["key"]["pk"]], letter
        assert letter["dead_letter"]["sink"] == "hook", letter
        assert letter["dead_letter"]["seq"] == letter["event"]["seq"], letter
    return letters


def poison_goes_to_the_dead_letters():
    with scene(422, dead_letter="letters") as (folder, _, endpoint, config, paths):
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
            assert tap.said().count("sink.dead_letter") == len(POISON), tap.said()
        assert set(endpoint.keys()) == {f"k{i}" for i in range(ITEMS)} - POISON
        for letter in check_letters(paths):
            assert "422" in letter["dead_letter"]["reason"], letter
        said = subprocess.run([PROGRAM, "dlq", "list", paths["letters"]], check=True, capture_output=True,
                              text=True).stdout
        assert said.count("\n") == len(POISON) and "422" in said, said


def letters_survive_a_kill():
    with scene(400, dead_letter="letters") as (folder, fake, endpoint, config, paths):
        with Tap(folder, config) as tap:
            wait_for(lambda: line_count(paths["letters"]) >= 1)
            tap.kill()
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(60) == 0, tap.said()
        assert set(endpoint.keys()) == {f"k{i}" for i in range(ITEMS)} - POISON
        check_letters(paths, most=2)


def a_limit_on_attempts_gives_up():
    with scene(503, dead_letter="letters", max_attempts=2) as (folder, _, endpoint, config, paths):
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait(120) == 0, tap.said()
        assert set(endpoint.keys()) >= {f"k{i}" for i in range(ITEMS)} - POISON
        for letter in check_letters(paths):
            assert letter["dead_letter"]["attempts"] >= 2, letter


def without_dead_letters_poison_blocks_its_shard_alone():
    with scene(422) as (folder, fake, endpoint, config, paths):
        with Tap(folder, config) as tap:
            wait_for(lambda: line_count(paths["all"]) == ITEMS)
            wait_for(lambda: "sink.blocked" in tap.said())
            shard = {line["key"]["pk"]: line["shard"] for line in read_lines(paths["all"])}
            stuck = {shard[key] for key in POISON}
            free = {key for key in shard if shard[key] not in stuck}
            wait_for(lambda: free <= set(endpoint.keys()))
            assert not POISON & set(endpoint.keys())
            time.sleep(1)
            assert not POISON & set(endpoint.keys())
            fake.client().put_item(TableName="things", Item={"pk": {"S": "later"}})
            wait_for(lambda: line_count(paths["all"]) == ITEMS + 1)
            with endpoint.lock:
                endpoint.poison.clear()
            wait_for(lambda: set(endpoint.keys()) == set(shard) | {"later"}, 60)
            tap.signal(15)
            assert tap.wait() == 0, tap.said()


if __name__ == "__main__":
    sys.exit(run_tests([
        poison_goes_to_the_dead_letters,
        letters_survive_a_kill,
        a_limit_on_attempts_gives_up,
        without_dead_letters_poison_blocks_its_shard_alone,
    ]))
