# SPDX-License-Identifier: Apache-2.0
"""A worker that keeps leases as Amazon's Kinesis client does and is none: the least that a foreign worker has to do to
take over from a KCL that was stopped, and to hand back to one."""
import threading
import time

from kcllib import END, dump_leases

BEGIN = "TRIM_HORIZON"


class Foreign:
    """Reads a table's stream under an application's leases. `misdeed` is what it does wrong, if anything."""

    MISDEEDS = ("skips", "hurries", "forgets")  # records, parents, the end of a shard

    def __init__(self, w, misdeed=None):
        self.w, self.misdeed = w, misdeed
        self.read, self.iterators, self.thread = [], {}, None
        self.stopping, self.why = threading.Event(), None

    def start(self):
        self.stopping.clear()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def alive(self):
        return self.why is None

    def records(self):
        return list(self.read)

    def stop(self):
        """Ends it, with its leases given back."""
        self.kill()
        for row in dump_leases(self.w.db, "app").values():
            if row.get("leaseOwner") == {"S": "foreign"}:
                self._update(row, "REMOVE leaseOwner")
        return self.why is None

    def kill(self):
        if self.thread is not None:
            self.stopping.set()
            self.thread.join()
            self.thread = None
            self.iterators = {}
        if self.why is not None:
            raise self.why

    def _run(self):
        try:
            while not self.stopping.is_set():
                shards = {shard["ShardId"]: shard.get("ParentShardId") for shard in self.w.shards()}
                leases = dump_leases(self.w.db, "app")
                hurries = self.misdeed == "hurries"  # the youngest first
                for shard, parent in sorted(shards.items(), reverse=hurries):
                    if hurries or self._may_begin(leases, parent):
                        self._serve(leases.get(shard) or self._create(shard, parent))
                time.sleep(0.05)
        except Exception as why:  # told to whoever stops it
            self.why = why

    @staticmethod
    def _may_begin(leases, parent):
        """Whether a shard's parent has come to its end, or has gone."""
        return parent not in leases or leases[parent]["checkpoint"]["S"] == END

    def _create(self, shard, parent):
        row = {"leaseKey": {"S": shard}, "checkpoint": {"S": BEGIN}, "leaseCounter": {"N": "0"},
               "checkpointSubSequenceNumber": {"N": "0"}, "ownerSwitchesSinceCheckpoint": {"N": "0"},
               **({"parentShardId": {"SS": [parent]}} if parent else {})}
        self.w.db.put_item(TableName="app", Item=row, ConditionExpression="attribute_not_exists(leaseKey)")
        return row

    def _update(self, row, expression, **values):
        """Changes a lease unless somebody else has since; bumps its counter, here too."""
        now, then = row["leaseCounter"]["N"], str(int(row["leaseCounter"]["N"]) + 1)
        values.update(now={"N": now}, then={"N": then})
        head, _, rest = expression.partition(" ")
        expression = f"SET leaseCounter = :then{',' if head == 'SET' else ' ' + head} {rest}"
        self.w.db.update_item(TableName="app", Key={"leaseKey": row["leaseKey"]}, UpdateExpression=expression,
                              ConditionExpression="leaseCounter = :now",
                              ExpressionAttributeValues={":" + name: value for name, value in values.items()})
        row["leaseCounter"] = {"N": then}

    def _serve(self, row):
        """Reads a page of a shard and writes down how far it came."""
        shard, at = row["leaseKey"]["S"], row["checkpoint"]["S"]
        if at == END or self.iterators.get(shard) == END:
            return
        if row.get("leaseOwner") != {"S": "foreign"}:
            self._update(row, "SET leaseOwner = :me", me={"S": "foreign"})
        if shard not in self.iterators:
            where = {"ShardIteratorType": BEGIN} if at == BEGIN else {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": at}
            self.iterators[shard] = self.w.streams.get_shard_iterator(
                StreamArn=self.w.arn, ShardId=shard, **where)["ShardIterator"]
        page = self.w.streams.get_records(ShardIterator=self.iterators[shard])
        found = [record["dynamodb"]["SequenceNumber"] for record in page["Records"]]
        self.read += [{"shard": shard, "seq": seq} for seq in (found[1:] if self.misdeed == "skips" else found)]
        self.iterators[shard] = page.get("NextShardIterator", END)
        if self.iterators[shard] != END:
            if found:
                self._update(row, "SET checkpoint = :at", at={"S": found[-1]})
        elif self.misdeed != "forgets":
            children = [each["ShardId"] for each in self.w.shards() if each.get("ParentShardId") == shard]
            self._update(row, "SET checkpoint = :at, childShardIds = :children", at={"S": END},
                         children={"SS": children})
