"""`metrics = true` in a pipeline's file: what its workers count, as boto3 reads it from CloudWatch's API."""

import contextlib
import datetime
import json
import os
import signal
import subprocess

import pytest
from botocore.exceptions import ClientError

from conftest import DEADLINE_S, poll

DAY = datetime.timedelta(days=1)
SHARDS = ["shardId-000000000000", "shardId-000000000001"]
# The first half of all hash keys is the first shard's.
HASH_KEYS = [str(0), str(2**127)]


@pytest.fixture
def start_worker(session, endpoint, tmp_path):
    binary = os.environ.get("MILLSTREAM_BIN")
    if not binary:
        pytest.skip("MILLSTREAM_BIN does not name our binary, whose pipelines are tested here")
    credentials = session.get_credentials()
    started = []

    def start(file):
        # A lease that is lost on a slow machine would make records come twice, and be counted twice.
        options = ["--failover", "60s", "--poll", "100ms", "--report", "0s"]
        with (tmp_path / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [binary, "pipeline", "run", file, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={
                    **os.environ,
                    "AWS_ENDPOINT_URL": endpoint,
                    "AWS_REGION": session.region_name,
                    "AWS_ACCESS_KEY_ID": credentials.access_key,
                    "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
                },
            )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def lines(folder):
    return sum(len(path.read_text().splitlines()) for path in folder.glob("shard*"))


def test_what_workers_count_is_told_once_by_stage_shard_and_sink(
    session, endpoint, dynamodb, make_stream, start_worker, tmp_path,
):
    source, rejected = make_stream(2), make_stream(1)
    out, file = tmp_path / "out", tmp_path / "pipeline.toml"
    file.write_text(
        f'name = "{source.name}"\nmetrics = true\n[source]\nstream = "{source.name}"\n'
        f'[[step]]\nfilter = ".n != 7"\n'
        f'[[sink]]\nfiles = {{ folder = "{out}", flush = {{ time = "300ms" }} }}\n'
        f'[dead_letter]\nstream = "{rejected.name}"\n'
    )
    read_bytes = 0
    try:
        # The second worker goes on where the first one stopped.
        for first in (1, 201):
            worker = start_worker(file)
            texts = [json.dumps({"n": n}) for n in range(first, first + 200)] + ["{"]
            source.client.put_records(StreamName=source.name, Records=[
                {"Data": text.encode(), "PartitionKey": "k", "ExplicitHashKey": HASH_KEYS[at % 4 == 0]}
                for at, text in enumerate(texts)
            ])
            read_bytes += sum(map(len, texts))
            until = first + 199 - 1
            poll(lambda: lines(out) if out.exists() else 0, lambda count: count == until, f"{until} values")
            start = rejected.iterator(SHARDS[0])
            rejections = (first + 199) // 200
            rejected.read(start, rejections)
            worker.send_signal(signal.SIGINT)
            assert worker.wait(DEADLINE_S) == 0, (tmp_path / "worker.log").read_text()
    finally:
        for table in (source.name, f"{source.name}-state"):
            with contextlib.suppress(ClientError):
                dynamodb.delete_table(TableName=table)

    cloudwatch = session.client("cloudwatch", endpoint_url=endpoint)
    now = datetime.datetime.now(datetime.timezone.utc)

    def total(metric, **dimensions):
        answer = cloudwatch.get_metric_statistics(
            Namespace=source.name, MetricName=metric, StartTime=now - DAY, EndTime=now + DAY, Period=3600,
            Statistics=["Sum"], Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    of_stage = {"RecordsIn": 402, "BytesIn": read_bytes, "RecordsOut": 399, "RecordsRejected": 2}
    assert {metric: total(metric, Stage="source") for metric in of_stage} == of_stage
    of_shards = {metric: [total(metric, Stage="source", ShardId=shard) for shard in SHARDS] for metric in of_stage}
    assert {metric: sum(shards) for metric, shards in of_shards.items()} == of_stage
    # Every fourth of 201 went to the second shard, and so did what is no JSON.
    assert of_shards["RecordsIn"] == [300, 102] and of_shards["RecordsRejected"] == [0, 2]
    sink = {metric: total(metric, Sink="files") for metric in ("RecordsOut", "RecordsRejected", "RecordsSkipped")}
    assert sink == {"RecordsOut": 399, "RecordsRejected": 0, "RecordsSkipped": 0}
    assert total("BytesOut", Sink="files") > 0 and total("FlushTime", Sink="files") > 0
    # Beside them what the consumer measures, under the KCL's names.
    processed = [total("RecordsProcessed", Operation="ProcessTask", ShardId=shard) for shard in SHARDS]
    assert processed == [300, 102]
