"""Every operation through the `aws` command: once accepted, once refused."""

import base64
import datetime
import time

from conftest import DEADLINE_S, summary

FIRST, SECOND, THIRD = (f"shardId-{index:012}" for index in range(3))


def account_of(stream):
    return stream["StreamARN"].split(":")[4]


def put(aws, name, data, *more):
    return aws("put-record", "--stream-name", name, "--partition-key", "k", "--data", data, *more)


def iterator(aws, name, kind, *more):
    arguments = ("--stream-name", name, "--shard-id", FIRST, "--shard-iterator-type", kind)
    return aws("get-shard-iterator", *arguments, *more)["ShardIterator"]


def read(aws, start, count):
    """The data of the next `count` records, and the last answer."""
    data, deadline = [], time.monotonic() + DEADLINE_S
    while True:
        answer = aws("get-records", "--shard-iterator", start)
        data += [base64.b64decode(record["Data"]) for record in answer["Records"]]
        if len(data) >= count:
            return data, answer
        start = answer["NextShardIterator"]
        assert time.monotonic() < deadline, f"{len(data)} of {count} records came"


def test_create_and_describe(aws, make_stream):
    stream = make_stream(2)
    name = stream["StreamName"]
    assert stream["OpenShardCount"] == 2
    description = aws("describe-stream", "--stream-name", name)["StreamDescription"]
    assert [shard["ShardId"] for shard in description["Shards"]] == [FIRST, SECOND]
    assert description["StreamARN"] == stream["StreamARN"]
    message = aws.refused("ResourceInUseException", "create-stream", "--stream-name", name, "--shard-count", 1)
    assert message == f"Stream {name} under account {account_of(stream)} already exists."


def test_describing_a_missing_stream(aws, make_stream):
    expected = f"Stream nowhere under account {account_of(make_stream())} not found."
    for command in ("describe-stream", "describe-stream-summary"):
        assert aws.refused("ResourceNotFoundException", command, "--stream-name", "nowhere") == expected


def test_delete(aws, make_stream):
    stream = make_stream()
    name = stream["StreamName"]
    assert aws("delete-stream", "--stream-name", name) is None
    deadline = time.monotonic() + DEADLINE_S
    while name in aws("list-streams")["StreamNames"]:
        assert time.monotonic() < deadline
    message = aws.refused("ResourceNotFoundException", "delete-stream", "--stream-name", name)
    assert message == f"Stream {name} under account {account_of(stream)} not found."


def test_list_streams(aws, make_stream):
    names = sorted(make_stream()["StreamName"] for _ in range(2))
    page = aws("list-streams", "--exclusive-start-stream-name", names[0], "--no-paginate", "--limit", 1)
    assert page["StreamNames"] == [names[1]]
    everything = aws("list-streams", "--page-size", 1)["StreamNames"]
    assert set(names) <= set(everything)
    message = aws.refused("ValidationException", "list-streams", "--limit", 10001, "--no-paginate")
    assert "Value '10001' at 'limit' failed to satisfy constraint" in message


def test_list_shards(aws, make_stream):
    stream = make_stream(3)
    first = aws("list-shards", "--stream-name", stream["StreamName"], "--max-results", 2, "--no-paginate")
    second = aws("list-shards", "--next-token", first["NextToken"], "--no-paginate")
    assert [shard["ShardId"] for shard in first["Shards"] + second["Shards"]] == [FIRST, SECOND, THIRD]
    assert aws.refused("InvalidArgumentException", "list-shards") == (
        "Either NextToken or StreamName should be provided."
    )


def test_put_record_and_get_records(aws, make_stream):
    name = make_stream(2)["StreamName"]
    answer = put(aws, name, "plain text", "--explicit-hash-key", "0")
    assert answer["ShardId"] == FIRST
    data, last = read(aws, iterator(aws, name, "TRIM_HORIZON"), 1)
    assert data == [b"plain text"]
    assert last["Records"][0]["SequenceNumber"] == answer["SequenceNumber"]
    message = aws.refused(
        "InvalidArgumentException", "put-record", "--stream-name", name, "--partition-key", "k", "--data", "d",
        "--explicit-hash-key", 2**128,
    )
    assert message.startswith("Invalid ExplicitHashKey. ")
    assert aws.refused("InvalidArgumentException", "get-records", "--shard-iterator", "AAAA") == (
        "Invalid ShardIterator."
    )


def test_binary_data_from_a_file(aws, make_stream, tmp_path):
    name = make_stream()["StreamName"]
    data = bytes(range(256))
    (tmp_path / "data").write_bytes(data)
    put(aws, name, f"fileb://{tmp_path / 'data'}")
    assert read(aws, iterator(aws, name, "TRIM_HORIZON"), 1)[0] == [data]


def test_put_records(aws, make_stream):
    stream = make_stream()
    name = stream["StreamName"]
    entries = ("Data=one,PartitionKey=a", "Data=two,PartitionKey=b", "Data=three,PartitionKey=a")
    answer = aws("put-records", "--stream-name", name, "--records", *entries)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 3
    assert read(aws, iterator(aws, name, "TRIM_HORIZON"), 3)[0] == [b"one", b"two", b"three"]
    message = aws.refused(
        "ResourceNotFoundException", "put-records", "--stream-name", "nowhere", "--records", *entries
    )
    assert message == f"Stream nowhere under account {account_of(stream)} not found."


def test_all_five_iterators(aws, make_stream):
    name = make_stream()["StreamName"]
    numbers = [put(aws, name, data)["SequenceNumber"] for data in ("0", "1", "2")]
    latest = iterator(aws, name, "LATEST")
    early = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()
    everything = [b"0", b"1", b"2"]
    assert read(aws, iterator(aws, name, "TRIM_HORIZON"), 3)[0] == everything
    assert read(aws, iterator(aws, name, "AT_TIMESTAMP", "--timestamp", early), 3)[0] == everything
    at = iterator(aws, name, "AT_SEQUENCE_NUMBER", "--starting-sequence-number", numbers[1])
    assert read(aws, at, 2)[0] == everything[1:]
    after = iterator(aws, name, "AFTER_SEQUENCE_NUMBER", "--starting-sequence-number", numbers[1])
    assert read(aws, after, 1)[0] == everything[2:]
    put(aws, name, "3")
    assert read(aws, latest, 1)[0] == [b"3"]
    message = aws.refused(
        "InvalidArgumentException", "get-shard-iterator", "--stream-name", name, "--shard-id", FIRST,
        "--shard-iterator-type", "AT_TIMESTAMP",
    )
    assert message.startswith("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.")


def test_split_and_merge(aws, make_stream):
    stream = make_stream()
    name = stream["StreamName"]
    split = ("split-shard", "--stream-name", name, "--shard-to-split", FIRST, "--new-starting-hash-key")
    assert "is not both greater than one plus" in aws.refused("InvalidArgumentException", *split, 1)
    assert aws(*split, 2**127) is None
    assert summary(aws, name)["OpenShardCount"] == 2
    merge = ("merge-shards", "--stream-name", name, "--shard-to-merge")
    message = aws.refused("InvalidArgumentException", *merge, THIRD, "--adjacent-shard-to-merge", SECOND)
    assert message == (
        f"Shards {THIRD} and {SECOND} in stream {name} under account {account_of(stream)} "
        "are not an adjacent pair of shards eligible for merging"
    )
    assert aws(*merge, SECOND, "--adjacent-shard-to-merge", THIRD) is None
    assert summary(aws, name)["OpenShardCount"] == 1
    start, deadline = iterator(aws, name, "TRIM_HORIZON"), time.monotonic() + DEADLINE_S
    while start:
        answer = aws("get-records", "--shard-iterator", start)
        start = answer.get("NextShardIterator")
        assert time.monotonic() < deadline
    assert [child["ShardId"] for child in answer["ChildShards"]] == [SECOND, THIRD]


def test_retention_period(aws, make_stream):
    name = make_stream()["StreamName"]
    increase = ("increase-stream-retention-period", "--stream-name", name, "--retention-period-hours")
    decrease = ("decrease-stream-retention-period", "--stream-name", name, "--retention-period-hours")
    assert aws(*increase, 48) is None
    assert summary(aws, name)["RetentionPeriodHours"] == 48
    assert "can not be shorter than existing retention period (48 hours)" in aws.refused(
        "InvalidArgumentException", *increase, 30
    )
    assert aws(*decrease, 24) is None
    assert summary(aws, name)["RetentionPeriodHours"] == 24
    assert aws.refused("InvalidArgumentException", *decrease, 23) == (
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."
    )
