#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers POSTs over TLS with the certificate $1 and key $2; prints its port. Ends with its stdin.

The answer says whether the TLS session was resumed; the connection is closed after it.

With $3 above 1, connections after the first are served in groups of so many: a group's handshakes go
on when each client has said hello. A client uses a ticket of TLS 1.3 once, so one that says hello
between another's use of a ticket and the arrival of the next ticket has none.
"""
import os
import socket
import ssl
import sys
import threading


def serve(raw, context, gate):
    try:
        raw.recv(1, socket.MSG_PEEK)
        if gate is not None:
            gate.wait()
        with context.wrap_socket(raw, server_side=True) as conn:
            data = b""
            while b"\r\n\r\n" not in data:
                more = conn.recv(65536)
                if not more:
                    return
                data += more
            body = b"resumed" if conn.session_reused else b"new"
            head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            conn.sendall(head.encode() + body)
    except OSError:
        pass


def accept(listener, context, group):
    gate = None
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context, gate), daemon=True).start()
        if gate is None and group > 1:
            gate = threading.Barrier(group)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    group = int(sys.argv[3])
    threading.Thread(target=accept, args=(listener, context, group), daemon=True).start()
    os.write(1, b"%d\n" % listener.getsockname()[1])
    sys.stdin.read()
    os._exit(0)


main()
