"""GetShardIterator and GetRecords."""

import datetime
import time

import pytest

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"


@pytest.fixture
def ten(kinesis, stream):
    """A stream with ten records in its shard, and their sequence numbers."""
    numbers = [
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=str(index).encode())["SequenceNumber"]
        for index in range(10)
    ]
    return stream, numbers


def first_data(stream, count, kind, **arguments):
    records, _ = stream.read(stream.iterator(FIRST, kind, **arguments), count)
    return [int(record["Data"]) for record in records]


class TestGetShardIterator:
    def test_trim_horizon(self, ten):
        stream, _ = ten
        assert first_data(stream, 10, "TRIM_HORIZON") == list(range(10))

    def test_at_sequence_number(self, ten):
        stream, numbers = ten
        assert first_data(stream, 6, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]) == list(range(4, 10))

    def test_after_sequence_number(self, ten):
        stream, numbers = ten
        assert first_data(stream, 5, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]) == list(range(5, 10))

    def test_at_the_shards_own_start(self, ten):
        stream, _ = ten
        start = stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
        assert first_data(stream, 10, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=start) == list(range(10))

    def test_latest(self, kinesis, ten):
        stream, _ = ten
        iterator = stream.iterator(FIRST, "LATEST")
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"10")
        records, _ = stream.read(iterator, 1)
        assert [record["Data"] for record in records] == [b"10"]

    def test_at_a_timestamp_before_everything(self, ten):
        stream, _ = ten
        early = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        assert first_data(stream, 10, "AT_TIMESTAMP", Timestamp=early) == list(range(10))

    def test_at_a_timestamp_between_records(self, kinesis, ten):
        stream, _ = ten
        records, _ = stream.read(stream.iterator(FIRST), 10)
        after = records[-1]["ApproximateArrivalTimestamp"] + datetime.timedelta(milliseconds=1)
        while datetime.datetime.now(datetime.timezone.utc) <= after + datetime.timedelta(milliseconds=50):
            time.sleep(0.01)  # the service refuses a time in its future
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"10")
        assert first_data(stream, 1, "AT_TIMESTAMP", Timestamp=after) == [10]

    def test_at_a_timestamp_after_everything(self, kinesis, ten):
        stream, _ = ten
        records, _ = stream.read(stream.iterator(FIRST), 10)
        after = records[-1]["ApproximateArrivalTimestamp"] + datetime.timedelta(milliseconds=1)
        while datetime.datetime.now(datetime.timezone.utc) <= after + datetime.timedelta(milliseconds=50):
            time.sleep(0.01)
        answer = kinesis.get_records(ShardIterator=stream.iterator(FIRST, "AT_TIMESTAMP", Timestamp=after))
        assert answer["Records"] == []
        assert answer["NextShardIterator"]

    def test_a_shard_may_be_named_shortly(self, kinesis, ten):
        stream, _ = ten
        records, _ = stream.read(stream.iterator("0"), 10)
        assert len(records) == 10

    def test_a_missing_shard(self, kinesis, stream, refused):
        with refused(
            "ResourceNotFoundException",
            f"Shard shardId-000000000009 in stream {stream.name} under account {stream.account} does not exist",
        ):
            stream.iterator("shardId-000000000009")

    def test_a_missing_stream(self, kinesis, refused):
        with refused("ResourceNotFoundException", contains="nowhere under account "):
            kinesis.get_shard_iterator(StreamName="nowhere", ShardId=FIRST, ShardIteratorType="LATEST")

    def test_there_are_five_types(self, stream, refused):
        with refused(
            "ValidationException",
            starts="1 validation error detected: Value 'FROM_NOON' at 'shardIteratorType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [",
        ) as error:
            stream.iterator(FIRST, "FROM_NOON")
        named = error.message.rsplit("[", 1)[1].rstrip("]").split(", ")
        assert sorted(named) == [
            "AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER", "AT_TIMESTAMP", "LATEST", "TRIM_HORIZON",
        ]

    @pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
    def test_a_sequence_number_too_many(self, ten, refused, kind):
        stream, numbers = ten
        with refused(
            "InvalidArgumentException",
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {kind} and also a StartingSequenceNumber.",
        ):
            stream.iterator(FIRST, kind, StartingSequenceNumber=numbers[0])

    @pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
    def test_a_sequence_number_too_few(self, stream, refused, kind):
        with refused(
            "InvalidArgumentException",
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {kind} and no StartingSequenceNumber.",
        ):
            stream.iterator(FIRST, kind)

    def test_a_sequence_number_of_another_shard(self, kinesis, make_stream, refused):
        stream = make_stream(2)
        number = kinesis.put_record(
            StreamName=stream.name, PartitionKey="k", ExplicitHashKey=str(2**127), Data=b"d"
        )["SequenceNumber"]
        with refused(
            "InvalidArgumentException",
            starts=f"Invalid StartingSequenceNumber. It encodes {SECOND}, while it was used in a call to ",
        ):
            stream.iterator(FIRST, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)

    def test_a_sequence_number_that_never_was(self, stream, refused):
        # Format 3 of sequence numbers does not exist.
        number = int(stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]) + 1
        with refused(
            "InvalidArgumentException",
            f"StartingSequenceNumber {number} used in GetShardIterator on shard {FIRST} in stream {stream.name} "
            f"under account {stream.account} is invalid.",
        ):
            stream.iterator(FIRST, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=str(number))

    def test_a_timestamp_is_needed(self, stream, refused):
        with refused(
            "InvalidArgumentException",
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
            "Current request has no timestamp parameter.",
        ):
            stream.iterator(FIRST, "AT_TIMESTAMP")

    def test_a_timestamp_is_not_in_the_future(self, stream, refused):
        future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        with refused(
            "InvalidArgumentException",
            starts="The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {int(future.timestamp())}",
        ):
            stream.iterator(FIRST, "AT_TIMESTAMP", Timestamp=future)


class TestGetRecords:
    def test_members_of_an_answer(self, kinesis, ten):
        stream, numbers = ten
        records, answer = stream.read(stream.iterator(FIRST), 10)
        answer.pop("ResponseMetadata")
        assert set(answer) == {"Records", "NextShardIterator", "MillisBehindLatest"}
        assert [record["SequenceNumber"] for record in records] == numbers
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [record["ApproximateArrivalTimestamp"] for record in records]
        assert times == sorted(times)
        assert all(abs(now - arrival) < datetime.timedelta(minutes=5) for arrival in times)

    def test_a_limit_makes_pages(self, kinesis, ten):
        stream, _ = ten
        iterator, pages = stream.iterator(FIRST), []
        while sum(map(len, pages)) < 10:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=3)
            pages.append([int(record["Data"]) for record in answer["Records"]])
            iterator = answer["NextShardIterator"]
        assert [page for page in pages if page] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]

    def test_an_iterator_may_be_used_again(self, kinesis, ten):
        stream, _ = ten
        iterator = stream.iterator(FIRST)
        one, _ = stream.read(iterator, 10)
        two, _ = stream.read(iterator, 10)
        assert one == two

    def test_reading_goes_on_after_empty_answers(self, kinesis, stream):
        iterator, seen = stream.iterator(FIRST, "LATEST"), set()
        for _ in range(3):
            answer = kinesis.get_records(ShardIterator=iterator)
            assert answer["Records"] == []
            assert answer["MillisBehindLatest"] == 0
            seen.add(iterator)
            iterator = answer["NextShardIterator"]
            assert iterator not in seen
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"at last")
        records, answer = stream.read(iterator, 1)
        assert [record["Data"] for record in records] == [b"at last"]
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"and again")
        records, _ = stream.read(answer["NextShardIterator"], 1)
        assert [record["Data"] for record in records] == [b"and again"]

    def test_answers_stay_below_ten_mebibytes(self, kinesis, stream):
        for _ in range(12):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=bytes(1024 * 1024 - 1))
        iterator, total = stream.iterator(FIRST), 0
        deadline = time.monotonic() + 60
        while total < 12:
            answer = kinesis.get_records(ShardIterator=iterator)
            size = sum(len(record["Data"]) + len(record["PartitionKey"]) for record in answer["Records"])
            assert size <= 10 * 1024 * 1024
            total += len(answer["Records"])
            iterator = answer["NextShardIterator"]
            assert time.monotonic() < deadline

    def test_an_iterator_is_not_invented(self, kinesis, refused):
        with refused("InvalidArgumentException", "Invalid ShardIterator."):
            kinesis.get_records(ShardIterator="AAAAAAAAAAHnot+an+iterator")

    def test_an_iterator_is_not_changed(self, kinesis, ten, refused):
        stream, _ = ten
        iterator = stream.iterator(FIRST)
        middle = len(iterator) // 2
        other = "A" if iterator[middle] != "A" else "B"
        with refused("InvalidArgumentException", "Invalid ShardIterator."):
            kinesis.get_records(ShardIterator=iterator[:middle] + other + iterator[middle + 1 :])

    @pytest.mark.parametrize(
        "limit, rule", [(0, "greater than or equal to 1"), (10001, "less than or equal to 10000")]
    )
    def test_the_limit_has_limits(self, kinesis, stream, refused, limit, rule):
        with refused(
            "ValidationException",
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value {rule}",
        ):
            kinesis.get_records(ShardIterator=stream.iterator(FIRST), Limit=limit)

    def test_the_iterator_of_a_deleted_stream(self, kinesis, ten, refused):
        stream, _ = ten
        iterator = stream.iterator(FIRST)
        kinesis.delete_stream(StreamName=stream.name)
        deadline = time.monotonic() + 60
        with refused("ResourceNotFoundException"):
            while time.monotonic() < deadline:  # reads may go on while the stream is DELETING
                kinesis.get_records(ShardIterator=iterator)
