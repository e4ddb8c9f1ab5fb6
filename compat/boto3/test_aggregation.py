"""What our producer writes, as the de-aggregation module for Python reads it."""

import base64
import json
import os
import subprocess

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import iter_deaggregate_records

RECORDS = 3000


@pytest.fixture
def put_aggregated(session, endpoint):
    """`millstream records put --aggregate` of lines that are records."""
    binary = os.environ.get("MILLSTREAM_BIN")
    if not binary:
        pytest.skip("MILLSTREAM_BIN does not name our binary, whose producer is tested here")
    credentials = session.get_credentials()

    def put(stream, records):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        done = subprocess.run(
            [binary, "records", "put", stream.name, "--aggregate", "--input", "records", "--json"],
            input=lines, text=True, capture_output=True, timeout=120,
            env={
                **os.environ,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": session.region_name,
                "AWS_ACCESS_KEY_ID": credentials.access_key,
                "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            },
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return put


def read(stream):
    """Records of the stream, by shard."""
    return {
        shard["ShardId"]: stream.client.get_records(ShardIterator=stream.iterator(shard["ShardId"]))["Records"]
        for shard in stream.shards()
    }


def test_the_module_for_python_takes_apart_what_the_producer_put_together(make_stream, put_aggregated):
    stream = make_stream(4)
    sent = [{"PartitionKey": f"sensor-{n % 50}", "Data": f"value {n} \u00b0C"} for n in range(RECORDS)]
    places = put_aggregated(stream, sent)
    assert len(places) == RECORDS
    found = {}
    for shard_id, records in read(stream).items():
        assert len(records) < RECORDS / 20, "they travelled together"
        for user in iter_deaggregate_records(records, data_format="Boto3"):
            # The module gives the data of an aggregate's parts in base64, and a plain record as it is.
            found.setdefault(user["kinesis"]["partitionKey"], []).append((shard_id, text_of(user)))
    assert sum(map(len, found.values())) == RECORDS
    for key, texts in found.items():
        of_key = [record["Data"] for record in sent if record["PartitionKey"] == key]
        assert [text for _, text in texts] == of_key
        assert len({shard_id for shard_id, _ in texts}) == 1
    for record, place in zip(sent, places):
        assert (place["ShardId"], record["Data"]) in found[record["PartitionKey"]]


def text_of(user):
    data = user["kinesis"]["data"]
    return (base64.b64decode(data) if user["kinesis"].get("aggregated") else data).decode()


def test_the_bytes_are_those_of_the_module_for_python(stream, put_aggregated):
    sent = [{"PartitionKey": f"sensor-{n % 3}", "Data": f"value {n}"} for n in range(20)]
    put_aggregated(stream, sent)
    ours, left = read(stream)["shardId-000000000000"], list(sent)
    together = 0
    # On a busy machine the producer's time for more may be over before all of them have come.
    for record in ours:
        count = len(list(iter_deaggregate_records([record], data_format="Boto3")))
        part, left = left[:count], left[count:]
        theirs = RecordAggregator()
        for user in part:
            theirs.add_user_record(user["PartitionKey"], user["Data"].encode())
        # The outer partition key is the KPL's.
        expected = ("a", theirs.clear_and_get().get_contents()[2])
        if count == 1:
            expected = (part[0]["PartitionKey"], part[0]["Data"].encode())
        assert (record["PartitionKey"], record["Data"]) == expected
        together = max(together, count)
    assert not left and together > 1
