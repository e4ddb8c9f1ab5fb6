"""Fixtures: a client for the endpoint under test, and streams that go away after each test."""

import os
import time
import uuid

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from recorder import Recorder

DEADLINE_S = 60


def pytest_addoption(parser):
    parser.addoption(
        "--endpoint",
        default=os.environ.get("MILLSTREAM_ENDPOINT"),
        help="URL of the server under test (or MILLSTREAM_ENDPOINT)",
    )


def pytest_configure(config):
    if not config.getoption("--endpoint"):
        raise pytest.UsageError("say which server to test: --endpoint URL or MILLSTREAM_ENDPOINT")


@pytest.fixture(scope="session")
def endpoint(request):
    return request.config.getoption("--endpoint").rstrip("/")


@pytest.fixture(scope="session")
def session():
    """Credentials and region as usual from the environment; any will do for a server without access keys."""
    found = boto3.Session()
    if found.get_credentials() is not None and found.region_name is not None:
        return found
    return boto3.Session("compat", "compat", region_name=found.region_name or "us-east-1")


@pytest.fixture(scope="session")
def make_client(session, endpoint):
    """Clients that send what they are given: the service, not the client, judges the parameters."""
    recorder = Recorder()

    def make(signature_version=None, **arguments):
        config = Config(
            parameter_validation=False,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version=signature_version,
        )
        return recorder.listen(session.client("kinesis", endpoint_url=endpoint, config=config, **arguments))

    return make


@pytest.fixture(scope="session")
def kinesis(make_client):
    return make_client()


@pytest.fixture(scope="session")
def unsigned(make_client):
    """A client without credentials."""
    return make_client(UNSIGNED)


@pytest.fixture
def new_account(make_client):
    """A client of an account that nobody used before: an access key of 12 digits is its own account."""
    return make_client(aws_access_key_id=str(uuid.uuid4().int)[:12], aws_secret_access_key="compat")


@pytest.fixture(scope="session")
def dynamodb(session, endpoint):
    return session.client("dynamodb", endpoint_url=endpoint)


def poll(describe, done, what):
    """Calls `describe` until `done` accepts its answer; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not done(answer := describe()):
        assert time.monotonic() < deadline, f"{what} took more than {DEADLINE_S} s"
        time.sleep(0.02)
    return answer


class Stream:
    """A stream for one test."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        self.arn = self.wait_until_active()["StreamARN"]
        self.account = self.arn.split(":")[4]

    def wait_until_active(self):
        return poll(
            lambda: self.client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"],
            lambda summary: summary["StreamStatus"] == "ACTIVE",
            f"{self.name} to become ACTIVE",
        )

    def shards(self, **arguments):
        return self.client.list_shards(StreamName=self.name, **arguments)["Shards"]

    def iterator(self, shard_id, kind="TRIM_HORIZON", **arguments):
        return self.client.get_shard_iterator(
            StreamName=self.name, ShardId=shard_id, ShardIteratorType=kind, **arguments
        )["ShardIterator"]

    def read(self, iterator, count):
        """Reads until `count` records came. Returns them and the last answer."""
        records, deadline = [], time.monotonic() + DEADLINE_S
        while True:
            answer = self.client.get_records(ShardIterator=iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if len(records) >= count:
                return records, answer
            assert iterator, f"the shard ended after {len(records)} of {count} records"
            assert time.monotonic() < deadline, f"{len(records)} of {count} records came in {DEADLINE_S} s"

    def read_to_end(self, shard_id):
        """Reads a closed shard to its end. Returns its records and the answer that says it is the end."""
        records, iterator, deadline = [], self.iterator(shard_id), time.monotonic() + DEADLINE_S
        while True:
            answer = self.client.get_records(ShardIterator=iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if not iterator:
                return records, answer
            assert time.monotonic() < deadline, f"no end of {shard_id} within {DEADLINE_S} s"

    def split(self, shard_id, at):
        self.client.split_shard(StreamName=self.name, ShardToSplit=shard_id, NewStartingHashKey=str(at))
        self.wait_until_active()

    def merge(self, shard_id, adjacent):
        self.client.merge_shards(StreamName=self.name, ShardToMerge=shard_id, AdjacentShardToMerge=adjacent)
        self.wait_until_active()

    def consumer(self, name="consumer"):
        """Registers a consumer and waits until it is ACTIVE. Returns its description."""
        answer = self.client.register_stream_consumer(StreamARN=self.arn, ConsumerName=name)
        arn = answer["Consumer"]["ConsumerARN"]
        return poll(
            lambda: self.client.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"],
            lambda description: description["ConsumerStatus"] == "ACTIVE",
            f"{name} to become ACTIVE",
        )


@pytest.fixture
def make_stream(kinesis):
    """Makes streams with the number of shards asked for; deletes them when the test ends."""
    made = []

    def make(shards=1, name=None, client=kinesis, **arguments):
        """With `shards=None` the arguments say what the stream is."""
        name = name or unique_name()
        made.append((client, name))
        if shards is not None:
            arguments["ShardCount"] = shards
        client.create_stream(StreamName=name, **arguments)
        return Stream(client, name)

    yield make
    for client, name in made:
        try:
            client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.fixture
def stream(make_stream):
    """A stream with one shard."""
    return make_stream()


@pytest.fixture(scope="session")
def account(kinesis):
    """The account that the credentials belong to, as the service's messages print it."""
    name = unique_name()
    kinesis.create_stream(StreamName=name, ShardCount=1)
    found = Stream(kinesis, name).account
    kinesis.delete_stream(StreamName=name)
    return found


def unique_name():
    return f"compat-{uuid.uuid4().hex[:12]}"


class Refused:
    """`with refused("SomeException") as error:` passes if the call in it is refused with that code."""

    def __init__(self, code, message=None, starts=None, contains=None):
        self.code, self.message_is, self.starts, self.contains = code, message, starts, contains
        self.message = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert error is not None, f"{self.code} was expected, but the call succeeded"
        if not isinstance(error, ClientError):
            return False
        got = error.response["Error"]
        self.message = got.get("Message", "")
        assert got["Code"] == self.code, f"{self.code} was expected, but came {got}"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        if self.message_is is not None:
            assert self.message == self.message_is
        if self.starts is not None:
            assert self.message.startswith(self.starts), self.message
        if self.contains is not None:
            assert self.contains in self.message, self.message
        return True


@pytest.fixture
def refused():
    return Refused
