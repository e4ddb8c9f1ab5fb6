"""CloudWatch by boto3, in each of the three encodings that SDKs of AWS have sent."""

import contextlib
import copy
import datetime
import os
import re
import subprocess
import uuid
from pathlib import Path

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import DEADLINE_S

ENCODINGS = {
    "smithy-rpc-v2-cbor": "application/cbor",
    "json": "application/x-amz-json-1.0",
    "query": "application/x-www-form-urlencoded; charset=utf-8",
}
ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("MILLSTREAM_BIN", ROOT / "target" / "debug" / "millstream"))
MINUTE = datetime.timedelta(minutes=1)


class CloudWatch:
    """A client that speaks one protocol, whatever botocore would choose, and what it sent."""

    def __init__(self, session, endpoint, protocol):
        credentials = session.get_credentials().get_frozen_credentials()
        core = botocore.session.get_session()
        loader = core.get_component("data_loader")
        load = loader.load_service_model

        def changed(service_name, type_name, api_version=None):
            model = load(service_name, type_name, api_version)
            if service_name == "cloudwatch" and type_name == "service-2":
                model = copy.deepcopy(model)
                model["metadata"].update(protocol=protocol, protocols=[protocol])
            return model

        loader.load_service_model = changed
        self.client = core.create_client(
            "cloudwatch", region_name=session.region_name, endpoint_url=endpoint,
            aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        self.sent = []
        self.client.meta.events.register("before-send.cloudwatch", self.before_send)

    def before_send(self, request, **_):
        self.sent.append(request.headers)

    def refused(self, code, operation, **arguments):
        with pytest.raises(ClientError) as failed:
            getattr(self.client, operation)(**arguments)
        assert failed.value.response["Error"]["Code"] == code, failed.value
        return failed.value.response["Error"]["Message"]


@pytest.fixture(scope="module", params=ENCODINGS)
def cloudwatch(request, session, endpoint):
    made = CloudWatch(session, endpoint, request.param)
    yield made
    content_types = {headers["Content-Type"] for headers in made.sent}
    assert {_text(content_type) for content_type in content_types} == {ENCODINGS[request.param]}


def _text(header):
    return header.decode() if isinstance(header, bytes) else header


@pytest.fixture
def namespace():
    """One that no other test has samples in."""
    return f"compat/{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def now():
    """A minute that is over, so that all of a test's samples lie on one side of it."""
    return datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)


def named(name="m", stream="s"):
    return {"MetricName": name, "Dimensions": [{"Name": "Stream", "Value": stream}]}


def stat(namespace, id, name="m", stat="Sum", returned=True):
    metric = {"Namespace": namespace, **named(name)}
    return {"Id": id, "ReturnData": returned, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}


def put(cloudwatch, namespace, *data):
    answer = cloudwatch.client.put_metric_data(Namespace=namespace, MetricData=list(data))
    # An operation without an answer has no RequestId of botocore's in each encoding.
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


def test_samples_come_back_as_statistics(cloudwatch, namespace, now):
    put(
        cloudwatch, namespace,
        {**named(), "Timestamp": now - 3 * MINUTE, "Value": 5, "Unit": "Milliseconds"},
        {**named(), "Timestamp": now - 3 * MINUTE, "Values": [1.5, 2], "Counts": [2, 1], "Unit": "Milliseconds"},
        {**named(), "Timestamp": now - 2 * MINUTE, "Unit": "Milliseconds",
         "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}},
    )
    answer = cloudwatch.client.get_metric_statistics(
        Namespace=namespace, **named(), StartTime=now - 10 * MINUTE, EndTime=now, Period=60,
        Statistics=["SampleCount", "Average", "Sum", "Minimum", "Maximum"],
    )
    assert answer["Label"] == "m"
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    assert points == [
        {"Timestamp": now - 3 * MINUTE, "SampleCount": 4.0, "Average": 2.5, "Sum": 10.0, "Minimum": 1.5,
         "Maximum": 5.0, "Unit": "Milliseconds"},
        {"Timestamp": now - 2 * MINUTE, "SampleCount": 4.0, "Average": 2.5, "Sum": 10.0, "Minimum": 1.0,
         "Maximum": 4.0, "Unit": "Milliseconds"},
    ]
    answer = cloudwatch.client.get_metric_statistics(
        Namespace=namespace, **named(), StartTime=now - 10 * MINUTE, EndTime=now, Period=60,
        ExtendedStatistics=["p50", "p99.9"],
    )
    [point] = answer["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": pytest.approx(1.5, rel=0.011), "p99.9": pytest.approx(5, rel=0.011)}


def test_arithmetic_and_search(cloudwatch, namespace, now):
    times = [now - 5 * MINUTE, now - 4 * MINUTE, now - 2 * MINUTE]
    for name, values in {"requests": (10, 20, 40), "errors": (1, 0, 4)}.items():
        data = ({**named(name), "Timestamp": time, "Value": value} for time, value in zip(times, values))
        put(cloudwatch, namespace, *data)
    answer = cloudwatch.client.get_metric_data(
        StartTime=now - 5 * MINUTE, EndTime=now, ScanBy="TimestampAscending",
        MetricDataQueries=[
            stat(namespace, "m1", "requests", returned=False),
            stat(namespace, "m2", "errors"),
            {"Id": "rate", "Expression": "100 * m2 / m1", "Label": "percent"},
            {"Id": "filled", "Expression": "FILL(m1, 0)"},
            {"Id": "change", "Expression": "RATE(m1)"},
            {"Id": "total", "Expression": "SUM(METRICS())"},
            {"Id": "found", "Expression":
                f"SEARCH('{{\"{namespace}\",Stream}} MetricName=\"requests\"', 'Average', 60)"},
        ],
    )
    results = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert {result["StatusCode"] for result in results.values()} == {"Complete"}
    assert results["m2"]["Timestamps"] == times
    assert results["rate"]["Label"] == "percent"
    assert {id: result["Values"] for id, result in results.items()} == {
        "m2": [1, 0, 4],
        "rate": [10, 0, 10],
        "filled": [10, 20, 0, 40, 0],
        "change": [10 / 60, 20 / 120],
        "total": [11, 20, 44],
        "found": [10, 20, 40],
    }


def test_pages_of_data(cloudwatch, namespace, now):
    put(cloudwatch, namespace, *({**named(), "Timestamp": now - at * MINUTE, "Value": at} for at in range(1, 8)))
    pages = cloudwatch.client.get_paginator("get_metric_data").paginate(
        StartTime=now - 10 * MINUTE, EndTime=now, MaxDatapoints=3, MetricDataQueries=[stat(namespace, "m1")],
    )
    values = [[value for result in page["MetricDataResults"] for value in result["Values"]] for page in pages]
    assert values == [[1, 2, 3], [4, 5, 6], [7]]


def test_lists(cloudwatch, namespace, now):
    data = [{**named(f"m{at:04}"), "Timestamp": now, "Value": 1} for at in range(600)]
    put(cloudwatch, namespace, *data)
    put(cloudwatch, namespace, {**named("old", "t"), "Timestamp": now - 200 * MINUTE, "Value": 1})

    def names(**arguments):
        pages = cloudwatch.client.get_paginator("list_metrics").paginate(Namespace=namespace, **arguments)
        pages = [[metric["MetricName"] for metric in page["Metrics"]] for page in pages]
        assert all(len(page) <= 500 for page in pages)
        return [name for page in pages for name in page]

    assert len(names()) == 601
    assert names(MetricName="m0007") == ["m0007"]
    assert names(Dimensions=[{"Name": "Stream", "Value": "t"}]) == ["old"]
    assert len(names(RecentlyActive="PT3H")) == 600
    [metric] = cloudwatch.client.list_metrics(Namespace=namespace, MetricName="old")["Metrics"]
    assert metric == {"Namespace": namespace, **named("old", "t")}


def test_large_puts_come_compressed(cloudwatch, namespace, now):
    datum = {**named(), "Timestamp": now - MINUTE, "Values": [float(at) for at in range(150)]}
    put(cloudwatch, namespace, *[datum] * 100)
    assert _text(cloudwatch.sent[-1]["Content-Encoding"]) == "gzip"
    answer = cloudwatch.client.get_metric_data(
        StartTime=now - 5 * MINUTE, EndTime=now, MetricDataQueries=[stat(namespace, "m1", stat="SampleCount")],
    )
    assert answer["MetricDataResults"][0]["Values"] == [15_000]


def test_errors_have_awss_names(cloudwatch, namespace, now):
    data = [{"MetricName": "m", "Value": 1}]
    for code, text, arguments in [
        ("MissingParameter", "The parameter Namespace is required.", {"MetricData": data}),
        ("InvalidParameterValue", "The value AWS/Kinesis for parameter Namespace is invalid.",
         {"Namespace": "AWS/Kinesis", "MetricData": data}),
        ("InvalidParameterCombination", "mutually exclusive",
         {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 1, "Values": [1]}]}),
        ("InvalidParameterValue", "MetricData.member.1.Unit",
         {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 1, "Unit": "Apples"}]}),
    ]:
        assert text in cloudwatch.refused(code, "put_metric_data", **arguments)
    message = cloudwatch.refused(
        "InvalidParameterCombination", "get_metric_statistics", Namespace=namespace, MetricName="m",
        StartTime=now - 2000 * MINUTE, EndTime=now, Period=60, Statistics=["Sum"],
    )
    assert "exceeds the limit of 1440" in message.replace(",", "")
    query = {"Id": "e1", "Expression": "SUM("}
    message = cloudwatch.refused(
        "ValidationError", "get_metric_data", StartTime=now - MINUTE, EndTime=now, MetricDataQueries=[query],
    )
    assert message.startswith("Error in expression 'e1'")
    assert "Millstream has no DescribeAlarms" in cloudwatch.refused("InvalidAction", "describe_alarms")


@contextlib.contextmanager
def own_server(folder):
    """A server on a folder, stopped as an operator stops it: the minute that it counts is kept."""
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


@pytest.mark.skipif(not BINARY.exists(), reason=f"there is no {BINARY}")
def test_streams_have_their_metrics_after_a_stop_too(session, tmp_path):
    with own_server(tmp_path / "data") as endpoint:
        kinesis = session.client("kinesis", endpoint_url=endpoint)
        kinesis.create_stream(StreamName="trades", ShardCount=1)
        for _ in range(3):
            kinesis.put_record(StreamName="trades", PartitionKey="k", Data=b"x" * 99)
        record = {"PartitionKey": "k", "Data": b"y" * 49}
        kinesis.put_records(StreamName="trades", Records=[record] * 2)
        start = kinesis.get_shard_iterator(
            StreamName="trades", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        assert len(kinesis.get_records(ShardIterator=start)["Records"]) == 5
    with own_server(tmp_path / "data") as endpoint:
        cloudwatch = session.client("cloudwatch", endpoint_url=endpoint)
        end = datetime.datetime.now(datetime.timezone.utc) + MINUTE
        answer = cloudwatch.get_metric_data(
            StartTime=end - 10 * MINUTE, EndTime=end,
            MetricDataQueries=[{"Id": "all", "Expression": "SEARCH('{AWS/Kinesis,StreamName}', 'Sum', 600)"}],
        )
        seen = {result["Label"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
        wanted = {
            "IncomingBytes": 400, "IncomingRecords": 5, "PutRecord.Bytes": 300, "PutRecord.Success": 3,
            "PutRecords.Bytes": 100, "PutRecords.TotalRecords": 2, "PutRecords.Success": 1, "GetRecords.Bytes": 400,
            "GetRecords.Records": 5, "GetRecords.Success": 1, "WriteProvisionedThroughputExceeded": 0,
        }
        assert {name: seen.get(f"trades {name}") for name in wanted} == wanted
        assert seen["trades PutRecord.Latency"] > 0
