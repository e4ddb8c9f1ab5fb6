"""Signatures, policies and TLS as boto3 and the AWS CLI meet them: on a server of their own, with access keys.

Needs the binary: MILLSTREAM_BIN, or the one that `cargo build` makes. Skipped where there is none.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("MILLSTREAM_BIN", ROOT / "target" / "debug" / "millstream"))
READ_ONLY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kinesis:List*", "Resource": "*"}}'

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"there is no {BINARY}")


class Guarded:
    """A server with two keys and a certificate that it made for itself."""

    def __init__(self, folder):
        self.keys = folder / "keys.toml"
        policy = folder / "read-only.json"
        policy.write_text(READ_ONLY)
        self.admin = self.create("--account", "123456789012", "--name", "admin", "--allow-everything")
        self.reader = self.create("--account", "123456789012", "--name", "reader", "--policy", policy)
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder / "data", "--engine", "memory",
             "--access-keys", self.keys, "--tls-self-signed"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        port = re.search(r"https://127\.0\.0\.1:(\d+)", self.process.stdout.readline())[1]
        self.endpoint = f"https://localhost:{port}"
        self.certificate = str(folder / "data" / "tls" / "certificate.pem")

    def create(self, *arguments):
        said = subprocess.run(
            [BINARY, "keys", "create", "--access-keys", self.keys, *arguments],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout
        return tuple(re.search(f"{name}=(.*)", said)[1] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))

    def client(self, service, key, verify=None):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="eu-west-1", aws_access_key_id=key[0],
            aws_secret_access_key=key[1], verify=verify or self.certificate,
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    server = Guarded(tmp_path_factory.mktemp("guarded"))
    yield server
    server.process.terminate()
    assert server.process.wait(60) == 0


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_signed_calls_are_served(guarded):
    kinesis = guarded.client("kinesis", guarded.admin)
    kinesis.create_stream(StreamName="meters", ShardCount=1)
    put = kinesis.put_record(StreamName="meters", Data=b"\x00hello", PartitionKey="a b/ü")
    assert put["ShardId"] == "shardId-000000000000"
    arn = kinesis.describe_stream_summary(StreamName="meters")["StreamDescriptionSummary"]["StreamARN"]
    assert arn == "arn:aws:kinesis:eu-west-1:123456789012:stream/meters"
    assert guarded.client("dynamodb", guarded.admin).list_tables()["TableNames"] == []


def test_other_secrets_and_keys_are_refused(guarded):
    forged = guarded.client("kinesis", (guarded.admin[0], "x" * 40))
    assert code(forged.list_streams) == "InvalidSignatureException"
    unknown = guarded.client("kinesis", ("AKIAUNKNOWN", guarded.admin[1]))
    assert code(unknown.list_streams) == "UnrecognizedClientException"


def test_policies_decide(guarded):
    reader = guarded.client("kinesis", guarded.reader)
    reader.list_streams()
    assert code(reader.create_stream, StreamName="other", ShardCount=1) == "AccessDeniedException"
    assert code(guarded.client("dynamodb", guarded.reader).list_tables) == "AccessDeniedException"


def test_the_certificate_must_be_trusted(guarded):
    with pytest.raises(SSLError):
        guarded.client("kinesis", guarded.admin, verify=True).list_streams()


def test_the_aws_cli_is_served(guarded):
    aws = shutil.which("aws", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if aws is None:
        pytest.skip("there is no aws")
    env = {
        **os.environ, "AWS_ACCESS_KEY_ID": guarded.admin[0], "AWS_SECRET_ACCESS_KEY": guarded.admin[1],
        "AWS_CA_BUNDLE": guarded.certificate, "AWS_DEFAULT_REGION": "eu-west-1",
    }
    done = subprocess.run(
        [aws, "kinesis", "list-streams", "--endpoint-url", guarded.endpoint], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
    )
    assert done.returncode == 0, done.stdout
