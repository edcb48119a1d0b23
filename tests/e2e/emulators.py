#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the whole path against two emulators of DynamoDB that others wrote, from PyPI.

    emulators.py [--seed N]

MiniStack: tables, streams, a checkpoint table on demand, kill -9, restart, --until-caught-up. moto, with
authentication on: signatures that another program checks. Both are installed into build/venv-emulators,
once. What they do otherwise than the service, as far as it matters here:

- both: one shard per stream, with the same id for all streams, which never ends; so lease rows' keys must
  carry the table and the stream's label;
- MiniStack: sequence numbers are padded with zeros to 30 digits; an empty shard has no sequence numbers in
  its range; answers of the streams API have no checksum; signatures are not checked;
- moto: conditional writes are not atomic, so two workers must not share a table there; every answer closes
  the connection; a refusal of credentials is an XML document with status 403.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import boto3
from botocore.config import Config

import verify
from fakelib import REGION, free_port, make_table, run_tests, wait_for
from taplib import PROGRAM, TOP, Tap, clean_environment, configuration, line_count
from writers import COUNTERS, Writers, accounts_differ

VENV = os.path.join(TOP, "build", "venv-emulators")
SCRATCH = os.path.join(TOP, "build", "e2e-emulators")
PINNED = ["moto[dynamodb]==5.2.5", "flask", "flask-cors", "ministack==1.5.33"]
ADMIN_KEYS = "AKIDEXAMPLE", "secret"  # MiniStack's, which takes any; and moto's until it checks
KILLS = 4


def install():
    """Makes the virtual environment, unless it is there and complete."""
    complete = os.path.join(VENV, "complete")
    wanted = "\n".join(PINNED)
    if os.path.exists(complete):
        with open(complete, encoding="utf-8") as file:
            if file.read() == wanted:
                return
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", VENV], check=True)
    subprocess.run([f"{VENV}/bin/pip", "install", "--quiet", "--disable-pip-version-check", *PINNED],
                   check=True)
    with open(complete, "w", encoding="utf-8") as file:
        file.write(wanted)


class Emulator:
    """A server in a process of its own, on a free port; a context manager."""

    def __init__(self, name, arguments, ready, **env):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [a.replace("PORT", str(self.port)) for a in arguments]
        env = {key: value.replace("PORT", str(self.port)) for key, value in env.items()}
        with open(os.path.join(SCRATCH, name + ".log"), "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(VENV, "bin", arguments[0]), *arguments[1:]], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, env={**clean_environment(HOME=SCRATCH), **env},
                cwd=SCRATCH, start_new_session=True)
        try:
            wait_for(lambda: self._answers(ready), 30)
        except BaseException:
            self.__exit__()
            raise

    def _answers(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Its own session: what it started ends with it.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def client(self, service="dynamodb", keys=ADMIN_KEYS):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION,
                            aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
                            config=Config(retries={"total_max_attempts": 1}))


def ministack():
    return Emulator("ministack", ["ministack"], "/_ministack/health",
                    GATEWAY_PORT="PORT", BIND_HOST="127.0.0.1")


def moto():
    return Emulator("moto", ["moto_server", "-H", "127.0.0.1", "-p", "PORT"],
                    "/moto-api/data.json")


def environment(keys):
    return clean_environment(AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1])


def one_sentence(tap):
    """The last line, which must be the program's own."""
    last = tap.said().splitlines()[-1]
    assert last.startswith("ddbtap: "), tap.said()
    return last


# ---- MiniStack ----

def ministack_kills_and_restarts(seed):
    """Counters are written while ddbtap is killed; in the end each sink has the writers' accounts."""
    folder = os.path.join(SCRATCH, "ministack")
    os.makedirs(folder)
    rng = random.Random(seed)
    with ministack() as server:
        client = server.client()
        for table, sort in COUNTERS.items():
            make_table(client, table, sort=sort)
        paths = {name: os.path.join(folder, name + ".ndjson") for name in ("one", "two")}
        config = configuration(server.url, COUNTERS, paths, worker={"id": "w1"})
        writers = Writers(server.client, 2, seed, 0.03, blobs=False)
        try:
            for _ in range(KILLS):
                with Tap(folder, config, env=environment(ADMIN_KEYS)) as tap:
                    had = line_count(paths["one"])
                    wait_for(lambda: line_count(paths["one"]) > had + 10)
                    time.sleep(rng.random() * 0.5)
                    assert tap.process.poll() is None, tap.said()
                    tap.kill()
            writers.stop()
        finally:
            writers.abandon()
        with Tap(folder, config, "--until-caught-up", env=environment(ADMIN_KEYS)) as tap:
            assert tap.wait() == 0, tap.said()
        assert client.describe_table(TableName="ddbtap-e2e")["Table"]["KeySchema"] == [
            {"AttributeName": "leaseKey", "KeyType": "HASH"}]
        for name, path in paths.items():
            lines = verify.load_lines(path)
            wrong = accounts_differ(writers.accounts, lines)
            assert not wrong, f"{name}: {wrong[:5]}"
            written = sum(map(len, writers.accounts.values()))
            print(f"# {name}: {written} writes, {KILLS} kills, {len(lines) - written} doubled")
            assert len(lines) >= written > 50
        # Everything is there: another run has nothing to do.
        before = {name: line_count(path) for name, path in paths.items()}
        with Tap(folder, config, "--until-caught-up", env=environment(ADMIN_KEYS)) as tap:
            assert tap.wait() == 0, tap.said()
        assert before == {name: line_count(path) for name, path in paths.items()}


# ---- moto ----

POLICY = {"Version": "2012-10-17",
          "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}


def check_signatures(server, on):
    """Makes moto check signatures and policies of all further requests, or of none."""
    request = urllib.request.Request(f"{server.url}/moto-api/reset-auth",
                                     data=b"0" if on else b"inf",
                                     headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=10).close()


def make_user(server, name, policy):
    """A user with a policy, or without; returns its access key and secret."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def policy_of(config):
    """What `ddbtap iam` says that a configuration needs. moto looks at actions, not at resources."""
    policy = json.loads(subprocess.run([PROGRAM, "iam", "-"], check=True, input=json.dumps(config),
                                       capture_output=True, text=True).stdout)
    for statement in policy["Statement"]:
        statement["Resource"] = "*"
    return policy


def moto_checks_signatures(_seed):
    """With the policy that `ddbtap iam` prints and the right secret everything arrives; with a wrong one, an unknown key and without permission
    it says so in one sentence and ends with 77."""
    folder = os.path.join(SCRATCH, "moto")
    os.makedirs(folder)
    path = os.path.join(folder, "sink.ndjson")
    with moto() as server:
        config = configuration(server.url, ["things"], {"sink": path}, worker={"id": "w1"})
        admin, idle = make_user(server, "admin", POLICY), make_user(server, "idle", None)
        good = make_user(server, "good", policy_of(config))
        blind = policy_of(config)
        blind["Statement"][0]["Action"].remove("dynamodb:GetRecords")
        blind = make_user(server, "blind", blind)
        check_signatures(server, True)
        client = server.client(keys=admin)
        make_table(client, "things")
        for n in range(40):
            client.put_item(TableName="things",
                            Item={"pk": {"S": f"ключ +/%{n % 4}"}, "n": {"N": str(n)}})
        for _ in range(2):  # the second has nothing to do
            with Tap(folder, config, "--until-caught-up", env=environment(good)) as tap:
                assert tap.wait() == 0, tap.said()
            got = [json.loads(line)["after"]["n"] for line in verify.load_lines(path)]
            assert got == [str(n) for n in range(40)], got
        for keys, word in (((good[0], good[1][::-1]), "signature"),
                           (("AKIAUNKNOWNUNKNOWNXX", good[1]), "security token"),
                           (idle, "not authorized"), (blind, "dynamodb:GetRecords")):
            with Tap(folder, config, env=environment(keys)) as tap:
                began = time.monotonic()
                assert tap.wait() == 77, tap.said()
                print(f"# {time.monotonic() - began:.1f} s: {one_sentence(tap)}")
                assert word in one_sentence(tap), one_sentence(tap)
                assert len([x for x in tap.said().splitlines() if x.startswith("ddbtap:")]) == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    install()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    failed = run_tests([ministack_kills_and_restarts, moto_checks_signatures], options.seed)
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
