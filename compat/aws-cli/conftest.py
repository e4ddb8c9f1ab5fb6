"""Fixtures: the `aws` command on the endpoint under test, and a stream for each test.

MILLSTREAM_COMPAT_COMMAND names another `aws` than the one of this Python: one of version 2.
"""

import json
import os
import re
import subprocess
import sys
import time
import uuid

import pytest

DEADLINE_S = 60
FAILED = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation(?: \(.*?\))?: (.*)", re.DOTALL)


def pytest_addoption(parser):
    parser.addoption(
        "--endpoint",
        default=os.environ.get("MILLSTREAM_ENDPOINT"),
        help="URL of the server under test (or MILLSTREAM_ENDPOINT)",
    )


def pytest_configure(config):
    if not config.getoption("--endpoint"):
        raise pytest.UsageError("say which server to test: --endpoint URL or MILLSTREAM_ENDPOINT")


class Aws:
    """Runs `aws kinesis ...`, or another service, as a process of its own."""

    def __init__(self, endpoint, service="kinesis"):
        command = [sys.executable, "-m", "awscli"]
        if other := os.environ.get("MILLSTREAM_COMPAT_COMMAND"):
            # Version 1 takes data as text, version 2 as base64 unless it is told.
            command = [other, "--cli-binary-format", "raw-in-base64-out"]
        self.start = [*command, "--endpoint-url", endpoint, "--output", "json", service]
        self.env = {
            "AWS_ACCESS_KEY_ID": "compat", "AWS_SECRET_ACCESS_KEY": "compat", "AWS_DEFAULT_REGION": "us-east-1",
            **os.environ, "AWS_PAGER": "",
        }

    def run(self, *arguments):
        return subprocess.run(
            [*self.start, *map(str, arguments)], env=self.env, capture_output=True, text=True, timeout=DEADLINE_S
        )

    def __call__(self, *arguments):
        """The command must succeed. Returns its answer, or None if it printed nothing."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, code, *arguments):
        """The service must refuse the command with this code. Returns the message."""
        done = self.run(*arguments)
        assert done.returncode not in (0, None), f"{code} was expected, but the command succeeded"
        match = FAILED.search(done.stderr)
        assert match, f"{code} was expected, but came: {done.stderr}"
        assert match[1] == code, done.stderr
        return match[3].strip()


@pytest.fixture(scope="session")
def aws(request):
    return Aws(request.config.getoption("--endpoint").rstrip("/"))


def summary(aws, name):
    """Waits until the stream is ACTIVE."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = aws("describe-stream-summary", "--stream-name", name)["StreamDescriptionSummary"]
        if found["StreamStatus"] == "ACTIVE":
            return found
        assert time.monotonic() < deadline, f"{name} is still {found['StreamStatus']}"


@pytest.fixture
def make_stream(aws):
    """Makes streams with the number of shards asked for; returns their summaries; deletes them in the end."""
    names = []

    def make(shards=1):
        names.append(f"compat-{uuid.uuid4().hex[:12]}")
        aws("create-stream", "--stream-name", names[-1], "--shard-count", shards)
        return summary(aws, names[-1])

    yield make
    for name in names:
        done = aws.run("delete-stream", "--stream-name", name)
        assert done.returncode == 0 or "ResourceNotFoundException" in done.stderr, done.stderr
