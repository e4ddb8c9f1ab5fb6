"""CloudWatch through the `aws` command."""

import datetime
import json
import uuid

import pytest

from conftest import Aws

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(scope="module")
def cloudwatch(request):
    return Aws(request.config.getoption("--endpoint").rstrip("/"), "cloudwatch")


def test_put_list_and_read(cloudwatch):
    namespace = f"compat/{uuid.uuid4().hex[:12]}"
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    span = ("--start-time", (now - 5 * MINUTE).isoformat(), "--end-time", now.isoformat())
    metric = ("--namespace", namespace, "--metric-name", "m")
    for value in (1, 3):
        assert cloudwatch(
            "put-metric-data", *metric, "--dimensions", "Stream=s", "--value", value, "--unit", "Count",
            "--timestamp", (now - 2 * MINUTE).isoformat(),
        ) is None
    [listed] = cloudwatch("list-metrics", "--namespace", namespace)["Metrics"]
    assert listed == {
        "Namespace": namespace, "MetricName": "m", "Dimensions": [{"Name": "Stream", "Value": "s"}],
    }
    [point] = cloudwatch(
        "get-metric-statistics", *metric, "--dimensions", "Name=Stream,Value=s", *span, "--period", 60,
        "--statistics", "Sum", "Maximum",
    )["Datapoints"]
    assert (point["Sum"], point["Maximum"], point["Unit"]) == (4, 3, "Count")
    queries = [
        {"Id": "m1", "ReturnData": False, "MetricStat": {"Metric": listed, "Period": 60, "Stat": "Average"}},
        {"Id": "e1", "Expression": "m1 * 10", "Label": "ten"},
    ]
    [result] = cloudwatch("get-metric-data", *span, "--metric-data-queries", json.dumps(queries))["MetricDataResults"]
    assert (result["Label"], result["Values"], result["StatusCode"]) == ("ten", [20], "Complete")


def test_refusals(cloudwatch):
    message = cloudwatch.refused(
        "InvalidParameterValue", "put-metric-data", "--namespace", "AWS/Kinesis", "--metric-name", "m", "--value", 1
    )
    assert message == "The value AWS/Kinesis for parameter Namespace is invalid."
    message = cloudwatch.refused("InvalidAction", "describe-alarms")
    assert message == "Millstream has no DescribeAlarms of CloudWatch."
