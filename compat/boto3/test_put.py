"""PutRecord and PutRecords."""

import hashlib
import os

import pytest

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
MEBIBYTE = 1024 * 1024


def shard_of(partition_key):
    """Where a partition key goes in a stream of two shards."""
    return [FIRST, SECOND][hashlib.md5(partition_key.encode()).digest()[0] >> 7]


class TestPutRecord:
    def test_answers_where_the_record_is(self, kinesis, make_stream):
        stream = make_stream(2)
        answer = kinesis.put_record(StreamName=stream.name, PartitionKey="sensor-7", Data=b"21.5")
        answer.pop("ResponseMetadata")
        assert set(answer) == {"ShardId", "SequenceNumber"}
        assert answer["ShardId"] == SECOND
        (record,), _ = stream.read(stream.iterator(SECOND), 1)
        assert set(record) == {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
        assert (record["Data"], record["PartitionKey"]) == (b"21.5", "sensor-7")
        assert record["SequenceNumber"] == answer["SequenceNumber"]

    @pytest.mark.parametrize(
        "data",
        [b"", b"\x00", bytes(range(256)), "žluťoučký 🐎".encode(), os.urandom(100_003), b"=" * 7, b'"\\\n'],
        ids=["empty", "zero byte", "every byte", "UTF-8", "100 kB", "padding", "quotes"],
    )
    def test_data_comes_back_byte_by_byte(self, kinesis, stream, data):
        kinesis.put_record(StreamARN=stream.arn, PartitionKey="k", Data=data)
        (record,), _ = stream.read(stream.iterator(FIRST), 1)
        assert record["Data"] == data

    @pytest.mark.parametrize(
        "key", ["k", "k" * 256, "ключ", "鍵" * 256, "🗝" * 100, 'with "quotes" \\ and \n lines', "\u0000\u001f"],
        ids=["one", "longest", "Cyrillic", "longest Chinese", "keys", "quotes", "control"],
    )
    def test_partition_keys_are_unicode(self, kinesis, make_stream, key):
        stream = make_stream(2)
        answer = kinesis.put_record(StreamName=stream.name, PartitionKey=key, Data=b"d")
        assert answer["ShardId"] == shard_of(key)
        (record,), _ = stream.read(stream.iterator(answer["ShardId"]), 1)
        assert record["PartitionKey"] == key

    @pytest.mark.parametrize(
        "key, shard", [(0, FIRST), (2**127 - 1, FIRST), (2**127, SECOND), (2**128 - 1, SECOND)]
    )
    def test_an_explicit_hash_key_decides(self, kinesis, make_stream, key, shard):
        stream = make_stream(2)
        answer = kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey=str(key), Data=b"d")
        assert answer["ShardId"] == shard

    def test_numbers_grow(self, kinesis, stream):
        last = None
        for _ in range(20):
            order = {"SequenceNumberForOrdering": last} if last else {}
            answer = kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"d", **order)
            assert last is None or int(answer["SequenceNumber"]) > int(last)
            last = answer["SequenceNumber"]

    def test_a_mebibyte_with_its_key_fits_and_no_byte_more(self, kinesis, stream, refused):
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=bytes(MEBIBYTE - 1))
        with refused(
            "ValidationException",
            "1 validation error detected: Value at 'data' failed to satisfy constraint: "
            "Member must have length less than or equal to 1048576",
        ):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=bytes(MEBIBYTE + 1))
        with refused("ValidationException"):
            kinesis.put_record(StreamName=stream.name, PartitionKey="kk", Data=bytes(MEBIBYTE - 1))

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.put_record(StreamName="nowhere", PartitionKey="k", Data=b"d")

    def test_data_is_needed(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            "1 validation error detected: Value null at 'data' failed to satisfy constraint: Member must not be null",
        ):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k")

    def test_a_partition_key_has_a_length(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            f"1 validation error detected: Value '{'k' * 257}' at 'partitionKey' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
        ):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k" * 257, Data=b"d")

    def test_an_explicit_hash_key_has_a_range(self, kinesis, stream, refused):
        with refused(
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {2**128}",
        ):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey=str(2**128), Data=b"d")

    def test_several_complaints_come_together(self, kinesis, stream, refused):
        with refused("ValidationException", starts="2 validation errors detected: ") as error:
            kinesis.put_record(StreamName=stream.name, PartitionKey="", ExplicitHashKey="x", Data=b"d")
        assert "Value '' at 'partitionKey'" in error.message
        assert "Value 'x' at 'explicitHashKey'" in error.message


class TestPutRecords:
    def test_five_hundred_records(self, kinesis, make_stream):
        stream = make_stream(2)
        entries = [{"PartitionKey": f"key-{index}", "Data": f"data {index}".encode()} for index in range(500)]
        answer = kinesis.put_records(StreamName=stream.name, Records=entries)
        assert answer["FailedRecordCount"] == 0
        assert [set(entry) for entry in answer["Records"]] == [{"SequenceNumber", "ShardId"}] * 500
        assert [entry["ShardId"] for entry in answer["Records"]] == [
            shard_of(entry["PartitionKey"]) for entry in entries
        ]
        for shard in (FIRST, SECOND):
            expected = [
                (entry["PartitionKey"], entry["Data"], result["SequenceNumber"])
                for entry, result in zip(entries, answer["Records"])
                if result["ShardId"] == shard
            ]
            records, _ = stream.read(stream.iterator(shard), len(expected))
            assert [(r["PartitionKey"], r["Data"], r["SequenceNumber"]) for r in records] == expected

    def test_order_per_partition_key_over_many_calls(self, kinesis, make_stream):
        stream, sent = make_stream(4), {}
        for call in range(10):
            entries = []
            for index in range(100):
                key = f"key-{index % 7}"
                data = f"{call}-{index}".encode()
                sent.setdefault(key, []).append(data)
                entries.append({"PartitionKey": key, "Data": data})
            assert kinesis.put_records(StreamName=stream.name, Records=entries)["FailedRecordCount"] == 0
        homes = {shard: set() for shard in (s["ShardId"] for s in stream.shards())}
        for key in sent:
            point = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
            homes[f"shardId-{point >> 126:012}"].add(key)
        got = {}
        for shard, keys in homes.items():
            expected = sum(len(sent[key]) for key in keys)
            if expected:
                for record in stream.read(stream.iterator(shard), expected)[0]:
                    got.setdefault(record["PartitionKey"], []).append(record["Data"])
        assert got == sent

    def test_the_same_key_may_come_twice_and_data_may_be_empty(self, kinesis, stream):
        entries = [{"PartitionKey": "k", "Data": data} for data in (b"", b"a", b"", b"a")]
        answer = kinesis.put_records(StreamARN=stream.arn, Records=entries)
        numbers = [int(entry["SequenceNumber"]) for entry in answer["Records"]]
        assert numbers == sorted(set(numbers))
        records, _ = stream.read(stream.iterator(FIRST), 4)
        assert [record["Data"] for record in records] == [b"", b"a", b"", b"a"]

    def test_an_explicit_hash_key_decides(self, kinesis, make_stream):
        stream = make_stream(2)
        entries = [
            {"PartitionKey": "k", "ExplicitHashKey": key, "Data": b"d"} for key in ("0", str(2**128 - 1), "1")
        ]
        answer = kinesis.put_records(StreamName=stream.name, Records=entries)
        assert [entry["ShardId"] for entry in answer["Records"]] == [FIRST, SECOND, FIRST]

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.put_records(StreamName="nowhere", Records=[{"PartitionKey": "k", "Data": b"d"}])

    def test_no_record_at_all(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            contains="at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ):
            kinesis.put_records(StreamName=stream.name, Records=[])

    def test_one_record_too_many(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            contains="at 'records' failed to satisfy constraint: Member must have length less than or equal to 500",
        ):
            kinesis.put_records(StreamName=stream.name, Records=[{"PartitionKey": "k", "Data": b"d"}] * 501)

    def test_more_than_ten_mebibytes(self, kinesis, stream, refused):
        entries = [{"PartitionKey": "k", "Data": bytes(MEBIBYTE - 1)}] * 11
        with refused("InvalidArgumentException", starts="Records size exceeds "):
            kinesis.put_records(StreamName=stream.name, Records=entries)

    def test_one_bad_record_refuses_all(self, kinesis, stream, refused):
        good = {"PartitionKey": "k", "Data": b"good"}
        with refused(
            "ValidationException",
            "1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint: "
            "Member must have length less than or equal to 1048576",
        ):
            kinesis.put_records(
                StreamName=stream.name, Records=[good, {"PartitionKey": "k", "Data": bytes(MEBIBYTE + 1)}, good]
            )
        with refused("InvalidArgumentException", starts="Invalid ExplicitHashKey. "):
            kinesis.put_records(
                StreamName=stream.name, Records=[good, {**good, "ExplicitHashKey": str(2**128)}, good]
            )
        with refused(
            "ValidationException", contains="Value '' at 'records.2.member.partitionKey' failed to satisfy constraint: "
        ):
            kinesis.put_records(StreamName=stream.name, Records=[good, {"PartitionKey": "", "Data": b"d"}])
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"the only one")
        records, _ = stream.read(stream.iterator(FIRST), 1)
        assert [record["Data"] for record in records] == [b"the only one"]
