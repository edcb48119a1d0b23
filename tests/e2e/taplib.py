# SPDX-License-Identifier: Apache-2.0
"""Starts ddbtap, kills it, and looks at what it left behind; for the end-to-end tests."""
import json
import os
import signal
import subprocess
import time

from fakelib import ACCESS, REGION, SECRET, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(TOP, "ddbtap")
FAKE = os.path.join(TOP, "ddbfake")

# As quick as the service's model allows, so that a test is short.
QUICK = {"poll_floor": "20ms", "max_latency": "100ms", "discovery": "200ms", "detach_after": "1s"}


def clean_environment(**more):
    """An environment in which no credentials and no profile can be found but those given."""
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**keep, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", **more}


def good_environment(**more):
    """One with the credentials that ddbfake takes."""
    return clean_environment(**{"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, **more})


def configuration(endpoint, tables, sinks, **more):
    """A configuration: `tables` are names or mappings, `sinks` are paths by name."""
    config = {"application": "e2e", "region": REGION, "endpoint": endpoint,
              "checkpoint": {"interval": "200ms"}, "engine": QUICK,
              "tables": [t if isinstance(t, dict) else {"name": t} for t in tables],
              "sinks": {name: {"type": "file", "path": path} if isinstance(path, str) else path
                        for name, path in sinks.items()}}
    for name, value in more.items():
        config[name] = {**config[name], **value} if name in ("engine", "checkpoint") else value
    return config


CONFIG = object()  # where the configuration's path goes in a verb's command line


def write_config(folder, config, name="ddbtap"):
    """Writes a configuration down: a mapping as JSON, which is YAML, or the text itself. Returns its path."""
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(config if isinstance(config, str) else json.dumps(config, indent=1))
    return path


def run_verb(folder, config, *words, env=None, text=None, seconds=60):
    """Runs a verb to its end, with `text` on its standard input; CONFIG among its words stands for the configuration.
    Returns what subprocess.run does."""
    path = write_config(folder, config, "verb")
    return subprocess.run([PROGRAM, *(path if word is CONFIG else str(word) for word in words)], text=True,
                          input="" if text is None else text, capture_output=True, timeout=seconds, check=False,
                          env=good_environment() if env is None else env)


class Tap:
    """A running ddbtap; a context manager. Its standard error is in a file, from start to start."""

    def __init__(self, folder, config, *arguments, env=None, name="ddbtap"):
        self.log_path = os.path.join(folder, name + ".log")
        path = write_config(folder, config, name)
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen([PROGRAM, "run", path, *arguments], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            env=good_environment() if env is None else env)
        self.began = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def said(self):
        """What it wrote on standard error so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.log_start)
            return log.read()

    def wait(self, seconds=20):
        """Waits for its end; returns the exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as why:
            raise AssertionError(f"it did not end within {seconds} s:\n{self.said()}") from why

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        """SIGSTOP, and waits until it stands still."""
        self.signal(signal.SIGSTOP)
        wait_for(lambda: self._state() in "TZX")

    def _state(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


def line_count(path):
    """How many whole lines a file has; none when it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0
