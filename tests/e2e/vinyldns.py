# SPDX-License-Identifier: Apache-2.0
"""VinylDNS's tables and messages: what its rows hold, and what its blobs mean by Google's runtime."""
import base64
import os
import warnings

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DESCRIPTORS = os.path.join(TOP, "build", "gen", "vinyldns.desc")

RECORD_TYPES = "A AAAA CNAME DS MX NAPTR NS PTR SOA SPF SRV SSHFP TXT".split()


class Table:
    """A table: its role, key attributes, and the attribute that holds a message, if one does."""

    def __init__(self, role, *keys, blob=None, message=None):
        self.role, self.keys, self.blob, self.message = role, keys, blob, message


TABLES = {
    "recordSet": Table("record_set", "record_set_id", blob="record_set_blob", message="RecordSet"),
    "recordChange": Table("record_set_change", "record_set_change_id",
                          blob="record_set_change_blob", message="RecordSetChange"),
    "users": Table("user", "userid"),
    "groups": Table("group", "group_id"),
    "membership": Table("membership", "user_id", "group_id"),
    "groupChanges": Table("group_change", "group_change_id",
                          blob="group_change_blob", message="GroupChange"),
    "userChange": Table("user_change", "change_id"),
    "zoneChange": Table("zone_change", "zone_id", "change_id", blob="blob", message="ZoneChange"),
}
# Before v0.8.0 users' changes had another layout, in a table of its own.
OLD_USER_CHANGES = {"usersAndGroupChanges": Table("user_change", "timestamp")}
ALL_TABLES = {**TABLES, **OLD_USER_CHANGES}

SECRET_FIELDS = {"ZoneConnection.key", "User.accessKey", "User.secretKey"}
SECRET_ATTRIBUTES = {"accesskey", "secretkey"}
WIDE = (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64, F.TYPE_UINT64, F.TYPE_FIXED64)


def load_messages(path=DESCRIPTORS):
    """Message classes by name, from a descriptor set."""
    pool = descriptor_pool.DescriptorPool()
    with open(path, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
    for file in files:
        pool.Add(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        factory = message_factory.MessageFactory(pool)
        return {m.name: factory.GetPrototype(pool.FindMessageTypeByName(m.name))
                for file in files for m in file.message_type}


def may_hold_secrets(descriptor, seen=()):
    """Whether a message has a secret field, or one inside it may."""
    if descriptor.full_name in seen:
        return False
    return any(f.full_name in SECRET_FIELDS or
               (f.message_type and may_hold_secrets(f.message_type, (*seen, descriptor.full_name)))
               for f in descriptor.fields)


def escape(name):
    """A name as a part of a JSON Pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


class Blobs:
    """What blobs mean: JSON as the native format shows it, worked out by Google's runtime."""

    def __init__(self):
        self.classes = load_messages()

    def parse(self, name, raw):
        """The message, or None when the bytes are none."""
        try:
            return self.classes[name].FromString(raw)
        except DecodeError:
            return None

    def holds_secrets(self, name):
        return may_hold_secrets(self.classes[name].DESCRIPTOR)

    def json(self, message, mask=False, pointer="", masked=None, typ=None):
        """A message as JSON; pointers of what is masked are appended to `masked`."""
        typ = message.typ if message.DESCRIPTOR.full_name == "RecordSet" else typ
        shown = {}
        for field, value in message.ListFields():
            at = f"{pointer}/{escape(field.name)}"
            if field.label == F.LABEL_REPEATED:
                shown[field.name] = [self._value(field, v, mask, f"{at}/{i}", masked, typ)
                                     for i, v in enumerate(value)]
            else:
                shown[field.name] = self._value(field, value, mask, at, masked, typ)
        return shown

    def _value(self, field, value, mask, at, masked, typ):
        if mask and field.full_name in SECRET_FIELDS:
            masked.append(at)
            return "***"
        if field.full_name == "RecordData.data":
            inner = self.parse(typ + "Data", value) if typ in RECORD_TYPES else None
            return self.json(inner) if inner is not None else base64.b64encode(value).decode()
        if field.full_name == "DSData.digest":
            return value.hex()
        if field.type == F.TYPE_MESSAGE:
            return self.json(value, mask, at, masked, typ)
        if field.type == F.TYPE_ENUM:
            return field.enum_type.values_by_number[value].name
        if field.type == F.TYPE_BYTES:
            return base64.b64encode(value).decode()
        return str(value) if field.type in WIDE else value
