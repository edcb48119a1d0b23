# SPDX-License-Identifier: Apache-2.0
"""Our own program against a receiver of webhooks: a service with writes, ddbtap, and what arrives where."""
import collections
import http.server
import json
import os
import ssl
import sys
import threading
import time

from peerlib import scratch, wait_for
from fakelib import Fake, make_table
from taplib import FAKE, Tap, configuration

# A request as it was received: `headers` by name in lower case, `body` in bytes, `at` in seconds of the
# monotonic clock, `peer` the common name of the client's certificate, `status` what was answered.
Request = collections.namedtuple("Request", "path headers body at peer status answer")


class Hook(http.server.ThreadingHTTPServer):
    """A receiver that keeps what it is sent, and answers what it is told to; a context manager. `answer` is
    called with each request, one at a time, and gives a status, or a tuple of status, headers and body."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer=lambda request: 204, tls=None):
        self.answer, self.tls, self.lock = answer, tls, threading.Lock()
        self.requests, self.refused, self.errors = [], [], []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}/in"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that goes away is no news; what `answer` raises is."""
        why = sys.exc_info()[1]
        if not isinstance(why, OSError):
            self.errors.append(repr(why))

    def got(self, least=1, seconds=20):
        """All requests, once there are so many."""
        wait_for(lambda: self.errors or len(self.requests) >= least, seconds)
        assert not self.errors, self.errors
        with self.lock:
            return list(self.requests)

    def taken(self):
        """Those that were answered with 2xx."""
        with self.lock:
            return [request for request in self.requests if request.status // 100 == 2]


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        if self.server.tls:
            try:
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            except OSError as why:
                self.server.refused.append(str(why))
                raise
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Says nothing."""

    def do_POST(self):  # pylint: disable=invalid-name
        """Keeps the request and answers."""
        headers = {}
        for name, value in self.headers.items():
            assert name.lower() not in headers, f"the header {name} is there twice"
            headers[name.lower()] = value
        length = int(headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        with self.server.lock:
            request = Request(self.path, headers, body, time.monotonic(), self._peer(), 0, b"")
            said = self.server.answer(request)
            status, more, text = (said, {}, b"") if isinstance(said, int) else said
            self.server.requests.append(request._replace(status=status, answer=text))
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _peer(self):
        found = self.request.getpeercert() if self.server.tls else None
        return dict(pair for part in found["subject"] for pair in part)["commonName"] if found else None


def tls_context(folder, certificate="good", client_ca=None):
    """A server's side of TLS with what make_certs.sh put into a folder; wants a client's certificate if
    `client_ca` says whose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, certificate + ".pem"), os.path.join(folder, "key.pem"))
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class World:
    """A service with one table, and ddbtap with a webhook sink; a context manager."""

    def __init__(self, name, table="things", sort=False, view="NEW_AND_OLD_IMAGES", shards=1):
        self.folder, self.table, self.runs = scratch(name), table, 0
        self.fake = Fake(FAKE, "--shards", shards)
        self.client = self.fake.client()
        make_table(self.client, table, view, sort)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.fake.kill()

    def put(self, *items):
        """Writes items."""
        for item in items:
            self.client.put_item(TableName=self.table, Item=item)

    def things(self, n, start=0, keys=5):
        """Writes `n` versions of a few items, so that some are inserted and some modified."""
        self.put(*({"pk": {"S": f"k{i % keys}"}, "n": {"N": str(i)}, "s": {"S": "ü\u2028\U0001F600 \"\\"}}
                   for i in range(start, start + n)))

    def secret(self, name, *lines):
        """Writes a file that only we can read; returns its path."""
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))
        return path

    def tap(self, url, *arguments, sinks=None, name="ddbtap", on_gap="fail", **hook):
        """ddbtap, started, that posts to a URL; `hook` are the sink's options, `sinks` more sinks; with the
        `name` of an earlier one it goes on where that ended."""
        sink = {"type": "webhook", "url": url, "allow_http": url.startswith("http:"), "allow_private": True,
                **({} if "signature" in hook else {"signature": "none"}), **hook}
        config = configuration(self.fake.url, [{"name": self.table, "on_gap": on_gap}],
                               {"hook": sink, **(sinks or {})}, application=name)
        return Tap(self.folder, config, *arguments, name=name)

    def deliver(self, url, name=None, **hook):
        """All that there is so far, through a ddbtap that has not run before unless it has a name; it ends
        when it is done."""
        self.runs += 1
        with self.tap(url, "--until-caught-up", name=name or f"run{self.runs}", **hook) as tap:
            assert tap.wait(40) == 0, tap.said()


def events_of(body):
    """The events of a body in the native form."""
    found = json.loads(body)
    return found if isinstance(found, list) else [found]
