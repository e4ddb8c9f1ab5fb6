"""Reads a stream from its beginning with boto3, and takes aggregated records apart."""

import base64
import dataclasses

import ledger
from aws_kinesis_agg import deaggregator


@dataclasses.dataclass(frozen=True)
class Found:
    """One record of a producer's, as it lies on the stream."""

    shard: str
    sequence: str
    key: str
    text: str
    arrived_ms: int


class Follower:
    """Reads on where it stopped, at each call of `read`."""

    def __init__(self, kinesis, stream, shards):
        self.kinesis = kinesis
        self.iterators = {
            shard: kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            for shard in shards
        }

    def read(self):
        """What has come since the last call, each shard's records in their order."""
        return [found for shard in self.iterators for found in self._read_shard(shard)]

    def _read_shard(self, shard):
        while self.iterators[shard]:
            page = self.kinesis.get_records(ShardIterator=self.iterators[shard])
            self.iterators[shard] = page.get("NextShardIterator")
            yield from taken_apart(shard, page["Records"])
            if not page["Records"] and not page["MillisBehindLatest"]:
                return


def taken_apart(shard, records):
    """The library puts the data that it takes out of an aggregate into base64."""
    for record in deaggregator.iter_deaggregate_records(records, data_format="Boto3"):
        inner = record["kinesis"]
        text = base64.b64decode(inner["data"]) if inner.get("aggregated") else inner["data"]
        arrived = inner["approximateArrivalTimestamp"]
        yield Found(shard, inner["sequenceNumber"], inner["partitionKey"], text.decode(), round(arrived.timestamp() * 1000))


def visits_of(copies, killed_ms=None, again_ms=0):
    """What each process put to each shard, as of no shard of the stream that was read. The first process was killed and
    the second one started at these times."""
    visits = {}
    for found in copies:
        is_before = found.arrived_ms < again_ms
        visit = visits.setdefault((found.shard, is_before), ledger.Visit("copy", "-", found.arrived_ms))
        visit.ended, visit.ended_ms = ("killed", killed_ms) if is_before else ("stop", 0)
        key, number = found.text.rsplit(":", 1)
        visit.records.append(ledger.Record(key, int(number), found.arrived_ms))
    return list(visits.values())
