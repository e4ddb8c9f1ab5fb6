"""A Prometheus as Debian packages it, scraping the server with nothing but its address."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import boto3
import pytest

START_DEADLINE_S = 60
SEEN_DEADLINE_S = 120
# The minute has to be over before the age of its iterators is told.
AGE_DEADLINE_S = 150

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus"), reason="prometheus is not installed (Debian package prometheus)"
)


def until(deadline_s, ask):
    """The first answer that is true; asked now and then."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            if answer := ask():
                return answer
        except OSError:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.2)


@pytest.fixture
def query(endpoint, tmp_path):
    """Asks a Prometheus that scrapes the endpoint: [(labels, value)] of an expression."""
    target = urllib.parse.urlsplit(endpoint)
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": "millstream", "scheme": target.scheme, "static_configs": [{"targets": [target.netloc]}]}
        ],
    }
    # YAML takes JSON.
    (tmp_path / "prometheus.yml").write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"

    def ask(expression):
        with urllib.request.urlopen(
            f"{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression}), timeout=10
        ) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]

    def targets():
        with urllib.request.urlopen(f"{address}/api/v1/targets", timeout=10) as answer:
            return json.load(answer)["data"]["activeTargets"]

    try:
        until(START_DEADLINE_S, lambda: [one for one in targets() if one["health"] != "unknown"])
        ask.targets = targets
        yield ask
    except OSError:
        raise AssertionError((tmp_path / "log").read_text()) from None
    finally:
        process.terminate()
        process.wait(START_DEADLINE_S)


def test_calls_and_the_age_of_iterators_are_scraped(endpoint, query):
    kinesis = boto3.client("kinesis", endpoint_url=endpoint)
    stream = f"scraped-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    for number in range(3):
        kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey=str(number))
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    time.sleep(1)  # So that there is an age: one record is read and two are left.
    kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)

    [target] = query.targets()
    assert target["health"] == "up", target["lastError"]
    put = 'millstream_call_duration_seconds_count{service="kinesis",operation="PutRecord",error_class="none"}'
    found = until(SEEN_DEADLINE_S, lambda: [value for _, value in query(put) if value >= 3])
    assert len(found) == 1
    quantile = "histogram_quantile(0.99, rate(millstream_log_fsync_duration_seconds_bucket[1m]))"
    until(SEEN_DEADLINE_S, lambda: [value for _, value in query(quantile) if 0 < value < 10])
    assert query('millstream_log_status{status="serving"}')[0][1] == 1
    age = f'millstream_iterator_age_seconds{{stream="{stream}"}}'
    [(labels, age_s)] = until(AGE_DEADLINE_S, lambda: query(age))
    assert labels["account"] and labels["region"] and not labels.get("consumer")
    assert 1 <= age_s < 60
    kinesis.delete_stream(StreamName=stream)
