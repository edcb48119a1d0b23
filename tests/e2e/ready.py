#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does ddbtap say when it is not ready, why, and how much came of what? usage: ready.py

Each test has a service of its own, and some run at a time. /metrics is read by Prometheus's own parser.
"""
import concurrent.futures
import os
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakelib import Fake, free_port, make_table, run_tests, wait_active, wait_for
from letters import Endpoint
from supervised import Supervisor
from taplib import CONFIG, FAKE, TOP, Tap, configuration, line_count, run_verb

SCRATCH = os.path.join(TOP, "build", "e2e-ready")
SECONDS = 30


class Samples(dict):
    """Samples by name and labels."""

    def __call__(self, name, **labels):
        return self[name, frozenset(labels.items())]


class Worker(Tap):
    """A running ddbtap that listens, and what it says over HTTP."""

    def __init__(self, name, config, *arguments, **more):
        self.config = {"http": {"listen": "127.0.0.1:0"}, **config, "application": name}
        super().__init__(SCRATCH, self.config, *arguments, name=name, **more)
        line = wait_for(self._listens, SECONDS)
        self.address = line.split("address=")[1].split()[0]

    def _listens(self):
        assert self.process.poll() is None, self.said()
        return next((line for line in self.said().splitlines() if "event=http.listening " in line), None)

    def get(self, path):
        """Status, headers and body."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=SECONDS) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read().decode()

    def is_ready(self):
        """Status and first line always say the same."""
        status, _, text = self.get("/readyz")
        assert (status, text.split("\n")[0]) in ((200, "ready"), (503, "not ready")), text
        return status == 200

    def reasons(self):
        """The lines that say why it is not ready."""
        return self.get("/readyz")[2].splitlines()[1:]

    def await_ready(self):
        wait_for(self.is_ready, SECONDS)

    def await_reason(self, start, *words):
        """Waits for a reason that begins so and has these words; returns it."""
        def found():
            return next((line for line in self.reasons()
                         if line.startswith(start) and all(word in line for word in words)), None)
        return wait_for(found, SECONDS)

    def metrics(self):
        """All samples, by name and labels."""
        status, headers, text = self.get("/metrics")
        assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = Samples()
        for family in text_string_to_metric_families(text):
            assert family.documentation and family.type in ("counter", "gauge"), family
            for sample in family.samples:
                assert (family.type == "counter") == sample.name.endswith("_total"), sample
                assert "shard" not in sample.labels, sample
                key = sample.name, frozenset(sample.labels.items())
                assert key not in found, key
                found[key] = sample.value
        return found


def path(name):
    return os.path.join(SCRATCH, name)


def put(fake, table, *names):
    for name in names:
        fake.client().put_item(TableName=table, Item={"pk": {"S": name}})


def one_table_takes_the_readiness_and_the_other_goes_on(fake):
    """A table whose stream is disabled, and one that is deleted: named, counted, and back when it is mended."""
    make_table(fake.client(), "users")
    make_table(fake.client(), "orders")
    out = path("one.jsonl")
    with Worker("one", configuration(fake.url, ["users", "orders"], {"out": out})) as tap:
        tap.await_ready()
        put(fake, "users", "a")
        wait_for(lambda: line_count(out) == 1)
        assert tap.is_ready() and tap.reasons() == []
        before = tap.metrics()
        assert before("ddbtap_ready") == 1 and before("ddbtap_table_state", state="current", table="users") == 1

        fake.client().update_table(TableName="users", StreamSpecification={"StreamEnabled": False})
        line = tap.await_reason("disabled table=users")
        assert "enable it again" in line and not any("orders" in line for line in tap.reasons()), line
        put(fake, "orders", "b", "c")
        wait_for(lambda: line_count(out) == 3)
        now = tap.metrics()
        assert now("ddbtap_ready") == 0 and now("ddbtap_not_ready_reasons", reason="disabled") == 1
        assert now("ddbtap_table_alarms_total", kind="disabled", table="users") == 1
        assert now("ddbtap_table_alarms_total", kind="disabled", table="orders") == 0
        assert now("ddbtap_table_records_read_total", table="orders") == 2
        # A line is there before it is durable, and counted then.
        wait_for(lambda: tap.metrics()("ddbtap_sink_records_total", result="delivered", sink="out") == 3)

        fake.client().update_table(TableName="users", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        tap.await_ready()
        wait_for(lambda: tap.metrics()("ddbtap_gap_records_total", reason="stream_replaced", table="users") == 1)
        put(fake, "users", "d")
        wait_for(lambda: line_count(out) == 5)

        fake.client().delete_table(TableName="users")
        line = tap.await_reason("alarm table=users", "does not exist")
        put(fake, "orders", "e")
        wait_for(lambda: line_count(out) == 6)
        assert not tap.is_ready() and not any("orders" in line for line in tap.reasons())
        assert tap.metrics()("ddbtap_table_alarms_total", kind="describe", table="users") == 1
        assert tap.metrics()("ddbtap_gap_records_total", reason="stream_replaced", table="orders") == 0


def access_that_is_lost_comes_back(fake):
    make_table(fake.client(), "denied")
    with Worker("denied", configuration(fake.url, ["denied"], {"out": path("denied.jsonl")})) as tap:
        tap.await_ready()
        wait_for(lambda: tap.metrics()("ddbtap_table_polls_total", table="denied") > 0)
        fake.admin("deny", operation="GetRecords")
        tap.await_reason("alarm table=denied for_s=", "GetRecords: AccessDeniedException", "policy")
        now = tap.metrics()
        assert now("ddbtap_table_alarms_total", table="denied", kind="read") == 1
        assert now("ddbtap_requests_failed_total", api="streams") > 0
        fake.admin("allow", operation="GetRecords")
        tap.await_ready()


def lost_changes_are_counted(fake):
    """What is trimmed while the worker stands still is a gap, and no reason not to be ready."""
    make_table(fake.client(), "gaps")
    out = path("gaps.jsonl")
    with Worker("gaps", configuration(fake.url, ["gaps"], {"out": out, "more": path("more.jsonl")})) as tap:
        put(fake, "gaps", "a")
        wait_for(lambda: line_count(out) == 1)
        assert tap.metrics()("ddbtap_gap_records_total", table="gaps", reason="trimmed") == 0
        tap.freeze()
        put(fake, "gaps", "b", "c")
        fake.admin("trim", table="gaps", before="now")
        tap.signal(signal.SIGCONT)
        wait_for(lambda: tap.metrics()("ddbtap_gap_records_total", table="gaps", reason="trimmed") == 2)
        put(fake, "gaps", "d")
        wait_for(lambda: line_count(out) == 3)
        tap.await_ready()


def a_stream_that_became_too_poor(fake):
    """Debezium's form is worth nothing without the new image; other tables are none the worse for it."""
    make_table(fake.client(), "poor")
    sink = {"type": "file", "path": path("poor.jsonl"), "format": "debezium"}
    with Worker("poor", configuration(fake.url, ["poor"], {"out": sink})) as tap:
        tap.await_ready()
        for change in ({"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}):
            fake.client().update_table(TableName="poor", StreamSpecification=change)
            wait_active(fake.client(), "poor")
        tap.await_reason("view table=poor sink=out: ", "KEYS_ONLY", "NEW_AND_OLD_IMAGES")
        assert tap.metrics()("ddbtap_table_alarms_total", table="poor", kind="view") == 1


def throttling_and_leases_are_counted(fake):
    make_table(fake.client(), "busy")
    with Worker("busy", configuration(fake.url, ["busy"], {"out": path("busy.jsonl")})) as tap:
        wait_for(lambda: tap.metrics()("ddbtap_leases_owned") == 1)
        before = tap.metrics()
        assert before("ddbtap_leases_gained_total") == 1 and before("ddbtap_leases_lost_total") == 0
        assert before("ddbtap_requests_throttled_total", api="streams") == 0
        fake.admin("fault", kind="throttle", target="GetRecords", count=3)
        wait_for(lambda: tap.metrics()("ddbtap_requests_throttled_total", api="streams") == 3)
        assert tap.metrics()("ddbtap_requests_throttled_total", api="tables") == 0
        assert tap.metrics()("ddbtap_requests_total", api="streams") > before("ddbtap_requests_total", api="streams")
        # Shards come and go; the page stays as it is.
        for _ in range(3):
            fake.admin("roll", table="busy")
        wait_for(lambda: tap.metrics()("ddbtap_leases_gained_total") == 4)
        assert tap.metrics().keys() == before.keys()


def a_sink_that_refuses_or_stands_still(fake):
    """One with dead letters counts them; one without blocks; one that only fails is given stalled_after."""
    make_table(fake.client(), "poison")
    with Endpoint(400) as refusing, Endpoint(500) as failing:
        hook = {"type": "webhook", "allow_http": True, "allow_private": True, "signature": "none"}
        hooks = {"hard": {**hook, "url": refusing.url},
                 "soft": {**hook, "url": failing.url},
                 "with": {**hook, "url": refusing.url, "dead_letter": "letters"},
                 "letters": path("letters.jsonl")}
        config = configuration(fake.url, ["poison"], hooks, engine={"stalled_after": "1s"})
        with Worker("sinks", config) as tap:
            tap.await_ready()
            put(fake, "poison", "k7")
            line = tap.await_reason("refused table=poison sink=hard shard=shardId-", "shards=1")
            assert "dead_letter" in line, line
            tap.await_reason("stalled table=poison sink=soft shard=shardId-", "shards=1", "500")
            wait_for(lambda: line_count(path("letters.jsonl")) == 1)
            wait_for(lambda: tap.metrics()("ddbtap_sink_records_total", result="dead_lettered", sink="with") == 1)
            now = tap.metrics()
            assert now("ddbtap_not_ready_reasons", reason="refused") == 1
            assert now("ddbtap_not_ready_reasons", reason="stalled") == 1
            assert now("ddbtap_sink_records_total", sink="hard", result="rejected") == 1
            assert now("ddbtap_sink_records_total", result="rejected", sink="with") == 1
            assert now("ddbtap_sink_records_total", result="dead_lettered", sink="with") == 1
            assert now("ddbtap_sink_records_total", result="dead_lettered", sink="hard") == 0
            assert now("ddbtap_sink_records_total", result="retried", sink="soft") >= 1
            assert now("ddbtap_sink_deliveries_total", result="retry", sink="soft") >= 1
            assert now("ddbtap_sink_deliveries_total", sink="letters", result="ok") == 1
            assert now("ddbtap_sink_records_total", result="delivered", sink="letters") == 0
            assert not any("sink=with" in line for line in tap.reasons()), tap.reasons()
            assert "sink=with delivered=0 retried=" in tap.get("/readyz?verbose")[2]
            refusing.poison.clear()
            failing.poison.clear()
            tap.await_ready()
            assert tap.metrics()("ddbtap_sink_records_total", result="delivered", sink="soft") == 1


def who_stands_by_is_ready(fake):
    """Two workers and one shard; they cannot have the same port."""
    make_table(fake.client(), "shared")
    config = configuration(fake.url, ["shared"], {"out": path("first.jsonl")})
    with Worker("shared", config, "--worker-id", "first") as first:
        wait_for(lambda: first.metrics()("ddbtap_leases_owned") == 1)
        port = first.address.split(":")[1]
        config = {**first.config, "sinks": {"out": {"type": "file", "path": path("second.jsonl")}}}
        taken = run_verb(SCRATCH, config, "run", CONFIG, "--worker-id", "second", "--listen", port)
        assert taken.returncode == 74, taken
        assert f"http.listen: cannot listen at 127.0.0.1:{port}: Address already in use" in taken.stderr, taken
        with Worker("shared", config, "--worker-id", "second", "--listen", f"127.0.0.1:{free_port()}") as second:
            second.await_ready()
            assert second.metrics()("ddbtap_leases_owned") == 0
            assert not any(name == "ddbtap_table_lag_seconds" for name, _ in second.metrics()), "it knows none"
            assert first.is_ready()


def the_verb_asks(fake):
    """`ddbtap ready`: 0 and 1, and its own troubles."""
    make_table(fake.client(), "asked")
    config = configuration(fake.url, ["asked"], {"out": path("asked.jsonl")})
    port = free_port()

    def ask(*words, **more):
        return run_verb(SCRATCH, {**config, **more}, "ready", *words)

    nobody = ask("--listen", port)
    assert nobody.returncode == 75 and f"http://127.0.0.1:{port}/readyz: " in nobody.stderr, nobody
    with Worker("asked", {**config, "http": {"listen": port}}) as tap:
        tap.await_ready()
        good = ask("--listen", f"127.0.0.1:{port}")
        assert (good.returncode, good.stdout, good.stderr) == (0, "ready\n", ""), good
        more = ask(CONFIG, "--verbose", http={"listen": f"0.0.0.0:{port}"})
        assert more.returncode == 0 and "\ntable=asked state=" in more.stdout, more
        fake.client().update_table(TableName="asked", StreamSpecification={"StreamEnabled": False})
        tap.await_reason("disabled")
        bad = ask("--listen", port)
        assert bad.returncode == 1 and bad.stdout.startswith("not ready\ndisabled table=asked: "), bad
        live = ask("--listen", port, "--live")
        assert (live.returncode, live.stdout) == (0, "alive\n"), live
    for words, more, status, said in (
            ((), {}, 64, "takes one configuration file, or --listen"),
            ((CONFIG, "--listen", port), {}, 64, "takes one configuration file, or --listen"),
            (("--listen", "localhost:1"), {}, 64, "option '--listen' must be a port like 9464"),
            (("--listen", "0"), {}, 64, "and not port 0"),
            ((CONFIG,), {}, 78, "http.listen is not set"),
            ((CONFIG,), {"http": {"listen": "nowhere"}}, 78, "listen must be a port like 9464")):
        wrong = ask(*words, **more)
        assert wrong.returncode == status and said in wrong.stderr, wrong
    wrong = run_verb(SCRATCH, config, "run", CONFIG, "--listen", "x")
    assert wrong.returncode == 64 and "option '--listen' must be a port like 9464" in wrong.stderr, wrong


def silent_unless_asked_to_listen(fake):
    """Without http.listen there is no listener; the supervisor's line has the reason all the same."""
    make_table(fake.client(), "quiet")
    config = configuration(fake.url, ["quiet"], {"out": path("quiet.jsonl")})
    with Supervisor(path("status.socket")) as supervisor, \
            Tap(SCRATCH, {**config, "application": "quiet"}, name="quiet", env=supervisor.environment) as tap:
        wait_for(lambda: supervisor.heard("READY=1"))
        assert "http.listening" not in tap.said()
        listening = [line.split()[3] for line in open(f"/proc/{tap.process.pid}/net/tcp", encoding="ascii")]
        assert "0A" in listening, "the service listens"
        mine = {os.readlink(f"/proc/{tap.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{tap.process.pid}/fd")}
        sockets = [line.split() for line in open(f"/proc/{tap.process.pid}/net/tcp", encoding="ascii")]
        assert not [s for s in sockets[1:] if s[3] == "0A" and f"socket:[{s[9]}]" in mine]
        tap.signal(signal.SIGTERM)
        assert tap.wait() == 0
        supervisor.listen()
        status = [line for line in supervisor.lines if line.startswith("STATUS=")]
        assert "; not ready: starting: " in status[0], status
        assert "not ready: ending: " in status[-1], status


def whoever_talks_nonsense_harms_nobody(fake):
    make_table(fake.client(), "robust")
    with Worker("robust", configuration(fake.url, ["robust"], {"out": path("robust.jsonl")})) as tap:
        host, port = tap.address.split(":")
        for text in (b"", b"\r\n\r\n", b"GET", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100000):
            with socket.create_connection((host, int(port))) as client:
                try:
                    client.sendall(text)
                except ConnectionError:
                    pass
        assert tap.get("/livez")[::2] == (200, "alive\n")
        assert tap.get("/")[0] == 404 and tap.get("/readyz/")[0] == 404
        tap.await_ready()


TESTS = [access_that_is_lost_comes_back, a_sink_that_refuses_or_stands_still,
         one_table_takes_the_readiness_and_the_other_goes_on, lost_changes_are_counted,
         a_stream_that_became_too_poor, throttling_and_leases_are_counted,
         who_stands_by_is_ready, the_verb_asks, silent_unless_asked_to_listen,
         whoever_talks_nonsense_harms_nobody]


def run(test):
    with Fake(FAKE) as fake:
        return run_tests([test], fake)


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    with concurrent.futures.ProcessPoolExecutor(4) as pool:
        failed = max(pool.map(run, TESTS))
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
