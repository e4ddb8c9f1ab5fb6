"""SubscribeToShard: records are pushed to a consumer."""

import contextlib
import time

from conftest import DEADLINE_S

FIRST, SECOND, THIRD = (f"shardId-{index:012}" for index in range(3))


@contextlib.contextmanager
def subscription(kinesis, consumer, shard_id=FIRST, **position):
    """The events of a subscription, one by one."""
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=shard_id, StartingPosition=position or {"Type": "TRIM_HORIZON"}
    )
    stream = answer["EventStream"]
    try:
        yield (event["SubscribeToShardEvent"] for event in stream)
    finally:
        stream.close()


def take(events, count):
    """The data of the next `count` records, and the event that brought the last."""
    data, deadline = [], time.monotonic() + DEADLINE_S
    for event in events:
        data += [record["Data"] for record in event["Records"]]
        if len(data) >= count:
            return data, event
        assert time.monotonic() < deadline, f"{len(data)} of {count} records came"
    raise AssertionError(f"the subscription ended after {len(data)} of {count} records")


def put(kinesis, stream, data):
    return kinesis.put_record(StreamName=stream.name, PartitionKey="sensor-7", Data=data)["SequenceNumber"]


def test_records_come_as_they_are_put(kinesis, stream):
    consumer = stream.consumer()
    number = put(kinesis, stream, b"before")
    with subscription(kinesis, consumer) as events:
        data, event = take(events, 1)
        assert data == [b"before"]
        assert set(event) == {"Records", "ContinuationSequenceNumber", "MillisBehindLatest"}
        (record,) = event["Records"]
        assert set(record) == {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
        assert (record["SequenceNumber"], record["PartitionKey"]) == (number, "sensor-7")
        for index in range(3):
            put(kinesis, stream, b"%d" % index)
            assert take(events, 1)[0] == [b"%d" % index]


def test_it_goes_on_where_another_ended(kinesis, stream):
    put(kinesis, stream, b"first")
    with subscription(kinesis, stream.consumer("one")) as events:
        _, event = take(events, 1)
    put(kinesis, stream, b"second")
    position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": event["ContinuationSequenceNumber"]}
    with subscription(kinesis, stream.consumer("two"), **position) as events:
        assert take(events, 1)[0] == [b"second"]


def test_the_latest(kinesis, stream):
    put(kinesis, stream, b"old")
    with subscription(kinesis, stream.consumer(), Type="LATEST") as events:
        put(kinesis, stream, b"new")
        assert take(events, 1)[0] == [b"new"]


def test_the_end_of_a_shard_names_its_children(kinesis, stream):
    consumer = stream.consumer()
    put(kinesis, stream, b"only")
    stream.split(FIRST, 2**127)
    with subscription(kinesis, consumer) as events:
        everything = list(events)
    assert [record["Data"] for event in everything for record in event["Records"]] == [b"only"]
    last = everything[-1]
    assert "ContinuationSequenceNumber" not in last
    assert [(child["ShardId"], child["ParentShards"]) for child in last["ChildShards"]] == [
        (SECOND, [FIRST]),
        (THIRD, [FIRST]),
    ]


def test_a_shard_has_one_subscription_per_consumer(kinesis, stream, refused):
    consumer = stream.consumer("billing")
    with subscription(kinesis, consumer):
        with refused(
            "ResourceInUseException",
            f"Another active subscription exists for this consumer: {stream.account}:{stream.name}:{FIRST}:billing",
        ):
            kinesis.subscribe_to_shard(
                ConsumerARN=consumer["ConsumerARN"], ShardId=FIRST, StartingPosition={"Type": "LATEST"}
            )
        with subscription(kinesis, stream.consumer("other")) as events:
            put(kinesis, stream, b"for both")
            assert take(events, 1)[0] == [b"for both"]


def test_what_is_missing(kinesis, stream, refused):
    arn = stream.consumer()["ConsumerARN"]
    position = {"Type": "TRIM_HORIZON"}
    shard = "shardId-000000000009"
    with refused(
        "ResourceNotFoundException", f"Shard {shard} in stream {stream.name} under account {stream.account} does not exist"
    ):
        kinesis.subscribe_to_shard(ConsumerARN=arn, ShardId=shard, StartingPosition=position)
    with refused("ResourceNotFoundException"):
        nobody = arn.replace("/consumer/consumer:", "/consumer/nobody:")
        kinesis.subscribe_to_shard(ConsumerARN=nobody, ShardId=FIRST, StartingPosition=position)
    with refused("ValidationException", contains="at 'startingPosition' failed to satisfy constraint: Member must not be null"):
        kinesis.subscribe_to_shard(ConsumerARN=arn, ShardId=FIRST)
