#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers POSTs over TLS with the certificate $1 and key $2; prints its port. Ends with its stdin.

The answer says whether the TLS session was resumed; the connection is closed after it.

With $3 above 1, connections after the first are served in groups of so many: a group's handshakes go
on when each client has said hello. A client uses a ticket of TLS 1.3 once, so one that says hello
between another's use of a ticket and the arrival of the next ticket has none.

With $3 0, connections are reset after the handshake.

With $4, clients must have a certificate of that authority, and the answer is the client's name. $5 is the
newest version of TLS that is spoken, such as TLSv1_2.

A client that takes it for a proxy and says CONNECT is served, too, as if by whom it wants.
"""
import os
import socket
import ssl
import struct
import sys
import threading


def serve(raw, context, gate, group):
    try:
        if raw.recv(1, socket.MSG_PEEK) == b"C":
            said = b""
            while b"\r\n\r\n" not in said:
                said += raw.recv(1)
            raw.sendall(b"HTTP/1.1 200 Go on\r\nRetry-After: 9\r\n\r\n")
        if gate is not None:
            gate.wait()
        with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as conn:
            try:
                conn.do_handshake()
            except ssl.SSLError:
                # The alert arrives before a reset, which discards what was not read, could.
                socket.socket.shutdown(conn, socket.SHUT_WR)
                while socket.socket.recv(conn, 65536):
                    pass
                return
            if group == 0:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            data = b""
            while b"\r\n\r\n" not in data:
                more = conn.recv(65536)
                if not more:
                    return
                data += more
            body = b"resumed" if conn.session_reused else b"new"
            if context.verify_mode == ssl.CERT_REQUIRED:
                subject = dict(part[0] for part in conn.getpeercert()["subject"])
                body = subject["commonName"].encode()
            head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            conn.sendall(head.encode() + body)
    except OSError:
        pass


def accept(listener, context, group):
    gate = None
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context, gate, group), daemon=True).start()
        if gate is None and group > 1:
            gate = threading.Barrier(group)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 4:
        context.load_verify_locations(sys.argv[4])
        context.verify_mode = ssl.CERT_REQUIRED
    if len(sys.argv) > 5:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.maximum_version = getattr(ssl.TLSVersion, sys.argv[5])
    listener = socket.create_server(("127.0.0.1", 0))
    group = int(sys.argv[3])
    threading.Thread(target=accept, args=(listener, context, group), daemon=True).start()
    os.write(1, b"%d\n" % listener.getsockname()[1])
    sys.stdin.read()
    os._exit(0)


main()
