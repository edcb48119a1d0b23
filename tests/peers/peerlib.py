# SPDX-License-Identifier: Apache-2.0
"""What the tests against other people's software share: judges, servers, folders.

A judge is a small program in judges/ that asks somebody else's library: one question in JSON a line on its
standard input, one answer a line on its standard output. An answer is {"value": ...}, or {"refused": why}
when the library refused what it was given. Everything else, a crash included, is an error of the test and
never counts as a refusal.
"""
import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from fakelib import free_port, run_tests, wait_for  # pylint: disable=unused-import
from taplib import TOP, clean_environment

CACHE = os.path.join(TOP, "build", "peers-cache")
SCRATCH = os.path.join(TOP, "build", "peers")
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dlog4j2.configurationFile=" + os.path.join(HERE, "java", "log4j2.properties")]


# Before a command: a program that others wrote ends with the test that started it, however that ends.
ENDS_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


class Refused(Exception):
    """Somebody else's library refused what it was given; says which and why."""


def classpath(part):
    """The options that make Java find the jars of a part of the cache."""
    folder = os.path.join(CACHE, part)
    if not os.path.exists(os.path.join(folder, "made-from")):
        raise RuntimeError(f"{folder} is not complete: run tests/peers/install.sh first")
    return ["-cp", folder + "/*"]


def scratch(name):
    """An empty folder for one test, which stays for whoever wants to look."""
    folder = os.path.join(SCRATCH, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def _judge_command(name):
    path = os.path.join(HERE, "judges", name)
    if name.endswith(".py"):
        return [os.path.join(CACHE, "python", "bin", "python"), path]
    if name.endswith(".java"):
        return [*JAVA, *classpath("connect-4.3.1"), path]
    return ["node", "--preserve-symlinks", "--preserve-symlinks-main",
            os.path.join(CACHE, "node", "judges", name)]


class Judge:
    """A running judge."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen([*ENDS_WITH_US, *_judge_command(name)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True,
                                        env=clean_environment())
        self.unread = b""

    def ask(self, question, seconds=60):
        """Its answer's value; raises Refused when the library refused."""
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as why:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}") from why
        line = self._line(seconds)
        try:
            answer = json.loads(line)
        except ValueError as why:
            raise RuntimeError(f"{self.name} said {line!r}") from why
        if "refused" in answer:
            raise Refused(f"{self.name}: {answer['refused']}")
        if "value" not in answer:
            raise RuntimeError(f"{self.name}: {answer}")
        return answer["value"]

    def _line(self, seconds):
        end = time.monotonic() + seconds
        parts = [self.unread]
        while b"\n" not in parts[-1]:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.close()  # a late answer must not be taken for the next one's
                raise RuntimeError(f"{self.name} did not answer within {seconds} s")
            parts.append(os.read(self.process.stdout.fileno(), 1 << 20))
            if not parts[-1]:
                raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        line, self.unread = b"".join(parts).split(b"\n", 1)
        return line

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


_judges = {}


def judge(name):
    """The judge of that file name; started when first asked for, ended with the tests."""
    if name not in _judges or _judges[name].process.poll() is not None:
        _judges[name] = Judge(name)
    return _judges[name]


@atexit.register
def _close_judges():
    for each in _judges.values():
        each.close()


def verdict(check, *args):
    """True, or the reason why `check` raised Refused."""
    try:
        check(*args)
    except Refused as why:
        return str(why)
    return True


class Server:
    """A server in a process of its own, with a log; a context manager. Subclasses say how to start it. It
    ends with the thread that starts it, so that is the main one."""

    seconds = 60  # within which it has to be ready

    def __init__(self, folder, name):
        self.folder = folder
        self.log_path = os.path.join(folder, name + ".log")
        self.process = None
        self.log_start = 0

    def command(self):
        """The program and its arguments."""
        raise NotImplementedError

    def ready(self):
        """Whether it can be used now."""
        raise NotImplementedError

    def start(self):
        """Starts it, and waits until it is ready."""
        assert self.process is None, "it runs already"
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen([*ENDS_WITH_US, *self.command()], stdout=log,
                                            stdin=subprocess.DEVNULL, stderr=log,
                                            env=clean_environment(), start_new_session=True)
        try:
            wait_for(self._ready_or_dead, self.seconds)
        except AssertionError as why:
            self.kill()
            raise RuntimeError(f"{self.log_path}: {why}\n{self.said()[-3000:]}") from why

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with status {self.process.returncode}")
        return self.ready()

    def said(self):
        """What it wrote since it was started last."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.log_start)
            return log.read()

    def kill(self):
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self):
        """SIGTERM, and waits until it has ended."""
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(self.seconds)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
