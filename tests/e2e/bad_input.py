#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What ddbtap says and does when something around it is wrong, as an operator meets it at night.

    bad_input.py [--seed N] [--verbose]

Each mistake must give one sentence on standard error that names the thing and the way out, and the right exit
status, within seconds. A full disk and a wrong clock must not end it at all.
"""
import argparse
import fcntl
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify
from fakelib import ACCESS, SECRET, Fake, make_table, run_tests, wait_for
from nativeline import Native
from taplib import (FAKE, PROGRAM, TOP, Tap, clean_environment, configuration, good_environment,
                    line_count)

SCRATCH = os.path.join(TOP, "build", "e2e-bad-input")
SECONDS = 8  # "within seconds", on a busy machine


class Bench:
    """A good service, table and configuration, of which each test spoils one thing."""

    def __init__(self, options):
        self.verbose, self.seed = options.verbose, options.seed
        self.pki = self.path("pki")
        self.fake = Fake(FAKE, "--seed", options.seed, "--make-cert", self.pki)
        self.client = self.fake.client()
        make_table(self.client, "things")
        self.client.create_table(
            TableName="dry", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
        self.ca = os.path.join(self.pki, "ca.pem")

    def path(self, name):
        return os.path.join(SCRATCH, name)

    def config(self, endpoint=None, tables=("things",), path=None, **more):
        return configuration(endpoint or self.fake.url, tables,
                             {"sink": path or self.path("sink.ndjson")}, worker={"id": "w1"}, **more)

    def refused(self, status, *words, config=None, env=None):
        """Runs it; it must end with a status and one sentence that has all these words."""
        began = time.monotonic()
        with Tap(SCRATCH, config or self.config(), "--until-caught-up", env=env) as tap:
            got = tap.wait(SECONDS)
            self.judge(got, tap.said(), status, words, time.monotonic() - began)

    def judge(self, got, said, status, words, seconds):
        """Whether an end was as it should be."""
        own = [line for line in said.splitlines() if line.startswith("ddbtap: ")]
        if self.verbose:
            print(f"# {got} after {seconds:.1f} s: {' | '.join(own)}")
        assert got == status, f"status {got}, not {status}: {said}"
        assert len(own) == 1, f"not one sentence: {said}"
        missing = [word for word in words if word not in own[0]]
        assert not missing, f"no {missing} in: {own[0]}"
        assert len(own[0]) < 400 and "(null)" not in own[0], own[0]


# ---- credentials ----

def a_wrong_secret(bench):
    bench.refused(77, "InvalidSignature", "secret", "AWS_SECRET_ACCESS_KEY",
                  env=good_environment(AWS_SECRET_ACCESS_KEY=SECRET[::-1]))


def an_unknown_access_key(bench):
    bench.refused(77, "UnrecognizedClient", "AWS_ACCESS_KEY_ID",
                  env=good_environment(AWS_ACCESS_KEY_ID="AKIDNOBODY"))


def no_credentials_at_all(bench):
    bench.refused(77, "no AWS credentials", "AWS_ACCESS_KEY_ID", "profile",
                  env=clean_environment())


def half_of_the_credentials(bench):
    bench.refused(77, "AWS_SECRET_ACCESS_KEY is not", env=clean_environment(AWS_ACCESS_KEY_ID=ACCESS))


def expired_credentials(bench):
    bench.fake.admin("credentials", add=f"AKIDOLD:{SECRET}")
    bench.fake.admin("expire-credentials", access="AKIDOLD")
    bench.refused(77, "ExpiredToken", "renew", env=good_environment(AWS_ACCESS_KEY_ID="AKIDOLD"))


def a_missing_permission(bench):
    bench.fake.admin("deny", operation="DescribeStream")
    try:
        bench.refused(77, "DescribeStream", "AccessDenied", "things", "policy")
    finally:
        bench.fake.admin("allow", operation="DescribeStream")


def a_broken_profile_file(bench):
    path = bench.path("credentials")
    with open(path, "w", encoding="utf-8") as file:
        file.write("[default]\naws_access_key_id = x\nwhat is this\n")
    bench.refused(78, path + ":3:", "neither a [section] nor name = value",
                  env=clean_environment(AWS_SHARED_CREDENTIALS_FILE=path))


def an_unknown_profile(bench):
    bench.refused(78, "there is no profile 'nobody'", "nor in",
                  env=good_environment(AWS_PROFILE="nobody"))


# ---- tables ----

def a_missing_table(bench):
    bench.refused(69, "table nothing does not exist", "us-east-1", "check its name",
                  config=bench.config(tables=["things", "nothing"]))


def a_table_without_stream(bench):
    bench.refused(78, "table dry has no stream", "aws dynamodb update-table",
                  config=bench.config(tables=["dry"]))


def a_checkpoint_table_that_is_none(bench):
    bench.refused(78, "dry is not a checkpoint table", "checkpoint.table",
                  config=bench.config(checkpoint={"table": "dry"}))


# ---- the way there ----

def nobody_listens(bench):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        port = unused.getsockname()[1]
        bench.refused(75, f"127.0.0.1:{port}", "Connection refused", "does the service run there?",
                      config=bench.config(f"http://127.0.0.1:{port}"))


def nobody_answers(bench):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        bench.refused(75, f"127.0.0.1:{port}", "no whole answer within",
                      config=bench.config(f"http://127.0.0.1:{port}",
                                          engine={"request_timeout": "500ms"}))


def a_name_that_does_not_resolve(bench):
    bench.refused(75, "nowhere.invalid", "does not resolve", "endpoint",
                  config=bench.config("http://nowhere.invalid:8000"))


def a_certificate_for_another_host(bench):
    other_certificate(bench, "wrong-host", "host name")


def an_expired_certificate(bench):
    other_certificate(bench, "expired", "expired", "renew")


def other_certificate(bench, kind, *words):
    """A service with a certificate that must be refused."""
    pki = bench.path(kind)
    with Fake(FAKE, "--make-cert", pki, "--cert-kind", kind) as fake:
        bench.refused(78, f"127.0.0.1:{fake.tls_port}", "certificate", *words,
                      config=bench.config(fake.tls_url, ca_file=os.path.join(pki, "ca.pem")))


def an_unknown_authority(bench):
    bench.refused(78, "authority that is not in", "ca_file", config=bench.config(bench.fake.tls_url))


def a_ca_file_that_is_missing(bench):
    bench.refused(78, "ca_file", "/nonexistent/ca.pem",
                  config=bench.config(bench.fake.tls_url, ca_file="/nonexistent/ca.pem"))


def a_ca_file_that_is_none(bench):
    path = bench.path("not-a-ca.pem")
    with open(path, "w", encoding="utf-8") as file:
        file.write("hello\n")
    bench.refused(78, "ca_file", path, config=bench.config(bench.fake.tls_url, ca_file=path))


def plain_http_spoken_to_as_https(bench):
    # This one waits for the end of the request's head, for ever.
    bench.refused(75, f"127.0.0.1:{bench.fake.port}", "speak TLS on this port",
                  config=bench.config(bench.fake.url.replace("http:", "https:"),
                                      engine={"request_timeout": "500ms"}))


def plain_http_that_complains(bench):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        bench.refused(75, f"127.0.0.1:{port}", "TLS handshake failed", "speak TLS on this port",
                      config=bench.config(f"https://127.0.0.1:{port}"))
        server.shutdown()


def https_spoken_to_as_plain_http(bench):
    bench.refused(75, f"127.0.0.1:{bench.fake.tls_port}", "https",
                  config=bench.config(bench.fake.tls_url.replace("https:", "http:")))


# ---- sinks ----

def an_unwritable_path(bench):
    bench.refused(74, "sink sink", "/proc/nothing.ndjson", "cannot open",
                  config=bench.config(path="/proc/nothing.ndjson"))


def a_missing_directory(bench):
    path = bench.path("none/sink.ndjson")
    bench.refused(74, "sink sink", path, "its directory must be there", config=bench.config(path=path))


def a_path_that_is_a_directory(bench):
    bench.refused(74, "sink sink", SCRATCH, "directory", config=bench.config(path=SCRATCH))


def a_path_that_another_process_has(bench):
    path = bench.path("locked.ndjson")
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bench.refused(74, "sink sink", path, "another process", config=bench.config(path=path))


def a_full_disk(bench):
    """One sink's disk is full: the other goes on; when there is space again, nothing is missing."""
    if os.geteuid() != 0:
        print("# a_full_disk needs root to mount a small file system: not tried")
        return
    small, log = bench.path("small"), bench.path("full.writes")
    os.makedirs(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        with Fake(FAKE, "--log", log) as fake:
            make_table(fake.client(), "things")
            fill_and_free(bench, fake, small, log)
    finally:
        subprocess.run(["umount", small], check=True)


def fill_and_free(bench, fake, small, log):
    """The story of the full disk."""
    client, written = fake.client(), 0

    def write(count):
        nonlocal written
        for _ in range(count):
            written += 1
            client.put_item(TableName="things", Item={
                "pk": {"S": f"k{written % 7}"}, "n": {"N": str(written)}, "pad": {"S": "x" * 900}})

    paths = {"tight": os.path.join(small, "tight.ndjson"), "free": bench.path("free.ndjson")}
    config = configuration(fake.url, ["things"], paths, worker={"id": "w1"})
    with Tap(SCRATCH, config, name="full") as tap:
        write(20)
        wait_for(lambda: line_count(paths["tight"]) == 20)
        with open(os.path.join(small, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1024))
            except OSError:
                pass
        began = time.monotonic()
        write(100)
        wait_for(lambda: line_count(paths["free"]) == 120)
        wait_for(lambda: "no space left" in tap.said())
        said = next(line for line in tap.said().splitlines() if "no space left" in line)
        if bench.verbose:
            print(f"# {said}")
        assert "sink=tight" in said and "tight.ndjson" in said, said
        assert line_count(paths["tight"]) < 120 and tap.process.poll() is None
        time.sleep(1)
        full = time.monotonic() - began
        os.remove(os.path.join(small, "filler"))
        wait_for(lambda: line_count(paths["tight"]) == 120, 35)
        if bench.verbose:
            print(f"# full for {full:.1f} s, then {time.monotonic() - began - full:.1f} s to recover")
        write(10)
        wait_for(lambda: all(line_count(path) == 130 for path in paths.values()))
    writes = verify.load_writes(log)
    for name, path in paths.items():
        report = verify.check(writes, verify.load_lines(path), Native(), no_duplicates=True)
        assert report.good(), report.text(name)


# ---- clock, command line, configuration ----

def a_clock_that_is_20_minutes_off(bench):
    """It signs with the service's time, and says so."""
    for offset_ms in (-1200000, 1200000):
        path = bench.path(f"skew{offset_ms}.ndjson")
        with Fake(FAKE, f"--clock-offset={offset_ms}") as fake:
            client = fake.client()
            fake.admin("set", clock_offset=0)  # boto3 would be refused
            make_table(client, "things")
            client.put_item(TableName="things", Item={"pk": {"S": "a"}})
            fake.admin("set", clock_offset=offset_ms)
            with Tap(SCRATCH, bench.config(fake.url, path=path), "--until-caught-up") as tap:
                assert tap.wait(SECONDS) == 0, tap.said()
                said = [line for line in tap.said().splitlines() if "clock.skew" in line]
                assert len(said) == 1, tap.said()
                skew_ms = int(said[0].split("skew_ms=")[1].split()[0])
                assert abs(skew_ms - offset_ms) < 5000, said
                if bench.verbose:
                    print(f"# {said[0]}")
        assert line_count(path) == 1


def command_line(bench, status, words, *arguments):
    """Runs the program with a wrong command line."""
    began = time.monotonic()
    done = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS, check=False)
    seconds = time.monotonic() - began
    if bench.verbose:
        print(f"# {done.returncode} after {seconds:.1f} s: {done.stderr.splitlines()}")
    assert done.returncode == status, done
    assert done.stdout == "" and all(word in done.stderr for word in words), done


def an_unknown_verb(bench):
    command_line(bench, 64, ["there is no verb 'rnu'", "did you mean run?"], "rnu", "x.yaml")


def an_unknown_option(bench):
    command_line(bench, 64, ["--until-cought-up", "did you mean --until-caught-up?"], "run",
                 "--until-cought-up", "x.yaml")


def no_configuration(bench):
    command_line(bench, 64, ["configuration file"], "run")


def a_configuration_that_is_missing(bench):
    command_line(bench, 78, ["cannot read /nonexistent/x.yaml: No such file"], "run",
                 "/nonexistent/x.yaml")


def a_mistake_in_the_configuration(bench):
    path = bench.path("wrong.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("application: a\nregion: us-east-1\ntables: [{nane: things}]\n"
                   "sinks: {a: {type: file, path: /tmp/x}}\n")
    command_line(bench, 78, [f"{path}:3:11: error: unknown option 'nane'", "did you mean name?"],
                 "run", path)


def a_region_that_is_none(bench):
    path = bench.path("region.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**bench.config(), "region": "us east"}, file)
    command_line(bench, 78, ["error: region must be"], "run", path)


TESTS = [a_wrong_secret, an_unknown_access_key, no_credentials_at_all, half_of_the_credentials,
         expired_credentials, a_missing_permission, a_broken_profile_file, an_unknown_profile,
         a_missing_table, a_table_without_stream, a_checkpoint_table_that_is_none, nobody_listens,
         nobody_answers, a_name_that_does_not_resolve, a_certificate_for_another_host,
         an_expired_certificate, an_unknown_authority, a_ca_file_that_is_missing,
         a_ca_file_that_is_none, plain_http_spoken_to_as_https, plain_http_that_complains,
         https_spoken_to_as_plain_http,
         an_unwritable_path, a_missing_directory, a_path_that_is_a_directory,
         a_path_that_another_process_has, a_full_disk, a_clock_that_is_20_minutes_off,
         an_unknown_verb, an_unknown_option, no_configuration, a_configuration_that_is_missing,
         a_mistake_in_the_configuration, a_region_that_is_none]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--verbose", action="store_true", help="print what was said")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    bench = Bench(options)
    with bench.fake:
        failed = run_tests(TESTS, bench)
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
