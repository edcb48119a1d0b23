#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our base64 with Python's on random texts, well formed and damaged.

usage: base64_codec.py TOOL [COUNT [SEED]]     TOOL is the program built from base64_tool.c
"""
import base64
import binascii
import random
import subprocess
import sys

DAMAGE = [b"", b"=", b"==", b"A", b"/", b"+", b"-", b"_", b" ", b"\r", b"\x00", b"\x80", b"\xff"]


def make(rng):
    """A random text; about half are damaged."""
    raw = base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 3, 4, 5, 30, 31, 32, 1000])))
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = rng.choice([rng.randint(0, len(raw)), max(len(raw) - rng.randint(0, 4), 0)])
        raw = raw[:at] + rng.choice(DAMAGE) + raw[at + rng.randint(0, 1):]
    return raw


def expected(raw):
    """What base64_tool.c must print: only what encodes to the same text again is well formed."""
    try:
        plain = base64.b64decode(raw, validate=True)
    except binascii.Error:
        return "error"
    if base64.b64encode(plain) != raw:
        return "error"
    return plain.hex() + " " + raw.decode()


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    raws = [make(rng) for _ in range(count)]
    run = subprocess.run([tool], input=b"".join(b">" + r + b"\n" for r in raws),
                         stdout=subprocess.PIPE, check=True)
    lines = run.stdout.decode().split("\n")[:-1]
    bad = 0 if len(lines) == count else 1
    refused = 0
    for raw, got in zip(raws, lines):
        want = expected(raw)
        refused += want == "error"
        if got != want:
            bad += 1
            print("text: %r\n got: %s\nwant: %s" % (raw, got, want), file=sys.stderr)
    if refused < count // 10 or refused > count * 9 // 10:
        print("only one kind of text was tried", file=sys.stderr)
        bad += 1
    print("%s base64_agrees_with_python (%d texts, %d malformed, seed %d)" %
          ("not ok" if bad else "ok", count, refused, seed))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
