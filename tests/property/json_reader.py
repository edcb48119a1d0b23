#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our JSON reader and writer with Python's on random documents, whole and damaged.

usage: json_reader.py TOOL [COUNT [SEED]]     TOOL is the program built from json_tool.c
"""
import json
import random
import re
import subprocess
import sys

DEPTH_MAX = 200
TEXT = ["a", "b", " ", "key", '"', "\\", "/", "\n", "\t", "\x00", "\x1f", "\x7f", "\u00e9",
        "\u20ac", "\U0001f600", "\ud83d", "\ude00", "0123456789abcdef0123", "\ufffd", "\u2028"]
DAMAGE = [b"", b"", b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"0", b"-", b".", b"e", b"u",
          b"\x00", b"\x1f", b"\x80", b"\xff", b"\xe2\x82", b"\xf0\x9f", b" ", b"\t", b"\x0b",
          b"\\u", b"\\ud83d", b"true", b"nul", b"NaN", b"/*", b"\xef\xbb\xbf"]


class Number(str):
    """A number's text, as it stands in the document."""


def string(rng):
    """A random string's body, with escapes where they must be and where they may be."""
    out = []
    for _ in range(rng.choice([0, 1, 2, 5, 30])):
        text = rng.choice(TEXT)
        for c in text:
            short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t"}.get(c)
            if short and rng.random() < 0.5:
                out.append(short)
            elif c in '"\\' or c < " " or "\ud800" <= c <= "\udfff" or rng.random() < 0.1:
                units = c.encode("utf-16-be", "surrogatepass").hex()
                digits = [units[i:i + 4] for i in range(0, len(units), 4)]
                out += ["\\u" + rng.choice([d, d.upper()]) for d in digits]
            else:
                out.append(c)
    return '"' + "".join(out) + '"'


def number(rng):
    """A random number's text."""
    text = rng.choice(["", "-"]) + rng.choice(["0", "7", "10", "12345678901234567890123"])
    text += rng.choice(["", "", ".0", ".5", ".000123456789012345678"])
    return text + rng.choice(["", "", "e5", "E-10", "e+099999"])


def document(rng, depth):
    """A random document's text."""
    def blank():
        return rng.choice(["", "", "", " ", "\n\t", "\r \n"])
    kind = rng.choice("onsl" if depth > 0 else "ns")
    if kind == "n":
        core = rng.choice([number(rng), "true", "false", "null"])
    elif kind == "s":
        core = string(rng)
    elif kind == "l":
        parts = [document(rng, depth - 1) for _ in range(rng.randint(0, 4))]
        core = "[" + (",".join(parts) or blank()) + "]"
    else:
        parts = [blank() + string(rng) + blank() + ":" + document(rng, depth - 1)
                 for _ in range(rng.randint(0, 4))]
        core = "{" + (",".join(parts) or blank()) + "}"
    return blank() + core + blank()


def damage(rng, raw):
    """Replaces a few pieces of a document."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(raw))
        raw = raw[:at] + rng.choice(DAMAGE) + raw[at + rng.randint(0, 2):]
    return raw


def deep(rng):
    """A document that is nested about as deep as is allowed."""
    kinds = [rng.choice(("[]", ("{\"a\":", "}"))) for _ in range(DEPTH_MAX + rng.randint(-2, 2))]
    return ("".join(k[0] for k in kinds) + "1" + "".join(k[1] for k in reversed(kinds))).encode()


def emit(value):
    """The canonical form that json_tool.c prints."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return '"' + re.sub(r'["\\\x00-\x1f\ud800-\udfff]', escape, value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(emit, value)) + "]"
    if isinstance(value, tuple):
        return "{" + ",".join(emit(k) + ":" + emit(v) for k, v in value) + "}"
    return {True: "true", False: "false", None: "null"}[value]


def escape(match):
    """One character that is not written as itself."""
    c = match.group()
    if c >= "\ud800":
        return "\ufffd"
    return {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(
        c, "\\u%04x" % ord(c))


def refuse(word):
    """Python takes NaN and Infinity for numbers; JSON does not."""
    raise ValueError(word)


def nesting(value):
    """How deep a value is nested."""
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    if isinstance(value, tuple):
        return 1 + max((nesting(v) for _, v in value), default=0)
    return 0


def expected(raw):
    """What json_tool.c must print."""
    try:
        value = json.loads(raw.decode("utf-8", "replace"), object_pairs_hook=tuple,
                           parse_int=Number, parse_float=Number, parse_constant=refuse)
    except ValueError:
        return "error"
    return "error" if nesting(value) > DEPTH_MAX else emit(value)


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    sys.setrecursionlimit(5000)
    raws = []
    while len(raws) < count:
        raw = document(rng, rng.randint(0, 5)).encode()
        raws += [raw, damage(rng, raw)]
        if rng.random() < 0.02:
            raws.append(deep(rng))
    raws = [r for r in raws if r]
    run = subprocess.run([tool], input="".join(r.hex() + "\n" for r in raws).encode(),
                         stdout=subprocess.PIPE, check=True)
    lines = run.stdout.decode().split("\n")[:-1]
    bad = 0 if len(lines) == len(raws) else 1
    refused = 0
    for raw, got in zip(raws, lines):
        want = expected(raw)
        refused += want == "error"
        if got != want:
            bad += 1
            print("document: %r\n     got: %s\n    want: %s" % (raw, got, want), file=sys.stderr)
    if refused < len(raws) // 10 or refused > len(raws) * 9 // 10:
        print("only one kind of document was tried", file=sys.stderr)
        bad += 1
    print("%s json_agrees_with_python (%d documents, %d malformed, seed %d)" %
          ("not ok" if bad else "ok", len(raws), refused, seed))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
