#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a made-up history of a VinylDNS installation into its DynamoDB tables.

    history.py --endpoint URL [--changes N] [--seed N] [--pace N] [--reshard N] [--only-tables]

Creates the eight tables with streams and writes into them what VinylDNS writes when record sets of all
types, zones, groups and users come, change and go: the same rows in the same order, with the same
attributes. The same seed gives the same history.
Credentials come from the environment. As a library:

    history = History(writer, seed)     writer has put(table, item) and delete(table, key)
    history.play(2000)                  some 2000 changes
    history.secrets                     every key that was written, to be searched for
"""
import argparse
import base64
import datetime
import ipaddress
import os
import random
import sys
import time
import urllib.request
import uuid

import boto3

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vinyldns
from vinyldns import RECORD_TYPES, TABLES

START_MS = 1543838400000  # of the history's own clock
WORDS = ("www mail api db cache auth build shop blog git ns mx vpn ldap ntp proxy static img media "
         "search queue worker edge core lab demo stage metrics logs wiki chat").split()
DOMAINS = ("example.com. example.net. example.org. shop.example. corp.example. lab.test. "
           "2.0.192.in-addr.arpa. 8.b.d.0.1.0.0.2.ip6.arpa.").split()
PEOPLE = ("ada grace alan edsger barbara donald leslie frances tony margaret niklaus radia ken "
          "dennis łukasz zoë").split()
TEXTS = ["v=spf1 mx -all", "google-site-verification=q\"uo\"te", "back\\slash", "a,b,c",
         "zażółć gęślą jaźń", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ",
         "x" * 255, "tab\there", "\U0001f600"]
FAILURES = ["Failed validating update to DNS: REFUSED",
            "DNS server said: NotAuthorized", "Timeout while talking to the primary: \"ns1\""]
SYNCED = "Change applied via zone sync"


class History:
    """The state of one installation, and what happens in it."""

    def __init__(self, writer, seed=1, old_layout=False):
        """`old_layout`: users' changes are also written as before v0.8.0, to a table of their own."""
        self.writer, self.rng, self.old_layout = writer, random.Random(seed), old_layout
        self.new = vinyldns.load_messages()
        self.now, self.writes, self.made = START_MS, 0, 0
        self.users, self.groups, self.zones, self.sets = {}, {}, {}, {}
        self.secrets = []

    def play(self, changes):
        """Sets up an installation and lets things happen until so many changes were written."""
        for _ in range(4):
            self.user_create()
        self.group_create()
        self.zone_create()
        steps = {self.set_create: 30, self.set_update: 34, self.set_delete: 12, self.set_fails: 4,
                 self.set_redelivered: 2, self.set_found: 2, self.zone_create: 1,
                 self.zone_sync: 2, self.zone_sync_fails: 1, self.zone_update: 3,
                 self.zone_delete: 0.3, self.group_create: 3, self.group_update: 7,
                 self.group_delete: 1, self.user_create: 2, self.user_update: 4}
        while self.writes < changes:
            step, = self.rng.choices(list(steps), list(steps.values()))
            step()

    # ---- small things ----

    def put(self, table, item):
        self.writes += 1
        self.writer.put(table, item)

    def delete(self, table, key):
        self.writes += 1
        self.writer.delete(table, key)

    def tick(self):
        """The time, a little later."""
        self.now += self.rng.randrange(1, 5000)
        return self.now

    def id(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def maybe(self, percent):
        return self.rng.randrange(100) < percent

    def name(self, words=WORDS):
        """A word that was not used before."""
        self.made += 1
        return f"{self.rng.choice(words)}{self.made}"

    def secret(self, encrypted=True):
        """A key of 20 characters, as JavaCrypto encrypts it or in clear."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        text = "".join(self.rng.choices(letters, k=20))
        if encrypted:
            text = "ENC:" + base64.b64encode(self.rng.randbytes(48)).decode()
        self.secrets.append(text)
        return text

    def a_user(self):
        return self.rng.choice(list(self.users))

    def a_set(self):
        """Some record set, or None."""
        return self.rng.choice(list(self.sets.values())) if self.sets else None

    # ---- record sets ----

    def data(self, typ):
        """A record's data, serialized by itself."""
        rng, message = self.rng, self.new[typ + "Data"]()
        host = f"{rng.choice(WORDS)}.{rng.choice(DOMAINS)}"
        small = lambda: rng.choice([0, 1, 10, 20, 65535, rng.randrange(65536)])
        values = {
            "A": lambda: {"address": str(ipaddress.IPv4Address(0xc0000200 + rng.randrange(256)))},
            "AAAA": lambda: {"address": str(ipaddress.IPv6Address(
                (0x20010db8 << 96) + rng.getrandbits(64)))},
            "CNAME": lambda: {"cname": host},
            "DS": lambda: {"keyTag": small(), "algorithm": 8, "digestType": 2,
                           "digest": rng.randbytes(32)},
            "MX": lambda: {"preference": small(), "exchange": host},
            "NAPTR": lambda: {"order": small(), "preference": small(), "flags": "U",
                              "service": "E2U+sip", "regexp": "!^.*$!sip:info@example.com!",
                              "replacement": "."},
            "NS": lambda: {"nsdname": host},
            "PTR": lambda: {"ptrdname": host},
            "SOA": lambda: {"mname": host, "rname": "hostmaster.example.com.",
                            "serial": 2018120300 + rng.randrange(100), "refresh": 7200,
                            "retry": 3600, "expire": 4294967295, "minimum": 300},
            "SPF": lambda: {"text": rng.choice(TEXTS)},
            "SRV": lambda: {"priority": small(), "weight": small(), "port": 5060, "target": host},
            "SSHFP": lambda: {"algorithm": 4, "typ": 2, "fingerPrint": rng.randbytes(32).hex()},
            "TXT": lambda: {"text": rng.choice(TEXTS)},
        }[typ]()
        for name, value in values.items():
            setattr(message, name, value)
        return message.SerializeToString()

    def new_set(self, zone, typ=None):
        """A record set that is not in the table yet."""
        typ = typ or self.rng.choice([*RECORD_TYPES, "A", "A", "AAAA", "CNAME", "TXT"])
        apex = typ in ("SOA", "NS", "MX") and self.maybe(70)
        made = self.new["RecordSet"](
            zoneId=zone.id, id=self.id(), name=zone.name if apex else self.name(), typ=typ,
            ttl=self.rng.choice([60, 300, 3600, 86400]), status="Active", created=self.tick(),
            account="system")
        self.fill(made)
        if self.maybe(20) and self.groups:
            made.ownerGroupId = self.rng.choice(list(self.groups))
        return made

    def fill(self, record_set):
        """Gives a record set other data."""
        del record_set.record[:]
        most = 1 if record_set.typ in ("SOA", "CNAME") else 4
        for _ in range(self.rng.randrange(1, most + 1)):
            record_set.record.add(data=self.data(record_set.typ))

    def changed(self, record_set):
        """A changed copy."""
        after = self.new["RecordSet"].FromString(record_set.SerializeToString())
        after.updated = self.tick()
        if self.maybe(40):
            after.ttl = record_set.ttl + self.rng.randrange(1, 600)
        else:
            self.fill(after)
        return after

    def put_change(self, zone, after, typ, before=None, change_set=None, status=2, user=None,
                   failed=None, message=None, change_id=None):
        """Writes the row of a record set change; returns its id."""
        change = self.new["RecordSetChange"](
            id=change_id or self.id(), zone=zone, recordSet=after, userId=user or self.a_user(),
            typ=typ, status="Failed" if failed else "Complete", created=self.tick())
        if failed or message:
            change.systemMessage = failed or message
        if before is not None:
            change.updates.CopyFrom(before)
        if self.maybe(10) and not message:
            change.singleBatchChangeIds.extend([self.id(), self.id()])
        self.put("recordChange", {
            "change_set_id": {"S": change_set or self.id()},
            "record_set_change_id": {"S": change.id},
            "zone_id": {"S": zone.id},
            "change_set_status": {"N": str(status)},
            "created_timestamp": {"S": str(self.now)},
            "record_set_change_created_timestamp": {"N": str(change.created)},
            "processing_timestamp": {"S": "0"},
            "record_set_change_blob": {"B": change.SerializeToString()}})
        return change.id

    def put_set(self, record_set):
        """Writes the row of a record set."""
        self.sets[record_set.id] = record_set
        self.put("recordSet", {
            "record_set_id": {"S": record_set.id},
            "zone_id": {"S": record_set.zoneId},
            "record_set_name": {"S": record_set.name},
            "record_set_type": {"S": record_set.typ},
            "record_set_sort": {"S": record_set.name.lower().removesuffix(".")},
            "record_set_blob": {"B": record_set.SerializeToString()}})

    def drop_set(self, record_set):
        del self.sets[record_set.id]
        self.delete("recordSet", {"record_set_id": {"S": record_set.id}})

    def set_create(self):
        zone = self.rng.choice(list(self.zones.values()))
        made = self.new_set(zone)
        made.updated = self.tick()
        self.put_change(zone, made, "Create")
        self.put_set(made)

    def set_update(self):
        before = self.a_set()
        if before is None:
            return
        after = self.changed(before)
        self.put_change(self.zones[before.zoneId], after, "Update", before)
        self.put_set(after)

    def set_delete(self):
        gone = self.a_set()
        if gone is None:
            return
        self.put_change(self.zones[gone.zoneId], gone, "Delete", gone)
        self.drop_set(gone)

    def set_fails(self):
        """A change that the name server refused: the record set stays what it was."""
        before = self.a_set()
        why = self.rng.choice(FAILURES)
        if before is None or self.maybe(40):
            zone = self.rng.choice(list(self.zones.values()))
            after, typ, before = self.new_set(zone), "Create", None
        else:
            zone, after, typ = self.zones[before.zoneId], self.changed(before), "Update"
        after.status = "Inactive"
        self.put_change(zone, after, typ, before, failed=why)

    def set_redelivered(self):
        """The queue gave the same change twice: its row is written again, a little different."""
        zone = self.rng.choice(list(self.zones.values()))
        made = self.new_set(zone)
        made.updated = self.tick()
        change_id = self.put_change(zone, made, "Create")
        self.put_set(made)
        made = self.new["RecordSet"].FromString(made.SerializeToString())
        made.updated = self.tick()
        self.put_change(zone, made, "Create", change_id=change_id)
        self.put_set(made)

    def set_found(self):
        """Before a change is applied, one is found that somebody made past VinylDNS."""
        zone = self.rng.choice(list(self.zones.values()))
        made = self.new_set(zone)
        self.put_change(zone, made, "Create", status=0, user="system",
                        message="Change applied via record set sync")
        self.put_set(made)
        self.set_update()

    # ---- zones ----

    def connection(self, encrypted):
        """A connection of a zone's own, with a TSIG key."""
        made = self.new["ZoneConnection"](
            name=self.name(), keyName=self.name() + ".", key=self.secret(encrypted),
            primaryServer=f"192.0.2.{self.rng.randrange(256)}:53")
        if self.maybe(30):
            made.algorithm = 3
        return made

    def add_rules(self, zone):
        """Adds rules to a zone's access list."""
        for _ in range(self.rng.randrange(4)):
            rule = zone.acl.rules.add(
                accessLevel=self.rng.choice(["NoAccess", "Read", "Write", "Delete"]))
            if self.maybe(50):
                rule.userId = self.a_user()
            elif self.groups:
                rule.groupId = self.rng.choice(list(self.groups))
            if self.maybe(50):
                rule.recordMask = self.rng.choice(["www.*", "^[a-z]+\\d$", "192.0.2.0/28"])
            if self.maybe(30):
                rule.description = "för \"everyone\" / no one"
            rule.recordTypes.extend(self.rng.sample(RECORD_TYPES, self.rng.randrange(3)))

    def put_zone(self, zone, typ, status, change=None, message=None):
        """Writes the row of a zone change, or the same again; returns its ids."""
        change = change or (self.id(), self.a_user(), self.tick())
        made = self.new["ZoneChange"](id=change[0], userId=change[1], typ=typ, status=status,
                                      created=change[2], zone=zone)
        if message:
            made.systemMessage = message
        self.put("zoneChange", {
            "zone_id": {"S": zone.id}, "change_id": {"S": made.id},
            "created": {"N": str(made.created)}, "blob": {"B": made.SerializeToString()}})
        return change

    def zone_create(self):
        """A zone with or without keys of its own is connected; its records are found by a sync."""
        zone = self.new["Zone"](
            id=self.id(), name=f"{self.name()}.{self.rng.choice(DOMAINS)}",
            email="hostmaster@example.com", status="Syncing", created=self.tick(),
            account="system", shared=self.maybe(20), isTest=False,
            adminGroupId=self.rng.choice(list(self.groups) or ["system"]))
        zone.acl.SetInParent()
        first = not self.zones
        if first or self.maybe(60):
            zone.connection.CopyFrom(self.connection(encrypted=not first))
        if first or self.maybe(40):
            zone.transferConnection.CopyFrom(self.connection(encrypted=True))
        self.add_rules(zone)
        self.zones[zone.id] = zone
        change = self.put_zone(zone, "Create", "Pending")
        self.sync(zone, [self.new_set(zone, typ) for typ in
                         (RECORD_TYPES if first else ["SOA", "NS", "NS", "A", "MX"])])
        self.put_zone(zone, "Create", "Synced", change)

    def sync(self, zone, found):
        """All that a sync finds is one change set."""
        change_set, user = self.id(), self.a_user()
        changes = [(None, made, "Create") for made in found]
        for before in [s for s in self.sets.values() if s.zoneId == zone.id][:12]:
            if self.maybe(25):
                changes.append((before, self.changed(before), "Update"))
            elif self.maybe(10):
                changes.append((before, before, "Delete"))
        for before, after, typ in changes:
            self.put_change(zone, after, typ, before, change_set, 100, user, message=SYNCED)
        for before, after, typ in changes:
            self.drop_set(after) if typ == "Delete" else self.put_set(after)
        zone.status, zone.latestSync = "Active", self.tick()

    def zone_sync(self):
        zone = self.rng.choice(list(self.zones.values()))
        zone.status = "Syncing"
        change = self.put_zone(zone, "Sync", "Pending")
        self.sync(zone, [self.new_set(zone) for _ in range(self.rng.randrange(6))])
        self.put_zone(zone, "Sync", "Synced", change)

    def zone_sync_fails(self):
        zone = self.rng.choice(list(self.zones.values()))
        zone.status = "Syncing"
        change = self.put_zone(zone, "Sync", "Pending")
        zone.status = "Active"
        self.put_zone(zone, "Sync", "Failed", change, self.rng.choice(FAILURES))

    def zone_update(self):
        """Other rules, and sometimes another key."""
        zone = self.rng.choice(list(self.zones.values()))
        del zone.acl.rules[:]
        self.add_rules(zone)
        zone.updated = self.tick()
        if zone.HasField("connection") and self.maybe(50):
            zone.connection.key = self.secret()
        self.put_zone(zone, "Update", "Synced")

    def zone_delete(self):
        """The record sets stay behind."""
        if len(self.zones) < 3:
            return
        zone = self.zones.pop(self.rng.choice(list(self.zones)))
        zone.status = "Deleted"
        self.put_zone(zone, "Delete", "Synced")
        for orphan in [s for s in self.sets.values() if s.zoneId == zone.id]:
            del self.sets[orphan.id]

    # ---- groups ----

    def put_group_change(self, typ, after, before=None):
        change = self.new["GroupChange"](
            groupChangeId=self.id(), groupId=after.id, changeType=typ, userId=self.a_user(),
            created=self.tick(), newGroup=after)
        if before is not None:
            change.oldGroup.CopyFrom(before)
        self.put("groupChanges", {
            "group_change_id": {"S": change.groupChangeId}, "group_id": {"S": after.id},
            "created": {"N": str(change.created)},
            "group_change_blob": {"B": change.SerializeToString()}})

    def put_group(self, group):
        self.put("groups", {
            "group_id": {"S": group.id}, "name": {"S": group.name}, "email": {"S": group.email},
            "desc": {"S": group.description} if group.description else {"NULL": True},
            "status": {"S": group.status}, "created": {"N": str(group.created)},
            "member_ids": {"SS": list(group.memberIds)},
            "admin_ids": {"SS": list(group.adminUserIds)}})

    def put_members(self, group_id, before, after):
        """Writes and deletes the memberships that differ."""
        for user in sorted(set(after) - set(before)):
            self.put("membership", {"user_id": {"S": user}, "group_id": {"S": group_id}})
        for user in sorted(set(before) - set(after)):
            self.delete("membership", {"user_id": {"S": user}, "group_id": {"S": group_id}})

    def choose_members(self, group):
        members = self.rng.sample(list(self.users), self.rng.randrange(1, min(6, len(self.users))))
        group.memberIds[:] = members
        group.adminUserIds[:] = members[:self.rng.randrange(1, len(members) + 1)]

    def group_create(self):
        name = self.name()
        group = self.new["Group"](id=self.id(), name=name, email=f"{name}@example.com",
                                  created=self.tick(), status="Active")
        if self.maybe(50):
            group.description = f"who looks after {name}"
        self.choose_members(group)
        self.groups[group.id] = group
        self.put_group_change("Create", group)
        self.put_group(group)
        self.put_members(group.id, [], group.memberIds)

    def group_update(self):
        before = self.rng.choice(list(self.groups.values()))
        after = self.new["Group"].FromString(before.SerializeToString())
        if self.maybe(70):
            self.choose_members(after)
        after.email = f"{self.name()}@example.com"
        self.groups[after.id] = after
        self.put_group_change("Update", after, before)
        self.put_group(after)
        self.put_members(after.id, before.memberIds, after.memberIds)

    def group_delete(self):
        """Until v0.8.0 the row stayed and said that it is deleted; later it was removed."""
        if len(self.groups) < 2:
            return
        group = self.groups.pop(self.rng.choice(list(self.groups)))
        self.put_group_change("Delete", group)
        self.put_members(group.id, group.memberIds, [])
        if self.maybe(50):
            group.status = "Deleted"
            self.put_group(group)
        else:
            self.delete("groups", {"group_id": {"S": group.id}})

    # ---- users ----

    def put_user_change(self, typ, after, before=None):
        """As the portal writes it; with the old layout too if asked for."""
        row = {"change_id": {"S": self.id()}, "user_id": after["userid"],
               "username": after["username"], "made_by_id": {"S": "system"},
               "change_type": {"S": typ}, "created": {"N": str(self.tick())},
               "new_user": {"M": after}}
        if before is not None:
            row["old_user"] = {"M": before}
        self.put("userChange", row)
        if self.old_layout:
            when = datetime.datetime.utcfromtimestamp(self.now / 1000)
            row = {"timestamp": {"S": when.isoformat(timespec="milliseconds") + "Z"},
                   "userId": after["userid"], "username": after["username"],
                   "changeType": {"S": typ + "d"}, "updatedUser": {"M": after}}
            if before is not None:
                row["previousUser"] = {"M": before}
            self.put("usersAndGroupChanges", row)

    def user_create(self):
        name = self.name(PEOPLE)
        user = {"userid": {"S": self.id()}, "username": {"S": name},
                "accesskey": {"S": self.secret(encrypted=False)},
                "secretkey": {"S": self.secret(encrypted=bool(self.users))},
                "created": {"N": str(self.tick())}, "super": {"BOOL": self.maybe(10)},
                "lockstatus": {"S": "Unlocked"},
                "email": {"S": f"{name}@example.com"} if self.maybe(70) else {"NULL": True}}
        if self.maybe(80):  # the first portal left them out altogether
            user["firstname"] = {"S": name.title()} if self.maybe(60) else {"NULL": True}
            user["lastname"] = {"S": "O'\"Neil\\"} if self.maybe(40) else {"NULL": True}
        if self.maybe(50):  # after v0.8.0
            user.update(support={"BOOL": False}, istest={"BOOL": False})
        self.users[user["userid"]["S"]] = user
        self.put("users", user)
        self.put_user_change("create", user)

    def user_update(self):
        """New keys; or locked by an administrator, which leaves no trace among the changes."""
        before = self.users[self.a_user()]
        after = dict(before)
        if self.maybe(50):
            locked = before["lockstatus"]["S"] == "Locked"
            after["lockstatus"] = {"S": "Unlocked" if locked else "Locked"}
        else:
            after["accesskey"] = {"S": self.secret(encrypted=False)}
            after["secretkey"] = {"S": self.secret()}
        self.users[after["userid"]["S"]] = after
        self.put("users", after)
        if after["lockstatus"] == before["lockstatus"]:
            self.put_user_change("update", after, before)


class Client:
    """Writes through a boto3 client, at most `pace` changes a second; tells `after` of each."""

    def __init__(self, client, pace=0, after=None):
        self.client, self.pace, self.after = client, pace, after
        self.written, self.began = 0, time.monotonic()

    def put(self, table, item):
        self.client.put_item(TableName=table, Item=item)
        self._wait()

    def delete(self, table, key):
        self.client.delete_item(TableName=table, Key=key)
        self._wait()

    def _wait(self):
        self.written += 1
        if self.after:
            self.after(self.written)
        if self.pace:
            due = self.began + self.written / self.pace
            time.sleep(max(0, due - time.monotonic()))


def create_tables(client, tables=TABLES):
    """Creates those that are missing, with streams of new and old images, and waits for them."""
    there = client.list_tables()["TableNames"]
    for name, table in tables.items():
        if name in there:
            continue
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": kind}
                       for key, kind in zip(table.keys, ("HASH", "RANGE"))],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}
                                  for key in table.keys],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    for name in tables:
        client.get_waiter("table_exists").wait(TableName=name,
                                               WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


class Reshard:
    """Makes a ddbfake roll or split the shards of one table after each so many changes."""

    def __init__(self, endpoint, every, seed):
        self.endpoint, self.every, self.rng = endpoint, every, random.Random(seed)
        self.rolled = self.split = 0

    def __call__(self, written):
        if written % self.every:
            return
        # The busy ones more often.
        table = self.rng.choice([*TABLES, "recordChange", "recordChange", "recordSet", "recordSet"])
        command = self.rng.choice(["roll", "roll", "split"])
        with urllib.request.urlopen(f"{self.endpoint}/_admin/{command}?table={table}") as answer:
            answer.read()
        self.rolled += command == "roll"
        self.split += command == "split"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--endpoint", required=True, help="URL of a DynamoDB")
    parser.add_argument("--changes", type=int, default=2000, metavar="N", help="some so many (2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another history (1)")
    parser.add_argument("--pace", type=float, default=0, metavar="N", help="at most N a second")
    parser.add_argument("--reshard", type=int, default=0, metavar="N",
                        help="roll or split a table's shards after each N changes (ddbfake only)")
    parser.add_argument("--only-tables", action="store_true", help="only create the tables")
    options = parser.parse_args()
    client = boto3.client("dynamodb", endpoint_url=options.endpoint,
                          region_name=os.environ.get("AWS_REGION", "us-east-1"))
    create_tables(client)
    if options.only_tables:
        return
    reshard = Reshard(options.endpoint, options.reshard, options.seed) if options.reshard else None
    writer = Client(client, options.pace, reshard)
    began = time.monotonic()
    History(writer, options.seed).play(options.changes)
    print(f"{writer.written} changes in {len(TABLES)} tables in {time.monotonic() - began:.1f} s"
          + (f"; shards rolled {reshard.rolled} times, split {reshard.split} times"
             if reshard else ""))


if __name__ == "__main__":
    main()
