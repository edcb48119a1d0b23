# SPDX-License-Identifier: Apache-2.0
"""Lines of the native format: what a write must look like, and the item that a line gives back."""
import base64
import datetime
import hashlib
import json

from vinyldns import ALL_TABLES, SECRET_ATTRIBUTES, Blobs, escape

IMAGES = (("key", "keys"), ("before", "old"), ("after", "new"))  # in a line, in the log of writes


class _Any:
    """Equals every text."""

    def __eq__(self, other):
        return isinstance(other, str) and other != ""


ANY = _Any()


class Native:
    """The format with its options: which secrets are masked, and whether `raw` is always there."""

    def __init__(self, tables=None, mask=True, raw=False):
        """`tables` are those with a profile, by name; by default VinylDNS's."""
        self.tables = ALL_TABLES if tables is None else tables
        self.mask, self.raw, self.blobs = mask, raw, Blobs()

    def event(self, write):
        """The event of one write of the service's log, without time and summary."""
        made = {"id": write["id"], "op": write["op"].lower(), "table": write["table"],
                "stream": write["stream"], "shard": write["shard"], "seq": write["seq"]}
        notes = {"types": {}, "masked": [], "raw": {}, "undecodable": {}}
        table = self.tables.get(write["table"])
        for mine, theirs in IMAGES:
            if write[theirs] is not None:
                made[mine] = {name: self._attribute(f"/{mine}/{escape(name)}", name, value,
                                                    notes, table)
                              for name, value in write[theirs].items()}
        made.update((name, found) for name, found in notes.items() if found)
        return made

    def _attribute(self, at, name, value, notes, table):
        """An attribute of the item itself: a message, a secret, or a plain value."""
        if table and table.blob == name and "B" in value:
            message = self.blobs.parse(table.message, base64.b64decode(value["B"]))
            if message is not None:
                return self._message(at, value["B"], message, notes)
            return self._broken(at, value, table.message, notes)
        if table and table.role == "user" and self.mask and name in SECRET_ATTRIBUTES:
            notes["masked"].append(at)
            return "***"
        inside = table and table.role == "user_change" and self.mask
        return self._value(at, value, notes, SECRET_ATTRIBUTES if inside else ())

    def _broken(self, at, value, name, notes):
        """Bytes that are no message."""
        notes["undecodable"][at] = ANY
        if not self.mask or not self.blobs.holds_secrets(name):
            notes["types"][at] = "B"
            return value["B"]
        notes["masked"].append(at)
        raw = base64.b64decode(value["B"])
        return {"length": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}

    def _message(self, at, raw, message, notes):
        notes["types"][at] = "B"
        hidden = self.mask and self.blobs.holds_secrets(message.DESCRIPTOR.full_name)
        if self.raw and hidden:
            notes["masked"].append(at)
        elif self.raw:
            notes["raw"][at] = raw
        return self.blobs.json(message, self.mask, at, notes["masked"])

    def _value(self, at, value, notes, secrets=()):
        """A value; `secrets` are names in it, if it is a map, that are masked."""
        (tag, inner), = value.items()
        if tag in ("N", "B", "SS", "NS", "BS"):
            notes["types"][at] = tag
        if tag == "NULL":
            return None
        if tag == "L":
            return [self._value(f"{at}/{i}", v, notes) for i, v in enumerate(inner)]
        if tag != "M":
            return inner
        shown = {}
        for name, v in inner.items():
            here = f"{at}/{escape(name)}"
            if name in secrets:
                notes["masked"].append(here)
            shown[name] = "***" if name in secrets else self._value(here, v, notes)
        return shown


def differences(line, write, native):
    """The members of a line that are not what the write says; empty when it is right."""
    want = native.event(write)
    got = {name: value for name, value in line.items() if name not in ("summary", "time")}
    for event in (got, want):
        if isinstance(event.get("masked"), list):
            event["masked"] = sorted(event["masked"])
    wrong = [name for name in sorted({*got, *want}) if got.get(name) != want.get(name)]
    if not same_time(line.get("time"), write["ms"]):
        wrong.append("time")
    return wrong


def same_time(text, wall_ms):
    """Whether a line's time is the write's; the service rounds to seconds."""
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (AttributeError, ValueError):
        return False
    return abs(when * 1000 - wall_ms) <= 1000


def restore(line, member):
    """The DynamoDB JSON of an image, from an unmasked line with `raw` alone; None if it has none."""
    if member not in line:
        return None
    return {name: _restore(line, f"/{member}/{escape(name)}", shown)
            for name, shown in line[member].items()}


def _restore(line, at, shown):
    tag = line.get("types", {}).get(at)
    if tag == "B" and not isinstance(shown, str):
        return {"B": line["raw"][at]}
    if tag is not None:
        return {tag: shown}
    if isinstance(shown, str) and at in line.get("undecodable", {}):
        return json.loads(shown)
    if shown is None:
        return {"NULL": True}
    if isinstance(shown, bool):
        return {"BOOL": shown}
    if isinstance(shown, str):
        return {"S": shown}
    if isinstance(shown, list):
        return {"L": [_restore(line, f"{at}/{i}", v) for i, v in enumerate(shown)]}
    return {"M": {name: _restore(line, f"{at}/{escape(name)}", v) for name, v in shown.items()}}
