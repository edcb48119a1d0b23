#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Random items of all ten types go through the native format and are had back from its lines alone.

usage: native.py TOOL [PAGES] [SEED]

TOOL is native_tool. What it prints is read with Python's json, held against the JSON Schema, compared with the
page member by member, and with masking off and raw bytes kept, turned back into DynamoDB JSON, which must be the
page's, bit by bit.
"""
import base64
import json
import os
import random
import subprocess
import sys

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "sinks", "formats", "native.schema.json")
NAMES = ["id", "n", "a/b", "~", "~1", "a~/0", "", "k\"q", "back\\slash", "tab\tname", "é", "日本", "x.y",
         "name", "0", "\u0001", "𝄞", "types", "raw"]
TEXTS = ["", "a", "null", "0", "***", "\"quoted\"", "back\\slash", "line\nfeed\r\t", "\u0000\u001f",
         "é日本𝄞", "\u2028", "/", "~", "</script>", "x" * 300, "{\"S\":\"nested\"}", "\ufffd"]
NUMBERS = ["0", "-0", "1", "-1", "1E125", "1E-130", "-9.9999999999999999999999999999999999999E+125",
           "99999999999999999999999999999999999999", "0.12345678901234567890123456789012345678",
           "9007199254740993", "9007199254740992", "1e5", "1.0", "1.00", "100", "3.14"]
MALFORMED = [{"Q": 1}, {}, 7, None, "text", [], {"S": 1}, {"S": "a", "N": "1"}, {"N": "1x"}, {"B": "A"},
             {"NULL": False}, {"M": []}, {"NS": ["1", "x"]}, {"L": {"a": {"S": "é\n"}}}]
GOLDEN = os.path.join(HERE, "..", "golden", "native")
IMAGES = [("key", "Keys"), ("before", "OldImage"), ("after", "NewImage")]


def text(rng):
    """A string as an attribute may hold it."""
    if rng.random() < 0.7:
        return rng.choice(TEXTS)
    return "".join(chr(rng.choice([rng.randrange(0x20, 0x7f), rng.randrange(0xa0, 0x800),
                                   rng.randrange(0x10000, 0x10400)])) for _ in range(rng.randrange(40)))


def number(rng):
    """A number as DynamoDB writes one, of up to 38 digits."""
    if rng.random() < 0.5:
        return rng.choice(NUMBERS)
    digits = str(rng.randrange(1, 10 ** rng.randrange(1, 39)))
    if rng.random() < 0.4 and len(digits) > 1:
        at = rng.randrange(1, len(digits))
        digits = digits[:at] + "." + digits[at:]
    return rng.choice(["", "-"]) + digits + rng.choice(["", "", "E%d" % rng.randrange(-130, 126)])


def binary(rng):
    """Some bytes in base64."""
    return base64.b64encode(rng.randbytes(rng.randrange(rng.choice([4, 200])))).decode()


def value(rng, depth):
    """A random attribute value, or now and then what is none."""
    if rng.random() < 0.01:
        return rng.choice(MALFORMED)
    tag = rng.choice(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS"] + (["M", "L"] * 2 if depth < 6 else []))
    if tag == "M":
        return {"M": attributes(rng, depth + 1)}
    if tag == "L":
        return {"L": [value(rng, depth + 1) for _ in range(rng.randrange(4))]}
    if tag in ("SS", "NS", "BS"):
        make = {"SS": text, "NS": number, "BS": binary}[tag]
        return {tag: list(dict.fromkeys(make(rng) for _ in range(rng.randrange(1, 5))))}
    if tag in ("BOOL", "NULL"):
        return {tag: tag == "NULL" or rng.random() < 0.5}
    return {tag: {"S": text, "N": number, "B": binary}[tag](rng)}


def attributes(rng, depth):
    """A random map or item."""
    names = rng.sample(NAMES, rng.randrange(len(NAMES) if depth == 0 else 5))
    return {name: value(rng, depth) for name in names}


def record(rng, i):
    """A random stream record."""
    op = rng.choice(["INSERT", "MODIFY", "REMOVE"])
    key = {"id": {t: v for t, v in [rng.choice([("S", text(rng)), ("N", number(rng)), ("B", binary(rng))])]}}
    change = {"ApproximateCreationDateTime": rng.randrange(0, 4 * 10 ** 9), "Keys": key,
              "SequenceNumber": str(10 ** 20 + i), "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    if op != "REMOVE" and rng.random() < 0.9:
        change["NewImage"] = {**attributes(rng, 0), **key}
    if op != "INSERT" and rng.random() < 0.9:
        change["OldImage"] = {**attributes(rng, 0), **key}
    made = {"eventID": "%032x" % rng.getrandbits(128), "eventName": op, "eventVersion": "1.1", "dynamodb": change}
    if op == "REMOVE" and rng.random() < 0.5:
        who, kind = rng.choice([("PrincipalId", "Type"), ("principalId", "type")])
        made["userIdentity"] = {who: "dynamodb.amazonaws.com", kind: "Service"}
    items = list(made.items())
    rng.shuffle(items)
    return dict(items)


def write_json(rng, page):
    """One of the many JSON texts of a page: with escapes or without, with white space or without."""
    body = json.dumps(page, ensure_ascii=rng.random() < 0.5,
                      indent=rng.choice([None, None, 1]),
                      separators=rng.choice([None, (",", ":"), (" , ", " : ")]))
    if rng.random() < 0.2:
        body = body.replace("/", "\\/")
    return body.encode()


def run(tool, flags, body):
    """The lines that the tool makes of a page."""
    out = subprocess.run([tool, *flags], input=body, stdout=subprocess.PIPE, check=True).stdout
    assert out == b"" or out.endswith(b"\n"), "the last line has no end"
    return out


def escape(name):
    """A name as a part of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def restore(line, pointer, shown):
    """The DynamoDB JSON of a value that a line shows, from the line alone."""
    tag = line.get("types", {}).get(pointer)
    if tag is None and isinstance(shown, str) and pointer in line.get("undecodable", {}):
        return json.loads(shown)
    if tag == "N":
        return {"N": shown}
    if tag == "B":
        return {"B": shown if isinstance(shown, str) else line["raw"][pointer]}
    if tag is not None:
        return {tag: shown}
    if shown is None:
        return {"NULL": True}
    if isinstance(shown, bool):
        return {"BOOL": shown}
    if isinstance(shown, str):
        return {"S": shown}
    if isinstance(shown, list):
        return {"L": [restore(line, "%s/%d" % (pointer, i), v) for i, v in enumerate(shown)]}
    return {"M": restore_map(line, pointer, shown)}


def restore_map(line, pointer, shown):
    """The same for the members of a map or item."""
    return {name: restore(line, pointer + "/" + escape(name), v) for name, v in shown.items()}


def check_head(line, rec):
    """The members that say which event it is."""
    change = rec["dynamodb"]
    assert line["id"] == rec["eventID"]
    assert line["op"] == rec["eventName"].lower()
    assert line["seq"] == change["SequenceNumber"]
    assert line.get("ttl", False) == ("userIdentity" in rec)
    order = ["id", "op", "table", "stream", "shard", "seq", "time", "ttl", "key", "before", "after", "types",
             "masked", "raw", "undecodable", "gap", "summary"]
    assert list(line) == [name for name in order if name in line], "the order of members"
    assert "masked" not in line


def check_images(line, rec):
    """Key and images, had back from the line."""
    for mine, theirs in IMAGES:
        want = rec["dynamodb"].get(theirs)
        assert (mine in line) == (want is not None), mine
        if want is not None:
            got = restore_map(line, "/" + mine, line[mine])
            assert got == want, "%s is %r, not %r" % (mine, got, want)


def plain(v, as_number):
    """What the format shows for an attribute value, by an independent reading."""
    if v in MALFORMED:
        return Unread(v)
    (tag, inner), = v.items()
    if tag == "M":
        return {name: plain(x, as_number) for name, x in inner.items()}
    if tag == "L":
        return [plain(x, as_number) for x in inner]
    if tag == "NULL":
        return None
    if tag == "N":
        return as_number(inner)
    return [as_number(x) for x in inner] if tag == "NS" else inner


class Digits(str):
    """A JSON number's text, which equals no string."""

    def __eq__(self, other):
        return isinstance(other, Digits) and str(self) == str(other)

    __hash__ = str.__hash__


class Unread:
    """The JSON text of a value, which equals a string that reads as it."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, str) and json.loads(other) == self.value


def read_exactly(line):
    """Reads JSON with numbers as their digits."""
    return json.loads(line, parse_float=Digits, parse_int=Digits)


def check_page(tool, rng, validator):
    """One random page through all checks."""
    page = {"Records": [record(rng, i) for i in range(rng.randrange(12))]}
    if rng.random() < 0.8:
        page["NextShardIterator"] = "arn|1|" + binary(rng)
    body = write_json(rng, page)
    out = run(tool, ["--raw-always"], body)
    lines = out.decode().split("\n")[:-1]
    assert len(lines) == len(page["Records"]), "%d lines" % len(lines)
    for text_line, rec in zip(lines, page["Records"]):
        line = json.loads(text_line)
        validator.validate(line)
        check_head(line, rec)
        check_images(line, rec)
    assert run(tool, ["--raw-always"], body) == out, "a replay gives other bytes"
    out = run(tool, ["--numbers-json", "--mask", "--summary"], body)
    for text_line, rec in zip(out.decode().split("\n"), page["Records"]):
        validator.validate(json.loads(text_line))
        line = read_exactly(text_line)
        for mine, theirs in IMAGES:
            image = rec["dynamodb"].get(theirs)
            if image is not None:
                want = {name: plain(v, Digits) for name, v in image.items()}
                assert line[mine] == want, "numbers: %r is not %r" % (line[mine], want)
        assert line["summary"].split(" ")[0] in ("inserted", "modified", "removed")


def check_golden(tool, validator, name):
    """A page of the golden files: its lines hold to the schema, and give back the items."""
    with open(os.path.join(GOLDEN, name), "rb") as file:
        body = file.read()
    role = name.split(".")[0]
    flags = ["--raw-always"] + (["--role", role] if "blob\"" in body.decode("utf-8", "replace") else [])
    lines = run(tool, flags, body).decode().split("\n")
    for text_line, rec in zip(lines, json.loads(body.decode("utf-8", "replace"))["Records"]):
        line = json.loads(text_line)
        validator.validate(line)
        check_images(line, rec)


def check_goldens(tool, validator):
    """All golden files."""
    for name in sorted(os.listdir(GOLDEN)):
        if name.endswith(".page.json"):
            check_golden(tool, validator, name)
        else:
            with open(os.path.join(GOLDEN, name), encoding="utf-8") as file:
                for line in file:
                    validator.validate(json.loads(line))


def main():
    """Runs the pages; one result line."""
    tool = sys.argv[1]
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for i in [None, *range(seed, seed + pages)]:
        try:
            if i is None:
                check_goldens(tool, validator)
            else:
                check_page(tool, random.Random(i), validator)
        except (AssertionError, KeyError, ValueError, subprocess.CalledProcessError,
                jsonschema.ValidationError) as failure:
            print("not ok native_restores_items (seed %s: %s)" % (i, str(failure)[:2000]))
            return 1
    print("ok native_restores_items")
    return 0


if __name__ == "__main__":
    sys.exit(main())
