"""CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, ListStreams and the retention period."""

import datetime

import pytest

from conftest import poll, unique_name

LARGEST_HASH_KEY = 2**128 - 1


class TestCreateStream:
    def test_shards_tile_the_hash_keys(self, kinesis, make_stream):
        stream = make_stream(3)
        ranges = [
            (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
            for shard in stream.shards()
        ]
        width = 2**128 // 3
        assert ranges == [(0, width - 1), (width, 2 * width - 1), (2 * width, LARGEST_HASH_KEY)]

    def test_without_shard_count_it_is_on_demand(self, kinesis, make_stream):
        name = unique_name()
        kinesis.create_stream(StreamName=name)
        try:
            summary = poll(
                lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"],
                lambda answer: answer["StreamStatus"] == "ACTIVE",
                "a new on-demand stream",
            )
            assert summary["OpenShardCount"] == 4
            assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        finally:
            kinesis.delete_stream(StreamName=name)

    def test_a_name_is_taken_once(self, kinesis, stream, refused):
        with refused(
            "ResourceInUseException",
            f"Stream {stream.name} under account {stream.account} already exists.",
        ):
            kinesis.create_stream(StreamName=stream.name, ShardCount=1)

    def test_a_name_is_needed(self, kinesis, refused):
        with refused(
            "ValidationException",
            "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: "
            "Member must not be null",
        ):
            kinesis.create_stream(ShardCount=1)

    def test_a_name_has_a_pattern(self, kinesis, refused):
        with refused(
            "ValidationException",
            starts="1 validation error detected: Value 'not a name' at 'streamName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ",
        ):
            kinesis.create_stream(StreamName="not a name", ShardCount=1)

    def test_a_name_has_a_length(self, kinesis, refused):
        with refused(
            "ValidationException",
            contains="at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 128",
        ):
            kinesis.create_stream(StreamName="n" * 129, ShardCount=1)

    def test_there_is_at_least_one_shard(self, kinesis, refused):
        with refused(
            "ValidationException",
            "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ):
            kinesis.create_stream(StreamName=unique_name(), ShardCount=0)

    def test_an_account_has_a_shard_limit(self, kinesis, refused):
        with refused("LimitExceededException", starts="This request would exceed the shard limit for the account "):
            kinesis.create_stream(StreamName=unique_name(), ShardCount=1_000_000)

    def test_text_is_not_a_number(self, kinesis, refused):
        with refused(
            "SerializationException", contains="class java.lang.String can not be converted to an Integer"
        ):
            kinesis.create_stream(StreamName=unique_name(), ShardCount="one")


class TestDeleteStream:
    def test_the_stream_goes_away_and_its_name_is_free(self, kinesis, make_stream, refused):
        old = make_stream(2)
        kinesis.put_record(StreamName=old.name, PartitionKey="k", Data=b"of the old stream")
        last = old.shards()[-1]["SequenceNumberRange"]["StartingSequenceNumber"]
        kinesis.delete_stream(StreamName=old.name)
        poll(
            lambda: old.name in all_stream_names(kinesis, old.name[:-1]),
            lambda listed: not listed,
            f"deleting {old.name}",
        )
        with refused("ResourceNotFoundException", f"Stream {old.name} under account {old.account} not found."):
            kinesis.describe_stream(StreamName=old.name)
        new = make_stream(1, name=old.name)
        (shard,) = new.shards()
        assert int(shard["SequenceNumberRange"]["StartingSequenceNumber"]) > int(last)
        assert kinesis.get_records(ShardIterator=new.iterator(shard["ShardId"]))["Records"] == []

    def test_by_arn(self, kinesis, make_stream):
        stream = make_stream()
        kinesis.delete_stream(StreamARN=stream.arn)
        poll(
            lambda: stream.name in all_stream_names(kinesis, stream.name[:-1]),
            lambda listed: not listed,
            f"deleting {stream.arn}",
        )

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.delete_stream(StreamName="nowhere")

    def test_neither_name_nor_arn(self, kinesis, refused):
        with refused("InvalidArgumentException"):
            kinesis.delete_stream()


class TestDescribeStream:
    def test_every_member_of_a_new_stream(self, kinesis, make_stream):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
        stream = make_stream(2)
        description = kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]
        shards = description.pop("Shards")
        created = description.pop("StreamCreationTimestamp")
        assert description == {
            "StreamName": stream.name,
            "StreamARN": stream.arn,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "RetentionPeriodHours": 24,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "HasMoreShards": False,
        }
        assert created > before
        assert stream.arn.endswith(f":stream/{stream.name}")
        assert [shard["ShardId"] for shard in shards] == ["shardId-000000000000", "shardId-000000000001"]
        assert [set(shard) for shard in shards] == [{"ShardId", "HashKeyRange", "SequenceNumberRange"}] * 2
        assert all(set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"} for shard in shards)

    def test_by_arn(self, kinesis, stream):
        by_name = kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]
        assert kinesis.describe_stream(StreamARN=stream.arn)["StreamDescription"] == by_name

    def test_pages(self, kinesis, make_stream):
        stream, found, start = make_stream(5), [], {}
        while True:
            page = kinesis.describe_stream(StreamName=stream.name, Limit=2, **start)["StreamDescription"]
            assert len(page["Shards"]) <= 2
            found += [shard["ShardId"] for shard in page["Shards"]]
            if not page["HasMoreShards"]:
                break
            start = {"ExclusiveStartShardId": found[-1]}
        assert found == [f"shardId-{index:012}" for index in range(5)]

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.describe_stream(StreamName="nowhere")

    def test_a_missing_stream_by_arn_is_named_by_its_name(self, kinesis, stream, refused):
        arn = stream.arn.rsplit("/", 1)[0] + "/nowhere"
        with refused("ResourceNotFoundException", f"Stream nowhere under account {stream.account} not found."):
            kinesis.describe_stream(StreamARN=arn)

    def test_the_limit_has_a_limit(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 10000",
        ):
            kinesis.describe_stream(StreamName=stream.name, Limit=10001)


class TestDescribeStreamSummary:
    def test_every_member_of_a_new_stream(self, kinesis, make_stream):
        stream = make_stream(2)
        summary = kinesis.describe_stream_summary(StreamARN=stream.arn)["StreamDescriptionSummary"]
        assert summary["StreamName"] == stream.name
        assert summary["StreamARN"] == stream.arn
        assert summary["StreamStatus"] == "ACTIVE"
        assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
        assert summary["RetentionPeriodHours"] == 24
        assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
        assert summary["EncryptionType"] == "NONE"
        assert summary["OpenShardCount"] == 2
        assert summary["ConsumerCount"] == 0

    def test_counts_open_shards_only(self, kinesis, stream):
        stream.split("shardId-000000000000", 2**127)
        summary = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]
        assert summary["OpenShardCount"] == 2
        assert len(stream.shards()) == 3

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.describe_stream_summary(StreamName="nowhere")

    def test_an_arn_has_a_pattern(self, kinesis, refused):
        with refused("ValidationException", contains="at 'streamARN' failed to satisfy constraint: "):
            kinesis.describe_stream_summary(StreamARN="arn:aws:s3:::a-bucket")


def all_stream_names(kinesis, start):
    """Names after `start`, page by page."""
    names, arguments = [], {"ExclusiveStartStreamName": start}
    while True:
        page = kinesis.list_streams(**arguments)
        names += page["StreamNames"]
        if not page["HasMoreStreams"]:
            return names
        arguments = {"ExclusiveStartStreamName": page["StreamNames"][-1]}


class TestListStreams:
    @pytest.fixture
    def three(self, make_stream):
        prefix = unique_name()
        return prefix, [make_stream(1, f"{prefix}-{letter}") for letter in "abc"]

    def test_sorted_with_summaries(self, kinesis, three):
        prefix, streams = three
        page = kinesis.list_streams(ExclusiveStartStreamName=prefix)
        names = [stream.name for stream in streams]
        assert page["StreamNames"][:3] == names
        for stream, summary in zip(streams, page["StreamSummaries"]):
            assert summary.pop("StreamCreationTimestamp")
            assert summary == {
                "StreamName": stream.name,
                "StreamARN": stream.arn,
                "StreamStatus": "ACTIVE",
                "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            }

    def test_pages_by_last_name(self, kinesis, three):
        prefix, streams = three
        first = kinesis.list_streams(ExclusiveStartStreamName=prefix, Limit=2)
        assert first["StreamNames"] == [stream.name for stream in streams[:2]]
        assert first["HasMoreStreams"] is True
        second = kinesis.list_streams(ExclusiveStartStreamName=first["StreamNames"][-1], Limit=1)
        assert second["StreamNames"] == [streams[2].name]

    def test_pages_by_token(self, kinesis, three):
        prefix, streams = three
        first = kinesis.list_streams(ExclusiveStartStreamName=prefix, Limit=2)
        second = kinesis.list_streams(NextToken=first["NextToken"], Limit=1)
        assert second["StreamNames"] == [streams[2].name]

    def test_the_start_need_not_exist(self, kinesis, three):
        prefix, streams = three
        page = kinesis.list_streams(ExclusiveStartStreamName=f"{prefix}-aa", Limit=1)
        assert page["StreamNames"] == [streams[1].name]

    def test_the_limit_is_at_least_one(self, kinesis, refused):
        with refused(
            "ValidationException",
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ):
            kinesis.list_streams(Limit=0)

    def test_a_token_is_not_invented(self, kinesis, refused):
        with refused("InvalidArgumentException"):
            kinesis.list_streams(NextToken="AAAAAAAAAAHnot+a+token")


class TestRetentionPeriod:
    def hours(self, stream):
        return stream.wait_until_active()["RetentionPeriodHours"]

    def test_up_and_down(self, kinesis, stream):
        kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=8760)
        assert self.hours(stream) == 8760
        kinesis.decrease_stream_retention_period(StreamARN=stream.arn, RetentionPeriodHours=24)
        assert self.hours(stream) == 24

    def test_the_present_period_is_accepted(self, kinesis, stream):
        kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=24)
        kinesis.decrease_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=24)
        assert self.hours(stream) == 24

    def test_less_than_a_day(self, kinesis, stream, refused):
        with refused(
            "InvalidArgumentException",
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
        ):
            kinesis.decrease_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=23)

    def test_more_than_a_year(self, kinesis, stream, refused):
        with refused(
            "InvalidArgumentException",
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.",
        ):
            kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=8761)

    def test_increase_does_not_decrease(self, kinesis, stream, refused):
        kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=48)
        stream.wait_until_active()
        with refused(
            "InvalidArgumentException",
            f"Requested retention period (25 hours) for stream {stream.name} can not be shorter than existing "
            "retention period (48 hours). Use DecreaseRetentionPeriod API.",
        ):
            kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=25)

    def test_decrease_does_not_increase(self, kinesis, stream, refused):
        with refused(
            "InvalidArgumentException",
            f"Requested retention period (48 hours) for stream {stream.name} can not be longer than existing "
            "retention period (24 hours). Use IncreaseRetentionPeriod API.",
        ):
            kinesis.decrease_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=48)

    @pytest.mark.parametrize("operation", ["increase_stream_retention_period", "decrease_stream_retention_period"])
    def test_a_missing_stream(self, kinesis, account, refused, operation):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            getattr(kinesis, operation)(StreamName="nowhere", RetentionPeriodHours=48)
