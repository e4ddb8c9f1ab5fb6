"""ListShards, SplitShard, MergeShards and what becomes of readers of the shards."""

import datetime

import pytest

FIRST, SECOND, THIRD, FOURTH = (f"shardId-{index:012}" for index in range(4))
LARGEST_HASH_KEY = 2**128 - 1


def ids(shards):
    return [shard["ShardId"] for shard in shards]


def key_range(shard):
    return tuple(int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))


class TestListShards:
    def test_as_describe_stream(self, kinesis, make_stream):
        stream = make_stream(2)
        assert stream.shards() == kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]["Shards"]
        assert "NextToken" not in kinesis.list_shards(StreamARN=stream.arn)

    def test_pages(self, kinesis, make_stream):
        stream, found, arguments = make_stream(7), [], None
        while True:
            page = kinesis.list_shards(**(arguments or {"StreamName": stream.name}), MaxResults=3)
            assert len(page["Shards"]) <= 3
            found += ids(page["Shards"])
            if "NextToken" not in page:
                break
            arguments = {"NextToken": page["NextToken"]}
        assert found == [f"shardId-{index:012}" for index in range(7)]

    def test_a_filter_holds_on_every_page(self, kinesis, make_stream):
        stream = make_stream(3)
        stream.split(FIRST, 12345)
        page = kinesis.list_shards(StreamName=stream.name, ShardFilter={"Type": "AT_LATEST"}, MaxResults=2)
        found = ids(page["Shards"])
        while "NextToken" in page:
            page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
            found += ids(page["Shards"])
        assert found == [f"shardId-{index:012}" for index in (1, 2, 3, 4)]

    def test_after_a_shard(self, kinesis, make_stream):
        stream = make_stream(3)
        assert ids(stream.shards(ExclusiveStartShardId=FIRST)) == [SECOND, THIRD]
        assert ids(stream.shards(ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": SECOND})) == [THIRD]
        assert stream.shards(ExclusiveStartShardId=THIRD) == []

    def test_filters_of_a_split_stream(self, kinesis, stream):
        stream.split(FIRST, 2**127)
        created = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"][
            "StreamCreationTimestamp"
        ]
        early = created - datetime.timedelta(hours=1)

        def matching(kind, **arguments):
            return ids(stream.shards(ShardFilter={"Type": kind, **arguments}))

        assert matching("AT_LATEST") == [SECOND, THIRD]
        assert matching("AT_TRIM_HORIZON") == [FIRST]
        assert matching("FROM_TRIM_HORIZON") == [FIRST, SECOND, THIRD]
        assert matching("FROM_TIMESTAMP", Timestamp=early) == [FIRST, SECOND, THIRD]

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.list_shards(StreamName="nowhere")

    def test_neither_stream_nor_token(self, kinesis, refused):
        with refused("InvalidArgumentException", "Either NextToken or StreamName should be provided."):
            kinesis.list_shards()

    @pytest.mark.parametrize(
        "name, value",
        [
            ("StreamName", "nowhere"),
            ("ExclusiveStartShardId", FIRST),
            ("ShardFilter", {"Type": "AT_LATEST"}),
        ],
    )
    def test_a_token_stands_alone(self, kinesis, refused, name, value):
        with refused("InvalidArgumentException", f"NextToken and {name} cannot be provided together."):
            kinesis.list_shards(NextToken="AAAAAAAAAAHnot+a+token", **{name: value})

    def test_a_token_is_not_invented(self, kinesis, refused):
        with refused("InvalidArgumentException"):
            kinesis.list_shards(NextToken="AAAAAAAAAAHnot+a+token")

    def test_a_filter_is_one_of_six(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            contains="at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: ",
        ):
            stream.shards(ShardFilter={"Type": "AT_NOON"})


class TestSplitShard:
    def test_the_children_share_the_range(self, stream):
        stream.split(FIRST, 1000)
        parent, low, high = stream.shards()
        assert [key_range(shard) for shard in (low, high)] == [(0, 999), (1000, LARGEST_HASH_KEY)]
        assert [shard["ParentShardId"] for shard in (low, high)] == [FIRST, FIRST]
        assert "AdjacentParentShardId" not in low and "AdjacentParentShardId" not in high
        end = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
        for child in (low, high):
            assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > end
            assert "EndingSequenceNumber" not in child["SequenceNumberRange"]

    def test_puts_go_to_the_children(self, kinesis, stream):
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey="0", Data=b"before")
        stream.split(FIRST, 2**127)
        low = kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey="0", Data=b"low")
        high = kinesis.put_record(
            StreamName=stream.name, PartitionKey="k", ExplicitHashKey=str(2**127), Data=b"high"
        )
        assert (low["ShardId"], high["ShardId"]) == (SECOND, THIRD)

    def test_readers_of_the_parent_reach_its_end_and_learn_the_children(self, kinesis, stream):
        sent = [f"record {number}".encode() for number in range(20)]
        for data in sent:
            kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=data)
        stream.split(FIRST, 2**127)
        records, last = stream.read_to_end(FIRST)
        assert [record["Data"] for record in records] == sent
        children = last["ChildShards"]
        assert ids(children) == [SECOND, THIRD]
        assert [child["ParentShards"] for child in children] == [[FIRST], [FIRST]]
        assert [key_range(child) for child in children] == [(0, 2**127 - 1), (2**127, LARGEST_HASH_KEY)]

    def test_latest_on_a_closed_shard_is_its_end(self, kinesis, stream):
        kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"before")
        stream.split(FIRST, 2**127)
        answer = kinesis.get_records(ShardIterator=stream.iterator(FIRST, "LATEST"))
        assert answer["Records"] == []
        assert "NextShardIterator" not in answer
        assert ids(answer["ChildShards"]) == [SECOND, THIRD]

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.split_shard(StreamName="nowhere", ShardToSplit=FIRST, NewStartingHashKey="10")

    def test_a_missing_shard(self, kinesis, stream, refused):
        with refused(
            "ResourceNotFoundException",
            f"Could not find shard shardId-000000000009 in stream {stream.name} under account {stream.account}.",
        ):
            kinesis.split_shard(StreamName=stream.name, ShardToSplit="shardId-9", NewStartingHashKey="10")

    @pytest.mark.parametrize("key", [0, 1, LARGEST_HASH_KEY])
    def test_each_child_gets_a_part(self, kinesis, stream, refused, key):
        with refused(
            "InvalidArgumentException",
            f"NewStartingHashKey {key} used in SplitShard() on shard {FIRST} in stream {stream.name} under account "
            f"{stream.account} is not both greater than one plus the shard's StartingHashKey 0 and less than the "
            f"shard's EndingHashKey {LARGEST_HASH_KEY}.",
        ):
            kinesis.split_shard(StreamName=stream.name, ShardToSplit=FIRST, NewStartingHashKey=str(key))

    def test_a_shard_splits_once(self, kinesis, stream, refused):
        stream.split(FIRST, 2**127)
        with refused("InvalidArgumentException", contains="has already been merged or split"):
            kinesis.split_shard(StreamName=stream.name, ShardToSplit=FIRST, NewStartingHashKey="10")

    def test_a_hash_key_is_a_number(self, kinesis, stream, refused):
        with refused(
            "ValidationException",
            contains="Value 'half' at 'newStartingHashKey' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ",
        ):
            kinesis.split_shard(StreamName=stream.name, ShardToSplit=FIRST, NewStartingHashKey="half")


class TestMergeShards:
    def test_the_child_has_both_ranges_and_parents(self, make_stream):
        stream = make_stream(2)
        stream.merge(FIRST, SECOND)
        first, second, child = stream.shards()
        assert key_range(child) == (0, LARGEST_HASH_KEY)
        assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (FIRST, SECOND)
        start = int(child["SequenceNumberRange"]["StartingSequenceNumber"])
        for parent in (first, second):
            assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) < start

    def test_readers_of_both_parents_reach_the_end_and_learn_the_child(self, kinesis, make_stream):
        stream = make_stream(2)
        for key in ("0", str(2**127)):
            kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey=key, Data=key.encode())
        stream.merge(FIRST, SECOND)
        for parent, data in ((FIRST, b"0"), (SECOND, str(2**127).encode())):
            records, last = stream.read_to_end(parent)
            assert [record["Data"] for record in records] == [data]
            (child,) = last["ChildShards"]
            assert child["ShardId"] == THIRD
            assert sorted(child["ParentShards"]) == [FIRST, SECOND]
            assert key_range(child) == (0, LARGEST_HASH_KEY)

    def test_split_then_merge_keeps_order_per_partition_key(self, kinesis, stream):
        def put(number):
            kinesis.put_record(StreamName=stream.name, PartitionKey=f"key-{number % 3}", Data=str(number).encode())

        for number in range(10):
            put(number)
        stream.split(FIRST, 2**127)
        for number in range(10, 20):
            put(number)
        stream.merge(SECOND, THIRD)
        for number in range(20, 30):
            put(number)
        order = {}
        for generation in ([FIRST], [SECOND, THIRD]):
            for shard in generation:
                for record in stream.read_to_end(shard)[0]:
                    order.setdefault(record["PartitionKey"], []).append(record)
        for record in stream.read(stream.iterator(FOURTH), 10)[0]:
            order.setdefault(record["PartitionKey"], []).append(record)
        for key, records in order.items():
            residue = int(key.removeprefix("key-"))
            assert [int(record["Data"]) for record in records] == list(range(residue, 30, 3))
            numbers = [int(record["SequenceNumber"]) for record in records]
            assert numbers == sorted(set(numbers))

    def test_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            kinesis.merge_shards(StreamName="nowhere", ShardToMerge=FIRST, AdjacentShardToMerge=SECOND)

    def test_a_missing_shard(self, kinesis, stream, refused):
        with refused(
            "ResourceNotFoundException",
            f"Could not find shard {SECOND} in stream {stream.name} under account {stream.account}.",
        ):
            kinesis.merge_shards(StreamName=stream.name, ShardToMerge=FIRST, AdjacentShardToMerge=SECOND)

    @pytest.mark.parametrize("pair", [(FIRST, THIRD), (SECOND, FIRST)])
    def test_the_second_begins_where_the_first_ends(self, kinesis, make_stream, refused, pair):
        stream = make_stream(3)
        with refused(
            "InvalidArgumentException",
            f"Shards {pair[0]} and {pair[1]} in stream {stream.name} under account {stream.account} "
            "are not an adjacent pair of shards eligible for merging",
        ):
            kinesis.merge_shards(StreamName=stream.name, ShardToMerge=pair[0], AdjacentShardToMerge=pair[1])

    def test_a_shard_merges_once(self, kinesis, make_stream, refused):
        stream = make_stream(2)
        stream.merge(FIRST, SECOND)
        with refused("InvalidArgumentException", contains="has already been merged or split"):
            kinesis.merge_shards(StreamName=stream.name, ShardToMerge=FIRST, AdjacentShardToMerge=SECOND)


class TestUpdateShardCount:
    def update(self, kinesis, name, target):
        return kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")

    # The second number was seen on AWS: shards of the stream, closed ones included.
    @pytest.mark.parametrize(("start", "target", "total"), [(2, 4, 6), (4, 5, 15), (4, 2, 6), (5, 3, 7)])
    def test_up_and_down(self, kinesis, make_stream, start, target, total):
        stream = make_stream(start)
        answer = self.update(kinesis, stream.name, target)
        assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (start, target)
        assert (answer["StreamName"], answer["StreamARN"]) == (stream.name, stream.arn)
        assert stream.wait_until_active()["OpenShardCount"] == target
        assert len(stream.shards()) == total
        ranges = sorted(key_range(shard) for shard in stream.shards(ShardFilter={"Type": "AT_LATEST"}))
        assert (ranges[0][0], ranges[-1][1]) == (0, LARGEST_HASH_KEY)
        assert all(one[1] + 1 == next_one[0] for one, next_one in zip(ranges, ranges[1:]))

    def test_not_more_than_doubled_or_halved(self, kinesis, make_stream, refused):
        stream = make_stream(2)
        with refused("LimitExceededException", contains="cannot scale up over double your current open shard count."):
            self.update(kinesis, stream.name, 5)
        stream = make_stream(5)
        with refused("LimitExceededException", contains="cannot scale down below half your current open shard count."):
            self.update(kinesis, stream.name, 2)

    def test_of_a_missing_stream(self, kinesis, account, refused):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
            self.update(kinesis, "nowhere", 2)
