#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A webhook receiver that keeps what it is sent, and can be told to behave badly.

    receiver.py --file PATH [--secret-file PATH] [--style standard|github|stripe|none] [--port N]
                [--faults NAME=PERCENT,...] [--seed N] [--no-sync] [--token-life SECONDS] [--annotate]

Prints "receiver: listening on 127.0.0.1:PORT". Each event of a request, a JSON array or one object, becomes
a line of PATH, which is synced before the answer goes out: 204 means durable. What is not signed by a
secret of the file gets 401 and a line in PATH.bad. With --token-life it also gives access tokens at /token,
by OAuth 2.0's client credentials grant (client "ddbtap", secret "hush"), and wants one that it gave in every
other request; each one given is a line in PATH.tokens. With --annotate a line begins with the path that the
request was posted to and the machine's monotonic clock in ms. Each fault that was played is a line in PATH.faults:

    slow      takes its time before it records           late       takes its time after recording
    error     503 at once                                retryafter 429 with Retry-After: 1
    after     records, then answers 500                  reset      reads, then closes without an answer
    half      records, then sends half an answer         bodyclose  records, then closes within a body
    partial   records some, names the first of the rest  lie        200 before reading the body, of which it
                                                                    reads nothing; only for large bodies
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import random
import socket
import sys
import threading
import time

TOLERANCE = 300  # s that a timestamp may be off
LARGE = 256 * 1024  # bytes: what no socket's buffers hold when nobody reads
RECEIVE_BUFFER = 8 * 1024
CLIENT = "Basic " + base64.b64encode(b"ddbtap:hush").decode()
FAULTS = ("slow", "late", "error", "retryafter", "after", "reset", "half", "bodyclose", "partial", "lie")


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def is_signed(style, secrets, headers, body):
    """Whether a request is signed by one of the secrets, and not long ago."""
    if style == "none":
        return True
    if style == "github":
        got = headers.get("X-Hub-Signature-256", "")
        return any(hmac.compare_digest(got, "sha256=" + mac(s.encode(), body).hex()) for s in secrets)
    if style == "stripe":
        parts = [part.partition("=") for part in headers.get("Stripe-Signature", "").split(",")]
        when = next((value for name, _, value in parts if name == "t"), "")
        want = [mac(s.encode(), when.encode(), b".", body).hex() for s in secrets]
        got = [value for name, _, value in parts if name == "v1"]
    else:
        when = headers.get("webhook-timestamp", "")
        signed = f"{headers.get('webhook-id', '')}.{when}.".encode()
        want = ["v1," + base64.b64encode(mac(base64.b64decode(s[len("whsec_"):]), signed, body)).decode()
                for s in secrets]
        got = headers.get("webhook-signature", "").split(" ")
    if not when.isdigit() or abs(time.time() - int(when)) > TOLERANCE:
        return False
    return any(hmac.compare_digest(a, b) for a in got for b in want)


def split(body):
    """The texts of the events in a body, as they were sent."""
    text = body.decode()
    if not text.startswith("["):
        json.loads(text)
        return [text]
    found, at, decoder = [], 1, json.JSONDecoder()
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end])
        at = end + (text[end] == ",")
    if text[at + 1:]:
        raise ValueError("something follows the array")
    return found


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options):
        self.options = options
        self.lock, self.rng = threading.Lock(), random.Random(options.seed)
        self.faults = {name: int(percent) for name, _, percent in
                       (fault.partition("=") for fault in filter(None, options.faults.split(",")))}
        unknown = set(self.faults) - set(FAULTS)
        if unknown:
            sys.exit(f"receiver: no such fault: {', '.join(unknown)}")
        self.tokens = {}  # when each expires
        self.secrets = []
        if options.style != "none":
            with open(options.secret_file, encoding="utf-8") as file:
                self.secrets = [line.strip() for line in file if line.strip() and line[0] != "#"]
        self.out = os.open(options.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._cut_torn_line()
        super().__init__(("127.0.0.1", options.port), Handler)

    def _cut_torn_line(self):
        """What a kill within a write left was never acknowledged."""
        with open(self.options.file, "rb") as file:
            os.truncate(self.out, file.read().rfind(b"\n") + 1)

    def server_bind(self):
        if self.faults.get("lie"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        super().server_bind()

    def handle_error(self, *_):
        """A client that was killed is no news."""

    def record(self, path, lines):
        """Makes lines durable that were posted to `path`, all or none of them as far as one write goes."""
        with self.lock:
            # The time is taken in here, so that it never goes back from line to line.
            head = f"{path} {time.monotonic_ns() // 10 ** 6} " if self.options.annotate else ""
            data = "".join(f"{head}{line}\n" for line in lines).encode()
            while data:
                data = data[os.write(self.out, data):]
            if not self.options.no_sync:
                os.fdatasync(self.out)

    def note(self, suffix, text):
        with self.lock, open(self.options.file + suffix, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def give_token(self):
        """A new access token, as a token server's answer."""
        token = os.urandom(16).hex()
        self.tokens[token] = time.time() + self.options.token_life
        self.note(".tokens", token)
        return json.dumps({"access_token": token, "token_type": "Bearer",
                           "expires_in": self.options.token_life}).encode()

    def admits(self, headers, body):
        """Whether a request has a good signature, and a good token where one is wanted."""
        expires = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "), 0)
        return (not self.options.token_life or expires > time.time()) and \
            is_signed(self.options.style, self.secrets, headers, body)

    def plays(self, name):
        """Whether a fault is to be played now."""
        with self.lock:
            play = self.rng.random() * 100 < self.faults.get(name, 0)
        if play:
            self.note(".faults", name)
        return play


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "receiver"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_and_close(self, text):
        self.wfile.write(text)
        self.close_connection = True

    def do_POST(self):
        length, server = int(self.headers["Content-Length"]), self.server
        if length >= LARGE and server.plays("lie"):
            self.answer_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            time.sleep(0.2)
            return
        body = self.rfile.read(length)
        if len(body) < length:  # the client has gone
            self.close_connection = True
        elif self.path == "/token":
            known = self.headers.get("Authorization") == CLIENT and b"grant_type=client_credentials" in body
            self.answer(*(200, server.give_token()) if known else (401,))
        elif not server.admits(self.headers, body):
            server.note(".bad", f"{self.headers} {len(body)} bytes")
            self.answer(401)
        else:
            self.take(split(body))

    def take(self, events):
        """A request in order: records it and answers, unless a fault comes in between."""
        plays, record = self.server.plays, self.server.record
        if plays("slow"):
            time.sleep(self.server.rng.random() * 0.3)
        if plays("error"):
            return self.answer(503)
        if plays("retryafter"):
            return self.answer(429, Retry_After="1")
        if plays("reset"):
            self.close_connection = True
            return None
        if plays("partial"):
            taken = self.server.rng.randrange(len(events))
            record(self.path, events[:taken])
            failures = [{"itemIdentifier": json.loads(event)["seq"]} for event in events[taken:][:2]]
            return self.answer(200, json.dumps({"batchItemFailures": failures[::-1]}).encode())
        record(self.path, events)
        if plays("late"):
            time.sleep(self.server.rng.random() * 0.3)
        if plays("after"):
            return self.answer(500)
        if plays("half"):
            return self.answer_and_close(b"HTTP/1.1 20")
        if plays("bodyclose"):
            return self.answer_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"batch")
        return self.answer(204)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--file", required=True)
    parser.add_argument("--secret-file")
    parser.add_argument("--style", choices=("standard", "github", "stripe", "none"), default="standard")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--token-life", type=int, default=0)
    parser.add_argument("--no-sync", action="store_true")
    parser.add_argument("--annotate", action="store_true")
    options = parser.parse_args()
    if options.style != "none" and not options.secret_file:
        parser.error("--secret-file is needed, or --style none")
    server = Receiver(options)
    print(f"receiver: listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
