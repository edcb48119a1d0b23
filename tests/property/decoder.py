#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The decoder against Google's protobuf runtime.

    decoder.py TOOL [COUNT [SEED]]

Makes random blobs of every message of VinylDNS's schema and of two schemas with everything that
protobuf can say, as usual writers make them and as unusual ones may: fields in any order, scalars
given again, messages in parts, packed and loose elements mixed, unknown fields, damaged bytes. What
the JSON must be is worked out here from the runtime's own message objects and from the rules in
proto/transcode.h. TOOL is transcode_tool, COUNT how many blobs of each kind of writer are made of each
message. Prints "ok NAME" or "not ok NAME" per message.
"""

import base64
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import warnings

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RECORD_TYPES = "A AAAA CNAME DS MX NAPTR NS PTR SOA SPF SRV SSHFP TXT".split()
MASKED = {"ZoneConnection.key", "User.accessKey", "User.secretKey"}
BY_TYPE = "RecordData.data"
HEX = "DSData.digest"
EITHER = "RecordSet.recordSetGroupChange"

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = 0, 1, 2, 3, 4, 5
WIRE = {
    F.TYPE_DOUBLE: FIXED64, F.TYPE_FIXED64: FIXED64, F.TYPE_SFIXED64: FIXED64,
    F.TYPE_FLOAT: FIXED32, F.TYPE_FIXED32: FIXED32, F.TYPE_SFIXED32: FIXED32,
    F.TYPE_STRING: BYTES, F.TYPE_BYTES: BYTES, F.TYPE_MESSAGE: BYTES, F.TYPE_GROUP: GROUP,
}
SIGNED64 = (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64)
WIDE = SIGNED64 + (F.TYPE_UINT64, F.TYPE_FIXED64)


class Malformed(Exception):
    """The decoder must refuse these bytes."""


class Unsure(Exception):
    """The runtime's objects do not tell what these bytes mean."""


# ---- writing wire ----

def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def tag(number, wire):
    return varint(number << 3 | wire)


def framed(number, payload):
    return tag(number, BYTES) + varint(len(payload)) + payload


def unknown_field(rng, number, depth=0):
    kind = rng.choice([VARINT, FIXED64, BYTES, FIXED32] + ([GROUP] if depth < 3 else []))
    if kind == VARINT:
        return tag(number, kind) + varint(rng.choice([0, 1, 2**64 - 1, rng.getrandbits(40)]))
    if kind == FIXED64:
        return tag(number, kind) + rng.randbytes(8)
    if kind == FIXED32:
        return tag(number, kind) + rng.randbytes(4)
    if kind == BYTES:
        return framed(number, rng.randbytes(rng.randrange(9)))
    inside = b"".join(unknown_field(rng, rng.randrange(1, 2000), depth + 1)
                      for _ in range(rng.randrange(3)))
    return tag(number, GROUP) + inside + tag(number, GROUP_END)


class Writer:
    """Random messages. `odd`: with what unusual writers do."""

    def __init__(self, rng, odd, fill):
        self.rng, self.odd, self.fill = rng, odd, fill
        # The runtime keeps a closed enum's unlisted numbers apart, without their place among listed
        # ones: a blob has the one kind or the other.
        self.listed = not odd or rng.randrange(3) > 0

    def chance(self, percent):
        return self.rng.randrange(100) < percent

    def varint(self, n):
        """A varint, sometimes longer than needed."""
        raw = varint(n)
        if self.odd and self.chance(5) and len(raw) < 8:
            raw = raw[:-1] + bytes([raw[-1] | 128, 128, 0])
        return raw

    def text(self, field):
        words = ["", "a", "www.example.com.", 'quo"te\\', "\x00\x01\x1f\x7f\n\t", "zażółć", "\U0001f600é",
                 "/~0~1/", "x" * 300, "ok."]
        raw = self.rng.choice(words).encode()
        if self.odd and field.file.syntax != "proto3" and self.chance(20):
            raw += self.rng.choice([b"\xff", b"\xc3", b"\xe2\x82A", b"\xf0\x80\x80\x80", b"\xed\xa0\x80",
                                    b"\xf4\x90\x80\x80z"])
        return raw

    def number(self, bits, signed):
        edge = self.rng.choice([1, 2, 7, 127, 128, 2**(bits - 1) - 1, self.rng.getrandbits(bits - 1) or 1])
        if signed and self.chance(40):
            return self.rng.choice([-1, -edge, -2**(bits - 1)])
        return edge if signed or self.chance(80) else 2**bits - 1

    def enum(self, field):
        if self.listed or field.file.syntax == "proto3":
            return self.rng.choice(field.enum_type.values).number or 1
        return self.rng.choice([77, -5, 2**31 - 1])

    def scalar(self, field):
        """One value as it stands after the tag. Never zero where proto3 would leave it out."""
        t, rng = field.type, self.rng
        zero = self.chance(15) and field.has_presence
        if t == F.TYPE_DOUBLE:
            return struct.pack("<d", rng.choice([1.5, -0.1, 1e300, 5e-324, float("inf"), float("-inf"),
                                                 float("nan"), 0.1 + 0.2, 3.0, 123456789.25]))
        if t == F.TYPE_FLOAT:
            return struct.pack("<f", rng.choice([1.5, -0.1, 3e38, 1e-45, float("inf"), float("nan"),
                                                 16777216.0, 0.3]))
        if t == F.TYPE_BOOL:
            return self.varint(0 if zero else rng.choice([1, 1, 2 if self.odd else 1, 2**63 if self.odd else 1]))
        if t == F.TYPE_ENUM:
            return self.varint(self.enum(field))
        if t in (F.TYPE_STRING, F.TYPE_BYTES):
            raw = self.text(field) if t == F.TYPE_STRING else rng.randbytes(rng.randrange(40))
            if not field.has_presence:
                raw = raw or b"!"
            return varint(len(raw)) + raw
        n = 0 if zero else self.number(64 if t in WIDE else 32,
                                       t in SIGNED64 + (F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32))
        if t in (F.TYPE_SINT32, F.TYPE_SINT64):
            return self.varint(n * 2 if n >= 0 else -n * 2 - 1)
        if WIRE.get(t) == FIXED64:
            return struct.pack("<Q", n & 2**64 - 1)
        if WIRE.get(t) == FIXED32:
            return struct.pack("<I", n & 2**32 - 1)
        return self.varint(n)

    def data(self):
        """Record data of a random type, or no such thing."""
        if self.chance(10):
            return self.rng.randbytes(self.rng.randrange(30))
        name = self.rng.choice(RECORD_TYPES) + "Data"
        return self.message(self.pool.FindMessageTypeByName(name), 3)

    def either(self):
        if self.chance(50):
            return self.rng.choice([b"", b"www.example.com.", b"\n\x03abc.", b"caf\xc3\xa9", b"\xff\xfe"])
        return self.message(self.pool.FindMessageTypeByName("ownershipTransfer"), 3)

    def map_entry(self, field, depth):
        entry = field.message_type
        parts = []
        for part in entry.fields:
            if not self.odd or self.chance(90):
                parts += self.field(part, depth)
        if self.odd and self.chance(20):
            self.rng.shuffle(parts)
        return b"".join(parts)

    def one(self, field, depth):
        """One field with tag."""
        if field.full_name == EITHER:
            return framed(field.number, self.either())
        if field.full_name == BY_TYPE:
            return framed(field.number, self.data())
        if field.type == F.TYPE_GROUP:
            return (tag(field.number, GROUP) + self.message(field.message_type, depth + 1) +
                    tag(field.number, GROUP_END))
        if field.type == F.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                return framed(field.number, self.map_entry(field, depth + 1))
            return framed(field.number, self.message(field.message_type, depth + 1))
        return tag(field.number, WIRE.get(field.type, VARINT)) + self.scalar(field)

    def packable(self, field):
        return field.label == F.LABEL_REPEATED and WIRE.get(field.type, VARINT) not in (BYTES, GROUP)

    def elements(self, field):
        """A repeated scalar, packed as the schema says, or mixed."""
        packed = field.GetOptions().packed or (field.file.syntax == "proto3" and
                                               not field.GetOptions().HasField("packed"))
        parts = []
        for _ in range(self.rng.randrange(4)):
            values = [self.scalar(field) for _ in range(self.rng.randrange(4))]
            if packed != (self.odd and self.chance(40)):
                parts.append(framed(field.number, b"".join(values)))
            else:
                parts += [tag(field.number, WIRE.get(field.type, VARINT)) + v for v in values]
        return parts

    def field(self, field, depth):
        """All occurrences of a field."""
        if self.packable(field):
            return self.elements(field)
        if field.full_name == "RecordSet.typ":
            word = self.rng.choice(RECORD_TYPES + ["UNKNOWN", "Record", "", "a", "A"]).encode()
            parts = [framed(4, word)]
        elif field.label == F.LABEL_REPEATED and field.full_name != EITHER:
            return [self.one(field, depth) for _ in range(self.rng.randrange(4))]
        else:
            parts = [self.one(field, depth)]
        if self.odd and self.chance(25):
            parts += [self.one(field, depth) for _ in range(self.rng.randrange(1, 3))]
        return parts

    def message(self, descriptor, depth=0):
        parts, used = [], set()
        fields = sorted(descriptor.fields, key=lambda f: f.number)
        for field in fields:
            inside = field.type in (F.TYPE_MESSAGE, F.TYPE_GROUP)
            present = self.fill == "all" or (self.fill == "some" and self.chance(70))
            oneof = field.containing_oneof
            if not self.odd and oneof is not None and oneof in used:
                present = False
            if present and not (inside and depth > 3) and not (inside and depth > 1 and self.chance(60)):
                used.add(oneof)
                parts += self.field(field, depth)
        if self.fill != "none" and self.chance(30):
            taken = {f.number for f in fields}
            for _ in range(self.rng.randrange(1, 4)):
                number = self.rng.choice([18, 99, 100, 1999, 2**29 - 2])
                if number not in taken:
                    parts.append(unknown_field(self.rng, number))
        if self.odd and self.chance(70):
            self.rng.shuffle(parts)
        return b"".join(parts)


# ---- what the JSON must be ----
#
# Objects are ("object", [(name, value), ...]), numbers ("number", n) or ("float", f, bytes).

def put_unknown(fields):
    """Unknown fields serialized again, as they stood in a group."""
    out = b""
    for f in fields:
        out += tag(f.field_number, f.wire_type)
        if f.wire_type == VARINT:
            out += varint(f.data)
        elif f.wire_type == FIXED64:
            out += struct.pack("<Q", f.data)
        elif f.wire_type == FIXED32:
            out += struct.pack("<I", f.data)
        elif f.wire_type == BYTES:
            out += varint(len(f.data)) + f.data
        else:
            out += put_unknown(f.data) + tag(f.field_number, GROUP_END)
    return out


def unknown_text(f):
    if f.wire_type == VARINT:
        return str(f.data)
    if f.wire_type == FIXED32:
        return "0x%08x" % f.data
    if f.wire_type == FIXED64:
        return "0x%016x" % f.data
    return base64.b64encode(f.data if f.wire_type == BYTES else put_unknown(f.data)).decode()


def step(name):
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


class Reader:
    """Expected JSON from message objects; `masked` collects pointers."""

    def __init__(self, classes, show):
        self.classes, self.show, self.masked = classes, show, []

    def parse(self, name, raw):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                message = self.classes[name].FromString(raw)
            except DecodeError as why:
                raise Malformed(str(why)) from why
        if warned:  # of what follows a stray tag
            raise Malformed(str(warned[0].message))
        return message

    def text(self, value):
        return value if isinstance(value, str) else value.decode("utf-8", "replace")

    def mask(self, path):
        self.masked.append(path)
        return "***"

    def by_type(self, raw, typ, path):
        if typ in RECORD_TYPES:
            try:
                return self.object(self.parse(typ + "Data", raw), path, None)
            except Malformed:
                pass
        return base64.b64encode(raw).decode()

    def either(self, parts, path):
        """`parts`: every occurrence of the field, as bytes."""
        def transfer(raw):
            try:
                found = self.parse("ownershipTransfer", raw)
            except Malformed:
                return None
            return found if not found.UnknownFields() else None
        joined = transfer(b"".join(parts)) if all(transfer(p) is not None for p in parts) else transfer(parts[-1])
        return parts[-1].decode("utf-8", "replace") if joined is None else self.object(joined, path, None)

    def value(self, field, value, path, typ):
        if field.full_name in MASKED and not self.show:
            return self.mask(path)
        if field.full_name == BY_TYPE:
            return self.by_type(value, typ, path)
        if field.full_name == HEX:
            return value.hex()
        t = field.type
        if t in (F.TYPE_MESSAGE, F.TYPE_GROUP):
            return self.object(value, path, typ)
        if t == F.TYPE_BYTES:
            return base64.b64encode(value).decode()
        if t == F.TYPE_STRING:
            return self.text(value)
        if t == F.TYPE_BOOL:
            return bool(value)
        if t == F.TYPE_ENUM:
            for listed in field.enum_type.values:
                if listed.number == value:
                    return listed.name
            return ("number", value)
        if t in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
            if value != value:
                return "NaN"
            if value in (float("inf"), float("-inf")):
                return "Infinity" if value > 0 else "-Infinity"
            return ("float", value, "<d" if t == F.TYPE_DOUBLE else "<f")
        return str(value) if t in WIDE else ("number", value)

    def map(self, field, value, path, typ):
        entry = field.message_type.fields_by_name["value"]
        out = []
        for key in sorted(value):
            name = self.text(key) if not isinstance(key, (bool, int)) else str(key).lower()
            out.append((name, self.value(entry, value[key], path + step(name), typ)))
        return ("object", out)

    def object(self, message, path, typ):
        descriptor = message.DESCRIPTOR
        if descriptor.full_name == "RecordSet":
            typ = self.text(message.typ)
        members, unknown = {}, {}
        for field, value in message.ListFields():
            here = path + step(field.name)
            if field.full_name == EITHER:
                members[field.number] = self.either(list(value), here)
            elif field.message_type is not None and field.message_type.GetOptions().map_entry:
                members[field.number] = self.map(field, value, here, typ)
            elif field.label == F.LABEL_REPEATED:
                members[field.number] = [self.value(field, v, here + "/%d" % i, typ)
                                         for i, v in enumerate(value)]
            else:
                members[field.number] = self.value(field, value, here, typ)
        listed = set(members)
        for f in message.UnknownFields():
            field = descriptor.fields_by_number.get(f.field_number)
            if field is None:
                unknown.setdefault(f.field_number, []).append(unknown_text(f))
            elif field.type != F.TYPE_ENUM or f.wire_type != VARINT:
                raise Malformed("wire type of " + field.full_name)
            elif field.number in listed:
                raise Unsure("listed and unlisted numbers in " + field.full_name)
            else:  # an enum's unlisted number, which the runtime keeps here
                n = ("number", struct.unpack("<i", struct.pack("<I", f.data & 2**32 - 1))[0])
                if field.label == F.LABEL_REPEATED:
                    members.setdefault(field.number, []).append(n)
                else:
                    members[field.number] = n
        out = [(descriptor.fields_by_number[n].name, members[n]) for n in sorted(members)]
        if unknown:
            name = "unknown_fields"
            while name in descriptor.fields_by_name:
                name += "_"
            out.append((name, ("object", [(str(n), unknown[n]) for n in sorted(unknown)])))
        return ("object", out)


def same(got, want):
    """Whether parsed JSON is what is wanted; numbers of the former are ("text", digits)."""
    if isinstance(want, tuple) and want[0] == "object":
        return (isinstance(got, tuple) and got[0] == "object" and len(got[1]) == len(want[1]) and
                all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(got[1], want[1])))
    if isinstance(want, tuple) and want[0] == "number":
        return got == ("text", str(want[1]))
    if isinstance(want, tuple):
        return (isinstance(got, tuple) and got[0] == "text" and
                struct.pack(want[2], float(got[1])) == struct.pack(want[2], want[1]))
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    return type(got) is type(want) and got == want


def load_json(text):
    return json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs),
                      parse_int=lambda s: ("text", s), parse_float=lambda s: ("text", s),
                      parse_constant=lambda s: ("bad", s))


# ---- the check ----

def load_set(path):
    """A pool, with the field that is either message or text as repeated bytes: every occurrence."""
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    names = []
    for file in files.file:
        for message in file.message_type:
            for field in message.field:
                if message.name + "." + field.name == EITHER:
                    field.type, field.label = F.TYPE_BYTES, F.LABEL_REPEATED
                    field.ClearField("type_name")
        pool.Add(file)
        names += [m.full_name for m in pool.FindFileByName(file.name).message_types_by_name.values()]
    factory = message_factory.MessageFactory(pool)
    return pool, {n: factory.GetPrototype(pool.FindMessageTypeByName(n)) for n in names}


def blobs(rng, pool, descriptor, count):
    """Random blobs of one message, with words on how they were made."""
    for run in range(count):
        for odd in (False, True):
            writer = Writer(rng, odd, "none" if run == 0 else "all" if run < 6 else "some")
            writer.pool = pool
            raw = writer.message(descriptor)
            yield ("odd" if odd else "usual"), raw
            if run % 4 == 0 and raw:
                yield "cut", raw[:rng.randrange(len(raw))]
            # Of proto3 the runtime refuses invalid UTF-8 and forgets zeros, both of which the decoder
            # shows: only undamaged blobs keep clear of that.
            if run % 4 == 1 and raw and descriptor.file.syntax != "proto3":
                at = rng.randrange(len(raw))
                yield "damaged", raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]


class Tool:
    """The program under test; answers are read one by one."""

    def __init__(self, *words):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=sys.stderr)

    def ask(self, name, raw, show):
        line = name + " " + raw.hex() + (" show" if show else "") + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n").split("\t")


def wrong(tool, classes, name, raw, show, damaged):
    """None, or what is wrong with the tool's answer."""
    reader = Reader(classes, show)
    answer = tool.ask(name, raw, show)
    try:
        want = reader.object(reader.parse(name, raw), "/blob", None)
    except Malformed as why:
        return None if answer[0] == "bad" else "accepted although %s: %r" % (why, answer)
    except Unsure as why:
        return None if damaged else str(why)
    # The runtime drops the upper bits of a tag's fifth byte instead of refusing the number.
    if answer[0] == "bad" and answer[1].startswith("a field number out of range") and damaged:
        return None
    if answer[0] != "ok":
        return "refused: %r" % answer
    try:
        if not same(load_json(answer[1]), want):
            return "JSON differs\n  got  %s\n  want %r" % (answer[1], want)
        if json.loads(answer[2]) != reader.masked:
            return "pointers differ\n  got  %s\n  want %r" % (answer[2], reader.masked)
    except ValueError as why:
        return "not JSON (%s): %r" % (why, answer)
    return None


def check(tool, path, count, seed):
    """Checks every message of a schema; returns how many failed."""
    pool, classes = load_set(path)
    failed = 0
    for name in sorted(classes):
        rng = random.Random("%s %s" % (seed, name))
        faults = n = 0
        for kind, raw in blobs(rng, pool, pool.FindMessageTypeByName(name), count):
            fault = wrong(tool, classes, name, raw, rng.randrange(4) == 0, kind == "damaged")
            n += 1
            if fault is not None:
                faults += 1
                if faults <= 3:
                    print("%s (%s, seed %s) %s\n  %s" % (name, kind, seed, raw.hex(), fault), file=sys.stderr)
        print("%s decoder_%s (%d blobs)" % ("ok" if faults == 0 else "not ok", name, n))
        failed += faults > 0
    return failed


def hush():
    """Sends what the runtime's C++ part writes to standard error nowhere: a line per invalid string."""
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def main():
    hush()
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    print("# seed", seed)
    failed = check(Tool(program), os.path.join(TOP, "build/gen/vinyldns.desc"), count, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "kinds.desc")
        subprocess.run(["protoc-c", "-o", path, "--include_imports", "-I" + HERE, "kinds3.proto"], check=True)
        failed += check(Tool(program, path), path, count, seed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
