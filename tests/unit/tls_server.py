#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers POSTs over TLS with the certificate $1 and key $2; prints its port. Ends with its stdin.

The answer says whether the TLS session was resumed; the connection is closed after it.
"""
import os
import socket
import ssl
import sys
import threading


def serve(raw, context):
    try:
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


def accept(listener, context):
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context), daemon=True).start()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    os.write(1, b"%d\n" % listener.getsockname()[1])
    sys.stdin.read()
    os._exit(0)


main()
